//! `dlgrid logs`: what the worker of a run printed.
use std::path::Path;

use anyhow::Result;
use clap::Args;
use clap_complete::engine::ArgValueCandidates;
use dlgrid_sweep::exit;
use dlgrid_sweep::find::log::{Log, find_log, last_lines, lines};
use dlgrid_sweep::find::run::{Among, FoundRun, NoRun, find_run};
use dlgrid_sweep::find::wanted::{Wanted, find_wanted};
use dlgrid_sweep::report::Cause;
use dlgrid_sweep::store::fs;
use dlgrid_sweep::text::{clean, plural};

use super::pick::{AskSlurm, Picked, Queue, Root};
use super::show::{Terminal, note, print, print_bytes, wrong_input};
use crate::completion;

/// Causes of which `--failed` shows the last words.
const CAUSES: usize = 8;
/// Lines of each of them, unless asked for more.
const LINES: usize = 10;

const EXAMPLES: &str = "\
Examples:
  dlgrid logs toy 41                                   run 41
  dlgrid logs toy 3f2a                                 the run or trial whose id begins so
  dlgrid logs toy optimizer.lr=0.01 model.layers=2     the run with these parameters
  dlgrid logs toy --where 'batch_size > 64 and state == \"failed\"' -n 20
  dlgrid logs toy --failed                             the last words of each kind of failure";

/// Print the log of a run
///
/// Of several runs that match, the one that went worst is shown. A log is one worker's: it may
/// tell of other runs too.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct LogsArgs {
    /// The sweep: a name, its beginning, an id or a path
    #[arg(add = ArgValueCandidates::new(completion::sweeps))]
    pub sweep: String,
    /// The run: its number, the beginning of its id or of its trial's, or `path=value` words
    #[arg(required_unless_present_any = ["filter", "failed"])]
    pub run: Vec<String>,
    #[command(flatten)]
    root: Root,
    /// A run for which this holds, such as `optimizer.lr < 1e-3 and state == 'failed'`
    ///
    /// Names are parameters, `seed`, `fold` and `state`.
    #[arg(long = "where", value_name = "CONDITION")]
    filter: Option<String>,
    /// Print the last lines of one run of each cause for which runs failed or were lost
    #[arg(long, conflicts_with_all = ["run", "filter", "path"])]
    failed: bool,
    /// Print only the last N lines about the run [default: the whole log; 10 with --failed]
    #[arg(short = 'n', long, value_name = "N")]
    lines: Option<usize>,
    /// Print only the path of the log
    #[arg(long)]
    path: bool,
    #[command(flatten)]
    slurm: AskSlurm,
}

/// Runs the command; gives the exit code.
///
/// # Errors
/// If the sweep or the run is not found, or there is no log.
pub fn run(args: &LogsArgs) -> Result<u8> {
    let picked = Picked::new(&args.root, Some(&args.sweep), &Queue::new(&args.slurm))?;
    if args.failed {
        return failed(&picked, args.lines.unwrap_or(LINES));
    }
    let refuse = |error: NoRun| wrong_input(&error, error.hint());
    let found = find(&picked, &args.run, args.filter.as_deref()).map_err(refuse)?;
    if let Some(text) = &found.note {
        note(text);
    }
    if let Some(why) = picked.subject().why(found.index) {
        note(&format!("run {}: {why}", found.index));
    }
    let path = match find_log(&picked.sweep, &picked.results, found.index).map_err(refuse)? {
        Log::Of(path) => path,
        Log::Newest(path) => {
            note("the run's record names no log: this is the newest of the sweep");
            path
        }
    };
    match args.lines.filter(|_| !args.path) {
        Some(most) => {
            let last = last_lines(&picked.sweep, &picked.results, found.index, most);
            print(&last.iter().map(|line| format!("{line}\n")).collect::<String>())?;
            Ok(exit::OK)
        }
        None => show(&path, args.path),
    }
}

/// The run that words, or a condition, mean.
///
/// # Errors
/// If there is none.
pub fn find(picked: &Picked, words: &[String], filter: Option<&str>) -> Result<FoundRun, NoRun> {
    let subject = picked.subject();
    let state = |index| subject.state_of(index);
    let among = Among { spec: &picked.sweep.spec, results: &picked.results, state: &state };
    match words {
        [one] if filter.is_none() && !one.contains('=') => find_run(&among, one),
        words => find_wanted(&among, &Wanted::read(words, filter, among.spec)?),
    }
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
    let mut out = lines(&bytes).join("\n");
    if !out.is_empty() {
        out.push('\n');
    }
    print(&out)?;
    Ok(exit::OK)
}

/// The last words of one run of each cause.
fn failed(picked: &Picked, most: usize) -> Result<u8> {
    let causes = picked.subject().causes();
    if causes.is_empty() {
        note("no run failed, diverged or was lost");
        return Ok(exit::OK);
    }
    let mut out = String::new();
    for (place, cause) in causes.iter().take(CAUSES).enumerate() {
        out.push_str(if place > 0 { "\n" } else { "" });
        out.push_str(&head(cause));
        for line in last_lines(&picked.sweep, &picked.results, cause.example, most) {
            out.push_str(&format!("{line}\n"));
        }
    }
    print(&out)?;
    if causes.len() > CAUSES {
        note(&format!("and {} more", plural((causes.len() - CAUSES) as u64, "cause")));
    }
    Ok(exit::OK)
}

fn head(cause: &Cause) -> String {
    let on = cause.places().map_or_else(String::new, |places| format!(" {places}"));
    format!(
        "==> {} {}{on}: {} (run {}) <==\n",
        plural(cause.runs, "run"),
        cause.state,
        clean(&cause.text),
        cause.example
    )
}
