//! A store with something of everything, made by the real writers.
use std::path::{Path, PathBuf};

use crate::exec::claim::Claim;
use crate::exec::slurm::ledger::{self, Fate, Intent, Kind};
use crate::exec::slurm::request;
use crate::orders::{self, Order};
use crate::pack::{Cut, Load};
use crate::recipe::Work;
use crate::slice::{SliceWork, Terms};
use crate::spec::{self, StageKind};
use crate::stage::{self, Chosen};
use crate::store::checkpoint::CheckpointStore;
use crate::store::layout::SweepDir;
use crate::store::opening::{OPENING_SCHEMA, Opening};
use crate::store::record::{End, Epoch, Number, Outcome};
use crate::store::tasks::{Begin, TASK_SCHEMA, TaskEnd, TaskLine, TaskWriter, Used};
use crate::store::{fs, weights};
use crate::sweep::Sweep;
use crate::trial::{Run, TrialId};

/// A store in a folder that goes when the test ends.
pub struct Store {
    _keep: tempfile::TempDir,
    dir: SweepDir,
}

const SPEC: &str = "name: toy
train: {data: {set: mnist, limit: 100}, epochs: 3, save_weights: true}
parameters: {optimizer.lr: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]}
objective: {minimize: valid/loss}
";

pub fn end(run: &Run, loss: f64) -> End {
    let metrics = [("valid/loss".to_owned(), Number(loss))].into();
    End { outcome: Outcome::Done, why: None, epochs: 3, metrics, ..End::failed(run, "", 1.0) }
}

impl Store {
    /// A sweep of six runs in three slices: the first slice is trained, the second was killed over
    /// its second run after a checkpoint of it, the third waits. It was submitted to Slurm, and the
    /// test set was opened for its best trial.
    pub fn new() -> Self {
        let keep = tempfile::tempdir().expect("temporary folder");
        let (spec, _) = spec::read("toy.yaml", SPEC.as_bytes(), 10).expect("spec");
        let cut = Cut::Tasks(Load { runs_per_task: Some(2), ..Load::default() });
        let made = Sweep::create(keep.path(), spec, SPEC.as_bytes(), &cut);
        let sweep = made.expect("sweep").sweep;
        submitted(&sweep);
        trained(&sweep);
        interrupted(&sweep);
        finished(&sweep);
        orders::give(&sweep.dir, 1, &Order::Throttle(Some(2))).expect("ordered");
        Self { dir: sweep.dir.clone(), _keep: keep }
    }

    pub const fn dir(&self) -> &SweepDir {
        &self.dir
    }
}

fn submitted(sweep: &Sweep) {
    let mut asked = request::tests::request(3, 10);
    asked.publish(&sweep.dir).expect("written");
    let by = Claim::of_this_process();
    let script = b"#!/bin/sh\n";
    let program = sweep.dir.path().parent().expect("a root").join("worker");
    fs::publish(&program, b"program").expect("written");
    let script = std::str::from_utf8(script).expect("text");
    let installed =
        crate::exec::slurm::install::install(&sweep.dir, &[program], script).expect("installed");
    for (number, fate) in [(1, Fate::Job(17)), (2, Fate::Void("refused".into()))] {
        let words = vec![installed.script.to_string_lossy().into_owned()];
        let token = format!("dlg-{number}");
        let intent = Intent {
            number,
            token,
            request: 1,
            words,
            by: by.clone(),
            ..ledger::tests::entry(number, "0-2", None).intent
        };
        assert_eq!(intent.kind, Kind::Runs);
        ledger::declare(&sweep.dir, &intent).expect("declared");
        ledger::decide(&sweep.dir, number, fate).expect("decided");
    }
    ledger::mark_released(&sweep.dir, 1).expect("released");
}

fn trained(sweep: &Sweep) {
    let begin = Begin { schema: TASK_SCHEMA, intent: 1, slices: "0".into(), ..Begin::default() };
    let mut task = TaskWriter::begin(&sweep.dir, &begin).expect("begun");
    let mut work = SliceWork::begin(sweep, 0, &Terms::default(), &|_| false).expect("begun");
    for index in work.todo().to_vec() {
        let run = sweep.run(index).expect("a run");
        work.start(&run);
        work.epoch(&epoch(&run, 1));
        let bytes = super::super::safetensors::plain();
        weights::save(&sweep.dir, &run.id, &bytes).expect("saved");
        work.end(&end(&run, 0.5)).expect("ended");
    }
    work.close().expect("closed");
    let used = Used::default();
    let over =
        TaskEnd { cause: None, requeued: false, why: None, ends: 2, failed: 0, used, time: 1.0 };
    task.add(&TaskLine::End(over)).expect("written");
}

fn epoch(run: &Run, epoch: u32) -> Epoch {
    let metrics = [("valid/loss".to_owned(), Number(0.5))].into();
    Epoch { run: run.id, index: run.index, epoch, metrics, seconds: 1.0, samples_per_s: None }
}

fn interrupted(sweep: &Sweep) {
    let mut work = SliceWork::begin(sweep, 1, &Terms::default(), &|_| false).expect("begun");
    let [first, second] = [2, 3].map(|index| sweep.run(index).expect("a run"));
    work.start(&first);
    let failed = End { outcome: Outcome::Failed, why: Some("no".into()), ..end(&first, 0.5) };
    work.end(&failed).expect("ended");
    work.start(&second);
    let store = CheckpointStore::new(&sweep.dir, &second.id);
    let bytes = super::super::safetensors::sample(&second.id.to_string());
    let saved = store.save(1, 10, work.attempt(), &bytes).expect("saved");
    work.checkpoint(&saved);
    drop(work);
    // The next attempt goes on, and is killed too.
    drop(SliceWork::begin(sweep, 1, &Terms::default(), &|_| false).expect("begun"));
    drop(SliceWork::begin(sweep, 1, &Terms::default(), &|_| false).expect("begun"));
}

fn finished(sweep: &Sweep) {
    let work = sweep.spec.space.work(0).expect("a point");
    assert!(matches!(work, Work::Train(_)));
    let opening = Opening {
        schema: OPENING_SCHEMA,
        number: 1,
        trials: vec![TrialId::of(&work).short()],
        seeds: 1,
        ..Opening::default()
    };
    opening.publish(&sweep.dir).expect("written");
    let chosen = Chosen { of: sweep, points: vec![(0, None)], seeds: vec![0] };
    stage::create(sweep, StageKind::Finish, 1, &chosen, &Cut::Slots(1)).expect("a stage");
}

/// Every file below a folder, in order.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("listed") {
        let path = entry.expect("listed").path();
        match path.symlink_metadata().expect("there").is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

/// A copy of a store, to be damaged.
pub fn copy(store: &Store) -> Store {
    let keep = tempfile::tempdir().expect("temporary folder");
    let dir = SweepDir::new(keep.path().join(store.dir().path().file_name().expect("a name")));
    for file in files(store.dir().path()) {
        let inside = file.strip_prefix(store.dir().path()).expect("inside");
        let to = dir.path().join(inside);
        std::fs::create_dir_all(to.parent().expect("a folder")).expect("made");
        std::fs::copy(&file, &to).expect("copied");
    }
    Store { _keep: keep, dir }
}
