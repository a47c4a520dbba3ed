//! Tests of augmentation: what becomes of pixels, and that both ways to do it agree.
#![expect(clippy::cast_possible_truncation, reason = "places in small images")]
use dlgrid_sweep::recipe::Augment;
use tch::Kind;

use super::*;

const PLACE: Place = Place { seed: 3, epoch: 2, rank: 0 };

/// Random bytes as images.
fn noise(samples: usize, image: [usize; 3]) -> Vec<u8> {
    let mut stream = Place::start(9).stream(Purpose::Order);
    (0..samples * image.iter().product::<usize>()).map(|_| stream.below(256) as u8).collect()
}

fn prepared(bytes: &[u8], samples: i64, (factor, offset): (f32, f32)) -> Prepared {
    Prepared::Bytes { all: Tensor::from_slice(bytes).view([samples, -1]), factor, offset }
}

/// Batch number 1 of the pass, pixel by pixel.
fn on_the_host(recipe: Augment, all: &Prepared, image: [usize; 3], rows: &[i64]) -> Tensor {
    let mut augmenter = Augmenter::new(recipe, image).expect("something is on");
    augmenter.begin(PLACE, all, 2 * rows.len(), rows.len());
    let size = [rows.len(), image.iter().product()].map(|n| n as i64);
    let mut inputs = Tensor::zeros(size, (Kind::Float, Device::Cpu));
    augmenter.fill(all, rows, (rows.len(), 1), &mut inputs, |inputs| {
        let plain = tensors::select(all, &Tensor::from_slice(rows));
        let Prepared::Bytes { factor, offset, .. } = all else { panic!("bytes") };
        inputs.copy_(&(plain * f64::from(*factor) + f64::from(*offset)));
    });
    inputs
}

/// The same by operations on the batch, on the CPU, too.
fn by_operations(recipe: Augment, all: &Prepared, image: [usize; 3], rows: &[i64]) -> Tensor {
    let mut augmenter = Augmenter::new(recipe, image).expect("something is on");
    let changes = augmenter.on_device(PLACE, all, 2 * rows.len(), rows.len());
    augmenter.pass = Some(Pass { place: PLACE, changes });
    augmenter.make(all, &Tensor::from_slice(rows), (rows.len(), 1))
}

fn each() -> Vec<Augment> {
    let off = Augment::default();
    let one = [
        Augment { shift: 2, ..off },
        Augment { flip: true, ..off },
        Augment { shift: 3, flip: true, ..off },
        Augment { rotate: 30.0, ..off },
        Augment { zoom: 0.4, ..off },
        Augment { brightness: 0.7, ..off },
        Augment { cutout: 3, ..off },
        Augment { cutout: 4, ..off },
        Augment { mixup: 0.4, ..off },
    ];
    let all = Augment {
        shift: 2,
        flip: true,
        rotate: 180.0,
        zoom: 0.3,
        brightness: 0.5,
        cutout: 2,
        mixup: 1.0,
        noise: 0.0,
    };
    one.into_iter().chain([all]).collect()
}

#[test]
fn both_ways_to_change_images_agree() {
    for image in [[1, 5, 7], [3, 32, 32], [2, 9, 6]] {
        let samples = 23;
        let all = prepared(&noise(samples, image), samples as i64, (2.0 / 255.0, -1.0));
        let rows: Vec<i64> = (0..samples as i64).rev().collect();
        for recipe in each() {
            let host = on_the_host(recipe, &all, image, &rows);
            let device = by_operations(recipe, &all, image, &rows);
            let most = (&host - &device).abs().max().double_value(&[]);
            assert!(most < 1e-5, "{recipe:?} of {image:?}: {most}");
            let plain = tensors::select(&all, &Tensor::from_slice(&rows)) * (2.0 / 255.0) - 1.0;
            let changed = (&host - plain).abs().max().double_value(&[]);
            assert!(changed > 0.1, "{recipe:?} changes nothing");
        }
    }
}

