//! Conditions over parameters: the language of `when`, `exclude` and `--where`.
use minijinja::{Environment, ErrorKind, UndefinedBehavior};

use crate::recipe::Value;

/// A condition, compiled once to see that it is one, with the paths that it mentions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    text: String,
    paths: Vec<String>,
}

/// Text that is no condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no condition: {why}")]
pub struct NoCondition {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub why: String,
}

/// Steps after which an evaluation is ended.
const FUEL: u64 = 20_000;

impl Condition {
    /// Compiles a condition such as `optimizer.lr > 0.05 and model.layers >= 3`.
    ///
    /// # Errors
    /// If it is not one.
    pub fn new(text: &str) -> Result<Self, NoCondition> {
        let env = environment();
        let expression = env.compile_expression(text).map_err(|e| NoCondition {
            text: text.to_owned(),
            why: e.detail().map_or_else(|| e.kind().to_string(), str::to_owned),
        })?;
        let mut paths: Vec<String> = expression.undeclared_variables(true).into_iter().collect();
        paths.sort();
        Ok(Self { text: text.to_owned(), paths })
    }

    /// The paths that it mentions, sorted.
    #[must_use]
    pub fn paths(&self) -> &[String] {
        &self.paths
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it holds where paths have the values that `lookup` gives (nothing: the
    /// parameter does not exist there). A condition that asks for the value of a parameter that
    /// does not exist does not hold; `… is defined` asks whether it does.
    ///
    /// # Errors
    /// If it compares what can't be compared.
    pub fn holds(&self, lookup: impl Fn(&str) -> Option<Value>) -> Result<bool, NoCondition> {
        self.evaluate(1, |_, path| lookup(path)).map(|all| all[0])
    }

    /// Evaluates it for many rows, compiled once; `lookup` gets the row and the path.
    ///
    /// # Errors
    /// If it compares what can't be compared.
    pub fn evaluate(
        &self,
        rows: u64,
        lookup: impl Fn(u64, &str) -> Option<Value>,
    ) -> Result<Vec<bool>, NoCondition> {
        let wrong = |e: minijinja::Error| NoCondition {
            text: self.text.clone(),
            why: e.detail().map_or_else(|| e.kind().to_string(), str::to_owned),
        };
        let env = environment();
        let expression = env.compile_expression(&self.text).map_err(wrong)?;
        (0..rows)
            .map(|row| {
                let context =
                    minijinja::value::Serde(context(&self.paths, |path| lookup(row, path)));
                match expression.eval(context) {
                    Ok(value) => Ok(value.is_true()),
                    Err(error) if error.kind() == ErrorKind::UndefinedError => Ok(false),
                    Err(error) => Err(wrong(error)),
                }
            })
            .collect()
    }
}

fn environment() -> Environment<'static> {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_fuel(Some(FUEL));
    env
}

/// Dotted paths as nested objects; what does not exist is missing in its section, and the
/// section is there all the same, so that it can be asked for.
fn context(paths: &[String], lookup: impl Fn(&str) -> Option<Value>) -> serde_json::Value {
    let mut root = serde_json::Map::new();
    for path in paths {
        let mut sections: Vec<&str> = path.split('.').collect();
        let Some(name) = sections.pop() else { continue };
        let section = sections.iter().try_fold(&mut root, |at, section| {
            at.entry(*section).or_insert_with(|| serde_json::Map::new().into()).as_object_mut()
        });
        if let (Some(section), Some(value)) = (section, lookup(path)) {
            section.insert(name.to_owned(), value.to_json());
        }
    }
    root.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(path: &str) -> Option<Value> {
        match path {
            "optimizer.kind" => Some(Value::Text("sgd".into())),
            "optimizer.lr" => Some(Value::Float(0.1)),
            "model.layers" => Some(Value::Int(3)),
            _ => None,
        }
    }

    #[test]
    fn conditions_speak_of_paths() {
        for (text, expected) in [
            ("optimizer.kind == 'sgd'", true),
            ("optimizer.lr > 0.05 and model.layers >= 3", true),
            ("optimizer.lr < 1e-3 or model.layers in [1, 2]", false),
            ("optimizer.momentum < 0.5", false),
            ("optimizer.momentum > 0.5", false),
            ("optimizer.momentum is defined and optimizer.momentum < 0.5", false),
            ("not optimizer.momentum is defined", true),
            ("optimizer.momentum is defined", false),
        ] {
            let condition = Condition::new(text).expect(text);
            assert_eq!(condition.holds(lookup), Ok(expected), "{text}");
        }
    }

    #[test]
    fn mentioned_paths_are_known() {
        let condition = Condition::new("optimizer.lr > 0.05 and epochs == 3").expect("condition");
        assert_eq!(condition.paths(), ["epochs", "optimizer.lr"]);
    }

    #[test]
    fn what_is_no_condition_is_refused_and_what_never_ends_is_ended() {
        assert!(Condition::new("lr >").is_err());
        assert!(Condition::new("lr = 3").is_err());
        assert!(Condition::new("").is_err());
    }
}
