//! `dlgrid array-task`: a task of a Slurm array. It finds its work and does it: it watches over the
//! workers of its slices, or does the errand that its array is for.
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use dlgrid_sweep::exec::slurm::ledger::{self, Intent, Kind};
use dlgrid_sweep::exec::slurm::ranges;
use dlgrid_sweep::exec::slurm::task::{ArrayTask, Assigned};
use dlgrid_sweep::exec::usage::Meter;
use dlgrid_sweep::spec::{As, Ranks};
use dlgrid_sweep::store::layout::SweepDir;
use dlgrid_sweep::store::tasks::{Begin, TASK_SCHEMA, TaskEnd, TaskLine, TaskWriter};
use dlgrid_sweep::sweep::Sweep;
use dlgrid_sweep::{exit, host};

use crate::errand;
use crate::supervise::Supervisor;
use crate::talk::{refuse, talk};

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
    /// Processes of the task, where it has ranks
    #[arg(long)]
    pub ranks: Option<u64>,
    /// On how many nodes they are
    #[arg(long, default_value_t = 1)]
    pub nodes: u64,
    /// Whether they train each run together, or each its own: run or slots
    #[arg(long, default_value = "run")]
    pub ranks_as: String,
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

impl Args {
    /// The ranks of the task, if it has some.
    pub fn its_ranks(&self) -> Option<Ranks> {
        let ranks = Ranks { count: self.ranks?, nodes: self.nodes, kind: As::of(&self.ranks_as) };
        (ranks.count > 1).then_some(ranks)
    }

    /// How many ranks each worker has, where several.
    pub fn ranks_of_a_worker(&self) -> Option<Ranks> {
        self.its_ranks().filter(|ranks| ranks.kind == As::Run)
    }
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
        Assigned::Errand(kind) => errand_for(kind, args, &sweep, &intent, task),
        Assigned::Slices(slices) => {
            Supervisor::new(args, &sweep, &intent, task, slices, signals).work()
        }
    }
}

/// Does what an array without slices is for, and writes down why it could not.
fn errand_for(
    kind: Kind,
    args: &Args,
    sweep: &Sweep,
    intent: &Intent,
    task: ArrayTask,
) -> anyhow::Result<u8> {
    let (begun, meter) = (begin(sweep, intent, task, &[], args), Meter::begin());
    let done = match kind {
        Kind::Canary => errand::canary(sweep, args, intent),
        Kind::TopUp => errand::top_up(sweep, intent).map(|()| None),
        Kind::Report => errand::report(sweep, args, intent),
        Kind::Runs => Ok(None),
    };
    let why = match &done {
        Ok(why) => why.clone(),
        Err(error) => Some(format!("{error:#}")),
    };
    if let Some(mut record) = begun {
        let end = TaskEnd {
            cause: None,
            requeued: false,
            why: why.clone(),
            ends: 0,
            failed: 0,
            used: meter.used(),
            time: host::now(),
        };
        if let Err(error) = record.add(&TaskLine::End(end)) {
            talk(&format!("warning: {error}; how this task ends is not kept\n"));
        }
    }
    match (done?, why) {
        (Some(_), Some(why)) => Err(refuse(
            exit::RUNS_FAILED,
            why,
            format!("`dlgrid status {}` shows how the sweep is", sweep.manifest.name),
        )),
        _ => Ok(exit::OK),
    }
}

/// Begins the record of a task; nothing where it can't be written: the runs are what counts.
pub fn begin(
    sweep: &Sweep,
    intent: &Intent,
    task: ArrayTask,
    slices: &[u32],
    args: &Args,
) -> Option<TaskWriter> {
    let count = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    let of_node = args.its_ranks().map(|ranks| (ranks.kind, count(ranks.per_node())));
    let workers = match of_node {
        Some((As::Slots, each)) => each,
        _ => count(args.workers as u64),
    };
    let begin = Begin {
        schema: TASK_SCHEMA,
        intent: intent.number,
        array: task.array,
        task: task.task,
        restarts: task.restarts,
        node: node(),
        slices: ranges::write(slices),
        workers,
        ranks: of_node.map(|(_, each)| each),
        granted: ArrayTask::granted(intent),
        time: host::now(),
    };
    TaskWriter::begin(&sweep.dir, &begin)
        .map_err(|error| talk(&format!("warning: {error}; how this task ends is not kept\n")))
        .ok()
}

/// The node, by Slurm's name for it.
fn node() -> String {
    host::env("SLURMD_NODENAME").map_or_else(host::name, |n| n.to_string_lossy().into_owned())
}

/// What signals have said.
pub struct Signals {
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

    /// Whether it was asked to stop.
    pub fn asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    /// Whether the time limit is near.
    pub fn time_is_over(&self) -> bool {
        self.time_is_over.load(Ordering::SeqCst)
    }
}
