//! Why a run was lost: judged from what its task wrote of itself and from what Slurm says.
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use crate::exec::slurm::ranges;
use crate::store::tasks::{Begin, Cause, Died, TaskEnd, TaskStart};
use crate::text::{duration, memory};

/// The last attempt at a run that was lost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Attempt {
    /// The slice.
    pub slice: u32,
    /// The intent whose array the attempt worked for, if its segment says.
    pub intent: Option<u32>,
    /// When the last was heard of the run, in seconds since the Unix epoch.
    pub time: f64,
}

/// What became of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate<'s> {
    /// In words; the node is not among them, so that runs of several nodes share them.
    pub words: Cow<'static, str>,
    /// What kind of cause that is; nothing where nobody knows.
    pub cause: Option<Cause>,
    /// The node where it happened, if a task says.
    pub node: Option<&'s str>,
}

/// Starts of tasks, to be asked by slice.
#[derive(Debug, Clone, Default)]
pub struct Starts {
    all: Vec<TaskStart>,
    by_slice: HashMap<u32, Vec<usize>>,
}

/// Starts of tasks that are read when they are first asked for.
pub type LazyStarts = LazyLock<Starts, Box<dyn FnOnce() -> Starts + Send>>;

/// No start of any task.
pub static NO_STARTS: LazyLock<Starts> = LazyLock::new(Starts::default);

impl Starts {
    /// These starts, in the order of [`crate::store::tasks::read_all`].
    #[must_use]
    pub fn new(all: Vec<TaskStart>) -> Self {
        let mut by_slice: HashMap<u32, Vec<usize>> = HashMap::new();
        for (place, start) in all.iter().enumerate() {
            for slice in ranges::read(&start.begin.slices).unwrap_or_default() {
                by_slice.entry(slice).or_default().push(place);
            }
        }
        Self { all, by_slice }
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[TaskStart] {
        &self.all
    }

    /// Those that had a slice, the newest last.
    pub fn with(&self, slice: u32) -> impl DoubleEndedIterator<Item = &TaskStart> {
        let places = self.by_slice.get(&slice).map_or(&[][..], Vec::as_slice);
        places.iter().filter_map(|place| self.all.get(*place))
    }
}

/// A clock reads the same twice, and lines are written one after the other: what came first may
/// bear a time that is later by this, in seconds.
const SLACK: f64 = 1.0;

/// Why an attempt ended without a word. What its worker's death says wins over what its task
/// says of its end; `slurm`, the state of the newest task in Slurm's word (`TIMEOUT`), speaks
/// where the task was killed before it could say anything. Nothing where nobody knows more.
#[must_use]
pub fn of<'s>(attempt: &Attempt, starts: &'s Starts, slurm: Option<&str>) -> Option<Fate<'s>> {
    let Some(start) = start_of(attempt, starts) else {
        return slurm.and_then(|state| by_slurm(state, &Begin::default()));
    };
    let begin = &start.begin;
    let node = (!begin.node.is_empty()).then_some(begin.node.as_str());
    let told = |cause| Fate { words: words(cause, begin), cause: Some(cause), node };
    // The state that Slurm tells is that of the newest start.
    let newest = starts.with(attempt.slice).next_back() == Some(start);
    let requeued = start.end.as_ref().is_some_and(|end| end.requeued);
    let slurm = slurm.filter(|_| newest && (start.end.is_none() || requeued));
    let said = || Some(Fate { node, ..by_slurm(slurm?, begin)? });
    let ended = start.end.as_ref().and_then(TaskEnd::last_cause).map(told);
    let died = death(attempt, start).map(|died| told(died.cause));
    match died {
        // A kill says less than what killed the whole task.
        Some(died) if died.cause == Some(Cause::Killed) => ended.or_else(said).or(Some(died)),
        Some(died) => Some(died),
        None if requeued => said().or_else(|| {
            let words = "its task put itself back into the queue when its time was over".into();
            Some(Fate { words, cause: None, node })
        }),
        None if start.end.is_some() => ended,
        None => {
            let full = || start.full.as_ref().map(|_| told(Cause::Memory));
            let sure = said().filter(|fate| fate.cause.is_some());
            sure.or_else(full).or_else(said).or_else(|| {
                let words =
                    "its task was killed with all its processes: nothing says by whom".into();
                Some(Fate { words, cause: Some(Cause::Killed), node })
            })
        }
    }
}

/// Why a start of a task did not do all of its work on a slice, as far as it wrote that itself.
#[must_use]
pub fn of_start(slice: u32, start: &TaskStart) -> Option<Cause> {
    let died = start.died.iter().find(|died| died.slice == slice).map(|died| died.cause);
    let full = || start.full.as_ref().map(|_| Cause::Memory);
    died.or_else(|| start.end.as_ref().map_or_else(full, TaskEnd::last_cause))
}

