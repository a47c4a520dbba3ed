//! What processes of a world do: the commands that people type, and the tasks that Slurm starts. The
//! work is the product's; here stands only what its programs put around it.
use std::path::Path;
use std::time::Duration;

use super::{here, of, with};
use crate::exec::claim;
use crate::exec::slurm::again::{self, Choice, More};
use crate::exec::slurm::call::Slurm;
use crate::exec::slurm::ending::{self, Count};
use crate::exec::slurm::ledger::{self, Entry, Intent, Kind, Ledger};
use crate::exec::slurm::request::{self, Request};
use crate::exec::slurm::rest::{Rest, rest};
use crate::exec::slurm::state::Standing;
use crate::exec::slurm::task::{ArrayTask, Assigned, Befallen};
use crate::exec::slurm::{cancel as queue, install, ranges, settle, submit as submission};
use crate::host;
use crate::pack::{Cut, Load};
use crate::report::fate::Starts;
use crate::report::{conclude, keep, wanted};
use crate::slice::{SliceWork, Terms};
use crate::spec::upkeep::{RetryRules, Upkeep};
use crate::spec::{self, Spec};
use crate::store::checkpoint::CheckpointStore;
use crate::store::layout::SweepDir;
use crate::store::read::{self, RetryPolicy, StoreReader};
use crate::store::record::{End, Epoch, Number, Outcome};
use crate::store::tasks::{self, Begin, Granted, TASK_SCHEMA, TaskEnd, TaskLine, TaskWriter, Used};
use crate::sweep::Sweep;
use crate::trial::Run;

pub type Failure = Box<dyn std::error::Error>;

pub const ROOT: &str = "/sweeps";
pub const RUNS: u64 = 4;
const SPEC: &str = "name: toy
train: {data: {set: mnist, limit: 100}, epochs: 2}
parameters: {optimizer.lr: [0.1, 0.2, 0.3, 0.4]}
objective: {minimize: valid/loss}
";
const PATIENCE: Duration = Duration::from_secs(180);

thread_local! {
    static TOY: Spec = spec::read("toy.yaml", SPEC.as_bytes(), 10).expect("a spec").0;
    static DIR: SweepDir = TOY.with(|spec| Sweep::folder(Path::new(ROOT), spec));
}

fn create() -> Result<Sweep, Failure> {
    let spec = TOY.with(Clone::clone);
    // Where room is limited there is more to find room for.
    let runs = with(|world| if world.slurm.room.is_some() { 1 } else { 2 });
    let cut = Cut::Tasks(Load { runs_per_task: Some(runs), ..Load::default() });
    Ok(Sweep::create(Path::new(ROOT), spec, SPEC.as_bytes(), &cut)?.sweep)
}

/// Where the sweep is, once it is.
pub fn dir() -> SweepDir {
    DIR.with(Clone::clone)
}

/// As `dlgrid submit`.
pub fn submit() -> Result<(), Failure> {
    let sweep = create()?;
    let results = read::load(&sweep.dir, &sweep.manifest.id)?;
    sweep.verify(&results)?;
    let again = RetryPolicy::default();
    let slices = sweep.slices_left(&results, again);
    put(&sweep, vec![slices], again)
}

/// As `dlgrid retry`.
pub fn retry() -> Result<(), Failure> {
    let choice = Choice::default().or_all();
    let sweep = Sweep::open(dir())?;
    let results = read::load(&sweep.dir, &sweep.manifest.id)?;
    let rows = Slurm::new(Duration::ZERO).queue().unwrap_or_default();
    let standing = Standing::of(&Ledger::read(&sweep.dir)?, &rows, host::now());
    let starts = Starts::new(tasks::read_all(&sweep.dir)?);
    let over = |slice: u32| standing.over(slice);
    let known = wanted::known(&sweep, &results, &starts, &over, (choice, None));
    let again =
        again::again(&known, choice, &RetryRules::default(), &Granted::default(), More::default());
    put(&sweep, again.groups.into_values().collect(), choice.policy())
}

