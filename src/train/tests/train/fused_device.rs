//! The program of a GPU for several runs, on a CPU: against the same runs alone, and against itself
//! with other runs beside.
use dlgrid_sweep::recipe::{Recipe, Value};
use dlgrid_train::data::Dataset;
use dlgrid_train::engine::{Ending, Stop};
use dlgrid_train::fused::By;
use dlgrid_train::tch::{self, Device};

use super::fused::{Came, alone, bits, difference, eight, jobs, together_by, weights};
use super::support::{blobs, recipe, text};

/// What libtorch computes in another order differs in its last digits, and every step adds to it.
const ROUNDING: f32 = 1e-3;
/// By so much weights differ after a step at most, but for few, against the largest.
const STEP: f32 = 1e-5;

fn number(path: &'static str, x: f64) -> (&'static str, Value) {
    (path, Value::Float(x))
}

fn base(more: &[(&'static str, Value)]) -> Vec<(&'static str, Value)> {
    tch::set_num_threads(1);
    let own = [("model.width", Value::Int(8)), ("batch_size", Value::Int(17))];
    own.iter().chain(more).cloned().collect()
}

/// Images of two channels, 8 × 8.
fn images() -> Dataset {
    let (images, labels) = blobs(60, 128, 3);
    Dataset::new(&images, &labels, 3, Device::Cpu).with_shape(&[2, 8, 8])
}

fn by_device(jobs: &[dlgrid_train::run::Job<'_>], from: &[Option<Vec<u8>>]) -> Came {
    together_by(By::Device, jobs, from, &Stop::default())
}

/// The largest difference of each run.
fn differences(some: &Came, others: &Came) -> Vec<f32> {
    weights(some).iter().zip(weights(others)).map(|(a, b)| difference(a, b)).collect()
}

fn assert_close(some: &Came, others: &Came, most: f32, what: &str) {
    for (run, off) in differences(some, others).into_iter().enumerate() {
        assert!(off < most, "{what}: run {run} is off by {off:e}");
    }
    for (one, other) in some.epochs.iter().flatten().zip(others.epochs.iter().flatten()) {
        let loss = |end: &dlgrid_train::engine::EpochEnd| end.metrics["train/loss"].0;
        let (one, other) = (loss(one), loss(other));
        assert!((one - other).abs() <= 1e-3 * other.abs(), "{what}: loss {one} {other}");
    }
}

/// That weights are the same after a step, but for few: where a gradient is but rounding, Adam goes a
/// whole step up or down.
fn assert_step(some: &Came, others: &Came, what: &str) {
    for (run, (one, other)) in weights(some).into_iter().zip(weights(others)).enumerate() {
        let largest = other.iter().fold(1.0f32, |most, w| most.max(w.abs()));
        let is_off = |(a, b): &(&f32, &f32)| (*a - *b).abs() > STEP * largest;
        let off = one.iter().zip(other).filter(is_off).count();
        assert!(off <= one.len() / 200, "{what}: {off} weights of run {run} are off");
    }
}

fn assert_first_epoch(some: &Came, others: &Came, what: &str) {
    for (one, other) in some.epochs.iter().zip(&others.epochs) {
        let [one, other] = [one, other].map(|epochs| epochs[0].metrics["train/loss"].0);
        assert!((one - other).abs() < 5e-3 * other, "{what}: {one} {other}");
    }
}

#[test]
fn eight_together_come_to_what_eight_come_to_alone() {
    let flag = |path| (path, Value::Bool(true));
    let cnn = |more: &[(&'static str, Value)]| {
        let own = [
            ("model.kind", text("cnn")),
            ("model.blocks", Value::Int(2)),
            ("model.channels", Value::Int(4)),
            ("model.layers", Value::Int(1)),
        ];
        own.iter().chain(more).cloned().collect::<Vec<_>>()
    };
    for more in [
        vec![],
        vec![flag("model.batch_norm"), number("label_smoothing", 0.1)],
        vec![("model.activation", text("prelu")), flag("balance")],
        vec![("freeze", text("layers.0")), flag("model.batch_norm")],
        vec![("model.kind", text("linear")), number("label_smoothing", 0.2), flag("balance")],
        vec![("model.kind", text("perceptron")), ("model.activation", text("tanh"))],
        cnn(&[]),
        cnn(&[flag("model.batch_norm"), ("model.activation", text("prelu"))]),
        vec![("model.kind", text("resnet")), ("model.channels", Value::Int(4))],
    ] {
        let (recipes, data) = (eight(&base(&more)), images());
        let jobs = jobs(&recipes, &data);
        let one = || Stop::after(1);
        let (all, own) = (together_by(By::Device, &jobs, &[], &one()), alone(&jobs, &[], one));
        assert_eq!(all.sizes, [8; 8], "{more:?}");
        assert_step(&all, &own, &format!("{more:?}"));
        // Later steps amplify it, most where a rate is too large: the first epoch tells enough.
        let (all, own) = (by_device(&jobs, &[]), alone(&jobs, &[], Stop::default));
        assert_first_epoch(&all, &own, &format!("{more:?}"));
    }
}

#[test]
fn runs_of_one_order_see_the_batches_that_each_sees_alone() {
    let (recipes, data) = (eight(&base(&[("shared_order", Value::Bool(true))])), images());
    let jobs = jobs(&recipes, &data);
    let one = || Stop::after(1);
    let (all, own) = (together_by(By::Device, &jobs, &[], &one()), alone(&jobs, &[], one));
    for (run, (one, other)) in weights(&all).into_iter().zip(weights(&own)).enumerate() {
        let off = one.iter().zip(other).filter(|(a, b)| (*a - *b).abs() > 1e-4).count();
        assert!(off <= one.len() / 200, "{off} weights of run {run} are off after a step");
    }
}

/// Through so many layers rounding grows: a pool's largest pixel may be another, and rules that
/// divide by the gradient's size make a step of it. So plain steps are compared.
#[test]
fn a_deep_network_of_branches_takes_the_same_step_but_for_a_thousandth() {
    let data = images();
    let more = [("model.kind", text("googlenet")), ("model.channels", Value::Int(8))];
    let recipes = &eight(&base(&more))[3..5];
    let jobs = jobs(recipes, &data);
    let one = || Stop::after(1);
    let (all, own) = (together_by(By::Device, &jobs, &[], &one()), alone(&jobs, &[], one));
    for (run, off) in differences(&all, &own).into_iter().enumerate() {
        assert!(off < ROUNDING, "run {run} is off by {off:e}");
    }
}

#[test]
fn numbers_are_learnt_and_tables_are_each_runs_own() {
    let (images, labels) = blobs(90, 8, 2);
    let targets: Vec<f32> = labels
        .iter()
        .zip(&images)
        .map(|(l, x)| 10.0 * f32::from(*l) + f32::from(*x) / 50.0)
        .collect();
    let data = Dataset::new(&images, &labels, 2, Device::Cpu).with_numbers(&targets);
    let more = [("task", text("regress")), ("data.set", text("csv")), ("data.target", text("y"))];
    let recipes = eight(&base(&more));
    let jobs = jobs(&recipes, &data);
    let (all, own) = (by_device(&jobs, &[]), alone(&jobs, &[], Stop::default));
    assert_close(&all, &own, ROUNDING, "numbers");
    let r2 = |came: &Came| came.trained[0].as_ref().map(|t| t.metrics["valid/r2"].0);
    let (one, other) = (r2(&all).expect("trained"), r2(&own).expect("trained"));
    assert!((one - other).abs() < 1e-3, "{one} {other}");
}

/// Mixed samples and steps over all samples draw what is drawn on the CPU.
#[test]
fn mixed_samples_and_whole_steps_come_to_what_they_come_to_alone() {
    let (images, labels) = blobs(5500, 16, 3);
    let many = Dataset::new(&images, &labels, 3, Device::Cpu);
    let few = self::images();
    let flag = |path| (path, Value::Bool(true));
    let mixed = [number("augment.mixup", 0.4)];
    let smooth = [number("label_smoothing", 0.1), flag("balance")];
    let descend = [("optimizer.kind", text("gd")), number("optimizer.lr", 0.3)];
    for (data, more) in [
        (&few, mixed.to_vec()),
        (&few, [&mixed[..], &smooth, &[flag("model.batch_norm")]].concat()),
        (&few, [&descend[..], &mixed].concat()),
        (&many, descend.to_vec()),
        (&many, [&descend[..], &mixed, &smooth].concat()),
    ] {
        let plain = more.iter().any(|(path, _)| *path == "optimizer.kind");
        let mut recipes = if plain {
            let decay = |x| number("optimizer.weight_decay", x);
            let of = |x| recipe(&base(&[&more[..], &[decay(x)]].concat()));
            vec![of(0.0), of(0.1), of(0.3)]
        } else {
            eight(&base(&more))
        };
        recipes[1].augment.mixup = 0.0;
        let jobs = jobs(&recipes, data);
        // Plain steps amplify no rounding; of the others the first is compared.
        let stop = || if plain { Stop::default() } else { Stop::after(1) };
        let all = together_by(By::Device, &jobs, &[], &stop());
        let own = alone(&jobs, &[], stop);
        assert_eq!(all.sizes, vec![recipes.len(); recipes.len()], "{more:?}");
        assert_step(&all, &own, &format!("{more:?}"));
        let (all, own) = (by_device(&jobs, &[]), alone(&jobs, &[], Stop::default));
        assert_first_epoch(&all, &own, &format!("{more:?}"));
    }
}

/// Stopped amid an epoch, each goes on in other company; and none is changed by who is beside it.
#[test]
fn changed_samples_are_each_runs_own_in_any_company() {
    let data = images();
    let flag = |path| (path, Value::Bool(true));
    let images = [
        flag("augment.flip"),
        ("augment.shift", Value::Int(1)),
        number("augment.rotate", 20.0),
        number("augment.brightness", 0.3),
        ("augment.cutout", Value::Int(3)),
        number("augment.noise", 0.1),
    ];
    let mixed = [number("augment.mixup", 0.4), number("augment.noise", 0.1)];
    for more in [images.to_vec(), [&images[..1], &mixed].concat()] {
        let mut recipes = eight(&base(&more));
        // Their neighbours change less, or nothing.
        recipes[3].augment = dlgrid_sweep::recipe::Augment::default();
        recipes[5].augment.rotate = 0.0;
        let jobs = jobs(&recipes, &data);
        let straight = by_device(&jobs, &[]);
        assert_eq!(straight.sizes, [8; 8], "{more:?}");
        for at in 0..8 {
            let one = by_device(&jobs[at..=at], &[]);
            let off = difference(weights(&straight)[at], weights(&one)[0]);
            assert!(off < ROUNDING, "{more:?}: run {at} is off by {off:e}");
        }
        let plain = by_device(&super::fused::jobs(&eight(&base(&[])), &data), &[]);
        let changed = |at: usize| difference(weights(&straight)[at], weights(&plain)[at]);
        assert!(changed(0) > 0.01 && changed(3) < ROUNDING, "{} {}", changed(0), changed(3));
        for step in [1, 4] {
            let all = together_by(By::Device, &jobs, &[], &Stop::after(step));
            let pair =
                by_device(&[jobs[5], jobs[0]], &[all.saved[5].clone(), all.saved[0].clone()]);
            for (own, at) in [(0, 5), (1, 0)] {
                let off = difference(weights(&pair)[own], weights(&straight)[at]);
                assert!(off < ROUNDING, "{more:?}: from step {step} run {at} is off by {off:e}");
            }
        }
    }
}

/// What is drawn on a device is not what is drawn on the CPU, so such runs are held against
/// themselves.
#[test]
fn with_whom_a_run_is_trained_changes_nothing_but_roundings() {
    let data = images();
    for more in [
        vec![number("regularize.dropout", 0.3)],
        vec![("model.activation", text("rrelu")), number("regularize.dropout", 0.2)],
        vec![
            ("model.kind", text("cnn")),
            ("model.blocks", Value::Int(1)),
            ("model.channels", Value::Int(4)),
            ("model.activation", text("rrelu")),
            number("regularize.dropout", 0.5),
        ],
        vec![("precision", text("bf16"))],
    ] {
        let mut recipes = eight(&base(&more));
        // One of them drops nothing: its neighbours do.
        recipes[3].regularize.dropout = 0.0;
        let jobs = jobs(&recipes, &data);
        let all = by_device(&jobs, &[]);
        assert_eq!(all.sizes, [8; 8], "{more:?}");
        for at in 0..8 {
            let one = by_device(&jobs[at..=at], &[]);
            let off = difference(weights(&all)[at], weights(&one)[0]);
            // Of half precision a rounding is larger.
            let most = if more[0].0 == "precision" { 0.05 } else { ROUNDING };
            assert!(off < most, "{more:?}: run {at} is off by {off:e}");
        }
    }
}

#[test]
fn dropout_regularizes_as_it_does_on_the_cpu() {
    let data = images();
    let of = |dropout: f64| {
        recipe(&base(&[
            number("regularize.dropout", dropout),
            ("model.width", Value::Int(64)),
            ("epochs", Value::Int(4)),
        ]))
    };
    let recipes: Vec<Recipe> = [0.0, 0.6].map(of).into();
    let jobs = jobs(&recipes, &data);
    let (device, host) = (by_device(&jobs, &[]), alone(&jobs, &[], Stop::default));
    let loss = |came: &Came, at: usize| {
        came.trained[at].as_ref().map_or(f64::NAN, |t| t.metrics["train/loss"].0)
    };
    let (plain, dropped) = (loss(&device, 0), loss(&device, 1));
    assert!(dropped > plain, "{dropped} {plain}");
    let there = loss(&host, 1);
    assert!((dropped - there).abs() < 0.5 * there, "{dropped} {there}");
}

#[test]
fn stopped_at_any_step_a_run_goes_on_in_another_cohort() {
    let data = images();
    let common = base(&[
        ("model.kind", text("cnn")),
        ("model.blocks", Value::Int(1)),
        ("model.channels", Value::Int(4)),
        ("model.batch_norm", Value::Bool(true)),
        number("regularize.dropout", 0.3),
        ("schedule.kind", text("cosine")),
    ]);
    let recipes = &eight(&common)[..4];
    let jobs = jobs(recipes, &data);
    let straight = by_device(&jobs, &[]);
    for step in [0, 1, 3, 4] {
        let all = together_by(By::Device, &jobs, &[], &Stop::after(step));
        for trained in all.trained.iter().flatten() {
            assert!(matches!(trained.ending, Ending::Stopped { saved: true, .. }));
        }
        let two = [jobs[3], jobs[1]];
        let pair = by_device(&two, &[all.saved[3].clone(), all.saved[1].clone()]);
        for (own, at) in [(0, 3), (1, 1)] {
            let off = difference(weights(&pair)[own], weights(&straight)[at]);
            assert!(off < ROUNDING, "from step {step}: run {at} is off by {off:e}");
            let epochs = |came: &Came, at: usize| {
                came.epochs[at].last().map(|end| (end.epoch, end.metrics["train/loss"].0))
            };
            let (one, other) = (epochs(&pair, own), epochs(&straight, at));
            let ((e, one), (f, other)) = (one.expect("trained"), other.expect("trained"));
            assert!(e == f && (one - other).abs() < 1e-3 * other, "{step}: {one} {other}");
        }
        // On a CPU one of them goes on alone, by the other program.
        let without = eight(&base(&[]));
        let jobs = super::fused::jobs(&without[..2], &data);
        let begun = together_by(By::Device, &jobs, &[], &Stop::after(step));
        let each = alone(&jobs, &begun.saved, Stop::default);
        let whole = alone(&jobs, &[], Stop::default);
        for off in differences(&each, &whole) {
            assert!(off < ROUNDING, "alone from step {step} a run is off by {off:e}");
        }
    }
}

#[test]
fn a_run_that_diverges_leaves_and_its_neighbours_never_notice() {
    let data = images();
    let with = |lr: f64, kind: &str| {
        recipe(&base(&[
            ("optimizer.kind", text(kind)),
            number("optimizer.lr", lr),
            ("optimizer.clip", Value::Float(1e9)),
            ("epochs", Value::Int(3)),
        ]))
    };
    let recipes = [with(0.01, "sgd"), with(1e38, "sgd"), with(0.003, "adam")];
    let jobs = jobs(&recipes, &data);
    let all = by_device(&jobs, &[]);
    let ending = |at: usize| all.trained[at].as_ref().map(|trained| trained.ending.clone());
    assert!(matches!(ending(1), Some(Ending::Diverged { .. })), "{:?}", ending(1));
    assert_eq!((ending(0), ending(2)), (Some(Ending::Done), Some(Ending::Done)));
    assert_eq!(all.sizes, [2, 3, 2]);
    let others = by_device(&[jobs[0], jobs[2]], &[]);
    assert_eq!(bits(weights(&all)[0]), bits(weights(&others)[0]));
    assert_eq!(bits(weights(&all)[2]), bits(weights(&others)[1]));
}

#[test]
fn each_run_has_its_own_epochs_early_stop_and_fold() {
    use dlgrid_sweep::recipe::Fold;
    let data = images();
    let of = |more: &[(&'static str, Value)]| recipe(&base(more));
    let recipes = [
        of(&[("epochs", Value::Int(1))]),
        of(&[("epochs", Value::Int(3))]),
        of(&[
            ("epochs", Value::Int(6)),
            ("early_stop.patience", Value::Int(1)),
            number("early_stop.min_delta", 10.0),
        ]),
    ];
    let mut jobs = jobs(&recipes, &data);
    for (job, number) in jobs.iter_mut().zip(1..) {
        job.fold = Some(Fold { number, of: 5 });
    }
    let all = by_device(&jobs, &[]);
    assert_eq!(all.epochs.iter().map(Vec::len).collect::<Vec<_>>(), [1, 3, 2]);
    assert_eq!(all.sizes, [3, 1, 2]);
    assert_close(&all, &alone(&jobs, &[], Stop::default), ROUNDING, "epochs");
}
