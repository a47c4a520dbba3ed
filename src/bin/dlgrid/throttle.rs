//! `dlgrid throttle`: how many tasks of a sweep may run at once, also of what is in the queue.
use anyhow::Result;
use clap_complete::engine::ArgValueCandidates;
use dlgrid_sweep::exec::slurm::call::Slurm;
use dlgrid_sweep::exec::slurm::lanes::{self, Live};
use dlgrid_sweep::exec::slurm::ledger::{Kind, Ledger};
use dlgrid_sweep::exec::slurm::state::Standing;
use dlgrid_sweep::orders::{self, Lane, Order};
use dlgrid_sweep::text::plural;
use dlgrid_sweep::{exit, find, host};

use crate::cluster::PATIENCE;
use crate::completion;
use crate::pick::{self, Root};
use crate::talk::{next, refuse, talk};

const EXAMPLES: &str = "\
Examples:
  dlgrid throttle toy 10     ten tasks at once from now on
  dlgrid throttle toy none   as many as Slurm starts";

/// Arguments of `throttle`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The sweep: a name, its beginning, an id or a path
    #[arg(add = ArgValueCandidates::new(completion::sweeps))]
    pub sweep: String,
    /// Tasks that may run at once, or `none` for as many as Slurm starts; what runs goes on
    #[arg(value_name = "N", value_parser = most)]
    pub most: Most,
    #[command(flatten)]
    root: Root,
}

/// Tasks that may run at once; nothing: no limit.
#[derive(Debug, Clone, Copy)]
pub struct Most(Option<u64>);

fn most(text: &str) -> Result<Most, String> {
    if text == "none" {
        return Ok(Most(None));
    }
    let number = text.parse().ok().filter(|n| *n >= 1);
    number.map(|n| Most(Some(n))).ok_or_else(|| "a whole number of at least 1, or `none`".into())
}

pub fn run(args: &Args) -> Result<u8> {
    let dir = pick::folder(&args.root, Some(&args.sweep))?;
    let ledger = Ledger::read(&dir)?;
    let Some(slurm) = Slurm::find(PATIENCE).filter(|_| !ledger.entries.is_empty()) else {
        return Err(refuse(
            exit::INPUT,
            format!("`{}` was never submitted to Slurm from here", dir.label()),
            "set `slurm.max_running` in the spec; `--slots N` limits workers on this machine",
        ));
    };
    let rows = slurm.queue()?;
    let standing = Standing::of(&ledger, &rows, host::now());
    let live = lanes::as_ordered(&standing.live, &orders::read(&dir)?);
    let changed = match args.most.0 {
        None => live.iter().map(|one| Live { share: None, after: None, ..*one }).collect(),
        Some(most) => lanes::share_out(&live, most),
    };
    let lane = |one: &Live| Lane { array: one.array, share: one.share, after: one.after };
    let told: Vec<Lane> = changed.iter().map(lane).collect();
    // What is submitted from now on keeps to it, too.
    orders::give_with(&dir, ledger.last(), &Order::Throttle(args.most.0), &told)?;
    for one in &changed {
        slurm.throttle(one.array, one.share.unwrap_or(0))?;
        slurm.depend(one.array, canary(&ledger, &standing, one.array), one.after)?;
    }
    let trains = standing.arrays.iter().filter(|array| array.kind == Kind::Runs);
    talk(&words(args.most.0, live.len(), trains.map(|array| array.running).sum()));
    next(&format!("dlgrid status {}", find::typed_of(&dir)));
    Ok(exit::OK)
}

/// What now holds of so many arrays; of tasks that run more may be at work than that.
fn words(most: Option<u64>, live: usize, running: u64) -> String {
    let live = arrays(live);
    match most {
        None => format!("{live} may run all of their tasks\n"),
        Some(most) if running > most => format!(
            "{live} may run {} at once; {running} already run and go on\n",
            plural(most, "task")
        ),
        Some(most) => format!("{live} may run {} at once\n", plural(most, "task")),
    }
}

/// The canary that an array waits for, if it is not over.
fn canary(ledger: &Ledger, standing: &Standing, array: u64) -> Option<u64> {
    let entry = ledger.entries.iter().find(|entry| entry.job() == Some(array))?;
    let canary = ledger.canary(entry.intent.request)?.job()?;
    standing.arrays.iter().any(|one| one.job == canary).then_some(canary)
}

fn arrays(n: usize) -> String {
    match n {
        0 => "no array is in the queue; arrays of later submits".into(),
        n => plural(n as u64, "array"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_already_goes_on_and_is_told() {
        for (most, live, running, expected) in [
            (Some(2), 1, 4, "1 array may run 2 tasks at once; 4 already run and go on\n"),
            (Some(4), 2, 4, "2 arrays may run 4 tasks at once\n"),
            (
                Some(1),
                0,
                0,
                "no array is in the queue; arrays of later submits may run 1 task at once\n",
            ),
            (None, 1, 4, "1 array may run all of their tasks\n"),
        ] {
            assert_eq!(words(most, live, running), expected);
        }
    }
}
