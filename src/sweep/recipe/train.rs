//! The typed recipe that the worker trains by.
use super::augment::Augment;
use super::data::{Data, data};
use super::optimizer::{Optimizer, Schedule, optimizer, schedule};
use super::{EarlyStop, Model, Regularize, SettingError, Settings, Start, Value};

/// One training run's settings, typed and checked. Built only from [`Settings`] without faults.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// What is learnt.
    pub task: Task,
    /// What it is learnt from.
    pub data: Data,
    /// How its training samples are changed.
    pub augment: Augment,
    /// What learns.
    pub model: Model,
    /// What training minimises.
    pub loss: Loss,
    /// How a step is made.
    pub optimizer: Optimizer,
    /// The norm of all gradients together at most.
    pub clip: Option<f64>,
    /// How the learning rate changes.
    pub schedule: Schedule,
    /// What keeps it from overfitting.
    pub regularize: Regularize,
    /// Passes over the training samples.
    pub epochs: u32,
    /// Samples in one step; [`u32::MAX`] where all of them make one.
    pub batch_size: u32,
    /// When it ends before its last epoch.
    pub early_stop: Option<EarlyStop>,
    /// What its weights start as, and which stand still.
    pub start: Start,
    /// In which numbers layers multiply.
    pub precision: Precision,
    /// Whether runs of all seeds hold the same samples back and see the same batches.
    pub shared_order: bool,
    /// Whether batch norm goes by the samples of all ranks.
    pub sync_batch_norm: bool,
    /// Whether its weights are kept when it is done.
    pub save_weights: bool,
}

/// In which numbers dense layers and convolutions multiply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// Single precision.
    F32,
    /// Double precision, as all else then is, weights included.
    F64,
    /// bfloat16 (8 bits of precision, the range of single precision); all else is single
    /// precision, weights and their updates included (Micikevicius et al. 2018).
    Bf16,
}

/// What is learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// One of several classes for each sample.
    Classify,
    /// A number for each sample.
    Regress,
}

impl Task {
    /// The task of that name in a spec.
    #[must_use]
    pub fn of(name: &str) -> Self {
        match name {
            "regress" => Self::Regress,
            _ => Self::Classify,
        }
    }

    /// Its name in a spec.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Classify => "classify",
            Self::Regress => "regress",
        }
    }
}

