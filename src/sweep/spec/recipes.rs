//! The `train` and `command` sections, and the check of every recipe that follows from them.
use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use super::command::{command_section, unknown_placeholder};
use super::idle::Idle;
use super::mistake::{Mistake, nearest};
use super::section::{Mistakes, point_at};
use super::yaml::{Entry, Kind, Node};
use crate::recipe::{
    COUPLED, Fold, Recipe, SettingError, Settings, Value, Work as RunWork, describe, key,
};
use crate::space::{Base, Space};

/// What every point starts from, and where the spec says so.
pub(super) struct Work {
    pub base: Base,
    /// Where each setting below `train` stands.
    pub given: BTreeMap<String, Range<usize>>,
    /// Where the section itself stands.
    pub anchor: Range<usize>,
}

/// Points up to which every single recipe is built; beyond, every combination that matters.
const EVERY_POINT: u64 = 200_000;

pub(super) fn base(
    train: Option<&Entry>,
    command: Option<&Entry>,
    tree: &Node,
    mistakes: &mut Mistakes,
) -> Work {
    match (train, command) {
        (Some(train), Some(command)) => {
            mistakes.add(
                Mistake::new(
                    command.key_span.clone(),
                    "a spec has either `train` or `command`, not both",
                    "second",
                )
                .also(train.key_span.clone(), "first"),
            );
            train_section(train, mistakes)
        }
        (Some(train), None) => train_section(train, mistakes),
        (None, Some(command)) => command_section(command, mistakes),
        (None, None) => {
            mistakes.add(
                Mistake::new(
                    tree.span.start..tree.span.start,
                    "a spec needs `train` (the built-in trainer) or `command` (any program)",
                    "neither is here",
                )
                .hint("such as `train: {data: {set: mnist}}`"),
            );
            Work { base: Base::Command(Vec::new()), given: BTreeMap::new(), anchor: 0..0 }
        }
    }
}

fn train_section(entry: &Entry, mistakes: &mut Mistakes) -> Work {
    let mut walk = TrainWalk { settings: Settings::default(), given: BTreeMap::new() };
    if entry.value.kind == Kind::Null {
        mistakes.add(
            Mistake::new(entry.key_span.clone(), "`train` is empty", "nothing below it")
                .hint("such as `train: {data: {set: mnist}}`"),
        );
    } else {
        walk.section(&entry.value, "", mistakes);
    }
    Work {
        base: Base::Train(Box::new(walk.settings)),
        given: walk.given,
        anchor: entry.key_span.clone(),
    }
}

struct TrainWalk {
    settings: Settings,
    given: BTreeMap<String, Range<usize>>,
}

impl TrainWalk {
    fn section(&mut self, node: &Node, prefix: &str, mistakes: &mut Mistakes) {
        let what =
            if prefix.is_empty() { "`train`".to_owned() } else { format!("`train.{prefix}`") };
        for entry in mistakes.entries(node, &what) {
            let path = if prefix.is_empty() {
                entry.key.clone()
            } else {
                format!("{prefix}.{}", entry.key)
            };
            if let Some(place) = key::find(&path) {
                self.setting(place, entry, mistakes);
            } else if key::is_section(&path) {
                self.section(&entry.value, &path, mistakes);
            } else {
                unknown_setting(entry, prefix, &what, mistakes);
            }
        }
    }

    fn setting(&mut self, place: usize, entry: &Entry, mistakes: &mut Mistakes) {
        let key = &key::KEYS[place];
        if let Some(first) = self.given.get(key.path) {
            mistakes.add(
                Mistake::new(
                    entry.key_span.clone(),
                    format!("`{}` is given twice", key.path),
                    "second",
                )
                .also(first.clone(), "first"),
            );
            return;
        }
        self.given.insert(key.path.to_owned(), point_at(entry));
        if let Some(value) = setting_value(key, &entry.value, mistakes) {
            self.settings.set(place, value);
        }
    }
}

/// Takes a node as a value of a setting, or says why it isn't one.
pub(super) fn setting_value(key: &key::Key, node: &Node, mistakes: &mut Mistakes) -> Option<Value> {
    let value = node.value();
    let empty_allowed = key.preset == key::Preset::Fixed(key::Lit::Null);
    if let Some(value) = &value {
        if let Some(good) = key.kind.admit(value) {
            return Some(good);
        }
        if *value == Value::Null && empty_allowed {
            return Some(Value::Null);
        }
    }
    let found = value.as_ref().map_or_else(|| "a map".to_owned(), describe);
    let expected =
        value.as_ref().map_or_else(|| key.kind.expected(), |v| key.kind.expected_instead_of(v));
    let mistake = Mistake::new(
        node.span.clone(),
        format!("`{}` must be {expected}, got {found}", key.path),
        // A long list stands above already.
        if expected.len() > 60 {
            "not one of these".into()
        } else {
            format!("expected {expected}")
        },
    );
    mistakes.add(match setting_hint(key, value.as_ref()) {
        Some(hint) => mistake.hint(hint),
        None => mistake,
    });
    None
}

fn setting_hint(key: &key::Key, value: Option<&Value>) -> Option<String> {
    let text = value?.as_text();
    match (&key.kind, text) {
        (key::Kind::Choice(words), Some(text)) => {
            nearest(text, words.iter().copied()).map(|word| format!("did you mean `{word}`?"))
        }
        (key::Kind::Int { .. } | key::Kind::Float { .. }, Some(text)) => {
            text.parse::<f64>().is_ok().then(|| "remove the quotes".into())
        }
        (_, None)
            if matches!(value, Some(Value::List(_)))
                && !matches!(key.kind, key::Kind::Interval) =>
        {
            Some(format!("to vary it, move it to `parameters`: `{}: …`", key.path))
        }
        _ => None,
    }
}

