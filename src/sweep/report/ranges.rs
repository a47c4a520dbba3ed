//! Runs that have not ended, named by ranges of their indices.

/// Runs from `first` to `last`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Range {
    /// First index.
    pub first: u64,
    /// Last index.
    pub last: u64,
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

/// The gaps that `ended` (sorted) leaves in 0 to before `end`, at most `most` of them, and
/// whether there are more. Indices that are no runs (`is_run`) neither begin nor end a range;
/// a range may run over some.
#[must_use]
pub fn gaps(
    ended: &[u64],
    end: u64,
    is_run: impl Fn(u64) -> bool,
    most: usize,
) -> (Vec<Range>, bool) {
    let mut found = Vec::new();
    let mut from = 0;
    for stop in ended.iter().copied().filter(|index| *index < end).chain([end]) {
        let first = (from..stop).find(|index| is_run(*index));
        let last = first.and_then(|first| (first..stop).rev().find(|index| is_run(*index)));
        if let (Some(first), Some(last)) = (first, last) {
            if found.len() == most {
                return (found, true);
            }
            found.push(Range { first, last });
        }
        from = stop + 1;
    }
    (found, false)
}

/// Ranges in words: `7, 12-13, 40-49, …`.
#[must_use]
pub fn words(ranges: &[Range], more: bool) -> String {
    let mut words: Vec<String> = ranges.iter().map(ToString::to_string).collect();
    if more {
        words.push("…".into());
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_what_has_not_ended() {
        let odd = |index: u64| index % 2 == 1;
        let all = |_: u64| true;
        for (ended, end, is_run, most, expected) in [
            (&[][..], 0, &all as &dyn Fn(u64) -> bool, 9, ""),
            (&[], 5, &all, 9, "0-4"),
            (&[0, 1, 2], 3, &all, 9, ""),
            (&[1], 4, &all, 9, "0, 2-3"),
            (&[0, 1, 3, 9], 10, &all, 9, "2, 4-8"),
            (&[1], 10, &odd, 9, "3-9"),
            (&[1, 3, 5, 7], 9, &odd, 9, ""),
            (&[1, 3, 5], 9, &all, 2, "0, 2, …"),
            (&[7], 3, &all, 9, "0-2"),
        ] {
            let (found, more) = gaps(ended, end, is_run, most);
            assert_eq!(words(&found, more), expected, "{ended:?} of {end}");
        }
    }
}
