//! Which of two ways to sum gradients takes less time: found by trying both in turn.

/// When gradients are summed over the ranks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// While the backward pass goes on.
    Beside,
    /// When it is over.
    After,
}

/// Steps that each way is tried for; the first of each does not count.
const TRIES: u32 = 9;
/// The share of the time that a way beside may take to be preferred: it costs a core.
const ENOUGH: f64 = 0.98;

/// What the trials have come to. All ranks come to the same.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pace {
    steps: u32,
    /// Seconds of this rank's steps: beside, after.
    seconds: [f64; 2],
    fixed: Option<Way>,
}

impl Pace {
    /// Of a training that begins; with a choice where sums beside are `possible`.
    pub fn new(possible: bool) -> Self {
        let fixed = (!possible).then_some(Way::After);
        Self { steps: 0, seconds: [0.0; 2], fixed }
    }

    /// How this step is made: the first one beside.
    pub fn way(&self) -> Way {
        let turn = if self.steps.is_multiple_of(2) { Way::Beside } else { Way::After };
        self.fixed.unwrap_or(turn)
    }

    /// Whether no step has been made yet, and the first is to be beside.
    pub fn is_first(&self) -> bool {
        self.fixed.is_none() && self.steps == 0
    }

    /// Whether all steps are made so from now on.
    pub fn is_fixed_on(&self, way: Way) -> bool {
        self.fixed == Some(way)
    }

    /// Seconds of this rank, for the others.
    pub const fn told(&self) -> [f64; 2] {
        self.seconds
    }

    /// The sums of what all ranks have told.
    pub fn hear(&mut self, [beside, after]: [f64; 2]) {
        if self.fixed.is_none() && self.steps == 2 * TRIES {
            let pays = beside < ENOUGH * after;
            self.fixed = Some(if pays { Way::Beside } else { Way::After });
        }
    }

    /// A step's backward pass and sums took so long, in so many buckets: one can't be beside.
    pub fn took(&mut self, seconds: f64, buckets: usize) {
        if self.fixed.is_some() {
            return;
        }
        if buckets < 2 {
            self.fixed = Some(Way::After);
        } else if self.steps >= 2 {
            self.seconds[usize::from(self.way() == Way::After)] += seconds;
        }
        self.steps += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is chosen where steps take so many seconds beside and after.
    fn chosen(beside: f64, after: f64) -> Way {
        let mut pace = Pace::new(true);
        for step in 0..2 * TRIES {
            pace.hear(pace.told());
            assert_eq!(pace.way(), if step % 2 == 0 { Way::Beside } else { Way::After });
            // The first steps take long.
            let long = if step < 2 { 100.0 } else { 1.0 };
            pace.took(long * if pace.way() == Way::Beside { beside } else { after }, 3);
        }
        pace.hear(pace.told());
        pace.took(1e9, 3);
        pace.hear(pace.told());
        pace.way()
    }

    #[test]
    fn the_faster_way_is_kept_and_after_where_there_is_no_difference() {
        assert_eq!(chosen(0.1, 0.2), Way::Beside);
        assert_eq!(chosen(0.2, 0.1), Way::After);
        assert_eq!(chosen(0.1, 0.1), Way::After);
    }

    #[test]
    fn there_is_no_choice_with_one_bucket_or_one_thread() {
        let mut pace = Pace::new(true);
        assert!(pace.is_first() && pace.way() == Way::Beside);
        pace.took(0.1, 1);
        assert!(pace.is_fixed_on(Way::After) && !pace.is_first());
        let pace = Pace::new(false);
        assert!(pace.is_fixed_on(Way::After) && !pace.is_first());
    }
}
