//! By what the learning rate is multiplied at a step: a pure function of the schedule and of
//! how far the training is.
use std::f64::consts::PI;

use dlgrid_sweep::recipe::{Schedule, ScheduleKind};

/// How long a training is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Length {
    /// Steps of an epoch.
    pub epoch_steps: u64,
    /// Epochs.
    pub epochs: u32,
}

impl Length {
    /// Of so many samples in batches of this size.
    #[must_use]
    pub fn new(epochs: u32, samples: usize, batch_size: u32) -> Self {
        Self { epoch_steps: samples.div_ceil(batch_size as usize) as u64, epochs }
    }
}

/// One cycle begins at this part of the learning rate, as PyTorch's does.
const CYCLE_BEGINS: f64 = 1.0 / 25.0;
/// It ends at this part of where it began.
const CYCLE_ENDS: f64 = 1e-4;

/// The factor at step `step`, from 0.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a training has fewer than 2^53 steps")]
pub fn factor(schedule: &Schedule, step: u64, length: Length) -> f64 {
    let total = length.epoch_steps as f64 * f64::from(length.epochs);
    let warm = (schedule.warmup * length.epoch_steps as f64).round();
    let at = step as f64;
    if at < warm {
        return (at + 1.0) / (warm + 1.0);
    }
    match schedule.kind {
        ScheduleKind::Constant => 1.0,
        ScheduleKind::Step { every, gamma } => {
            let epoch = step / length.epoch_steps.max(1);
            gamma.powi(i32::try_from(epoch / u64::from(every)).unwrap_or(i32::MAX))
        }
        ScheduleKind::Cosine { floor } => wave(1.0, floor, (at - warm) / (total - warm)),
        ScheduleKind::OneCycle { rise } => {
            let (top, last) = ((rise * total - 1.0).max(0.0), total - 1.0);
            if at < top {
                wave(CYCLE_BEGINS, 1.0, at / top)
            } else {
                let down = if last > top { (at - top) / (last - top) } else { 0.0 };
                wave(1.0, CYCLE_BEGINS * CYCLE_ENDS, down)
            }
        }
    }
}

/// From one number to another along half a wave of a cosine, at a share of the way.
fn wave(from: f64, to: f64, share: f64) -> f64 {
    to + (from - to) * (1.0 + (PI * share.min(1.0)).cos()) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schedule_has_the_factors_of_its_definition() {
        use ScheduleKind::{Constant, Cosine, OneCycle, Step};
        // Ten epochs of ten steps.
        let length = Length { epoch_steps: 10, epochs: 10 };
        let half = 0.5f64.sqrt();
        type Expected<'a> = &'a [(u64, f64)];
        let cases: [(ScheduleKind, f64, Expected<'_>); 7] = [
            (Constant, 0.0, &[(0, 1.0), (50, 1.0), (99, 1.0)]),
            (Constant, 0.4, &[(0, 0.2), (1, 0.4), (3, 0.8), (4, 1.0), (99, 1.0)]),
            (
                Step { every: 3, gamma: 0.1 },
                0.0,
                &[(0, 1.0), (29, 1.0), (30, 0.1), (59, 0.1), (60, 0.01), (99, 0.001)],
            ),
            (Step { every: 3, gamma: 0.5 }, 0.9, &[(0, 0.1), (9, 1.0), (30, 0.5)]),
            // torch.optim.lr_scheduler.CosineAnnealingLR with T_max = 100
            (
                Cosine { floor: 0.0 },
                0.0,
                &[(0, 1.0), (25, 0.5 + half / 2.0), (50, 0.5), (75, 0.5 - half / 2.0)],
            ),
            (Cosine { floor: 0.2 }, 2.0, &[(19, 20.0 / 21.0), (20, 1.0), (60, 0.6), (100, 0.2)]),
            // torch.optim.lr_scheduler.OneCycleLR with total_steps = 100
            (OneCycle { rise: 0.31 }, 0.0, &[(0, 0.04), (15, 0.52), (30, 1.0), (99, 4e-6)]),
        ];
        for (kind, warmup, expected) in cases {
            for &(step, expected) in expected {
                let found = factor(&Schedule { kind, warmup }, step, length);
                assert!((found - expected).abs() < 1e-12, "{kind:?} at {step}: {found}");
            }
        }
    }

    #[test]
    fn short_trainings_have_finite_factors() {
        use ScheduleKind::{Cosine, OneCycle};
        for kind in [Cosine { floor: 0.0 }, OneCycle { rise: 0.3 }] {
            for (epoch_steps, epochs) in [(1, 1), (1, 2), (2, 2)] {
                let length = Length { epoch_steps, epochs };
                for step in 0..=epoch_steps * u64::from(epochs) {
                    let factor = factor(&Schedule { kind, warmup: 0.0 }, step, length);
                    assert!((0.0..=1.0).contains(&factor), "{kind:?} {length:?} {step} {factor}");
                }
            }
        }
    }
}
