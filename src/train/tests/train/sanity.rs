//! One batch, overfitted: each verdict on a model that was made to deserve it.
use std::ops::Range;
use std::time::Duration;

use dlgrid_sweep::recipe::{Recipe, Value};
use dlgrid_sweep::sanity::{SAMPLES, STEPS, Verdict, bare, verdict};
use dlgrid_train::data::{Batch, Dataset, Split};
use dlgrid_train::engine::{Length, Named, Optimizer, Progress, Task, Training};
use dlgrid_train::model::Mode;
use dlgrid_train::overfit::{self, Overfitted, on_one_batch, overfit};
use dlgrid_train::parameters::Parameters;
use dlgrid_train::random::{Place, Purpose};
use dlgrid_train::run::Job;
use dlgrid_train::task::classify::Classify;
use dlgrid_train::tch::{Device, Tensor};

use super::support::{blobs, id, images, settings, small, text};

const HOW: overfit::Batch = overfit::Batch { steps: STEPS, samples: SAMPLES };

fn tried(data: &Dataset, given: &[(&str, Value)]) -> Overfitted {
    let base = [("batch_size", Value::Int(48))];
    let settings = settings(&[base.as_slice(), given].concat());
    let recipe = Recipe::new(&bare(&settings)).expect("a recipe");
    let job = Job {
        id: id(),
        recipe: &recipe,
        seed: 1,
        fold: None,
        data,
        test: None,
        save_every: Duration::MAX,
    };
    overfit(&job, HOW).expect("trains")
}

#[track_caller]
fn says(data: &Dataset, expected: Verdict, given: &[(&str, Value)]) -> Overfitted {
    let found = tried(data, given);
    let said = verdict(&found.losses, found.guessing);
    assert_eq!(said, expected, "{given:?}\n{:?}", found.losses);
    found
}

fn lr(rate: f64) -> (&'static str, Value) {
    ("optimizer.lr", Value::Float(rate))
}

fn sgd() -> (&'static str, Value) {
    ("optimizer.kind", text("sgd"))
}

/// Samples of two numbers whose classes follow from nothing.
fn contradictory() -> Dataset {
    let (points, labels) = blobs(60, 2, 3);
    let mut drawn = vec![0.0f32; labels.len()];
    Place::start(5).stream(Purpose::Weights).fill_uniform(&mut drawn, 1.5);
    let labels: Vec<u8> = drawn.iter().map(|x| ((x + 1.5) as u8).min(2)).collect();
    Dataset::new(&points, &labels, 3, Device::Cpu)
}

#[test]
fn a_model_that_learns_falls_to_zero_and_says_so_early() {
    let found = says(&small(), Verdict::Learns, &[lr(0.02)]);
    assert_eq!((found.samples, found.guessing), (48, Some(3.0_f64.ln())));
    assert!(found.losses.len() <= STEPS + 1);
    // What would keep it from that is switched off.
    let held = [
        lr(0.02),
        ("regularize.dropout", Value::Float(0.9)),
        ("regularize.l1", Value::Float(1.0)),
        ("label_smoothing", Value::Float(0.5)),
        ("schedule.kind", text("one_cycle")),
    ];
    assert_eq!(says(&small(), Verdict::Learns, &held), found);
    // The same numbers every time.
    assert_eq!(tried(&small(), &[lr(0.02)]), found);
    let cnn = [("model.kind", text("cnn")), ("model.channels", Value::Int(8)), lr(0.02)];
    says(&images(), Verdict::Learns, &cnn);
}

#[test]
fn a_low_rate_stays_flat_and_a_middling_one_falls() {
    says(&small(), Verdict::Flat, &[lr(1e-9)]);
    let found = says(&small(), Verdict::Falls, &[lr(0.001), ("model.layers", Value::Int(0))]);
    assert_eq!(found.losses.len(), STEPS + 1);
}

#[test]
fn dead_units_stay_flat() {
    // Thirty layers of sigmoids let no gradient through.
    let deep = [("model.layers", Value::Int(30)), ("model.activation", text("sigmoid"))];
    says(&small(), Verdict::Flat, &[&deep[..], &[lr(0.01)]].concat());
    // Inputs so large that the first step kills every unit: it falls, to where guessing is.
    let scale = Value::List(vec![Value::Float(0.0), Value::Float(1e6)]);
    let found = says(&contradictory(), Verdict::Flat, &[sgd(), lr(0.1), ("data.scale", scale)]);
    assert!(found.losses[0] > 1000.0, "{:?}", found.losses);
}

#[test]
fn a_high_rate_explodes() {
    says(&small(), Verdict::Explodes, &[sgd(), lr(1e30)]);
    says(&contradictory(), Verdict::Explodes, &[sgd(), lr(1e4), ("model.layers", Value::Int(0))]);
}

