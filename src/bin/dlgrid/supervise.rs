//! The supervisor of an array task over its workers: it starts them, looks at what they take and at what
//! was ordered, writes down how they and the task end, and puts the task back when its time is over.
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use dlgrid_sweep::exec::gpus;
use dlgrid_sweep::exec::local::{self, Event, Job, Print, Slot, Worker};
use dlgrid_sweep::exec::ranks::are_steps;
use dlgrid_sweep::exec::slurm::ending::{self, Count};
use dlgrid_sweep::exec::slurm::ledger::Intent;
use dlgrid_sweep::exec::slurm::request::Request;
use dlgrid_sweep::exec::slurm::task::{ArrayTask, Befallen, may_go_back};
use dlgrid_sweep::exec::usage::{Meter, age};
use dlgrid_sweep::host;
use dlgrid_sweep::orders;
use dlgrid_sweep::slice::{INTENT, OBEYS_AS};
use dlgrid_sweep::space::Condition;
use dlgrid_sweep::store::merge::Merged;
use dlgrid_sweep::store::read::{self, RetryPolicy};
use dlgrid_sweep::store::record::{Cause, Outcome};
use dlgrid_sweep::store::tasks::{Died, Full, Granted, TaskEnd, TaskLine, TaskWriter};
use dlgrid_sweep::sweep::Sweep;

use crate::array_task::{Args, Signals, begin};
use crate::errand;
use crate::ranks;
use crate::talk::talk;
use crate::work;

/// The GPUs that Slurm has given this task.
pub fn gpus() -> Vec<String> {
    let list = host::env("CUDA_VISIBLE_DEVICES").and_then(|list| list.into_string().ok());
    gpus::ids(list.as_deref(), 0)
}

/// Where the workers of a task run: each with its part of these GPUs, as far as there are some, of which
/// one that trains takes the first; else side by side.
fn slots(ids: &[String], workers: usize, threads: usize, trains: bool) -> Vec<Slot> {
    let device = match (trains, ids.is_empty()) {
        (false, _) => "command",
        (true, false) => "cuda:0",
        (true, true) => "auto",
    };
    let workers = workers.max(1);
    (0..workers)
        .map(|n| Slot {
            device: device.to_owned(),
            threads,
            starter: Vec::new(),
            visible: gpus::visible(ids, n, workers),
        })
        .collect()
}

/// Time between two looks at what was ordered, and at how many runs have failed.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Share of its memory from which on a task counts as full.
const FULL: f64 = 0.92;

/// Keeps watch over the workers of a task, and over its time.
pub struct Supervisor<'a> {
    args: &'a Args,
    sweep: &'a Sweep,
    intent: &'a Intent,
    task: ArrayTask,
    slices: Vec<u32>,
    signals: Signals,
    /// How old this task was when it was seen to be asked to stop, in seconds; 0 where that can't be told.
    asked_at: Option<f64>,
    granted: Granted,
    /// Nothing where it can't be written: the runs are what counts.
    record: Option<TaskWriter>,
    meter: Meter,
    full: bool,
    befallen: Befallen,
    looked: Instant,
    /// Whether the sweep is stopped when too many runs have failed.
    limits_failures: bool,
    /// Runs of this task that had failed at the last look.
    failed: u64,
    stopped: Option<String>,
}

impl<'a> Supervisor<'a> {
    /// Begins, and writes that down.
    pub fn new(
        args: &'a Args,
        sweep: &'a Sweep,
        intent: &'a Intent,
        task: ArrayTask,
        slices: Vec<u32>,
        signals: Signals,
    ) -> Self {
        let granted = ArrayTask::granted(intent);
        let record = begin(sweep, intent, task, &slices, args);
        let request = Request::read(&sweep.dir, intent.request);
        Self {
            args,
            sweep,
            intent,
            task,
            slices,
            signals,
            asked_at: None,
            granted,
            record,
            meter: Meter::begin(),
            full: false,
            befallen: Befallen::default(),
            looked: host::instant(),
            limits_failures: request.is_ok_and(|r| r.upkeep.max_failures.is_some()),
            failed: 0,
            stopped: None,
        }
    }

