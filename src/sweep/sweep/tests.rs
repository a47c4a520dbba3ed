//! Sweeps that are created, opened, and take runs over.
use super::*;
use crate::slice::{SliceWork, Terms};

pub const SPEC: &str =
    "name: toy\ncommand: [echo]\nparameters: {x: {int: [0, 5]}}\nobjective: {minimize: loss}\n";

pub fn create(root: &Path, text: &str) -> Created {
    let (spec, _) = spec::read("toy.yaml", text.as_bytes(), 100).expect("spec");
    Sweep::create(root, spec, text.as_bytes(), &Cut::Slots(1)).expect("sweep")
}

/// Ends the runs of a slice, each with the id that `id` gives.
pub fn end_all(sweep: &Sweep, slice: u32, id: impl Fn(&Run) -> RunId) -> usize {
    let mut work =
        SliceWork::begin(sweep, slice, &Terms { device: "command", ..Terms::default() }, &|_| {
            false
        })
        .expect("slice");
    let todo = work.todo().to_vec();
    for index in &todo {
        let run = sweep.run(*index).expect("run");
        let json = serde_json::json!({"run": id(&run), "index": index, "seed": 0, "outcome": "done", "epochs": 1, "metrics": {"loss": 0.5}, "seconds": 1, "time": 1});
        let epoch = serde_json::json!({"run": id(&run), "index": index, "epoch": 1, "metrics": {"loss": index}, "seconds": 1});
        work.epoch(&serde_json::from_value(epoch).expect("epoch"));
        work.end(&serde_json::from_value(json).expect("end")).expect("recorded");
    }
    work.close().expect("closed");
    todo.len()
}

#[test]
fn a_sweep_is_created_once_and_opened_after() {
    let root = tempfile::tempdir().expect("folder");
    let first = create(root.path(), SPEC);
    let again = create(root.path(), &format!("# a comment\n{SPEC}"));
    assert_eq!((first.existed, again.existed), (false, true));
    assert_eq!(first.sweep.dir, again.sweep.dir);
    assert_eq!(again.sweep.manifest, first.sweep.manifest);
    let slices = 0..first.sweep.manifest.slices.len() as u32;
    let runs: Vec<u64> =
        slices.flat_map(|s| first.sweep.slice_runs(s).collect::<Vec<_>>()).collect();
    assert_eq!(runs, [0, 1, 2, 3, 4, 5]);
    assert!(runs.iter().all(|r| first.sweep.slice_of(*r).is_some()));
}

#[test]
fn a_wider_sweep_has_slices_only_for_what_is_new() {
    let root = tempfile::tempdir().expect("folder");
    let narrow = create(root.path(), SPEC).sweep;
    for slice in 0..narrow.manifest.slices.len() as u32 {
        end_all(&narrow, slice, |run| run.id);
    }
    let wide = create(root.path(), &SPEC.replace("[0, 5]", "[-1, 7]"));
    assert_eq!(wide.adopted, 6);
    assert_eq!(wide.sweep.manifest.slices.iter().map(|s| s.runs).sum::<u64>(), 3);
    let results = read::load(&wide.sweep.dir, &wide.sweep.manifest.id).expect("read");
    wide.sweep.verify(&results).expect("the ends that were taken over are where they belong");
    let wider = create(root.path(), &SPEC.replace("[0, 5]", "[-1, 8]"));
    assert_eq!(wider.adopted, 6, "what a sweep took over can be taken over again, once");
}

