//! The domain of one parameter, as a spec writes it: a list, or one of the ranges.
use super::mistake::Mistake;
use super::parameters::Shaping;
use super::section::{Mistakes, point_at};
use super::setting::setting_value;
use super::yaml::{Entry, Kind, Node};
use crate::recipe::{Value, key};
use crate::space::{Domain, DomainError};

impl Shaping<'_> {
    /// A value of a parameter, or a mistake.
    pub(super) fn value(
        &self,
        param: usize,
        node: &Node,
        mistakes: &mut Mistakes,
    ) -> Option<Value> {
        let path = &self.paths[param];
        if let Some(place) = key::find(path).filter(|_| self.trains()) {
            return setting_value(&key::KEYS[place], node, mistakes);
        }
        if let Some(number) = node.inexact()
            && mistakes.refuse_anew(number.inexact_mistake(&format!("a value of `{path}`")))
        {
            return None;
        }
        let value = node.value();
        if value.is_none() {
            mistakes.wrong_kind(
                node,
                &format!("a value of `{path}`"),
                "a number, text, or true or false",
            );
        }
        value
    }

    /// The values of an axis of its own: each stands once.
    pub(super) fn domain(
        &self,
        param: usize,
        entry: &Entry,
        mistakes: &mut Mistakes,
    ) -> Option<Domain> {
        self.shaped(param, entry, Domain::list, mistakes)
    }

    /// The values of a list of `zip`: they may repeat, only rows may not.
    pub(super) fn column(
        &self,
        param: usize,
        entry: &Entry,
        mistakes: &mut Mistakes,
    ) -> Option<Domain> {
        self.shaped(param, entry, Domain::column, mistakes)
    }

    fn shaped(
        &self,
        param: usize,
        entry: &Entry,
        list: fn(Vec<Value>) -> Result<Domain, DomainError>,
        mistakes: &mut Mistakes,
    ) -> Option<Domain> {
        let path = &self.paths[param];
        match &entry.value.kind {
            Kind::List(items)
                if !self.is_interval(path)
                    || items.iter().any(|i| matches!(i.kind, Kind::List(_))) =>
            {
                let values: Vec<Value> =
                    items.iter().filter_map(|i| self.value(param, i, mistakes)).collect();
                if values.len() < items.len() {
                    return None;
                }
                list(values)
                    .map_err(|error| {
                        let span = match &error {
                            DomainError::Twice { second, .. } => items[*second].span.clone(),
                            _ => point_at(entry),
                        };
                        mistakes.add(Mistake::new(
                            span,
                            format!("`{path}`: {error}"),
                            "in this domain",
                        ));
                    })
                    .ok()
            }
            Kind::Map(_) => {
                let domain = self.range(path, entry, mistakes)?;
                self.check_range(param, &domain, entry, mistakes).then_some(domain)
            }
            _ => {
                let value = self.value(param, &entry.value, mistakes)?;
                mistakes.0.extend(bare_list(path, &value, &entry.value));
                mistakes.0.extend(stray_value(path, &value, entry));
                Domain::list(vec![value]).ok()
            }
        }
    }

    pub(super) fn is_interval(&self, path: &str) -> bool {
        self.trains() && key::find(path).is_some_and(|p| key::KEYS[p].kind == key::Kind::Interval)
    }

    fn is_whole(&self, path: &str) -> bool {
        let kind = |place: usize| &key::KEYS[place].kind;
        self.trains() && key::find(path).is_some_and(|p| matches!(kind(p), key::Kind::Int { .. }))
    }

    /// `{from, to, steps}`, `{log: [a, b], steps}`, `{int: [a, b], step}`.
    fn range(&self, path: &str, entry: &Entry, mistakes: &mut Mistakes) -> Option<Domain> {
        let before = mistakes.0.len();
        let parts = mistakes.entries(&entry.value, &format!("the domain of `{path}`"));
        parts.iter().for_each(|part| known_part(part, path, mistakes));
        if misfits(&parts, mistakes) {
            return None;
        }
        let find = |key: &str| parts.iter().copied().find(|e| e.key == key);
        let result = if let Some(log) = find("log") {
            let (from, to) = pair(log, mistakes)?;
            let steps = steps(find("steps"), entry, (path, None), mistakes)?;
            Domain::log(from, to, steps)
        } else if let Some(int) = find("int") {
            let (from, to) = whole_pair(int, mistakes)?;
            let step = find("step").map_or(Some(1), |e| whole_number(e, mistakes))?;
            Domain::int(from, to, step)
        } else if let (Some(from), Some(to)) = (find("from"), find("to")) {
            let (from, to) = (number(from, mistakes)?, number(to, mistakes)?);
            let whole = self.is_whole(path).then(|| format!("`{{int: [{from}, {to}]}}`"));
            let steps = steps(find("steps"), entry, (path, whole), mistakes)?;
            Domain::linear(from, to, steps)
        } else {
            if mistakes.0.len() == before {
                mistakes.add(
                    Mistake::new(
                        point_at(entry),
                        format!("`{path}` has no domain that dlgrid knows"),
                        "not a domain",
                    )
                    .hint(format!("write a list, {SHAPES}")),
                );
            }
            return None;
        };
        if mistakes.0.len() > before {
            return None;
        }
        let wrong = |error: DomainError| {
            Mistake::new(point_at(entry), format!("`{path}`: {error}"), "in this domain")
        };
        let domain = result.map_err(|error| mistakes.add(wrong(error))).ok()?;
        let close = domain.check_distinct().err();
        let is_refused = close.is_some_and(|error| mistakes.refuse_anew(wrong(error)));
        (!is_refused).then_some(domain)
    }

    /// Both ends of a range (and so all between) must be values that the setting takes.
    fn check_range(
        &self,
        param: usize,
        domain: &Domain,
        entry: &Entry,
        mistakes: &mut Mistakes,
    ) -> bool {
        let path = &self.paths[param];
        let Some(place) = key::find(path).filter(|_| self.trains()) else { return true };
        let key = &key::KEYS[place];
        let few = domain.len().min(1000);
        let bad = (0..few)
            .chain([domain.len() - 1])
            .map(|i| domain.at(i))
            .find(|v| key.kind.admit(v).is_none());
        if let Some(value) = bad {
            mistakes.add(Mistake::new(
                point_at(entry),
                format!(
                    "`{path}` must be {}, and this range holds {value}",
                    key.kind.expected_instead_of(&value)
                ),
                "in this domain",
            ));
            return false;
        }
        true
    }
}

