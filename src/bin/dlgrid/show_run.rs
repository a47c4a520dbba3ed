//! `dlgrid show`: what one run came to.
use anyhow::Result;
use clap::{Args, ValueEnum};
use clap_complete::engine::ArgValueCandidates;
use dlgrid_sweep::exit;
use dlgrid_sweep::report::result;
use dlgrid_sweep::store::read;
use dlgrid_sweep::store::record::Outcome;
use dlgrid_sweep::text::clean;

use super::logs;
use super::pick::{AskSlurm, Picked, Queue, Root};
use super::show::{Terminal, note, print, wrong_input};
use super::talk;
use crate::completion;

const EXAMPLES: &str = "\
Examples:
  dlgrid show toy 41                                   run 41
  dlgrid show toy 3f2a                                 the run or trial whose id begins so
  dlgrid show toy optimizer.lr=0.01 model.layers=2     the run with these parameters";

/// Show what one run came to
///
/// Every metric after the last epoch and at its best, beside what it must beat: the same of the
/// untrained model, and of a guess that looks at no input (the most frequent class; the mean).
/// Of a classification also each class and the confusion matrix. `*` marks the objective.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ShowArgs {
    /// The sweep: a name, its beginning, an id or a path
    #[arg(add = ArgValueCandidates::new(completion::sweeps))]
    pub sweep: String,
    /// The run: its number, the beginning of its id or of its trial's, or `path=value` words
    #[arg(required_unless_present = "filter")]
    run: Vec<String>,
    #[command(flatten)]
    root: Root,
    /// A run for which this holds, such as `optimizer.lr < 1e-3 and seed == 0`
    #[arg(long = "where", value_name = "CONDITION")]
    filter: Option<String>,
    /// Form of the output
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    slurm: AskSlurm,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Aligned text for people
    Table,
    /// One JSON object, in a documented form with a version
    Json,
}

/// Runs the command; gives the exit code.
///
/// # Errors
/// If the sweep or the run is not found, or the run has not ended.
pub fn run(args: &ShowArgs) -> Result<u8> {
    let picked = Picked::new(&args.root, Some(&args.sweep), &Queue::new(&args.slurm))?;
    let found = logs::find(&picked, &args.run, args.filter.as_deref())
        .map_err(|error| wrong_input(&error, error.hint()))?;
    if let Some(text) = &found.note {
        note(text);
    }
    let subject = picked.subject();
    let merged = picked.results.runs.get(&found.index).and_then(|run| run.end.as_ref());
    let Some(merged) = merged else {
        let state = subject.state_of(found.index).word();
        let hint = format!("`dlgrid status {}` shows how the sweep is", subject.title.typed);
        return Err(wrong_input(format!("run {} has not ended: {state}", found.index), hint));
    };
    let end = read::end(&picked.sweep.dir, merged)?;
    let Some(shown) = subject.result(end) else {
        let hint = "`dlgrid report` shows the trials that it has";
        return Err(wrong_input(format!("run {} is no run of the sweep", found.index), hint));
    };
    print(&match args.format {
        Format::Table => result::text(&shown, Terminal::stdout().view()),
        Format::Json => result::render_json(&shown),
    })?;
    if args.format == Format::Table {
        let name = clean(&subject.title.typed);
        talk::next(&match shown.end.outcome {
            Outcome::Failed => format!("dlgrid logs {name} {}   (what it printed)", found.index),
            _ => format!("dlgrid report {name}   (beside the others)"),
        });
    }
    Ok(exit::OK)
}