#[test]
fn numbers_are_learnt_by_heart_too() {
    let numbers: Vec<f32> = (0u8..60).map(|i| f32::from(i % 3 * 9)).collect();
    let given = [
        ("task", text("regress")),
        ("data.set", text("csv")),
        ("data.target", text("y")),
        lr(0.02),
        ("model.width", Value::Int(64)),
    ];
    let found = says(&small().with_numbers(&numbers), Verdict::Learns, &given);
    // About all training targets, of which the batch has the most.
    assert!(found.guessing.is_some_and(|loss| (loss - 1.0).abs() < 0.2), "{:?}", found.guessing);
}

/// Inputs so large that a loss far below the first is still worse than the mean for all.
#[test]
fn numbers_far_from_the_mean_are_not_learnt() {
    let numbers: Vec<f32> = (0u8..60).map(|i| f32::from(i % 7)).collect();
    let scale = Value::List(vec![Value::Float(0.0), Value::Float(400.0)]);
    let given = [
        ("task", text("regress")),
        ("data.set", text("csv")),
        ("data.target", text("y")),
        ("data.scale", scale),
        ("model.kind", text("linear")),
        lr(0.05),
    ];
    let found = tried(&small().with_numbers(&numbers), &given);
    let said = verdict(&found.losses, found.guessing);
    let [first, last] = [found.losses[0], found.losses[found.losses.len() - 1]];
    assert!(last < 0.05 * first && last > 1.0, "{first} to {last}");
    assert_ne!(said, Verdict::Learns, "{first} to {last}");
}

#[test]
fn labels_that_contradict_each_other_oscillate_at_a_high_rate() {
    let linear = ("model.layers", Value::Int(0));
    says(&contradictory(), Verdict::Oscillates, &[sgd(), lr(20.0), linear.clone()]);
    let calm = tried(&contradictory(), &[sgd(), lr(0.01), linear]);
    let said = verdict(&calm.losses, calm.guessing);
    assert!(matches!(said, Verdict::Falls | Verdict::Flat), "{said:?}");
}

/// A task whose gradients have the wrong sign.
struct Reversed<'a>(Classify<'a>);

impl Task for Reversed<'_> {
    type Batch = Batch;

    fn samples(&self) -> usize {
        self.0.samples()
    }

    fn begin(&mut self, place: Place) {
        self.0.begin(place);
    }

    fn load_part(&mut self, all: &Range<usize>, own: Range<usize>) -> Batch {
        self.0.load_part(all, own)
    }

    fn forward(&self, leaves: &[Tensor], batch: &Batch, mode: Mode) -> Tensor {
        self.0.forward(leaves, batch, mode)
    }

    fn loss(&self, output: &Tensor, batch: &Batch) -> Tensor {
        let loss = self.0.loss(output, batch);
        loss.detach() * 2.0 - loss
    }

    fn mass(&self, batch: &Batch) -> Tensor {
        self.0.mass(batch)
    }

    fn count(&mut self, batch: &Batch, output: &Tensor, loss: &Tensor) {
        self.0.count(batch, output, loss);
    }

    fn counted(&self) -> Vec<Named> {
        self.0.counted()
    }

    fn recount(&mut self, counted: &[Tensor]) {
        self.0.recount(counted);
    }

    fn trained(&mut self) -> dlgrid_sweep::store::record::Metrics {
        self.0.trained()
    }

    fn evaluate(&mut self, leaves: &[Tensor]) -> dlgrid_sweep::store::record::Metrics {
        self.0.evaluate(leaves)
    }
}

#[test]
fn a_gradient_of_the_wrong_sign_rises() {
    let data = small();
    let given = [sgd(), lr(0.05), ("model.layers", Value::Int(0)), ("batch_size", Value::Int(48))];
    let recipe = Recipe::new(&settings(&given)).expect("a recipe");
    let split = Split::of(&data, &recipe.data, 1, None).expect("a split");
    let mut task = Reversed(Classify::new(&recipe, &data, split).expect("a task"));
    let stream = &mut Place::start(1).stream(Purpose::Weights);
    let parameters =
        Parameters::new(task.0.model().declare(), stream, Device::Cpu).expect("memory");
    let optimizer = Optimizer::new(recipe.optimizer, recipe.regularize, &parameters)
        .scheduled(recipe.schedule, Length::new(1, 48, 48));
    let mut training = Training { seed: 1, parameters, optimizer, progress: Progress::default() };
    let (how, guessing) = (overfit::Batch { steps: STEPS, samples: 48 }, Some(3.0_f64.ln()));
    let losses = on_one_batch(&mut task, &mut training, how, guessing);
    assert_eq!(verdict(&losses, guessing), Verdict::Rises, "{losses:?}");
}
