//! A training that is stopped and resumed gives the bits of one that was not.
use std::time::Duration;

use dlgrid_sweep::recipe::{Recipe, Value};
use dlgrid_train::engine::{Ending, EpochEnd, Stop};

use super::support::{Told, images, recipe, run, run_saving, small, text};

/// Ways to train that have state of their own; dropout is on in all.
fn recipes() -> Vec<Recipe> {
    let with = |more: &[(&str, Value)]| {
        let base = [("regularize.dropout", Value::Float(0.3))];
        recipe(&[base.as_slice(), more].concat())
    };
    let sgd = ("optimizer.kind", text("sgd"));
    let momentum = ("optimizer.momentum", Value::Float(0.9));
    vec![
        with(&[]),
        with(&[("optimizer.kind", text("adamw")), ("regularize.l1", Value::Float(1e-3))]),
        with(std::slice::from_ref(&sgd)),
        with(&[sgd.clone(), momentum.clone()]),
        with(&[sgd, momentum.clone(), ("optimizer.nesterov", Value::Bool(true))]),
        with(&[("optimizer.kind", text("gd"))]),
        with(&[("optimizer.kind", text("rmsprop")), ("optimizer.clip", Value::Float(0.5))]),
        with(&[("optimizer.kind", text("rmsprop")), momentum]),
        with(&[("optimizer.kind", text("adagrad")), ("schedule.kind", text("cosine"))]),
        with(&[("model.activation", text("rrelu")), ("schedule.warmup", Value::Float(0.5))]),
        with(&[
            ("model.batch_norm", Value::Bool(true)),
            ("model.activation", text("prelu")),
            ("schedule.kind", text("one_cycle")),
        ]),
        with(&[("model.kind", text("cnn")), ("model.batch_norm", Value::Bool(true))]),
        with(&[("precision", text("bf16")), ("freeze", text("layers.0"))]),
        with(&[("model.kind", text("cnn")), ("precision", text("bf16"))]),
        with(&[&[("model.kind", text("cnn"))], &*super::augment::every()].concat()),
        with(&[("balance", Value::Bool(true)), ("label_smoothing", Value::Float(0.1))]),
    ]
}

fn bits(told: &Told) -> (Vec<u32>, String) {
    let weights = told.trained.parameters.iter().map(|w| w.to_bits()).collect();
    let trained = &told.trained;
    let rest = (&trained.ending, trained.epochs, &trained.metrics, &trained.best, &trained.floors);
    (weights, format!("{rest:?} {:?}", trained.confusion))
}

fn metrics(epochs: &[EpochEnd]) -> Vec<String> {
    epochs.iter().map(|end| format!("{} {:?}", end.epoch, end.metrics)).collect()
}

#[test]
fn stopped_at_any_step_and_resumed_it_gives_the_same_bits() {
    let data = images();
    for recipe in recipes() {
        let straight = run(&recipe, &data, None, &Stop::default());
        // 48 samples in batches of 7 are 7 steps; the question is asked once more at the end.
        let steps = 48u64.div_ceil(u64::from(recipe.batch_size));
        let questions = u64::from(recipe.epochs) * (steps + 1);
        for step in 0..questions {
            let first = run(&recipe, &data, None, &Stop::after(step));
            assert!(matches!(first.trained.ending, Ending::Stopped { saved: true, .. }));
            let second = run(&recipe, &data, first.checkpoint.as_deref(), &Stop::default());
            assert_eq!(bits(&second), bits(&straight), "{:?} at {step}", recipe.optimizer);
            let told = [first.epochs, second.epochs].concat();
            assert_eq!(metrics(&told), metrics(&straight.epochs), "at {step}");
        }
        assert_eq!(run(&recipe, &data, None, &Stop::after(questions)).trained.ending, Ending::Done);
    }
}

#[test]
fn stopped_after_every_single_step_it_gives_the_same_bits() {
    let data = small();
    let recipe = &recipes()[0];
    let straight = run(recipe, &data, None, &Stop::default());
    let mut checkpoint = None;
    for attempt in 0.. {
        assert!(attempt < 100, "the training never ends");
        let told = run(recipe, &data, checkpoint.as_deref(), &Stop::after(1));
        if told.trained.ending == Ending::Done {
            assert_eq!(bits(&told), bits(&straight));
            break;
        }
        checkpoint = told.checkpoint;
    }
}

#[test]
fn saving_on_the_way_changes_nothing() {
    let data = small();
    let recipe = &recipes()[0];
    let straight = run(recipe, &data, None, &Stop::default());
    let saving = run_saving(recipe, &data, None, &Stop::default(), Duration::ZERO);
    assert_eq!(bits(&saving), bits(&straight));
    let resumed = run(recipe, &data, saving.checkpoint.as_deref(), &Stop::default());
    assert_eq!(bits(&resumed), bits(&straight));
}

#[test]
fn a_checkpoint_of_something_else_is_refused() {
    use dlgrid_train::run::{Job, Log, train};
    let data = small();
    let stopped = run(&recipe(&[]), &data, None, &Stop::after(3));
    let bytes = stopped.checkpoint.expect("a checkpoint");
    let refusal = |recipe: &Recipe, bytes: &[u8], id| {
        let job = Job {
            id,
            recipe,
            seed: 1,
            fold: None,
            data: &data,
            test: None,
            save_every: Duration::MAX,
        };
        let mut log = Log { epoch: &mut |_| (), save: &mut |_, _, _| true };
        let error = train(&job, Some(bytes), &Stop::default(), &mut log).expect_err("refused");
        std::error::Error::source(&error).expect("a cause").to_string()
    };
    let own = super::support::id();
    let other = "000102030405060708090a0b0c0d0e0f".parse().expect("an id");
    let wider = recipe(&[("model.width", Value::Int(9))]);
    let deeper = recipe(&[("model.layers", Value::Int(3))]);
    let sgd = recipe(&[("optimizer.kind", text("sgd"))]);
    for (recipe, bytes, id, expected) in [
        (&recipe(&[]), &bytes[..], other, "is of run"),
        (&wider, &bytes, own, "`model.layers.0.weight` in the checkpoint is F32 [8, 16]"),
        (&deeper, &bytes, own, "the checkpoint holds the tensors"),
        (&sgd, &bytes, own, "the checkpoint holds the tensors"),
        (&recipe(&[]), &bytes[..bytes.len() - 1], own, "no valid safetensors file"),
        (&recipe(&[]), b"", own, "no valid safetensors file"),
    ] {
        let refusal = refusal(recipe, bytes, id);
        assert!(refusal.contains(expected), "{refusal}");
    }
}
