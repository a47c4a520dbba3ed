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

/// What can't be read by now is told, and takes nothing else along.
#[test]
#[expect(clippy::disallowed_methods, reason = "tests damage files behind the store's back")]
fn what_can_be_read_is_read_beside_what_can_not() {
    let tmp = tempfile::tempdir().expect("a folder");
    let dir = SweepDir::new(tmp.path());
    for number in 1..=4 {
        declare(&dir, &entry(number, "0", None).intent).expect("free");
        decide(&dir, number, Fate::Job(number.into())).expect("free");
    }
    assert_eq!(Readable::of(&dir).ledger, Ledger::read(&dir).expect("readable"));
    for file in
        ["array-000001.intent", "array-000002.fate", "array-000003.intent", "array-000003.fate"]
    {
        std::fs::write(dir.submit().join(file), [0; 9]).expect("damaged");
    }
    Ledger::read(&dir).expect_err("damaged");
    let Readable { ledger, lost, errors } = Readable::of(&dir);
    let jobs: Vec<_> = ledger.entries.iter().map(|e| (e.intent.number, e.job())).collect();
    assert_eq!(jobs, [(2, None), (4, Some(4))]);
    assert_eq!(lost, [(1, Some(1)), (3, None)].into());
    assert_eq!(errors.len(), 4);
}

/// The way out that `fsck` names where an array's file can't be restored.
#[test]
#[expect(clippy::disallowed_methods, reason = "tests damage files behind the store's back")]
fn an_array_that_was_moved_away_as_a_whole_leaves_its_number_free() {
    let tmp = tempfile::tempdir().expect("a folder");
    let dir = SweepDir::new(tmp.path());
    for number in 1..=2 {
        declare(&dir, &entry(number, "0", None).intent).expect("free");
        decide(&dir, number, Fate::Job(number.into())).expect("free");
        mark_released(&dir, number).expect("free");
    }
    std::fs::write(dir.submit().join("array-000002.intent"), [0; 9]).expect("damaged");
    for end in ["intent", "fate", "released"] {
        std::fs::remove_file(dir.submit().join(format!("array-000002.{end}"))).expect("moved");
    }
    let number = Ledger::read(&dir).expect("readable").last() + 1;
    declare(&dir, &entry(number, "0", None).intent).expect("free");
    assert_eq!(decide(&dir, number, Fate::Job(9)).expect("free"), Fate::Job(9));
}
