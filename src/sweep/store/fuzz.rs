//! Segments, curves and files of tasks from any bytes: nothing panics, and neither portions nor
//! repetition change what is read.
use super::layout::SegmentName;
use super::merge::{Results, Tail};
use super::parse::Part;
use super::{curves, tasks};

const SWEEP: &str = "0123456789abcdef0123456789abcdef";

fn name() -> SegmentName {
    SegmentName { slice: 12, attempt: 2, nonce: "7f3c91aa".into() }
}

/// What was drawn after the first byte; where that is odd (`s`), each line under a checksum that
/// holds, so that what lies behind checksums is reached.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    let Some((how, rest)) = bytes.split_first() else { return Vec::new() };
    if how % 2 == 0 {
        return rest.to_vec();
    }
    let seal = |line: &[u8]| {
        let crc = format!("\t{:08x}\n", crc32c::crc32c(line));
        [line, crc.as_bytes()].concat()
    };
    rest.split(|b| *b == b'\n').flat_map(seal).collect()
}

/// The parts of a segment that is read up to each of these places, one after another.
fn parts(bytes: &[u8], places: impl Iterator<Item = usize>) -> Vec<Part> {
    let mut tail = Tail::default();
    let mut parts = Vec::new();
    for place in places {
        let from = usize::try_from(tail.offset).expect("it is read from memory");
        let mut part = Part::new(name(), tail.clone());
        let taken = part.feed(&bytes[from..place.max(from)], SWEEP);
        part.tail.torn = (place.max(from) - from - taken) as u64;
        tail = part.tail.clone();
        parts.push(part);
    }
    parts
}

fn merged(parts: Vec<Part>) -> Results {
    let mut results = Results::default();
    parts.into_iter().for_each(|part| results.absorb(part));
    results.damage.sort_unstable();
    results
}

fn whole(bytes: &[u8]) -> Results {
    merged(parts(bytes, std::iter::once(bytes.len())))
}

/// A segment at once: what is not taken is counted, and taking it twice changes nothing.
pub fn segment(bytes: &[u8]) {
    let bytes = sealed(bytes);
    let results = whole(&bytes);
    let tail = &results.segments[&name()];
    assert_eq!(results.damage.len() as u64, tail.damaged.min(1000));
    let ends: u64 = results.runs.values().map(|run| u64::from(run.ends)).sum();
    let ended = results.runs.values().filter(|run| run.end.is_some()).count() as u64;
    assert_eq!((ends, results.duplicate_ends), (tail.ends, ends - ended));
    assert!(tail.damaged > 0 || tail.torn > 0 || tail.head.is_some() || bytes.is_empty());
    for end in results.runs.values().filter_map(|run| run.end.as_ref()) {
        assert_eq!(end.at.segment(), name());
        assert_eq!(results.metrics(end).count(), end.metrics.len());
    }
    results.damage.iter().for_each(|damage| drop(damage.what.to_string()));
    let twice = [bytes.len(), bytes.len()].map(|end| parts(&bytes, std::iter::once(end)));
    assert_eq!(results, merged(twice.into_iter().flatten().collect()));
    bytes.split(|b| *b == b'\n').for_each(|line| drop(curves::read_line(line, None)));
    drop(tasks::parse(&bytes));
}

/// A segment that grows between looks: a count, as many places of two bytes, and the segment.
pub fn portions(bytes: &[u8]) {
    let Some((count, rest)) = bytes.split_first() else { return };
    let Some((places, rest)) = rest.split_at_checked(2 * usize::from(count % 8)) else { return };
    let bytes = sealed(rest);
    let place = |two: &[u8]| usize::from(two[0]) << 8 | usize::from(two[1]);
    let mut places: Vec<usize> =
        places.chunks_exact(2).map(|two| place(two) % (bytes.len() + 1)).collect();
    places.push(bytes.len());
    places.sort_unstable();
    assert_eq!(merged(parts(&bytes, places.into_iter())), whole(&bytes));
}
