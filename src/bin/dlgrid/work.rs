//! Works on a sweep on this machine: claims it, finds what is missing, feeds workers, and says
//! what came of it. `submit` and `retry` both end here.
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context as _;
use clap_complete::engine::ArgValueCandidates;
use dlgrid_sweep::exec::claim::{self, Claimed, Standing};
use dlgrid_sweep::exec::gpus;
use dlgrid_sweep::exec::local::{self, Event, Job, Print, Slot, Worker};
use dlgrid_sweep::recipe::{Data, Task};
use dlgrid_sweep::spec::{Ranks, SlurmSettings};
use dlgrid_sweep::store::merge::Results;
use dlgrid_sweep::store::read::{self, RetryPolicy};
use dlgrid_sweep::store::record::Outcome;
use dlgrid_sweep::sweep::Sweep;
use dlgrid_sweep::{doctor, exit, find, host};

use crate::complete;
use crate::completion;
use crate::data_check;
use crate::progress::Progress;
use crate::ranks;
use crate::slurm;
use crate::talk::{next, refuse, tail, talk};

/// How to work.
#[derive(Debug, clap::Args)]
pub struct LocalArgs {
    /// Run on this machine [default where no sbatch is found]
    #[arg(long, env = "DLGRID_LOCAL", hide_env = true, value_parser = clap::builder::FalseyValueParser::new())]
    pub local: bool,
    /// Workers at a time on this machine [default: one a GPU, else as many as the cores allow]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub slots: Option<u16>,
    /// The worker program [default: dlgrid-worker beside dlgrid, or DLGRID_WORKER]
    #[arg(long, value_name = "FILE", env = "DLGRID_WORKER", hide_env = true)]
    pub worker: Option<PathBuf>,
    /// The site whose profile to use: a name or a path [default: what the spec says, or DLGRID_SITE]
    #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(completion::sites))]
    pub site: Option<String>,
    /// Go on here although another machine seems to work on the sweep, for you know that it is gone
    #[arg(long)]
    pub take_over: bool,
}

/// Where workers run: one a GPU, else as many as the cores allow; as many as there is room for where
/// each of them is several ranks.
pub fn slots(asked: Option<usize>, settings: &SlurmSettings) -> Vec<Slot> {
    let gpus = host::gpus();
    let threads = self::threads(settings.cpus);
    if let Some(ranks) = Ranks::together(settings) {
        return ranks::local_slots(ranks, asked, threads);
    }
    let count =
        asked.unwrap_or_else(|| if gpus > 0 { gpus } else { (host::cores() / threads).max(1) });
    (0..count)
        .map(|n| Slot {
            device: if gpus > 0 { format!("cuda:{}", n % gpus) } else { "cpu".into() },
            threads,
            starter: Vec::new(),
            visible: None,
        })
        .collect()
}

/// Programs take whatever GPUs they see: where several may run at a time, each sees its part of these.
fn each_its_gpus(slots: Vec<Slot>, ids: &[String]) -> Vec<Slot> {
    let workers = slots.len();
    let its = |(n, slot)| Slot { visible: gpus::visible(ids, n, workers), ..slot };
    slots.into_iter().enumerate().map(its).collect()
}

/// Threads of a worker here: one, unless the spec asks for more cores.
pub fn threads(cores: Option<u64>) -> usize {
    cores.and_then(|n| usize::try_from(n).ok()).unwrap_or(1).max(1)
}

/// Everything that the runs of a sweep need from this machine is here, or it is said what isn't; and
/// its tables can be used in these ways.
pub fn preflight(
    sweep: &dlgrid_sweep::spec::Spec,
    ways: &[(Task, Data)],
    args: &LocalArgs,
) -> anyhow::Result<Worker> {
    let worker = program(sweep, args.worker.as_deref())?;
    data_check::all(sweep, ways)?;
    for path in sweep.weights() {
        if !std::path::Path::new(&path).is_file() {
            let fact = format!("`init_from: {path}` is no file here");
            let hint =
                "runs with `save_weights: true` leave such files in `weights/` of their sweep";
            return Err(refuse(exit::MISSING, fact, hint));
        }
    }
    Ok(worker)
}