/// What each run draws and makes is what it is alone, beside others that change other things, and
/// what changes nothing stays to the bit.
#[test]
fn samples_of_several_runs_are_changed_as_those_of_each() {
    let (image, samples, batch) = ([2, 9, 6], 12, 7);
    let noisy = Augment { noise: 0.2, ..Augment::default() };
    let recipes: Vec<Augment> = each().into_iter().chain([noisy, Augment::default()]).collect();
    let scale = |run: usize| (0.01 * (run + 1) as f32, -0.5 * run as f32);
    let bytes = noise(samples, image);
    let all: Vec<Prepared> =
        (0..recipes.len()).map(|run| prepared(&bytes, samples as i64, scale(run))).collect();
    let place = |run: usize| Place { seed: run as u64, epoch: 1, rank: 0 };
    let made = |runs: &[usize], (from, to): (usize, usize), number: u32| {
        let own: Vec<&Prepared> = runs.iter().map(|run| &all[*run]).collect();
        let of = |run: &usize| recipes[*run];
        let mut changes = Together::new(runs.iter().map(of).collect(), &own, image, Device::Cpu)?;
        let places: Vec<Place> = runs.iter().map(|run| place(*run)).collect();
        changes.begin(&places, samples, batch);
        let rows: Vec<i64> = (from as i64..to as i64).collect();
        let one = tensors::select(own[0], &Tensor::from_slice(&rows));
        let bytes = one.unsqueeze(0).repeat([runs.len() as i64, 1, 1]);
        let column = |of: fn((f32, f32)) -> f32| {
            let all: Vec<f32> = runs.iter().map(|run| of(scale(*run))).collect();
            Tensor::from_slice(&all).view([-1, 1, 1])
        };
        let scaled = changes.unscaled(bytes, from) * column(|s| s.0) + column(|s| s.1);
        Some(changes.scaled(scaled, (from, number)))
    };
    for (part, number) in [((0, 7), 0), ((7, 12), 1)] {
        let everyone: Vec<usize> = (0..recipes.len()).collect();
        let several = made(&everyone, part, number).expect("something is changed");
        for (run, recipe) in recipes.iter().enumerate() {
            let rows: Vec<i64> = (part.0 as i64..part.1 as i64).collect();
            let plain = tensors::select(&all[run], &Tensor::from_slice(&rows));
            let plain = (plain * f64::from(scale(run).0) + f64::from(scale(run).1)).unsqueeze(0);
            let own = made(&[run], part, number).unwrap_or_else(|| plain.shallow_clone());
            let off = (several.get(run as i64) - own.get(0)).abs().max().double_value(&[]);
            // A turn is a product of matrices, whose last digits depend on how many there are.
            let most = if recipe.turns() { 1e-4 } else { 0.0 };
            assert!(off <= most, "{recipe:?}: {off:e}");
            let changed = (own - plain).abs().max().double_value(&[]);
            assert_eq!(changed > 0.0, recipe.is_on(), "{recipe:?}");
        }
    }
}

#[test]
fn a_shift_and_a_flip_move_every_pixel_where_they_say() {
    let image = [2, 4, 5];
    let bytes: Vec<u8> = (1..=40).collect();
    let still = Change {
        shift: [0, 0],
        flip: false,
        turn: [1.0, 0.0, 0.0, 1.0],
        brightness: 1.0,
        square: [0, 0],
    };
    let ways = (-4..=4).flat_map(|right| (-3..=3).map(move |down| [right, down]));
    for (shift, flip) in ways.flat_map(|shift| [(shift, false), (shift, true)]) {
        let change = Change { shift, flip, ..still };
        let mut out = Tensor::full([1, 40], 9.0, (Kind::Float, Device::Cpu));
        pixels::render(&bytes, &[0], &[change], image, (1.0, -1.0), &mut out);
        for (at, &found) in raw::floats(&out).iter().enumerate() {
            let (channel, row, column) = (at / 20, at / 5 % 4, at % 5);
            let (y, x) = (row as i32 - shift[1], column as i32 - shift[0]);
            let x = if flip { 4 - x } else { x };
            let inside = (0..4).contains(&y) && (0..5).contains(&x);
            let byte = if inside { channel as i32 * 20 + y * 5 + x + 1 } else { 0 };
            assert_eq!(found, byte as f32 - 1.0, "{change:?} at {at}");
        }
    }
}

#[test]
fn a_quarter_turn_is_a_quarter_turn_and_brightness_ends_at_white() {
    let bytes = [10u8, 20, 30, 40, 50, 60, 70, 80, 200];
    let quarter = Change {
        shift: [0, 0],
        flip: false,
        turn: [0.0, 1.0, -1.0, 0.0],
        brightness: 2.0,
        square: [0, 0],
    };
    let mut out = Tensor::zeros([1, 9], (Kind::Float, Device::Cpu));
    pixels::render(&bytes, &[0], &[quarter], [1, 3, 3], (1.0, 0.0), &mut out);
    assert_eq!(raw::floats(&out), [140.0, 80.0, 20.0, 160.0, 100.0, 40.0, 255.0, 120.0, 60.0]);
}

