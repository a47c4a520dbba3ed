//! What the sweep directory knows of its arrays: an intent before each, and what became of it.
//!
//! An array is three small files that are each created once: `array-<n>.intent` before Slurm is
//! asked, `array-<n>.fate` (its job number, or that there is none) when that is known, and
//! `array-<n>.released` when it was let go; a canary that ended well adds `array-<n>.passed`. The
//! number `n` is taken by creating the intent, so whoever creates it has seen all earlier ones. Of two that decide a fate, the first decides.
mod read;

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

pub use self::read::Readable;
use super::ranges;
use crate::exec::claim::{self, Claim, Standing};
use crate::host;
use crate::mutant::{self, Mutant};
use crate::store::StoreError;
use crate::store::fs;
use crate::store::layout::SweepDir;
use crate::store::tasks::Granted;
use crate::store::versioned;

/// Version of the files.
pub const LEDGER_SCHEMA: u32 = 1;

/// That an array is about to be submitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// Version: [`LEDGER_SCHEMA`].
    pub schema: u32,
    /// Its number in the sweep, from 1.
    pub number: u32,
    /// The name of its job, which no other job has.
    pub token: String,
    /// What the array is for.
    #[serde(default)]
    pub kind: Kind,
    /// The request that it is a part of.
    #[serde(default)]
    pub request: u32,
    /// The first intent of that request, whose orders it obeys; 0: this one.
    #[serde(default)]
    pub since: u32,
    /// Its slices as ranges; none of an array that trains nothing.
    pub slices: String,
    /// Slices of one task: the array's task `i` has the `i`th so many.
    #[serde(default = "one")]
    pub per_task: usize,
    /// What a task may use, as far as it was asked for.
    #[serde(default)]
    pub granted: Granted,
    /// How many of its tasks may run at once, where that is limited.
    pub share: Option<u64>,
    /// The array that it waits for, so that no more run than may.
    pub after: Option<u64>,
    /// All words that sbatch is given.
    pub words: Vec<String>,
    /// The process that submits it.
    pub by: Claim,
}

impl Intent {
    /// The intent as which it obeys orders: what is submitted later of a request that had been
    /// made before an order obeys it, too.
    #[must_use]
    pub const fn obeys_as(&self) -> u32 {
        if self.since == 0 { self.number } else { self.since }
    }

    /// Its slices, in the order of its tasks.
    #[must_use]
    pub fn slices(&self) -> Vec<u32> {
        ranges::read(&self.slices).unwrap_or_default()
    }

    /// The slices of one of its tasks; none if it has no such task.
    #[must_use]
    pub fn slices_of(&self, task: u32) -> Vec<u32> {
        let task = usize::try_from(task).unwrap_or(usize::MAX);
        self.slices().chunks(self.per_task.max(1)).nth(task).map_or_else(Vec::new, <[u32]>::to_vec)
    }
}

/// The name of the job of a sweep's intent: letters, digits and hyphens only.
#[must_use]
pub fn token(sweep: &str, number: u32, nonce: &str) -> String {
    format!("dlg-{}-{number:06}-{nonce}", sweep.get(..8).unwrap_or(sweep))
}

/// What an array is for. Those that train nothing have one task.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Its tasks train runs.
    #[default]
    Runs,
    /// It tries one batch of one run; the arrays of its request wait for it.
    Canary,
    /// It submits what did not fit into a limit of the site.
    TopUp,
    /// It writes the report, and says that the sweep is complete.
    Report,
}

impl Kind {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::Canary => "canary",
            Self::TopUp => "top-up",
            Self::Report => "report",
        }
    }
}

const fn one() -> usize {
    1
}

/// What became of an intent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// It is this job.
    Job(u64),
    /// It is no job, and never will be, for this reason.
    Void(String),
}

/// An intent and what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The intent.
    pub intent: Intent,
    /// What became of it; nothing while its submission is under way, or was cut short.
    pub fate: Option<Fate>,
    /// Whether it was let go.
    pub released: bool,
}

impl Entry {
    /// Its slices, in the order of its tasks.
    #[must_use]
    pub fn slices(&self) -> Vec<u32> {
        self.intent.slices()
    }

    /// Its job.
    #[must_use]
    pub const fn job(&self) -> Option<u64> {
        match self.fate {
            Some(Fate::Job(array)) => Some(array),
            _ => None,
        }
    }

    /// Whether no other array may have its slices, as far as it says itself.
    pub(super) fn keeps_its_slices(&self) -> bool {
        match self.fate {
            Some(Fate::Void(_)) => false,
            None => !mutant::is(Mutant::BlindRetry),
            Some(Fate::Job(_)) => true,
        }
    }

    /// Whether some process is submitting it now, as far as can be told at `now` (seconds since
    /// the Unix epoch): one of another machine is given ten minutes, by clocks that may differ by as
    /// much. A wrong guess does no harm, for the array is held until its fate is written.
    #[must_use]
    pub fn is_under_way(&self, now: f64) -> bool {
        const ELSEWHERE_SECONDS: f64 = 600.0;
        self.fate.is_none()
            && match claim::standing(&self.intent.by) {
                Standing::Alive => true,
                Standing::Gone => false,
                // Its clock may be ahead of this one by days, and it may be gone.
                Standing::Elsewhere => {
                    let age = now - self.intent.by.time;
                    age < ELSEWHERE_SECONDS
                        && (age > -ELSEWHERE_SECONDS || mutant::is(Mutant::ClockTrusted))
                }
            }
    }
}

/// All intents of a sweep, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ledger {
    /// The intents.
    pub entries: Vec<Entry>,
}

