//! Many writers begin at once, as threads and as processes: each attempt is one writer's.
use std::collections::BTreeSet;

use super::*;
use crate::host;

const DIR: &str = "DLGRID_TEST_RACE_DIR";

#[test]
fn threads_that_race_for_an_attempt_each_get_their_own() {
    let (_keep, dir) = scratch();
    let attempts: BTreeSet<u32> = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..16_u64)
            .map(|index| {
                let dir = &dir;
                scope.spawn(move || {
                    let mut writer = SegmentWriter::begin(dir, 5, facts()).expect("begin");
                    writer.end(&end(index, Outcome::Done, 0.5)).expect("end");
                    writer.name().attempt
                })
            })
            .collect();
        racers.into_iter().map(|racer| racer.join().expect("no panic")).collect()
    });
    assert_eq!(attempts, (1..=16).collect(), "16 racers, 16 attempts, no gap");
    let results = all(&dir);
    assert_eq!((results.segments.len(), results.runs.len(), results.damaged()), (16, 16, 0));
}

/// Not a test by itself: one racer of the next one.
#[test]
#[ignore = "started by processes_that_race_for_an_attempt_each_get_their_own"]
fn racer() {
    let Some(path) = host::env(DIR) else { return };
    let dir = SweepDir::new(path);
    for index in 0..5 {
        let mut writer = SegmentWriter::begin(&dir, 5, facts()).expect("begin");
        writer.end(&end(u64::from(host::pid()) * 10 + index, Outcome::Done, 0.5)).expect("end");
    }
}

#[test]
fn processes_that_race_for_an_attempt_each_get_their_own() {
    let (_keep, dir) = scratch();
    let program = std::env::current_exe().expect("this program");
    let racers: Vec<_> = (0..8)
        .map(|_| {
            host::command(&program)
                .args(["--exact", "store::tests::race::racer", "--ignored"])
                .env(DIR, dir.path())
                .stdout(std::process::Stdio::null())
                .spawn()
                .expect("starts")
        })
        .collect();
    for mut racer in racers {
        assert!(racer.wait().expect("ends").success());
    }
    let results = all(&dir);
    let attempts: BTreeSet<u32> = results.segments.keys().map(|name| name.attempt).collect();
    assert_eq!(attempts, (1..=40).collect());
    assert_eq!((results.segments.len(), results.runs.len(), results.damaged()), (40, 40, 0));
}
