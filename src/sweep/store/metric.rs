//! Names of metrics, kept once for all runs of a sweep.
use std::borrow::Cow;
use std::collections::HashMap;

/// A metric's number in a [`MetricNames`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MetricId(pub(super) u32);

/// The names of all metrics that were met.
#[derive(Debug, Clone, Default)]
pub struct MetricNames {
    names: Vec<String>,
    ids: HashMap<String, MetricId>,
}

impl MetricNames {
    /// The number of the metric with this name, if it was met.
    #[must_use]
    pub fn id(&self, name: &str) -> Option<MetricId> {
        self.ids.get(name).copied()
    }

    /// The name behind a number of this table.
    #[must_use]
    pub fn name(&self, id: MetricId) -> &str {
        self.names.get(id.0 as usize).map_or("", String::as_str)
    }

    /// All names in the order of the alphabet.
    #[must_use]
    pub fn sorted(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// The number of this name, a new one if it has none. `guess` is tried first: the runs of a
    /// sweep mostly report the same metrics in the same order.
    pub(super) fn intern(&mut self, guess: usize, name: Cow<'_, str>) -> MetricId {
        let id = |at: usize| MetricId(u32::try_from(at).unwrap_or(u32::MAX));
        if self.names.get(guess).is_some_and(|n| *n == name) {
            return id(guess);
        }
        if let Some(known) = self.ids.get(name.as_ref()) {
            return *known;
        }
        let new = id(self.names.len());
        let name = name.into_owned();
        self.names.push(name.clone());
        self.ids.insert(name, new);
        new
    }

    /// For each number of `other`, the number of the same name here.
    pub(super) fn absorb(&mut self, other: &Self) -> Vec<MetricId> {
        other
            .names
            .iter()
            .enumerate()
            .map(|(at, name)| self.intern(at, Cow::Borrowed(name)))
            .collect()
    }
}
