//! `dlgrid efficiency`: what array tasks took of what they were given, and what to ask for.
use anyhow::Result;
use clap::Args;
use clap_complete::engine::ArgValueCandidates;
use dlgrid_sweep::exit;
use dlgrid_sweep::report::efficiency::{render, render_csv, render_json};

use super::pick::{AskSlurm, Picked, Queue, Root};
use super::show::{Format, Terminal, print, wrong_input};
use super::talk::next;
use crate::completion;

const WORDS: &str = "\
Examples:
  dlgrid efficiency toy            what the tasks of toy took, and what to ask for next time
  dlgrid efficiency --format csv   of the newest sweep, one line a resource

Made of what each task wrote of itself when it ended; Slurm's accounting is not needed.
Time and memory to ask for: what 95 of 100 starts took, with room above; cores: the
mean that were busy. Wasted is the time of tasks that were killed and left no result,
and of runs that were trained once more. The time of a task that was killed at one
stroke, with all its processes, is in none of the hours: it could not write it down.";

/// Show what array tasks took of what they were given
#[derive(Debug, Args)]
#[command(after_help = WORDS)]
pub struct EfficiencyArgs {
    /// The sweep: a name, its beginning, an id or a path [default: the newest]
    #[arg(add = ArgValueCandidates::new(completion::sweeps))]
    pub sweep: Option<String>,
    #[command(flatten)]
    root: Root,
    /// Form of the output: table, csv or json
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    slurm: AskSlurm,
}

/// Runs the command; gives the exit code.
///
/// # Errors
/// If the sweep is not found or can't be read.
pub fn run(args: &EfficiencyArgs) -> Result<u8> {
    if args.format == Format::Markdown {
        return Err(wrong_input(
            "an efficiency has no form in Markdown",
            "use `--format csv` or `--format json`",
        ));
    }
    let picked = Picked::new(&args.root, args.sweep.as_deref(), &Queue::new(&args.slurm))?;
    let efficiency = picked.subject().efficiency();
    print(&match args.format {
        Format::Json => render_json(&efficiency),
        Format::Csv => render_csv(&efficiency),
        _ => render(&efficiency, Terminal::stdout().view()),
    })?;
    if args.format == Format::Table {
        let name = &efficiency.sweep.typed;
        next(&match efficiency.resources.iter().any(|r| r.ask.as_ref().is_some_and(|a| !a.same)) {
            true => "write that into the spec; the next dlgrid submit asks for it".to_owned(),
            false => format!("dlgrid status {name}"),
        });
    }
    Ok(exit::OK)
}
