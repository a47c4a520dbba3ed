//! The merge: from the set of all segments to one answer, whatever their order and arrival.
//!
//! For each run the end with the highest (attempt, nonce) that is done wins; where none is, the
//! highest attempt's failure. All that is kept is a maximum, a set or a count of lines that are
//! told apart by segment and number, so taking the same lines in any order, in any portions and
//! any number of times gives the same.
use std::collections::{BTreeMap, HashMap};

use super::layout::SegmentName;
use super::line::{Damage, DamageKind};
use super::metric::{MetricId, MetricNames};
use super::parse::{Event, Part, Running};
use super::record::{Best, Cause, Head, Number, Outcome, Stop};
use crate::mutant::{self, Mutant};
use crate::trial::RunId;

/// Where a line stands; ordered as the merge prefers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The attempt at the slice, from 1; 0 for what was taken over from other sweeps.
    pub attempt: u32,
    /// The segment's nonce, as a number.
    pub nonce: u32,
    /// The slice.
    pub slice: u32,
    /// The line's number in its segment.
    pub n: u64,
}

impl Place {
    pub(super) fn new(segment: &SegmentName, n: u64) -> Self {
        let nonce = u32::from_str_radix(&segment.nonce, 16).unwrap_or(0);
        Self { attempt: segment.attempt, nonce, slice: segment.slice, n }
    }

    /// The segment that the line stands in.
    #[must_use]
    pub fn segment(&self) -> SegmentName {
        let nonce = format!("{:08x}", self.nonce);
        SegmentName { slice: self.slice, attempt: self.attempt, nonce }
    }
}

/// How a run ended: of its record all but the confusion matrix, which
/// [`super::read::confusion`] reads, and the mistakes.
#[derive(Debug, Clone, PartialEq)]
pub struct Merged {
    /// The run. Compare it with what the sweep has at `index`.
    pub run: RunId,
    /// Its place in the sweep.
    pub index: u64,
    /// Its seed.
    pub seed: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// The cause, where it did not end well.
    pub why: Option<Box<str>>,
    /// What kind of cause that is, where it is one that asking Slurm for more mends.
    pub cause: Option<Cause>,
    /// Epochs trained.
    pub epochs: u32,
    /// Every metric after the last epoch; names in [`Results::names`].
    pub metrics: Box<[(MetricId, f64)]>,
    /// Each metric's best value and the epoch (from 1) that reached it.
    pub best: Box<[(MetricId, u32, f64)]>,
    /// Seconds of training, evaluation included, over all attempts.
    pub seconds: f64,
    /// Training samples a second, evaluation left out.
    pub samples_per_s: Option<f64>,
    /// Trainable numbers of the model.
    pub weights: Option<u64>,
    /// Runs that were trained together with it, itself included, when it ended.
    pub cohort: Option<u32>,
    /// The sweep that trained it, where it was taken over.
    pub from: Option<Box<str>>,
    /// Seconds since the Unix epoch.
    pub time: f64,
    /// Where the record stands.
    pub at: Place,
}

impl Merged {
    /// A metric after the last epoch.
    #[must_use]
    pub fn metric(&self, id: MetricId) -> Option<f64> {
        self.metrics.iter().find(|(m, _)| *m == id).map(|(_, value)| *value)
    }

    /// A metric's best value.
    #[must_use]
    pub fn best(&self, id: MetricId) -> Option<Best> {
        let found = self.best.iter().find(|(m, ..)| *m == id);
        found.map(|(_, epoch, value)| Best { epoch: *epoch, value: Number(*value) })
    }

    fn rank(&self) -> (bool, Place) {
        let done = self.outcome == Outcome::Done && !mutant::is(Mutant::LateFailureWins);
        (done, self.at)
    }

    /// Whether two trainings came to the same, to the bit.
    fn agrees(&self, other: &Self) -> bool {
        self.metrics.len() == other.metrics.len()
            && self
                .metrics
                .iter()
                .all(|(id, x)| other.metric(*id).map(f64::to_bits) == Some(x.to_bits()))
    }

    fn rename(&mut self, ids: &[MetricId]) {
        self.metrics.iter_mut().for_each(|(id, _)| *id = ids[id.0 as usize]);
        self.best.iter_mut().for_each(|(id, ..)| *id = ids[id.0 as usize]);
    }
}

