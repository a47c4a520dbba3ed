//! What a leaderboard ranks by.
use serde::{Deserialize, Serialize};

pub use crate::recipe::metric::{Goal, better};

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
