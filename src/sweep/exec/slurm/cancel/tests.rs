//! What is cancelled, in which order, and until when.
use std::cell::RefCell;
use std::collections::VecDeque;

use super::*;
use crate::exec::claim::Claim;
use crate::exec::slurm::ledger::tests::entry;
use crate::exec::slurm::ledger::{Fate, Intent};

#[test]
fn what_waits_for_an_array_is_cancelled_before_it() {
    let of = |number, kind| {
        let entry = entry(number, "0", None);
        Entry { intent: Intent { kind, ..entry.intent }, ..entry }
    };
    let kinds = [Kind::Canary, Kind::Runs, Kind::TopUp, Kind::Runs, Kind::Report];
    let entries: Vec<Entry> = (1..).zip(kinds).map(|(n, kind)| of(n, kind)).collect();
    let order: Vec<u32> = in_order(&entries).iter().map(|e| e.intent.number).collect();
    assert_eq!(order, [3, 1, 5, 2, 4]);
}

/// Another sweep of the same spec, in another folder, has the same id, and other jobs.
#[test]
fn a_job_whose_intent_cannot_be_read_is_known_by_its_name_and_number() {
    let row = |array, name: &str, state| {
        crate::exec::slurm::parse::queue(&format!("{array}|1|{state}|{name}|N/A||None\n")).remove(0)
    };
    let rows = vec![
        row(7, "dlg-c0ffee00-000001-aaaaaaaa", "RUNNING"),
        row(8, "dlg-c0ffee00-000001-bbbbbbbb", "RUNNING"),
        row(9, "dlg-c0ffee00-000002-cccccccc", "PENDING"),
        row(9, "dlg-c0ffee00-000002-cccccccc", "RUNNING"),
        row(10, "dlg-c0ffee00-000003-dddddddd", "PENDING"),
        row(11, "dlg-deadbeef-000002-eeeeeeee", "PENDING"),
        row(12, "dlg-c0ffee00-000002-ffffffff", "COMPLETED"),
    ];
    let lost = [(1, Some(7)), (2, None)].into();
    let found = of_lost_intents(&lost, "c0ffee0011223344", &rows);
    assert_eq!(found.iter().map(|row| row.array).collect::<Vec<_>>(), [7, 9]);
    assert!(is_back(found[1]), "one task of it waits");
}

/// A Slurm whose answers to `squeue` are given, and what happens after each.
struct Scripted<'a> {
    answers: RefCell<VecDeque<Answer<'a>>>,
    cancelled: RefCell<Vec<u64>>,
}

/// Lines of `array state token`, and what happens before they arrive.
type Answer<'a> = (&'a str, &'a dyn Fn());

impl<'a> Scripted<'a> {
    fn new(answers: impl IntoIterator<Item = Answer<'a>>) -> Self {
        Self { answers: RefCell::new(answers.into_iter().collect()), cancelled: RefCell::default() }
    }

    /// Whether it is clear, and the jobs that were told.
    fn clear(&self, dir: &SweepDir) -> (bool, Vec<(Option<Kind>, u64)>) {
        let mut told = Vec::new();
        let tell = &mut |found: Found<'_>| told.push((found.kind, found.array));
        let clear = rounds(dir, self, tell).expect("it answers");
        assert!(self.answers.borrow().is_empty(), "it was asked too seldom");
        (clear, told)
    }
}

impl Queue for Scripted<'_> {
    fn rows(&self) -> Result<Vec<Row>, SlurmError> {
        let (lines, then) = self.answers.borrow_mut().pop_front().expect("a question too many");
        let row = |line: &str| {
            let words: Vec<&str> = line.split(' ').collect();
            format!("{}|0|{}|{}|N/A||None\n", words[0], words[1], words[2])
        };
        let rows = crate::exec::slurm::parse::queue(&lines.lines().map(row).collect::<String>());
        then();
        Ok(rows)
    }

    fn cancel(&self, array: u64, _: &str) -> Result<(), SlurmError> {
        self.cancelled.borrow_mut().push(array);
        Ok(())
    }
}

fn nothing() {}

#[test]
fn what_is_submitted_while_the_queue_is_asked_is_cancelled_too() {
    let tmp = tempfile::tempdir().expect("a folder");
    let dir = SweepDir::new(tmp.path());
    ledger::declare(&dir, &entry(1, "0", None).intent).expect("declared");
    ledger::decide(&dir, 1, Fate::Job(7)).expect("decided");
    // Between the queue's answer and the look at the intents another `submit` comes and goes.
    let submits = || {
        ledger::declare(&dir, &entry(2, "1", None).intent).expect("declared");
        ledger::decide(&dir, 2, Fate::Job(8)).expect("decided");
    };
    let slurm = Scripted::new([
        ("7 COMPLETED dlg-1", &submits as &dyn Fn()),
        ("7 COMPLETED dlg-1\n8 RUNNING dlg-2", &nothing),
        ("7 COMPLETED dlg-1\n8 COMPLETING dlg-2", &nothing),
    ]);
    assert_eq!(slurm.clear(&dir), (true, vec![(Some(Kind::Runs), 8)]));
    assert_eq!(*slurm.cancelled.borrow(), [8]);
}

#[test]
fn a_submission_that_is_under_way_is_waited_for() {
    let tmp = tempfile::tempdir().expect("a folder");
    let dir = SweepDir::new(tmp.path());
    let intent = Intent { by: Claim::of_this_process(), ..entry(1, "0", None).intent };
    ledger::declare(&dir, &intent).expect("declared");
    let decides = || drop(ledger::decide(&dir, 1, Fate::Job(7)).expect("decided"));
    // Its job comes after the answer, its number before the look at the intents.
    let slurm = Scripted::new([
        ("", &decides as &dyn Fn()),
        ("7 PENDING dlg-1", &nothing),
        ("7 PENDING dlg-1", &nothing),
        ("", &nothing),
    ]);
    assert_eq!(slurm.clear(&dir), (true, vec![(Some(Kind::Runs), 7)]));
    assert_eq!(*slurm.cancelled.borrow(), [7, 7], "what was put back goes again");
}

#[test]
fn a_submission_that_does_not_end_is_told() {
    let tmp = tempfile::tempdir().expect("a folder");
    let dir = SweepDir::new(tmp.path());
    assert_eq!(Scripted::new([]).clear(&dir), (true, vec![]), "nothing was ever submitted");
    let intent = Intent { by: Claim::of_this_process(), ..entry(1, "0", None).intent };
    ledger::declare(&dir, &intent).expect("declared");
    let slurm = Scripted::new([("", &nothing as &dyn Fn()); ROUNDS as usize]);
    assert_eq!(slurm.clear(&dir), (false, vec![]));
}
