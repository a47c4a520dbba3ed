//! Takes a sweep's jobs out of the queue.
use std::collections::BTreeMap;

use super::call::Slurm;
use super::error::SlurmError;
use super::ledger::{self, Entry, Kind, Ledger};
use super::parse::Row;
use super::state;

/// Cancels all jobs of these intents that Slurm has in its queue, those included that a doubtful
/// submission left; `tell` hears of each one, and what it was for.
///
/// # Errors
/// If Slurm does not answer or refuses.
pub fn cancel(
    ledger: &Ledger,
    slurm: &Slurm,
    mut tell: impl FnMut(Kind, u64),
) -> Result<(), SlurmError> {
    let rows = slurm.queue()?;
    for entry in in_order(&ledger.entries) {
        let token = &entry.intent.token;
        let is_its = |row: &&Row| row.name == *token && state::is_alive(&row.state);
        let mut arrays: Vec<u64> = rows.iter().filter(is_its).map(|row| row.array).collect();
        arrays.sort_unstable();
        arrays.dedup();
        for array in arrays {
            slurm.cancel(array, token)?;
            tell(entry.intent.kind, array);
        }
    }
    Ok(())
}

/// Cancels the jobs of intents that can't be read, as far as they are certain: where the number is known
/// and the name begins as that of the sweep's intent would. `sweep` is its id.
///
/// # Errors
/// If Slurm does not answer or refuses.
pub fn cancel_lost(
    lost: &BTreeMap<u32, Option<u64>>,
    sweep: &str,
    slurm: &Slurm,
    mut tell: impl FnMut(Lost<'_>),
) -> Result<(), SlurmError> {
    for row in &of_lost(lost, sweep, slurm.queue()?) {
        let (array, name) = (row.array, row.name.as_str());
        let is_certain = lost.values().any(|job| *job == Some(array));
        if is_certain {
            slurm.cancel(array, name)?;
        }
        tell(Lost { array, name, is_cancelled: is_certain });
    }
    Ok(())
}

/// A job that can be that of an intent that can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost<'a> {
    /// The array.
    pub array: u64,
    /// Its name.
    pub name: &'a str,
    /// Whether it was certain, and is cancelled; another sweep of the same spec can have such a name.
    pub is_cancelled: bool,
}

/// A row of each array that can be one of these.
fn of_lost(lost: &BTreeMap<u32, Option<u64>>, sweep: &str, mut rows: Vec<Row>) -> Vec<Row> {
    let begins = |(number, job): (&u32, &Option<u64>)| (ledger::token(sweep, *number, ""), *job);
    let begins: Vec<_> = lost.iter().map(begins).collect();
    rows.retain(|row| {
        let is_it = |(begin, job): &(String, Option<u64>)| {
            row.name.starts_with(begin) && job.is_none_or(|job| job == row.array)
        };
        state::is_alive(&row.state) && begins.iter().any(is_it)
    });
    rows.sort_by_key(|row| row.array);
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
mod tests {
    use super::*;
    use crate::exec::slurm::ledger::Intent;
    use crate::exec::slurm::ledger::tests::entry;

    #[test]
    fn what_waits_for_an_array_is_cancelled_before_it() {
        let of = |number, kind| {
            let entry = entry(number, "0", None);
            Entry { intent: Intent { kind, ..entry.intent }, ..entry }
        };
        let kinds = [Kind::Canary, Kind::Runs, Kind::TopUp, Kind::Runs, Kind::Report];
        let entries: Vec<Entry> = (1..).zip(kinds).map(|(n, kind)| of(n, kind)).collect();
        let order: Vec<u32> = in_order(&entries).iter().map(|e| e.intent.number).collect();
        assert_eq!(order, [3, 1, 5, 2, 4]);
    }

    /// Another sweep of the same spec, in another folder, has the same id, and other jobs.
    #[test]
    fn a_job_whose_intent_cannot_be_read_is_known_by_its_name_and_number() {
        let row = |array, name: &str, state| {
            crate::exec::slurm::parse::queue(&format!("{array}|1|{state}|{name}|N/A||None\n"))
                .remove(0)
        };
        let rows = vec![
            row(7, "dlg-c0ffee00-000001-aaaaaaaa", "RUNNING"),
            row(8, "dlg-c0ffee00-000001-bbbbbbbb", "RUNNING"),
            row(9, "dlg-c0ffee00-000002-cccccccc", "PENDING"),
            row(9, "dlg-c0ffee00-000002-cccccccc", "RUNNING"),
            row(10, "dlg-c0ffee00-000003-dddddddd", "PENDING"),
            row(11, "dlg-deadbeef-000002-eeeeeeee", "PENDING"),
            row(12, "dlg-c0ffee00-000002-ffffffff", "COMPLETED"),
        ];
        let lost = [(1, Some(7)), (2, None)].into();
        let found: Vec<u64> =
            of_lost(&lost, "c0ffee0011223344", rows).iter().map(|row| row.array).collect();
        assert_eq!(found, [7, 9]);
    }
}
