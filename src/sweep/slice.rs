//! One attempt at a slice: which of its runs are left, and the segment that their ends go to.
use std::collections::HashSet;
use std::time::Duration;

use crate::exit;
use crate::host;
use crate::orders::Choice;
use crate::space::Condition;
use crate::store::StoreError;
use crate::store::merge::{LastEvent, Merged, RunState};
use crate::store::patience::patiently;
use crate::store::read::{self, RetryPolicy};
use crate::store::record::{Cause, End, Epoch, Outcome, Stop};
use crate::store::segment::{HeadFacts, SegmentWriter};
use crate::store::trust;
use crate::sweep::Sweep;
use crate::trial::{Run, RunId};

/// Is asked, every few seconds while the disk is full, whether to go on waiting for space.
pub type Wait<'a> = dyn Fn(&StoreError) -> bool + 'a;

/// How an attempt at a slice works.
#[derive(Debug, Clone, Default)]
pub struct Terms<'a> {
    /// `cpu`, `cuda:0`, or `command`.
    pub device: &'a str,
    /// Which ended runs to train again.
    pub again: RetryPolicy,
    /// Train only runs for which this holds.
    pub only: Option<Condition>,
    /// Why the worker died that had the slice before, where that is known.
    pub died: Option<Cause>,
}

/// An attempt at a slice.
pub struct SliceWork<'s> {
    sweep: &'s Sweep,
    wait: &'s Wait<'s>,
    slice: u32,
    writer: SegmentWriter,
    todo: Vec<u64>,
    /// Of these, those that an attempt has died over.
    suspects: HashSet<u64>,
    choice: Choice,
    failed: u64,
    stopped: bool,
}

/// The variable by which a Slurm task tells its workers the intent that it works for.
pub const INTENT: &str = "DLGRID_INTENT";
/// The variable by which it tells them the intent as which they obey orders, where that is another.
pub const OBEYS_AS: &str = "DLGRID_OBEYS_AS";

/// Attempts that may die over one run, without saving anything of it, before it counts as failed.
const MAX_DEATHS: u32 = 3;
/// While the disk is full: time between two tries to record an end, and for how long.
const RETRY_EVERY: Duration = Duration::from_secs(2);
const RETRY_FOR: Duration = Duration::from_secs(15 * 60);

impl<'s> SliceWork<'s> {
    /// Begins the next attempt at a slice.
    ///
    /// A run over which earlier attempts died again and again, or the last one for want of
    /// memory, is not tried once more: its end is recorded as failed, so that it can't hold up
    /// the others for ever. While the disk is
    /// full, this and [`Self::end`] wait for space as long as `wait` says, up to a quarter of an
    /// hour.
    ///
    /// # Errors
    /// If others could put something into the sweep's directory, the slice's segments can't be read,
    /// or a new one can't be written.
    pub fn begin(
        sweep: &'s Sweep,
        slice: u32,
        terms: &Terms<'_>,
        wait: &'s Wait<'s>,
    ) -> Result<Self, StoreError> {
        trust::check(&sweep.dir)?;
        let load = || read::load_slice(&sweep.dir, slice, &sweep.manifest.id);
        let results =
            patiently(RETRY_EVERY, RETRY_FOR, load, |pause, full| waited(wait, pause, full))?;
        let facts = HeadFacts {
            sweep: sweep.manifest.id.clone(),
            device: terms.device.to_owned(),
            log: host::env("DLGRID_LOG").map(|name| name.to_string_lossy().into_owned()),
            node: host::env("SLURMD_NODENAME").map(|name| name.to_string_lossy().into_owned()),
            intent: number(INTENT),
            dlgrid: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let choice = Choice::new(&sweep.dir, number(OBEYS_AS).or(facts.intent), terms.only.clone());
        let (newest, intent) = (results.attempts(slice), facts.intent);
        let begin = || SegmentWriter::begin(&sweep.dir, slice, facts.clone());
        let writer =
            patiently(RETRY_EVERY, RETRY_FOR, begin, |pause, full| waited(wait, pause, full))?;
        let (todo, suspects) = (Vec::new(), HashSet::new());
        let (failed, stopped) = (0, false);
        let mut work = Self { sweep, wait, slice, writer, todo, suspects, choice, failed, stopped };
        let at_work = |index: &u64| results.runs.get(index).is_some_and(|s| is_at_work(s, newest));
        // Of several runs trained together it is not known which one was too large.
        let one = sweep.slice_runs(slice).filter(at_work).take(2).count() == 1;
        let cause = terms.died.filter(|cause| one || *cause != Cause::Memory);
        let mut hopeless = Vec::new();
        for index in sweep.slice_runs(slice) {
            let state = results.runs.get(&index);
            let of_this_run = |end: &&Merged| sweep.run(index).is_some_and(|run| run.id == end.run);
            let end = state.and_then(|s| s.end.as_ref()).filter(of_this_run);
            // What this intent's own tasks have tried again has had its turn.
            let is_over = |end: &Merged| {
                !terms.again.admits(end) || (intent.is_some() && results.intent(end) == intent)
            };
            if end.is_some_and(is_over) {
                continue;
            }
            let since = end.map_or(0, |end| end.at.attempt);
            match state.and_then(|s| hopeless_for(s, cause, newest, since)) {
                Some(cause) => hopeless.push((index, cause)),
                None => work.todo.push(index),
            }
            if state.is_some_and(|s| s.deaths_since(since) > 0 || is_at_work(s, newest)) {
                work.suspects.insert(index);
            }
        }
        for (index, cause) in hopeless {
            let Some(run) = sweep.run(index) else { continue };
            work.end(&died(&run, cause))?;
        }
        Ok(work)
    }

    /// The runs that are left, by number, in order.
    #[must_use]
    pub fn todo(&self) -> &[u64] {
        &self.todo
    }

    /// Whether a run is still to be trained, by what was ordered meanwhile.
    pub fn is_wanted(&mut self, index: u64) -> bool {
        self.choice.admits(&self.sweep.spec, index)
    }

    /// Whether an attempt died while working on a run: it may be its fault, so that it is not to be
    /// trained together with others.
    #[must_use]
    pub fn is_suspect(&self, index: u64) -> bool {
        self.suspects.contains(&index)
    }

    /// Number of this attempt, from 1.
    #[must_use]
    pub const fn attempt(&self) -> u32 {
        self.writer.name().attempt
    }

    /// The slice.
    #[must_use]
    pub const fn slice(&self) -> u32 {
        self.slice
    }

    /// The sweep.
    #[must_use]
    pub const fn sweep(&self) -> &'s Sweep {
        self.sweep
    }

