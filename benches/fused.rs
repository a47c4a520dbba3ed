//! Runs trained as one program against the same runs one after another, side by side on one
//! thread: `cargo bench --features torch --bench fused`. Prints samples/s of processor time and
//! their ratio.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
use std::time::Duration;

use dlgrid_sweep::recipe::{Recipe, Settings, Value, Work, key};
use dlgrid_sweep::trial::RunId;
use dlgrid_train::data::Dataset;
use dlgrid_train::random::{Place, Purpose};
use dlgrid_train::run::Job;
use dlgrid_train::tch::{self, Device};

#[path = "support/training.rs"]
mod training;
use training::{one, together};

/// A network and its data.
struct Case {
    name: &'static str,
    features: usize,
    classes: usize,
    layers: i64,
    width: i64,
    samples: usize,
}

const CASES: [Case; 4] = [
    Case {
        name: "784-512-512-10",
        features: 784,
        classes: 10,
        layers: 2,
        width: 512,
        samples: 1_500,
    },
    Case { name: "784-64-64-10", features: 784, classes: 10, layers: 2, width: 64, samples: 3_000 },
    Case { name: "128-64-64-10", features: 128, classes: 10, layers: 2, width: 64, samples: 1_500 },
    Case { name: "8-32-2", features: 8, classes: 2, layers: 1, width: 32, samples: 768 },
];

fn main() {
    tch::set_num_threads(1);
    let word = |name: &str| std::env::args().find_map(|a| a.strip_prefix(name)?.parse().ok());
    let rounds = word("--rounds=").unwrap_or(5);
    let runs = word("--runs=").unwrap_or(64) as u64;
    println!("{runs} runs of one epoch on one thread; samples/s over all of them, medians");
    for case in CASES {
        let (images, labels) = noise(&case);
        let data = Dataset::new(&images, &labels, case.classes, Device::Cpu);
        for batch in [64, 256] {
            let recipe = recipe(&case, batch);
            let save_every = Duration::MAX;
            let job = |seed| {
                let id = RunId::of(&Work::Train(Box::default()), seed, None);
                Job { id, recipe: &recipe, seed, fold: None, data: &data, test: None, save_every }
            };
            let jobs: Vec<Job<'_>> = (0..runs).map(job).collect();
            let samples = (case.samples * 4 / 5) as f64 * runs as f64;
            compare(&format!("{:<14} batch {batch:>3}", case.name), &jobs, samples, rounds);
        }
    }
}

/// Runs all ways in turn and prints what each makes.
fn compare(name: &str, jobs: &[Job<'_>], samples: f64, rounds: usize) {
    let sizes: Vec<usize> = [1, 4, 16, 64].into_iter().filter(|k| *k <= jobs.len()).collect();
    let mut alone = Vec::new();
    let mut fused: Vec<Vec<f64>> = vec![Vec::new(); sizes.len()];
    for _ in 0..rounds {
        let begun = processor_seconds();
        jobs.iter().for_each(one);
        alone.push(samples / (processor_seconds() - begun));
        for (size, fused) in sizes.iter().zip(&mut fused) {
            let begun = processor_seconds();
            jobs.chunks(*size).for_each(|jobs| together(jobs));
            fused.push(samples / (processor_seconds() - begun));
        }
    }
    let one = median(alone.clone());
    let each: Vec<String> = sizes
        .iter()
        .zip(fused)
        .map(|(size, fused)| {
            let ratio = median(fused.iter().zip(&alone).map(|(f, a)| f / a).collect());
            format!("{size:>3}: {:>9.0} ({ratio:.2})", median(fused))
        })
        .collect();
    println!("{name}  alone {one:>9.0}  {}", each.join("  "));
}

/// Time that the processor spent on the main thread: on a busy machine less of it is noise.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanoseconds = stat.split_whitespace().next().and_then(|n| n.parse::<f64>().ok());
    nanoseconds.expect("Linux counts the time of a thread") / 1e9
}

fn recipe(case: &Case, batch: i64) -> Recipe {
    let mut settings = Settings::default();
    for (path, value) in [
        ("data.set", Value::Text("idx".into())),
        ("data.path", Value::Text("generated".into())),
        ("model.layers", Value::Int(case.layers)),
        ("model.width", Value::Int(case.width)),
        ("epochs", Value::Int(1)),
        ("batch_size", Value::Int(batch)),
        ("optimizer.lr", Value::Float(0.003)),
    ] {
        settings.set(key::find(path).expect("a key of the table"), value);
    }
    Recipe::new(&settings).expect("a recipe")
}

/// Samples and labels without meaning: speed doesn't depend on it.
fn noise(case: &Case) -> (Vec<u8>, Vec<u8>) {
    let mut values = vec![0.0f32; case.samples * case.features];
    Place::start(1).stream(Purpose::Weights).fill_uniform(&mut values, 127.0);
    let images = values.iter().map(|x| (x + 127.0) as u8).collect();
    (images, (0..case.classes as u8).cycle().take(case.samples).collect())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
