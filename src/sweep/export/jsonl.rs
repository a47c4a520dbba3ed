//! Runs and curves as JSON lines: one object a line; what is missing, or no finite number, is null.
use serde_json::{Map, Value as Json, json};

use super::{Export, Run};
use crate::recipe::Value;
use crate::report::json::finite;

/// One object a run: `parameters` has those that exist there, `metrics` those that it reported.
pub(super) fn runs(export: &Export) -> String {
    let one = |run: &Run| {
        let parameters = export.parameters.iter().zip(&run.parameters);
        let parameters: Map<String, Json> = parameters
            .filter_map(|(name, value)| Some((name.clone(), Value::to_json(value.as_ref()?))))
            .collect();
        let metrics = export.metrics.iter().zip(&run.metrics);
        let metrics: Map<String, Json> =
            metrics.filter_map(|(name, x)| Some((name.clone(), finite((*x)?)))).collect();
        let mut object = identity(run);
        object["parameters"] = parameters.into();
        object["state"] = run.state.key().into();
        object["objective"] = run.objective.map_or(Json::Null, finite);
        object["epochs"] = run.epochs.into();
        object["seconds"] = finite(run.seconds);
        object["ended"] = run.ended.map_or(Json::Null, finite);
        object["why"] = run.why.clone().into();
        object["cohort"] = run.cohort.into();
        object["samples_per_s"] = run.samples_per_s.map_or(Json::Null, finite);
        object["metrics"] = metrics.into();
        format!("{object}\n")
    };
    export.runs.iter().map(one).collect()
}

/// One object an epoch of a run.
pub(super) fn curves(export: &Export) -> String {
    let lines = export.runs.iter().flat_map(|run| {
        run.curve.iter().map(move |epoch| {
            let metrics: Map<String, Json> =
                epoch.metrics.iter().map(|(name, x)| (name.clone(), finite(x.0))).collect();
            let mut object = identity(run);
            object["epoch"] = epoch.epoch.into();
            object["seconds"] = finite(epoch.seconds);
            object["metrics"] = metrics.into();
            format!("{object}\n")
        })
    });
    lines.collect()
}

fn identity(run: &Run) -> Json {
    json!({"run": run.index, "id": run.id, "trial": run.trial, "seed": run.seed,
           "fold": run.fold.map(|fold| fold.number)})
}
