//! Where a sweep goes: the Slurm that is reached from here, the cluster behind it, and the site whose
//! settings stand under those of the spec.
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use dlgrid_sweep::exec::slurm::call::Slurm;
use dlgrid_sweep::exec::slurm::preflight::{self, Cluster};
use dlgrid_sweep::exec::slurm::script;
use dlgrid_sweep::exec::slurm::site::Site;
use dlgrid_sweep::exit;
use dlgrid_sweep::spec::SlurmSettings;

use crate::site;
use crate::talk::{refuse, talk};
use crate::work::LocalArgs;

/// How long `submit` waits for a Slurm that can't be reached.
pub const PATIENCE: Duration = Duration::from_secs(180);
/// A Slurm that was asked what it is like.
pub struct Found {
    /// Slurm, as it is reached from here.
    pub slurm: Slurm,
    /// What it is like.
    pub cluster: Cluster,
    /// The site whose settings stand under those of the spec.
    pub site: Site,
    /// The settings that count: those of the spec over those of the site.
    pub settings: SlurmSettings,
    /// Whether a sweep that a process of another machine works on is taken over: it is gone.
    pub take_over: bool,
}

/// The Slurm that a sweep with these settings, below `folder`, goes to: none where this machine
/// has none or is told to work itself. What Slurm would never run is refused, and what is likely
/// to go wrong is said.
pub fn find(
    args: &LocalArgs,
    spec: &SlurmSettings,
    folder: &Path,
) -> anyhow::Result<Option<Found>> {
    let Some(slurm) = Slurm::find(PATIENCE).filter(|_| !args.local) else {
        if args.site.is_some() {
            return Err(refuse(
                exit::INPUT,
                "`--site` is for sweeps on Slurm, and this one runs on this machine",
                "leave it out, or run this on a login node, without `--local`",
            ));
        }
        return Ok(None);
    };
    if args.slots.is_some() {
        return Err(refuse(
            exit::INPUT,
            "`--slots` is for sweeps on this machine, and this one goes to Slurm",
            "add `--local`, or set `slurm.max_running` in the spec",
        ));
    }
    let slurm = slurm.telling(|text| talk(&format!("{text}\n")));
    let found = ask(slurm, args.site.as_deref(), spec)?;
    warn(&found, folder);
    Ok(Some(Found { take_over: args.take_over, ..found }))
}

fn warn(found: &Found, folder: &Path) {
    for warning in preflight::warnings(&found.cluster, &found.settings, folder) {
        talk(&format!("warning: {warning}\n"));
    }
}

/// Asks a Slurm what it is like, and finds its site.
fn ask(slurm: Slurm, site: Option<&str>, spec: &SlurmSettings) -> anyhow::Result<Found> {
    let cluster = preflight::cluster(&slurm)?;
    let site = site::choose(site, spec, cluster.name.as_deref())?;
    let settings = site.settings(spec);
    let cluster = cluster.within(&site.limits);
    script::check_setup(&site)?;
    let slurm = slurm.of_cluster(cluster.name.as_deref());
    let cluster = Cluster { own: preflight::own(&slurm, &cluster), ..cluster };
    preflight::check(&cluster, &settings)?;
    let slurm = slurm.passing(&script::further_variables(&settings)?);
    Ok(Found { slurm, cluster, site, settings, take_over: false })
}

/// What Slurm says of a task of such a sweep, without submitting anything.
pub fn try_out(site: Option<&str>, spec: &SlurmSettings, folder: &Path) -> anyhow::Result<String> {
    let Some(slurm) = Slurm::find(Duration::ZERO) else {
        return Err(refuse(
            exit::MISSING,
            "this machine has no sbatch to ask",
            "run this on a login node",
        ));
    };
    let found = ask(slurm, site, spec)?;
    let folder = std::path::absolute(folder).context("there is no current folder")?;
    warn(&found, &folder);
    let mut words = script::options(&found.settings, &found.site.limits, &folder)?;
    words.retain(|word| !matches!(word.as_str(), "--hold" | "--parsable"));
    words.push("--wrap=true".into());
    Ok(preflight::try_out(&found.slurm, &found.cluster, &found.settings, &words)?)
}

/// Where a sweep would go: the arrays, the site and the settings that count.
pub struct Place {
    /// Tasks of one array at most.
    pub array: usize,
    /// The site.
    pub site: Site,
    /// The settings that count.
    pub settings: SlurmSettings,
}

/// Where a sweep with these settings would go from here.
pub fn place(site: Option<&str>, spec: &SlurmSettings) -> anyhow::Result<Place> {
    if let Some(slurm) = Slurm::find(Duration::ZERO) {
        let Found { cluster, site, settings, .. } = ask(slurm, site, spec)?;
        return Ok(Place { array: cluster.array, site, settings });
    }
    talk("note: this machine has no sbatch; arrays of 1001 tasks are assumed\n");
    let site = site::choose(site, spec, None)?;
    let settings = site.settings(spec);
    let array = site.limits.max_array_size.unwrap_or(preflight::USUAL_ARRAY);
    Ok(Place { array, site, settings })
}
