//! How a sweep is getting on, as JSON.
use serde_json::{Map, Value as Json, json};

use super::super::{Together, json};
use super::{STATUS_SCHEMA, Status};
use crate::cohort::Survey;

/// Renders JSON, on one line: `schema`, `sweep {name, id, dir}`, `objective {metric, goal,
/// at}`, `counts`, `total`, `ended`, `missing`, `open`, `open_truncated`, `best {trial,
/// parameters, objective}` or null, `running [{index, trial, seed, seconds, epochs_saved}]`,
/// `slurm [{array, kind, running, waiting, reasons, start}]`, `pace
/// {seconds_a_run, at_once, runs_an_hour, seconds_left (or null)}` or null, `fused {runs, largest, alone
/// [{why, runs}]}` as planned and `together {runs, ended, largest, samples_per_s}` of those that
/// ended, each or null, `failures [{state, why, runs,
/// example, kind, nodes}]`, `last_lines` of the first of them, `bad_nodes [{node, starts, failed,
/// why}]`, `damaged_lines`.
#[must_use]
pub fn render_json(status: &Status) -> String {
    let best = status.best.as_ref().map(|row| {
        let parameters: Map<String, Json> = status
            .parameters
            .iter()
            .zip(&row.parameters)
            .filter_map(|(path, value)| Some((path.clone(), value.as_ref()?.to_json())))
            .collect();
        let state = row.objective_state().unwrap_or("ok");
        json!({
            "trial": row.name(),
            "trial_id": row.trial,
            "parameters": parameters,
            "objective": json::summary(&row.objective, state),
        })
    });
    let running: Vec<Json> = status
        .running
        .iter()
        .map(|r| {
            let mut object = json!({"index": r.index, "trial": r.trial, "seed": r.seed,
                   "seconds": r.seconds.map(json::finite), "epochs_saved": r.epoch});
            if let Some(fold) = r.fold {
                object["fold"] = fold.number.into();
            }
            object
        })
        .collect();
    let slurm: Vec<Json> = status
        .arrays
        .iter()
        .map(|a| {
            json!({"array": a.job, "kind": a.kind.word(), "running": a.running, "waiting": a.waiting,
                   "reasons": a.reasons, "start": a.start})
        })
        .collect();
    let pace = status.pace.map(|p| {
        json!({"seconds_a_run": json::finite(p.seconds_a_run), "at_once": p.at_once,
               "runs_an_hour": json::finite(p.runs_an_hour),
               "seconds_left": p.seconds_left.map(json::finite)})
    });
    let notes: Vec<Json> =
        status.notes.iter().map(|n| json!({"about": n.about, "text": n.text})).collect();
    let bad_nodes: Vec<Json> = status
        .bad_nodes
        .iter()
        .map(|b| json!({"node": b.node, "starts": b.starts, "failed": b.failed, "why": b.why}))
        .collect();
    json::object(&[
        ("schema", json!(STATUS_SCHEMA).to_string()),
        ("sweep", json!(json::title(&status.sweep)).to_string()),
        ("objective", json!(json::aim(&status.aim)).to_string()),
        ("counts", json!(json::counts(&status.counts)).to_string()),
        ("total", json!(status.counts.total()).to_string()),
        ("ended", json!(status.counts.ended()).to_string()),
        ("missing", json!(status.missing).to_string()),
        ("open", json!(status.open.0).to_string()),
        ("open_truncated", json!(status.open.1).to_string()),
        ("best", json!(best).to_string()),
        ("running", json!(running).to_string()),
        ("slurm", json!(slurm).to_string()),
        ("pace", json!(pace).to_string()),
        ("fused", status.fused.as_ref().map_or(Json::Null, Survey::to_json).to_string()),
        ("together", json!(status.together.as_ref().map(Together::to_json)).to_string()),
        ("failures", json!(json::failures(&status.causes)).to_string()),
        ("last_lines", json!(status.last_lines).to_string()),
        ("pauses", json!(json::failures(&status.pauses)).to_string()),
        ("bad_nodes", json!(bad_nodes).to_string()),
        ("notes", json!(notes).to_string()),
        ("damaged_lines", json!(status.damaged_lines).to_string()),
    ]) + "\n"
}
