//! Where slices stand by an answer of the queue that is older than what was submitted.
use std::collections::BTreeSet;

use super::{Array, Place, Standing};
use crate::exec::slurm::ledger::{Entry, Ledger};
use crate::exec::slurm::parse::Row;

/// Why tasks wait of which Slurm was not asked yet.
const NOT_ASKED: &str = "submitted since Slurm was asked";

impl Standing {
    /// Where slices stand at `now` (seconds since the Unix epoch) by these rows, which Slurm gave when
    /// it was asked about the arrays of these intents: that no row speaks of a newer one says nothing,
    /// and it is taken to wait.
    #[must_use]
    pub fn of_older(ledger: &Ledger, rows: &[Row], now: f64, asked_about: &BTreeSet<u32>) -> Self {
        let mut standing = Self::of(ledger, rows, now);
        for (entry, job) in newer(ledger, asked_about) {
            let token = &entry.intent.token;
            if rows.iter().any(|row| row.array == job && row.name == *token) {
                continue;
            }
            let slices = entry.slices();
            let tasks = slices.len().div_ceil(entry.intent.per_task.max(1)).max(1);
            for slice in slices {
                standing.set(slice, Place::Waiting(NOT_ASKED.into()));
            }
            standing.arrays.push(Array {
                job,
                kind: entry.intent.kind,
                token: token.clone(),
                waiting: tasks as u64,
                running: 0,
                reasons: vec![NOT_ASKED.into()],
                held: false,
                start: None,
            });
        }
        standing
    }
}

/// The intents that have an array, and are not among these, with its job.
pub fn newer<'l>(
    ledger: &'l Ledger,
    asked_about: &'l BTreeSet<u32>,
) -> impl Iterator<Item = (&'l Entry, u64)> {
    let entries = ledger.entries.iter();
    let newer = entries.filter(|entry| !asked_about.contains(&entry.intent.number));
    newer.filter_map(|entry| Some((entry, entry.job()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::slurm::ledger::Fate;
    use crate::exec::slurm::ledger::tests::entry;
    use crate::exec::slurm::parse;
    use crate::judge::Liveness;

    #[test]
    fn an_array_that_slurm_was_not_asked_about_waits() {
        let mut pairs = entry(2, "1-3", Some(Fate::Job(8)));
        pairs.intent.per_task = 2;
        let entries = vec![entry(1, "0-3", Some(Fate::Job(7))), pairs, entry(3, "4", None)];
        let ledger = Ledger { entries };
        let ended = parse::queue("7|[0-3]|COMPLETED|dlg-1|N/A||None\n");
        let begun = parse::queue("8|0|RUNNING|dlg-2|N/A|n1|None\n8|1|FAILED|dlg-2|N/A|n1|None\n");
        for (rows, asked_about, places, arrays) in [
            (
                &ended,
                vec![1],
                [Liveness::Gone, Liveness::Queued, Liveness::Queued],
                vec![(8, 2, 0)],
            ),
            (&ended, vec![1, 2], [Liveness::Gone; 3], vec![]),
            (&begun, vec![1], [Liveness::Gone, Liveness::Alive, Liveness::Gone], vec![(8, 0, 1)]),
        ] {
            let about: BTreeSet<u32> = asked_about.into_iter().collect();
            let standing = Standing::of_older(&ledger, rows, 1e9, &about);
            assert_eq!([0, 1, 3].map(|slice| standing.liveness(slice)), places, "{about:?}");
            let told = standing.arrays.iter().map(|a| (a.job, a.waiting, a.running));
            assert_eq!(told.collect::<Vec<_>>(), arrays, "{about:?}");
        }
        let newer: Vec<u64> = newer(&ledger, &BTreeSet::from([1])).map(|(_, job)| job).collect();
        assert_eq!(newer, [8], "what has no job is in no answer");
    }
}
