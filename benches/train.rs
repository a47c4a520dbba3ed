//! Training against a plain tch loop of the same model and batch size, side by side on one
//! thread: `cargo bench --features torch --bench train`. Prints samples/s and their ratio, which
//! is to be at least 1.
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
    let dlgrid_train::data::Inputs::Bytes(images) = &data.inputs else { return };
    let pixels = images.narrow(0, 0, TRAINED).to_kind(Kind::Float) / 255.0;
    let classes = data.labels.tensor().narrow(0, 0, TRAINED).copy();
    println!("one epoch of {TRAINED} samples, 784-64-64-64-10, Adam, one thread; samples/s");
    for batch in [256, 64] {
        let recipe = recipe(batch);
        let (mut plain, mut ours) = (Vec::new(), Vec::new());
        for round in 0..=rounds.unwrap_or(9) {
            let pair = (plain_epoch(&pixels, &classes, batch), our_epoch(&recipe, &data));
            // The first round warms caches.
            if round > 0 {
                plain.push(pair.0);
                ours.push(pair.1);
            }
        }
        let ratios = ours.iter().zip(&plain).map(|(o, p)| o / p).collect();
        println!(
            "batch {batch:>3}: plain {:>7.0}  dlgrid {:>7.0}  ratio {:.2}",
            median(plain),
            median(ours),
            median(ratios)
        );
    }
}

/// What a person would write with tch and nothing else.
fn plain_epoch(pixels: &Tensor, classes: &Tensor, batch: i64) -> f64 {
    let store = nn::VarStore::new(Device::Cpu);
    let root = store.root();
    let layer = |name: &str, i, o| nn::linear(&root / name, i, o, Default::default());
    let net = nn::seq()
        .add(layer("0", 784, 64))
        .add_fn(|x| x.relu())
        .add(layer("1", 64, 64))
        .add_fn(|x| x.relu())
        .add(layer("2", 64, 64))
        .add_fn(|x| x.relu())
        .add(layer("3", 64, 10));
    let mut optimizer = nn::Adam::default().build(&store, 0.003).expect("an optimizer");
    let begun = Instant::now();
    let order = Tensor::randperm(TRAINED, (Kind::Int64, Device::Cpu));
    let mut total = 0.0;
    for from in (0..TRAINED).step_by(usize::try_from(batch).expect("positive")) {
        let rows = order.narrow(0, from, batch.min(TRAINED - from));
        let (x, y) = (pixels.index_select(0, &rows), classes.index_select(0, &rows));
        let loss = net.forward(&x).cross_entropy_for_logits(&y);
        optimizer.backward_step(&loss);
        total += loss.double_value(&[]);
    }
    assert!(total.is_finite());
    TRAINED as f64 / begun.elapsed().as_secs_f64()
}

/// An epoch as the worker trains it, metrics included, evaluation left out.
fn our_epoch(recipe: &Recipe, data: &Dataset) -> f64 {
    let id = RunId::of(&Work::Train(Box::default()), 1);
    let job = Job { id, recipe, seed: 1, data, save_every: Duration::MAX };
    let mut log = Log { epoch: &mut |_| (), save: &mut |_, _, _| true };
    let trained = train(&job, None, &Stop::default(), &mut log).expect("trains");
    trained.samples_per_s.expect("an epoch is trained")
}

fn recipe(batch: i64) -> Recipe {
    let mut settings = Settings::default();
    for (path, value) in [
        ("data.set", Value::Text("mnist".into())),
        ("epochs", Value::Int(1)),
        ("batch_size", Value::Int(batch)),
        ("optimizer.lr", Value::Float(0.003)),
    ] {
        settings.set(key::find(path).expect("a key of the table"), value);
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
