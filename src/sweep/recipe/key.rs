//! The table of every setting of a recipe: the one source for validation, defaults,
//! the JSON Schema, the reference and the hints.
use super::value::Value;

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

const ANY: Bound = Bound::Open;
const POSITIVE: Kind = Kind::Float { min: Bound::Excl(0.0), max: ANY };
const NOT_NEGATIVE: Kind = Kind::Float { min: Bound::Incl(0.0), max: ANY };
const UNIT: Kind = Kind::Float { min: Bound::Incl(0.0), max: Bound::Excl(1.0) };

/// The activations that a model may use.
pub const ACTIVATIONS: &[&str] =
    &["relu", "leaky_relu", "elu", "selu", "gelu", "silu", "sigmoid", "tanh"];
/// The optimizers.
pub const OPTIMIZERS: &[&str] = &["adam", "adamw", "sgd"];

const fn key(path: &'static str, kind: Kind, preset: Lit, doc: &'static str) -> Key {
    Key { path, kind, preset: Preset::Fixed(preset), only: None, doc }
}

const fn only(base: Key, selector: &'static str, choices: &'static [&'static str]) -> Key {
    Key { only: Some((selector, choices)), ..base }
}

/// Every setting below `train`, sorted by path.
pub const KEYS: &[Key] = &[
    key(
        "batch_size",
        Kind::Int { min: 1, max: 1 << 24 },
        Lit::Int(64),
        "samples in one step of the optimizer",
    ),
    only(
        key(
            "data.encode",
            Kind::Choice(&["standard", "min_max", "none"]),
            Lit::Text("standard"),
            "how a table's features are put on one scale, fitted on the training samples: mean 0 \
             and deviation 1, their ends on `data.scale`, or not at all",
        ),
        "data.set",
        crate::dataset::TABLES,
    ),
    only(
        key(
            "data.ignore",
            Kind::Text,
            Lit::Null,
            "columns of a table that are left out, with a comma between",
        ),
        "data.set",
        crate::dataset::TABLES,
    ),
    key(
        "data.limit",
        Kind::Int { min: 2, max: 1 << 32 },
        Lit::Null,
        "use only the first so many training samples (for quick looks)",
    ),
    only(
        key(
            "data.missing",
            Kind::Choice(&["refuse", "mean", "drop"]),
            Lit::Text("refuse"),
            "what becomes of a table's rows with a missing value: an error, the mean of the \
             training samples in its place, or left out",
        ),
        "data.set",
        crate::dataset::TABLES,
    ),
    only(
        key(
            "data.path",
            Kind::Text,
            Lit::Null,
            "your own files: the CSV file for `csv`, the folder of IDX files for `idx`, of CIFAR's \
             binary files for `cifar-10` and `cifar-100` (which are fetched without it)",
        ),
        "data.set",
        crate::dataset::OWN,
    ),
    key(
        "data.scale",
        Kind::Interval,
        Lit::Pair(0.0, 1.0),
        "the interval that bytes 0 to 255 are scaled to",
    ),
    Key {
        path: "data.set",
        kind: Kind::Choice(crate::dataset::NAMES),
        preset: Preset::Required,
        only: None,
        doc: "the data set",
    },
    only(
        key("data.target", Kind::Text, Lit::Null, "the column of a CSV file that is to be learnt"),
        "data.set",
        &["csv"],
    ),
    only(
        key(
            "data.test",
            Kind::Float { min: Bound::Incl(0.0), max: Bound::Excl(1.0) },
            Lit::Float(0.2),
            "the share of a table's rows sealed as the test set: the same rows in every run",
        ),
        "data.set",
        crate::dataset::TABLES,
    ),
    key(
        "data.valid",
        Kind::Float { min: Bound::Excl(0.0), max: Bound::Excl(1.0) },
        Lit::Float(0.2),
        "the share of the training samples held back for validation, drawn by the run's seed",
    ),
    key(
        "epochs",
        Kind::Int { min: 1, max: 1_000_000 },
        Lit::Int(10),
        "passes over the training samples",
    ),
    key(
        "loss",
        Kind::Choice(&["cross_entropy"]),
        Lit::Text("cross_entropy"),
        "what training minimises",
    ),
    key(
        "model.activation",
        Kind::Choice(ACTIVATIONS),
        Lit::Text("relu"),
        "the activation after each hidden layer",
    ),
    key("model.kind", Kind::Choice(&["mlp"]), Lit::Text("mlp"), "the kind of model"),
    only(
        key(
            "model.layers",
            Kind::Int { min: 0, max: 256 },
            Lit::Int(3),
            "hidden layers; 0 is a linear classifier",
        ),
        "model.kind",
        &["mlp"],
    ),
    only(
        key(
            "model.width",
            Kind::Int { min: 1, max: 1 << 17 },
            Lit::Int(64),
            "units in each hidden layer",
        ),
        "model.kind",
        &["mlp"],
    ),
    only(
        key("optimizer.beta1", UNIT, Lit::Float(0.9), "decay of the first moment"),
        "optimizer.kind",
        &["adam", "adamw"],
    ),
    only(
        key("optimizer.beta2", UNIT, Lit::Float(0.999), "decay of the second moment"),
        "optimizer.kind",
        &["adam", "adamw"],
    ),
    only(
        key("optimizer.eps", POSITIVE, Lit::Float(1e-8), "added to the root of the second moment"),
        "optimizer.kind",
        &["adam", "adamw"],
    ),
    key("optimizer.kind", Kind::Choice(OPTIMIZERS), Lit::Text("adam"), "the optimizer"),
    Key {
        path: "optimizer.lr",
        kind: POSITIVE,
        preset: Preset::By(&[("sgd", Lit::Float(0.01))], Lit::Float(0.001)),
        only: Some(("optimizer.kind", OPTIMIZERS)),
        doc: "the learning rate",
    },
    only(
        key("optimizer.momentum", UNIT, Lit::Float(0.0), "momentum of SGD"),
        "optimizer.kind",
        &["sgd"],
    ),
    only(
        key("optimizer.nesterov", Kind::Bool, Lit::Bool(false), "Nesterov's form of the momentum"),
        "optimizer.kind",
        &["sgd"],
    ),
    Key {
        path: "optimizer.weight_decay",
        kind: NOT_NEGATIVE,
        preset: Preset::By(&[("adamw", Lit::Float(0.01))], Lit::Float(0.0)),
        only: Some(("optimizer.kind", OPTIMIZERS)),
        doc: "weight decay, as libtorch's optimizer of that kind defines it",
    },
    key(
        "regularize.dropout",
        UNIT,
        Lit::Float(0.0),
        "the share of each hidden layer's outputs that a training step drops",
    ),
    key(
        "regularize.l1",
        NOT_NEGATIVE,
        Lit::Float(0.0),
        "adds l1 · Σ|w| over the weights (not the biases) to the loss",
    ),
    key(
        "regularize.l2",
        NOT_NEGATIVE,
        Lit::Float(0.0),
        "adds l2 · Σw² over the weights (not the biases) to the loss",
    ),
    key("task", Kind::Choice(&["classify"]), Lit::Text("classify"), "what is learnt"),
];

/// The place of a path in [`KEYS`].
#[must_use]
pub fn find(path: &str) -> Option<usize> {
    KEYS.binary_search_by(|k| k.path.cmp(path)).ok()
}

/// Whether some key lies below this path, so that it names a section (`optimizer`).
#[must_use]
pub fn is_section(path: &str) -> bool {
    KEYS.iter().any(|k| k.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
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
                value.as_text().filter(|t| words.contains(t)).map(|t| Value::Text(t.into()))
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

#[cfg(test)]
mod tests;