/// Why the newest task of a slice ended before its work was done; `slurm` as in [`of`].
#[must_use]
pub fn of_slice(slice: u32, starts: &Starts, slurm: Option<&str>) -> Option<Cause> {
    let newest = starts.with(slice).next_back();
    let time = newest.map_or(0.0, |start| start.begin.time);
    of(&Attempt { slice, intent: None, time }, starts, slurm)?.cause
}

/// The start that made the attempt: the newest with its slice that had begun by then.
fn start_of<'s>(attempt: &Attempt, starts: &'s Starts) -> Option<&'s TaskStart> {
    let of_array = |start: &TaskStart| attempt.intent.is_none_or(|i| i == start.begin.intent);
    let had_begun = |start: &TaskStart| start.begin.time <= attempt.time + SLACK;
    starts.with(attempt.slice).rfind(|start| of_array(start) && had_begun(start))
}

/// The first death of a worker over the slice after the run was last heard of.
fn death<'s>(attempt: &Attempt, start: &'s TaskStart) -> Option<&'s Died> {
    let its = |died: &&Died| died.slice == attempt.slice && died.time + SLACK >= attempt.time;
    start.died.iter().find(its)
}

/// What a state of Slurm says of the end of a task; nothing for one that says nothing.
fn by_slurm(state: &str, begin: &Begin) -> Option<Fate<'static>> {
    let cause = match state {
        "OUT_OF_MEMORY" => Cause::Memory,
        "TIMEOUT" | "DEADLINE" => Cause::Time,
        "PREEMPTED" => Cause::Preempted,
        "NODE_FAIL" | "BOOT_FAIL" => Cause::Node,
        "CANCELLED" => Cause::Cancelled,
        "FAILED" => {
            let words = "its task failed (FAILED): its log says more".into();
            return Some(Fate { words, cause: None, node: None });
        }
        _ => return None,
    };
    let words = format!("{} ({state})", words(cause, begin)).into();
    Some(Fate { words, cause: Some(cause), node: None })
}

/// What stands before that which a task had, in words of a fate.
pub(super) const GRANT: &str = ": its task had ";

fn words(cause: Cause, begin: &Begin) -> Cow<'static, str> {
    let granted = &begin.granted;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let float = |n: u64| n as f64;
    match cause {
        Cause::Memory => granted.memory_mib.map_or_else(
            || "out of memory".into(),
            |mib| format!("out of memory{GRANT}{}", memory(float(mib))).into(),
        ),
        Cause::Time => granted.seconds.map_or_else(
            || "the time limit came before it ended".into(),
            |s| {
                let had = duration(float(s));
                format!("the time limit came before it ended{GRANT}{had}").into()
            },
        ),
        Cause::Preempted => "its task had to make room for another job".into(),
        Cause::Node => "the node of its task failed".into(),
        Cause::Cancelled => "its task was cancelled".into(),
        Cause::Asked => "its task was asked to stop: cancelled, preempted or put back".into(),
        Cause::Killed => "its worker was killed, or died by itself".into(),
        Cause::Unusable => {
            "its task could not work on that node: something is missing there".into()
        }
    }
}

/// The word for a kind of cause, in JSON.
#[must_use]
pub const fn word(cause: Cause) -> &'static str {
    match cause {
        Cause::Memory => "memory",
        Cause::Time => "time",
        Cause::Preempted => "preempted",
        Cause::Node => "node",
        Cause::Cancelled => "cancelled",
        Cause::Asked => "asked",
        Cause::Killed => "killed",
        Cause::Unusable => "unusable",
    }
}

