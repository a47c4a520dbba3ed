//! The update rules on the CPU: one loop over weights, gradients and state, without
//! contraction of products and sums, so that every x86-64 gives the same bits.
use dlgrid_sweep::recipe::Optimizer as Rule;

use crate::raw;

/// What is added to a gradient `g` at weight `w`: `push · sign(w) + pull · w`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Penalty {
    push: f32,
    pub(super) pull: f32,
}

impl Penalty {
    pub(super) fn new(push: f64, pull: f64) -> Self {
        Self { push: single(push), pull: single(pull) }
    }

    #[inline(always)]
    fn add(self, g: f32, w: f32) -> f32 {
        let sign = f32::from(u8::from(w > 0.0)) - f32::from(u8::from(w < 0.0));
        g + self.pull * w + self.push * sign
    }
}

/// The numbers of a step of Adam (Kingma and Ba 2015) or AdamW (Loshchilov and Hutter 2019),
/// each made in double precision: `1.0 - 0.999` in single precision is off by 5e-5.
#[derive(Debug, Clone, Copy)]
pub(super) struct Adam {
    beta1: f32,
    rest1: f32,
    beta2: f32,
    rest2: f32,
    eps: f32,
    /// What the weights are multiplied by first: below 1 for AdamW's decay.
    pub(super) shrink: f32,
    /// 1 / √(1 − β₂ᵗ)
    pub(super) root_scale: f32,
    /// lr / (1 − β₁ᵗ)
    pub(super) rate: f32,
}

impl Adam {
    /// For step `step`, from 1.
    pub(super) fn at(rule: Rule, step: u64) -> Self {
        let Rule::Adam { lr, beta1, beta2, eps, weight_decay, decoupled } = rule else {
            unreachable!("Adam's numbers are asked for under Adam's rule alone")
        };
        let power = i32::try_from(step).unwrap_or(i32::MAX);
        Self {
            beta1: single(beta1),
            rest1: single(1.0 - beta1),
            beta2: single(beta2),
            rest2: single(1.0 - beta2),
            eps: single(eps),
            shrink: single(if decoupled { 1.0 - lr * weight_decay } else { 1.0 }),
            root_scale: single(1.0 / (1.0 - beta2.powi(power)).sqrt()),
            rate: single(lr / (1.0 - beta1.powi(power))),
        }
    }
}

/// The numbers of a step of SGD, with momentum in Sutskever et al.'s form (2013) as libtorch
/// writes it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sgd {
    lr: f32,
    momentum: f32,
    nesterov: bool,
}

impl Sgd {
    pub(super) fn of(rule: Rule) -> Self {
        match rule {
            Rule::Sgd { lr, momentum, nesterov, .. } => {
                Self { lr: single(lr), momentum: single(momentum), nesterov }
            }
            Rule::Adam { lr, .. } => Self { lr: single(lr), momentum: 0.0, nesterov: false },
        }
    }
}

/// A step of Adam.
pub(super) fn adam(
    weights: &mut [f32],
    gradients: &[f32],
    first: &mut [f32],
    second: &mut [f32],
    adam: &Adam,
    penalty: Penalty,
) {
    let Adam { beta1, rest1, beta2, rest2, eps, shrink, root_scale, rate } = *adam;
    raw::wide(
        #[inline(always)]
        || {
            let state = first.iter_mut().zip(second);
            for ((w, &g), (m, v)) in weights.iter_mut().zip(gradients).zip(state) {
                let g = penalty.add(g, *w);
                *m = beta1 * *m + rest1 * g;
                *v = beta2 * *v + rest2 * (g * g);
                *w = shrink * *w - rate * (*m / (v.sqrt() * root_scale + eps));
            }
        },
    );
}

/// A step of SGD with momentum.
pub(super) fn momentum(
    weights: &mut [f32],
    gradients: &[f32],
    velocity: &mut [f32],
    sgd: &Sgd,
    penalty: Penalty,
) {
    let Sgd { lr, momentum, nesterov } = *sgd;
    raw::wide(
        #[inline(always)]
        || {
            for ((w, &g), u) in weights.iter_mut().zip(gradients).zip(velocity) {
                let g = penalty.add(g, *w);
                *u = momentum * *u + g;
                let step = if nesterov { g + momentum * *u } else { *u };
                *w -= lr * step;
            }
        },
    );
}

/// A step of plain SGD.
pub(super) fn descent(weights: &mut [f32], gradients: &[f32], sgd: &Sgd, penalty: Penalty) {
    let lr = sgd.lr;
    raw::wide(
        #[inline(always)]
        || {
            for (w, &g) in weights.iter_mut().zip(gradients) {
                *w -= lr * penalty.add(g, *w);
            }
        },
    );
}

#[expect(clippy::cast_possible_truncation, reason = "the parameters are single precision")]
const fn single(x: f64) -> f32 {
    x as f32
}
