//! From the intents of a sweep and the queue to where each slice stands.
mod newer;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::lanes::Live;
use super::ledger::{Entry, Fate, Intent, Kind, Ledger};
use super::parse::{self, JobState, Phase, Row};
use super::ranges;
use crate::judge::Liveness;
use crate::mutant::{self, Mutant};
pub use newer::newer;

/// Where a slice stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A task for it waits, for this reason (Slurm's word).
    Waiting(String),
    /// A task works on it.
    Running,
    /// Its task is just ending: it was cancelled, or is done, and Slurm clears up after it.
    Ending,
    /// Its task is over, in this state (Slurm's word).
    Over(String),
    /// Its task is in a state that dlgrid does not know.
    Unknown(String),
    /// Slurm no longer knows its task, or never did.
    Gone,
}

impl Place {
    /// Whether a task will work on it without anyone doing more.
    #[must_use]
    pub const fn is_in_queue(&self) -> bool {
        matches!(self, Self::Waiting(_) | Self::Running | Self::Ending | Self::Unknown(_))
    }

    const fn liveness(&self) -> Liveness {
        match self {
            Self::Waiting(_) => Liveness::Queued,
            Self::Running | Self::Ending => Liveness::Alive,
            Self::Unknown(_) => Liveness::Unknown,
            Self::Over(_) | Self::Gone => Liveness::Gone,
        }
    }
}

/// How a task waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wait {
    /// Its array; nothing while that is only asked for.
    pub array: Option<u64>,
    /// Whether it is held, and starts only once somebody lets it go.
    pub is_held: bool,
}

/// An array that has tasks in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Array {
    /// Its job.
    pub job: u64,
    /// What it is for.
    pub kind: Kind,
    /// Its token.
    pub token: String,
    /// Tasks that wait.
    pub waiting: u64,
    /// Tasks that have a node.
    pub running: u64,
    /// Why those that wait do, in Slurm's words.
    pub reasons: Vec<String>,
    /// Whether some of those that wait are held: they start only once somebody lets them go.
    pub held: bool,
    /// When Slurm thinks that one starts, in its form; nothing if that is a year away.
    pub start: Option<String>,
}

/// Where all slices of a sweep stand.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Standing {
    slices: HashMap<u32, Place>,
    /// The array whose task for it is in the queue.
    arrays_of: HashMap<u32, u64>,
    /// Arrays with tasks in the queue, in order.
    pub arrays: Vec<Array>,
    /// What shares `max_running`.
    pub live: Vec<Live>,
}

impl Standing {
    /// Where the slices of these intents stand, by these rows of the queue, at `now` (seconds
    /// since the Unix epoch). A row counts only if it has both the number and the token.
    #[must_use]
    pub fn of(ledger: &Ledger, rows: &[Row], now: f64) -> Self {
        Self::beside(ledger, rows, now, &ledger.under_way(now))
    }

    /// The same, where these intents were under way before the queue was asked: an array that one
    /// of them has asked for since then is not in the answer, although by now it may be over.
    #[must_use]
    pub fn beside(ledger: &Ledger, rows: &[Row], now: f64, under_way: &BTreeSet<u32>) -> Self {
        let mut by_token: HashMap<&str, Vec<&Row>> = HashMap::new();
        for row in rows {
            by_token.entry(row.name.as_str()).or_default().push(row);
        }
        let mut standing = Self::default();
        for entry in &ledger.entries {
            if mutant::is(Mutant::JobIdTrusted) {
                standing.add(entry, &rows.iter().collect::<Vec<_>>(), now, under_way);
                continue;
            }
            let rows = by_token.get(entry.intent.token.as_str()).map_or(&[][..], Vec::as_slice);
            standing.add(entry, rows, now, under_way);
        }
        standing
    }

    fn add(&mut self, entry: &Entry, rows: &[&Row], now: f64, under_way: &BTreeSet<u32>) {
        let slices = entry.slices();
        match &entry.fate {
            Some(Fate::Void(_)) => {}
            None => {
                // Held until its fate is written: the next submit takes it up where it was left.
                let is_under_way = under_way.contains(&entry.intent.number);
                if is_under_way || rows.iter().any(|r| is_alive(&r.state)) {
                    for slice in slices {
                        self.set(slice, Place::Waiting(HELD.into()));
                    }
                }
            }
            Some(Fate::Job(job)) => {
                let rows: Vec<&Row> = rows.iter().copied().filter(|r| r.array == *job).collect();
                let tasks = tasks(&rows);
                for (task, slices) in (0..).zip(slices.chunks(entry.intent.per_task.max(1))) {
                    let place = tasks.get(&task).map_or(Place::Gone, |row| place(row));
                    for slice in slices {
                        if place.is_in_queue() {
                            self.arrays_of.insert(*slice, *job);
                        }
                        self.set(*slice, place.clone());
                    }
                }
                self.arrays.extend(array(*job, &entry.intent, &tasks, now));
                let trains = entry.intent.kind == Kind::Runs;
                if trains && tasks.values().any(|row| is_alive(&row.state)) {
                    let (share, after) = (entry.intent.share, entry.intent.after);
                    self.live.push(Live { array: *job, share, after });
                }
            }
        }
    }

