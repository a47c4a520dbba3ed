//! Parameters and settings that do nothing where they stand.
use std::collections::HashSet;

use super::mistake::Mistake;
use super::parameters::Spans;
use super::recipes::{Work, place_of, placed};
use super::section::Mistakes;
use crate::recipe::{Recipe, Settings, key};
use crate::space::Space;

/// The setting that may reach no layer of a model.
const DROPOUT: &str = "regularize.dropout";

/// Settings below `train` that did nothing at any point so far.
#[derive(Debug, Default)]
pub(super) struct Idle(Option<HashSet<&'static str>>);

impl Idle {
    /// Looks at a point. Parameters that do nothing there make trials that differ in name only;
    /// settings below `train` may do nothing at some points, but not at all.
    pub(super) fn at(
        &mut self,
        settings: &Settings,
        recipe: Option<&Recipe>,
        (space, point): (&Space, u64),
        (work, spans): (&Work, &Spans),
        told: &mut HashSet<String>,
        mistakes: &mut Mistakes,
    ) {
        let idle = of(settings, recipe);
        for (path, when, condition) in &idle {
            let included = placed(space, point, spans);
            let which = if included.is_some() { "included" } else { "idle" };
            if !space.gives(point, path) || !told.insert(format!("{which} {path}")) {
                continue;
            }
            let span = place_of(path, included, spans).unwrap_or_else(|| work.anchor.clone());
            let hint = match included {
                Some(_) => format!("leave `{path}` out of this point"),
                None => format!("say where it exists: `when: {{{path}: \"{condition}\"}}`"),
            };
            mistakes.add(
                Mistake::new(
                    span,
                    format!("`{path}` does nothing when {when}"),
                    "would make trials that differ in name only",
                )
                .hint(hint),
            );
        }
        let here: HashSet<&'static str> =
            idle.iter().map(|(path, ..)| *path).filter(|p| work.given.contains_key(*p)).collect();
        self.0 = Some(match self.0.take() {
            None => here,
            Some(before) => before.intersection(&here).copied().collect(),
        });
    }

    /// Tells what did nothing at any point.
    pub(super) fn everywhere(self, work: &Work, mistakes: &mut Mistakes) {
        for path in self.0.unwrap_or_default() {
            let span = work.given.get(path).cloned().unwrap_or_else(|| work.anchor.clone());
            mistakes.add(
                Mistake::new(
                    span,
                    format!("`{path}` does nothing in any trial of this sweep"),
                    "does nothing here",
                )
                .hint("remove it, or choose what it belongs to"),
            );
        }
    }
}

/// What is given and does nothing: its path, when that is so, and the condition on which it does
/// something.
fn of(settings: &Settings, recipe: Option<&Recipe>) -> Vec<(&'static str, String, String)> {
    let given = |place: usize| settings.given(place).is_some();
    let mut idle = Vec::new();
    for (place, key) in key::KEYS.iter().enumerate() {
        if let Some((selector, choices)) = key.only
            && given(place)
            && !settings.applies(key)
        {
            let condition = match choices {
                [one] => format!("{selector} == '{one}'"),
                many => {
                    let many: Vec<String> = many.iter().map(|c| format!("'{c}'")).collect();
                    format!("{selector} in [{}]", many.join(", "))
                }
            };
            let when = format!("`{selector}` is `{}`", settings.at(selector));
            idle.push((key.path, when, condition));
        }
    }
    let dropout = recipe.and_then(|recipe| recipe.regularize.idle_dropout(&recipe.model));
    if let Some((when, condition)) = dropout {
        idle.push((DROPOUT, when, condition.to_owned()));
    }
    idle
}
