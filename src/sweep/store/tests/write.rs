//! What the writers write reads back, and readers see what grows.
use std::collections::HashSet;

use super::*;
use crate::store::curves::{curves, curves_of};
use crate::store::fs;
use crate::store::layout::SegmentName;
use crate::store::merge::LastEvent;
use crate::store::read::{self, StoreReader, confusion};
use crate::store::record::{Checkpoint, Stop};

#[test]
fn a_record_reads_back_as_it_was_written() {
    let (_keep, dir) = scratch();
    let mut writer = SegmentWriter::begin(&dir, 3, facts()).expect("begin");
    let mut odd = end(5, Outcome::Diverged, f64::NAN);
    odd.metrics.insert("x \"quoted\" \u{1F600}\t".into(), Number(f64::NEG_INFINITY));
    odd.metrics.insert("tiny".into(), Number(5e-324));
    odd.metrics.insert("third".into(), Number(1.0 / 3.0));
    writer.start(&run(5)).expect("start");
    writer.end(&odd).expect("end");
    writer.close().expect("close");
    let results = all(&dir);
    assert_eq!(results.damage, []);
    let merged = results.end(5).expect("ended");
    assert_eq!((merged.run, merged.seed, merged.outcome), (run_id(5), 1, Outcome::Diverged));
    assert_eq!(merged.why.as_deref(), odd.why.as_deref());
    assert_eq!((merged.epochs, merged.seconds, merged.weights), (3, 1.5, Some(12)));
    assert_eq!(merged.samples_per_s, Some(1234.5));
    for (name, value) in &odd.metrics {
        let read = merged.metric(results.names.id(name).expect("known"));
        assert_eq!(read.map(f64::to_bits), Some(value.0.to_bits()), "{name}");
    }
    let best = merged.best(results.names.id("valid/f1").expect("known")).expect("best");
    assert_eq!((best.epoch, best.value.0.is_nan()), (2, true));
    assert_eq!(confusion(&dir, merged).expect("read"), odd.confusion);
    let whole = read::end(&dir, merged).expect("read");
    assert_eq!(format!("{whole:?}"), format!("{odd:?}"));
    let tail = results.segments.values().next().expect("one segment");
    assert!(tail.closed && tail.torn == 0 && tail.ends == 1);
    assert_eq!(tail.head.as_ref().expect("head").device, "cpu");
}

#[test]
fn times_that_are_no_numbers_do_not_lose_an_end() {
    let (_keep, dir) = scratch();
    let mut writer = SegmentWriter::begin(&dir, 0, facts()).expect("begin");
    let mut odd = end(0, Outcome::Done, 0.5);
    (odd.seconds, odd.samples_per_s, odd.time) = (f64::NAN, Some(f64::INFINITY), f64::INFINITY);
    writer.end(&odd).expect("end");
    let results = all(&dir);
    assert_eq!((f1(&results, 0), results.damaged()), (Some(0.5), 0));
}

#[test]
fn an_attempt_goes_on_where_the_one_before_stopped() {
    let (_keep, dir) = scratch();
    let mut first = SegmentWriter::begin(&dir, 7, facts()).expect("begin");
    first.start(&run(0)).expect("start");
    first.end(&end(0, Outcome::Done, 0.5)).expect("end");
    first.start(&run(1)).expect("start");
    let point = Checkpoint { run: run_id(1), epoch: 2, step: 20, file: "f".into(), bytes: 3 };
    first.checkpoint(&point).expect("checkpoint");
    let results = all(&dir);
    let last = results.runs[&1].last.clone().expect("seen");
    assert_eq!(last.what, LastEvent::Checkpoint { epoch: 2, step: 20 });
    let stop = Stop { run: Some(run_id(1)), why: "SIGTERM".into(), saved: true, time: 1.0 };
    first.stop(&stop).expect("stop");
    first.close().expect("close");
    let results = all(&dir);
    let stopped = LastEvent::Stopped { why: "SIGTERM".into(), saved: true };
    assert_eq!(results.runs[&1].last.as_ref().expect("seen").what, stopped);
    assert_eq!(done_in_slice(&dir, 7), HashSet::from([0]));
    assert_eq!(done_in_slice(&dir, 8), HashSet::new());

    let mut second = SegmentWriter::begin(&dir, 7, facts()).expect("begin");
    assert_eq!(second.name().attempt, 2);
    second.start(&run(1)).expect("start");
    second.end(&end(1, Outcome::Failed, 0.5)).expect("end");
    assert_eq!(done_in_slice(&dir, 7), HashSet::from([0, 1]));
    let results = all(&dir);
    assert_eq!((results.runs[&1].starts(), results.runs[&1].ends), (2, 1));
    assert_eq!((results.attempts(7), results.attempts(6), results.attempts(8)), (2, 0, 0));
}

