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

/// Concludes a sweep if all of its runs have ended; why something of it failed, if it did. The
/// program of `on_complete` is started once in the life of the sweep.
pub fn conclude(sweep: &Sweep, upkeep: &Upkeep) -> anyhow::Result<Option<String>> {
    // Where the best trials are run again, that stage is the end of the sweep.
    if !upkeep.ends_with_something() || upkeep.confirm {
        return Ok(None);
    }
    let results = read::load(&sweep.dir, &sweep.manifest.id)?;
    let ended = results.runs.values().filter(|run| run.end.is_some()).count() as u64;
    if ended < sweep.manifest.runs {
        talk(&format!("{ended} of {} runs have ended: not yet complete\n", sweep.manifest.runs));
        return Ok(None);
    }
    let report = if upkeep.report { Some(write(sweep, &results)?) } else { None };
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
    let written = !upkeep.report || !fs::list_dir(&dir.reports())?.is_empty();
    let mark = COMPLETE.to_owned();
    let told = upkeep.on_complete.is_empty() || fs::list_dir(&dir.submit())?.contains(&mark);
    Ok(written && told)
}

/// The form that has everything.
const BOARD: &str = "leaderboard.json";

/// Writes the leaderboard in three forms into a folder of its own, unless the last one has just
/// that; the folder.
fn write(sweep: &Sweep, results: &Results) -> anyhow::Result<std::path::PathBuf> {
    let subject = Subject::new(sweep, results, &|_| Liveness::Gone);
    let report = subject
        .report(Query::default())
        .map_err(|error| refuse(exit::UNEXPECTED, error.to_string(), error.hint()))?;
    let root = sweep.dir.reports();
    let board = json::render(&report);
    let numbers = fs::list_dir(&root).unwrap_or_default();
    let last = numbers.iter().filter_map(|name| name.parse::<u32>().ok()).max().unwrap_or(0);
    let before = root.join(format!("{last:04}"));
    if fs::read(&before.join(BOARD)).is_ok_and(|bytes| bytes == board.as_bytes()) {
        return Ok(before);
    }
    let folder = root.join(format!("{:04}", last + 1));
    for (name, text) in [
        ("leaderboard.md", markdown::render(&report)),
        ("leaderboard.csv", csv::render(&report)),
        (BOARD, board),
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
