//! The `command` section, and what parameters of a command must be.
use std::collections::BTreeMap;

use super::mistake::{Mistake, nearest};
use super::parameters::{Declared, Spans};
use super::recipes::{Work, at_point, placed};
use super::section::Mistakes;
use super::yaml::{Entry, Kind, Node};
use crate::recipe;
use crate::space::{Base, Space};

pub(super) fn command_section(entry: &Entry, mistakes: &mut Mistakes) -> Work {
    let mut words = Vec::new();
    for item in mistakes.items(&entry.value, "`command`", "[python, train.py, \"--lr={lr}\"]") {
        let word = match &item.kind {
            Kind::Text(text) => Some(text.clone()),
            Kind::Int(_) | Kind::Float(_) => number(item, mistakes),
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

/// A number as the program gets it: in the one spelling that all of its value have, since that is what
/// makes runs the same. One too large for that is refused; of a sweep that exists, it is as it is written.
fn number(item: &Node, mistakes: &mut Mistakes) -> Option<String> {
    if item.inexact().is_some() {
        mistakes.refuse_anew(item.inexact_mistake("a word of `command`"));
        return item.plain.as_deref().map(str::to_owned);
    }
    let word = recipe::exact(&item.value()?);
    let Some(written) = item.plain.as_deref().filter(|written| **written != *word) else {
        return Some(word);
    };
    let fact = format!("the program gets `{word}` for `{written}`: a number without quotes");
    mistakes.add(
        Mistake::new(item.span.clone(), fact, "not as it is written")
            .hint(format!("put it in quotes: `\"{written}\"`"))
            .as_warning(),
    );
    Some(word)
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

/// A placeholder of a parameter that a point does not have.
pub(super) fn absent_placeholder(
    path: &str,
    (space, point): (&Space, u64),
    work: &Work,
    spans: &Spans,
) -> Mistake {
    let at = at_point(space, point).unwrap_or_else(|| "at a point".into());
    let fact = format!("`{{{path}}}` in `command` has no value {at}");
    let variable = recipe::variable(path);
    let (rule, label, way) = match placed(space, point, spans) {
        Some(included) => (
            Some(included.span.clone()),
            "this point does not give it",
            format!("give `{path}` here"),
        ),
        None => {
            let when = space.origin(point).and_then(|(block, _)| {
                let when = space.when_of(block, path)?;
                spans.rules.get(block)?.whens.get(when).cloned()
            });
            let way = format!("take `{{{path}}}` out of the command");
            (when, "this condition leaves it out there", way)
        }
    };
    let mistake = match rule {
        Some(rule) => Mistake::new(rule, fact, label).also(work.anchor.clone(), "in this command"),
        None => Mistake::new(work.anchor.clone(), fact, "in this command"),
    };
    mistake.hint(format!(
        "{way}; or let the program read `{variable}`, which is unset where there is no value"
    ))
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
