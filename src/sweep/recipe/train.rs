//! The typed recipe that the worker trains by.
use super::{SettingError, Settings, Value};
use crate::dataset::table::{self, Encode, Missing};

/// One training run's settings, typed and checked. Built only from [`Settings`] without faults.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// What is learnt.
    pub task: Task,
    /// What it is learnt from.
    pub data: Data,
    /// What learns.
    pub model: Model,
    /// What training minimises.
    pub loss: Loss,
    /// How a step is made.
    pub optimizer: Optimizer,
    /// What keeps it from overfitting.
    pub regularize: Regularize,
    /// Passes over the training samples.
    pub epochs: u32,
    /// Samples in one step.
    pub batch_size: u32,
}

/// What is learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// One of several classes for each sample.
    Classify,
}

/// The data of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Data {
    /// Name of the data set.
    pub set: String,
    /// The user's own files: a CSV file, or a folder.
    pub path: Option<String>,
    /// Share of the training samples held back for validation, in (0, 1).
    pub valid: f64,
    /// The interval that bytes 0 to 255 are scaled to.
    pub scale: (f64, f64),
    /// Use only the first so many training samples.
    pub limit: Option<u64>,
    /// How a table is made into samples.
    pub table: table::Options,
}

/// What learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    /// Dense layers with an activation after each hidden one.
    Mlp {
        /// Hidden layers.
        layers: u32,
        /// Units in each.
        width: u32,
        /// After each hidden layer.
        activation: Activation,
    },
}

/// An activation function, as PyTorch defines the function of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the functions'")]
pub enum Activation {
    Relu,
    LeakyRelu,
    Elu,
    Selu,
    Gelu,
    Silu,
    Sigmoid,
    Tanh,
}

/// What training minimises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Mean over the batch of the cross entropy of softmax and class.
    CrossEntropy,
}

/// How a step is made; definitions as libtorch's optimizer of that name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Optimizer {
    /// Adam, decay added to the gradient; with `decoupled`, AdamW.
    Adam {
        /// Learning rate.
        lr: f64,
        /// Decay of the first moment.
        beta1: f64,
        /// Decay of the second moment.
        beta2: f64,
        /// Added to the root of the second moment.
        eps: f64,
        /// Weight decay.
        weight_decay: f64,
        /// Whether the decay is applied to the weights themselves (AdamW).
        decoupled: bool,
    },
    /// Stochastic gradient descent.
    Sgd {
        /// Learning rate.
        lr: f64,
        /// Momentum; 0 is none.
        momentum: f64,
        /// Nesterov's form.
        nesterov: bool,
        /// Weight decay.
        weight_decay: f64,
    },
}

/// What keeps a model from overfitting.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Regularize {
    /// Weight of Σ|w|.
    pub l1: f64,
    /// Weight of Σw².
    pub l2: f64,
    /// Share of hidden outputs dropped in a training step, in [0, 1).
    pub dropout: f64,
}

impl Recipe {
    /// Types the settings.
    ///
    /// # Errors
    /// Everything that is wrong with them: by itself, and against each other.
    pub fn new(settings: &Settings) -> Result<Self, Vec<SettingError>> {
        let faults = settings.faults();
        if !faults.is_empty() {
            return Err(faults);
        }
        let recipe = Self {
            task: Task::Classify,
            data: data(settings),
            model: model(settings),
            loss: Loss::CrossEntropy,
            optimizer: optimizer(settings),
            regularize: Regularize {
                l1: number(settings, "regularize.l1"),
                l2: number(settings, "regularize.l2"),
                dropout: number(settings, "regularize.dropout"),
            },
            epochs: whole(settings, "epochs"),
            batch_size: whole(settings, "batch_size"),
        };
        let conflicts = recipe.conflicts();
        if conflicts.is_empty() { Ok(recipe) } else { Err(conflicts) }
    }

    /// What contradicts itself between settings.
    fn conflicts(&self) -> Vec<SettingError> {
        let mut found = Vec::new();
        if self.data.set == "idx" && self.data.path.is_none() {
            found.push(SettingError::Conflict {
                path: "data.set",
                fact: "`data.set: idx` needs `data.path`, the folder of the files".into(),
            });
        }
        if self.data.set == "csv" {
            let needs = [
                ("data.path", self.data.path.is_none(), "the file"),
                ("data.target", self.data.table.target.is_none(), "the column to learn"),
            ];
            let fact = |path, what| format!("`data.set: csv` needs `{path}`, {what}");
            found.extend(needs.into_iter().filter(|(_, absent, _)| *absent).map(
                |(path, _, what)| SettingError::Conflict {
                    path: "data.set",
                    fact: fact(path, what),
                },
            ));
        }
        if let Optimizer::Sgd { momentum, nesterov: true, .. } = self.optimizer
            && momentum == 0.0
        {
            found.push(SettingError::Conflict {
                path: "optimizer.nesterov",
                fact: "`optimizer.nesterov` needs a momentum, and `optimizer.momentum` is 0".into(),
            });
        }
        found.extend(self.sample_conflicts());
        found.extend(self.size_conflict());
        found
    }

    /// Weights and biases of the model, if the catalogue knows the shape of its samples; of
    /// `idx` files the samples' shape is known only when they are read, so that of the layers
    /// between is counted.
    fn weights(&self) -> u64 {
        let Model::Mlp { layers, width, .. } = self.model;
        let (inputs, classes) = crate::dataset::find(&self.data.set)
            .map_or((1, 2), |set| (set.features(), u64::from(set.classes)));
        let (layers, width) = (u64::from(layers), u64::from(width));
        match layers {
            0 => (inputs + 1) * classes,
            _ => (inputs + 1) * width + (layers - 1) * (width + 1) * width + (width + 1) * classes,
        }
    }

