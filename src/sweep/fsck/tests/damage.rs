//! The table of damages: each is made on a store that was well, and found as what it is.
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use super::fixture::files;
use super::*;
use crate::store::line::frame;
use crate::store::record::{Close, Head, Record};

/// The one file of a store whose path, below it, begins and ends so.
pub(super) fn the(dir: &SweepDir, before: &str, after: &str) -> PathBuf {
    let found = files(dir.path()).into_iter().find(|path| {
        let name = inside(dir, path);
        name.starts_with(before) && name.ends_with(after)
    });
    found.unwrap_or_else(|| panic!("no {before}…{after}"))
}

/// The closed segment of the first slice.
fn segment(dir: &SweepDir) -> PathBuf {
    the(dir, "seg/00/c000000.a1.", ".jsonl")
}

pub(super) fn change(path: &Path, how: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).expect("read");
    how(&mut bytes);
    std::fs::write(path, bytes).expect("written");
}

fn replace(path: &Path, from: &str, to: &str) {
    change(path, |bytes| {
        let text = String::from_utf8(bytes.clone()).expect("text");
        assert!(text.contains(from), "{from} in {text}");
        *bytes = text.replacen(from, to, 1).into_bytes();
    });
}

pub(super) fn lines(path: &Path, how: impl FnOnce(&mut Vec<Vec<u8>>)) {
    change(path, |bytes| {
        let mut lines: Vec<Vec<u8>> =
            bytes.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
        how(&mut lines);
        *bytes = lines.concat();
    });
}

/// Writes a line of a segment anew, with a checksum that holds.
fn record(path: &Path, line: usize, how: impl FnOnce(&mut Record)) {
    lines(path, |lines| {
        let content = crate::store::line::unframe(lines[line].trim_ascii_end()).expect("sound");
        let mut record = serde_json::from_slice(content).expect("a record");
        how(&mut record);
        lines[line] = frame(line as u64, None, &record);
    });
}

fn ended(record: &mut Record) -> &mut crate::store::record::End {
    let Record::End(end) = record else { panic!("an end") };
    end
}

fn head(record: &mut Record) -> &mut Head {
    let Record::Head(head) = record else { panic!("a head") };
    head
}

pub(super) fn remove(path: &Path) {
    std::fs::remove_file(path).expect("removed");
}

fn rename(path: &Path, name: &str) {
    let to = path.with_file_name(name);
    std::fs::create_dir_all(to.parent().expect("a folder")).expect("made");
    std::fs::rename(path, to).expect("renamed");
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("changed");
}

