//! Segments, claims and curves: every line sound, each attempt with one end of a run, each run
//! where its slice is.
use std::collections::{HashMap, HashSet};

use super::fact::{Facts, Kind};
use super::{Seen, inside, listed, said};
use crate::store::layout::{SegmentName, SweepDir, parse_claim};
use crate::store::line::unframe;
use crate::store::merge::{Results, Tail};
use crate::store::read;
use crate::store::record::{Close, End, Epoch, Record};
use crate::store::{DamageKind, StoreError, fs};
use crate::sweep::Sweep;
use crate::trial::RunId;

/// The names below `seg/`, by folder.
fn names(dir: &SweepDir, facts: &mut Facts) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in listed(dir, &dir.segments(), facts) {
        for name in fs::list_dir(&dir.segments().join(&folder)).unwrap_or_default() {
            found.push((folder.clone(), name));
        }
    }
    found
}

pub(super) fn check(
    dir: &SweepDir,
    id: &str,
    sweep: Option<&Sweep>,
    facts: &mut Facts,
    seen: &mut Seen,
) -> Result<Results, StoreError> {
    let results = read::load_listed(dir, id)?;
    damage(dir, &results, facts);
    let mut claims = HashSet::new();
    let mut attempts = HashSet::new();
    let mut ended = HashMap::new();
    for (folder, name) in names(dir, facts) {
        let file = format!("seg/{folder}/{name}");
        if let Some(claim) = parse_claim(&name) {
            claims.insert(claim);
            let length = fs::about(&dir.path().join(&file)).map_or(0, |about| about.length);
            if length > 0 {
                facts.add(Kind::ClaimNotEmpty, file, format!("holds {length} bytes"));
            }
            continue;
        }
        let Some(segment) = SegmentName::parse(&name) else { continue };
        if dir.segment_folder(segment.slice) != dir.segments().join(&folder) {
            let own = own_copy(dir, &dir.path().join(&file), &segment);
            let kind = if own { Kind::SegmentCopy } else { Kind::SegmentMisnamed };
            facts.add(kind, file, "is in the folder of other slices");
            continue;
        }
        if name.ends_with(".curves") {
            curves(dir, &segment, sweep, facts);
            continue;
        }
        seen.segments += 1;
        let Some(tail) = results.segments.get(&segment).filter(|tail| !tail.refused) else {
            continue;
        };
        if segment.attempt > 0 && attempts.insert((segment.slice, segment.attempt)) {
            owner(&segment, &file, sweep, facts);
        }
        match fs::read(&dir.ends(&segment)) {
            Ok(bytes) => seen.ends += ends(&segment, &file, &bytes, tail, sweep, &mut ended, facts),
            Err(gone) if gone.is_not_found() => {}
            Err(error) => facts.add(Kind::Unreadable, file, said(&error)),
        }
    }
    for (slice, attempt) in attempts.difference(&claims) {
        let file = inside(dir, &dir.claim(*slice, *attempt));
        facts.add(Kind::ClaimMissing, file, "is not there, the attempt's segment is");
    }
    disagreements(&results, facts);
    if let Some(sweep) = sweep {
        uncovered(sweep, &results, facts);
    }
    Ok(results)
}

