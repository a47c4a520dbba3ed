//! What the columns of a table are called, where names of users stand beside those of dlgrid.
use std::collections::HashSet;

/// What stands behind a metric's name over its standard deviation.
const SD: &str = " sd";

/// The names of columns, each another.
pub(crate) struct Heads {
    taken: HashSet<String>,
    /// Names that others have: who needs another name gets none of these.
    kept: HashSet<String>,
}

impl Heads {
    /// The columns of dlgrid, which keep their names, and all names of users.
    pub(crate) fn new<'n>(
        fixed: impl IntoIterator<Item = &'n str>,
        names: impl IntoIterator<Item = &'n String>,
    ) -> Self {
        let own = |name: &str| name.to_owned();
        Self {
            taken: fixed.into_iter().map(own).collect(),
            kept: names.into_iter().cloned().collect(),
        }
    }

    /// A parameter's column: its name; with `parameter.` in front where another column has that.
    pub(crate) fn parameter(&mut self, name: &str) -> String {
        self.free("parameter.", name, &[""])
    }

    /// A metric's column: its name; with `metric.` in front where another column has that.
    pub(crate) fn metric(&mut self, name: &str) -> String {
        self.free("metric.", name, &[""])
    }

    /// The columns of a metric's mean and of its standard deviation.
    pub(crate) fn mean_and_sd(&mut self, name: &str) -> [String; 2] {
        let mean = self.free("metric.", name, &["", SD]);
        let sd = format!("{mean}{SD}");
        [mean, sd]
    }

    fn free(&mut self, prefix: &str, name: &str, ends: &[&str]) -> String {
        let all = |head: &str| ends.iter().map(|end| format!("{head}{end}")).collect::<Vec<_>>();
        let mut head = name.to_owned();
        let mut heads = all(&head);
        let is_of_another = |head: &String| self.kept.contains(head);
        while heads.iter().any(|h| self.taken.contains(h) || (head != name && is_of_another(h))) {
            head.insert_str(0, prefix);
            heads = all(&head);
        }
        self.taken.extend(heads);
        head
    }
}

#[cfg(test)]
mod tests {
    use super::super::csv::{render, render_runs};
    use super::super::fuzz::of_rows;
    use super::super::{Comparison, Report, Together};
    use super::*;

    #[test]
    fn each_column_of_a_report_has_another_name() {
        let own =
            ["p", "n", "rank", "done", "seconds", "trial", "state", "fold", "folds", "loss sd"];
        let metrics = ["p", "n", "loss", "valid/f1", "loss", "why"].map(str::to_owned);
        let together = Together { runs: 2, ended: 2, largest: 2, samples_per_s: None };
        let report = Report {
            metrics: metrics.into(),
            folds: Some(5),
            comparison: Some(Comparison { point: 0, trial: None, ratio: 0.0 }),
            together: Some(together),
            ..of_rows(&own, vec![])
        };
        for table in [render(&report), render_runs(&report)] {
            let heads: Vec<&str> = table.trim_end().split(',').collect();
            let distinct: HashSet<&&str> = heads.iter().collect();
            assert_eq!(distinct.len(), heads.len(), "{table}");
            assert!(heads.contains(&"parameter.rank") && heads.contains(&"rank"), "{table}");
        }
        let runs = render_runs(&report);
        assert!(runs.contains(",p,n,parameter.rank,done,parameter.seconds,"), "{runs}");
    }
}