/// Puts slices into the queue, those of a group by a request of their own; where there are none,
/// brings to an end what was left undone.
fn put(sweep: &Sweep, groups: Vec<Vec<u32>>, again: RetryPolicy) -> Result<(), Failure> {
    let dir = &sweep.dir;
    if claim::holder(dir)?.is_some() {
        return Err("somebody works on it".into());
    }
    let slurm = Slurm::new(PATIENCE);
    let (hold, report, canary) = with(|world| {
        let habits = &world.habits;
        (habits.hold, habits.report, habits.canary)
    });
    let upkeep = Upkeep { report, ..Upkeep::default() };
    if groups.iter().all(Vec::is_empty) {
        settle::settle(dir, &slurm)?;
        if report && !keep::is_kept(dir)? {
            let standing = Standing::of(&Ledger::read(dir)?, &slurm.queue()?, host::now());
            if standing.arrays.is_empty() {
                conclude::conclude(sweep, report)?;
            }
        }
        return Ok(());
    }
    install::install(dir, &[], "#!/bin/sh\n")?;
    for slices in groups.into_iter().filter(|slices| !slices.is_empty()) {
        let array = if with(|world| world.draw.one_in(2)) { 1 } else { 10 };
        let upkeep = upkeep.clone();
        let draft = request::tests::request(2, array);
        let mut request = Request { slices, hold, again, upkeep, canary, ..draft };
        request.publish(dir)?;
        put_request(sweep, &slurm, &request)?;
    }
    let doubles = with(|world| if world.stormy { Vec::new() } else { world.doubles() });
    if !doubles.is_empty() {
        // By the clocks the submission of one without a fate may be under way: its jobs are held.
        let is_decided =
            |entry: &&Entry| entry.fate.is_some() && doubles.contains(&entry.intent.token);
        let ledger = Ledger::read(dir)?;
        let left: Vec<_> = ledger.entries.iter().filter(is_decided).collect();
        assert!(left.is_empty(), "more than one job of a name: {left:?}");
    }
    Ok(())
}

fn put_request(sweep: &Sweep, slurm: &Slurm, request: &Request) -> Result<(), Failure> {
    let (id, over) = (&sweep.manifest.id, || request.over(sweep));
    submission::submit(&sweep.dir, id, slurm, request, &over, &mut |_| {})?;
    Ok(())
}

/// As `dlgrid cancel`.
pub fn cancel() -> Result<(), Failure> {
    queue::clear(&dir(), &Slurm::new(PATIENCE), &mut |_| {})?;
    Ok(())
}

/// As `dlgrid report`: each end that was acknowledged before is in it.
pub fn report() -> Result<(), Failure> {
    let known = with(|world| world.witness.acknowledged.clone());
    let sweep = Sweep::open(dir())?;
    let results = read::load(&sweep.dir, &sweep.manifest.id)?;
    for (index, ..) in known.iter().filter(|_| results.unreadable.is_empty()) {
        assert!(results.end(*index).is_some(), "run {index} had ended, and the report misses it");
    }
    Ok(())
}

/// As `dlgrid watch`: reads what came, again and again; in the end it knows what a reader knows that
/// begins anew.
pub fn watch() -> Result<(), Failure> {
    let sweep = loop {
        match Sweep::open(dir()) {
            Ok(sweep) => break sweep,
            Err(_) => host::sleep(Duration::from_secs(30)),
        }
    };
    let mut reader = StoreReader::new(sweep.dir.clone(), sweep.manifest.id.clone());
    loop {
        let last = with(|world| world.last_look);
        let polled = reader.poll();
        if last && polled.is_ok() {
            let fresh = read::load(&sweep.dir, &sweep.manifest.id)?;
            for index in 0..RUNS {
                let (known, fresh) = (reader.results().end(index), fresh.end(index));
                assert_eq!(known, fresh, "run {index}, read bit by bit and at once");
            }
            return Ok(());
        }
        host::sleep(Duration::from_secs(150));
    }
}

/// As `dlgrid array-task`.
pub fn task(intent: u32) {
    let failed = array_task(intent).is_err();
    if let Some(pid) = here(|_, pid, _| pid) {
        with(|world| world.processes[pid].failed = failed);
    }
}

