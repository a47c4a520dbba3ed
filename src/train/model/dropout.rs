//! Dropout with masks that are derived, not drawn from a shared generator.
use tch::{Device, Kind, Tensor};

use super::masks::{self, Use};
use super::{Mode, Part};
use crate::random::{Purpose, Stream};
use crate::raw;

/// Drops a share of the outputs of hidden layer `layer` in a training step and scales the
/// others up (inverted dropout, Srivastava et al. 2014); nothing otherwise.
pub fn dropout(outputs: Tensor, probability: f64, layer: u32, mode: Mode) -> Tensor {
    let Mode::Train { place, batch, part } = mode else { return outputs };
    if probability == 0.0 {
        return outputs;
    }
    if outputs.device() == Device::Cpu {
        let mut stream = place.stream(Purpose::Dropout { batch, layer });
        let mask = drawn(&outputs, part, &mut stream, |stream, mask| {
            stream.fill_dropout(mask, probability);
        });
        return &outputs * scaled(mask, probability, outputs.kind());
    }
    // On another device a mask made here would have to wait for the copy, every step.
    let key = masks::one(masks::key(place, Use::Dropout, layer), outputs.device());
    let share = Tensor::full([1], probability, (Kind::Float, outputs.device()));
    let size = whole_size(&outputs, part);
    let drawn = masks::drawn(&key, batch, size.iter().product());
    let mask = masks::dropout(&drawn, &share).view(&*size);
    &outputs * scaled(rows(&mask, &outputs, part), probability, outputs.kind())
}

/// A mask for outputs of this kind: in double precision its factor is, too.
fn scaled(mask: Tensor, probability: f64, kind: Kind) -> Tensor {
    match kind {
        Kind::Double => mask.not_equal(0.0).to_kind(Kind::Double) / (1.0 - probability),
        _ => mask,
    }
}

/// Numbers drawn on the CPU for each of `like`: of a part of a batch those that its rows have in
/// the whole.
pub fn drawn(
    like: &Tensor,
    part: Part,
    stream: &mut Stream,
    draw: impl FnOnce(&mut Stream, &mut [f32]),
) -> Tensor {
    let size = like.size();
    let mut numbers = Tensor::empty(&*size, (Kind::Float, Device::Cpu));
    let a_row = size.iter().skip(1).product::<i64>();
    stream.skip(part.from * usize::try_from(a_row).unwrap_or(0));
    draw(stream, raw::floats_mut(&mut numbers));
    numbers.to_kind(like.kind())
}

/// The size of the whole batch that a tensor is a part of.
pub fn whole_size(of: &Tensor, part: Part) -> Vec<i64> {
    let mut size = of.size();
    if let (Some(rows), Some(first)) = (part.of, size.first_mut()) {
        *first = i64::try_from(rows).unwrap_or(*first);
    }
    size
}

/// The rows of a whole batch that a tensor has.
pub fn rows(batch: &Tensor, of: &Tensor, part: Part) -> Tensor {
    batch.narrow(0, i64::try_from(part.from).unwrap_or(0), of.size()[0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Place;

    #[test]
    fn in_double_precision_the_same_is_dropped_and_the_factor_is_double() {
        let mode = Mode::train(Place::start(1), 0);
        let [single, double] = [Kind::Float, Kind::Double]
            .map(|kind| dropout(Tensor::ones([40, 5], (kind, Device::Cpu)), 0.3, 0, mode));
        assert_eq!((single.kind(), double.kind()), (Kind::Float, Kind::Double));
        assert_eq!(single.not_equal(0.0), double.not_equal(0.0));
        assert_eq!(double.max().double_value(&[]), 1.0 / (1.0 - 0.3));
        assert_eq!(single.max().double_value(&[]), f64::from((1.0 / (1.0 - 0.3)) as f32));
    }
}
