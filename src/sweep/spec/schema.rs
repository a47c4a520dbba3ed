//! The JSON Schema and the reference of a spec, made from the tables that validate it.
use serde_json::{Map, Value as Json, json};

use super::slurm::{KEYS as SLURM, SlurmKind};
use super::stages;
use crate::recipe::key::{Bound, KEYS, Key, Kind, Lit, Preset, SYNONYMS};

/// The JSON Schema (draft 2020-12) of a spec.
#[must_use]
pub fn json_schema() -> Json {
    let block = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "parameters": parameters(),
            "zip": {"type": "array", "items": parameters()},
            "when": {"type": "object", "additionalProperties": {"type": "string"}},
            "exclude": {"type": "array", "items": {"type": ["object", "string"]}},
        },
    });
    let mut properties = json!({
        "name": {"type": "string", "pattern": "^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?$", "not": {"pattern": "^([Cc][Oo][Nn]|[Pp][Rr][Nn]|[Aa][Uu][Xx]|[Nn][Uu][Ll])$"}, "description": "the sweep's name; the file's name where it is left out"},
        "description": {"type": "string", "description": "what the sweep asks, for people"},
        "train": train(),
        "command": {"type": "array", "minItems": 1, "items": {"type": ["string", "number"]}, "description": "any program; `{path}` stands for a parameter's value"},
        "seeds": {"oneOf": seeds(100_000), "description": "how many seeds every trial is run with, or which"},
        "short": {"type": "object", "properties": {"epochs": {"type": "integer", "minimum": 1}}, "required": ["epochs"], "additionalProperties": false, "description": "the search trains less; the stages after it train as `train.epochs` says"},
        "confirm": {"type": "object", "properties": {"top": {"type": "integer", "minimum": 1, "maximum": stages::MOST_TRIALS}, "seeds": {"oneOf": seeds(stages::MOST)}}, "required": ["top", "seeds"], "additionalProperties": false, "description": "runs the best trials again: how many, and on how many fresh seeds, or which"},
        "folds": {"type": "integer", "minimum": 2, "maximum": 1000, "description": "k of a k-fold cross-validation: every trial is run k times with every seed, each time with another part of the training samples held back"},
        "objective": {"type": "object", "properties": {"maximize": {"type": "string"}, "minimize": {"type": "string"}, "at": {"enum": ["last", "best"]}}, "additionalProperties": false, "oneOf": [{"required": ["maximize"]}, {"required": ["minimize"]}], "description": "what the leaderboard ranks by"},
        "search": {"enum": ["grid"], "description": "how the space is walked"},
        "checkpoint": {"type": "string", "pattern": LENGTH, "description": "time between two checkpoints of a run, such as `5m`"},
        "fuse": {"oneOf": [{"enum": ["auto", "off"]}, {"type": "integer", "minimum": 2, "maximum": 4096}], "description": "whether runs whose tensors have the same shapes are trained together: where it is known to be faster, never, or wherever it can be done, so many at most"},
        "include": {"type": "array", "items": {"type": "object"}, "description": "points on top of the grid"},
        "sweeps": {"type": "array", "items": block, "description": "a union of blocks; duplicates count once"},
        "slurm": slurm(),
        "retry": {"type": "object", "additionalProperties": false, "description": "how much more `dlgrid retry` asks for", "properties": {
            "max": {"type": "integer", "minimum": 0, "description": "times that more is asked for (2)"},
            "on": {"type": "object", "additionalProperties": false, "properties": {
                "oom": {"type": "object", "properties": {"memory": factor("1.5")}, "additionalProperties": false},
                "timeout": {"type": "object", "properties": {"time": factor("2")}, "additionalProperties": false},
            }},
        }},
        "max_failures": {"type": "integer", "minimum": 1, "description": "runs that may fail before the sweep is stopped"},
        "after": {"enum": ["report"], "description": "`report`: write the leaderboard when the sweep is complete"},
        "sanity": {"type": "boolean", "description": "whether a sample of the trials must learn one batch by heart before any is trained"},
        "on_complete": {"type": "array", "items": {"type": ["string", "integer"]}, "minItems": 1, "description": "a program, with its words, that is started once when the sweep is complete"},
    });
    if let (Some(all), Some(shaping)) =
        (properties.as_object_mut(), block["properties"].as_object())
    {
        all.extend(shaping.clone());
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "a dlgrid sweep",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
        "oneOf": [{"required": ["train"]}, {"required": ["command"]}],
        "$defs": {"domain": domain()},
    })
}

/// A length of time, such as `1h30m`.
const LENGTH: &str = r"^\s*(([0-9]+\.?[0-9]*|\.[0-9]+)\s*(s|sec|m|min|h|d)\s*)+$";

/// How many seeds, or which.
fn seeds(most: i64) -> Json {
    json!([
        {"type": "integer", "minimum": 1, "maximum": most},
        {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1, "uniqueItems": true},
    ])
}

