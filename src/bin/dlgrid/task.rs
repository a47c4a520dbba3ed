//! `dlgrid task`: the worker of `command` sweeps: runs the program of each run of a slice.
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::talk::{refuse, talk};
use anyhow::Context as _;
use dlgrid_sweep::exec::feed::{Report, Slices};
use dlgrid_sweep::exec::program::{self, Around, Ended, Finished};
use dlgrid_sweep::recipe::Work;
use dlgrid_sweep::slice::SliceWork;
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
    /// Kinds of ended runs to run again: failed, diverged
    #[arg(long)]
    redo: Vec<String>,
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
    let again = RetryPolicy {
        failed: args.redo.iter().any(|w| w == "failed"),
        diverged: args.redo.iter().any(|w| w == "diverged"),
    };
    let work = |slice: u32| one_slice(&sweep, slice, again, &scratch, &stop);
    if let Some(slice) = args.slice {
        return work(slice);
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

/// A flag that SIGTERM, SIGINT and SIGUSR2 set.
fn listen() -> anyhow::Result<Arc<AtomicBool>> {
    use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR2};
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGUSR2] {
        signal_hook::flag::register(signal, Arc::clone(&stop))
            .context("cannot listen for signals")?;
    }
    Ok(stop)
}

fn one_slice(
    sweep: &Sweep,
    slice: u32,
    again: RetryPolicy,
    scratch: &tempfile::TempDir,
    stop: &AtomicBool,
) -> anyhow::Result<u8> {
    let mut work = SliceWork::begin(sweep, slice, "command", again)?;
    for index in work.todo().to_vec() {
        if stop.load(Ordering::SeqCst) {
            work.stop(None, "asked to stop", true)?;
            break;
        }
        let Some(run) = sweep.run(index) else { continue };
        if !one_run(sweep, &run, &mut work, scratch, stop)? {
            break;
        }
    }
    Ok(work.close()?)
}

/// Runs one program; whether to go on with the next.
fn one_run(
    sweep: &Sweep,
    run: &Run,
    work: &mut SliceWork<'_>,
    scratch: &tempfile::TempDir,
    stop: &AtomicBool,
) -> anyhow::Result<bool> {
    let Work::Command(command) = &run.work else { return Ok(true) };
    work.start(run);
    talk(&format!("run {}: {}\n", run.id.short(), command.words(run.seed)?.join(" ")));
    let checkpoints = sweep.dir.checkpoints(&run.id);
    let around = Around {
        scratch: scratch.path(),
        checkpoints: &checkpoints,
        objective: &sweep.spec.objective,
    };
    let asked = || stop.load(Ordering::SeqCst);
    let finished = program::run(run, command, &around, &asked, &mut |epoch| work.epoch(&epoch))
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
            work.end(&end(run, *ended))?;
            Ok(true)
        }
    }
}

fn end(run: &Run, ended: Ended) -> End {
    End {
        run: run.id,
        index: run.index,
        seed: run.seed,
        outcome: ended.outcome,
        why: ended.why,
        epochs: ended.epochs,
        metrics: ended.metrics,
        best: ended.best.into_iter().collect::<BTreeMap<_, _>>(),
        seconds: ended.seconds,
        samples_per_s: None,
        confusion: None,
        weights: None,
        from: None,
        time: host::now(),
    }
}
