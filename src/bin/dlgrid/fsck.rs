//! `dlgrid fsck`: whether a sweep directory is as dlgrid left it.
use std::path::Path;

use anyhow::Result;
use clap::Args;
use clap_complete::engine::ArgValueCandidates;
use dlgrid_sweep::exit;
use dlgrid_sweep::fsck::view::{render, render_json};
use dlgrid_sweep::fsck::{self, Severity, repair};
use dlgrid_sweep::store::layout::SweepDir;

use super::pick::{Root, folder};
use super::show::{Format, Terminal, note, print, wrong_input};
use crate::completion;

const WORDS: &str = "\
Examples:
  dlgrid fsck toy            reads every file of the sweep called toy
  dlgrid fsck toy --repair   adds what can be made again, then checks once more

Reads every file of the sweep and of its stages, and holds them against one another.
What a killed process leaves (a line cut off, a file in the making) is harmless and no
damage. `--repair` only ever adds files: claims, segments under their own names, ends
that stand whole in damaged lines, records of openings. It changes and removes none.

Exit codes: 0 all is well; 8 something is not as dlgrid left it (warnings too);
2 there is no such sweep; 4 the directory can't be read, or not be written.";

/// Check a sweep directory
#[derive(Debug, Args)]
#[command(after_help = WORDS)]
pub struct FsckArgs {
    /// The sweep: a name, its beginning, an id or a path [default: the newest]
    #[arg(add = ArgValueCandidates::new(completion::sweeps))]
    pub sweep: Option<String>,
    #[command(flatten)]
    root: Root,
    /// Form of the output: table or json
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Add what is missing and can be made again, then check once more
    #[arg(long)]
    repair: bool,
}

/// Runs the command; gives the exit code.
///
/// # Errors
/// If the sweep is not found, can't be listed, or a repair can't be written.
pub fn run(args: &FsckArgs) -> Result<u8> {
    if !matches!(args.format, Format::Table | Format::Json) {
        return Err(wrong_input("what a check found is no table of rows", "use `--format json`"));
    }
    let dir = place(args)?;
    let (checked, added) = match args.repair {
        true => repair::repair(&dir)?,
        false => (fsck::check(&dir)?, Vec::new()),
    };
    print(&match args.format {
        Format::Json => render_json(&checked, &added),
        _ => render(&checked, &added, Terminal::stdout().view()),
    })?;
    if args.repair && added.is_empty() && matches!(args.format, Format::Table) {
        note(nothing(checked.count(Severity::Damage) > 0));
    }
    Ok(if checked.is_well() { exit::OK } else { exit::DAMAGED })
}

/// What is told of a repair that adds nothing.
const fn nothing(is_damaged: bool) -> &'static str {
    match is_damaged {
        true => "`--repair` can add nothing: what is damaged stays so",
        false => "nothing to repair: no result is lost",
    }
}

/// The directory. A path is taken also where its manifest is gone.
fn place(args: &FsckArgs) -> Result<SweepDir> {
    if let Some(given) = args.sweep.as_deref()
        && (given.contains('/') || [".", ".."].contains(&given))
    {
        let dir = SweepDir::new(given);
        if Path::new(given).is_dir() && fsck::is_a_sweep(&dir)? {
            return Ok(dir);
        }
    }
    folder(&args.root, args.sweep.as_deref())
}
