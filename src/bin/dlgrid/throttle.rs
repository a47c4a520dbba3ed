//! `dlgrid throttle`: how many tasks of a sweep may run at once, also of what is in the queue.
use anyhow::Result;
use dlgrid_sweep::exec::slurm::call::Slurm;
use dlgrid_sweep::exec::slurm::lanes;
use dlgrid_sweep::exec::slurm::ledger::Ledger;
use dlgrid_sweep::exec::slurm::state::Standing;
use dlgrid_sweep::orders::{self, Order};
use dlgrid_sweep::text::plural;
use dlgrid_sweep::{exit, host};

use crate::cluster::PATIENCE;
use crate::pick::{self, Root};
use crate::talk::{refuse, talk};

/// Arguments of `throttle`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The sweep: a name, its beginning, an id or a path
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
    let live = Standing::of(&ledger, &rows, host::now()).live;
    // What is submitted from now on keeps to it, too.
    orders::give(&dir, ledger.last(), &Order::Throttle(args.most.0))?;
    match args.most.0 {
        None => {
            for one in &live {
                slurm.throttle(one.array, 0)?;
                slurm.depend(one.array, None)?;
            }
            talk(&format!("{} may run all of their tasks\n", arrays(live.len())));
        }
        Some(most) => {
            let changed = lanes::share_out(&live, most);
            for one in &changed {
                slurm.throttle(one.array, one.share.unwrap_or(most))?;
                let before = live.iter().find(|old| old.array == one.array).and_then(|o| o.after);
                if before != one.after {
                    slurm.depend(one.array, one.after)?;
                }
            }
            let tasks = plural(most, "task");
            talk(&format!("{} may run {tasks} at once\n", arrays(live.len())));
        }
    }
    talk(&format!("next: dlgrid status {}\n", args.sweep));
    Ok(exit::OK)
}

fn arrays(n: usize) -> String {
    match n {
        0 => "no array is in the queue; arrays of later submits".into(),
        n => plural(n as u64, "array"),
    }
}
