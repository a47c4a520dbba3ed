//! `dlgrid array-task`: a task of a Slurm array. It starts the workers of the task's slices, keeps
//! watch over them, and writes down how it ended; or it does the errand that its array is for.
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use dlgrid_sweep::exec::local::{self, Event, Job, Print, Slot, Worker};
use dlgrid_sweep::exec::slurm::ledger::{self, Intent, Kind};
use dlgrid_sweep::exec::slurm::ranges;
use dlgrid_sweep::exec::slurm::task::{ArrayTask, Assigned, Befallen, verdict};
use dlgrid_sweep::exec::usage::Meter;
use dlgrid_sweep::orders::{self, Choice};
use dlgrid_sweep::slice::{INTENT, OBEYS_AS};
use dlgrid_sweep::space::Condition;
use dlgrid_sweep::store::layout::SweepDir;
use dlgrid_sweep::store::read::{self, RetryPolicy};
use dlgrid_sweep::store::record::{Cause, Outcome};
use dlgrid_sweep::store::tasks::{
    Begin, Died, Full, Granted, TASK_SCHEMA, TaskEnd, TaskLine, TaskWriter,
};
use dlgrid_sweep::sweep::Sweep;
use dlgrid_sweep::{exit, host};

use crate::errand;
use crate::talk::{refuse, talk};
use crate::work;

/// Arguments of `array-task`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The sweep directory
    #[arg(long)]
    pub sweep: PathBuf,
    /// The intent of the sweep that made the array
    #[arg(long)]
    pub intent: u32,
    /// Workers at a time
    #[arg(long, default_value_t = 1)]
    pub workers: usize,
    /// Threads of one worker
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
    /// The program that trains; dlgrid itself for sweeps of other programs
    #[arg(long)]
    pub worker: Option<PathBuf>,
    /// Kinds of ended runs to run again: failed, memory, diverged
    #[arg(long, value_delimiter = ',')]
    pub redo: Vec<String>,
    /// Run only what this condition holds for
    #[arg(long, value_name = "EXPR", allow_hyphen_values = true)]
    pub only: Option<String>,
}

pub fn run(args: &Args) -> anyhow::Result<u8> {
    let signals = Signals::listen()?;
    let task = ArrayTask::here().ok_or_else(|| {
        refuse(exit::INPUT, "this is no task of a Slurm array", "`dlgrid submit` starts them")
    })?;
    let sweep = Sweep::open(SweepDir::new(&args.sweep))?;
    talk(&format!(
        "{}, task {}_{} on {}, start {}\n",
        sweep.dir.label(),
        task.array,
        task.task,
        node(),
        task.restarts + 1
    ));
    let intent = ledger::read_intent(&sweep.dir, args.intent)?;
    match task.assigned(&sweep.dir, &intent)? {
        Assigned::Nothing(why) => {
            talk(&format!("nothing to do: {why}\n"));
            Ok(exit::OK)
        }
        // Nothing that was begun is saved when it stops: a signal ends it as any other program.
        Assigned::Errand(_) if signals.end_by_them() => Ok(exit::STOPPED),
        Assigned::Errand(kind) => match kind {
            Kind::Canary => errand::canary(&sweep, args, &intent),
            Kind::TopUp => errand::top_up(&sweep, &intent),
            Kind::Report => errand::report(&sweep, &intent),
            Kind::Runs => Ok(exit::OK),
        },
        Assigned::Slices(slices) => {
            Watch::new(args, &sweep, &intent, task, slices, signals)?.work()
        }
    }
}

/// The node, by Slurm's name for it.
fn node() -> String {
    host::env("SLURMD_NODENAME").map_or_else(host::name, |n| n.to_string_lossy().into_owned())
}

/// What signals have said.
struct Signals {
    /// SIGTERM or SIGINT: stop.
    asked: Arc<AtomicBool>,
    /// SIGUSR2: Slurm's warning that the time limit is near.
    time_is_over: Arc<AtomicBool>,
    /// Whether SIGTERM and SIGINT end this process after all.
    end: Arc<AtomicBool>,
}