fn factor(preset: &str) -> Json {
    json!({"type": "string", "pattern": r"^x\s*0*([1-9](\.[0-9]*)?|1[0-5](\.[0-9]*)?|16(\.0*)?)$", "description": format!("a factor (`x{preset}`)")})
}

fn parameters() -> Json {
    let known: Map<String, Json> = KEYS
        .iter()
        .map(|key| {
            let description = format!("{}: {DOMAINS}", key.doc);
            (key.path.to_owned(), json!({"$ref": "#/$defs/domain", "description": description}))
        })
        .collect();
    let others = json!({"$ref": "#/$defs/domain"});
    json!({"type": "object", "properties": known, "additionalProperties": others})
}

const DOMAINS: &str = "a list, {from, to, steps}, {log: [a, b], steps} or {int: [a, b], step}";

/// What a parameter varies over: one value, a list, or one of the ranges.
fn domain() -> Json {
    let range = |ends: Json, required: &[&str]| json!({"type": "object", "properties": ends, "required": required, "additionalProperties": false});
    let steps = json!({"type": "integer", "minimum": 2});
    let ends =
        |of: &str| json!({"type": "array", "items": {"type": of}, "minItems": 2, "maxItems": 2});
    let above_0 = json!({"type": "array", "items": {"type": "number", "exclusiveMinimum": 0}, "minItems": 2, "maxItems": 2});
    json!({"description": DOMAINS, "oneOf": [
        {"type": ["string", "number", "boolean", "null"]},
        {"type": "array", "minItems": 1},
        range(json!({"from": {"type": "number"}, "to": {"type": "number"}, "steps": steps}), &["from", "to", "steps"]),
        range(json!({"log": above_0, "steps": steps}), &["log", "steps"]),
        range(json!({"int": ends("integer"), "step": {"type": "integer", "minimum": 1}}), &["int"]),
    ]})
}

/// The settings of a recipe as nested objects. Below `train` and in its sections they may also stand by
/// their dotted paths.
fn train() -> Json {
    let mut schema = section("");
    schema["description"] = json!("the recipe of the built-in trainer");
    schema
}

/// What stands below a section, whose path ends with a dot or is empty.
fn section(prefix: &str) -> Json {
    let mut properties = Map::new();
    for key in KEYS {
        let Some(rest) = key.path.strip_prefix(prefix) else { continue };
        let parts: Vec<usize> = rest.match_indices('.').map(|(at, _)| at).collect();
        for end in &parts {
            let name = &rest[..*end];
            if !properties.contains_key(name) {
                properties.insert(name.to_owned(), section(&format!("{prefix}{name}.")));
            }
        }
        let schema = match parts.is_empty() {
            true => setting(key),
            false => json!({"$ref": reference(key.path)}),
        };
        properties.insert(rest.to_owned(), schema);
    }
    json!({"type": "object", "properties": properties, "additionalProperties": false})
}

/// Where the schema of a setting stands.
fn reference(path: &str) -> String {
    format!("#/properties/train/properties/{}", path.replace('.', "/properties/"))
}