type Damage = (&'static str, fn(&SweepDir), Kind);

const MANIFEST: &[Damage] = &[
    ("no manifest", |d| remove(&d.manifest()), Kind::ManifestMissing),
    ("manifest cut", |d| change(&d.manifest(), |b| b.truncate(40)), Kind::ManifestDamaged),
    ("manifest empty", |d| change(&d.manifest(), Vec::clear), Kind::ManifestDamaged),
    ("manifest of zeros", |d| change(&d.manifest(), |b| b.fill(0)), Kind::ManifestDamaged),
    (
        "later schema",
        |d| replace(&d.manifest(), "\"schema\": 1", "\"schema\": 9"),
        Kind::LaterSchema,
    ),
    ("other runs", |d| replace(&d.manifest(), "\"runs\": 6", "\"runs\": 7"), Kind::ManifestWrong),
    (
        "slices overlap",
        |d| replace(&d.manifest(), "\"start\": 2", "\"start\": 1"),
        Kind::ManifestWrong,
    ),
    ("slice beyond", |d| replace(&d.manifest(), "\"end\": 6", "\"end\": 99"), Kind::ManifestWrong),
    (
        "hole in slices",
        |d| replace(&d.manifest(), "\"start\": 4", "\"start\": 5"),
        Kind::RunUncovered,
    ),
    (
        "other id",
        |d| replace(&d.manifest(), "\"spec_hash\": \"", "\"spec_hash\": \"f"),
        Kind::ManifestWrong,
    ),
    ("no spec", |d| remove(&d.spec()), Kind::SpecMissing),
    ("spec changed", |d| replace(&d.spec(), "0.6", "0.7"), Kind::SpecChanged),
    ("spec no spec", |d| replace(&d.spec(), "name:", "nome:"), Kind::SpecRefused),
    (
        "spec a folder",
        |d| {
            remove(&d.spec());
            std::fs::create_dir(d.spec()).expect("made")
        },
        Kind::Unreadable,
    ),
];

const SEGMENTS: &[Damage] = &[
    ("bit flipped", |d| change(&segment(d), |b| b[700] ^= 1), Kind::LineDamaged),
    ("zeros", |d| change(&segment(d), |b| b[600..660].fill(0)), Kind::LineDamaged),
    ("cut in a line", |d| change(&segment(d), |b| b.truncate(b.len() - 3)), Kind::Torn),
    ("cut by a task's ends", |d| lines(&segment(d), |l| l.truncate(3)), Kind::EndsLost),
    ("segment deleted", |d| remove(&segment(d)), Kind::EndsLost),
    (
        "complete without ends",
        |d| std::fs::write(d.submit().join("complete.json"), "{}").expect("written"),
        Kind::EndsLost,
    ),
    (
        "report without ends",
        |d| {
            let folder = d.reports().join("0001");
            std::fs::create_dir_all(&folder).expect("made");
            std::fs::write(folder.join("leaderboard.json"), "{}").expect("written");
        },
        Kind::EndsLost,
    ),
    ("line deleted", |d| lines(&segment(d), |l| drop(l.remove(2))), Kind::LinesMissing),
    ("line doubled", |d| lines(&segment(d), |l| l.insert(2, l[2].clone())), Kind::LineExtra),
    ("lines swapped", |d| lines(&segment(d), |l| l.swap(1, 2)), Kind::LineExtra),
    (
        "line after the last",
        |d| {
            lines(&segment(d), |l| {
                l.push(frame(6, None, &Record::Close(Close { ends: 2, time: 1.0 })))
            })
        },
        Kind::LineExtra,
    ),
    ("bytes after the last", |d| change(&segment(d), |b| b.extend(b"{\"v\"")), Kind::LineExtra),
    (
        "wrong count",
        |d| {
            lines(&segment(d), |l| {
                let n = l.len() - 1;
                l[n] = frame(n as u64, None, &Record::Close(Close { ends: 9, time: 1.0 }))
            })
        },
        Kind::CloseMiscounts,
    ),
    ("no head", |d| change(&segment(d), |b| b[20] ^= 1), Kind::HeadMissing),
    (
        "foreign",
        |d| record(&segment(d), 0, |r| head(r).sweep = "f".repeat(32)),
        Kind::SegmentForeign,
    ),
    ("misnamed", |d| rename(&segment(d), "c000002.a1.00000000.jsonl"), Kind::SegmentMisnamed),
    (
        "in another folder",
        |d| {
            rename(
                &segment(d),
                &format!("../07/{}", segment(d).file_name().expect("name").to_string_lossy()),
            )
        },
        Kind::SegmentMisnamed,
    ),
    ("stray", |d| rename(&segment(d), "c000000.a1.jsonl.bak"), Kind::StraySegment),
    (
        "copied",
        |d| drop(std::fs::copy(segment(d), segment(d).with_file_name("c000002.a1.00000000.jsonl"))),
        Kind::SegmentCopy,
    ),
    ("other run", |d| record(&segment(d), 2, |r| ended(r).index = 5), Kind::RunUnknown),
    ("run beyond", |d| record(&segment(d), 2, |r| ended(r).index = 500), Kind::RunUnknown),
    (
        "another slice's run",
        |d| {
            let other = end_of(d, 1);
            record(&segment(d), 2, |r| *ended(r) = other)
        },
        Kind::OutsideSlice,
    ),
    ("ended twice", |d| twice(d, 0.7, "0000000a"), Kind::EndedTwice),
    ("slice unknown", |d| unknown_slice(d), Kind::SliceUnknown),
    (
        "later lines",
        |d| {
            change(&segment(d), |b| {
                let l = later();
                b.splice(..0, l);
            })
        },
        Kind::LaterSchema,
    ),
    ("no claim", |d| remove(&d.claim(0, 1)), Kind::ClaimMissing),
    ("claim with text", |d| change(&d.claim(0, 1), |b| b.push(b'x')), Kind::ClaimNotEmpty),
    ("curves flipped", |d| change(&the(d, "seg/", ".curves"), |b| b[9] ^= 1), Kind::CurvesDamaged),
    (
        "curves line gone",
        |d| lines(&the(d, "seg/", ".curves"), |l| drop(l.remove(0))),
        Kind::CurvesDamaged,
    ),
    ("curves cut", |d| change(&the(d, "seg/", ".curves"), |b| b.truncate(b.len() - 1)), Kind::Torn),
];

/// The end of a run that stands in a slice's segment.
fn end_of(dir: &SweepDir, slice: u32) -> crate::store::record::End {
    let path = the(dir, &format!("seg/00/c{slice:06}.a1."), ".jsonl");
    let mut found = None;
    record(&path, 2, |r| found = Some(ended(r).clone()));
    found.expect("an end")
}

/// A second segment of the same attempt that ends its first run with another loss.
fn twice(dir: &SweepDir, loss: f64, nonce: &str) {
    let to = segment(dir).with_file_name(format!("c000000.a1.{nonce}.jsonl"));
    std::fs::copy(segment(dir), &to).expect("copied");
    record(&to, 0, |r| head(r).nonce = nonce.into());
    record(&to, 2, |r| {
        ended(r).metrics.insert("valid/loss".into(), crate::store::record::Number(loss));
    });
}

fn unknown_slice(dir: &SweepDir) {
    let to = segment(dir).with_file_name("c000009.a1.0000000a.jsonl");
    std::fs::copy(segment(dir), &to).expect("copied");
    record(&to, 0, |r| (head(r).nonce, head(r).slice) = ("0000000a".into(), 9));
}

fn later() -> Vec<u8> {
    let content = "{\"v\":9,\"n\":0,\"t\":\"new\"}";
    format!("{content}\t{:08x}\n", crc32c::crc32c(content.as_bytes())).into_bytes()
}

const BESIDE: &[Damage] = &[
    (
        "checkpoint flipped",
        |d| change(&the(d, "ckpt/", ".ckpt"), |b| b[50] ^= 1),
        Kind::CheckpointDamaged,
    ),
    (
        "checkpoint cut",
        |d| change(&the(d, "ckpt/", ".ckpt"), |b| b.truncate(9)),
        Kind::CheckpointLost,
    ),
    ("checkpoint gone", |d| remove(&the(d, "ckpt/", ".ckpt")), Kind::CheckpointLost),
    ("checkpoint of another run", |d| another_run(d), Kind::CheckpointDamaged),
    ("checkpoint with a head that lies", |d| lying(d), Kind::CheckpointDamaged),
    (
        "checkpoints of no run",
        |d| {
            let p = d.path().join("ckpt").join("f".repeat(32));
            std::fs::create_dir(p).expect("made")
        },
        Kind::ForeignFile,
    ),
    ("checkpoint after the end", |d| kept_after(d), Kind::CheckpointAfterEnd),
    ("weights gone", |d| remove(&the(d, "weights/", "")), Kind::WeightsMissing),
    (
        "weights cut",
        |d| change(&the(d, "weights/", ""), |b| b.truncate(b.len() - 1)),
        Kind::WeightsDamaged,
    ),
    (
        "weights flipped",
        |d| change(&the(d, "weights/", ""), |b| *b.last_mut().expect("a byte") ^= 1),
        Kind::WeightsDamaged,
    ),
    ("weights swapped", |d| swapped(d), Kind::WeightsDamaged),
    ("weights empty", |d| change(&the(d, "weights/", ""), Vec::clear), Kind::WeightsDamaged),
    ("task flipped", |d| change(&the(d, "tasks/", ""), |b| b[30] ^= 1), Kind::TaskDamaged),
    (
        "task misnamed",
        |d| rename(&the(d, "tasks/", ""), "t000009.00000000.jsonl"),
        Kind::TaskDamaged,
    ),
    ("task cut", |d| change(&the(d, "tasks/", ""), |b| b.truncate(b.len() - 1)), Kind::Torn),
    (
        "program changed",
        |d| change(&the(d, "bin/", "worker"), |b| b.push(b'x')),
        Kind::ProgramChanged,
    ),
    (
        "script changed",
        |d| change(&the(d, "bin/", "array.sbatch"), |b| b.push(b'x')),
        Kind::ProgramChanged,
    ),
    ("program gone", |d| remove(&the(d, "bin/", "worker")), Kind::ProgramChanged),
];

/// Two runs have each other's weights.
fn swapped(dir: &SweepDir) {
    let [one, other] = &files(&dir.all_weights())[..] else { panic!("two") };
    let aside = dir.path().join("aside");
    for (from, to) in [(one, &aside), (other, one), (&aside, other)] {
        std::fs::rename(from, to).expect("renamed");
    }
}

/// A checkpoint whose name and hash hold, of another run.
fn another_run(dir: &SweepDir) {
    saved(dir, &crate::fsck::safetensors::sample(&"0".repeat(32)));
}

/// A checkpoint whose name and hash hold, with a head that says more than is there.
fn lying(dir: &SweepDir) {
    let path = the(dir, "ckpt/", ".ckpt");
    let mut bytes = std::fs::read(path).expect("read");
    bytes.pop();
    saved(dir, &bytes);
}

fn saved(dir: &SweepDir, bytes: &[u8]) {
    let path = the(dir, "ckpt/", ".ckpt");
    let run = path.parent().and_then(Path::file_name).expect("a run").to_string_lossy();
    let run = run.parse().expect("an id");
    crate::store::checkpoint::CheckpointStore::new(dir, &run).save(2, 20, 3, bytes).expect("saved");
}

fn kept_after(dir: &SweepDir) {
    let run = the(dir, "weights/", "");
    let run = run.file_stem().expect("a run").to_string_lossy().parse().expect("an id");
    let bytes = crate::fsck::safetensors::sample(&format!("{run}"));
    crate::store::checkpoint::CheckpointStore::new(dir, &run)
        .save(2, 20, 1, &bytes)
        .expect("saved");
}

pub(super) fn submit(dir: &SweepDir, name: &str) -> PathBuf {
    dir.submit().join(name)
}

const SUBMISSION: &[Damage] = &[
    (
        "intent cut",
        |d| change(&submit(d, "array-000001.intent"), |b| b.truncate(30)),
        Kind::SubmitDamaged,
    ),
    (
        "intent of another number",
        |d| replace(&submit(d, "array-000001.intent"), "\"number\":1", "\"number\":7"),
        Kind::SubmitDamaged,
    ),
    (
        "intent of unknown slices",
        |d| replace(&submit(d, "array-000001.intent"), "\"0-2\"", "\"0-9\""),
        Kind::SubmitDamaged,
    ),
    (
        "intent of no ranges",
        |d| replace(&submit(d, "array-000001.intent"), "\"0-2\"", "\"a-b\""),
        Kind::SubmitDamaged,
    ),
    ("intent gone", |d| remove(&submit(d, "array-000001.intent")), Kind::SubmitMissing),
    ("last intent gone", |d| remove(&submit(d, "array-000002.intent")), Kind::SubmitMissing),
    ("fate gone", |d| remove(&submit(d, "array-000001.fate")), Kind::SubmitMissing),
    (
        "fate of zeros",
        |d| change(&submit(d, "array-000001.fate"), |b| b.fill(0)),
        Kind::SubmitDamaged,
    ),
    ("fate never written", |d| remove(&submit(d, "array-000002.fate")), Kind::IntentOpen),
    ("request gone", |d| remove(&submit(d, "request-000001.json")), Kind::SubmitMissing),
    (
        "request cut",
        |d| change(&submit(d, "request-000001.json"), |b| b.truncate(5)),
        Kind::SubmitDamaged,
    ),
    (
        "order cut",
        |d| change(&submit(d, "order-000001.json"), |b| b.truncate(5)),
        Kind::SubmitDamaged,
    ),
    (
        "order of a later number",
        |d| rename(&submit(d, "order-000001.json"), "order-000003.json"),
        Kind::SubmitMissing,
    ),
    (
        "one number twice",
        |d| drop(std::fs::copy(submit(d, "array-000001.fate"), submit(d, "array-000002.fate"))),
        Kind::JobNumberAgain,
    ),
    (
        "one name twice",
        |d| replace(&submit(d, "array-000002.intent"), "dlg-2", "dlg-1"),
        Kind::NameTwice,
    ),
    (
        "a void one let go",
        |d| {
            drop(std::fs::copy(
                submit(d, "array-000001.released"),
                submit(d, "array-000002.released"),
            ))
        },
        Kind::SubmitDamaged,
    ),
    (
        "claim of zeros",
        |d| std::fs::write(submit(d, "local-000001.json"), [0; 9]).expect("written"),
        Kind::SubmitDamaged,
    ),
    ("opening gone", |d| remove(&d.opening(1)), Kind::OpeningMissing),
    ("opening cut", |d| change(&d.opening(1), |b| b.truncate(9)), Kind::OpeningDamaged),
    (
        "opening of another number",
        |d| replace(&d.opening(1), "\"number\":1", "\"number\":2"),
        Kind::OpeningDamaged,
    ),
    ("opening missing before", |d| rename(&d.opening(1), "0003.json"), Kind::OpeningDamaged),
    ("stage of another sweep", |d| stolen(d), Kind::StageForeign),
    ("damage in a stage", |d| remove(&d.finish(1).spec()), Kind::SpecMissing),
];

/// Puts the finish of another sweep in the place of its own.
fn stolen(dir: &SweepDir) {
    let own = dir.finish(1);
    std::fs::remove_dir_all(own.path()).expect("removed");
    let text = std::fs::read(dir.spec()).expect("read");
    let text = String::from_utf8(text).expect("text").replace("0.6", "0.7");
    let (spec, _) = crate::spec::read("toy.yaml", text.as_bytes(), 10).expect("spec");
    let other = tempfile::tempdir().expect("folder");
    let cut = crate::pack::Cut::Slots(1);
    let other = crate::sweep::Sweep::create(other.path(), spec, text.as_bytes(), &cut);
    let other = other.expect("sweep").sweep;
    let chosen = crate::stage::Chosen { of: &other, points: vec![(0, None)], seeds: vec![0] };
    let kind = crate::spec::StageKind::Finish;
    crate::stage::create(&other, kind, 1, &chosen, &cut).expect("a stage");
    std::fs::rename(other.dir.finish(1).path(), own.path()).expect("moved");
}

const TREE: &[Damage] = &[
    (
        "symbolic link",
        |d| symlink("/etc/passwd", d.path().join("notes")).expect("linked"),
        Kind::SymbolicLink,
    ),
    (
        "segment a link",
        |d| {
            let p = segment(d);
            let q = p.with_file_name("x");
            std::fs::rename(&p, &q).expect("renamed");
            symlink(q, p).expect("linked")
        },
        Kind::SymbolicLink,
    ),
    (
        "stage a link",
        |d| {
            let aside = d.path().with_extension("aside");
            std::fs::rename(d.finish(1).path(), &aside).expect("renamed");
            symlink(aside, d.finish(1).path()).expect("linked")
        },
        Kind::SymbolicLink,
    ),
    (
        "folder a link",
        |d| symlink("/tmp", d.path().join("weights2")).expect("linked"),
        Kind::SymbolicLink,
    ),
    (
        "hard link",
        |d| std::fs::hard_link(segment(d), d.path().join("logs2")).expect("linked"),
        Kind::HardLink,
    ),
    ("file for everybody", |d| mode(&segment(d), 0o666), Kind::WorldWritable),
    ("folder for everybody", |d| mode(&d.segments(), 0o777), Kind::WorldWritable),
    ("sweep for everybody", |d| mode(d.path(), 0o777), Kind::WorldWritable),
    (
        "foreign file",
        |d| std::fs::write(d.path().join("notes.txt"), "x").expect("written"),
        Kind::ForeignFile,
    ),
    (
        "foreign among events",
        |d| std::fs::write(d.submit().join("array-x.fate"), "x").expect("written"),
        Kind::ForeignFile,
    ),
    (
        "leftover",
        |d| std::fs::write(d.submit().join(".0a0a0a0a.tmp"), "x").expect("written"),
        Kind::Leftover,
    ),
    (
        "removed while open",
        |d| std::fs::write(d.segments().join("00/.nfs0001"), "x").expect("written"),
        Kind::Leftover,
    ),
    ("pipe", |d| rustix_pipe(&d.path().join("pipe")), Kind::SpecialFile),
];

fn rustix_pipe(path: &Path) {
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).expect("made");
}