/// The program that works on a sweep; one that trains is asked whether it can.
pub fn program(
    sweep: &dlgrid_sweep::spec::Spec,
    asked: Option<&std::path::Path>,
) -> anyhow::Result<Worker> {
    if !sweep.trains() {
        let program = host::executable().context("cannot find the running dlgrid")?;
        return Ok(Worker { program, args: vec!["task".into()] });
    }
    let program = doctor::worker::find(asked)
        .and_then(|program| doctor::worker::probe(&program).map(|_| program))
        .map_err(|error| {
            let hint = error.hint();
            data_check::missing(error, hint)
        })?;
    Ok(Worker { program, args: Vec::new() })
}

/// Trains what is missing of a sweep; the exit code.
pub fn run(
    sweep: &Sweep,
    worker: Worker,
    again: RetryPolicy,
    args: &LocalArgs,
) -> anyhow::Result<u8> {
    let _guard = match claim::claim(&sweep.dir, args.take_over)? {
        Claimed::Ours(guard) => guard,
        Claimed::Taken(claim, standing) => return Err(busy(sweep, &claim, standing)),
    };
    slurm::refuse_while_queued(sweep)?;
    ranks::check(&sweep.spec, &sweep.spec.slurm, &worker.program, true)?;
    let before = read::load(&sweep.dir, &sweep.manifest.id)?;
    sweep.verify(&before)?;
    let slices = sweep.slices_left(&before, again);
    if slices.is_empty() {
        conclude_once(sweep)?;
        return Ok(conclude(sweep, &before, false));
    }
    let signals = count_signals()?;
    let mut slots = slots(args.slots.map(usize::from), &sweep.spec.slurm);
    if !sweep.spec.trains() {
        let list = host::env("CUDA_VISIBLE_DEVICES").and_then(|list| list.into_string().ok());
        slots = each_its_gpus(slots, &gpus::ids(list.as_deref(), host::gpus()));
    }
    // What is left at last sees no more GPUs than beside others.
    slots.truncate(slices.len());
    let mut progress = Progress::new(sweep, before, slots.len(), again);
    let mut further = redo_words(again);
    further.extend(ranks::words(&sweep.spec.slurm));
    let job = Job {
        dir: sweep.dir.clone(),
        sweep: sweep.manifest.id.clone(),
        slices,
        slots,
        worker,
        extra: further.into_iter().map(Into::into).collect(),
        environment: ranks::environment(Ranks::together(&sweep.spec.slurm)),
        print: Print::ToLogs,
    };
    let mut troubles: Vec<Event> = Vec::new();
    let mut broken = false;
    let stops = Arc::new(AtomicUsize::new(0));
    local::run(job, &stops, &mut |events| {
        for event in events {
            if let Some(text) = trouble(event) {
                progress.say(&text);
                troubles.push(event.clone());
            }
        }
        progress.tick(stops.load(Ordering::SeqCst));
        let most = sweep.spec.upkeep.max_failures;
        if most.is_some_and(|most| progress.failed() >= most && !broken) {
            broken = true;
            progress.say(&format!(
                "{} runs failed, as many as `max_failures` allows: no more are begun",
                progress.failed()
            ));
        }
        stops.store(asked(signals.load(Ordering::SeqCst), broken), Ordering::SeqCst);
    })
    .context("cannot start a worker")?;
    progress.finish();
    if let Some(Event::Unusable { how, log }) =
        troubles.iter().find(|e| matches!(e, Event::Unusable { .. }))
    {
        let tail = tail(log, 5);
        return Err(refuse(
            exit::MISSING,
            format!(
                "the worker {how}{}",
                if tail.is_empty() { String::new() } else { format!("\n{tail}") }
            ),
            format!("`dlgrid doctor` checks this machine; the whole log is `{}`", log.display()),
        ));
    }
    let after = read::load(&sweep.dir, &sweep.manifest.id)?;
    let stopped = asked(signals.load(Ordering::SeqCst), broken) > 0;
    let ended = after.runs.values().filter(|run| run.end.is_some()).count() as u64;
    if !stopped || ended == sweep.manifest.runs {
        tell_end(sweep)?;
    }
    Ok(conclude(sweep, &after, stopped))
}

/// What follows the end of a sweep, if it is complete; what of that failed is said.
fn tell_end(sweep: &Sweep) -> anyhow::Result<()> {
    if let Some(why) = complete::conclude(sweep, &sweep.spec.upkeep)? {
        talk(&format!("warning: {why}\n"));
    }
    Ok(())
}

/// The same, unless it was done: whoever trained the last run may have been stopped before that.
fn conclude_once(sweep: &Sweep) -> anyhow::Result<()> {
    if complete::is_concluded(&sweep.dir, &sweep.spec.upkeep)? { Ok(()) } else { tell_end(sweep) }
}

