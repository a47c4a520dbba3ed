//! The words that several settings take, and how an entry of the table is written.
use super::{Bound, Key, Kind, Lit, Preset};

const ANY: Bound = Bound::Open;
pub(super) const POSITIVE: Kind = Kind::Float { min: Bound::Excl(0.0), max: ANY };
pub(super) const NOT_NEGATIVE: Kind = Kind::Float { min: Bound::Incl(0.0), max: ANY };
pub(super) const UNIT: Kind = Kind::Float { min: Bound::Incl(0.0), max: Bound::Excl(1.0) };

/// The activations that a model may use.
pub const ACTIVATIONS: &[&str] = &[
    "relu",
    "leaky_relu",
    "prelu",
    "rrelu",
    "relu6",
    "elu",
    "selu",
    "gelu",
    "silu",
    "mish",
    "sigmoid",
    "tanh",
];
/// The optimizers.
pub const OPTIMIZERS: &[&str] = &["adam", "adamw", "sgd", "gd", "rmsprop", "adagrad"];
/// The kinds of models.
pub const MODELS: &[&str] =
    &["linear", "perceptron", "mlp", "cnn", "resnet", "vgg", "alexnet", "googlenet"];
/// What can be learnt.
pub const TASKS: &[&str] = &["classify", "regress"];
/// The schedules of the learning rate.
pub const SCHEDULES: &[&str] = &["constant", "step", "cosine", "one_cycle"];

pub(super) const fn key(path: &'static str, kind: Kind, preset: Lit, doc: &'static str) -> Key {
    Key { path, kind, preset: Preset::Fixed(preset), only: None, doc }
}

pub(super) const fn by(
    path: &'static str,
    kind: Kind,
    presets: (&'static [(&'static str, Lit)], Lit),
    only: (&'static str, &'static [&'static str]),
    doc: &'static str,
) -> Key {
    Key { path, kind, preset: Preset::By(presets.0, presets.1), only: Some(only), doc }
}

pub(super) const fn only(
    base: Key,
    selector: &'static str,
    choices: &'static [&'static str],
) -> Key {
    Key { only: Some((selector, choices)), ..base }
}
