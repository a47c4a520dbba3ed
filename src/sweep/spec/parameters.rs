//! The sections that shape the space: `parameters`, `zip`, `when`, `exclude`, `include`, `sweeps`.
use std::collections::BTreeMap;
use std::ops::Range;

use super::mistake::{Mistake, nearest};
use super::recipes::{Work, setting_value, synonym};
use super::section::{Mistakes, point_at};
use super::yaml::{Entry, Kind, Node};
use crate::recipe::{Value, key};
use crate::space::{Axis, Base, Condition, Domain, DomainError, Exclude, Plot, When};

/// Everything declared about the space, not yet built.
pub(super) struct Declared {
    pub paths: Vec<String>,
    pub plots: Vec<Plot>,
    /// Where each parameter is declared.
    pub places: BTreeMap<String, Range<usize>>,
    /// Where each excluding rule stands, by block.
    pub exclude_spans: Vec<Vec<Range<usize>>>,
    /// Where messages about the whole space point.
    pub anchor: Option<Range<usize>>,
}

/// Points that are walked at most to count what conditions leave.
const MAX_WALK: u128 = 200_000_000;

/// A space that is refused before it is built.
pub(super) struct TooLarge {
    pub fact: String,
    pub label: String,
    pub hint: String,
}

impl Declared {
    /// Whether the product alone says that there are too many runs.
    pub fn too_large(&self, seeds: u64, max_runs: u64) -> Option<TooLarge> {
        let mut total: u128 = 0;
        let mut exact = true;
        for plot in &self.plots {
            for axis in &plot.axes {
                exact &= axis.len() > 0;
            }
            let product = plot.axes.iter().try_fold(1_u128, |n, a| n.checked_mul(u128::from(a.len())));
            total = product.and_then(|p| total.checked_add(p)).unwrap_or(u128::MAX);
        }
        let runs = total.saturating_mul(u128::from(seeds));
        let shaped = self.plots.len() > 1
            || self.plots.iter().any(|p| !p.whens.is_empty() || !p.excludes.is_empty());
        let bound = if shaped { MAX_WALK.max(u128::from(max_runs)) } else { u128::from(max_runs) };
        if !exact || runs <= bound {
            return None;
        }
        let before = if shaped { " before its conditions" } else { "" };
        Some(TooLarge {
            fact: format!("the sweep has {} runs{before}, more than the limit of {max_runs}", power(runs, self, seeds)),
            label: self.product(seeds),
            hint: if runs <= 10_000_000 {
                format!("thin out a range, or raise the limit by `--max-runs {runs}`")
            } else {
                "thin out the ranges, or fix a parameter under `train`".into()
            },
        })
    }

    /// `optimizer.lr 7 × model.layers 4 × 3 seeds`, of the largest block.
    fn product(&self, seeds: u64) -> String {
        let size = |plot: &&Plot| plot.axes.iter().map(|a| (a.len() as f64).ln()).sum::<f64>();
        let largest = self.plots.iter().max_by(|a, b| size(a).total_cmp(&size(b)));
        let mut axes: Vec<(String, u64)> = largest
            .map(|plot| {
                plot.axes
                    .iter()
                    .map(|axis| {
                        let names: Vec<&str> = axis.params().iter().map(|p| self.paths[*p].as_str()).collect();
                        (names.join("+"), axis.len())
                    })
                    .collect()
            })
            .unwrap_or_default();
        axes.sort_by(|a, b| b.1.cmp(&a.1));
        let mut factors: Vec<String> = axes.iter().take(6).map(|(n, len)| format!("{n} {len}")).collect();
        if axes.len() > 6 {
            factors.push(format!("{} more", axes.len() - 6));
        }
        if seeds > 1 {
            factors.push(format!("{seeds} seeds"));
        }
        factors.join(" × ")
    }
}

/// A count as digits, or as a power of ten where that reads better.
fn power(runs: u128, declared: &Declared, seeds: u64) -> String {
    if runs < 1_000_000_000_000 {
        return runs.to_string();
    }
    let digits: f64 = declared
        .plots
        .iter()
        .map(|p| p.axes.iter().map(|a| (a.len() as f64).log10()).sum::<f64>())
        .fold(0.0, f64::max)
        + (seeds as f64).log10();
    let exponent = (digits + 1e-9).floor();
    let mantissa = 10_f64.powf(digits - exponent);
    if mantissa < 1.005 { format!("10^{exponent}") } else { format!("{mantissa:.1} · 10^{exponent}") }
}

