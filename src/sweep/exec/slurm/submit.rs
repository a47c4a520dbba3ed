//! Submission, exactly once: killed at any point and started again, each slice ends up in the
//! queue once; of two at once, one has each array.
//!
//! The order of an array: its intent, with a token, is made durable; sbatch is given the token
//! as the job's name, and holds the job; its fate is decided; the job is let go. A job whose
//! number is not the fate of an intent is never let go, so that what an interrupted or doubtful
//! sbatch has left can't run, and is cancelled by the next submit. The queue is not asked for
//! each array: what sbatch has taken is decided together ([`asked`]).
use std::collections::HashSet;

use self::asked::Asked;
use super::call::Slurm;
use super::error::SlurmError;
use super::lanes::{self, Live};
use super::ledger::{self, Entry, Intent, Kind, LEDGER_SCHEMA, Ledger, token};
use super::ranges;
use super::request::{Call, Request};
use super::settle::{settle, when_ended};
use crate::exec::claim::Claim;
use crate::mutant::{self, Mutant};
use crate::orders;
use crate::store::StoreError;
use crate::store::layout::SweepDir;

mod asked;
mod errand;
mod held;
mod room;

pub use held::{Held, passed_over};

/// An array that was submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Submission {
    /// Its job.
    pub job: u64,
    /// What it is for.
    pub kind: Kind,
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
    /// What has these.
    pub held: Vec<Held>,
    /// Slices that a limit of the site kept out, and Slurm's words for it.
    pub kept_out: Option<(usize, String)>,
}

/// Puts the slices of a request into the queue that are not there, but for those that are `over`,
/// which is asked once the queue was: what has left it by then has written its ends. The request
/// must have been published.
///
/// # Errors
/// If Slurm refuses or does not answer, or the sweep directory can't be written. What is in the
/// queue by then stays; the next submission goes on.
pub fn submit(
    dir: &SweepDir,
    sweep: &str,
    slurm: &Slurm,
    request: &Request,
    over: &dyn Fn() -> Result<HashSet<u32>, StoreError>,
    say: &mut dyn FnMut(&str),
) -> Result<Report, SlurmError> {
    let settled = settle(dir, slurm)?;
    settled.told().for_each(|words| say(&words));
    let standing = when_ended(settled.standing, (dir, slurm), &request.slices, over, say)?;
    let in_queue = |slice: &u32| standing.place(*slice).is_in_queue();
    let mut covered: HashSet<u32> = request.slices.iter().copied().filter(in_queue).collect();
    let held = held::held(dir, &Ledger::read(dir)?, &standing, &covered);
    let queued = covered.len();
    let report = Report { adopted: settled.adopted, queued, held, ..Report::default() };
    covered.extend(over()?);
    let is_alive = |job: u64| standing.arrays.iter().any(|array| array.job == job);
    let ledger = Ledger::read(dir)?;
    let is_part = |entry: &&Entry| entry.intent.request == request.number;
    let canary = ledger.canary(request.number).and_then(Entry::job).filter(|job| is_alive(*job));
    let wants_canary = request.canary && !is_tried(dir, &ledger)?;
    let mut work = Work {
        dir,
        sweep,
        slurm,
        request,
        say,
        report,
        known: settled.known,
        last: 0,
        covered,
        live: lanes::as_ordered(&standing.live, &orders::read(dir)?),
        canary: canary.map(|job| job.to_string()),
        wants_canary,
        first: ledger.entries.iter().find(is_part).map(|entry| entry.intent.number),
        concludes: standing.arrays.iter().any(|array| array.kind == Kind::Report),
        limit: None,
        asked: Vec::new(),
    };
    let came = work.submit();
    // What sbatch has taken is let go all the same where something else failed.
    let decided = work.decide();
    came.and(decided)?;
    work.verify()?;
    Ok(work.report)
}

/// Whether a canary ended well and no array has come after it, as where a limit leaves room for a
/// single job: it would be tried again and again.
fn is_tried(dir: &SweepDir, ledger: &Ledger) -> Result<bool, StoreError> {
    let has_job = |entry: &&Entry| entry.job().is_some();
    let newest = |kind: Kind| {
        let of_kind = ledger.entries.iter().filter(has_job).filter(|e| e.intent.kind == kind);
        of_kind.map(|entry| entry.intent.number).max()
    };
    match newest(Kind::Canary) {
        Some(canary) if newest(Kind::Runs) < Some(canary) => ledger::has_passed(dir, canary),
        _ => Ok(false),
    }
}

