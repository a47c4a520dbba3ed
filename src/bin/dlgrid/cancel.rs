//! `dlgrid cancel`: takes a sweep, or a part of it, out of Slurm's queue, or asks the process that works
//! on it to stop.
use std::collections::HashSet;
use std::time::Duration;

use clap_complete::engine::ArgValueCandidates;
use dlgrid_sweep::exec::claim::{self, Standing};
use dlgrid_sweep::exec::slurm::call::Slurm;
use dlgrid_sweep::exec::slurm::cancel::{self as queue, Found};
use dlgrid_sweep::exec::slurm::ledger::{Entry, Kind, Ledger};
use dlgrid_sweep::exec::slurm::parse::Row;
use dlgrid_sweep::exec::slurm::ranges;
use dlgrid_sweep::exec::slurm::request::Request;
use dlgrid_sweep::exec::slurm::state;
use dlgrid_sweep::orders::{self, Order};
use dlgrid_sweep::space::Condition;
use dlgrid_sweep::store::layout::SweepDir;
use dlgrid_sweep::store::read::{self, RetryPolicy};
use dlgrid_sweep::sweep::Sweep;
use dlgrid_sweep::text::plural;
use dlgrid_sweep::{exit, find, host};

use crate::cluster::PATIENCE as FOR_SLURM;
use crate::completion;
use crate::pick::{self, Root};
use crate::retry;
use crate::talk::{next, refuse, talk};

const EXAMPLES: &str = "\
Examples:
  dlgrid cancel toy                                 what is at work is saved; submit goes on with it
  dlgrid cancel toy --where 'optimizer.lr > 0.05'   leaves those runs out, the others go on";

/// Arguments of `cancel`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The sweep: a name, its beginning, an id or a path [default: the newest]
    #[arg(add = ArgValueCandidates::new(completion::sweeps))]
    pub sweep: Option<String>,
    /// Leave out only runs for which this holds, such as `optimizer.lr > 0.05` (on Slurm)
    ///
    /// Tasks with nothing else to do are cancelled, others pass over such runs; submit again puts
    /// them back. Names are parameters, `seed` and `fold`.
    #[arg(long = "where", value_name = "CONDITION")]
    pub only: Option<String>,
    #[command(flatten)]
    root: Root,
}

/// How long to wait for the process to stop.
const PATIENCE: Duration = Duration::from_secs(60);

pub fn run(args: &Args) -> anyhow::Result<u8> {
    let dir = pick::folder(&args.root, args.sweep.as_deref())?;
    if let Some(text) = &args.only {
        return cancel_some(&Sweep::open(dir)?, text);
    }
    let label = dir.label();
    let mut stopped: Vec<_> =
        cancel_whole(&dir)?.map(|code| (dir.clone(), code)).into_iter().collect();
    // Its stages are sweeps of their own, and are begun by what has been stopped by now.
    for one in dir.stages() {
        stopped.extend(cancel_whole(&one)?.map(|code| (one, code)));
    }
    match stopped.last() {
        None => talk(&format!("nothing works on `{label}`; all that has ended is kept\n")),
        // A sweep that goes on confirms its best again, and opens no test set.
        Some((of, _)) if of.is_finish() => {
            next(&format!("dlgrid retry {}   (goes on where it was)", find::typed_of(of)));
        }
        Some(_) => next(&format!("dlgrid retry {}   (goes on where it was)", find::typed_of(&dir))),
    }
    Ok(stopped.into_iter().map(|(_, code)| code).max().unwrap_or(exit::OK))
}

/// Stops a sweep, or a stage of one, alone: the exit code; nothing where nothing works on it.
fn cancel_whole(dir: &SweepDir) -> anyhow::Result<Option<u8>> {
    let label = dir.label();
    let in_queue = cancel_all(dir)?;
    let Some((holder, standing)) = claim::holder(dir)? else {
        return Ok(in_queue.then_some(exit::OK));
    };
    if standing == Standing::Elsewhere {
        return Err(refuse(
            exit::INPUT,
            format!(
                "`{label}` is worked on by process {} on `{}`, not on this machine",
                holder.pid, holder.host
            ),
            format!("there: `kill {}`, once; it stops gently", holder.pid),
        ));
    }
    stop(dir, &holder).map(Some)
}

