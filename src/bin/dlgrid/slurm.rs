//! Puts slices of a sweep into Slurm's queue: `submit` and `retry` end here; `plan --script` shows what
//! sbatch would be told.
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use dlgrid_sweep::exec::claim::{self, Claimed};
use dlgrid_sweep::exec::local::Worker;
use dlgrid_sweep::exec::slurm::again::More;
use dlgrid_sweep::exec::slurm::call::Slurm;
use dlgrid_sweep::exec::slurm::install::{self, Installed};
use dlgrid_sweep::exec::slurm::ledger::{Kind, Ledger};
use dlgrid_sweep::exec::slurm::request::{REQUEST_SCHEMA, Request};
use dlgrid_sweep::exec::slurm::script;
use dlgrid_sweep::exec::slurm::settle::{settle, take_over};
use dlgrid_sweep::exec::slurm::site::Site;
use dlgrid_sweep::exec::slurm::submit as queue;
use dlgrid_sweep::exec::slurm::{SlurmError, state};
use dlgrid_sweep::pack::Load;
use dlgrid_sweep::spec::slurm::memory_mib;
use dlgrid_sweep::spec::{As, Ranks, SlurmSettings, Upkeep, extra};
use dlgrid_sweep::store::fs;
use dlgrid_sweep::store::layout::SweepDir;
use dlgrid_sweep::store::merge::Results;
use dlgrid_sweep::store::read::{self, RetryPolicy};
use dlgrid_sweep::store::record::Outcome;
use dlgrid_sweep::store::tasks::Granted;
use dlgrid_sweep::sweep::Sweep;
use dlgrid_sweep::text::{plural, shell_word};
use dlgrid_sweep::{exit, find, host, orders};

use crate::busy::Busy;
use crate::cluster::{Found, Place};
use crate::complete;
use crate::ranks;
use crate::talk::{next, refuse, talk};
use crate::tried;
use crate::work;
use told::{let_go, told, told_passed};

#[path = "slurm/told.rs"]
mod told;

/// What is to be submitted of a sweep.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// Slices, in order.
    pub slices: Vec<u32>,
    /// Which ended runs are trained again.
    pub again: RetryPolicy,
    /// The condition for the runs that are trained, if not all are.
    pub only: Option<String>,
    /// What tasks get more than before.
    pub more: More,
    /// What of that they had before: they have it also where Slurm refuses more.
    pub kept: More,
    /// Nodes to keep away from.
    pub exclude: Vec<String>,
}

/// How many workers a task has: as many as it has GPUs, unless the spec says.
pub fn workers(settings: &SlurmSettings) -> u64 {
    if let Ok(Some(ranks)) = Ranks::of(settings, true) {
        return if ranks.kind == As::Slots { ranks.count } else { 1 };
    }
    let asked = settings.given.get("workers").and_then(|n| n.parse().ok());
    asked.or_else(|| script::gpu_count(settings)).unwrap_or(1).max(1)
}

/// What decides how many runs a task has.
pub fn load(settings: &SlurmSettings, site: &Site, max_running: Option<u64>) -> Load {
    Load {
        workers: workers(settings),
        max_running,
        // One place is for the job that goes on, or that concludes.
        max_tasks: site.limits.max_submit_jobs.map(|most| most.saturating_sub(1).max(1)),
        runs_per_task: settings.runs_per_task,
        run_seconds: settings.run_seconds,
        limit_seconds: script::time_seconds(settings),
        fill: 1,
    }
}

pub fn max_running(settings: &SlurmSettings) -> Option<u64> {
    settings.given.get("max_running")?.parse().ok()
}

/// What was asked of Slurm for a sweep last; what its spec says, if nothing was.
pub fn last_settings(sweep: &Sweep) -> anyhow::Result<SlurmSettings> {
    let last = Request::last(&sweep.dir)?;
    Ok(last.map_or_else(|| sweep.spec.slurm.clone(), |last| last.settings))
}

