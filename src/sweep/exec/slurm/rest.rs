//! What a job that adds to the queue submits: what of a request no array has had yet.
use std::collections::HashSet;

use super::call::Slurm;
use super::error::SlurmError;
use super::ledger::{self, Fate, Intent, Ledger};
use super::request::Request;
use super::state::Standing;
use crate::store::read;
use crate::sweep::Sweep;
use crate::{host, orders};

/// What is to be done with the rest of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Rest {
    /// To submit it: the request, with the slices that are left.
    Submit(Box<Request>),
    /// Nothing, for this reason.
    Nothing(String),
}

/// What is left of a request, for the job of this intent.
///
/// # Errors
/// If Slurm does not answer, or the sweep directory can't be read.
pub fn rest(
    sweep: &Sweep,
    slurm: &Slurm,
    intent: &Intent,
    mut request: Request,
) -> Result<Rest, SlurmError> {
    let ledger = Ledger::read(&sweep.dir)?;
    let ordered = orders::read(&sweep.dir)?;
    if let Some(why) = orders::stop(&ordered, intent.obeys_as()) {
        return Ok(Rest::Nothing(format!("the sweep was stopped: {why}")));
    }
    // What is not decided is settled, and counted, by the submission.
    let of_request = ledger.entries.iter().filter(|entry| {
        entry.intent.request == request.number && matches!(entry.fate, Some(Fate::Job(_)))
    });
    let had: HashSet<u32> = of_request.flat_map(|entry| entry.slices()).collect();
    // Somebody may have submitted some by hand meanwhile, and they may be done.
    let results = read::load(&sweep.dir, &sweep.manifest.id)?;
    let left = sweep.slices_left(&results, request.again);
    request.slices.retain(|slice| !had.contains(slice) && left.binary_search(slice).is_ok());
    if let Some(most) = orders::throttle(&ordered) {
        request.max_running = most;
    }
    match tried(sweep, slurm, &ledger, request.number)? {
        Tried::Well => request.canary = false,
        Tried::Badly => {
            return Ok(Rest::Nothing("the run that was tried first did not end well".to_owned()));
        }
        Tried::NotYet => {}
    }
    Ok(Rest::Submit(Box::new(request)))
}

/// What came of the canary of a request.
enum Tried {
    Well,
    Badly,
    /// It is in the queue, or there is none.
    NotYet,
}

fn tried(sweep: &Sweep, slurm: &Slurm, ledger: &Ledger, request: u32) -> Result<Tried, SlurmError> {
    let Some(canary) = ledger.canary(request) else { return Ok(Tried::NotYet) };
    // Asked first: one that ends well in between is marked by then.
    let standing = Standing::of(ledger, &slurm.queue()?, host::now());
    if ledger::has_passed(&sweep.dir, canary.intent.number)? {
        return Ok(Tried::Well);
    }
    let alive = standing.arrays.iter().any(|array| Some(array.job) == canary.job());
    Ok(if alive { Tried::NotYet } else { Tried::Badly })
}
