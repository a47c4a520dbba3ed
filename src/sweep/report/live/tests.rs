//! A sweep of six runs is watched while its runs begin, end and fail.
use std::collections::BTreeMap;

use super::lines::{self, Told};
use super::*;
use crate::exec::slurm::ledger::tests::entry;
use crate::exec::slurm::ledger::{Fate, Kind, Ledger};
use crate::exec::slurm::parse;
use crate::exec::slurm::request::Request;
use crate::exec::slurm::request::tests::request;
use crate::exec::slurm::state::{Array, Standing};
use crate::judge::Liveness;
use crate::pack::Cut;
use crate::store::read::{RetryPolicy, StoreReader};
use crate::store::record::{End, Number};
use crate::store::segment::{HeadFacts, SegmentWriter};
use crate::sweep::Sweep;

const SPEC: &str =
    "name: toy\ncommand: [sh]\nparameters:\n  x: {int: [0, 5]}\nobjective: {minimize: loss}\n";

struct Watched {
    _root: tempfile::TempDir,
    sweep: Sweep,
    segment: SegmentWriter,
    reader: StoreReader,
    seen: Seen,
    told: Told,
}

fn watched() -> Watched {
    watched_by(None)
}

/// Its slice 0 is worked on by the array of an intent.
fn watched_by(intent: Option<u32>) -> Watched {
    let root = tempfile::tempdir().expect("a folder");
    let (spec, _) = crate::spec::read("toy.yaml", SPEC.as_bytes(), 100).expect("a spec");
    let sweep =
        Sweep::create(root.path(), spec, SPEC.as_bytes(), &Cut::Slots(1)).expect("a sweep").sweep;
    let facts = HeadFacts {
        sweep: sweep.manifest.id.clone(),
        node: Some("n3".into()),
        intent,
        ..HeadFacts::default()
    };
    let segment = SegmentWriter::begin(&sweep.dir, 0, facts).expect("a segment");
    let reader = StoreReader::new(sweep.dir.clone(), sweep.manifest.id.clone());
    Watched { _root: root, sweep, segment, reader, seen: Seen::default(), told: Told::default() }
}

impl Watched {
    fn end(&mut self, index: u64, outcome: Outcome, loss: f64) {
        let run = self.sweep.run(index).expect("a run");
        self.segment.start(&run).expect("written");
        let end = End {
            run: run.id,
            index,
            seed: run.seed,
            outcome,
            cause: None,
            why: (outcome == Outcome::Failed).then(|| "exit code 3: no such layer".into()),
            epochs: 1,
            metrics: BTreeMap::from([("loss".into(), Number(loss))]),
            best: BTreeMap::new(),
            seconds: 1.0,
            samples_per_s: None,
            confusion: None,
            mistakes: Vec::new(),
            weights: None,
            cohort: None,
            from: None,
            time: crate::host::now(),
        };
        self.segment.end(&end).expect("written");
    }

    fn look(&mut self, filter: Option<&str>, is_claimed: bool) -> (Live, String) {
        self.reader.poll().expect("readable");
        let liveness = |_| if is_claimed { Liveness::Alive } else { Liveness::Gone };
        let subject = Subject::new(&self.sweep, self.reader.results(), &liveness);
        let filter = filter.map(|text| Condition::new(text).expect("a condition"));
        let around = Around { filter: filter.as_ref(), is_claimed, ..Around::default() };
        let now = crate::host::now() + 60.0;
        let (live, news) = subject.live(now, &around, &mut self.seen);
        let told = self.told.lines(&live, &news);
        let text = |line: &lines::Line| format!("{}: {}\n", line.event, line.text);
        let text = told.iter().map(text).collect();
        (live, text)
    }
}

#[test]
fn a_sweep_is_told_in_lines_from_its_first_run_to_its_last() {
    let mut toy = watched();
    let run = toy.sweep.run(0).expect("a run");
    toy.segment.start(&run).expect("written");
    let mut told = String::new();
    let mut look = |toy: &mut Watched, is_claimed| {
        let (live, text) = toy.look(None, is_claimed);
        told.push_str(&format!(
            "- at work {}, over {}\n{text}",
            live.at_work.len(),
            live.is_over()
        ));
        live
    };
    let live = look(&mut toy, true);
    assert_eq!((live.at_work[0].node.as_str(), live.at_work[0].parameters.as_str()), ("n3", "x=0"));
    look(&mut toy, true);
    toy.end(0, Outcome::Done, 2.0);
    toy.end(1, Outcome::Done, 1.5);
    toy.end(2, Outcome::Failed, 0.0);
    toy.end(3, Outcome::Failed, 0.0);
    let live = look(&mut toy, true);
    assert_eq!(live.course.best.last(), Some(&(2.0, 1.5)));
    toy.end(4, Outcome::Diverged, f64::NAN);
    toy.end(5, Outcome::Done, 1.75);
    let live = look(&mut toy, false);
    assert!(live.is_over() && live.is_complete());
    assert_eq!(lines::next(&live), "dlgrid logs toy --failed");
    look(&mut toy, false);
    insta::assert_snapshot!(told);
}

#[test]
fn a_filter_narrows_what_is_shown_and_not_what_is_counted() {
    let mut toy = watched();
    for index in 0..5 {
        toy.end(index, Outcome::Done, f64::from(index as u32));
    }
    let (live, _) = toy.look(Some("x >= 3 and state == 'done'"), false);
    assert_eq!(live.status.counts.get(State::Done), 5);
    assert_eq!((live.board.len(), live.course.runs), (2, 2));
    assert_eq!(live.course.best.last(), Some(&(2.0, 3.0)));
    assert!(live.is_over() && !live.is_complete());
    assert_eq!(lines::next(&live), "dlgrid retry toy   (nothing works on it)");
}