/// A warning of `x: 1, 2`: numbers without brackets are one text, unless quotes say that it is meant so.
fn bare_list(path: &str, value: &Value, node: &Node) -> Option<Mistake> {
    let Value::Text(text) = value else { return None };
    let mut parts = text.split(',');
    let is_list = text.contains(',') && parts.all(|part| part.trim().parse::<f64>().is_ok());
    (is_list && node.plain.is_some()).then(|| {
        let fact = format!("`{path}` has one value: the text `{text}`");
        Mistake::new(node.span.clone(), fact, "one value")
            .hint(format!("did you mean `[{text}]`?"))
            .as_warning()
    })
}

/// A warning of `{x: 1, 2}`: what follows the comma is a parameter of its own.
fn stray_value(path: &str, value: &Value, entry: &Entry) -> Option<Mistake> {
    let is_stray = *value == Value::Null && path.parse::<f64>().is_ok();
    is_stray.then(|| {
        let fact = format!("`{path}` is a parameter of its own, without a value");
        Mistake::new(entry.key_span.clone(), fact, "a parameter")
            .hint(format!("as a value of the one before it belongs in brackets: `[…, {path}]`"))
            .as_warning()
    })
}

/// The ranges that there are.
const SHAPES: &str =
    "`{from: a, to: b, steps: n}`, `{log: [a, b], steps: n}` or `{int: [a, b], step: n}`";

/// Tells of a key that no range has.
fn known_part(part: &Entry, path: &str, mistakes: &mut Mistakes) {
    let known = ["from", "int", "log", "step", "steps", "to"];
    if ["uniform", "log_uniform", "normal", "choice"].contains(&part.key.as_str()) {
        let fact =
            format!("`{}` is a domain to sample from, and this sweep walks a grid", part.key);
        mistakes.add(
            Mistake::new(part.key_span.clone(), fact, "no grid of this")
                .hint(format!("for a grid write {SHAPES}")),
        );
    } else if !known.contains(&part.key.as_str()) {
        mistakes.unknown_key(part, &format!("the domain of `{path}`"), &known);
    }
}

