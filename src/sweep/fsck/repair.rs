//! Mends what can be mended by adding files: nothing that is there is changed or removed.
use std::collections::{BTreeMap, HashMap};

use super::fact::Kind;
use super::manifest::{self, Opened};
use super::stages::finish_number;
use super::{Checked, check, inside};
use crate::host;
use crate::recipe::{Work, key};
use crate::space::Space;
use crate::stage;
use crate::store::layout::{SegmentName, SweepDir, is_stage};
use crate::store::line::{frame, unframe};
use crate::store::merge::Results;
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
        let Ok(Opened { id: Some(id), sweep }) =
            manifest::open(stage, &mut super::Facts::default())
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
        salvage(stage, &id, sweep.as_ref(), &mut own)?;
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
/// line) into one new segment a damaged one, of the same attempt. Where no head says that they are of
/// this sweep, only those of its own runs.
fn salvage(
    dir: &SweepDir,
    id: &str,
    sweep: Option<&Sweep>,
    added: &mut Vec<Added>,
) -> Result<(), StoreError> {
    let run = |index: u64| sweep.and_then(|sweep| sweep.run(index));
    let is_own = |end: &End| run(end.index).is_some_and(|run| run.id == end.run);
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
        ends.retain(|_, end| tail.head.is_some() || is_own(end));
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
    let search = Search::of(dir);
    for name in fs::list_dir(dir.path())?.into_iter().filter(|name| is_stage(name)) {
        let Some(number) = finish_number(&name) else { continue };
        let stage = match Sweep::open(dir.finish(number)) {
            Ok(stage) if stage.spec.finishes() => stage,
            _ => continue,
        };
        let opening = Opening {
            schema: OPENING_SCHEMA,
            number,
            trials: trials(&stage.spec.space, search.as_ref()),
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

/// The trials of a finish, as an opening names them: as they were called where they were chosen.
fn trials(space: &Space, search: Option<&Search>) -> Vec<String> {
    let works = space.walk(0, space.points()).filter_map(|point| space.work(point));
    let named = |work: Work| {
        let chosen = search.and_then(|search| search.chosen(&work));
        chosen.unwrap_or_else(|| TrialId::of(&work)).short()
    };
    works.map(named).collect()
}

/// What the trials of a finish are chosen from.
struct Search {
    of: Sweep,
    results: Results,
    /// Its points, by what they are but for their epochs.
    points: HashMap<TrialId, Vec<u64>>,
}

impl Search {
    /// The sweep, or its stage `confirm` where its spec asks for one.
    fn of(dir: &SweepDir) -> Option<Self> {
        let sweep = Sweep::open(dir.clone()).ok()?;
        let of = match sweep.spec.confirm {
            Some(_) => Sweep::open(dir.confirm()).ok()?,
            None => sweep,
        };
        let results = read::load(&of.dir, &of.manifest.id).ok()?;
        let space = &of.spec.space;
        let mut points: HashMap<TrialId, Vec<u64>> = HashMap::new();
        for point in space.walk(0, space.points()) {
            let Some(work) = space.work(point) else { continue };
            points.entry(but_for_epochs(work).0).or_default().push(point);
        }
        Some(Self { of, results, points })
    }

    /// The trial that a finish goes on with. It may have other epochs there: those after which it had
    /// been best. Of several that differ in epochs alone, the one that would be given so many.
    fn chosen(&self, work: &Work) -> Option<TrialId> {
        let (id, epochs) = but_for_epochs(work.clone());
        let alike = self.points.get(&id)?;
        let work = |point: u64| self.of.spec.space.work(point);
        let is_it = |point: &&u64| {
            let own = work(**point).and_then(|work| but_for_epochs(work).1);
            let best = stage::best_after(&self.of, &self.results, **point);
            best.map(i64::from).or(own) == epochs
        };
        let point = alike.iter().find(is_it).or(alike.first())?;
        Some(TrialId::of(&work(*point)?))
    }
}

/// What a trial is but for its epochs, and those.
fn but_for_epochs(work: Work) -> (TrialId, Option<i64>) {
    let Work::Train(mut settings) = work else { return (TrialId::of(&work), None) };
    let epochs = settings.at("epochs").as_i64();
    if let Some(place) = key::find("epochs") {
        settings.unset(place);
    }
    (TrialId::of(&Work::Train(settings)), epochs)
}
