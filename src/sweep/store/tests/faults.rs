//! Each operation of the writers fails in turn, once or for good: nothing acknowledged is lost.
use std::collections::BTreeMap as Map;
use std::time::Duration;

use rustix::io::Errno;

use super::*;
use crate::store::adopt::adopt;
use crate::store::checkpoint::CheckpointStore;
use crate::store::curves::curves;
use crate::store::fs;
use crate::store::fs::fault::{self, Disk, Killed, Plan, SHORT};
use crate::store::manifest::{Creation, Manifest};
use crate::store::patience::patiently;
use crate::store::read;
use crate::store::segment::SegmentWriter;

/// What a worker does; the ends that were acknowledged to it.
fn work(dir: &SweepDir) -> Vec<u64> {
    let mut acknowledged = Vec::new();
    let Ok(mut writer) = SegmentWriter::begin(dir, 0, facts()) else { return acknowledged };
    for index in 0..3 {
        let _told_later = writer.start(&run(index));
        writer.epoch(&epoch(index, 1, 0.5));
        if writer.end(&end(index, Outcome::Done, 0.5)).is_ok() {
            acknowledged.push(index);
        }
    }
    let two = [end(3, Outcome::Done, 0.5), end(4, Outcome::Done, 0.5)];
    if writer.end_all(&two).is_ok() {
        acknowledged.extend([3, 4]);
    }
    let _may_fail = writer.close();
    acknowledged
}

#[test]
fn no_fault_loses_an_acknowledged_end() {
    let (_keep, dir) = scratch();
    fault::plan(None);
    assert_eq!(work(&dir), [0, 1, 2, 3, 4]);
    let operations = fault::operations();
    assert!(operations > 20, "the test sees the operations: {operations}");
    let mut failed: Map<&str, u32> = Map::new();
    for first in 0..operations + 4 {
        for count in [1, 2, 3, 5, u32::MAX] {
            for (errno, kept) in
                [(Errno::NOSPC, 50), (Errno::IO, 0), (Errno::DQUOT, 100), (SHORT, 30)]
            {
                let (_keep, dir) = scratch();
                fault::plan(Some(Plan { first, count, errno, kept }));
                let acknowledged = work(&dir);
                for what in fault::hit() {
                    *failed.entry(what).or_default() += 1;
                }
                fault::plan(None);
                let results = all(&dir);
                for index in &acknowledged {
                    let f1 = f1(&results, *index);
                    assert_eq!(f1, Some(0.5), "run {index}, {first} {count} {errno} {kept}");
                }
                // One fault alone costs nothing once the segment has begun.
                let began = acknowledged.contains(&0);
                assert!(!(count == 1 && began) || acknowledged.len() == 5, "{first} {errno}");
                // And the next attempt goes on.
                let mut next = SegmentWriter::begin(&dir, 0, facts()).expect("begin");
                next.end(&end(9, Outcome::Done, 0.5)).expect("end");
                assert_eq!(f1(&all(&dir), 9), Some(0.5));
            }
        }
    }
    let kinds: Vec<_> = failed.keys().copied().collect();
    let all = [
        "append",
        "create",
        "make the folder",
        "remove",
        "settle the folder",
        "sync",
        "sync the folder",
    ];
    assert_eq!(kinds, all, "each kind was met");
}

#[test]
fn a_segment_that_failed_is_given_up_and_what_was_pending_rewritten() {
    let (_keep, dir) = scratch();
    let mut writer = ended(&dir, &[0]);
    let first = writer.name().clone();
    writer.start(&run(1)).expect("start");
    fault::plan(Some(Plan { first: 1, count: 1, errno: Errno::NOSPC, kept: 100 }));
    writer.end(&end(1, Outcome::Done, 0.5)).expect("the sync fails, a new segment takes it");
    assert_eq!(fault::hit(), ["sync"]);
    fault::plan(None);
    assert_eq!((writer.given_up(), writer.name().attempt), (1, first.attempt));
    assert_ne!(writer.name().nonce, first.nonce);
    let results = all(&dir);
    assert_eq!((f1(&results, 1), results.runs[&1].ends), (Some(0.5), 2), "it stands in both");
    assert_eq!((results.runs[&1].starts(), results.runs[&1].disagree), (1, false));
    assert_eq!(results.segments.len(), 2);
}

