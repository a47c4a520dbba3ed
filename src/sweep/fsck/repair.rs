//! Mends what can be mended by adding files: nothing that is there is changed or removed.
use std::collections::BTreeMap;

use super::fact::Kind;
use super::stages::finish_number;
use super::{Checked, check, inside, manifest};
use crate::host;
use crate::space::Space;
use crate::store::layout::{SegmentName, SweepDir, is_stage};
use crate::store::line::{frame, unframe};
use crate::store::opening::{OPENING_SCHEMA, Opening};
use crate::store::record::{Close, End, Head, Record, SEGMENT_SCHEMA};
use crate::store::{StoreError, fs, read};
use crate::sweep::Sweep;
use crate::trial::TrialId;

/// A file that was added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// The file, below the sweep directory.
    pub file: String,
    /// What it is for.
    pub what: String,
}

/// Adds what is missing and can be made again: claims, segments under their own names, ends that
/// stand whole inside damaged lines, records of openings. What is found after it, and what was
/// added; a second time nothing is.
///
/// # Errors
/// What the system refused; what was added before stays.
pub fn repair(dir: &SweepDir) -> Result<(Checked, Vec<Added>), StoreError> {
    let mut added = Vec::new();
    loop {
        let checked = check(dir)?;
        let more = once(dir, &checked)?;
        // A segment that is read again may want its claim.
        if more.is_empty() {
            return Ok((checked, added));
        }
        added.extend(more);
    }
}

fn once(dir: &SweepDir, checked: &Checked) -> Result<Vec<Added>, StoreError> {
    let mut added = Vec::new();
    let mut stages = vec![(dir.clone(), String::new())];
    for name in fs::list_dir(dir.path())?.into_iter().filter(|name| is_stage(name)) {
        stages.push((SweepDir::new(dir.path().join(&name)), format!("{name}/")));
    }
    for (stage, prefix) in &stages {
        let Some(id) = manifest::open(stage, &mut super::Facts::default()).ok().and_then(|o| o.id)
        else {
            continue;
        };
        let mut own = Vec::new();
        for fact in &checked.facts {
            let Some(file) = fact.file.strip_prefix(prefix.as_str()) else { continue };
            match fact.kind {
                Kind::ClaimMissing => claim(stage, file, &mut own)?,
                Kind::SegmentMisnamed | Kind::StraySegment => rename(stage, &id, file, &mut own)?,
                _ => {}
            }
        }
        salvage(stage, &id, &mut own)?;
        added.extend(
            own.into_iter().map(|one| Added { file: format!("{prefix}{}", one.file), ..one }),
        );
    }
    openings(dir, checked, &mut added)?;
    Ok(added)
}

