//! The whole life of a sweep as its commands and workers lead it, each step so that it can be done
//! again: created with what an older sweep has, submitted, trained, reported, finished.
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use super::fixture::end;
use crate::exec::claim::{self, Claim, Claimed};
use crate::exec::slurm::ledger::{self, Entry, Fate, Intent, Ledger};
use crate::exec::slurm::parse::{self, Row};
use crate::exec::slurm::request::{self, Request};
use crate::exec::slurm::state::{self, Standing};
use crate::exec::slurm::{install, settle};
use crate::judge::Liveness;
use crate::orders::{self, Order};
use crate::pack::{Cut, Load};
use crate::report::collect::Subject;
use crate::report::{Query, csv};
use crate::slice::{SliceWork, Terms};
use crate::spec::{self, StageKind};
use crate::stage::{self, Chosen};
use crate::store::checkpoint::CheckpointStore;
use crate::store::layout::SweepDir;
use crate::store::manifest::Manifest;
use crate::store::opening::{self, OPENING_SCHEMA, Opening};
use crate::store::record::{Epoch, Number};
use crate::store::tasks::{Begin, TASK_SCHEMA, TaskEnd, TaskLine, TaskWriter, Used};
use crate::store::{fs, read, weights};
use crate::sweep::Sweep;
use crate::trial::{Run, TrialId};

pub type Failure = Box<dyn std::error::Error>;

/// What stands outside the sweep directory, and survives what is done to that.
#[derive(Debug, Default)]
pub struct World {
    /// Runs whose ends were acknowledged, by sweep directory and number, with their objective.
    pub acknowledged: RefCell<BTreeMap<(String, u64), u64>>,
    /// Slurm's queue: job and token.
    pub queue: RefCell<Vec<(u64, String)>>,
    /// Jobs that were let go.
    pub released: RefCell<Vec<u64>>,
    /// Jobs of others that have numbers of ours.
    pub strangers: RefCell<Vec<u64>>,
    /// The report that was written last.
    pub reported: RefCell<Option<String>>,
}

const OLD: &str = "name: toy
train: {data: {set: mnist, limit: 100}, epochs: 3, save_weights: true}
parameters: {optimizer.lr: [0.1, 0.9]}
objective: {minimize: valid/loss}
";
const NEW: &str = "name: toy
train: {data: {set: mnist, limit: 100}, epochs: 3, save_weights: true}
parameters: {optimizer.lr: [0.1, 0.2, 0.3]}
objective: {minimize: valid/loss}
";

/// A root with an older sweep that has trained one of the runs.
pub fn root() -> tempfile::TempDir {
    // Syncs cost nothing there.
    let memory = Path::new("/dev/shm");
    let root = match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    };
    let root = root.expect("temporary folder");
    let old = create(root.path(), OLD).expect("sweep");
    let mut work = SliceWork::begin(&old, 0, &Terms::default(), &|_| false).expect("begun");
    let run = old.run(0).expect("a run");
    work.start(&run);
    work.epoch(&epoch(&run));
    work.end(&end(&run, loss(0))).expect("ended");
    work.close().expect("closed");
    root
}

fn create(root: &Path, text: &str) -> Result<Sweep, Failure> {
    let (spec, _) = spec::read("toy.yaml", text.as_bytes(), 10).expect("spec");
    let cut = Cut::Tasks(Load { runs_per_task: Some(1), ..Load::default() });
    Ok(Sweep::create(root, spec, text.as_bytes(), &cut)?.sweep)
}

/// Where the new sweep is, once it is.
pub fn dir(root: &Path) -> SweepDir {
    static NAME: std::sync::OnceLock<SweepDir> = std::sync::OnceLock::new();
    let name = NAME.get_or_init(|| {
        let (spec, _) = spec::read("toy.yaml", NEW.as_bytes(), 10).expect("spec");
        Sweep::folder(Path::new(""), &spec)
    });
    SweepDir::new(root.join(name.path()))
}

#[expect(clippy::cast_precision_loss, reason = "a handful")]
fn loss(index: u64) -> f64 {
    0.1 + 1.0 / (3 + index) as f64
}

fn epoch(run: &Run) -> Epoch {
    let metrics = [("valid/loss".to_owned(), Number(0.5))].into();
    Epoch { run: run.id, index: run.index, epoch: 1, metrics, seconds: 1.0, samples_per_s: None }
}

/// Leads the life of the sweep, from wherever it is, to its end.
pub fn lead(root: &Path, world: &World) -> Result<(), Failure> {
    let sweep = create(root, NEW)?;
    // One that was killed in a test has the process of the next, and counts as gone.
    let _claim = match claim::claim(&sweep.dir, false)? {
        Claimed::Ours(guard) => Some(guard),
        Claimed::Taken(..) => None,
    };
    submit(&sweep, world)?;
    task(&sweep, world)?;
    report(&sweep, world)?;
    finish(&sweep, world)
}