/// How tasks with this cause ended, after their number: `3 out of memory`.
#[must_use]
pub const fn ending(cause: Cause) -> &'static str {
    match cause {
        Cause::Memory => "out of memory",
        Cause::Time => "stopped by the time limit",
        Cause::Preempted => "preempted",
        Cause::Node => "lost with their node",
        Cause::Cancelled => "cancelled",
        Cause::Asked => "asked to stop",
        Cause::Killed => "killed",
        Cause::Unusable => "on a node that is unusable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tasks::{Granted, Used};

    fn start(task: u32, slices: &str, time: f64) -> TaskStart {
        let granted = Granted { memory_mib: Some(4096), seconds: Some(1800), ..Granted::default() };
        let begin = Begin {
            intent: 1,
            task,
            node: format!("n{task}"),
            slices: slices.into(),
            granted,
            time,
            ..Begin::default()
        };
        TaskStart { begin, died: vec![], full: None, end: None }
    }

    fn died(mut start: TaskStart, slice: u32, cause: Cause, time: f64) -> TaskStart {
        start.died.push(Died { slice, how: "signal 9".into(), cause, time });
        start
    }

    fn ended(mut start: TaskStart, cause: Option<Cause>) -> TaskStart {
        let used = Used::default();
        start.end = Some(TaskEnd {
            cause,
            requeued: false,
            why: None,
            ends: 0,
            failed: 0,
            used,
            time: 9e3,
        });
        start
    }

    fn requeued(mut start: TaskStart) -> TaskStart {
        start = ended(start, Some(Cause::Time));
        start.end.as_mut().expect("it has ended").requeued = true;
        start
    }

    #[test]
    fn a_task_that_put_itself_back_leaves_the_word_to_slurm() {
        let back = || requeued(start(3, "5-8", 100.0));
        let attempt = Attempt { slice: 6, intent: Some(1), time: 150.0 };
        let cause = |starts: Vec<TaskStart>, slurm| {
            of(&attempt, &Starts::new(starts), slurm).expect("something").cause
        };
        for (what, starts, slurm, expected) in [
            ("cancelled while it waited", vec![back()], Some("CANCELLED"), Some(Cause::Cancelled)),
            ("killed before a word", vec![back()], Some("TIMEOUT"), Some(Cause::Time)),
            ("Slurm has forgotten it", vec![back()], None, None),
            (
                "a worker that was killed",
                vec![requeued(died(start(3, "5-8", 100.0), 6, Cause::Memory, 160.0))],
                Some("CANCELLED"),
                Some(Cause::Memory),
            ),
            ("of another start", vec![back(), start(3, "6", 300.0)], Some("CANCELLED"), None),
        ] {
            assert_eq!(cause(starts, slurm), expected, "{what}");
        }
        assert_eq!(of_slice(6, &Starts::new(vec![back()]), None), None);
        assert_eq!(of_start(6, &back()), None);
        assert_eq!(of_start(6, &ended(back(), Some(Cause::Time))), Some(Cause::Time));
    }

    #[test]
    fn the_task_says_why_before_slurm_does() {
        use Cause::{Asked, Cancelled, Killed, Memory, Time, Unusable};
        let one = || start(3, "5-8", 100.0);
        let memory = Some((Some(Memory), "out of memory: its task had 4 G", Some("n3")));
        let time = "the time limit came before it ended: its task had 30m 00s";
        let slurm_time = format!("{time} (TIMEOUT)");
        let silent = "its task was killed with all its processes: nothing says by whom";
        let failed = "its task failed (FAILED): its log says more";
        for (what, starts, slurm, expected) in [
            ("nobody knows", vec![], None, None),
            (
                "only Slurm",
                vec![],
                Some("CANCELLED"),
                Some((Some(Cancelled), "its task was cancelled (CANCELLED)", None)),
            ),
            ("Slurm knows nothing", vec![], Some("COMPLETED"), None),
            ("Slurm points at the log", vec![], Some("FAILED"), Some((None, failed, None))),
            ("a death", vec![died(one(), 6, Memory, 160.0)], None, memory),
            (
                "a death wins over the task",
                vec![ended(died(one(), 6, Memory, 160.0), Some(Time))],
                Some("TIMEOUT"),
                memory,
            ),
            (
                "a death of another slice",
                vec![ended(died(one(), 7, Memory, 160.0), Some(Time))],
                None,
                Some((Some(Time), time, Some("n3"))),
            ),
            (
                "a death before the run",
                vec![ended(died(one(), 6, Memory, 120.0), Some(Asked))],
                None,
                Some((
                    Some(Asked),
                    "its task was asked to stop: cancelled, preempted or put back",
                    Some("n3"),
                )),
            ),
            (
                "what killed the task says more than the kill",
                vec![ended(died(one(), 6, Killed, 160.0), Some(Memory))],
                None,
                memory,
            ),
            (
                "a kill",
                vec![ended(died(one(), 6, Killed, 160.0), None)],
                Some("COMPLETED"),
                Some((Some(Killed), "its worker was killed, or died by itself", Some("n3"))),
            ),
            (
                "no last line, and Slurm knows",
                vec![one()],
                Some("TIMEOUT"),
                Some((Some(Time), slurm_time.as_str(), Some("n3"))),
            ),
            (
                "no last line, and nobody knows",
                vec![one()],
                None,
                Some((Some(Killed), silent, Some("n3"))),
            ),
            ("all was done, they say", vec![ended(one(), None)], Some("COMPLETED"), None),
            (
                "unusable",
                vec![ended(one(), Some(Unusable))],
                None,
                Some((
                    Some(Unusable),
                    "its task could not work on that node: something is missing there",
                    Some("n3"),
                )),
            ),
            (
                "the attempt's start, not a later one, of which Slurm speaks",
                vec![one(), start(4, "6", 300.0)],
                Some("TIMEOUT"),
                Some((Some(Killed), silent, Some("n3"))),
            ),
            ("a start with other slices", vec![start(1, "0-4", 0.0)], None, None),
        ] {
            let attempt = Attempt { slice: 6, intent: Some(1), time: 150.0 };
            let starts = Starts::new(starts);
            let fate = of(&attempt, &starts, slurm);
            let told = fate.as_ref().map(|f| (f.cause, &*f.words, f.node));
            assert_eq!(told, expected, "{what}");
        }
        let of_another = Attempt { slice: 6, intent: Some(2), time: 150.0 };
        assert_eq!(of(&of_another, &Starts::new(vec![one()]), None), None);
    }
}
