//! What the table of damages has no row for: whose a sweep is, folders that are none, looks at a sweep at
//! work, files of weights byte by byte.
use std::path::Path;

use super::damage::{change, lines, remove, submit, the};
use super::fixture::files;
use super::*;

/// Whose files they are is told once where another looks at a sweep: nothing in it is amiss.
#[test]
fn a_sweep_of_another_user_is_told_once_and_one_whose_users_a_server_squashes_not_at_all() {
    let store = Store::new();
    let give = |user: u32| {
        let mut all = files(store.dir().path());
        all.extend(all.clone().iter().flat_map(|file| file.ancestors().map(Path::to_owned)));
        all.retain(|path| path.starts_with(store.dir().path()));
        all.iter().all(|path| std::os::unix::fs::chown(path, Some(user), None).is_ok())
    };
    if !give(12345) {
        eprintln!("skipped: only root can give a file away");
        return;
    }
    assert_eq!(kinds(store.dir()), [(Kind::OtherOwner, 1)].into());
    assert!(give(65_534));
    assert_eq!(kinds(store.dir()), [].into());
}

/// Such as the folder of all sweeps, which a shell completes with a slash.
#[test]
fn a_folder_that_is_no_sweep_is_refused_and_what_is_left_of_one_is_not() {
    let root = tempfile::tempdir().expect("folder");
    let dir = SweepDir::new(root.path());
    let kept = copy(&Store::new());
    std::fs::rename(kept.dir().path(), root.path().join("toy-12345678")).expect("moved");
    assert!(check(&dir).expect_err("it has sweeps").is_not_found());
    let left = SweepDir::new(root.path().join("toy-12345678"));
    for gone in ["SWEEP.json", "spec.yaml"] {
        remove(&left.path().join(gone));
    }
    for gone in ["seg", "submit", "ckpt", "finish-1", "tasks"] {
        std::fs::remove_dir_all(left.path().join(gone)).expect("removed");
    }
    assert!(kinds(&left).contains_key(&Kind::ManifestMissing), "weights and openings are left");
}

/// What is damaged in the submission says nothing of what came of it.
#[test]
fn an_intent_that_cannot_be_read_makes_no_task_a_strangers() {
    let store = Store::new();
    for file in ["array-000001.intent", "array-000002.fate"] {
        change(&submit(store.dir(), file), |b| b.fill(0));
    }
    assert_eq!(kinds(store.dir()), [(Kind::SubmitDamaged, 2)].into());
    change(&the(store.dir(), "bin/", "worker"), |b| b.push(b'x'));
    assert_eq!(kinds(store.dir())[&Kind::ProgramChanged], 1, "array 2 names it, too");
}

/// A sweep at work: its last runs end between a look at its segments and one at its tasks.
#[test]
fn ends_that_came_after_the_segments_were_read_are_not_lost() {
    let store = Store::new();
    let sweep = crate::sweep::Sweep::open(store.dir().clone()).expect("opened");
    let mut facts = Facts::default();
    let before = crate::store::merge::Results::default();
    output::check(&sweep, &before, &mut facts);
    assert_eq!(facts.finish().0, []);
}

/// As one that may not be read: each in which something else is where a folder was.
#[test]
fn a_folder_that_cannot_be_listed_is_told_and_the_rest_is_checked() {
    let well = Store::new();
    remove(&the(well.dir(), "bin/", "worker"));
    for name in ["seg", "submit", "tasks", "weights", "openings", "ckpt"] {
        let store = copy(&well);
        let folder = store.dir().path().join(name);
        std::fs::remove_dir_all(&folder).expect("removed");
        std::fs::write(&folder, "x").expect("written");
        let found = check(store.dir()).expect("the sweep itself can be listed");
        let unreadable = found.facts.iter().filter(|fact| fact.kind == Kind::Unreadable);
        assert_eq!(unreadable.map(|fact| fact.file.as_str()).collect::<Vec<_>>(), [name]);
        assert_eq!(found.counts[&Kind::Unreadable], 1, "{name}");
        assert!(name == "submit" || found.counts.contains_key(&Kind::ProgramChanged), "{name}");
    }
}

/// Each byte of a file of weights, flipped.
#[test]
fn damage_at_every_byte_of_weights_is_seen() {
    let store = Store::new();
    let path = the(store.dir(), "weights/", "");
    let name = path.file_name().expect("a name").to_string_lossy().into_owned();
    let whole = std::fs::read(&path).expect("read");
    output::one_file(&name, &whole).expect("it is well");
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << bit;
            output::one_file(&name, &flipped).expect_err(&format!("byte {at}, bit {bit}"));
        }
    }
    // Earlier versions left files without a seal.
    output::one_file(&name, &safetensors::plain()).expect("its head is sound");
}

/// What a later dlgrid has written is no damage, and nothing to restore.
#[test]
fn a_file_of_a_later_version_is_told_as_such() {
    let well = Store::new();
    for file in [
        "submit/array-000001.intent",
        "submit/request-000001.json",
        "submit/order-000001.json",
        "openings/0001.json",
    ] {
        let store = copy(&well);
        std::fs::write(store.dir().path().join(file), b"{\"schema\":9,\"new\":[1]}")
            .expect("written");
        assert_eq!(kinds(store.dir()), [(Kind::LaterSchema, 1)].into(), "{file}");
    }
    let error = crate::orders::read(well.dir()).map(drop);
    error.expect("its own is read");
    let task = the(well.dir(), "tasks/", "");
    lines(&task, |lines| {
        let content = "{\"v\":1,\"n\":0,\"schema\":9,\"new\":[1]}";
        lines[0] = format!("{content}\t{:08x}\n", crc32c::crc32c(content.as_bytes())).into_bytes();
    });
    assert_eq!(kinds(well.dir()), [(Kind::LaterSchema, 1)].into());
    std::fs::write(submit(well.dir(), "order-000001.json"), b"{\"schema\":9}").expect("written");
    let told = crate::orders::read(well.dir()).expect_err("a later one");
    assert!(told.to_string().contains("has schema 9, written by a later dlgrid"), "{told}");
}
