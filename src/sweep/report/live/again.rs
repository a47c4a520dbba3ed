//! Whether what is in the queue trains runs again that have ended.
use std::collections::HashMap;

use crate::exec::slurm::ledger::{Entry, Kind, Ledger};
use crate::exec::slurm::request::Request;
use crate::exec::slurm::state::Array;
use crate::orders;
use crate::space::Condition;
use crate::store::merge::Results;
use crate::sweep::Sweep;

/// Whether some array in the queue, by these requests, is still to train a run again that has ended:
/// one that the request admits, and that none of its own arrays has ended since.
#[must_use]
pub fn tries_again(
    sweep: &Sweep,
    results: &Results,
    ledger: &Ledger,
    requests: &HashMap<u32, Request>,
    arrays: &[Array],
) -> bool {
    let trains = |array: &&Array| array.kind != Kind::Report;
    let entry = |array: &Array| ledger.entries.iter().find(|e| e.job() == Some(array.job));
    let is_left = |entry: &Entry| {
        let of = entry.intent.request;
        let Some(request) = requests.get(&of) else { return false };
        let own = ledger.entries.iter().filter(|e| e.intent.request == of);
        let first = own.map(|e| e.intent.number).min().unwrap_or(entry.intent.number);
        let only = request.only.as_deref().and_then(|text| Condition::new(text).ok());
        let is_meant =
            |index| only.as_ref().is_none_or(|only| orders::matches(&sweep.spec, only, index));
        let is_left = |index: u64| {
            let end = results.end(index).filter(|end| request.again.admits(end));
            end.is_some_and(|end| results.intent(end).is_none_or(|intent| intent < first))
                && is_meant(index)
        };
        // A job that helps has none of its own.
        let slices = entry.slices();
        let slices = if slices.is_empty() { &request.slices } else { &slices };
        request.again != Default::default()
            && slices.iter().any(|slice| sweep.slice_runs(*slice).any(is_left))
    };
    arrays.iter().filter(trains).filter_map(entry).any(is_left)
}