#[test]
fn curves_of_the_highest_attempt_win_from_its_first_epoch_on() {
    let (_keep, dir) = scratch();
    let mut first = SegmentWriter::begin(&dir, 0, facts()).expect("begin");
    for e in 1..=3 {
        first.epoch(&epoch(4, e, f64::from(e)));
    }
    first.epoch(&epoch(9, 1, 0.0));
    assert_eq!(curves(&dir, 4).expect("read"), [], "kept back until something is synced");
    first.end(&end(0, Outcome::Done, 0.5)).expect("end");
    let mut second = SegmentWriter::begin(&dir, 0, facts()).expect("begin");
    for e in 3..=4 {
        second.epoch(&epoch(4, e, 100.0 + f64::from(e)));
    }
    second.close().expect("close");
    let losses: Vec<f64> =
        curves(&dir, 4).expect("read").iter().map(|e| e.metrics["train/loss"].0).collect();
    assert_eq!(losses, [1.0, 2.0, 103.0, 104.0]);
    let every = curves_of(&dir, None, |slice| slice == 0).expect("read");
    assert_eq!((every.runs.len(), every.damaged), (2, 0));
    assert!(curves_of(&dir, None, |slice| slice == 1).expect("read").runs.is_empty());
}

#[test]
fn an_attempt_takes_the_place_of_what_came_after_its_first_epoch() {
    /// Each attempt's epochs as they are written; then the epoch and the attempt that is left of it.
    type Case = (&'static [&'static [u32]], &'static [(u32, u32)]);
    let cases: [Case; 7] = [
        (&[&[1, 2, 3]], &[(1, 1), (2, 1), (3, 1)]),
        (&[&[3, 1, 2]], &[(1, 1), (2, 1), (3, 1)]),
        (&[&[1, 2, 3, 4], &[1, 2]], &[(1, 2), (2, 2)]),
        (&[&[1, 2, 3, 4], &[3]], &[(1, 1), (2, 1), (3, 2)]),
        (&[&[1, 2], &[3, 4]], &[(1, 1), (2, 1), (3, 2), (4, 2)]),
        (&[&[1, 2, 3, 4], &[5, 3, 4]], &[(1, 1), (2, 1), (3, 2), (4, 2), (5, 2)]),
        (&[&[1, 2, 3, 4], &[3, 4], &[4]], &[(1, 1), (2, 1), (3, 2), (4, 3)]),
    ];
    for (attempts, left) in cases {
        let (_keep, dir) = scratch();
        for (attempt, epochs) in (1_u32..).zip(attempts) {
            let mut writer = SegmentWriter::begin(&dir, 0, facts()).expect("begin");
            epochs.iter().for_each(|&e| writer.epoch(&epoch(4, e, f64::from(attempt))));
            writer.close().expect("close");
        }
        let read = curves(&dir, 4).expect("read");
        let read: Vec<(u32, f64)> =
            read.iter().map(|e| (e.epoch, e.metrics["train/loss"].0)).collect();
        let left: Vec<(u32, f64)> = left.iter().map(|(e, at)| (*e, f64::from(*at))).collect();
        assert_eq!(read, left, "{attempts:?}");
    }
}

#[test]
fn metrics_of_an_epoch_that_come_line_by_line_are_put_together() {
    let (_keep, dir) = scratch();
    let line = |e: u32, name: &str, value: f64| Epoch {
        metrics: BTreeMap::from([(name.to_owned(), Number(value))]),
        seconds: value,
        ..epoch(4, e, 0.0)
    };
    let mut first = SegmentWriter::begin(&dir, 0, facts()).expect("begin");
    first.epoch(&line(1, "mistaken", 9.0));
    first.close().expect("close");
    let mut second = SegmentWriter::begin(&dir, 0, facts()).expect("begin");
    for (e, name, value) in [
        (1, "train/loss", 3.0),
        (1, "valid/loss", 4.0),
        (2, "train/loss", 5.0),
        (1, "train/loss", 6.0),
    ] {
        second.epoch(&line(e, name, value));
    }
    second.close().expect("close");
    let read = curves(&dir, 4).expect("read");
    let told: Vec<_> = read.iter().map(|e| (e.epoch, e.seconds, e.metrics.clone())).collect();
    let of = |metrics: &[(&str, f64)]| -> BTreeMap<String, Number> {
        metrics.iter().map(|(name, value)| ((*name).to_owned(), Number(*value))).collect()
    };
    let one = of(&[("train/loss", 6.0), ("valid/loss", 4.0)]);
    assert_eq!(told, [(1, 6.0, one), (2, 5.0, of(&[("train/loss", 5.0)]))]);
}

