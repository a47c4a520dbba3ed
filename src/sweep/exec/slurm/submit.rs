//! Submission, exactly once: killed at any point and started again, each slice ends up in the
//! queue once; of two at once, one has each array.
//!
//! The order of an array: its intent, with a token, is made durable; sbatch is given the token
//! as the job's name, and holds the job; its fate is decided; the job is let go. A job whose
//! number is not the fate of an intent is never let go, so that what an interrupted or doubtful
//! sbatch has left can't run, and is cancelled by the next submit.
use std::collections::HashSet;
use std::time::Duration;

use super::call::{Backoff, Slurm, Submitted};
use super::error::SlurmError;
use super::lanes::{self, Live};
use super::ledger::{self, Entry, Fate, Intent, Kind, LEDGER_SCHEMA, Ledger};
use super::parse::Row;
use super::state::{self, Standing};
use super::{ranges, script};
use crate::exec::claim::Claim;
use crate::host;
use crate::store::StoreError;
use crate::store::layout::SweepDir;
use crate::store::tasks::Granted;

/// What is to be in the queue.
#[derive(Debug, Clone)]
pub struct Request {
    /// Slices with runs to train, in order.
    pub slices: Vec<u32>,
    /// Options of every array.
    pub options: Vec<String>,
    /// The script and its words up to those that name the intent.
    pub script: Vec<String>,
    /// The script's words after them.
    pub further: Vec<String>,
    /// Tasks of one array at most.
    pub array: usize,
    /// Tasks that may run at once.
    pub max_running: Option<u64>,
}

/// An array that was submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Submission {
    /// Its job.
    pub job: u64,
    /// Its tasks.
    pub tasks: usize,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Arrays that were submitted now.
    pub submitted: Vec<Submission>,
    /// Arrays that an interrupted submission had left, and that were let go now.
    pub adopted: Vec<u64>,
    /// Slices of the request that were in the queue before.
    pub queued: usize,
}

/// Looks for a job that may still be on its way, and time between two of them.
const LOOKS: u32 = 2;
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);
/// A job that was asked for so long ago is no longer on its way, in seconds.
const ARRIVED: f64 = 60.0;

/// Puts slices into the queue that are not there.
///
/// # Errors
/// If Slurm refuses or does not answer, or the sweep directory can't be written. What is in the
/// queue by then stays; the next submission goes on.
pub fn submit(
    dir: &SweepDir,
    sweep: &str,
    slurm: &Slurm,
    request: &Request,
    say: &mut dyn FnMut(&str),
) -> Result<Report, SlurmError> {
    let mut work = Work { dir, sweep, slurm, request, say, report: Report::default() };
    let (known, standing) = work.settle()?;
    let mut covered: HashSet<u32> =
        request.slices.iter().copied().filter(|s| standing.place(*s).is_in_queue()).collect();
    work.report.queued = covered.len();
    let mut live = standing.live;
    loop {
        let ledger = Ledger::read(dir)?;
        for entry in ledger.entries.iter().filter(|e| e.intent.number > known) {
            if !matches!(entry.fate, Some(Fate::Void(_))) {
                covered.extend(entry.slices());
            }
        }
        let left: Vec<u32> =
            request.slices.iter().copied().filter(|s| !covered.contains(s)).collect();
        if left.is_empty() {
            break;
        }
        let Some(intent) = work.declare(&ledger, &left, &live)? else { continue };
        let slices = ranges::read(&intent.slices).unwrap_or_default();
        if let Some(job) = work.carry_out(&intent)? {
            live.push(Live { array: job, share: intent.share, after: intent.after });
            work.report.submitted.push(Submission { job, tasks: slices.len() });
            covered.extend(slices);
        }
    }
    work.verify()?;
    Ok(work.report)
}

struct Work<'a> {
    dir: &'a SweepDir,
    sweep: &'a str,
    slurm: &'a Slurm,
    request: &'a Request,
    say: &'a mut dyn FnMut(&str),
    report: Report,
}

