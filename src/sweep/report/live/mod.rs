//! A sweep while it runs: what one look at it shows, what is new since the last, and how that reads.
mod again;
mod course;
pub mod lines;
mod moved;
mod news;
mod pace;

use std::collections::{HashMap, HashSet};

use super::collect::{self, Subject};
use super::status::Status;
use super::table::{parameter, short};
use super::{Fact, Plan, Query, Row, Source};
use crate::exec::slurm::ranges;
use crate::judge::{Liveness, State};
use crate::orders;
use crate::recipe::Value;
use crate::space::Condition;
use crate::store::merge::LastEvent;
use crate::store::record::Outcome;
use crate::store::tasks::TaskStart;
use crate::text::clean;
pub use again::tries_again;
pub use course::Course;
pub use moved::Written;
pub use news::{News, Seen};
pub use pace::Rate;

/// Trials of the board that are kept.
const BOARD: usize = 100;
/// Runs at work that are kept.
const AT_WORK: usize = 500;

/// What a look at a sweep shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Live {
    /// When it was looked, in seconds since the Unix epoch.
    pub at: f64,
    /// How it is getting on.
    pub status: Status,
    /// The runs that are being trained, and that the filter admits.
    pub at_work: Vec<AtWork>,
    /// The best trials that the filter admits, in order.
    pub board: Vec<Row>,
    /// How the best so far came about, of the runs that the filter admits.
    pub course: Course,
    /// How fast runs end.
    pub rate: Rate,
    /// Array tasks that are at work.
    pub tasks: Vec<Task>,
    /// Whether a run can end without anyone's doing: a process or the queue works on it.
    pub is_busy: bool,
    /// Whether it was ever submitted to Slurm.
    pub on_slurm: bool,
    /// When Slurm said what is in its queue, in seconds since the Unix epoch.
    pub asked: Option<f64>,
    /// What was in the way of a whole look, such as a Slurm that does not answer.
    pub trouble: Option<String>,
}

/// A run that is being trained.
#[derive(Debug, Clone, PartialEq)]
pub struct AtWork {
    /// Its place in the sweep.
    pub index: u64,
    /// Its trial, by the eight digits that people see.
    pub trial: String,
    /// Its seed.
    pub seed: u64,
    /// Its fold, where there are folds.
    pub fold: Option<u32>,
    /// The node, else the machine.
    pub node: String,
    /// When something was last heard of it, in seconds since the Unix epoch.
    pub heard: f64,
    /// Epochs that a durable checkpoint holds.
    pub epoch: Option<u32>,
    /// What it is: `lr=0.01 layers=2`.
    pub parameters: String,
}

/// An array task that is at work.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// The node.
    pub node: String,
    /// The array's job, and the task's number in it.
    pub job: (u64, u32),
    /// Its slices, as ranges.
    pub slices: String,
    /// Runs of them that have ended, of all.
    pub ended: (u64, u64),
    /// When it began, in seconds since the Unix epoch.
    pub since: f64,
    /// How often Slurm had started it before.
    pub restarts: u32,
    /// Whether its memory came close to what it has.
    pub is_full: bool,
}

/// What is known beside the results.
#[derive(Debug, Clone, Copy, Default)]
pub struct Around<'a> {
    /// The condition for the runs that are shown: parameters, `seed`, `fold` and `state`.
    pub filter: Option<&'a Condition>,
    /// Whether a process works on it, or may: it can't always be told from here.
    pub is_claimed: bool,
    /// Whether the queue trains runs again that have ended.
    pub tries_again: bool,
    /// Whether it was ever submitted to Slurm.
    pub on_slurm: bool,
    /// When Slurm said what is in its queue, in seconds since the Unix epoch.
    pub asked: Option<f64>,
    /// What was in the way of a whole look.
    pub trouble: Option<&'a str>,
}

impl Live {
    /// Whether it is over: nothing will change unless somebody does something.
    #[must_use]
    pub fn is_over(&self) -> bool {
        !self.is_busy && self.status.counts.get(State::Running) == 0
    }

    /// Whether all of it has ended, but for what was left out.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let counts = &self.status.counts;
        counts.ended() + counts.get(State::LeftOut) == counts.total()
    }
}

