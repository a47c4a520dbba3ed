//! A repair adds files, changes none, and brings back what can be made again.
use std::collections::BTreeMap as Map;
use std::path::PathBuf;

use proptest::prelude::*;

use super::fixture::files;
use super::*;
use crate::slice::{SliceWork, Terms};
use crate::store::layout::SegmentName;
use crate::store::line::{frame, unframe};
use crate::store::read;
use crate::store::record::Record;
use crate::sweep::Sweep;

fn contents(dir: &SweepDir) -> Map<PathBuf, Vec<u8>> {
    let read = |path: PathBuf| (path.clone(), std::fs::read(&path).unwrap_or_default());
    files(dir.path()).into_iter().map(read).collect()
}

/// Repairs; the files that were added. All others are as they were, and once more adds none.
fn mended(dir: &SweepDir) -> Vec<String> {
    let before = contents(dir);
    let (_, added) = repair::repair(dir).expect("mended");
    let after = contents(dir);
    for (path, bytes) in &before {
        assert_eq!(after.get(path), Some(bytes), "{} was changed", path.display());
    }
    let names: Vec<String> = added.into_iter().map(|one| one.file).collect();
    assert_eq!(after.len(), before.len() + names.len());
    assert_eq!(repair::repair(dir).expect("mended").1, [], "once more adds nothing");
    names
}

fn ended(dir: &SweepDir) -> usize {
    let sweep = Sweep::open(dir.clone()).expect("opened");
    let results = read::load(dir, &sweep.manifest.id).expect("read");
    results.runs.values().filter(|run| run.end.is_some()).count()
}

fn segment(dir: &SweepDir) -> PathBuf {
    let is_it = |path: &PathBuf| {
        path.to_string_lossy().contains("c000000.a1.")
            && path.extension().is_some_and(|e| e == "jsonl")
    };
    files(dir.path()).into_iter().find(is_it).expect("a segment")
}

#[test]
fn a_well_store_is_left_alone_and_claims_and_openings_come_back() {
    let store = Store::new();
    assert_eq!(mended(store.dir()), [""; 0]);
    std::fs::remove_file(store.dir().claim(0, 1)).expect("removed");
    let opening = std::fs::read(store.dir().opening(1)).expect("read");
    std::fs::remove_file(store.dir().opening(1)).expect("removed");
    assert_eq!(mended(store.dir()), ["seg/00/c000000.a1.claim", "openings/0001.json"]);
    assert_eq!(kinds(store.dir()), Map::new());
    let trials = |bytes: &[u8]| {
        serde_json::from_slice::<serde_json::Value>(bytes).expect("JSON")["trials"].clone()
    };
    let made = std::fs::read(store.dir().opening(1)).expect("read");
    assert_eq!(trials(&made), trials(&opening));
}

#[test]
fn a_renamed_or_moved_segment_is_read_again() {
    let store = Store::new();
    let path = segment(store.dir());
    let name = path.file_name().expect("a name").to_string_lossy().into_owned();
    for other in ["c000002.a7.00000000.jsonl", "c000000.a1.jsonl.bak"] {
        let store = copy(&store);
        let path = segment(store.dir());
        std::fs::rename(&path, path.with_file_name(other)).expect("renamed");
        assert_eq!(ended(store.dir()), 1);
        assert!(mended(store.dir()).contains(&format!("seg/00/{name}")));
        assert_eq!(ended(store.dir()), 3);
    }
}

#[test]
fn ends_that_stand_whole_in_damaged_lines_are_saved() {
    let store = Store::new();
    let path = segment(store.dir());
    let text = std::fs::read(&path).expect("read");
    let lines: Vec<&[u8]> = text.split_inclusive(|b| *b == b'\n').collect();
    assert_eq!(lines.len(), 6, "head, start, end, start, end, close");
    // Half a line of another writer, glued to the front of an end; and a newline turned to zeros.
    let glued = [
        lines[0],
        lines[1],
        &lines[0][..70],
        lines[2],
        lines[3],
        &lines[4][..lines[4].len() - 1],
        b"\0",
        lines[5],
    ];
    std::fs::write(&path, glued.concat()).expect("written");
    assert_eq!(ended(store.dir()), 1, "both ends are in damaged lines");
    let added = mended(store.dir());
    assert_eq!(added.len(), 1);
    let name = added[0].rsplit('/').next().and_then(SegmentName::parse).expect("a segment");
    assert_eq!((name.slice, name.attempt), (0, 1));
    assert_eq!(ended(store.dir()), 3);
    let left = kinds(store.dir());
    assert!(left.contains_key(&Kind::LineDamaged), "the damage is still told");
    assert!(!left.contains_key(&Kind::EndsLost) && !left.contains_key(&Kind::EndedTwice));
}

/// A block of zeros over the first line and its newline, before an end that is whole.
#[test]
fn an_end_behind_a_head_of_zeros_is_saved() {
    let store = Store::new();
    let path = segment(store.dir());
    let text = std::fs::read(&path).expect("read");
    let lines: Vec<&[u8]> = text.split_inclusive(|b| *b == b'\n').collect();
    let zeros = vec![0; lines[0].len() + lines[1].len()];
    std::fs::write(&path, [&zeros, lines[2], lines[3], lines[4], lines[5]].concat())
        .expect("written");
    assert_eq!(ended(store.dir()), 2);
    assert_eq!(mended(store.dir()).len(), 1);
    assert_eq!(ended(store.dir()), 3);
}