#[test]
fn changes_are_drawn_over_their_whole_range_and_no_further() {
    let recipe = Augment {
        shift: 2,
        flip: true,
        rotate: 10.0,
        zoom: 0.0,
        brightness: 0.3,
        cutout: 4,
        ..Augment::default()
    };
    let mut stream = PLACE.stream(Purpose::Augment);
    let all: Vec<Change> =
        (0..4000).map(|_| Change::draw(&recipe, [1, 6, 8], &mut stream)).collect();
    for moved in -2..=2 {
        let count = |i: usize| all.iter().filter(|c| c.shift[i] == moved).count();
        assert!((700..900).contains(&count(0)) && (700..900).contains(&count(1)), "{moved}");
    }
    assert!((1900..2100).contains(&all.iter().filter(|c| c.flip).count()));
    let range = |number: &dyn Fn(&Change) -> f64| {
        let least = all.iter().map(number).fold(f64::INFINITY, f64::min);
        (least, all.iter().map(number).fold(f64::NEG_INFINITY, f64::max))
    };
    let (least, most) = range(&|c| f64::from(-c.turn[2]).asin().to_degrees());
    assert!((-10.01..-9.9).contains(&least) && (9.9..10.01).contains(&most), "{least} {most}");
    let (least, most) = range(&|c| f64::from(c.brightness));
    assert!((0.7..0.71).contains(&least) && (1.29..1.301).contains(&most), "{least} {most}");
    assert_eq!(range(&|c| f64::from(c.square[0])), (-2.0, 5.0));
    assert_eq!(range(&|c| f64::from(c.square[1])), (-2.0, 3.0));
}

#[test]
fn one_augmentation_more_leaves_the_others_as_they_were() {
    let draw = |recipe: Augment| {
        let mut stream = PLACE.stream(Purpose::Augment);
        (0..9).map(|_| Change::draw(&recipe, [1, 8, 8], &mut stream)).collect::<Vec<_>>()
    };
    let few = Augment { shift: 2, cutout: 2, ..Augment::default() };
    let more = Augment { flip: true, rotate: 5.0, zoom: 0.1, brightness: 0.2, ..few };
    for (few, more) in draw(few).iter().zip(draw(more)) {
        assert_eq!((few.shift, few.square), (more.shift, more.square));
    }
}

#[test]
fn noise_has_its_deviation_in_units_of_black_to_white() {
    let image = [1, 20, 20];
    let all = prepared(&vec![128; 8000], 20, (4.0 / 255.0, -2.0));
    let rows: Vec<i64> = (0..20).collect();
    let recipe = Augment { noise: 0.1, ..Augment::default() };
    for values in [on_the_host, by_operations].map(|way| way(recipe, &all, image, &rows)) {
        let (deviation, mean) =
            (values.std(true).double_value(&[]), values.mean(Kind::Double).double_value(&[]));
        assert!((deviation - 0.4).abs() < 0.01, "{deviation}");
        assert!((mean - (128.0 * 4.0 / 255.0 - 2.0)).abs() < 0.02, "{mean}");
    }
}

#[test]
fn mixed_samples_come_with_both_labels_and_numbers_are_mixed() {
    let image = [1, 1, 2];
    let all = prepared(&[0, 10, 100, 110, 200, 210], 3, (1.0, 0.0));
    let recipe = Augment { mixup: 0.5, ..Augment::default() };
    let found = on_the_host(recipe, &all, image, &[2, 0, 1]);
    let mut augmenter = Augmenter::new(recipe, image).expect("on");
    augmenter.begin(PLACE, &all, 6, 3);
    let (labels, mixed) = augmenter.mix_labels(Tensor::from_slice(&[7i64, 8, 9]), 1);
    let Mixed { labels: others, share } = mixed.expect("classes are mixed in the loss");
    assert!((0.5..=1.0).contains(&share));
    assert_eq!((raw::wholes(&labels), raw::wholes(&others)), (&[7, 8, 9][..], &[8, 9, 7][..]));
    let (own, other) = (share as f32, (1.0 - share) as f32);
    let expected = [200.0, 210.0, 0.0, 10.0, 100.0, 110.0].map(|x: f32| own * x);
    let from = [0.0, 10.0, 100.0, 110.0, 200.0, 210.0].map(|x: f32| other * x);
    for (found, (a, b)) in raw::floats(&found).iter().zip(expected.iter().zip(from)) {
        assert!((found - (a + b)).abs() < 1e-4, "{found} {a} {b}");
    }
    let (numbers, mixed) = augmenter.mix_labels(Tensor::from_slice(&[1.0f32, 2.0, 4.0]), 1);
    assert!(mixed.is_none());
    assert!((raw::floats(&numbers)[2] - (own * 4.0 + other)).abs() < 1e-6);
    let shares: Vec<Option<f64>> = (0..3).map(|batch| augmenter.share(batch)).collect();
    assert!(shares[0] != shares[1] && shares[1] != shares[2], "each batch draws its own");
}
