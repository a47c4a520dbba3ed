//! Our optimizers against libtorch's: the same gradients, the same parameters afterwards.
use dlgrid_sweep::recipe::{Optimizer as Rule, Regularize};
use dlgrid_train::engine::Optimizer;
use dlgrid_train::parameters::{Declared, Parameters};
use dlgrid_train::random::{Place, Purpose};
use dlgrid_train::tch::nn::{self, OptimizerConfig as _};
use dlgrid_train::tch::{Device, Kind, Tensor};

const SHAPES: [&[i64]; 3] = [&[13, 7], &[7], &[3, 3]];

fn parameters() -> Parameters {
    let declared = SHAPES.iter().enumerate().map(|(i, shape)| Declared {
        name: format!("p{i}"),
        shape: shape.to_vec(),
        bound: 1.0,
        penalized: i != 1,
    });
    let mut stream = Place::start(3).stream(Purpose::Weights);
    Parameters::new(declared.collect(), &mut stream, Device::Cpu).expect("memory")
}

fn gradients(step: u64) -> Vec<Tensor> {
    let mut stream = Place::start(100 + step).stream(Purpose::Weights);
    let draw = |shape: &&[i64]| {
        let mut values = vec![0.0; usize::try_from(shape.iter().product::<i64>()).expect("small")];
        stream.fill_uniform(&mut values, 0.5);
        Tensor::from_slice(&values).view(*shape)
    };
    SHAPES.iter().map(draw).collect()
}

fn oracle(rule: Rule, store: &nn::VarStore) -> nn::Optimizer {
    let built = match rule {
        Rule::Adam { lr, beta1, beta2, eps, weight_decay: wd, decoupled: false } => {
            nn::Adam { beta1, beta2, wd, eps, amsgrad: false }.build(store, lr)
        }
        Rule::Adam { lr, beta1, beta2, eps, weight_decay: wd, decoupled: true } => {
            nn::AdamW { beta1, beta2, wd, eps, amsgrad: false }.build(store, lr)
        }
        Rule::Sgd { lr, momentum, nesterov, weight_decay: wd } => {
            nn::Sgd { momentum, dampening: 0.0, wd, nesterov }.build(store, lr)
        }
    };
    built.expect("libtorch has the optimizer")
}

/// The largest difference after so many steps, against the largest parameter.
fn difference(rule: Rule, steps: u64) -> f64 {
    let mut ours = parameters();
    let penalties = Regularize { l1: 0.0, l2: 0.0, dropout: 0.0 };
    let mut optimizer = Optimizer::new(rule, penalties, &ours);
    let store = nn::VarStore::new(Device::Cpu);
    let theirs: Vec<Tensor> = ours
        .leaves()
        .iter()
        .zip(ours.declared())
        .map(|(leaf, declared)| store.root().var_copy(&declared.name, &leaf.detach()))
        .collect();
    let mut oracle = oracle(rule, &store);
    for step in 0..steps {
        let gradients = gradients(step);
        optimizer.update(&mut ours, &gradients);
        let product = |(w, g): (&Tensor, &Tensor)| (w * g).sum(Kind::Float);
        oracle.backward_step(&theirs.iter().zip(&gradients).map(product).sum());
    }
    let flat: Vec<Tensor> = theirs.iter().map(|w| w.detach().reshape([-1])).collect();
    let theirs = Tensor::cat(&flat, 0);
    ((ours.flat() - &theirs).abs().max() / theirs.abs().max()).double_value(&[])
}

#[test]
fn every_rule_makes_the_steps_that_libtorch_makes() {
    let mut rules = Vec::new();
    for lr in [1e-4, 3e-3, 0.1] {
        for weight_decay in [0.0, 1e-4, 0.1] {
            for decoupled in [false, true] {
                for (beta1, beta2, eps) in [(0.9, 0.999, 1e-8), (0.5, 0.9, 1e-4), (0.0, 0.99, 1e-8)]
                {
                    rules.push(Rule::Adam { lr, beta1, beta2, eps, weight_decay, decoupled });
                }
            }
            for (momentum, nesterov) in [(0.0, false), (0.5, false), (0.9, false), (0.9, true)] {
                rules.push(Rule::Sgd { lr, momentum, nesterov, weight_decay });
            }
        }
    }
    assert_eq!(rules.len(), 90);
    for rule in rules {
        for steps in [1, 2, 25] {
            let difference = difference(rule, steps);
            assert!(difference < 1e-6, "{rule:?} after {steps} steps: {difference:e}");
        }
    }
}