fn setting(key: &Key) -> Json {
    let mut schema = match key.kind {
        Kind::Int { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
        Kind::Float { min, max } => {
            let mut schema = json!({"type": "number"});
            for (bound, incl, excl) in
                [(min, "minimum", "exclusiveMinimum"), (max, "maximum", "exclusiveMaximum")]
            {
                match bound {
                    Bound::Incl(b) => schema[incl] = json!(b),
                    Bound::Excl(b) => schema[excl] = json!(b),
                    Bound::Open => {}
                }
            }
            schema
        }
        Kind::Bool => json!({"type": "boolean"}),
        Kind::Choice(words) => {
            let others = SYNONYMS.iter().filter(|(_, word)| words.contains(word));
            let all = words.iter().copied().chain(others.map(|(other, _)| *other));
            json!({"enum": all.collect::<Vec<_>>()})
        }
        Kind::Text => json!({"type": "string", "minLength": 1}),
        Kind::Interval => {
            json!({"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2})
        }
    };
    if key.preset == Preset::Fixed(Lit::Null) {
        schema = or_null(schema);
    }
    schema["description"] = json!(key.doc);
    if let Preset::Fixed(lit) = key.preset {
        schema["default"] = lit.value().to_json();
    }
    schema
}

/// The same, or nothing.
fn or_null(mut schema: Json) -> Json {
    if let Some(words) = schema.get_mut("enum").and_then(Json::as_array_mut) {
        words.push(Json::Null);
    } else {
        schema["type"] = json!([schema["type"].take(), "null"]);
    }
    schema
}

fn slurm() -> Json {
    let properties: Map<String, Json> = SLURM
        .iter()
        .map(|(name, kind, doc)| {
            let mut schema = match kind {
                SlurmKind::Text | SlurmKind::Time | SlurmKind::Length => {
                    json!({"type": ["string", "null"]})
                }
                SlurmKind::Count => json!({"type": ["integer", "null"], "minimum": 1}),
                SlurmKind::Whole => json!({"type": ["integer", "null"]}),
                SlurmKind::CountOrText => {
                    json!({"type": ["integer", "string", "null"], "minimum": 1})
                }
                SlurmKind::CountOrAuto => {
                    json!({"oneOf": [{"type": "integer", "minimum": 1}, {"enum": ["auto", null]}]})
                }
                SlurmKind::Words => {
                    json!({"type": ["array", "null"], "items": {"type": "string"}})
                }
                SlurmKind::Memory => json!({
                    "type": ["integer", "string", "null"],
                    "minimum": 0,
                    "pattern": "^[0-9]+[KMGTkmgt]?$",
                }),
                SlurmKind::Flag => json!({"type": ["boolean", "null"]}),
                SlurmKind::RanksAs => json!({"enum": ["run", "slots", null]}),
            };
            schema["description"] = json!(doc);
            ((*name).to_owned(), schema)
        })
        .collect();
    json!({"type": "object", "properties": properties, "additionalProperties": false, "description": "what is asked of Slurm, and how runs are packed"})
}

/// The settings of a recipe, and what is asked of Slurm, as a Markdown table.
#[must_use]
pub fn markdown() -> String {
    let mut out =
        String::from("| setting | takes | default | what it is |\n| --- | --- | --- | --- |\n");
    for key in KEYS {
        let only = key.only.filter(|(selector, choices)| {
            crate::recipe::key::find(selector)
                .is_some_and(|p| KEYS[p].kind != Kind::Choice(choices))
        });
        let when = only.map_or_else(String::new, |(selector, choices)| {
            format!(" (with `{selector}: {}`)", choices.join("`, `"))
        });
        let default = match key.preset {
            Preset::Fixed(crate::recipe::key::Lit::Null) => "none".into(),
            Preset::Fixed(lit) => format!("`{}`", lit.value()),
            Preset::By(cases, rest) => {
                let cases: Vec<String> =
                    cases.iter().map(|(w, lit)| format!("`{}` with `{w}`", lit.value())).collect();
                format!("`{}`, {}", rest.value(), cases.join(", "))
            }
            Preset::Required => "must be given".into(),
        };
        out.push_str(&format!(
            "| `{}` | {} | {default} | {}{when} |\n",
            key.path,
            key.kind.expected(),
            key.doc
        ));
    }
    for (name, kind, doc) in SLURM {
        out.push_str(&format!("| `slurm.{name}` | {} | none | {doc} |\n", kind.expected()));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_knows_every_key_of_the_tables() {
        let schema = json_schema();
        for key in KEYS {
            let mut at = &schema["properties"]["train"];
            for part in key.path.split('.') {
                at = &at["properties"][part];
            }
            assert_eq!(at["description"], key.doc, "{}", key.path);
        }
        for path in ["optimizer.lr", "model.kind"] {
            let at = reference(path);
            let dotted = &schema["properties"]["train"]["properties"][path];
            assert_eq!(dotted["$ref"], at.as_str());
            assert!(schema.pointer(&at[1..]).is_some(), "{at}");
        }
        let top: Vec<&str> =
            schema["properties"].as_object().expect("map").keys().map(String::as_str).collect();
        let mut expected = super::super::check::TOP.to_vec();
        expected.sort_unstable();
        assert_eq!(top, expected);
    }

    /// What the parser takes, and what it refuses.
    #[test]
    fn the_schema_takes_what_a_spec_may_say() {
        let schema = json_schema();
        let at = |path: &str| schema.pointer(path).unwrap_or(&Json::Null).clone();
        let train = "/properties/train/properties";
        let patience = at(&format!("{train}/early_stop/properties/patience/type"));
        assert_eq!(patience, json!(["integer", "null"]));
        let words = at(&format!("{train}/model/properties/activation/enum"));
        assert!(words.as_array().is_some_and(|w| w.contains(&json!("swish"))), "{words}");
        for (key, name) in [("epochs", "parameters"), ("optimizer.lr", "parameters")] {
            let of = at(&format!("/properties/{name}/properties/{key}/$ref"));
            assert_eq!(of, "#/$defs/domain");
        }
        let shapes = at("/$defs/domain/oneOf");
        let required: Vec<Json> =
            shapes.as_array().into_iter().flatten().map(|s| s["required"].clone()).collect();
        let ranges = [json!(["from", "to", "steps"]), json!(["log", "steps"]), json!(["int"])];
        assert_eq!(required[2..], ranges);
        assert_eq!(at("/properties/seeds/oneOf/1/uniqueItems"), true);
        assert_eq!(at("/properties/slurm/properties/gpus/minimum"), 1);
        assert_eq!(
            at("/properties/objective/oneOf"),
            json!([{"required": ["maximize"]}, {"required": ["minimize"]}])
        );
    }

    #[test]
    fn the_reference_has_a_line_for_each_setting() {
        assert_eq!(markdown().lines().count(), KEYS.len() + SLURM.len() + 2);
    }
}
