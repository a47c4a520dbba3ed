//! How arrays share `max_running`, so that no more tasks run at once than it says.
//!
//! A lane is a chain of arrays, each waiting for the one before it to end; the tasks that its
//! arrays may run at once are its share. The shares of all lanes add up to `max_running`.

use crate::orders::Ordered;

/// An array that is in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Live {
    /// Its job.
    pub array: u64,
    /// Its share; nothing if it is not limited.
    pub share: Option<u64>,
    /// The array that it waits for.
    pub after: Option<u64>,
}

/// Where a further array goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lane {
    /// Its share.
    pub share: u64,
    /// The array that it waits for.
    pub after: Option<u64>,
}

/// The lane of the next of `arrays` further arrays, beside those that are live, so that at most
/// `most` tasks run at once.
#[must_use]
pub fn next(live: &[Live], arrays: u64, most: u64) -> Lane {
    let has_follower = |array: u64| live.iter().any(|other| other.after == Some(array));
    let share = |one: &Live| one.share.unwrap_or(most).clamp(1, most);
    let ends: Vec<&Live> = live.iter().filter(|one| !has_follower(one.array)).collect();
    let used: u64 = ends.iter().map(|one| share(one)).sum();
    if used < most {
        return Lane { share: (most - used).div_ceil(arrays.max(1)), after: None };
    }
    match ends.iter().min_by_key(|one| one.array) {
        Some(first) => Lane { share: share(first), after: Some(first.array) },
        None => Lane { share: most, after: None },
    }
}

/// Live arrays as they are since they were last throttled.
#[must_use]
pub fn as_ordered(live: &[Live], orders: &[Ordered]) -> Vec<Live> {
    let last = |one: &Live| {
        let mut all = orders.iter().rev().flat_map(|order| &order.lanes);
        all.find(|lane| lane.array == one.array)
    };
    let now = |one: &Live| {
        last(one).map_or(*one, |l| Live { array: l.array, share: l.share, after: l.after })
    };
    live.iter().map(now).collect()
}

/// What live arrays are changed to so that at most `most` tasks run at once: the share of each,
/// and the array that it waits for instead, where that changes. More lanes than may run are
/// joined: the arrays at the front of the last ones wait for the ends of the first. Nothing of
/// what runs is stopped.
#[must_use]
pub fn share_out(live: &[Live], most: u64) -> Vec<Live> {
    let is_live = |array: Option<u64>| array.filter(|a| live.iter().any(|one| one.array == *a));
    let fronts: Vec<&Live> = live.iter().filter(|one| is_live(one.after).is_none()).collect();
    let kept = usize::try_from(most.max(1)).unwrap_or(usize::MAX).min(fronts.len());
    let mut changed: Vec<Live> = Vec::new();
    let mut ends = Vec::new();
    for (place, front) in (0_u64..).zip(&fronts[..kept]) {
        let lanes = kept as u64;
        let share = most / lanes + u64::from(place < most % lanes);
        ends.push(follow(live, front.array, share.max(1), None, &mut changed));
    }
    for (place, front) in fronts[kept..].iter().enumerate() {
        let lane = place % kept.max(1);
        let (last, share) = ends[lane];
        ends[lane] = follow(live, front.array, share, Some(last), &mut changed);
    }
    changed
}