/// What the reader itself found.
fn damage(dir: &SweepDir, results: &Results, facts: &mut Facts) {
    for one in &results.damage {
        let kind = match &one.what {
            DamageKind::Zeros(_)
            | DamageKind::NoChecksum
            | DamageKind::BadCrc
            | DamageKind::NotARecord(_) => Kind::LineDamaged,
            DamageKind::Gap { .. } => Kind::LinesMissing,
            DamageKind::Repeated { .. } | DamageKind::AfterClose => Kind::LineExtra,
            DamageKind::LaterSchema(_) => Kind::LaterSchema,
            DamageKind::Foreign(_) => Kind::SegmentForeign,
            DamageKind::Misnamed(own) if is_copy(dir, &one.segment, own) => Kind::SegmentCopy,
            DamageKind::Misnamed(_) => Kind::SegmentMisnamed,
            DamageKind::NoHead => Kind::HeadMissing,
        };
        let name = SegmentName::parse(&format!("{}.jsonl", one.segment));
        let file = name.map_or_else(|| one.segment.clone(), |name| inside(dir, &dir.ends(&name)));
        facts.add_line(kind, file, one.line, one.what.to_string());
    }
    for (name, why) in &results.unreadable {
        facts.add(Kind::Unreadable, inside(dir, &dir.ends(name)), why);
    }
    for (name, tail) in &results.segments {
        let file = inside(dir, &dir.ends(name));
        match (tail.torn, tail.closed) {
            (0, _) => {}
            (bytes, true) => {
                facts.add(Kind::LineExtra, file, format!("{bytes} bytes come after its last line"));
            }
            (bytes, false) => {
                facts.add(Kind::Torn, file, format!("ends in {bytes} bytes of a line"))
            }
        }
    }
}

/// Whether a segment that calls itself otherwise is there under that name, too.
fn is_copy(dir: &SweepDir, called: &str, own: &str) -> bool {
    let parse = |name: &str| SegmentName::parse(&format!("{name}.jsonl"));
    match (parse(called), parse(own)) {
        (Some(called), Some(own)) => own_copy(dir, &dir.ends(&called), &own),
        _ => false,
    }
}

fn own_copy(dir: &SweepDir, path: &std::path::Path, own: &SegmentName) -> bool {
    let is_curves = path.extension().is_some_and(|end| end == "curves");
    let own = if is_curves { dir.curves(own) } else { dir.ends(own) };
    fs::read(path).is_ok_and(|bytes| fs::read(&own).is_ok_and(|kept| kept == bytes))
}

/// The slice that an attempt is at is one of the sweep.
fn owner(segment: &SegmentName, file: &str, sweep: Option<&Sweep>, facts: &mut Facts) {
    let Some(slices) = sweep.map(|sweep| sweep.manifest.slices.len()) else { return };
    if segment.slice as usize >= slices {
        let text = format!("is of slice {}, the sweep has {slices}", segment.slice);
        facts.add(Kind::SliceUnknown, file, text);
    }
}

/// The ends of each run by slice and attempt: where, and as which text.
type Ended = HashMap<(u32, u32, u64), (String, String)>;

/// Checks the ends of a segment; how many there are.
fn ends(
    segment: &SegmentName,
    file: &str,
    bytes: &[u8],
    tail: &Tail,
    sweep: Option<&Sweep>,
    ended: &mut Ended,
    facts: &mut Facts,
) -> u64 {
    let mut count = 0;
    let mut close: Option<(u64, Close)> = None;
    let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    for (line, bytes) in (1..).zip(bytes[..whole].split_inclusive(|b| *b == b'\n')) {
        let content = unframe(&bytes[..bytes.len() - 1]);
        match content.ok().and_then(|content| serde_json::from_slice(content).ok()) {
            Some(Record::End(end)) => {
                count += 1;
                end_of_run(segment, file, line, &end, sweep, facts);
                twice(segment, file, line, &end, ended, facts);
            }
            Some(Record::Start(start)) => {
                known_run(file, line, (start.index, start.run), sweep, facts);
            }
            Some(Record::Close(last)) => close = Some((line, last)),
            _ => {}
        }
    }
    if let Some((line, close)) = close
        && tail.damaged == 0
        && close.ends != count
    {
        let text = format!("counts {} ends, {count} stand there", close.ends);
        facts.add_line(Kind::CloseMiscounts, file, line, text);
    }
    count
}

fn end_of_run(
    segment: &SegmentName,
    file: &str,
    line: u64,
    end: &End,
    sweep: Option<&Sweep>,
    facts: &mut Facts,
) {
    if !known_run(file, line, (end.index, end.run), sweep, facts) || segment.attempt == 0 {
        return;
    }
    let span = sweep.and_then(|sweep| sweep.manifest.slices.get(segment.slice as usize));
    if span.is_some_and(|span| !(span.start..span.end).contains(&end.index)) {
        let text = format!("run {} is not one of slice {}", end.index, segment.slice);
        facts.add_line(Kind::OutsideSlice, file, line, text);
    }
}