/// Asks the process that works on a sweep to stop, and waits for it.
fn stop(dir: &SweepDir, holder: &claim::Claim) -> anyhow::Result<u8> {
    let label = dir.label();
    if !host::signal(holder.pid, host::Signal::Term) {
        return Err(refuse(
            exit::INPUT,
            format!(
                "process {} can't be asked to stop: it is not yours, or just ended",
                holder.pid
            ),
            format!("`dlgrid status {}` shows whether it still works", label),
        ));
    }
    talk(&format!("asked process {} to stop; it saves what it is at\n", holder.pid));
    let begun = host::instant();
    while begun.elapsed() < PATIENCE {
        if claim::holder(dir)?.is_none_or(|(now, _)| now != *holder) {
            talk(&format!("stopped `{label}`; submit again goes on\n"));
            return Ok(exit::OK);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err(refuse(
        exit::BUSY,
        format!("process {} has not stopped within {} seconds", holder.pid, PATIENCE.as_secs()),
        "cancel again ends it at once; what has ended is kept",
    ))
}

/// Takes a sweep's arrays out of the queue; whether there were any.
fn cancel_all(dir: &SweepDir) -> anyhow::Result<bool> {
    let Some(slurm) = Slurm::find(FOR_SLURM) else { return Ok(false) };
    let mut any = false;
    let is_clear = queue::clear(dir, &slurm, &mut |found| {
        talk(&format!("{}\n", told(found)));
        any |= found.is_certain;
    })?;
    if !is_clear {
        talk(
            "warning: another dlgrid is submitting this sweep now: cancel again when it is done\n",
        );
    }
    Ok(any)
}

/// What became of a job.
fn told(found: Found<'_>) -> String {
    let Found { array, name, kind, is_certain } = found;
    match (kind, is_certain) {
        (Some(kind), _) => format!("cancelled {}", what(kind, array)),
        (None, true) => format!("cancelled array {array}, whose intent can't be read"),
        (None, false) => format!(
            "warning: array {array} is called `{name}`, as this sweep's or another's of the same spec; \
             `scancel {array}` ends it"
        ),
    }
}

/// A job that was cancelled, by what it is for.
fn what(kind: Kind, job: u64) -> String {
    match kind {
        Kind::Runs => format!("array {job}; what runs saves what it is at"),
        Kind::Canary => format!("job {job}, which tries one run first"),
        Kind::TopUp => format!("job {job}, which submits the rest later"),
        Kind::Report => format!("job {job}, which concludes the sweep"),
    }
}

/// Leaves out the runs for which a condition holds: tasks that have no others are cancelled, those
/// that have pass over them.
fn cancel_some(sweep: &Sweep, text: &str) -> anyhow::Result<u8> {
    let Some(condition) = retry::only(sweep, Some(text))? else { return Ok(exit::OK) };
    let ledger = Ledger::read(&sweep.dir)?;
    let Some(slurm) = Slurm::find(FOR_SLURM).filter(|_| !ledger.entries.is_empty()) else {
        return Err(refuse(
            exit::INPUT,
            format!("`{}` is not in Slurm's queue", sweep.dir.label()),
            "`--where` chooses among tasks of Slurm; `dlgrid cancel` stops a sweep on this machine",
        ));
    };
    let rows = slurm.queue()?;
    let live: Vec<&Entry> =
        ledger.entries.iter().filter(|entry| !alive(entry, &rows).is_empty()).collect();
    let open = Open::of(sweep, &condition, tried_again(&sweep.dir, &live)?)?;
    if open.matching == 0 {
        talk("no run that has not ended matches\n");
        return Ok(exit::OK);
    }
    // First the order: a task that is put back meanwhile obeys it.
    orders::give(&sweep.dir, ledger.last(), &Order::LeaveOut(text.to_owned()))?;
    let mut tasks = 0;
    for entry in live {
        let (Some(array), mut idle) = (entry.job(), open.idle_tasks(entry)) else { continue };
        let alive = alive(entry, &rows);
        idle.retain(|task| alive.contains(task));
        slurm.cancel_tasks(array, &idle)?;
        tasks += idle.len() as u64;
    }
    talk(&format!(
        "left out {}; {} with nothing else to do cancelled\n",
        plural(open.matching, "run"),
        plural(tasks, "task")
    ));
    let name = find::typed(&sweep.dir, &sweep.manifest.name);
    next(&format!("dlgrid retry {name}   (puts them back)"));
    Ok(exit::OK)
}

/// Tasks of an intent's array that are not over.
fn alive(entry: &Entry, rows: &[Row]) -> HashSet<u32> {
    let is_its = |row: &&Row| {
        Some(row.array) == entry.job()
            && row.name == entry.intent.token
            && state::is_alive(&row.state)
    };
    let tasks = |row: &Row| ranges::read(&row.tasks).unwrap_or_default();
    rows.iter().filter(is_its).flat_map(tasks).collect()
}

/// The runs that these arrays train although they have ended.
fn tried_again(dir: &SweepDir, live: &[&Entry]) -> anyhow::Result<RetryPolicy> {
    let mut all = RetryPolicy::default();
    for entry in live.iter().filter(|entry| entry.intent.request > 0) {
        let again = Request::read(dir, entry.intent.request)?.again;
        all.failed |= again.failed;
        all.memory |= again.memory;
        all.diverged |= again.diverged;
    }
    Ok(all)
}

/// The runs that have not ended, or that are tried again, slice by slice.
struct Open {
    /// Slices that have runs for which the condition does not hold.
    busy: HashSet<u32>,
    /// Slices that have runs for which it does.
    matched: HashSet<u32>,
    /// Runs for which it does.
    matching: u64,
}

impl Open {
    fn of(sweep: &Sweep, condition: &Condition, again: RetryPolicy) -> anyhow::Result<Self> {
        let results = read::load_to_show(&sweep.dir, &sweep.manifest.id)?;
        let mut open = Self { busy: Default::default(), matched: Default::default(), matching: 0 };
        for slice in 0..u32::try_from(sweep.manifest.slices.len()).unwrap_or(u32::MAX) {
            let is_open = |run: &u64| again.is_left(results.end(*run));
            for index in sweep.slice_runs(slice).filter(is_open) {
                if orders::matches(&sweep.spec, condition, index) {
                    open.matched.insert(slice);
                    open.matching += 1;
                } else {
                    open.busy.insert(slice);
                }
            }
        }
        Ok(open)
    }

    /// Tasks of an array whose runs, as far as they have not ended, all match.
    fn idle_tasks(&self, entry: &Entry) -> Vec<u32> {
        let slices = entry.slices();
        let all_match = |slices: &[u32]| {
            slices.iter().any(|s| self.matched.contains(s))
                && slices.iter().all(|s| !self.busy.contains(s))
        };
        (0..)
            .zip(slices.chunks(entry.intent.per_task.max(1)))
            .filter(|(_, slices)| all_match(slices))
            .map(|(task, _)| task)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_called_by_what_it_is_for() {
        assert_eq!(what(Kind::Runs, 30), "array 30; what runs saves what it is at");
        assert_eq!(what(Kind::Report, 31), "job 31, which concludes the sweep");
    }
}
