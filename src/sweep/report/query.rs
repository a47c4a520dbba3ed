//! What a person asks of a report: how many trials, in which order, under which condition.
use std::cmp::Ordering;
use std::collections::BTreeMap;

use rayon::prelude::*;

use super::build::{Entry, metric};
use super::{Source, Summary, Values};
use crate::judge::State;
use crate::recipe::Value;
use crate::space::Condition;
use crate::spec::mistake::nearest;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    /// Show only so many trials.
    pub top: Option<usize>,
    /// Order by a parameter, a metric, `objective`, `seconds` or `rank`; reversed by a `-` in
    /// front.
    pub sort: Option<String>,
    /// Show only trials for which this holds.
    pub filter: Option<String>,
    /// Further metrics to show.
    pub metrics: Vec<String>,
    /// Tell of every run too.
    pub runs: bool,
}

/// What is wrong with a query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// A name that nothing has.
    #[error("`{name}` names neither a parameter nor a metric of this sweep")]
    Unknown {
        /// The name.
        name: String,
        /// The way out.
        hint: String,
    },
    /// Text that is no condition.
    #[error(transparent)]
    Condition(#[from] crate::space::NoCondition),
}

impl ReportError {
    /// The way out.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Unknown { hint, .. } => hint.clone(),
            Self::Condition(_) => {
                "a condition looks like `optimizer.lr < 1e-3 and model.layers >= 3`, \
                 one on a metric like `valid.f1 > 0.9`"
                    .into()
            }
        }
    }
}

/// Something that a trial has one of.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Column {
    Rank,
    Objective,
    Seconds,
    Seeds,
    Parameter(usize),
    Metric(usize),
}

/// A query whose names are resolved as far as they can be without results.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What was asked.
    pub query: Query,
    metrics: Vec<String>,
    /// Of metrics in a condition, whose dots were taken for slashes: where the name stands as typed, for
    /// a sweep that reports that.
    typed: BTreeMap<usize, usize>,
    sort: Option<(Column, bool)>,
    filter: Option<(Condition, Vec<Column>)>,
}

impl Plan {
    /// Resolves a query against the parameters of a sweep. A name that is no parameter is
    /// taken for a metric and judged by [`super::build`], which knows the results.
    ///
    /// # Errors
    /// If the condition is none.
    pub fn new(query: Query, parameters: &[String]) -> Result<Self, ReportError> {
        let mut plan = Self::all(query);
        if let Some(sort) = plan.query.sort.clone() {
            let (name, reverse) = sort.strip_prefix('-').map_or((&*sort, false), |n| (n, true));
            plan.sort = Some((plan.column(name, name, parameters), reverse));
        }
        if let Some(text) = plan.query.filter.clone() {
            let condition = Condition::new(&text)?;
            let paths = condition.paths().iter();
            let columns = paths.map(|path| plan.in_condition(path, parameters)).collect();
            plan.filter = Some((condition, columns));
        }
        Ok(plan)
    }

    /// A query with neither order nor condition.
    pub(super) fn all(query: Query) -> Self {
        let (metrics, typed) = (query.metrics.clone(), BTreeMap::new());
        Self { metrics, typed, query, sort: None, filter: None }
    }

    /// The metrics that each run must tell: those to show first.
    #[must_use]
    pub fn metrics(&self) -> &[String] {
        &self.metrics
    }

    fn column(&mut self, name: &str, as_metric: &str, parameters: &[String]) -> Column {
        if let Some(place) = parameters.iter().position(|p| p == name) {
            return Column::Parameter(place);
        }
        match name {
            "rank" => Column::Rank,
            "objective" => Column::Objective,
            "seconds" => Column::Seconds,
            "seeds" => Column::Seeds,
            _ => Column::Metric(self.metric(as_metric)),
        }
    }

    fn metric(&mut self, name: &str) -> usize {
        let found = self.metrics.iter().position(|metric| metric == name);
        found.unwrap_or_else(|| {
            self.metrics.push(name.to_owned());
            self.metrics.len() - 1
        })
    }

