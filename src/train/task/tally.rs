//! Counts losses and predictions while batches pass, without waiting for the device.
use dlgrid_sweep::recipe::metric::TOP;
use tch::{Device, Kind, Tensor};

use crate::engine::Named;
use crate::ranks::Ranks;
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
        /// Samples whose class is among the largest outputs, where that is counted.
        top: Option<i64>,
    },
    /// On another device: the same as tensors.
    There {
        /// Σ over samples of the loss, `[]`, f64.
        loss: Tensor,
        /// `[classes * classes]`, i64.
        confusion: Tensor,
        /// How many classes there are.
        classes: i64,
        /// Samples whose class is among the largest outputs, where that is counted: `[]`, i64.
        top: Option<Tensor>,
    },
}

fn whole(classes: usize) -> i64 {
    i64::try_from(classes).expect("a label is a byte")
}

/// What a [`Tally`] has counted.
#[derive(Debug, Clone, PartialEq)]
pub struct Counts {
    /// Mean over samples of the loss.
    pub loss: f64,
    /// `[classes * classes]`: true class by predicted class.
    pub confusion: Vec<u64>,
    /// Share of samples whose class is among the five largest outputs, where that was counted.
    pub top: Option<f64>,
}

impl Counts {
    /// Of sums over samples: of the loss, by true and predicted class, and of those in the top.
    pub fn of_sums(loss: f64, confusion: &[i64], top: Option<f64>) -> Self {
        let confusion: Vec<u64> =
            confusion.iter().map(|&n| u64::try_from(n).unwrap_or(0)).collect();
        #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 samples")]
        let samples = confusion.iter().sum::<u64>() as f64;
        let mean = |sum: f64| if samples > 0.0 { sum / samples } else { 0.0 };
        Self { loss: mean(loss), confusion, top: top.map(mean) }
    }
}

impl Tally {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(classes: usize, device: Device) -> Self {
        if device == Device::Cpu {
            let confusion = vec![0; classes * classes];
            return Self::Here { loss: 0.0, confusion, classes, top: None };
        }
        Self::on(classes, device)
    }

    /// Nothing counted yet, as tensors on any device.
    fn on(classes: usize, device: Device) -> Self {
        let classes = whole(classes);
        Self::There {
            loss: Tensor::zeros([], (Kind::Double, device)),
            confusion: Tensor::zeros([classes * classes], (Kind::Int64, device)),
            classes,
            top: None,
        }
    }

    /// Also counts whose class is among the five largest outputs, if there are more.
    #[must_use]
    pub fn with_top(mut self) -> Self {
        match &mut self {
            Self::Here { classes, top, .. } => *top = (*classes > TOP).then_some(0),
            Self::There { classes, top, loss, .. } => {
                let counted = usize::try_from(*classes).is_ok_and(|n| n > TOP);
                *top = counted.then(|| Tensor::zeros([], (Kind::Int64, loss.device())));
            }
        }
        self
    }

    /// Counts a batch: logits `[batch, classes]`, labels `[batch]`, and the mean loss, `[]`.
    pub fn count(&mut self, logits: &Tensor, labels: &Tensor, mean_loss: &Tensor) {
        let samples = labels.numel();
        match self {
            Self::Here { loss, confusion, classes, top } => {
                #[expect(clippy::cast_precision_loss, reason = "a batch is small")]
                {
                    *loss += mean_loss.double_value(&[]) * samples as f64;
                }
                let logits = logits.to_kind(Kind::Float).contiguous();
                let rows = raw::floats(&logits).chunks_exact(*classes);
                for (row, &label) in rows.zip(raw::wholes(labels)) {
                    let label = usize::try_from(label).expect("a label is a byte");
                    confusion[label * *classes + largest(row)] += 1;
                    if let Some(top) = top {
                        *top += i64::from(above(row, label) < TOP);
                    }
                }
            }
            Self::There { loss, confusion, classes, top } => {
                let sum = mean_loss.detach().to_kind(Kind::Double) * labels.numel() as f64;
                let _ = loss.g_add_(&sum);
                let cells = labels * *classes + logits.detach().argmax(1, false);
                let _ = confusion.scatter_add_(0, &cells, &cells.ones_like());
                if let Some(top) = top {
                    let _ = top.g_add_(&in_top(&logits.detach(), labels, *classes));
                }
            }
        }
    }

