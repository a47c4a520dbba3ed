//! The lines of a segment: what each says, in one versioned form.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::trial::{Run, RunId};

/// Version of the lines. A reader skips, counts and names lines of a later one.
///
/// 1: first form.
pub const SEGMENT_SCHEMA: u32 = 1;

/// Metric name to number; a number that is not finite is written as text (`"NaN"`, `"inf"`).
pub type Metrics = BTreeMap<String, Number>;

/// One line of a segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum Record {
    /// The first line: who writes this segment.
    Head(Head),
    /// Work on a run begins.
    Start(Start),
    /// A checkpoint of a run is durable.
    Checkpoint(Checkpoint),
    /// A run has ended. Acknowledged only after this line is synced.
    End(Box<End>),
    /// Work stopped before the run ended; it can be resumed.
    Stop(Stop),
    /// The last line of a segment that was ended in order.
    Close(Close),
}

/// Who writes a segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// Version of the lines.
    pub schema: u32,
    /// The sweep, 32 hex digits.
    pub sweep: String,
    /// The slice.
    pub slice: u32,
    /// The attempt at the slice, from 1.
    pub attempt: u32,
    /// Tells two attempts of the same number apart.
    pub nonce: String,
    /// Name of the machine.
    pub host: String,
    /// Process id.
    pub pid: u32,
    /// Version of dlgrid.
    pub dlgrid: String,
    /// `cpu`, `cuda:0`, or `command`.
    pub device: String,
    /// Name of the file in the sweep's folder of logs that has what this process printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// Slurm's name of the node, where Slurm started this process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The intent of the sweep whose array it works for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<u32>,
    /// Seconds since the Unix epoch.
    pub time: f64,
}

/// Work on a run begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// The run.
    pub run: RunId,
    /// Its place in the sweep.
    pub index: u64,
    /// Seconds since the Unix epoch.
    pub time: f64,
}

/// A checkpoint of a run is durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The run.
    pub run: RunId,
    /// Epochs finished.
    pub epoch: u32,
    /// Steps finished.
    pub step: u64,
    /// File name below the run's checkpoint folder.
    pub file: String,
    /// Its length in bytes.
    pub bytes: u64,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All epochs are trained.
    Done,
    /// The loss stopped being a finite number.
    Diverged,
    /// The program or the trainer failed; `why` says how.
    Failed,
}

/// Why a worker or a task did not live to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// It took more memory than it had.
    Memory,
    /// Its time limit came.
    Time,
    /// It had to make room for another job.
    Preempted,
    /// Its node failed.
    Node,
    /// It was cancelled.
    Cancelled,
    /// It was asked to stop; by whom is not known: cancelled, preempted or put back.
    Asked,
    /// It was killed, or died by itself; why is not known.
    Killed,
    /// It could not work on that node: something is missing there.
    Unusable,
}

/// A run has ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct End {
    /// The run.
    pub run: RunId,
    /// Its place in the sweep.
    pub index: u64,
    /// Its seed.
    pub seed: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// The cause, where it did not end well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What kind of cause that is, where it is one that asking Slurm for more mends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// Epochs trained.
    pub epochs: u32,
    /// Every metric after the last epoch (of a diverged run: the last finite one), such as `valid/f1`.
    pub metrics: Metrics,
    /// For each metric its best value and the epoch (from 1) that reached it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub best: BTreeMap<String, Best>,
    /// Seconds of training, evaluation included, over all attempts.
    pub seconds: f64,
    /// Training samples a second, evaluation left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples_per_s: Option<f64>,
    /// Counts on the validation set after the last epoch: `[true class][predicted class]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confusion: Option<Vec<Vec<u64>>>,
    /// Of images: the validation samples that it took for something else most surely, the worst first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mistakes: Vec<Mistake>,
    /// Trainable numbers of the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<u64>,
    /// Runs that were trained together with it, itself included, when it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cohort: Option<u32>,
    /// The sweep that trained it, where this line was taken over from another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Seconds since the Unix epoch.
    pub time: f64,
}

impl End {
    /// The end of a run that came to nothing, at `now` (seconds since the Unix epoch).
    #[must_use]
    pub fn failed(run: &Run, why: impl Into<String>, now: f64) -> Self {
        Self {
            run: run.id,
            index: run.index,
            seed: run.seed,
            outcome: Outcome::Failed,
            why: Some(why.into()),
            cause: None,
            epochs: 0,
            metrics: Metrics::new(),
            best: BTreeMap::new(),
            seconds: 0.0,
            samples_per_s: None,
            confusion: None,
            mistakes: Vec::new(),
            weights: None,
            cohort: None,
            from: None,
            time: now,
        }
    }
}

/// A sample that was taken for something else.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Mistake {
    /// Its place among the training samples, from 0.
    pub row: u32,
    /// Its class.
    pub class: u16,
    /// The class for which it was taken.
    pub taken: u16,
    /// The probability that was given to its class.
    pub share: f32,
}

/// Mistakes that a record holds at most.
pub const MISTAKES: usize = 12;

/// A metric's best value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// The epoch that reached it, from 1.
    pub epoch: u32,
    /// The value.
    pub value: Number,
}

/// Work stopped before a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stop {
    /// The run, if one was under work.
    pub run: Option<RunId>,
    /// Why, such as `SIGTERM`.
    pub why: String,
    /// Whether a checkpoint holds what was done.
    pub saved: bool,
    /// Seconds since the Unix epoch.
    pub time: f64,
}

/// The last line of a segment that was ended in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Close {
    /// Runs ended in this segment.
    pub ends: u64,
    /// Seconds since the Unix epoch.
    pub time: f64,
}

/// One line of a curves file: the metrics of one epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// The run.
    pub run: RunId,
    /// Its place in the sweep.
    pub index: u64,
    /// The epoch just finished, from 1.
    pub epoch: u32,
    /// Every metric of it.
    pub metrics: Metrics,
    /// Seconds that it took, evaluation included.
    pub seconds: f64,
    /// Training samples a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples_per_s: Option<f64>,
}

/// A number that survives JSON also when it is not finite.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Number(pub f64);

impl Serialize for Number {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_finite() {
            serializer.serialize_f64(self.0)
        } else if self.0.is_nan() {
            serializer.serialize_str("NaN")
        } else {
            serializer.serialize_str(if self.0 > 0.0 { "inf" } else { "-inf" })
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Number;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number, or one of \"NaN\", \"inf\", \"-inf\"")
            }
            fn visit_f64<E>(self, x: f64) -> Result<Number, E> {
                Ok(Number(x))
            }
            #[expect(clippy::cast_precision_loss, reason = "a metric is a float")]
            fn visit_u64<E>(self, x: u64) -> Result<Number, E> {
                Ok(Number(x as f64))
            }
            #[expect(clippy::cast_precision_loss, reason = "a metric is a float")]
            fn visit_i64<E>(self, x: i64) -> Result<Number, E> {
                Ok(Number(x as f64))
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Number, E> {
                match text {
                    "NaN" => Ok(Number(f64::NAN)),
                    "inf" => Ok(Number(f64::INFINITY)),
                    "-inf" => Ok(Number(f64::NEG_INFINITY)),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}
