//! Which sweep a command is about, and what is known of it.
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use dlgrid_sweep::exit;
use dlgrid_sweep::find::{self, FindError, Found};
use dlgrid_sweep::judge::{Counts, Liveness, State};
use dlgrid_sweep::report::collect::{Subject, local_liveness};
use dlgrid_sweep::store::layout::SweepDir;
use dlgrid_sweep::store::merge::Results;
use dlgrid_sweep::store::read;
use dlgrid_sweep::sweep::{Sweep, SweepError};

use super::show::{Refusal, note};

/// Where sweeps are.
#[derive(Debug, Clone, Args)]
pub struct Root {
    /// Folder of the sweeps
    #[arg(long, value_name = "DIR", env = "DLGRID_ROOT", default_value = "./runs")]
    pub root: PathBuf,
}

/// A sweep, all that its segments say, and whether its slices are being worked on.
pub struct Picked {
    /// The sweep.
    pub sweep: Sweep,
    /// What its segments say.
    pub results: Results,
    liveness: Box<dyn Fn(u32) -> Liveness + Sync>,
}

impl Picked {
    /// The sweep that `wanted` means, with everything read; tells which one where there was a
    /// choice.
    ///
    /// # Errors
    /// If there is none, or it can't be read.
    pub fn new(root: &Root, wanted: Option<&str>) -> Result<Self> {
        let chosen = find::find(&root.root, wanted).map_err(|error| refusal(&error))?;
        if let Some(text) = &chosen.note {
            note(text);
        }
        Self::open(&chosen.sweep)
    }

    /// A sweep that was found, with everything read.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn open(found: &Found) -> Result<Self> {
        let sweep = Sweep::open(found.dir.clone()).map_err(unreadable)?;
        let results = read::load(&sweep.dir, &sweep.manifest.id)?;
        sweep.verify(&results).map_err(unreadable)?;
        let all = local_liveness(&sweep.dir);
        Ok(Self { sweep, results, liveness: Box::new(move |_| all) })
    }

    /// What reports are made from.
    #[must_use]
    pub fn subject(&self) -> Subject<'_> {
        Subject::new(&self.sweep, &self.results, &*self.liveness)
    }
}

/// The directory of the sweep that `wanted` means; tells which one where there was a choice.
///
/// # Errors
/// If there is none.
pub fn folder(root: &Root, wanted: Option<&str>) -> Result<SweepDir> {
    let chosen = find::find(&root.root, wanted).map_err(|error| refusal(&error))?;
    if let Some(text) = &chosen.note {
        note(text);
    }
    Ok(chosen.sweep.dir)
}

/// The exit code of a command that shows runs in these states.
#[must_use]
pub fn code(counts: &Counts, missing: u64, damaged_lines: u64) -> u8 {
    let bad = counts.get(State::Failed) + counts.get(State::Lost) + missing + damaged_lines;
    if bad > 0 { exit::RUNS_FAILED } else { exit::OK }
}

fn refusal(error: &FindError) -> anyhow::Error {
    Refusal { fact: error.to_string(), hint: Some(error.hint()), code: exit::INPUT }.into()
}

fn unreadable(error: SweepError) -> anyhow::Error {
    let hint = error.hint();
    let fact = error.to_string();
    anyhow::Error::new(error).context(Refusal { fact, hint, code: exit::INPUT })
}
