//! The rules that shape a space beyond its axes: `when`, `exclude`, `include`.
use std::ops::Range;

use super::command::unknown_in_include;
use super::mistake::{Mistake, nearest};
use super::parameters::Shaping;
use super::section::Mistakes;
use super::yaml::{Entry, Kind, Node};
use crate::recipe::{Value, key};
use crate::space::{Axis, Base, Condition, Exclude, Plot, When};

impl Shaping<'_> {
    fn condition(&self, node: &Node, what: &str, mistakes: &mut Mistakes) -> Option<Condition> {
        let Some(text) = node.text() else {
            mistakes.wrong_kind(node, what, "a condition in quotes");
            return None;
        };
        let condition = match Condition::new(text) {
            Ok(condition) => condition,
            Err(error) => {
                mistakes.add(
                    Mistake::new(node.span.clone(), error.to_string(), "not a condition").hint(
                        "such as \"optimizer.lr > 0.05 and model.layers >= 3\"; equal is `==`",
                    ),
                );
                return None;
            }
        };
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

    pub(super) fn excludes(
        &self,
        entry: &Entry,
        spans: &[(usize, Range<usize>)],
        mistakes: &mut Mistakes,
    ) -> Vec<(Exclude, Range<usize>)> {
        let mut rules = Vec::new();
        for item in mistakes.items(
            &entry.value,
            "`exclude`",
            "[{model.layers: 4, batch_size: 64}, \"optimizer.lr > 0.05\"]",
        ) {
            if let Kind::Map(_) = item.kind {
                let before = mistakes.0.len();
                let mut values = Vec::new();
                let mut first = None;
                for part in mistakes.entries(item, "a rule of `exclude`") {
                    first.get_or_insert(part.key_span.clone());
                    let param = self
                        .paths
                        .iter()
                        .position(|p| *p == part.key)
                        .filter(|p| spans.iter().any(|(q, _)| q == p));
                    let Some(param) = param else {
                        let shown = Mistake::new(
                            part.key_span.clone(),
                            format!("`{}` in `exclude` is no parameter of this block", part.key),
                            "not a parameter",
                        );
                        mistakes.add(
                            match nearest(&part.key, self.paths.iter().map(String::as_str)) {
                                Some(word) if *word != part.key => {
                                    shown.hint(format!("did you mean `{word}`?"))
                                }
                                _ => shown,
                            },
                        );
                        continue;
                    };
                    let allowed = match &part.value.kind {
                        Kind::List(items) if !self.is_interval(&part.key) => {
                            items.iter().filter_map(|i| self.value(param, i, mistakes)).collect()
                        }
                        _ => self.value(param, &part.value, mistakes).into_iter().collect(),
                    };
                    values.push((param, allowed));
                }
                if mistakes.0.len() == before {
                    rules.push((
                        Exclude::Values(values),
                        first.unwrap_or_else(|| item.span.clone()),
                    ));
                }
            } else if let Some(condition) = self.condition(item, "a rule of `exclude`", mistakes) {
                rules.push((Exclude::Condition(condition), item.span.clone()));
            }
        }
        rules
    }

    pub(super) fn include(
        &mut self,
        entry: &Entry,
        plots: &mut Vec<Plot>,
        mistakes: &mut Mistakes,
    ) {
        let mut points: Vec<Vec<(usize, Value)>> = Vec::new();
        for item in
            mistakes.items(&entry.value, "`include`", "[{model.layers: 6, optimizer.lr: 0.001}]")
        {
            let mut point = Vec::new();
            for part in mistakes.entries(item, "a point of `include`") {
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
    }
}

/// Conditional parameters in an order in which each comes after those that it mentions.
pub(super) fn ordered(
    mut open: Vec<(When, Range<usize>)>,
    paths: &[String],
    mistakes: &mut Mistakes,
) -> Vec<(When, Range<usize>)> {
    let mut done = Vec::new();
    while !open.is_empty() {
        let free = open.iter().position(|(when, _)| {
            !open.iter().any(|(other, _)| when.condition.paths().contains(&paths[other.param]))
        });
        match free {
            Some(at) => done.push(open.remove(at)),
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
