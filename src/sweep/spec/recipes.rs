//! The `train` and `command` sections, and the check of every recipe that follows from them.
use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use super::command::{absent_placeholder, command_section, unknown_placeholder};
use super::idle::Idle;
use super::mistake::{Mistake, nearest};
use super::parameters::{Included, Spans};
use super::section::{Mistakes, point_at};
use super::setting::{setting_value, unknown_setting};
use super::yaml::{Entry, Kind, Node};
use crate::recipe::{COUPLED, Fold, Recipe, SettingError, Settings, Work as RunWork, key};
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

/// Builds every recipe of the space and tells each different fault once, with a point that has it.
pub(super) fn check_points(
    space: &Space,
    work: &Work,
    spans: &Spans,
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
                    let path = &unknown.path;
                    mistakes.add(match space.paths().contains(path) {
                        true => absent_placeholder(path, (space, point), work, spans),
                        false => unknown_placeholder(path, space, work, folds.is_some()),
                    });
                }
            }
            RunWork::Train(settings) => {
                let recipe = Recipe::new(&settings);
                for error in recipe.as_ref().err().into_iter().flatten() {
                    if told.insert(error.to_string()) {
                        mistakes.add(setting_mistake(error, space, point, work, spans));
                    }
                }
                if let (Ok(recipe), Some(folds)) = (&recipe, folds)
                    && let Some(fact) = super::folds::too_many(&recipe.data, folds)
                    && told.insert(fact.clone())
                {
                    mistakes.add(super::folds::mistake(fact, work, &spans.places));
                }
                let here = (space, point);
                idle.at(&settings, recipe.as_ref().ok(), here, (work, spans), &mut told, mistakes);
            }
        }
        if told.len() >= 50 {
            break;
        }
    }
    idle.everywhere(work, mistakes);
}

/// The point of `include` that a point comes from.
pub(super) fn placed<'s>(space: &Space, point: u64, spans: &'s Spans) -> Option<&'s Included> {
    let (block, row) = space.origin(point)?;
    spans.rules.get(block)?.points.get(usize::try_from(row).ok()?)
}

/// Where a parameter of a point stands: in its own point of `include`, or where it is declared.
pub(super) fn place_of(
    path: &str,
    included: Option<&Included>,
    spans: &Spans,
) -> Option<Range<usize>> {
    let own = included.and_then(|point| point.params.iter().find(|(own, _)| own == path));
    own.map(|(_, span)| span).or_else(|| spans.places.get(path)).cloned()
}

/// `at the point optimizer.lr = 0.1, …`; nothing where no parameter has a value.
pub(super) fn at_point(space: &Space, point: u64) -> Option<String> {
    let cells: Vec<String> = space
        .paths()
        .iter()
        .zip(space.values(point)?)
        .filter_map(|(path, value)| value.map(|v| format!("{path} = {v}")))
        .take(6)
        .collect();
    (!cells.is_empty()).then(|| format!("at the point {}", cells.join(", ")))
}

fn setting_mistake(
    error: &SettingError,
    space: &Space,
    point: u64,
    work: &Work,
    spans: &Spans,
) -> Mistake {
    let path = error.path();
    let span = place_of(path, placed(space, point, spans), spans)
        .or_else(|| work.given.get(path).cloned())
        .unwrap_or_else(|| work.anchor.clone());
    let label = at_point(space, point).unwrap_or_else(|| "in this recipe".into());
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