    /// Notes that work on a run begins.
    pub fn start(&mut self, run: &Run) {
        // Without this line a death over the run is not counted; nothing else is lost.
        let _noted = self.writer.start(run);
    }

    /// Notes the metrics of an epoch.
    pub fn epoch(&mut self, epoch: &Epoch) {
        self.writer.epoch(epoch);
    }

    /// Notes a durable checkpoint.
    pub fn checkpoint(&mut self, checkpoint: &crate::store::record::Checkpoint) {
        // The checkpoint's own name says all; this line only tells people.
        let _noted = self.writer.checkpoint(checkpoint);
    }

    /// Records the end of a run. Durable when it returns. While the disk is full it waits for
    /// space, up to a quarter of an hour.
    ///
    /// # Errors
    /// If it can't be recorded: the run has not ended then.
    pub fn end(&mut self, end: &End) -> Result<(), StoreError> {
        self.failed += u64::from(end.outcome == Outcome::Failed);
        let (writer, wait) = (&mut self.writer, self.wait);
        patiently(
            RETRY_EVERY,
            RETRY_FOR,
            || writer.end(end),
            |pause, full| waited(wait, pause, full),
        )
    }

    /// Records that work stops before a run, or the slice, has ended.
    ///
    /// # Errors
    /// If it can't be recorded.
    pub fn stop(&mut self, run: Option<RunId>, why: &str, saved: bool) -> Result<(), StoreError> {
        self.stopped = true;
        self.writer.stop(&Stop { run, why: why.to_owned(), saved, time: host::now() })
    }

    /// Epochs whose metrics could not be written.
    #[must_use]
    pub const fn curves_lost(&self) -> u64 {
        self.writer.curves_lost()
    }

    /// Ends the attempt in order; the exit code that it gives a process of its own.
    ///
    /// # Errors
    /// If the last line can't be written. All ends that were acknowledged are kept.
    pub fn close(self) -> Result<u8, StoreError> {
        let code = match (self.stopped, self.failed) {
            (true, _) => exit::STOPPED,
            (false, 0) => exit::OK,
            (false, _) => exit::RUNS_FAILED,
        };
        self.writer.close()?;
        Ok(code)
    }
}

fn waited(wait: &Wait<'_>, pause: Duration, full: &StoreError) -> bool {
    let go_on = wait(full);
    if go_on {
        host::sleep(pause);
    }
    go_on
}

fn number(variable: &str) -> Option<u32> {
    host::env(variable).and_then(|n| n.to_str()?.parse().ok())
}

