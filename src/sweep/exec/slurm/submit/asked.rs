//! What sbatch has taken: its fate is decided, and it is let go, by one look at the queue for all.
use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::{Came, Submission, Work};
use crate::exec::slurm::SlurmError;
use crate::exec::slurm::backoff::Backoff;
use crate::exec::slurm::call::Submitted;
use crate::exec::slurm::error;
use crate::exec::slurm::ledger::{self, Fate, Intent, Kind, Ledger};
use crate::exec::slurm::parse::Row;
use crate::exec::slurm::settle::{cancel_doubles, cancelled};
use crate::exec::slurm::state;
use crate::host;
use crate::mutant::{self, Mutant};

/// An array waits for no longer than this for those after it.
const TOGETHER: Duration = Duration::from_secs(10);

/// An array that sbatch has taken, held as yet where jobs are held.
pub(super) struct Asked {
    intent: Intent,
    /// Its job, as sbatch said.
    said: u64,
    at: Instant,
}

/// Tasks of an intent's array.
pub(super) fn tasks(intent: &Intent) -> usize {
    intent.slices().len().div_ceil(intent.per_task.max(1))
}

impl Work<'_> {
    /// Asks sbatch for the array of an intent.
    pub(super) fn carry_out(&mut self, intent: Intent) -> Result<Came, SlurmError> {
        match self.sbatch(&intent)? {
            Ok(said) => {
                if mutant::is(Mutant::BlindRetry) {
                    self.covered.extend(intent.slices());
                }
                self.asked.push(Asked { intent, said, at: host::instant() });
                Ok(Came::Job(said))
            }
            Err(_) if mutant::is(Mutant::BlindRetry) && intent.kind == Kind::Runs => {
                Ok(Came::Job(0))
            }
            Err(words) => {
                ledger::decide(self.dir, intent.number, Fate::Void(words.clone()))?;
                if error::is_limit(&words) {
                    Ok(Came::Limit(words))
                } else {
                    Err(SlurmError::Refused { program: "sbatch", words })
                }
            }
        }
    }

    /// As [`Self::decide`], where some have waited for long enough.
    pub(super) fn decide_in_time(&mut self) -> Result<(), SlurmError> {
        let is_due = self.asked.first().is_some_and(|one| host::since(one.at) > TOGETHER);
        if is_due { self.decide() } else { Ok(()) }
    }

    /// Decides the fate of all that sbatch has taken, and lets it go.
    pub(super) fn decide(&mut self) -> Result<(), SlurmError> {
        if self.asked.is_empty() {
            return Ok(());
        }
        let rows = self.slurm.queue()?;
        let (mut wrong, mut result) = (HashSet::new(), Ok(()));
        for one in std::mem::take(&mut self.asked) {
            let came = self.decide_one(&one, &rows, &mut wrong);
            // One that fails does not keep the others.
            result = result.and(came);
        }
        result
    }

    /// Decides the fate of one, and lets it go; `wrong` are numbers that are no job of the sweep.
    fn decide_one(
        &mut self,
        asked: &Asked,
        rows: &[Row],
        wrong: &mut HashSet<u64>,
    ) -> Result<(), SlurmError> {
        let (intent, said) = (&asked.intent, asked.said);
        let Some(job) = job_of(said, intent, rows) else {
            wrong.insert(said);
            self.live.retain(|one| one.array != said);
            return Err(SlurmError::Unread { program: "sbatch", text: said.to_string() });
        };
        let is_lost = intent.after.is_some_and(|other| wrong.contains(&other));
        let fate = if is_lost {
            Fate::Void("it would have waited for a job of somebody else".into())
        } else {
            Fate::Job(job)
        };
        if ledger::decide(self.dir, intent.number, fate)? != Fate::Job(job) {
            wrong.insert(said);
            self.live.retain(|one| one.array != said);
            return self.slurm.cancel(job, &intent.token);
        }
        if job != said {
            wrong.insert(said);
            for one in self.live.iter_mut().filter(|one| one.array == said) {
                one.array = job;
            }
        }
        let (kind, tasks) = (intent.kind, tasks(intent).max(1));
        self.report.submitted.push(Submission { job, kind, tasks });
        self.covered.extend(intent.slices());
        // What goes on later is told first when that is.
        if kind == Kind::TopUp { Ok(()) } else { self.let_go(intent.number, job) }
    }

    /// Lets the job of an intent go.
    pub(super) fn let_go(&self, number: u32, job: u64) -> Result<(), SlurmError> {
        if self.request.hold {
            self.slurm.release(job)?;
        }
        Ok(ledger::mark_released(self.dir, number)?)
    }

    /// Asks for a job until it is known whether there is one: its number, or why there is none.
    fn sbatch(&mut self, intent: &Intent) -> Result<Result<u64, String>, SlurmError> {
        let mut backoff = Backoff::new(self.slurm.patience());
        loop {
            let words = match self.slurm.sbatch(&intent.words)? {
                Submitted::Job(job) => return Ok(Ok(job)),
                Submitted::Unread(text) => {
                    let found = by_name(&self.slurm.queue()?, intent);
                    let unread = SlurmError::Unread { program: "sbatch", text };
                    return found.ok_or(unread).map(Ok);
                }
                Submitted::Refused(words) => return Ok(Err(words)),
                Submitted::Unknown(words) => words,
            };
            (self.say)(&format!("sbatch says: {words}; looking whether it has the job"));
            if !backoff.wait() {
                return Err(SlurmError::Unreachable { program: "sbatch", words });
            }
            if let Some(job) = by_name(&self.slurm.queue()?, intent) {
                return Ok(Ok(job));
            }
            // Another submit may have found the job, and have seen it go: it asks anew for its slices.
            if let Some(Fate::Job(job)) = ledger::read_fate(self.dir, intent.number)? {
                return Ok(Ok(job));
            }
        }
    }

    /// What was submitted is in the queue, under its token, once.
    pub(super) fn verify(&mut self) -> Result<(), SlurmError> {
        if self.report.submitted.is_empty() {
            return Ok(());
        }
        let rows = self.slurm.queue()?;
        let jobs: HashSet<u64> = self.report.submitted.iter().map(|one| one.job).collect();
        let ledger = Ledger::read(self.dir)?;
        for entry in ledger.entries.iter().filter(|e| e.job().is_some_and(|j| jobs.contains(&j))) {
            for job in cancel_doubles(self.slurm, entry, &rows)? {
                (self.say)(&cancelled(job));
            }
        }
        let all: HashSet<u64> = rows.iter().map(|row| row.array).collect();
        for one in self.report.submitted.iter().filter(|s| !all.contains(&s.job)) {
            (self.say)(&format!(
                "warning: Slurm no longer shows array {}: submit again puts it back if it is gone",
                one.job
            ));
        }
        Ok(())
    }
}

/// The job of an intent, of which sbatch said this number. A controller that lost its state
/// gives numbers again, and what stands before sbatch may print one: another's job is not
/// let go. A queue that does not show the number at all may be one that is asked seldom.
fn job_of(said: u64, intent: &Intent, rows: &[Row]) -> Option<u64> {
    if rows.iter().any(|row| row.array == said && row.name != intent.token) {
        return by_name(rows, intent);
    }
    Some(said)
}

/// The job that has an intent's name.
fn by_name(rows: &[Row], intent: &Intent) -> Option<u64> {
    state::arrays_named(rows, &intent.token).first().copied()
}