pub fn busy(sweep: &Sweep, claim: &claim::Claim, standing: Standing) -> anyhow::Error {
    let name = find::typed(&sweep.dir, &sweep.manifest.name);
    let fact = format!(
        "another dlgrid (process {} on `{}`) is working on `{}`",
        claim.pid,
        claim.host,
        sweep.dir.label()
    );
    let hint = match standing {
        Standing::Elsewhere => format!(
            "`dlgrid status {name}` shows how far it is; if that process is gone, add `--take-over`"
        ),
        Standing::Alive | Standing::Gone => {
            format!("`dlgrid status {name}` shows how far it is, `dlgrid cancel {name}` stops it")
        }
    };
    refuse(exit::BUSY, fact, hint)
}

/// How a worker is told which ended runs to train again.
pub fn redo_words(again: RetryPolicy) -> Vec<String> {
    let kinds = again.words();
    if kinds.is_empty() { Vec::new() } else { vec!["--redo".into(), kinds.join(",")] }
}

/// How often a stop was asked for, by so many signals, or by a sweep that is `broken`: only a second
/// signal ends workers that are saving.
fn asked(signals: usize, broken: bool) -> usize {
    signals.max(usize::from(broken))
}

/// Counts SIGINT and SIGTERM: one asks for a gentle end, two for the end.
fn count_signals() -> anyhow::Result<Arc<AtomicUsize>> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let stops = Arc::new(AtomicUsize::new(0));
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])
        .context("cannot listen for signals")?;
    let counted = Arc::clone(&stops);
    std::thread::spawn(move || {
        for _ in signals.forever() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    Ok(stops)
}

fn trouble(event: &Event) -> Option<String> {
    match event {
        Event::Died { slice, how, again, log, .. } => Some(format!(
            "warning: a worker {how} while it worked on slice {slice}; {} (log: {})",
            if *again { "another takes over" } else { "it is given up for now" },
            log.display()
        )),
        Event::Unusable { .. } => Some("error: the worker can't work".into()),
        Event::Done { .. } => None,
    }
}

/// Says what came of it, and what to do next; the exit code.
pub fn conclude(sweep: &Sweep, results: &Results, stopped: bool) -> u8 {
    let count = |outcome| {
        results
            .runs
            .values()
            .filter(|r| r.end.as_ref().is_some_and(|e| e.outcome == outcome))
            .count() as u64
    };
    let (done, diverged, failed) =
        (count(Outcome::Done), count(Outcome::Diverged), count(Outcome::Failed));
    let total = sweep.manifest.runs;
    let missing = total.saturating_sub(done + diverged + failed);
    let mut parts = vec![format!("{done} of {total} runs done")];
    for (n, word) in [(diverged, "diverged"), (failed, "failed"), (missing, "missing")] {
        if n > 0 {
            parts.push(format!("{n} {word}"));
        }
    }
    let name = find::typed(&sweep.dir, &sweep.manifest.name);
    talk(&format!("{}: {}\n", sweep.dir.label(), parts.join(", ")));
    match (failed, missing) {
        (0, 0) => next(&format!("dlgrid report {name}")),
        (0, _) => next("the same submit goes on with what is missing"),
        _ => next(&format!(
            "dlgrid report {name} groups the failures; dlgrid retry {name} trains them again"
        )),
    }
    match (stopped && missing > 0, failed + missing) {
        (true, _) => exit::STOPPED,
        (false, 0) => exit::OK,
        (false, _) => exit::RUNS_FAILED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_side_by_side_see_their_gpus() {
        let slot =
            |_| Slot { device: "cuda:0".into(), threads: 1, starter: Vec::new(), visible: None };
        let ids = gpus::ids(Some("5,GPU-7"), 0);
        for (slots, visible) in [
            (1, vec![None]),
            (2, vec![Some("5"), Some("GPU-7")]),
            (3, vec![Some("5"), Some("GPU-7"), Some("5")]),
        ] {
            let slots = each_its_gpus((0..slots).map(slot).collect(), &ids);
            let found: Vec<_> = slots.iter().map(|slot| slot.visible.as_deref()).collect();
            assert_eq!(found, visible);
        }
    }

    #[test]
    fn a_signal_to_a_broken_sweep_is_the_first() {
        for (signals, broken, times) in
            [(0, false, 0), (0, true, 1), (1, false, 1), (1, true, 1), (2, true, 2)]
        {
            assert_eq!(asked(signals, broken), times, "{signals} {broken}");
        }
    }
}