fn array_task(number: u32) -> Result<(), Failure> {
    let task = ArrayTask::here().ok_or("no task")?;
    let sweep = Sweep::open(dir())?;
    let intent = ledger::read_intent(&sweep.dir, number)?;
    match task.assigned(&sweep.dir, &intent)? {
        Assigned::Nothing(_) => {}
        Assigned::Errand(kind) => errand(kind, &sweep, &intent)?,
        Assigned::Slices(slices) => slices_work(&sweep, &intent, task, &slices)?,
    }
    Ok(())
}

/// As the task of an array without slices.
fn errand(kind: Kind, sweep: &Sweep, intent: &Intent) -> Result<(), Failure> {
    let slurm = Slurm::new(PATIENCE);
    match kind {
        Kind::Canary if with(|world| world.stormy && world.draw.one_in(4)) => {
            Err("the run can't be trained".into())
        }
        Kind::Canary => {
            host::sleep(Duration::from_secs(1 + with(|world| world.draw.below(60))));
            ledger::mark_passed(&sweep.dir, intent.number)?;
            with(|world| world.witness.canaries += 1);
            Ok(())
        }
        Kind::TopUp => {
            let request = Request::read(&sweep.dir, intent.request)?;
            match rest(sweep, &slurm, intent, request)? {
                Rest::Submit(request) => put_request(sweep, &slurm, &request)?,
                Rest::Nothing(_) => {}
            }
            with(|world| world.witness.top_ups += 1);
            Ok(())
        }
        Kind::Runs | Kind::Report => {
            if conclude::successor(&sweep.dir, &slurm, intent)?.is_none() {
                conclude::conclude(sweep, true)?;
            }
            Ok(())
        }
    }
}

/// As the supervisor of a task, with a worker that is the task itself.
fn slices_work(
    sweep: &Sweep,
    intent: &Intent,
    task: ArrayTask,
    slices: &[u32],
) -> Result<(), Failure> {
    with(|world| world.works(intent.number, task, slices));
    let begin = Begin {
        schema: TASK_SCHEMA,
        intent: intent.number,
        array: task.array,
        task: task.task,
        restarts: task.restarts,
        slices: ranges::write(slices),
        time: host::now(),
        ..Begin::default()
    };
    let mut record = TaskWriter::begin(&sweep.dir, &begin).ok();
    let request = Request::read(&sweep.dir, intent.request)?;
    let out_of_time = with(|world| world.stormy && world.draw.one_in(8));
    for slice in slices {
        slice_work(sweep, *slice, request.again, out_of_time)?;
    }
    let Count { ends, failed, left } = ending::count(sweep, intent, slices, request.again, None)?;
    let befallen = Befallen { time_is_over: out_of_time, left, failed, ..Befallen::default() };
    let (used, time) = (Used::default(), host::now());
    let end = TaskEnd { cause: None, requeued: false, why: None, ends, failed, used, time };
    let mut note = |line: &TaskLine| {
        let _talk = record.as_mut().map(|record| record.add(line));
    };
    ending::end(&task, sweep, slices, &befallen, true, end, &mut note);
    if left == 0 && request.upkeep.report && !conclude::has_job(&sweep.dir)? {
        conclude::conclude(sweep, true)?;
    }
    Ok(())
}

/// As the worker serves a slice.
fn slice_work(
    sweep: &Sweep,
    slice: u32,
    again: RetryPolicy,
    out_of_time: bool,
) -> Result<(), Failure> {
    let terms = Terms { device: "cpu", again, ..Terms::default() };
    let mut work = SliceWork::begin(sweep, slice, &terms, &|_| true)?;
    let attempt = (slice, work.attempt());
    let is_own = with(|world| world.witness.attempts.insert(attempt));
    assert!(is_own, "two processes work as one attempt: {attempt:?}");
    for index in work.todo().to_vec() {
        let Some(run) = sweep.run(index).filter(|_| work.is_wanted(index)) else { continue };
        if !train(sweep, &mut work, &run, out_of_time)? {
            break;
        }
    }
    work.close()?;
    Ok(())
}

/// The run that has checkpoints.
const SAVED: u64 = 1;

