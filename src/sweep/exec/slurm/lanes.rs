//! How arrays share `max_running`, so that no more tasks run at once than it says.
//!
//! A lane is a chain of arrays, each waiting for the one before it to end; the tasks that its
//! arrays may run at once are its share. The shares of all lanes add up to `max_running`.

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

    proptest! {
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