#[test]
fn each_damage_is_found_as_what_it_is() {
    let well = Store::new();
    let mut met = std::collections::BTreeSet::new();
    for (name, damage, kind) in [MANIFEST, SEGMENTS, BESIDE, SUBMISSION, TREE].concat() {
        let store = copy(&well);
        damage(store.dir());
        let checked = check(store.dir()).expect("it can be listed");
        assert!(checked.counts.contains_key(&kind), "{name}: {kind:?} in {:#?}", checked.facts);
        assert_eq!(
            checked.is_well(),
            checked.facts.iter().all(|f| f.kind.severity() == Severity::Harmless)
        );
        let grave = kind.severity() > Severity::Harmless;
        assert!(!grave || !checked.is_well(), "{name}");
        // Nothing that the harmless damages do is taken for something grave.
        assert!(grave || kind == Kind::Torn || checked.is_well(), "{name}: {:#?}", checked.facts);
        met.insert(kind);
    }
    let without: Vec<_> = Kind::ALL.iter().filter(|kind| !met.contains(kind)).collect();
    // Tested on their own below, or by a user that no test can be.
    assert_eq!(without, [&Kind::Unfinished, &Kind::EndsDisagree, &Kind::OtherOwner]);
}

#[test]
fn attempts_that_differ_are_told_and_are_no_damage() {
    let store = Store::new();
    twice(store.dir(), 0.7, "0000000a");
    let to = segment(store.dir()).with_file_name("c000000.a2.0000000a.jsonl");
    rename(
        &segment(store.dir()).with_file_name("c000000.a1.0000000a.jsonl"),
        "c000000.a2.0000000a.jsonl",
    );
    record(&to, 0, |r| head(r).attempt = 2);
    std::fs::write(store.dir().claim(0, 2), "").expect("written");
    assert_eq!(kinds(store.dir()), [(Kind::EndsDisagree, 1)].into());
}

