//! The table of every setting of a recipe: the one source for validation, defaults,
//! the JSON Schema, the reference and the hints.
mod before_model;
mod entry;
mod from_model;
mod kind;

pub use entry::{ACTIVATIONS, MODELS, OPTIMIZERS, SCHEDULES, TASKS};
pub use kind::{Bound, Key, Kind, Lit, Preset, SYNONYMS};

use before_model::BEFORE_MODEL;
use from_model::FROM_MODEL;

/// Every setting below `train`, sorted by path.
pub const KEYS: &[Key] = &ALL;

const ALL: [Key; BEFORE_MODEL.len() + FROM_MODEL.len()] = {
    let mut all = [BEFORE_MODEL[0]; BEFORE_MODEL.len() + FROM_MODEL.len()];
    let mut place = 1;
    while place < all.len() {
        all[place] = if place < BEFORE_MODEL.len() {
            BEFORE_MODEL[place]
        } else {
            FROM_MODEL[place - BEFORE_MODEL.len()]
        };
        place += 1;
    }
    all
};

/// The place of a path in [`KEYS`].
#[must_use]
pub fn find(path: &str) -> Option<usize> {
    KEYS.binary_search_by(|k| k.path.cmp(path)).ok()
}

/// Whether some key lies below this path, so that it names a section (`optimizer`).
#[must_use]
pub fn is_section(path: &str) -> bool {
    KEYS.iter().any(|k| k.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

#[cfg(test)]
mod tests;
