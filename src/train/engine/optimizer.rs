//! The optimizers: their state is plain tensors beside the parameters, so that a checkpoint can
//! hold it. A step is one pass over the flat buffer.
use dlgrid_sweep::recipe::{Optimizer as Rule, Regularize};
use tch::{Device, Tensor};

use super::Named;
use super::update::{self, Adam, Penalty, Sgd};
use crate::parameters::Parameters;
use crate::raw;

/// An optimizer and its state.
#[derive(Debug)]
pub struct Optimizer {
    rule: Rule,
    regularize: Regularize,
    steps: u64,
    state: Vec<Named>,
}

impl Optimizer {
    /// An optimizer that has made no step yet. The gradients of the penalties `l1` and `l2` are
    /// added in its pass.
    #[must_use]
    pub fn new(rule: Rule, regularize: Regularize, parameters: &Parameters) -> Self {
        let names: &[&'static str] = match rule {
            Rule::Adam { .. } => &["first_moment", "second_moment"],
            Rule::Sgd { momentum: 0.0, .. } => &[],
            Rule::Sgd { .. } => &["velocity"],
        };
        let state = names.iter().map(|&name| (name, parameters.flat().zeros_like())).collect();
        Self { rule, regularize, steps: 0, state }
    }

    /// Steps made.
    #[must_use]
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    /// Its state by name, each `[numbers]` in the order of the flat parameters.
    pub fn state(&self) -> &[Named] {
        &self.state
    }

    /// Goes on from a state of [`Optimizer::state`] after so many steps.
    pub fn restore(&mut self, steps: u64, state: &[Tensor]) {
        self.steps = steps;
        for ((_, own), saved) in self.state.iter_mut().zip(state) {
            own.copy_(saved);
        }
    }

    /// One step down these gradients, one a leaf of the parameters and in its shape.
    pub fn update(&mut self, parameters: &mut Parameters, gradients: &[Tensor]) {
        self.steps += 1;
        if parameters.flat().device() == Device::Cpu {
            self.update_here(parameters, gradients);
        } else {
            tch::no_grad(|| self.update_there(parameters, gradients));
        }
    }

    /// On the CPU: one loop a parameter over its part of every buffer.
    fn update_here(&mut self, parameters: &mut Parameters, gradients: &[Tensor]) {
        let mut start = 0;
        for (leaf, gradient) in gradients.iter().enumerate() {
            let gradient = gradient.contiguous();
            let gradient = raw::floats(&gradient);
            let penalty = self.penalty(parameters.declared()[leaf].penalized);
            let part = start..start + gradient.len();
            start = part.end;
            let weights = &mut raw::floats_mut(parameters.flat_mut())[part.clone()];
            match (self.rule, self.state.as_mut_slice()) {
                (Rule::Adam { .. }, [(_, first), (_, second)]) => {
                    let first = &mut raw::floats_mut(first)[part.clone()];
                    let second = &mut raw::floats_mut(second)[part];
                    let adam = Adam::at(self.rule, self.steps);
                    update::adam(weights, gradient, first, second, &adam, penalty);
                }
                (Rule::Sgd { .. }, [(_, velocity)]) => {
                    let velocity = &mut raw::floats_mut(velocity)[part];
                    let sgd = Sgd::of(self.rule);
                    update::momentum(weights, gradient, velocity, &sgd, penalty);
                }
                _ => update::descent(weights, gradient, &Sgd::of(self.rule), penalty),
            }
        }
    }