    /// Counts from now on in this memory: a loss, `[]`, f64, and a confusion, `[classes * classes]`,
    /// i64. What was counted is put there.
    pub fn count_in(&mut self, loss: Tensor, confusion: Tensor) {
        let classes = match self {
            Self::Here { classes, .. } => whole(*classes),
            Self::There { classes, .. } => *classes,
        };
        let counted: Vec<Tensor> = self.tensors().into_iter().map(|(_, own)| own).collect();
        *self = Self::There { loss, confusion, classes, top: None };
        self.restore(&counted);
    }

    /// What is counted, as tensors that a checkpoint can hold.
    #[must_use]
    pub fn tensors(&self) -> Vec<Named> {
        let (loss, confusion, top) = match self {
            Self::Here { loss, confusion, top, .. } => {
                (Tensor::from(*loss), Tensor::from_slice(confusion), top.map(Tensor::from))
            }
            Self::There { loss, confusion, top, .. } => {
                (loss.copy(), confusion.copy(), top.as_ref().map(Tensor::copy))
            }
        };
        let top = top.map(|top| ("top", top));
        [("loss", loss), ("confusion", confusion)].into_iter().chain(top).collect()
    }

    /// Goes on from what [`Tally::tensors`] gave.
    pub fn restore(&mut self, tensors: &[Tensor]) {
        let [saved_loss, saved_confusion, rest @ ..] = tensors else { return };
        match self {
            Self::Here { loss, confusion, top, .. } => {
                *loss = saved_loss.double_value(&[]);
                let cells = saved_confusion.to_device(Device::Cpu).contiguous();
                confusion.copy_from_slice(raw::wholes(&cells));
                if let (Some(top), [saved]) = (top, rest) {
                    *top = saved.int64_value(&[]);
                }
            }
            Self::There { loss, confusion, top, .. } => {
                loss.copy_(saved_loss);
                confusion.copy_(saved_confusion);
                if let (Some(top), [saved]) = (top, rest) {
                    top.copy_(saved);
                }
            }
        }
    }

    /// Puts together what all ranks have counted.
    pub fn gather(&mut self, ranks: &Ranks) {
        if !ranks.is_alone() {
            let all = ranks.sum_counted(self.tensors());
            self.restore(&all.into_iter().map(|(_, tensor)| tensor).collect::<Vec<_>>());
        }
    }

    /// What was counted; counting begins anew. Waits for the device.
    pub fn take(&mut self) -> Counts {
        let tensors = self.tensors();
        let sum = tensors[0].1.double_value(&[]);
        let cells = tensors[1].1.to_device(Device::Cpu);
        let top = tensors.get(2).map(|(_, top)| top.double_value(&[]));
        match self {
            Self::Here { loss, confusion, top, .. } => {
                *loss = 0.0;
                confusion.fill(0);
                top.iter_mut().for_each(|n| *n = 0);
            }
            Self::There { loss, confusion, top, .. } => {
                let _ = (loss.zero_(), confusion.zero_());
                top.iter_mut().for_each(|n| drop(n.zero_()));
            }
        }
        Counts::of_sums(sum, raw::wholes(&cells), top)
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

/// How many outputs come before that of a class; of equal ones the later class comes first, as in
/// scikit-learn's `top_k_accuracy_score`.
fn above(row: &[f32], class: usize) -> usize {
    let own = row[class];
    let later = row[class + 1..].iter().filter(|&&x| x >= own).count();
    row[..class].iter().filter(|&&x| x > own).count() + later
}

/// How many of a batch have fewer than five outputs before that of their class: the same as by
/// [`above`], of logits `[…, batch, classes]` and labels `[…, batch]`: `[…]`, i64.
pub fn in_top(logits: &Tensor, labels: &Tensor, classes: i64) -> Tensor {
    let labels = labels.unsqueeze(-1);
    let own = logits.gather(-1, &labels, false);
    let later = Tensor::arange(classes, (Kind::Int64, logits.device())).gt_tensor(&labels);
    let tied = logits.eq_tensor(&own).logical_and(&later);
    let before = logits.gt_tensor(&own).logical_or(&tied).sum_dim_intlist(-1, false, Kind::Int64);
    before.lt(TOP as i64).sum_dim_intlist(-1, false, Kind::Int64)
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
            let counted = |loss, confusion| Counts { loss, confusion, top: None };
            assert_eq!(resumed.take(), counted(0.5, vec![0, 0, 2, 0, 2, 0, 2, 0, 0]));
            assert_eq!(resumed.take(), counted(0.0, vec![0; 9]));
        }
    }