/// Curves are those of the slice that trained the run, or what that sweep had itself taken over.
#[test]
#[expect(clippy::disallowed_methods, reason = "a sweep is removed behind the store's back")]
fn curves_are_taken_over_and_taken_over_again() {
    let root = tempfile::tempdir().expect("folder");
    let first = create(root.path(), SPEC).sweep;
    let slices = first.manifest.slices.len() as u32;
    assert!(slices > 1);
    for slice in 0..slices {
        end_all(&first, slice, |run| run.id);
    }
    let second = create(root.path(), &SPEC.replace("[0, 5]", "[-1, 5]")).sweep;
    end_all(&second, 0, |run| run.id);
    std::fs::remove_dir_all(first.dir.path()).expect("removed");
    let third = create(root.path(), &SPEC.replace("[0, 5]", "[-2, 5]"));
    assert_eq!(third.adopted, 7);
    // Number 0 of the second was its own; run n of the first is n + 1 there, and n + 2 here.
    let told: Vec<Vec<f64>> = (1..8)
        .map(|index| {
            let read = crate::store::curves::curves(&third.sweep.dir, index).expect("read");
            read.iter().map(|epoch| epoch.metrics["loss"].0).collect()
        })
        .collect();
    assert_eq!(told, [[0.0], [0.0], [1.0], [2.0], [3.0], [4.0], [5.0]]);
}

#[test]
fn ends_of_other_runs_are_noticed_and_trained_again() {
    let root = tempfile::tempdir().expect("folder");
    let sweep = create(root.path(), SPEC).sweep;
    let other = |run: &Run| RunId::of(&run.work, 99, None);
    let runs = end_all(&sweep, 0, other);
    let results = read::load(&sweep.dir, &sweep.manifest.id).expect("read");
    assert!(matches!(sweep.verify(&results), Err(SweepError::OtherOrder(_))));
    assert_eq!(end_all(&sweep, 0, |run| run.id), runs, "no run counts as ended");
    let results = read::load(&sweep.dir, &sweep.manifest.id).expect("read");
    sweep.verify(&results).expect("the later attempt counts");
}

/// Dropout that reaches no layer was once taken.
#[test]
fn a_sweep_of_an_earlier_dlgrid_is_gone_on_with_and_none_is_begun() {
    let text = "name: toy
train: {data: {set: mnist}, model: {kind: linear}, regularize: {dropout: 0.2}}
slurm: {time: 0s}
";
    let (root, other) = (tempfile::tempdir(), tempfile::tempdir());
    let (root, other) = (root.expect("folder"), other.expect("folder"));
    let taken = spec::read_again("toy.yaml", text.as_bytes()).expect("spec");
    let cut = Cut::Slots(1);
    let made = Sweep::create(root.path(), taken, text.as_bytes(), &cut).expect("sweep").sweep;
    assert!(spec::read("toy.yaml", text.as_bytes(), 10).is_err());
    let begun = |root: &Path, text: &str| Sweep::begun(root, "toy.yaml", text.as_bytes());
    let again = begun(root.path(), text).expect("a sweep");
    let gone_on = Sweep::create(root.path(), again, text.as_bytes(), &cut).expect("sweep");
    assert!(gone_on.existed);
    assert_eq!(gone_on.sweep.dir, made.dir);
    assert!(begun(other.path(), text).is_none());
    assert!(begun(root.path(), &text.replace("0.2", "0.3")).is_none());
}

#[test]
fn what_another_version_numbers_otherwise_is_told_with_a_way_out() {
    let root = tempfile::tempdir().expect("folder");
    let Sweep { dir, mut manifest, .. } = create(root.path(), SPEC).sweep;
    let name = |error: &SweepError| error.hint().is_some_and(|hint| hint.contains("`name:`"));
    manifest.runs = 7;
    fs::remove(&dir.manifest()).expect("removed");
    manifest.create(&dir).expect("written");
    let error = Sweep::open(dir.clone()).expect_err("one run more");
    assert!(matches!(error, SweepError::OtherRuns { made: 7, here: 6, .. }), "{error}");
    assert!(name(&error) && name(&SweepError::OtherOrder(dir.spec())));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a spec is changed behind the store's back")]
fn a_spec_that_is_not_accepted_says_what_is_wrong() {
    let root = tempfile::tempdir().expect("folder");
    let dir = create(root.path(), SPEC).sweep.dir;
    std::fs::write(dir.spec(), SPEC.replace("command", "comand")).expect("written");
    let said = Sweep::open(dir).expect_err("no command").to_string();
    assert!(said.contains("dlgrid: a spec needs `train`"), "{said}");
}
