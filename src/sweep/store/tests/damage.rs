//! Every way in which a segment's bytes can be damaged: found, named, and never a wrong value.
use proptest::prelude::*;

use super::*;
use crate::store::fs;
use crate::store::layout::SegmentName;
use crate::store::line::{DamageKind, frame};
use crate::store::merge::Tail;
use crate::store::parse::Part;
use crate::store::record::SEGMENT_SCHEMA;

/// A small closed segment: head, start, end, end, close.
pub(super) fn small() -> (SegmentName, Vec<u8>) {
    let (_keep, dir) = scratch();
    let mut writer = ended(&dir, &[1]);
    let mut plain = end(2, Outcome::Failed, 0.25);
    plain.confusion = None;
    writer.end(&plain).expect("end");
    let name = writer.name().clone();
    writer.close().expect("close");
    let bytes = fs::read(&dir.ends(&name)).expect("read");
    (name, bytes)
}

/// What a reader makes of these bytes as the one segment of the store.
pub(super) fn read_bytes(name: &SegmentName, bytes: &[u8]) -> Results {
    let mut part = Part::new(name.clone(), Tail::default());
    let taken = part.feed(bytes, SWEEP);
    part.tail.torn = (bytes.len() - taken) as u64;
    let mut results = Results::default();
    results.absorb(part);
    results.damage.sort_unstable();
    results
}

/// Each end that is there is one that was written, and what is missing is not missed silently.
fn check(name: &SegmentName, bytes: &[u8], whole: &Results, what: &str) -> Results {
    let read = read_bytes(name, bytes);
    let tail = &read.segments[name];
    for (index, run) in &read.runs {
        let Some(end) = &run.end else { continue };
        let true_end =
            whole.end(*index).unwrap_or_else(|| panic!("{what}: run {index} is made up"));
        assert_eq!(f1(&read, *index), f1(whole, *index), "{what}");
        assert_eq!((end.run, end.outcome), (true_end.run, true_end.outcome), "{what}");
        assert_eq!((&end.why, end.seconds), (&true_end.why, true_end.seconds), "{what}");
        assert_eq!((end.epochs, end.best.len()), (true_end.epochs, true_end.best.len()), "{what}");
    }
    assert!(
        !read.damage.is_empty() || tail.torn > 0 || !tail.closed,
        "{what}: the damage is not seen"
    );
    assert_eq!(tail.damaged.min(1000), read.damage.len() as u64, "{what}");
    read
}

#[test]
fn every_byte_changed_to_anything_is_found() {
    let (name, bytes) = small();
    let whole = read_bytes(&name, &bytes);
    assert_eq!((whole.runs.len(), whole.damaged()), (2, 0));
    let mut damaged = bytes.clone();
    for at in 0..bytes.len() {
        let bits = (0..8).map(|bit| bytes[at] ^ (1 << bit));
        for byte in bits.chain([0, b'\n', b'\t', b'"', b'0', b'}', 0xff]) {
            if byte != bytes[at] {
                damaged[at] = byte;
                check(&name, &damaged, &whole, &format!("byte {at} is {byte:#x}"));
            }
        }
        damaged[at] = bytes[at];
    }
}

#[test]
fn every_byte_gone_or_doubled_is_found() {
    let (name, bytes) = small();
    let whole = read_bytes(&name, &bytes);
    for at in 0..bytes.len() {
        let gone = [&bytes[..at], &bytes[at + 1..]].concat();
        check(&name, &gone, &whole, &format!("byte {at} is gone"));
        // A newline that comes twice makes an empty line.
        let twice = [&bytes[..=at], &bytes[at..]].concat();
        check(&name, &twice, &whole, &format!("byte {at} comes twice"));
    }
}

#[test]
fn every_truncation_is_open_or_torn_and_loses_only_what_is_cut() {
    let (name, bytes) = small();
    let whole = read_bytes(&name, &bytes);
    for length in 0..bytes.len() {
        let read = check(&name, &bytes[..length], &whole, &format!("cut to {length}"));
        let tail = &read.segments[&name];
        assert_eq!(read.damage, [], "a cut is no damage: a writer may be at work");
        assert!(!tail.closed);
        let lines = bytes[..length].iter().filter(|b| **b == b'\n').count();
        assert_eq!(tail.torn > 0, length > 0 && bytes[length - 1] != b'\n');
        // Lines: head, start 1, end 1, end 2, close.
        assert_eq!((f1(&read, 1).is_some(), f1(&read, 2).is_some()), (lines >= 3, lines >= 4));
    }
}

fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|b| *b == b'\n').collect()
}

fn kinds(results: &Results) -> Vec<(u64, &DamageKind)> {
    results.damage.iter().map(|d| (d.line, &d.what)).collect()
}

#[test]
fn blocks_of_zeros_cost_only_the_lines_that_they_hit() {
    let (name, bytes) = small();
    let l = lines(&bytes);
    let between = [l[0], &[0; 512][..], l[1], l[2], l[3], l[4]].concat();
    let read = read_bytes(&name, &between);
    assert_eq!(kinds(&read), [(2, &DamageKind::Zeros(512))], "glued to the start of run 1");
    assert_eq!((f1(&read, 1), f1(&read, 2)), (Some(0.5), Some(0.25)));
    // Zeros over two lines and the newline between them: one damaged line, and a gap after it.
    let zeros = vec![0; l[1].len() + l[2].len() - 1];
    let over = [l[0], &zeros[..], b"\n", l[3], l[4]].concat();
    let read = read_bytes(&name, &over);
    let gap = DamageKind::Gap { expected: 2, found: 3 };
    assert_eq!(kinds(&read), [(2, &DamageKind::Zeros(zeros.len() as u64)), (3, &gap)]);
    assert_eq!((f1(&read, 1), f1(&read, 2)), (None, Some(0.25)));
}

#[test]
fn glued_missing_and_repeated_lines_are_told_apart() {
    let (name, bytes) = small();
    let l = lines(&bytes);
    let half = &l[2][..l[2].len() / 2];
    let glued = read_bytes(&name, &[l[0], l[1], half, l[3], l[4]].concat());
    let after = DamageKind::Gap { expected: 3, found: 4 };
    assert_eq!(kinds(&glued), [(3, &DamageKind::BadCrc), (4, &after)]);
    let missing = read_bytes(&name, &[l[0], l[1], l[3], l[4]].concat());
    assert_eq!(kinds(&missing), [(3, &DamageKind::Gap { expected: 2, found: 3 })]);
    let twice = read_bytes(&name, &[l[0], l[1], l[2], l[2], l[3], l[4]].concat());
    assert_eq!(kinds(&twice), [(4, &DamageKind::Repeated { found: 2 })]);
    assert_eq!((twice.runs[&1].ends, twice.duplicate_ends), (1, 0), "and count once");
    let after = read_bytes(&name, &[&bytes[..], &frame(5, None, &start(3))].concat());
    assert_eq!(kinds(&after), [(6, &DamageKind::AfterClose)]);
    let empty = read_bytes(&name, &[l[0], b"\n", l[1], l[2], l[3], l[4]].concat());
    assert_eq!(kinds(&empty), [(2, &DamageKind::NoChecksum)]);
}

fn start(index: u64) -> crate::store::record::Record {
    let start = crate::store::record::Start { run: run_id(index), index, time: 1.0 };
    crate::store::record::Record::Start(start)
}

#[test]
fn a_segment_of_another_sweep_or_name_is_not_taken() {
    let (name, bytes) = small();
    let foreign = {
        let mut part = Part::new(name.clone(), Tail::default());
        part.feed(&bytes, "ffffffffffffffffffffffffffffffff");
        let mut results = Results::default();
        results.absorb(part);
        results
    };
    assert_eq!(kinds(&foreign), [(1, &DamageKind::Foreign(SWEEP.into()))]);
    assert!(foreign.runs.is_empty() && foreign.damage[0].refuses_segment());
    let copied = SegmentName { attempt: 9, ..name.clone() };
    let read = read_bytes(&copied, &bytes);
    assert_eq!(kinds(&read), [(1, &DamageKind::Misnamed(name.to_string()))]);
    assert!(read.runs.is_empty());
}