/// What a checkpoint holds: no two of them the same.
fn state(run: &Run, epoch: u32, attempt: u32) -> Vec<u8> {
    let mut bytes = crate::fsck::sample_weights(&run.id.to_string());
    bytes.truncate(bytes.len() - 8);
    [bytes, epoch.to_le_bytes().to_vec(), attempt.to_le_bytes().to_vec()].concat()
}

/// Where a run goes on: at a checkpoint that is whole and durable, and at none before one that was
/// acknowledged.
fn resume(store: &CheckpointStore, folder: &Path, run: &Run) -> Result<u32, Failure> {
    let saved = || with(|world| world.witness.saved_since_ends(run.index));
    // What is saved, or removed after an end, while it looks it need not see.
    let before = saved();
    let found = store.find()?;
    let saved = saved().min(before);
    let Some(latest) = found.latest else {
        assert!(saved == 0 || !found.damaged.is_empty(), "run {}: checkpoints are lost", run.index);
        return Ok(0);
    };
    let held = latest.bytes == state(run, latest.epoch, latest.attempt);
    assert!(held, "run {}: a checkpoint that holds something else was taken", run.index);
    assert!(latest.epoch >= saved || !found.damaged.is_empty(), "run {}: goes back", run.index);
    let unsaved = with(|world| {
        world.server.ending(folder, ".ckpt").into_iter().any(|inode| world.is_unsaved(inode))
    });
    assert!(!unsaved, "run {}: goes on from what is not durable", run.index);
    Ok(latest.epoch)
}

/// Trains a run; whether it came to its end.
fn train(
    sweep: &Sweep,
    work: &mut SliceWork<'_>,
    run: &Run,
    out_of_time: bool,
) -> Result<bool, Failure> {
    let store = CheckpointStore::new(&sweep.dir, &run.id);
    let folder = sweep.dir.checkpoints(&run.id);
    let (from, last) = match run.index {
        SAVED => (resume(&store, &folder, run)?, 4),
        _ => (0, 2),
    };
    work.start(run);
    for epoch in from + 1..=last {
        host::sleep(Duration::from_secs(1 + with(|world| world.draw.below(20))));
        let metrics = [("valid/loss".to_owned(), Number(0.5))].into();
        let (seconds, samples_per_s) = (20.0, None);
        work.epoch(&Epoch {
            run: run.id,
            index: run.index,
            epoch,
            metrics,
            seconds,
            samples_per_s,
        });
        if run.index == SAVED {
            save(&store, &folder, work, run, epoch);
        }
        if out_of_time {
            work.stop(Some(run.id), "time", run.index == SAVED)?;
            return Ok(false);
        }
    }
    let one = end(run, last);
    work.end(&one)?;
    let bits = one.metrics["valid/loss"].0.to_bits();
    let told = (run.index, work.attempt(), bits);
    with(|world| world.witness.acknowledged.push(told));
    let _removed = store.remove();
    Ok(true)
}

/// Keeps a checkpoint. Once all is calm no more than two are left, and one for each that saves
/// beside this one.
fn save(store: &CheckpointStore, folder: &Path, work: &mut SliceWork<'_>, run: &Run, epoch: u32) {
    let attempt = work.attempt();
    let bytes = state(run, epoch, attempt);
    let Ok(saved) = store.save(epoch, u64::from(epoch) * 10, attempt, &bytes) else { return };
    work.checkpoint(&saved);
    with(|world| {
        world.witness.saved.push((run.index, epoch));
        let kept = world.server.ending(folder, ".ckpt").len();
        let most = if world.stormy { usize::MAX } else { 2 + world.tasks_at_work() };
        assert!(kept <= most, "{kept} checkpoints are kept of one run");
    });
}

/// An end as no other attempt has it.
fn end(run: &Run, epochs: u32) -> End {
    let pid = here(|_, pid, _| pid).unwrap_or(0);
    let own = of(|world| world.witness.acknowledged.len()).unwrap_or(0) + 1000 * pid;
    let loss = 0.1 + 1.0 / (7.0 + f64::from(u32::try_from(own).unwrap_or(0)));
    let metrics = [("valid/loss".to_owned(), Number(loss))].into();
    let failed = End::failed(run, "", host::now());
    End { outcome: Outcome::Done, why: None, epochs, metrics, ..failed }
}
