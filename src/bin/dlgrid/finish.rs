//! `dlgrid finish`: trains the best trials on all training samples, opens the test set, and writes
//! down that it did.
use anyhow::Result;
use clap_complete::engine::ArgValueCandidates;
use dlgrid_sweep::dataset::TABLES;
use dlgrid_sweep::exit;
use dlgrid_sweep::recipe::{Recipe, Work};
use dlgrid_sweep::report::tested::{self, Tested};
use dlgrid_sweep::report::{Query, table};
use dlgrid_sweep::spec::{StageKind, wanted_of_table};
use dlgrid_sweep::stage::{self, Chosen};
use dlgrid_sweep::store::merge::Results;
use dlgrid_sweep::store::opening::{OPENING_SCHEMA, Opening};
use dlgrid_sweep::store::read;
use dlgrid_sweep::sweep::Sweep;
use dlgrid_sweep::text::{date, plural};
use dlgrid_sweep::{host, report::collect::Subject};

use crate::cluster;
use crate::completion;
use crate::data_check;
use crate::pick::{AskSlurm, Picked, Queue, Root};
use crate::ranks;
use crate::show::{Terminal, print};
use crate::stage::{Crew, begin, best, open_runs};
use crate::talk::{refuse, talk};
use crate::work::{self, LocalArgs};

/// Trials, and seeds of each, where no option says how many.
const TRIALS: u64 = 1;
const SEEDS: u64 = 5;

const EXAMPLES: &str = "\
Examples:
  dlgrid finish toy           the best trial on all training samples, five seeds; opens the test set
  dlgrid finish toy --top 3   the best three";

/// Train the best of a sweep on all training samples, and open the test set
///
/// The best trials are those that `dlgrid report` shows first: by the stage `confirm` where the spec
/// asks for one. Each is trained at full length (one that early stopping ended, or that ranks by its
/// best epoch: for as many epochs as its runs were best after, at the mean) on training and
/// validation samples together, on as many seeds as asked for, and judged on the test set at its end. That the set was opened is written
/// down first, and every later report says so: choosing by a test set spoils it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The sweep: a name, its beginning, an id or a path [default: the newest]
    #[arg(add = ArgValueCandidates::new(completion::sweeps))]
    pub sweep: Option<String>,
    #[command(flatten)]
    root: Root,
    /// How many trials [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100))]
    top: Option<u64>,
    /// Runs of each, on as many seeds [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: Option<u64>,
    /// Open the test set once more
    #[arg(long)]
    again: bool,
    #[command(flatten)]
    work: LocalArgs,
}

pub fn run(args: &Args) -> Result<u8> {
    let picked = Picked::new(&args.root, args.sweep.as_deref(), &Queue::new(&AskSlurm::yes()))?;
    let sweep = &picked.sweep;
    refuse_others(sweep)?;
    let confirmed = confirmed(sweep)?;
    let of = confirmed.as_ref().unwrap_or(sweep);
    let results = read::load(&of.dir, &of.manifest.id)?;
    let open = open_runs(of, &results);
    if open > 0 {
        return Err(refuse(
            exit::RUNS_FAILED,
            format!("{} of `{}` have not ended", plural(open, "run"), of.manifest.name),
            "the choice comes first: `dlgrid submit` or `dlgrid retry` goes on with what is missing",
        ));
    }
    let board = best(of, &results, u64::MAX)?;
    if board.is_empty() {
        return Err(refuse(
            exit::RUNS_FAILED,
            format!("no trial of `{}` has an objective", of.manifest.name),
            format!("`dlgrid report {}` shows why", of.manifest.name),
        ));
    }
    let (opening, is_new) = opening(args, sweep, &board)?;
    let chosen = chosen(of, &board, &opening, &results)?;
    let works = chosen.points.iter().filter_map(|(point, _)| of.spec.space.work(*point));
    let ways: Vec<_> = works.filter_map(|work| wanted_of_table(&work)).collect();
    let worker = work::preflight(&sweep.spec, &ways, &args.work)?;
    let slurm = cluster::find(&args.work, &crate::slurm::last_settings(sweep)?, sweep.dir.path())?;
    stage::check(sweep, StageKind::Finish, opening.number, &chosen)?;
    let settings = slurm.as_ref().map_or(&sweep.spec.slurm, |found| &found.settings);
    ranks::check(&sweep.spec, settings, &worker.program, slurm.is_none())?;
    if is_new {
        publish(sweep, &opening)?;
    } else {
        talk("going on with the finish that was begun\n");
    }
    let crew = Crew { worker, args: &args.work, slurm: slurm.as_ref() };
    let code = begin(sweep, StageKind::Finish, opening.number, &chosen, crew)?;
    if slurm.is_none() && code != exit::STOPPED {
        show(sweep, opening.number)?;
    }
    Ok(code)
}

