//! Brings earlier submissions to their end: what was cut short is adopted where Slurm has it, and
//! void where not; a job that is no intent's is cancelled.
use std::time::Duration;

use super::call::Slurm;
use super::error::SlurmError;
use super::ledger::{self, Entry, Fate, Intent, Ledger};
use super::parse::Row;
use super::state::{self, Standing};
use crate::host;
use crate::store::layout::SweepDir;

/// Looks for a job that may still be on its way, and time between two of them.
const LOOKS: u32 = 2;
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);
/// A job that was asked for so long ago is no longer on its way, in seconds.
const ARRIVED: f64 = 60.0;

/// What earlier submissions came to.
#[derive(Debug)]
pub struct Settled {
    /// The last intent that this speaks of.
    pub known: u32,
    /// Where all slices stand.
    pub standing: Standing,
    /// Arrays that an interrupted submission had left, and that were let go now.
    pub adopted: Vec<u64>,
    /// Jobs that it had left and that were cancelled now.
    pub cancelled: Vec<u64>,
}

/// That a job was cancelled that is no intent's, in words.
#[must_use]
pub fn cancelled(job: u64) -> String {
    format!("cancelled job {job}, which an interrupted submission had left")
}

/// Settles everything that was begun.
///
/// # Errors
/// If Slurm does not answer, or the sweep directory can't be read or written.
pub fn settle(dir: &SweepDir, slurm: &Slurm) -> Result<Settled, SlurmError> {
    let mut ledger = Ledger::read(dir)?;
    // Read before the queue is asked: what was decided by then is in the answer.
    let mut rows = slurm.queue()?;
    for entry in &mut ledger.entries {
        if entry.fate.is_none() && !entry.is_under_way(host::now()) {
            entry.fate = Some(resolve(dir, slurm, &entry.intent, &mut rows)?);
        }
    }
    let (mut adopted, mut cancelled) = (Vec::new(), Vec::new());
    for entry in &mut ledger.entries {
        cancelled.extend(cancel_doubles(slurm, entry, &rows)?);
        adopted.extend(let_go(dir, slurm, entry, &rows)?);
    }
    if !adopted.is_empty() || !cancelled.is_empty() {
        rows = slurm.queue()?;
    }
    let standing = Standing::of(&ledger, &rows, host::now());
    Ok(Settled { known: ledger.last(), standing, adopted, cancelled })
}

/// Decides the fate of an intent whose submitter is gone.
fn resolve(
    dir: &SweepDir,
    slurm: &Slurm,
    intent: &Intent,
    rows: &mut Vec<Row>,
) -> Result<Fate, SlurmError> {
    let mut looks = if host::now() - intent.by.time < ARRIVED { LOOKS } else { 0 };
    let mut found = state::arrays_named(rows, &intent.token);
    while found.is_empty() && looks > 0 {
        host::sleep(BETWEEN_LOOKS);
        *rows = slurm.queue()?;
        found = state::arrays_named(rows, &intent.token);
        looks -= 1;
    }
    let fate = ledger::decide(dir, intent.number, fate(&found))?;
    // Its submitter was not gone after all, and has just decided: its job came after the look.
    if matches!(fate, Fate::Job(job) if !found.contains(&job)) {
        *rows = slurm.queue()?;
    }
    Ok(fate)
}

/// The fate of an intent whose submitter is gone, by the jobs that Slurm has under its token.
pub(crate) fn fate(found: &[u64]) -> Fate {
    match found.first() {
        Some(job) => Fate::Job(*job),
        None => Fate::Void("its submission was interrupted before Slurm had it".into()),
    }
}

/// Cancels jobs of this name that are not the intent's.
pub(super) fn cancel_doubles(
    slurm: &Slurm,
    entry: &Entry,
    rows: &[Row],
) -> Result<Vec<u64>, SlurmError> {
    if entry.fate.is_none() {
        return Ok(Vec::new());
    }
    let alive = |row: &&Row| row.name == entry.intent.token && state::is_alive(&row.state);
    let mut doubles: Vec<u64> = rows.iter().filter(alive).map(|row| row.array).collect();
    doubles.retain(|array| Some(*array) != entry.job());
    doubles.sort_unstable();
    doubles.dedup();
    for array in &doubles {
        slurm.cancel(*array, &entry.intent.token)?;
    }
    Ok(doubles)
}

/// Lets a job go that is held: since its submission was interrupted, or since slurmctld lost what
/// it had not yet saved when it was killed, and with it that the job had been let go.
fn let_go(
    dir: &SweepDir,
    slurm: &Slurm,
    entry: &mut Entry,
    rows: &[Row],
) -> Result<Option<u64>, SlurmError> {
    let Some(job) = entry.job() else { return Ok(None) };
    let is_its = |row: &&Row| row.array == job && row.name == entry.intent.token;
    let is_left = |row: &Row| match entry.released {
        true => state::is_held(row),
        false => state::is_alive(&row.state),
    };
    let there = rows.iter().filter(is_its).any(is_left);
    if there {
        slurm.release(job)?;
    }
    if !entry.released {
        ledger::mark_released(dir, entry.intent.number)?;
        entry.released = true;
    }
    Ok(there.then_some(job))
}
