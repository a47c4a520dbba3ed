//! A cohort of the course's network on the CPU against what a person writes instead: the plain loop
//! of the tensor library, and that of PyTorch with a `DataLoader`. `make bench-fused`, or with
//! `-- --rounds=3 --threads=1`. All ways in turn; medians of samples/s over all runs of a way. On one
//! thread by its time on a processor, so that what else runs there counts little; else by the clock.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
use std::process::Command;
use std::time::{Duration, Instant};

use dlgrid_sweep::recipe::{Recipe, Settings, Value, Work, key};
use dlgrid_sweep::trial::RunId;
use dlgrid_train::data::Dataset;
use dlgrid_train::random::{Place, Purpose};
use dlgrid_train::run::Job;
use dlgrid_train::tch::nn::{self, Module as _, OptimizerConfig as _};
use dlgrid_train::tch::{self, Device, Kind, Tensor};

#[path = "support/training.rs"]
mod training;
use training::{one, together};

/// Runs of the cohort; of what is trained run by run, fewer say as much.
const RUNS: usize = 32;
const FEW: usize = 4;
/// Samples that a run trains on, and holds back: hardly any, for the plain loops judge nothing.
const TRAINED: usize = 12_000;
const HELD_BACK: usize = 120;
const FEATURES: usize = 784;
const CLASSES: usize = 10;
/// Inputs and outputs of each layer.
const LAYERS: [[i64; 2]; 4] = [[784, 64], [64, 64], [64, 64], [64, 10]];

/// A way to train, in samples/s.
type Way<'a> = (&'static str, Box<dyn Fn() -> f64 + 'a>);

fn main() {
    let rounds = word("--rounds=").unwrap_or(5);
    let threads: Vec<i32> = word("--threads=").map_or(vec![1, 2], |n| vec![n]);
    let (images, labels) = noise();
    let python = python();
    println!(
        "one epoch of {TRAINED} samples a run, 784-64-64-64-10, Adam; samples/s over all runs"
    );
    println!("x: against the plain loop; %: of what its products alone take (254 kFLOP a sample)");
    for threads in threads {
        tch::set_num_threads(threads);
        for batch in [256, 64] {
            compare((&images, &labels), batch, threads, rounds, python.as_deref());
        }
    }
    if let Err(why) = python {
        println!("skipped: the loop of PyTorch: {why}");
    }
}

fn word<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::args().find_map(|word| word.strip_prefix(name)?.parse().ok())
}

/// Takes all ways in turn and prints what each makes.
fn compare(
    noise: (&[u8], &[u8]),
    batch: i64,
    threads: i32,
    rounds: usize,
    python: Result<&str, &String>,
) {
    let data = &Dataset::new(noise.0, noise.1, CLASSES, Device::Cpu);
    let (own, shared) = (recipe(batch, false), recipe(batch, true));
    let clock = Clock(threads);
    let plain = Plain::new(data);
    let mut ways: Vec<Way<'_>> = vec![
        (
            "plain loop of tch",
            Box::new(|| clock.rate(FEW, || (0..FEW).for_each(|_| plain.epoch(batch)))),
        ),
        (
            "dlgrid, fuse: off",
            Box::new(|| clock.rate(FEW, || jobs(&own, data, FEW).iter().for_each(one))),
        ),
        (
            "dlgrid, fused, 1 run",
            Box::new(|| clock.rate(FEW, || jobs(&own, data, FEW).chunks(1).for_each(together))),
        ),
        (
            "dlgrid, fused, 32 runs",
            Box::new(|| clock.rate(RUNS, || together(&jobs(&own, data, RUNS)))),
        ),
        (
            "  and shared_order",
            Box::new(|| clock.rate(RUNS, || together(&jobs(&shared, data, RUNS)))),
        ),
        ("products alone", Box::new(|| products(batch, clock))),
    ];
    if let Ok(python) = python {
        ways.push((
            "PyTorch, DataLoader",
            Box::new(move || loop_of_pytorch(python, batch, threads)),
        ));
    }
    if threads > 1 {
        ways.push((
            "dlgrid, fused, a worker a core",
            Box::new(|| clock.rate(RUNS, || by_workers(&own, noise, threads))),
        ));
    }
    if let Some(only) = word::<String>("--only=") {
        return watch(&ways, &only, rounds);
    }
    let mut rates: Vec<Vec<f64>> = vec![Vec::new(); ways.len()];
    for round in 0..=rounds {
        for ((_, way), rates) in ways.iter().zip(&mut rates) {
            let rate = way();
            // The first round warms caches.
            if round > 0 {
                rates.push(rate);
            }
        }
    }
    let ratio = |ours: &[f64], to: usize| median(ours.iter().zip(&rates[to]).map(|(a, b)| a / b));
    println!("\n{threads} thread(s), batch {batch}");
    for ((name, _), own) in ways.iter().zip(&rates) {
        let (times, share) = (ratio(own, 0), 100.0 * ratio(own, 5));
        println!("{name:<32}{:>9.0}  {times:>5.2} x  {share:>4.0} %", median(own.iter().copied()));
    }
}