impl Subject<'_> {
    /// What a look at it at `now` (seconds since the Unix epoch) shows, and what is new to one who
    /// has seen that much.
    #[must_use]
    pub fn live(&self, now: f64, around: &Around<'_>, seen: &mut Seen) -> (Live, Vec<News>) {
        let facts = self.facts(&[]);
        let admits = |fact: &Fact<'_>| {
            around.filter.is_none_or(|filter| self.admits(filter, fact.index, fact.state))
        };
        let admitted: Vec<Fact<'_>> = facts.iter().filter(|f| admits(f)).cloned().collect();
        let shown: HashSet<u64> = admitted.iter().map(|fact| fact.index).collect();
        let news = seen.news(self, &facts, now);
        let status = self.status_of(facts, now);
        let board = self.with_those(admitted, board);
        let rate = Rate::of(&mut self.spans(), now);
        let course = Course::of(self.ends(|index| shown.contains(&index)), status.aim.maximize);
        let mut at_work: Vec<AtWork> = status
            .running
            .iter()
            .filter(|run| shown.contains(&run.index))
            .filter_map(|run| self.at_work(run.index))
            .collect();
        at_work.truncate(AT_WORK);
        // The answer is old: it has tasks also where nothing is left for them.
        let counts = &status.counts;
        let is_open = counts.ended() + counts.get(State::LeftOut) < counts.total();
        let queue = !status.arrays.is_empty() && (is_open || around.tries_again);
        let live = Live {
            at: now,
            at_work,
            board,
            course,
            rate,
            tasks: self.tasks(),
            is_busy: around.is_claimed || queue,
            on_slurm: around.on_slurm,
            asked: around.asked,
            trouble: around.trouble.map(str::to_owned),
            status,
        };
        (live, news)
    }

    /// Whether a condition over parameters, `seed`, `fold` and `state` holds for a run.
    fn admits(&self, filter: &Condition, index: u64, state: State) -> bool {
        let beside = |path: &str| (path == "state").then(|| Value::Text(state.word().to_owned()));
        orders::matches_with(self.spec, filter, index, beside)
    }

    /// When each of these runs ended, and its objective where it is done and has one.
    fn ends(&self, wanted: impl Fn(u64) -> bool) -> Vec<(f64, Option<f64>)> {
        let aim = self.results.names.id(&self.spec.objective.metric);
        let ends = self.results.runs.iter().filter(|(index, _)| wanted(**index));
        ends.filter_map(|(_, run)| run.end.as_ref())
            .map(|end| {
                let done = aim.filter(|_| end.outcome == Outcome::Done);
                let value = done.and_then(|id| collect::objective(end, id, &self.spec.objective));
                (end.time, value)
            })
            .collect()
    }

    /// When each run that was trained here began, about, and ended. Those that were trained together
    /// have each a part of the seconds.
    fn spans(&self) -> Vec<(f64, f64)> {
        let ends = self.results.runs.values().filter_map(|run| run.end.as_ref());
        ends.filter(|end| end.from.is_none())
            .map(|end| (end.time - end.seconds * f64::from(end.cohort.unwrap_or(1)), end.time))
            .collect()
    }

    fn at_work(&self, index: u64) -> Option<AtWork> {
        let (point, seed, fold) = self.spec.place(index)?;
        let last = self.results.runs.get(&index)?.last.as_ref()?;
        let head = self.results.segments.get(&last.at.segment()).and_then(|s| s.head.as_deref());
        let node = head.map(|head| head.node.as_deref().unwrap_or(&head.host));
        let epoch = match last.what {
            LastEvent::Checkpoint { epoch, .. } => Some(epoch),
            _ => None,
        };
        let fold = fold.map(|fold| fold.number);
        let (trial, parameters) = (self.trial_name(point), self.parameters(point));
        let node = clean(node.unwrap_or("-")).into_owned();
        Some(AtWork { index, trial, seed, fold, node, heard: last.time, epoch, parameters })
    }

    /// A trial by the eight digits that people see.
    fn trial_name(&self, point: u64) -> String {
        let work = self.spec.space.work(point);
        work.map_or_else(String::new, |work| crate::trial::TrialId::of(&work).short())
    }

    /// What a point is: `lr=0.01 layers=2`.
    fn parameters(&self, point: u64) -> String {
        let values = self.spec.space.values(point).unwrap_or_default();
        words(self.spec.space.paths(), &values)
    }

    /// Array tasks at work, by node.
    fn tasks(&self) -> Vec<Task> {
        let mut ended: HashMap<u32, u64> = HashMap::new();
        for end in self.results.runs.values().filter_map(|run| run.end.as_ref()) {
            *ended.entry(end.at.slice).or_default() += u64::from(end.at.attempt > 0);
        }
        let at_work = |start: &&TaskStart| {
            let slices = ranges::read(&start.begin.slices).unwrap_or_default();
            start.end.is_none() && slices.iter().any(|s| (self.liveness)(*s) == Liveness::Alive)
        };
        let task = |start: &TaskStart| {
            let begin = &start.begin;
            let slices = ranges::read(&begin.slices).unwrap_or_default();
            let runs = |s: &u32| self.slices.get(*s as usize).map_or(0, |slice| slice.runs);
            Task {
                node: clean(&begin.node).into_owned(),
                job: (begin.array, begin.task),
                slices: begin.slices.clone(),
                ended: (
                    slices.iter().filter_map(|s| ended.get(s)).sum(),
                    slices.iter().map(runs).sum(),
                ),
                since: begin.time,
                restarts: begin.restarts,
                is_full: start.full.is_some(),
            }
        };
        let mut newest: HashMap<(u64, u32), &TaskStart> = HashMap::new();
        for start in self.starts().all().iter().filter(at_work) {
            newest.insert((start.begin.array, start.begin.task), start);
        }
        let mut tasks: Vec<Task> = newest.into_values().map(task).collect();
        tasks.sort_by(|a, b| a.node.cmp(&b.node).then(a.job.cmp(&b.job)));
        tasks
    }
}

/// Parameters with their values in a line, by the ends of their paths that tell them apart:
/// `lr=0.01 layers=2`.
#[must_use]
pub fn words(paths: &[String], values: &[Option<Value>]) -> String {
    let pairs = paths.iter().zip(values).filter(|(_, value)| value.is_some());
    let pairs = pairs.map(|(path, value)| {
        format!("{}={}", clean(short(path, paths)), parameter(value.as_ref()))
    });
    pairs.collect::<Vec<_>>().join(" ")
}

fn board(source: &Source<'_>) -> Vec<Row> {
    let plan = Plan::all(Query { top: Some(BOARD), ..Query::default() });
    super::build(source, &plan).map_or_else(|_| Vec::new(), |report| report.rows)
}

#[cfg(test)]
mod tests;
