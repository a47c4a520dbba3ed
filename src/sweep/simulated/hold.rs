//! What must be true once the life of a world is over: nothing that was acknowledged is lost, nothing was
//! done twice, nothing stays behind, nothing of others was touched.
use std::collections::{BTreeMap, BTreeSet};

use super::life::RUNS;
use super::with;
use crate::fsck;
use crate::judge::Liveness;
use crate::report::collect::Subject;
use crate::report::{Query, csv, keep};
use crate::store::merge::{Results, RunState};
use crate::store::record::Outcome;
use crate::store::{fs, read};
use crate::sweep::Sweep;

pub fn results(sweep: &Sweep) -> Results {
    read::load(&sweep.dir, &sweep.manifest.id).expect("nothing fails")
}

pub fn ends(results: &Results) -> BTreeMap<u64, Option<Outcome>> {
    let end = |run: &RunState| run.end.as_ref().map(|end| end.outcome);
    results.runs.iter().map(|(index, run)| (*index, end(run))).collect()
}

/// Whether all runs are done, and the report is written where one is wanted, and nothing works any more.
pub fn is_over(sweep: &Sweep, results: &Results) -> bool {
    let done = ends(results).values().filter(|end| **end == Some(Outcome::Done)).count() as u64;
    let (left, reports) = with(|world| (world.left_in_queue(), world.habits.report));
    let is_kept = || keep::is_kept(&sweep.dir).expect("listed");
    done == RUNS && left.is_empty() && (!reports || is_kept())
}

pub fn hold(sweep: &Sweep) {
    let results = results(sweep);
    let checked = fsck::check(&sweep.dir).expect("listed");
    assert!(checked.is_well(), "{:#?}", checked.facts);
    acknowledged_ends_count(&results);
    let subject = Subject::new(sweep, &results, &|_| Liveness::Gone);
    let report = subject.report(Query::default()).expect("a report");
    assert_eq!(csv::render(&report).lines().count() as u64, 1 + RUNS, "each run once");
    reports_are_whole(sweep);
    nothing_was_done_twice();
    nothing_is_left();
}

fn acknowledged_ends_count(results: &Results) {
    let acknowledged = with(|world| world.witness.acknowledged.clone());
    for (index, attempt, bits) in &acknowledged {
        let end = results.end(*index).expect("each acknowledged end is there");
        assert_eq!(end.outcome, Outcome::Done, "run {index}");
        assert!(end.at.attempt >= *attempt, "run {index}: the later attempt counts");
        let loss = results.names.id("valid/loss").and_then(|id| end.metric(id));
        let of_this = acknowledged.iter().filter(|(i, a, _)| (i, *a) == (index, end.at.attempt));
        if of_this.clone().count() == 1 && end.at.attempt == *attempt {
            assert_eq!(loss.map(f64::to_bits), Some(*bits), "run {index}: bits of the end");
        }
    }
}

fn nothing_was_done_twice() {
    let mut worked: BTreeMap<u32, BTreeSet<u64>> = BTreeMap::new();
    let (pairs, twice, trespasses) = with(|world| {
        let witness = &world.witness;
        (witness.worked.clone(), witness.twice.clone(), world.slurm.trespasses.clone())
    });
    for (intent, array) in pairs {
        worked.entry(intent).or_default().insert(array);
    }
    assert!(worked.values().all(|arrays| arrays.len() == 1), "two jobs of one intent: {worked:?}");
    assert!(twice.is_empty(), "two arrays at once on a slice: {twice:?}");
    assert!(trespasses.is_empty(), "{trespasses:?}");
}

/// Few files, none outside the sweep, and of those in the making no more than processes were cut short.
fn nothing_is_left() {
    with(|world| {
        let (files, drafts) = (world.server.files(), world.server.drafts());
        assert!(files < 600, "{files} files");
        assert!(world.witness.strays.is_empty(), "outside: {:?}", world.witness.strays);
        assert!(drafts.len() <= world.witness.cut_short, "left in the making: {drafts:?}");
    });
}

/// Each report can be read, and its forms say the same.
fn reports_are_whole(sweep: &Sweep) {
    let root = sweep.dir.reports();
    for number in fs::list_dir(&root).expect("listed") {
        let text = |form: &str| {
            let path = root.join(&number).join(format!("leaderboard.{form}"));
            fs::read(&path).ok().map(|bytes| String::from_utf8(bytes).expect("text"))
        };
        let Some(json) = text("json") else { continue };
        let board: serde_json::Value = serde_json::from_str(&json).expect("a board");
        let rows = board["rows"].as_array().expect("rows");
        assert_eq!(rows.len() as u64, RUNS, "{json}");
        let loss = |row: &serde_json::Value| row["objective"]["mean"].as_f64();
        let losses: Vec<Option<f64>> = rows.iter().map(loss).collect();
        if let Some(table) = text("csv") {
            let mut lines = table.lines().map(|line| line.split(',').collect::<Vec<_>>());
            let head = lines.next().expect("a head");
            let at = head.iter().position(|name| *name == "valid/loss").expect("a column");
            let same: Vec<Option<f64>> = lines.map(|line| line[at].parse().ok()).collect();
            assert_eq!(losses, same, "report {number}: two of them in one folder");
        }
    }
}
