//! Brings earlier submissions to their end: what was cut short is adopted where Slurm has it, and
//! void where not; a job that is no intent's is cancelled.
use std::collections::HashSet;
use std::time::Duration;

use super::backoff::Backoff;
use super::call::Slurm;
use super::error::SlurmError;
use super::ledger::{self, Entry, Fate, Intent, Ledger};
use super::parse::{self, Row};
use super::state::{self, Place, Standing};
use crate::exec::claim;
use crate::host;
use crate::store::StoreError;
use crate::store::layout::SweepDir;
use crate::text::plural;

/// Looks for a job that may still be on its way, and time between two of them.
const LOOKS: u32 = 2;
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);
/// A job that was asked for so long ago is no longer on its way, in seconds.
const ARRIVED: f64 = 60.0;
/// Slurm gives a task that is cancelled half a minute, and then clears up.
const ENDED: Duration = Duration::from_secs(60);
/// By so much the clocks of those who submit may differ, in seconds.
const CLOCKS_DIFFER: f64 = 600.0;

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
    /// Arrays that their user holds.
    pub by_hand: Vec<u64>,
}

impl Settled {
    /// What was cancelled and what stays held, in words.
    pub fn told(&self) -> impl Iterator<Item = String> + '_ {
        let by_hand = |job: &u64| {
            format!("array {job} stays held, as you left it: `scontrol release {job}` lets it go")
        };
        self.cancelled.iter().map(|job| cancelled(*job)).chain(self.by_hand.iter().map(by_hand))
    }
}

/// That a job was cancelled that is no intent's, in words.
#[must_use]
pub(super) fn cancelled(job: u64) -> String {
    format!("cancelled job {job}, which an interrupted submission had left")
}

/// Settles everything that was begun.
///
/// # Errors
/// If Slurm does not answer, or the sweep directory can't be read or written.
pub fn settle(dir: &SweepDir, slurm: &Slurm) -> Result<Settled, SlurmError> {
    let mut ledger = Ledger::read(dir)?;
    // Read before the queue is asked: what was decided by then is in the answer. So is what one who is
    // gone by then has asked for.
    let under_way = ledger.under_way(host::now());
    let mut rows = slurm.queue()?;
    for entry in &mut ledger.entries {
        if entry.fate.is_none() && !under_way.contains(&entry.intent.number) {
            entry.fate = Some(resolve(dir, slurm, &entry.intent, &mut rows)?);
        }
    }
    let (mut adopted, mut cancelled, mut by_hand) = (Vec::new(), Vec::new(), Vec::new());
    let mut controller = Controller { slurm, runs_for: None };
    for entry in &mut ledger.entries {
        cancelled.extend(cancel_doubles(slurm, entry, &rows)?);
        let Some(left) = left(entry, &rows) else {
            mark_released(dir, entry)?;
            continue;
        };
        if entry.released && controller.knows_that_it_was_let_go(dir, entry)? {
            by_hand.push(left);
            continue;
        }
        slurm.release(left)?;
        mark_released(dir, entry)?;
        adopted.push(left);
    }
    if !adopted.is_empty() || !cancelled.is_empty() {
        rows = slurm.queue()?;
    }
    let standing = Standing::beside(&ledger, &rows, host::now(), &under_way);
    Ok(Settled { known: ledger.last(), standing, adopted, cancelled, by_hand })
}

/// Decides the fates of what other machines were submitting: their user says that they are gone. Then
/// [`settle`] brings it to its end as what was cut short here.
///
/// # Errors
/// If Slurm does not answer, or the sweep directory can't be read or written.
pub fn take_over(dir: &SweepDir, slurm: &Slurm) -> Result<(), SlurmError> {
    let ledger = Ledger::read(dir)?;
    let left: Vec<&Intent> = begun_elsewhere(&ledger).collect();
    if left.is_empty() {
        return Ok(());
    }
    let mut rows = slurm.queue()?;
    for intent in left {
        resolve(dir, slurm, intent, &mut rows)?;
    }
    Ok(())
}

/// The intents of other machines of which it is not known what became.
fn begun_elsewhere(ledger: &Ledger) -> impl Iterator<Item = &Intent> {
    let is_open = |entry: &&Entry| {
        entry.fate.is_none() && claim::standing(&entry.intent.by) == claim::Standing::Elsewhere
    };
    ledger.entries.iter().filter(is_open).map(|entry| &entry.intent)
}

