//! The sections that shape the space: `parameters`, `zip`, `when`, `exclude`, `include`, `sweeps`.
use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use super::mistake::{Mistake, did_you_mean, suggestion};
use super::recipes::Work;
use super::rules::ordered;
use super::section::{Mistakes, point_at};
use super::setting::synonym;
use super::yaml::{Entry, Kind, Node};
use crate::recipe::{Value, key};
use crate::space::{Axis, Base, Domain, Plot, When};

/// Everything declared about the space, not yet built.
pub(super) struct Declared {
    pub paths: Vec<String>,
    pub plots: Vec<Plot>,
    /// Where each parameter is declared.
    pub places: BTreeMap<String, Range<usize>>,
    /// Where the rules of each block stand.
    pub rule_spans: Vec<RuleSpans>,
    /// Where messages about the whole space point.
    pub anchor: Option<Range<usize>>,
}

/// Where the rules of a block stand, in the order of its plot.
#[derive(Debug, Clone, Default)]
pub(super) struct RuleSpans {
    pub whens: Vec<Range<usize>>,
    pub excludes: Vec<Range<usize>>,
    /// Of a block of points on top, the points.
    pub points: Vec<Included>,
}

/// Where a point of `include` stands.
#[derive(Debug, Clone)]
pub(super) struct Included {
    /// What to point at for the point itself.
    pub span: Range<usize>,
    /// Its parameters.
    pub params: Vec<(String, Range<usize>)>,
}

/// Where what shapes a space stands.
#[derive(Debug, Clone)]
pub(super) struct Spans {
    /// Where each parameter is declared.
    pub places: BTreeMap<String, Range<usize>>,
    /// Where the rules of each block stand.
    pub rules: Vec<RuleSpans>,
}

impl Declared {
    /// Where all of it stands.
    pub fn spans(&self) -> Spans {
        Spans { places: self.places.clone(), rules: self.rule_spans.clone() }
    }
}

pub(super) fn declare(
    entries: &[&Entry],
    work: &Work,
    mistakes: &mut Mistakes,
) -> Option<Declared> {
    let find = |key: &str| entries.iter().copied().find(|e| e.key == key);
    let mut shaping =
        Shaping { work, paths: Vec::new(), places: BTreeMap::new(), passed: Vec::new() };
    let common = Sections::of(entries);
    let anchor = ["parameters", "sweeps", "zip", "include"]
        .iter()
        .find_map(|k| find(k))
        .map(|e| e.key_span.clone());
    let mut plots = Vec::new();
    let mut rule_spans = Vec::new();
    let before = mistakes.0.len();
    shaping.name_all(find("sweeps"), &common, mistakes.apart());
    if let Some(sweeps) = find("sweeps") {
        for item in
            mistakes.items(&sweeps.value, "`sweeps`", "[{parameters: {…}}, {parameters: {…}}]")
        {
            let inner = mistakes.entries(item, "a block of `sweeps`");
            for entry in &inner {
                if !Sections::KEYS.contains(&entry.key.as_str()) {
                    mistakes.unknown_key(entry, "a block of `sweeps`", Sections::KEYS);
                }
            }
            let own = Sections::of(&inner);
            shaping.block(&[&own, &common], &mut plots, &mut rule_spans, mistakes);
        }
        if plots.is_empty() && mistakes.0.len() == before {
            mistakes.add(
                Mistake::new(point_at(sweeps), "`sweeps` has no block", "an empty list")
                    .hint("remove it, or give it blocks: `[{parameters: {…}}, {parameters: {…}}]`"),
            );
        }
    } else {
        shaping.block(&[&common], &mut plots, &mut rule_spans, mistakes);
    }
    if !mistakes.0[before..].iter().any(|m| !m.warning) {
        shaping.nowhere(&rule_spans, mistakes);
    }
    if let Some(include) = find("include") {
        let points = shaping.include(include, &mut plots, mistakes);
        rule_spans.push(RuleSpans { points, ..RuleSpans::default() });
    }
    let usable = !mistakes.0[before..].iter().any(|m| !m.warning);
    usable.then_some(Declared {
        paths: shaping.paths,
        plots,
        places: shaping.places,
        rule_spans,
        anchor,
    })
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
        Self {
            parameters: find("parameters"),
            zip: find("zip"),
            when: find("when"),
            exclude: find("exclude"),
        }
    }
}

