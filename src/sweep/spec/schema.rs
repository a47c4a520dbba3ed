//! The JSON Schema and the reference of a spec, made from the tables that validate it.
use serde_json::{Map, Value as Json, json};

use super::slurm::{KEYS as SLURM, SlurmKind};
use crate::recipe::key::{Bound, KEYS, Key, Kind, Preset};

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
        "name": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", "description": "the sweep's name; the file's name where it is left out"},
        "description": {"type": "string", "description": "what the sweep asks, for people"},
        "train": nested(KEYS),
        "command": {"type": "array", "minItems": 1, "items": {"type": ["string", "number"]}, "description": "any program; `{path}` stands for a parameter's value"},
        "seeds": {"oneOf": [{"type": "integer", "minimum": 1}, {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1}], "description": "how many seeds every trial is run with, or which"},
        "short": {"type": "object", "properties": {"epochs": {"type": "integer", "minimum": 1}}, "required": ["epochs"], "additionalProperties": false, "description": "the search trains less; the stages after it train as `train.epochs` says"},
        "confirm": {"type": "object", "properties": {"top": {"type": "integer", "minimum": 1}, "seeds": {"oneOf": [{"type": "integer", "minimum": 1}, {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1}]}}, "required": ["top", "seeds"], "additionalProperties": false, "description": "runs the best trials again: how many, and on how many fresh seeds, or which"},
        "folds": {"type": "integer", "minimum": 2, "maximum": 1000, "description": "k of a k-fold cross-validation: every trial is run k times with every seed, each time with another part of the training samples held back"},
        "objective": {"type": "object", "properties": {"maximize": {"type": "string"}, "minimize": {"type": "string"}, "at": {"enum": ["last", "best"]}}, "additionalProperties": false, "description": "what the leaderboard ranks by"},
        "search": {"enum": ["grid"], "description": "how the space is walked"},
        "checkpoint": {"type": "string", "description": "time between two checkpoints of a run, such as `5m`"},
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
    })
}

fn factor(preset: &str) -> Json {
    json!({"type": "string", "pattern": "^x[0-9.]+$", "description": format!("a factor (`x{preset}`)")})
}

fn parameters() -> Json {
    let domain = json!({"description": "a list, {from, to, steps}, {log: [a, b], steps} or {int: [a, b], step}"});
    let known: Map<String, Json> = KEYS
        .iter()
        .map(|key| {
            let mut domain = domain.clone();
            domain["description"] = json!(format!(
                "{}: {}",
                key.doc,
                domain["description"].as_str().unwrap_or_default()
            ));
            (key.path.to_owned(), domain)
        })
        .collect();
    json!({"type": "object", "properties": known})
}

/// Settings by dotted path as nested objects.
fn nested(keys: &[Key]) -> Json {
    let mut properties = Map::new();
    for key in keys {
        let mut at = &mut properties;
        let mut parts = key.path.split('.').peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                at.insert(part.to_owned(), setting(key));
                break;
            }
            let section = at.entry(part).or_insert_with(
                || json!({"type": "object", "properties": {}, "additionalProperties": false}),
            );
            let Some(below) = section["properties"].as_object_mut() else { break };
            at = below;
        }
    }
    json!({"type": "object", "properties": properties, "additionalProperties": false, "description": "the recipe of the built-in trainer"})
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
        Kind::Choice(words) => json!({"enum": words}),
        Kind::Text => json!({"type": "string", "minLength": 1}),
        Kind::Interval => {
            json!({"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2})
        }
    };
    schema["description"] = json!(key.doc);
    if let Preset::Fixed(lit) = key.preset {
        schema["default"] = lit.value().to_json();
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
                SlurmKind::CountOrText => json!({"type": ["integer", "string", "null"]}),
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
        let top: Vec<&str> =
            schema["properties"].as_object().expect("map").keys().map(String::as_str).collect();
        let mut expected = super::super::check::TOP.to_vec();
        expected.sort_unstable();
        assert_eq!(top, expected);
    }

    #[test]
    fn the_reference_has_a_line_for_each_setting() {
        assert_eq!(markdown().lines().count(), KEYS.len() + SLURM.len() + 2);
    }
}
