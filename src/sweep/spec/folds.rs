//! What `folds` asks of the rest of a spec.
use std::collections::BTreeMap;
use std::ops::Range;

use super::mistake::Mistake;
use super::parameters::Declared;
use super::recipes::Work;
use super::section::Mistakes;
use crate::dataset::CATALOGUE;
use crate::recipe::Data;
use crate::space::Base;

/// Nothing else may say what a run holds back, and no parameter may have a fold's name.
pub(super) fn check_declared(declared: &Declared, work: &Work, mistakes: &mut Mistakes) {
    let declared = |path: &str| declared.places.get(path).cloned();
    if let Base::Train(_) = work.base {
        let path = "data.valid";
        if let Some(span) = declared(path).or_else(|| work.given.get(path).cloned()) {
            mistakes.add(
                Mistake::new(
                    span,
                    "`data.valid` and `folds` both say what a run holds back",
                    "does nothing with `folds`",
                )
                .hint("remove it: with `folds: 5` each run holds back a fifth"),
            );
        }
        return;
    }
    for path in ["fold", "folds"] {
        if let Some(span) = declared(path) {
            mistakes.add(
                Mistake::new(
                    span,
                    format!("`{path}` is every run's own in a sweep with `folds`"),
                    "not a parameter here",
                )
                .hint(format!("remove it: the command gets `{{{path}}}` all the same")),
            );
        }
    }
}

/// Why the samples of a data set of the catalogue can't be cut into so many folds. Of your own
/// files, and of how the classes are distributed, only the run can tell.
pub(super) fn too_many(data: &Data, folds: u32) -> Option<String> {
    let set = CATALOGUE.iter().find(|set| set.name == data.set && data.path.is_none())?;
    let samples = if set.is_table() {
        let all = set.train_samples + set.test_samples;
        #[expect(clippy::cast_precision_loss, reason = "tables of the catalogue are small")]
        let sealed = (all as f64 * data.table.test).floor();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a small number, at least 0"
        )]
        let sealed = sealed as u64;
        all - sealed
    } else {
        set.train_samples
    };
    let samples = data.limit.map_or(samples, |limit| limit.min(samples));
    let classes = u64::from(set.classes.max(1));
    // The rarest class has at most the mean; of each, one more may be left by rounding.
    ((samples + classes) / classes < u64::from(folds)).then(|| {
        let (of_each, classes) = match set.classes {
            0 | 1 => ("", String::new()),
            classes => (" of each class", format!("{classes} classes and ")),
        };
        format!(
            "{folds} folds need {folds} samples{of_each}; `{}` has {classes}about {samples} to train on",
            set.name
        )
    })
}

/// The mistake of too many folds.
pub(super) fn mistake(
    fact: String,
    work: &Work,
    places: &BTreeMap<String, Range<usize>>,
) -> Mistake {
    let span = ["data.limit", "data.set"]
        .into_iter()
        .find_map(|path| places.get(path).or_else(|| work.given.get(path)))
        .unwrap_or(&work.anchor);
    Mistake::new(span.clone(), fact, "too few samples").hint("ask for fewer `folds`")
}
