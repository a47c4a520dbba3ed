//! What tasks do that train nothing: try one run, submit what did not fit, conclude; and the look
//! of every task at whether the sweep is plainly broken.
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use dlgrid_sweep::exec::gpus;
use dlgrid_sweep::exec::program::{self, Around, Finished};
use dlgrid_sweep::exec::slurm::call::Slurm;
use dlgrid_sweep::exec::slurm::ledger::{self, Intent, Ledger};
use dlgrid_sweep::exec::slurm::request::Request;
use dlgrid_sweep::exec::slurm::rest::{Rest, rest};
use dlgrid_sweep::exec::slurm::script;
use dlgrid_sweep::host;
use dlgrid_sweep::orders::{self, Order};
use dlgrid_sweep::recipe::Work;
use dlgrid_sweep::report::conclude;
use dlgrid_sweep::sanity::{TRIALS, render};
use dlgrid_sweep::spec::Upkeep;
use dlgrid_sweep::store::record::Outcome;
use dlgrid_sweep::store::{fs, read};
use dlgrid_sweep::sweep::Sweep;
use dlgrid_sweep::terminal::View;
use dlgrid_sweep::text::plural;

use crate::array_task::Args;
use crate::complete;
use crate::ranks;
use crate::sanity;
use crate::slurm;
use crate::stage;
use crate::supervise;
use crate::talk::talk;

/// Tries one run: two batches where dlgrid trains; a program until it has reported once. Why it
/// could not, if it could not.
pub fn canary(sweep: &Sweep, args: &Args, intent: &Intent) -> anyhow::Result<Option<String>> {
    let why = match &args.worker {
        Some(worker) => match canary_worker(sweep, worker, args)? {
            None if Request::read(&sweep.dir, intent.request)?.upkeep.sanity => {
                canary_sanity(sweep, worker, args.threads)?
            }
            why => why,
        },
        None => canary_program(sweep, args)?,
    };
    if why.is_none() {
        ledger::mark_passed(&sweep.dir, intent.number)?;
    }
    Ok(why)
}

fn canary_worker(
    sweep: &Sweep,
    worker: &std::path::Path,
    args: &Args,
) -> anyhow::Result<Option<String>> {
    let (mut words, mut further) = (Vec::new(), Vec::new());
    if let Some(ranks) = args.ranks_of_a_worker() {
        let Some(starter) = ranks::starter(true) else {
            return Ok(Some("neither `srun --mpi=pmix` nor `mpirun` is there".to_owned()));
        };
        words = starter.words(ranks, args.threads);
        further = vec!["--ranks".to_owned(), ranks.count.to_string()];
    }
    words.push(worker.into());
    let status = host::command(&words[0])
        .args(&words[1..])
        .args(["--canary", "--threads", &args.threads.to_string(), "--sweep"])
        .arg(sweep.dir.path())
        .args(further)
        .envs(ranks::environment(args.ranks_of_a_worker()))
        .status()
        .with_context(|| format!("cannot start `{}`", worker.display()))?;
    Ok((!status.success()).then(|| match status.code() {
        Some(127) => "the worker could not start: a library is missing there".to_owned(),
        Some(4) => "data or a device is missing there: the log says which".to_owned(),
        Some(_) => "one batch can't be trained: the log says why".to_owned(),
        None => format!("the worker was killed: {status}"),
    }))
}

/// Whether a sample of the trials can learn one batch: `sanity: true`.
fn canary_sanity(
    sweep: &Sweep,
    worker: &std::path::Path,
    threads: usize,
) -> anyhow::Result<Option<String>> {
    let bytes = fs::read(&sweep.dir.spec())?;
    let checked = sanity::look(&sweep.spec, &bytes, worker, TRIALS, threads)?;
    talk(&render(&checked, View::PLAIN));
    Ok((checked.bad() > 0).then(|| {
        format!(
            "{} can't learn one batch: the log says which, and why",
            plural(checked.bad() as u64, "trial")
        )
    }))
}

/// Tries a run of a program as the first worker of a task would.
fn canary_program(sweep: &Sweep, args: &Args) -> anyhow::Result<Option<String>> {
    let spec = &sweep.spec;
    let first = spec.walk(0, spec.run_numbers()).next().and_then(|index| spec.run(index));
    let Some(run) = first else { return Ok(None) };
    let Work::Command(command) = &run.work else { return Ok(None) };
    let scratch = tempfile::Builder::new().prefix("dlgrid-").tempdir()?;
    let reported = AtomicBool::new(false);
    let visible = gpus::visible(&supervise::gpus(), 0, args.workers);
    let around = Around {
        scratch: scratch.path(),
        checkpoints: &scratch.path().join("checkpoints"),
        objective: &spec.objective,
        alone: true,
        visible: visible.as_deref(),
    };
    let finished =
        program::run(&run, command, &around, &|| reported.load(Ordering::SeqCst), &mut |_| {
            reported.store(true, Ordering::SeqCst)
        })
        .context("cannot exchange files with the program")?;
    match finished {
        Finished::Ended(ended) if ended.outcome == Outcome::Failed => {
            let why = ended.why.as_deref().unwrap_or("for no reason that it told");
            Ok(Some(format!("run {} failed when it was tried: {why}", run.id.short())))
        }
        _ => {
            talk(&format!("run {} reports: all is well\n", run.id.short()));
            Ok(None)
        }
    }
}

