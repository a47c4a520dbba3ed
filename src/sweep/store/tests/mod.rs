//! Tests of the store as a whole: it is written by the real writers and damaged in every way.
#![expect(clippy::disallowed_methods, reason = "tests damage files behind the store's back")]

mod adopt;
mod checkpoint;
mod damage;
mod faults;
mod manifest;
mod merge;
mod model;
mod race;
mod tmpfs;
mod trust;
mod write;

use std::collections::BTreeMap;

use super::layout::SweepDir;
use super::merge::Results;
use super::read::load;
use super::record::{Best, End, Epoch, Mistake, Number, Outcome};
use super::segment::{HeadFacts, SegmentWriter};
use crate::recipe::{Settings, Work};
use crate::trial::{Run, RunId};

pub(super) const SWEEP: &str = "00112233445566778899aabbccddeeff";

pub(super) fn facts() -> HeadFacts {
    HeadFacts {
        sweep: SWEEP.into(),
        device: "cpu".into(),
        dlgrid: "0.1.0".into(),
        ..HeadFacts::default()
    }
}

/// A sweep directory that goes when the test ends.
pub(super) fn scratch() -> (tempfile::TempDir, SweepDir) {
    let keep = tempfile::tempdir().expect("temporary folder");
    let dir = SweepDir::new(keep.path().join("s"));
    (keep, dir)
}

pub(super) fn run_id(index: u64) -> RunId {
    format!("{:032x}", u128::from(index) + (7 << 64)).parse().expect("id")
}

pub(super) fn run(index: u64) -> Run {
    let work = Work::Train(Box::<Settings>::default());
    Run { index, point: index, seed: 1, fold: None, id: run_id(index), work }
}

pub(super) fn end(index: u64, outcome: Outcome, f1: f64) -> End {
    End {
        run: run_id(index),
        index,
        seed: 1,
        outcome,
        cause: None,
        why: (outcome != Outcome::Done).then(|| "a \"why\"\nwith\ttraps and \u{e9}".into()),
        epochs: 3,
        metrics: BTreeMap::from([
            ("valid/f1".into(), Number(f1)),
            ("valid/loss".into(), Number(0.1 + 0.2)),
        ]),
        best: BTreeMap::from([("valid/f1".into(), Best { epoch: 2, value: Number(f1) })]),
        seconds: 1.5,
        samples_per_s: Some(1234.5),
        confusion: Some(vec![vec![index, 2], vec![3, 4]]),
        mistakes: vec![Mistake { row: 7, class: 1, taken: 0, share: 0.25 }],
        weights: Some(12),
        cohort: None,
        from: None,
        time: 1.0,
    }
}

pub(super) fn epoch(index: u64, epoch: u32, loss: f64) -> Epoch {
    Epoch {
        run: run_id(index),
        index,
        epoch,
        metrics: BTreeMap::from([("train/loss".into(), Number(loss))]),
        seconds: 0.5,
        samples_per_s: None,
    }
}

/// A segment of slice 0 that ends these runs well and is closed.
pub(super) fn ended(dir: &SweepDir, indices: &[u64]) -> SegmentWriter {
    let mut writer = SegmentWriter::begin(dir, 0, facts()).expect("begin");
    for index in indices {
        writer.start(&run(*index)).expect("start");
        writer.end(&end(*index, Outcome::Done, 0.5)).expect("end");
    }
    writer
}

pub(super) fn all(dir: &SweepDir) -> Results {
    load(dir, SWEEP).expect("the folder can be listed")
}

/// The value that the merge has for a run.
pub(super) fn f1(results: &Results, index: u64) -> Option<f64> {
    results.end(index)?.metric(results.names.id("valid/f1")?)
}

/// The runs that this slice's segments, or those with what was taken over, say have ended.
pub(super) fn done_in_slice(dir: &SweepDir, slice: u32) -> std::collections::HashSet<u64> {
    let results = crate::store::read::load_slice(dir, slice, SWEEP).expect("read");
    results.runs.iter().filter(|(_, run)| run.end.is_some()).map(|(index, _)| *index).collect()
}
