//! What must be true of a sweep that was struck, once it is complete.
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;

use super::Figures;
use super::field::Field;
use super::round::jobs_of;
use crate::place::Place;

/// Holds a sweep against the log that its programs kept outside of it.
pub fn check(field: &Field, (on, log): &(Place, PathBuf), runs: u32, figures: &mut Figures) {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let log = Log::read(&text);
    figures.begun += log.begun;
    figures.acknowledged += log.acknowledged.len();
    let mut wrong = Vec::new();
    let ends = ends(on);
    for (run, value) in &log.acknowledged {
        if !ends.contains(&(*run, *value)) {
            wrong.push(format!("lost: the acknowledged end of run {run} with {value}"));
        }
    }
    let report = on.run(["report", "--format", "json"]);
    if report.code != 0 {
        wrong.push(format!("report: code {}: {}", report.code, report.err));
    }
    let shown = shown(&report.json());
    for run in 0..u64::from(runs) {
        match shown.get(&run).map_or(&[][..], Vec::as_slice) {
            [value] if log.ended.contains(&(run, value.to_bits())) => {}
            [] => wrong.push(format!("run {run} is not in the report")),
            [value] => wrong.push(format!("run {run} has {value}, which no program reported")),
            all => wrong.push(format!("run {run} is {} times in the report", all.len())),
        }
    }
    let fsck = on.run(["fsck"]);
    if fsck.code != 0 {
        wrong.push(format!("fsck: code {}: {}", fsck.code, fsck.out));
    }
    for (intent, arrays) in arrays(on).iter().filter(|(_, arrays)| arrays.len() > 1) {
        wrong.push(format!("the arrays {arrays:?} worked for intent {intent}"));
    }
    for job in jobs_of(field, on) {
        wrong.push(format!("orphaned: {job}"));
    }
    let name = on.here.path().display();
    figures.wrong.extend(wrong.into_iter().map(|what| format!("{name}: {what}")));
}

/// What programs have logged. A worker begins its next run only when the end of the one before is on disk: with that
/// line, the end is acknowledged.
#[derive(Default)]
struct Log {
    begun: usize,
    /// Runs and the bits of their values.
    ended: BTreeSet<(u64, u64)>,
    acknowledged: BTreeSet<(u64, u64)>,
}

impl Log {
    fn read(text: &str) -> Self {
        let mut log = Self::default();
        let mut last: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for line in text.lines() {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["begin", _, worker, _] => {
                    log.begun += 1;
                    log.acknowledged.extend(last.remove(worker));
                }
                ["end", run, worker, _, value] => {
                    let value: f64 = value.parse().unwrap();
                    let end = (run.parse().unwrap(), value.to_bits());
                    log.ended.insert(end);
                    last.insert(worker, end);
                }
                _ => panic!("`{line}` in the log"),
            }
        }
        log
    }
}

/// The ends in a sweep's segments: runs and the bits of their values.
fn ends(on: &Place) -> BTreeSet<(u64, u64)> {
    let lines = on.here.lines().into_iter().filter(|line| line["t"] == "end");
    lines
        .filter_map(|end| {
            Some((end["index"].as_u64()?, end["metrics"]["loss"].as_f64()?.to_bits()))
        })
        .collect()
}

/// The values that a report shows of each run.
fn shown(report: &Value) -> BTreeMap<u64, Vec<f64>> {
    let mut shown: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for row in report["rows"].as_array().into_iter().flatten() {
        if let (Some(x), Some(value)) =
            (row["parameters"]["x"].as_u64(), row["objective"]["mean"].as_f64())
        {
            shown.entry(x).or_default().push(value);
        }
    }
    shown
}

/// The arrays whose tasks worked for each intent.
fn arrays(on: &Place) -> BTreeMap<u64, BTreeSet<u64>> {
    let mut arrays: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
    let Some(sweep) = on.here.sweeps().pop() else { return arrays };
    let folders = std::fs::read_dir(sweep.join("tasks")).into_iter().flatten();
    for file in folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap()) {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap_or_default();
        let begins = text.lines().filter_map(|line| {
            let line: Value = serde_json::from_str(line.split('\t').next()?).ok()?;
            Some((line["intent"].as_u64()?, line["array"].as_u64()?))
        });
        for (intent, array) in begins {
            arrays.entry(intent).or_default().insert(array);
        }
    }
    arrays
}