/// The last that is known of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Last {
    /// Where it stands.
    pub at: Place,
    /// Seconds since the Unix epoch.
    pub time: f64,
    /// What happened.
    pub what: LastEvent,
}

/// What happened to a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LastEvent {
    /// Work on it began.
    Started,
    /// A checkpoint of it is durable.
    Checkpoint {
        /// Epochs finished.
        epoch: u32,
        /// Steps finished.
        step: u64,
    },
    /// Work on it stopped before it ended.
    Stopped {
        /// Why, such as `SIGTERM`.
        why: Box<str>,
        /// Whether a checkpoint holds what was done.
        saved: bool,
    },
    /// It ended.
    Ended,
}

/// What the segments say about a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunState {
    /// How it ended, if it did.
    pub end: Option<Merged>,
    /// Records of an end in all segments.
    pub ends: u32,
    /// Whether two ends that are done differ in a metric.
    pub disagree: bool,
    /// The last that the highest attempt said of it.
    pub last: Option<Last>,
    /// A bit for each attempt that started it; the highest bit for all from 63.
    started: u64,
    /// The same for each that saved something of it, stopped in order, or ended it.
    survived: u64,
}

impl RunState {
    /// Attempts that started it.
    #[must_use]
    pub const fn starts(&self) -> u32 {
        self.started.count_ones()
    }

    /// Attempts that started it and of which nothing more is known: they died, or are still
    /// at work.
    #[must_use]
    pub const fn deaths(&self) -> u32 {
        (self.started & !self.survived).count_ones()
    }

    /// Of these, the attempts after one.
    #[must_use]
    pub const fn deaths_since(&self, attempt: u32) -> u32 {
        let later = if attempt < 63 { u64::MAX << (attempt + 1) } else { 0 };
        (self.started & !self.survived & later).count_ones()
    }

    fn take(&mut self, event: Event) {
        let (at, time, what) = match event {
            Event::Other { at, time, what } => (at, time, what),
            Event::End(end) => {
                let seen = (end.at, end.time, LastEvent::Ended);
                self.take_end(*end);
                seen
            }
        };
        let attempt = 1 << at.attempt.min(63);
        match what {
            LastEvent::Started => self.started |= attempt,
            _ => self.survived |= attempt,
        }
        if self.last.as_ref().is_none_or(|last| last.at < at) {
            self.last = Some(Last { at, time, what });
        }
    }

    fn take_end(&mut self, end: Merged) {
        self.ends += 1;
        match &mut self.end {
            Some(known) => {
                let done = known.outcome == Outcome::Done && end.outcome == Outcome::Done;
                self.disagree |= done && !known.agrees(&end);
                if known.rank() < end.rank() || mutant::is(Mutant::LastRecordWins) {
                    *known = end;
                }
            }
            none => *none = Some(end),
        }
    }
}

/// How far a segment is read, and what it says of itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tail {
    /// Who writes it, once its first line was read.
    pub head: Option<Box<Head>>,
    /// Whether it was ended in order.
    pub closed: bool,
    /// Whether it is of another sweep, or not what its name says: nothing of it is taken.
    pub refused: bool,
    /// Bytes after the last newline: a line in the making, or one cut off by a crash.
    pub torn: u64,
    /// Lines that were not taken, or before which some are missing.
    pub damaged: u64,
    /// Ends in it.
    pub ends: u64,
    /// Why work on the slice stopped, where it did.
    pub stop: Option<Stop>,
    pub(super) offset: u64,
    pub(super) lines: u64,
    /// The number that the next line should have.
    pub(super) next: u64,
    /// Damaged lines, whose numbers are unknown, since the last sound one.
    pub(super) unnumbered: u64,
    pub(super) headless: bool,
    /// Length and checksum of the first line: of another one the file is another.
    pub(super) first: Option<(usize, u32)>,
    pub(super) running: Running,
}

/// What the segments of a sweep say.
#[derive(Debug, Clone, Default)]
pub struct Results {
    /// Every run that a segment speaks of, by its place in the sweep.
    pub runs: HashMap<u64, RunState>,
    /// The metrics' names.
    pub names: MetricNames,
    /// Damaged lines, sorted; up to 1000 of a segment are named, [`Tail::damaged`] counts all.
    pub damage: Vec<Damage>,
    /// Ends beyond the first of their run.
    pub duplicate_ends: u64,
    /// Every segment.
    pub segments: BTreeMap<SegmentName, Tail>,
    /// Segments that were read and are gone now (purged?). Their runs are still here.
    pub vanished: Vec<SegmentName>,
    /// Segments that could not be read this time, and why.
    pub unreadable: Vec<(SegmentName, String)>,
}