#[test]
fn a_damaged_head_does_not_cost_the_segment() {
    let (name, mut bytes) = small();
    bytes[30] ^= 1;
    let read = read_bytes(&name, &bytes);
    assert_eq!(kinds(&read), [(1, &DamageKind::BadCrc), (2, &DamageKind::NoHead)]);
    assert_eq!((f1(&read, 1), f1(&read, 2)), (Some(0.5), Some(0.25)));
}

#[test]
fn lines_of_later_schemas_and_of_no_kind_are_named() {
    let (name, bytes) = small();
    let l = lines(&bytes);
    let with = |content: &str| {
        let crc = crc32c::crc32c(content.as_bytes());
        let line = format!("{content}\t{crc:08x}\n");
        read_bytes(&name, &[l[0], l[1], line.as_bytes(), l[3], l[4]].concat())
    };
    let later = SEGMENT_SCHEMA + 1;
    let damage = |content: &str| {
        let read = with(content);
        assert_eq!(read.damage.len(), 1, "{content}: {:?}", read.damage);
        read.damage[0].what.clone()
    };
    let what = damage(&format!(r#"{{"v":{later},"n":2,"t":"end","metrics":[1]}}"#));
    assert_eq!(what, DamageKind::LaterSchema(later));
    assert_eq!(
        damage(&format!(r#"{{"v":{later},"n":2,"t":"new"}}"#)),
        DamageKind::LaterSchema(later)
    );
    insta::assert_snapshot!(damage(r#"{"v":1,"n":2,"t":"new"}"#), @"is no record: kind `new` is unknown");
    insta::assert_snapshot!(damage(r#"{"v":1,"n":2,"t":"end"}"#), @"is no record: `metrics` is missing");
    insta::assert_snapshot!(damage(r#"{"v":1,"n":2,"t":"start","run":"xy","index":1}"#), @"is no record: `xy` is not 32 hex digits");
    for content in ["[]", "", "{", "null", r#"{"v":1,"n":2}"#, r#"{"v":"1","n":2,"t":"end"}"#] {
        assert!(matches!(damage(content), DamageKind::NotARecord(_)), "{content}");
    }
}

#[test]
fn unknown_fields_of_a_known_schema_are_no_damage() {
    let (name, bytes) = small();
    let l = lines(&bytes);
    let content = String::from_utf8_lossy(&l[2][..l[2].len() - 10]).into_owned();
    let content = format!("{},\"new\":{{\"a\":[1]}}}}", content.strip_suffix('}').expect("object"));
    let crc = crc32c::crc32c(content.as_bytes());
    let line = format!("{content}\t{crc:08x}\n");
    let read = read_bytes(&name, &[l[0], l[1], line.as_bytes(), l[3], l[4]].concat());
    assert_eq!((f1(&read, 1), read.damage.len()), (Some(0.5), 0));
}

#[test]
fn a_segment_of_garbage_is_counted_without_end_and_named_up_to_a_limit() {
    let (name, _) = small();
    let read = read_bytes(&name, &b"x\n".repeat(5000));
    assert_eq!((read.damaged(), read.damage.len()), (5000, 1000));
}

proptest! {
    /// Whatever is done to a segment: no panic, no wrong value, no silence.
    #[test]
    fn mangled_segments_give_no_wrong_value(
        cuts in prop::collection::vec((0usize..2000, 0usize..2000, 0u8..4, any::<u8>()), 1..6)
    ) {
        let (name, bytes) = small();
        let whole = read_bytes(&name, &bytes);
        let mut mangled = bytes.clone();
        for (a, b, how, byte) in cuts {
            let (a, b) = (a % mangled.len().max(1), b % mangled.len().max(1));
            let (from, to) = (a.min(b), a.max(b));
            match how {
                0 => drop(mangled.drain(from..to)),
                1 => mangled[from..to].fill(byte),
                2 => mangled.extend_from_within(from..to),
                _ => mangled.rotate_left(from),
            }
        }
        if mangled != bytes {
            check(&name, &mangled, &whole, "mangled");
        }
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let (name, _) = small();
        prop_assert!(read_bytes(&name, &bytes).runs.is_empty());
    }
}
