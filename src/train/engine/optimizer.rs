//! The optimizers: their state is plain tensors beside the parameters, so that a checkpoint can
//! hold it. A step is one pass over the flat buffer.
use dlgrid_sweep::recipe::{Optimizer as Rule, Regularize, Schedule};
use tch::{Device, Kind, Tensor};

use super::Named;
use super::rates::{Rates, Way};
use super::schedule::{Length, factor};
use super::update::{self, Adam, Penalty, Rooted, Sgd};
use crate::parameters::{Parameters, Role};
use crate::raw;

/// An optimizer and its state.
#[derive(Debug)]
pub struct Optimizer {
    rule: Rule,
    regularize: Regularize,
    schedule: Option<(Schedule, Length)>,
    clip: Option<f64>,
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
            Rule::Rmsprop { momentum: 0.0, .. } => &["mean_square"],
            Rule::Rmsprop { .. } => &["mean_square", "velocity"],
            Rule::Adagrad { .. } => &["sum_of_squares"],
        };
        let state = names.iter().map(|&name| (name, parameters.flat().zeros_like())).collect();
        Self { rule, regularize, schedule: None, clip: None, steps: 0, state }
    }

    /// The same with a learning rate that changes over a training of this length.
    #[must_use]
    pub fn scheduled(self, schedule: Schedule, length: Length) -> Self {
        Self { schedule: Some((schedule, length)), ..self }
    }

    /// The same with the norm of all gradients together at most this.
    #[must_use]
    pub fn clipped(self, clip: Option<f64>) -> Self {
        Self { clip, ..self }
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

    /// Which formula its steps follow.
    #[must_use]
    pub const fn way(&self) -> Way {
        Way::of(self.rule)
    }

    /// The numbers of a step, counted from 1.
    #[must_use]
    pub fn rates(&self, step: u64) -> Rates {
        Rates::new(self.rule_at(step), self.regularize, self.clip, step)
    }

    /// Keeps its state in this memory from now on, `[numbers]` each, in which it is already.
    pub(crate) fn hold(&mut self, state: impl Iterator<Item = Tensor>) {
        self.state.iter_mut().zip(state).for_each(|((_, own), held)| *own = held);
    }

    /// Counts a step that was made for it.
    pub(crate) const fn count_step(&mut self) {
        self.steps += 1;
    }

    /// One step down these gradients, one a leaf of the parameters and in its shape.
    pub fn update(&mut self, parameters: &mut Parameters, gradients: &[Tensor]) {
        let flat = parameters.flat();
        if flat.device() == Device::Cpu && flat.kind() == Kind::Float {
            let gradients: Vec<Tensor> = gradients.iter().map(Tensor::contiguous).collect();
            let numbers: Vec<&[f32]> = gradients.iter().map(raw::floats).collect();
            self.update_here(parameters, &numbers);
        } else {
            self.steps += 1;
            tch::no_grad(|| self.update_there(parameters, gradients));
        }
    }

    /// The rule with the learning rate of the step under way.
    fn rule(&self) -> Rule {
        self.rule_at(self.steps)
    }

    /// The rule with the learning rate of a step, counted from 1.
    fn rule_at(&self, step: u64) -> Rule {
        let mut rule = self.rule;
        if let Some((schedule, length)) = &self.schedule {
            let (Rule::Adam { lr, .. }
            | Rule::Sgd { lr, .. }
            | Rule::Rmsprop { lr, .. }
            | Rule::Adagrad { lr, .. }) = &mut rule;
            *lr *= factor(schedule, step - 1, *length);
        }
        rule
    }

    /// One step on the CPU, the gradients as numbers: one loop a parameter over its part of every
    /// buffer.
    pub(crate) fn update_here(&mut self, parameters: &mut Parameters, gradients: &[&[f32]]) {
        self.steps += 1;
        let (rule, step) = (self.rule(), self.steps);
        let penalties: Vec<Penalty> =
            parameters.declared().iter().map(|declared| self.penalty(declared.role)).collect();
        let mut weights = raw::floats_mut(parameters.flat_mut());
        let scale = self
            .clip
            .map_or(1.0, |most| update::clipping(most, norm(weights, gradients, &penalties)));
        let mut state = self.state.iter_mut().map(|(_, buffer)| raw::floats_mut(buffer));
        let (mut first, mut second) = (state.next(), state.next());
        for (gradient, penalty) in gradients.iter().zip(penalties) {
            let len = gradient.len();
            let state = (cut(&mut first, len), cut(&mut second, len));
            let own = weights.split_off_mut(..len).expect(AS_MANY);
            step_here(rule, step, own, gradient, state, penalty.scaled(scale));
        }
    }

    /// On another device, or in double precision: the same formulas as operations on whole buffers.
    fn update_there(&mut self, parameters: &mut Parameters, gradients: &[Tensor]) {
        let rule = self.rule();
        let flat: Vec<Tensor> = gradients.iter().map(|g| g.reshape([-1])).collect();
        let mut gradient = Tensor::cat(&flat, 0);
        self.penalize(parameters, &mut gradient);
        if let Some(most) = self.clip {
            let scale = (gradient.norm() + update::CLIP_EPS).reciprocal() * most;
            let _ = gradient.g_mul_(&scale.clamp_max(1.0));
        }
        let decay = self.decay();
        if decay != 0.0 {
            let _ = gradient.g_add_(&(parameters.flat() * decay));
        }
        step_there(rule, self.steps, parameters.flat_mut(), &gradient, &mut self.state);
    }

    fn penalize(&self, parameters: &Parameters, gradient: &mut Tensor) {
        let Regularize { l1, l2, .. } = self.regularize;
        if l1 == 0.0 && l2 == 0.0 {
            return;
        }
        let mut start = 0;
        for declared in parameters.declared() {
            let len = i64::try_from(declared.len()).expect("a model's size is an i64");
            if declared.role == Role::Weight {
                let weights = parameters.flat().narrow(0, start, len);
                let pull = weights.sign() * l1 + weights * (2.0 * l2);
                let _ = gradient.narrow(0, start, len).g_add_(&pull);
            }
            start += len;
        }
    }

    /// The weight decay that is added to gradients.
    const fn decay(&self) -> f64 {
        match self.rule {
            Rule::Adam { decoupled: true, .. } => 0.0,
            Rule::Adam { weight_decay, .. }
            | Rule::Sgd { weight_decay, .. }
            | Rule::Rmsprop { weight_decay, .. }
            | Rule::Adagrad { weight_decay, .. } => weight_decay,
        }
    }

    /// What is added to the gradient of a parameter: coupled weight decay acts on all of them,
    /// `l1` and `l2` on weights alone.
    fn penalty(&self, role: Role) -> Penalty {
        let decay = self.decay();
        let Regularize { l1, l2, .. } = self.regularize;
        match role {
            Role::Weight => Penalty::new(l1, 2.0 * l2, decay),
            Role::Free | Role::Kept => Penalty::new(0.0, 0.0, decay),
        }
    }
}

