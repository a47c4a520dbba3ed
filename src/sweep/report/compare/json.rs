//! The comparison as JSON, in a documented form with a version: see [`super::COMPARE_SCHEMA`].
use serde_json::{Map, Value as Json, json as object};

use super::super::json as form;
use super::super::{Paired, paired};
use super::{COMPARE_SCHEMA, Compared, Match};
use crate::recipe::Value;

/// Renders the comparison, on one line.
#[must_use]
pub fn render(compared: &Compared) -> String {
    let differs = compared
        .differs
        .iter()
        .map(|d| object!({"setting": d.setting, "first": d.values[0], "second": d.values[1]}));
    let one = |m: &Match| self::one(compared, m);
    let all = object!({
        "schema": COMPARE_SCHEMA,
        "first": form::title(&compared.sweeps[0]),
        "second": form::title(&compared.sweeps[1]),
        "objective": form::aim(&compared.aim),
        "test": "paired t",
        "level": paired::LEVEL,
        "differs": differs.collect::<Vec<Json>>(),
        "parameters": compared.parameters,
        "matches": compared.matches.iter().map(one).collect::<Vec<Json>>(),
        "best": compared.best.as_ref().map(one),
        "overall": versus(Some(&compared.overall)),
        "second_better": compared.better,
        "alone": {"first": compared.alone[0], "second": compared.alone[1]},
    });
    format!("{all}\n")
}

fn one(compared: &Compared, m: &Match) -> Json {
    let side = |side: usize| {
        let named = compared.parameters.iter().zip(&m.parameters[side]);
        let parameters: Map<String, Json> = named
            .filter_map(|(path, value)| Some((path.clone(), Value::to_json(value.as_ref()?))))
            .collect();
        let state = m.states[side].unwrap_or("ok");
        object!({"trial": m.trials[side], "parameters": parameters,
                 "objective": form::summary(&m.objectives[side], state)})
    };
    let mut object = versus(m.versus.as_ref());
    object["first"] = side(0);
    object["second"] = side(1);
    object
}

/// All of it null where trials are not compared.
fn versus(versus: Option<&Paired>) -> Json {
    let interval = versus.and_then(|v| v.interval);
    object!({"pairs": versus.map(|v| v.pairs), "difference": versus.and_then(|v| v.difference),
             "difference_low": interval.map(|i| i.0), "difference_high": interval.map(|i| i.1),
             "p": versus.and_then(|v| v.p), "tied": versus.map(Paired::is_tied)})
}