#[test]
fn a_record_with_a_number_far_ahead_is_told_at_once() {
    let store = Store::new();
    std::fs::write(store.dir().opening(u32::MAX), "{}").expect("written");
    assert!(kinds(store.dir())[&Kind::OpeningDamaged] >= 1000);
    std::fs::write(submit(store.dir(), "request-4000000000.json"), "{}").expect("written");
    assert!(kinds(store.dir())[&Kind::SubmitMissing] >= 1000);
}

#[test]
fn a_file_of_another_user_is_told() {
    let store = Store::new();
    if std::os::unix::fs::chown(segment(store.dir()), Some(12345), None).is_err() {
        eprintln!("skipped: only root can give a file away");
        return;
    }
    assert_eq!(kinds(store.dir()), [(Kind::OtherOwner, 1)].into());
}

#[test]
fn a_creation_that_was_cut_short_is_no_damage() {
    let root = tempfile::tempdir().expect("folder");
    let dir = SweepDir::new(root.path().join("toy-12345678"));
    std::fs::create_dir(dir.path()).expect("made");
    assert_eq!(kinds(&dir), [(Kind::Unfinished, 1)].into());
    std::fs::copy(Store::new().dir().spec(), dir.spec()).expect("copied");
    assert_eq!(kinds(&dir), [(Kind::Unfinished, 1)].into());
    assert!(check(&SweepDir::new(root.path().join("nothing"))).is_err());
}

