//! What was ordered of a sweep after its arrays were submitted: to stop, to leave runs out, to
//! run fewer tasks at once. Each is a small file that is created once; an order is about the
//! arrays up to a number, so that what is submitted later does not obey it.
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::host;
use crate::space::Condition;
use crate::spec::Spec;
use crate::store::layout::SweepDir;
use crate::store::{StoreError, fs, versioned};

/// Version of the files.
pub const ORDER_SCHEMA: u32 = 1;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Begin no further run, for this reason.
    Stop(String),
    /// Leave out the runs for which this condition holds.
    LeaveOut(String),
    /// Run so many tasks at once; nothing: as many as Slurm starts.
    Throttle(Option<u64>),
}

/// An order, and what it is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ordered {
    /// Version: [`ORDER_SCHEMA`].
    pub schema: u32,
    /// It is about the intents up to this one.
    pub until: u32,
    /// What is to be done.
    pub order: Order,
    /// What [`Order::Throttle`] changed the arrays to that were in the queue then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lanes: Vec<Lane>,
    /// Seconds since the Unix epoch.
    pub time: f64,
}

/// What an array was changed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// The array.
    pub array: u64,
    /// Its tasks that may run at once; nothing: all.
    pub share: Option<u64>,
    /// The array that it waits for.
    pub after: Option<u64>,
}

/// Gives an order about the intents up to `until`; durable when it returns.
///
/// # Errors
/// If it can't be written.
pub fn give(dir: &SweepDir, until: u32, order: &Order) -> Result<(), StoreError> {
    give_with(dir, until, order, &[])
}

/// As [`give`], for an order that changes these arrays.
///
/// # Errors
/// If it can't be written.
pub fn give_with(
    dir: &SweepDir,
    until: u32,
    order: &Order,
    lanes: &[Lane],
) -> Result<(), StoreError> {
    loop {
        let number = numbers(dir)?.last().map_or(1, |last| last + 1);
        let (order, lanes, time) = (order.clone(), lanes.to_vec(), host::now());
        let ordered = Ordered { schema: ORDER_SCHEMA, until, order, lanes, time };
        let bytes = serde_json::to_vec(&ordered).expect("it has only text and numbers");
        match fs::publish(&file(dir, number), &bytes) {
            Err(error) if error.is_exists() => {}
            written => return written,
        }
    }
}

/// All orders, in the order in which they were given.
///
/// # Errors
/// If they can't be read.
pub fn read(dir: &SweepDir) -> Result<Vec<Ordered>, StoreError> {
    numbers(dir)?.into_iter().map(|number| read_one(dir, number)).collect()
}

/// All orders that can be read, for those who only show them; and why others can't.
#[must_use]
pub fn read_to_show(dir: &SweepDir) -> (Vec<Ordered>, Vec<StoreError>) {
    let (mut orders, mut errors) = (Vec::new(), Vec::new());
    match numbers(dir) {
        Ok(numbers) => {
            for number in numbers {
                match read_one(dir, number) {
                    Ok(ordered) => orders.push(ordered),
                    Err(error) => errors.push(error),
                }
            }
        }
        Err(error) => errors.push(error),
    }
    (orders, errors)
}

fn read_one(dir: &SweepDir, number: u32) -> Result<Ordered, StoreError> {
    let path = file(dir, number);
    versioned::parse(&fs::read(&path)?, &path, ORDER_SCHEMA)
}

fn file(dir: &SweepDir, number: u32) -> std::path::PathBuf {
    dir.submit().join(format!("order-{number:06}.json"))
}