/// Takes one way alone, for a profiler.
fn watch(ways: &[Way<'_>], only: &str, rounds: usize) {
    for (name, way) in ways.iter().filter(|(name, _)| name.trim() == only) {
        let rates: Vec<f64> = (0..rounds).map(|_| way()).collect();
        println!("{name}: {:.0}", median(rates.into_iter()));
    }
}

/// As the workers of a machine do, of which each has one core, and data of its own, and trains its
/// part of the runs.
fn by_workers(recipe: &Recipe, (images, labels): (&[u8], &[u8]), workers: i32) {
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(move || {
                tch::set_num_threads(1);
                let data = Dataset::new(images, labels, CLASSES, Device::Cpu);
                together(&jobs(recipe, &data, RUNS / workers as usize));
            });
        }
    });
    tch::set_num_threads(workers);
}

/// How time is taken, for so many threads.
#[derive(Clone, Copy)]
struct Clock(i32);

impl Clock {
    fn seconds(self) -> f64 {
        if self.0 > 1 {
            static BEGUN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
            return BEGUN.get_or_init(Instant::now).elapsed().as_secs_f64();
        }
        let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        let spent = told.split(' ').next().and_then(|ns| ns.parse::<f64>().ok());
        spent.expect("Linux counts the time of a thread") / 1e9
    }

    /// Samples/s of work that trains so many runs.
    fn rate(self, runs: usize, work: impl FnOnce()) -> f64 {
        let begun = self.seconds();
        work();
        (runs * TRAINED) as f64 / (self.seconds() - begun)
    }
}

fn jobs<'a>(recipe: &'a Recipe, data: &'a Dataset, runs: usize) -> Vec<Job<'a>> {
    let job = |seed| {
        let id = RunId::of(&Work::Train(Box::default()), seed, None);
        Job { id, recipe, seed, fold: None, data, test: None, save_every: Duration::MAX }
    };
    (1..=runs as u64).map(job).collect()
}

/// What a person would write with tch and nothing else.
struct Plain {
    pixels: Tensor,
    classes: Tensor,
}

impl Plain {
    fn new(data: &Dataset) -> Self {
        let dlgrid_train::data::Inputs::Bytes(bytes) = &data.inputs else {
            unreachable!("the samples are bytes")
        };
        let pixels = bytes.narrow(0, 0, TRAINED as i64).to_kind(Kind::Float) / 255.0;
        Self { pixels, classes: data.labels.tensor().narrow(0, 0, TRAINED as i64).copy() }
    }

