//! `dlgrid task`: the worker of `command` sweeps: runs the program of each run of a slice.
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::talk::{refuse, talk};
use anyhow::Context as _;
use dlgrid_sweep::exec::feed::{self, Report, Slices};
use dlgrid_sweep::exec::metrics::Ended;
use dlgrid_sweep::exec::program::{self, Around, Finished};
use dlgrid_sweep::exec::slurm::task::{ArrayTask, Assigned};
use dlgrid_sweep::recipe::Work;
use dlgrid_sweep::slice::SliceWork;
use dlgrid_sweep::store::StoreError;
use dlgrid_sweep::store::layout::SweepDir;
use dlgrid_sweep::store::read::RetryPolicy;
use dlgrid_sweep::store::record::End;
use dlgrid_sweep::sweep::Sweep;
use dlgrid_sweep::trial::Run;
use dlgrid_sweep::{exit, host};

/// Arguments of `task`: the same as the worker's.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The sweep directory
    #[arg(long)]
    sweep: PathBuf,
    /// One slice
    #[arg(long, conflicts_with = "slices")]
    slice: Option<u32>,
    /// `-`: slices come line by line on standard input
    #[arg(long, allow_hyphen_values = true)]
    slices: Option<String>,
    /// The slice of this task of a Slurm array, by this intent of the sweep
    #[arg(long, conflicts_with_all = ["slice", "slices"])]
    intent: Option<u32>,
    /// Kinds of ended runs to run again: failed, memory, diverged
    #[arg(long, value_delimiter = ',')]
    redo: Vec<String>,
    /// Not used: programs choose their device themselves
    #[arg(long)]
    device: Option<String>,
    /// Not used: programs choose their threads themselves
    #[arg(long)]
    threads: Option<usize>,
}

pub fn run(args: &Args) -> anyhow::Result<u8> {
    let Listening { stop, time_is_over } = listen()?;
    let sweep = Sweep::open(SweepDir::new(&args.sweep))?;
    if sweep.spec.trains() {
        return Err(refuse(
            exit::INPUT,
            "this sweep trains with the built-in trainer",
            "dlgrid-worker works on it",
        ));
    }
    let scratch = tempfile::Builder::new()
        .prefix("dlgrid-")
        .tempdir()
        .context("cannot make a scratch folder")?;
    let again = RetryPolicy::parse(args.redo.iter().map(String::as_str)).map_err(|word| {
        refuse(exit::INPUT, format!("`--redo {word}`"), "it takes failed, memory and diverged")
    })?;
    let fed = args.slice.is_none() && args.intent.is_none();
    let place = Place { sweep: &sweep, again, scratch: scratch.path(), stop: &stop, fed };
    let work = |slice: u32| one_slice(&place, slice);
    if let Some(slice) = args.slice {
        return work(slice);
    }
    if let Some(intent) = args.intent {
        return array_task(&sweep, intent, &time_is_over, &work);
    }
    let gone = Arc::clone(&stop);
    let mut slices = Slices::listen(move || gone.store(true, Ordering::SeqCst));
    let mut report = Report::Ready;
    while let Some(slice) = slices.next(report) {
        report = Report::Done { slice, code: work(slice)? };
        if stop.load(Ordering::SeqCst) {
            slices.last(report);
            return Ok(exit::STOPPED);
        }
    }
    Ok(exit::OK)
}

/// Works on the slice of the Slurm array task that this process is. When Slurm says that its
/// time is nearly over, all is saved first, and then the task goes back into the queue.
fn array_task(
    sweep: &Sweep,
    intent: u32,
    time_is_over: &AtomicBool,
    work: &dyn Fn(u32) -> anyhow::Result<u8>,
) -> anyhow::Result<u8> {
    let task = ArrayTask::here().ok_or_else(|| {
        refuse(exit::INPUT, "this is no task of a Slurm array", "`dlgrid submit` starts them")
    })?;
    talk(&format!(
        "{}, task {}_{} on {}, start {}\n",
        sweep.dir.label(),
        task.array,
        task.task,
        host::name(),
        task.restarts + 1
    ));
    let slice = match task.assigned(&sweep.dir, intent)? {
        Assigned::Slice(slice) => slice,
        Assigned::Nothing(why) => {
            talk(&format!("nothing to do: {why}\n"));
            return Ok(exit::OK);
        }
    };
    let code = work(slice)?;
    // Only the warning before the time limit: what is cancelled stays so, and what is preempted
    // Slurm itself puts back.
    if code == exit::STOPPED && time_is_over.load(Ordering::SeqCst) {
        talk(&format!("time is nearly over: {}\n", task.go_on_later(sweep, slice)));
    }
    Ok(code)
}

