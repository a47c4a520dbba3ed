//! How many tasks there is room for, once a limit has kept some out.
use super::Work;
use crate::exec::slurm::ledger::{Entry, Kind, Ledger};
use crate::exec::slurm::preflight::accounts;
use crate::exec::slurm::{SlurmError, ranges, state};

impl Work<'_> {
    /// How many more tasks accounting allows this user, where it says so: halving finds it, too,
    /// and asks sbatch more often.
    pub(super) fn room(&self) -> Result<Option<usize>, SlurmError> {
        let Some(all) = self.slurm.associations() else { return Ok(None) };
        let most = accounts::most_jobs(&all, &self.request.settings);
        let Some(most) = most.and_then(|n| usize::try_from(n).ok()) else { return Ok(None) };
        let queued: usize = self
            .slurm
            .queue()?
            .iter()
            .filter(|row| state::is_alive(&row.state))
            .map(|row| ranges::read(&row.tasks).map_or(1, |tasks| tasks.len()))
            .sum();
        Ok(Some(most.saturating_sub(queued)))
    }

    /// Whether all that its user has in the queue are jobs that add to it: when such a one starts
    /// there is no more room than now.
    pub(super) fn nothing_makes_room(&self) -> Result<bool, SlurmError> {
        let ledger = Ledger::read(self.dir)?;
        let adds = |name: &str| {
            let is_it = |e: &Entry| e.intent.kind == Kind::TopUp && e.intent.token == name;
            ledger.entries.iter().any(is_it)
        };
        let rows = self.slurm.queue()?;
        Ok(rows.iter().filter(|row| state::is_alive(&row.state)).all(|row| adds(&row.name)))
    }
}

/// Tasks of the next array, where a limit kept out one of so many: what there is room for, or half.
/// That there is no room need not be so: jobs of other accounts stand in the queue, too.
pub(super) fn smaller(tasks: usize, room: Option<usize>) -> usize {
    room.filter(|room| (1..tasks).contains(room)).unwrap_or(tasks / 2).max(1)
}

#[cfg(test)]
mod tests {
    use super::smaller;

    #[test]
    fn an_array_becomes_as_small_as_there_is_room_and_no_smaller() {
        for (tasks, room, size) in [
            (1000, Some(40), 40),
            (1000, Some(0), 500),
            (1000, Some(1000), 500),
            (1000, None, 500),
            (3, None, 1),
            (2, Some(0), 1),
        ] {
            assert_eq!(smaller(tasks, room), size, "{tasks} {room:?}");
        }
    }
}