struct Work<'a> {
    dir: &'a SweepDir,
    sweep: &'a str,
    slurm: &'a Slurm,
    request: &'a Request,
    say: &'a mut dyn FnMut(&str),
    report: Report,
    /// The last intent that the queue was asked about.
    known: u32,
    /// The last intent when it was looked at which slices are left.
    last: u32,
    /// Slices that are in the queue, or that another submission is at.
    covered: HashSet<u32>,
    live: Vec<Live>,
    /// The job that the arrays wait for.
    canary: Option<String>,
    /// Whether one run is tried before the arrays.
    wants_canary: bool,
    /// The first intent of the request.
    first: Option<u32>,
    /// Whether a job that concludes the sweep was in the queue before.
    concludes: bool,
    /// Slurm's words for the limit that kept out the last job that trains nothing.
    limit: Option<String>,
    /// What sbatch has taken, and whose fate is not decided yet.
    asked: Vec<Asked>,
}

/// What sbatch made of an array that it was asked for.
enum Came {
    /// It says that it is this job, held as yet where jobs are held.
    Job(u64),
    /// A limit of the site keeps it out.
    Limit(String),
}

impl Work<'_> {
    fn submit(&mut self) -> Result<(), SlurmError> {
        let wants_canary = self.wants_canary && self.report.queued == 0 && self.canary.is_none();
        if wants_canary && !self.left()?.is_empty() {
            let job = self.errand(Kind::Canary, &[])?;
            self.canary = job.map(|(_, job)| job.to_string());
            if let (None, Some(words)) = (job, self.limit.take()) {
                // Nothing goes in untried.
                self.report.kept_out = Some((self.left()?.len(), words));
                let top_up =
                    if self.request.top_up { self.errand(Kind::TopUp, &[])? } else { None };
                return self.finish(top_up);
            }
        }
        let mut top_up = None;
        let mut size = self.request.array;
        loop {
            let left = self.left()?;
            if left.is_empty() {
                // It may turn out that some must be asked for again.
                self.decide()?;
                if self.left()?.is_empty() {
                    break;
                }
                continue;
            }
            let Some(intent) = self.declare(&left, size)? else { continue };
            let tasks = asked::tasks(&intent);
            let (share, after) = (intent.share, intent.after);
            match self.carry_out(intent)? {
                Came::Job(array) => {
                    self.live.push(Live { array, share, after });
                    self.decide_in_time()?;
                }
                Came::Limit(words) => {
                    // The job that goes on later takes a place itself: before the rest does.
                    if self.report.kept_out.is_none() && self.request.top_up {
                        top_up = self.errand(Kind::TopUp, &[])?;
                    }
                    let first = self.report.kept_out.is_none();
                    self.report.kept_out = Some((left.len(), words));
                    if tasks == 1 {
                        let in_vain = top_up.is_some() && self.nothing_makes_room()?;
                        let Some((number, job)) = top_up.take_if(|_| in_vain) else { break };
                        self.take_back(number, job)?;
                        continue;
                    }
                    let room = if first { self.room()? } else { None };
                    size = room::smaller(tasks, room);
                }
            }
        }
        self.finish(top_up)
    }

    /// Takes a job that trains nothing out of the queue again.
    fn take_back(&mut self, number: u32, job: u64) -> Result<(), SlurmError> {
        let intent = ledger::read_intent(self.dir, number)?;
        self.slurm.cancel(job, &intent.token)?;
        self.report.submitted.retain(|one| one.job != job);
        Ok(())
    }

    /// What comes after the arrays: the job that submits the rest, or the one that concludes.
    fn finish(&mut self, top_up: Option<(u32, u64)>) -> Result<(), SlurmError> {
        self.decide()?;
        let left = self.left()?.len();
        if let Some((_, words)) = self.report.kept_out.take().filter(|_| left > 0) {
            self.report.kept_out = Some((left, words));
        }
        if let Some((number, job)) = top_up {
            if left == 0 {
                self.take_back(number, job)?;
            } else {
                let waits = self.slurm.wait_for(job, self.half_way()?.as_deref());
                // One that is not held may have started by now: it submits what it can, and goes on.
                match waits {
                    Err(error) if self.request.hold => return Err(error),
                    Err(error) => (self.say)(&format!(
                        "job {job} can't be told when to start, and may have: {error}"
                    )),
                    Ok(()) => {}
                }
                self.let_go(number, job)?;
            }
        }
        let ends = self.request.ends_with_a_job();
        // One that was killed may have submitted all arrays, and not yet what concludes.
        let news = self.report.submitted.iter().any(|one| one.kind == Kind::Runs);
        if left == 0 && ends && (news || !self.concludes) && !self.live.is_empty() {
            let all: Vec<String> = self.live.iter().map(|one| one.array.to_string()).collect();
            self.errand(Kind::Report, &all)?;
        }
        Ok(())
    }

    /// The task after which it is time to submit more: the middle one of the last array.
    fn half_way(&self) -> Result<Option<String>, SlurmError> {
        let ledger = Ledger::read(self.dir)?;
        let last = self.live.last().map(|one| one.array);
        let entry = ledger.entries.iter().find(|e| e.job().is_some() && e.job() == last);
        Ok(entry.zip(last).map(|(entry, array)| {
            let tasks = asked::tasks(&entry.intent);
            format!("{array}_{}", tasks.saturating_sub(1) / 2)
        }))
    }

    /// Slices of the request that nobody has submitted.
    fn left(&mut self) -> Result<Vec<u32>, SlurmError> {
        let ledger = Ledger::read(self.dir)?;
        self.last = ledger.last();
        for entry in ledger.entries {
            if entry.intent.number > self.known && entry.keeps_its_slices() {
                self.covered.extend(entry.slices());
            }
        }
        Ok(self.request.slices.iter().copied().filter(|s| !self.covered.contains(s)).collect())
    }

    /// Takes the next number for an array of the first of these slices; nothing if another
    /// submission took it: it may have slices that were left when that was looked at.
    fn declare(&mut self, left: &[u32], size: usize) -> Result<Option<Intent>, SlurmError> {
        let request = self.request;
        let anew =
            mutant::is(Mutant::NumberReadAnew).then(|| Ledger::read(self.dir)).transpose()?;
        let number = anew.map_or(self.last, |ledger| ledger.last()) + 1;
        let per_task = request.per_task.max(1);
        let slices = &left[..left.len().min(size.saturating_mul(per_task))];
        // What a limit keeps out does not run beside this one: it comes when this one makes room.
        let arrays = if self.report.kept_out.is_some() {
            1
        } else {
            left.len().div_ceil(size.saturating_mul(per_task)) as u64
        };
        let lane = request.max_running.map(|most| lanes::next(&self.live, arrays, most));
        let (share, after) = (lane.map(|l| l.share), lane.and_then(|l| l.after));
        let waits: Vec<String> = after.iter().map(u64::to_string).collect();
        let token = token(self.sweep, number, &nonce()?);
        let tasks = slices.len().div_ceil(per_task);
        let canary = self.canary.as_deref();
        let call = Call { token: &token, number, tasks, share, canary, after: &waits };
        let words = request.words(Kind::Runs, &call);
        let slices = ranges::write(slices);
        let intent =
            Intent { slices, share, after, ..self.intent(Kind::Runs, number, token, words) };
        Ok(self.publish(&intent)?.then_some(intent))
    }

    fn intent(&self, kind: Kind, number: u32, token: String, words: Vec<String>) -> Intent {
        Intent {
            schema: LEDGER_SCHEMA,
            number,
            token,
            kind,
            request: self.request.number,
            since: self.first.unwrap_or(number),
            slices: String::new(),
            per_task: self.request.per_task.max(1),
            granted: self.request.granted,
            share: None,
            after: None,
            words,
            by: Claim::of_this_process(),
        }
    }

    /// Whether the number was free.
    fn publish(&mut self, intent: &Intent) -> Result<bool, SlurmError> {
        match ledger::declare(self.dir, intent) {
            Ok(()) => {
                self.first.get_or_insert(intent.number);
                Ok(true)
            }
            Err(error) if error.is_exists() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// What an array is for and the words of sbatch for it, for each that a request makes where
/// nothing is in the queue, with intents from `first` on; a random part of their names reads
/// `NONCE`, and the number of an array that another waits for `ARRAY<n>`.
#[must_use]
pub fn all_words(request: &Request, sweep: &str, first: u32) -> Vec<(u32, Kind, Vec<String>)> {
    let mut all: Vec<(u32, Kind, Vec<String>)> = Vec::new();
    let mut add = |kind: Kind, tasks, share, canary: Option<&str>, after: &[String]| {
        let number = first + u32::try_from(all.len()).unwrap_or(u32::MAX - first);
        let token = token(sweep, number, "NONCE");
        let call = Call { token: &token, number, tasks, share, canary, after };
        all.push((number, kind, request.words(kind, &call)));
        number
    };
    let canary = request.canary.then(|| format!("ARRAY{}", add(Kind::Canary, 1, None, None, &[])));
    let mut live: Vec<Live> = Vec::new();
    let per_task = request.per_task.max(1);
    let mut left = request.slices.len().div_ceil(per_task);
    while left > 0 {
        let arrays = left.div_ceil(request.array) as u64;
        let lane = request.max_running.map(|most| lanes::next(&live, arrays, most));
        let (share, after) = (lane.map(|l| l.share), lane.and_then(|l| l.after));
        let waits: Vec<String> = after.iter().map(|array| format!("ARRAY{array}")).collect();
        let tasks = left.min(request.array);
        let number = add(Kind::Runs, tasks, share, canary.as_deref(), &waits);
        live.push(Live { array: u64::from(number), share, after });
        left -= tasks;
    }
    if request.ends_with_a_job() {
        let waits: Vec<String> = live.iter().map(|one| format!("ARRAY{}", one.array)).collect();
        add(Kind::Report, 1, None, None, &waits);
    }
    all
}

fn nonce() -> Result<String, StoreError> {
    crate::store::fs::nonce()
}