    /// A name in a condition: a metric's may have a dot for a slash, or dots of its own.
    fn in_condition(&mut self, path: &str, parameters: &[String]) -> Column {
        let column = self.column(path, &path.replace('.', "/"), parameters);
        if let (Column::Metric(place), true) = (&column, path.contains('.')) {
            let typed = self.metric(path);
            self.typed.insert(*place, typed);
        }
        column
    }

    /// Sees that every metric is one that some run reported, once runs have reported any.
    pub(super) fn check_metrics(&self, source: &Source<'_>) -> Result<(), ReportError> {
        // One that was asked for by its own name, too, is no second name.
        let is_second = |place: usize| {
            let sorted = matches!(self.sort, Some((Column::Metric(by), _)) if by == place);
            place >= self.query.metrics.len() && !sorted && self.typed.values().any(|t| *t == place)
        };
        let is_told =
            |place: usize| is_second(place) || is_reported(source, self.place(source, place));
        let Some(place) = (0..self.metrics.len()).find(|place| !is_told(*place)) else {
            return Ok(());
        };
        let name = &self.metrics[place];
        let typed = self.typed.get(&place).map(|typed| &self.metrics[*typed]);
        let known = (source.metric_names)();
        if known.is_empty() || known.contains(name) || typed.is_some_and(|t| known.contains(t)) {
            return Ok(());
        }
        let typed = typed.unwrap_or(name).clone();
        Err(ReportError::Unknown { name: typed, hint: hint(name, source, &known) })
    }

    /// Where a metric stands: under the name as typed, where no run reported it with slashes.
    fn place(&self, source: &Source<'_>, metric: usize) -> usize {
        let typed = self.typed.get(&metric).filter(|_| !is_reported(source, metric));
        typed.copied().filter(|typed| is_reported(source, *typed)).unwrap_or(metric)
    }

    /// The entries that the condition admits, in the order asked for.
    pub(super) fn select(
        &self,
        source: &Source<'_>,
        places: &[usize],
        mut entries: Vec<Entry>,
    ) -> Result<Vec<Entry>, ReportError> {
        if let Some((condition, columns)) = &self.filter {
            let found = |column: &Column| match column {
                Column::Metric(place) => Column::Metric(self.place(source, *place)),
                other => other.clone(),
            };
            let columns: Vec<Column> = columns.iter().map(found).collect();
            let table: Vec<Vec<Option<Value>>> = cells(source, places, &entries, &columns);
            // What is missing compares as less than any number: a trial without the number that
            // a condition is about is left out, unless the condition asks for just that.
            let asks = asks_what_is_missing(condition.text());
            let known = |row: &[Option<Value>]| {
                let is_number = |c: &Column| !matches!(c, Column::Parameter(_));
                asks || columns.iter().zip(row).all(|(c, cell)| !is_number(c) || cell.is_some())
            };
            let holds = condition.evaluate(entries.len() as u64, |row, path| {
                let row = table.get(usize::try_from(row).ok()?)?;
                let place = condition.paths().iter().position(|p| p == path)?;
                row.get(place)?.clone()
            })?;
            let mut admitted = holds.iter().zip(&table).map(|(holds, row)| *holds && known(row));
            entries.retain(|_| admitted.next().unwrap_or(false));
        }
        if let Some((column, reverse)) = &self.sort {
            let table = cells(source, places, &entries, std::slice::from_ref(column));
            let mut keyed: Vec<_> =
                table.into_iter().map(|mut row| row.pop().flatten()).zip(entries).collect();
            keyed.sort_by(|(a, _), (b, _)| compare(a.as_ref(), b.as_ref(), *reverse));
            entries = keyed.into_iter().map(|(_, entry)| entry).collect();
        }
        Ok(entries)
    }
}

/// Whether a run has this metric.
fn is_reported(source: &Source<'_>, metric: usize) -> bool {
    source.facts.iter().any(|f| f.metrics.get(metric).copied().flatten().is_some())
}

