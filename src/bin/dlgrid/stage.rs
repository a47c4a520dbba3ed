//! From the search of a sweep to its stages: the best trials again, and the finish.
use std::path::PathBuf;

use dlgrid_sweep::exec::local::Worker;
use dlgrid_sweep::exec::slurm::ledger::Readable;
use dlgrid_sweep::exit;
use dlgrid_sweep::judge::Liveness;
use dlgrid_sweep::pack::Cut;
use dlgrid_sweep::report::Query;
use dlgrid_sweep::report::around::Note;
use dlgrid_sweep::report::collect::Subject;
use dlgrid_sweep::spec::{Spec, StageKind, Upkeep};
use dlgrid_sweep::stage::{self, Chosen};
use dlgrid_sweep::store::merge::Results;
use dlgrid_sweep::store::read::{self, RetryPolicy};
use dlgrid_sweep::sweep::{Created, Sweep};
use dlgrid_sweep::text::plural;

use crate::cluster::{self, Found};
use crate::complete;
use crate::slurm::{self, Wish};
use crate::talk::{refuse, talk};
use crate::work::{self, LocalArgs};

/// Who trains the runs of a stage.
pub struct Crew<'a> {
    /// The program.
    pub worker: Worker,
    /// How to work here.
    pub args: &'a LocalArgs,
    /// The Slurm that it goes to; none: here.
    pub slurm: Option<&'a Found>,
}

/// The best trials of a sweep, as its results rank them: their points, and their names.
pub fn best(sweep: &Sweep, results: &Results, top: u64) -> anyhow::Result<Vec<(u64, String)>> {
    let subject = Subject::new(sweep, results, &|_| Liveness::Unknown);
    let query = Query { top: usize::try_from(top).ok(), ..Query::default() };
    let board = subject
        .report(query)
        .map_err(|error| refuse(exit::UNEXPECTED, error.to_string(), error.hint()))?;
    let ranked = board.rows.iter().filter(|row| row.rank.is_some());
    Ok(ranked.map(|row| (row.point, row.name())).collect())
}

/// Runs of a sweep that have not ended.
pub fn open_runs(sweep: &Sweep, results: &Results) -> u64 {
    let ended = results.runs.values().filter(|run| run.end.is_some()).count() as u64;
    sweep.manifest.runs.saturating_sub(ended)
}

/// Once the search of a sweep is complete: begins the stage that confirms its best trials, or goes on
/// with it. `code` is the exit code so far; that of both together.
pub fn confirm(sweep: &Sweep, code: u8, crew: Crew<'_>) -> anyhow::Result<u8> {
    let Some(confirm) = &sweep.spec.confirm else { return Ok(code) };
    let results = read::load(&sweep.dir, &sweep.manifest.id)?;
    if open_runs(sweep, &results) > 0 {
        return Ok(code);
    }
    let best = best(sweep, &results, confirm.top)?;
    let points: Vec<_> = best.into_iter().map(|(point, _)| (point, None)).collect();
    if points.is_empty() {
        talk("no trial has an objective: there is nothing to confirm\n");
        let upkeep = Upkeep { confirm: false, ..sweep.spec.upkeep.clone() };
        if let Some(why) = complete::conclude(sweep, &upkeep)? {
            talk(&format!("warning: {why}\n"));
        }
        return Ok(code);
    }
    let chosen = Chosen { of: sweep, points, seeds: confirm.seeds.clone() };
    let confirmed = begin(sweep, StageKind::Confirm, 1, &chosen, crew)?;
    Ok(if code == exit::OK { confirmed } else { code })
}

/// Creates a stage, or opens it, and has its runs trained; the exit code.
pub fn begin(
    sweep: &Sweep,
    kind: StageKind,
    number: u32,
    chosen: &Chosen<'_>,
    crew: Crew<'_>,
) -> anyhow::Result<u8> {
    let cut = match crew.slurm {
        Some(found) => Cut::Tasks(slurm::load(
            &found.settings,
            &found.site,
            slurm::max_running(&found.settings),
        )),
        None => {
            let asked = crew.args.slots.map(usize::from);
            Cut::Slots(work::slots(asked, &sweep.spec.slurm).len() as u64)
        }
    };
    let Created { sweep: stage, existed, adopted } =
        stage::create(sweep, kind, number, chosen, &cut)?;
    let runs = plural(stage.manifest.runs, "run");
    talk(&format!(
        "{} the stage `{}`: {} × {} = {runs}\n",
        if existed { "going on with" } else { "begins" },
        stage.manifest.name,
        plural(stage.manifest.trials, "trial"),
        rounds(&stage.spec),
    ));
    if adopted > 0 {
        talk(&format!("{} taken over: they were trained before\n", plural(adopted, "run")));
    }
    let Some(found) = crew.slurm else {
        return work::run(&stage, crew.worker, RetryPolicy::default(), crew.args);
    };
    let again = RetryPolicy::default();
    let results = read::load(&stage.dir, &stage.manifest.id)?;
    let wish = Wish { slices: stage.slices_left(&results, again), ..Wish::default() };
    slurm::submit(&stage, &crew.worker, found, &[wish], &stage.spec.upkeep)
}

/// `3 seeds`, `3 seeds × 5 folds`.
fn rounds(spec: &Spec) -> String {
    let seeds = plural(spec.seeds.len() as u64, "seed");
    spec.folds.map_or_else(|| seeds.clone(), |folds| format!("{seeds} × {folds} folds"))
}

/// The same from a job: its Slurm is asked anew, for the job runs on another machine. Why it could
/// not be, if it could not.
pub fn confirm_from_job(sweep: &Sweep, worker: Option<PathBuf>) -> anyhow::Result<Option<String>> {
    let args = LocalArgs { local: false, slots: None, worker, site: None, take_over: false };
    let settings = slurm::last_settings(sweep)?;
    let Some(found) = cluster::find(&args, &settings, sweep.dir.path())? else {
        return Ok(Some("the node of this job has no sbatch: `dlgrid submit` confirms".into()));
    };
    if !found.site.limits.jobs_may_submit {
        talk("jobs may not submit here: `dlgrid submit` with the same spec confirms\n");
        return Ok(None);
    }
    let worker = work::program(&sweep.spec, args.worker.as_deref())?;
    confirm(sweep, exit::OK, Crew { worker, args: &args, slurm: Some(&found) })?;
    Ok(None)
}

/// What the stages of a sweep come to: lines for its status.
pub fn notes(sweep: &Sweep) -> anyhow::Result<Vec<Note>> {
    let mut notes = Vec::new();
    let confirm = stage::open(sweep, StageKind::Confirm, 1)?;
    let finishes = (1..).map_while(|n| stage::open(sweep, StageKind::Finish, n).transpose());
    let finish = finishes.last().transpose()?;
    for (about, stage) in [("confirm", confirm), ("finish", finish)] {
        let Some(stage) = stage else { continue };
        let results = read::load(&stage.dir, &stage.manifest.id)?;
        let (runs, open) = (stage.manifest.runs, open_runs(&stage, &results));
        let asked = Readable::of(&stage.dir);
        let on_slurm = !asked.ledger.entries.is_empty() || !asked.lost.is_empty();
        let place = if on_slurm { "on Slurm" } else { "here" };
        let text = format!(
            "{} of {} ended, {place} (see: dlgrid status {})",
            runs - open,
            plural(runs, "run"),
            stage.manifest.name
        );
        notes.push(Note { about, text });
    }
    Ok(notes)
}
