//! Augmentation on the CPU: images are changed while they are copied.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "places in an image of few rows and columns; numbers are single precision"
)]
use tch::Tensor;

use super::Change;
use crate::raw;

/// What bytes are multiplied by, and what is added then.
type Scale = (f32, f32);

/// Copies rows of images to the front of `inputs`, each moved and brightened as its change says,
/// and scaled.
pub fn render(
    images: &[u8],
    rows: &[i64],
    changes: &[Change],
    image: [usize; 3],
    scale: Scale,
    inputs: &mut Tensor,
) {
    let features = image.iter().product::<usize>();
    let samples = raw::floats_mut(inputs).chunks_exact_mut(features);
    raw::wide(
        #[inline(always)]
        || {
            for ((&row, change), sample) in rows.iter().zip(changes).zip(samples) {
                let row = usize::try_from(row).expect("rows of a split count from 0");
                let source = &images[row * features..][..features];
                if change.turn[1] == 0.0 && change.turn[3] == 1.0 {
                    shifted(source, change, image, scale, sample);
                } else {
                    turned(source, change, image, scale, sample);
                }
            }
        },
    );
}

/// An image shifted, perhaps mirrored: rows are copied.
#[inline(always)]
fn shifted(source: &[u8], change: &Change, image: [usize; 3], scale: Scale, out: &mut [f32]) {
    let [_, rows, columns] = image;
    let ([right, down], (factor, offset)) = (change.shift, scale);
    let light = |byte: u8| (f32::from(byte) * change.brightness).min(255.0) * factor + offset;
    // The columns that the source reaches, and how many of it are left on each side.
    let (from, to) = (right.max(0) as usize, (columns as i32 + right.min(0)).max(0) as usize);
    let width = to.saturating_sub(from);
    let first = if change.flip == (right < 0) { 0 } else { columns - width };
    for (channel, out) in out.chunks_exact_mut(rows * columns).enumerate() {
        for (row, out) in out.chunks_exact_mut(columns).enumerate() {
            let above = row as i32 - down;
            if above < 0 || above >= rows as i32 || width == 0 {
                out.fill(offset);
                continue;
            }
            let line = (channel * rows + above as usize) * columns + first;
            let line = &source[line..line + width];
            out[..from].fill(offset);
            out[to..].fill(offset);
            let out = &mut out[from..to];
            if change.flip {
                out.iter_mut().zip(line.iter().rev()).for_each(|(x, &byte)| *x = light(byte));
            } else {
                out.iter_mut().zip(line).for_each(|(x, &byte)| *x = light(byte));
            }
        }
    }
}

/// An image turned, zoomed and shifted: each pixel is between four of the source, black outside.
#[inline(always)]
fn turned(source: &[u8], change: &Change, image: [usize; 3], scale: Scale, out: &mut [f32]) {
    let [_, rows, columns] = image;
    let ([a, b, c, d], (factor, offset)) = (change.turn, scale);
    let [right, down] = change.shift.map(|n| n as f32);
    let (middle, centre) = ((columns as f32 - 1.0) / 2.0, (rows as f32 - 1.0) / 2.0);
    let area = rows * columns;
    for row in 0..rows {
        let v = row as f32 - centre - down;
        for column in 0..columns {
            let u = column as f32 - middle - right;
            let (x, y) = (a * u + b * v + middle, c * u + d * v + centre);
            let (left, top) = (x.floor(), y.floor());
            let (east, south) = (x - left, y - top);
            let (left, top) = (left as i32, top as i32);
            let corners = [
                (top, left, (1.0 - south) * (1.0 - east)),
                (top, left + 1, (1.0 - south) * east),
                (top + 1, left, south * (1.0 - east)),
                (top + 1, left + 1, south * east),
            ];
            // A corner outside counts as the first pixel with no weight, which is black.
            let corners = corners.map(|(r, c, weight)| {
                let inside = r >= 0 && r < rows as i32 && c >= 0 && c < columns as i32;
                if inside { (r as usize * columns + c as usize, weight) } else { (0, 0.0) }
            });
            let planes = source.chunks_exact(area).zip(out.chunks_exact_mut(area));
            for (plane, out) in planes {
                let light: f32 = corners.iter().map(|&(at, w)| w * f32::from(plane[at])).sum();
                out[row * columns + column] =
                    (light * change.brightness).min(255.0) * factor + offset;
            }
        }
    }
}

/// Makes a square black in each sample.
pub fn cut(values: &mut [f32], changes: &[Change], image: [usize; 3], side: u32, black: f32) {
    let [channels, rows, columns] = image;
    let reach = |from: i32, most: usize| {
        let end = |n: i32| n.clamp(0, most as i32) as usize;
        end(from)..end(from + side as i32)
    };
    for (sample, change) in values.chunks_exact_mut(channels * rows * columns).zip(changes) {
        let [left, top] = change.square;
        for plane in sample.chunks_exact_mut(rows * columns) {
            for row in reach(top, rows) {
                plane[row * columns..][..columns][reach(left, columns)].fill(black);
            }
        }
    }
}

/// Mixes each sample with the next, and the last with the first, which is kept in `first`.
pub fn mix(values: &mut [f32], features: usize, share: f64, first: &mut Vec<f32>) {
    let (own, other) = (share as f32, (1.0 - share) as f32);
    first.clear();
    first.extend(values.iter().take(features));
    let mut rest = values;
    raw::wide(
        #[inline(always)]
        || {
            while rest.len() > features {
                let (sample, after) = std::mem::take(&mut rest).split_at_mut(features);
                for (x, y) in sample.iter_mut().zip(after.iter()) {
                    *x = own * *x + other * y;
                }
                rest = after;
            }
            for (x, y) in rest.iter_mut().zip(first.iter()) {
                *x = own * *x + other * y;
            }
        },
    );
}
