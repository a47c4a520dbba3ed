//! What is done once a sweep is complete: its report is written, and a program of the user's is
//! told.
use dlgrid_sweep::exit;
use dlgrid_sweep::host;
use dlgrid_sweep::report::conclude::{self, ConcludeError, Concluded};
use dlgrid_sweep::report::keep;
use dlgrid_sweep::spec::Upkeep;
use dlgrid_sweep::store::fs;
use dlgrid_sweep::store::layout::SweepDir;
use dlgrid_sweep::sweep::Sweep;

use crate::talk::{refuse, talk};

/// That the program of `on_complete` was started.
const COMPLETE: &str = "complete.json";

/// Concludes a sweep if all of its runs have ended; why something of it failed, if it did. The
/// program of `on_complete` is started once in the life of the sweep.
pub fn conclude(sweep: &Sweep, upkeep: &Upkeep) -> anyhow::Result<Option<String>> {
    // Where the best trials are run again, that stage is the end of the sweep.
    if !upkeep.ends_with_something() || upkeep.confirm {
        return Ok(None);
    }
    let report = match conclude::conclude(sweep, upkeep.report) {
        Ok(Concluded::NotYet(ended)) => {
            talk(&format!(
                "{ended} of {} runs have ended: not yet complete\n",
                sweep.manifest.runs
            ));
            return Ok(None);
        }
        Ok(Concluded::Complete) => None,
        Ok(Concluded::Kept(kept)) => {
            if kept.is_new {
                talk(&format!("wrote `{}`\n", kept.folder.display()));
            }
            Some(kept.folder)
        }
        Err(ConcludeError::Report(error)) => {
            return Err(refuse(exit::UNEXPECTED, error.to_string(), error.hint()));
        }
        Err(ConcludeError::Store(error)) => return Err(error.into()),
        Err(ConcludeError::Sweep(error)) => return Err(error.into()),
    };
    if upkeep.on_complete.is_empty() || !is_first(&sweep.dir)? {
        return Ok(None);
    }
    Ok(tell(sweep, upkeep, report.as_deref()))
}

/// Whether all is done that [`conclude`] does.
pub fn is_concluded(dir: &SweepDir, upkeep: &Upkeep) -> anyhow::Result<bool> {
    if upkeep.confirm {
        return Ok(dir.confirm().manifest().exists());
    }
    let written = !upkeep.report || keep::is_kept(dir)?;
    let mark = COMPLETE.to_owned();
    let told = upkeep.on_complete.is_empty() || fs::list_dir(&dir.submit())?.contains(&mark);
    Ok(written && told)
}

fn is_first(dir: &SweepDir) -> anyhow::Result<bool> {
    match fs::publish(&dir.submit().join(COMPLETE), b"{\"schema\":1}\n") {
        Ok(()) => Ok(true),
        Err(error) if error.is_exists() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Starts the program of `on_complete`; why it did not do well, if it did not.
fn tell(sweep: &Sweep, upkeep: &Upkeep, report: Option<&std::path::Path>) -> Option<String> {
    let (program, words) = upkeep.on_complete.split_first()?;
    let mut command = host::command(program);
    command.args(words).env("DLGRID_SWEEP", sweep.dir.path());
    command.env("DLGRID_NAME", &sweep.manifest.name);
    if let Some(folder) = report {
        command.env("DLGRID_REPORT", folder);
    }
    match command.stdin(std::process::Stdio::null()).status() {
        Ok(status) if status.success() => {
            talk(&format!("`on_complete`: `{program}` was told\n"));
            None
        }
        Ok(status) => Some(format!("`on_complete`: `{program}` ended badly: {status}")),
        Err(error) => Some(format!("`on_complete`: cannot start `{program}`: {error}")),
    }
}
