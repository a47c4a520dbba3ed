//! Runs by what they are: parameters as `path=value`, and conditions.
use super::run::{Among, FoundRun, NoRun};
use crate::recipe::Value;
use crate::space::Condition;
use crate::spec::Spec;
use crate::spec::mistake::nearest;
use crate::spec::yaml;

/// What a person wants of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    pairs: Vec<Pair>,
    condition: Option<Condition>,
}

/// A parameter and its value, as typed and as a spec reads it.
#[derive(Debug, Clone, PartialEq)]
struct Pair {
    path: String,
    raw: String,
    value: Value,
}

/// What runs have beside their parameters.
const BESIDE: &[&str] = &["seed", "state"];
const WITH_FOLDS: &[&str] = &["seed", "fold", "state"];

impl Wanted {
    /// Reads words such as `optimizer.lr=0.01`, and a condition such as `model.layers > 2`, for a
    /// sweep; `seed`, `state` and, where there are folds, `fold` can be asked for too.
    ///
    /// # Errors
    /// If a word is none, a name is no parameter, or the condition is none.
    pub fn read(words: &[String], condition: Option<&str>, spec: &Spec) -> Result<Self, NoRun> {
        let pair = |word: &String| {
            let (path, raw) =
                word.split_once('=').ok_or_else(|| NoRun::NotARun { wanted: word.clone() })?;
            let (path, raw) = (path.trim().to_owned(), raw.trim().to_owned());
            Ok(Pair { value: value(&raw), path, raw })
        };
        let pairs: Vec<Pair> = words.iter().map(pair).collect::<Result<_, NoRun>>()?;
        let condition = condition.map(Condition::new).transpose()?;
        let mentioned = condition.iter().flat_map(|c| c.paths().iter());
        for path in pairs.iter().map(|pair| &pair.path).chain(mentioned) {
            known(path, spec)?;
        }
        Ok(Self { pairs, condition })
    }

    /// Whether a run is wanted, by its parameters, its seed, its fold and its state.
    fn admits(&self, of: impl Fn(&str) -> Option<Value>) -> Result<bool, NoRun> {
        let pairs = self.pairs.iter().all(|pair| of(&pair.path).is_some_and(|v| pair.is(&v)));
        Ok(pairs && self.condition.as_ref().map_or(Ok(true), |c| c.holds(of))?)
    }

    fn words(&self) -> String {
        let pairs = self.pairs.iter().map(|pair| format!("`{}={}`", pair.path, pair.raw));
        let condition = self.condition.iter().map(|c| format!("`{}`", c.text()));
        pairs.chain(condition).collect::<Vec<_>>().join(" and ")
    }
}

impl Pair {
    /// Equal as the spec reads it, or as tables show it.
    fn is(&self, value: &Value) -> bool {
        value.canonical() == self.value.canonical()
            || value.to_string() == self.value.to_string()
            || value.as_text() == Some(self.raw.as_str())
    }
}

/// A value as a spec reads it; what it can't read is text.
fn value(raw: &str) -> Value {
    let read = || match yaml::read(&format!("value: {raw}\n")).ok()?.kind {
        yaml::Kind::Map(entries) if entries.len() == 1 => entries.first()?.value.value(),
        _ => None,
    };
    read().unwrap_or_else(|| Value::Text(raw.to_owned()))
}

fn known(path: &str, spec: &Spec) -> Result<(), NoRun> {
    let beside = if spec.folds.is_some() { WITH_FOLDS } else { BESIDE };
    let all = || spec.space.paths().iter().map(String::as_str).chain(beside.iter().copied());
    if all().any(|known| known == path) {
        return Ok(());
    }
    Err(NoRun::NoParameter {
        name: spec.name.clone(),
        path: path.to_owned(),
        near: nearest(path, all()).map(str::to_owned),
        known: all().collect::<Vec<_>>().join(", "),
    })
}

/// The run that is wanted: of several the one that went worst.
///
/// # Errors
/// If there is none, if it has not begun, or if the condition compares what can't be compared.
pub fn find_wanted(among: &Among<'_>, wanted: &Wanted) -> Result<FoundRun, NoRun> {
    let spec = among.spec;
    let admits = |index: u64| -> Result<bool, NoRun> {
        let Some((point, seed, fold)) = spec.place(index) else { return Ok(false) };
        let Some(values) = spec.space.values(point) else { return Ok(false) };
        let paths = spec.space.paths();
        wanted.admits(|path| match path {
            "seed" if !paths.iter().any(|p| p == path) => i64::try_from(seed).ok().map(Value::Int),
            "fold" if !paths.iter().any(|p| p == path) => {
                fold.map(|fold| Value::Int(fold.number.into()))
            }
            "state" if !paths.iter().any(|p| p == path) => {
                Some(Value::Text((among.state)(index).word().to_owned()))
            }
            _ => values.get(paths.iter().position(|p| p == path)?)?.clone(),
        })
    };
    let mut found = Vec::new();
    for index in among.begun() {
        if admits(index)? {
            found.push(index);
        }
    }
    if let Some(worst) = among.worst(&found, |runs| format!("{runs} match")) {
        return Ok(worst);
    }
    for index in spec.walk(0, spec.run_numbers()) {
        if admits(index)? {
            return Err(NoRun::NotBegun { index });
        }
    }
    Err(NoRun::NoneLikeThat { name: spec.name.clone(), wanted: wanted.words() })
}

#[cfg(test)]
#[path = "wanted/tests.rs"]
mod tests;