/// A project may have folders that are called as those of a sweep.
#[test]
fn folders_of_another_project_make_no_sweep() {
    let root = tempfile::tempdir().expect("folder");
    let put = |file: &str| {
        let path = root.path().join(file);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, "x").expect("written");
    };
    let dir = SweepDir::new(root.path());
    for other in ["train.py", "weights/x.pt", "tasks/a/b.py", "submit/run.sh", "confirm/x", "ckpt"]
    {
        put(other);
        assert!(check(&dir).is_err() && !is_a_sweep(&dir).expect("listed"), "{other}");
    }
    let run = "0123456789abcdef0123456789abcdef";
    for own in [
        &format!("weights/{run}.safetensors"),
        "tasks/000001/t000003.9ac07b1e.jsonl",
        "submit/array-000001.intent",
        "openings/0001.json",
        "finish-1/SWEEP.json",
    ] {
        put(own);
        assert!(kinds(&dir).contains_key(&Kind::ManifestMissing), "{own}");
        remove(&root.path().join(own));
    }
}

/// What this version numbers otherwise has no other damages on top.
#[test]
fn a_sweep_of_other_runs_is_told_as_that_alone() {
    let store = Store::new();
    replace(&store.dir().manifest(), "\"runs\": 6", "\"runs\": 7");
    let checked = check(store.dir()).expect("it can be listed");
    assert_eq!(checked.counts, [(Kind::ManifestWrong, 1)].into());
    let text = &checked.facts[0].text;
    assert_eq!(text, "it says 7 runs, and to this version of dlgrid the spec has 6");
}