/// Why a buffer can be cut into its parts.
const AS_MANY: &str = "there are as many numbers as the parameters together have";

/// The front of what is left of a buffer.
fn cut<'b>(rest: &mut Option<&'b mut [f32]>, len: usize) -> Option<&'b mut [f32]> {
    rest.as_mut().map(|rest| rest.split_off_mut(..len).expect(AS_MANY))
}

/// The norm of all gradients together, penalties included.
fn norm(weights: &[f32], gradients: &[&[f32]], penalties: &[Penalty]) -> f64 {
    let (mut start, mut sum) = (0, 0.0);
    for (gradient, penalty) in gradients.iter().zip(penalties) {
        let weights = &weights[start..start + gradient.len()];
        start += gradient.len();
        sum += update::square_norm(weights, gradient, *penalty);
    }
    sum.sqrt()
}

/// A step over a part of all buffers. `state` has as many parts as the rule names.
fn step_here(
    rule: Rule,
    step: u64,
    weights: &mut [f32],
    gradient: &[f32],
    state: (Option<&mut [f32]>, Option<&mut [f32]>),
    penalty: Penalty,
) {
    match (rule, state) {
        (Rule::Adam { .. }, (Some(first), Some(second))) => {
            update::adam(weights, gradient, first, second, &Adam::at(rule, step), penalty);
        }
        (Rule::Sgd { lr, momentum, nesterov, .. }, (Some(velocity), _)) => {
            let sgd = Sgd::new(lr, momentum, nesterov);
            update::momentum(weights, gradient, velocity, &sgd, penalty);
        }
        (Rule::Rmsprop { lr, alpha, eps, momentum, .. }, (Some(squares), velocity)) => {
            let how = Rooted::mean(lr, alpha, eps, momentum);
            match velocity {
                None => update::rooted(weights, gradient, squares, &how, penalty),
                Some(u) => update::rooted_momentum(weights, gradient, squares, u, &how, penalty),
            }
        }
        (Rule::Adagrad { lr, lr_decay, eps, .. }, (Some(squares), _)) => {
            let how = Rooted::sum(lr, lr_decay, eps, step);
            update::rooted(weights, gradient, squares, &how, penalty);
        }
        (Rule::Sgd { lr, .. }, _) => {
            update::descent(weights, gradient, &Sgd::new(lr, 0.0, false), penalty);
        }
        _ => unreachable!("an optimizer has the state that its rule names"),
    }
}