#[test]
fn ends_that_cannot_be_made_durable_are_shown_and_nothing_follows_from_them() {
    let (_keep, dir) = scratch();
    drop(ended(&dir, &[0, 1]));
    for (errno, is_refused) in
        [(Errno::IO, true), (Errno::NOSPC, true), (Errno::ACCESS, false), (Errno::ROFS, false)]
    {
        fault::plan(Some(Plan { first: 0, count: u32::MAX, errno, kept: 0 }));
        let relied_on = [read::load(&dir, SWEEP), read::load_slice(&dir, 0, SWEEP)];
        let shown = [read::load_to_show(&dir, SWEEP), read::load_slice_to_show(&dir, 0, SWEEP)];
        fault::plan(None);
        for (relied_on, shown) in relied_on.iter().zip(shown) {
            assert_eq!(relied_on.is_err(), is_refused, "{errno}");
            assert_eq!(f1(&shown.expect("shown"), 1), Some(0.5));
        }
    }
}

#[test]
fn patience_outlasts_a_full_disk_and_leaves_no_litter() {
    let (_keep, dir) = scratch();
    let mut writer = ended(&dir, &[0]);
    fault::plan(Some(Plan { first: 0, count: u32::MAX, errno: Errno::NOSPC, kept: 30 }));
    let mut slept = 0;
    let every = Duration::from_secs(30);
    let one = end(1, Outcome::Done, 0.5);
    let done = patiently(
        every,
        every * 30,
        || writer.end(&one),
        |time, why| {
            assert!(why.is_disk_full() && time == every);
            slept += 1;
            if slept == 20 {
                fault::plan(None);
            }
            true
        },
    );
    done.expect("space came back");
    assert_eq!(slept, 20);
    assert_eq!(f1(&all(&dir), 1), Some(0.5));
    assert_eq!(all(&dir).segments.len(), 2, "failed tries leave no files");

    fault::plan(Some(Plan { first: 0, count: u32::MAX, errno: Errno::NOSPC, kept: 30 }));
    let mut slept = 0;
    let two = end(2, Outcome::Done, 0.5);
    let full = patiently(
        every,
        every * 4,
        || writer.end(&two),
        |_, _| {
            slept += 1;
            true
        },
    )
    .expect_err("patience ends");
    fault::plan(None);
    assert_eq!(slept, 4);
    assert!(full.hint().expect("a way out").contains("df -h"));
    assert_eq!(f1(&all(&dir), 2), None, "and nothing was acknowledged");
    fault::plan(Some(Plan { first: 0, count: u32::MAX, errno: Errno::ACCESS, kept: 30 }));
    let mut slept = 0;
    patiently(
        every,
        every * 4,
        || writer.end(&two),
        |_, _| {
            slept += 1;
            true
        },
    )
    .expect_err("waiting does not help");
    fault::plan(None);
    assert_eq!(slept, 0);
}

#[test]
fn curves_that_cannot_be_written_stop_nothing_and_come_back() {
    let (_keep, dir) = scratch();
    let mut writer = ended(&dir, &[0]);
    writer.epoch(&epoch(1, 1, 0.5));
    fault::plan(Some(Plan { first: 0, count: 1, errno: Errno::NOSPC, kept: 0 }));
    writer.end(&end(1, Outcome::Done, 0.5)).expect("end");
    assert_eq!(fault::hit(), ["create"]);
    fault::plan(None);
    assert_eq!((writer.given_up(), curves(&dir, 1).expect("read").len()), (0, 0));
    writer.epoch(&epoch(1, 2, 0.5));
    writer.close().expect("close");
    assert_eq!(curves(&dir, 1).expect("read").len(), 2, "kept back, not lost");
}

#[test]
fn a_manifest_is_there_whole_or_not_at_all() {
    let (_keep, dir) = scratch();
    let manifest = super::manifest::manifest();
    fault::plan(None);
    manifest.create(&dir).expect("create");
    for first in 0..fault::operations() {
        let (_keep, dir) = scratch();
        fault::plan(Some(Plan { first, count: 1, errno: Errno::NOSPC, kept: 50 }));
        let created = manifest.create(&dir);
        // A name is taken away also where the disk is full.
        assert_eq!(created.is_err(), !fault::hit().is_empty());
        fault::plan(None);
        let read = Manifest::read(&dir);
        assert!(
            read.as_ref().is_ok_and(|m| *m == manifest) || read.is_err_and(|e| e.is_not_found())
        );
        let again = manifest.create(&dir).expect("again");
        assert!(matches!(again, Creation::Created | Creation::Existed(_)));
        assert_eq!(crate::store::fs::list_all(dir.path()).expect("list"), ["SWEEP.json"]);
    }
}

