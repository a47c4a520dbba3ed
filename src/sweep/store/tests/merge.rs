//! The merge does not depend on order, portions or repetition.
use proptest::prelude::*;

use super::*;
use crate::store::layout::SegmentName;
use crate::store::line::frame;
use crate::store::merge::Tail;
use crate::store::parse::Part;
use crate::store::read::StoreReader;
use crate::store::record::{Checkpoint, Close, Head, Record, SEGMENT_SCHEMA, Start, Stop};

/// A segment as bytes.
type Segment = (SegmentName, Vec<u8>);

fn head(name: &SegmentName) -> Record {
    Record::Head(Head {
        schema: SEGMENT_SCHEMA,
        sweep: SWEEP.into(),
        slice: name.slice,
        attempt: name.attempt,
        nonce: name.nonce.clone(),
        host: "h".into(),
        pid: 1,
        dlgrid: "0.1.0".into(),
        device: "cpu".into(),
        log: None,
        node: None,
        intent: None,
        time: 1.0,
    })
}

fn record() -> impl Strategy<Value = Record> {
    let outcome = prop_oneof![
        3 => Just(Outcome::Done), 1 => Just(Outcome::Diverged), 1 => Just(Outcome::Failed)
    ];
    let value = prop_oneof![Just(0.5), Just(f64::NAN), Just(0.25)];
    prop_oneof![
        3 => (0..6u64).prop_map(|index| Record::Start(Start { run: run_id(index), index, time: 2.0 })),
        4 => (0..6u64, outcome, value, any::<bool>()).prop_map(|(index, outcome, f1, more)| {
            let mut end = end(index, outcome, f1);
            if more {
                end.metrics.insert("a/first".into(), Number(1.0));
            }
            Record::End(Box::new(end))
        }),
        1 => (0..6u64, 1..9u32).prop_map(|(run, epoch)| Record::Checkpoint(Checkpoint {
            run: run_id(run), epoch, step: 7, file: "f".into(), bytes: 1
        })),
        1 => prop::option::of(0..6u64).prop_map(|run| Record::Stop(Stop {
            run: run.map(run_id), why: "SIGTERM".into(), saved: true, time: 3.0
        })),
    ]
}

prop_compose! {
    fn segment()(
        slice in 0..3u32, attempt in 0..4u32, nonce in 0..3u32,
        records in prop::collection::vec(record(), 0..10),
        close in any::<bool>(), cut in 0..80usize,
        flip in prop::option::of((0..4000usize, 1..255u8)),
    ) -> Segment {
        let name = SegmentName { slice, attempt, nonce: format!("{nonce:08x}") };
        let ends = records.len() as u64;
        let all = [head(&name)].into_iter().chain(records)
            .chain(close.then_some(Record::Close(Close { ends, time: 9.0 })));
        let mut bytes: Vec<u8> =
            (0..).zip(all).flat_map(|(n, record)| frame(n, None, &record)).collect();
        if let Some((at, mask)) = flip && at < bytes.len() {
            bytes[at] ^= mask;
        }
        // Torn, but never after the end was seen: a closed segment does not grow.
        let keep = if close { bytes.len() } else { bytes.len() - cut.min(bytes.len()) };
        bytes.truncate(keep);
        (name, bytes)
    }
}

fn segments() -> impl Strategy<Value = Vec<Segment>> {
    prop::collection::vec(segment(), 0..7).prop_map(|mut all| {
        all.sort();
        all.dedup_by(|a, b| a.0 == b.0);
        all
    })
}

/// The segment's parts, cut at these places.
fn parts((name, bytes): &Segment, cuts: &[usize]) -> Vec<Part> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    ends.push(bytes.len());
    ends.sort_unstable();
    let mut tail = Tail::default();
    let mut parts = Vec::new();
    for end in ends {
        let from = usize::try_from(tail.offset).expect("small");
        let mut part = Part::new(name.clone(), tail.clone());
        let taken = part.feed(&bytes[from..end], SWEEP);
        part.tail.torn = (end - from - taken) as u64;
        tail = part.tail.clone();
        parts.push(part);
    }
    parts
}

