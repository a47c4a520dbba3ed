//! Which slices have moved since Slurm was asked: what its answer says of them is old.
use std::collections::{HashMap, HashSet};

use crate::exec::slurm::ranges;
use crate::store::merge::Results;
use crate::store::tasks::TaskStart;

/// What was written when Slurm was asked, by which clock ever.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Written {
    /// When each slice was last heard of.
    heard: HashMap<u32, f64>,
    /// Starts of tasks: array, task, restarts.
    begun: HashSet<(u64, u32, u32)>,
}

impl Written {
    /// What is written now.
    #[must_use]
    pub fn of(results: &Results, starts: &[TaskStart]) -> Self {
        let mut heard = HashMap::new();
        for last in results.runs.values().filter_map(|run| run.last.as_ref()) {
            let newest: &mut f64 = heard.entry(last.at.slice).or_insert(last.time);
            *newest = newest.max(last.time);
        }
        Self { heard, begun: starts.iter().map(key).collect() }
    }

    /// Slices of which something was written since, by workers and tasks that have not ended.
    #[must_use]
    pub fn moved(&self, results: &Results, starts: &[TaskStart]) -> HashSet<u32> {
        let is_new = |slice: u32, time: f64| self.heard.get(&slice).is_none_or(|then| time > *then);
        let is_open = |segment| results.segments.get(&segment).is_some_and(|s| !s.closed);
        let lasts = results.runs.values().filter_map(|run| run.last.as_ref());
        let by_workers = lasts
            .filter(|last| is_new(last.at.slice, last.time) && is_open(last.at.segment()))
            .map(|last| last.at.slice);
        let by_tasks = starts
            .iter()
            .filter(|start| start.end.is_none() && !self.begun.contains(&key(start)))
            .flat_map(|start| ranges::read(&start.begin.slices).unwrap_or_default());
        by_workers.chain(by_tasks).collect()
    }
}

fn key(start: &TaskStart) -> (u64, u32, u32) {
    (start.begin.array, start.begin.task, start.begin.restarts)
}
