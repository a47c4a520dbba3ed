//! Training against a plain tch loop of the same model and batch size, side by side on one
//! thread: `cargo bench --features torch --bench train`. Prints samples/s and their ratio, which
//! is to be at least 1 for the perceptron and 0.91 for the convolutional network; and what
//! augmentation costs of the convolutional network's steps, which is to be less than 15 %.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
use std::time::{Duration, Instant};

use dlgrid_sweep::recipe::{Recipe, Settings, Value, Work, key};
use dlgrid_sweep::trial::RunId;
use dlgrid_train::data::Dataset;
use dlgrid_train::engine::Stop;
use dlgrid_train::random::{Place, Purpose};
use dlgrid_train::run::{Job, Log, train};
use dlgrid_train::tch::nn::{self, Module as _, OptimizerConfig as _};
use dlgrid_train::tch::{self, Device, Kind, Tensor};

const SAMPLES: usize = 60_000;
const TRAINED: i64 = 48_000;
const FEATURES: usize = 784;

fn main() {
    tch::set_num_threads(1);
    let rounds = std::env::args().find_map(|a| a.strip_prefix("--rounds=")?.parse().ok());
    let (images, labels) = noise();
    let data = Dataset::new(&images, &labels, 10, Device::Cpu);
    let dlgrid_train::data::Inputs::Bytes(bytes) = &data.inputs else { return };
    let pixels = bytes.narrow(0, 0, TRAINED).to_kind(Kind::Float) / 255.0;
    let classes = data.labels.tensor().narrow(0, 0, TRAINED).copy();
    let rounds = rounds.unwrap_or(9);
    println!("one epoch of {TRAINED} samples, 784-64-64-64-10, Adam, one thread; samples/s");
    for batch in [256, 64] {
        let recipe = recipe(batch, &[]);
        let plain = || plain_epoch(&pixels, &classes, batch, &perceptron);
        compare(batch, rounds, plain, || our_epoch(&recipe, &data));
    }
    // The network is slower by far: a part of the samples says as much.
    let few = (rounds / 3).max(1);
    let part = TRAINED / 8;
    let (images, labels) = (&images[..SAMPLES / 8 * FEATURES], &labels[..SAMPLES / 8]);
    let data = Dataset::new(images, labels, 10, Device::Cpu);
    let data = Dataset { shape: vec![1, 28, 28], ..data };
    let (pixels, classes) = (pixels.narrow(0, 0, part), classes.narrow(0, 0, part));
    println!("one epoch of {part} samples, two blocks of 32 and 64 channels, 128 dense units");
    for batch in [256, 64] {
        let recipe = recipe(batch, &[("model.kind", Value::Text("cnn".into()))]);
        let plain = || plain_epoch(&pixels, &classes, batch, &convolutional);
        compare(batch, few, plain, || our_epoch(&recipe, &data));
    }
    println!("the same network on augmented images: what an epoch takes more of the processor");
    for (name, changes) in augmentations() {
        let cnn = [("model.kind", Value::Text("cnn".into()))];
        let (plain, augmented) = (recipe(256, &cnn), recipe(256, &[&cnn, &*changes].concat()));
        let mut more = Vec::new();
        for _ in 0..few {
            let (plain, augmented) =
                (on_cpu(|| our_epoch(&plain, &data)), on_cpu(|| our_epoch(&augmented, &data)));
            more.push(augmented / plain - 1.0);
        }
        println!("{name:<28} {:>5.1} %", 100.0 * median(more));
    }
}

/// Nanoseconds that this thread spends on a processor, whatever else runs there.
fn on_cpu(work: impl Fn() -> f64) -> f64 {
    let spent = || {
        let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        told.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(f64::NAN)
    };
    let begun = spent();
    work();
    spent() - begun
}

/// Augmentations by what they are called.
fn augmentations() -> Vec<(&'static str, Vec<(&'static str, Value)>)> {
    let shift = ("augment.shift", Value::Int(4));
    let flip = ("augment.flip", Value::Bool(true));
    let cutout = ("augment.cutout", Value::Int(8));
    let brightness = ("augment.brightness", Value::Float(0.2));
    let noise = ("augment.noise", Value::Float(0.05));
    let rotate = ("augment.rotate", Value::Float(15.0));
    let mixup = ("augment.mixup", Value::Float(0.2));
    let five = vec![shift.clone(), flip.clone(), cutout, brightness, noise];
    vec![
        ("shift, flip", vec![shift, flip]),
        ("and cutout, brightness, noise", five.clone()),
        ("and rotate, mixup", [five, vec![rotate, mixup]].concat()),
    ]
}