/// What signals have said.
struct Listening {
    /// SIGTERM, SIGINT or SIGUSR2: stop.
    stop: Arc<AtomicBool>,
    /// SIGUSR2: Slurm's warning that the time limit is near.
    time_is_over: Arc<AtomicBool>,
}

fn listen() -> anyhow::Result<Listening> {
    use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR2};
    let (stop, time_is_over) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    for (signal, flag) in
        [(SIGTERM, &stop), (SIGINT, &stop), (SIGUSR2, &time_is_over), (SIGUSR2, &stop)]
    {
        signal_hook::flag::register(signal, Arc::clone(flag))
            .context("cannot listen for signals")?;
    }
    Ok(Listening { stop, time_is_over })
}

/// Where and how programs are run.
struct Place<'a> {
    sweep: &'a Sweep,
    again: RetryPolicy,
    scratch: &'a std::path::Path,
    stop: &'a AtomicBool,
    /// Whether slices come from a feeder.
    fed: bool,
}

impl Place<'_> {
    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}

fn one_slice(place: &Place<'_>, slice: u32) -> anyhow::Result<u8> {
    let wait = |full: &StoreError| {
        talk(&format!("waiting for space: {full}\n"));
        !place.is_stopped()
    };
    let mut work = SliceWork::begin(place.sweep, slice, "command", place.again, &wait)?;
    for index in work.todo().to_vec() {
        if place.is_stopped() {
            work.stop(None, "asked to stop", true)?;
            break;
        }
        let Some(run) = place.sweep.run(index) else { continue };
        if !one_run(place, &run, &mut work)? {
            break;
        }
    }
    if work.curves_lost() > 0 {
        talk(&format!(
            "warning: the metrics of {} epochs could not be written\n",
            work.curves_lost()
        ));
    }
    Ok(work.close()?)
}

/// Runs one program; whether to go on with the next.
fn one_run(place: &Place<'_>, run: &Run, work: &mut SliceWork<'_>) -> anyhow::Result<bool> {
    let Work::Command(command) = &run.work else { return Ok(true) };
    work.start(run);
    talk(&format!("run {}: {}\n", run.id.short(), command.words(run.seed)?.join(" ")));
    let checkpoints = std::path::absolute(place.sweep.dir.checkpoints(&run.id))?;
    let around = Around {
        scratch: place.scratch,
        checkpoints: &checkpoints,
        objective: &place.sweep.spec.objective,
        started: &|group| {
            if place.fed {
                feed::started(group);
            }
        },
    };
    let finished = program::run(run, command, &around, &|| place.is_stopped(), &mut |epoch| {
        work.epoch(&epoch)
    })
    .context("cannot exchange files with the program")?;
    match finished {
        Finished::Stopped => {
            work.stop(Some(run.id), "asked to stop", checkpoints.exists())?;
            Ok(false)
        }
        Finished::Ended(ended) => {
            let why = ended.why.as_deref().unwrap_or("well");
            talk(&format!(
                "run {}: {:?} after {:.1} s: {why}\n",
                run.id.short(),
                ended.outcome,
                ended.seconds
            ));
            if ended.unreadable > 0 {
                talk(&format!(
                    "warning: {} lines of metrics are no JSON objects\n",
                    ended.unreadable
                ));
            }
            work.end(&end(run, *ended))?;
            Ok(true)
        }
    }
}

fn end(run: &Run, ended: Ended) -> End {
    End {
        outcome: ended.outcome,
        why: ended.why,
        epochs: ended.epochs,
        metrics: ended.metrics,
        best: ended.best,
        seconds: ended.seconds,
        ..End::failed(run, "", host::now())
    }
}
