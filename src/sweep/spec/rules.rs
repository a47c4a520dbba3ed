//! The rules that shape a space beyond its axes: `when`, `exclude`, `include`.
use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;

use super::command::unknown_in_include;
use super::mistake::{Mistake, nearest};
use super::parameters::{Included, RuleSpans, Shaping};
use super::section::Mistakes;
use super::yaml::{Entry, Kind, Node};
use crate::recipe::{Value, key};
use crate::space::{Axis, Base, Condition, Exclude, Plot, Rule, Space, When};

impl Shaping<'_> {
    fn condition(&self, node: &Node, what: &str, mistakes: &mut Mistakes) -> Option<Condition> {
        let Some(text) = node.text() else {
            mistakes.wrong_kind(node, what, "a condition in quotes");
            return None;
        };
        let condition = compiled(text, node, mistakes)?;
        let mut good = true;
        for path in condition.paths() {
            let known = self.paths.contains(path) || (self.trains() && key::find(path).is_some());
            if !known {
                good = false;
                let shown = Mistake::new(
                    node.span.clone(),
                    format!("`{path}` in this condition names nothing that varies or is set"),
                    "in this condition",
                );
                let words: Vec<&str> = self
                    .paths
                    .iter()
                    .map(String::as_str)
                    .chain(key::KEYS.iter().map(|k| k.path).filter(|_| self.trains()))
                    .collect();
                mistakes.add(match nearest(path, words) {
                    Some(word) if word.contains('-') => shown.hint(format!(
                        "in a condition `-` is minus: call the parameter `{}`",
                        word.replace('-', "_")
                    )),
                    Some(word) => shown.hint(format!("did you mean `{word}`?")),
                    None => {
                        shown.hint("text stands in quotes of its own: `optimizer.kind == 'sgd'`")
                    }
                });
            }
        }
        good.then_some(condition)
    }

    pub(super) fn whens(
        &self,
        entry: &Entry,
        mistakes: &mut Mistakes,
    ) -> Vec<(When, Range<usize>)> {
        let mut whens = Vec::new();
        for part in mistakes.entries(&entry.value, "`when`") {
            let Some(param) = self.paths.iter().position(|p| *p == part.key) else {
                let shown = Mistake::new(
                    part.key_span.clone(),
                    format!("`{}` in `when` is no parameter", part.key),
                    "not a parameter",
                );
                mistakes.add(match nearest(&part.key, self.paths.iter().map(String::as_str)) {
                    Some(word) => shown.hint(format!("did you mean `{word}`?")),
                    None => shown.hint("declare it in `parameters` first"),
                });
                continue;
            };
            if let Some(condition) = self.condition(&part.value, "a condition of `when`", mistakes)
            {
                whens.push((When { param, condition }, part.value.span.clone()));
            }
        }
        whens
    }

    /// The rules of an `exclude` of a block with these axes. One that blocks share and that names a
    /// parameter of other blocks only matches nothing here.
    pub(super) fn excludes(
        &mut self,
        entry: &Entry,
        spans: &[(usize, Range<usize>)],
        is_shared: bool,
        mistakes: &mut Mistakes,
    ) -> Vec<(Exclude, Range<usize>)> {
        let mut rules = Vec::new();
        for item in mistakes.items(
            &entry.value,
            "`exclude`",
            "[{model.layers: 4, batch_size: 64}, \"optimizer.lr > 0.05\"]",
        ) {
            if let Kind::Map(_) = item.kind {
                rules.extend(self.excluded_values(item, spans, is_shared, mistakes));
            } else if let Some(condition) = self.condition(item, "a rule of `exclude`", mistakes) {
                rules.push((Exclude::Condition(condition), item.span.clone()));
            }
        }
        rules
    }

    fn excluded_values(
        &mut self,
        item: &Node,
        spans: &[(usize, Range<usize>)],
        is_shared: bool,
        mistakes: &mut Mistakes,
    ) -> Option<(Exclude, Range<usize>)> {
        let before = mistakes.0.len();
        let mut values = Vec::new();
        let mut lacking = None;
        let parts = mistakes.entries(item, "a rule of `exclude`");
        let span = parts.first().map_or_else(|| item.span.clone(), |part| part.key_span.clone());
        for part in parts {
            let Some(param) = self.paths.iter().position(|p| *p == part.key) else {
                mistakes.add(self.not_of_block(part));
                continue;
            };
            if !spans.iter().any(|(own, _)| *own == param) {
                if is_shared {
                    lacking.get_or_insert((part.key_span.clone(), part.key.clone()));
                } else {
                    mistakes.add(self.not_of_block(part));
                }
                continue;
            }
            let allowed = match &part.value.kind {
                Kind::List(items) if !self.is_interval(&part.key) => {
                    items.iter().filter_map(|i| self.value(param, i, mistakes)).collect()
                }
                _ => self.value(param, &part.value, mistakes).into_iter().collect(),
            };
            values.push((param, allowed));
        }
        if let Some((key, path)) = lacking {
            self.passed.push((span, key, path));
            return None;
        }
        (mistakes.0.len() == before).then_some((Exclude::Values(values), span))
    }

    fn not_of_block(&self, part: &Entry) -> Mistake {
        let shown = Mistake::new(
            part.key_span.clone(),
            format!("`{}` in `exclude` is no parameter of this block", part.key),
            "not a parameter",
        );
        match nearest(&part.key, self.paths.iter().map(String::as_str)) {
            Some(word) if *word != part.key => shown.hint(format!("did you mean `{word}`?")),
            Some(_) => shown.hint(
                "it varies in another block: write the rule there, or as a condition: \
                 \"model.layers == 4\"",
            ),
            None => shown,
        }
    }

    /// Tells of rules that all blocks share and each passed over.
    pub(super) fn nowhere(&self, rules: &[RuleSpans], mistakes: &mut Mistakes) {
        let all = rules.iter().flat_map(|block| &block.excludes);
        // Those that apply somewhere, or were told.
        let mut known: HashSet<usize> = all.map(|span| span.start).collect();
        for (span, key, path) in &self.passed {
            if !known.insert(span.start) {
                continue;
            }
            mistakes.add(
                Mistake::new(
                    key.clone(),
                    "no block has all the parameters that this rule names",
                    format!("`{path}` never varies together with the others"),
                )
                .hint("a condition asks for settings that do not vary too: \"model.layers == 4\""),
            );
        }
    }

    /// The points on top, and where each stands.
    pub(super) fn include(
        &mut self,
        entry: &Entry,
        plots: &mut Vec<Plot>,
        mistakes: &mut Mistakes,
    ) -> Vec<Included> {
        let mut included = Vec::new();
        let mut points: Vec<Vec<(usize, Value)>> = Vec::new();
        for item in
            mistakes.items(&entry.value, "`include`", "[{model.layers: 6, optimizer.lr: 0.001}]")
        {
            let mut point = Vec::new();
            let parts = mistakes.entries(item, "a point of `include`");
            included.push(Included {
                span: parts.first().map_or_else(|| item.span.clone(), |part| part.key_span.clone()),
                params: parts.iter().map(|p| (p.key.clone(), p.key_span.clone())).collect(),
            });
            for part in parts {
                if let Base::Command(words) = &self.work.base
                    && unknown_in_include(part, &self.paths, words, mistakes)
                {
                    continue;
                }
                let Some(param) = self.parameter(part, mistakes) else { continue };
                if let Some(value) = self.value(param, &part.value, mistakes) {
                    point.push((param, value.canonical()));
                }
            }
            points.push(point);
        }
        // An axis without rows has no place to walk from.
        if points.is_empty() {
            return included;
        }
        let mut params: Vec<usize> = points.iter().flatten().map(|(p, _)| *p).collect();
        params.sort_unstable();
        params.dedup();
        let rows = points
            .iter()
            .map(|point| {
                params
                    .iter()
                    .map(|p| point.iter().find(|(q, _)| q == p).map(|(_, v)| v.clone()))
                    .collect()
            })
            .collect();
        plots.push(Plot { axes: vec![Axis::Rows { params, rows }], ..Plot::default() });
        included
    }
}