pub(super) fn declare(entries: &[&Entry], work: &Work, mistakes: &mut Mistakes) -> Option<Declared> {
    let find = |key: &str| entries.iter().copied().find(|e| e.key == key);
    let mut shaping = Shaping { work, paths: Vec::new(), places: BTreeMap::new() };
    let common = Sections::of(entries);
    let anchor = ["parameters", "sweeps", "zip", "include"].iter().find_map(|k| find(k)).map(|e| e.key_span.clone());
    let mut plots = Vec::new();
    let mut exclude_spans = Vec::new();
    let before = mistakes.0.len();
    if let Some(sweeps) = find("sweeps") {
        for item in mistakes.items(&sweeps.value, "`sweeps`", "[{parameters: {…}}, {parameters: {…}}]") {
            let inner = mistakes.entries(item, "a block of `sweeps`");
            for entry in &inner {
                if !Sections::KEYS.contains(&entry.key.as_str()) {
                    mistakes.unknown_key(entry, "a block of `sweeps`", Sections::KEYS);
                }
            }
            let own = Sections::of(&inner);
            shaping.block(&[&own, &common], &mut plots, &mut exclude_spans, mistakes);
        }
        if plots.is_empty() && mistakes.0.len() == before {
            mistakes.wrong_kind(&sweeps.value, "`sweeps`", "a list of blocks");
        }
    } else {
        shaping.block(&[&common], &mut plots, &mut exclude_spans, mistakes);
    }
    if let Some(include) = find("include") {
        shaping.include(include, &mut plots, mistakes);
        exclude_spans.push(Vec::new());
    }
    let usable = !mistakes.0[before..].iter().any(|m| !m.warning);
    usable.then_some(Declared { paths: shaping.paths, plots, places: shaping.places, exclude_spans, anchor })
}

/// The sections of one block.
#[derive(Default)]
struct Sections<'n> {
    parameters: Option<&'n Entry>,
    zip: Option<&'n Entry>,
    when: Option<&'n Entry>,
    exclude: Option<&'n Entry>,
}

impl<'n> Sections<'n> {
    const KEYS: &'static [&'static str] = &["exclude", "parameters", "when", "zip"];

    fn of(entries: &[&'n Entry]) -> Self {
        let find = |key: &str| entries.iter().copied().find(|e| e.key == key);
        Self { parameters: find("parameters"), zip: find("zip"), when: find("when"), exclude: find("exclude") }
    }
}

struct Shaping<'w> {
    work: &'w Work,
    paths: Vec<String>,
    places: BTreeMap<String, Range<usize>>,
}

