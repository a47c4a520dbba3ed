//! Shares against decompositions that are known, and what holds of all.
use super::*;
use crate::judge::Counts;
use crate::recipe::Value;
use crate::report::fuzz::of_rows;
use crate::report::{Report, Row};
use proptest::prelude::*;

/// Of numbers alone.
fn of(points: &[Vec<f64>], objective: &[f64], seed: u64) -> Option<Importances> {
    super::of(points, &[], objective, seed)
}

const PI: f64 = std::f64::consts::PI;

fn uniform(draw: &mut Draw, from: f64, to: f64) -> f64 {
    from + (to - from) * draw.below(1 << 40) as f64 / (1_u64 << 40) as f64
}

fn sampled(n: usize, ends: &[(f64, f64)], f: impl Fn(&[f64]) -> f64) -> (Vec<Vec<f64>>, Vec<f64>) {
    let mut draw = Draw::new(42, 0);
    let point = |_| ends.iter().map(|(from, to)| uniform(&mut draw, *from, *to)).collect();
    let points: Vec<Vec<f64>> = (0..n).map(point).collect();
    let objective = points.iter().map(|x| f(x)).collect();
    (points, objective)
}

/// All combinations of levels.
fn grid(counts: &[usize], f: impl Fn(&[f64]) -> f64) -> (Vec<Vec<f64>>, Vec<f64>) {
    let mut points = vec![vec![]];
    for count in counts {
        let longer = points.iter().flat_map(|p: &Vec<f64>| {
            (0..*count).map(move |level| [p.as_slice(), &[level as f64]].concat())
        });
        points = longer.collect();
    }
    let objective = points.iter().map(|x| f(x)).collect();
    (points, objective)
}

fn near(found: f64, expected: f64, by: f64, what: &str) {
    assert!((found - expected).abs() <= by, "{what}: {found:.3}, expected {expected:.3}");
}

/// Ishigami and Homma (1990): sin x1 + 7 sin² x2 + 0.1 x3⁴ sin x1 on [-π, π]³ has the shares
/// 0.314, 0.442, 0, and 0.244 of the first and third together.
#[test]
fn the_function_of_ishigami_divides_as_is_known() {
    let (points, objective) = sampled(4000, &[(-PI, PI); 3], |x| {
        x[0].sin() + 7.0 * x[1].sin().powi(2) + 0.1 * x[2].powi(4) * x[0].sin()
    });
    let found = of(&points, &objective, 1).unwrap();
    near(found.parameters[0].mean, 0.314, 0.03, "x1");
    // No first split at x2 gains: trees of so many samples leave a part of its share to pairs.
    near(found.parameters[1].mean, 0.442, 0.08, "x2");
    near(found.parameters[2].mean, 0.0, 0.02, "x3");
    let pair = found.pairs[0];
    assert_eq!((pair.first, pair.second), (0, 2));
    near(pair.share.mean, 0.244, 0.03, "x1 and x3");
    assert!(found.explained > 0.9, "{}", found.explained);
}

#[test]
fn a_sum_on_a_grid_divides_by_the_variance_of_its_terms() {
    // Variances of 0..4 and of its doubles: 1.25, 5; the third changes nothing.
    let (points, objective) = grid(&[4, 4, 3], |x| x[0] + 2.0 * x[1]);
    let found = of(&points, &objective, 3).unwrap();
    near(found.parameters[0].mean, 0.2, 0.03, "x1");
    near(found.parameters[1].mean, 0.8, 0.03, "x2");
    near(found.parameters[2].mean, 0.0, 0.01, "x3");
    near(found.pairs[0].share.mean, 0.0, 0.03, "any two");
}

#[test]
fn a_product_of_signs_is_all_of_two_together() {
    let sign = |x: f64| if x < 1.5 { -1.0 } else { 1.0 };
    let (points, objective) = grid(&[4, 4, 4], |x| sign(x[0]) * sign(x[2]));
    let found = of(&points, &objective, 3).unwrap();
    let pair = found.pairs[0];
    assert_eq!((pair.first, pair.second), (0, 2));
    assert!(pair.share.mean > 0.8, "{pair:?}");
}

/// A momentum that exists for one of two optimizers only, and matters there.
#[test]
fn a_parameter_that_may_not_exist_leaves_the_share_of_what_decides_it() {
    let (mut points, objective) = grid(&[2, 5, 6], |x| match x[0] as u32 {
        0 => 0.0,
        _ => 10.0 + x[1],
    });
    for point in points.iter_mut().filter(|p| p[0] == 0.0) {
        point[1] = f64::NAN;
    }
    let found = of(&points, &objective, 3).unwrap();
    let [kind, momentum, noise] = found.parameters[..] else { panic!() };
    assert!(kind.mean > 0.9, "{kind:?}");
    assert!(momentum.mean > 0.001 && momentum.mean < 0.05, "{momentum:?}");
    assert!(noise.mean < momentum.mean, "{noise:?}");
}

#[test]
fn chance_alone_is_told_as_chance() {
    let mut draw = Draw::new(5, 5);
    let (points, _) = grid(&[6, 6, 3], |_| 0.0);
    let objective: Vec<f64> = points.iter().map(|_| uniform(&mut draw, 0.0, 1.0)).collect();
    let found = of(&points, &objective, 3).unwrap();
    assert!(found.explained < 0.2, "{}", found.explained);
}

