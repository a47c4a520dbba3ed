//! The activation functions, as PyTorch defines the function of each name.
use dlgrid_sweep::recipe::Activation;
use tch::{Device, Tensor};

use super::Mode;
use super::dropout::{drawn, rows, whole_size};
use super::masks::{self, Use};
use crate::random::{Purpose, Stream};

/// The slope that PReLU begins with for negative numbers, as PyTorch's (He et al. 2015).
pub const FIRST_SLOPE: f64 = 0.25;
/// Between these the slopes of RReLU are drawn in a training step (Xu et al. 2015).
pub const SLOPES: (f64, f64) = (1.0 / 8.0, 1.0 / 3.0);

/// By how much weights make up for what the activation takes from the signal (He et al. 2015,
/// and `torch.nn.init.calculate_gain`; SELU keeps its size by itself).
pub fn gain(activation: Activation) -> f64 {
    match activation {
        Activation::Selu | Activation::Sigmoid => 1.0,
        Activation::Tanh => 5.0 / 3.0,
        Activation::Relu
        | Activation::Relu6
        | Activation::LeakyRelu
        | Activation::Prelu
        | Activation::Rrelu
        | Activation::Elu
        | Activation::Gelu
        | Activation::Mish
        | Activation::Silu => 2.0_f64.sqrt(),
    }
}

/// An activation without parameters; `layer` counts those that draw numbers.
pub fn activate(activation: Activation, x: &Tensor, layer: u32, mode: Mode) -> Tensor {
    match activation {
        Activation::Relu => x.relu(),
        Activation::Relu6 => x.clamp(0.0, 6.0),
        Activation::LeakyRelu => x.leaky_relu(),
        Activation::Prelu => unreachable!("PReLU has a parameter, and its layer applies it"),
        Activation::Rrelu => randomized(x, layer, mode),
        Activation::Elu => x.elu(),
        Activation::Selu => x.selu(),
        Activation::Gelu => x.gelu("none"),
        Activation::Mish => x.mish(),
        Activation::Silu => x.silu(),
        Activation::Sigmoid => x.sigmoid(),
        Activation::Tanh => x.tanh(),
    }
}

/// RReLU: each negative number is multiplied by a slope drawn for it; when judging, by the mean.
/// (libtorch's own comes through tch with 0 as the lower bound.)
fn randomized(x: &Tensor, layer: u32, mode: Mode) -> Tensor {
    let (low, high) = SLOPES;
    let Mode::Train { place, batch, part } = mode else {
        return x.clamp_min(0.0) + x.clamp_max(0.0) * ((low + high) / 2.0);
    };
    let mut stream = place.stream(Purpose::Slopes { batch, layer });
    let slopes = if x.device() == Device::Cpu {
        drawn(x, part, &mut stream, draw_slopes)
    } else {
        // On another device slopes made here would have to wait for the copy, every step.
        let key = masks::one(masks::key(place, Use::Slopes, layer), x.device());
        let size = whole_size(x, part);
        let drawn = masks::drawn(&key, batch, size.iter().product());
        rows(&masks::uniform(&drawn, SLOPES).view(&*size), x, part)
    };
    sloped(x, &slopes)
}

/// Negative numbers multiplied by slopes.
pub fn sloped(x: &Tensor, slopes: &Tensor) -> Tensor {
    x.clamp_min(0.0) + x.clamp_max(0.0) * slopes
}

/// Slopes of RReLU for a training step, on the CPU.
pub fn draw_slopes(stream: &mut Stream, slopes: &mut [f32]) {
    let (low, high) = SLOPES;
    stream.fill_uniform(slopes, (high - low) / 2.0);
    #[expect(clippy::cast_possible_truncation, reason = "slopes are single precision")]
    let middle = ((low + high) / 2.0) as f32;
    slopes.iter_mut().for_each(|slope| *slope += middle);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Place;

    const NUMBERS: [f32; 5] = [-2.0, -0.5, 0.0, 1.5, 7.0];

    #[test]
    fn every_activation_is_what_its_name_says() {
        let x = Tensor::from_slice(&NUMBERS);
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let cases: [(Activation, &dyn Fn(f64) -> f64); 10] = [
            (Activation::Relu, &|x| x.max(0.0)),
            (Activation::Relu6, &|x| x.clamp(0.0, 6.0)),
            (Activation::LeakyRelu, &|x| if x < 0.0 { 0.01 * x } else { x }),
            (Activation::Rrelu, &|x| if x < 0.0 { 11.0 / 48.0 * x } else { x }),
            (Activation::Elu, &|x| if x < 0.0 { x.exp() - 1.0 } else { x }),
            (Activation::Selu, &|x| {
                1.050_700_987_4 * if x < 0.0 { 1.673_263_242_4 * (x.exp() - 1.0) } else { x }
            }),
            (Activation::Mish, &|x| x * x.exp().ln_1p().tanh()),
            (Activation::Silu, &|x| x * sigmoid(x)),
            (Activation::Sigmoid, &sigmoid),
            (Activation::Tanh, &f64::tanh),
        ];
        for (activation, expected) in cases {
            let found = activate(activation, &x, 0, Mode::Eval);
            for i in 0..5 {
                let (x, y) = (x.double_value(&[i]), found.double_value(&[i]));
                assert!((y - expected(x)).abs() < 2e-6, "{activation:?}({x}) = {y}");
            }
        }
        // Φ(1.5) = 0.933192798731142
        let gelu = activate(Activation::Gelu, &x, 0, Mode::Eval).double_value(&[3]);
        assert!((gelu - 1.5 * 0.933_192_798_731_142).abs() < 1e-6);
    }

    #[test]
    fn slopes_are_drawn_for_the_batch_within_their_bounds() {
        let x = Tensor::from_slice(&[-1.0f32; 1000]).set_requires_grad(true);
        let train = |batch| activate(Activation::Rrelu, &x, 0, Mode::train(Place::start(3), batch));
        let y = train(0);
        assert_eq!(y, train(0));
        assert_ne!(y, train(1));
        let slopes = -y.detach();
        assert!(slopes.min().double_value(&[]) >= 0.125 - 1e-6);
        assert!(slopes.max().double_value(&[]) <= 1.0 / 3.0 + 1e-6);
        let mean = slopes.mean(tch::Kind::Double).double_value(&[]);
        assert!((mean - 11.0 / 48.0).abs() < 0.01, "{mean}");
        let total = y.sum(tch::Kind::Float);
        let gradient = Tensor::run_backward(&[&total], &[&x], false, false);
        assert!((&gradient[0] - slopes).abs().max().double_value(&[]) < 1e-6);
    }
}