impl Work<'_> {
    /// Brings earlier submissions to their end: what was cut short is adopted where Slurm has
    /// it, and void where not. Returns the last intent that the answer speaks of, and where all
    /// slices stand.
    fn settle(&mut self) -> Result<(u32, Standing), SlurmError> {
        let mut ledger = Ledger::read(self.dir)?;
        // Read before the queue is asked: what was decided by then is in the answer.
        let mut rows = self.slurm.queue()?;
        for entry in &mut ledger.entries {
            if entry.fate.is_none() && !entry.is_under_way(host::now()) {
                entry.fate = Some(self.resolve(&entry.intent, &mut rows)?);
            }
        }
        let mut changed = false;
        for entry in &mut ledger.entries {
            changed |= self.cancel_doubles(entry, &rows)?;
            changed |= self.let_go(entry, &rows)?;
        }
        if changed {
            rows = self.slurm.queue()?;
        }
        Ok((ledger.last(), Standing::of(&ledger, &rows, host::now())))
    }

    /// Decides the fate of an intent whose submitter is gone.
    fn resolve(&mut self, intent: &Intent, rows: &mut Vec<Row>) -> Result<Fate, SlurmError> {
        let mut looks = if host::now() - intent.by.time < ARRIVED { LOOKS } else { 0 };
        let mut found = state::arrays_named(rows, &intent.token);
        while found.is_empty() && looks > 0 {
            std::thread::sleep(BETWEEN_LOOKS);
            *rows = self.slurm.queue()?;
            found = state::arrays_named(rows, &intent.token);
            looks -= 1;
        }
        let fate = match found.first() {
            Some(job) => Fate::Job(*job),
            None => Fate::Void("its submission was interrupted before Slurm had it".into()),
        };
        Ok(ledger::decide(self.dir, intent.number, fate)?)
    }

    /// Cancels jobs of this name that are not the intent's; whether there were any.
    fn cancel_doubles(&mut self, entry: &Entry, rows: &[Row]) -> Result<bool, SlurmError> {
        if entry.fate.is_none() {
            return Ok(false);
        }
        let alive = |row: &&Row| row.name == entry.intent.token && state::is_alive(&row.state);
        let mut doubles: Vec<u64> = rows.iter().filter(alive).map(|row| row.array).collect();
        doubles.retain(|array| Some(*array) != entry.job());
        doubles.sort_unstable();
        doubles.dedup();
        for array in &doubles {
            self.slurm.cancel(*array, &entry.intent.token)?;
            (self.say)(&format!("cancelled job {array}, which an interrupted submission had left"));
        }
        Ok(!doubles.is_empty())
    }

    /// Lets a job go that is held since its submission was interrupted; whether it was.
    fn let_go(&mut self, entry: &mut Entry, rows: &[Row]) -> Result<bool, SlurmError> {
        let Some(job) = entry.job().filter(|_| !entry.released) else { return Ok(false) };
        let is_its = |row: &&Row| row.array == job && row.name == entry.intent.token;
        let there = rows.iter().filter(is_its).any(|row| state::is_alive(&row.state));
        if there {
            self.slurm.release(job)?;
            self.report.adopted.push(job);
        }
        ledger::mark_released(self.dir, entry.intent.number)?;
        entry.released = true;
        Ok(there)
    }

    /// Takes the next number for an array of the first of these slices; nothing if another
    /// submission took it.
    fn declare(
        &self,
        ledger: &Ledger,
        left: &[u32],
        live: &[Live],
    ) -> Result<Option<Intent>, SlurmError> {
        let number = ledger.last() + 1;
        let slices = &left[..left.len().min(self.request.array)];
        let arrays = left.len().div_ceil(self.request.array) as u64;
        let lane = self.request.max_running.map(|most| lanes::next(live, arrays, most));
        let (share, after) = (lane.map(|l| l.share), lane.and_then(|l| l.after));
        let token = token(self.sweep, number, &nonce()?);
        let words = words(self.request, &token, number, slices.len(), share, after);
        let intent = Intent {
            schema: LEDGER_SCHEMA,
            number,
            token,
            kind: Kind::Runs,
            request: 0,
            slices: ranges::write(slices),
            per_task: 1,
            granted: Granted::default(),
            share,
            after,
            words,
            by: Claim::of_this_process(),
        };
        match ledger::declare(self.dir, &intent) {
            Ok(()) => Ok(Some(intent)),
            Err(error) if error.is_exists() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Submits the array of an intent; its job, unless another process decided against it.
    fn carry_out(&mut self, intent: &Intent) -> Result<Option<u64>, SlurmError> {
        let job = match self.sbatch(intent)? {
            Ok(job) => job,
            Err(words) => {
                ledger::decide(self.dir, intent.number, Fate::Void(words.clone()))?;
                return Err(SlurmError::Refused { program: "sbatch", words });
            }
        };
        if ledger::decide(self.dir, intent.number, Fate::Job(job))? != Fate::Job(job) {
            self.slurm.cancel(job, &intent.token)?;
            return Ok(None);
        }
        self.slurm.release(job)?;
        ledger::mark_released(self.dir, intent.number)?;
        Ok(Some(job))
    }

    /// Asks for a job until it is known whether there is one: its number, or why there is none.
    fn sbatch(&mut self, intent: &Intent) -> Result<Result<u64, String>, SlurmError> {
        let mut backoff = Backoff::new(self.slurm.patience());
        loop {
            let words = match self.slurm.sbatch(&intent.words)? {
                Submitted::Job(job) => return Ok(Ok(job)),
                Submitted::Refused(words) => return Ok(Err(words)),
                Submitted::Unknown(words) => words,
            };
            (self.say)(&format!("sbatch says: {words}; looking whether it has the job"));
            if !backoff.wait() {
                return Err(SlurmError::Unreachable { program: "sbatch", words });
            }
            let rows = self.slurm.queue()?;
            if let Some(job) = state::arrays_named(&rows, &intent.token).first() {
                return Ok(Ok(*job));
            }
        }
    }

    /// What was submitted is in the queue, under its token.
    fn verify(&mut self) -> Result<(), SlurmError> {
        if self.report.submitted.is_empty() {
            return Ok(());
        }
        let rows = self.slurm.queue()?;
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

/// The name of the job of a sweep's intent: letters, digits and hyphens only.
#[must_use]
pub fn token(sweep: &str, number: u32, nonce: &str) -> String {
    format!("dlg-{}-{number:06}-{nonce}", sweep.get(..8).unwrap_or(sweep))
}

/// All words of sbatch for an array.
#[must_use]
pub fn words(
    request: &Request,
    token: &str,
    number: u32,
    tasks: usize,
    share: Option<u64>,
    after: Option<u64>,
) -> Vec<String> {
    let mut words = request.options.clone();
    words.extend(script::array_options(token, tasks, share, after));
    words.extend(request.script.iter().cloned());
    words.extend(["--intent".to_owned(), number.to_string()]);
    words.extend(request.further.iter().cloned());
    words
}

/// The number and the words of each array that a request makes where nothing is in the queue,
/// with intents from `first` on; a random part of their names reads `NONCE`, and the number of
/// an array that another waits for `ARRAY<n>`.
#[must_use]
pub fn all_words(request: &Request, sweep: &str, first: u32) -> Vec<(u32, Vec<String>)> {
    let mut live: Vec<Live> = Vec::new();
    let mut left = request.slices.len();
    let mut all = Vec::new();
    while left > 0 {
        let number = first + u32::try_from(all.len()).unwrap_or(u32::MAX - first);
        let arrays = left.div_ceil(request.array) as u64;
        let lane = request.max_running.map(|most| lanes::next(&live, arrays, most));
        let (share, after) = (lane.map(|l| l.share), lane.and_then(|l| l.after));
        let tasks = left.min(request.array);
        let token = token(sweep, number, "NONCE");
        let mut words = words(request, &token, number, tasks, share, None);
        if let Some(after) = after {
            let place = request.options.len() + 3;
            words.insert(place, format!("--dependency=afterany:ARRAY{after}"));
        }
        live.push(Live { array: u64::from(number), share, after });
        all.push((number, words));
        left -= tasks;
    }
    all
}

fn nonce() -> Result<String, StoreError> {
    crate::store::fs::nonce()
}