/// Each byte of a segment, flipped or cut off from there: never unseen where something is lost.
#[test]
fn damage_at_every_byte_of_a_segment_is_seen() {
    let store = Store::new();
    let sweep = crate::sweep::Sweep::open(store.dir().clone()).expect("opened");
    let path = segment(store.dir());
    let whole = std::fs::read(&path).expect("read");
    // What the checker does with segments and what tasks counted; the spec is read but once.
    let is_well = |bytes: &[u8]| {
        std::fs::write(&path, bytes).expect("written");
        let (mut facts, mut seen) = (Facts::default(), Seen::default());
        let id = &sweep.manifest.id;
        let results = segments::check(store.dir(), id, Some(&sweep), &mut facts, &mut seen);
        output::check(&sweep, &results.expect("listed"), &mut facts);
        let (_, counts) = facts.finish();
        counts.keys().all(|kind| kind.severity() == Severity::Harmless)
    };
    assert!(is_well(&whole));
    // Without its last newline the last line, that all is there, is cut off: nothing is lost.
    for at in 0..whole.len() - 1 {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        assert!(!is_well(&flipped), "byte {at}");
        let text = String::from_utf8_lossy(&whole[..at]);
        let whole_lines = text.matches('\n').count();
        assert_eq!(is_well(&whole[..at]), whole_lines == 5, "cut at {at}");
    }
}
