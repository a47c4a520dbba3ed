//! `dlgrid retry`: trains runs of a sweep again that did not end well, with what is missing.
use std::collections::HashSet;

use anyhow::Result;
use clap_complete::engine::ArgValueCandidates;
use dlgrid_sweep::exec::slurm::again::{self, Again, Choice, Raise};
use dlgrid_sweep::exec::slurm::bad_nodes::{BadNode, bad_nodes};
use dlgrid_sweep::exec::slurm::preflight::most;
use dlgrid_sweep::exec::slurm::request::Request;
use dlgrid_sweep::exit;
use dlgrid_sweep::judge::Liveness;
use dlgrid_sweep::orders;
use dlgrid_sweep::report::wanted;
use dlgrid_sweep::space::Condition;
use dlgrid_sweep::spec::upkeep::RetryRules;
use dlgrid_sweep::sweep::Sweep;
use dlgrid_sweep::text::plural;

use crate::cluster;
use crate::completion;
use crate::pick::{self, Picked, Queue, Root};
use crate::ranks;
use crate::show::wrong_input;
use crate::slurm::{self, Wish};
use crate::stage::{self, Crew};
use crate::talk::{refuse, talk};
use crate::work::{self, LocalArgs};

const EXAMPLES: &str = "\
Examples:
  dlgrid retry toy         what failed or is missing
  dlgrid retry toy --oom   only what ran out of memory, with more of it
  dlgrid retry toy --where 'optimizer.lr < 1e-3 and seed == 0'";

/// Arguments of `retry`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The sweep: a name, its beginning, an id or a path [default: the newest]
    #[arg(add = ArgValueCandidates::new(completion::sweeps))]
    pub sweep: Option<String>,
    /// Only what failed: the program or the training; such options add up [default: all but diverged]
    #[arg(long)]
    pub failed: bool,
    /// Only what ran out of memory, with more of it (`retry.on.oom`)
    #[arg(long)]
    pub oom: bool,
    /// Only what reached its time limit and is in no queue, with more time (`retry.on.timeout`)
    #[arg(long)]
    pub timeout: bool,
    /// Only what nobody works on: killed, cancelled, of a node that failed, never begun
    #[arg(long)]
    pub lost: bool,
    /// Runs whose loss stopped being finite, too; without other such options, beside all others
    #[arg(long)]
    pub diverged: bool,
    /// Only runs for which this holds, such as `optimizer.lr < 1e-3 and seed == 0`
    #[arg(long = "where", value_name = "CONDITION")]
    pub only: Option<String>,
    #[command(flatten)]
    root: Root,
    #[command(flatten)]
    pub work: LocalArgs,
}

pub fn run(args: &Args) -> Result<u8> {
    let choice = Choice {
        failed: args.failed,
        memory: args.oom,
        time: args.timeout,
        lost: args.lost,
        diverged: args.diverged,
    };
    let choice = choice.or_all();
    let queue = Queue::new(&pick::AskSlurm::yes());
    let picked = Picked::new(&args.root, args.sweep.as_deref(), &queue)?;
    let only = only(&picked.sweep, args.only.as_deref())?;
    // Trials that can't use their table don't keep the others from it.
    let worker = work::preflight(&picked.sweep.spec, &[], &args.work)?;
    let last = Request::last(&picked.sweep.dir)?;
    let (settings, upkeep) = match &last {
        Some(last) => (last.settings.clone(), last.upkeep.clone()),
        None => (picked.sweep.spec.slurm.clone(), picked.sweep.spec.upkeep.clone()),
    };
    let Some(found) = cluster::find(&args.work, &settings, picked.sweep.dir.path())? else {
        if args.oom || args.timeout || args.lost || only.is_some() {
            return Err(refuse(
                exit::INPUT,
                "`--oom`, `--timeout`, `--lost` and `--where` choose among tasks of Slurm",
                "on this machine `dlgrid retry` runs again what failed or is missing",
            ));
        }
        let crew = Crew { worker: worker.clone(), args: &args.work, slurm: None };
        let code = work::run(&picked.sweep, worker, choice.policy(), &args.work)?;
        return stage::confirm(&picked.sweep, code, crew);
    };
    ranks::check(&picked.sweep.spec, &found.settings, &worker.program, false)?;
    let bad = bad_nodes(picked.starts().all());
    let over = |slice: u32| picked.over(slice);
    let (results, starts) = (&picked.results, picked.starts());
    let known = wanted::known(&picked.sweep, results, starts, &over, (choice, only.as_ref()));
    let (usual, most) = (slurm::granted(&found.settings), most(&found.cluster, &found.settings));
    let again = again::again(&known, choice, &upkeep.retry, &usual, most);
    tell(&again, &upkeep.retry);
    tell_left_out(&picked, &again, only.as_ref());
    tell_bad(&bad);
    let wishes: Vec<Wish> = again
        .groups
        .into_iter()
        .map(|(Raise { more, kept }, slices)| Wish {
            slices,
            again: choice.policy(),
            only: args.only.clone(),
            more,
            kept,
            exclude: bad.iter().map(|bad| bad.node.clone()).collect(),
        })
        .collect();
    if wishes.is_empty() {
        talk("nothing of that kind is to be run again\n");
        // What a doubtful submission has left in the queue goes all the same.
        let code = slurm::submit(&picked.sweep, &worker, &found, &[], &upkeep)?;
        let crew = Crew { worker, args: &args.work, slurm: Some(&found) };
        return stage::confirm(&picked.sweep, code, crew);
    }
    slurm::submit(&picked.sweep, &worker, &found, &wishes, &upkeep)
}

