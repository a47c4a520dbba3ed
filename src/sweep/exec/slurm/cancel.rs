//! Takes a sweep's jobs out of the queue.
use super::call::Slurm;
use super::error::SlurmError;
use super::ledger::{Kind, Ledger};
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
    for entry in &ledger.entries {
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