/// How long a task that submits waits for a Slurm that can't be reached.
const PATIENCE: Duration = Duration::from_secs(180);

/// Submits those slices of a request that no array has had yet.
pub fn top_up(sweep: &Sweep, intent: &Intent) -> anyhow::Result<()> {
    let request = Request::read(&sweep.dir, intent.request)?;
    let slurm = Slurm::new(PATIENCE).passing(&script::further_variables(&request.settings)?);
    match rest(sweep, &slurm, intent, request)? {
        Rest::Submit(request) => slurm::put(sweep, &slurm, &request).map(drop),
        Rest::Nothing(why) => {
            talk(&format!("nothing to do: {why}\n"));
            Ok(())
        }
    }
}

/// Concludes the sweep if it is complete, unless a later one does: what was submitted after this
/// one may train runs again that count as ended. Why something of it failed, if it did.
pub fn report(sweep: &Sweep, args: &Args, intent: &Intent) -> anyhow::Result<Option<String>> {
    if let Some(job) = conclude::successor(&sweep.dir, &Slurm::new(PATIENCE), intent)? {
        talk(&format!("nothing to do: job {job} concludes the sweep\n"));
        return Ok(None);
    }
    let upkeep = Request::last(&sweep.dir)?.map_or(sweep.spec.upkeep.clone(), |r| r.upkeep);
    conclude(sweep, args, &upkeep)
}

/// Does what is to be done once the sweep is complete, if it is.
fn conclude(sweep: &Sweep, args: &Args, upkeep: &Upkeep) -> anyhow::Result<Option<String>> {
    if upkeep.confirm {
        return stage::confirm_from_job(sweep, args.worker.clone());
    }
    complete::conclude(sweep, upkeep)
}

/// Concludes the sweep if it is complete and no job of its own is there to do so: a limit may have
/// kept it out.
pub fn conclude_without_job(sweep: &Sweep, args: &Args, intent: &Intent) {
    let concluded = || match Request::read(&sweep.dir, intent.request) {
        Ok(request) if request.upkeep.ends_with_something() && !conclude::has_job(&sweep.dir)? => {
            conclude(sweep, args, &request.upkeep)
        }
        Ok(_) => Ok(None),
        Err(error) => Err(error.into()),
    };
    match concluded() {
        Ok(None) => {}
        Ok(Some(why)) => talk(&format!("warning: {why}\n")),
        Err(error) => talk(&format!("warning: the sweep is not concluded: {error:#}\n")),
    }
}

/// Stops the sweep if more of its runs have failed than may, of those that the request of this
/// intent has trained; why, if it is.
pub fn stop_if_broken(sweep: &Sweep, intent: &Intent) -> Option<String> {
    let most = Request::read(&sweep.dir, intent.request).ok()?.upkeep.max_failures?;
    let ledger = Ledger::read(&sweep.dir).ok()?;
    let of_request = |number: u32| {
        ledger
            .entries
            .iter()
            .any(|e| e.intent.number == number && e.intent.request == intent.request)
    };
    let results = read::load_to_show(&sweep.dir, &sweep.manifest.id).ok()?;
    let failed = results
        .runs
        .values()
        .filter_map(|run| run.end.as_ref())
        .filter(|end| end.outcome == Outcome::Failed)
        .filter(|end| results.intent(end).is_some_and(of_request))
        .count() as u64;
    if failed < most {
        return None;
    }
    let why = format!("{} failed, and `max_failures` is {most}", plural(failed, "run"));
    talk(&format!("the sweep is stopped: {why}\n"));
    if let Err(error) = orders::give(&sweep.dir, ledger.last(), &Order::Stop(why.clone())) {
        talk(&format!("warning: {error}; other tasks go on\n"));
    }
    let slurm = Slurm::new(Duration::from_secs(5));
    for entry in ledger.entries.iter().filter(|e| e.intent.kind != ledger::Kind::Report) {
        if let Some(job) = entry.job() {
            // What stays in the queue ends by itself as soon as it starts.
            let _cancelled = slurm.cancel_waiting(job, &entry.intent.token);
        }
    }
    Some(why)
}
