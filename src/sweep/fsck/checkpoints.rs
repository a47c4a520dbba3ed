//! Checkpoints: each holds what its name says, and a run that had one still has one.
use std::collections::{BTreeMap, HashMap};

use super::fact::{Facts, Kind};
use super::{Seen, inside, listed, safetensors, said};
use crate::store::checkpoint::CheckpointStore;
use crate::store::layout::SweepDir;
use crate::store::merge::{LastEvent, Results};
use crate::store::{fs, read};
use crate::sweep::Sweep;
use crate::trial::RunId;

/// Runs that have a folder of checkpoints, and how many in it are sound.
pub(super) type Found = BTreeMap<RunId, u64>;

pub(super) fn list(
    dir: &SweepDir,
    sweep: Option<&Sweep>,
    facts: &mut Facts,
    seen: &mut Seen,
) -> Found {
    let mut found = Found::new();
    // A program of the user keeps there what it likes.
    if sweep.is_none_or(|sweep| !sweep.spec.trains()) {
        return found;
    }
    for name in listed(dir, &dir.path().join("ckpt"), facts) {
        let Ok(run) = name.parse::<RunId>() else { continue };
        found.insert(run, look(dir, &run, facts, seen));
    }
    found
}

/// Checks a run's checkpoints; how many are sound.
fn look(dir: &SweepDir, run: &RunId, facts: &mut Facts, seen: &mut Seen) -> u64 {
    let folder = inside(dir, &dir.checkpoints(run));
    let all = match CheckpointStore::new(dir, run).all() {
        Ok(all) => all,
        Err(error) => {
            facts.add(Kind::Unreadable, folder, said(&error));
            return 0;
        }
    };
    let mut sound = 0;
    for (name, bytes) in all {
        seen.checkpoints += 1;
        let file = format!("{folder}/{name}");
        let what = match bytes {
            // One that was removed meanwhile is none.
            None if !fs::is_file(&dir.path().join(&file)) => continue,
            None => Err("is not as long as its name says, or hashes to something else".to_owned()),
            Some(bytes) => head(&bytes, run),
        };
        match what {
            Ok(()) => sound += 1,
            Err(what) => facts.add(Kind::CheckpointDamaged, file, what),
        }
    }
    sound
}

/// Checks the head of a checkpoint, and that it is of this run.
fn head(bytes: &[u8], run: &RunId) -> Result<(), String> {
    let about = safetensors::check(bytes, "dlgrid")?.ok_or("does not say whose it is")?;
    let about: serde_json::Value =
        serde_json::from_str(&about).map_err(|cause| format!("says nothing of itself: {cause}"))?;
    match about.get("run").and_then(|found| found.as_str()) {
        Some(found) if found == run.to_string() => Ok(()),
        found => Err(format!("is of run `{}`", found.unwrap_or_default())),
    }
}

/// Holds what was found against what the segments say.
pub(super) fn check(sweep: &Sweep, results: &Results, found: &Found, facts: &mut Facts) {
    let numbers = numbers(sweep, results, found);
    for run in found.keys() {
        let folder = inside(&sweep.dir, &sweep.dir.checkpoints(run));
        match numbers.get(run) {
            None => facts.add(Kind::ForeignFile, folder, "is of no run of the sweep"),
            Some(index) if results.end(*index).is_some_and(|end| end.run == *run) => {
                if has_files(sweep, run) {
                    facts.add(Kind::CheckpointAfterEnd, folder, format!("run {index} has ended"));
                }
            }
            Some(_) => {}
        }
    }
    if !sweep.spec.trains() {
        return;
    }
    let mut lost: Vec<u64> =
        results.runs.keys().copied().filter(|i| had_one(results, *i)).collect();
    lost.sort_unstable();
    for index in lost {
        let Some(run) = sweep.run(index) else { continue };
        if found.get(&run.id).is_none_or(|sound| *sound == 0) && is_lost(sweep, index, &run.id) {
            let folder = inside(&sweep.dir, &sweep.dir.checkpoints(&run.id));
            facts.add(Kind::CheckpointLost, folder, format!("run {index} had saved one"));
        }
    }
}

/// Whether the last that is known of a run is that a checkpoint of it is durable.
fn had_one(results: &Results, index: u64) -> bool {
    let Some(run) = results.runs.get(&index) else { return false };
    let saved = |what: &LastEvent| match what {
        LastEvent::Checkpoint { .. } => true,
        LastEvent::Stopped { saved, .. } => *saved,
        _ => false,
    };
    run.end.is_none() && run.last.as_ref().is_some_and(|last| saved(&last.what))
}

/// Looks once more: the run may have ended, or saved its first, since.
fn is_lost(sweep: &Sweep, index: u64, run: &RunId) -> bool {
    let store = CheckpointStore::new(&sweep.dir, run);
    let none = || store.find().is_ok_and(|found| found.latest.is_none());
    let Some(slice) = sweep.slice_of(index) else { return none() };
    let ended = read::load_slice_to_show(&sweep.dir, slice, &sweep.manifest.id)
        .is_ok_and(|results| results.end(index).is_some());
    none() && !ended
}

fn has_files(sweep: &Sweep, run: &RunId) -> bool {
    fs::list_dir(&sweep.dir.checkpoints(run)).is_ok_and(|names| !names.is_empty())
}

/// The numbers of these runs. All runs are gone through only where the segments don't name one.
fn numbers(sweep: &Sweep, results: &Results, found: &Found) -> HashMap<RunId, u64> {
    let known = |index: &u64| sweep.run(*index).map(|run| (run.id, *index));
    let mut numbers: HashMap<RunId, u64> = match found.is_empty() {
        true => HashMap::new(),
        false => results.runs.keys().filter_map(known).collect(),
    };
    if found.keys().any(|run| !numbers.contains_key(run)) {
        numbers.extend(sweep.spec.walk(0, sweep.spec.run_numbers()).filter_map(|i| known(&i)));
    }
    numbers
}