impl Signals {
    fn listen() -> anyhow::Result<Self> {
        use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR2};
        let new = || Arc::new(AtomicBool::new(false));
        let signals = Self { asked: new(), time_is_over: new(), end: new() };
        let pairs =
            [(SIGTERM, &signals.asked), (SIGINT, &signals.asked), (SIGUSR2, &signals.time_is_over)];
        for (signal, flag) in pairs {
            if signal != SIGUSR2 {
                let end = Arc::clone(&signals.end);
                signal_hook::flag::register_conditional_default(signal, end)
                    .context("cannot listen for signals")?;
            }
            signal_hook::flag::register(signal, Arc::clone(flag))
                .context("cannot listen for signals")?;
        }
        Ok(signals)
    }

    /// From now on SIGTERM and SIGINT end this process; whether one has come before.
    fn end_by_them(&self) -> bool {
        self.end.store(true, Ordering::SeqCst);
        self.asked()
    }

    fn asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    fn time_is_over(&self) -> bool {
        self.time_is_over.load(Ordering::SeqCst)
    }
}

/// Where the workers of a task run: one a GPU as far as there are some, else side by side.
fn slots(workers: usize, threads: usize, trains: bool) -> Vec<Slot> {
    let visible = host::env("CUDA_VISIBLE_DEVICES").and_then(|list| list.into_string().ok());
    let ids = visible.iter().flat_map(|list| list.split(','));
    let gpus: Vec<String> =
        ids.filter(|id| !matches!(*id, "" | "NoDevFiles")).map(str::to_owned).collect();
    (0..workers.max(1))
        .map(|n| Slot {
            device: if gpus.is_empty() { "auto".into() } else { "cuda:0".into() },
            threads,
            visible: gpus.get(n % gpus.len().max(1)).cloned(),
        })
        .map(|slot| Slot { device: if trains { slot.device } else { "command".into() }, ..slot })
        .collect()
}

/// Time between two looks at what was ordered, and at how many runs have failed.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Share of its memory from which on a task counts as full.
const FULL: f64 = 0.92;

/// Keeps watch over the workers of a task.
struct Watch<'a> {
    args: &'a Args,
    sweep: &'a Sweep,
    intent: &'a Intent,
    task: ArrayTask,
    slices: Vec<u32>,
    signals: Signals,
    granted: Granted,
    /// Nothing where it can't be written: the runs are what counts.
    record: Option<TaskWriter>,
    meter: Meter,
    full: bool,
    befallen: Befallen,
    looked: Instant,
    stopped: Option<String>,
}

impl<'a> Watch<'a> {
    fn new(
        args: &'a Args,
        sweep: &'a Sweep,
        intent: &'a Intent,
        task: ArrayTask,
        slices: Vec<u32>,
        signals: Signals,
    ) -> anyhow::Result<Self> {
        let granted = ArrayTask::granted(intent);
        let begin = Begin {
            schema: TASK_SCHEMA,
            intent: intent.number,
            array: task.array,
            task: task.task,
            restarts: task.restarts,
            node: node(),
            slices: ranges::write(&slices),
            workers: u32::try_from(args.workers).unwrap_or(u32::MAX),
            granted,
            time: host::now(),
        };
        let record = TaskWriter::begin(&sweep.dir, &begin)
            .map_err(|error| talk(&format!("warning: {error}; how this task ends is not kept\n")))
            .ok();
        Ok(Self {
            args,
            sweep,
            intent,
            task,
            slices,
            signals,
            granted,
            record,
            meter: Meter::begin(),
            full: false,
            befallen: Befallen::default(),
            looked: host::instant(),
            stopped: None,
        })
    }

    /// Works until the slices are done or it is time to stop; the exit code.
    fn work(mut self) -> anyhow::Result<u8> {
        let again = RetryPolicy::parse(self.args.redo.iter().map(String::as_str))
            .map_err(|word| anyhow::anyhow!("`--redo {word}` is unknown"))?;
        let stops = Arc::new(AtomicUsize::new(0));
        let worked = local::run(self.job(again)?, &stops, &mut |events| {
            self.tick(events);
            let stop = self.signals.asked() || self.signals.time_is_over();
            if stop || self.stopped.is_some() {
                stops.store(1, Ordering::SeqCst);
            }
        });
        if let Err(error) = worked {
            let why = format!("cannot start a worker: {error}");
            talk(&format!("error: {why}\n"));
            self.befallen.unusable = true;
            self.stopped.get_or_insert(why);
        }
        self.conclude(again)
    }