/// Refuses keys of other ranges than the one that the first key of a range begins; whether there are
/// any.
fn misfits(parts: &[&Entry], mistakes: &mut Mistakes) -> bool {
    const OF: [(&str, &[&str]); 4] = [
        ("log", &["log", "steps"]),
        ("int", &["int", "step"]),
        ("from", &["from", "to", "steps"]),
        ("to", &["from", "to", "steps"]),
    ];
    let begins = |part: &&Entry| OF.iter().find(|(first, _)| *first == part.key);
    let Some((first, own)) = parts.iter().find_map(begins) else { return false };
    let of_others = OF.iter().flat_map(|(_, keys)| *keys).filter(|key| !own.contains(key));
    let of_others: Vec<&str> = of_others.copied().collect();
    let mut any = false;
    for part in parts.iter().filter(|part| of_others.contains(&part.key.as_str())) {
        let hint = match (*first, part.key.as_str()) {
            ("int", "steps") => {
                "`step` is the distance of whole numbers: `{int: [1, 100], step: 20}`; so many values \
                 in all: `{from: 1, to: 100, steps: 5}`"
                    .to_owned()
            }
            ("log" | "from" | "to", "step") => "`steps` is how many values there are; whole numbers by a \
                 distance: `{int: [1, 100], step: 20}`"
                .to_owned(),
            _ => format!("write one of {SHAPES}"),
        };
        any |= mistakes.refuse_anew(
            Mistake::new(
                part.key_span.clone(),
                format!("`{}` does not go with `{first}`", part.key),
                "of another range",
            )
            .hint(hint),
        );
    }
    any
}

fn pair(entry: &Entry, mistakes: &mut Mistakes) -> Option<(f64, f64)> {
    if let Kind::List(items) = &entry.value.kind
        && let [a, b] = items.as_slice()
        && let (Some(a), Some(b)) =
            (a.value().and_then(|v| v.as_f64()), b.value().and_then(|v| v.as_f64()))
    {
        return Some((a, b));
    }
    mistakes.wrong_kind(
        &entry.value,
        &format!("`{}`", entry.key),
        "two numbers, such as `[1e-4, 1e-1]`",
    );
    None
}

/// Two whole numbers, read as such: as floats they are exact only up to 2^53.
fn whole_pair(entry: &Entry, mistakes: &mut Mistakes) -> Option<(i64, i64)> {
    let ends = match &entry.value.kind {
        Kind::List(items) => items.as_slice(),
        _ => &[],
    };
    if let [a, b] = ends
        && let (Some(a), Some(b)) =
            (a.value().and_then(|v| v.as_i64()), b.value().and_then(|v| v.as_i64()))
    {
        return Some((a, b));
    }
    let (node, expected) = match ends.iter().find_map(Node::inexact).as_ref() {
        Some(end) => (*end, format!("a whole number from {} to {}", i64::MIN, i64::MAX)),
        None => (&entry.value, "two whole numbers, such as `[16, 64]`".to_owned()),
    };
    mistakes.wrong_kind(node, "`int`", &expected);
    None
}

fn number(entry: &Entry, mistakes: &mut Mistakes) -> Option<f64> {
    let x = entry.value.value().and_then(|v| v.as_f64());
    if x.is_none() {
        mistakes.wrong_kind(&entry.value, &format!("`{}`", entry.key), "a number");
    }
    x
}

fn whole_number(entry: &Entry, mistakes: &mut Mistakes) -> Option<i64> {
    let n = entry.value.value().and_then(|v| v.as_i64());
    if n.is_none() {
        mistakes.wrong_kind(&entry.value, &format!("`{}`", entry.key), "a whole number");
    }
    n
}

fn steps(
    entry: Option<&Entry>,
    domain: &Entry,
    (path, whole): (&str, Option<String>),
    mistakes: &mut Mistakes,
) -> Option<u64> {
    let Some(entry) = entry else {
        mistakes.add(
            Mistake::new(
                point_at(domain),
                format!("the range of `{path}` has no `steps`"),
                "how many values?",
            )
            .hint(whole.map_or_else(
                || "add `steps: 5`".to_owned(),
                |whole| format!("of all whole numbers between write {whole}; else add `steps: 5`"),
            )),
        );
        return None;
    };
    let n = whole_number(entry, mistakes)?;
    u64::try_from(n).map_err(|_| mistakes.wrong_kind(&entry.value, "`steps`", "at least 2")).ok()
}
