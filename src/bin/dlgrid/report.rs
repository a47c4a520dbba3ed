//! `dlgrid report`: the leaderboard of a sweep.
use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use clap_complete::engine::ArgValueCandidates;
use dlgrid_sweep::judge::State;
use dlgrid_sweep::report::importance::Told;
use dlgrid_sweep::report::{Query, Report, csv, json, markdown, page, picture, table, tested};
use dlgrid_sweep::store::curves::curves_of;
use dlgrid_sweep::store::fs;
use dlgrid_sweep::sweep::Sweep;
use dlgrid_sweep::text::{grouped, plural};
use dlgrid_sweep::{find, host};

use super::busy::Busy;
use super::pick::{AskSlurm, Picked, Queue, Root, code};
use super::show::{Format, Terminal, note, print, wrong_input};
use crate::completion;

/// Trials that a table shows unless asked for more.
const TOP: usize = 20;

const EXAMPLES: &str = "\
Examples:
  dlgrid report                    the leaderboard of the newest sweep
  dlgrid report toy --where 'optimizer.lr < 1e-2' --sort -valid/f1
  dlgrid report toy --html         one page with all charts, toy.html
  dlgrid report toy --importance   which parameters matter
  dlgrid report toy --format markdown --pictures pictures >> README.md";

/// Rank the trials of a sweep
///
/// Trials are ranked by the mean of the objective over the seeds that are done; of equal means
/// the smaller standard deviation comes first, then less time. Equal means share a rank.
/// Where the spec has `confirm`, the trials that were run again are ranked by those runs.
/// Trials with seeds missing stand where their mean puts them, marked `2 of 3`; those of which a run
/// diverged stand behind all of which none did, trials without a finite objective last. Further metrics are those after the last epoch.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ReportArgs {
    /// The sweep: a name, its beginning, an id or a path [default: the newest]
    #[arg(add = ArgValueCandidates::new(completion::sweeps))]
    pub sweep: Option<String>,
    #[command(flatten)]
    root: Root,
    /// Form of the output [default: table, or what DLGRID_FORMAT says]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Show only the first N trials [default: 20 in a table, else all]
    #[arg(long, value_name = "N", conflicts_with = "all")]
    top: Option<usize>,
    /// Show all trials
    #[arg(long)]
    all: bool,
    /// Order by a parameter, a metric, `objective`, `seconds` or `rank`; `-` in front reverses
    #[arg(long, value_name = "PATH", allow_hyphen_values = true)]
    sort: Option<String>,
    /// Show only trials for which this holds, such as `optimizer.lr < 1e-3 and valid.f1 > 0.9`
    ///
    /// Names are parameters, metrics (with a dot for the slash), `objective`, `rank`, `seeds`
    /// and `seconds`. A parameter that a trial does not have is undefined: `optimizer.momentum
    /// is defined`.
    #[arg(long = "where", value_name = "CONDITION")]
    filter: Option<String>,
    /// Show these metrics too, such as `valid/accuracy,train/loss`
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    metrics: Vec<String>,
    /// Tell of every run: in JSON below its trial, in CSV one line each
    #[arg(long)]
    runs: bool,
    /// Show the search, although the best of it were run again (`confirm`)
    #[arg(long)]
    search: bool,
    /// Tell which parameters matter too: what share of the variance each explains, in a table or JSON
    #[arg(long, conflicts_with = "html")]
    importance: bool,
    /// Draw pictures for the Markdown into this folder: leaderboard, what matters, curves (SVG)
    #[arg(long, value_name = "DIR", conflicts_with = "html")]
    pictures: Option<PathBuf>,
    /// Write a page with all charts to this file; it asks no network [default file: NAME.html]
    #[arg(long, value_name = "FILE", num_args = 0..=1, value_parser = page_file, conflicts_with = "format")]
    html: Option<Option<PathBuf>>,
    #[command(flatten)]
    slurm: AskSlurm,
}

