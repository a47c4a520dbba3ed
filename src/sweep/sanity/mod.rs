//! Whether models can learn at all: which trials to try by overfitting one batch, and what a
//! curve of losses says, in words.
mod ask;
mod sample;
mod view;

pub use ask::{Asked, Curve, NoAnswer, ask};
pub use sample::sample;
pub use view::{Checked, Trial, render, render_json};

use crate::recipe::key::{self, KEYS};
use crate::recipe::{Settings, Task, Value};

/// Steps of the optimizer on the one batch.
pub const STEPS: usize = 200;
/// Samples of the batch at most, so that a small model can learn them by heart, and soon.
pub const SAMPLES: usize = 64;
/// Trials that are tried unless another number is asked for.
pub const TRIALS: usize = 12;

/// Settings, and sections of them, that keep a model from overfitting or change the learning rate
/// on the way: they stand at their presets here.
const OFF: &[&str] = &[
    "augment",
    "early_stop",
    "epochs",
    "label_smoothing",
    "regularize",
    "save_weights",
    "schedule",
    "sync_batch_norm",
];

/// Whether a setting plays no part here.
fn is_off(path: &str) -> bool {
    let below = |off: &&str| path.strip_prefix(*off).is_some_and(|rest| rest.starts_with('.'));
    OFF.contains(&path) || OFF.iter().any(below) || path == DECAY
}

const DECAY: &str = "optimizer.weight_decay";

/// The settings of a trial without what keeps it from overfitting: dropout, penalties, decay of
/// weights, smoothing; and without its schedule.
#[must_use]
pub fn bare(settings: &Settings) -> Settings {
    let mut bare = settings.clone();
    let off = KEYS.iter().enumerate().filter(|(_, key)| is_off(key.path));
    off.for_each(|(place, _)| bare.unset(place));
    if let Some(place) = key::find(DECAY) {
        bare.set(place, Value::Float(0.0));
    }
    bare
}

/// What the losses of a model that learns one batch by heart say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The loss falls to zero: all is well.
    Learns,
    /// It falls, and has some way to go: no harm is seen.
    Falls,
    /// It goes up.
    Rises,
    /// It stops being a number, or a sensible one.
    Explodes,
    /// It goes up and down and gets nowhere.
    Oscillates,
    /// It stays where it is, or where guessing is.
    Flat,
}

/// A loss below this share of guessing, or else of its level, is zero: all of the batch is known by
/// heart.
const ZERO: f64 = 0.05;
/// Factor of the level from which on a loss has exploded.
const FAR: f64 = 100.0;
/// Share of the level that a step goes up, and down, on average where the loss oscillates.
const SWING: f64 = 0.02;
/// Share of the level that counts as a change.
const CHANGE: f64 = 0.05;

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Learns, Self::Falls, Self::Rises, Self::Explodes, Self::Oscillates, Self::Flat];

    /// Whether something is wrong.
    #[must_use]
    pub const fn is_bad(self) -> bool {
        !matches!(self, Self::Learns | Self::Falls)
    }

    /// Its name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Learns => "learns",
            Self::Falls => "falls",
            Self::Rises => "rises",
            Self::Explodes => "explodes",
            Self::Oscillates => "oscillates",
            Self::Flat => "flat",
        }
    }

    /// What the loss does.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Learns => "falls to zero",
            Self::Falls => "falls, not yet to zero",
            Self::Rises => "rises",
            Self::Explodes => "explodes",
            Self::Oscillates => "oscillates",
            Self::Flat => "stays flat",
        }
    }

    /// Where to look for the reason.
    #[must_use]
    pub const fn hint(self) -> Option<&'static str> {
        match self {
            Self::Learns => None,
            Self::Falls => Some(
                "a higher `optimizer.lr` gets there sooner; a model that is too small never does",
            ),
            Self::Rises => {
                Some("lower `optimizer.lr`; where it rises at any, the loss has the wrong sign")
            }
            Self::Explodes => Some(
                "lower `optimizer.lr`, or set `optimizer.clip`; see that inputs are small numbers \
                 (`data.scale`, `data.encode`)",
            ),
            Self::Oscillates => Some(
                "lower `optimizer.lr`; where it goes on, labels contradict each other \
                 (`dlgrid data explore`)",
            ),
            Self::Flat => Some(
                "raise `optimizer.lr`; where it stays, units are dead (another `model.activation` \
                 or `model.init`, `model.batch_norm`), or the loss gets what it is not made for",
            ),
        }
    }
}

