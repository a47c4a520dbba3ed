//! Lines of a segment into what the merge needs: borrowed, in one pass, no value unchecked.
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use super::layout::SegmentName;
use super::line::{Damage, DamageKind, unframe};
use super::merge::{LastEvent, Merged, Place, Tail};
use super::metric::{MetricId, MetricNames};
use super::record::{Best, Cause, Head, Number, Outcome, SEGMENT_SCHEMA, Stop};
use crate::mutant::{self, Mutant};
use crate::trial::RunId;

/// Damaged lines of one segment that are named one by one; further ones are counted.
const NAMED_DAMAGE: u64 = 1000;

/// What a stretch of a segment says.
#[derive(Debug)]
pub(super) struct Part {
    pub name: SegmentName,
    /// The byte at which the stretch begins.
    pub from: u64,
    /// What is known of the segment after it.
    pub tail: Tail,
    pub names: MetricNames,
    pub events: Vec<(u64, Event)>,
    pub damage: Vec<Damage>,
}

/// Something about a run.
#[derive(Debug)]
pub(super) enum Event {
    End(Box<Merged>),
    Other { at: Place, time: f64, what: LastEvent },
}

/// All fields that any kind of line may have.
#[derive(serde::Deserialize)]
struct Raw<'a> {
    v: u32,
    n: u64,
    #[serde(borrow)]
    t: Text<'a>,
    #[serde(borrow, default)]
    run: Option<Text<'a>>,
    index: Option<u64>,
    seed: Option<u64>,
    outcome: Option<Outcome>,
    #[serde(borrow, default)]
    why: Option<Text<'a>>,
    cause: Option<Cause>,
    epochs: Option<u32>,
    #[serde(borrow, default)]
    metrics: Option<Pairs<'a, Number>>,
    #[serde(borrow, default)]
    best: Option<Pairs<'a, Best>>,
    seconds: Option<f64>,
    samples_per_s: Option<f64>,
    weights: Option<u64>,
    cohort: Option<u32>,
    #[serde(borrow, default)]
    from: Option<Text<'a>>,
    time: Option<f64>,
    epoch: Option<u32>,
    step: Option<u64>,
    saved: Option<bool>,
}

#[derive(serde::Deserialize)]
struct Version {
    v: u32,
}

#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Text<'_> {
    fn boxed(self) -> Box<str> {
        self.0.into_owned().into_boxed_str()
    }
}

/// A map, in the order in which it was written.
struct Pairs<'a, T>(Vec<(Cow<'a, str>, T)>);

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for Pairs<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Map<'a, T>(PhantomData<(&'a str, T)>);
        impl<'de: 'a, 'a, T: Deserialize<'de>> Visitor<'de> for Map<'a, T> {
            type Value = Pairs<'a, T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of metrics")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::with_capacity(16);
                while let Some((name, value)) = map.next_entry::<Text<'a>, T>()? {
                    pairs.push((name.0, value));
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Map(PhantomData))
    }
}

impl Part {
    pub(super) fn new(name: SegmentName, tail: Tail) -> Self {
        let names = MetricNames::default();
        Self { name, from: tail.offset, tail, names, events: Vec::new(), damage: Vec::new() }
    }

    /// Takes all complete lines at the start of `bytes`; says how many bytes those are.
    pub(super) fn feed(&mut self, bytes: &[u8], sweep: &str) -> usize {
        let mut last = bytes.iter().rposition(|b| *b == b'\n');
        if mutant::is(Mutant::TornLineTaken) {
            last = bytes.len().checked_sub(1);
        }
        let Some(last) = last else { return 0 };
        for line in bytes[..=last].split_inclusive(|b| *b == b'\n') {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            if self.tail.damaged > 0 && mutant::is(Mutant::StopsAtDamage) {
                break;
            }
            if self.tail.lines == 0 {
                self.tail.first = Some((line.len(), crc32c::crc32c(line)));
            }
            self.tail.lines += 1;
            if let Err(what) = self.line(line, sweep) {
                self.tail.unnumbered += 1;
                self.report(what);
            }
        }
        self.tail.offset += last as u64 + 1;
        last + 1
    }

    /// Ends in it.
    pub(super) fn ends(&self) -> u64 {
        self.events.iter().filter(|(_, event)| matches!(event, Event::End(_))).count() as u64
    }

    fn report(&mut self, what: DamageKind) {
        self.tail.damaged += 1;
        if self.tail.damaged <= NAMED_DAMAGE {
            let segment = self.name.to_string();
            self.damage.push(Damage { segment, line: self.tail.lines, what });
        }
    }

