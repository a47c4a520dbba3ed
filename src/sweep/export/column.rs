//! What the columns of a table are called.
use crate::report::heads::Heads;

/// Columns that every table of runs has before the parameters, and after them.
pub(super) const BEFORE: [&str; 5] = ["run", "id", "trial", "seed", "fold"];
pub(super) const AFTER: [&str; 8] =
    ["state", "objective", "epochs", "seconds", "ended", "why", "cohort", "samples_per_s"];

/// The names of the columns of parameters and of metrics; one that another column has already gets
/// `parameter.` or `metric.` in front, until none has it.
pub(super) fn names(parameters: &[String], metrics: &[String]) -> (Vec<String>, Vec<String>) {
    let fixed = BEFORE.into_iter().chain(AFTER).chain(["epoch"]);
    let mut heads = Heads::new(fixed, parameters.iter().chain(metrics));
    let parameters = parameters.iter().map(|name| heads.parameter(name)).collect();
    (parameters, metrics.iter().map(|name| heads.metric(name)).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn own(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_name_that_another_column_has_gets_its_kind_in_front() {
        for (parameters, metrics, expected) in [
            (
                &["lr", "seed"][..],
                &["lr", "epoch", "loss"][..],
                &["lr", "parameter.seed", "metric.lr", "metric.epoch", "loss"][..],
            ),
            (&["lr", "metric.lr"], &["lr"], &["lr", "metric.lr", "metric.metric.lr"]),
            (&["seed", "parameter.seed"], &[], &["parameter.parameter.seed", "parameter.seed"]),
        ] {
            let (a, b) = names(&own(parameters), &own(metrics));
            assert_eq!([a, b].concat(), expected);
        }
    }

    proptest! {
        #[test]
        fn no_column_has_the_name_of_another(
            parameters in proptest::collection::hash_set("(parameter\\.|metric\\.){0,2}(run|why|lr)", 0..9),
            metrics in proptest::collection::hash_set("(parameter\\.|metric\\.){0,2}(run|why|lr)", 0..9),
        ) {
            let (parameters, metrics): (Vec<_>, Vec<_>) =
                (parameters.into_iter().collect(), metrics.into_iter().collect());
            let (a, b) = names(&parameters, &metrics);
            let fixed = BEFORE.into_iter().chain(AFTER).map(str::to_owned);
            let all: Vec<String> = fixed.chain(a).chain(b).collect();
            let distinct: HashSet<&String> = all.iter().collect();
            prop_assert_eq!(distinct.len(), all.len(), "{:?}", all);
        }
    }
}