/// Puts what a wish names into the queue; the exit code.
pub fn submit(
    sweep: &Sweep,
    worker: &Worker,
    found: &Found,
    wishes: &[Wish],
    upkeep: &Upkeep,
) -> anyhow::Result<u8> {
    if claim::holder(&sweep.dir)?.is_some() {
        match claim::claim(&sweep.dir, found.take_over)? {
            // Given back at once: from here on the tasks work on it.
            Claimed::Ours(guard) => drop(guard),
            Claimed::Taken(holder, standing) => {
                return Err(work::busy(sweep, &holder, standing));
            }
        }
    }
    if found.take_over {
        take_over(&sweep.dir, &found.slurm)?;
    }
    let results = read::load(&sweep.dir, &sweep.manifest.id)?;
    if wishes.iter().all(|wish| wish.slices.is_empty()) {
        clear(sweep, &found.slurm)?;
        conclude(sweep, &found.slurm, upkeep)?;
        return Ok(work::conclude(sweep, &results, false));
    }
    let dir = absolute(&sweep.dir)?;
    let script = script::render(&found.site);
    let busy = Busy::new("putting the programs into the sweep");
    let programs = programs(sweep.spec.trains(), worker, &found.settings)?;
    let installed = install::install(&dir, &programs, &script)?;
    drop(busy);
    let mut requests = Vec::new();
    for wish in wishes.iter().filter(|wish| !wish.slices.is_empty()) {
        let place = Place {
            array: found.cluster.array,
            site: found.site.clone(),
            settings: found.settings.clone(),
        };
        let draft = Draft { dir: &dir, sweep, place: &place, installed: &installed, upkeep };
        let draft = |wish: &Wish| draft.request(wish, measured(&results));
        requests.push(tried::request(found, wish, &draft)?);
    }
    if let Some(request) = requests.first()
        && !tried::light(found, request)?
    {
        requests.iter_mut().for_each(Request::go_alone);
    }
    fs::create_dirs(&dir.logs())?;
    let mut passed = 0;
    for request in &mut requests {
        request.publish(&dir)?;
        passed += put(sweep, &found.slurm, request)?;
    }
    let name = find::typed(&sweep.dir, &sweep.manifest.name);
    next(&format!("dlgrid watch {name}; dlgrid report {name} at any time"));
    Ok(if passed > 0 { exit::RUNS_FAILED } else { exit::OK })
}

/// Ends what interrupted submissions have left in the queue of a sweep that has nothing to submit.
fn clear(sweep: &Sweep, slurm: &Slurm) -> anyhow::Result<()> {
    if Ledger::read(&sweep.dir)?.entries.is_empty() {
        return Ok(());
    }
    let settled = settle(&sweep.dir, slurm)?;
    settled.told().for_each(|words| talk(&format!("{words}\n")));
    talk(&let_go(&settled.adopted));
    Ok(())
}

/// Concludes a sweep whose job for that never came into the queue: a limit kept it out, or the
/// submission was cut short.
fn conclude(sweep: &Sweep, slurm: &Slurm, upkeep: &Upkeep) -> anyhow::Result<()> {
    if complete::is_concluded(&sweep.dir, upkeep)? {
        return Ok(());
    }
    let ledger = Ledger::read(&sweep.dir)?;
    let standing = state::Standing::of(&ledger, &slurm.queue()?, host::now());
    if standing.arrays.is_empty() {
        complete::conclude(sweep, upkeep)?;
    }
    Ok(())
}

/// Submits a request that is written down, and says what came of it; how many runs that it wants no
/// task will train, for their slices are in the queue for others.
pub fn put(sweep: &Sweep, slurm: &Slurm, request: &Request) -> anyhow::Result<usize> {
    let dir = absolute(&sweep.dir)?;
    let mut say = |text: &str| talk(&format!("{text}\n"));
    let over = || request.over(sweep);
    let report = queue::submit(&dir, &sweep.manifest.id, slurm, request, &over, &mut say)?;
    talk(&told(sweep, request, &report));
    if report.held.is_empty() {
        return Ok(0);
    }
    let results = read::load(&sweep.dir, &sweep.manifest.id)?;
    let passed = queue::passed_over(sweep, &results, request, &report.held);
    talk(&told_passed(&passed));
    Ok(passed.len())
}

/// Jobs start where nobody stands: all their paths are absolute.
fn absolute(dir: &SweepDir) -> anyhow::Result<SweepDir> {
    let path = dir.path().canonicalize();
    Ok(SweepDir::new(path.with_context(|| format!("cannot find `{}`", dir.path().display()))?))
}

