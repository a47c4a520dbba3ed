//! The table of every setting of a recipe: the one source for validation, defaults,
//! the JSON Schema, the reference and the hints.
mod entry;
mod kind;

pub use entry::{ACTIVATIONS, MODELS, OPTIMIZERS, SCHEDULES, TASKS};
pub use kind::{Bound, Key, Kind, Lit, Preset};

use entry::{NOT_NEGATIVE, POSITIVE, UNIT, by, key, only};

/// Every setting below `train`, sorted by path.
pub const KEYS: &[Key] = &[
    only(
        key(
            "balance",
            Kind::Bool,
            Lit::Bool(false),
            "weighs each class in the loss by how rare it is among the training samples",
        ),
        "task",
        &["classify"],
    ),
    only(
        key(
            "batch_size",
            Kind::Int { min: 1, max: 1 << 24 },
            Lit::Int(64),
            "samples in one step of the optimizer",
        ),
        "optimizer.kind",
        &["adam", "adamw", "sgd", "rmsprop", "adagrad"],
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
        "early_stop.metric",
        Kind::Text,
        Lit::Text("valid/loss"),
        "the metric that early stopping watches, `valid/…`",
    ),
    key(
        "early_stop.min_delta",
        NOT_NEGATIVE,
        Lit::Float(0.0),
        "by how much more than nothing the metric must become better to count",
    ),
    key(
        "early_stop.patience",
        Kind::Int { min: 1, max: 1_000_000 },
        Lit::Null,
        "epochs without a better value of the metric after which the run is done; without it, \
         all epochs are trained",
    ),
    key(
        "epochs",
        Kind::Int { min: 1, max: 1_000_000 },
        Lit::Int(10),
        "passes over the training samples",
    ),
    key(
        "freeze",
        Kind::Text,
        Lit::Null,
        "parameters that are not trained, with a comma between: names, or what they begin with \
         (`blocks.0, layers`); a frozen batch norm goes by its running statistics",
    ),
    key(
        "init_from",
        Kind::Text,
        Lit::Null,
        "a safetensors file with the weights to begin with, such as `save_weights` leaves; every \
         name and shape must be the model's",
    ),
    key(
        "init_skip",
        Kind::Text,
        Lit::Null,
        "parameters that are drawn although there is `init_from`, with a comma between: names, or \
         what they begin with (`layers.1`)",
    ),
    only(
        key(
            "label_smoothing",
            UNIT,
            Lit::Float(0.0),
            "the share of each label that is spread over all classes while training",
        ),
        "task",
        &["classify"],
    ),
    by(
        "loss",
        Kind::Choice(&["cross_entropy", "binary_cross_entropy", "mean_squared_error"]),
        (&[("regress", Lit::Text("mean_squared_error"))], Lit::Text("cross_entropy")),
        ("task", TASKS),
        "what training minimises: of classes the cross entropy of an output a class, or of the one \
         output of two classes; of numbers the squared error, in deviations of the training targets",
    ),
    by(
        "model.activation",
        Kind::Choice(ACTIVATIONS),
        (&[("perceptron", Lit::Text("sigmoid"))], Lit::Text("relu")),
        ("model.kind", &["perceptron", "mlp", "cnn", "resnet", "vgg", "alexnet", "googlenet"]),
        "the activation after each hidden layer, and after a perceptron's only one",
    ),
    only(
        key(
            "model.batch_norm",
            Kind::Bool,
            Lit::Bool(false),
            "norms each hidden layer over the batch before its activation",
        ),
        "model.kind",
        &["mlp", "cnn", "vgg", "alexnet"],
    ),
    only(
        key(
            "model.blocks",
            Kind::Int { min: 1, max: 64 },
            Lit::Int(2),
            "blocks; each of a CNN ends in a pool of 2 × 2, a ResNet has so many a stage",
        ),
        "model.kind",
        &["cnn", "resnet"],
    ),
    by(
        "model.channels",
        Kind::Int { min: 1, max: 4096 },
        (
            &[
                ("resnet", Lit::Int(64)),
                ("vgg", Lit::Int(64)),
                ("alexnet", Lit::Int(96)),
                ("googlenet", Lit::Int(64)),
            ],
            Lit::Int(32),
        ),
        ("model.kind", &["cnn", "resnet", "vgg", "alexnet", "googlenet"]),
        "channels in the first block or stage; each doubles them (a VGG up to eightfold); an \
         AlexNet's or GoogLeNet's other layers keep their proportions to it",
    ),
    only(
        key(
            "model.convolutions",
            Kind::Int { min: 1, max: 16 },
            Lit::Int(1),
            "convolutions in each block",
        ),
        "model.kind",
        &["cnn"],
    ),
    only(
        key(
            "model.depth",
            Kind::Int { min: 11, max: 19 },
            Lit::Int(11),
            "the VGG of so many layers: 11, 13, 16 or 19, with two hidden dense layers",
        ),
        "model.kind",
        &["vgg"],
    ),
    key(
        "model.init",
        Kind::Choice(&["he", "torch", "xavier"]),
        Lit::Text("he"),
        "how weights are drawn: to keep the signal's size, as PyTorch's layers, as Glorot",
    ),
    only(
        key(
            "model.kernel",
            Kind::Int { min: 1, max: 15 },
            Lit::Int(3),
            "rows and columns of a convolution's kernel, odd",
        ),
        "model.kind",
        &["cnn"],
    ),
    key("model.kind", Kind::Choice(MODELS), Lit::Text("mlp"), "the kind of model"),
    by(
        "model.layers",
        Kind::Int { min: 0, max: 256 },
        (&[("cnn", Lit::Int(1)), ("vgg", Lit::Int(2)), ("alexnet", Lit::Int(2))], Lit::Int(3)),
        ("model.kind", &["mlp", "cnn", "vgg", "alexnet"]),
        "hidden dense layers; an MLP with 0 is a linear classifier",
    ),
    only(
        key(
            "model.stages",
            Kind::Int { min: 1, max: 6 },
            Lit::Int(4),
            "stages; each but the first halves the image. 4 of 2 blocks are ResNet-18",
        ),
        "model.kind",
        &["resnet"],
    ),
    by(
        "model.width",
        Kind::Int { min: 1, max: 1 << 17 },
        (
            &[("cnn", Lit::Int(128)), ("vgg", Lit::Int(512)), ("alexnet", Lit::Int(512))],
            Lit::Int(64),
        ),
        ("model.kind", &["mlp", "cnn", "vgg", "alexnet"]),
        "units in each hidden dense layer",
    ),
    only(
        key("optimizer.alpha", UNIT, Lit::Float(0.99), "decay of the mean square"),
        "optimizer.kind",
        &["rmsprop"],
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
    key(
        "optimizer.clip",
        POSITIVE,
        Lit::Null,
        "the norm of all gradients together at most, penalties included, decay left out",
    ),
    by(
        "optimizer.eps",
        POSITIVE,
        (&[("adagrad", Lit::Float(1e-10))], Lit::Float(1e-8)),
        ("optimizer.kind", &["adam", "adamw", "rmsprop", "adagrad"]),
        "added to the root of the second moment, mean square or sum of squares",
    ),
    key("optimizer.kind", Kind::Choice(OPTIMIZERS), Lit::Text("adam"), "the optimizer"),
    by(
        "optimizer.lr",
        POSITIVE,
        (
            &[
                ("sgd", Lit::Float(0.01)),
                ("gd", Lit::Float(0.1)),
                ("rmsprop", Lit::Float(0.01)),
                ("adagrad", Lit::Float(0.01)),
            ],
            Lit::Float(0.001),
        ),
        ("optimizer.kind", OPTIMIZERS),
        "the learning rate, which a schedule multiplies by its factor",
    ),
    only(
        key("optimizer.lr_decay", NOT_NEGATIVE, Lit::Float(0.0), "decay of the rate with steps"),
        "optimizer.kind",
        &["adagrad"],
    ),
    only(
        key("optimizer.momentum", UNIT, Lit::Float(0.0), "momentum"),
        "optimizer.kind",
        &["sgd", "rmsprop"],
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
        "precision",
        Kind::Choice(&["f32", "bf16"]),
        Lit::Text("f32"),
        "in which numbers dense layers and convolutions multiply; weights and all else are f32",
    ),
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
    key(
        "save_weights",
        Kind::Bool,
        Lit::Bool(false),
        "keeps the weights of a run that is done, in the sweep's folder `weights`",
    ),
    only(
        key("schedule.floor", UNIT, Lit::Float(0.0), "the factor at the end of the cosine"),
        "schedule.kind",
        &["cosine"],
    ),
    only(
        key(
            "schedule.gamma",
            Kind::Float { min: Bound::Excl(0.0), max: Bound::Incl(1.0) },
            Lit::Float(0.1),
            "what each step multiplies the learning rate by",
        ),
        "schedule.kind",
        &["step"],
    ),
    key(
        "schedule.kind",
        Kind::Choice(SCHEDULES),
        Lit::Text("constant"),
        "how the learning rate changes while training",
    ),
    only(
        key(
            "schedule.rise",
            Kind::Float { min: Bound::Excl(0.0), max: Bound::Excl(1.0) },
            Lit::Float(0.3),
            "the share of one cycle in which the learning rate rises, from 1/25 of it",
        ),
        "schedule.kind",
        &["one_cycle"],
    ),
    only(
        key(
            "schedule.step",
            Kind::Int { min: 1, max: 1_000_000 },
            Lit::Int(10),
            "epochs from one step down to the next",
        ),
        "schedule.kind",
        &["step"],
    ),
    only(
        key(
            "schedule.warmup",
            NOT_NEGATIVE,
            Lit::Float(0.0),
            "epochs, also parts of one, in which the learning rate first rises in a line",
        ),
        "schedule.kind",
        &["constant", "step", "cosine"],
    ),
    key(
        "task",
        Kind::Choice(TASKS),
        Lit::Text("classify"),
        "what is learnt: one of several classes for each sample, or a number",
    ),
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

#[cfg(test)]
mod tests;