/// A step over whole buffers on any device.
fn step_there(rule: Rule, step: u64, weights: &mut Tensor, gradient: &Tensor, state: &mut [Named]) {
    match (rule, state) {
        (Rule::Adam { beta1, beta2, eps, .. }, [(_, first), (_, second)]) => {
            let adam = Adam::at(rule, step);
            let _ = weights.g_mul_scalar_(adam.shrink);
            let _ = first.g_mul_scalar_(beta1).g_add_(&(gradient * (1.0 - beta1)));
            let square = gradient * gradient * (1.0 - beta2);
            let _ = second.g_mul_scalar_(beta2).g_add_(&square);
            let root = second.sqrt() * adam.root_scale + eps;
            let _ = weights.g_sub_(&(&*first / root * adam.rate));
        }
        (Rule::Sgd { lr, momentum, nesterov, .. }, [(_, velocity)]) => {
            let _ = velocity.g_mul_scalar_(momentum).g_add_(gradient);
            let step = if nesterov { gradient + &*velocity * momentum } else { velocity.copy() };
            let _ = weights.g_sub_(&(step * lr));
        }
        (Rule::Rmsprop { lr, alpha, eps, momentum, .. }, [(_, squares), rest @ ..]) => {
            let square = gradient * gradient * (1.0 - alpha);
            let root = squares.g_mul_scalar_(alpha).g_add_(&square).sqrt() + eps;
            let mut step = gradient / root;
            if let [(_, velocity)] = rest {
                step = velocity.g_mul_scalar_(momentum).g_add_(&step);
            }
            let _ = weights.g_sub_(&(step * lr));
        }
        (Rule::Adagrad { lr, lr_decay, eps, .. }, [(_, squares)]) => {
            let root = squares.g_add_(&(gradient * gradient)).sqrt() + eps;
            let rate = Rooted::sum(lr, lr_decay, eps, step).rate;
            let _ = weights.g_sub_(&(gradient / root * rate));
        }
        (Rule::Sgd { lr, .. }, _) => {
            let _ = weights.g_sub_(&(gradient * lr));
        }
        _ => unreachable!("an optimizer has the state that its rule names"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::{Declared, Initial};
    use crate::random::{Place, Purpose};
    use dlgrid_sweep::recipe::ScheduleKind;

    fn rules() -> Vec<Rule> {
        let (lr, weight_decay) = (0.01, 0.1);
        let adam = |decoupled| {
            let (beta1, beta2, eps) = (0.9, 0.999, 1e-8);
            Rule::Adam { lr, beta1, beta2, eps, weight_decay, decoupled }
        };
        let sgd = |momentum, nesterov| Rule::Sgd { lr, momentum, nesterov, weight_decay };
        let rmsprop =
            |momentum| Rule::Rmsprop { lr, alpha: 0.9, eps: 1e-8, momentum, weight_decay };
        let adagrad = Rule::Adagrad { lr, lr_decay: 0.1, eps: 1e-10, weight_decay };
        let sgds = [sgd(0.0, false), sgd(0.9, false), sgd(0.9, true)];
        [adam(false), adam(true), rmsprop(0.0), rmsprop(0.9), adagrad]
            .into_iter()
            .chain(sgds)
            .collect()
    }

    /// The formulas for other devices, run on the CPU, make the steps of the CPU's loops.
    #[test]
    fn both_ways_to_update_agree() {
        for rule in rules() {
            let penalties = Regularize { l1: 0.01, l2: 0.02, dropout: 0.0 };
            let mut both = [false, true].map(|there| {
                let shapes = [("a", vec![5, 3], Role::Weight), ("b", vec![5], Role::Free)];
                let declared = shapes.map(|(name, shape, role)| Declared {
                    name: name.into(),
                    shape,
                    initial: Initial::Uniform(1.0),
                    role,
                });
                let mut stream = Place::start(1).stream(Purpose::Weights);
                let mut parameters =
                    Parameters::new(declared.into(), &mut stream, Device::Cpu).expect("memory");
                let kind = ScheduleKind::Cosine { floor: 0.1 };
                let length = Length { epoch_steps: 5, epochs: 2 };
                let mut optimizer = Optimizer::new(rule, penalties, &parameters)
                    .scheduled(Schedule { kind, warmup: 0.5 }, length)
                    .clipped(Some(0.8));
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
