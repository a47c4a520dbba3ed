//! Counts losses and predictions while batches pass, without waiting for the device.
use tch::{Device, Kind, Tensor};

use crate::engine::Named;
use crate::raw;

/// The sum of losses, and how often each class was taken for each.
#[derive(Debug)]
pub enum Tally {
    /// On the CPU: counted as batches pass.
    Here {
        /// Σ over samples of the loss.
        loss: f64,
        /// `[classes * classes]`: true class by predicted class.
        confusion: Vec<i64>,
        /// How many classes there are.
        classes: usize,
    },
    /// On another device: the same as tensors.
    There {
        /// Σ over samples of the loss, `[]`, f64.
        loss: Tensor,
        /// `[classes * classes]`, i64.
        confusion: Tensor,
        /// How many classes there are.
        classes: i64,
    },
}

impl Tally {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(classes: usize, device: Device) -> Self {
        if device == Device::Cpu {
            return Self::Here { loss: 0.0, confusion: vec![0; classes * classes], classes };
        }
        Self::on(classes, device)
    }

    /// Nothing counted yet, as tensors on any device.
    fn on(classes: usize, device: Device) -> Self {
        let classes = i64::try_from(classes).expect("a label is a byte");
        Self::There {
            loss: Tensor::zeros([], (Kind::Double, device)),
            confusion: Tensor::zeros([classes * classes], (Kind::Int64, device)),
            classes,
        }
    }

    /// Counts a batch: logits `[batch, classes]`, labels `[batch]`, and the mean loss, `[]`.
    pub fn count(&mut self, logits: &Tensor, labels: &Tensor, mean_loss: &Tensor) {
        let samples = labels.numel();
        match self {
            Self::Here { loss, confusion, classes } => {
                #[expect(clippy::cast_precision_loss, reason = "a batch is small")]
                {
                    *loss += mean_loss.double_value(&[]) * samples as f64;
                }
                let logits = logits.contiguous();
                let rows = raw::floats(&logits).chunks_exact(*classes);
                for (row, &label) in rows.zip(raw::wholes(labels)) {
                    let label = usize::try_from(label).expect("a label is a byte");
                    confusion[label * *classes + largest(row)] += 1;
                }
            }
            Self::There { loss, confusion, classes } => {
                let sum = mean_loss.detach().to_kind(Kind::Double) * labels.numel() as f64;
                let _ = loss.g_add_(&sum);
                let cells = labels * *classes + logits.detach().argmax(1, false);
                let _ = confusion.scatter_add_(0, &cells, &cells.ones_like());
            }
        }
    }

    /// What is counted, as tensors that a checkpoint can hold.
    #[must_use]
    pub fn tensors(&self) -> Vec<Named> {
        let (loss, confusion) = match self {
            Self::Here { loss, confusion, .. } => {
                (Tensor::from(*loss), Tensor::from_slice(confusion))
            }
            Self::There { loss, confusion, .. } => (loss.copy(), confusion.copy()),
        };
        vec![("loss", loss), ("confusion", confusion)]
    }

    /// Goes on from what [`Tally::tensors`] gave.
    pub fn restore(&mut self, tensors: &[Tensor]) {
        let [saved_loss, saved_confusion] = tensors else { return };
        match self {
            Self::Here { loss, confusion, .. } => {
                *loss = saved_loss.double_value(&[]);
                let cells = saved_confusion.to_device(Device::Cpu).contiguous();
                confusion.copy_from_slice(raw::wholes(&cells));
            }
            Self::There { loss, confusion, .. } => {
                loss.copy_(saved_loss);
                confusion.copy_(saved_confusion);
            }
        }
    }

    /// The mean loss and the counts; counting begins anew. Waits for the device.
    pub fn take(&mut self) -> (f64, Vec<u64>) {
        let tensors = self.tensors();
        let sum = tensors[0].1.double_value(&[]);
        let cells = tensors[1].1.to_device(Device::Cpu);
        let cells: Vec<u64> =
            raw::wholes(&cells).iter().map(|&n| u64::try_from(n).unwrap_or(0)).collect();
        match self {
            Self::Here { loss, confusion, .. } => {
                *loss = 0.0;
                confusion.fill(0);
            }
            Self::There { loss, confusion, .. } => {
                let _ = (loss.zero_(), confusion.zero_());
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 samples")]
        let samples = cells.iter().sum::<u64>() as f64;
        (if samples > 0.0 { sum / samples } else { 0.0 }, cells)
    }
}

/// The place of the first largest number; as in libtorch, NaN is larger than all.
fn largest(row: &[f32]) -> usize {
    let mut best = 0;
    for (i, &x) in row.iter().enumerate().skip(1) {
        if x > row[best] || (x.is_nan() && !row[best].is_nan()) {
            best = i;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_count_agree_and_go_on_where_they_were() {
        let logits = Tensor::from_slice(&[0.0f32, 2.0, 1.0, 3.0, 3.0, 0.0, -1.0, -2.0, -0.5]);
        let logits = logits.view([3, 3]);
        let labels = Tensor::from_slice(&[1i64, 2, 0]);
        let loss = Tensor::from(0.25f32);
        for fresh in [|| Tally::new(3, Device::Cpu), || Tally::on(3, Device::Cpu)] {
            let mut tally = fresh();
            tally.count(&logits, &labels, &loss);
            let mut resumed = fresh();
            let saved: Vec<Tensor> = tally.tensors().into_iter().map(|(_, t)| t).collect();
            resumed.restore(&saved);
            resumed.count(&logits, &labels, &Tensor::from(0.75f32));
            assert_eq!(resumed.take(), (0.5, vec![0, 0, 2, 0, 2, 0, 2, 0, 0]));
            assert_eq!(resumed.take(), (0.0, vec![0; 9]));
        }
    }

    #[test]
    fn the_largest_is_the_first_and_nan_is_larger() {
        assert_eq!(largest(&[1.0, 3.0, 3.0]), 1);
        assert_eq!(largest(&[1.0, f32::NAN, 3.0]), 1);
        assert_eq!(largest(&[f32::NAN, f32::NAN]), 0);
    }
}