fn numbers(dir: &SweepDir) -> Result<Vec<u32>, StoreError> {
    let number = |name: &String| name.strip_prefix("order-")?.strip_suffix(".json")?.parse().ok();
    let mut numbers: Vec<u32> = fs::list_dir(&dir.submit())?.iter().filter_map(number).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Why tasks of an intent are to begin no further run, if they are not to.
#[must_use]
pub fn stop(orders: &[Ordered], intent: u32) -> Option<&str> {
    orders.iter().filter(|o| o.until >= intent).find_map(|o| match &o.order {
        Order::Stop(why) => Some(why.as_str()),
        _ => None,
    })
}

/// What [`Order::Throttle`] said last, if anything.
#[must_use]
pub fn throttle(orders: &[Ordered]) -> Option<Option<u64>> {
    orders.iter().rev().find_map(|o| match o.order {
        Order::Throttle(most) => Some(most),
        _ => None,
    })
}

/// Which runs a worker is to train: asked again before each run, read again after a while.
#[derive(Debug)]
pub struct Choice {
    dir: SweepDir,
    /// The intent that the worker is for; orders are about no other worker.
    intent: Option<u32>,
    only: Option<Condition>,
    orders: Vec<Ordered>,
    left_out: Vec<Condition>,
    read: Option<std::time::Instant>,
}

/// Time between two looks at the orders.
const LOOK_EVERY: Duration = Duration::from_secs(5);

impl Choice {
    /// The choice of a worker for an intent, if it is for one; of all runs, or of those for
    /// which a condition holds.
    #[must_use]
    pub fn new(dir: &SweepDir, intent: Option<u32>, only: Option<Condition>) -> Self {
        let (orders, left_out) = (Vec::new(), Vec::new());
        Self { dir: dir.clone(), intent, only, orders, left_out, read: None }
    }

    /// Whether a run is to be trained.
    pub fn admits(&mut self, spec: &Spec, index: u64) -> bool {
        self.look();
        self.why_stop().is_none() && self.is_chosen(spec, index)
    }

    /// Whether a run is one of those to be trained, unless all are to stop.
    pub fn is_chosen(&mut self, spec: &Spec, index: u64) -> bool {
        self.look();
        let holds = |condition: &Condition| matches(spec, condition, index);
        self.only.as_ref().is_none_or(holds) && !self.left_out.iter().any(holds)
    }

    /// Why no further run is to begin, if none is.
    #[must_use]
    pub fn why_stop(&self) -> Option<&str> {
        stop(&self.orders, self.intent?)
    }

    fn look(&mut self) {
        let Some(intent) = self.intent else { return };
        if self.read.is_some_and(|then| host::since(then) < LOOK_EVERY) {
            return;
        }
        self.read = Some(host::instant());
        // Orders that can't be read now may be next time; training what need not be does no harm.
        if let Ok(orders) = read(&self.dir) {
            let text = |o: &Ordered| match &o.order {
                Order::LeaveOut(text) if o.until >= intent => Condition::new(text).ok(),
                _ => None,
            };
            self.left_out = orders.iter().filter_map(text).collect();
            self.orders = orders;
        }
    }
}

/// Whether a condition over parameters, `seed` and `fold` holds for a run; one that can't be evaluated
/// does not.
#[must_use]
pub fn matches(spec: &Spec, condition: &Condition, index: u64) -> bool {
    matches_with(spec, condition, index, |_| None)
}

/// As [`matches()`], with what `beside` says of names that are no parameters.
#[must_use]
pub fn matches_with(
    spec: &Spec,
    condition: &Condition,
    index: u64,
    beside: impl Fn(&str) -> Option<crate::recipe::Value>,
) -> bool {
    let Some((point, seed, fold)) = spec.place(index) else { return false };
    let values = spec.space.values(point).unwrap_or_default();
    let paths = spec.space.paths();
    let value = |path: &str| {
        if path == "seed" {
            return i64::try_from(seed).ok().map(crate::recipe::Value::Int);
        }
        if let (Some(fold), "fold") = (fold, path) {
            return Some(crate::recipe::Value::Int(fold.number.into()));
        }
        match paths.iter().position(|p| p == path) {
            Some(place) => values.get(place)?.clone(),
            None => beside(path),
        }
    };
    condition.holds(value).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_about_what_was_submitted_before_them() {
        let tmp = tempfile::tempdir().expect("a folder");
        let dir = SweepDir::new(tmp.path());
        assert_eq!(read(&dir).expect("none yet"), []);
        give(&dir, 2, &Order::Stop("ten runs failed".into())).expect("written");
        give(&dir, 3, &Order::Throttle(Some(4))).expect("written");
        give(&dir, 3, &Order::Throttle(None)).expect("written");
        let orders = read(&dir).expect("readable");
        assert_eq!(stop(&orders, 2), Some("ten runs failed"));
        assert_eq!(stop(&orders, 3), None);
        assert_eq!(throttle(&orders), Some(None));
        assert_eq!(throttle(&orders[..2]), Some(Some(4)));
        assert_eq!(throttle(&orders[..1]), None);
    }

    #[test]
    fn runs_are_chosen_by_parameters_and_seed() {
        let text = "name: t\ncommand: [echo]\nparameters: {x: [1, 2]}\nseeds: 2\nobjective: {minimize: loss}\n";
        let (spec, _) = crate::spec::read("t.yaml", text.as_bytes(), 10).expect("spec");
        let tmp = tempfile::tempdir().expect("a folder");
        let dir = SweepDir::new(tmp.path());
        give(&dir, 1, &Order::LeaveOut("x == 2 and seed == 0".into())).expect("written");
        let all = |intent, only: Option<&str>| {
            let only = only.map(|text| Condition::new(text).expect("a condition"));
            let mut choice = Choice::new(&dir, intent, only);
            (0..4).filter(|run| choice.admits(&spec, *run)).collect::<Vec<_>>()
        };
        assert_eq!(all(Some(1), None), [0, 2, 3]);
        assert_eq!(all(Some(2), None), [0, 1, 2, 3]);
        assert_eq!(all(None, Some("x > 1")), [1, 3]);
        assert_eq!(all(Some(1), Some("x > 1")), [3]);
    }
}
