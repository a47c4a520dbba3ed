//! Our optimizers against libtorch's: the same gradients, the same parameters afterwards.
use dlgrid_sweep::recipe::{Optimizer as Rule, Regularize, Schedule, ScheduleKind};
use dlgrid_train::engine::{Length, Optimizer, factor};
use dlgrid_train::parameters::{Declared, Initial, Parameters, Role};
use dlgrid_train::random::{Place, Purpose};
use dlgrid_train::tch::nn::{self, OptimizerConfig as _};
use dlgrid_train::tch::{Device, Kind, Tensor};

const FREE: Regularize = Regularize { l1: 0.0, l2: 0.0, dropout: 0.0 };
const SHAPES: [&[i64]; 3] = [&[13, 7], &[7], &[3, 3]];

fn parameters() -> Parameters {
    let declared = SHAPES.iter().enumerate().map(|(i, shape)| Declared {
        name: format!("p{i}"),
        shape: shape.to_vec(),
        initial: Initial::Uniform(1.0),
        role: if i == 1 { Role::Free } else { Role::Weight },
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

fn flat(tensors: &[Tensor]) -> Tensor {
    let flat: Vec<Tensor> = tensors.iter().map(|tensor| tensor.reshape([-1])).collect();
    Tensor::cat(&flat, 0)
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
        Rule::Rmsprop { lr, alpha, eps, momentum, weight_decay: wd } => {
            nn::RmsProp { alpha, eps, wd, momentum, centered: false }.build(store, lr)
        }
        Rule::Adagrad { .. } => panic!("tch can't make libtorch's Adagrad"),
    };
    built.expect("libtorch has the optimizer")
}

/// The parameters in this precision.
fn parameters_in(kind: Kind) -> Parameters {
    if kind == Kind::Double { parameters().in_double() } else { parameters() }
}

fn gradients_in(kind: Kind, step: u64) -> Vec<Tensor> {
    gradients(step).iter().map(|gradient| gradient.to_kind(kind)).collect()
}

/// The largest difference after so many steps in this precision, against the largest parameter.
fn difference(rule: Rule, steps: u64, kind: Kind) -> f64 {
    let mut ours = parameters_in(kind);
    let mut optimizer = Optimizer::new(rule, FREE, &ours);
    let mut store = nn::VarStore::new(Device::Cpu);
    let theirs: Vec<Tensor> = ours
        .leaves()
        .iter()
        .zip(ours.declared())
        .map(|(leaf, declared)| store.root().var_copy(&declared.name, &leaf.detach()))
        .collect();
    store.set_kind(kind);
    let mut oracle = oracle(rule, &store);
    for step in 0..steps {
        let gradients = gradients_in(kind, step);
        optimizer.update(&mut ours, &gradients);
        let product = |(w, g): (&Tensor, &Tensor)| (w * g).sum(kind);
        oracle.backward_step(&theirs.iter().zip(&gradients).map(product).sum());
    }
    let theirs = flat(&theirs).detach();
    assert_eq!((theirs.kind(), ours.flat().kind()), (kind, kind));
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
            for (alpha, momentum, eps) in [(0.99, 0.0, 1e-8), (0.9, 0.9, 1e-8), (0.5, 0.5, 1e-4)] {
                rules.push(Rule::Rmsprop { lr, alpha, eps, momentum, weight_decay });
            }
            for (momentum, nesterov) in [(0.0, false), (0.5, false), (0.9, false), (0.9, true)] {
                rules.push(Rule::Sgd { lr, momentum, nesterov, weight_decay });
            }
        }
    }
    assert_eq!(rules.len(), 117);
    for rule in rules {
        for steps in [1, 2, 25] {
            for (kind, most) in [(Kind::Float, 1e-6), (Kind::Double, 1e-12)] {
                let difference = difference(rule, steps, kind);
                assert!(difference < most, "{rule:?} after {steps} steps: {difference:e}");
            }
        }
    }
}

/// As PyTorch documents `torch.optim.Adagrad`, in double precision.
#[test]
fn adagrad_makes_the_steps_of_its_definition() {
    for (lr, lr_decay, weight_decay) in [(0.01, 0.0, 0.0), (0.1, 0.01, 0.1), (0.5, 1.0, 0.0)] {
        for (kind, most) in [(Kind::Float, 1e-6), (Kind::Double, 1e-13)] {
            let eps = 1e-10;
            let mut ours = parameters_in(kind);
            let mut theirs = ours.flat().to_kind(Kind::Double);
            let rule = Rule::Adagrad { lr, lr_decay, eps, weight_decay };
            let mut optimizer = Optimizer::new(rule, FREE, &ours);
            let mut sum = theirs.zeros_like();
            for step in 0..25 {
                let gradients = gradients_in(kind, step);
                optimizer.update(&mut ours, &gradients);
                let gradient = flat(&gradients).to_kind(Kind::Double) + &theirs * weight_decay;
                sum += gradient.square();
                theirs -= gradient / (sum.sqrt() + eps) * (lr / (1.0 + step as f64 * lr_decay));
            }
            let difference = (ours.flat() - &theirs).abs().max().double_value(&[]);
            assert!(difference < most, "{lr} {lr_decay} {weight_decay}: {difference:e}");
        }
    }
}

/// As `torch.nn.utils.clip_grad_norm_`: before the decay, which the optimizer adds, and after
/// the penalties, which are of the loss.
#[test]
fn gradients_are_clipped_by_their_common_norm() {
    let (l1, l2, weight_decay) = (0.01, 0.02, 0.1);
    for most in [0.5, 2.0, 100.0] {
        let mut ours = parameters();
        let before = ours.flat().copy();
        let rule = Rule::Sgd { lr: 1.0, momentum: 0.0, nesterov: false, weight_decay };
        let penalties = Regularize { l1, l2, dropout: 0.0 };
        let mut optimizer = Optimizer::new(rule, penalties, &ours).clipped(Some(most));
        let gradients = gradients(0);
        let penalized: Vec<Tensor> = ours
            .leaves()
            .iter()
            .zip(&gradients)
            .zip(ours.declared())
            .map(|((w, g), declared)| match declared.role {
                Role::Weight => g + w.detach().sign() * l1 + w.detach() * (2.0 * l2),
                _ => g.copy(),
            })
            .collect();
        let gradient = flat(&penalized);
        let scale = (most / (gradient.norm().double_value(&[]) + 1e-6)).min(1.0);
        assert_eq!(scale < 1.0, most < 100.0);
        let expected = &before - gradient * scale - &before * weight_decay;
        optimizer.update(&mut ours, &gradients);
        let difference = (ours.flat() - expected).abs().max().double_value(&[]);
        assert!(difference < 1e-6, "{most}: {difference:e}");
    }
}

#[test]
fn a_schedule_multiplies_the_learning_rate() {
    let schedule = Schedule { kind: ScheduleKind::Cosine { floor: 0.1 }, warmup: 1.0 };
    let length = Length { epoch_steps: 3, epochs: 4 };
    let sgd = |lr| Rule::Sgd { lr, momentum: 0.0, nesterov: false, weight_decay: 0.0 };
    let (mut ours, mut theirs) = (parameters(), parameters());
    let mut optimizer = Optimizer::new(sgd(0.1), FREE, &ours).scheduled(schedule, length);
    for step in 0..12 {
        optimizer.update(&mut ours, &gradients(step));
        let rule = sgd(0.1 * factor(&schedule, step, length));
        Optimizer::new(rule, FREE, &theirs).update(&mut theirs, &gradients(step));
        assert_eq!(ours.flat(), theirs.flat(), "{step}");
    }
}
