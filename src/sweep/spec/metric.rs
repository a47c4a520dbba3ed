//! The metrics that a run reports, and what a leaderboard ranks by.
use serde::{Deserialize, Serialize};

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// Larger is better.
    Maximize,
    /// Smaller is better.
    Minimize,
}

/// Which epoch of a run counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum At {
    /// The last.
    Last,
    /// The best by the metric itself.
    Best,
}

/// What a leaderboard ranks by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objective {
    /// Which way is better.
    pub goal: Goal,
    /// The metric, such as `valid/f1`.
    pub metric: String,
    /// Which epoch counts.
    pub at: At,
}

impl std::fmt::Display for Objective {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let goal = match self.goal {
            Goal::Maximize => "maximize",
            Goal::Minimize => "minimize",
        };
        let at = match self.at {
            At::Last => "last",
            At::Best => "best",
        };
        write!(f, "{goal} {} ({at})", self.metric)
    }
}

/// The metrics of `task: classify`, with the better direction of each.
pub const CLASSIFY: &[(&str, Goal)] = &[
    ("train/accuracy", Goal::Maximize),
    ("train/f1", Goal::Maximize),
    ("train/loss", Goal::Minimize),
    ("train/precision", Goal::Maximize),
    ("train/recall", Goal::Maximize),
    ("valid/accuracy", Goal::Maximize),
    ("valid/f1", Goal::Maximize),
    ("valid/loss", Goal::Minimize),
    ("valid/precision", Goal::Maximize),
    ("valid/recall", Goal::Maximize),
];

/// The better direction of a metric: known, or guessed from its name.
#[must_use]
pub fn better(metric: &str) -> Goal {
    if let Some((_, goal)) = CLASSIFY.iter().find(|(name, _)| *name == metric) {
        return *goal;
    }
    let smaller = ["loss", "error", "rmse", "mae", "mse", "perplexity", "seconds"];
    let last = metric.rsplit('/').next().unwrap_or(metric).to_lowercase();
    if smaller.iter().any(|word| last.contains(word)) { Goal::Minimize } else { Goal::Maximize }
}
