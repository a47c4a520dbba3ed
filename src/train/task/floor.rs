//! What a result must beat: pure functions of the labels, and the names that floors go by.
use dlgrid_sweep::store::record::{Metrics, Number};

/// What the names of floors begin with.
const FLOOR: &str = "floor";
/// Metrics that say nothing beside others: of one class a sample they are all the accuracy.
const ALWAYS_THE_ACCURACY: &[&str] =
    &["precision_micro", "recall_micro", "f1_micro", "recall_weighted"];

/// Metrics of some split under the name of a floor: `valid/f1` is `floor/untrained_f1` for
/// `untrained`. What is not finite is no floor.
pub fn named(metrics: &Metrics, floor: &str) -> Metrics {
    let last = |name: &str| name.rsplit('/').next().unwrap_or(name).to_owned();
    let all = metrics.iter().map(|(name, value)| (last(name), *value));
    all.filter(|(name, Number(value))| {
        value.is_finite() && !ALWAYS_THE_ACCURACY.contains(&name.as_str())
    })
    .map(|(name, value)| (format!("{FLOOR}/{floor}_{name}"), value))
    .collect()
}