    fn size_conflict(&self) -> Option<SettingError> {
        let Model::Mlp { layers, width, .. } = self.model;
        let weights = self.weights();
        (weights > MAX_WEIGHTS).then(|| SettingError::Conflict {
            path: "model.width",
            fact: format!(
                "`model.layers: {layers}` of `model.width: {width}` make {weights} weights, \
                 more than {MAX_WEIGHTS}"
            ),
        })
    }

    fn sample_conflicts(&self) -> Option<SettingError> {
        let samples = self.data.limit.or_else(|| self.data.known_samples())?;
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "data sets hold far fewer than 2^53 samples"
        )]
        let valid = (samples as f64 * self.data.valid).round() as u64;
        if valid == 0 || valid >= samples {
            return Some(SettingError::Conflict {
                path: "data.valid",
                fact: format!(
                    "`data.valid: {}` of {samples} samples leaves {valid} for validation \
                     and {} for training",
                    self.data.valid,
                    samples - valid.min(samples)
                ),
            });
        }
        let train = samples - valid;
        (u64::from(self.batch_size) > train).then(|| SettingError::Conflict {
            path: "batch_size",
            fact: format!(
                "`batch_size: {}` is more than the {train} training samples",
                self.batch_size
            ),
        })
    }
}

impl Data {
    /// Training samples, if the catalogue knows them.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "data sets hold far fewer than 2^53 samples"
    )]
    fn known_samples(&self) -> Option<u64> {
        let set = crate::dataset::find(&self.set).filter(|_| self.path.is_none())?;
        let open = 1.0 - self.table.test;
        let usual = !set.is_table() || self.table.test == table::Options::default().test;
        let drawn = ((set.train_samples + set.test_samples) as f64 * open).round() as u64;
        Some(if usual { set.train_samples } else { drawn })
    }
}

/// Weights of a model at most: 8 GiB, and four times that with gradients and moments.
const MAX_WEIGHTS: u64 = 1 << 31;

/// Settings that conflicts between settings depend on: grids are checked over their product.
pub const COUPLED: &[&str] = &[
    "batch_size",
    "data.limit",
    "data.path",
    "data.set",
    "data.target",
    "data.test",
    "data.valid",
    "model.kind",
    "model.layers",
    "model.width",
    "optimizer.kind",
    "optimizer.momentum",
    "optimizer.nesterov",
    "task",
];

fn data(s: &Settings) -> Data {
    let scale = match s.at("data.scale") {
        Value::List(ends) => (
            ends.first().and_then(Value::as_f64).unwrap_or(0.0),
            ends.get(1).and_then(Value::as_f64).unwrap_or(1.0),
        ),
        _ => (0.0, 1.0),
    };
    let set = text(s, "data.set");
    let own = crate::dataset::OWN.contains(&&*set);
    let optional = |path| s.at(path).as_text().map(str::to_owned);
    Data {
        path: optional("data.path").filter(|_| own),
        table: table::Options {
            target: optional("data.target").filter(|_| set == "csv"),
            ignore: optional("data.ignore"),
            encode: match &*text(s, "data.encode") {
                "min_max" => Encode::MinMax,
                "none" => Encode::None,
                _ => Encode::Standard,
            },
            missing: match &*text(s, "data.missing") {
                "mean" => Missing::Mean,
                "drop" => Missing::Drop,
                _ => Missing::Refuse,
            },
            test: number(s, "data.test"),
        },
        set,
        valid: number(s, "data.valid"),
        scale,
        limit: s.at("data.limit").as_i64().and_then(|n| u64::try_from(n).ok()),
    }
}

fn model(s: &Settings) -> Model {
    Model::Mlp {
        layers: whole(s, "model.layers"),
        width: whole(s, "model.width"),
        activation: match &*text(s, "model.activation") {
            "leaky_relu" => Activation::LeakyRelu,
            "elu" => Activation::Elu,
            "selu" => Activation::Selu,
            "gelu" => Activation::Gelu,
            "silu" => Activation::Silu,
            "sigmoid" => Activation::Sigmoid,
            "tanh" => Activation::Tanh,
            _ => Activation::Relu,
        },
    }
}

fn optimizer(s: &Settings) -> Optimizer {
    let lr = number(s, "optimizer.lr");
    let weight_decay = number(s, "optimizer.weight_decay");
    let kind = text(s, "optimizer.kind");
    if kind == "sgd" {
        return Optimizer::Sgd {
            lr,
            momentum: number(s, "optimizer.momentum"),
            nesterov: s.at("optimizer.nesterov") == Value::Bool(true),
            weight_decay,
        };
    }
    Optimizer::Adam {
        lr,
        beta1: number(s, "optimizer.beta1"),
        beta2: number(s, "optimizer.beta2"),
        eps: number(s, "optimizer.eps"),
        weight_decay,
        decoupled: kind == "adamw",
    }
}

fn number(s: &Settings, path: &'static str) -> f64 {
    s.at(path).as_f64().expect("a setting without faults is of its kind")
}

fn whole(s: &Settings, path: &'static str) -> u32 {
    s.at(path)
        .as_i64()
        .and_then(|n| u32::try_from(n).ok())
        .expect("a setting without faults is of its kind")
}

fn text(s: &Settings, path: &'static str) -> String {
    s.at(path).as_text().expect("a setting without faults is of its kind").to_owned()
}
