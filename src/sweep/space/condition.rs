//! Conditions over parameters: the language of `when`, `exclude` and `--where`.
use std::sync::{Arc, LazyLock};

use minijinja::value::{Object, Value as Cell};
use minijinja::{Environment, ErrorKind, Expression, UndefinedBehavior};

use crate::recipe::Value;

/// A condition, compiled once, with the paths that it mentions.
#[derive(Debug, Clone)]
pub struct Condition {
    text: String,
    paths: Vec<String>,
    expression: Arc<Expression<'static, 'static>>,
    shape: Arc<Shape>,
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Condition {}

/// Text that is no condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no condition: {why}")]
pub struct NoCondition {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub why: String,
    /// The way out.
    pub hint: &'static str,
}

/// The way out where the text is in another language.
const SYNTAX: &str = "such as \"optimizer.lr > 0.05 and model.layers >= 3\"; equal is `==`";

/// Steps after which an evaluation is ended.
const FUEL: u64 = 20_000;

/// The longest condition, in bytes.
const MAX_BYTES: usize = 4096;

/// Operators of a condition at most: each may nest the next, and nesting takes stack.
const MAX_OPERATORS: usize = 400;

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_fuel(Some(FUEL));
    env
});

impl Condition {
    /// Compiles a condition such as `optimizer.lr > 0.05 and model.layers >= 3`.
    ///
    /// # Errors
    /// If it is not one, is longer than 4096 bytes, has more than 400 operators, or asks for a
    /// path and for another below it.
    pub fn new(text: &str) -> Result<Self, NoCondition> {
        let condition = Self::as_before(text)?;
        if let Some(why) = section_and_value(&condition.paths) {
            let hint = "give one of the two parameters another name";
            return Err(NoCondition { text: text.to_owned(), why, hint });
        }
        Ok(condition)
    }

    /// As [`Condition::new`], of a sweep that exists: one that asks for a path and for another below
    /// it is taken, as it once was.
    ///
    /// # Errors
    /// As [`Condition::new`], but for that.
    pub fn as_before(text: &str) -> Result<Self, NoCondition> {
        if let Some(why) = too_much(text) {
            let start: String = text.chars().take(40).collect();
            return Err(NoCondition {
                text: format!("{start}…"),
                why,
                hint: "write several rules",
            });
        }
        let expression = ENVIRONMENT
            .compile_expression_owned(text.to_owned())
            .map_err(|error| wrong(text, &error))?;
        let mut paths: Vec<String> = expression.undeclared_variables(true).into_iter().collect();
        paths.sort();
        let shape = Arc::new(Shape::of(&paths));
        Ok(Self { text: text.to_owned(), paths, expression: Arc::new(expression), shape })
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
        self.holds_for(self.paths.iter().map(|path| lookup(path).as_ref().map(cell)))
    }

    /// Evaluates it for many rows; `lookup` gets the row and the path.
    ///
    /// # Errors
    /// If it compares what can't be compared.
    pub fn evaluate(
        &self,
        rows: u64,
        lookup: impl Fn(u64, &str) -> Option<Value>,
    ) -> Result<Vec<bool>, NoCondition> {
        (0..rows).map(|row| self.holds(|path| lookup(row, path))).collect()
    }

    /// Whether it holds where each of [`Condition::paths`] has this cell.
    pub(super) fn holds_for(
        &self,
        cells: impl Iterator<Item = Option<Cell>>,
    ) -> Result<bool, NoCondition> {
        let cells: Arc<[Option<Cell>]> = cells.collect();
        let lacks_one = cells.iter().any(Option::is_none);
        let row = Section { shape: Arc::clone(&self.shape), cells };
        match self.expression.eval(Cell::from_object(row)) {
            Ok(value) => Ok(value.is_true()),
            Err(error) if error.kind() == ErrorKind::UndefinedError => Ok(false),
            // To count with what is absent is an operation on a wrong type.
            Err(error) if error.kind() == ErrorKind::InvalidOperation && lacks_one => Ok(false),
            Err(error) => Err(wrong(&self.text, &error)),
        }
    }
}