/// Whether the run is what the sweep has under its number.
fn known_run(
    file: &str,
    line: u64,
    (index, run): (u64, RunId),
    sweep: Option<&Sweep>,
    facts: &mut Facts,
) -> bool {
    let Some(sweep) = sweep else { return true };
    let known = sweep.run(index).is_some_and(|own| own.id == run);
    if !known {
        let text = format!("run {index} of the sweep is not {}", run.short());
        facts.add_line(Kind::RunUnknown, file, line, text);
    }
    known
}

/// An attempt that gave a segment up says in the next what no sync had confirmed: the same.
fn twice(
    segment: &SegmentName,
    file: &str,
    line: u64,
    end: &End,
    ended: &mut Ended,
    facts: &mut Facts,
) {
    if segment.attempt == 0 {
        return;
    }
    let said = serde_json::to_string(end).unwrap_or_default();
    let key = (segment.slice, segment.attempt, end.index);
    match ended.get(&key) {
        Some((_, other)) if *other == said => {}
        Some((place, _)) => {
            let text =
                format!("attempt {} ended run {} in {place} too", segment.attempt, end.index);
            facts.add_line(Kind::EndedTwice, file, line, text);
        }
        None => drop(ended.insert(key, (file.to_owned(), said))),
    }
}

fn disagreements(results: &Results, facts: &mut Facts) {
    let mut runs: Vec<u64> =
        results.runs.iter().filter(|(_, run)| run.disagree).map(|(index, _)| *index).collect();
    runs.sort_unstable();
    for index in runs {
        facts.add(Kind::EndsDisagree, "seg", format!("two attempts at run {index} differ"));
    }
}

/// Each run is one of a slice, or was taken over.
fn uncovered(sweep: &Sweep, results: &Results, facts: &mut Facts) {
    let mut before = 0;
    let spans = sweep.manifest.slices.iter().map(|span| (span.start, span.end));
    for (start, end) in spans.chain([(sweep.spec.run_numbers(), 0)]) {
        for index in sweep.spec.walk(before, start).filter(|index| results.end(*index).is_none()) {
            facts.add(Kind::RunUncovered, "SWEEP.json", format!("run {index} is in no slice"));
        }
        before = before.max(end);
    }
}

fn curves(dir: &SweepDir, segment: &SegmentName, sweep: Option<&Sweep>, facts: &mut Facts) {
    let path = dir.curves(segment);
    let file = inside(dir, &path);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(gone) if gone.is_not_found() => return,
        Err(error) => return facts.add(Kind::Unreadable, file, said(&error)),
    };
    let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    let (mut bad, mut first, mut foreign) = (0_u64, None, 0_u64);
    for (line, bytes) in (1_u64..).zip(bytes[..whole].split_inclusive(|b| *b == b'\n')) {
        let content = unframe(&bytes[..bytes.len() - 1]).ok();
        let epoch = content.and_then(|content| serde_json::from_slice::<Numbered>(content).ok());
        match epoch {
            Some(epoch) if epoch.n == line - 1 => {
                let own = sweep.is_none_or(|s| {
                    s.run(epoch.epoch.index).is_some_and(|r| r.id == epoch.epoch.run)
                });
                foreign += u64::from(!own);
            }
            _ => {
                bad += 1;
                first = first.or(Some(line));
            }
        }
    }
    if bad > 0 {
        let text = format!("{bad} lines are damaged, or out of order");
        facts.add_line(Kind::CurvesDamaged, &file, first, text);
    }
    if foreign > 0 {
        facts.add(
            Kind::CurvesDamaged,
            &file,
            format!("{foreign} epochs are of runs of another sweep"),
        );
    }
    if whole < bytes.len() {
        facts.add(Kind::Torn, file, format!("ends in {} bytes of a line", bytes.len() - whole));
    }
}

#[derive(serde::Deserialize)]
struct Numbered {
    n: u64,
    #[serde(flatten)]
    epoch: Epoch,
}
