//! The report as JSON, in a documented form with a version: see [`REPORT_SCHEMA`].
//!
//! One object: `schema`; `sweep {name, id, dir}`; `objective {metric, goal, at}`;
//! `parameters`: the paths that vary; `seeds`: seeds of every trial, `folds`: of each seed,
//! null without; `trials`: trials that the
//! rows are taken from; `comparison {first, test, level, ratio}`: the id of the trial that the
//! rows are compared with, and how (null where each trial has one run); `rows`, in order; `counts`: runs by state; `missing`: runs not ended
//! that no process will get to; `open`: ranges `{first, last}` of the indices of runs not
//! ended, with `open_truncated`; `failures`: by cause, `{state, why, runs, example, kind,
//! nodes}`, `kind` (`memory`, `time`, `killed`, …) null where it is not known;
//! `together {runs, ended, largest, samples_per_s}`: of the runs that ended, those trained
//! together, where any was;
//! `damaged_lines` and `damage`; `duplicate_ends`; `notes`; `openings` of the test set, see
//! [`tested`]; `importance`, where asked for: `{trials, left_out, explained, parameters, pairs}` with
//! the share of each parameter and pair and its sd (null where it can't be told).
//!
//! A row: `rank` (null without a finite objective), `trial` and `trial_id`, `parameters`: path
//! to value, without those that do not exist at that trial; `objective {mean, sd, n, state}`;
//! `metrics`: name to the same; `seconds` (all its runs) and `seconds_mean` (one);
//! `cohort` (runs trained together with one of its runs, at most) and `samples_per_s` (the mean of
//! its runs; of a run trained with others, those of all of them), where known; `counts`; `runs`
//! where asked for. Where there is a `comparison`: `pairs` (runs of the same seed and fold),
//! `difference` (of the means, less the first's) with the ends of its 95 % interval,
//! `difference_low` and `difference_high`, `p`, and `tied_with_first` (null without a finite
//! objective, and where a run diverged). A number that is not finite is null, and `state` says why: `nan`, `inf`, `-inf`, a
//! state of its runs, or `unreported`; otherwise `state` is `ok`.
use rayon::prelude::*;
use serde_json::{Map, Value as Json, json};

use super::{
    Aim, Cause, Comparison, Paired, REPORT_SCHEMA, Report, Row, RunRow, Summary, Title, importance,
    paired, tested,
};
use crate::judge::Counts;
use crate::recipe::Value;

/// Renders the report, on one line.
#[must_use]
pub fn render(report: &Report) -> String {
    let rows: Vec<String> = report.rows.par_iter().map(|row| self::row(row, report)).collect();
    let mut fields = vec![
        ("schema", json!(REPORT_SCHEMA).to_string()),
        ("sweep", title(&report.sweep).to_string()),
        ("objective", aim(&report.aim).to_string()),
        ("parameters", json!(report.parameters).to_string()),
        ("seeds", report.seeds.to_string()),
        ("folds", json!(report.folds).to_string()),
        ("trials", report.trials.to_string()),
        ("comparison", report.comparison.as_ref().map_or(Json::Null, comparison).to_string()),
        ("rows", format!("[{}]", rows.join(","))),
        ("counts", counts(&report.counts).to_string()),
        ("missing", report.missing.to_string()),
        ("open", json!(report.open.0).to_string()),
        ("open_truncated", report.open.1.to_string()),
        ("failures", failures(&report.causes).to_string()),
        ("damaged_lines", report.damaged_lines.to_string()),
        ("damage", json!(report.damage).to_string()),
        ("duplicate_ends", report.duplicate_ends.to_string()),
        ("notes", json!(report.notes).to_string()),
        ("openings", tested::json(&report.openings).to_string()),
    ];
    fields.extend(report.together.map(|together| ("together", together.to_json().to_string())));
    if let Some(told) = &report.importance {
        let json = importance::json(told, &report.parameters);
        fields.push(("importance", json.to_string()));
    }
    object(&fields) + "\n"
}

/// One JSON object with its fields in this order; each value is JSON already.
pub(super) fn object(fields: &[(&str, String)]) -> String {
    let fields: Vec<String> =
        fields.iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
    format!("{{{}}}", fields.join(","))
}