    /// On another device: the same formulas as operations on whole buffers.
    fn update_there(&mut self, parameters: &mut Parameters, gradients: &[Tensor]) {
        let flat: Vec<Tensor> = gradients.iter().map(|g| g.reshape([-1])).collect();
        let mut gradient = Tensor::cat(&flat, 0);
        self.penalize(parameters, &mut gradient);
        let weights = parameters.flat_mut();
        match (self.rule, self.state.as_mut_slice()) {
            (Rule::Adam { beta1, beta2, eps, .. }, [(_, first), (_, second)]) => {
                let adam = Adam::at(self.rule, self.steps);
                let _ = weights.g_mul_scalar_(f64::from(adam.shrink));
                let _ = first.g_mul_scalar_(beta1).g_add_(&(&gradient * (1.0 - beta1)));
                let square = &gradient * &gradient * (1.0 - beta2);
                let _ = second.g_mul_scalar_(beta2).g_add_(&square);
                let root = second.sqrt() * f64::from(adam.root_scale) + eps;
                let _ = weights.g_sub_(&(&*first / root * f64::from(adam.rate)));
            }
            (Rule::Sgd { lr, momentum, nesterov, .. }, [(_, velocity)]) => {
                let _ = velocity.g_mul_scalar_(momentum).g_add_(&gradient);
                let step =
                    if nesterov { gradient + &*velocity * momentum } else { velocity.copy() };
                let _ = weights.g_sub_(&(step * lr));
            }
            (Rule::Adam { lr, .. } | Rule::Sgd { lr, .. }, _) => {
                let _ = weights.g_sub_(&(gradient * lr));
            }
        }
    }

    fn penalize(&self, parameters: &Parameters, gradient: &mut Tensor) {
        let decay = f64::from(self.penalty(false).pull);
        if decay != 0.0 {
            let _ = gradient.g_add_(&(parameters.flat() * decay));
        }
        let Regularize { l1, l2, .. } = self.regularize;
        if l1 == 0.0 && l2 == 0.0 {
            return;
        }
        let mut start = 0;
        for declared in parameters.declared() {
            let len = i64::try_from(declared.len()).expect("a model's size is an i64");
            if declared.penalized {
                let weights = parameters.flat().narrow(0, start, len);
                let pull = weights.sign() * l1 + weights * (2.0 * l2);
                let _ = gradient.narrow(0, start, len).g_add_(&pull);
            }
            start += len;
        }
    }

    /// What is added to the gradient of a parameter: coupled weight decay acts on all of them,
    /// `l1` and `l2` on weights alone.
    fn penalty(&self, penalized: bool) -> Penalty {
        let decay = match self.rule {
            Rule::Adam { decoupled: true, .. } => 0.0,
            Rule::Adam { weight_decay, .. } | Rule::Sgd { weight_decay, .. } => weight_decay,
        };
        let Regularize { l1, l2, .. } = self.regularize;
        if penalized { Penalty::new(l1, 2.0 * l2 + decay) } else { Penalty::new(0.0, decay) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::Declared;
    use crate::random::{Place, Purpose};

    fn rules() -> Vec<Rule> {
        let (lr, weight_decay) = (0.01, 0.1);
        let adam = |decoupled| {
            let (beta1, beta2, eps) = (0.9, 0.999, 1e-8);
            Rule::Adam { lr, beta1, beta2, eps, weight_decay, decoupled }
        };
        let sgd = |momentum, nesterov| Rule::Sgd { lr, momentum, nesterov, weight_decay };
        vec![adam(false), adam(true), sgd(0.0, false), sgd(0.9, false), sgd(0.9, true)]
    }

    /// The formulas for other devices, run on the CPU, make the steps of the CPU's loops.
    #[test]
    fn both_ways_to_update_agree() {
        for rule in rules() {
            let penalties = Regularize { l1: 0.01, l2: 0.02, dropout: 0.0 };
            let mut both = [false, true].map(|there| {
                let declared = [("a", vec![5, 3], true), ("b", vec![5], false)].map(
                    |(name, shape, penalized)| Declared {
                        name: name.into(),
                        shape,
                        bound: 1.0,
                        penalized,
                    },
                );
                let mut stream = Place::start(1).stream(Purpose::Weights);
                let mut parameters =
                    Parameters::new(declared.into(), &mut stream, Device::Cpu).expect("memory");
                let mut optimizer = Optimizer::new(rule, penalties, &parameters);
                for step in 1..=10 {
                    let gradients: Vec<Tensor> =
                        parameters.leaves().iter().map(|p| p.detach().cos() * 0.5).collect();
                    if there {
                        optimizer.steps = step;
                        optimizer.update_there(&mut parameters, &gradients);
                    } else {
                        optimizer.update(&mut parameters, &gradients);
                    }
                }
                parameters
            });
            let [here, there] = &mut both;
            let difference = (here.flat() - there.flat()).abs().max().double_value(&[]);
            assert!(difference < 1e-6, "{rule:?}: {difference:e}");
        }
    }
}