/// What must not come before a compiler that takes stack for every step into the text.
fn too_much(text: &str) -> Option<String> {
    const WORDS: [&str; 7] = ["and", "else", "if", "in", "is", "not", "or"];
    if text.len() > MAX_BYTES {
        return Some(format!("it has {} bytes, more than {MAX_BYTES}", text.len()));
    }
    let signs = text.bytes().filter(|b| b"+-*/%~|.([<>=!".contains(b)).count();
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|w| WORDS.contains(w)).count();
    let operators = signs + words;
    (operators > MAX_OPERATORS)
        .then(|| format!("it has {operators} operators, more than {MAX_OPERATORS}"))
}

fn wrong(text: &str, error: &minijinja::Error) -> NoCondition {
    let why = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    NoCondition { text: text.to_owned(), why, hint: SYNTAX }
}

/// A path that is a section too: in a condition it can be either.
fn section_and_value(paths: &[String]) -> Option<String> {
    let is_below = |path: &str, below: &str| {
        below.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'))
    };
    paths.iter().find_map(|path| {
        let below = paths.iter().find(|below| is_below(path, below))?;
        Some(format!("it asks for `{path}` and for `{below}`, as if `{path}` were a section"))
    })
}

/// A value as conditions see it.
pub(super) fn cell(value: &Value) -> Cell {
    match value {
        Value::Null => Cell::from(()),
        Value::Bool(b) => Cell::from(*b),
        Value::Int(i) => Cell::from(*i),
        Value::Float(x) => Cell::from(*x),
        Value::Text(t) => Cell::from(t.as_str()),
        Value::List(items) => items.iter().map(cell).collect(),
    }
}

/// Dotted paths as nested sections. What does not exist is missing in its section, and the
/// section is there all the same, so that it can be asked for.
#[derive(Debug, Default)]
struct Shape(Vec<(String, Part)>);

#[derive(Debug)]
enum Part {
    /// Place among the condition's paths.
    Path(usize),
    Section(Arc<Shape>),
}

impl Shape {
    fn of(paths: &[String]) -> Self {
        let all: Vec<(&str, usize)> =
            paths.iter().enumerate().map(|(place, path)| (path.as_str(), place)).collect();
        Self::below(&all)
    }

    fn below(paths: &[(&str, usize)]) -> Self {
        let mut shape = Self::default();
        for (path, place) in paths {
            let name = path.split('.').next().unwrap_or(path);
            if shape.0.iter().any(|(known, _)| known == name) {
                continue;
            }
            let inner: Vec<(&str, usize)> = paths
                .iter()
                .filter_map(|(p, i)| Some((p.strip_prefix(name)?.strip_prefix('.')?, *i)))
                .collect();
            let part = if *path == name {
                Part::Path(*place)
            } else {
                Part::Section(Arc::new(Self::below(&inner)))
            };
            shape.0.push((name.to_owned(), part));
        }
        shape
    }
}

#[derive(Debug)]
struct Section {
    shape: Arc<Shape>,
    cells: Arc<[Option<Cell>]>,
}

impl Object for Section {
    fn get_value(self: &Arc<Self>, key: &Cell) -> Option<Cell> {
        let name = key.as_str()?;
        match &self.shape.0.iter().find(|(known, _)| known == name)?.1 {
            Part::Path(place) => self.cells.get(*place)?.clone(),
            Part::Section(shape) => Some(Cell::from_object(Self {
                shape: Arc::clone(shape),
                cells: Arc::clone(&self.cells),
            })),
        }
    }
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
            ("not (optimizer.momentum > 0.5)", false),
            ("optimizer.momentum + 1 > 0 or optimizer.lr > 0.05", false),
            ("-optimizer.momentum < 1", false),
            ("optimizer.momentum not in [0.9]", false),
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
        let both = Condition::new("a == 1 and a.b == 2").expect_err("`a` is a section").to_string();
        assert!(both.contains("as if `a` were a section"), "{both}");
        assert!(Condition::new("a == 1 and ab.c == 2 and b.a == 1").is_ok());
        let long = vec!["a"; 40_000].join(" + ");
        let error = Condition::new(&long).expect_err("long").to_string();
        assert!(error.contains("more than 4096") && error.len() < 200, "{error}");
        assert!(Condition::new(&vec!["a"; 402].join(" or ")).is_err());
        for deep in ["+", " or ", "*a-", " and not "] {
            let deep = Condition::new(&vec!["a"; 201].join(deep)).expect("deep");
            assert_eq!(deep.holds(|_| Some(Value::Int(0))), Ok(false));
        }
    }
}
