//! The order of a leaderboard: a total order over trials, ties and missing numbers included.
use std::cmp::Ordering;

/// Several numbers in short.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Summary {
    /// Their mean; nothing if there are none; not finite if one of them is not.
    pub mean: Option<f64>,
    /// Their sample standard deviation (divided by n - 1); nothing below two numbers.
    pub sd: Option<f64>,
    /// How many they are.
    pub n: u64,
}

impl Summary {
    /// Summarises numbers. Numbers that are all equal have exactly that mean and no spread.
    #[must_use]
    pub fn of(numbers: &[f64]) -> Self {
        let Some(&first) = numbers.first() else { return Self::default() };
        if numbers.iter().any(|x| !x.is_finite()) {
            // Opposite infinities, or any NaN, make NaN; otherwise the infinity stays.
            return Self { mean: Some(numbers.iter().sum()), sd: None, n: numbers.len() as u64 };
        }
        #[expect(clippy::cast_precision_loss, reason = "a trial has few seeds")]
        let n = numbers.len() as f64;
        let mean = first + numbers.iter().map(|x| x - first).sum::<f64>() / n;
        let sd = (numbers.len() > 1)
            .then(|| (numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt());
        Self { mean: Some(mean), sd, n: numbers.len() as u64 }
    }

    /// The mean, if it is a finite number: what a rank needs.
    #[must_use]
    pub fn finite(&self) -> Option<f64> {
        self.mean.filter(|mean| mean.is_finite())
    }
}

/// What the place of a trial is decided by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// The objective over its seeds.
    pub objective: Summary,
    /// Whether one of its runs diverged, so that the objective is that of the others alone.
    pub diverged: bool,
    /// Mean seconds a run.
    pub seconds: f64,
    /// Its place in the space, which differs from trial to trial.
    pub point: u64,
}

/// Which of two trials comes first.
///
/// The better mean; of equal means the smaller standard deviation (one seed has none and
/// comes after), then less time, then the order of the space. A trial of which a run diverged
/// comes after all of which none did: the mean of the others leaves the worst out. Trials without
/// a finite mean come last: infinities before NaN before those without any number. How many seeds
/// there are decides nothing: a trial with seeds missing stands where its mean puts it, marked.
#[must_use]
pub fn order(a: &Standing, b: &Standing, maximize: bool) -> Ordering {
    let class = |s: &Standing| match s.objective.mean {
        Some(mean) if mean.is_finite() && !s.diverged => 0,
        Some(mean) if mean.is_finite() => 1,
        Some(mean) if mean.is_infinite() => 2,
        Some(_) => 3,
        None => 4,
    };
    let spread = |s: &Standing| s.objective.sd.unwrap_or(f64::INFINITY);
    class(a)
        .cmp(&class(b))
        .then_with(|| {
            let (x, y) = (value(a), value(b));
            if maximize { y.total_cmp(&x) } else { x.total_cmp(&y) }
        })
        .then_with(|| spread(a).total_cmp(&spread(b)))
        .then_with(|| a.seconds.total_cmp(&b.seconds))
        .then_with(|| a.point.cmp(&b.point))
}

/// A mean that compares: zeros are one zero, all NaN are one.
fn value(s: &Standing) -> f64 {
    match s.objective.mean {
        Some(mean) if !mean.is_nan() => mean + 0.0,
        _ => f64::NAN,
    }
}

