//! Nodes on which tasks fail at once while others work: what they are, by what tasks wrote.
use std::collections::BTreeMap;

use crate::store::tasks::{Cause, TaskEnd, TaskStart};

/// A node to keep away from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadNode {
    /// Slurm's name for it.
    pub node: String,
    /// Starts of tasks there that have ended by themselves.
    pub starts: u64,
    /// Those that failed at once.
    pub failed: u64,
    /// The most frequent reason, in words.
    pub why: String,
}

/// Starts that must have failed at once before a node is thought bad.
const LEAST: u64 = 3;
/// What is at once, in seconds.
const AT_ONCE: f64 = 60.0;

/// How a start ended, as far as it tells of its node.
enum Told {
    /// A run ended well, or all work was done.
    Well,
    /// At once, for this reason.
    Failed(String),
    /// Neither speaks for the node nor against it.
    Nothing,
}

/// The nodes where at least three starts of tasks, and most of all there, failed at once: they
/// could not work there, were killed, or had only failed runs within a minute. Nodes are judged
/// only against others: where the others do no better, it is the sweep, and no node is bad.
/// Starts without a last line count neither way. In the order of their names.
#[must_use]
pub fn bad_nodes(starts: &[TaskStart]) -> Vec<BadNode> {
    let mut nodes: BTreeMap<&str, Tally> = BTreeMap::new();
    for start in starts.iter().filter(|s| !s.begin.node.is_empty()) {
        let Some(end) = &start.end else { continue };
        let tally = nodes.entry(&start.begin.node).or_default();
        tally.starts += 1;
        match told(start, end) {
            Told::Well => tally.well += 1,
            Told::Failed(why) => *tally.failed.entry(why).or_default() += 1,
            Told::Nothing => {}
        }
    }
    let (bad, good): (Vec<_>, Vec<_>) = nodes.into_iter().partition(|(_, tally)| tally.is_bad());
    let well: u64 = good.iter().map(|(_, tally)| tally.well).sum();
    let failed: u64 = good.iter().map(|(_, tally)| tally.failures()).sum();
    if well <= failed {
        return Vec::new();
    }
    bad.into_iter().map(|(node, tally)| tally.bad(node)).collect()
}

#[derive(Default)]
struct Tally {
    starts: u64,
    well: u64,
    /// Starts by the reason.
    failed: BTreeMap<String, u64>,
}

impl Tally {
    fn failures(&self) -> u64 {
        self.failed.values().sum()
    }

    fn is_bad(&self) -> bool {
        self.failures() >= LEAST && 2 * self.failures() > self.starts
    }

    fn bad(self, node: &str) -> BadNode {
        let (starts, failed) = (self.starts, self.failures());
        let most = self.failed.into_iter().max_by_key(|(_, starts)| *starts);
        let why = most.map(|(why, _)| why).unwrap_or_default();
        BadNode { node: node.to_owned(), starts, failed, why }
    }
}

fn told(start: &TaskStart, end: &TaskEnd) -> Told {
    let at_once = end.used.seconds <= AT_ONCE;
    let why = |otherwise: &str| {
        let died = start.died.last().map(|died| died.how.as_str());
        Told::Failed(end.why.as_deref().or(died).unwrap_or(otherwise).to_owned())
    };
    match end.cause {
        Some(Cause::Unusable) => why("something is missing there"),
        Some(Cause::Killed) if at_once => why("killed, or died by itself"),
        Some(Cause::Killed) => Told::Nothing,
        _ if end.ends > end.failed => Told::Well,
        _ if end.ends > 0 && at_once => why("every run failed at once"),
        None if end.ends == 0 => Told::Well,
        _ => Told::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tasks::{Begin, Used};

    /// `n1 well`, `n1 unusable`, `n1 killed 5`, `n1 failed 5`, `n1 memory`, `n1 silent`; the
    /// number is seconds.
    fn start(text: &str) -> TaskStart {
        let words: Vec<&str> = text.split(' ').collect();
        let begin = Begin { node: words[0].into(), ..Begin::default() };
        let (cause, ends, failed) = match words[1] {
            "well" => (None, 4, 1),
            "empty" => (None, 0, 0),
            "unusable" => (Some(Cause::Unusable), 0, 0),
            "killed" => (Some(Cause::Killed), 0, 0),
            "memory" => (Some(Cause::Memory), 0, 0),
            "failed" => (None, 4, 4),
            _ => return TaskStart { begin, died: vec![], full: None, end: None },
        };
        let seconds = words.get(2).map_or(5.0, |s| s.parse().expect("seconds"));
        let used = Used { seconds, ..Used::default() };
        let why = (words[1] == "unusable").then(|| "libtorch is missing".to_owned());
        let end = TaskEnd { cause, requeued: false, why, ends, failed, used, time: 1.0 };
        TaskStart { begin, died: vec![], full: None, end: Some(end) }
    }

    #[test]
    fn a_node_is_bad_where_most_fails_at_once_and_others_do_well() {
        let times = |n: usize, text: &str| vec![text.to_owned(); n];
        let good = times(4, "n1 well");
        for (what, more, expected) in [
            ("nothing", vec![], vec![]),
            ("two are few", times(2, "n2 unusable"), vec![]),
            ("three are enough", times(3, "n2 unusable"), vec!["n2 3/3 libtorch is missing"]),
            (
                "unusable after an hour is unusable",
                times(3, "n2 unusable 3600"),
                vec!["n2 3/3 libtorch is missing"],
            ),
            ("killed at once", times(3, "n2 killed 2"), vec!["n2 3/3 killed, or died by itself"]),
            ("killed after an hour", times(3, "n2 killed 3600"), vec![]),
            (
                "all runs fail at once",
                times(3, "n2 failed 60"),
                vec!["n2 3/3 every run failed at once"],
            ),
            ("all runs fail late", times(3, "n2 failed 61"), vec![]),
            ("memory is the sweep's", times(5, "n2 memory"), vec![]),
            ("without a last line nothing is known", times(5, "n2 silent"), vec![]),
            (
                "half of it goes well",
                [times(3, "n2 unusable"), times(3, "n2 well")].concat(),
                vec![],
            ),
            (
                "most of it fails",
                [times(3, "n2 unusable"), times(2, "n2 well")].concat(),
                vec!["n2 3/5 libtorch is missing"],
            ),
            (
                "two nodes, the reason of most",
                [times(3, "n3 killed"), times(1, "n2 killed"), times(2, "n2 unusable")].concat(),
                vec!["n2 3/3 libtorch is missing", "n3 3/3 killed, or died by itself"],
            ),
            (
                "the others do no better",
                times(2, "n1 failed")
                    .into_iter()
                    .chain(times(2, "n1 failed"))
                    .chain(times(3, "n2 failed"))
                    .collect(),
                vec![],
            ),
        ] {
            let all: Vec<TaskStart> = good.iter().chain(&more).map(|s| start(s)).collect();
            let told: Vec<String> = bad_nodes(&all)
                .into_iter()
                .map(|b| format!("{} {}/{} {}", b.node, b.failed, b.starts, b.why))
                .collect();
            assert_eq!(told, expected, "{what}");
        }
        let alone: Vec<TaskStart> = times(5, "n2 unusable").iter().map(|s| start(s)).collect();
        assert_eq!(bad_nodes(&alone), [], "no other node says that it could go well");
        let empty = [times(3, "n2 unusable"), times(1, "n1 empty")].concat();
        let empty: Vec<TaskStart> = empty.iter().map(|s| start(s)).collect();
        assert_eq!(
            bad_nodes(&empty).len(),
            1,
            "a task with nothing left to do is a task that works"
        );
    }
}
