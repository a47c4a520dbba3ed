//! What is new of a sweep since the last look: runs that ended, went wrong or beat the best.
use std::collections::HashMap;

use super::{Fact, Subject};
use crate::judge::State;
use crate::text::clean;

/// What became of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct News {
    /// When, in seconds since the Unix epoch.
    pub time: f64,
    /// The run's place in the sweep.
    pub index: u64,
    /// Its state now.
    pub state: State,
    /// Its trial, by the eight digits that people see.
    pub trial: String,
    /// What it is.
    pub parameters: String,
    /// Its objective, if it is done and has one.
    pub objective: Option<f64>,
    /// Whether no run before it was as good.
    pub is_best: bool,
    /// Why it did not end well, if that is known, and where.
    pub why: Option<String>,
    /// The node, else the machine, where it did not end well.
    pub node: Option<String>,
}

/// What was seen of a sweep: the state of each run that was begun, and the best of them.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    states: Option<HashMap<u64, State>>,
    best: Option<f64>,
}

impl Seen {
    /// What is new, in the order in which it happened; at the first look nothing is.
    pub(super) fn news(
        &mut self,
        subject: &Subject<'_>,
        facts: &[Fact<'_>],
        now: f64,
    ) -> Vec<News> {
        let before = self.states.take();
        let is_new = |fact: &&Fact<'_>| {
            before.as_ref().is_some_and(|states| states.get(&fact.index) != Some(&fact.state))
        };
        let mut news: Vec<News> =
            facts.iter().filter(is_new).map(|fact| News::of(subject, fact, now)).collect();
        news.sort_by(|a, b| a.time.total_cmp(&b.time).then(a.index.cmp(&b.index)));
        let maximize = super::collect::aim(&subject.spec.objective).maximize;
        for one in &mut news {
            one.is_best = one.objective.is_some_and(|value| self.improve(value, maximize));
        }
        for value in facts.iter().filter_map(|fact| fact.objective) {
            self.improve(value, maximize);
        }
        self.states = Some(facts.iter().map(|fact| (fact.index, fact.state)).collect());
        news
    }

    fn improve(&mut self, value: f64, maximize: bool) -> bool {
        let is_better =
            self.best.is_none_or(|best| if maximize { value > best } else { value < best });
        if is_better && value.is_finite() {
            self.best = Some(value);
        }
        is_better && value.is_finite()
    }
}

impl News {
    fn of(subject: &Subject<'_>, fact: &Fact<'_>, now: f64) -> Self {
        let ended = subject.results.end(fact.index).map(|end| end.time);
        let point = subject.spec.place(fact.index).map(|(point, ..)| point);
        Self {
            time: ended.unwrap_or(now),
            index: fact.index,
            state: fact.state,
            trial: point.map_or_else(String::new, |point| subject.trial_name(point)),
            parameters: point.map_or_else(String::new, |point| subject.parameters(point)),
            objective: fact.objective,
            is_best: false,
            why: fact.why.as_deref().map(|why| clean(first_line(why)).into_owned()),
            node: fact.node.map(|node| clean(node).into_owned()),
        }
    }
}

fn first_line(text: &str) -> &str {
    text.lines().find(|line| !line.trim().is_empty()).unwrap_or("").trim()
}
