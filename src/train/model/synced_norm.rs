//! Batch norm over the rows of all ranks (Ioffe and Szegedy 2015): what each rank computes is what
//! one process with the whole batch would.
//!
//! Forward, the ranks put their means and squares together. Backward, the gradient of an input
//! depends on two sums over all ranks, in the middle of the pass, where libtorch lets nobody in. So
//! the graph is cut at each such layer.
use tch::{Kind, Tensor};

use super::cuts::{self, Back};
use super::layers::{NEWEST, NORM_EPS};
use crate::ranks::Ranks;

/// What a layer keeps for the way back.
#[derive(Debug)]
pub struct Norm {
    weight: Tensor,
    bias: Tensor,
    /// Over all ranks, `[channels]`.
    mean: Tensor,
    /// 1 / √(variance + eps), `[channels]`.
    scale: Tensor,
    /// Numbers a channel over all ranks.
    count: f64,
}

/// Numbers a channel over all ranks, and their mean and variance, `[channels]`.
struct Statistics {
    count: f64,
    mean: Tensor,
    variance: Tensor,
}

/// Norms a part of a batch `[rows, channels, …]` by the rows of all ranks, and keeps the running
/// statistics up. `several` rows a channel are needed for a variance: else nothing comes back.
pub fn norm(
    x: &Tensor,
    [weight, bias]: [&Tensor; 2],
    [running_mean, running_variance]: [&Tensor; 2],
    ranks: &Ranks,
) -> Option<Tensor> {
    let all = tch::no_grad(|| statistics(x, ranks));
    if all.count <= 1.0 {
        return None;
    }
    tch::no_grad(|| {
        let unbiased = &all.variance * (all.count / (all.count - 1.0));
        for (running, newest) in [(running_mean, &all.mean), (running_variance, &unbiased)] {
            let mut running = running.shallow_clone();
            let _ = running.g_mul_scalar_(1.0 - NEWEST).g_add_(&(newest * NEWEST));
        }
    });
    let output = tch::no_grad(|| {
        let (mean, variance) = (Some(&all.mean), Some(&all.variance));
        x.batch_norm(Some(weight), Some(bias), mean, variance, false, NEWEST, NORM_EPS, true)
    });
    let norm = Norm {
        weight: weight.shallow_clone(),
        bias: bias.shallow_clone(),
        scale: (all.variance + NORM_EPS).rsqrt(),
        mean: all.mean,
        count: all.count,
    };
    Some(cuts::cut(x, &output, Back::Norm(norm)))
}

/// The mean of each rank and the squares around it, put together as Chan et al. (1979) do, in double
/// precision.
#[expect(clippy::cast_precision_loss, reason = "a batch has far fewer than 2^53 numbers")]
fn statistics(x: &Tensor, ranks: &Ranks) -> Statistics {
    let channels = usize::try_from(x.size()[1]).unwrap_or(0);
    let count = (x.numel() / channels.max(1)) as f64;
    let (variance, mean) = x.detach().var_mean_correction(others(x).as_slice(), 0, false);
    let own = [numbers(&mean), numbers(&variance)].concat();
    let width = 1 + 2 * channels;
    let mut slots = vec![0.0; ranks.size() * width];
    let slot = &mut slots[ranks.rank() * width..][..width];
    slot[0] = count;
    slot[1..].copy_from_slice(&own);
    let slots = ranks.sum_f64(&slots);
    let of_ranks = || slots.chunks_exact(width).filter(|slot| slot[0] > 0.0);
    let total: f64 = of_ranks().map(|slot| slot[0]).sum();
    let means: Vec<f64> = (1..=channels)
        .map(|c| of_ranks().map(|slot| slot[0] * slot[c]).sum::<f64>() / total)
        .collect();
    let variances: Vec<f64> = (0..channels)
        .map(|c| {
            let squares = |slot: &[f64]| {
                slot[0] * (slot[1 + channels + c] + (slot[1 + c] - means[c]).powi(2))
            };
            of_ranks().map(squares).sum::<f64>() / total
        })
        .collect();
    Statistics { count: total, mean: tensor(&means, x), variance: tensor(&variances, x) }
}