/// The programs that tasks run: dlgrid itself, and what trains, with its MPI half if it needs it.
fn programs(
    trains: bool,
    worker: &Worker,
    settings: &SlurmSettings,
) -> anyhow::Result<Vec<PathBuf>> {
    let mut programs = vec![host::executable().context("cannot find the running dlgrid")?];
    programs.extend(trains.then(|| worker.program.clone()));
    if trains && Ranks::together(settings).is_some() {
        programs.push(ranks::library(&worker.program));
    }
    Ok(programs)
}

/// Mean seconds of the runs that are done, where some are.
fn measured(results: &Results) -> Option<f64> {
    let done = results.runs.values().filter_map(|run| run.end.as_ref());
    let seconds: Vec<f64> =
        done.filter(|end| end.outcome == Outcome::Done).map(|end| end.seconds).collect();
    #[expect(clippy::cast_precision_loss, reason = "a mean of seconds")]
    let mean = seconds.iter().sum::<f64>() / seconds.len() as f64;
    (mean > 0.0).then_some(mean)
}

/// What a request is made from.
struct Draft<'a> {
    /// The sweep's directory, absolute.
    dir: &'a SweepDir,
    sweep: &'a Sweep,
    place: &'a Place,
    installed: &'a Installed,
    upkeep: &'a Upkeep,
}

impl Draft<'_> {
    fn request(&self, wish: &Wish, measured: Option<f64>) -> anyhow::Result<Request> {
        let Place { array, site, settings } = self.place;
        let settings = with_more(settings, wish);
        let ordered = orders::throttle(&orders::read(self.dir)?);
        let most = ordered.unwrap_or_else(|| max_running(&settings));
        if most != max_running(&settings) {
            let said = most.map_or("as many tasks as Slurm starts".into(), |n| plural(n, "task"));
            talk(&format!(
                "note: {said} at once, as `dlgrid throttle` said last, and not `slurm.max_running`\n"
            ));
        }
        let mut load = load(&settings, site, most);
        load.run_seconds = load.run_seconds.or(measured);
        let runs =
            |slice: &u32| self.sweep.manifest.slices.get(*slice as usize).map_or(0, |s| s.runs);
        let per_task = load
            .slices_per_task(wish.slices.len() as u64, wish.slices.iter().map(runs).sum::<u64>());
        let (script, further) = self.words(&settings, wish)?;
        Ok(Request {
            schema: REQUEST_SCHEMA,
            number: 0,
            slices: wish.slices.clone(),
            options: script::options(&settings, &site.limits, self.dir.path())?,
            light: script::options(&site.light_settings(&settings), &site.limits, self.dir.path())?,
            script,
            further,
            array: *array,
            per_task,
            max_running: most,
            hold: site.limits.hold,
            granted: granted(&settings),
            again: wish.again,
            only: wish.only.clone(),
            canary: settings.canary || self.upkeep.sanity,
            top_up: site.limits.jobs_may_submit,
            alone: false,
            upkeep: self.upkeep.clone(),
            // Without what this wish adds: the next one starts from what was asked for at first.
            settings: self.place.settings.clone(),
        })
    }

    /// The script with its words up to those that name the intent, and those after them.
    fn words(
        &self,
        settings: &SlurmSettings,
        wish: &Wish,
    ) -> Result<(Vec<String>, Vec<String>), SlurmError> {
        let workers = workers(settings);
        let ranks = Ranks::of(settings, self.sweep.spec.trains())?;
        let share = if ranks.is_some() { 1 } else { workers };
        let threads = (settings.cpus.unwrap_or(1) / share).max(1);
        let plain = |path: &PathBuf| script::plain(path).map(str::to_owned);
        let mut words = vec![plain(&self.installed.script)?];
        let [dlgrid, worker @ ..] = &*self.installed.programs else { return Ok((words, vec![])) };
        words.push(plain(dlgrid)?);
        words.extend(["array-task".to_owned(), "--sweep".to_owned()]);
        words.push(script::plain(self.dir.path())?.to_owned());
        let mut further = vec!["--workers".to_owned(), workers.to_string()];
        further.extend(["--threads".to_owned(), threads.to_string()]);
        if let Some(ranks) = ranks {
            further.extend(["--ranks".to_owned(), ranks.count.to_string()]);
            further.extend(["--nodes".to_owned(), ranks.nodes.to_string()]);
            further.extend(["--ranks-as".to_owned(), ranks.kind.word().to_owned()]);
        }
        // What else is installed lies beside it.
        for program in worker.iter().take(1) {
            further.extend(["--worker".to_owned(), plain(program)?]);
        }
        further.extend(work::redo_words(wish.again));
        if let Some(only) = &wish.only {
            further.extend(["--only".to_owned(), only.clone()]);
        }
        Ok((words, further))
    }
}

