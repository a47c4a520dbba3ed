//! Takes a sweep's jobs out of the queue.
use super::call::Slurm;
use super::error::SlurmError;
use super::ledger::{Entry, Kind, Ledger};
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
}
