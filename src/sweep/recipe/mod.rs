//! What one training run is: every setting typed and checked, and the identity that follows
//! from it. The contract between the controller and the worker; it touches nothing outside.
mod augment;
mod data;
mod early_stop;
mod fold;
pub mod key;
pub mod metric;
mod model;
mod optimizer;
mod regularize;
mod shape;
mod start;
mod train;
pub mod value;

use std::collections::BTreeMap;

pub use augment::{Augment, NothingLeft};
pub use data::Data;
pub(crate) use data::place;
pub use early_stop::EarlyStop;
pub use fold::Fold;
pub use model::{
    ALEXNET, Activation, INCEPTIONS, Inception, Init, Model, Net, TooSmall, of_channels, vgg_blocks,
};
pub use optimizer::{Optimizer, Schedule, ScheduleKind};
pub use regularize::Regularize;
pub use shape::{Alone, Shape};
pub use start::{Start, is_any};
pub use train::{COUPLED, Loss, Precision, Recipe, STEPPED, Task};
pub use value::Value;

use key::{KEYS, Key, Lit, Preset};

/// Version of the rule by which a recipe is written canonically, and so hashed.
/// Raised only when the same settings would come to mean another training.
pub const RECIPE_SCHEMA: u32 = 1;

/// The settings of a `train` recipe by their place in [`KEYS`]; a setting that was not
/// given is empty and takes its preset.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    given: Vec<Option<Value>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { given: vec![None; KEYS.len()] }
    }
}

/// Why settings make no recipe.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SettingError {
    /// A setting that has no preset is not given.
    #[error("`{path}` is missing")]
    Missing {
        /// Its path.
        path: &'static str,
    },
    /// The value is not one that the setting takes.
    #[error("`{path}` must be {expected}, got {found}")]
    NotAdmitted {
        /// Its path.
        path: &'static str,
        /// What the setting takes.
        expected: String,
        /// What was given.
        found: String,
    },
    /// A word is none of those that there are under the other settings.
    #[error("`{path}: {found}` is {what}")]
    Unknown {
        /// The setting's path.
        path: &'static str,
        /// The word.
        found: String,
        /// What it is not.
        what: String,
        /// What there is.
        known: Vec<String>,
    },
    /// Two settings contradict each other.
    #[error("{fact}")]
    Conflict {
        /// The path that the message points to.
        path: &'static str,
        /// What is wrong, in full.
        fact: String,
    },
}

impl SettingError {
    /// The path of the setting that the error is about.
    #[must_use]
    pub const fn path(&self) -> &'static str {
        match self {
            Self::Missing { path }
            | Self::NotAdmitted { path, .. }
            | Self::Unknown { path, .. }
            | Self::Conflict { path, .. } => path,
        }
    }
}

impl Settings {
    /// Sets the setting at a place of [`KEYS`]; the value is taken as it is and judged later.
    pub fn set(&mut self, place: usize, value: Value) {
        self.given[place] = Some(value);
    }

    /// Empties a setting, so that its preset applies.
    pub fn unset(&mut self, place: usize) {
        self.given[place] = None;
    }

    /// What was given at a place.
    #[must_use]
    pub fn given(&self, place: usize) -> Option<&Value> {
        self.given[place].as_ref()
    }

    /// The value in force at a place: given, or else the preset.
    #[must_use]
    pub fn resolved(&self, place: usize) -> Value {
        match &self.given[place] {
            Some(value) => value.clone(),
            None => self.preset(&KEYS[place]).value(),
        }
    }

    /// The value in force at a path of the table. One that was given and does not exist under the
    /// choices made is not in force, so that nothing depends on what [`Settings::canonical`] omits.
    #[must_use]
    pub fn at(&self, path: &'static str) -> Value {
        match key::find(path) {
            None => Value::Null,
            Some(place) if self.applies(&KEYS[place]) => self.resolved(place),
            Some(place) => self.preset(&KEYS[place]).value(),
        }
    }

    /// Whether the setting exists under the choices made.
    #[must_use]
    pub fn applies(&self, key: &Key) -> bool {
        key.only.is_none_or(|(selector, choices)| {
            self.selector(selector).is_some_and(|word| choices.contains(&&*word))
        })
    }

    fn selector(&self, path: &'static str) -> Option<std::borrow::Cow<'_, str>> {
        let place = key::find(path)?;
        match &self.given[place] {
            Some(value) => value.as_text().map(Into::into),
            None => match KEYS[place].preset {
                Preset::Fixed(Lit::Text(word)) => Some(word.into()),
                _ => None,
            },
        }
    }

    fn preset(&self, key: &Key) -> Lit {
        match key.preset {
            Preset::Fixed(lit) => lit,
            Preset::Required => Lit::Null,
            Preset::By(cases, rest) => {
                let choice = key.only.and_then(|(selector, _)| self.selector(selector));
                cases
                    .iter()
                    .find(|(word, _)| choice.as_deref() == Some(*word))
                    .map_or(rest, |(_, lit)| *lit)
            }
        }
    }

    /// Every setting that is wrong by itself: missing, or not admitted. One that is given but
    /// does not exist under the choices made is not wrong; it just does nothing.
    #[must_use]
    pub fn faults(&self) -> Vec<SettingError> {
        KEYS.iter().enumerate().filter_map(|(place, key)| self.fault(place, key)).collect()
    }

    fn fault(&self, place: usize, key: &Key) -> Option<SettingError> {
        let Some(value) = &self.given[place] else {
            let needed = matches!(key.preset, Preset::Required) && self.applies(key);
            return needed.then_some(SettingError::Missing { path: key.path });
        };
        if *value == Value::Null && key.preset == Preset::Fixed(Lit::Null) {
            return None;
        }
        if key.kind.admit(value).is_none() {
            return Some(SettingError::NotAdmitted {
                path: key.path,
                expected: key.kind.expected(),
                found: describe(value),
            });
        }
        None
    }

    /// The settings in their canonical form: one JSON object, sorted by path, with every
    /// setting that applies and differs from its preset. Equal trainings have equal text,
    /// whatever order or spelling the spec used; a key added to the table later, at its
    /// preset, changes nothing.
    #[must_use]
    pub fn canonical(&self) -> String {
        let mut out = String::with_capacity(256);
        out.push('{');
        for (place, key) in KEYS.iter().enumerate() {
            let Some(value) = &self.given[place] else { continue };
            let value = key.kind.admit(value).unwrap_or_else(|| value.canonical());
            if value == self.preset(key).value() || !self.applies(key) {
                continue;
            }
            if out.len() > 1 {
                out.push(',');
            }
            out.push('"');
            out.push_str(key.path);
            out.push_str("\":");
            value.write_json(&mut out);
        }
        out.push('}');
        out
    }
}

/// One run's work: built-in training, or any program.
#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    /// The built-in trainer.
    Train(Box<Settings>),
    /// A program of the user's.
    Command(Command),
}