/// The settings of a sweep with what a wish adds to them.
pub fn with_more(settings: &SlurmSettings, wish: &Wish) -> SlurmSettings {
    let mut given = settings.given.clone();
    if let Some(mib) = wish.more.memory_mib {
        extra::leave_memory_out(&mut given);
        given.insert("memory".into(), format!("{mib}M"));
    }
    if let Some(seconds) = wish.more.seconds {
        given.insert("time".into(), format!("{seconds}s"));
    }
    if !wish.exclude.is_empty() {
        let mut nodes: Vec<String> = given.get("exclude").cloned().into_iter().collect();
        nodes.extend(wish.exclude.iter().cloned());
        given.insert("exclude".into(), nodes.join(","));
    }
    SlurmSettings::of(given, settings.removed.clone())
}

pub fn granted(settings: &SlurmSettings) -> Granted {
    let text = |key: &str| settings.given.get(key).map(String::as_str);
    Granted {
        seconds: script::time_seconds(settings),
        cpus: settings.cpus,
        memory_mib: text("memory").and_then(memory_mib).filter(|mib| *mib > 0),
        gpus: script::gpu_count(settings),
    }
}

/// Refuses to work on a sweep here while Slurm's queue has tasks for it. A Slurm that does not
/// answer hinders nothing: at worst some work is done twice.
pub fn refuse_while_queued(sweep: &Sweep) -> anyhow::Result<()> {
    let ledger = Ledger::read(&sweep.dir)?;
    if ledger.entries.is_empty() {
        return Ok(());
    }
    let Some(slurm) = Slurm::find(Duration::from_secs(2)) else { return Ok(()) };
    let rows = match slurm.queue_now() {
        Ok(rows) => rows,
        Err(error) => {
            talk(&format!(
                "warning: {error}; whether tasks of this sweep run there is not known\n"
            ));
            return Ok(());
        }
    };
    let standing = state::Standing::of(&ledger, &rows, host::now());
    if standing.arrays.is_empty() {
        return Ok(());
    }
    let name = find::typed(&sweep.dir, &sweep.manifest.name);
    Err(refuse(
        exit::BUSY,
        format!("Slurm's queue has tasks of `{}`", sweep.dir.label()),
        format!("`dlgrid status {name}` shows them, `dlgrid cancel {name}` takes them out"),
    ))
}

/// The script, and the words of sbatch for each array of a sweep that would be submitted now.
pub fn show(
    sweep: &Sweep,
    place: &Place,
    worker: &Worker,
    slices: Vec<u32>,
) -> anyhow::Result<String> {
    let path = std::path::absolute(sweep.dir.path()).context("there is no current folder")?;
    let dir = SweepDir::new(path);
    let script = script::render(&place.site);
    let programs = programs(sweep.spec.trains(), worker, &place.settings)?;
    let installed = install::places(&dir, &programs, &script)?;
    let upkeep = &sweep.spec.upkeep;
    let draft = Draft { dir: &dir, sweep, place, installed: &installed, upkeep };
    let wish = Wish { slices, ..Wish::default() };
    let request = draft.request(&wish, None)?;
    let first = Ledger::read(&dir)?.last() + 1;
    let mut text = format!("# {}\n{script}\n", request.script[0]);
    for (number, kind, words) in queue::all_words(&request, &sweep.manifest.id, first) {
        let quoted: Vec<String> = words.iter().map(|word| shell_word(word)).collect();
        let what = if kind == Kind::Runs { String::new() } else { format!(" ({})", kind.word()) };
        text.push_str(&format!("# array {number}{what}\nsbatch {}\n", quoted.join(" ")));
    }
    Ok(text)
}
