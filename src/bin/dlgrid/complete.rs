//! What is done once a sweep is complete: its report is written, and a program of the user's is
//! told.
use dlgrid_sweep::exit;
use dlgrid_sweep::host;
use dlgrid_sweep::judge::Liveness;
use dlgrid_sweep::report::collect::Subject;
use dlgrid_sweep::report::{Query, csv, json, markdown};
use dlgrid_sweep::spec::Upkeep;
use dlgrid_sweep::store::layout::SweepDir;
use dlgrid_sweep::store::merge::Results;
use dlgrid_sweep::store::{fs, read};
use dlgrid_sweep::sweep::Sweep;

use crate::talk::{refuse, talk};

/// That the program of `on_complete` was started.
const COMPLETE: &str = "complete.json";

/// Concludes a sweep if all of its runs have ended; the exit code. The program of `on_complete` is
/// started once in the life of the sweep.
pub fn conclude(sweep: &Sweep, upkeep: &Upkeep) -> anyhow::Result<u8> {
    if !upkeep.ends_with_something() {
        return Ok(exit::OK);
    }
    let results = read::load(&sweep.dir, &sweep.manifest.id)?;
    let ended = results.runs.values().filter(|run| run.end.is_some()).count() as u64;
    if ended < sweep.manifest.runs {
        talk(&format!("{ended} of {} runs have ended: not yet complete\n", sweep.manifest.runs));
        return Ok(exit::OK);
    }
    let report = if upkeep.report { Some(write(sweep, &results)?) } else { None };
    if upkeep.on_complete.is_empty() || !is_first(&sweep.dir)? {
        return Ok(exit::OK);
    }
    tell(sweep, upkeep, report.as_deref())
}

/// Whether all is done that [`conclude`] does.
pub fn is_concluded(dir: &SweepDir, upkeep: &Upkeep) -> anyhow::Result<bool> {
    let written = !upkeep.report || !fs::list_dir(&dir.reports())?.is_empty();
    let mark = COMPLETE.to_owned();
    let told = upkeep.on_complete.is_empty() || fs::list_dir(&dir.submit())?.contains(&mark);
    Ok(written && told)
}

/// Writes the leaderboard in three forms into a folder of its own; the folder.
fn write(sweep: &Sweep, results: &Results) -> anyhow::Result<std::path::PathBuf> {
    let subject = Subject::new(sweep, results, &|_| Liveness::Gone);
    let report = subject
        .report(Query::default())
        .map_err(|error| refuse(exit::UNEXPECTED, error.to_string(), error.hint()))?;
    let root = sweep.dir.reports();
    let numbers = fs::list_dir(&root).unwrap_or_default();
    let last = numbers.iter().filter_map(|name| name.parse::<u32>().ok()).max();
    let number = last.unwrap_or(0) + 1;
    let folder = root.join(format!("{number:04}"));
    for (name, text) in [
        ("leaderboard.md", markdown::render(&report)),
        ("leaderboard.csv", csv::render(&report)),
        ("leaderboard.json", json::render(&report)),
    ] {
        match fs::publish(&folder.join(name), text.as_bytes()) {
            // Another one writes the same at the same moment.
            Err(error) if error.is_exists() => {}
            written => written?,
        }
    }
    talk(&format!("wrote `{}`\n", folder.display()));
    Ok(folder)
}

fn is_first(dir: &SweepDir) -> anyhow::Result<bool> {
    match fs::publish(&dir.submit().join(COMPLETE), b"{\"schema\":1}\n") {
        Ok(()) => Ok(true),
        Err(error) if error.is_exists() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn tell(sweep: &Sweep, upkeep: &Upkeep, report: Option<&std::path::Path>) -> anyhow::Result<u8> {
    let Some((program, words)) = upkeep.on_complete.split_first() else { return Ok(exit::OK) };
    let mut command = host::command(program);
    command.args(words).env("DLGRID_SWEEP", sweep.dir.path());
    command.env("DLGRID_NAME", &sweep.manifest.name);
    if let Some(folder) = report {
        command.env("DLGRID_REPORT", folder);
    }
    let status = command.stdin(std::process::Stdio::null()).status();
    match status {
        Ok(status) if status.success() => {
            talk(&format!("`on_complete`: `{program}` was told\n"));
            Ok(exit::OK)
        }
        Ok(status) => {
            talk(&format!("warning: `on_complete`: `{program}` ended badly: {status}\n"));
            Ok(exit::RUNS_FAILED)
        }
        Err(error) => {
            talk(&format!("warning: `on_complete`: cannot start `{program}`: {error}\n"));
            Ok(exit::MISSING)
        }
    }
}