    fn line(&mut self, line: &[u8], sweep: &str) -> Result<(), DamageKind> {
        let content = unframe(line)?;
        let raw = match serde_json::from_slice::<Raw<'_>>(content) {
            Ok(raw) if raw.v <= SEGMENT_SCHEMA => raw,
            Ok(raw) => return Err(DamageKind::LaterSchema(raw.v)),
            Err(cause) => return Err(not_a_record(content, &cause)),
        };
        if self.number(raw.n)
            && let Err(what) = self.numbered(raw, content, sweep)
        {
            self.report(what);
        }
        Ok(())
    }

    /// Takes a sound line that did not come before.
    fn numbered(&mut self, raw: Raw<'_>, content: &[u8], sweep: &str) -> Result<(), DamageKind> {
        if raw.t.0 == "head" {
            return self.head(content, sweep);
        }
        if self.tail.refused {
            return Ok(());
        }
        if self.tail.closed {
            self.report(DamageKind::AfterClose);
        }
        if self.tail.head.is_none() && !self.tail.headless {
            self.tail.headless = true;
            self.report(DamageKind::NoHead);
        }
        self.event(raw)
    }

    /// Checks a sound line's number against those before it; says whether it is a new one.
    fn number(&mut self, n: u64) -> bool {
        let next = self.tail.next;
        if mutant::is(Mutant::NoSequence) {
            return true;
        }
        if n < next {
            self.report(DamageKind::Repeated { found: n });
            return false;
        }
        // A damaged line stood for one number; for more than that only if newlines were hit.
        let since = std::mem::take(&mut self.tail.unnumbered);
        self.tail.next = n.saturating_add(1);
        if n - next > since {
            self.report(DamageKind::Gap { expected: next + since, found: n });
        }
        true
    }

    fn head(&mut self, content: &[u8], sweep: &str) -> Result<(), DamageKind> {
        let head: Head = serde_json::from_slice(content)
            .map_err(|cause| DamageKind::NotARecord(cause.to_string()))?;
        let named =
            SegmentName { slice: head.slice, attempt: head.attempt, nonce: head.nonce.clone() };
        if head.sweep != sweep && !mutant::is(Mutant::ForeignTaken) {
            self.refuse(DamageKind::Foreign(head.sweep));
        } else if named != self.name {
            self.refuse(DamageKind::Misnamed(named.to_string()));
        } else {
            self.tail.head = Some(Box::new(head));
        }
        Ok(())
    }

    fn refuse(&mut self, what: DamageKind) {
        self.tail.refused = true;
        self.report(what);
    }

    fn event(&mut self, raw: Raw<'_>) -> Result<(), DamageKind> {
        let at = Place::new(&self.name, raw.n);
        let time = raw.time.unwrap_or(0.0);
        match raw.t.0.as_ref() {
            "end" => {
                let end = self.end(raw, at)?;
                self.tail.running.remove(&end.run);
                self.tail.ends += 1;
                self.events.push((end.index, Event::End(Box::new(end))));
            }
            "start" => {
                let (run, index) = (run(raw.run)?, need(raw.index, "index")?);
                self.tail.running.insert(run, index);
                self.events.push((index, Event::Other { at, time, what: LastEvent::Started }));
            }
            "checkpoint" => {
                let run = run(raw.run)?;
                let what = LastEvent::Checkpoint {
                    epoch: need(raw.epoch, "epoch")?,
                    step: need(raw.step, "step")?,
                };
                if let Some(index) = self.tail.running.get(&run) {
                    self.events.push((*index, Event::Other { at, time, what }));
                }
            }
            "stop" => {
                let why = need(raw.why, "why")?.boxed();
                let saved = need(raw.saved, "saved")?;
                let run = raw.run.map(|r| run(Some(r))).transpose()?;
                if let Some(index) = run.and_then(|r| self.tail.running.get(&r)) {
                    let what = LastEvent::Stopped { why: why.clone(), saved };
                    self.events.push((*index, Event::Other { at, time, what }));
                }
                self.tail.stop = Some(Stop { run, why: why.into(), saved, time });
            }
            "close" => self.tail.closed = true,
            other => return Err(DamageKind::NotARecord(format!("kind `{other}` is unknown"))),
        }
        Ok(())
    }

    fn end(&mut self, raw: Raw<'_>, at: Place) -> Result<Merged, DamageKind> {
        let metrics = need(raw.metrics, "metrics")?.0.into_iter().enumerate();
        let best = raw.best.map_or_else(Vec::new, |b| b.0).into_iter().enumerate();
        Ok(Merged {
            run: run(raw.run)?,
            index: need(raw.index, "index")?,
            seed: need(raw.seed, "seed")?,
            outcome: need(raw.outcome, "outcome")?,
            why: raw.why.map(Text::boxed),
            cause: raw.cause,
            epochs: need(raw.epochs, "epochs")?,
            metrics: metrics.map(|(at, (name, x))| (self.names.intern(at, name), x.0)).collect(),
            best: best
                .map(|(at, (name, b))| (self.names.intern(at, name), b.epoch, b.value.0))
                .collect::<Box<[(MetricId, u32, f64)]>>(),
            seconds: need(raw.seconds, "seconds")?,
            samples_per_s: raw.samples_per_s,
            weights: raw.weights,
            cohort: raw.cohort,
            from: raw.from.map(Text::boxed),
            time: need(raw.time, "time")?,
            at,
        })
    }
}

fn not_a_record(content: &[u8], cause: &serde_json::Error) -> DamageKind {
    match serde_json::from_slice::<Version>(content) {
        Ok(version) if version.v > SEGMENT_SCHEMA => DamageKind::LaterSchema(version.v),
        _ => DamageKind::NotARecord(cause.to_string()),
    }
}

fn need<T>(field: Option<T>, name: &str) -> Result<T, DamageKind> {
    field.ok_or_else(|| DamageKind::NotARecord(format!("`{name}` is missing")))
}

fn run(text: Option<Text<'_>>) -> Result<RunId, DamageKind> {
    let text = need(text, "run")?.0;
    text.parse().map_err(|cause: crate::trial::NotAnId| DamageKind::NotARecord(cause.to_string()))
}

/// Runs under work in a segment: started there and not ended.
pub(super) type Running = HashMap<RunId, u64>;
