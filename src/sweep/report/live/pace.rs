//! How fast runs end, by when the last of them did.

/// Ends that a rate is taken from at most, and the bars of its picture.
const ENDS: usize = 50;
const BARS: usize = 24;
/// Shorter than this, in seconds, no wait between runs is a pause.
const PAUSE: f64 = 600.0;

/// How fast runs end.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rate {
    /// Runs an hour; nothing where too few have ended to say.
    pub an_hour: Option<f64>,
    /// Runs that ended in each of so many equal spans of time, the last of which is now.
    pub bars: Vec<u64>,
    /// Seconds of one such span.
    pub span: f64,
}

impl Rate {
    /// From when each run began and ended, at `now`, in seconds since the Unix epoch. What ended
    /// before a pause, in which no run was at work, says nothing of how fast they end now.
    #[must_use]
    pub fn of(runs: &mut [(f64, f64)], now: f64) -> Self {
        runs.sort_by(|a, b| b.1.total_cmp(&a.1));
        let past: Vec<(f64, f64)> = runs.iter().filter(|(_, end)| *end <= now).copied().collect();
        let recent = &past[..since_pause(&past)];
        let last = &recent[..recent.len().min(ENDS + 1)];
        let (Some((_, oldest)), true) = (last.last(), last.len() > 2) else {
            return Self::default();
        };
        let passed = (now - oldest).max(1.0);
        #[expect(clippy::cast_precision_loss, reason = "at most fifty")]
        let an_hour = Some(3600.0 * (last.len() - 1) as f64 / passed);
        // A picture of at most an hour, and at least of a minute.
        let first = recent.last().map_or(now, |(_, end)| *end);
        #[expect(clippy::cast_precision_loss, reason = "a few bars")]
        let span = (now - first).clamp(60.0, 3600.0) / BARS as f64;
        let mut bars = vec![0; BARS];
        for (_, time) in recent {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "not negative"
            )]
            let back = ((now - time) / span) as usize;
            let Some(bar) = (BARS - 1).checked_sub(back) else { break };
            bars[bar] += 1;
        }
        Self { an_hour, bars, span }
    }

    /// Seconds until so many runs have ended, at this rate.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub fn seconds_for(&self, runs: u64) -> Option<f64> {
        self.an_hour.filter(|rate| *rate > 0.0).map(|rate| 3600.0 * runs as f64 / rate)
    }
}

/// How many of these runs, the last to end first, ended after the last pause: a time in which none
/// was at work, longer than the waits between runs.
fn since_pause(runs: &[(f64, f64)]) -> usize {
    let (mut begun, mut longest) = (f64::INFINITY, 0.0_f64);
    for (place, (begin, end)) in runs.iter().enumerate() {
        if place > 0 && begun - end > PAUSE.max(3.0 * longest) {
            return place;
        }
        begun = begun.min(*begin);
        longest = longest.max(end - begin);
    }
    runs.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_that_of_the_last_ends() {
        // One a second for a hundred seconds, of which the last was ten seconds ago.
        let mut ends: Vec<_> = (0..100).map(|n| (f64::from(n) - 0.5, f64::from(n))).collect();
        let rate = Rate::of(&mut ends, 109.0);
        let expected = 3600.0 * 50.0 / 60.0;
        assert!((rate.an_hour.expect("known") - expected).abs() < 1.0, "{rate:?}");
        // The first of them lies on the edge of the picture.
        assert!((99..=100).contains(&rate.bars.iter().sum::<u64>()), "{rate:?}");
        assert_eq!(*rate.bars.last().expect("a bar"), 0, "none in the last seconds");
        assert_eq!(rate.seconds_for(100), Some(120.0));
        // Those of yesterday say nothing of it; those that one at work since then overlaps do.
        let yesterday = (0..100).map(|n| (f64::from(n) - 90_000.0, f64::from(n) - 89_999.0));
        ends.extend(yesterday);
        assert_eq!(Rate::of(&mut ends, 109.0), rate);
        let mut few: Vec<_> = [(-90_000.0, -80_000.0), (-85_000.0, 5.0), (4.0, 10.0)].into();
        assert!(Rate::of(&mut few, 11.0).an_hour.is_some());
        few.remove(1);
        few.push((6.0, 11.0));
        assert_eq!(Rate::of(&mut few, 11.0), Rate::default());
        assert_eq!(Rate::of(&mut [(0.0, 1.0)], 2.0), Rate::default());
    }
}