/// Waits while tasks of these slices are just ending that are not `over`: then they are gone, or back
/// in the queue, and a submission knows what is left. Where they stand then.
///
/// # Errors
/// If Slurm does not answer, or the sweep directory can't be read.
pub(super) fn when_ended(
    mut standing: Standing,
    (dir, slurm): (&SweepDir, &Slurm),
    slices: &[u32],
    over: &dyn Fn() -> Result<HashSet<u32>, StoreError>,
    say: &mut dyn FnMut(&str),
) -> Result<Standing, SlurmError> {
    let (mut backoff, mut told) = (Backoff::new(slurm.patience().min(ENDED)), false);
    loop {
        let is_ending = |slice: &&u32| *standing.place(**slice) == Place::Ending;
        let ending: Vec<u32> = slices.iter().filter(is_ending).copied().collect();
        if ending.is_empty() {
            return Ok(standing);
        }
        let over = over()?;
        let left = ending.iter().filter(|slice| !over.contains(slice)).count() as u64;
        if left == 0 {
            return Ok(standing);
        }
        if !told {
            say(&format!("waiting for tasks with {} that are just ending", plural(left, "slice")));
            told = true;
        }
        if !backoff.wait() {
            say("they take long to end: the same command in a minute goes on with them");
            return Ok(standing);
        }
        let ledger = Ledger::read(dir)?;
        let under_way = ledger.under_way(host::now());
        standing = Standing::beside(&ledger, &slurm.queue()?, host::now(), &under_way);
    }
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

/// The job of an intent that may be held since its submission was interrupted, or, where it was
/// let go, that is held.
fn left(entry: &Entry, rows: &[Row]) -> Option<u64> {
    let job = entry.job()?;
    let is_its = |row: &&Row| row.array == job && row.name == entry.intent.token;
    let is_left = |row: &Row| match entry.released {
        true => state::is_held(row),
        false => state::is_alive(&row.state),
    };
    rows.iter().filter(is_its).any(is_left).then_some(job)
}

fn mark_released(dir: &SweepDir, entry: &mut Entry) -> Result<(), SlurmError> {
    if entry.job().is_some() && !entry.released {
        ledger::mark_released(dir, entry.intent.number)?;
        entry.released = true;
    }
    Ok(())
}

/// slurmctld, which forgets the last that it was told when it is killed: also that a job was let
/// go, which then is held again.
struct Controller<'a> {
    slurm: &'a Slurm,
    /// For how many seconds it has run, once it was asked; none if it does not say.
    runs_for: Option<Option<f64>>,
}

impl Controller<'_> {
    /// Whether it has run ever since an intent's job was let go: that is held by hand, then.
    fn knows_that_it_was_let_go(
        &mut self,
        dir: &SweepDir,
        entry: &Entry,
    ) -> Result<bool, SlurmError> {
        let Some(at) = ledger::read_released(dir, entry.intent.number)? else { return Ok(false) };
        let runs_for = match self.runs_for {
            Some(known) => known,
            None => *self.runs_for.insert(parse::runs_for(&self.slurm.config()?)),
        };
        Ok(is_by_hand(host::now() - at, runs_for))
    }
}

/// Whether a job that was let go so many seconds ago, and is held, is held by hand, where the
/// controller has run for so many.
fn is_by_hand(let_go: f64, runs_for: Option<f64>) -> bool {
    // By a clock that is further ahead than clocks differ, it is not known when it was let go.
    let is_known = let_go > -CLOCKS_DIFFER;
    runs_for.is_some_and(|seconds| is_known && let_go + CLOCKS_DIFFER < seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::claim::Claim;
    use crate::exec::slurm::ledger::tests::entry;

    #[test]
    fn only_what_another_machine_began_and_did_not_end_is_taken_over() {
        let mut here = entry(4, "3", None);
        here.intent.by = Claim::of_this_process();
        let mut just_now = entry(3, "2", None);
        just_now.intent.by.time = host::now();
        let entries = vec![
            entry(1, "0", Some(Fate::Job(7))),
            entry(2, "1", Some(Fate::Void("refused".into()))),
            just_now,
            here,
        ];
        let ledger = Ledger { entries };
        assert_eq!(begun_elsewhere(&ledger).map(|intent| intent.number).collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn what_a_controller_holds_that_has_run_all_the_time_is_held_by_hand() {
        assert!(is_by_hand(3600.0, Some(86_400.0)));
        assert!(!is_by_hand(86_400.0, Some(3600.0)), "it may have forgotten");
        assert!(!is_by_hand(3600.0, Some(4000.0)), "clocks differ");
        assert!(is_by_hand(-300.0, Some(86_400.0)));
        assert!(!is_by_hand(-7200.0, Some(3600.0)), "it was let go by a clock hours ahead");
        assert!(!is_by_hand(3600.0, None) && !is_by_hand(f64::NAN, Some(1e9)));
    }
}
