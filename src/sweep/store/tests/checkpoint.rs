//! Checkpoints: the newest sound one is found, the last two are kept.
use super::*;
use crate::store::checkpoint::CheckpointStore;
use crate::store::fs;

fn files(dir: &SweepDir) -> Vec<String> {
    fs::list_all(&dir.checkpoints(&run_id(1))).expect("list")
}

#[test]
fn the_last_two_are_kept_and_the_newest_is_found() {
    let (_keep, dir) = scratch();
    let store = CheckpointStore::new(&dir, &run_id(1));
    assert_eq!(store.latest().expect("nothing yet"), None);
    for epoch in 1..=5_u32 {
        let saved = store.save(epoch, u64::from(epoch) * 10, 1, &[7; 100]).expect("save");
        assert_eq!((saved.epoch, saved.bytes, saved.run), (epoch, 100, run_id(1)));
        assert!(files(&dir).contains(&saved.file));
    }
    insta::assert_snapshot!(files(&dir).join("
"), @r"
    e000004.s000000000040.a1.100.065e9dc90a3ebac4.ckpt
    e000005.s000000000050.a1.100.065e9dc90a3ebac4.ckpt
    ");
    assert_eq!(store.latest().expect("read"), Some((5, 50, vec![7; 100])));
    store.remove().expect("remove");
    assert!(!dir.checkpoints(&run_id(1)).exists());
    store.remove().expect("gone already");
}

#[test]
fn each_damaged_byte_and_each_cut_is_seen_and_the_one_before_is_taken() {
    let (_keep, dir) = scratch();
    let store = CheckpointStore::new(&dir, &run_id(1));
    store.save(1, 10, 1, b"the first").expect("save");
    let newest = store.save(2, 20, 1, b"the second").expect("save").file;
    let path = dir.checkpoints(&run_id(1)).join(&newest);
    let whole = fs::read(&path).expect("read");
    let damaged = (0..whole.len()).flat_map(|at| {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        [flipped, whole[..at].to_vec()]
    });
    for bytes in damaged {
        std::fs::write(&path, bytes).expect("damage");
        let found = CheckpointStore::new(&dir, &run_id(1)).find().expect("find");
        assert_eq!(found.damaged, std::slice::from_ref(&newest));
        assert_eq!(found.latest.expect("the first").bytes, b"the first");
    }
    // A damaged one does not count among the two that are kept.
    let resumed = CheckpointStore::new(&dir, &run_id(1));
    resumed.save(3, 30, 2, b"the third").expect("save");
    assert_eq!(files(&dir).len(), 3);
    resumed.save(4, 40, 2, b"the fourth").expect("save");
    assert_eq!(files(&dir).len(), 2);
}

/// Those of another version of dlgrid got further than what is trained since.
#[test]
fn what_was_set_aside_is_not_found_and_takes_no_place_of_those_that_are_kept() {
    let (_keep, dir) = scratch();
    let store = || CheckpointStore::new(&dir, &run_id(1));
    for epoch in [9, 10] {
        store().save(epoch, 90, 1, b"of another version").expect("save");
    }
    let resumed = store();
    while let Some(refused) = resumed.find().expect("find").latest {
        resumed.set_aside(&refused).expect("set aside");
        resumed.set_aside(&refused).expect("gone already");
    }
    for epoch in 1..=3 {
        resumed.save(epoch, 10, 2, b"of this one").expect("save");
    }
    let found = store().find().expect("find");
    assert_eq!((found.latest.map(|latest| latest.epoch), found.damaged), (Some(3), vec![]));
    assert_eq!(files(&dir).len(), 4, "two of each");
    store().remove().expect("remove");
    assert!(!dir.checkpoints(&run_id(1)).exists());
}

#[test]
fn what_a_killed_attempt_left_half_written_goes_with_the_next_save() {
    let (_keep, dir) = scratch();
    let store = CheckpointStore::new(&dir, &run_id(1));
    store.save(1, 10, 2, b"x").expect("save");
    let folder = dir.checkpoints(&run_id(1));
    for temp in [".a1.00000000.tmp", ".a2.00000000.tmp", ".nfs0001", "mine.txt"] {
        std::fs::write(folder.join(temp), b"half").expect("write");
    }
    store.save(2, 20, 2, b"y").expect("save");
    let left = files(&dir);
    assert!(!left.contains(&".a1.00000000.tmp".into()));
    assert!(left.contains(&".a2.00000000.tmp".into()), "an attempt of the same number may live");
    store.remove().expect("remove");
    assert_eq!(files(&dir), [".nfs0001", "mine.txt"]);
}
