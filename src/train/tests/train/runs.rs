//! Whole runs on generated data: what they learn, and how they end.
use dlgrid_sweep::dataset::images::Images;
use dlgrid_sweep::recipe::key::ACTIVATIONS;
use dlgrid_sweep::recipe::{Net, Value};
use dlgrid_train::data::Dataset;
use dlgrid_train::engine::{Ending, Stop};
use dlgrid_train::tch::Device;

use super::support::{blobs, images, recipe, run, small, text, write_idx};

#[test]
fn blobs_are_learnt_with_every_activation_and_depth() {
    let data = small();
    let learn = |activation: &str, layers: i64| {
        let given = [
            ("model.activation", text(activation)),
            ("model.layers", Value::Int(layers)),
            ("optimizer.lr", Value::Float(0.02)),
            ("epochs", Value::Int(15)),
        ];
        let told = run(&recipe(&given), &data, None, &Stop::default());
        assert_eq!(told.trained.ending, Ending::Done);
        let accuracy = told.trained.metrics["valid/accuracy"].0;
        assert!(accuracy > 0.9, "{activation} with {layers} layers: {accuracy}");
    };
    for &activation in ACTIVATIONS {
        learn(activation, 1);
    }
    for layers in [0, 2, 3] {
        learn("relu", layers);
    }
}

#[test]
fn blobs_are_learnt_by_every_kind_of_model() {
    let data = images();
    let kind = |kind| ("model.kind", text(kind));
    let norm = || ("model.batch_norm", Value::Bool(true));
    let channels = || ("model.channels", Value::Int(4));
    for given in [
        vec![kind("linear")],
        vec![kind("perceptron"), ("optimizer.lr", Value::Float(0.1))],
        vec![kind("mlp"), norm()],
        vec![kind("cnn"), channels()],
        vec![kind("cnn"), channels(), norm(), ("regularize.dropout", Value::Float(0.1))],
        vec![kind("resnet"), channels(), ("model.stages", Value::Int(2))],
    ] {
        let base = [("optimizer.lr", Value::Float(0.02)), ("epochs", Value::Int(15))];
        let recipe = recipe(&[base.as_slice(), &given].concat());
        let told = run(&recipe, &data, None, &Stop::default());
        let accuracy = told.trained.metrics["valid/accuracy"].0;
        assert!(accuracy > 0.9, "{given:?}: {accuracy}");
    }
}

#[test]
fn blobs_are_learnt_by_the_historical_networks() {
    let square = |side: usize| {
        let (pixels, labels) = blobs(240, side * side, 3);
        Dataset::new(&pixels, &labels, 3, Device::Cpu).with_shape(&[1, side, side])
    };
    let norm = || ("model.batch_norm", Value::Bool(true));
    let rate = |lr| ("optimizer.lr", Value::Float(lr));
    for (side, given) in [
        (17, vec![("model.kind", text("vgg")), norm(), rate(0.01)]),
        // With 0.01 the accuracy of these jumps from epoch to epoch: a sum's last digit decides.
        (5, vec![("model.kind", text("alexnet")), norm(), rate(0.003)]),
        (5, vec![("model.kind", text("googlenet")), rate(0.003)]),
    ] {
        let base = [
            ("model.channels", Value::Int(8)),
            ("model.width", Value::Int(16)),
            ("epochs", Value::Int(15)),
            ("batch_size", Value::Int(12)),
        ];
        let recipe = recipe(&[base.as_slice(), &given].concat());
        let told = run(&recipe, &square(side), None, &Stop::default());
        let accuracy = told.trained.metrics["valid/accuracy"].0;
        assert!(accuracy > 0.9, "{given:?}: {accuracy}");
    }
}

#[test]
fn blobs_are_learnt_with_every_optimizer_and_schedule() {
    let data = small();
    let optimizer =
        |kind, lr| vec![("optimizer.kind", text(kind)), ("optimizer.lr", Value::Float(lr))];
    let schedule = |kind| vec![("schedule.kind", text(kind)), ("optimizer.lr", Value::Float(0.02))];
    for given in [
        optimizer("gd", 0.5),
        optimizer("rmsprop", 0.01),
        optimizer("adagrad", 0.1),
        schedule("step"),
        schedule("cosine"),
        schedule("one_cycle"),
        vec![
            ("balance", Value::Bool(true)),
            ("label_smoothing", Value::Float(0.1)),
            ("optimizer.lr", Value::Float(0.02)),
        ],
        vec![("optimizer.clip", Value::Float(0.1)), ("optimizer.lr", Value::Float(0.02))],
    ] {
        let epochs = if given[0].1 == text("gd") { 100 } else { 20 };
        let recipe = recipe(&[&[("epochs", Value::Int(epochs))], given.as_slice()].concat());
        let told = run(&recipe, &data, None, &Stop::default());
        let accuracy = told.trained.metrics["valid/accuracy"].0;
        assert!(accuracy > 0.9, "{given:?}: {accuracy}");
    }
}

#[test]
fn images_too_small_for_their_pools_are_an_error_of_the_run() {
    use dlgrid_train::run::{Job, Log, train};
    let data = small();
    let recipe = recipe(&[("model.kind", text("cnn"))]);
    let save_every = std::time::Duration::MAX;
    let job = Job {
        id: super::support::id(),
        recipe: &recipe,
        seed: 1,
        fold: None,
        data: &data,
        test: None,
        save_every,
    };
    let mut log = Log { epoch: &mut |_| (), save: &mut |_, _, _| true };
    let error = train(&job, None, &Stop::default(), &mut log).expect_err("too small");
    let cause = std::error::Error::source(&error).expect("a cause").to_string();
    assert_eq!(cause, "`model.blocks: 2` needs images of at least 4 × 4, these are 1 × 16");
}

