//! Takes a sweep's jobs out of the queue.
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use super::call::Slurm;
use super::error::SlurmError;
use super::ledger::{self, Entry, Kind, Ledger, Readable};
use super::parse::{JobState, Known, Phase, Row};
use super::state;
use crate::host;
use crate::store::StoreError;
use crate::store::layout::SweepDir;
use crate::store::manifest::Manifest;

/// Looks at the queue at most, and time between two of them: what is cancelled may submit still.
const ROUNDS: u32 = 5;
const BETWEEN_ROUNDS: Duration = Duration::from_millis(500);

/// A job that is, or can be, one of the sweep's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found<'a> {
    /// The array.
    pub array: u64,
    /// Its name.
    pub name: &'a str,
    /// What it is for; nothing where its intent can't be read.
    pub kind: Option<Kind>,
    /// Whether it is certain, and is cancelled. Where its intent can't be read, another sweep of the
    /// same spec can have such a name.
    pub is_certain: bool,
}

/// Cancels all jobs of a sweep that Slurm has in its queue, those included that a doubtful
/// submission left; `tell` hears of each one, once. Whether none can follow: false where a submission
/// that is under way did not end meanwhile.
///
/// # Errors
/// If Slurm does not answer or refuses, or the sweep directory can't be read.
pub fn clear(
    dir: &SweepDir,
    slurm: &Slurm,
    tell: &mut dyn FnMut(Found<'_>),
) -> Result<bool, SlurmError> {
    rounds(dir, slurm, tell)
}

/// What is asked of Slurm here.
trait Queue {
    fn rows(&self) -> Result<Vec<Row>, SlurmError>;
    fn cancel(&self, array: u64, name: &str) -> Result<(), SlurmError>;
}

impl Queue for Slurm {
    fn rows(&self) -> Result<Vec<Row>, SlurmError> {
        self.queue()
    }

    fn cancel(&self, array: u64, name: &str) -> Result<(), SlurmError> {
        Slurm::cancel(self, array, name)
    }
}

/// Looks, and cancels, until what is found is all that there will be.
fn rounds(
    dir: &SweepDir,
    queue: &dyn Queue,
    tell: &mut dyn FnMut(Found<'_>),
) -> Result<bool, SlurmError> {
    let mut before = Intents::read(dir)?;
    if before.last == 0 {
        return Ok(true);
    }
    let mut known = HashSet::new();
    for round in 0..ROUNDS {
        if round > 0 {
            host::sleep(BETWEEN_ROUNDS);
        }
        // The intents come second: each is durable before its job is asked for, so that all that the
        // queue shows is known.
        let rows = queue.rows()?;
        let intents = Intents::read(dir)?;
        let mut cancels = false;
        for (found, row) in intents.find(&rows) {
            let is_new = known.insert(found.array);
            if found.is_certain && (is_new || is_back(row)) {
                queue.cancel(found.array, found.name)?;
                cancels = true;
            }
            if is_new {
                tell(found);
            }
        }
        if !cancels && before.was_all(&intents) {
            return Ok(true);
        }
        before = intents;
    }
    Ok(false)
}

/// Whether a job that was cancelled waits or runs all the same: it was put back at that moment.
fn is_back(row: &Row) -> bool {
    row.state.phase() == Some(Phase::Queued) || row.state == JobState::Known(Known::Running)
}

/// The intents of a sweep, as far as they can be read.
struct Intents {
    ledger: Ledger,
    /// Numbers of those that can't be, each with its job where that is known.
    lost: BTreeMap<u32, Option<u64>>,
    /// The sweep's id, where some can't be.
    sweep: String,
    /// The number of the last; 0 where there is none.
    last: u32,
    is_under_way: bool,
}

impl Intents {
    fn read(dir: &SweepDir) -> Result<Self, SlurmError> {
        let Readable { ledger, lost, errors } = Readable::of(dir);
        // A damaged file stays so.
        let is_malformed = |error: &StoreError| matches!(error, StoreError::Malformed { .. });
        if let Some(error) = errors.into_iter().find(|error| !is_malformed(error)) {
            return Err(error.into());
        }
        let sweep = if lost.is_empty() { String::new() } else { Manifest::read(dir)?.id };
        let last = lost.keys().copied().max().unwrap_or(0).max(ledger.last());
        let is_under_way = !ledger.under_way(host::now()).is_empty();
        Ok(Self { ledger, lost, sweep, last, is_under_way })
    }

    /// Whether all jobs of these later ones had been asked for when these were read.
    const fn was_all(&self, later: &Self) -> bool {
        !self.is_under_way && self.last == later.last
    }

    /// The jobs that are, or can be, the sweep's, each with one of its rows, in the order in which they
    /// are to be cancelled. Where one task of an array is back, its row is that.
    fn find<'r>(&'r self, rows: &'r [Row]) -> Vec<(Found<'r>, &'r Row)> {
        let of_intent = |(kind, row): (Kind, &'r Row)| {
            let (array, name) = (row.array, row.name.as_str());
            (Found { array, name, kind: Some(kind), is_certain: true }, row)
        };
        let of_lost = |row: &'r Row| {
            let (array, name) = (row.array, row.name.as_str());
            let is_certain = self.lost.values().any(|job| *job == Some(array));
            (Found { array, name, kind: None, is_certain }, row)
        };
        let intents = of_intents(&self.ledger, rows).into_iter().map(of_intent);
        intents
            .chain(of_lost_intents(&self.lost, &self.sweep, rows).into_iter().map(of_lost))
            .collect()
    }
}

/// A row of each array of these intents that is in the queue, and what it is for.
fn of_intents<'r>(ledger: &Ledger, rows: &'r [Row]) -> Vec<(Kind, &'r Row)> {
    let mut all = Vec::new();
    for entry in in_order(&ledger.entries) {
        let is_its = |row: &&Row| row.name == entry.intent.token;
        let arrays = one_each(rows.iter().filter(is_its));
        all.extend(arrays.into_iter().map(|row| (entry.intent.kind, row)));
    }
    all
}

/// A row of each array that can be one of these intents that can't be read.
fn of_lost_intents<'r>(
    lost: &BTreeMap<u32, Option<u64>>,
    sweep: &str,
    rows: &'r [Row],
) -> Vec<&'r Row> {
    let begins = |(number, job): (&u32, &Option<u64>)| (ledger::token(sweep, *number, ""), *job);
    let begins: Vec<_> = lost.iter().map(begins).collect();
    one_each(rows.iter().filter(|row| {
        let is_it = |(begin, job): &(String, Option<u64>)| {
            row.name.starts_with(begin) && job.is_none_or(|job| job == row.array)
        };
        begins.iter().any(is_it)
    }))
}

/// A row of each array that is in the queue; one that waits or runs before one that ends.
fn one_each<'r>(rows: impl Iterator<Item = &'r Row>) -> Vec<&'r Row> {
    let mut rows: Vec<&Row> = rows.filter(|row| state::is_alive(&row.state)).collect();
    rows.sort_by_key(|row| (row.array, !is_back(row)));
    rows.dedup_by_key(|row| row.array);
    rows
}

/// Arrays that train come last: the end of one lets start what waits for it, such as the job that
/// submits more.
fn in_order(entries: &[Entry]) -> Vec<&Entry> {
    let mut order: Vec<&Entry> = entries.iter().collect();
    order.sort_by_key(|entry| match entry.intent.kind {
        Kind::TopUp => 0,
        Kind::Canary | Kind::Report => 1,
        Kind::Runs => 2,
    });
    order
}

#[cfg(test)]
#[path = "cancel/tests.rs"]
mod tests;
