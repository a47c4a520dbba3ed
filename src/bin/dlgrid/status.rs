//! `dlgrid status`: how a sweep is getting on.
use anyhow::Result;
use clap::Args;
use clap_complete::engine::ArgValueCandidates;
use dlgrid_sweep::exec::claim::{self, Standing};
use dlgrid_sweep::find::log::last_lines;
use dlgrid_sweep::host;
use dlgrid_sweep::report::around::Note;
use dlgrid_sweep::report::status;
use dlgrid_sweep::store::StoreError;
use dlgrid_sweep::store::layout::SweepDir;

use super::pick::{AskSlurm, Picked, Queue, Root, code};
use super::show::{Format, Terminal, print, wrong_input};
use super::stage;
use crate::completion;

/// Last lines of the first cause's example that are shown.
const LAST_LINES: usize = 2;

const EXAMPLES: &str = "\
Examples:
  dlgrid status                     the newest sweep: how far, what fails, why and where
  dlgrid status toy --format json   the same for a program";

/// Show how a sweep is getting on
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct StatusArgs {
    /// The sweep: a name, its beginning, an id or a path [default: the newest]
    #[arg(add = ArgValueCandidates::new(completion::sweeps))]
    pub sweep: Option<String>,
    #[command(flatten)]
    root: Root,
    /// Form of the output: table or json
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    slurm: AskSlurm,
}

/// Runs the command; gives the exit code.
///
/// # Errors
/// If the sweep is not found or can't be read.
pub fn run(args: StatusArgs) -> Result<u8> {
    if !matches!(args.format, Format::Table | Format::Json) {
        return Err(wrong_input(
            "a status is no table of rows",
            "use `--format json`, or `dlgrid report` for rows",
        ));
    }
    let picked = Picked::new(&args.root, args.sweep.as_deref(), &Queue::new(&args.slurm))?;
    let mut status = picked.subject().status(host::now());
    status.unsubmitted = picked.is_unsubmitted();
    status.notes = picked.notes();
    if status.unsubmitted && status.missing > 0 {
        status.notes.push(Note { about: "queue", text: "nothing was submitted".into() });
    }
    status.notes.extend(stage::notes(&picked.sweep)?);
    let here = at_work(&picked.sweep.dir)?;
    status.is_at_work = here.is_some() || picked.tries_again();
    status.notes.extend(here);
    if let Some(cause) = status.causes.first() {
        status.last_lines = last_lines(&picked.sweep, &picked.results, cause.example, LAST_LINES);
    }
    print(&match args.format {
        Format::Json => status::render_json(&status),
        _ => status::render(&status, Terminal::stdout().view()),
    })?;
    Ok(code(&status.counts, status.missing, status.damaged_lines))
}

/// The process of this machine that works on the sweep: of runs that have ended nothing else tells
/// that they are tried again.
fn at_work(dir: &SweepDir) -> Result<Option<Note>, StoreError> {
    let here = claim::holder(dir)?.filter(|(_, standing)| *standing == Standing::Alive);
    let note = |claim: claim::Claim| Note {
        about: "at work",
        text: format!("process {} of this machine", claim.pid),
    };
    Ok(here.map(|(claim, _)| note(claim)))
}
