//! Runs trained together against the same runs trained alone.
use std::time::Duration;

use dlgrid_sweep::recipe::{Recipe, Value};
use dlgrid_train::data::Dataset;
use dlgrid_train::engine::{Ending, EpochEnd, Stop};
use dlgrid_train::fused::{self, By};
use dlgrid_train::run::{Job, Log, RunError, Trained, train};
use dlgrid_train::tch::Device;

use super::support::{blobs, id, recipe, text};

/// What came of several runs: by run, with what its epochs told and its last checkpoint.
#[derive(Default)]
pub struct Came {
    pub trained: Vec<Option<Trained>>,
    pub epochs: Vec<Vec<EpochEnd>>,
    pub saved: Vec<Option<Vec<u8>>>,
    pub sizes: Vec<usize>,
}

pub fn jobs<'a>(recipes: &'a [Recipe], data: &'a Dataset) -> Vec<Job<'a>> {
    (1..)
        .zip(recipes)
        .map(|(seed, recipe)| {
            let save_every = Duration::MAX;
            Job { id: id(), recipe, seed, fold: None, data, test: None, save_every }
        })
        .collect()
}

pub fn together(jobs: &[Job<'_>], from: &[Option<Vec<u8>>], stop: &Stop) -> Came {
    together_by(By::Host, jobs, from, stop)
}

pub fn together_by(by: By, jobs: &[Job<'_>], from: &[Option<Vec<u8>>], stop: &Stop) -> Came {
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
        save: &mut |at, checkpoint| {
            saved[at] = Some(checkpoint.bytes.to_vec());
            true
        },
        end: &mut |at, end, size| {
            assert!(trained[at].is_none(), "a run ends once");
            (trained[at], sizes[at]) = (Some(end), size);
            true
        },
    };
    fused::train_by(by, jobs, from, stop, &mut log).expect("trains");
    came
}

/// The same run by run.
pub fn alone(jobs: &[Job<'_>], from: &[Option<Vec<u8>>], stop: impl Fn() -> Stop) -> Came {
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
pub fn difference(a: &[f32], b: &[f32]) -> f32 {
    let largest = b.iter().fold(0.0f32, |most, w| most.max(w.abs()));
    a.iter().zip(b).fold(0.0f32, |most, (a, b)| most.max((a - b).abs())) / largest
}

pub fn weights(came: &Came) -> Vec<&[f32]> {
    came.trained.iter().map(|t| &t.as_ref().expect("it was trained").parameters[..]).collect()
}

/// Eight ways to train models of one shape, with these settings in all.
pub fn eight(common: &[(&str, Value)]) -> Vec<Recipe> {
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

pub fn bits(weights: &[f32]) -> Vec<u32> {
    weights.iter().map(|w| w.to_bits()).collect()
}

/// Samples of so many features with images' bytes: products large enough that libtorch computes
/// one alone by the same loop as several.
fn wide() -> Dataset {
    let (images, labels) = blobs(200, 96, 4);
    Dataset::new(&images, &labels, 4, Device::Cpu)
}

/// What every test below has in common.
fn base(more: &[(&'static str, Value)]) -> Vec<(&'static str, Value)> {
    dlgrid_train::tch::set_num_threads(1);
    let own = [("model.width", Value::Int(32)), ("batch_size", Value::Int(32))];
    own.iter().chain(more).cloned().collect()
}

fn assert_same(together: &Came, alone: &Came, what: &str) {
    for (run, (one, other)) in weights(together).iter().zip(weights(alone)).enumerate() {
        assert_eq!(bits(one), bits(other), "{what}: run {run}");
    }
    for (one, other) in together.trained.iter().zip(&alone.trained) {
        let (one, other) = (one.as_ref().expect("trained"), other.as_ref().expect("trained"));
        let rest = |t: &Trained| format!("{:?} {:?} {:?}", t.ending, t.epochs, t.confusion);
        assert_eq!(rest(one), rest(other), "{what}");
        assert_eq!(one.floors, other.floors, "{what}");
        for (name, value) in &one.metrics {
            // Alone libtorch adds up the loss of a batch, in single precision.
            let most = if name == "train/loss" { 1e-6 * value.0.abs() } else { 0.0 };
            assert!((value.0 - other.metrics[name].0).abs() <= most, "{what}: {name}");
        }
    }
}

#[test]
fn eight_together_are_to_the_bit_the_same_eight_alone() {
    let data = wide();
    let flag = |path| (path, Value::Bool(true));
    let number = |path, x: f64| (path, Value::Float(x));
    for more in [
        vec![],
        vec![flag("model.batch_norm")],
        vec![number("regularize.dropout", 0.3), ("model.init", text("xavier"))],
        vec![("model.activation", text("prelu")), flag("model.batch_norm")],
        vec![("freeze", text("layers.0")), flag("model.batch_norm")],
        vec![("freeze", text("layers.1"))],
        vec![("model.activation", text("rrelu")), number("regularize.dropout", 0.2)],
        vec![("model.kind", text("linear"))],
        vec![("model.kind", text("perceptron")), ("model.activation", text("tanh"))],
    ] {
        let recipes = eight(&base(&more));
        let jobs = jobs(&recipes, &data);
        let (own, all) = (alone(&jobs, &[], Stop::default), together(&jobs, &[], &Stop::default()));
        assert_same(&all, &own, &format!("{more:?}"));
        assert_eq!(all.sizes, [8; 8]);
    }
}

/// Small products are computed by other loops where there are several: the last digit may differ,
/// and every step adds to it.
const ROUNDING: f32 = 2e-4;

#[test]
fn every_activation_loss_and_task_is_the_same_but_for_rounding() {
    let (images, labels) = blobs(90, 8, 2);
    let classes = Dataset::new(&images, &labels, 2, Device::Cpu);
    let numbers: Vec<f32> = labels
        .iter()
        .zip(&images)
        .map(|(l, x)| 10.0 * f32::from(*l) + f32::from(*x) / 50.0)
        .collect();
    let numbers = Dataset::new(&images, &labels, 2, Device::Cpu).with_numbers(&numbers);
    let mut ways: Vec<(&Dataset, Vec<(&'static str, Value)>)> = Vec::new();
    for &activation in dlgrid_sweep::recipe::key::ACTIVATIONS {
        ways.push((&classes, vec![("model.activation", text(activation))]));
    }
    for loss in ["cross_entropy", "binary_cross_entropy"] {
        for smoothing in [0.0, 0.2] {
            for balance in [false, true] {
                ways.push((
                    &classes,
                    vec![
                        ("loss", text(loss)),
                        ("label_smoothing", Value::Float(smoothing)),
                        ("balance", Value::Bool(balance)),
                    ],
                ));
            }
        }
    }
    ways.push((
        &numbers,
        vec![
            ("task", text("regress")),
            ("data.set", text("csv")),
            ("data.target", text("y")),
            ("regularize.dropout", Value::Float(0.1)),
        ],
    ));
    for (data, more) in ways {
        let recipes = eight(&base(&[&more[..], &[("batch_size", Value::Int(7))]].concat()));
        let jobs = jobs(&recipes, data);
        let (own, all) = (alone(&jobs, &[], Stop::default), together(&jobs, &[], &Stop::default()));
        for (run, (one, other)) in weights(&all).iter().zip(weights(&own)).enumerate() {
            let off = difference(one, other);
            assert!(off < ROUNDING, "{more:?}: run {run} is off by {off:e}");
        }
        // With whom it is trained changes nothing at all.
        for (at, weights) in weights(&all).iter().enumerate() {
            let one = together(&jobs[at..=at], &[], &Stop::default());
            let one = one.trained[0].as_ref().expect("trained");
            assert_eq!(bits(&one.parameters), bits(weights), "{more:?}: run {at}");
            let epochs = all.epochs[at].last().map(|end| &end.metrics);
            assert_eq!(Some(&one.metrics), epochs, "{more:?}: run {at}");
        }
        for (one, other) in all.epochs.iter().flatten().zip(own.epochs.iter().flatten()) {
            let (one, other) = (one.metrics["train/loss"].0, other.metrics["train/loss"].0);
            assert!((one - other).abs() <= 1e-4 * other.abs(), "{more:?}: {one} {other}");
        }
    }
}

#[test]
fn each_run_has_its_own_epochs_and_leaves_when_they_are_over() {
    let data = wide();
    let recipes: Vec<Recipe> =
        [1, 3, 2, 3].map(|epochs| recipe(&base(&[("epochs", Value::Int(epochs))]))).into();
    let jobs = jobs(&recipes, &data);
    let all = together(&jobs, &[], &Stop::default());
    assert_same(&all, &alone(&jobs, &[], Stop::default), "epochs");
    assert_eq!(all.sizes, [4, 2, 3, 2]);
    assert_eq!(all.epochs.iter().map(Vec::len).collect::<Vec<_>>(), [1, 3, 2, 3]);
}

#[test]
fn a_run_that_diverges_leaves_and_its_neighbours_never_notice() {
    let data = wide();
    let wild = recipe(&base(&[
        ("optimizer.kind", text("sgd")),
        ("optimizer.lr", Value::Float(1e30)),
        ("epochs", Value::Int(3)),
    ]));
    let calm = |lr| recipe(&base(&[("optimizer.lr", Value::Float(lr)), ("epochs", Value::Int(3))]));
    let recipes = [calm(0.01), wild, calm(0.003)];
    let jobs = jobs(&recipes, &data);
    let all = together(&jobs, &[], &Stop::default());
    let ending = |at: usize| all.trained[at].as_ref().map(|trained| trained.ending.clone());
    assert!(matches!(ending(1), Some(Ending::Diverged { why }) if why.ends_with("after epoch 1")));
    let without = [jobs[0], jobs[2]];
    let others = together(&without, &[], &Stop::default());
    assert_eq!(bits(weights(&all)[0]), bits(weights(&others)[0]));
    assert_eq!(bits(weights(&all)[2]), bits(weights(&others)[1]));
    assert_eq!((ending(0), ending(2)), (Some(Ending::Done), Some(Ending::Done)));
    assert_eq!(all.sizes, [2, 3, 2]);
}

#[test]
fn stopped_at_any_step_a_run_goes_on_alone_or_in_another_cohort() {
    let data = wide();
    let common =
        base(&[("model.batch_norm", Value::Bool(true)), ("regularize.dropout", Value::Float(0.3))]);
    let recipes = &eight(&common)[..4];
    let jobs = jobs(recipes, &data);
    let straight = alone(&jobs, &[], Stop::default);
    // 160 samples in batches of 32 are five steps; the question is asked once more at the end.
    for step in [0, 1, 4, 5, 6, 9, 11] {
        let all = together(&jobs, &[], &Stop::after(step));
        for trained in all.trained.iter().flatten() {
            assert!(matches!(trained.ending, Ending::Stopped { saved: true, .. }));
        }
        let each = alone(&jobs, &all.saved, Stop::default);
        for (one, other) in weights(&each).iter().zip(weights(&straight)) {
            assert_eq!(bits(one), bits(other), "alone from step {step}");
        }
        // Two of them in a cohort of their own, the other way round.
        let two = [jobs[3], jobs[1]];
        let from = [all.saved[3].clone(), all.saved[1].clone()];
        let pair = together(&two, &from, &Stop::default());
        assert_eq!(bits(weights(&pair)[0]), bits(weights(&straight)[3]), "{step}");
        assert_eq!(bits(weights(&pair)[1]), bits(weights(&straight)[1]), "{step}");
        // And what was begun alone goes on together.
        let begun = alone(&jobs, &[], || Stop::after(step));
        assert_same(&together(&jobs, &begun.saved, &Stop::default()), &straight, "together");
    }
}

#[test]
fn runs_that_stand_elsewhere_are_not_held_up_and_what_has_no_beginning_is_left_alone() {
    let data = wide();
    let recipes = eight(&base(&[]));
    let jobs = &jobs(&recipes, &data)[..4];
    let straight = together(jobs, &[], &Stop::default());
    let ahead = alone(&jobs[..1], &[], || Stop::after(2)).saved.remove(0);
    let damaged = Some(b"no checkpoint".to_vec());
    let all = together(jobs, &[ahead, None, damaged, None], &Stop::default());
    assert_eq!(all.sizes, [1, 2, 0, 2]);
    assert!(all.trained[2].is_none(), "alone it says what is wrong with its checkpoint");
    for at in [0, 1, 3] {
        let parameters = |came: &Came| came.trained[at].as_ref().map(|t| bits(&t.parameters));
        assert_eq!(parameters(&all), parameters(&straight));
    }
}

#[test]
fn what_libtorch_throws_ends_no_run() {
    let data = wide();
    let recipes = [recipe(&base(&[])), recipe(&base(&[]))];
    let jobs = jobs(&recipes, &data);
    let mut ends = 0;
    let mut log = fused::Log {
        begin: &mut |_| (),
        epoch: &mut |_, _| {
            let shapes = [[1, 1], [3, 3]];
            let [a, b] = shapes.map(|shape| {
                dlgrid_train::tch::Tensor::zeros(shape, dlgrid_train::tch::kind::FLOAT_CPU)
            });
            let _ = a.mm(&b);
        },
        save: &mut |_, _| true,
        end: &mut |_, _, _| {
            ends += 1;
            true
        },
    };
    let refused = fused::train(&jobs, &[], &Stop::default(), &mut log).expect_err("refused");
    assert!(matches!(refused, RunError::Libtorch(_)), "{refused}");
    assert_eq!(ends, 0);
}

/// As a device whose memory holds two of the runs, and no more.
#[test]
fn refused_together_runs_go_on_in_halves_and_nothing_is_lost() {
    use dlgrid_train::tch::{Tensor, kind::FLOAT_CPU};
    let data = wide();
    let epochs = |n| recipe(&base(&[("epochs", Value::Int(n))]));
    let recipes = [epochs(1), epochs(3), epochs(2), epochs(3), epochs(3)];
    let mut jobs = jobs(&recipes, &data);
    let straight = together(&jobs, &[], &Stop::default());
    jobs.iter_mut().for_each(|job| job.save_every = Duration::ZERO);
    let mut ends: Vec<Option<(Trained, usize)>> = vec![None; jobs.len()];
    let (mut firsts, mut refused) = (vec![0; jobs.len()], Vec::new());
    let saved = std::cell::RefCell::new(vec![None; jobs.len()]);
    let begun = std::cell::Cell::new(0);
    let mut log = fused::Log {
        begin: &mut |_| begun.set(begun.get() + 1),
        epoch: &mut |at, end| {
            firsts[at] += u32::from(end.epoch == 1);
            if begun.get() > 2 && end.epoch == 2 {
                let [a, b] = [[1, 1], [3, 3]].map(|shape| Tensor::zeros(shape, FLOAT_CPU));
                let _ = a.mm(&b);
            }
        },
        save: &mut |at, checkpoint| {
            saved.borrow_mut()[at] = Some(checkpoint.bytes.to_vec());
            true
        },
        end: &mut |at, end, size| {
            assert!(ends[at].replace((end, size)).is_none(), "a run ends once");
            true
        },
    };
    let from = |at: usize| {
        begun.set(0);
        saved.borrow()[at].clone()
    };
    fused::train_halving(&jobs, from, &Stop::default(), &mut log, |runs, _| refused.push(runs))
        .expect("the device is well");
    // One has ended before.
    assert_eq!(refused, [4]);
    let sizes: Vec<usize> = ends.iter().flatten().map(|end| end.1).collect();
    assert_eq!(sizes, [5, 1, 2, 2, 2]);
    assert_eq!(firsts, [1; 5], "nothing that was saved is trained again");
    for (at, end) in ends.iter().enumerate() {
        let (end, _) = end.as_ref().expect("every run ends");
        assert_eq!(bits(&end.parameters), bits(weights(&straight)[at]), "run {at}");
    }
}

#[test]
fn a_shared_order_is_that_of_no_seed_alone_and_together() {
    let data = wide();
    let flag = |path| (path, Value::Bool(true));
    let recipes = eight(&base(&[flag("shared_order"), ("regularize.dropout", Value::Float(0.2))]));
    let shared = jobs(&recipes, &data);
    let (own, all) = (alone(&shared, &[], Stop::default), together(&shared, &[], &Stop::default()));
    assert_same(&all, &own, "shared order");
    // Stopped amid an epoch, each goes on alone in the same order.
    let stopped = together(&shared, &[], &Stop::after(7));
    assert_same(&alone(&shared, &stopped.saved, Stop::default), &own, "alone from step 7");
    // Of two seeds the held back samples are the same; without, they are not.
    let split = |recipe: &Recipe, seed| {
        let split = super::support::split(recipe, &data, recipe.order_seed(seed));
        split.valid
    };
    assert_eq!(split(&recipes[0], 1), split(&recipes[0], 2));
    let plain = recipe(&base(&[]));
    assert_ne!(split(&plain, 1), split(&plain, 2));
    // Some who share theirs beside others who don't.
    let mixed = [recipes[0].clone(), plain, recipes[1].clone()];
    let mixed = jobs(&mixed, &data);
    assert_same(
        &together(&mixed, &[], &Stop::default()),
        &alone(&mixed, &[], Stop::default),
        "shared and not",
    );
}

#[test]
fn samples_are_changed_for_each_run_as_they_are_alone() {
    let (images, labels) = blobs(200, 96, 4);
    let data = Dataset::new(&images, &labels, 4, Device::Cpu).with_shape(&[1, 8, 12]);
    let recipes = eight(&base(&[
        ("augment.flip", Value::Bool(true)),
        ("augment.shift", Value::Int(2)),
        ("augment.noise", Value::Float(0.1)),
        ("shared_order", Value::Bool(true)),
    ]));
    let jobs = jobs(&recipes, &data);
    let (own, all) = (alone(&jobs, &[], Stop::default), together(&jobs, &[], &Stop::default()));
    assert_same(&all, &own, "augmented");
}

/// Of classes both labels count, of numbers the mix of them; some mix and their neighbours don't.
#[test]
fn samples_are_mixed_for_each_run_as_they_are_alone() {
    let data = wide();
    let mixup = |x: f64| ("augment.mixup", Value::Float(x));
    for more in [
        vec![],
        vec![("regularize.dropout", Value::Float(0.3)), ("model.batch_norm", Value::Bool(true))],
        vec![("augment.noise", Value::Float(0.2))],
    ] {
        let mut recipes = eight(&base(&[&more[..], &[mixup(0.4)]].concat()));
        (recipes[1].augment.mixup, recipes[4].augment.mixup) = (0.0, 1.0);
        let jobs = jobs(&recipes, &data);
        let (own, all) = (alone(&jobs, &[], Stop::default), together(&jobs, &[], &Stop::default()));
        assert_same(&all, &own, &format!("mixed {more:?}"));
        assert_eq!(all.sizes, [8; 8]);
        assert_goes_on(&jobs, &own, (7, 3), [4, 1]);
    }
    for (data, more) in small_ways() {
        let recipes = eight(&base(&[&more[..], &[mixup(0.4)]].concat()));
        assert_rounding(&jobs(&recipes, &data), &format!("mixed {more:?}"));
    }
}

/// That each goes on alone from a step that it came to in company, and two of them in company from
/// one that they came to alone, to what they come to alone throughout.
fn assert_goes_on(
    jobs: &[Job<'_>],
    own: &Came,
    (together_until, alone_until): (u64, u64),
    two: [usize; 2],
) {
    let stopped = together(jobs, &[], &Stop::after(together_until));
    let what = format!("alone from step {together_until}");
    assert_same(&alone(jobs, &stopped.saved, Stop::default), own, &what);
    let begun = alone(jobs, &[], || Stop::after(alone_until));
    let from = two.map(|at| begun.saved[at].clone());
    let pair = together(&two.map(|at| jobs[at]), &from, &Stop::default());
    for (came, at) in weights(&pair).into_iter().zip(two) {
        assert_eq!(bits(came), bits(weights(own)[at]));
    }
}

/// Data and settings whose products are small, or whose losses libtorch sums in another order.
fn small_ways() -> Vec<(Dataset, Vec<(&'static str, Value)>)> {
    let (images, labels) = blobs(90, 8, 2);
    let classes = || Dataset::new(&images, &labels, 2, Device::Cpu);
    let targets: Vec<f32> =
        labels.iter().zip(&images).map(|(l, x)| f32::from(*l) + f32::from(*x) / 50.0).collect();
    let flag = |path| (path, Value::Bool(true));
    let smooth = ("label_smoothing", Value::Float(0.2));
    let table = [("data.set", text("csv")), ("data.target", text("y"))];
    vec![
        (classes(), vec![smooth.clone(), flag("balance")]),
        (classes(), vec![("loss", text("binary_cross_entropy")), smooth]),
        (classes().with_numbers(&targets), [&[("task", text("regress"))], &table[..]].concat()),
    ]
}

fn assert_rounding(jobs: &[Job<'_>], what: &str) {
    let (own, all) = (alone(jobs, &[], Stop::default), together(jobs, &[], &Stop::default()));
    for (run, (one, other)) in weights(&all).iter().zip(weights(&own)).enumerate() {
        let off = difference(one, other);
        assert!(off < ROUNDING, "{what}: run {run} is off by {off:e}");
    }
    for (one, other) in all.epochs.iter().flatten().zip(own.epochs.iter().flatten()) {
        let (one, other) = (one.metrics["train/loss"].0, other.metrics["train/loss"].0);
        assert!((one - other).abs() <= 1e-4 * other.abs(), "{what}: {one} {other}");
    }
}

/// Runs whose samples all make one step: of fewer samples than are computed at once, and of more.
fn descents(more: &[(&'static str, Value)]) -> Vec<Recipe> {
    let of = |lr: f64, own: &[(&'static str, Value)]| {
        let step = [
            ("optimizer.kind", text("gd")),
            ("optimizer.lr", Value::Float(lr)),
            ("epochs", Value::Int(4)),
            ("model.width", Value::Int(32)),
        ];
        recipe(&[&step[..], more, own].concat())
    };
    vec![
        of(0.1, &[]),
        of(0.3, &[("regularize.dropout", Value::Float(0.3))]),
        of(0.2, &[("optimizer.weight_decay", Value::Float(0.1))]),
        of(0.5, &[("optimizer.clip", Value::Float(0.5)), ("schedule.kind", text("cosine"))]),
    ]
}

#[test]
fn steps_over_all_samples_are_made_together_as_alone() {
    dlgrid_train::tch::set_num_threads(1);
    for samples in [200, 6000] {
        let (images, labels) = blobs(samples, 96, 4);
        let data = Dataset::new(&images, &labels, 4, Device::Cpu);
        for more in [
            vec![],
            vec![("model.batch_norm", Value::Bool(true))],
            vec![("augment.noise", Value::Float(0.2))],
        ] {
            let recipes = descents(&more);
            let jobs = jobs(&recipes, &data);
            let (own, all) =
                (alone(&jobs, &[], Stop::default), together(&jobs, &[], &Stop::default()));
            assert_same(&all, &own, &format!("gd {samples} {more:?}"));
            assert_eq!(all.sizes, [4; 4]);
            assert_goes_on(&jobs, &own, (3, 1), [3, 1]);
        }
    }
    for (data, more) in small_ways() {
        let more = [&more[..], &[("augment.mixup", Value::Float(0.4))]].concat();
        let recipes = descents(&more);
        assert_rounding(&jobs(&recipes, &data), &format!("gd {more:?}"));
    }
}

#[test]
fn what_finishes_is_judged_on_the_test_set_in_company_too() {
    let data = wide();
    let (images, labels) = blobs(90, 96, 4);
    let test = Dataset::new(&images, &labels, 4, Device::Cpu);
    let recipes = eight(&base(&[]));
    let mut jobs = jobs(&recipes, &data);
    jobs.iter_mut().for_each(|job| job.test = Some(&test));
    let (own, all) = (alone(&jobs, &[], Stop::default), together(&jobs, &[], &Stop::default()));
    assert_same(&all, &own, "finish");
    for trained in all.trained.iter().flatten() {
        assert!(trained.metrics.contains_key("test/accuracy"), "{:?}", trained.metrics);
        let counted: u64 = trained.confusion.iter().flatten().flatten().sum();
        assert_eq!(counted, 90);
    }
    assert_eq!(all.sizes, [8; 8]);
}

#[test]
fn early_stopping_and_folds_are_each_runs_own() {
    use dlgrid_sweep::recipe::Fold;
    let data = wide();
    let patient = |patience| {
        recipe(&base(&[
            ("epochs", Value::Int(6)),
            ("early_stop.patience", Value::Int(patience)),
            ("early_stop.min_delta", Value::Float(10.0)),
        ]))
    };
    let recipes = [patient(1), patient(3), recipe(&base(&[("save_weights", Value::Bool(true))]))];
    let fold = |number| Some(Fold { number, of: 5 });
    let mut jobs = jobs(&recipes, &data);
    (jobs[0].fold, jobs[1].fold, jobs[2].fold) = (fold(1), fold(5), fold(3));
    let all = together(&jobs, &[], &Stop::default());
    let own = alone(&jobs, &[], Stop::default);
    assert_same(&all, &own, "early");
    let epochs: Vec<usize> = all.epochs.iter().map(Vec::len).collect();
    assert_eq!((&epochs[..], &all.sizes[..]), (&[2, 4, 2][..], &[3, 1, 3][..]));
    let file = |came: &Came| came.trained[2].as_ref().and_then(|trained| trained.file.clone());
    assert!(file(&all).is_some() && file(&all) == file(&own));
}
