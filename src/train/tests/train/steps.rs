//! Runs that end early, steps over the whole set in parts, and layers that multiply in bfloat16.
use dlgrid_sweep::recipe::Value;
use dlgrid_train::data::Dataset;
use dlgrid_train::engine::{Ending, Stop};
use dlgrid_train::tch::Device;

use super::support::{Told, blobs, images, recipe, run, small, text};

/// A run that learns nothing that counts: it is early after its first epoch and its patience.
fn hopeless(patience: i64) -> dlgrid_sweep::recipe::Recipe {
    recipe(&[
        ("epochs", Value::Int(9)),
        ("early_stop.patience", Value::Int(patience)),
        ("early_stop.min_delta", Value::Float(10.0)),
    ])
}

fn weights(told: &Told) -> Vec<u32> {
    told.trained.parameters.iter().map(|w| w.to_bits()).collect()
}

#[test]
fn a_run_without_better_values_is_done_when_its_patience_is_over() {
    let data = small();
    for (patience, expected) in [(1, 2), (3, 4), (8, 9), (9, 9)] {
        let told = run(&hopeless(patience), &data, None, &Stop::default());
        assert_eq!((told.trained.ending, told.trained.epochs), (Ending::Done, expected));
        assert_eq!(told.epochs.len(), expected as usize);
        assert!(told.trained.confusion.is_some());
    }
    let learns = recipe(&[
        ("epochs", Value::Int(9)),
        ("early_stop.patience", Value::Int(5)),
        ("early_stop.metric", text("valid/accuracy")),
    ]);
    assert_eq!(run(&learns, &data, None, &Stop::default()).trained.epochs, 9);
}

/// The last question comes after the last step of the epoch whose end makes the run early.
#[test]
fn a_run_that_ends_early_gives_the_same_bits_stopped_anywhere_and_resumed() {
    let data = small();
    let straight = run(&hopeless(2), &data, None, &Stop::default());
    // Three epochs of seven steps, and a question at each epoch's end.
    for step in 0..3 * 8 {
        let first = run(&hopeless(2), &data, None, &Stop::after(step));
        assert!(matches!(first.trained.ending, Ending::Stopped { saved: true, .. }));
        let second = run(&hopeless(2), &data, first.checkpoint.as_deref(), &Stop::default());
        assert_eq!(weights(&second), weights(&straight), "at {step}");
        assert_eq!((second.trained.ending, second.trained.epochs), (Ending::Done, 3));
    }
    assert_eq!(run(&hopeless(2), &data, None, &Stop::after(24)).trained.ending, Ending::Done);
}

#[test]
fn a_step_over_all_samples_in_parts_is_one_over_all_at_once() {
    let (images, mut labels) = blobs(6000, 16, 3);
    // The third class is rare, so that weights of classes differ.
    labels.iter_mut().enumerate().for_each(|(i, label)| *label %= if i % 5 == 0 { 3 } else { 2 });
    let data = Dataset::new(&images, &labels, 3, Device::Cpu);
    let dropout = ("regularize.dropout", Value::Float(0.0));
    let weighed = vec![("balance", Value::Bool(true)), ("label_smoothing", Value::Float(0.1))];
    for given in [vec![], weighed, vec![dropout]] {
        let told = |how: &[(&str, Value)]| {
            let base = [("optimizer.lr", Value::Float(0.5)), ("epochs", Value::Int(5))];
            run(&recipe(&[base.as_slice(), how, &given].concat()), &data, None, &Stop::default())
        };
        let parts = told(&[("optimizer.kind", text("gd"))]);
        let whole = told(&[("optimizer.kind", text("sgd")), ("batch_size", Value::Int(4800))]);
        let begun = run(&recipe(&given), &data, None, &Stop::default());
        let pairs = || parts.trained.parameters.iter().zip(&whole.trained.parameters);
        let most = pairs().map(|(p, w)| (p - w).abs()).fold(0.0, f32::max);
        assert!(most < 1e-5, "{given:?}: {most:e}");
        assert_ne!(parts.trained.parameters, begun.trained.parameters);
        let (p, w) = (&parts.trained.metrics, &whole.trained.metrics);
        for name in ["train/loss", "valid/loss", "train/accuracy"] {
            assert!((p[name].0 - w[name].0).abs() < 1e-4, "{name}");
        }
    }
}

#[test]
fn blobs_are_learnt_in_bfloat16_about_as_well() {
    let data = images();
    for kind in ["mlp", "cnn"] {
        let told = |precision: &str| {
            let mut given = vec![
                ("model.kind", text(kind)),
                ("precision", text(precision)),
                ("optimizer.lr", Value::Float(0.02)),
                ("epochs", Value::Int(15)),
            ];
            if kind != "mlp" {
                given.push(("model.channels", Value::Int(4)));
            }
            run(&recipe(&given), &data, None, &Stop::default())
        };
        let (single, half) = (told("f32"), told("bf16"));
        let accuracy = |told: &Told| told.trained.metrics["valid/accuracy"].0;
        assert!(accuracy(&half) >= accuracy(&single) - 0.1, "{kind}: {}", accuracy(&half));
        assert_ne!(weights(&single), weights(&half));
    }
}