/// The condition, once it is one about this sweep's parameters.
pub fn only(sweep: &Sweep, text: Option<&str>) -> Result<Option<Condition>> {
    let Some(text) = text else { return Ok(None) };
    let condition = Condition::new(text)
        .map_err(|error| wrong_input(error, "such as `optimizer.lr < 1e-3 and seed == 0`"))?;
    let paths = sweep.spec.space.paths();
    let beside: &[&str] = if sweep.spec.folds.is_some() { &["seed", "fold"] } else { &["seed"] };
    let is_known = |path: &&String| beside.contains(&path.as_str()) || paths.contains(path);
    if let Some(unknown) = condition.paths().iter().find(|path| !is_known(path)) {
        return Err(wrong_input(
            format!("`{unknown}` is no parameter of this sweep"),
            format!("it has: {}, {}", paths.join(", "), beside.join(", ")),
        ));
    }
    Ok(Some(condition))
}

fn tell(again: &Again, rules: &RetryRules) {
    for (Raise { more, .. }, slices) in &again.groups {
        let slices = plural(slices.len() as u64, "slice");
        if let Some(mib) = more.memory_mib {
            talk(&format!("{slices} with {mib} MiB of memory (x{})\n", rules.memory));
        }
        if let Some(seconds) = more.seconds {
            let time = crate::talk::duration(seconds as f64);
            talk(&format!("{slices} with {time} of time (x{})\n", rules.time));
        }
    }
    if !again.not_raised.is_empty() {
        let slices = plural(again.not_raised.len() as u64, "slice");
        talk(&format!(
            "warning: {slices} ran out of memory or time and get no more of it: that was done {} \
             times (`retry.max`), what they had is not known, or the partition has no more\n",
            rules.max
        ));
    }
}

/// What becomes of the runs that were ordered to be left out.
fn tell_left_out(picked: &Picked, again: &Again, only: Option<&Condition>) {
    let chosen: HashSet<u32> = again.groups.values().flatten().copied().collect();
    let subject = picked.subject();
    let is_queued =
        |slice: u32| matches!((subject.liveness)(slice), Liveness::Alive | Liveness::Queued);
    let spec = &picked.sweep.spec;
    let is_meant = |index: u64| only.is_none_or(|only| orders::matches(spec, only, index));
    let left_out = picked.left_out().iter().filter(|(i, s)| is_meant(**i) && chosen.contains(s));
    let (stay, back): (Vec<u32>, Vec<u32>) =
        left_out.map(|(_, slice)| *slice).partition(|slice| is_queued(*slice));
    if !back.is_empty() {
        let runs = plural(back.len() as u64, "run");
        talk(&format!("puts back {runs} that `cancel --where` had left out\n"));
    }
    if !stay.is_empty() {
        talk(&format!(
            "note: {} left out by `cancel --where` stay so: a task in the queue has others of their \
             slice; retry once it is over\n",
            plural(stay.len() as u64, "run")
        ));
    }
}

fn tell_bad(bad: &[BadNode]) {
    for node in bad {
        let failed = plural(node.failed, "task");
        talk(&format!("keeps away from node {}: {failed} failed there at once\n", node.node));
    }
}