/// The trials that an opening is for, as it names them: what ranks first by now decides nothing.
fn chosen<'a>(
    of: &'a Sweep,
    board: &[(u64, String)],
    opening: &Opening,
    results: &Results,
) -> Result<Chosen<'a>> {
    let mut points = Vec::new();
    for trial in &opening.trials {
        let Some((point, _)) = board.iter().find(|(_, name)| name == trial) else {
            return Err(refuse(
                exit::RUNS_FAILED,
                format!("the test set was opened for trial {trial}, which has no objective now"),
                format!("`dlgrid report {}` shows its runs", of.manifest.name),
            ));
        };
        if let Some(why) = stage::best_is_passed(of, *point) {
            talk(&format!(
                "warning: {trial} ranks by its best epoch, and is trained for all epochs: {why}\n"
            ));
        }
        points.push((*point, stage::best_after(of, results, *point)));
    }
    refuse_untestable(of, &points)?;
    for (point, _) in &points {
        let Some(Work::Train(settings)) = of.spec.space.work(*point) else { continue };
        Recipe::new(&settings).map_or(Ok(()), |recipe| data_check::test_set(&recipe.data))?;
    }
    Ok(Chosen { of, points, seeds: (0..opening.seeds).collect() })
}

fn refuse_others(sweep: &Sweep) -> Result<()> {
    if sweep.spec.stage.is_some() {
        return Err(refuse(
            exit::INPUT,
            format!("`{}` is a stage itself", sweep.manifest.name),
            "name the sweep whose stage it is",
        ));
    }
    if !sweep.spec.trains() {
        return Err(refuse(
            exit::INPUT,
            "`dlgrid finish` is for `train`: what a `command` tests on is its own affair",
            "give the program a parameter that makes it test, in a sweep of the best trial alone",
        ));
    }
    Ok(())
}

/// A table of which no row is sealed has no test set to open.
fn refuse_untestable(of: &Sweep, points: &[(u64, Option<u32>)]) -> Result<()> {
    let sealed = |work: Work| match work {
        Work::Train(settings) => {
            let is_table = settings.at("data.set").as_text().is_some_and(|s| TABLES.contains(&s));
            !is_table || settings.at("data.test").as_f64().is_some_and(|share| share > 0.0)
        }
        Work::Command(_) => true,
    };
    if points.iter().filter_map(|(point, _)| of.spec.space.work(*point)).all(sealed) {
        return Ok(());
    }
    Err(refuse(
        exit::INPUT,
        "`data.test: 0` seals no row: there is no test set to open",
        "`data.test: 0.2` seals a fifth of the rows, in a sweep of its own",
    ))
}

/// The stage that ranks the trials, where the spec asks for one.
fn confirmed(sweep: &Sweep) -> Result<Option<Sweep>> {
    if sweep.spec.confirm.is_none() {
        return Ok(None);
    }
    let stage = stage::open(sweep, StageKind::Confirm, 1)?;
    if stage.is_none() {
        return Err(refuse(
            exit::RUNS_FAILED,
            format!("the best trials of `{}` are not confirmed yet", sweep.manifest.name),
            "`dlgrid submit` with the same spec goes on with what is missing",
        ));
    }
    Ok(stage)
}

