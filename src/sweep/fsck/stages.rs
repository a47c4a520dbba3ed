//! Stages, and the openings of the test set: each is of this sweep, and written down.
use super::fact::{Facts, Kind};
use super::{Seen, check_one, listed, said, unread};
use crate::store::layout::{SweepDir, is_stage};
use crate::store::opening::{OPENING_SCHEMA, Opening};
use crate::store::{StoreError, fs, versioned};

pub(super) fn check(
    dir: &SweepDir,
    id: Option<&str>,
    facts: &mut Facts,
    seen: &mut Seen,
) -> Result<(), StoreError> {
    let numbers = openings(dir, facts);
    for name in fs::list_dir(dir.path())?.into_iter().filter(|name| is_stage(name)) {
        let stage = SweepDir::new(dir.path().join(&name));
        facts.enter(&name);
        let checked = check_one(&stage, facts, seen);
        facts.leave();
        let opened = match checked {
            Ok(opened) => opened,
            Err(error) => {
                facts.add(Kind::Unreadable, &name, said(&error));
                continue;
            }
        };
        let of = opened.sweep.and_then(|stage| stage.spec.stage).map(|about| about.of);
        if let (Some(of), Some(id)) = (of, id)
            && of != id
        {
            facts.add(Kind::StageForeign, &name, format!("is a stage of sweep {of}"));
        }
        if let Some(number) = finish_number(&name)
            && !numbers.contains(&number)
        {
            let file = format!("openings/{number:04}.json");
            facts.add(Kind::OpeningMissing, file, format!("is not there, `{name}` is"));
        }
    }
    Ok(())
}

/// The number of a finish, by the name of its folder.
pub(super) fn finish_number(name: &str) -> Option<u32> {
    name.rsplit_once('-')?.1.parse().ok()
}

/// Missing records that are named before one that is there.
pub(super) const NAMED: usize = 1000;

/// Checks the records of openings; the numbers that are there.
fn openings(dir: &SweepDir, facts: &mut Facts) -> Vec<u32> {
    let mut found = Vec::new();
    for name in listed(dir, &dir.openings(), facts) {
        let Some(number) = name.strip_suffix(".json").and_then(|n| n.parse::<u32>().ok()) else {
            continue;
        };
        let file = format!("openings/{name}");
        let first = found.last().map_or(1, |last: &u32| last.saturating_add(1));
        // A stray number may be far ahead.
        for gone in (first..number).take(NAMED) {
            let gone = format!("openings/{gone:04}.json");
            facts.add(Kind::OpeningDamaged, gone, "is not there, a later one is");
        }
        found.push(number);
        let path = dir.opening(number);
        let read = fs::read(&path);
        match read.and_then(|bytes| versioned::parse::<Opening>(&bytes, &path, OPENING_SCHEMA)) {
            Ok(opening) if opening.number != number => {
                let text = format!("calls itself number {}", opening.number);
                facts.add(Kind::OpeningDamaged, file, text);
            }
            Ok(_) => {}
            Err(error) => unread(&error, Kind::OpeningDamaged, file, facts),
        }
    }
    found
}
