//! The t test against values computed with 40 digits, and by what must hold of any comparison.
use super::*;
use proptest::prelude::*;

fn close(found: f64, expected: f64, digits: f64) -> bool {
    (found - expected).abs() <= expected.abs() * digits
}

/// Computed with mpmath 1.3: `betainc(df / 2, 1 / 2, 0, df / (df + t²), regularized=True)`; with
/// the 97.5 % quantiles of printed tables among them.
#[test]
fn probabilities_are_student_s() {
    for (t, freedom, p) in [
        (0.001, 1.0, 0.999_363_380_439_839),
        (0.5, 1.0, 0.704_832_764_699_133),
        (12.706_204_736_432_1, 1.0, 0.049_999_999_998_991_3),
        (1.0, 2.0, 0.422_649_730_810_374),
        (4.302_652_729_911_27, 2.0, 0.049_999_999_996_516_6),
        (30.0, 2.0, 0.001_109_262_681_959_66),
        (2.5, 3.0, 0.087_706_647_008_065_5),
        (2.776_445_105_197_8, 4.0, 0.049_999_999_999_999_8),
        (9.0, 4.0, 0.000_843_832_517_601_278),
        (0.3, 9.0, 0.770_990_703_741_525),
        (2.262_157_162_740_99, 9.0, 0.050_000_000_004_675_7),
        (6.0, 19.0, 8.979_235_472_490_83e-6),
        (2.045_229_642_132_7, 29.0, 0.050_000_000_000_000_1),
        (40.0, 49.0, 4.454_656_326_027_99e-39),
        (1.5, 499.0, 0.134_246_813_486_743),
        (1.9601, 99_999.0, 0.049_986_876_001_034_6),
    ] {
        let (found, other) = (two_sided(t, freedom), two_sided(-t, freedom));
        let digits = if freedom > 1000.0 { 1e-10 } else { 1e-12 };
        assert!(close(found, p, digits), "t {t}, {freedom}: {found}, not {p}");
        assert!((found - other).abs() < f64::EPSILON);
    }
    assert!((two_sided(0.0, 5.0) - 1.0).abs() < 1e-15);
}

#[test]
fn quantiles_are_those_of_printed_tables() {
    for (freedom, t) in [(1.0, 12.706), (2.0, 4.303), (4.0, 2.776), (9.0, 2.262), (99.0, 1.984)] {
        assert!((critical(freedom) - t).abs() < 5e-4, "{freedom}: {}", critical(freedom));
    }
}

#[test]
fn the_logarithm_of_gamma_is_exact_enough() {
    for (x, expected) in [
        (0.5, 0.572_364_942_924_7),
        (4.5, 2.453_736_570_842_44),
        (10.0, 12.801_827_480_081_5),
        (50_000.5, 490_989.833_158_214),
    ] {
        assert!(close(ln_gamma(x), expected, 1e-13), "{x}: {}", ln_gamma(x));
    }
    assert!(ln_gamma(1.0).abs() < 1e-13);
}

/// Five differences by hand: t = -2.538 without overlap, -1.692 with that of five folds.
#[test]
fn shared_samples_widen_the_interval() {
    let first: Vec<(u64, f64)> = (0..5).map(|at| (at, 0.0)).collect();
    let other = [(0, -0.010), (1, -0.004), (2, -0.013), (3, 0.002), (4, -0.008)];
    for (ratio, p, low, high) in [
        (0.0, 0.064_085_559_946_454_8, -0.013_818_757_273_5, 0.000_618_757_273_514),
        (0.25, 0.165_843_553_692_82, -0.017_428_135_910_3, 0.004_228_135_910_27),
    ] {
        let found = Paired::of(&first, &other, ratio);
        assert_eq!((found.pairs, found.is_tied()), (5, true));
        assert!(close(found.difference.expect("pairs"), -0.0066, 1e-12));
        assert!(close(found.p.expect("p"), p, 1e-10), "{found:?}");
        let interval = found.interval.expect("an interval");
        assert!(close(interval.0, low, 1e-9) && close(interval.1, high, 1e-9), "{found:?}");
    }
}

#[test]
fn only_runs_that_both_have_are_pairs() {
    let first = [(0, 0.9), (2, 0.8), (3, f64::NAN), (5, 0.7), (9, 0.6)];
    let other = [(1, 0.1), (2, 0.7), (3, 0.5), (4, 0.2), (5, f64::INFINITY), (9, 0.55)];
    let found = differences(&first, &other);
    assert_eq!(found.len(), 2);
    assert!(close(found[0], -0.1, 1e-12) && close(found[1], -0.05, 1e-12));
    let none = Paired::of(&first, &other[..1], 0.0);
    assert_eq!(none, Paired { pairs: 0, difference: None, interval: None, p: None });
    let one = Paired::of(&first, &other[..2], 0.0);
    assert_eq!((one.pairs, one.p, one.is_tied()), (1, None, true));
}

#[test]
fn differences_that_are_all_equal_are_judged_by_their_signs() {
    let of = |n: u64, by: f64| {
        let first: Vec<(u64, f64)> = (0..n).map(|at| (at, 0.9 + 0.01 * at as f64)).collect();
        let other: Vec<(u64, f64)> = first.iter().map(|(at, x)| (*at, x - by)).collect();
        Paired::of(&first, &other, 0.25)
    };
    assert_eq!(of(4, 0.0).p, Some(1.0));
    for (n, p, tied) in [(2, 0.5, true), (5, 0.0625, true), (6, 0.03125, false)] {
        let found = of(n, 0.01);
        assert_eq!((found.p, found.is_tied(), found.interval), (Some(p), tied, None));
    }
}

proptest! {
    #[test]
    fn a_comparison_is_the_mirror_of_its_reverse(
        pairs in proptest::collection::vec((0.0_f64..1.0, 0.0_f64..1.0), 2..40),
        ratio in 0.0_f64..1.0,
    ) {
        let side = |pick: fn(&(f64, f64)) -> f64| -> Vec<(u64, f64)> {
            (0..).zip(pairs.iter().map(pick)).collect()
        };
        let (a, b) = (side(|pair| pair.0), side(|pair| pair.1));
        let (there, back) = (Paired::of(&a, &b, ratio), Paired::of(&b, &a, ratio));
        let (p, q) = (there.p.expect("p"), back.p.expect("p"));
        prop_assert_eq!(Paired { interval: None, ..there }, Paired::without_interval(&a, &b, ratio));
        // Who is worse depends on who is first and on what is better; never are both.
        prop_assert_eq!(there.is_worse(true), back.is_worse(false));
        prop_assert_eq!(there.is_worse(true) || there.is_worse(false), p < LEVEL);
        prop_assert!(!(there.is_worse(true) && back.is_worse(true)));
        prop_assert!((0.0..=1.0).contains(&p) && (p - q).abs() < 1e-12);
        prop_assert!(Paired::of(&a, &b, 0.0).p.expect("p") <= p + 1e-12);
        if let Some((low, high)) = there.interval {
            // The interval misses 0 exactly where p says that there is a difference.
            prop_assert_eq!(low > 0.0 || high < 0.0, p < LEVEL);
        }
    }
}