/// A `command:` run: the words to start, with the parameters filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// Program and arguments, as the spec writes them, with `{path}` in place of values.
    pub template: Vec<String>,
    /// Every parameter of the trial.
    pub parameters: BTreeMap<String, Value>,
}

impl Command {
    /// The words with every `{path}` filled in; `{{path}}` stands for `{path}` itself.
    ///
    /// # Errors
    /// The first placeholder that names no parameter of this trial.
    pub fn words(&self, seed: u64, fold: Option<Fold>) -> Result<Vec<String>, UnknownPlaceholder> {
        self.template.iter().map(|word| self.fill(word, seed, fold)).collect()
    }

    fn fill(
        &self,
        word: &str,
        seed: u64,
        fold: Option<Fold>,
    ) -> Result<String, UnknownPlaceholder> {
        let mut out = String::new();
        let mut rest = word;
        while let Some(at) = rest.find('{') {
            out.push_str(&rest[..at]);
            let tail = &rest[at..];
            if let Some(path) = tail.strip_prefix("{{").and_then(placeholder)
                && tail[path.len() + 2..].starts_with("}}")
            {
                out.push_str(&tail[1..path.len() + 3]);
                rest = &tail[path.len() + 4..];
            } else if let Some(path) = placeholder(&tail[1..]) {
                out.push_str(&self.value(path, seed, fold)?);
                rest = &tail[path.len() + 2..];
            } else {
                out.push('{');
                rest = &tail[1..];
            }
        }
        out.push_str(rest);
        Ok(out)
    }

    fn value(
        &self,
        path: &str,
        seed: u64,
        fold: Option<Fold>,
    ) -> Result<String, UnknownPlaceholder> {
        match (path, fold) {
            ("seed", _) => return Ok(seed.to_string()),
            ("fold", Some(fold)) => return Ok(fold.number.to_string()),
            ("folds", Some(fold)) => return Ok(fold.of.to_string()),
            _ => {}
        }
        let value = self.parameters.get(path);
        value.map(exact).ok_or_else(|| UnknownPlaceholder { path: path.to_owned() })
    }
}

/// The path at the start of text up to a closing brace, if only a path stands there: so that
/// JSON and shell code in a command stay what they are.
fn placeholder(text: &str) -> Option<&str> {
    let path = text.split_once('}')?.0;
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    let starts = path.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    (starts && path.bytes().all(good)).then_some(path)
}

/// The environment variable that a parameter travels by: `DLGRID_PARAM_OPTIMIZER_LR`.
#[must_use]
pub fn variable(path: &str) -> String {
    let sign = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    format!("DLGRID_PARAM_{}", path.chars().map(sign).collect::<String>())
}

/// A value as a program reads it: floats with all their digits.
#[must_use]
pub fn exact(value: &Value) -> String {
    match value {
        Value::Float(f) => format!("{f:?}"),
        Value::Text(t) => t.clone(),
        other => {
            let mut out = String::new();
            other.write_json(&mut out);
            out
        }
    }
}

/// A `{path}` in a command that names no parameter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{{{path}}}` names no parameter of this trial")]
pub struct UnknownPlaceholder {
    /// What stands between the braces.
    pub path: String,
}

impl Work {
    /// The canonical text that identity follows from.
    #[must_use]
    pub fn canonical(&self) -> String {
        match self {
            Self::Train(settings) => settings.canonical(),
            Self::Command(command) => command.canonical(),
        }
    }
}

impl Command {
    fn canonical(&self) -> String {
        let mut out = String::from("{\"command\":");
        let words = self.template.iter().cloned().map(Value::Text).collect();
        Value::List(words).write_json(&mut out);
        out.push_str(",\"parameters\":{");
        for (i, (path, value)) in self.parameters.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            Value::Text(path.clone()).write_json(&mut out);
            out.push(':');
            value.canonical().write_json(&mut out);
        }
        out.push_str("}}");
        out
    }
}

/// A value and what it is, for messages: `the text "abc"`, `-1`.
#[must_use]
pub fn describe(value: &Value) -> String {
    match value {
        Value::Text(t) => format!("the text \"{t}\""),
        Value::Null => "nothing".into(),
        Value::List(_) => format!("the list `{value}`"),
        other => format!("`{other}`"),
    }
}

#[cfg(test)]
mod tests;
