//! Tests of the metrics of a classification against numbers that scikit-learn 1.9.1 gave.
use super::*;

/// `accuracy_score`, then `precision_recall_fscore_support(…, zero_division=0)` with
/// `average="macro"` and with `average="weighted"`; with `"micro"` all three are the accuracy.
#[test]
fn scores_are_those_of_scikit_learn() {
    #[rustfmt::skip]
    let cases: [(&[u64], usize, [f64; 7]); 6] = [
        (&[8, 7, 5, 6, 6, 5, 5, 4, 4], 3,
         [0.36, 0.353_236_031_254_607_06, 0.353_544_494_720_965_33, 0.353_164_627_674_431_6,
          0.362_706_766_917_293_2, 0.36, 0.361_139_601_139_601_1]),
        (&[2, 0, 2, 0], 2,
         [0.5, 0.25, 0.5, 0.333_333_333_333_333_3, 0.25, 0.5, 0.333_333_333_333_333_3]),
        // Class 2 occurs neither as truth nor as prediction.
        (&[1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2], 4,
         [0.8, 0.888_888_888_888_888_8, 0.833_333_333_333_333_4, 0.822_222_222_222_222_3,
          0.866_666_666_666_666_6, 0.8, 0.786_666_666_666_666_6]),
        (&[42, 2, 1, 1, 2, 0, 30, 2, 2, 1, 1, 1, 31, 2, 1, 1, 2, 2, 45, 3, 2, 1, 2, 0, 23], 5,
         [0.855, 0.845_766_590_389_015_9, 0.852_747_828_691_224_9, 0.848_683_027_538_499_4,
          0.857_639_206_712_433_2, 0.855, 0.855_754_100_677_728_8]),
        (&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0], 4, [1.0; 7]),
        (&[8, 5, 6, 8, 5, 6, 7, 2, 0, 2, 2, 7, 8, 0, 4, 7, 1, 7, 1, 4, 7, 2, 3, 2, 6, 2, 8, 4, 4, 4,
           5, 4, 4, 8, 7, 7, 6, 5, 3, 8, 4, 1, 7, 1, 7, 5, 1, 0, 4], 7,
         [0.123_287_671_232_876_7, 0.117_698_658_410_732_7, 0.117_288_033_492_967_08,
          0.115_934_856_330_970_98, 0.129_584_874_084_216_7, 0.123_287_671_232_876_7,
          0.124_679_083_899_608_91]),
    ];
    for (confusion, classes, expected) in cases {
        let s = score(confusion, classes);
        let macros = [s.accuracy, s.precision, s.recall, s.f1];
        let weighted = [s.precision_weighted, s.recall_weighted, s.f1_weighted];
        for (found, expected) in macros.iter().chain(&weighted).zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{confusion:?}: {found} {expected}");
        }
    }
}

#[test]
fn nothing_counted_scores_zero() {
    assert_eq!(score(&[0; 4], 2), Score::default());
}

/// `roc_auc_score` on forty samples with twenty different scores.
#[test]
fn the_area_under_the_curve_is_that_of_scikit_learn_with_its_ties() {
    #[rustfmt::skip]
    let scores = [
        -0.2, -2.5, -0.5, -0.0, 0.1, -1.5, -0.5, -1.0, -0.8, 1.1, -0.8, -0.0, 0.9, -0.6, -0.1,
        0.1, 0.1, -1.2, 0.1, 1.4, -1.5, 0.9, 0.1, -0.6, 2.0, 0.8, -1.2, 0.1, 0.6, -0.2, 0.7,
        -0.1, 0.7, 1.4, -0.7, 0.2, -0.5, 0.1, -1.2, -0.6,
    ];
    let own = [
        0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 1, 1, 1, 0, 0, 1, 0,
        1, 0, 1, 0, 0, 0, 0, 1, 1, 0,
    ];
    let found = auc(&scores, &own.map(|n| n == 1)).expect("both kinds");
    assert!((found - 0.793_956_043_956_044).abs() < 1e-12, "{found}");
    let (all_alike, own) = ([0.0, -0.0, 0.0, 0.0], [false, true, false, true]);
    assert_eq!(auc(&all_alike, &own), Some(0.5));
    assert_eq!(auc(&[1.0, 2.0, 3.0, 4.0], &[false, false, true, true]), Some(1.0));
    assert_eq!(auc(&[4.0, 3.0, 2.0, 1.0], &[false, false, true, true]), Some(0.0));
}

#[test]
fn of_one_kind_alone_there_is_no_curve() {
    assert_eq!(auc(&[1.0, 2.0], &[true, true]), None);
    assert_eq!(auc(&[1.0, 2.0], &[false, false]), None);
    assert_eq!(auc(&[], &[]), None);
    assert!(auc(&[f32::NAN, 1.0, f32::NAN], &[true, false, false]).is_some(), "no panic");
}

/// Against the definition: every pair of one of the class and one not of it.
#[test]
fn the_area_is_the_share_of_pairs_in_the_right_order() {
    use crate::random::{Place, Purpose};
    for seed in 0..50 {
        let mut drawn = vec![0.0f32; 80];
        Place::start(seed).stream(Purpose::Weights).fill_uniform(&mut drawn, 4.0);
        let (scores, kinds) = drawn.split_at(40);
        let scores: Vec<f32> = scores.iter().map(|x| x.round()).collect();
        let own: Vec<bool> = kinds.iter().map(|x| *x > 2.0).collect();
        let (mut right, mut pairs) = (0.0, 0.0);
        for (a, _) in scores.iter().zip(&own).filter(|(_, own)| **own) {
            for (b, _) in scores.iter().zip(&own).filter(|(_, own)| !**own) {
                right += if a > b { 1.0 } else { f64::from(u8::from(a == b)) / 2.0 };
                pairs += 1.0;
            }
        }
        let found = auc(&scores, &own).expect("both kinds");
        assert!((found - right / pairs).abs() < 1e-12, "{seed}: {found}");
    }
}
