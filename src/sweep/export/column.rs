//! What the columns of a table are called.

/// Columns that every table of runs has before the parameters, and after them.
pub(super) const BEFORE: [&str; 5] = ["run", "id", "trial", "seed", "fold"];
pub(super) const AFTER: [&str; 8] =
    ["state", "objective", "epochs", "seconds", "ended", "why", "cohort", "samples_per_s"];

/// The names of the columns of parameters and of metrics; one that another column has already gets
/// `parameter.` or `metric.` in front.
pub(super) fn names(parameters: &[String], metrics: &[String]) -> (Vec<String>, Vec<String>) {
    let fixed = |name: &String| {
        BEFORE.contains(&name.as_str()) || AFTER.contains(&name.as_str()) || name == "epoch"
    };
    let parameter = |name: &String| match fixed(name) {
        true => format!("parameter.{name}"),
        false => name.clone(),
    };
    let metric = |name: &String| match fixed(name) || parameters.contains(name) {
        true => format!("metric.{name}"),
        false => name.clone(),
    };
    (parameters.iter().map(parameter).collect(), metrics.iter().map(metric).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_column_has_the_name_of_another() {
        let own = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let (parameters, metrics) = names(&own(&["lr", "seed"]), &own(&["lr", "epoch", "loss"]));
        assert_eq!(parameters, ["lr", "parameter.seed"]);
        assert_eq!(metrics, ["metric.lr", "metric.epoch", "loss"]);
    }
}
