//! Checks a sweep directory against what its invariants promise. Reads only; [`repair`] adds files.
mod checkpoints;
pub mod fact;
#[cfg(any(test, feature = "fuzz"))]
pub(crate) mod fuzz;
mod manifest;
mod output;
pub mod repair;
mod safetensors;
mod segments;
mod stages;
mod submission;
mod tree;
pub mod view;

use std::collections::BTreeMap;

use crate::store::StoreError;
use crate::store::layout::SweepDir;
use fact::Facts;
pub use fact::{Fact, Kind, Severity};
use manifest::Opened;

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// The sweep's folder, for people.
    pub sweep: String,
    /// What was looked at.
    pub seen: Seen,
    /// What was found, the gravest first; up to 1000 of a kind.
    pub facts: Vec<Fact>,
    /// How many facts there are of each kind.
    pub counts: BTreeMap<Kind, u64>,
}

/// What was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// Files, of stages too.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Segments of ends.
    pub segments: u64,
    /// Ends in them.
    pub ends: u64,
    /// Checkpoints.
    pub checkpoints: u64,
}

impl Checked {
    /// How many facts are as grave as this.
    #[must_use]
    pub fn count(&self, severity: Severity) -> u64 {
        self.counts.iter().filter(|(k, _)| k.severity() == severity).map(|(_, n)| n).sum()
    }

    /// Whether all is well: nothing but what a killed process leaves behind.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.count(Severity::Warning) + self.count(Severity::Damage) == 0
    }
}

/// Whether a folder is a sweep's, also one whose manifest is gone, or nothing is in it.
///
/// # Errors
/// If it can't be listed.
pub fn is_a_sweep(dir: &SweepDir) -> Result<bool, StoreError> {
    manifest::is_a_sweep(dir)
}

/// Checks a sweep directory with its stages.
///
/// # Errors
/// If the directory itself can't be listed, or is no sweep's. What can't be read in it is a fact.
pub fn check(dir: &SweepDir) -> Result<Checked, StoreError> {
    let mut facts = Facts::default();
    let mut seen = Seen::default();
    let own = check_one(dir, &mut facts, &mut seen)?;
    stages::check(dir, own.id.as_deref(), &mut facts, &mut seen)?;
    let (facts, counts) = facts.finish();
    Ok(Checked { sweep: dir.label(), seen, facts, counts })
}

/// Checks one sweep or stage, without the stages in it.
fn check_one(dir: &SweepDir, facts: &mut Facts, seen: &mut Seen) -> Result<Opened, StoreError> {
    let opened = manifest::open(dir, facts)?;
    tree::check(dir, opened.sweep.as_ref(), facts, seen)?;
    // What a run's checkpoints are called by is gathered first: they go only after its end.
    let found = checkpoints::list(dir, opened.sweep.as_ref(), facts, seen);
    let Some(id) = &opened.id else { return Ok(opened) };
    let results = segments::check(dir, id, opened.sweep.as_ref(), facts, seen)?;
    if let Some(sweep) = &opened.sweep {
        checkpoints::check(sweep, &results, &found, facts);
        submission::check(sweep, facts);
        output::check(sweep, &results, facts);
    }
    Ok(opened)
}

/// The names in a folder; one that can't be listed is a fact, and has none.
fn listed(dir: &SweepDir, folder: &std::path::Path, facts: &mut Facts) -> Vec<String> {
    crate::store::fs::list_dir(folder).unwrap_or_else(|error| {
        facts.add(Kind::Unreadable, inside(dir, folder), said(&error));
        Vec::new()
    })
}

/// A path below the sweep directory, as facts name it.
fn inside(dir: &SweepDir, path: &std::path::Path) -> String {
    path.strip_prefix(dir.path()).unwrap_or(path).to_string_lossy().into_owned()
}

/// The fact that a JSON file of the sweep could not be read; `damaged` is its kind where it is not
/// understood.
fn unread(error: &StoreError, damaged: Kind, file: String, facts: &mut Facts) {
    match error {
        StoreError::Malformed { cause, .. } => {
            facts.add(damaged, file, format!("is not understood: {cause}"));
        }
        StoreError::LaterSchema { .. } => facts.add(Kind::LaterSchema, file, error.to_string()),
        _ => facts.add(Kind::Unreadable, file, said(error)),
    }
}

/// An error with its cause, in one line.
fn said(error: &StoreError) -> String {
    use std::error::Error as _;
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

#[cfg(test)]
pub(crate) use safetensors::sample as sample_weights;
#[cfg(test)]
mod tests;