    fn epoch(&self, batch: i64) {
        let store = nn::VarStore::new(Device::Cpu);
        let root = store.root();
        let mut net = nn::seq();
        for (at, [inputs, outputs]) in LAYERS.into_iter().enumerate() {
            net = net.add(nn::linear(&root / at, inputs, outputs, Default::default()));
            if at + 1 < LAYERS.len() {
                net = net.add_fn(|x| x.relu());
            }
        }
        let mut optimizer = nn::Adam::default().build(&store, 0.003).expect("an optimizer");
        let samples = TRAINED as i64;
        let order = Tensor::randperm(samples, (Kind::Int64, Device::Cpu));
        let mut total = 0.0;
        for from in (0..samples).step_by(batch as usize) {
            let rows = order.narrow(0, from, batch.min(samples - from));
            let (x, y) = (self.pixels.index_select(0, &rows), self.classes.index_select(0, &rows));
            let loss = net.forward(&x).cross_entropy_for_logits(&y);
            optimizer.backward_step(&loss);
            total += loss.double_value(&[]);
        }
        assert!(total.is_finite());
    }
}

/// Samples/s of the matrix products that a step of 32 runs can't do without: of each layer its outputs
/// and the gradient of its weights, and of all but the first that of its inputs.
fn products(batch: i64, clock: Clock) -> f64 {
    let runs = RUNS as i64;
    let matrix = |rows, columns| Tensor::rand([runs, rows, columns], (Kind::Float, Device::Cpu));
    let layers = LAYERS.map(|[inputs, outputs]| {
        let operands = [matrix(batch, inputs), matrix(outputs, inputs), matrix(batch, outputs)];
        (operands, [matrix(batch, outputs), matrix(outputs, inputs), matrix(batch, inputs)])
    });
    let begun = clock.seconds();
    let steps = TRAINED as i64 / batch;
    for _ in 0..steps {
        for (at, ([x, weights, gradient], [out, of_weights, of_x])) in layers.iter().enumerate() {
            let _ = x.bmm_out(out, &weights.transpose(1, 2));
            let _ = gradient.transpose(1, 2).bmm_out(of_weights, x);
            if at > 0 {
                let _ = gradient.bmm_out(of_x, weights);
            }
        }
    }
    (steps * batch * runs) as f64 / (clock.seconds() - begun)
}

/// A Python that has PyTorch: that of `PYTHON`, else `python3`.
fn python() -> Result<String, String> {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".into());
    let has = Command::new(&python).args(["-c", "import torch"]).output();
    match has {
        Ok(said) if said.status.success() => Ok(python),
        Ok(_) => Err(format!("`{python}` has no torch (PYTHON names another)")),
        Err(error) => Err(format!("`{python}` can't be run: {error}")),
    }
}

fn loop_of_pytorch(python: &str, batch: i64, threads: i32) -> f64 {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/loop.py");
    let said = Command::new(python)
        .arg(script)
        .args([batch.to_string(), threads.to_string(), TRAINED.to_string()])
        .output()
        .expect("Python runs");
    let told = String::from_utf8_lossy(&said.stdout);
    told.trim().parse().unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&said.stderr)))
}

fn recipe(batch: i64, shared_order: bool) -> Recipe {
    let mut settings = Settings::default();
    let valid = HELD_BACK as f64 / (TRAINED + HELD_BACK) as f64;
    for (path, value) in [
        ("data.set", Value::Text("idx".into())),
        ("data.path", Value::Text("generated".into())),
        ("data.valid", Value::Float(valid)),
        ("model.layers", Value::Int(3)),
        ("model.width", Value::Int(64)),
        ("epochs", Value::Int(1)),
        ("batch_size", Value::Int(batch)),
        ("optimizer.lr", Value::Float(0.003)),
        ("shared_order", Value::Bool(shared_order)),
    ] {
        settings.set(key::find(path).expect("a key of the table"), value);
    }
    Recipe::new(&settings).expect("a recipe")
}

/// Images and labels without meaning: speed doesn't depend on it.
fn noise() -> (Vec<u8>, Vec<u8>) {
    let samples = TRAINED + HELD_BACK;
    let mut values = vec![0.0f32; samples * FEATURES];
    Place::start(1).stream(Purpose::Weights).fill_uniform(&mut values, 127.0);
    let images = values.iter().map(|x| (x + 127.0) as u8).collect();
    (images, (0..CLASSES as u8).cycle().take(samples).collect())
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