fn row(row: &Row, report: &Report) -> String {
    let parameters: Vec<(&str, String)> = report
        .parameters
        .iter()
        .zip(&row.parameters)
        .filter_map(|(path, value)| {
            Some((path.as_str(), Value::to_json(value.as_ref()?).to_string()))
        })
        .collect();
    let metrics: Map<String, Json> = report
        .metrics
        .iter()
        .zip(&row.metrics)
        .map(|(name, s)| (name.clone(), summary(s, state_of(s.mean).unwrap_or("unreported"))))
        .collect();
    let objective = summary(&row.objective, row.objective_state().unwrap_or("ok"));
    let mut fields = vec![
        ("rank", json!(row.rank).to_string()),
        ("trial", json!(row.name()).to_string()),
        ("trial_id", json!(row.trial).to_string()),
        ("point", row.point.to_string()),
        ("parameters", object(&parameters)),
        ("objective", objective.to_string()),
        ("metrics", Json::Object(metrics).to_string()),
        ("seconds", finite(row.seconds).to_string()),
        ("seconds_mean", finite(row.seconds_mean).to_string()),
        ("counts", counts(&row.counts).to_string()),
    ];
    fields.extend(row.cohort.map(|runs| ("cohort", runs.to_string())));
    fields.extend(row.samples_per_s.map(|speed| ("samples_per_s", finite(speed).to_string())));
    if let Some(first) = &report.comparison {
        fields.extend(compared(row, first, &report.aim));
    }
    if !row.runs.is_empty() {
        let runs: Json = row.runs.iter().map(run).collect();
        fields.push(("runs", runs.to_string()));
    }
    object(&fields)
}

fn comparison(first: &Comparison) -> Json {
    json!({"first": first.trial, "test": "paired t", "level": paired::LEVEL,
           "ratio": finite(first.ratio)})
}

fn compared(row: &Row, first: &Comparison, aim: &Aim) -> Vec<(&'static str, String)> {
    let of = |pick: fn(&Paired) -> Option<f64>| json!(row.versus.as_ref().and_then(pick));
    let tied = row.versus.map(|_| row.is_tied(aim));
    let tied = tied.or((row.point == first.point).then_some(true));
    vec![
        ("pairs", json!(row.versus.map(|versus| versus.pairs)).to_string()),
        ("difference", of(|versus| versus.difference).to_string()),
        ("difference_low", of(|versus| versus.interval.map(|interval| interval.0)).to_string()),
        ("difference_high", of(|versus| versus.interval.map(|interval| interval.1)).to_string()),
        ("p", of(|versus| versus.p).to_string()),
        ("tied_with_first", json!(tied).to_string()),
    ]
}

fn run(run: &RunRow) -> Json {
    let state = run.state.word();
    let mut object = json!({
        "index": run.index,
        "seed": run.seed,
        "state": state,
        "objective": run.objective.map(finite),
        "seconds": finite(run.seconds),
    });
    if let Some(fold) = run.fold {
        object["fold"] = fold.number.into();
    }
    if let Some(runs) = run.cohort {
        object["cohort"] = runs.into();
    }
    if let Some(speed) = run.samples_per_s {
        object["samples_per_s"] = finite(speed);
    }
    if let Some(why) = &run.why {
        object["why"] = why.as_str().into();
    }
    object
}

/// A mean and what goes with it.
pub(super) fn summary(s: &Summary, state: &str) -> Json {
    json!({"mean": s.mean.map(finite), "sd": s.sd.map(finite), "n": s.n, "state": state})
}

fn state_of(mean: Option<f64>) -> Option<&'static str> {
    mean.map(|x| match x {
        x if x.is_finite() => "ok",
        x if x.is_nan() => "nan",
        x if x > 0.0 => "inf",
        _ => "-inf",
    })
}

/// The number, or null if it is not finite.
pub(crate) fn finite(x: f64) -> Json {
    serde_json::Number::from_f64(x).map_or(Json::Null, Json::Number)
}

/// The sweep.
pub(crate) fn title(title: &Title) -> Json {
    json!({"name": title.name, "id": title.id, "dir": title.dir})
}

/// What it is after.
pub(crate) fn aim(aim: &Aim) -> Json {
    json!({
        "metric": aim.metric,
        "goal": if aim.maximize { "maximize" } else { "minimize" },
        "at": if aim.best { "best" } else { "last" },
    })
}

/// Every state with its number, also those that do not occur.
pub(super) fn counts(counts: &Counts) -> Json {
    let map: Map<String, Json> =
        counts.iter().map(|(state, runs)| (state.key().to_owned(), runs.into())).collect();
    map.into()
}

/// Causes with the number of runs that each stopped.
pub(super) fn failures(causes: &[Cause]) -> Json {
    causes
        .iter()
        .map(|c| {
            json!({"state": c.state.word(), "why": c.text, "runs": c.runs, "example": c.example,
                   "kind": c.kind.map(super::fate::word), "nodes": c.nodes})
        })
        .collect()
}