/// A report whose trials differ by one word.
fn of_words(words: &[u32], objective: &[f64]) -> Report {
    let row = |(word, y): (&u32, &f64)| Row {
        rank: Some(1),
        trial: None,
        point: 0,
        parameters: vec![Some(Value::Text(format!("w{word}")))],
        objective: Summary::of(&[*y]),
        versus: None,
        metrics: vec![],
        seconds: 1.0,
        seconds_mean: 1.0,
        cohort: None,
        samples_per_s: None,
        counts: Counts::default(),
        runs: vec![],
    };
    of_rows(&["kind"], words.iter().zip(objective).map(row).collect())
}

#[test]
fn a_trial_of_which_a_run_diverged_counts_as_the_worst() {
    use crate::judge::State::{Diverged, Done, Failed};
    let numbers = [0.9, 0.8, 0.85, 0.99, f64::NAN];
    let mut report = of_words(&[0, 1, 2, 3, 4], &numbers);
    report.rows[3].counts = Counts::of([Done, Diverged, Failed]);
    assert_eq!(encode(&report).objective, [0.9, 0.8, 0.85, 0.8, 0.8]);
    report.rows[4].objective = Summary::default();
    report.rows[4].counts = Counts::of([Diverged, Failed]);
    let encoded = encode(&report);
    assert_eq!((encoded.objective.len(), encoded.left_out), (4, 1), "why it failed is not known");
}

/// A word for each trial, and six words of twenty trials each, with nothing but noise: what a tree
/// knows of a word must not come from the trials that it is judged by.
#[test]
fn words_tell_nothing_of_trials_that_no_tree_saw() {
    for levels in [120, 6] {
        let words: Vec<u32> = (0..120).map(|trial| trial % levels).collect();
        let explained = |seed| {
            let mut draw = Draw::new(seed, 5);
            let objective: Vec<f64> = words.iter().map(|_| uniform(&mut draw, 0.0, 1.0)).collect();
            Told::of(&of_words(&words, &objective)).found.unwrap().explained
        };
        let all: Vec<f64> = (0..8).map(explained).collect();
        assert!(all.iter().sum::<f64>() < 0.0, "{levels}: {all:?}");
    }
}

/// Names have no order: that in which they are numbered is as good as any.
#[test]
fn words_that_matter_are_found_whatever_their_numbers() {
    let effect = [0.3, 0.9, 0.1, 0.7, 0.5];
    let (points, objective) = grid(&[5, 4], |x| effect[x[0] as usize] + 0.01 * x[1]);
    let found = super::of(&points, &[0], &objective, 3).unwrap();
    assert!(found.parameters[0].mean > 0.9 && found.explained > 0.8, "{found:?}");
}

#[test]
fn what_can_not_be_told_is_not() {
    let (points, objective) = grid(&[3, 3], |x| x[0]);
    assert_eq!(of(&points[..7], &objective[..7], 1), None, "too few");
    assert_eq!(of(&points, &[0.5; 9], 1), None, "all equal");
    assert_eq!(of(&points, &[f64::NAN; 9], 1), None, "no number");
    assert_eq!(of(&vec![vec![1.0]; 9], &objective, 1), None, "nothing varies");
    assert_eq!(of(&vec![vec![f64::NAN]; 9], &objective, 1), None, "nothing exists");
    assert_eq!(of(&[], &[], 1), None);
    let huge: Vec<f64> = objective.iter().map(|y| (y - 1.0) * f64::MAX).collect();
    assert!(of(&points, &huge, 1).is_some_and(|f| f.parameters[0].mean > 0.8));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn shares_are_shares_and_names_do_not_matter(
        rows in prop::collection::vec((prop::collection::vec(0_u8..5, 3), -3_i32..3), 8..60),
        seed in any::<u64>(),
    ) {
        let points: Vec<Vec<f64>> = rows
            .iter()
            .map(|(x, _)| x.iter().map(|x| if *x == 4 { f64::NAN } else { f64::from(*x) }).collect())
            .collect();
        let objective: Vec<f64> = rows.iter().map(|(_, y)| f64::from(*y)).collect();
        let found = of(&points, &objective, seed);
        prop_assert_eq!(&found, &of(&points, &objective, seed));
        if let Some(found) = found {
            let alone: f64 = found.parameters.iter().map(|s| s.mean).sum();
            let pairs: f64 = found.pairs.iter().map(|p| p.share.mean).sum();
            prop_assert!(found.parameters.iter().all(|s| (-1e-9..=1.0 + 1e-9).contains(&s.mean)));
            prop_assert!(alone + pairs <= 1.0 + 1e-6, "{} {}", alone, pairs);
            prop_assert!(found.explained <= 1.0);
            // Neither the scale of a coordinate nor that of the objective matters.
            let scaled: Vec<Vec<f64>> =
                points.iter().map(|p| p.iter().map(|x| (3.0 * x).exp()).collect()).collect();
            let turned: Vec<f64> = objective.iter().map(|y| 2.0 * y).collect();
            let again = of(&scaled, &turned, seed).unwrap();
            for (a, b) in found.parameters.iter().zip(&again.parameters) {
                prop_assert!((a.mean - b.mean).abs() < 1e-6);
            }
        }
    }
}
