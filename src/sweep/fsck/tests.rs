//! The checker finds each kind of damage, and nothing in a store that is well.
#![expect(clippy::disallowed_methods, reason = "tests damage files behind the store's back")]

mod apart;
mod damage;
mod faults;
mod fixture;
mod golden;
mod life;
mod mend;
mod mutants;
mod torture;

use super::*;
use fixture::{Store, copy};

/// The kinds that are found in a store, with how often.
fn kinds(dir: &SweepDir) -> BTreeMap<Kind, u64> {
    check(dir).expect("it can be listed").counts
}

#[test]
fn a_store_that_is_well_gives_nothing() {
    let store = Store::new();
    let checked = check(store.dir()).expect("it can be listed");
    assert_eq!(checked.facts, [], "nothing is found");
    assert!(checked.is_well());
    let seen = checked.seen;
    assert_eq!((seen.segments, seen.ends, seen.checkpoints), (4, 3, 1));
    assert!(seen.files > 15 && seen.bytes > 3000, "{seen:?}");
}

#[test]
fn what_is_found_is_told_to_people_and_to_programs() {
    let store = Store::new();
    std::fs::remove_file(store.dir().claim(0, 1)).expect("removed");
    let spec = store.dir().spec();
    std::fs::write(&spec, b"name: toy\nno: yes\n\x1b[31m").expect("written");
    let checked = check(store.dir()).expect("it can be listed");
    let view = crate::terminal::View { width: None, color: false };
    let text = view::render(&checked, &[], view);
    assert!(text.contains("damage: spec.yaml "), "{text}");
    assert!(text.contains("warning: seg/00/c000000.a1.claim is not there"), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
    let json: serde_json::Value =
        serde_json::from_str(&view::render_json(&checked, &[])).expect("JSON");
    assert_eq!(json["schema"], "dlgrid.fsck/1");
    assert_eq!(json["well"], false);
    assert_eq!(json["facts"][0]["severity"], "damage");
    assert_eq!(json["counts"]["claim_missing"], 1);
}