    /// `top_k_accuracy_score(…, k=5)` of scikit-learn 1.9.1 gives 8 of 12.
    #[test]
    fn the_top_five_are_those_of_scikit_learn_with_its_ties_and_outlive_a_checkpoint() {
        #[rustfmt::skip]
        let logits = [
            -0.5f32, 0.0, 0.5, -0.0, -0.0, 0.5, 0.5, -1.0, -0.0, 0.0, -1.0, 0.5, -1.0, 1.0, 0.0, 0.0,
            -0.5, -0.0, -2.0, -1.0, 0.5, -2.0, 1.0, -1.5, 1.0, -1.0, 1.0, 0.0, -1.5, 1.0, 1.5, -0.0,
            -0.5, -0.0, -1.0, 1.0, -0.5, -0.0, -1.0, -0.5, -1.5, 1.5, -0.0, 1.0, 0.0, -0.5, -0.5, -0.5,
            0.0, -0.5, -0.5, -1.5, -1.0, 1.5, -0.5, -1.0, 0.5, 1.5, -1.5, -0.0, -0.5, -2.0, 0.5, -0.0,
            0.0, -1.0, 0.5, -0.5, -0.0, -1.0, -1.0, 1.5, -0.5, 0.5, -0.0, -0.5, -0.5, 0.5, -0.5, -0.0,
            0.0, 1.0, 0.5, 0.5, -0.5, -1.5, 1.0, 1.0, -0.0, 0.5, 1.0, 1.0, 1.0, -0.5, 1.5, -1.0,
        ];
        let logits = Tensor::from_slice(&logits).view([12, 8]);
        let labels = Tensor::from_slice(&[0i64, 6, 4, 3, 0, 1, 6, 3, 7, 7, 6, 0]);
        let loss = Tensor::from(0.5f32);
        for fresh in [|| Tally::new(8, Device::Cpu), || Tally::on(8, Device::Cpu)] {
            let (mut first, mut second) = (fresh().with_top(), fresh().with_top());
            first.count(&logits.narrow(0, 0, 5), &labels.narrow(0, 0, 5), &loss);
            let saved: Vec<Tensor> = first.tensors().into_iter().map(|(_, t)| t).collect();
            second.restore(&saved);
            second.count(&logits.narrow(0, 5, 7), &labels.narrow(0, 5, 7), &loss);
            assert_eq!(second.take().top, Some(8.0 / 12.0));
            assert_eq!(second.take().top, Some(0.0), "counting begins anew");
        }
        assert_eq!(Tally::new(5, Device::Cpu).with_top().take().top, None, "all are among five");
    }

    #[test]
    fn the_largest_is_the_first_and_nan_is_larger() {
        assert_eq!(largest(&[1.0, 3.0, 3.0]), 1);
        assert_eq!(largest(&[1.0, f32::NAN, 3.0]), 1);
        assert_eq!(largest(&[f32::NAN, f32::NAN]), 0);
    }
}
