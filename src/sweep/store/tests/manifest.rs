//! The manifest: created once, refused if a later dlgrid wrote it.
use super::*;
use crate::store::fs;
use crate::store::manifest::{Creation, MANIFEST_SCHEMA, Manifest, SliceSpan};

pub(super) fn manifest() -> Manifest {
    Manifest {
        schema: MANIFEST_SCHEMA,
        id: SWEEP.into(),
        name: "fashion-depth".into(),
        spec_hash: "ab".into(),
        recipe_schema: 1,
        trials: 28,
        runs: 84,
        slices: vec![
            SliceSpan { start: 0, end: 50, runs: 44 },
            SliceSpan { start: 50, end: 90, runs: 40 },
        ],
        objective: "maximize valid/f1 (last)".into(),
        created: 1.5,
        dlgrid: "0.1.0".into(),
        git: None,
        host: "login1".into(),
    }
}

#[test]
fn the_first_one_stays() {
    let (_keep, dir) = scratch();
    assert!(Manifest::read(&dir).expect_err("not there").is_not_found());
    assert_eq!(manifest().create(&dir).expect("create"), Creation::Created);
    let other = Manifest { id: "ff".repeat(16), ..manifest() };
    let existed = other.create(&dir).expect("a fact, no error");
    assert_eq!(existed, Creation::Existed(Box::new(manifest())));
    assert_eq!(Manifest::read(&dir).expect("read"), manifest());
}

#[test]
fn later_and_damaged_ones_are_refused_with_the_way_out() {
    let (_keep, dir) = scratch();
    let later = Manifest { schema: MANIFEST_SCHEMA + 1, dlgrid: "9.2.0".into(), ..manifest() };
    later.create(&dir).expect("create");
    let refused = Manifest::read(&dir).expect_err("later");
    assert_eq!(refused.hint().as_deref(), Some("use dlgrid 9.2.0 or later for this sweep"));
    assert!(refused.to_string().contains("schema 2, written by dlgrid `9.2.0`"), "{refused}");
    for (damaged, at) in [("", "EOF"), ("{}", "schema"), ("{\"schema\":1}", "id")] {
        std::fs::write(dir.manifest(), damaged).expect("write");
        let refused = Manifest::read(&dir).expect_err("damaged");
        let source = std::error::Error::source(&refused).expect("cause").to_string();
        assert!(source.contains(at), "{source}");
    }
    assert!(fs::read(&dir.manifest()).is_ok());
}
