//! A disk that is really full, where this user may mount one.
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;
use crate::host;
use crate::store::checkpoint::CheckpointStore;
use crate::store::fs;
use crate::store::patience::patiently;

/// A small file system in memory.
struct Disk {
    keep: tempfile::TempDir,
}

impl Disk {
    fn mount(options: &str) -> Option<Self> {
        let keep = tempfile::tempdir().expect("temporary folder");
        let mounted = host::command("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(keep.path())
            .output()
            .is_ok_and(|output| output.status.success());
        mounted.then_some(Self { keep })
    }

    fn path(&self) -> PathBuf {
        self.keep.path().join("s")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _best_effort = host::command("umount").arg("-l").arg(self.keep.path()).status();
    }
}

fn disk(options: &str) -> Option<Disk> {
    let disk = Disk::mount(options);
    if disk.is_none() {
        eprintln!("skipped: this user may not mount a tmpfs");
    }
    disk
}

fn fill(path: &Path) {
    let mut file = std::fs::File::create(path).expect("create");
    while std::io::Write::write_all(&mut file, &[1; 4096]).is_ok() {}
}

#[test]
fn ends_survive_a_disk_that_fills_and_is_freed() {
    let Some(disk) = disk("size=256k") else { return };
    let dir = SweepDir::new(disk.path());
    let ballast = disk.keep.path().join("ballast");
    let mut writer = SegmentWriter::begin(&dir, 0, facts()).expect("begin");
    let mut acknowledged = 0;
    let full = loop {
        let mut long = end(acknowledged, Outcome::Done, 0.5);
        long.why = Some("x".repeat(3000));
        match writer.end(&long) {
            Ok(()) => acknowledged += 1,
            Err(full) => break full,
        }
        if acknowledged == 20 {
            fill(&ballast);
        }
    };
    assert!(full.is_disk_full(), "{full:?}");
    assert!(full.hint().is_some_and(|hint| hint.contains("df -h")));
    assert!(acknowledged >= 20);
    let mut waits = 0;
    let last = end(acknowledged, Outcome::Done, 0.5);
    let every = Duration::from_secs(30);
    patiently(
        every,
        every * 9,
        || writer.end(&last),
        |_, _| {
            waits += 1;
            if waits == 3 {
                std::fs::remove_file(&ballast).expect("space");
            }
            true
        },
    )
    .expect("space is back");
    writer.close().expect("close");
    let results = all(&dir);
    for index in 0..=acknowledged {
        assert_eq!(f1(&results, index), Some(0.5), "run {index}");
    }
    assert_eq!((waits, results.segments.len()), (3, 2));
}

#[test]
fn a_segment_goes_on_when_inodes_are_out() {
    let Some(disk) = disk("size=1m,nr_inodes=12") else { return };
    let dir = SweepDir::new(disk.path());
    let mut writer = ended(&dir, &[0]);
    let mut count = 0;
    while std::fs::File::create(disk.keep.path().join(format!("f{count}"))).is_ok() {
        count += 1;
    }
    writer.epoch(&epoch(1, 1, 0.5));
    writer.end(&end(1, Outcome::Done, 0.5)).expect("an append needs no inode");
    assert_eq!(f1(&all(&dir), 1), Some(0.5));
    assert_eq!(fs::free(disk.keep.path()).expect("statvfs").files, Some(0));
    let next = SegmentWriter::begin(&dir, 0, facts()).expect_err("no inode for a new one");
    assert!(next.is_disk_full());
}

#[test]
fn a_checkpoint_that_does_not_fit_leaves_the_one_before() {
    let Some(disk) = disk("size=256k") else { return };
    let dir = SweepDir::new(disk.path());
    let store = CheckpointStore::new(&dir, &run_id(1));
    store.save(1, 10, 1, &[1; 100 << 10]).expect("fits");
    let full = store.save(2, 20, 1, &[2; 300 << 10]).expect_err("does not fit");
    assert!(full.is_disk_full());
    assert_eq!(store.latest().expect("read"), Some((1, 10, vec![1; 100 << 10])));
    store.save(2, 20, 1, &[2; 100 << 10]).expect("nothing was left behind");
}

#[test]
fn a_read_only_disk_says_so() {
    let Some(disk) = disk("size=256k") else { return };
    let dir = SweepDir::new(disk.path());
    ended(&dir, &[0]);
    let remounted =
        host::command("mount").args(["-o", "remount,ro"]).arg(disk.keep.path()).status();
    assert!(remounted.is_ok_and(|status| status.success()));
    let refused = SegmentWriter::begin(&dir, 0, facts()).expect_err("read-only");
    assert!(refused.hint().is_some_and(|hint| hint.contains("read-only")), "{refused:?}");
    assert_eq!(f1(&all(&dir), 0), Some(0.5), "reading goes on");
}
