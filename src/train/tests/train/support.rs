//! Generated data and short recipes for tests.
use std::path::Path;
use std::time::Duration;

use dlgrid_sweep::recipe::{Recipe, Settings, Value, Work, key};
use dlgrid_sweep::trial::RunId;
use dlgrid_train::data::{Dataset, Split};
use dlgrid_train::engine::{EpochEnd, Stop};
use dlgrid_train::random::{Place, Purpose};
use dlgrid_train::run::{Job, Log, Trained, train};
use dlgrid_train::tch::Device;

/// Images around one point a class, `[samples * features]`, and their labels: learnable, and
/// the same in every test run.
pub fn blobs(samples: usize, features: usize, classes: u8) -> (Vec<u8>, Vec<u8>) {
    let mut centres = vec![0.0f32; usize::from(classes) * features];
    let mut noise = vec![0.0f32; samples * features];
    let mut stream = Place::start(42).stream(Purpose::Weights);
    stream.fill_uniform(&mut centres, 80.0);
    stream.fill_uniform(&mut noise, 40.0);
    let labels: Vec<u8> = (0..classes).cycle().take(samples).collect();
    let images = noise.iter().enumerate().map(|(i, noise)| {
        let centre = centres[usize::from(labels[i / features]) * features + i % features];
        (128.0 + centre + noise).round() as u8
    });
    (images.collect(), labels)
}

/// A small data set of blobs.
pub fn small() -> Dataset {
    let (images, labels) = blobs(60, 16, 3);
    Dataset::new(&images, &labels, 3, Device::Cpu)
}

/// The same as images of 4 × 4.
pub fn images() -> Dataset {
    Dataset { shape: vec![1, 4, 4], ..small() }
}

/// Writes images of `rows * columns` bytes and labels as the files of an IDX data set.
pub fn write_idx(
    folder: &Path,
    (images, labels): &(Vec<u8>, Vec<u8>),
    (rows, columns): (u32, u32),
) {
    let count = u32::try_from(labels.len()).expect("few");
    let file = |shape: &[u32], values: &[u8]| {
        let mut raw = vec![0, 0, 8, u8::try_from(shape.len()).expect("few")];
        raw.extend(shape.iter().flat_map(|d| d.to_be_bytes()));
        raw.extend(values);
        raw
    };
    let write = |name, raw| std::fs::write(folder.join(name), raw).expect("written");
    write("train-images-idx3-ubyte", file(&[count, rows, columns], images));
    write("train-labels-idx1-ubyte", file(&[count], labels));
}

/// Settings of a run on an IDX data set: a small network, and these on top.
pub fn settings(given: &[(&str, Value)]) -> Settings {
    let mut settings = Settings::default();
    let base = [
        ("data.set", Value::Text("idx".into())),
        ("data.path", Value::Text("generated".into())),
        ("model.layers", Value::Int(2)),
        ("model.width", Value::Int(8)),
        ("batch_size", Value::Int(7)),
        ("epochs", Value::Int(2)),
    ];
    for (path, value) in base.iter().chain(given) {
        settings.set(key::find(path).expect("a key of the table"), value.clone());
    }
    settings
}

/// The same as a recipe.
pub fn recipe(given: &[(&str, Value)]) -> Recipe {
    Recipe::new(&settings(given)).expect("a recipe")
}

/// Text as a setting's value.
pub fn text(word: &str) -> Value {
    Value::Text(word.into())
}

/// A training with what it told.
pub struct Told {
    pub trained: Trained,
    pub epochs: Vec<EpochEnd>,
    /// The last checkpoint that it saved.
    pub checkpoint: Option<Vec<u8>>,
}

/// Identity of the tests' run.
pub fn id() -> RunId {
    RunId::of(&Work::Train(Box::new(settings(&[]))), 1, None)
}

/// Trains a recipe with seed 1.
pub fn run(recipe: &Recipe, data: &Dataset, from: Option<&[u8]>, stop: &Stop) -> Told {
    run_saving(recipe, data, from, stop, Duration::MAX)
}

/// Trains a recipe with seed 1, saving every so often.
pub fn run_saving(
    recipe: &Recipe,
    data: &Dataset,
    from: Option<&[u8]>,
    stop: &Stop,
    save_every: Duration,
) -> Told {
    // As in the worker; else sums would depend on which test ran first.
    dlgrid_train::tch::set_num_threads(1);
    let (mut epochs, mut checkpoint) = (Vec::new(), None);
    let job = Job { id: id(), recipe, seed: 1, fold: None, data, test: None, save_every };
    let mut log = Log {
        epoch: &mut |end| epochs.push(end.clone()),
        save: &mut |_, _, bytes| {
            checkpoint = Some(bytes.to_vec());
            true
        },
    };
    let trained = train(&job, from, stop, &mut log).expect("trains");
    Told { trained, epochs, checkpoint }
}

/// The samples that train and those held back, drawn by a seed.
pub fn split(recipe: &Recipe, data: &Dataset, seed: u64) -> Split {
    Split::of(data, &recipe.data, seed, None).expect("a split")
}