fn unknown_setting(entry: &Entry, prefix: &str, what: &str, mistakes: &mut Mistakes) {
    let here: Vec<&str> = key::KEYS
        .iter()
        .filter_map(|k| {
            if prefix.is_empty() {
                Some(k.path)
            } else {
                k.path.strip_prefix(prefix)?.strip_prefix('.')
            }
        })
        .collect();
    let mut first: Vec<&str> = here.iter().map(|p| p.split('.').next().unwrap_or(p)).collect();
    first.dedup();
    let mistake = Mistake::new(
        entry.key_span.clone(),
        format!("unknown key `{}` in {what}", entry.key),
        "not a setting of a recipe",
    );
    let everywhere = key::KEYS.iter().map(|k| k.path);
    let word = synonym(&entry.key)
        .or_else(|| nearest(&entry.key, first.iter().copied()))
        .or_else(|| nearest(&entry.key, everywhere));
    mistakes.add(match word {
        Some(word) => mistake.hint(format!("did you mean `{word}`?")),
        None => mistake.hint(format!("known are {}", super::section::ticked(&first))),
    });
}

/// Words of other tools that no distance between letters finds.
pub(super) fn synonym(word: &str) -> Option<&'static str> {
    Some(match word.to_lowercase().replace('-', "_").as_str() {
        "learning_rate" | "lr" => "optimizer.lr",
        "num_epochs" | "n_epochs" | "max_epochs" => "epochs",
        "bs" | "batch" => "batch_size",
        "dataset" | "data_set" => "data.set",
        "hidden" | "hidden_size" | "units" | "hidden_units" => "model.width",
        "depth" | "num_layers" | "hidden_layers" => "model.layers",
        "wd" | "decay" => "optimizer.weight_decay",
        "opt" | "optim" => "optimizer",
        "momentum" => "optimizer.momentum",
        "crop" | "random_crop" | "translate" => "augment.shift",
        "hflip" | "horizontal_flip" => "augment.flip",
        "rotation" | "degrees" => "augment.rotate",
        "erase" | "random_erasing" => "augment.cutout",
        "regularization" | "regularisation" => "regularize",
        _ => return None,
    })
}

/// Builds every recipe of the space and tells each different fault once, with a point that has it.
pub(super) fn check_points(
    space: &Space,
    work: &Work,
    places: &BTreeMap<String, Range<usize>>,
    folds: Option<u32>,
    mistakes: &mut Mistakes,
) {
    let mut told: HashSet<String> = HashSet::new();
    let mut idle = Idle::default();
    let points: Box<dyn Iterator<Item = (u64, RunWork)>> = if space.points() > EVERY_POINT {
        Box::new(space.samples(COUPLED))
    } else {
        let all = space.walk(0, space.points());
        Box::new(all.filter_map(|point| Some((point, space.work(point)?))))
    };
    for (point, run) in points {
        match run {
            RunWork::Command(command) => {
                let fold = folds.map(|of| Fold { number: 1, of });
                if let Err(unknown) = command.words(0, fold)
                    && told.insert(unknown.path.clone())
                {
                    mistakes.add(unknown_placeholder(&unknown.path, space, work, folds.is_some()));
                }
            }
            RunWork::Train(settings) => {
                let recipe = Recipe::new(&settings);
                for error in recipe.as_ref().err().into_iter().flatten() {
                    if told.insert(error.to_string()) {
                        mistakes.add(setting_mistake(error, space, point, work, places));
                    }
                }
                if let (Ok(recipe), Some(folds)) = (&recipe, folds)
                    && let Some(fact) = super::folds::too_many(&recipe.data, folds)
                    && told.insert(fact.clone())
                {
                    mistakes.add(super::folds::mistake(fact, work, places));
                }
                let here = (space, point);
                idle.at(&settings, recipe.as_ref().ok(), here, (work, places), &mut told, mistakes);
            }
        }
        if told.len() >= 50 {
            break;
        }
    }
    idle.everywhere(work, mistakes);
}

fn setting_mistake(
    error: &SettingError,
    space: &Space,
    point: u64,
    work: &Work,
    places: &BTreeMap<String, Range<usize>>,
) -> Mistake {
    let path = error.path();
    let span = places
        .get(path)
        .or_else(|| work.given.get(path))
        .cloned()
        .unwrap_or_else(|| work.anchor.clone());
    let label = match space.values(point).filter(|_| !space.paths().is_empty()) {
        Some(values) => {
            let cells: Vec<String> = space
                .paths()
                .iter()
                .zip(values)
                .filter_map(|(path, value)| value.map(|v| format!("{path} = {v}")))
                .take(6)
                .collect();
            format!("at the point {}", cells.join(", "))
        }
        None => "in this recipe".into(),
    };
    let mistake = Mistake::new(span, error.to_string(), label);
    match error {
        SettingError::Missing { path: "data.set" } => mistake.hint(format!(
            "such as `train: {{data: {{set: mnist}}}}`; known are {}",
            super::section::ticked(crate::dataset::NAMES)
        )),
        SettingError::Unknown { found, known, .. } => {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            mistake.hint(match nearest(found, known.iter().copied()) {
                Some(word) => format!("did you mean `{word}`?"),
                None => format!("known are {}", super::section::ticked(&known)),
            })
        }
        _ => mistake,
    }
}
