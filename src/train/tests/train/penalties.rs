//! Weight penalties against autograd of the full loss.
use dlgrid_sweep::recipe::{Optimizer as Rule, Regularize, Value};
use dlgrid_train::engine::{Optimizer, Stop, Task as _};
use dlgrid_train::model::Mode;
use dlgrid_train::parameters::Parameters;
use dlgrid_train::random::{Place, Purpose};
use dlgrid_train::task::classify::Classify;
use dlgrid_train::tch::{Device, Kind, Tensor};

use super::support::{recipe, run, small, split};

#[test]
fn the_update_follows_the_gradient_of_loss_and_penalties() {
    let data = small();
    for (l1, l2) in [(0.01, 0.0), (0.0, 0.02), (0.03, 0.05)] {
        let recipe = recipe(&[]);
        let mut task = Classify::new(&recipe, &data, split(&recipe, &data, 1)).expect("a task");
        task.begin(Place::start(1));
        let mut stream = Place::start(1).stream(Purpose::Weights);
        let mut parameters =
            Parameters::new(task.model().declare(), &mut stream, Device::Cpu).expect("memory");
        let before = parameters.flat().copy();
        let batch = task.load(0, 7);
        let output = task.forward(parameters.leaves(), &batch, Mode::Eval);
        let loss = task.loss(&output, &batch);
        let penalties = parameters
            .leaves()
            .iter()
            .zip(parameters.declared())
            .filter(|(_, declared)| declared.name.ends_with("weight"))
            .map(|(w, _)| w.abs().sum(Kind::Float) * l1 + w.square().sum(Kind::Float) * l2);
        let full = &loss + penalties.sum::<Tensor>();
        let expected = Tensor::run_backward(&[&full], parameters.leaves(), true, false);
        let gradients = Tensor::run_backward(&[&loss], parameters.leaves(), false, false);

        let rule = Rule::Sgd { lr: 1.0, momentum: 0.0, nesterov: false, weight_decay: 0.0 };
        let mut optimizer = Optimizer::new(rule, Regularize { l1, l2, dropout: 0.0 }, &parameters);
        optimizer.update(&mut parameters, &gradients);
        let flat: Vec<Tensor> = expected.iter().map(|g| g.reshape([-1])).collect();
        let difference = (before - parameters.flat() - Tensor::cat(&flat, 0)).abs().max();
        assert!(difference.double_value(&[]) < 1e-6, "l1 {l1} l2 {l2}: {difference}");
    }
}

#[test]
fn the_reported_loss_leaves_the_penalties_out() {
    let data = small();
    let tiny_steps = [("optimizer.lr", Value::Float(1e-12)), ("epochs", Value::Int(1))];
    let plain = run(&recipe(&tiny_steps), &data, None, &Stop::default());
    let penalized = [tiny_steps.as_slice(), &[("regularize.l2", Value::Float(10.0))]].concat();
    let penalized = run(&recipe(&penalized), &data, None, &Stop::default());
    for name in ["train/loss", "valid/loss"] {
        let (a, b) = (plain.trained.metrics[name].0, penalized.trained.metrics[name].0);
        assert!((a - b).abs() < 1e-6, "{name} {a} {b}");
    }
}

#[test]
fn a_strong_penalty_makes_the_weights_small() {
    let data = small();
    let norm = |l1: f64, l2: f64| {
        let given = [
            ("regularize.l1", Value::Float(l1)),
            ("regularize.l2", Value::Float(l2)),
            ("epochs", Value::Int(20)),
            ("optimizer.lr", Value::Float(0.01)),
        ];
        let told = run(&recipe(&given), &data, None, &Stop::default());
        told.trained.parameters.iter().map(|w| w * w).sum::<f32>()
    };
    let free = norm(0.0, 0.0);
    assert!(norm(0.1, 0.0) < free / 2.0);
    assert!(norm(0.0, 0.1) < free / 2.0);
}
