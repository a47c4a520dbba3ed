//! Augmentation on a device: a few operations on the whole batch, and no wait for it.
use tch::{Kind, Tensor};

use super::super::Prepared;

/// `grid_sampler` by number: bilinear, and zeros outside.
const BILINEAR: i64 = 0;
const ZEROS: i64 = 0;

/// Rows of all inputs as numbers `[samples, features]`, bytes not yet scaled.
pub fn select(all: &Prepared, rows: &Tensor) -> Tensor {
    let (Prepared::Bytes { all, .. } | Prepared::Numbers(all)) = all;
    all.index_select(0, rows).to_kind(Kind::Float)
}

/// Images `[samples, features]` moved by their changes `[samples, 9]`.
pub fn moved(inputs: &Tensor, changes: &Tensor, image: [usize; 3]) -> Tensor {
    let [channels, height, width] = image.map(|n| i64::try_from(n).unwrap_or(1));
    let size = [inputs.size()[0], channels, height, width];
    let maps = changes.narrow(1, 0, 6).reshape([-1, 2, 3]);
    let grid = Tensor::affine_grid_generator(&maps, size, false);
    inputs.view(size).grid_sampler_2d(&grid, BILINEAR, ZEROS, false).flatten(1, -1)
}

/// Bytes made brighter or darker by their changes.
pub fn brightened(bytes: &Tensor, changes: &Tensor) -> Tensor {
    (bytes * changes.narrow(1, 6, 1)).clamp_max(255.0)
}

/// A square of each sample made black: of these sides and numbers, `[samples, 1]` each.
pub fn cut(
    inputs: &Tensor,
    changes: &Tensor,
    image: [usize; 3],
    (side, black): (&Tensor, &Tensor),
) -> Tensor {
    let [channels, height, width] = image.map(|n| i64::try_from(n).unwrap_or(1));
    // Whether each of `count` places lies in the square that begins where column `at` says.
    let inside = |at: i64, count: i64| {
        let from = Tensor::arange(count, (Kind::Float, inputs.device())) - changes.narrow(1, at, 1);
        from.ge(0.0).logical_and(&from.lt_tensor(side))
    };
    let columns = inside(7, width).view([-1, 1, 1, width]);
    let rows = inside(8, height).view([-1, 1, height, 1]);
    let square = rows.logical_and(&columns);
    let images = inputs.view([-1, channels, height, width]);
    black.view([-1, 1, 1, 1]).where_self(&square, &images).flatten(1, -1)
}

/// Each of the labels mixed with the next, and the last with the first.
pub fn mix(labels: &Tensor, share: f64) -> Tensor {
    labels * share + labels.roll([-1], [0]) * (1.0 - share)
}
