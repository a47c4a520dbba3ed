//! Numbers are taken and fates decided once.
use super::*;

pub fn entry(number: u32, slices: &str, fate: Option<Fate>) -> Entry {
    let by = Claim { host: "elsewhere".into(), pid: 1, started: 1, time: 0.0 };
    let intent = Intent {
        schema: LEDGER_SCHEMA,
        number,
        token: format!("dlg-{number}"),
        kind: Kind::Runs,
        request: 1,
        since: 0,
        slices: slices.into(),
        per_task: 1,
        granted: Granted::default(),
        share: None,
        after: None,
        words: vec![],
        by,
    };
    Entry { intent, fate, released: true }
}

#[test]
fn the_first_that_takes_a_number_or_decides_a_fate_has_it() {
    let tmp = tempfile::tempdir().expect("a folder");
    let dir = SweepDir::new(tmp.path());
    let one = entry(1, "0-3", None);
    declare(&dir, &one.intent).expect("free");
    assert!(declare(&dir, &one.intent).expect_err("taken").is_exists());
    assert_eq!(read_fate(&dir, 1).expect("readable"), None);
    let ours = Fate::Job(7);
    assert_eq!(decide(&dir, 1, ours.clone()).expect("free"), ours);
    assert_eq!(decide(&dir, 1, Fate::Void("late".into())).expect("decided"), ours);
    let ledger = Ledger::read(&dir).expect("readable");
    assert_eq!(ledger.last(), 1);
    assert_eq!(ledger.entries[0].job(), Some(7));
    assert!(!ledger.entries[0].released);
    assert_eq!(read_released(&dir, 1).expect("readable"), None);
    mark_released(&dir, 1).expect("free");
    mark_released(&dir, 1).expect("again");
    assert!(read_released(&dir, 1).expect("readable").expect("a time") > 1e9);
    assert!(Ledger::read(&dir).expect("readable").entries[0].released);
    assert_eq!(Ledger::read(&dir).expect("readable").entries[0].slices(), [0, 1, 2, 3]);
}

#[test]
fn a_submission_elsewhere_is_under_way_for_ten_minutes() {
    let open = entry(1, "0", None);
    assert!(open.is_under_way(599.0) && !open.is_under_way(601.0));
    assert!(open.is_under_way(-599.0) && !open.is_under_way(-86_400.0));
    assert!(!entry(1, "0", Some(Fate::Job(1))).is_under_way(1.0));
}
