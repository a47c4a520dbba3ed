//! The settings whose paths stand before `model`: samples, epochs, loss.
use super::entry::{NOT_NEGATIVE, TASKS, UNIT, by, key, only};
use super::kind::{Bound, Key, Kind, Lit, Preset};

/// Sorted by path.
pub(super) const BEFORE_MODEL: &[Key] = &[
    only(
        key(
            "augment.brightness",
            Kind::Float { min: Bound::Incl(0.0), max: Bound::Incl(1.0) },
            Lit::Float(0.0),
            "multiplies each training image by up to 1 ± this share, anew in every pass",
        ),
        "data.set",
        crate::dataset::IMAGES,
    ),
    only(
        key(
            "augment.cutout",
            Kind::Int { min: 0, max: 4096 },
            Lit::Int(0),
            "makes a square of so many pixels a side black, anywhere in each training image",
        ),
        "data.set",
        crate::dataset::IMAGES,
    ),
    only(
        key(
            "augment.flip",
            Kind::Bool,
            Lit::Bool(false),
            "mirrors half of the training images, left to right",
        ),
        "data.set",
        crate::dataset::IMAGES,
    ),
    key(
        "augment.mixup",
        Kind::Float { min: Bound::Incl(0.0), max: Bound::Incl(1000.0) },
        Lit::Float(0.0),
        "mixes each training sample and its loss with another's, in shares drawn for each batch \
         from Beta(α, α) of this α",
    ),
    key(
        "augment.noise",
        NOT_NEGATIVE,
        Lit::Float(0.0),
        "deviation of normal noise on each training sample: 1 is from black to white, or one \
         unit of a table's encoded columns",
    ),
    only(
        key(
            "augment.rotate",
            Kind::Float { min: Bound::Incl(0.0), max: Bound::Incl(180.0) },
            Lit::Float(0.0),
            "turns each training image by up to so many degrees, either way",
        ),
        "data.set",
        crate::dataset::IMAGES,
    ),
    only(
        key(
            "augment.shift",
            Kind::Int { min: 0, max: 4096 },
            Lit::Int(0),
            "moves each training image by up to so many pixels in each direction, black moves \
             in: 4 is the usual random crop of CIFAR after a padding of 4",
        ),
        "data.set",
        crate::dataset::IMAGES,
    ),
    only(
        key(
            "augment.zoom",
            UNIT,
            Lit::Float(0.0),
            "makes each training image larger or smaller by up to this share",
        ),
        "data.set",
        crate::dataset::IMAGES,
    ),
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
];