/// Runs both alternately and prints what each makes.
fn compare(batch: i64, rounds: usize, plain: impl Fn() -> f64, ours: impl Fn() -> f64) {
    let (mut theirs, mut own) = (Vec::new(), Vec::new());
    for round in 0..=rounds {
        let pair = (plain(), ours());
        // The first round warms caches.
        if round > 0 {
            theirs.push(pair.0);
            own.push(pair.1);
        }
    }
    let ratios = own.iter().zip(&theirs).map(|(o, p)| o / p).collect();
    println!(
        "batch {batch:>3}: plain {:>7.0}  dlgrid {:>7.0}  ratio {:.2}",
        median(theirs),
        median(own),
        median(ratios)
    );
}

fn perceptron(root: &nn::Path<'_>) -> nn::Sequential {
    let layer = |name: &str, i, o| nn::linear(root / name, i, o, Default::default());
    nn::seq()
        .add(layer("0", 784, 64))
        .add_fn(|x| x.relu())
        .add(layer("1", 64, 64))
        .add_fn(|x| x.relu())
        .add(layer("2", 64, 64))
        .add_fn(|x| x.relu())
        .add(layer("3", 64, 10))
}

fn convolutional(root: &nn::Path<'_>) -> nn::Sequential {
    let padded = nn::ConvConfig { padding: 1, ..Default::default() };
    let layer = |name: &str, i, o| nn::linear(root / name, i, o, Default::default());
    nn::seq()
        .add_fn(|x| x.view([-1, 1, 28, 28]))
        .add(nn::conv2d(root / "0", 1, 32, 3, padded))
        .add_fn(|x| x.relu().max_pool2d_default(2))
        .add(nn::conv2d(root / "1", 32, 64, 3, padded))
        .add_fn(|x| x.relu().max_pool2d_default(2).flatten(1, -1))
        .add(layer("2", 64 * 49, 128))
        .add_fn(|x| x.relu())
        .add(layer("3", 128, 10))
}

/// What a person would write with tch and nothing else.
fn plain_epoch(
    pixels: &Tensor,
    classes: &Tensor,
    batch: i64,
    network: &dyn Fn(&nn::Path<'_>) -> nn::Sequential,
) -> f64 {
    let store = nn::VarStore::new(Device::Cpu);
    let net = network(&store.root());
    let samples = pixels.size()[0];
    let mut optimizer = nn::Adam::default().build(&store, 0.003).expect("an optimizer");
    let begun = Instant::now();
    let order = Tensor::randperm(samples, (Kind::Int64, Device::Cpu));
    let mut total = 0.0;
    for from in (0..samples).step_by(usize::try_from(batch).expect("positive")) {
        let rows = order.narrow(0, from, batch.min(samples - from));
        let (x, y) = (pixels.index_select(0, &rows), classes.index_select(0, &rows));
        let loss = net.forward(&x).cross_entropy_for_logits(&y);
        optimizer.backward_step(&loss);
        total += loss.double_value(&[]);
    }
    assert!(total.is_finite());
    samples as f64 / begun.elapsed().as_secs_f64()
}

/// An epoch as the worker trains it, metrics included, evaluation left out.
fn our_epoch(recipe: &Recipe, data: &Dataset) -> f64 {
    let id = RunId::of(&Work::Train(Box::default()), 1, None);
    let job = Job { id, recipe, seed: 1, fold: None, data, test: None, save_every: Duration::MAX };
    let mut log = Log { epoch: &mut |_| (), save: &mut |_, _, _| true };
    let trained = train(&job, None, &Stop::default(), &mut log).expect("trains");
    trained.samples_per_s.expect("an epoch is trained")
}

fn recipe(batch: i64, given: &[(&'static str, Value)]) -> Recipe {
    let mut settings = Settings::default();
    let base = [
        ("data.set", Value::Text("mnist".into())),
        ("epochs", Value::Int(1)),
        ("batch_size", Value::Int(batch)),
        ("optimizer.lr", Value::Float(0.003)),
    ];
    for (path, value) in base.iter().chain(given) {
        settings.set(key::find(path).expect("a key of the table"), value.clone());
    }
    Recipe::new(&settings).expect("a recipe")
}

/// Images and labels without meaning: speed doesn't depend on it.
fn noise() -> (Vec<u8>, Vec<u8>) {
    let mut values = vec![0.0f32; SAMPLES * FEATURES];
    Place::start(1).stream(Purpose::Weights).fill_uniform(&mut values, 127.0);
    let images = values.iter().map(|x| (x + 127.0) as u8).collect();
    (images, (0..10).cycle().take(SAMPLES).collect())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
