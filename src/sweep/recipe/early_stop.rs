//! When a run ends before its last epoch: its metric has not become better for some epochs
//! (Prechelt 1998, "Early stopping: but when?").
use super::metric::{self, Goal};
use super::train::{number, text};
use super::{SettingError, Settings, Task};
use crate::dataset;

/// Ends a run whose metric no longer becomes better.
#[derive(Debug, Clone, PartialEq)]
pub struct EarlyStop {
    /// Epochs without a better value after which the run ends.
    pub patience: u32,
    /// The metric, on the validation samples.
    pub metric: String,
    /// Which way it is better.
    pub goal: Goal,
    /// By how much a value must be better than the best before it to count.
    pub min_delta: f64,
}

impl EarlyStop {
    pub(super) fn of(s: &Settings) -> Option<Self> {
        let patience = s.at("early_stop.patience").as_i64()?;
        let metric = text(s, "early_stop.metric");
        Some(Self {
            patience: u32::try_from(patience).unwrap_or(u32::MAX),
            goal: metric::better(&metric),
            metric,
            min_delta: number(s, "early_stop.min_delta"),
        })
    }

    /// Whether a value counts as better than the best before it. NaN never does.
    #[must_use]
    pub fn is_better(&self, value: f64, best: Option<f64>) -> bool {
        let by = |best: f64| match self.goal {
            Goal::Minimize => best - value,
            Goal::Maximize => value - best,
        };
        match best {
            None => !value.is_nan(),
            Some(best) => by(best) > self.min_delta,
        }
    }

    /// What is wrong with the settings, of a task.
    pub(super) fn conflict(s: &Settings, task: Task) -> Option<SettingError> {
        let metric = text(s, "early_stop.metric");
        let known = metric::of(task).iter().map(|(name, _)| *name);
        let known: Vec<&str> = known.filter(|name| name.starts_with("valid/")).collect();
        // Classes that only the data itself tells are judged by who reads it.
        let set = dataset::find(&text(s, "data.set")).filter(|_| task == Task::Classify);
        let misfit = |name: &str| {
            set.and_then(|set| metric::misfit(name, set.classes.into()).map(|of| (set, of)))
        };
        let what = match misfit(&metric) {
            _ if !known.contains(&&*metric) => {
                let task = task.name();
                format!("no metric of the validation samples that `task: {task}` reports")
            }
            Some((set, of)) => format!("of {of}, and `{}` has {}", set.name, set.classes),
            None => return Self::idle(s, &metric),
        };
        let known = known.into_iter().filter(|name| misfit(name).is_none());
        Some(SettingError::Unknown {
            path: "early_stop.metric",
            found: metric,
            what,
            known: known.map(str::to_owned).collect(),
        })
    }

    /// Settings that do nothing without a patience.
    fn idle(s: &Settings, metric: &str) -> Option<SettingError> {
        let given = metric != "valid/loss" || number(s, "early_stop.min_delta") > 0.0;
        (given && s.at("early_stop.patience").as_i64().is_none()).then(|| SettingError::Conflict {
            path: "early_stop.patience",
            fact: "`early_stop` stops nothing without `early_stop.patience`".into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn better_is_by_more_than_the_least_difference_in_the_metrics_direction() {
        let stop =
            |goal, min_delta| EarlyStop { patience: 3, metric: String::new(), goal, min_delta };
        for (goal, min_delta, value, best, expected) in [
            (Goal::Minimize, 0.0, 0.4, Some(0.5), true),
            (Goal::Minimize, 0.0, 0.5, Some(0.5), false),
            (Goal::Minimize, 0.2, 0.4, Some(0.5), false),
            (Goal::Maximize, 0.0, 0.6, Some(0.5), true),
            (Goal::Maximize, 0.0, 0.4, Some(0.5), false),
            (Goal::Maximize, 0.05, 0.6, Some(0.5), true),
            (Goal::Maximize, 0.0, 0.1, None, true),
            (Goal::Maximize, 0.0, f64::NAN, None, false),
            (Goal::Minimize, 0.0, f64::NAN, Some(0.5), false),
        ] {
            let found = stop(goal, min_delta).is_better(value, best);
            assert_eq!(found, expected, "{goal:?} {min_delta} {value} {best:?}");
        }
    }
}