impl Shaping<'_> {
    /// One block out of its own sections and those that all blocks share; its own come first.
    fn block(
        &mut self,
        sections: &[&Sections<'_>],
        plots: &mut Vec<Plot>,
        exclude_spans: &mut Vec<Vec<Range<usize>>>,
        mistakes: &mut Mistakes,
    ) {
        let mut axes: Vec<Axis> = Vec::new();
        let mut spans: Vec<(usize, Range<usize>)> = Vec::new();
        for (level, part) in sections.iter().enumerate() {
            let own = level == 0;
            for axis in self.axes(part, mistakes) {
                let taken = axis.0.params().iter().find_map(|p| {
                    spans.iter().find(|(q, _)| q == p).map(|(_, span)| (*p, span.clone()))
                });
                match taken {
                    Some((param, first)) if own => mistakes.add(
                        Mistake::new(axis.1.clone(), format!("`{}` varies twice", self.paths[param]), "second")
                            .also(first, "first"),
                    ),
                    Some(_) => {}
                    None => {
                        spans.extend(axis.0.params().iter().map(|p| (*p, axis.1.clone())));
                        axes.push(axis.0);
                    }
                }
            }
        }
        axes.sort_by_key(|a| a.params().iter().min().copied());
        let whens = sections.iter().filter_map(|s| s.when).flat_map(|e| self.whens(e, mistakes)).collect();
        let mut excludes = Vec::new();
        let mut rules = Vec::new();
        for entry in sections.iter().filter_map(|s| s.exclude) {
            for (rule, span) in self.excludes(entry, &spans, mistakes) {
                excludes.push(rule);
                rules.push(span);
            }
        }
        let whens = ordered(whens, &self.paths, mistakes);
        plots.push(Plot { axes, whens, excludes });
        exclude_spans.push(rules);
    }

    fn axes(&mut self, part: &Sections<'_>, mistakes: &mut Mistakes) -> Vec<(Axis, Range<usize>)> {
        let mut axes = Vec::new();
        if let Some(entry) = part.parameters {
            if entry.value.kind == Kind::Null {
                mistakes.add(Mistake::new(entry.key_span.clone(), "`parameters` is empty", "nothing below it")
                    .hint("remove it, or name what varies: `optimizer.lr: [0.001, 0.01]`"));
            } else {
                for parameter in mistakes.entries(&entry.value, "`parameters`") {
                    let Some(param) = self.parameter(parameter, mistakes) else { continue };
                    if let Some(domain) = self.domain(param, parameter, mistakes) {
                        axes.push((Axis::One { param, domain }, parameter.key_span.clone()));
                    }
                }
            }
        }
        if let Some(entry) = part.zip {
            for group in mistakes.items(&entry.value, "`zip`", "[{batch_size: [64, 256], optimizer.lr: [0.001, 0.004]}]") {
                axes.extend(self.zip(group, mistakes));
            }
        }
        axes
    }

    /// The place of a parameter's path, declared now if it is new.
    fn parameter(&mut self, entry: &Entry, mistakes: &mut Mistakes) -> Option<usize> {
        self.check_path(entry, mistakes)?;
        self.places.entry(entry.key.clone()).or_insert_with(|| entry.key_span.clone());
        Some(self.paths.iter().position(|p| *p == entry.key).unwrap_or_else(|| {
            self.paths.push(entry.key.clone());
            self.paths.len() - 1
        }))
    }

    fn check_path(&self, entry: &Entry, mistakes: &mut Mistakes) -> Option<()> {
        let path = entry.key.as_str();
        if !self.trains() {
            let word = |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
            let good = path.len() <= 128 && path.split('.').all(word) && path != "seed";
            if !good {
                let fact = if path == "seed" {
                    "`seed` is every run's own: give `seeds` instead".to_owned()
                } else {
                    format!("`{}` can't name a parameter", path.escape_debug())
                };
                mistakes.add(Mistake::new(entry.key_span.clone(), fact, "expected letters, digits, `_`, `-`, with dots between"));
            }
            return good.then_some(());
        }
        if key::find(path).is_some() {
            return Some(());
        }
        let mistake = |fact: String, label: &str| Mistake::new(entry.key_span.clone(), fact, label);
        if key::is_section(path) {
            let below: Vec<&str> = key::KEYS.iter().map(|k| k.path).filter(|p| p.starts_with(&format!("{path}."))).collect();
            mistakes.add(
                mistake(format!("`{path}` is a section, not a setting"), "a section")
                    .hint(format!("name one below it: {}", super::section::ticked(&below))),
            );
            return None;
        }
        let known = key::KEYS.iter().map(|k| k.path);
        let shown = mistake(format!("the parameter `{path}` names no setting of a recipe"), "names nothing");
        let stripped = path.strip_prefix("train.").filter(|p| key::find(p).is_some());
        mistakes.add(match stripped.or_else(|| synonym(path)).or_else(|| nearest(path, known)) {
            Some(word) => shown.hint(format!("did you mean `{word}`?")),
            None => shown.hint("`dlgrid schema --format markdown` lists all settings"),
        });
        None
    }

    fn trains(&self) -> bool {
        matches!(self.work.base, Base::Train(_))
    }

    /// A value of a parameter, or a mistake.
    fn value(&self, param: usize, node: &Node, mistakes: &mut Mistakes) -> Option<Value> {
        let path = &self.paths[param];
        if let Some(place) = key::find(path).filter(|_| self.trains()) {
            return setting_value(&key::KEYS[place], node, mistakes);
        }
        let value = node.value();
        if value.is_none() {
            mistakes.wrong_kind(node, &format!("a value of `{path}`"), "a number, text, or true or false");
        }
        value
    }

    fn domain(&self, param: usize, entry: &Entry, mistakes: &mut Mistakes) -> Option<Domain> {
        let path = &self.paths[param];
        match &entry.value.kind {
            Kind::List(items) if !self.is_interval(path) || items.iter().any(|i| matches!(i.kind, Kind::List(_))) => {
                let values: Vec<Value> = items.iter().filter_map(|i| self.value(param, i, mistakes)).collect();
                if values.len() < items.len() {
                    return None;
                }
                Domain::list(values).map_err(|error| {
                    let span = match &error {
                        DomainError::Twice { second, .. } => items[*second].span.clone(),
                        _ => point_at(entry),
                    };
                    mistakes.add(Mistake::new(span, format!("`{path}`: {error}"), "in this domain"));
                }).ok()
            }
            Kind::Map(_) => {
                let domain = self.range(path, entry, mistakes)?;
                self.check_range(param, &domain, entry, mistakes).then_some(domain)
            }
            _ => {
                let value = self.value(param, &entry.value, mistakes)?;
                Domain::list(vec![value]).ok()
            }
        }
    }

    fn is_interval(&self, path: &str) -> bool {
        self.trains() && key::find(path).is_some_and(|p| key::KEYS[p].kind == key::Kind::Interval)
    }

    /// `{from, to, steps}`, `{log: [a, b], steps}`, `{int: [a, b], step}`.
    fn range(&self, path: &str, entry: &Entry, mistakes: &mut Mistakes) -> Option<Domain> {
        const SHAPES: &str = "`{from: a, to: b, steps: n}`, `{log: [a, b], steps: n}` or `{int: [a, b], step: n}`";
        let before = mistakes.0.len();
        let parts = mistakes.entries(&entry.value, &format!("the domain of `{path}`"));
        let known = ["from", "int", "log", "step", "steps", "to"];
        for part in &parts {
            if ["uniform", "log_uniform", "normal", "choice"].contains(&part.key.as_str()) {
                mistakes.add(
                    Mistake::new(part.key_span.clone(), format!("`{}` is a domain to sample from, and this sweep walks a grid", part.key), "no grid of this")
                        .hint(format!("for a grid write {SHAPES}")),
                );
            } else if !known.contains(&part.key.as_str()) {
                mistakes.unknown_key(part, &format!("the domain of `{path}`"), &known);
            }
        }
        let find = |key: &str| parts.iter().copied().find(|e| e.key == key);
        let result = if let Some(log) = find("log") {
            let (from, to) = pair(log, mistakes)?;
            let steps = steps(find("steps"), entry, path, mistakes)?;
            Domain::log(from, to, steps)
        } else if let Some(int) = find("int") {
            let (from, to) = pair(int, mistakes)?;
            let whole = |x: f64| Value::Float(x).as_i64();
            let step = find("step").map_or(Some(1), |e| whole_number(e, mistakes))?;
            match (whole(from), whole(to)) {
                (Some(from), Some(to)) => Domain::int(from, to, step),
                _ => {
                    mistakes.wrong_kind(&int.value, "`int`", "two whole numbers");
                    return None;
                }
            }
        } else if let (Some(from), Some(to)) = (find("from"), find("to")) {
            let (from, to) = (number(from, mistakes)?, number(to, mistakes)?);
            let steps = steps(find("steps"), entry, path, mistakes)?;
            Domain::linear(from, to, steps)
        } else {
            if mistakes.0.len() == before {
                mistakes.add(
                    Mistake::new(point_at(entry), format!("`{path}` has no domain that dlgrid knows"), "not a domain")
                        .hint(format!("write a list, {SHAPES}")),
                );
            }
            return None;
        };
        if mistakes.0.len() > before {
            return None;
        }
        result.map_err(|error| {
            mistakes.add(Mistake::new(point_at(entry), format!("`{path}`: {error}"), "in this domain"));
        }).ok()
    }

    /// Both ends of a range (and so all between) must be values that the setting takes.
    fn check_range(&self, param: usize, domain: &Domain, entry: &Entry, mistakes: &mut Mistakes) -> bool {
        let path = &self.paths[param];
        let Some(place) = key::find(path).filter(|_| self.trains()) else { return true };
        let key = &key::KEYS[place];
        let few = domain.len().min(1000);
        let bad = (0..few).chain([domain.len() - 1]).map(|i| domain.at(i)).find(|v| key.kind.admit(v).is_none());
        if let Some(value) = bad {
            mistakes.add(
                Mistake::new(point_at(entry), format!("`{path}` must be {}, and this range holds {value}", key.kind.expected()), "in this domain"),
            );
            return false;
        }
        true
    }

    fn zip(&mut self, group: &Node, mistakes: &mut Mistakes) -> Option<(Axis, Range<usize>)> {
        let mut columns: Vec<(usize, Domain, &Entry)> = Vec::new();
        for entry in mistakes.entries(group, "a group of `zip`") {
            let param = self.parameter(entry, mistakes)?;
            let domain = self.domain(param, entry, mistakes)?;
            columns.push((param, domain, entry));
        }
        let (_, first, first_entry) = columns.first()?;
        let span = first_entry.key_span.clone();
        if let Some((_, other, entry)) = columns.iter().find(|(_, d, _)| d.len() != first.len()) {
            mistakes.add(
                Mistake::new(
                    entry.key_span.clone(),
                    format!("`zip` needs lists of equal length: `{}` has {} values, `{}` has {}", first_entry.key, first.len(), entry.key, other.len()),
                    format!("{} values", other.len()),
                )
                .also(span, format!("{} values", first.len())),
            );
            return None;
        }
        if first.len() > 1_000_000 {
            mistakes.add(Mistake::new(span, "a `zip` holds at most 1000000 rows", "too long"));
            return None;
        }
        let rows = (0..first.len())
            .map(|row| columns.iter().map(|(_, domain, _)| Some(domain.at(row))).collect())
            .collect();
        Some((Axis::Rows { params: columns.iter().map(|c| c.0).collect(), rows }, span))
    }

    fn condition(&self, node: &Node, what: &str, mistakes: &mut Mistakes) -> Option<Condition> {
        let Some(text) = node.text() else {
            mistakes.wrong_kind(node, what, "a condition in quotes");
            return None;
        };
        let condition = match Condition::new(text) {
            Ok(condition) => condition,
            Err(error) => {
                mistakes.add(
                    Mistake::new(node.span.clone(), error.to_string(), "not a condition")
                        .hint("such as \"optimizer.lr > 0.05 and model.layers >= 3\"; equal is `==`"),
                );
                return None;
            }
        };
        let mut good = true;
        for path in condition.paths() {
            let known = self.paths.contains(path) || (self.trains() && key::find(path).is_some());
            if !known {
                good = false;
                let shown = Mistake::new(node.span.clone(), format!("`{path}` in this condition names nothing that varies or is set"), "in this condition");
                let words: Vec<&str> = self.paths.iter().map(String::as_str)
                    .chain(key::KEYS.iter().map(|k| k.path).filter(|_| self.trains())).collect();
                mistakes.add(match nearest(path, words) {
                    Some(word) => shown.hint(format!("did you mean `{word}`?")),
                    None => shown.hint("text stands in quotes of its own: `optimizer.kind == 'sgd'`"),
                });
            }
        }
        good.then_some(condition)
    }

    fn whens(&self, entry: &Entry, mistakes: &mut Mistakes) -> Vec<(When, Range<usize>)> {
        let mut whens = Vec::new();
        for part in mistakes.entries(&entry.value, "`when`") {
            let Some(param) = self.paths.iter().position(|p| *p == part.key) else {
                let shown = Mistake::new(part.key_span.clone(), format!("`{}` in `when` is no parameter", part.key), "not a parameter");
                mistakes.add(match nearest(&part.key, self.paths.iter().map(String::as_str)) {
                    Some(word) => shown.hint(format!("did you mean `{word}`?")),
                    None => shown.hint("declare it in `parameters` first"),
                });
                continue;
            };
            if let Some(condition) = self.condition(&part.value, "a condition of `when`", mistakes) {
                whens.push((When { param, condition }, part.key_span.clone()));
            }
        }
        whens
    }

    fn excludes(
        &self,
        entry: &Entry,
        spans: &[(usize, Range<usize>)],
        mistakes: &mut Mistakes,
    ) -> Vec<(Exclude, Range<usize>)> {
        let mut rules = Vec::new();
        for item in mistakes.items(&entry.value, "`exclude`", "[{model.layers: 4, batch_size: 64}, \"optimizer.lr > 0.05\"]") {
            if let Kind::Map(_) = item.kind {
                let before = mistakes.0.len();
                let mut values = Vec::new();
                let mut first = None;
                for part in mistakes.entries(item, "a rule of `exclude`") {
                    first.get_or_insert(part.key_span.clone());
                    let param = self.paths.iter().position(|p| *p == part.key).filter(|p| spans.iter().any(|(q, _)| q == p));
                    let Some(param) = param else {
                        let shown = Mistake::new(part.key_span.clone(), format!("`{}` in `exclude` is no parameter of this block", part.key), "not a parameter");
                        mistakes.add(match nearest(&part.key, self.paths.iter().map(String::as_str)) {
                            Some(word) if *word != part.key => shown.hint(format!("did you mean `{word}`?")),
                            _ => shown,
                        });
                        continue;
                    };
                    let allowed = match &part.value.kind {
                        Kind::List(items) if !self.is_interval(&part.key) => items.iter().filter_map(|i| self.value(param, i, mistakes)).collect(),
                        _ => self.value(param, &part.value, mistakes).into_iter().collect(),
                    };
                    values.push((param, allowed));
                }
                if mistakes.0.len() == before {
                    rules.push((Exclude::Values(values), first.unwrap_or_else(|| item.span.clone())));
                }
            } else if let Some(condition) = self.condition(item, "a rule of `exclude`", mistakes) {
                rules.push((Exclude::Condition(condition), item.span.clone()));
            }
        }
        rules
    }

    fn include(&mut self, entry: &Entry, plots: &mut Vec<Plot>, mistakes: &mut Mistakes) {
        let mut points: Vec<Vec<(usize, Value)>> = Vec::new();
        for item in mistakes.items(&entry.value, "`include`", "[{model.layers: 6, optimizer.lr: 0.001}]") {
            let mut point = Vec::new();
            for part in mistakes.entries(item, "a point of `include`") {
                let Some(param) = self.parameter(part, mistakes) else { continue };
                if let Some(value) = self.value(param, &part.value, mistakes) {
                    point.push((param, value.canonical()));
                }
            }
            points.push(point);
        }
        let mut params: Vec<usize> = points.iter().flatten().map(|(p, _)| *p).collect();
        params.sort_unstable();
        params.dedup();
        let rows = points
            .iter()
            .map(|point| params.iter().map(|p| point.iter().find(|(q, _)| q == p).map(|(_, v)| v.clone())).collect())
            .collect();
        plots.push(Plot { axes: vec![Axis::Rows { params, rows }], ..Plot::default() });
    }
}

