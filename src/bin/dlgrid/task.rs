//! `dlgrid task`: the worker of `command` sweeps: runs the program of each run of a slice.
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::talk::{refuse, talk};
use anyhow::Context as _;
use dlgrid_sweep::exec::feed::{Given, Report, Slices};
use dlgrid_sweep::exec::local::WORKERS;
use dlgrid_sweep::exec::metrics::Ended;
use dlgrid_sweep::exec::program::{self, Around, Finished};
use dlgrid_sweep::exec::saved::Files;
use dlgrid_sweep::recipe::Work;
use dlgrid_sweep::slice::{SliceWork, Terms};
use dlgrid_sweep::space::Condition;
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
    /// Kinds of ended runs to run again: failed, memory, diverged
    #[arg(long, value_delimiter = ',')]
    redo: Vec<String>,
    /// Run only what this condition holds for
    #[arg(long, value_name = "EXPR", allow_hyphen_values = true)]
    only: Option<String>,
    /// Not used: programs choose their device themselves
    #[arg(long)]
    device: Option<String>,
    /// Not used: programs choose their threads themselves
    #[arg(long)]
    threads: Option<usize>,
}

pub fn run(args: &Args) -> anyhow::Result<u8> {
    let stop = listen()?;
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
    let only = args.only.as_deref().map(Condition::new).transpose()?;
    let alone = host::env(WORKERS).is_some_and(|workers| workers == "1");
    let scratch = scratch.path();
    let place = Place { sweep: &sweep, again, only, scratch, stop: &stop, alone };
    if let Some(slice) = args.slice {
        return one_slice(&place, Given { slice, died: None });
    }
    let gone = Arc::clone(&stop);
    let mut slices = Slices::listen(move || gone.store(true, Ordering::SeqCst));
    let mut report = Report::Ready;
    while let Some(given) = slices.next(report) {
        report = Report::Done { slice: given.slice, code: one_slice(&place, given)? };
        if stop.load(Ordering::SeqCst) {
            slices.last(report);
            return Ok(exit::STOPPED);
        }
    }
    Ok(exit::OK)
}

/// A flag that SIGTERM, SIGINT and SIGUSR2 set: stop.
fn listen() -> anyhow::Result<Arc<AtomicBool>> {
    use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR2};
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT, SIGUSR2] {
        signal_hook::flag::register(signal, Arc::clone(&stop))
            .context("cannot listen for signals")?;
    }
    Ok(stop)
}

/// Where and how programs are run.
struct Place<'a> {
    sweep: &'a Sweep,
    again: RetryPolicy,
    only: Option<Condition>,
    scratch: &'a std::path::Path,
    stop: &'a AtomicBool,
    /// Whether no other worker is beside this one.
    alone: bool,
}

impl Place<'_> {
    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}

fn one_slice(place: &Place<'_>, given: Given) -> anyhow::Result<u8> {
    let wait = |full: &StoreError| {
        talk(&format!("waiting for space: {full}\n"));
        !place.is_stopped()
    };
    let terms =
        Terms { device: "command", again: place.again, only: place.only.clone(), died: given.died };
    let mut work = SliceWork::begin(place.sweep, given.slice, &terms, &wait)?;
    for index in work.todo().to_vec() {
        if place.is_stopped() {
            work.stop(None, "asked to stop", true)?;
            break;
        }
        if !work.is_wanted(index) {
            continue;
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
    talk(&format!("run {}: {}\n", run.id.short(), command.words(run.seed, run.fold)?.join(" ")));
    let checkpoints = std::path::absolute(place.sweep.dir.checkpoints(&run.id))?;
    let before = Files::below(&checkpoints);
    let around = Around {
        scratch: place.scratch,
        checkpoints: &checkpoints,
        objective: &place.sweep.spec.objective,
        alone: place.alone,
        visible: None,
    };
    let finished = program::run(run, command, &around, &|| place.is_stopped(), &mut |epoch| {
        work.epoch(&epoch)
    })
    .context("cannot exchange files with the program")?;
    match finished {
        Finished::Stopped => {
            // The folder alone says nothing: programs make it first thing.
            let saved = Files::below(&checkpoints).have_changed(&before);
            work.stop(Some(run.id), "asked to stop", saved)?;
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
        cause: ended.cause,
        epochs: ended.epochs,
        metrics: ended.metrics,
        best: ended.best,
        seconds: ended.seconds,
        ..End::failed(run, "", host::now())
    }
}
