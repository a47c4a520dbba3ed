//! The numbers of an optimizer's step, one by one: what several runs that take a step together put
//! side by side.
use dlgrid_sweep::recipe::{Optimizer as Rule, Regularize};

use super::update::{Adam, Rooted};

/// Which formula a step follows: runs of one way take theirs at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// Adam and AdamW.
    Adam,
    /// SGD with momentum.
    Momentum {
        /// In Nesterov's form.
        nesterov: bool,
    },
    /// RMSprop and Adagrad, by how many buffers they keep.
    Rooted {
        /// Whether steps have momentum.
        momentum: bool,
    },
    /// Plain SGD.
    Plain,
}

impl Way {
    /// That of a rule.
    #[must_use]
    pub const fn of(rule: Rule) -> Self {
        match rule {
            Rule::Adam { .. } => Self::Adam,
            Rule::Sgd { momentum, nesterov, .. } if momentum != 0.0 => Self::Momentum { nesterov },
            Rule::Sgd { .. } => Self::Plain,
            Rule::Rmsprop { momentum, .. } => Self::Rooted { momentum: momentum != 0.0 },
            Rule::Adagrad { .. } => Self::Rooted { momentum: false },
        }
    }
}

/// A number that may change from step to step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// What the step is multiplied by.
    Rate,
    /// What a mean of gradients keeps of itself: β₁, or the momentum.
    Keep,
    /// What of a gradient is added to it.
    Add,
    /// What a sum of squares keeps of itself.
    KeepSquare,
    /// What of a square is added to it.
    AddSquare,
    /// What a root is multiplied by.
    RootScale,
    /// What is added to a root.
    Eps,
    /// What the weights are multiplied by first.
    Shrink,
}

impl Column {
    /// All of them, in order.
    pub const ALL: [Self; 8] = [
        Self::Rate,
        Self::Keep,
        Self::Add,
        Self::KeepSquare,
        Self::AddSquare,
        Self::RootScale,
        Self::Eps,
        Self::Shrink,
    ];
}

/// The numbers of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    columns: [f32; Column::ALL.len()],
    /// The gradient of the penalty on the weights' sizes, by their sign.
    pub push: f32,
    /// That on their squares, by the weight.
    pub pull: f32,
    /// The weight decay that is added to gradients.
    pub decay: f32,
    /// The largest norm of all gradients together; infinite where there is none.
    pub clip: f32,
}

impl Rates {
    /// Those of a step, counted from 1, under a rule whose rate is that of the step.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "training is single precision")]
    pub(super) fn new(rule: Rule, regularize: Regularize, clip: Option<f64>, step: u64) -> Self {
        let mut columns = [0.0; Column::ALL.len()];
        let mut set = |column: Column, x: f32| columns[column as usize] = x;
        let decay = match rule {
            Rule::Adam { beta1, beta2, eps, weight_decay, decoupled, .. } => {
                let adam = Adam::at(rule, step);
                set(Column::Rate, adam.rate as f32);
                set(Column::Keep, beta1 as f32);
                set(Column::Add, (1.0 - beta1) as f32);
                set(Column::KeepSquare, beta2 as f32);
                set(Column::AddSquare, (1.0 - beta2) as f32);
                set(Column::RootScale, adam.root_scale as f32);
                set(Column::Eps, eps as f32);
                set(Column::Shrink, adam.shrink as f32);
                if decoupled { 0.0 } else { weight_decay }
            }
            Rule::Sgd { lr, momentum, weight_decay, .. } => {
                set(Column::Rate, lr as f32);
                set(Column::Keep, momentum as f32);
                weight_decay
            }
            Rule::Rmsprop { lr, alpha, eps, momentum, weight_decay, .. } => {
                set(Column::Rate, lr as f32);
                set(Column::Keep, momentum as f32);
                set(Column::KeepSquare, alpha as f32);
                set(Column::AddSquare, (1.0 - alpha) as f32);
                set(Column::Eps, eps as f32);
                weight_decay
            }
            Rule::Adagrad { lr, lr_decay, eps, weight_decay, .. } => {
                set(Column::Rate, Rooted::sum(lr, lr_decay, eps, step).rate as f32);
                set(Column::KeepSquare, 1.0);
                set(Column::AddSquare, 1.0);
                set(Column::Eps, eps as f32);
                weight_decay
            }
        };
        let Regularize { l1, l2, .. } = regularize;
        Self {
            columns,
            push: l1 as f32,
            pull: (2.0 * l2) as f32,
            decay: decay as f32,
            clip: clip.map_or(f32::INFINITY, |most| most as f32),
        }
    }

    /// One of the numbers that may change.
    #[must_use]
    pub const fn of(&self, column: Column) -> f32 {
        self.columns[column as usize]
    }
}
