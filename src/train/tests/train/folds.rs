//! Runs of a k-fold cross-validation: what each holds back, and that it resumes bit for bit.
use std::time::Duration;

use dlgrid_sweep::recipe::{Fold, Recipe, Value, Work};
use dlgrid_sweep::trial::RunId;
use dlgrid_train::data::{Dataset, shelf::Shelf};
use dlgrid_train::engine::{Ending, Stop};
use dlgrid_train::run::{Job, Log, RunError, Trained, train};
use dlgrid_train::tch::Device;

use super::support::{recipe, settings, small, text};

struct Folded {
    trained: Result<Trained, RunError>,
    checkpoint: Option<Vec<u8>>,
}

fn fold(
    (recipe, data): (&Recipe, &Dataset),
    seed: u64,
    (number, of): (u32, u32),
    from: Option<&[u8]>,
    stop: &Stop,
) -> Folded {
    let fold = Some(Fold { number, of });
    let id = RunId::of(&Work::Train(Box::new(settings(&[]))), seed, fold);
    let job = Job { id, recipe, seed, fold, data, test: None, save_every: Duration::MAX };
    let mut checkpoint = None;
    let mut log = Log {
        epoch: &mut |_| (),
        save: &mut |_, _, bytes| {
            checkpoint = Some(bytes.to_vec());
            true
        },
    };
    let trained = train(&job, from, stop, &mut log);
    Folded { trained, checkpoint }
}

fn trained(subject: (&Recipe, &Dataset), seed: u64, of: (u32, u32)) -> Trained {
    fold(subject, seed, of, None, &Stop::default()).trained.expect("trains")
}

#[test]
fn folds_hold_back_all_samples_in_turn_and_train_apart() {
    let (recipe, data) = (recipe(&[]), small());
    let runs: Vec<Trained> = (1..=5).map(|n| trained((&recipe, &data), 1, (n, 5))).collect();
    for run in &runs {
        // 60 samples of 3 classes: a fifth of each is held back.
        let held: Vec<u64> = run.confusion.iter().flatten().map(|row| row.iter().sum()).collect();
        assert_eq!(held, [4, 4, 4]);
    }
    for (n, run) in runs.iter().enumerate() {
        assert!(runs[..n].iter().all(|other| other.parameters != run.parameters));
    }
    assert_eq!(trained((&recipe, &data), 1, (2, 5)).parameters, runs[1].parameters);
    assert_ne!(trained((&recipe, &data), 2, (2, 5)).parameters, runs[1].parameters);
}

#[test]
fn numbers_are_held_back_in_folds_of_one_size() {
    let numbers: Vec<f32> = (0u8..60).map(f32::from).collect();
    let data = small().with_numbers(&numbers);
    let recipe = recipe(&[]);
    let mut held: Vec<i64> = (1..=7)
        .flat_map(|number| {
            let fold = Some(Fold { number, of: 7 });
            let split =
                dlgrid_train::data::Split::of(&data, &recipe.data, 3, fold).expect("splits");
            assert!((8..=9).contains(&split.valid.len()));
            split.valid
        })
        .collect();
    held.sort_unstable();
    assert_eq!(held, (0..60).collect::<Vec<i64>>());
}

#[test]
fn a_fold_stopped_at_any_step_and_resumed_gives_the_same_bits() {
    let recipe = recipe(&[("regularize.dropout", Value::Float(0.3))]);
    let data = small();
    let subject = (&recipe, &data);
    let straight = trained(subject, 1, (2, 3));
    // 40 samples in batches of 7 are 6 steps; the question is asked once more at an epoch's end.
    for step in 0..2 * 7 {
        let first = fold(subject, 1, (2, 3), None, &Stop::after(step));
        assert!(matches!(first.trained.expect("trains").ending, Ending::Stopped { .. }));
        let bytes = first.checkpoint.expect("saved");
        let second = fold(subject, 1, (2, 3), Some(&bytes), &Stop::default());
        let second = second.trained.expect("trains");
        let bits = |run: &Trained| run.parameters.iter().map(|w| w.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&second), bits(&straight), "at {step}");
        assert_eq!((&second.metrics, &second.best), (&straight.metrics, &straight.best));
        let other = fold(subject, 1, (3, 3), Some(&bytes), &Stop::default()).trained;
        assert!(matches!(other, Err(RunError::Checkpoint(_))), "of another fold");
    }
}

#[test]
fn more_folds_than_samples_of_a_class_are_an_error_of_the_run() {
    let (recipe, data) = (recipe(&[]), small());
    let error =
        fold((&recipe, &data), 1, (1, 21), None, &Stop::default()).trained.expect_err("few");
    let cause = std::error::Error::source(&error).expect("a cause").to_string();
    assert_eq!(cause, "class 0 has 20 of the samples, too few for 21 folds");
}

/// `experiments/k-fold.yaml`, cut down to one trial, one seed and a quarter of the epochs.
#[test]
fn breast_cancer_is_found_in_every_fold() {
    let recipe = recipe(&[
        ("data.path", Value::Null),
        ("data.set", text("breast-cancer")),
        ("model.layers", Value::Int(1)),
        ("model.width", Value::Int(32)),
        ("optimizer.lr", Value::Float(0.01)),
        ("batch_size", Value::Int(16)),
        ("epochs", Value::Int(10)),
    ]);
    let Ok(data) = Shelf::new(Device::Cpu).get(&recipe.data) else {
        eprintln!("skipped: breast-cancer is not fetched");
        return;
    };
    let runs: Vec<Trained> = (1..=5).map(|n| trained((&recipe, &data), 0, (n, 5))).collect();
    let judged: u64 = runs.iter().flat_map(|r| &r.confusion).flatten().flatten().sum();
    assert_eq!(judged, data.samples as u64);
    let f1: Vec<f64> = runs.iter().map(|r| r.metrics["valid/f1"].0).collect();
    assert!(f1.iter().sum::<f64>() / 5.0 > 0.95 && f1.iter().all(|f1| *f1 > 0.9), "{f1:?}");
}