fn merged(parts: impl IntoIterator<Item = Part>) -> Results {
    let mut results = Results::default();
    for part in parts {
        results.absorb(part);
    }
    results.damage.sort_unstable();
    results
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn order_and_repetition_do_not_matter(all in segments(), seed in any::<u64>()) {
        let whole = merged(all.iter().flat_map(|s| parts(s, &[])));
        let mut order: Vec<usize> = (0..all.len()).chain(0..all.len()).collect();
        order.sort_by_key(|at| (*at as u64 + 1).wrapping_mul(seed | 1).rotate_left(17));
        let shuffled = merged(order.iter().flat_map(|at| parts(&all[*at], &[])));
        prop_assert_eq!(&whole, &shuffled);
        let backwards = merged(all.iter().rev().flat_map(|s| parts(s, &[])));
        prop_assert_eq!(&whole, &backwards);
    }

    #[test]
    fn portions_do_not_matter(
        all in segments(), cuts in prop::collection::vec(0..4000usize, 0..12)
    ) {
        let whole = merged(all.iter().flat_map(|s| parts(s, &[])));
        let mut queues: Vec<std::vec::IntoIter<Part>> =
            all.iter().map(|s| parts(s, &cuts).into_iter()).collect();
        let mut mixed = Vec::new();
        while mixed.len() < all.len() * (cuts.len() + 1) {
            mixed.extend(queues.iter_mut().rev().filter_map(Iterator::next));
        }
        prop_assert_eq!(whole, merged(mixed));
    }

    /// The winner is what the rule says, found by other means.
    #[test]
    fn the_winner_is_the_highest_that_ended_well(all in segments()) {
        let results = merged(all.iter().flat_map(|s| parts(s, &[])));
        for (index, run) in &results.runs {
            let ends: Vec<_> = all.iter().flat_map(|s| {
                let one = merged(parts(s, &[]));
                one.end(*index).map(|end| (end.outcome == Outcome::Done, end.at))
            }).collect();
            let best = ends.iter().max();
            prop_assert_eq!(run.end.as_ref().map(|e| (e.outcome == Outcome::Done, e.at)), best.copied());
        }
        let ends: u64 = results.runs.values().map(|r| u64::from(r.ends)).sum();
        let ended = results.runs.values().filter(|r| r.end.is_some()).count() as u64;
        prop_assert_eq!(results.duplicate_ends, ends - ended);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// On real files that grow between looks.
    #[test]
    fn incremental_reading_gives_what_full_reading_gives(
        all in segments(), cuts in prop::collection::vec(0..4000usize, 1..5)
    ) {
        let (_keep, dir) = scratch();
        std::fs::create_dir_all(dir.segment_folder(0)).expect("folder");
        let mut reader = StoreReader::new(dir.clone(), SWEEP.into());
        let mut cuts = cuts;
        cuts.sort_unstable();
        cuts.push(usize::MAX);
        for cut in cuts {
            for (name, bytes) in &all {
                std::fs::write(dir.ends(name), &bytes[..cut.min(bytes.len())]).expect("write");
            }
            reader.poll().expect("poll");
            prop_assert_eq!(reader.results(), &super::all(&dir));
        }
        let whole = merged(all.iter().flat_map(|s| parts(s, &[])));
        prop_assert_eq!(reader.results(), &whole);
    }
}

#[test]
fn two_good_ends_that_differ_are_seen_in_any_order() {
    let name = |attempt| SegmentName { slice: 0, attempt, nonce: "00000001".into() };
    let one = |attempt, f1| {
        let records = [head(&name(attempt)), Record::End(Box::new(end(0, Outcome::Done, f1)))];
        let bytes = (0..).zip(&records).flat_map(|(n, r)| frame(n, None, r)).collect::<Vec<u8>>();
        (name(attempt), bytes)
    };
    let segments = [one(1, 0.5), one(2, 0.75), one(3, 0.5)];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let results = merged(order.iter().flat_map(|at| parts(&segments[*at], &[])));
        assert!(results.runs[&0].disagree, "{order:?}");
        assert_eq!((results.runs[&0].ends, results.duplicate_ends), (3, 2));
        assert_eq!(results.end(0).expect("ended").at.attempt, 3);
    }
    let same = merged([0, 2].iter().flat_map(|at| parts(&segments[*at], &[])));
    assert!(!same.runs[&0].disagree);
}