/// What training minimises.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Loss {
    /// Mean over the batch of the cross entropy of softmax and class.
    CrossEntropy {
        /// Share of each label that is spread over all classes, in [0, 1).
        smoothing: f64,
        /// Whether classes are weighed by how rare they are.
        balance: bool,
    },
    /// The same of two classes, of which one output tells: the logit of the second.
    BinaryCrossEntropy {
        /// Share of each label that is spread over both classes, in [0, 1).
        smoothing: f64,
        /// Whether classes are weighed by how rare they are.
        balance: bool,
    },
    /// Mean over the batch of the squared error, in deviations of the training targets.
    MeanSquaredError,
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
            task: Task::of(&text(settings, "task")),
            data: data(settings),
            augment: Augment::of(settings),
            model: Model::of(settings),
            loss: loss(settings),
            optimizer: optimizer(settings),
            clip: settings.at("optimizer.clip").as_f64(),
            schedule: schedule(settings),
            regularize: Regularize::of(settings),
            epochs: whole(settings, "epochs"),
            batch_size: match &*text(settings, "optimizer.kind") {
                "gd" => u32::MAX,
                _ => whole(settings, "batch_size"),
            },
            early_stop: EarlyStop::of(settings),
            start: Start::of(settings),
            precision: match &*text(settings, "precision") {
                "bf16" => Precision::Bf16,
                "f64" => Precision::F64,
                _ => Precision::F32,
            },
            shared_order: flag(settings, "shared_order"),
            sync_batch_norm: flag(settings, "sync_batch_norm"),
            save_weights: flag(settings, "save_weights"),
        };
        let mut conflicts = recipe.conflicts();
        conflicts.extend(EarlyStop::conflict(settings, recipe.task));
        conflicts.extend(recipe.start.conflict(&recipe.model));
        if conflicts.is_empty() { Ok(recipe) } else { Err(conflicts) }
    }

    /// The seed by which samples are held back and the others ordered, in a run of this seed: one
    /// for all runs where they share their order.
    #[must_use]
    pub const fn order_seed(&self, seed: u64) -> u64 {
        if self.shared_order { 0 } else { seed }
    }

    /// Samples of one forward pass at most: where all samples make one step, its gradient is summed
    /// over parts of so many.
    #[must_use]
    pub const fn at_once(&self) -> u32 {
        if self.batch_size == u32::MAX { 4096 } else { self.batch_size }
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
        found.extend(self.loss_conflict());
        found.extend(self.target_conflict());
        found.extend(self.sample_conflicts());
        found.extend(self.model_conflict());
        let shape = self.known().map(|(shape, _)| shape);
        found.extend(self.augment.conflicts(self.batch_size, shape));
        found.extend(self.schedule_conflict());
        found
    }

    /// `[channels, height, width]` of a sample and the model's outputs, where the catalogue knows them; a
    /// row of a table is an image of one line. Of files of one's own they are known only when they
    /// are read.
    fn known(&self) -> Option<([usize; 3], u64)> {
        let set = crate::dataset::find(&self.data.set)?;
        let shape = match *set.shape {
            [channels, rows, columns] => [channels, rows, columns].map(|n| n as usize),
            [rows, columns] => [1, rows as usize, columns as usize],
            _ => [1, 1, usize::try_from(set.features()).unwrap_or(usize::MAX)],
        };
        let outputs = match self.loss {
            Loss::CrossEntropy { .. } => u64::from(set.classes),
            Loss::BinaryCrossEntropy { .. } | Loss::MeanSquaredError => 1,
        };
        Some((shape, outputs))
    }

    fn model_conflict(&self) -> Option<SettingError> {
        let known = self.known();
        let conflict = |path, fact| Some(SettingError::Conflict { path, fact });
        if let Some((path, fact)) = self.model.contradiction() {
            return conflict(path, fact);
        }
        if self.batch_size == 1 && self.model.norms() {
            let fact = "batch norm needs batches of at least 2 samples, and `batch_size` is 1";
            return conflict("batch_size", fact.into());
        }
        if let Some(Err(small)) = known.map(|(shape, _)| self.model.fits(shape)) {
            return conflict(small.path(), small.to_string());
        }
        let (shape, outputs) = known.unwrap_or_else(|| (self.model.smallest(), 2));
        let weights = self.model.weights(shape, outputs);
        if weights <= MAX_WEIGHTS {
            return None;
        }
        let (path, sizes) = self.model.net.sizes();
        conflict(path, format!("{sizes} make {weights} weights, more than {MAX_WEIGHTS}"))
    }

    /// A loss that is not of the task, or a model that can't serve it.
    fn loss_conflict(&self) -> Option<SettingError> {
        let conflict =
            |path, fact: &str| Some(SettingError::Conflict { path, fact: fact.to_owned() });
        let binary = matches!(self.loss, Loss::BinaryCrossEntropy { .. });
        let numbers = self.loss == Loss::MeanSquaredError;
        match self.task {
            Task::Classify if numbers => {
                return conflict(
                    "loss",
                    "`loss: mean_squared_error` is of numbers, and `task: classify` learns classes: \
                     `cross_entropy`, or `task: regress`",
                );
            }
            Task::Regress if !numbers => {
                return conflict(
                    "loss",
                    "`task: regress` learns numbers: its loss is `mean_squared_error`",
                );
            }
            Task::Classify | Task::Regress => {}
        }
        // An activation behind the one output keeps it from most numbers, or on one side of 0.
        (self.model.net == super::Net::Perceptron && (binary || numbers)).then(|| {
            let by = if binary { "`loss: binary_cross_entropy`" } else { "`task: regress`" };
            let fact = format!(
                "a perceptron's activation bounds the one output of {by}: `model.kind: linear`"
            );
            SettingError::Conflict { path: "model.kind", fact }
        })
    }

    /// A data set of the catalogue, or a form of files, that holds not what the task learns.
    fn target_conflict(&self) -> Option<SettingError> {
        let set = &self.data.set;
        let classes = crate::dataset::find(set).map(|known| known.classes);
        let (path, fact) = match (self.task, classes) {
            (Task::Classify, Some(0)) => {
                ("task", format!("`{set}` has numbers to learn, no classes: `task: regress`"))
            }
            (Task::Regress, Some(1..)) => {
                ("task", format!("`{set}` has classes to learn, no numbers: `task: classify`"))
            }
            (Task::Regress, None) if set != "csv" => {
                ("task", format!("`{set}` has classes to learn; numbers come from `csv` files"))
            }
            (Task::Classify, Some(classes))
                if classes != 2 && matches!(self.loss, Loss::BinaryCrossEntropy { .. }) =>
            {
                let fact = format!(
                    "`loss: binary_cross_entropy` tells two classes apart, and `{set}` has \
                     {classes}: `cross_entropy`"
                );
                ("loss", fact)
            }
            _ => return None,
        };
        Some(SettingError::Conflict { path, fact })
    }

    fn schedule_conflict(&self) -> Option<SettingError> {
        let (warmup, epochs) = (self.schedule.warmup, self.epochs);
        (warmup >= f64::from(epochs)).then(|| SettingError::Conflict {
            path: "schedule.warmup",
            fact: format!("`schedule.warmup: {warmup}` leaves nothing of the {epochs} epochs"),
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
        (self.batch_size != u32::MAX && u64::from(self.batch_size) > train).then(|| {
            SettingError::Conflict {
                path: "batch_size",
                fact: format!(
                    "`batch_size: {}` is more than the {train} training samples",
                    self.batch_size
                ),
            }
        })
    }
}

/// Weights of a model at most: 8 GiB, and four times that with gradients and moments.
const MAX_WEIGHTS: u64 = 1 << 31;

/// Settings that conflicts between settings depend on: grids are checked over their product.
pub const COUPLED: &[&str] = &[
    "augment.cutout",
    "augment.mixup",
    "augment.shift",
    "batch_size",
    "data.limit",
    "data.path",
    "data.set",
    "data.target",
    "data.test",
    "data.valid",
    "early_stop.metric",
    "early_stop.min_delta",
    "early_stop.patience",
    "epochs",
    "freeze",
    "init_from",
    "init_skip",
    "loss",
    "model.activation",
    "model.batch_norm",
    "model.blocks",
    "model.channels",
    "model.convolutions",
    "model.depth",
    "model.kernel",
    "model.kind",
    "model.layers",
    "model.stages",
    "model.width",
    "optimizer.kind",
    "optimizer.momentum",
    "optimizer.nesterov",
    "regularize.dropout",
    "schedule.kind",
    "schedule.warmup",
    "task",
];

/// Those of [`COUPLED`] of whose numbers one between two good ones may be wrong: grids are checked
/// at all of them, and not only at the ends.
pub const STEPPED: &[&str] = &["model.depth", "model.kernel"];

fn loss(s: &Settings) -> Loss {
    let (smoothing, balance) = (number(s, "label_smoothing"), flag(s, "balance"));
    match &*text(s, "loss") {
        "mean_squared_error" => Loss::MeanSquaredError,
        "binary_cross_entropy" => Loss::BinaryCrossEntropy { smoothing, balance },
        _ => Loss::CrossEntropy { smoothing, balance },
    }
}

pub(super) fn flag(s: &Settings, path: &'static str) -> bool {
    s.at(path) == Value::Bool(true)
}

pub(super) fn number(s: &Settings, path: &'static str) -> f64 {
    s.at(path).as_f64().expect("a setting without faults is of its kind")
}

pub(super) fn whole(s: &Settings, path: &'static str) -> u32 {
    s.at(path)
        .as_i64()
        .and_then(|n| u32::try_from(n).ok())
        .expect("a setting without faults is of its kind")
}

pub(super) fn text(s: &Settings, path: &'static str) -> String {
    s.at(path).as_text().expect("a setting without faults is of its kind").to_owned()
}