impl Results {
    /// The highest attempt at a slice that wrote a segment, 0 where there is none.
    #[must_use]
    pub fn attempts(&self, slice: u32) -> u32 {
        let first = |slice| SegmentName { slice, attempt: 0, nonce: String::new() };
        let mut of_slice = match slice.checked_add(1) {
            Some(next) => self.segments.range(first(slice)..first(next)),
            None => self.segments.range(first(slice)..),
        };
        of_slice.next_back().map_or(0, |(name, _)| name.attempt)
    }

    /// How a run ended, if it did.
    #[must_use]
    pub fn end(&self, index: u64) -> Option<&Merged> {
        self.runs.get(&index)?.end.as_ref()
    }

    /// The intent whose task recorded an end, where it was one of Slurm's.
    #[must_use]
    pub fn intent(&self, end: &Merged) -> Option<u32> {
        self.segments.get(&end.at.segment())?.head.as_ref()?.intent
    }

    /// Lines that were damaged, in all segments.
    #[must_use]
    pub fn damaged(&self) -> u64 {
        self.segments.values().map(|s| s.damaged).sum()
    }

    /// Segments whose last line was cut off, or is being written.
    #[must_use]
    pub fn torn(&self) -> usize {
        self.segments.values().filter(|s| s.torn > 0).count()
    }

    /// The metrics of an end, named.
    pub fn metrics<'a>(&'a self, end: &'a Merged) -> impl Iterator<Item = (&'a str, f64)> {
        end.metrics.iter().map(|(id, value)| (self.names.name(*id), *value))
    }

    /// Takes a stretch of a segment, once: another one than the next is not taken.
    pub(super) fn absorb(&mut self, part: Part) {
        let known = self.segments.get(&part.name);
        if known.is_some_and(|tail| part.from != tail.offset) || (known.is_none() && part.from > 0)
        {
            return;
        }
        let ids = self.names.absorb(&part.names);
        for (index, event) in part.events {
            let event = match event {
                Event::End(mut end) => {
                    end.rename(&ids);
                    Event::End(end)
                }
                other => other,
            };
            let run = self.runs.entry(index).or_default();
            self.duplicate_ends += u64::from(matches!(event, Event::End(_)) && run.end.is_some());
            run.take(event);
        }
        self.damage.extend(part.damage);
        self.segments.insert(part.name, part.tail);
    }
}

/// The same facts, whatever numbers the names of metrics have.
impl PartialEq for Results {
    fn eq(&self, other: &Self) -> bool {
        self.damage == other.damage
            && self.duplicate_ends == other.duplicate_ends
            && self.segments == other.segments
            && self.vanished == other.vanished
            && self.unreadable == other.unreadable
            && self.runs.len() == other.runs.len()
            && self.runs.iter().all(|(index, run)| {
                other.runs.get(index).is_some_and(|o| same(&self.names, run, &other.names, o))
            })
    }
}

fn same(names: &MetricNames, run: &RunState, others: &MetricNames, other: &RunState) -> bool {
    let plain = |run: &RunState| {
        let mut run = run.clone();
        if let Some(end) = &mut run.end {
            end.metrics = Box::default();
            end.best = Box::default();
        }
        run
    };
    let named = |names: &MetricNames, run: &RunState| {
        run.end.as_ref().map(|end| {
            let metric = |(id, x): &(MetricId, f64)| (names.name(*id).to_owned(), 0, x.to_bits());
            let best =
                |(id, at, x): &(MetricId, u32, f64)| (names.name(*id).to_owned(), *at, x.to_bits());
            let all = end.metrics.iter().map(metric).chain(end.best.iter().map(best));
            all.collect::<Vec<_>>()
        })
    };
    plain(run) == plain(other) && named(names, run) == named(others, other)
}

impl Damage {
    /// Whether the segment as a whole is not taken.
    #[must_use]
    pub const fn refuses_segment(&self) -> bool {
        matches!(self.what, DamageKind::Foreign(_) | DamageKind::Misnamed(_))
    }
}
