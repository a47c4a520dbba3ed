//! What processes of a world do: the commands that people type, and the tasks that Slurm starts. The
//! work is the product's; here stands only what its programs put around it.
use std::path::Path;
use std::time::Duration;

use super::{here, of, with};
use crate::exec::claim;
use crate::exec::slurm::call::Slurm;
use crate::exec::slurm::ledger::{self, Ledger};
use crate::exec::slurm::request::{self, Request};
use crate::exec::slurm::task::{ArrayTask, Assigned};
use crate::exec::slurm::{cancel as queue, install, settle, submit as submission};
use crate::host;
use crate::pack::{Cut, Load};
use crate::slice::{SliceWork, Terms};
use crate::spec;
use crate::store::checkpoint::CheckpointStore;
use crate::store::layout::SweepDir;
use crate::store::read::{self, RetryPolicy, StoreReader};
use crate::store::record::{Cause, End, Epoch, Number, Outcome};
use crate::store::tasks::{Begin, TASK_SCHEMA, TaskEnd, TaskLine, TaskWriter, Used};
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

fn create() -> Result<Sweep, Failure> {
    let (spec, _) = spec::read("toy.yaml", SPEC.as_bytes(), 10).expect("a spec");
    let cut = Cut::Tasks(Load { runs_per_task: Some(2), ..Load::default() });
    Ok(Sweep::create(Path::new(ROOT), spec, SPEC.as_bytes(), &cut)?.sweep)
}

/// Where the sweep is, once it is.
pub fn dir() -> SweepDir {
    thread_local! {
        static DIR: SweepDir = {
            let (spec, _) = spec::read("toy.yaml", SPEC.as_bytes(), 10).expect("a spec");
            Sweep::folder(Path::new(ROOT), &spec)
        };
    }
    DIR.with(Clone::clone)
}

fn failed_too() -> RetryPolicy {
    RetryPolicy { failed: true, memory: true, diverged: false }
}

/// As `dlgrid submit`, and with a policy as `dlgrid retry`.
pub fn submit(again: RetryPolicy) -> Result<(), Failure> {
    let sweep = create()?;
    let dir = &sweep.dir;
    if claim::holder(dir)?.is_some() {
        return Err("somebody works on it".into());
    }
    let results = read::load(dir, &sweep.manifest.id)?;
    sweep.verify(&results)?;
    let slices = sweep.slices_left(&results, again);
    let slurm = Slurm::new(PATIENCE);
    if slices.is_empty() {
        settle::settle(dir, &slurm)?;
        return Ok(());
    }
    install::install(dir, &[], "#!/bin/sh\n")?;
    let hold = with(|world| world.habits.hold);
    let array = if with(|world| world.draw.one_in(2)) { 1 } else { 10 };
    let mut request = Request { slices, hold, again, ..request::tests::request(2, array) };
    request.publish(dir)?;
    let over = || request.over(&sweep);
    submission::submit(dir, &sweep.manifest.id, &slurm, &request, &over, &mut |_| {})?;
    let doubles = with(|world| if world.stormy { Vec::new() } else { world.doubles() });
    assert!(doubles.is_empty(), "more than one job of a name: {doubles:?}");
    Ok(())
}

pub fn retry() -> Result<(), Failure> {
    submit(failed_too())
}

/// As `dlgrid cancel`.
pub fn cancel() -> Result<(), Failure> {
    queue::cancel(&Ledger::read(&dir())?, &Slurm::new(PATIENCE), |_, _| {})?;
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
    let _its_exit_code = array_task(intent);
}

fn array_task(number: u32) -> Result<(), Failure> {
    let task = ArrayTask::here().ok_or("no task")?;
    let sweep = Sweep::open(dir())?;
    let intent = ledger::read_intent(&sweep.dir, number)?;
    let Assigned::Slices(slices) = task.assigned(&sweep.dir, &intent)? else { return Ok(()) };
    with(|world| world.witness.worked.push((number, task.array)));
    let begin = Begin {
        schema: TASK_SCHEMA,
        intent: number,
        array: task.array,
        task: task.task,
        restarts: task.restarts,
        slices: intent.slices.clone(),
        time: host::now(),
        ..Begin::default()
    };
    let mut record = TaskWriter::begin(&sweep.dir, &begin).ok();
    let again = Request::read(&sweep.dir, intent.request)?.again;
    let out_of_time = with(|world| world.stormy && world.draw.one_in(8));
    for slice in &slices {
        slice_work(&sweep, *slice, again, out_of_time)?;
    }
    let requeued = out_of_time && task.may_go_on_later(&sweep, &slices).is_ok();
    if let Some(record) = &mut record {
        let cause = out_of_time.then_some(Cause::Time);
        let (used, time) = (Used::default(), host::now());
        let end = TaskEnd { cause, requeued, why: None, ends: 0, failed: 0, used, time };
        let _talk = record.add(&TaskLine::End(end));
    }
    if requeued {
        task.go_on_later()?;
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
    for index in work.todo().to_vec() {
        let Some(run) = sweep.run(index).filter(|_| work.is_wanted(index)) else { continue };
        if !train(sweep, &mut work, &run, out_of_time)? {
            break;
        }
    }
    work.close()?;
    Ok(())
}

/// Trains a run; whether it came to its end.
fn train(
    sweep: &Sweep,
    work: &mut SliceWork<'_>,
    run: &Run,
    out_of_time: bool,
) -> Result<bool, Failure> {
    let store = CheckpointStore::new(&sweep.dir, &run.id);
    let from = store.find()?.latest.map_or(0, |latest| latest.epoch);
    work.start(run);
    let bytes = crate::fsck::sample_weights(&run.id.to_string());
    for epoch in from + 1..=2 {
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
        // One run of them all has checkpoints.
        if run.index == 1
            && let Ok(saved) = store.save(epoch, u64::from(epoch) * 10, work.attempt(), &bytes)
        {
            work.checkpoint(&saved);
        }
        if out_of_time {
            work.stop(Some(run.id), "time", run.index == 1)?;
            return Ok(false);
        }
    }
    let one = end(run);
    work.end(&one)?;
    let bits = one.metrics["valid/loss"].0.to_bits();
    let told = (run.index, work.attempt(), bits);
    with(|world| world.witness.acknowledged.push(told));
    let _removed = store.remove();
    Ok(true)
}

/// An end as no other attempt has it.
fn end(run: &Run) -> End {
    let pid = here(|_, pid, _| pid).unwrap_or(0);
    let own = of(|world| world.witness.acknowledged.len()).unwrap_or(0) + 1000 * pid;
    let loss = 0.1 + 1.0 / (7.0 + f64::from(u32::try_from(own).unwrap_or(0)));
    let metrics = [("valid/loss".to_owned(), Number(loss))].into();
    let failed = End::failed(run, "", host::now());
    End { outcome: Outcome::Done, why: None, epochs: 2, metrics, ..failed }
}