impl Ledger {
    /// The last canary of a request that has a job.
    #[must_use]
    pub fn canary(&self, request: u32) -> Option<&Entry> {
        let is_it = |entry: &&Entry| {
            let intent = &entry.intent;
            intent.request == request && intent.kind == Kind::Canary && entry.job().is_some()
        };
        self.entries.iter().rev().find(is_it)
    }

    /// For each slice, as which intent the newest array that trains it obeys orders.
    #[must_use]
    pub fn obeys(&self) -> HashMap<u32, u32> {
        let trains = |entry: &&Entry| entry.intent.kind == Kind::Runs && entry.job().is_some();
        let entries = self.entries.iter().filter(trains);
        entries.flat_map(|e| e.slices().into_iter().map(|s| (s, e.intent.obeys_as()))).collect()
    }

    /// The intents that some process is submitting, as far as can be told at `now`.
    #[must_use]
    pub fn under_way(&self, now: f64) -> BTreeSet<u32> {
        let at_it = self.entries.iter().filter(|entry| entry.is_under_way(now));
        at_it.map(|entry| entry.intent.number).collect()
    }

    /// The number of the last intent; 0 where there is none.
    #[must_use]
    pub fn last(&self) -> u32 {
        self.entries.last().map_or(0, |e| e.intent.number)
    }
}

/// One intent.
///
/// # Errors
/// If it is not there or can't be read.
pub fn read_intent(dir: &SweepDir, number: u32) -> Result<Intent, StoreError> {
    read_of(dir, &name(number, "intent"), LEDGER_SCHEMA)
}

/// What became of an intent, if that is known.
///
/// # Errors
/// If it can't be read.
pub fn read_fate(dir: &SweepDir, number: u32) -> Result<Option<Fate>, StoreError> {
    match read_json(dir, &name(number, "fate")) {
        Ok(fate) => Ok(Some(fate)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes an intent, durably.
///
/// # Errors
/// [`StoreError::Exists`] if its number is taken; else if it can't be written.
pub fn declare(dir: &SweepDir, intent: &Intent) -> Result<(), StoreError> {
    publish(dir, &name(intent.number, "intent"), intent)
}

/// Decides the fate of an intent, durably, unless it is decided; the fate that stands.
///
/// # Errors
/// If it can't be written or read.
pub fn decide(dir: &SweepDir, number: u32, fate: Fate) -> Result<Fate, StoreError> {
    // Nothing is written where it is decided: on a full disk tasks begin, and wait for space.
    if let Some(decided) = read_fate(dir, number)?
        && !mutant::is(Mutant::FateNotReread)
    {
        return Ok(decided);
    }
    match publish(dir, &name(number, "fate"), &fate) {
        Ok(()) => Ok(fate),
        Err(StoreError::Exists { .. }) if mutant::is(Mutant::FateNotReread) => Ok(fate),
        Err(StoreError::Exists { .. }) => read_json(dir, &name(number, "fate")),
        Err(error) => Err(error),
    }
}

/// Notes that an array was let go.
///
/// # Errors
/// If it can't be written.
pub fn mark_released(dir: &SweepDir, number: u32) -> Result<(), StoreError> {
    mark(dir, number, "released")
}

/// When an array was let go, in seconds since the Unix epoch; nothing if it was not, or that is
/// not to be read.
///
/// # Errors
/// If the folder can't be read.
pub fn read_released(dir: &SweepDir, number: u32) -> Result<Option<f64>, StoreError> {
    match read_json(dir, &name(number, "released")) {
        Ok(at) => Ok(Some(at)),
        Err(StoreError::Malformed { .. }) => Ok(None),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Notes that a canary ended well.
///
/// # Errors
/// If it can't be written.
pub fn mark_passed(dir: &SweepDir, number: u32) -> Result<(), StoreError> {
    mark(dir, number, "passed")
}

/// Whether a canary ended well.
///
/// # Errors
/// If the folder can't be read.
pub fn has_passed(dir: &SweepDir, number: u32) -> Result<bool, StoreError> {
    Ok(fs::list_dir(&dir.submit())?.contains(&name(number, "passed")))
}

fn mark(dir: &SweepDir, number: u32, what: &str) -> Result<(), StoreError> {
    match publish(dir, &name(number, what), &host::now()) {
        Ok(()) | Err(StoreError::Exists { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

fn name(number: u32, kind: &str) -> String {
    format!("array-{number:06}.{kind}")
}

fn parse_name(name: &str) -> Option<(u32, &str)> {
    let (digits, kind) = name.strip_prefix("array-")?.split_once('.')?;
    Some((digits.parse().ok()?, kind))
}

pub(super) fn publish(
    dir: &SweepDir,
    name: &str,
    value: &impl Serialize,
) -> Result<(), StoreError> {
    let bytes = serde_json::to_vec(value).expect("it has only text, numbers and lists of them");
    fs::publish(&dir.submit().join(name), &bytes)
}

pub(super) fn read_json<T: serde::de::DeserializeOwned>(
    dir: &SweepDir,
    name: &str,
) -> Result<T, StoreError> {
    let path = dir.submit().join(name);
    serde_json::from_slice(&fs::read(&path)?).map_err(|cause| StoreError::Malformed { path, cause })
}

/// Reads a file that says its version, up to the one that is known.
pub(super) fn read_of<T: serde::de::DeserializeOwned>(
    dir: &SweepDir,
    name: &str,
    known: u32,
) -> Result<T, StoreError> {
    let path = dir.submit().join(name);
    versioned::parse(&fs::read(&path)?, &path, known)
}

#[cfg(test)]
#[path = "ledger/tests.rs"]
pub(crate) mod tests;