/// As `submit` does it: what was begun is settled, what nobody has goes into the queue.
fn submit(sweep: &Sweep, world: &World) -> Result<(), Failure> {
    let dir = &sweep.dir;
    let mut asked = match Request::last(dir)? {
        Some(asked) => asked,
        None => request::tests::request(2, 10),
    };
    if asked.number == 0 {
        asked.publish(dir)?;
    }
    let worker = sweep.dir.path().join("spec.yaml");
    let installed = install::install(dir, &[worker], "#!/bin/sh\n")?;
    for entry in &mut Ledger::read(dir)?.entries {
        settled(dir, entry, world)?;
    }
    let standing = Standing::of(&Ledger::read(dir)?, &rows(world), 1e9);
    let left: Vec<u32> = (0..2).filter(|slice| !standing.place(*slice).is_in_queue()).collect();
    if !left.is_empty() {
        let number = Ledger::read(dir)?.last() + 1;
        let intent = Intent {
            number,
            token: crate::exec::slurm::ledger::token(&sweep.manifest.id, number, &fs::nonce()?),
            request: asked.number,
            words: vec![installed.script.to_string_lossy().into_owned()],
            by: Claim::of_this_process(),
            ..ledger::tests::entry(number, &crate::exec::slurm::ranges::write(&left), None).intent
        };
        ledger::declare(dir, &intent)?;
        // Slurm has it from here on, whatever becomes of this process.
        let job = 100 + world.queue.borrow().len() as u64;
        world.queue.borrow_mut().push((job, intent.token.clone()));
        if ledger::decide(dir, number, Fate::Job(job))? == Fate::Job(job) {
            let_go(dir, number, job, world)?;
        }
    }
    if orders::read(dir)?.is_empty() {
        orders::give(dir, Ledger::read(dir)?.last(), &Order::Throttle(Some(3)))?;
    }
    Ok(())
}

fn let_go(dir: &SweepDir, number: u32, job: u64, world: &World) -> Result<(), Failure> {
    if !world.released.borrow().contains(&job) {
        world.released.borrow_mut().push(job);
    }
    Ok(ledger::mark_released(dir, number)?)
}

fn rows(world: &World) -> Vec<Row> {
    let line = |(job, token): &(u64, String)| {
        format!("{job}|0|RUNNING|{token}|N/A|n1|None\n{job}|1|RUNNING|{token}|N/A|n1|None\n")
    };
    let strange = |job: &u64| format!("{job}|0|RUNNING|somebody-else|N/A|n1|None\n");
    let own: String = world.queue.borrow().iter().map(line).collect();
    let strangers: String = world.strangers.borrow().iter().map(strange).collect();
    parse::queue(&format!("{own}{strangers}"))
}

fn settled(dir: &SweepDir, entry: &mut Entry, world: &World) -> Result<(), Failure> {
    let rows = rows(world);
    if entry.fate.is_none() {
        let found = state::arrays_named(&rows, &entry.intent.token);
        let fate = settle::fate(&found);
        entry.fate = Some(ledger::decide(dir, entry.intent.number, fate)?);
    }
    // Jobs of this name that are not the intent's are cancelled.
    let own = entry.job();
    world.queue.borrow_mut().retain(|(job, token)| {
        let double = *token == entry.intent.token && Some(*job) != own;
        !double || world.released.borrow().contains(job)
    });
    if let Some(job) = own.filter(|_| !entry.released) {
        let_go(dir, entry.intent.number, job, world)?;
    }
    Ok(())
}

/// As an array task does it: its file, its slices, run by run.
fn task(sweep: &Sweep, world: &World) -> Result<(), Failure> {
    let begin = Begin { schema: TASK_SCHEMA, intent: 1, slices: "0-1".into(), ..Begin::default() };
    let record = TaskWriter::begin(&sweep.dir, &begin).ok();
    all_slices(sweep, world)?;
    if let Some(mut record) = record {
        let ends = read::load(&sweep.dir, &sweep.manifest.id)?.runs.len() as u64;
        let used = Used::default();
        // What was taken over is of no slice.
        let ends = ends.saturating_sub(1);
        let over =
            TaskEnd { cause: None, requeued: false, why: None, ends, failed: 0, used, time: 1.0 };
        let _talk = record.add(&TaskLine::End(over));
    }
    Ok(())
}

fn all_slices(sweep: &Sweep, world: &World) -> Result<(), Failure> {
    let results = read::load(&sweep.dir, &sweep.manifest.id)?;
    for slice in 0..u32::try_from(sweep.manifest.slices.len())? {
        if sweep.slice_runs(slice).any(|index| results.end(index).is_none()) {
            work(sweep, slice, world)?;
        }
    }
    Ok(())
}