    /// Works until the slices are done or it is time to stop; the exit code.
    pub fn work(mut self) -> anyhow::Result<u8> {
        let again = RetryPolicy::parse(self.args.redo.iter().map(String::as_str))
            .map_err(|word| anyhow::anyhow!("`--redo {word}` is unknown"))?;
        let stops = Arc::new(AtomicUsize::new(0));
        let worked = match self.job(again) {
            Err(error) => Err(std::io::Error::other(error)),
            Ok(job) => {
                if job.slots.iter().any(|slot| are_steps(&slot.starter)) {
                    self.meter.sees_no_workers();
                }
                local::run(job, &stops, &mut |events| {
                    self.tick(events);
                    let stop = self.signals.asked() || self.signals.time_is_over();
                    if stop || self.stopped.is_some() {
                        stops.store(1, Ordering::SeqCst);
                    }
                })
            }
        };
        if let Err(error) = worked {
            let why = format!("cannot start a worker: {error}");
            talk(&format!("error: {why}\n"));
            self.befallen.unusable = true;
            self.stopped.get_or_insert(why);
        }
        self.conclude(again)
    }

    fn job(&self, again: RetryPolicy) -> anyhow::Result<Job> {
        let slots = self.slots().context("no MPI is there")?;
        let worker = match &self.args.worker {
            Some(program) => Worker { program: program.clone(), args: Vec::new() },
            None => Worker { program: host::executable()?, args: vec!["task".into()] },
        };
        let mut extra = work::redo_words(again);
        if let Some(only) = &self.args.only {
            extra.extend(["--only".to_owned(), only.clone()]);
        }
        if let Some(ranks) = self.args.ranks_of_a_worker() {
            extra.extend(["--ranks".to_owned(), ranks.count.to_string()]);
        }
        let mut environment = ranks::environment(self.args.ranks_of_a_worker());
        environment.extend([
            (INTENT.to_owned(), self.intent.number.to_string()),
            (OBEYS_AS.to_owned(), self.intent.obeys_as().to_string()),
        ]);
        Ok(Job {
            dir: self.sweep.dir.clone(),
            sweep: self.sweep.manifest.id.clone(),
            slices: self.slices.clone(),
            slots,
            worker,
            extra: extra.into_iter().map(Into::into).collect(),
            environment,
            print: Print::Through,
        })
    }

    /// Where its workers run; nothing where its ranks can't be started, which is said.
    fn slots(&self) -> Option<Vec<Slot>> {
        let threads = self.args.threads;
        let Some(ranks) = self.args.its_ranks() else {
            return Some(slots(&gpus(), self.args.workers, threads, self.sweep.spec.trains()));
        };
        let each = usize::try_from(ranks.per_node()).unwrap_or(1);
        let of_node = slots(&gpus(), each, threads, self.sweep.spec.trains());
        ranks::task_slots(ranks, &|n| of_node[n].clone(), threads)
    }

    fn tick(&mut self, events: &[Event]) {
        self.note_when_asked();
        for event in events {
            self.take(event);
        }
        self.meter.look();
        self.note_if_full();
        if self.looked.elapsed() >= LOOK_EVERY {
            self.look();
        }
    }

    fn note_when_asked(&mut self) {
        if self.asked_at.is_none() && self.signals.asked() {
            self.asked_at = Some(age().unwrap_or(0.0));
        }
    }

    fn take(&mut self, event: &Event) {
        match event {
            Event::Done { .. } => {}
            Event::Died { slice, how, cause, again, .. } => {
                let why = if *cause == Cause::Memory { " for want of memory" } else { "" };
                let next = if *again { "another takes over" } else { "it is given up for now" };
                talk(&format!("warning: a worker {how}{why}, at slice {slice}; {next}\n"));
                // The least of them is the one that asking for more mends.
                self.befallen.died =
                    self.befallen.died.map_or(Some(*cause), |d| Some(d.min(*cause)));
                let died =
                    Died { slice: *slice, how: how.clone(), cause: *cause, time: host::now() };
                self.note(&TaskLine::Died(died));
            }
            Event::Unusable { how, .. } => {
                talk(&format!("error: the worker {how}\n"));
                self.befallen.unusable = true;
            }
        }
    }