impl Norm {
    /// What comes out of this layer backward where `gradient` goes in: for what went in forward
    /// (`input`), for the weight and the bias.
    pub fn back<'a>(
        &'a self,
        input: &'a Tensor,
        gradient: &Tensor,
        ranks: &Ranks,
    ) -> [(&'a Tensor, Tensor); 3] {
        let channel = |all: &Tensor| {
            let mut size = vec![1; input.dim()];
            size[1] = -1;
            all.view(size.as_slice())
        };
        let dims = others(input);
        let sum = |x: &Tensor| x.sum_dim_intlist(dims.as_slice(), false, x.kind());
        let (own_bias, own_weight, inner) = tch::no_grad(|| {
            let input = input.detach();
            let normed = (&input - channel(&self.mean)) * channel(&self.scale);
            let (bias, weight) = (sum(gradient), sum(&(gradient * &normed)));
            let both = ranks.sum_f64(&[numbers(&bias), numbers(&weight)].concat());
            let [all_bias, all_weight] = [0, 1].map(|half| {
                let half = &both[half * both.len() / 2..][..both.len() / 2];
                channel(&(tensor(half, &input) / self.count))
            });
            let inner = gradient - all_bias - normed * all_weight;
            (bias, weight, inner * channel(&(&self.weight * &self.scale)))
        });
        [(input, inner), (&self.weight, own_weight), (&self.bias, own_bias)]
    }
}

/// All dimensions but the channels'.
fn others(x: &Tensor) -> Vec<i64> {
    (0..i64::try_from(x.dim()).unwrap_or(0)).filter(|dim| *dim != 1).collect()
}

fn numbers(x: &Tensor) -> Vec<f64> {
    let all = x.to_device(tch::Device::Cpu).to_kind(Kind::Double).contiguous();
    let mut numbers = vec![0.0; all.numel()];
    all.copy_data(&mut numbers, all.numel());
    numbers
}

fn tensor(numbers: &[f64], like: &Tensor) -> Tensor {
    Tensor::from_slice(numbers).to_kind(like.kind()).to_device(like.device())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ranks;
    use tch::Device;

    /// Of one rank, both ways are libtorch's batch norm: outputs, running statistics and gradients,
    /// also where a shortcut passes the layer, and one layer follows another.
    #[test]
    fn of_one_rank_it_is_libtorch_s_batch_norm() {
        let draw = |size: &[i64]| Tensor::rand(size, (Kind::Double, Device::Cpu));
        for size in [vec![6, 3], vec![4, 3, 2, 5]] {
            let leaf = |size: &[i64]| (draw(size) + 0.5).set_requires_grad(true);
            let (x, leaves) = (draw(&size), [3, 3, 3, 3, 1].map(|n| leaf(&[n])));
            let run = |own: bool| {
                let kept = [0, 1, 2, 3]
                    .map(|n| Tensor::full([3], f64::from(n), (Kind::Double, Device::Cpu)));
                let norm = |x: &Tensor, at: usize| {
                    let (w, b, m, v) = (&leaves[at], &leaves[at + 1], &kept[at], &kept[at + 1]);
                    if own {
                        return super::norm(x, [w, b], [m, v], ranks::here()).expect("several");
                    }
                    x.batch_norm(Some(w), Some(b), Some(m), Some(v), true, NEWEST, NORM_EPS, true)
                };
                let hidden = (&x * &leaves[4]).tanh();
                let first = norm(&hidden, 0).relu();
                let output = norm(&(first.square() + &hidden), 2) + &first + hidden.exp();
                let loss = (output * x.cos()).square().sum(Kind::Double);
                let found = if own {
                    cuts::gradients(&loss, &leaves, ranks::here())
                } else {
                    Tensor::run_backward(&[&loss], &leaves, false, false)
                };
                found.into_iter().chain([loss.detach()]).chain(kept).collect::<Vec<_>>()
            };
            for (ours, theirs) in run(true).iter().zip(run(false)) {
                assert!(ours.allclose(&theirs, 1e-9, 1e-12, false), "{ours:?} {theirs:?}");
            }
        }
    }
}
