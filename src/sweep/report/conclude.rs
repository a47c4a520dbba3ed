//! Who concludes a sweep: of the jobs that may do so, one that comes later, and where none came into
//! the queue, the task that has the last run.
use super::collect::Subject;
use super::keep::{self, Kept};
use super::{Query, ReportError, tested};
use crate::exec::slurm::call::Slurm;
use crate::exec::slurm::ledger::{Entry, Intent, Kind, Ledger};
use crate::exec::slurm::state::Standing;
use crate::host;
use crate::judge::Liveness;
use crate::store::layout::SweepDir;
use crate::store::{StoreError, read};
use crate::sweep::{Sweep, SweepError};

/// The job in the queue that concludes the sweep after that of this intent: what was submitted
/// later may train runs again that count as ended. A Slurm that does not answer has none.
///
/// # Errors
/// If the sweep directory can't be read.
pub fn successor(
    dir: &SweepDir,
    slurm: &Slurm,
    intent: &Intent,
) -> Result<Option<u64>, StoreError> {
    let ledger = Ledger::read(dir)?;
    let is_later =
        |entry: &&Entry| entry.intent.kind == Kind::Report && entry.intent.number > intent.number;
    let later: Vec<u64> = ledger.entries.iter().filter(is_later).filter_map(Entry::job).collect();
    let Ok(rows) = slurm.queue() else { return Ok(None) };
    let standing = Standing::of(&ledger, &rows, host::now());
    Ok(standing.arrays.iter().map(|array| array.job).find(|job| later.contains(job)))
}

/// Whether a job that concludes the sweep was submitted after all that trains.
///
/// # Errors
/// If the sweep directory can't be read.
pub fn has_job(dir: &SweepDir) -> Result<bool, StoreError> {
    let ledger = Ledger::read(dir)?;
    let newest = |kind: Kind| {
        let is_it = |e: &&Entry| e.intent.kind == kind && e.job().is_some();
        ledger.entries.iter().rfind(is_it).map(|e| e.intent.number)
    };
    Ok(newest(Kind::Report) > newest(Kind::Runs))
}

/// Why a report can't be written down.
#[derive(Debug, thiserror::Error)]
pub enum ConcludeError {
    /// The directory can't be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its stages can't be read.
    #[error(transparent)]
    Sweep(#[from] SweepError),
    /// There is no report of it.
    #[error(transparent)]
    Report(#[from] ReportError),
}

/// What came of concluding a sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Concluded {
    /// Only so many of its runs have ended.
    NotYet(u64),
    /// All have; no report is wanted.
    Complete,
    /// All have, and this is the report.
    Kept(Kept),
}

/// Writes the report of a sweep down, where one is wanted, if all of its runs have ended.
///
/// # Errors
/// If its files can't be read or written.
pub fn conclude(sweep: &Sweep, wants_report: bool) -> Result<Concluded, ConcludeError> {
    let results = read::load(&sweep.dir, &sweep.manifest.id)?;
    let ended = results.runs.values().filter(|run| run.end.is_some()).count() as u64;
    if ended < sweep.manifest.runs {
        return Ok(Concluded::NotYet(ended));
    }
    if !wants_report {
        return Ok(Concluded::Complete);
    }
    let mut report = Subject::new(sweep, &results, &|_| Liveness::Gone).report(Query::default())?;
    report.openings = tested::all(sweep)?;
    Ok(Concluded::Kept(keep::keep(&sweep.dir, &report)?))
}