pub(super) struct Shaping<'w> {
    pub(super) work: &'w Work,
    pub(super) paths: Vec<String>,
    places: BTreeMap<String, Range<usize>>,
    /// Rules that blocks share and one passed over: where they stand, and where the parameter that
    /// the block lacks.
    pub(super) passed: Vec<(Range<usize>, Range<usize>, String)>,
}

impl Shaping<'_> {
    /// One block out of its own sections and those that all blocks share; its own come first.
    fn block(
        &mut self,
        sections: &[&Sections<'_>],
        plots: &mut Vec<Plot>,
        rule_spans: &mut Vec<RuleSpans>,
        mistakes: &mut Mistakes,
    ) {
        let mut axes: Vec<Axis> = Vec::new();
        let mut spans: Vec<(usize, Range<usize>)> = Vec::new();
        let mut owned = 0;
        for (level, part) in sections.iter().enumerate() {
            for axis in self.axes(part, mistakes) {
                let params = axis.0.params();
                let taken = params.iter().find_map(|p| {
                    spans.iter().find(|(q, _)| q == p).map(|(_, span)| (*p, span.clone()))
                });
                // A block's own take the place of those that all blocks share, of an axis as a whole.
                let is_own = |p: &usize| spans[..owned].iter().any(|(q, _)| q == p);
                let is_replaced = level > 0 && params.iter().all(is_own);
                match taken {
                    Some((param, first)) if !is_replaced => mistakes.add(
                        Mistake::new(
                            axis.1.clone(),
                            format!("`{}` varies twice", self.paths[param]),
                            "second",
                        )
                        .also(first, "first"),
                    ),
                    Some(_) => {}
                    None => {
                        spans.extend(axis.0.params().iter().map(|p| (*p, axis.1.clone())));
                        axes.push(axis.0);
                    }
                }
            }
            if level == 0 {
                owned = spans.len();
            }
        }
        axes.sort_by_key(|a| a.params().iter().min().copied());
        let mut whens: Vec<(When, Range<usize>)> = Vec::new();
        for entry in sections.iter().filter_map(|s| s.when) {
            // As of axes, a block's own take the place of those that all blocks share.
            let mut more = self.whens(entry, mistakes);
            more.retain(|(when, _)| !whens.iter().any(|(own, _)| own.param == when.param));
            whens.extend(more);
        }
        let mut excludes = Vec::new();
        let mut rules = RuleSpans::default();
        for (level, part) in sections.iter().enumerate() {
            let Some(entry) = part.exclude else { continue };
            let is_shared = level > 0;
            for (rule, span) in self.excludes(entry, &spans, is_shared, mistakes) {
                excludes.push(rule);
                rules.excludes.push(span);
            }
        }
        let (whens, spans) = ordered(whens, &self.paths, mistakes).into_iter().unzip();
        rules.whens = spans;
        plots.push(Plot { axes, whens, excludes });
        rule_spans.push(rules);
    }

    /// Names all parameters of all blocks, in order: a rule that blocks share may speak of what only a
    /// later one has. What is wrong with them is told when they are read.
    fn name_all(&mut self, sweeps: Option<&Entry>, common: &Sections<'_>, mut unheard: Mistakes) {
        let Some(sweeps) = sweeps else { return };
        for item in unheard.items(&sweeps.value, "`sweeps`", "") {
            let inner = unheard.entries(item, "a block of `sweeps`");
            for part in [&Sections::of(&inner), common] {
                let _named = self.axes(part, &mut unheard);
            }
        }
    }

    fn axes(&mut self, part: &Sections<'_>, mistakes: &mut Mistakes) -> Vec<(Axis, Range<usize>)> {
        let mut axes = Vec::new();
        if let Some(entry) = part.parameters {
            if entry.value.kind == Kind::Null {
                mistakes.add(
                    Mistake::new(
                        entry.key_span.clone(),
                        "`parameters` is empty",
                        "nothing below it",
                    )
                    .hint("remove it, or name what varies: `optimizer.lr: [0.001, 0.01]`"),
                );
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
            for group in mistakes.items(
                &entry.value,
                "`zip`",
                "[{batch_size: [64, 256], optimizer.lr: [0.001, 0.004]}]",
            ) {
                axes.extend(self.zip(group, mistakes));
            }
        }
        axes
    }

    /// The place of a parameter's path, declared now if it is new.
    pub(super) fn parameter(&mut self, entry: &Entry, mistakes: &mut Mistakes) -> Option<usize> {
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
            let word = |w: &str| {
                !w.is_empty()
                    && w.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
            };
            let good = path.len() <= 128 && path.split('.').all(word) && path != "seed";
            if !good {
                let fact = if path == "seed" {
                    "`seed` is every run's own: give `seeds` instead".to_owned()
                } else {
                    format!("`{}` can't name a parameter", path.escape_debug())
                };
                mistakes.add(Mistake::new(
                    entry.key_span.clone(),
                    fact,
                    "expected letters, digits, `_`, `-`, with dots between",
                ));
            }
            return good.then_some(());
        }
        if key::find(path).is_some() {
            return Some(());
        }
        let mistake = |fact: String, label: &str| Mistake::new(entry.key_span.clone(), fact, label);
        if key::is_section(path) {
            let below: Vec<&str> = key::KEYS
                .iter()
                .map(|k| k.path)
                .filter(|p| p.starts_with(&format!("{path}.")))
                .collect();
            mistakes.add(
                mistake(format!("`{path}` is a section, not a setting"), "a section")
                    .hint(format!("name one below it: {}", super::section::ticked(&below))),
            );
            return None;
        }
        let known = key::KEYS.iter().map(|k| k.path);
        let shown = mistake(
            format!("the parameter `{path}` names no setting of a recipe"),
            "names nothing",
        );
        let stripped = path.strip_prefix("train.").filter(|p| key::find(p).is_some());
        let one = stripped.or_else(|| synonym(path)).map(|word| did_you_mean(&[word]));
        mistakes.add(match one.or_else(|| suggestion(path, known)) {
            Some(hint) => shown.hint(hint),
            None => shown.hint("`dlgrid schema --format markdown` lists all settings"),
        });
        None
    }

    pub(super) fn trains(&self) -> bool {
        matches!(self.work.base, Base::Train(_))
    }

    fn zip(&mut self, group: &Node, mistakes: &mut Mistakes) -> Option<(Axis, Range<usize>)> {
        let mut columns: Vec<(usize, Domain, &Entry)> = Vec::new();
        for entry in mistakes.entries(group, "a group of `zip`") {
            let param = self.parameter(entry, mistakes)?;
            let domain = self.column(param, entry, mistakes)?;
            columns.push((param, domain, entry));
        }
        let (_, first, first_entry) = columns.first()?;
        let span = first_entry.key_span.clone();
        if let Some((_, other, entry)) = columns.iter().find(|(_, d, _)| d.len() != first.len()) {
            mistakes.add(
                Mistake::new(
                    entry.key_span.clone(),
                    format!(
                        "`zip` needs lists of equal length: `{}` has {} values, `{}` has {}",
                        first_entry.key,
                        first.len(),
                        entry.key,
                        other.len()
                    ),
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
        let rows: Vec<Vec<Option<Value>>> = (0..first.len())
            .map(|row| columns.iter().map(|(_, domain, _)| Some(domain.at(row))).collect())
            .collect();
        if let Some(second) = repeated(&rows) {
            let also = point_in(first_entry, second);
            mistakes.add(Mistake::new(
                also,
                format!("row {} of this `zip` repeats an earlier row", second + 1),
                "the same values in all its lists",
            ));
            return None;
        }
        Some((Axis::Rows { params: columns.iter().map(|c| c.0).collect(), rows }, span))
    }
}

/// The first row that has the values of an earlier one.
fn repeated(rows: &[Vec<Option<Value>>]) -> Option<usize> {
    let mut seen = HashSet::with_capacity(rows.len());
    rows.iter().position(|row| {
        let mut text = String::new();
        for value in row.iter().flatten() {
            value.canonical().write_json(&mut text);
            text.push(',');
        }
        !seen.insert(text)
    })
}

/// Where an item of a list stands; of anything else, its key.
fn point_in(entry: &Entry, item: usize) -> Range<usize> {
    match &entry.value.kind {
        Kind::List(items) => items.get(item).map(|i| i.span.clone()),
        _ => None,
    }
    .unwrap_or_else(|| entry.key_span.clone())
}