/// A condition as text, or a mistake.
fn compiled(text: &str, node: &Node, mistakes: &mut Mistakes) -> Option<Condition> {
    let error = match Condition::new(text) {
        Ok(condition) => return Some(condition),
        Err(error) => error,
    };
    let mistake = Mistake::new(node.span.clone(), error.to_string(), "not a condition");
    let mistake = mistake.hint(error.hint);
    match Condition::as_before(text) {
        Ok(condition) => (!mistakes.refuse_anew(mistake)).then_some(condition),
        Err(_) => {
            mistakes.add(mistake);
            None
        }
    }
}

/// Conditional parameters in an order in which each comes after those that it mentions.
pub(super) fn ordered(
    open: Vec<(When, Range<usize>)>,
    paths: &[String],
    mistakes: &mut Mistakes,
) -> Vec<(When, Range<usize>)> {
    let of: HashMap<&str, usize> =
        open.iter().enumerate().map(|(n, (when, _))| (paths[when.param].as_str(), n)).collect();
    // How many conditions each waits for, and which wait for it.
    let mut waits = vec![0_usize; open.len()];
    let mut waiting: Vec<Vec<usize>> = vec![Vec::new(); open.len()];
    for (n, (when, _)) in open.iter().enumerate() {
        for first in when.condition.paths().iter().filter_map(|path| of.get(path.as_str())) {
            waits[n] += 1;
            waiting[*first].push(n);
        }
    }
    let mut free: BTreeSet<usize> = (0..open.len()).filter(|n| waits[*n] == 0).collect();
    let mut open: Vec<Option<(When, Range<usize>)>> = open.into_iter().map(Some).collect();
    let mut done = Vec::with_capacity(open.len());
    while let Some(next) = free.pop_first() {
        done.extend(open[next].take());
        for n in &waiting[next] {
            waits[*n] -= 1;
            if waits[*n] == 0 {
                free.insert(*n);
            }
        }
    }
    if let Some((when, span)) = open.into_iter().flatten().next() {
        mistakes.add(Mistake::new(
            span,
            format!("whether `{}` exists depends on itself", paths[when.param]),
            "goes round in a circle",
        ));
    }
    done
}

