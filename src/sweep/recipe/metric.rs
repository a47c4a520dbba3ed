//! The metrics that a task reports, and which way each is better: known to those who check an
//! objective and to those who report.
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::Task;

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// Larger is better.
    Maximize,
    /// Smaller is better.
    Minimize,
}

use Goal::{Maximize, Minimize};

/// The metrics of `task: classify`, by name.
///
/// On the validation samples also the micro means, which of one class a sample all equal the
/// accuracy, `top5` where there are more classes than five, and `auc` where there are two.
pub const CLASSIFY: &[(&str, Goal)] = &[
    ("train/accuracy", Maximize),
    ("train/f1", Maximize),
    ("train/f1_weighted", Maximize),
    ("train/loss", Minimize),
    ("train/precision", Maximize),
    ("train/precision_weighted", Maximize),
    ("train/recall", Maximize),
    ("train/recall_weighted", Maximize),
    ("valid/accuracy", Maximize),
    ("valid/auc", Maximize),
    ("valid/f1", Maximize),
    ("valid/f1_micro", Maximize),
    ("valid/f1_weighted", Maximize),
    ("valid/loss", Minimize),
    ("valid/precision", Maximize),
    ("valid/precision_micro", Maximize),
    ("valid/precision_weighted", Maximize),
    ("valid/recall", Maximize),
    ("valid/recall_micro", Maximize),
    ("valid/recall_weighted", Maximize),
    ("valid/top5", Maximize),
];

/// The metrics of `task: regress`, by name; all in the target's own units (the loss in their
/// square) but R², which has none.
pub const REGRESS: &[(&str, Goal)] = &[
    ("train/loss", Minimize),
    ("train/mae", Minimize),
    ("train/r2", Maximize),
    ("train/rmse", Minimize),
    ("valid/loss", Minimize),
    ("valid/mae", Minimize),
    ("valid/r2", Maximize),
    ("valid/rmse", Minimize),
];

/// How many guesses `top5` allows.
pub const TOP: usize = 5;

/// The metrics of a task.
#[must_use]
pub const fn of(task: Task) -> &'static [(&'static str, Goal)] {
    match task {
        Task::Classify => CLASSIFY,
        Task::Regress => REGRESS,
    }
}

/// What a sweep is ranked by where its spec is silent.
#[must_use]
pub const fn usual(task: Task) -> (&'static str, Goal) {
    match task {
        Task::Classify => ("valid/accuracy", Maximize),
        Task::Regress => ("valid/rmse", Minimize),
    }
}

/// How many classes there must be for a metric of a classification to be reported.
#[must_use]
pub fn classes(metric: &str) -> RangeInclusive<u64> {
    match metric.rsplit('/').next() {
        Some("auc") => 2..=2,
        Some("top5") => TOP as u64 + 1..=u64::MAX,
        _ => 0..=u64::MAX,
    }
}

/// What a metric of a classification is of, in words, where data of so many classes is not that and
/// never reports it.
#[must_use]
pub fn misfit(metric: &str, classes: u64) -> Option<&'static str> {
    let needed = self::classes(metric);
    let words = if *needed.end() == 2 { "two classes" } else { "more than five classes" };
    (!needed.contains(&classes)).then_some(words)
}

/// The better direction of a metric: known, or guessed from its name.
#[must_use]
pub fn better(metric: &str) -> Goal {
    let known = CLASSIFY.iter().chain(REGRESS).find(|(name, _)| *name == metric);
    if let Some((_, goal)) = known {
        return *goal;
    }
    let smaller = ["loss", "error", "rmse", "mae", "mse", "perplexity", "seconds"];
    let last = metric.rsplit('/').next().unwrap_or(metric).to_lowercase();
    if smaller.iter().any(|word| last.contains(word)) { Minimize } else { Maximize }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_in_order_and_hold_what_is_usual() {
        for task in [Task::Classify, Task::Regress] {
            assert!(of(task).is_sorted_by_key(|(name, _)| name));
            assert!(of(task).contains(&usual(task)));
        }
    }

    #[test]
    fn what_data_of_so_many_classes_never_reports_is_known() {
        for (metric, classes, of) in [
            ("valid/auc", 2, None),
            ("valid/auc", 3, Some("two classes")),
            ("valid/top5", 6, None),
            ("valid/top5", 5, Some("more than five classes")),
            ("valid/loss", 3, None),
            // Of a regression there are none.
            ("valid/rmse", 0, None),
        ] {
            assert_eq!(misfit(metric, classes), of, "{metric} {classes}");
        }
    }

    #[test]
    fn the_better_way_is_known_or_guessed() {
        for (metric, goal) in [
            ("valid/r2", Maximize),
            ("valid/mae", Minimize),
            ("valid/auc", Maximize),
            ("test/rmse", Minimize),
            ("floor/majority_accuracy", Maximize),
            ("floor/mean_mae", Minimize),
            ("my_error", Minimize),
        ] {
            assert_eq!(better(metric), goal, "{metric}");
        }
    }
}
