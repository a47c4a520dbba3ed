//! `dlgrid retry`: trains failed runs of a sweep again, with what is missing.

use dlgrid_sweep::store::read::RetryPolicy;
use dlgrid_sweep::sweep::Sweep;

use crate::pick::{self, Root};
use crate::slurm;
use crate::work::{self, LocalArgs};

/// Arguments of `retry`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The sweep: a name, its beginning, an id or a path [default: the newest]
    pub sweep: Option<String>,
    /// Also train runs again whose loss stopped being finite
    #[arg(long)]
    pub diverged: bool,
    #[command(flatten)]
    root: Root,
    #[command(flatten)]
    pub work: LocalArgs,
}

pub fn run(args: &Args) -> anyhow::Result<u8> {
    let dir = pick::folder(&args.root, args.sweep.as_deref())?;
    let sweep = Sweep::open(dir)?;
    let worker = work::preflight(&sweep.spec, &args.work)?;
    let again = RetryPolicy { failed: true, diverged: args.diverged };
    match slurm::find(&args.work, &sweep.spec.slurm, sweep.dir.path())? {
        Some(cluster) => slurm::submit(&sweep, &cluster.settings, &worker, again, &cluster),
        None => work::run(&sweep, worker, again, &args.work),
    }
}
