//! The update rules on the CPU: one loop over weights, gradients and state, without
//! contraction of products and sums, so that every x86-64 gives the same bits.
use dlgrid_sweep::recipe::Optimizer as Rule;

use crate::raw;

/// What becomes of a gradient `g` at weight `w`:
/// `scale · (g + pull · w + push · sign(w)) + decay · w`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Penalty {
    push: f32,
    pull: f32,
    scale: f32,
    decay: f32,
}

impl Penalty {
    pub(super) fn new(push: f64, pull: f64, decay: f64) -> Self {
        Self { push: single(push), pull: single(pull), scale: 1.0, decay: single(decay) }
    }

    pub(super) fn scaled(self, scale: f64) -> Self {
        Self { scale: single(scale), ..self }
    }

    #[inline(always)]
    fn penalize(self, g: f32, w: f32) -> f32 {
        let sign = f32::from(u8::from(w > 0.0)) - f32::from(u8::from(w < 0.0));
        g + self.pull * w + self.push * sign
    }

    #[inline(always)]
    fn add(self, g: f32, w: f32) -> f32 {
        self.scale * self.penalize(g, w) + self.decay * w
    }
}

/// The sum of the squares of gradients, penalties included and decay left out: in lanes, so
/// that the order of the sum, and with it the bits, is the same on every machine.
pub(super) fn square_norm(weights: &[f32], gradients: &[f32], penalty: Penalty) -> f64 {
    let mut lanes = [0.0f64; 8];
    raw::wide(
        #[inline(always)]
        || {
            for (weights, gradients) in weights.chunks(8).zip(gradients.chunks(8)) {
                for ((lane, &w), &g) in lanes.iter_mut().zip(weights).zip(gradients) {
                    let g = f64::from(penalty.penalize(g, w));
                    *lane += g * g;
                }
            }
        },
    );
    lanes.iter().sum()
}

/// By what gradients of this norm are multiplied so that it is at most `most`, as
/// `torch.nn.utils.clip_grad_norm_` does.
pub(super) fn clipping(most: f64, norm: f64) -> f64 {
    (most / (norm + CLIP_EPS)).min(1.0)
}

/// What `torch.nn.utils.clip_grad_norm_` adds to a norm.
pub(crate) const CLIP_EPS: f64 = 1e-6;

/// The numbers of a step of Adam (Kingma and Ba 2015) or AdamW (Loshchilov and Hutter 2019),
/// each made in double precision: `1.0 - 0.999` in single precision is off by 5e-5.
#[derive(Debug, Clone, Copy)]
pub(super) struct Adam {
    beta1: f32,
    rest1: f32,
    beta2: f32,
    rest2: f32,
    eps: f32,
    /// What the weights are multiplied by first: below 1 for AdamW's decay. Double precision: 1 − 1e-8
    /// is 1 in single precision.
    pub(super) shrink: f64,
    /// 1 / √(1 − β₂ᵗ)
    pub(super) root_scale: f64,
    /// lr / (1 − β₁ᵗ)
    pub(super) rate: f64,
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
            shrink: if decoupled { 1.0 - lr * weight_decay } else { 1.0 },
            root_scale: 1.0 / (1.0 - beta2.powi(power)).sqrt(),
            rate: lr / (1.0 - beta1.powi(power)),
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
    pub(super) fn new(lr: f64, momentum: f64, nesterov: bool) -> Self {
        Self { lr: single(lr), momentum: single(momentum), nesterov }
    }
}

/// The numbers of a step that divides gradients by the root of a sum of their squares:
/// `sum = keep · sum + add · g²`, `g / (√sum + eps)`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rooted {
    keep: f32,
    add: f32,
    eps: f32,
    pub(super) rate: f64,
    momentum: f32,
}

impl Rooted {
    /// RMSprop (Hinton 2012): a mean that decays.
    pub(super) fn mean(lr: f64, alpha: f64, eps: f64, momentum: f64) -> Self {
        Self {
            keep: single(alpha),
            add: single(1.0 - alpha),
            eps: single(eps),
            rate: lr,
            momentum: single(momentum),
        }
    }

    /// Adagrad (Duchi et al. 2011): the whole sum. For step `step`, from 1.
    pub(super) fn sum(lr: f64, lr_decay: f64, eps: f64, step: u64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 steps")]
        let rate = lr / (1.0 + (step - 1) as f64 * lr_decay);
        Self { keep: 1.0, add: 1.0, eps: single(eps), rate, momentum: 0.0 }
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
    let Adam { beta1, rest1, beta2, rest2, eps, .. } = *adam;
    let [shrink, root_scale, rate] = [adam.shrink, adam.root_scale, adam.rate].map(single);
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

/// A step of RMSprop or Adagrad.
pub(super) fn rooted(
    weights: &mut [f32],
    gradients: &[f32],
    squares: &mut [f32],
    how: &Rooted,
    penalty: Penalty,
) {
    let Rooted { keep, add, eps, .. } = *how;
    let rate = single(how.rate);
    raw::wide(
        #[inline(always)]
        || {
            for ((w, &g), s) in weights.iter_mut().zip(gradients).zip(squares) {
                let g = penalty.add(g, *w);
                *s = keep * *s + add * (g * g);
                *w -= rate * (g / (s.sqrt() + eps));
            }
        },
    );
}

/// A step of RMSprop with momentum.
pub(super) fn rooted_momentum(
    weights: &mut [f32],
    gradients: &[f32],
    squares: &mut [f32],
    velocity: &mut [f32],
    how: &Rooted,
    penalty: Penalty,
) {
    let Rooted { keep, add, eps, momentum, .. } = *how;
    let rate = single(how.rate);
    raw::wide(
        #[inline(always)]
        || {
            let state = squares.iter_mut().zip(velocity);
            for ((w, &g), (s, u)) in weights.iter_mut().zip(gradients).zip(state) {
                let g = penalty.add(g, *w);
                *s = keep * *s + add * (g * g);
                *u = momentum * *u + g / (s.sqrt() + eps);
                *w -= rate * *u;
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