/// Conditional parameters in an order in which each comes after those that it mentions.
fn ordered(mut open: Vec<(When, Range<usize>)>, paths: &[String], mistakes: &mut Mistakes) -> Vec<When> {
    let mut done: Vec<When> = Vec::new();
    while !open.is_empty() {
        let free = open.iter().position(|(when, _)| {
            !open.iter().any(|(other, _)| when.condition.paths().contains(&paths[other.param]))
        });
        match free {
            Some(at) => done.push(open.remove(at).0),
            None => {
                let (when, span) = open.remove(0);
                mistakes.add(Mistake::new(
                    span,
                    format!("whether `{}` exists depends on itself", paths[when.param]),
                    "goes round in a circle",
                ));
                return done;
            }
        }
    }
    done
}

fn pair(entry: &Entry, mistakes: &mut Mistakes) -> Option<(f64, f64)> {
    if let Kind::List(items) = &entry.value.kind
        && let [a, b] = items.as_slice()
        && let (Some(a), Some(b)) = (a.value().and_then(|v| v.as_f64()), b.value().and_then(|v| v.as_f64()))
    {
        return Some((a, b));
    }
    mistakes.wrong_kind(&entry.value, &format!("`{}`", entry.key), "two numbers, such as `[1e-4, 1e-1]`");
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

fn steps(entry: Option<&Entry>, domain: &Entry, path: &str, mistakes: &mut Mistakes) -> Option<u64> {
    let Some(entry) = entry else {
        mistakes.add(
            Mistake::new(point_at(domain), format!("the range of `{path}` has no `steps`"), "how many values?")
                .hint("add `steps: 5`"),
        );
        return None;
    };
    let n = whole_number(entry, mistakes)?;
    u64::try_from(n).map_err(|_| mistakes.wrong_kind(&entry.value, "`steps`", "at least 2")).ok()
}