#[test]
fn the_queue_is_told_when_it_changes() {
    let mut toy = watched();
    let (mut live, _) = toy.look(None, false);
    let array = |waiting, running| Array {
        job: 12,
        kind: Kind::Runs,
        token: String::new(),
        waiting,
        running,
        reasons: vec!["waits for free nodes (Resources)".into()],
        held: false,
        start: None,
    };
    let mut told = Told::default();
    let mut look = |arrays: Vec<Array>| {
        live.status.arrays = arrays;
        let lines = told.lines(&live, &[]);
        lines
            .iter()
            .filter(|line| line.event == "slurm")
            .map(lines::render_json)
            .collect::<String>()
    };
    assert!(look(vec![array(3, 0)]).contains("array 12: 3 waiting: waits for free nodes"));
    assert_eq!(look(vec![array(3, 0)]), "");
    assert!(look(vec![array(2, 1)]).contains("array 12: 1 running, 2 waiting"));
}

#[test]
fn a_line_that_was_not_due_is_told_later_though_nothing_changes() {
    let mut toy = watched();
    let (mut live, _) = toy.look(None, true);
    toy.end(0, Outcome::Done, 2.0);
    let (mut after, _) = toy.look(None, true);
    let (then, mut told) = (live.at, Told::default());
    told.lines(&live, &[]);
    after.at = then + 1.0;
    assert_eq!(told.lines(&after, &[]), []);
    assert_eq!(told.later(&mut after, then + 9.0), []);
    let later = told.later(&mut after, then + 10.0);
    assert!(later.len() == 1 && later[0].text.starts_with("1 of 6 runs ended"), "{later:?}");
    assert_eq!(told.later(&mut after, then + 60.0), [], "it is told once");
    live.at = then + 70.0;
    assert_eq!(told.later(&mut live, then + 80.0).len(), 1);
}

/// All of its runs have ended: array 71 failed at runs, array 77 tries them again.
#[test]
fn a_retry_in_the_queue_is_not_over_until_its_own_ends_are_there() {
    let of = |number, slices: &str, job, request, kind| {
        let mut entry = entry(number, slices, Some(Fate::Job(job)));
        (entry.intent.request, entry.intent.kind) = (request, kind);
        entry
    };
    let entries = vec![
        of(1, "0", 71, 1, Kind::Runs),
        of(2, "0", 77, 2, Kind::Runs),
        of(3, "", 78, 2, Kind::TopUp),
        of(4, "", 79, 2, Kind::Report),
        of(5, "0", 80, 3, Kind::Runs),
    ];
    let ledger = Ledger { entries };
    let failed = RetryPolicy { failed: true, ..RetryPolicy::default() };
    let again = |again| Request { again, ..request(1, 9) };
    let none = Request { only: Some("x > 9".into()), ..again(failed) };
    let requests =
        HashMap::from([(1, again(RetryPolicy::default())), (2, again(failed)), (3, none)]);
    for (intent, outcome, queued, expected) in [
        (Some(1), Outcome::Failed, "77|0|PENDING|dlg-2", true),
        (Some(1), Outcome::Failed, "78|0|PENDING|dlg-3", true),
        (None, Outcome::Failed, "77|0|PENDING|dlg-2", true),
        (Some(1), Outcome::Done, "77|0|PENDING|dlg-2", false),
        (Some(2), Outcome::Failed, "77|0|PENDING|dlg-2", false),
        (Some(2), Outcome::Failed, "78|0|PENDING|dlg-3", false),
        (Some(1), Outcome::Failed, "71|0|RUNNING|dlg-1", false),
        (Some(1), Outcome::Failed, "79|0|PENDING|dlg-4", false),
        (Some(1), Outcome::Failed, "80|0|PENDING|dlg-5", false),
    ] {
        let mut toy = watched_by(intent);
        for index in 0..6 {
            toy.end(index, outcome, 1.0);
        }
        toy.reader.poll().expect("readable");
        let results = toy.reader.results();
        let rows = parse::queue(&format!("{queued}|N/A||None\n"));
        let standing = Standing::of(&ledger, &rows, 1e9);
        assert_eq!(standing.arrays.len(), 1, "{queued}");
        let tries_again = tries_again(&toy.sweep, results, &ledger, &requests, &standing.arrays);
        assert_eq!(tries_again, expected, "{intent:?} {outcome:?} {queued}");
        let liveness = |_| Liveness::Queued;
        let subject = Subject::new(&toy.sweep, results, &liveness).with_slurm(Some(&standing));
        let around = Around { tries_again, ..Around::default() };
        let (live, _) = subject.live(crate::host::now(), &around, &mut toy.seen);
        assert_eq!((live.is_over(), live.is_complete()), (!expected, true));
    }
}

#[test]
fn what_moved_since_slurm_was_asked_is_at_work_whatever_it_said() {
    let mut watched = watched();
    let nothing = Written::default();
    let run = watched.sweep.run(0).expect("a run");
    watched.segment.start(&run).expect("written");
    watched.reader.poll().expect("readable");
    assert_eq!(nothing.moved(watched.reader.results(), &[]), HashSet::from([0]));
    let then = Written::of(watched.reader.results(), &[]);
    assert!(then.moved(watched.reader.results(), &[]).is_empty(), "it has not moved since");
    std::thread::sleep(std::time::Duration::from_millis(20));
    watched.end(1, Outcome::Done, 0.5);
    watched.reader.poll().expect("readable");
    assert_eq!(then.moved(watched.reader.results(), &[]), HashSet::from([0]));
    let Watched { segment, mut reader, .. } = watched;
    segment.close().expect("closed");
    reader.poll().expect("readable");
    assert!(then.moved(reader.results(), &[]).is_empty(), "its worker has ended in order");
}