#[test]
fn a_run_tells_its_confusion() {
    let told = run(&recipe(&[]), &small(), None, &Stop::default());
    let confusion = told.trained.confusion.expect("a done run has one");
    assert_eq!(confusion.iter().flatten().sum::<u64>(), 12);
    let hits: u64 = (0..3).map(|c| confusion[c][c]).sum();
    assert_eq!(told.trained.metrics["valid/accuracy"].0, hits as f64 / 12.0);
    assert_eq!(told.epochs.len(), 2);
    assert_eq!(told.epochs[1].metrics, told.trained.metrics);
    assert_eq!(told.trained.weights, 16 * 8 + 8 + 8 * 8 + 8 + 8 * 3 + 3);
    assert!(told.trained.samples_per_s.expect("trained") > 0.0);
}

#[test]
fn a_loss_that_explodes_ends_the_run_at_once() {
    let given = [
        ("optimizer.kind", text("sgd")),
        ("optimizer.lr", Value::Float(1e30)),
        ("epochs", Value::Int(50)),
    ];
    let told = run(&recipe(&given), &small(), None, &Stop::default());
    let Ending::Diverged { why } = &told.trained.ending else { panic!("{:?}", told.trained) };
    assert!(why.contains("/loss is ") && why.ends_with("after epoch 1"), "{why}");
    assert_eq!(told.trained.epochs, 1);
    assert!(told.trained.metrics.is_empty() && told.trained.confusion.is_none());
}

#[test]
fn the_seed_decides_everything() {
    use dlgrid_train::run::{Job, Log, train};
    let data = small();
    let recipe = recipe(&[("regularize.dropout", Value::Float(0.2))]);
    let weights = |seed| {
        let id = super::support::id();
        let save_every = std::time::Duration::MAX;
        let job =
            Job { id, recipe: &recipe, seed, fold: None, data: &data, test: None, save_every };
        let mut log = Log { epoch: &mut |_| (), save: &mut |_, _, _| true };
        train(&job, None, &Stop::default(), &mut log).expect("trains").parameters
    };
    assert_eq!(weights(5), weights(5));
    assert_ne!(weights(5), weights(6));
}

#[test]
fn the_test_set_is_not_even_looked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    write_idx(folder.path(), &blobs(40, 12, 4), (3, 4));
    let images = Images::idx(folder.path(), None).expect("reads");
    let data = Dataset::of_images(&images, Device::Cpu);
    assert_eq!((data.samples, data.features, data.classes), (40, 12, 4));
    let told = run(&recipe(&[]), &data, None, &Stop::default());
    assert_eq!(told.trained.ending, Ending::Done);
}

#[test]
fn a_batch_larger_than_the_data_is_the_whole_data() {
    let told = run(&recipe(&[("batch_size", Value::Int(1000))]), &small(), None, &Stop::default());
    assert_eq!(told.trained.ending, Ending::Done);
    assert_eq!(told.epochs.len(), 2);
}

#[test]
fn a_data_set_too_small_for_its_split_is_an_error() {
    use dlgrid_train::run::{Job, Log, train};
    let data = Dataset::new(&[1, 2, 3, 4], &[0, 1], 2, Device::Cpu);
    let recipe = recipe(&[]);
    let save_every = std::time::Duration::MAX;
    let id = super::support::id();
    let job = Job { id, recipe: &recipe, seed: 1, fold: None, data: &data, test: None, save_every };
    let mut log = Log { epoch: &mut |_| (), save: &mut |_, _, _| true };
    let error = train(&job, None, &Stop::default(), &mut log).expect_err("too small");
    let cause = std::error::Error::source(&error).expect("a cause").to_string();
    assert_eq!(cause, "2 samples leave 2 for training and 0 for validation");
}

#[test]
fn a_model_too_large_for_memory_is_an_error_of_its_run() {
    use dlgrid_train::run::{Job, Log, RunError, train};
    let data = small();
    // A spec is not allowed as much, so that this machine's memory is all that is asked for.
    let mut recipe = recipe(&[]);
    recipe.model.net = Net::Mlp { layers: 256, width: 1 << 17, batch_norm: false };
    let save_every = std::time::Duration::MAX;
    let job = Job {
        id: super::support::id(),
        recipe: &recipe,
        seed: 1,
        fold: None,
        data: &data,
        test: None,
        save_every,
    };
    let mut log = Log { epoch: &mut |_| (), save: &mut |_, _, _| true };
    let error = train(&job, None, &Stop::default(), &mut log).expect_err("17 TB");
    assert!(matches!(error, RunError::Memory { numbers: 4_000_000_000_000.. }), "{error}");
}

#[test]
fn what_libtorch_throws_is_an_error_of_the_run_in_its_first_line() {
    use dlgrid_train::run::{Job, Log, RunError, train};
    let data = small();
    let recipe = recipe(&[]);
    let save_every = std::time::Duration::MAX;
    let job = Job {
        id: super::support::id(),
        recipe: &recipe,
        seed: 1,
        fold: None,
        data: &data,
        test: None,
        save_every,
    };
    let refused = || {
        let shapes = [
            dlgrid_train::tch::Tensor::from(1.0).view([1, 1]),
            dlgrid_train::tch::Tensor::zeros([3, 3], dlgrid_train::tch::kind::DOUBLE_CPU),
        ];
        let _ = shapes[0].mm(&shapes[1]);
    };
    let mut log = Log { epoch: &mut |_| refused(), save: &mut |_, _, _| true };
    let error = train(&job, None, &Stop::default(), &mut log).expect_err("refused");
    let RunError::Libtorch(why) = &error else { panic!("{error}") };
    assert!(why.contains("mat1") && !why.contains("Exception raised"), "{why}");
    assert!(!error.is_lasting());
}
