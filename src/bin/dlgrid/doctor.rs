//! `dlgrid doctor`: checks this machine and says what is missing and the command that mends it.
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};
use dlgrid_sweep::doctor::{Line, Verdict, examine, probe, worst};
use dlgrid_sweep::exit;
use dlgrid_sweep::terminal::{Tone, View};
use serde_json::json;

use crate::show::{Terminal, print};
use crate::talk::next;

/// Version of the JSON that `doctor` prints.
const SCHEMA: u32 = 1;

const EXAMPLES: &str = "\
Examples:
  dlgrid doctor                 what is here, what is missing, and what mends it
  dlgrid doctor --format json   the same for a program";

/// Check this machine: libtorch, CUDA, Slurm, data, cache, file system.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DoctorArgs {
    /// Format of the output
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// The worker to check [default: $DLGRID_WORKER, else the one beside dlgrid]
    #[arg(long, value_name = "FILE")]
    worker: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Table,
    Json,
}

/// Runs the command; gives the exit code.
///
/// # Errors
/// Where the output can't be written.
#[expect(clippy::needless_pass_by_value, reason = "every command takes its arguments so")]
pub fn run(args: DoctorArgs) -> Result<u8> {
    let lines = examine(&probe::facts(args.worker.as_deref()));
    let worst = worst(&lines);
    let text = match args.format {
        Format::Table => table(&lines, worst, Terminal::stdout().view()),
        Format::Json => {
            format!("{}\n", json!({"schema": SCHEMA, "verdict": worst, "lines": lines}))
        }
    };
    print(&text)?;
    if matches!(args.format, Format::Table) && worst != Verdict::Missing {
        next("dlgrid init   (writes a first spec)");
    }
    Ok(if worst == Verdict::Missing { exit::MISSING } else { exit::OK })
}

fn table(lines: &[Line], worst: Verdict, view: View) -> String {
    let width = lines.iter().map(|line| line.what.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for line in lines {
        let word = view.paint(tone(line.verdict), &format!("{:7}", line.verdict.word()));
        text += &format!("{word}  {:width$}  {}\n", line.what, line.found);
        if let Some(mend) = &line.mend {
            text += &format!("{:9}{:width$}  {} {mend}\n", "", "", view.paint(Tone::Less, "mend:"));
        }
    }
    text += match worst {
        Verdict::Ok => "\nall is well\n",
        Verdict::Warn => "\nsweeps run here; the warnings say what is limited\n",
        Verdict::Missing => {
            "\nsweeps that train (`train:`) do not run here until what is missing is mended; those of\n\
             programs (`command:`) need dlgrid alone\n"
        }
    };
    text
}

const fn tone(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Ok => Tone::Good,
        Verdict::Warn => Tone::Busy,
        Verdict::Missing => Tone::Bad,
    }
}
