//! How fast runs end, by when the last of them did.

/// Ends that a rate is taken from at most, and the bars of its picture.
const ENDS: usize = 50;
const BARS: usize = 24;

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
    /// From when each run ended, at `now`, in seconds since the Unix epoch.
    #[must_use]
    pub fn of(ends: &mut [(f64, Option<f64>)], now: f64) -> Self {
        ends.sort_by(|a, b| b.0.total_cmp(&a.0));
        let times = || ends.iter().map(|(time, _)| *time).filter(|time| *time <= now);
        let recent: Vec<f64> = times().take(ENDS + 1).collect();
        let (Some(oldest), true) = (recent.last(), recent.len() > 2) else {
            return Self::default();
        };
        let passed = (now - oldest).max(1.0);
        #[expect(clippy::cast_precision_loss, reason = "at most fifty")]
        let an_hour = Some(3600.0 * (recent.len() - 1) as f64 / passed);
        // A picture of at most an hour, and at least of a minute.
        let first = times().next_back().unwrap_or(now);
        #[expect(clippy::cast_precision_loss, reason = "a few bars")]
        let span = (now - first).clamp(60.0, 3600.0) / BARS as f64;
        let mut bars = vec![0; BARS];
        for time in times() {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_that_of_the_last_ends() {
        // One a second for a hundred seconds, of which the last was ten seconds ago.
        let mut ends: Vec<_> = (0..100).map(|n| (f64::from(n), None)).collect();
        let rate = Rate::of(&mut ends, 109.0);
        let expected = 3600.0 * 50.0 / 60.0;
        assert!((rate.an_hour.expect("known") - expected).abs() < 1.0, "{rate:?}");
        // The first of them lies on the edge of the picture.
        assert!((99..=100).contains(&rate.bars.iter().sum::<u64>()), "{rate:?}");
        assert_eq!(*rate.bars.last().expect("a bar"), 0, "none in the last seconds");
        assert_eq!(rate.seconds_for(100), Some(120.0));
        assert_eq!(Rate::of(&mut [(1.0, None)], 2.0), Rate::default());
    }
}