fn published(
    dir: &SweepDir,
    path: &std::path::Path,
    bytes: &[u8],
    what: String,
    added: &mut Vec<Added>,
) -> Result<(), StoreError> {
    match fs::publish(path, bytes) {
        Ok(()) => added.push(Added { file: inside(dir, path), what }),
        Err(there) if there.is_exists() => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

fn claim(dir: &SweepDir, file: &str, added: &mut Vec<Added>) -> Result<(), StoreError> {
    published(dir, &dir.path().join(file), b"", "the claim of an attempt".into(), added)
}

/// Writes a segment again under the name that its first line gives.
fn rename(dir: &SweepDir, id: &str, file: &str, added: &mut Vec<Added>) -> Result<(), StoreError> {
    let path = dir.path().join(file);
    if !fs::is_file(&path) {
        return Ok(());
    }
    let bytes = fs::read(&path)?;
    let first = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
    let head = unframe(first).ok().and_then(|content| serde_json::from_slice(content).ok());
    let Some(Record::Head(head)) = head else { return Ok(()) };
    let name = SegmentName { slice: head.slice, attempt: head.attempt, nonce: head.nonce };
    let well_formed = SegmentName::parse(&format!("{name}.jsonl")).is_some();
    if head.sweep != id || !well_formed {
        return Ok(());
    }
    published(
        dir,
        &dir.ends(&name),
        &bytes,
        format!("what `{file}` holds, under its own name"),
        added,
    )
}

/// Saves ends that stand whole inside damaged lines (after a block of zeros, or glued to another
/// line) into one new segment a damaged one, of the same attempt.
fn salvage(dir: &SweepDir, id: &str, added: &mut Vec<Added>) -> Result<(), StoreError> {
    let results = read::load(dir, id)?;
    for (name, tail) in &results.segments {
        if tail.damaged == 0 || tail.refused {
            continue;
        }
        let mut ends = BTreeMap::new();
        for line in fs::read(&dir.ends(name))?.split(|b| *b == b'\n') {
            if unframe(line).is_err() {
                ends.extend(whole_ends(line).into_iter().map(|end| (end.index, end)));
            }
        }
        ends.retain(|index, _| results.end(*index).is_none());
        if ends.is_empty() {
            continue;
        }
        let body: Vec<u8> = (1..)
            .zip(ends.values())
            .flat_map(|(n, end)| frame(n, None, &Record::End(Box::new(end.clone()))))
            .collect();
        // By a hash of what it holds, so that a second repair finds it there.
        let nonce: String = blake3::hash(&body).to_hex().chars().take(8).collect();
        let segment = SegmentName { nonce: nonce.clone(), ..name.clone() };
        let count = ends.len() as u64;
        let head = tail.head.as_ref().map_or_else(|| named(id, name), |head| head.as_ref().clone());
        let head = Head { schema: SEGMENT_SCHEMA, nonce, ..head };
        let close = Record::Close(Close { ends: count, time: host::now() });
        let bytes = [frame(0, None, &Record::Head(head)), body, frame(count + 1, None, &close)];
        let what = format!("{count} ends out of damaged lines of `{name}`");
        published(dir, &dir.ends(&segment), &bytes.concat(), what, added)?;
    }
    Ok(())
}

/// The head of a segment without one, by its name.
fn named(sweep: &str, name: &SegmentName) -> Head {
    Head {
        schema: SEGMENT_SCHEMA,
        sweep: sweep.to_owned(),
        slice: name.slice,
        attempt: name.attempt,
        nonce: name.nonce.clone(),
        host: host::name(),
        pid: host::pid(),
        dlgrid: env!("CARGO_PKG_VERSION").into(),
        device: "repaired".into(),
        log: None,
        node: None,
        intent: None,
        time: host::now(),
    }
}

/// Ends in a damaged line whose checksums hold from somewhere in it.
fn whole_ends(line: &[u8]) -> Vec<End> {
    const START: &[u8] = b"{\"v\":";
    let starts = (0..line.len()).filter(|at| line[*at..].starts_with(START));
    let end = |start: usize| {
        // A record has no tab in it: the first one stands before its checksum.
        let tab = line[start..].iter().position(|byte| *byte == b'\t')?;
        let content = unframe(line.get(start..start + tab + 9)?).ok()?;
        match serde_json::from_slice(content).ok()? {
            Record::End(end) => Some(*end),
            _ => None,
        }
    };
    starts.filter_map(end).collect()
}

/// Writes down openings again whose finish is there.
fn openings(dir: &SweepDir, checked: &Checked, added: &mut Vec<Added>) -> Result<(), StoreError> {
    if !checked.facts.iter().any(|fact| fact.kind == Kind::OpeningMissing) {
        return Ok(());
    }
    for name in fs::list_dir(dir.path())?.into_iter().filter(|name| is_stage(name)) {
        let Some(number) = finish_number(&name) else { continue };
        let stage = match Sweep::open(dir.finish(number)) {
            Ok(stage) if stage.spec.finishes() => stage,
            _ => continue,
        };
        let opening = Opening {
            schema: OPENING_SCHEMA,
            number,
            trials: trials(&stage.spec.space),
            seeds: stage.spec.seeds.len() as u64,
            host: stage.manifest.host.clone(),
            dlgrid: stage.manifest.dlgrid.clone(),
            time: stage.manifest.created,
        };
        match opening.publish(dir) {
            Ok(()) => added.push(Added {
                file: inside(dir, &dir.opening(number)),
                what: format!("that the test set was opened, as `{name}` shows"),
            }),
            Err(there) if there.is_exists() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The trials of a stage, as an opening names them. A length that early stopping gave is part of
/// what they are there, so such a name is that of the stage's own trial.
fn trials(space: &Space) -> Vec<String> {
    let works = space.walk(0, space.points()).filter_map(|point| space.work(point));
    works.map(|work| TrialId::of(&work).short()).collect()
}