fn work(sweep: &Sweep, slice: u32, world: &World) -> Result<(), Failure> {
    let mut work = SliceWork::begin(sweep, slice, &Terms::default(), &|_| false)?;
    for index in work.todo().to_vec() {
        let run = sweep.run(index).ok_or("a run")?;
        train(sweep, &mut work, &run)?;
        let one = end(&run, loss(index));
        let bits = one.metrics["valid/loss"].0.to_bits();
        work.end(&one)?;
        world.acknowledged.borrow_mut().insert((sweep.dir.label(), index), bits);
        CheckpointStore::new(&sweep.dir, &run.id).remove()?;
    }
    work.close()?;
    Ok(())
}

/// The end of a run by an attempt that others thought dead.
pub fn late(sweep: &Sweep, work: &mut SliceWork<'_>, run: &Run, world: &World) {
    work.start(run);
    let bytes = super::super::safetensors::sample(&run.id.to_string());
    weights::save(&sweep.dir, &run.id, &bytes).expect("no fault is on");
    let one = end(run, loss(run.index));
    work.end(&one).expect("no fault is on");
    let bits = one.metrics["valid/loss"].0.to_bits();
    world.acknowledged.borrow_mut().insert((sweep.dir.label(), run.index), bits);
}

/// Checkpoints on the way, and the weights at the end. Training goes on where a checkpoint
/// can't be written.
fn train(sweep: &Sweep, work: &mut SliceWork<'_>, run: &Run) -> Result<(), Failure> {
    work.start(run);
    let store = CheckpointStore::new(&sweep.dir, &run.id);
    let bytes = super::super::safetensors::sample(&run.id.to_string());
    let from = store.find()?.latest.map_or(0, |latest| latest.epoch);
    // One run of them all has checkpoints.
    let last = if run.index == 1 { 3 } else { 0 };
    for epochs in from + 1..=last {
        work.epoch(&epoch(run));
        if let Ok(saved) = store.save(epochs, u64::from(epochs) * 10, work.attempt(), &bytes) {
            work.checkpoint(&saved);
        }
    }
    Ok(weights::save(&sweep.dir, &run.id, &bytes)?)
}

/// The leaderboard and all runs, with what differs from life to life left out.
fn report(sweep: &Sweep, world: &World) -> Result<(), Failure> {
    let results = read::load(&sweep.dir, &sweep.manifest.id)?;
    let subject = Subject::new(sweep, &results, &|_| Liveness::Gone);
    let report = subject.report(Query::default())?;
    let text = format!("{}{}", csv::render(&report), csv::render_runs(&report));
    let path = sweep.dir.reports().join("0001").join("leaderboard.csv");
    match fs::publish(&path, text.as_bytes()) {
        Err(there) if there.is_exists() => {}
        written => written?,
    }
    *world.reported.borrow_mut() = Some(text);
    Ok(())
}

/// As `finish` does it: the opening first, then the stage.
fn finish(sweep: &Sweep, world: &World) -> Result<(), Failure> {
    let best = sweep.spec.space.work(2).ok_or("a point")?;
    if opening::read_all(&sweep.dir)?.is_empty() {
        let opening = Opening {
            schema: OPENING_SCHEMA,
            number: 1,
            trials: vec![TrialId::of(&best).short()],
            seeds: 1,
            ..Opening::default()
        };
        opening.publish(&sweep.dir)?;
    }
    let chosen = Chosen { of: sweep, points: vec![(2, None)], seeds: vec![0] };
    let made = stage::create(sweep, StageKind::Finish, 1, &chosen, &Cut::Slots(1))?;
    if stage::unseal(&made.sweep)?.is_none() {
        return Err("the test set is sealed".into());
    }
    all_slices(&made.sweep, world)
}

/// Holds what is there against what was acknowledged; `over`: and every run has ended.
pub fn hold(root: &Path, world: &World, over: bool, what: &str) {
    let dir = dir(root);
    if dir.path().exists() {
        let checked = super::check(&dir).expect("listed");
        assert!(checked.is_well(), "{what}: {:#?}", checked.facts);
    }
    let mut released = world.released.borrow().clone();
    released.sort_unstable();
    released.dedup();
    let queue = world.queue.borrow();
    assert!(queue.len() <= 1 + usize::from(!over), "{what}: {queue:?}");
    assert!(released.len() <= 1, "{what}: {released:?} were let go");
    let results = |dir: &SweepDir| {
        let manifest = Manifest::read(dir).unwrap_or_else(|error| panic!("{what}: {error}"));
        read::load(dir, &manifest.id).expect("read")
    };
    for ((label, index), bits) in world.acknowledged.borrow().iter() {
        let results = results(&if label.contains('/') { dir.finish(1) } else { dir.clone() });
        let end = results.end(*index).unwrap_or_else(|| panic!("{what}: run {index} is lost"));
        let objective = results.names.id("valid/loss").and_then(|id| end.metric(id));
        assert_eq!(objective.map(f64::to_bits), Some(*bits), "{what}: run {index}");
    }
    if over {
        let results = results(&dir);
        let ended = results.runs.values().filter(|run| run.end.is_some()).count();
        assert_eq!((ended, results.damaged()), (3, 0), "{what}");
    }
}
