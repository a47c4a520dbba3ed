//! `dlgrid export`: results for other programs, in a folder.
use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;
use clap_complete::engine::ArgValueCandidates;
use dlgrid_sweep::exit;
use dlgrid_sweep::export::{self, Form, GatherError};
use dlgrid_sweep::store::StoreError;
use dlgrid_sweep::text::{plural, shell_word};

use super::pick::{AskSlurm, Picked, Queue, Root};
use super::show::{note, wrong_input};
use super::talk::next;
use crate::completion;

/// In which form results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ExportFormat {
    /// runs.csv and curves.csv
    Csv,
    /// runs.jsonl and curves.jsonl, one object a line
    Jsonl,
    /// runs.parquet and curves.parquet, columns with types
    #[cfg_attr(not(feature = "parquet"), value(hide = true))]
    Parquet,
    /// Event files with scalars and hyperparameters, a folder for each run
    Tensorboard,
}

const EXAMPLES: &str = "\
Examples:
  dlgrid export toy --format csv --out results
  dlgrid export toy --format tensorboard --out logs   then: tensorboard --logdir logs
  dlgrid export toy/confirm --format jsonl --out few --where 'optimizer.lr < 1e-2'";

/// Write runs, metrics and curves for other programs
///
/// Every run that was begun, with its parameters, how it ended and each metric; and each epoch of
/// its curve. Files of an earlier export are not replaced without `--force`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The sweep: a name, its beginning, an id or a path [default: the newest]
    #[arg(add = ArgValueCandidates::new(completion::sweeps))]
    sweep: Option<String>,
    #[command(flatten)]
    root: Root,
    /// Form of the files
    #[arg(long, value_enum)]
    format: ExportFormat,
    /// Folder to write into; it is made where it is missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Replace the files of an earlier export
    #[arg(long)]
    force: bool,
    /// Only runs of trials for which this holds, as in `dlgrid report --where`
    #[arg(long = "where", value_name = "CONDITION")]
    filter: Option<String>,
    #[command(flatten)]
    slurm: AskSlurm,
}

/// Runs the command; gives the exit code.
///
/// # Errors
/// If the sweep is not found or can't be read, or the files can't be written.
pub fn run(args: Args) -> Result<u8> {
    let form = match args.format {
        ExportFormat::Csv => Form::Csv,
        ExportFormat::Jsonl => Form::Jsonl,
        #[cfg(feature = "parquet")]
        ExportFormat::Parquet => Form::Parquet,
        #[cfg(not(feature = "parquet"))]
        ExportFormat::Parquet => {
            let hint = "build it with `cargo build --release --features parquet`, or take `csv`";
            return Err(wrong_input("this dlgrid was built without Parquet", hint));
        }
        ExportFormat::Tensorboard => Form::TensorBoard,
    };
    let picked = Picked::new(&args.root, args.sweep.as_deref(), &Queue::new(&args.slurm))?;
    let found = export::gather(&picked.sweep, &picked.results, &picked.subject(), args.filter);
    let found = found.map_err(|error| match error {
        GatherError::Query(error) => wrong_input(&error, error.hint()),
        GatherError::Store(error) => error.into(),
    })?;
    export::write(&found, form, &args.out, args.force).map_err(|error| match error {
        StoreError::Exists { path } => {
            let fact = format!("`{}` is there already", path.display());
            wrong_input(fact, "`--force` replaces what an earlier export wrote")
        }
        error => error.into(),
    })?;
    let (runs, epochs) = (plural(found.runs.len() as u64, "run"), plural(found.epochs(), "epoch"));
    let out = args.out.display();
    note(&format!("{runs} and {epochs} in `{out}`"));
    if found.damaged > 0 {
        note(&format!("{} of curves left out", plural(found.damaged, "damaged line")));
    }
    if form == Form::TensorBoard {
        next(&format!("tensorboard --logdir {}", shell_word(&args.out.to_string_lossy())));
    }
    Ok(exit::OK)
}
