//! `dlgrid watch`: a sweep while it runs, as a live view in a terminal, else in lines.
#[cfg(feature = "tui")]
mod chart;
#[cfg(feature = "tui")]
mod command;
#[cfg(feature = "tui")]
mod curve;
#[cfg(feature = "tui")]
mod head;
mod lines;
mod look;
#[cfg(feature = "tui")]
mod model;
#[cfg(feature = "tui")]
mod panes;
#[cfg(feature = "tui")]
mod screen;
#[cfg(all(feature = "tui", test))]
mod tests;
#[cfg(feature = "tui")]
mod view;
#[cfg(feature = "tui")]
mod wish;

use anyhow::Result;
use clap::Args;
use clap_complete::engine::ArgValueCandidates;

use super::pick::{self, AskSlurm, Root};
use super::show::{Format, wrong_input};
use crate::completion;

const EXAMPLES: &str = "\
Examples:
  dlgrid watch                     the newest sweep, live; ? shows the keys
  dlgrid watch toy                 the sweep called toy
  dlgrid watch toy/confirm         the stage that runs its best trials again
  dlgrid watch toy --lines         a line as often as something changes
  dlgrid watch toy > watch.log     the same: without a terminal it prints lines until the sweep is over";

/// Watch a sweep while it runs
///
/// In a terminal: states, tasks and runs at work, how fast it goes, the best so far, failures as they come, with keys for
/// logs, cancel, retry and a filter. Elsewhere: a line as often as something changes, until the sweep is over.
///
/// It reads only what is new, and asks Slurm at most once in 30 seconds, less often while the
/// answer stays the same, and not at all once everything has ended.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct WatchArgs {
    /// The sweep: a name, its beginning, an id or a path [default: the newest]
    #[arg(add = ArgValueCandidates::new(completion::sweeps))]
    pub sweep: Option<String>,
    #[command(flatten)]
    root: Root,
    /// Print lines, in a terminal too
    #[arg(long)]
    lines: bool,
    /// Form of the lines: table (text), or json, one object a line
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    slurm: AskSlurm,
}

/// Runs the command; gives the exit code.
///
/// # Errors
/// If the sweep is not found or can't be read.
pub fn run(args: &WatchArgs) -> Result<u8> {
    if !matches!(args.format, Format::Table | Format::Json) {
        return Err(wrong_input("what is watched is no table of rows", "use `--format json`"));
    }
    let dir = pick::folder(&args.root, args.sweep.as_deref())?;
    let looker = look::Looker::new(dir, args.slurm.is_wanted())?;
    #[cfg(feature = "tui")]
    if !args.lines && args.format == Format::Table && view::is_possible() {
        return view::run(looker);
    }
    lines::run(looker, args.format == Format::Json)
}