#[test]
fn a_reader_sees_growth_and_says_what_shrank_or_went() {
    let (_keep, dir) = scratch();
    let mut reader = StoreReader::new(dir.clone(), SWEEP.into());
    assert_eq!(reader.poll().expect("nothing is there yet").grown, 0);
    let mut writer = SegmentWriter::begin(&dir, 300, facts()).expect("begin");
    writer.end(&end(1, Outcome::Done, 0.1)).expect("end");
    assert_eq!(reader.poll().expect("poll").ends, 1);
    assert_eq!(reader.poll().expect("poll").grown, 0, "nothing new");
    writer.end(&end(2, Outcome::Done, 0.2)).expect("end");
    assert_eq!(reader.poll().expect("poll").ends, 1, "each byte is read once");
    assert_eq!(*reader.results(), all(&dir));

    let path = dir.ends(writer.name());
    let bytes = fs::read(&path).expect("read");
    std::fs::write(&path, &bytes[..bytes.len() - 20]).expect("cut");
    let poll = reader.poll().expect("poll");
    assert!(poll.reread);
    assert_eq!((f1(reader.results(), 1), f1(reader.results(), 2)), (Some(0.1), None));
    assert!(reader.results().torn() == 1 && reader.results().damage.is_empty());
    assert_eq!(*reader.results(), all(&dir));

    std::fs::remove_file(&path).expect("purge");
    reader.poll().expect("poll");
    assert_eq!(reader.results().vanished, [writer.name().clone()]);
    assert_eq!(f1(reader.results(), 1), Some(0.1), "what was read stays");
}

#[test]
fn what_lies_about_is_no_segment() {
    let (_keep, dir) = scratch();
    let writer = ended(&dir, &[1]);
    let folder = dir.segment_folder(0);
    let real = fs::read(&dir.ends(writer.name())).expect("read");
    for stray in [".nfs000001", ".x.tmp", "c1.a1.00000000.jsonl", "notes.txt", "c000000.a1.claim~"]
    {
        std::fs::write(folder.join(stray), &real).expect("write");
    }
    std::fs::write(dir.segments().join("README"), "hi").expect("write");
    let elsewhere = dir.segments().join("07");
    std::fs::create_dir(&elsewhere).expect("folder");
    let name = SegmentName { slice: 0, attempt: 9, nonce: "00000000".into() };
    std::fs::write(elsewhere.join(format!("{name}.jsonl")), &real).expect("write");
    let results = all(&dir);
    assert_eq!((results.segments.len(), results.runs.len(), results.damaged()), (1, 1, 0));
}

#[test]
fn files_are_private_to_user_and_group_and_written_through_no_link() {
    use std::os::unix::fs::PermissionsExt as _;
    let (keep, dir) = scratch();
    let writer = ended(&dir, &[1]);
    let mode = |path: &std::path::Path| {
        path.metadata().expect("there").permissions().mode() & 0o7777 & !0o027
    };
    assert_eq!(mode(&dir.ends(writer.name())), 0o640);
    assert_eq!(mode(&dir.segments()), 0o750);
    let link = keep.path().join("link");
    std::os::unix::fs::symlink(keep.path().join("target"), &link).expect("link");
    assert!(fs::create_new(&link).expect_err("a link is no new file").is_exists());
    assert!(fs::publish(&link, b"x").expect_err("a link is no new file").is_exists());
    assert!(!keep.path().join("target").exists());
}

#[test]
fn a_published_file_is_never_replaced_and_leaves_nothing_beside() {
    let (keep, _dir) = scratch();
    let path = keep.path().join("deep/er/file.json");
    fs::publish(&path, b"first").expect("publish");
    let again = fs::publish(&path, b"second").expect_err("there already");
    assert!(again.is_exists() && again.hint().is_some());
    assert_eq!(fs::read(&path).expect("read"), b"first");
    let beside = std::fs::read_dir(path.parent().expect("parent")).expect("list").count();
    assert_eq!(beside, 1);
    let missing = fs::read(&keep.path().join("nothing")).expect_err("not there");
    assert!(missing.is_not_found());
    insta::assert_snapshot!(missing.to_string().replace(&keep.path().display().to_string(), "DIR"), @"cannot read `DIR/nothing`");
    assert!(fs::free(keep.path()).expect("statvfs").bytes > 0);
}