/// Gives a chain of arrays its share; its last array, and the share.
fn follow(
    live: &[Live],
    front: u64,
    share: u64,
    after: Option<u64>,
    changed: &mut Vec<Live>,
) -> (u64, u64) {
    let (mut array, mut waits) = (front, after);
    loop {
        changed.push(Live { array, share: Some(share), after: waits });
        match live.iter().find(|one| one.after == Some(array)) {
            Some(next) if !changed.iter().any(|c| c.array == next.array) => {
                (waits, array) = (Some(array), next.array);
            }
            _ => return (array, share),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fill(arrays: u64, most: u64) -> Vec<Live> {
        let mut live: Vec<Live> = Vec::new();
        for n in 0..arrays {
            let lane = next(&live, arrays - n, most);
            live.push(Live { array: 100 + n, share: Some(lane.share), after: lane.after });
        }
        live
    }

    #[test]
    fn shares_are_even_and_full() {
        let shares = |arrays, most| fill(arrays, most).iter().map(|l| l.share.unwrap()).collect();
        let (a, b): (Vec<u64>, Vec<u64>) = (shares(3, 5), shares(6, 50));
        assert_eq!(a, [2, 2, 1]);
        assert_eq!(b, [9, 9, 8, 8, 8, 8]);
    }

    #[test]
    fn more_arrays_than_may_run_wait_for_each_other() {
        let live = fill(5, 2);
        let after: Vec<_> = live.iter().map(|l| l.after).collect();
        assert_eq!(after, [None, None, Some(100), Some(101), Some(102)]);
    }

    #[test]
    fn lanes_are_shared_out_anew() {
        let told = |live: &[Live], most| {
            let mut all: Vec<_> = share_out(live, most)
                .into_iter()
                .map(|one| (one.array, one.share.unwrap(), one.after))
                .collect();
            all.sort_unstable();
            all
        };
        let live = fill(3, 6);
        assert_eq!(told(&live, 9), [(100, 3, None), (101, 3, None), (102, 3, None)]);
        assert_eq!(told(&live, 4), [(100, 2, None), (101, 1, None), (102, 1, None)]);
        assert_eq!(told(&live, 1), [(100, 1, None), (101, 1, Some(100)), (102, 1, Some(101))]);
        let chains = fill(4, 2);
        let wanted = [(100, 4, None), (101, 3, None), (102, 4, Some(100)), (103, 3, Some(101))];
        assert_eq!(told(&chains, 7), wanted);
    }

    #[test]
    fn what_was_throttled_is_known_as_it_is_since_then() {
        let live = fill(2, 4);
        let ordered = |most, array, share, after| {
            let lane = crate::orders::Lane { array, share, after };
            let order = crate::orders::Order::Throttle(most);
            Ordered { schema: 1, until: 1, order, lanes: vec![lane], time: 0.0 }
        };
        let orders = [
            ordered(Some(1), 101, Some(1), Some(100)),
            ordered(Some(3), 101, Some(3), Some(100)),
            ordered(Some(3), 7, None, None),
        ];
        let now = as_ordered(&live, &orders);
        assert_eq!(now, [live[0], Live { array: 101, share: Some(3), after: Some(100) }]);
        // What follows fits beside what there is.
        assert_eq!(next(&now, 1, 5).share, 2);
    }

    proptest! {
        #[test]
        fn shared_out_anew_no_more_run_than_may(
            arrays in 1_u64..30, first in 1_u64..60, most in 1_u64..60,
        ) {
            let live = fill(arrays, first);
            let changed = share_out(&live, most);
            prop_assert_eq!(changed.len(), live.len());
            let front = changed.iter().filter(|l| l.after.is_none());
            prop_assert!(front.map(|l| l.share.unwrap()).sum::<u64>() <= most);
            for one in changed.iter().filter(|l| l.after.is_some()) {
                let followers = changed.iter().filter(|l| l.after == one.after).count();
                prop_assert_eq!(followers, 1);
            }
        }

        #[test]
        fn never_do_more_run_than_may(arrays in 1_u64..40, most in 1_u64..60) {
            let live = fill(arrays, most);
            let first: u64 = live.iter().filter(|l| l.after.is_none()).map(|l| l.share.unwrap()).sum();
            prop_assert!(first <= most);
            for one in live.iter().filter(|l| l.after.is_some()) {
                let before = live.iter().find(|l| Some(l.array) == one.after).unwrap();
                prop_assert_eq!(before.share, one.share);
                prop_assert_eq!(live.iter().filter(|l| l.after == one.after).count(), 1);
            }
        }
    }
}