/// What a curve says: the loss on the same batch before each step and after the last. `guessing`
/// is the loss of a model that knows nothing, ln(classes) of the cross entropy.
///
/// The level of the curve is its first loss, or that of guessing where that is lower: a model whose
/// outputs are far too large at first has learnt nothing yet when it has got rid of them. Zero is far
/// below guessing, where that is known: a model may begin there (`init_from`).
#[must_use]
pub fn verdict(losses: &[f64], guessing: Option<f64>) -> Verdict {
    let Some(&first) = losses.first() else { return Verdict::Flat };
    if losses.iter().any(|loss| !loss.is_finite()) {
        return Verdict::Explodes;
    }
    let level = guessing.map_or(first, |guessing| guessing.min(first)).max(f64::MIN_POSITIVE);
    let zero = ZERO * guessing.unwrap_or(level).max(level);
    let half = &losses[losses.len() / 2..];
    let end = mean(&losses[losses.len() - losses.len().div_ceil(10)..]);
    let highest = half.iter().copied().fold(f64::MIN, f64::max);
    if end <= zero && *losses.last().unwrap_or(&end) <= 2.0 * zero {
        return Verdict::Learns;
    }
    if highest > FAR * level.max(first) {
        return Verdict::Explodes;
    }
    let steps = half.windows(2).map(|pair| pair[1] - pair[0]);
    let (up, down) =
        steps.fold(
            (0.0, 0.0),
            |(up, down), step| {
                if step > 0.0 { (up + step, down) } else { (up, down - step) }
            },
        );
    #[expect(clippy::cast_precision_loss, reason = "a few hundred steps")]
    let swing = f64::min(up, down) / half.len() as f64;
    if swing > SWING * level {
        return Verdict::Oscillates;
    }
    let change = end - half[0];
    if end > (1.0 + CHANGE) * first || (change > CHANGE * level && end > level) {
        Verdict::Rises
    } else if end >= (1.0 - CHANGE) * level && change >= -CHANGE * level {
        Verdict::Flat
    } else {
        Verdict::Falls
    }
}

#[expect(clippy::cast_precision_loss, reason = "a few hundred losses")]
fn mean(losses: &[f64]) -> f64 {
    losses.iter().sum::<f64>() / losses.len() as f64
}

/// Factor by which a first loss may differ from that of guessing.
const NEAR: f64 = 2.0;

/// What a model begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Drawn weights, and classes to tell apart.
    Classes,
    /// Drawn weights, and numbers to learn.
    Numbers,
    /// Weights from a file.
    File,
}

impl Start {
    /// That of a trial.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        let is_numbers = settings.at("task").as_text().map(Task::of) == Some(Task::Regress);
        match settings.at("init_from").as_text() {
            Some(_) => Self::File,
            None if is_numbers => Self::Numbers,
            None => Self::Classes,
        }
    }

    /// Factor by which a first loss may be above that of guessing: drawn outputs are some deviations
    /// large, which a square counts several times.
    const fn near(self) -> f64 {
        match self {
            Self::Numbers => FAR,
            Self::Classes | Self::File => NEAR,
        }
    }
}

/// What is odd about a first loss: a model that has learnt nothing should guess. One that begins with
/// weights from a file may know.
#[must_use]
pub fn first_loss(first: f64, guessing: f64, start: Start) -> Option<&'static str> {
    if start == Start::File {
        None
    } else if first > start.near() * guessing {
        Some(
            "the first outputs are far too large: look at `data.scale`, `data.encode`, `model.init`",
        )
    } else if first < guessing / NEAR {
        Some("the model knows the answers before it has learnt: look at what the labels are")
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
