//! What a setting of the table is: the values it takes, and its preset.
use super::super::value::Value;

/// What values a setting takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// A whole number, both ends included.
    Int {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
    },
    /// A number within bounds.
    Float {
        /// Lower bound.
        min: Bound,
        /// Upper bound.
        max: Bound,
    },
    /// `true` or `false`.
    Bool,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Any text.
    Text,
    /// Two numbers, the first smaller.
    Interval,
}

/// One end of a range of numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// The bound itself is allowed.
    Incl(f64),
    /// Only what lies beyond it is allowed.
    Excl(f64),
    /// No bound.
    Open,
}

/// A constant in the table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Lit {
    /// Nothing: the setting is optional.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// Text.
    Text(&'static str),
    /// Two numbers.
    Pair(f64, f64),
}

impl Lit {
    /// The constant as a value.
    #[must_use]
    pub fn value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(b) => Value::Bool(b),
            Self::Int(i) => Value::Int(i),
            Self::Float(f) => Value::Float(f).canonical(),
            Self::Text(t) => Value::Text(t.into()),
            Self::Pair(a, b) => Value::List(vec![Value::Float(a), Value::Float(b)]).canonical(),
        }
    }
}

/// A setting's value where the spec is silent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Preset {
    /// Always this one.
    Fixed(Lit),
    /// It depends on the choice of another setting; the second is for all other choices.
    By(&'static [(&'static str, Lit)], Lit),
    /// There is none: the spec must give it.
    Required,
}

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its dotted path below `train`, e.g. `optimizer.lr`.
    pub path: &'static str,
    /// The values it takes.
    pub kind: Kind,
    /// Its value where the spec is silent. `By` looks at the `only` selector's path.
    pub preset: Preset,
    /// Where it exists: another setting's path and the choices under which this one does.
    pub only: Option<(&'static str, &'static [&'static str])>,
    /// One sentence for people.
    pub doc: &'static str,
}

impl Kind {
    /// What is expected, in words that follow "expected".
    #[must_use]
    pub fn expected(&self) -> String {
        match self {
            Self::Int { min, max } if *max >= 1 << 24 => {
                format!("a whole number of at least {min}")
            }
            Self::Int { min, max } => format!("a whole number from {min} to {max}"),
            Self::Float { min, max } => format!("a number{}", bounds(*min, *max)),
            Self::Bool => "true or false".into(),
            Self::Choice(words) => {
                let ticked: Vec<_> = words.iter().map(|w| format!("`{w}`")).collect();
                match ticked.as_slice() {
                    [one] => one.clone(),
                    [head @ .., last] => format!("{} or {last}", head.join(", ")),
                    [] => "nothing".into(),
                }
            }
            Self::Text => "text".into(),
            Self::Interval => "two numbers, the first smaller, such as `[-1, 1]`".into(),
        }
    }

    /// What is expected instead of a value, with the upper end if that is what it passes.
    #[must_use]
    pub fn expected_instead_of(&self, value: &Value) -> String {
        match (self, value.as_f64()) {
            (Self::Int { min, max }, Some(x)) if x > *max as f64 => {
                format!("a whole number from {min} to {max}")
            }
            _ => self.expected(),
        }
    }

    /// Takes a value as one of this kind: the canonical value, or nothing if it isn't one.
    #[must_use]
    pub fn admit(&self, value: &Value) -> Option<Value> {
        match self {
            Self::Int { min, max } => {
                value.as_i64().filter(|i| (min..=max).contains(&i)).map(Value::Int)
            }
            Self::Float { min, max } => value
                .as_f64()
                .filter(|x| x.is_finite() && above(*min, *x) && below(*max, *x))
                .map(|x| Value::Float(x).canonical()),
            Self::Bool => matches!(value, Value::Bool(_)).then(|| value.clone()),
            Self::Choice(words) => {
                let word = value.as_text().map(synonym);
                word.filter(|t| words.contains(t)).map(|t| Value::Text(t.into()))
            }
            Self::Text => value.as_text().filter(|t| !t.is_empty()).map(|t| Value::Text(t.into())),
            Self::Interval => match value {
                Value::List(ends) => match ends.as_slice() {
                    [a, b] if a.as_f64()? < b.as_f64()? => Some(value.canonical()),
                    _ => None,
                },
                _ => None,
            },
        }
    }
}

fn above(bound: Bound, x: f64) -> bool {
    match bound {
        Bound::Incl(b) => x >= b,
        Bound::Excl(b) => x > b,
        Bound::Open => true,
    }
}

fn below(bound: Bound, x: f64) -> bool {
    match bound {
        Bound::Incl(b) => x <= b,
        Bound::Excl(b) => x < b,
        Bound::Open => true,
    }
}

fn bounds(min: Bound, max: Bound) -> String {
    let low = match min {
        Bound::Incl(b) => format!(" of at least {b}"),
        Bound::Excl(b) => format!(" greater than {b}"),
        Bound::Open => String::new(),
    };
    let high = match max {
        Bound::Incl(b) => format!("at most {b}"),
        Bound::Excl(b) => format!("less than {b}"),
        Bound::Open => String::new(),
    };
    match (low.is_empty(), high.is_empty()) {
        (_, true) => low,
        (true, false) => format!(" of {high}"),
        (false, false) => format!("{low} and {high}"),
    }
}

/// Other names of choices, with those that the table knows.
pub const SYNONYMS: &[(&str, &str)] = &[("swish", "silu")];

/// Another name of a choice as the one that the table knows.
fn synonym(word: &str) -> &str {
    SYNONYMS.iter().find(|(other, _)| *other == word).map_or(word, |(_, known)| known)
}
