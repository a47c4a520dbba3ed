//! The `command` section, and what parameters of a command must be.
use std::collections::BTreeMap;

use super::mistake::{Mistake, nearest};
use super::parameters::Declared;
use super::recipes::Work;
use super::section::Mistakes;
use super::yaml::{Entry, Kind};
use crate::recipe;
use crate::space::{Base, Space};

pub(super) fn command_section(entry: &Entry, mistakes: &mut Mistakes) -> Work {
    let mut words = Vec::new();
    for item in mistakes.items(&entry.value, "`command`", "[python, train.py, \"--lr={lr}\"]") {
        let word = match &item.kind {
            Kind::Text(text) => Some(text.clone()),
            Kind::Int(_) | Kind::Float(_) => item.value().map(|v| recipe::exact(&v)),
            _ => None,
        };
        match word {
            Some(word) if word.contains('\0') => {
                mistakes.wrong_kind(item, "a word of `command`", "text without NUL")
            }
            Some(word) => words.push(word),
            None => mistakes.wrong_kind(item, "a word of `command`", "text or a number"),
        }
    }
    if matches!(&entry.value.kind, Kind::List(items) if items.is_empty()) {
        mistakes.wrong_kind(&entry.value, "`command`", "a program and its arguments");
    }
    Work { base: Base::Command(words), given: BTreeMap::new(), anchor: entry.key_span.clone() }
}

/// Parameters that only a point of `include` names, and no word of the command either, are
/// slips of the pen.
pub(super) fn unknown_in_include(
    entry: &Entry,
    known: &[String],
    words: &[String],
    mistakes: &mut Mistakes,
) -> bool {
    let placeholder = format!("{{{}}}", entry.key);
    if known.contains(&entry.key) || words.iter().any(|word| word.contains(&placeholder)) {
        return false;
    }
    let mistake = Mistake::new(
        entry.key_span.clone(),
        format!("`{}` in `include` is no parameter of this sweep", entry.key),
        "not declared, and not used in the command",
    );
    mistakes.add(match nearest(&entry.key, known.iter().map(String::as_str)) {
        Some(word) => mistake.hint(format!("did you mean `{word}`?")),
        None => mistake
            .hint(format!("declare it in `parameters`, or use `{placeholder}` in the command")),
    });
    true
}

/// Every parameter travels to the program as an environment variable of its own.
pub(super) fn check_variables(declared: &Declared, mistakes: &mut Mistakes) {
    let mut taken: BTreeMap<String, &str> = BTreeMap::new();
    for path in &declared.paths {
        let variable = recipe::variable(path);
        let Some(first) = taken.get(&variable) else {
            taken.insert(variable, path);
            continue;
        };
        let place = |path: &str| declared.places.get(path).cloned().unwrap_or(0..0);
        mistakes.add(
            Mistake::new(
                place(path),
                format!("`{first}` and `{path}` both become the variable `{variable}`"),
                "second",
            )
            .also(place(first), "first")
            .hint("rename one of them"),
        );
    }
}

pub(super) fn unknown_placeholder(path: &str, space: &Space, work: &Work, folds: bool) -> Mistake {
    let mistake = Mistake::new(
        work.anchor.clone(),
        format!("`{{{path}}}` in `command` names no parameter"),
        "in this command",
    );
    if matches!(path, "fold" | "folds") {
        return mistake.hint("give the sweep `folds`: how many there are");
    }
    let beside: &[&str] = if folds { &["seed", "fold", "folds"] } else { &["seed"] };
    let known = space.paths().iter().map(String::as_str).chain(beside.iter().copied());
    match nearest(path, known) {
        Some(word) => mistake.hint(format!("did you mean `{{{word}}}`?")),
        None => mistake.hint(format!(
            "declare it in `parameters`, or write `{{{{{path}}}}}` for the text itself"
        )),
    }
}
