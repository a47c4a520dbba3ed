//! What state each run is in: judged from files and from what the executor knows of the
//! attempts, never stored.
use std::fmt;

use crate::store::record::Outcome;
use crate::terminal::{Tone, View};

/// What the executor knows of the newest attempt at a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Liveness {
    /// A process works on it, or is about to.
    Alive,
    /// No process works on it, and one will: it waits in a queue.
    Queued,
    /// No process works on it.
    Gone,
    /// It can't be told from here, such as on another machine.
    Unknown,
}

/// What files say about one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traces {
    /// How it ended, if it has.
    pub outcome: Option<Outcome>,
    /// The highest attempt that began it; 0 if none did.
    pub attempt: u32,
    /// That attempt wrote that it stopped before the end.
    pub stopped: bool,
    /// A durable checkpoint was recorded.
    pub saved: bool,
    /// That attempt wrote its closing line.
    pub closed: bool,
}

/// The state of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// All epochs are trained.
    Done,
    /// A process trains it now.
    Running,
    /// No attempt has begun it.
    Waiting,
    /// Stopped before its end, in order, or put back into the queue: the next attempt goes on.
    Interrupted,
    /// Begun, not ended, and the attempt is gone: it was killed.
    Lost,
    /// The loss stopped being a finite number.
    Diverged,
    /// The program or the trainer failed.
    Failed,
    /// Not ended, and no task will train it: it was ordered to be left out.
    LeftOut,
}

/// Every state, in the order in which people are told of them.
pub const STATES: [State; 8] = [
    State::Done,
    State::Running,
    State::Waiting,
    State::Interrupted,
    State::Lost,
    State::Diverged,
    State::Failed,
    State::LeftOut,
];

impl State {
    /// The word for it, for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Interrupted => "interrupted",
            Self::Lost => "lost",
            Self::Diverged => "diverged",
            Self::Failed => "failed",
            Self::LeftOut => "left out",
        }
    }

    /// The word for it in JSON and CSV.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::LeftOut => "left_out",
            state => state.word(),
        }
    }

    /// What the state means to a reader.
    #[must_use]
    pub const fn tone(self) -> Tone {
        match self {
            Self::Done => Tone::Good,
            Self::Running | Self::Interrupted => Tone::Busy,
            Self::Failed | Self::Lost | Self::Diverged => Tone::Bad,
            Self::Waiting | Self::LeftOut => Tone::Less,
        }
    }

    /// Whether the run has ended, well or not.
    #[must_use]
    pub const fn is_ended(self) -> bool {
        matches!(self, Self::Done | Self::Diverged | Self::Failed)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The state of a run. `newest` is the highest attempt at its slice, which `liveness` is about.
///
/// An end counts whoever wrote it. Of a run without one, only the newest attempt can be at
/// work on it; where nobody knows whether that attempt lives, it is taken to live.
#[must_use]
pub fn judge(traces: &Traces, newest: u32, liveness: Liveness) -> State {
    match traces.outcome {
        Some(Outcome::Done) => return State::Done,
        Some(Outcome::Diverged) => return State::Diverged,
        Some(Outcome::Failed) => return State::Failed,
        None => {}
    }
    if traces.attempt == 0 {
        return State::Waiting;
    }
    if traces.stopped || liveness == Liveness::Queued {
        return State::Interrupted;
    }
    let at_work = traces.attempt >= newest && !traces.closed && liveness != Liveness::Gone;
    if at_work { State::Running } else { State::Lost }
}

/// How many runs are in each state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts([u64; STATES.len()]);

impl Counts {
    /// Counts states.
    #[must_use]
    pub fn of(states: impl IntoIterator<Item = State>) -> Self {
        let mut counts = Self::default();
        for state in states {
            counts.add(state, 1);
        }
        counts
    }

    /// Adds runs in a state.
    pub const fn add(&mut self, state: State, runs: u64) {
        self.0[state as usize] += runs;
    }

    /// Runs in a state.
    #[must_use]
    pub const fn get(&self, state: State) -> u64 {
        self.0[state as usize]
    }

    /// All runs.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Runs that ended, well or not.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.iter().filter(|(state, _)| state.is_ended()).map(|(_, runs)| runs).sum()
    }

    /// Runs that have not ended, that no process works on, and that are to be trained.
    #[must_use]
    pub fn idle(&self) -> u64 {
        self.get(State::Waiting) + self.get(State::Interrupted) + self.get(State::Lost)
    }

    /// Every state with its number of runs.
    pub fn iter(&self) -> impl Iterator<Item = (State, u64)> + '_ {
        STATES.iter().map(|state| (*state, self.get(*state)))
    }
}