/// Whether a condition asks `is defined`, or its like, outside of quotes.
fn asks_what_is_missing(condition: &str) -> bool {
    let (mut plain, mut quote, mut escaped) = (String::new(), None, false);
    for c in condition.chars() {
        match (quote, c) {
            (None, '"' | '\'') => {
                plain.push('"');
                quote = Some(c);
            }
            (None, c) => plain.push(c),
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
        }
    }
    let in_name = |c: char| c.is_alphanumeric() || "_.\"".contains(c);
    let words: Vec<&str> = plain.split(|c| !in_name(c)).filter(|word| !word.is_empty()).collect();
    let asks = |words: &[&str]| {
        matches!(
            words,
            ["is", "defined" | "undefined", ..] | ["is", "not", "defined" | "undefined", ..]
        )
    };
    (0..words.len()).any(|from| asks(&words[from..]))
}

/// The values of some columns for every entry; nothing where a trial has none.
fn cells(
    source: &Source<'_>,
    places: &[usize],
    entries: &[Entry],
    columns: &[Column],
) -> Vec<Vec<Option<Value>>> {
    let wants_values = columns.iter().any(|c| matches!(c, Column::Parameter(_)));
    let values: Values<'_> = source.values;
    entries
        .par_iter()
        .map(|entry| {
            let values = if wants_values { values(entry.standing.point) } else { None };
            columns.iter().map(|c| cell(source, places, entry, c, values.as_deref())).collect()
        })
        .collect()
}

fn cell(
    source: &Source<'_>,
    places: &[usize],
    entry: &Entry,
    column: &Column,
    values: Option<&[Option<Value>]>,
) -> Option<Value> {
    let whole = |n: u64| i64::try_from(n).map(Value::Int).ok();
    let facts = places[entry.from..entry.to].iter().map(|place| &source.facts[*place]);
    match column {
        Column::Rank => entry.rank.and_then(whole),
        Column::Objective => entry.standing.objective.finite().map(Value::Float),
        Column::Seconds => Some(Value::Float(entry.seconds)),
        Column::Seeds => whole(facts.filter(|f| f.state == State::Done).count() as u64),
        Column::Parameter(place) => values?.get(*place)?.clone(),
        Column::Metric(place) => Summary::finite(&metric(facts, *place)).map(Value::Float),
    }
}

/// Missing values come last, whichever way.
fn compare(a: Option<&Value>, b: Option<&Value>, reverse: bool) -> Ordering {
    let (Some(a), Some(b)) = (a, b) else { return a.is_none().cmp(&b.is_none()) };
    let order = match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.to_string().cmp(&b.to_string()),
    };
    if reverse { order.reverse() } else { order }
}

fn hint(name: &str, source: &Source<'_>, known: &[String]) -> String {
    let part_of = known.iter().find(|m| m.split('/').any(|part| part == name) && m.contains('/'));
    if let (Some(metric), true) = (part_of, !name.contains('/')) {
        return format!("in a condition a metric is written `{}`", metric.replace('/', "."));
    }
    let names = source.parameters.iter().chain(known).map(String::as_str);
    nearest(name, names.clone()).map_or_else(
        || {
            format!(
                "there are: {}",
                names.chain(["seconds", "rank"]).collect::<Vec<_>>().join(", ")
            )
        },
        |near| format!("did you mean `{near}`?"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_test_for_what_is_missing_asks_for_it() {
        for (condition, asks) in [
            ("rank is defined", true),
            ("rank is not defined or rank > 3", true),
            ("not rank is undefined", true),
            ("(rank is  defined)", true),
            ("mode == 'undefined'", false),
            ("mode == 'it is defined'", false),
            (r#"mode == "a\"b is defined" or rank > 3"#, false),
            ("model.defined > 1", false),
            ("user.is == defined", false),
        ] {
            assert_eq!(asks_what_is_missing(condition), asks, "{condition}");
        }
    }
}
