//! `dlgrid logs`: what the worker of a run printed.
use std::path::Path;

use anyhow::Result;
use clap::Args;
use dlgrid_sweep::exit;
use dlgrid_sweep::find::run::{Log, find_log, find_run};
use dlgrid_sweep::store::fs;
use dlgrid_sweep::text::clean;

use super::pick::{Picked, Queue, Root};
use super::show::{Terminal, note, print, print_bytes, wrong_input};

/// Print the log of a run
///
/// A log is one worker's: it may tell of other runs too.
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// The sweep: a name, its beginning, an id or a path
    pub sweep: String,
    /// The run: its number, or the beginning of its id or of its trial's id
    pub run: String,
    #[command(flatten)]
    root: Root,
    /// Print only the path of the log
    #[arg(long)]
    path: bool,
}

/// Runs the command; gives the exit code.
///
/// # Errors
/// If the sweep or the run is not found, or there is no log.
pub fn run(args: LogsArgs) -> Result<u8> {
    let picked = Picked::new(&args.root, Some(&args.sweep), &Queue::unasked())?;
    let found = find_run(&picked.sweep, &picked.results, &args.run)
        .map_err(|error| wrong_input(&error, error.hint()))?;
    if let Some(text) = &found.note {
        note(text);
    }
    let end = picked.results.end(found.index);
    if let Some(why) = end.and_then(|end| end.why.as_deref()) {
        note(&format!("run {}: {why}", found.index));
    }
    let log = find_log(&picked.sweep, &picked.results, found.index)
        .map_err(|error| wrong_input(&error, error.hint()))?;
    let path = match log {
        Log::Of(path) => path,
        Log::Newest(path) => {
            note("the run's record names no log: this is the newest of the sweep");
            path
        }
    };
    show(&path, args.path)
}

fn show(path: &Path, only_path: bool) -> Result<u8> {
    if only_path {
        print(&format!("{}\n", path.display()))?;
        return Ok(exit::OK);
    }
    let bytes = fs::read(path)?;
    if !Terminal::stdout().is_terminal {
        print_bytes(&bytes)?;
        return Ok(exit::OK);
    }
    let text = String::from_utf8_lossy(&bytes);
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        out.push_str(&clean(line.rsplit('\r').next().unwrap_or(line)));
        out.push('\n');
    }
    print(&out)?;
    Ok(exit::OK)
}