/// Without a head nothing says whose they are: those of another sweep are left.
#[test]
fn ends_of_other_runs_behind_a_head_of_zeros_are_left() {
    let store = Store::new();
    let path = segment(store.dir());
    let text = std::fs::read(&path).expect("read");
    let lines: Vec<&[u8]> = text.split_inclusive(|b| *b == b'\n').collect();
    let content = unframe(lines[2].trim_ascii_end()).expect("sound");
    let Ok(Record::End(mut end)) = serde_json::from_slice(content) else { panic!("an end") };
    end.run = "0".repeat(32).parse().expect("an id");
    let foreign = frame(2, None, &Record::End(end));
    let zeros = vec![0; lines[0].len() + lines[1].len()];
    std::fs::write(&path, [&zeros, &foreign[..], lines[3], lines[4], lines[5]].concat())
        .expect("written");
    assert_eq!(mended(store.dir()), [""; 0]);
    assert_eq!(ended(store.dir()), 2);
}

/// A finish of a trial that ranks by its best epoch has other epochs than the trial had.
#[test]
fn an_opening_comes_back_with_the_trials_as_the_search_calls_them() {
    const SEARCH: &str = "name: t
train: {data: {set: mnist}, epochs: 5}
objective: {minimize: valid/loss, at: best}
parameters: {optimizer.lr: [0.1, 0.2]";
    let varied = ", epochs: [6, 9]}\n";
    // Number and best epoch of the trial, as its only run ended.
    for (more, point) in [("}\n", 1), (varied, 2), (varied, 3)] {
        let root = tempfile::tempdir().expect("folder");
        let text = format!("{SEARCH}{more}");
        let (spec, _) = crate::spec::read("t.yaml", text.as_bytes(), 10).expect("spec");
        let cut = crate::pack::Cut::Slots(1);
        let made = Sweep::create(root.path(), spec, text.as_bytes(), &cut);
        let sweep = made.expect("sweep").sweep;
        for slice in 0..sweep.manifest.slices.len() as u32 {
            end_best_after(&sweep, slice);
        }
        let results = read::load(&sweep.dir, &sweep.manifest.id).expect("read");
        let epochs = crate::stage::best_after(&sweep, &results, point);
        assert_eq!(epochs, Some(1 + point as u32));
        let chosen =
            crate::stage::Chosen { of: &sweep, points: vec![(point, epochs)], seeds: vec![0] };
        let kind = crate::spec::StageKind::Finish;
        crate::stage::create(&sweep, kind, 1, &chosen, &cut).expect("a stage");
        assert_eq!(mended(&sweep.dir), ["openings/0001.json"]);
        let work = sweep.spec.space.work(point).expect("a point");
        let opening = std::fs::read(sweep.dir.opening(1)).expect("read");
        let opening: serde_json::Value = serde_json::from_slice(&opening).expect("JSON");
        let name = crate::trial::TrialId::of(&work).short();
        assert_eq!(opening["trials"], serde_json::json!([name]), "{more}");
    }
}

/// Ends the runs of a slice, each best after one epoch more than its number.
fn end_best_after(sweep: &Sweep, slice: u32) {
    let work = SliceWork::begin(sweep, slice, &Terms::default(), &|_| false);
    let mut work = work.expect("slice");
    for index in work.todo().to_vec() {
        let run = sweep.run(index).expect("run");
        let end = serde_json::json!({
            "run": run.id, "index": index, "seed": run.seed, "outcome": "done", "epochs": 5,
            "seconds": 1, "time": 1, "metrics": {"valid/loss": 0.5},
            "best": {"valid/loss": {"epoch": index + 1, "value": 0.4}},
        });
        work.end(&serde_json::from_value(end).expect("end")).expect("recorded");
    }
    work.close().expect("closed");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    /// Whatever was done to it: a repair changes no file that is there.
    #[test]
    fn a_repair_only_adds(
        hits in prop::collection::vec((any::<prop::sample::Index>(), 0..6u8, any::<u16>()), 1..8)
    ) {
        thread_local! { static WELL: Store = Store::new(); }
        let store = WELL.with(copy);
        for (which, how, at) in hits {
            let all = files(store.dir().path());
            let path = which.get(&all);
            let mut bytes = std::fs::read(path).expect("read");
            let place = usize::from(at) % bytes.len().max(1);
            match how {
                0 => std::fs::remove_file(path).expect("removed"),
                1 => std::fs::rename(path, path.with_file_name(format!("c00000{}.a1.0000000b.jsonl", at % 4))).expect("renamed"),
                2 => std::fs::write(path, &bytes[..place]).expect("written"),
                3 => std::fs::write(path, [&bytes[..], &bytes[place..]].concat()).expect("written"),
                4 => std::fs::write(path, [&bytes[..place], &[0; 99][..], &bytes[place..]].concat()).expect("written"),
                _ => {
                    if let Some(byte) = bytes.get_mut(place) {
                        *byte ^= 4;
                    }
                    std::fs::write(path, bytes).expect("written");
                }
            }
        }
        mended(store.dir());
    }
}
