//! Sweeps that earlier versions wrote: a directory of each schema is kept, and reads as it did.
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::fixture::{Store, files};
use super::*;
use crate::exec::slurm::ledger::Ledger;
use crate::judge::Liveness;
use crate::report::collect::Subject;
use crate::report::{Query, csv};
use crate::store::checkpoint::CheckpointStore;
use crate::store::layout::SegmentName;
use crate::store::manifest::{MANIFEST_SCHEMA, Manifest};
use crate::store::record::SEGMENT_SCHEMA;
use crate::store::{curves, fs, opening, read, tasks};
use crate::sweep::Sweep;

/// The folder of a schema: a sweep directory, and in `told.txt` what is read in it.
fn folder(schema: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fsck/tests/golden").join(schema.to_string())
}

fn stored(schema: u32) -> SweepDir {
    let entries = std::fs::read_dir(folder(schema)).expect("each schema has one");
    let mut folders = entries.map(|entry| entry.expect("listed").path()).filter(|p| p.is_dir());
    SweepDir::new(folders.next().expect("a sweep"))
}

/// All that is read in a sweep directory, as text.
fn told(dir: &SweepDir) -> String {
    let sweep = Sweep::open(dir.clone()).expect("opened");
    let results = read::load(dir, &sweep.manifest.id).expect("listed");
    sweep.verify(&results).expect("its numbers are those of its runs");
    let subject = Subject::new(&sweep, &results, &|_| Liveness::Gone);
    let report = subject.report(Query { runs: true, ..Query::default() }).expect("reported");
    let mut out = csv::render(&report) + &csv::render_runs(&report);
    for index in 0..sweep.spec.run_numbers() {
        let run = sweep.run(index).expect("a run");
        let epochs = curves::curves(dir, index).expect("read").len();
        let kept = CheckpointStore::new(dir, &run.id).find().expect("listed").latest;
        let step = kept.map(|kept| (kept.epoch, kept.step, kept.bytes.len()));
        let weights = dir.weights(&run.id).exists();
        writeln!(
            out,
            "run {index}: {} epochs {epochs} checkpoint {step:?} weights {weights}",
            run.id
        )
        .expect("memory takes all");
    }
    for entry in Ledger::read(dir).expect("read").entries {
        let (number, slices) = (entry.intent.number, entry.slices());
        writeln!(out, "intent {number}: {slices:?} {:?} {}", entry.fate, entry.released)
            .expect("memory takes all");
    }
    for start in tasks::read_all(dir).expect("read") {
        writeln!(out, "task {:?}: {:?}", start.begin.slices, start.end.map(|end| end.ends))
            .expect("memory takes all");
    }
    for opening in opening::read_all(dir).expect("read") {
        writeln!(out, "opening {}: {:?}", opening.number, opening.trials)
            .expect("memory takes all");
    }
    let stages: Vec<String> = dir.stages().iter().map(SweepDir::label).collect();
    writeln!(out, "stages {stages:?}").expect("memory takes all");
    out
}

#[test]
fn a_sweep_of_each_schema_reads_as_it_did() {
    for schema in 1..=MANIFEST_SCHEMA {
        let dir = stored(schema);
        let checked = check(&dir).expect("listed");
        let grave = |kind: &Kind| kind.severity() > Severity::Harmless;
        // Who checked the sources out, and how, is no matter of the store.
        let of_checkout = [Kind::OtherOwner, Kind::WorldWritable, Kind::HardLink];
        let found: Vec<_> = checked.counts.keys().filter(|kind| grave(kind)).collect();
        assert!(found.iter().all(|kind| of_checkout.contains(kind)), "{:#?}", checked.facts);
        let kept = std::fs::read_to_string(folder(schema).join("told.txt")).expect("it is kept");
        assert_eq!(told(&dir), kept, "schema {schema}");
    }
}

/// A copy, to be changed.
fn copied(schema: u32) -> (tempfile::TempDir, SweepDir) {
    let from = stored(schema);
    let keep = tempfile::tempdir().expect("temporary folder");
    let to = SweepDir::new(keep.path().join(from.path().file_name().expect("a name")));
    copy(from.path(), to.path());
    (keep, to)
}

fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let path = to.join(file.strip_prefix(from).expect("inside"));
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::copy(&file, &path).expect("copied");
    }
}

#[test]
fn what_a_later_version_adds_is_told_and_costs_nothing_else() {
    let (_keep, dir) = copied(MANIFEST_SCHEMA);
    let before = told(&dir);
    let open = files(&dir.segments()).into_iter().rfind(|file| {
        let name = file.file_name().and_then(|name| SegmentName::parse(name.to_str()?));
        name.is_some_and(|name| name.slice == 1) && file.extension().is_some_and(|e| e == "jsonl")
    });
    let open = open.expect("an open segment");
    let line = format!("{{\"v\":{},\"n\":1,\"t\":\"end\",\"new\":[1]}}", SEGMENT_SCHEMA + 1);
    let line = format!("{line}\t{:08x}\n", crc32c::crc32c(line.as_bytes()));
    let bytes = [fs::read(&open).expect("read"), line.into_bytes()].concat();
    std::fs::write(&open, bytes).expect("written");
    assert_eq!(told(&dir), before);
    assert_eq!(check(&dir).expect("listed").counts.get(&Kind::LaterSchema), Some(&1));

    let mut manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(&dir.manifest()).expect("read")).expect("JSON");
    manifest["new"] = serde_json::json!({"a": [1]});
    std::fs::write(dir.manifest(), manifest.to_string()).expect("written");
    assert_eq!(told(&dir), before, "a field that is not known is passed over");
    manifest["schema"] = (MANIFEST_SCHEMA + 1).into();
    manifest["dlgrid"] = "9.2.0".into();
    std::fs::write(dir.manifest(), manifest.to_string()).expect("written");
    let refused = Manifest::read(&dir).expect_err("a later one");
    assert_eq!(refused.hint().as_deref(), Some("use dlgrid 9.2.0 or later for this sweep"));
}

#[test]
#[ignore = "stores the sweep of a new schema, once: `cargo test -p dlgrid-sweep --lib golden -- --ignored`"]
fn a_sweep_of_a_new_schema_is_stored() {
    let store = Store::new();
    let name = store.dir().path().file_name().expect("a name");
    let folder = folder(MANIFEST_SCHEMA);
    assert!(!folder.exists(), "what is stored is never written anew");
    copy(store.dir().path(), &folder.join(name));
    std::fs::write(folder.join("told.txt"), told(store.dir())).expect("written");
}
