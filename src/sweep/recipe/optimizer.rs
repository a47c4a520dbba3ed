//! How a step is made: the optimizer of a recipe and the schedule of its learning rate.
use super::Settings;
use super::train::{flag, number, text, whole};

/// How the learning rate changes: by what the optimizer's is multiplied.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// After the rise.
    pub kind: ScheduleKind,
    /// Epochs of the linear rise at first.
    pub warmup: f64,
}

/// The forms of a schedule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ScheduleKind {
    /// Always 1.
    Constant,
    /// Multiplied by `gamma` after every so many epochs.
    Step {
        /// Epochs.
        every: u32,
        /// What it is multiplied by.
        gamma: f64,
    },
    /// Half a wave of a cosine, from 1 down to `floor`.
    Cosine {
        /// The factor at the end.
        floor: f64,
    },
    /// Up from 1/25 to 1 and down to 1/250,000, each along half a wave (Smith 2018), as PyTorch's
    /// `OneCycleLR` without its cycle of the momentum.
    OneCycle {
        /// Share of the steps in which it rises.
        rise: f64,
    },
}

/// How a step is made; definitions as libtorch's optimizer of that name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Optimizer {
    /// Adam, decay added to the gradient; with `decoupled`, AdamW.
    Adam {
        /// Learning rate.
        lr: f64,
        /// Decay of the first moment.
        beta1: f64,
        /// Decay of the second moment.
        beta2: f64,
        /// Added to the root of the second moment.
        eps: f64,
        /// Weight decay.
        weight_decay: f64,
        /// Whether the decay is applied to the weights themselves (AdamW).
        decoupled: bool,
    },
    /// Stochastic gradient descent.
    Sgd {
        /// Learning rate.
        lr: f64,
        /// Momentum; 0 is none.
        momentum: f64,
        /// Nesterov's form.
        nesterov: bool,
        /// Weight decay.
        weight_decay: f64,
    },
    /// RMSprop (Hinton 2012), not centred.
    Rmsprop {
        /// Learning rate.
        lr: f64,
        /// Decay of the mean square.
        alpha: f64,
        /// Added to the root of the mean square.
        eps: f64,
        /// Momentum; 0 is none.
        momentum: f64,
        /// Weight decay.
        weight_decay: f64,
    },
    /// Adagrad (Duchi et al. 2011).
    Adagrad {
        /// Learning rate.
        lr: f64,
        /// The rate of step t, from 1, is lr / (1 + (t − 1) · `lr_decay`).
        lr_decay: f64,
        /// Added to the root of the sum of squares.
        eps: f64,
        /// Weight decay.
        weight_decay: f64,
    },
}

pub(super) fn optimizer(s: &Settings) -> Optimizer {
    let lr = number(s, "optimizer.lr");
    let weight_decay = number(s, "optimizer.weight_decay");
    let eps = || number(s, "optimizer.eps");
    match &*text(s, "optimizer.kind") {
        "gd" => Optimizer::Sgd { lr, momentum: 0.0, nesterov: false, weight_decay },
        "sgd" => Optimizer::Sgd {
            lr,
            momentum: number(s, "optimizer.momentum"),
            nesterov: flag(s, "optimizer.nesterov"),
            weight_decay,
        },
        "rmsprop" => Optimizer::Rmsprop {
            lr,
            alpha: number(s, "optimizer.alpha"),
            eps: eps(),
            momentum: number(s, "optimizer.momentum"),
            weight_decay,
        },
        "adagrad" => {
            let lr_decay = number(s, "optimizer.lr_decay");
            Optimizer::Adagrad { lr, lr_decay, eps: eps(), weight_decay }
        }
        kind => Optimizer::Adam {
            lr,
            beta1: number(s, "optimizer.beta1"),
            beta2: number(s, "optimizer.beta2"),
            eps: eps(),
            weight_decay,
            decoupled: kind == "adamw",
        },
    }
}

pub(super) fn schedule(s: &Settings) -> Schedule {
    let kind = match &*text(s, "schedule.kind") {
        "step" => ScheduleKind::Step {
            every: whole(s, "schedule.step"),
            gamma: number(s, "schedule.gamma"),
        },
        "cosine" => ScheduleKind::Cosine { floor: number(s, "schedule.floor") },
        "one_cycle" => ScheduleKind::OneCycle { rise: number(s, "schedule.rise") },
        _ => ScheduleKind::Constant,
    };
    let one_cycle = matches!(kind, ScheduleKind::OneCycle { .. });
    Schedule { kind, warmup: if one_cycle { 0.0 } else { number(s, "schedule.warmup") } }
}