impl Counts {
    /// As `Display` says it, each state in its colour where there are colours.
    #[must_use]
    pub fn render(&self, view: View) -> String {
        let some = self.iter().filter(|(_, runs)| *runs > 0);
        let part = |(state, runs): (State, u64)| {
            view.paint(state.tone(), &format!("{} {state}", crate::text::grouped(runs)))
        };
        let parts: Vec<String> = some.map(part).collect();
        if parts.is_empty() { "no runs".into() } else { parts.join(", ") }
    }
}

impl fmt::Display for Counts {
    /// `81 done, 2 failed`: the states that occur.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(View::PLAIN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGUN: Traces =
        Traces { outcome: None, attempt: 2, stopped: false, saved: false, closed: false };

    #[test]
    fn states_follow_from_traces() {
        use Liveness::{Alive, Gone, Queued, Unknown};
        let ended = |outcome| Traces { outcome: Some(outcome), ..BEGUN };
        let stopped = Traces { stopped: true, saved: true, ..BEGUN };
        let closed = Traces { closed: true, ..BEGUN };
        for (traces, newest, liveness, state) in [
            (Traces::default(), 0, Unknown, State::Waiting),
            (Traces::default(), 1, Alive, State::Waiting),
            (Traces::default(), 1, Gone, State::Waiting),
            (Traces::default(), 1, Queued, State::Waiting),
            (BEGUN, 2, Queued, State::Interrupted),
            (closed, 2, Queued, State::Interrupted),
            (ended(Outcome::Done), 2, Queued, State::Done),
            (BEGUN, 2, Alive, State::Running),
            (BEGUN, 2, Unknown, State::Running),
            (BEGUN, 2, Gone, State::Lost),
            (BEGUN, 3, Alive, State::Lost),
            (BEGUN, 3, Gone, State::Lost),
            (closed, 2, Alive, State::Lost),
            (closed, 2, Unknown, State::Lost),
            (stopped, 2, Gone, State::Interrupted),
            (stopped, 2, Alive, State::Interrupted),
            (stopped, 3, Alive, State::Interrupted),
            (Traces { saved: false, ..stopped }, 2, Gone, State::Interrupted),
            (ended(Outcome::Done), 3, Alive, State::Done),
            (ended(Outcome::Done), 2, Gone, State::Done),
            (ended(Outcome::Diverged), 2, Alive, State::Diverged),
            (Traces { outcome: Some(Outcome::Failed), ..stopped }, 2, Unknown, State::Failed),
        ] {
            assert_eq!(judge(&traces, newest, liveness), state, "{traces:?} {newest} {liveness:?}");
        }
    }

    #[test]
    fn counts_add_up_and_name_only_what_occurs() {
        let counts = Counts::of([State::Done, State::Done, State::Failed, State::Lost]);
        assert_eq!((counts.total(), counts.ended(), counts.idle()), (4, 3, 1));
        assert_eq!(counts.to_string(), "2 done, 1 lost, 1 failed");
        assert_eq!(Counts::default().to_string(), "no runs");
        for (place, state) in STATES.iter().enumerate() {
            assert_eq!(*state as usize, place, "the table follows the enum");
        }
    }
}