/// Why a run that is to be trained is not tried again, if it is not: `died` is why the newest
/// attempt did, `since` the attempt that ended it, where it is trained again.
fn hopeless_for(state: &RunState, died: Option<Cause>, newest: u32, since: u32) -> Option<Cause> {
    if died == Some(Cause::Memory) && is_at_work(state, newest) {
        return Some(Cause::Memory);
    }
    (state.deaths_since(since) >= MAX_DEATHS).then_some(Cause::Killed)
}

/// Whether the newest attempt was at work on a run when it was last heard of.
fn is_at_work(state: &RunState, newest: u32) -> bool {
    state.last.as_ref().is_some_and(|last| {
        let has_left = matches!(last.what, LastEvent::Stopped { .. } | LastEvent::Ended);
        last.at.attempt == newest && !has_left
    })
}

fn died(run: &Run, cause: Cause) -> End {
    let why = match cause {
        Cause::Memory => "out of memory: its worker was killed for it".to_owned(),
        _ => {
            format!(
                "its worker died {MAX_DEATHS} times while working on it: killed, or out of memory"
            )
        }
    };
    let cause = (cause == Cause::Memory).then_some(cause);
    End { cause, ..End::failed(run, why, host::now()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::{Cut, Load};
    use crate::spec;

    /// Begins the next attempt, starts its first run and dies over it, or gives up before; the
    /// runs that were to be trained.
    fn die(sweep: &Sweep, terms: &Terms<'_>) -> Vec<u64> {
        let mut work = SliceWork::begin(sweep, 0, terms, &|_| false).expect("begun");
        if let Some(run) = work.todo().first().and_then(|index| sweep.run(*index)) {
            work.start(&run);
        }
        work.todo().to_vec()
    }

    #[test]
    fn of_runs_that_were_trained_together_none_is_blamed_for_memory() {
        let text =
            "name: t\ncommand: [echo]\nparameters: {x: [1, 2, 3]}\nobjective: {minimize: l}\n";
        let root = tempfile::tempdir().expect("folder");
        let (spec, _) = spec::read("t.yaml", text.as_bytes(), 10).expect("spec");
        let cut = Cut::Tasks(Load { runs_per_task: Some(3), ..Load::default() });
        let made = Sweep::create(root.path(), spec, text.as_bytes(), &cut);
        let sweep = made.expect("sweep").sweep;
        let memory = Terms { died: Some(Cause::Memory), ..Terms::default() };
        let begin = |terms: &Terms<'_>| SliceWork::begin(&sweep, 0, terms, &|_| false);
        let mut together = begin(&Terms::default()).expect("begun");
        assert!((0..3).all(|index| !together.is_suspect(index)));
        for index in [0, 1] {
            together.start(&sweep.run(index).expect("a run"));
        }
        drop(together);
        let mut alone = begin(&memory).expect("begun");
        assert_eq!(alone.todo(), [0, 1, 2], "both are tried again");
        assert_eq!([0, 1, 2].map(|index| alone.is_suspect(index)), [true, true, false]);
        alone.start(&sweep.run(0).expect("a run"));
        drop(alone);
        assert_eq!(begin(&memory).expect("begun").todo(), [1, 2], "alone it is to blame");
    }

    #[test]
    fn a_run_that_is_tried_again_does_not_hold_up_the_others_either() {
        let text = "name: t\ncommand: [echo]\nparameters: {x: [1, 2]}\nobjective: {minimize: l}\n";
        let root = tempfile::tempdir().expect("folder");
        let (spec, _) = spec::read("t.yaml", text.as_bytes(), 10).expect("spec");
        let cut = Cut::Tasks(Load { runs_per_task: Some(2), ..Load::default() });
        let made = Sweep::create(root.path(), spec, text.as_bytes(), &cut);
        let sweep = made.expect("sweep").sweep;
        let again = RetryPolicy { failed: true, memory: true, diverged: false };
        let (first, memory) =
            (Terms::default(), Terms { died: Some(Cause::Memory), ..Terms::default() });
        assert_eq!(die(&sweep, &first), [0, 1]);
        assert_eq!(die(&sweep, &memory), [1], "the first run has failed");
        let retry = |died| Terms { again, died, ..Terms::default() };
        assert_eq!(die(&sweep, &retry(None)), [0, 1], "it is tried again");
        let mut work = SliceWork::begin(&sweep, 0, &retry(Some(Cause::Memory)), &|_| false);
        let work = work.as_mut().expect("begun");
        assert_eq!(work.todo(), [1], "and has failed again");
        // By a retry of its own it is tried as often as any other.
        for _ in 0..MAX_DEATHS {
            assert_eq!(die(&sweep, &retry(None))[0], 0);
        }
        assert_eq!(die(&sweep, &retry(Some(Cause::Killed))), [1]);
    }
}
