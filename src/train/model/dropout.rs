//! Dropout with masks that are derived, not drawn from a shared generator.
use tch::{Device, Kind, Tensor};

use super::Mode;
use super::layers::whole;
use super::masks::{self, Use};
use crate::random::Purpose;
use crate::raw;

/// Drops a share of the outputs of hidden layer `layer` in a training step and scales the
/// others up (inverted dropout, Srivastava et al. 2014); nothing otherwise.
pub fn dropout(outputs: Tensor, probability: f64, layer: u32, mode: Mode) -> Tensor {
    let Mode::Train { place, batch } = mode else { return outputs };
    if probability == 0.0 {
        return outputs;
    }
    if outputs.device() == Device::Cpu {
        let mut stream = place.stream(Purpose::Dropout { batch, layer });
        let mut mask = Tensor::empty(outputs.size(), (outputs.kind(), Device::Cpu));
        stream.fill_dropout(raw::floats_mut(&mut mask), probability);
        return outputs * mask;
    }
    // On another device a mask made here would have to wait for the copy, every step.
    let key = masks::one(masks::key(place, Use::Dropout, layer), outputs.device());
    let share = Tensor::full([1], probability, (Kind::Float, outputs.device()));
    let mask = masks::dropout(&masks::drawn(&key, batch, whole(outputs.numel())), &share);
    &outputs * mask.view_as(&outputs)
}
