//! The stages of a sweep: sweeps that dlgrid makes out of it, in its directory. Which trials they
//! have is decided by its results, once.
mod length;

use std::path::Path;

use crate::dataset::Unsealed;
use crate::pack::Cut;
use crate::recipe::key::KEYS;
use crate::recipe::{Value, Work};
use crate::space::Base;
use crate::spec::{self, At, Fuse, Goal, Objective, SlurmSettings, Spec, StageKind, Upkeep};
use crate::store::layout::SweepDir;
use crate::store::manifest::Manifest;
use crate::store::{StoreError, opening};
use crate::sweep::{Created, Sweep, SweepError};
pub use length::{best_after, best_is_passed};

/// What a stage is made of.
#[derive(Debug, Clone)]
pub struct Chosen<'a> {
    /// The sweep that has the points: that whose stage is made, or an earlier stage of it.
    pub of: &'a Sweep,
    /// Points of it, the best first, each with the epochs to train it for where they are not those
    /// of the recipe.
    pub points: Vec<(u64, Option<u32>)>,
    /// On which seeds each is run.
    pub seeds: Vec<u64>,
}

/// The directory of a stage of a sweep.
#[must_use]
pub fn dir(sweep: &Sweep, kind: StageKind, number: u32) -> SweepDir {
    match kind {
        StageKind::Confirm => sweep.dir.confirm(),
        StageKind::Finish => sweep.dir.finish(number),
    }
}