    fn job(&self, again: RetryPolicy) -> anyhow::Result<Job> {
        let worker = match &self.args.worker {
            Some(program) => Worker { program: program.clone(), args: Vec::new() },
            None => Worker { program: host::executable()?, args: vec!["task".into()] },
        };
        let mut extra = work::redo_words(again);
        if let Some(only) = &self.args.only {
            extra.extend(["--only".to_owned(), only.clone()]);
        }
        Ok(Job {
            dir: self.sweep.dir.clone(),
            sweep: self.sweep.manifest.id.clone(),
            slices: self.slices.clone(),
            slots: slots(self.args.workers, self.args.threads, self.sweep.spec.trains()),
            worker,
            extra: extra.into_iter().map(Into::into).collect(),
            environment: vec![
                (INTENT.to_owned(), self.intent.number.to_string()),
                (OBEYS_AS.to_owned(), self.intent.obeys_as().to_string()),
            ],
            print: Print::Through,
        })
    }

    fn tick(&mut self, events: &[Event]) {
        for event in events {
            self.take(event);
        }
        self.meter.look();
        self.note_if_full();
        if self.looked.elapsed() >= LOOK_EVERY {
            self.look();
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
        if self.stopped.is_none() {
            self.stopped = errand::stop_if_broken(self.sweep, self.intent);
        }
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
        let (ends, failed, left) = self.count(again)?;
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
        let (cause, code) = verdict(&self.befallen);
        let mut end = TaskEnd {
            cause,
            requeued: false,
            why: self.stopped.clone(),
            ends,
            failed,
            used: self.meter.used(),
            time: host::now(),
        };
        // Only the warning before the time limit: what is cancelled stays so, and what is
        // preempted Slurm itself puts back.
        if cause == Some(Cause::Time) && !self.signals.asked() {
            self.go_on_later(&mut end);
        }
        self.note(&TaskLine::End(end));
        Ok(code)
    }

    /// Slurm ends the task as soon as it is put back, so that is written down first.
    fn go_on_later(&mut self, end: &mut TaskEnd) {
        let refused = match self.task.may_go_on_later(self.sweep, &self.slices) {
            Err(why) => Some(why),
            Ok(()) => {
                self.note(&TaskLine::End(TaskEnd { requeued: true, ..end.clone() }));
                self.task.go_on_later().err().map(|error| error.to_string())
            }
        };
        end.requeued = refused.is_none();
        match &refused {
            None => talk("time is nearly over: put back into the queue\n"),
            Some(why) => talk(&format!(
                "time is nearly over: not put back into the queue: {why}; submit again goes on\n"
            )),
        }
        end.why = refused.or(end.why.take());
    }

    /// Runs of the slices that have ended; that failed; that are left of those wanted.
    fn count(&self, again: RetryPolicy) -> anyhow::Result<(u64, u64, u64)> {
        let (mut ends, mut failed, mut left) = (0, 0, 0);
        let only = self.args.only.as_deref().map(Condition::new).transpose()?;
        let mut choice = Choice::new(&self.sweep.dir, Some(self.intent.obeys_as()), only);
        for slice in &self.slices {
            let results = read::load_slice(&self.sweep.dir, *slice, &self.sweep.manifest.id)?;
            for index in self.sweep.slice_runs(*slice) {
                let end = results.end(index);
                if let Some(end) = end {
                    ends += 1;
                    failed += u64::from(end.outcome == Outcome::Failed);
                }
                // What was to be trained again and has not been is left, too.
                let is_left = end.is_none_or(|end| {
                    again.admits(end) && results.intent(end) != Some(self.intent.number)
                });
                left += u64::from(is_left && choice.is_chosen(&self.sweep.spec, index));
            }
        }
        Ok((ends, failed, left))
    }
}