/// Warns of rules that do nothing; one that blocks share only if it does nothing in any.
pub(super) fn warn_of_idle(space: &Space, spans: &[RuleSpans], mistakes: &mut Mistakes) {
    let mut all: Vec<(&Range<usize>, usize, Rule, bool)> = Vec::new();
    let mut places: HashMap<usize, usize> = HashMap::new();
    for (block, rule, idle) in space.rules() {
        let own = spans.get(block).and_then(|spans| match rule {
            Rule::When(n) => spans.whens.get(n),
            Rule::Exclude(n) => spans.excludes.get(n),
        });
        let Some(span) = own else { continue };
        let place = *places.entry(span.start).or_insert(all.len());
        match all.get_mut(place) {
            Some((.., known)) => *known = *known && idle,
            None => all.push((span, block, rule, idle)),
        }
    }
    for (span, block, rule, _) in all.into_iter().filter(|(.., idle)| *idle) {
        let (fact, label) = match rule {
            Rule::Exclude(_) => {
                ("this excludes nothing: no point matches it".to_owned(), "matches no point")
            }
            Rule::When(n) => {
                let path = space.conditional(block, n).unwrap_or_default();
                (format!("`{path}` exists nowhere: its condition never holds"), "never holds")
            }
        };
        mistakes.add(Mistake::new(span.clone(), fact, label).as_warning());
    }
}
