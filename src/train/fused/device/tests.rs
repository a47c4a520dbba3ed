//! The walk of several runs against each run's own, in double precision: every kind of network.
use dlgrid_sweep::recipe::Precision;
use tch::{Device, Kind, Tensor};

use super::draws::Draws;
use super::walk::{Value, Walk};
use crate::model::tests::{model, recipes};
use crate::model::{Mode, Model};
use crate::parameters::{Parameters, Role};
use crate::random::{Place, Purpose};

const RUNS: i64 = 3;
const BATCH: i64 = 4;
/// Colour images that every network takes.
const SHAPE: [usize; 3] = [2, 32, 32];

/// Outputs, the statistics afterwards, and how a sum changes with each parameter.
struct Came {
    outputs: Tensor,
    kept: Vec<Tensor>,
    gradients: Vec<Tensor>,
}

fn drawn(model: &Model, run: i64) -> Parameters {
    let mut stream = Place::start(run.unsigned_abs()).stream(Purpose::Weights);
    let parameters = Parameters::new(model.declare(), &mut stream, Device::Cpu);
    parameters.expect("memory").in_double()
}

/// Numbers that look like chance and are the same in every test run.
fn numbers(shape: &[i64], step: f64) -> Tensor {
    let count = shape.iter().product::<i64>();
    (Tensor::arange(count, (Kind::Double, Device::Cpu)) * step).sin().view(shape)
}

/// Each output weighs differently, so that none of a run's can stand for another's.
fn slopes(outputs: &Tensor, leaves: &[Tensor]) -> Vec<Tensor> {
    let sum = (outputs * numbers(&outputs.size(), 0.61)).sum(Kind::Double);
    Tensor::run_backward(&[sum], leaves, false, false)
}

fn alone(model: &Model, parameters: &Parameters, inputs: &Tensor, weigh: &Tensor) -> Came {
    let mode = Mode::train(Place::start(1), 0);
    let outputs = model.forward(parameters.tensors(), inputs, mode);
    let sum = (&outputs * weigh).sum(Kind::Double);
    let gradients = Tensor::run_backward(&[sum], parameters.leaves(), false, false);
    let kept = parameters.tensors().iter().filter(|tensor| !tensor.requires_grad());
    Came { outputs, kept: kept.map(Tensor::copy).collect(), gradients }
}

fn together(model: &Model, runs: &[Parameters], inputs: &Tensor) -> Came {
    let declared = model.declare();
    let stacked = |at: usize| {
        let own: Vec<Tensor> = runs.iter().map(|run| run.tensors()[at].detach().copy()).collect();
        Tensor::stack(&own, 0)
    };
    let is_kept = |at: &usize| declared[*at].role == Role::Kept;
    let all: Vec<Tensor> =
        (0..declared.len()).map(|at| stacked(at).set_requires_grad(!is_kept(&at))).collect();
    let side = |trained: bool| {
        let own = all.iter().filter(move |tensor| tensor.requires_grad() == trained);
        own.map(Tensor::shallow_clone).collect::<Vec<_>>()
    };
    let (leaves, kept) = (side(true), side(false));
    let mut draws = Draws::new(&[0.0; RUNS as usize], Device::Cpu);
    let mut walk = Walk::new(&all, RUNS, (&mut draws, 0), Precision::F64);
    let outputs = model.run(&mut walk, Value::Rows(inputs.shallow_clone())).rows();
    let gradients = slopes(&outputs, &leaves);
    Came { outputs, kept, gradients }
}

/// The largest difference against the largest number.
fn apart(a: &Tensor, b: &Tensor) -> f64 {
    let largest = |x: &Tensor| x.abs().max().double_value(&[]);
    largest(&(a - b)) / largest(b).max(f64::MIN_POSITIVE)
}

#[test]
fn every_network_computes_for_several_runs_what_it_computes_for_each() {
    let features = SHAPE.iter().product::<usize>() as i64;
    for given in recipes() {
        let model = model(SHAPE, &given);
        let runs: Vec<Parameters> = (1..=RUNS).map(|run| drawn(&model, run)).collect();
        let inputs = numbers(&[RUNS, BATCH, features], 0.37);
        let all = together(&model, &runs, &inputs);
        let weigh = numbers(&all.outputs.size(), 0.61);
        for (at, run) in (0..).zip(&runs) {
            let own = alone(&model, run, &inputs.get(at), &weigh.get(at));
            let off = apart(&all.outputs.get(at), &own.outputs);
            assert!(off < 1e-12, "{given:?}: outputs of run {at} are off by {off:e}");
            for (several, one) in all.kept.iter().zip(&own.kept) {
                let off = apart(&several.get(at), one);
                assert!(off < 1e-12, "{given:?}: statistics of run {at} are off by {off:e}");
            }
            // Against the largest of all: of some parameters the gradient is nothing but rounding.
            let largest = own.gradients.iter().map(|g| g.abs().max().double_value(&[]));
            let largest = largest.fold(f64::MIN_POSITIVE, f64::max);
            for (several, one) in all.gradients.iter().zip(&own.gradients) {
                let off = (several.get(at) - one).abs().max().double_value(&[]) / largest;
                assert!(off < 1e-12, "{given:?}: gradients of run {at} are off by {off:e}");
            }
            assert!(largest > 1e-6, "{given:?}: there is a gradient");
        }
    }
}