/// The rank of each trial of a list in this order: equal means share a rank, and the next
/// trial's rank counts them all (1, 1, 3). A trial of which a run diverged shares none with one of
/// which none did; one without a finite mean has none.
#[must_use]
pub fn ranks<'a>(ordered: impl IntoIterator<Item = &'a Standing>) -> Vec<Option<u64>> {
    let mut last: Option<((bool, f64), u64)> = None;
    (1..)
        .zip(ordered)
        .map(|(place, standing)| {
            let own = (standing.diverged, standing.objective.finite()?);
            let rank = match last {
                Some((same, rank)) if same == own => rank,
                _ => place,
            };
            last = Some((own, rank));
            Some(rank)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn standing(numbers: &[f64], seconds: f64, point: u64) -> Standing {
        Standing { objective: Summary::of(numbers), diverged: false, seconds, point }
    }

    fn sorted(mut all: Vec<Standing>, maximize: bool) -> (Vec<u64>, Vec<Option<u64>>) {
        all.sort_by(|a, b| order(a, b, maximize));
        (all.iter().map(|s| s.point).collect(), ranks(&all))
    }

    #[test]
    fn summaries_are_the_textbook_s() {
        let s = Summary::of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
        assert_eq!(s.mean, Some(5.0));
        assert!((s.sd.expect("sd") - (32.0_f64 / 7.0).sqrt()).abs() < 1e-12);
        assert_eq!(Summary::of(&[0.1]), Summary { mean: Some(0.1), sd: None, n: 1 });
        assert_eq!(Summary::of(&[0.1; 3]), Summary { mean: Some(0.1), sd: Some(0.0), n: 3 });
        assert_eq!(Summary::of(&[]), Summary::default());
        assert!(Summary::of(&[1.0, f64::NAN]).mean.expect("mean").is_nan());
        assert_eq!(Summary::of(&[1.0, f64::INFINITY]).mean, Some(f64::INFINITY));
    }

    #[test]
    fn better_means_come_first_and_what_has_none_last() {
        let all = vec![
            standing(&[0.5, 0.7], 1.0, 0),
            standing(&[0.9], 1.0, 1),
            standing(&[f64::NAN], 1.0, 2),
            standing(&[f64::INFINITY], 1.0, 3),
            standing(&[], 0.0, 4),
            standing(&[0.1, 0.3], 1.0, 5),
        ];
        let ranks = vec![Some(1), Some(2), Some(3), None, None, None];
        assert_eq!(sorted(all.clone(), true), (vec![1, 0, 5, 3, 2, 4], ranks.clone()));
        assert_eq!(sorted(all, false), (vec![5, 0, 1, 3, 2, 4], ranks));
    }

    #[test]
    fn ties_go_by_spread_then_time_then_place_and_share_the_rank() {
        let all = vec![
            standing(&[0.5], 9.0, 0),
            standing(&[0.25, 0.75], 1.0, 1),
            standing(&[0.5, 0.5], 5.0, 2),
            standing(&[0.5, 0.5], 4.0, 3),
            standing(&[0.5, 0.5], 4.0, 4),
            standing(&[0.4], 1.0, 5),
            standing(&[0.0], 1.0, 6),
            standing(&[-0.0], 0.5, 7),
        ];
        let (points, ranks) = sorted(all, true);
        assert_eq!(points, [3, 4, 2, 1, 0, 5, 7, 6]);
        let expected = [1, 1, 1, 1, 1, 6, 7, 7];
        assert_eq!(ranks, expected.map(Some));
    }

    #[test]
    fn missing_seeds_do_not_move_a_trial() {
        let all = vec![standing(&[0.8, 0.8, 0.8], 1.0, 0), standing(&[0.81, 0.82], 1.0, 1)];
        assert_eq!(sorted(all, true).0, [1, 0]);
    }

    #[test]
    fn a_trial_of_which_a_run_diverged_comes_after_all_of_which_none_did() {
        let diverged =
            |numbers, point| Standing { diverged: true, ..standing(numbers, 1.0, point) };
        let all = vec![
            diverged(&[0.86], 0),
            standing(&[0.5, 0.52, 0.54], 1.0, 1),
            standing(&[0.86, 0.86, 0.86], 1.0, 2),
            diverged(&[0.86, 0.86], 3),
            diverged(&[0.1], 4),
            diverged(&[], 5),
            standing(&[f64::NAN], 1.0, 6),
        ];
        let ranks = vec![Some(1), Some(2), Some(3), Some(3), Some(5), None, None];
        assert_eq!(sorted(all.clone(), true), (vec![2, 1, 3, 0, 4, 6, 5], ranks));
        assert_eq!(sorted(all, false).0, [1, 2, 4, 3, 0, 6, 5]);
        // Next to each other, with one mean.
        let both = vec![diverged(&[0.5], 0), standing(&[0.5], 1.0, 1)];
        assert_eq!(sorted(both, true), (vec![1, 0], vec![Some(1), Some(2)]));
    }

    fn number() -> impl Strategy<Value = f64> {
        prop_oneof![
            (-3_i8..3).prop_map(f64::from),
            Just(f64::NAN),
            Just(-f64::NAN),
            Just(f64::INFINITY),
            Just(f64::NEG_INFINITY),
            Just(-0.0),
        ]
    }

    fn any_standing() -> impl Strategy<Value = Standing> {
        (proptest::collection::vec(number(), 0..4), any::<bool>(), 0_u8..3, 0_u64..4).prop_map(
            |(numbers, diverged, seconds, point)| Standing {
                diverged,
                ..standing(&numbers, f64::from(seconds), point)
            },
        )
    }

    proptest! {
        #[test]
        fn the_order_is_total(a in any_standing(), b in any_standing(), c in any_standing(), up: bool) {
            prop_assert_eq!(order(&a, &b, up), order(&b, &a, up).reverse());
            prop_assert_eq!(order(&a, &a, up), Ordering::Equal);
            if order(&a, &b, up).is_le() && order(&b, &c, up).is_le() {
                prop_assert!(order(&a, &c, up).is_le());
            }
            if a.point != b.point {
                prop_assert_ne!(order(&a, &b, up), Ordering::Equal);
            }
        }

        #[test]
        fn every_arrival_gives_the_same_board(mut all in proptest::collection::vec(any_standing(), 0..8), up: bool) {
            for (place, standing) in (0..).zip(&mut all) {
                standing.point = place;
            }
            let mut backwards = all.clone();
            backwards.reverse();
            prop_assert_eq!(sorted(all, up), sorted(backwards, up));
        }
    }
}