    /// A later array speaks for a slice, unless an earlier one still has it in the queue.
    fn set(&mut self, slice: u32, place: Place) {
        let kept = self.slices.get(&slice).is_some_and(Place::is_in_queue);
        if place.is_in_queue() || !kept {
            self.slices.insert(slice, place);
        }
    }

    /// Whether a job waits, or runs, that submits what is not in the queue.
    #[must_use]
    pub fn is_topped_up(&self) -> bool {
        self.arrays.iter().any(|array| array.kind == Kind::TopUp)
    }

    /// Where a slice stands.
    #[must_use]
    pub fn place(&self, slice: u32) -> &Place {
        self.slices.get(&slice).unwrap_or(&Place::Gone)
    }

    /// How the task for a slice waits, where one does.
    #[must_use]
    pub fn wait(&self, slice: u32) -> Option<Wait> {
        let Place::Waiting(reason) = self.place(slice) else { return None };
        let array = self.arrays_of.get(&slice).copied();
        Some(Wait { array, is_held: array.is_some() && parse::is_hold(reason) })
    }

    /// Whether a process works on a slice.
    #[must_use]
    pub fn liveness(&self, slice: u32) -> Liveness {
        self.place(slice).liveness()
    }

    /// The state in which the newest task of a slice is over, in Slurm's word, while Slurm
    /// remembers it.
    #[must_use]
    pub fn over(&self, slice: u32) -> Option<&str> {
        match self.place(slice) {
            Place::Over(word) => Some(word),
            _ => None,
        }
    }
}

/// Arrays in the queue, or over, that have this name, in order.
#[must_use]
pub fn arrays_named(rows: &[Row], token: &str) -> Vec<u64> {
    let mut found: Vec<u64> = rows.iter().filter(|r| r.name == token).map(|r| r.array).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Whether a job in this state is in the queue; one in an unknown state may be.
#[must_use]
pub fn is_alive(state: &JobState) -> bool {
    state.phase() != Some(Phase::Over)
}

/// Slurm's reason for a job that its user holds.
const HELD: &str = "JobHeldUser";

/// Whether a job waits only because its user holds it.
#[must_use]
pub fn is_held(row: &Row) -> bool {
    row.state.phase() == Some(Phase::Queued) && row.reason == HELD
}

/// The row of each task; one of its own wins over that of all that wait.
fn tasks<'r>(rows: &[&'r Row]) -> BTreeMap<u32, &'r Row> {
    let mut tasks = BTreeMap::new();
    let is_single = |row: &Row| row.tasks.bytes().all(|b| b.is_ascii_digit());
    for single in [false, true] {
        for row in rows.iter().copied().filter(|row| is_single(row) == single) {
            for task in ranges::read(&row.tasks).unwrap_or_default() {
                tasks.insert(task, row);
            }
        }
    }
    tasks
}

fn place(row: &Row) -> Place {
    let word = || row.state.word().to_owned();
    match row.state.phase() {
        Some(Phase::Queued) => Place::Waiting(row.reason.clone()),
        Some(Phase::Active) if row.state.word() == "COMPLETING" => Place::Ending,
        Some(Phase::Active) => Place::Running,
        Some(Phase::Over) => Place::Over(word()),
        None => Place::Unknown(word()),
    }
}

/// A start that Slurm expects later than this, in seconds, is none: it says so of what it can't
/// tell.
const TOO_FAR: f64 = 365.0 * 86_400.0;

fn array(job: u64, intent: &Intent, tasks: &BTreeMap<u32, &Row>, now: f64) -> Option<Array> {
    let waiting = |row: &&&Row| matches!(row.state.phase(), Some(Phase::Queued) | None);
    let mut reasons: Vec<String> =
        tasks.values().filter(waiting).map(|row| parse::reason(&row.reason, job)).collect();
    let count = reasons.len() as u64;
    reasons.sort_unstable();
    reasons.dedup();
    let held = tasks.values().filter(waiting).any(|row| parse::has_hold(&row.reason));
    let running =
        tasks.values().filter(|row| row.state.phase() == Some(Phase::Active)).count() as u64;
    let soon = |start: &String| parse::instant(start).is_none_or(|at| at - now < TOO_FAR);
    let starts = tasks.values().filter(waiting).filter_map(|row| row.start.clone());
    let start = starts.filter(soon).min();
    (count + running > 0).then(|| Array {
        job,
        kind: intent.kind,
        token: intent.token.clone(),
        waiting: count,
        running,
        reasons,
        held,
        start,
    })
}

#[cfg(test)]
#[path = "state/tests.rs"]
mod tests;