/// Runs the command; gives the exit code.
///
/// # Errors
/// If the sweep is not found or can't be read, or names what does not exist.
pub fn run(args: ReportArgs) -> Result<u8> {
    let format = Format::of(args.format, |form| !(args.importance && form == Format::Csv))?;
    if args.importance && format == Format::Csv {
        return Err(wrong_input(
            "CSV has one line a trial, and no room for `--importance`",
            "add `--format json`",
        ));
    }
    if args.runs && !matches!(format, Format::Json | Format::Csv) {
        return Err(wrong_input(
            "`--runs` needs a form that holds runs",
            "add `--format csv` or `--format json`",
        ));
    }
    if args.pictures.is_some() && format != Format::Markdown {
        return Err(wrong_input("`--pictures` are for Markdown", "add `--format markdown`"));
    }
    let queue = Queue::new(&args.slurm);
    let picked = Picked::new(&args.root, args.sweep.as_deref(), &queue)?;
    let confirmed = if args.search { None } else { confirmed(&picked, &queue)? };
    let few = format == Format::Table && args.html.is_none() && !args.all;
    let top = args.top.or(few.then_some(TOP));
    let query = Query {
        // What matters is asked of all trials, shown or not.
        top: top.filter(|_| !args.importance && args.pictures.is_none()),
        sort: args.sort,
        filter: args.filter,
        metrics: args.metrics,
        runs: args.runs || args.pictures.is_some(),
    };
    let shown = confirmed.as_ref().unwrap_or(&picked);
    let query = match args.html {
        Some(_) => page::query(&shown.sweep, &shown.results, query),
        None => query,
    };
    let busy = Busy::new("ranking the trials");
    let mut report =
        shown.subject().report(query).map_err(|error| wrong_input(&error, error.hint()))?;
    drop(busy);
    report.openings = tested::all(&picked.sweep)?;
    if confirmed.is_some() {
        let trials = plural(picked.sweep.manifest.trials, "trial");
        report.notes.push(format!(
            "the best of {trials}, run again on seeds that did not choose them; all: --search"
        ));
    }
    let exit = code(&report.counts, report.missing, report.damaged_lines);
    if let Some(file) = args.html {
        let name = || format!("{}.html", picked.sweep.manifest.name.replace('/', "-"));
        write_page(shown, file.unwrap_or_else(|| name().into()), report)?;
        return Ok(exit);
    }
    let mut images = String::new();
    if args.importance || args.pictures.is_some() {
        report.importance = Some(Told::of(&report));
        report.rows.truncate(top.unwrap_or(usize::MAX));
    }
    if let Some(folder) = &args.pictures {
        images = draw(&shown.sweep, &report, folder)?;
        report.importance = report.importance.filter(|_| args.importance);
    }
    print(&match format {
        Format::Table => table::render(&report, Terminal::stdout().view()),
        Format::Json => json::render(&report),
        Format::Csv if args.runs => csv::render_runs(&report),
        Format::Csv => csv::render(&report),
        Format::Markdown => markdown::render(&report) + &images,
    })?;
    Ok(exit)
}

/// Draws the pictures of a report into a folder; gives the Markdown that shows them.
fn draw(sweep: &Sweep, report: &Report, folder: &Path) -> Result<String> {
    let drawn = picture::with_curves(report).flat_map(|row| &row.runs);
    let runs: HashSet<u64> = drawn.map(|run| run.index).collect();
    let curves = curves_of(&sweep.dir, Some(&runs), |_| true)?;
    let mut images = String::new();
    for picture in picture::pictures(report, &curves) {
        let path = folder.join(picture.file);
        match fs::read(&path) {
            Ok(old) if !old.starts_with(picture::MARK.as_bytes()) => {
                let fact = format!("`{}` is there, and no picture by dlgrid", path.display());
                return Err(wrong_input(fact, "name another folder"));
            }
            Err(error) if !error.is_not_found() => return Err(error.into()),
            _ => fs::replace(&path, picture.svg.as_bytes())?,
        }
        images.push_str(&markdown::image(&picture.alt, &path.display().to_string()));
    }
    Ok(images)
}

/// Writes the page of a report.
fn write_page(picked: &Picked, path: PathBuf, report: Report) -> Result<()> {
    let busy = Busy::new("making the page");
    let (sweep, subject) = (&picked.sweep, picked.subject());
    let page = page::gather(sweep, &picked.results, &subject, picked.starts(), report, host::now());
    let html = page::render(&page);
    host::write_scratch(&path, html.as_bytes())
        .with_context(|| format!("cannot write `{}`", path.display()))?;
    drop(busy);
    note(&format!("page: `{}`, {} kB", path.display(), grouped((html.len() / 1000) as u64)));
    Ok(())
}

/// A page's file by its name's end: `--html demo` would take a sweep's name for it.
fn page_file(name: &str) -> Result<PathBuf, String> {
    let of_sweep = format!("(of a sweep: `dlgrid report {name} --html`)");
    page_path(name).ok_or_else(|| format!("a page's file ends in .html {of_sweep}"))
}

/// The path of a page, if its name ends as one's does: what else lies there is no page's to replace.
pub fn page_path(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(name);
    let end = path.extension().and_then(|end| end.to_str());
    matches!(end, Some("html" | "htm")).then_some(path)
}

/// The stage that ranks the best trials, once a run of it is done.
fn confirmed(picked: &Picked, queue: &Queue) -> Result<Option<Picked>> {
    if picked.sweep.spec.confirm.is_none() {
        return Ok(None);
    }
    let Some(found) = find::open(picked.sweep.dir.confirm().path()) else { return Ok(None) };
    let stage = Picked::open(&found, queue)?;
    let has_one =
        stage.results.runs.keys().any(|run| stage.subject().state_of(*run) == State::Done);
    Ok(has_one.then_some(stage))
}
