//! `dlgrid submit`: puts a sweep into Slurm's queue, or runs it here; again, only what is missing.
use std::path::PathBuf;

use dlgrid_sweep::pack::Cut;
use dlgrid_sweep::spec;
use dlgrid_sweep::store::manifest::Manifest;
use dlgrid_sweep::store::read::{self, RetryPolicy};
use dlgrid_sweep::sweep::Sweep;

use crate::beside;
use crate::busy::Busy;
use crate::check;
use crate::cluster::{self, Found};
use crate::pick::Root;
use crate::ranks;
use crate::sanity;
use crate::slurm::{self, Wish};
use crate::stage::{self, Crew};
use crate::talk::talk;
use crate::work::{self, LocalArgs};

const EXAMPLES: &str = "\
Examples:
  dlgrid submit sweep.yaml                     into Slurm's queue, or run here; again: only what is missing or new
  dlgrid submit sweep.yaml --local --slots 2   here, two runs at a time
  dlgrid submit sweep.yaml --site my-cluster   with the profile of that site";

/// Arguments of `submit`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The spec, a YAML file
    pub file: PathBuf,
    #[command(flatten)]
    root: Root,
    /// Refuse a sweep of more runs than this
    #[arg(long, value_name = "N", default_value_t = spec::DEFAULT_MAX_RUNS)]
    pub max_runs: u64,
    /// Leave out what the spec's `sanity` asks for
    #[arg(long)]
    pub no_sanity: bool,
    /// Train also runs that another sweep of the same name has at work or in the queue
    #[arg(long)]
    pub twice: bool,
    #[command(flatten)]
    pub work: LocalArgs,
}

pub fn run(args: &Args) -> anyhow::Result<u8> {
    let (mut spec, bytes) = check::read_or_begun(&args.file, args.max_runs, &args.root.root)?;
    spec.upkeep.sanity &= !args.no_sanity;
    let worker = work::preflight(&spec, &spec.tables(), &args.work)?;
    let cluster = cluster::find(&args.work, &spec.slurm, &args.root.root)?;
    if let Some(found) = &cluster {
        spec.slurm = found.settings.clone();
    }
    ranks::check(&spec, &spec.slurm, &worker.program, cluster.is_none())?;
    let cut = match &cluster {
        Some(Found { settings, site, .. }) => {
            Cut::Tasks(slurm::load(settings, site, slurm::max_running(settings)))
        }
        None => Cut::Slots(work::slots(args.work.slots.map(usize::from), &spec.slurm).len() as u64),
    };
    talk(&format!("{}\n", check::summary(&spec)));
    // On Slurm it is the canary's part: a login node trains nothing. A sweep that is there has begun.
    let is_new = Manifest::read(&Sweep::folder(&args.root.root, &spec)).is_err();
    if is_new && !args.twice {
        beside::refuse_twice(&args.root.root, &spec)?;
    }
    if spec.upkeep.sanity && cluster.is_none() && is_new {
        sanity::insist(&spec, &bytes, &worker.program)?;
    }
    let (slurm, upkeep) = (spec.slurm.clone(), spec.upkeep.clone());
    let checkpoint = spec.checkpoint_seconds;
    let busy = Busy::new("writing down the sweep");
    let created = Sweep::create(&args.root.root, spec, &bytes, &cut)?;
    drop(busy);
    let mut sweep = created.sweep;
    sweep.spec.slurm = slurm;
    sweep.spec.upkeep = upkeep;
    if created.existed && (sweep.spec.checkpoint_seconds - checkpoint).abs() > f64::EPSILON {
        talk("note: `checkpoint` stays as it was when the sweep was created\n");
    }
    let path = sweep.dir.path().display();
    match (created.existed, created.adopted) {
        (true, 0) => talk(&format!("going on with `{path}`\n")),
        (true, n) => talk(&format!(
            "going on with `{path}`; {n} of its runs are taken over from another sweep of that name\n"
        )),
        (false, 0) => talk(&format!("created `{path}`\n")),
        (false, n) => talk(&format!(
            "created `{path}`; {n} of its runs are taken over from an earlier sweep of that name\n"
        )),
    }
    let again = RetryPolicy::default();
    let crew = Crew { worker: worker.clone(), args: &args.work, slurm: cluster.as_ref() };
    let code = match &cluster {
        None => work::run(&sweep, worker, again, &args.work)?,
        Some(found) => {
            let results = read::load(&sweep.dir, &sweep.manifest.id)?;
            let slices = sweep.slices_left(&results, again);
            let wish = Wish { slices, ..Wish::default() };
            slurm::submit(&sweep, &worker, found, &[wish], &sweep.spec.upkeep)?
        }
    };
    stage::confirm(&sweep, code, crew)
}