/// A stage that exists, with what is asked of Slurm for the sweep itself.
///
/// # Errors
/// If it can't be opened.
pub fn open(sweep: &Sweep, kind: StageKind, number: u32) -> Result<Option<Sweep>, SweepError> {
    let dir = dir(sweep, kind, number);
    match Manifest::read(&dir) {
        Ok(_) => Sweep::open(dir).map(|stage| Some(as_its_sweep(stage, sweep))),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A sweep, or a stage with what its sweep asks of Slurm and has done around the runs.
///
/// # Errors
/// If it can't be opened; a stage whose sweep can't has only what it says itself.
pub fn open_any(dir: SweepDir) -> Result<Sweep, SweepError> {
    let own = Sweep::open(dir)?;
    let of = own.spec.stage.as_ref().and_then(|_| own.dir.path().parent());
    let of = of.and_then(|of| Sweep::open(SweepDir::new(of)).ok());
    Ok(match of {
        Some(of) => as_its_sweep(own, &of),
        None => own,
    })
}

/// Creates a stage of a sweep, or opens it where it is there.
///
/// # Errors
/// If its directory can't be written.
///
/// # Panics
/// If what was written for it is no spec: a bug.
pub fn create(
    sweep: &Sweep,
    kind: StageKind,
    number: u32,
    chosen: &Chosen<'_>,
    cut: &Cut,
) -> Result<Created, SweepError> {
    let text = text(sweep, kind, number, chosen);
    let (dir, root) = (dir(sweep, kind, number), root(sweep));
    // How it is cut depends on the GPUs and ranks that the sweep asks for. How many runs a task of the
    // sweep has says nothing of a stage, which has fewer.
    let slurm = SlurmSettings { runs_per_task: None, ..sweep.spec.slurm.clone() };
    let spec = Spec { slurm, ..read(&dir, &text)? };
    let created = Sweep::create_in(dir, root, spec, text.as_bytes(), cut)?;
    Ok(Created { sweep: as_its_sweep(created.sweep, sweep), ..created })
}

/// Sees that a stage can be created, before anything is written.
///
/// # Errors
/// As [`create`].
pub fn check(
    sweep: &Sweep,
    kind: StageKind,
    number: u32,
    chosen: &Chosen<'_>,
) -> Result<(), SweepError> {
    read(&dir(sweep, kind, number), &text(sweep, kind, number, chosen)).map(drop)
}

fn read(dir: &SweepDir, text: &str) -> Result<Spec, SweepError> {
    spec::read_again("stage.yaml", text.as_bytes())
        .map_err(|errors| SweepError::Spec(dir.spec(), Box::new(errors)))
}

fn root(sweep: &Sweep) -> &Path {
    sweep.dir.path().parent().unwrap_or(Path::new("."))
}

/// What is asked of Slurm, and done around the runs, is the same for all stages; only the last of
/// them tells that the sweep is complete.
fn as_its_sweep(mut stage: Sweep, sweep: &Sweep) -> Sweep {
    stage.spec.slurm = sweep.spec.slurm.clone();
    stage.spec.upkeep = Upkeep { confirm: false, sanity: false, ..sweep.spec.upkeep.clone() };
    // Its end was told before the test set was opened.
    if stage.spec.finishes() {
        stage.spec.upkeep.on_complete = Vec::new();
    }
    stage
}

/// The spec of a stage.
fn text(sweep: &Sweep, kind: StageKind, number: u32, chosen: &Chosen<'_>) -> String {
    let spec = &sweep.spec;
    let word = kind.word();
    let mut out = format!("# Written by dlgrid: the stage `{word}` of {}.\n", sweep.dir.label());
    let line =
        |out: &mut String, key: &str, value: &str| out.push_str(&format!("{key}: {value}\n"));
    line(&mut out, "name", &quoted(&format!("{}/{word}", spec.name)));
    let of = quoted(&sweep.manifest.id);
    line(&mut out, "stage", &format!("{{kind: {word}, of: {of}, number: {number}}}"));
    let (key, value) = base(chosen.of);
    line(&mut out, key, &value);
    let blocks: Vec<String> =
        chosen.points.iter().filter_map(|point| block(chosen.of, *point)).collect();
    if blocks.iter().any(|block| block != "{parameters: {}}") {
        line(&mut out, "sweeps", &format!("[\n  {}\n]", blocks.join(",\n  ")));
    }
    let seeds = chosen.seeds.iter().map(|seed| Value::Int(seed.cast_signed())).collect();
    line(&mut out, "seeds", &json(&Value::List(seeds)));
    // What finishes trains on all samples: no part is held back.
    if let (Some(folds), StageKind::Confirm) = (spec.folds, kind) {
        line(&mut out, "folds", &folds.to_string());
    }
    line(&mut out, "objective", &objective(&spec.objective, kind));
    match spec.fuse {
        Fuse::Auto => {}
        Fuse::Off => line(&mut out, "fuse", "\"off\""),
        Fuse::Most(most) => line(&mut out, "fuse", &most.to_string()),
    }
    line(&mut out, "checkpoint", &quoted(&format!("{}s", spec.checkpoint_seconds)));
    out
}

/// The recipe or command that every trial starts from; a recipe at its full length.
fn base(sweep: &Sweep) -> (&'static str, String) {
    match sweep.spec.space.base() {
        Base::Command(words) => {
            ("command", json(&Value::List(words.iter().cloned().map(Value::Text).collect())))
        }
        Base::Train(settings) => {
            let full = sweep.spec.short.as_ref().map(|short| &short.full);
            let given = |(place, key): (usize, &crate::recipe::key::Key)| {
                let value = match (key.path, full) {
                    ("epochs", Some(full)) => full,
                    _ => settings.given(place)?,
                };
                Some(format!("{}: {}", quoted(key.path), json(value)))
            };
            let given: Vec<String> = KEYS.iter().enumerate().filter_map(given).collect();
            ("train", format!("{{{}}}", given.join(", ")))
        }
    }
}

/// The block of a point: every parameter that is set there, with its one value.
fn block(sweep: &Sweep, (point, epochs): (u64, Option<u32>)) -> Option<String> {
    let space = &sweep.spec.space;
    let value = |path: &String, work: &Work| match work {
        Work::Train(settings) => settings.given(crate::recipe::key::find(path)?).cloned(),
        Work::Command(command) => command.parameters.get(path).cloned(),
    };
    let work = space.work(point)?;
    let only = |value| json(&Value::List(vec![value]));
    let paths = space.paths().iter().filter(|path| epochs.is_none() || *path != "epochs");
    let mut set: Vec<String> = paths
        .filter_map(|path| Some(format!("{}: {}", quoted(path), only(value(path, &work)?))))
        .collect();
    set.extend(epochs.map(|n| format!("epochs: {}", only(Value::Int(n.into())))));
    Some(format!("{{parameters: {{{}}}}}", set.join(", ")))
}

/// A finish is judged by the same metric, on the test set.
fn objective(objective: &Objective, kind: StageKind) -> String {
    let goal = match objective.goal {
        Goal::Maximize => "maximize",
        Goal::Minimize => "minimize",
    };
    let (metric, at) = match kind {
        StageKind::Confirm => (objective.metric.clone(), objective.at),
        StageKind::Finish => (on_test(&objective.metric), At::Last),
    };
    let at = if at == At::Best { "best" } else { "last" };
    format!("{{{goal}: {}, at: {at}}}", quoted(&metric))
}

/// The name that a metric has on the test set: `test/f1` for `valid/f1`.
#[must_use]
pub fn on_test(metric: &str) -> String {
    format!("test/{}", metric.split_once('/').map_or(metric, |(_, name)| name))
}

fn quoted(text: &str) -> String {
    json(&Value::Text(text.to_owned()))
}

fn json(value: &Value) -> String {
    let mut out = String::new();
    value.write_json(&mut out);
    out
}

/// Leave to read the test set, for a finish whose opening is written down.
///
/// # Errors
/// Where the record can't be read.
pub fn unseal(stage: &Sweep) -> Result<Option<Unsealed>, StoreError> {
    let (Some(of), true) = (stage.dir.path().parent(), stage.spec.finishes()) else {
        return Ok(None);
    };
    let number = stage.spec.stage.as_ref().map_or(0, |stage| stage.number);
    Ok(opening::is_written(&SweepDir::new(of), number)?.then(Unsealed::new))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::TrialId;

    fn sweep(root: &Path, text: &str) -> Sweep {
        let (spec, _) = spec::read("toy.yaml", text.as_bytes(), 1000).expect("spec");
        Sweep::create(root, spec, text.as_bytes(), &Cut::Slots(1)).expect("sweep").sweep
    }

    const TRAIN: &str = "name: toy
train: {data: {set: mnist, limit: 100}, optimizer: {lr: 0.5}, epochs: 7}
parameters:
  data.limit: [null, 100]
  optimizer.kind: [adam, sgd]
  optimizer.momentum: [0.5, 0.9]
when: {optimizer.momentum: \"optimizer.kind == 'sgd'\"}
objective: {minimize: valid/loss, at: best}
checkpoint: 90s
confirm: {top: 2, seeds: 2}
";

    #[test]
    fn a_stage_has_the_trials_that_were_chosen_and_no_others() {
        let root = tempfile::tempdir().expect("folder");
        let toy = sweep(root.path(), TRAIN);
        let points = toy.spec.space.walk(0, 99).map(|point| (point, None)).collect();
        let chosen = Chosen { of: &toy, points, seeds: vec![4, 9] };
        let stage = create(&toy, StageKind::Confirm, 1, &chosen, &Cut::Slots(1)).expect("a stage");
        let ids = |sweep: &Sweep| {
            let works = sweep.spec.space.walk(0, 99).filter_map(|p| sweep.spec.space.work(p));
            works.map(|work| TrialId::of(&work)).collect::<Vec<_>>()
        };
        assert_eq!(ids(&stage.sweep), ids(&toy));
        assert_eq!(stage.sweep.spec.seeds, [4, 9]);
        assert_eq!(stage.sweep.spec.objective, toy.spec.objective);
        assert!((stage.sweep.spec.checkpoint_seconds - 90.0).abs() < 1e-9);
        assert_eq!(stage.sweep.dir, toy.dir.confirm());
        let again = create(&toy, StageKind::Confirm, 1, &chosen, &Cut::Slots(1)).expect("a stage");
        assert!(again.existed);
        let found = open(&toy, StageKind::Confirm, 1).expect("opened").expect("a stage");
        assert_eq!(found.spec.stage.map(|stage| stage.kind), Some(StageKind::Confirm));
        assert!(open(&toy, StageKind::Finish, 1).expect("looked").is_none());
    }

    #[test]
    fn after_a_short_search_a_stage_trains_in_full() {
        let root = tempfile::tempdir().expect("folder");
        let toy = sweep(root.path(), &format!("{TRAIN}short: {{epochs: 2}}\n"));
        let second = toy.spec.space.walk(1, 99).next().expect("a point");
        let points = vec![(0, None), (second, Some(4))];
        let chosen = Chosen { of: &toy, points, seeds: vec![0] };
        let stage = create(&toy, StageKind::Finish, 2, &chosen, &Cut::Slots(1)).expect("a stage");
        let Some(Work::Train(settings)) = stage.sweep.spec.space.work(0) else { panic!("train") };
        assert_eq!(settings.at("epochs"), Value::Int(7));
        let second = stage.sweep.spec.space.walk(1, 99).next().expect("a point");
        let Some(Work::Train(stopped)) = stage.sweep.spec.space.work(second) else {
            panic!("train")
        };
        assert_eq!(stopped.at("epochs"), Value::Int(4));
        let objective = &stage.sweep.spec.objective;
        assert_eq!(objective.to_string(), "minimize test/loss (last)");
        let label = stage.sweep.dir.label();
        assert!(label.ends_with("/finish-2") && label.starts_with("toy-"), "{label}");
    }

    #[test]
    fn a_command_is_confirmed_too_and_what_was_done_is_taken_over() {
        let root = tempfile::tempdir().expect("folder");
        let toy = sweep(
            root.path(),
            "name: toy\ncommand: [echo, \"{x}\", \"a \\\"b\\\" \\\\ \u{e9}\"]\nparameters: {x: [1, 0.5, \"no\", true]}\nseeds: 2\nobjective: {maximize: acc}\nconfirm: {top: 4, seeds: [1, 7]}\n",
        );
        let points = [3, 2, 1, 0];
        let all = points.map(|point| (point, None)).to_vec();
        let chosen = Chosen { of: &toy, points: all, seeds: vec![1, 7] };
        let stage = create(&toy, StageKind::Confirm, 1, &chosen, &Cut::Slots(1)).expect("a stage");
        let id = |sweep: &Sweep, point: u64| {
            TrialId::of(&sweep.spec.space.work(point).expect("a point"))
        };
        for (place, point) in points.into_iter().enumerate() {
            assert_eq!(id(&stage.sweep, place as u64), id(&toy, point));
        }
    }

    /// A stage is cut as its sweep would be: a GPU has its fill, ranks train one run at a time.
    #[test]
    fn a_stage_is_cut_for_the_device_and_the_ranks_of_its_sweep() {
        let cut = Cut::Tasks(crate::pack::Load::default());
        for (slurm, slices) in [
            ("{}", 32),
            ("{gpus: 1}", 4),
            ("{gpus: 1, runs_per_task: 2}", 4),
            ("{gpus: 1, ranks: 2}", 32),
        ] {
            let root = tempfile::tempdir().expect("folder");
            let toy = sweep(
                root.path(),
                &format!(
                    "name: toy\ntrain: {{data: {{set: digits}}}}\n\
                     parameters: {{optimizer.lr: {{log: [1e-4, 1], steps: 128}}}}\n\
                     slurm: {slurm}\nobjective: {{minimize: valid/loss}}\n"
                ),
            );
            let points = toy.spec.space.walk(0, 199).map(|point| (point, None)).collect();
            let chosen = Chosen { of: &toy, points, seeds: vec![1, 2] };
            let stage = create(&toy, StageKind::Confirm, 1, &chosen, &cut).expect("a stage");
            assert_eq!(stage.sweep.manifest.slices.len(), slices, "{slurm}");
            assert_eq!(stage.sweep.spec.slurm, toy.spec.slurm);
        }
    }

    #[test]
    fn what_an_earlier_creation_wrote_decides_what_a_stage_is() {
        let root = tempfile::tempdir().expect("folder");
        let toy = sweep(root.path(), TRAIN);
        let of_seed = |seed| Chosen { of: &toy, points: vec![(0, None)], seeds: vec![seed] };
        // The first creation was cut short after it had written the spec.
        let first = text(&toy, StageKind::Confirm, 1, &of_seed(7));
        crate::store::fs::publish(&toy.dir.confirm().spec(), first.as_bytes()).expect("written");
        let made =
            create(&toy, StageKind::Confirm, 1, &of_seed(8), &Cut::Slots(1)).expect("a stage");
        assert_eq!(made.sweep.spec.seeds, [7]);
        let opened = open(&toy, StageKind::Confirm, 1).expect("opens").expect("a stage");
        assert_eq!(opened.spec.seeds, [7]);
    }
}