/// The opening that this finish is about, and whether it is a new one: one whose runs have not all
/// ended goes on.
fn opening(args: &Args, sweep: &Sweep, board: &[(u64, String)]) -> Result<(Opening, bool)> {
    let own = tested::own(sweep)?;
    if let Some(last) = own.last().filter(|last| last.ended < last.runs.1) {
        refuse_another(args, &last.opening)?;
        return Ok((last.opening.clone(), false));
    }
    if let Some(last) = tested::all(sweep)?.last().filter(|_| !args.again) {
        return Err(opened(&sweep.manifest.name, last));
    }
    let top = usize::try_from(args.top.unwrap_or(TRIALS)).unwrap_or(usize::MAX);
    let opening = Opening {
        schema: OPENING_SCHEMA,
        number: u32::try_from(own.len() + 1).unwrap_or(u32::MAX),
        trials: board.iter().take(top).map(|(_, name)| name.clone()).collect(),
        seeds: args.seeds.unwrap_or(SEEDS),
        host: host::name(),
        dlgrid: env!("CARGO_PKG_VERSION").into(),
        time: host::now(),
    };
    Ok((opening, true))
}

/// It was opened before, by this sweep or by another that runs were taken over from.
fn opened(name: &str, last: &Tested) -> anyhow::Error {
    let by = last.by.as_ref().map_or_else(String::new, |by| format!(" by `{by}`"));
    let (date, trials) = (date(last.opening.time), last.opening.trials.join(", "));
    let retry = match &last.by {
        Some(_) => String::new(),
        None => format!("`dlgrid retry {name}/finish` trains again what failed; "),
    };
    refuse(
        exit::INPUT,
        format!("the test set of `{name}` was opened{by} on {date}, for {trials}"),
        format!(
            "`dlgrid report {name}` shows what came of it; {retry}with `--again` every report will \
             say that it was opened more than once"
        ),
    )
}

/// What was written down can't be changed: another choice would be another opening.
fn refuse_another(args: &Args, begun: &Opening) -> Result<()> {
    let (trials, seeds) = (begun.trials.len() as u64, begun.seeds);
    if args.top.is_none_or(|top| top == trials) && args.seeds.is_none_or(|asked| asked == seeds) {
        return Ok(());
    }
    Err(refuse(
        exit::INPUT,
        format!(
            "the finish that was begun is of {} on {}, and goes on first",
            plural(trials, "trial"),
            plural(seeds, "seed")
        ),
        "leave `--top` and `--seeds` out; once it has ended, `--again` opens the test set once more",
    ))
}

fn publish(sweep: &Sweep, opening: &Opening) -> Result<()> {
    match opening.publish(&sweep.dir) {
        Err(error) if error.is_exists() => Err(refuse(
            exit::BUSY,
            format!("another dlgrid has just opened the test set of `{}`", sweep.manifest.name),
            "the same command goes on with it once that one is gone",
        )),
        written => Ok(written?),
    }
}

/// The leaderboard of what finished.
fn show(sweep: &Sweep, number: u32) -> Result<()> {
    let Some(stage) = stage::open(sweep, StageKind::Finish, number)? else { return Ok(()) };
    let results = read::load(&stage.dir, &stage.manifest.id)?;
    let here = |_| dlgrid_sweep::judge::Liveness::Gone;
    let mut report = Subject::new(&stage, &results, &here)
        .report(Query::default())
        .map_err(|error| refuse(exit::UNEXPECTED, error.to_string(), error.hint()))?;
    report.openings = tested::all(sweep)?;
    print(&table::render(&report, Terminal::stdout().view()))
}
