//! `dlgrid compare`: two sweeps side by side.
use anyhow::Result;
use clap::ValueEnum;
use clap_complete::engine::ArgValueCandidates;
use dlgrid_sweep::exit;
use dlgrid_sweep::report::compare::{self, Side};
use dlgrid_sweep::report::{Query, Report};

use super::pick::{AskSlurm, Picked, Queue, Root};
use super::show::{Terminal, print, wrong_input};
use crate::completion;

/// Trials that a table shows unless asked for more.
const TOP: usize = 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Aligned text for people
    Table,
    /// One JSON object, in a documented form with a version
    Json,
}

const EXAMPLES: &str = "\
Examples:
  dlgrid compare toy toy-wide   what differs, trial by trial, and the best of each
  dlgrid compare toy toy-wide --where 'optimizer.lr < 1e-2' --format json";

/// Compare two sweeps: trials of the same parameters, and the best of each
///
/// Says which settings differ, and of each pair of trials the difference (the second sweep's less
/// the first's), its 95 % interval and p by a paired t test over runs of the same seed and fold.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The first sweep: a name, its beginning, an id or a path
    #[arg(add = ArgValueCandidates::new(completion::sweeps))]
    first: String,
    /// The sweep that is set against it
    #[arg(add = ArgValueCandidates::new(completion::sweeps))]
    second: String,
    #[command(flatten)]
    root: Root,
    /// Form of the output
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Only trials for which this holds, of both, as in `dlgrid report --where`
    #[arg(long = "where", value_name = "CONDITION")]
    filter: Option<String>,
    /// Show all trials that match [default: 20 in a table]
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    slurm: AskSlurm,
}

/// Runs the command; gives the exit code.
///
/// # Errors
/// If a sweep is not found or can't be read, or they rank by different things.
pub fn run(args: &Args) -> Result<u8> {
    let queue = Queue::new(&args.slurm);
    let open = |wanted: &str| Picked::new(&args.root, Some(wanted), &queue);
    let picked = [open(&args.first)?, open(&args.second)?];
    if picked[0].sweep.dir == picked[1].sweep.dir {
        return Err(wrong_input(
            "both are the same sweep",
            "name two; ids tell sweeps of one name apart",
        ));
    }
    let report = |picked: &Picked| -> Result<Report> {
        let query = Query { runs: true, filter: args.filter.clone(), ..Query::default() };
        picked.subject().report(query).map_err(|error| wrong_input(&error, error.hint()))
    };
    let reports = [report(&picked[0])?, report(&picked[1])?];
    let specs = picked.each_ref().map(|picked| &picked.sweep.spec);
    let fixed = specs.map(|spec| move |path: &str| compare::fixed(spec.space.base(), path));
    let sides = [0, 1].map(|side| Side { report: &reports[side], fixed: &fixed[side] });
    let compared = compare::compare(&sides, compare::differences(specs)).map_err(|error| {
        wrong_input(&error, "only sweeps with the same metric and goal can be set side by side")
    })?;
    let top = if args.all { usize::MAX } else { TOP };
    print(&match args.format {
        Format::Table => compare::table(&compared, top, Terminal::stdout().view()),
        Format::Json => compare::json(&compared),
    })?;
    Ok(exit::OK)
}