    fn note_if_full(&mut self) {
        let Some((peak, has)) = self.meter.peak_memory_mib().zip(self.granted.memory_mib) else {
            return;
        };
        #[expect(clippy::cast_precision_loss, reason = "megabytes of a node")]
        let is_full = !self.full && peak as f64 >= FULL * has as f64;
        if is_full {
            self.full = true;
            self.note(&TaskLine::Full(Full { memory_mib: peak, time: host::now() }));
        }
    }

    /// Looks at what was ordered, and whether the sweep is plainly broken.
    fn look(&mut self) {
        self.looked = host::instant();
        if self.stopped.is_some() {
            return;
        }
        let ordered = orders::read(&self.sweep.dir).unwrap_or_default();
        self.stopped = orders::stop(&ordered, self.intent.obeys_as()).map(str::to_owned);
        if !self.limits_failures {
            return;
        }
        // The whole sweep is read only when a run of this task has failed since the last look.
        let failed = self.failures();
        if self.stopped.is_none() && failed > self.failed {
            self.stopped = errand::stop_if_broken(self.sweep, self.intent);
        }
        self.failed = failed;
    }

    /// Runs of this task's slices that count as failed.
    fn failures(&self) -> u64 {
        let (dir, id) = (&self.sweep.dir, &self.sweep.manifest.id);
        let of_slice = |slice: &u32| {
            let results = read::load_slice_to_show(dir, *slice, id).ok()?;
            let ends = results.runs.values().filter_map(|run| run.end.as_ref());
            let of_intent = |end: &&Merged| results.intent(end) == Some(self.intent.number);
            let failed = ends.filter(|end| end.outcome == Outcome::Failed).filter(of_intent);
            Some(failed.count() as u64)
        };
        self.slices.iter().filter_map(of_slice).sum()
    }

    fn note(&mut self, line: &TaskLine) {
        if let Some(record) = &mut self.record
            && let Err(error) = record.add(line)
        {
            talk(&format!("warning: {error}; how this task ends is not kept\n"));
            self.record = None;
        }
    }

    /// Writes down how the task ended, and puts it back into the queue where only its time is
    /// over; the exit code.
    fn conclude(mut self, again: RetryPolicy) -> anyhow::Result<u8> {
        self.note_when_asked();
        let only = self.args.only.as_deref().map(Condition::new).transpose()?;
        let Count { ends, failed, left } =
            ending::count(self.sweep, self.intent, &self.slices, again, only)?;
        if failed > 0 {
            self.look();
        }
        self.befallen = Befallen {
            time_is_over: self.signals.time_is_over(),
            asked: self.signals.asked() || (self.stopped.is_some() && !self.befallen.unusable),
            left,
            failed,
            ..self.befallen
        };
        let why = self.stopped.clone();
        let (used, time) = (self.meter.used(), host::now());
        let end = TaskEnd { cause: None, requeued: false, why, ends, failed, used, time };
        let may = may_go_back(&self.befallen, self.asked_at, self.granted.seconds);
        let (task, slices) = (self.task, self.slices.clone());
        let (sweep, befallen) = (self.sweep, self.befallen);
        let note = &mut |line: &TaskLine| self.note(line);
        let (end, code) = ending::end(&task, sweep, &slices, &befallen, may, end, note);
        if end.requeued {
            talk("time is nearly over: put back into the queue\n");
        } else if end.cause == Some(Cause::Time) {
            let why = end.why.as_deref().unwrap_or("it was asked to stop");
            talk(&format!(
                "time is nearly over: not put back into the queue: {why}; submit again goes on\n"
            ));
        }
        if left == 0 {
            errand::conclude_without_job(self.sweep, self.args, self.intent);
        }
        Ok(code)
    }
}