#[test]
fn what_is_taken_over_is_there_whole_or_not_at_all() {
    let ends = || (0..4).map(|i| (end(i, Outcome::Done, 0.5), vec![epoch(i, 1, 0.5)]));
    let (_keep, dir) = scratch();
    fault::plan(None);
    adopt(&dir, &facts(), ends()).expect("adopt");
    for first in 0..fault::operations() {
        let (_keep, dir) = scratch();
        fault::plan(Some(Plan { first, count: 1, errno: Errno::IO, kept: 50 }));
        let adopted = adopt(&dir, &facts(), ends());
        fault::plan(None);
        assert!(adopted.is_err());
        let results = all(&dir);
        assert!(
            [0, 4].contains(&results.runs.len()) && results.damaged() == 0 && results.torn() == 0
        );
        adopt(&dir, &facts(), ends()).expect("again");
        let results = all(&dir);
        assert_eq!((results.runs.len(), results.duplicate_ends, results.segments.len()), (4, 0, 1));
        assert_eq!(curves(&dir, 3).expect("read").len(), 1);
    }
}

#[test]
fn a_checkpoint_that_fails_leaves_those_before_it() {
    let (_keep, dir) = scratch();
    fault::plan(None);
    CheckpointStore::new(&dir, &run_id(1)).save(1, 10, 1, b"one").expect("save");
    for first in 0..fault::operations() {
        let (_keep, dir) = scratch();
        let store = CheckpointStore::new(&dir, &run_id(1));
        store.save(1, 10, 1, b"one").expect("save");
        store.save(2, 20, 1, b"two").expect("save");
        fault::plan(Some(Plan { first, count: 1, errno: Errno::NOSPC, kept: 50 }));
        let failed = store.save(3, 30, 1, b"three").is_err();
        fault::plan(None);
        let found = CheckpointStore::new(&dir, &run_id(1)).find().expect("find");
        let latest = found.latest.expect("one is there");
        assert_eq!(found.damaged, [""; 0]);
        assert!(if failed { latest.epoch >= 2 } else { latest.epoch == 3 });
        store.save(4, 40, 1, b"four").expect("space is back");
        assert_eq!(store.latest().expect("read"), Some((4, 40, b"four".to_vec())));
    }
}

/// What was acknowledged before the power failed is there, though nothing that no sync has
/// confirmed survives.
#[test]
fn no_power_failure_loses_an_acknowledged_end() {
    let (_keep, dir) = scratch();
    fault::plan(None);
    work(&dir);
    for at in 0..fault::operations() {
        let (keep, dir) = scratch();
        std::fs::create_dir(dir.path()).expect("made");
        let acknowledged = std::cell::RefCell::new(Vec::new());
        fault::record();
        fault::kill(at, 0);
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut writer = SegmentWriter::begin(&dir, 0, facts()).expect("begun");
            for index in 0..5 {
                writer.end(&end(index, Outcome::Done, 0.5)).expect("ended");
                acknowledged.borrow_mut().push(index);
            }
            writer.close().expect("closed");
        }));
        assert!(ended.is_ok() || ended.is_err_and(|thrown| thrown.is::<Killed>()));
        fault::plan(None);
        let root = [
            fault::Done::Mkdir(dir.path().to_owned()),
            fault::Done::SyncDir(keep.path().to_owned()),
        ];
        let log = [&root[..], &fault::recorded()].concat();
        let left = Disk::after(&log).survive(|_, _| 0);
        std::fs::remove_dir_all(dir.path()).expect("removed");
        left.folders.iter().for_each(|folder| std::fs::create_dir(folder).expect("made"));
        left.files.iter().for_each(|(file, bytes)| std::fs::write(file, bytes).expect("written"));
        let results = all(&dir);
        for index in acknowledged.into_inner() {
            assert_eq!(f1(&results, index), Some(0.5), "run {index}, power failed at {at}");
        }
        assert_eq!(results.damaged(), 0);
    }
}

#[test]
fn a_link_whose_answer_was_lost_was_made_all_the_same() {
    let (_keep, dir) = scratch();
    fault::plan(None);
    fault::lose_answers(true);
    let ours = fs::publish(&dir.spec(), b"ours");
    let theirs = fs::publish(&dir.spec(), b"theirs");
    fault::lose_answers(false);
    ours.expect("it is there");
    assert!(theirs.is_err(), "that of another is not taken for it");
    assert_eq!(fs::read(&dir.spec()).expect("read"), b"ours");
    assert_eq!(fs::list_all(dir.path()).expect("listed"), ["spec.yaml"]);
}

#[test]
fn a_file_whose_handle_went_stale_is_opened_again() {
    let (_keep, dir) = scratch();
    fs::publish(&dir.spec(), b"spec").expect("written");
    let read = |stale: u32| {
        let mut tries = 0;
        fs::reading(&dir.spec(), |_| {
            tries += 1;
            if tries <= stale { Err(std::io::Error::from(Errno::STALE)) } else { Ok(tries) }
        })
    };
    assert_eq!(read(4).expect("at last"), 5);
    assert!(read(5).is_err(), "not for ever");
}
