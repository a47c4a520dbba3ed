//! Runs trained together against the same runs trained alone.
use std::time::Duration;

use dlgrid_sweep::recipe::{Recipe, Value};
use dlgrid_train::data::Dataset;
use dlgrid_train::engine::{Ending, EpochEnd, Stop};
use dlgrid_train::fused::{self, Shape};
use dlgrid_train::run::{Job, Log, RunError, Trained, train};
use dlgrid_train::tch::Device;

use super::support::{blobs, id, recipe, small, text};

/// What came of several runs: by run, with what its epochs told and its last checkpoint.
#[derive(Default)]
struct Came {
    trained: Vec<Option<Trained>>,
    epochs: Vec<Vec<EpochEnd>>,
    saved: Vec<Option<Vec<u8>>>,
    sizes: Vec<usize>,
}

fn jobs<'a>(recipes: &'a [Recipe], data: &'a Dataset) -> Vec<Job<'a>> {
    (1..)
        .zip(recipes)
        .map(|(seed, recipe)| {
            let save_every = Duration::MAX;
            Job { id: id(), recipe, seed, data, test: None, save_every }
        })
        .collect()
}

fn together(jobs: &[Job<'_>], from: &[Option<Vec<u8>>], stop: &Stop) -> Came {
    let runs = jobs.len();
    let mut came = Came {
        trained: vec![None; runs],
        epochs: vec![Vec::new(); runs],
        saved: vec![None; runs],
        sizes: vec![0; runs],
    };
    let Came { trained, epochs, saved, sizes } = &mut came;
    let mut log = fused::Log {
        begin: &mut |_| (),
        epoch: &mut |at, end| epochs[at].push(end.clone()),
        save: &mut |at, _, _, bytes| {
            saved[at] = Some(bytes.to_vec());
            true
        },
        end: &mut |at, end, size| {
            assert!(trained[at].is_none(), "a run ends once");
            (trained[at], sizes[at]) = (Some(end), size);
            true
        },
    };
    fused::train(jobs, from, stop, &mut log).expect("trains");
    came
}

/// The same run by run.
fn alone(jobs: &[Job<'_>], from: &[Option<Vec<u8>>], stop: impl Fn() -> Stop) -> Came {
    let mut came = Came::default();
    for (at, job) in jobs.iter().enumerate() {
        let (mut epochs, mut saved) = (Vec::new(), None);
        let mut log = Log {
            epoch: &mut |end| epochs.push(end.clone()),
            save: &mut |_, _, bytes| {
                saved = Some(bytes.to_vec());
                true
            },
        };
        let from = from.get(at).and_then(Option::as_deref);
        came.trained.push(Some(train(job, from, &stop(), &mut log).expect("trains")));
        came.epochs.push(epochs);
        came.saved.push(saved);
    }
    came
}

/// The largest difference of two runs' weights, against the largest weight.
fn difference(a: &[f32], b: &[f32]) -> f32 {
    let largest = b.iter().fold(0.0f32, |most, w| most.max(w.abs()));
    a.iter().zip(b).fold(0.0f32, |most, (a, b)| most.max((a - b).abs())) / largest
}

fn weights(came: &Came) -> Vec<&[f32]> {
    came.trained.iter().map(|t| &t.as_ref().expect("it was trained").parameters[..]).collect()
}

/// Eight ways to train models of one shape, with these settings in all.
fn eight(common: &[(&str, Value)]) -> Vec<Recipe> {
    let number = |path, x: f64| (path, Value::Float(x));
    let kind = |kind| ("optimizer.kind", text(kind));
    let momentum = |x| number("optimizer.momentum", x);
    let ways: [Vec<(&str, Value)>; 8] = [
        vec![],
        vec![number("optimizer.lr", 0.02), number("optimizer.beta1", 0.8)],
        vec![
            kind("adamw"),
            number("optimizer.weight_decay", 0.1),
            ("schedule.kind", text("cosine")),
        ],
        vec![kind("sgd"), number("optimizer.lr", 0.1), number("regularize.l2", 0.01)],
        vec![kind("sgd"), momentum(0.9), ("optimizer.nesterov", Value::Bool(true))],
        vec![kind("rmsprop"), momentum(0.5), number("optimizer.clip", 0.5)],
        vec![kind("adagrad"), number("regularize.l1", 1e-3), ("schedule.kind", text("one_cycle"))],
        vec![number("optimizer.eps", 1e-4), number("schedule.warmup", 0.5)],
    ];
    ways.iter().map(|way| recipe(&[common, way].concat())).collect()
}

fn bits(weights: &[f32]) -> Vec<u32> {
    weights.iter().map(|w| w.to_bits()).collect()
}

#[test]
fn probe() {
    for (n, f, w, b, c) in
        [(60, 16, 8, 7, 3u8), (600, 784, 64, 64, 10), (600, 784, 64, 60, 10), (300, 8, 32, 32, 2)]
    {
        let (images, labels) = blobs(n, f, c);
        let data = Dataset::new(&images, &labels, c.into(), Device::Cpu);
        for act in dlgrid_sweep::recipe::key::ACTIVATIONS {
            for norm in [false, true] {
                let recipes = eight(&[
                    ("model.width", Value::Int(w)),
                    ("batch_size", Value::Int(b)),
                    ("model.activation", text(act)),
                    ("model.batch_norm", Value::Bool(norm)),
                ]);
                let jobs = jobs(&recipes, &data);
                let (a, t) =
                    (alone(&jobs, &[], Stop::default), together(&jobs, &[], &Stop::default()));
                let d: Vec<String> = weights(&t)
                    .iter()
                    .zip(weights(&a))
                    .map(|(t, a)| format!("{:.0e}", difference(t, a)))
                    .collect();
                eprintln!("{n} {f} {w} {b} {act} {norm}: {d:?}");
            }
        }
    }
}
