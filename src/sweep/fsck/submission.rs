//! What was asked of Slurm: each file what its name says, none missing, no job twice.
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use serde::de::DeserializeOwned;

use super::fact::{Facts, Kind};
use super::stages::NAMED;
use super::{listed, unread};
use crate::exec::claim::Claim;
use crate::exec::slurm::ledger::{Fate, Intent, LEDGER_SCHEMA};
use crate::exec::slurm::ranges;
use crate::exec::slurm::request::{REQUEST_SCHEMA, Request};
use crate::orders::{ORDER_SCHEMA, Ordered};
use crate::store::layout::SweepDir;
use crate::store::{StoreError, fs, versioned};
use crate::sweep::Sweep;

/// The files of `submit/`, by what they are.
#[derive(Default)]
struct Events {
    requests: BTreeMap<u32, Option<Request>>,
    intents: BTreeMap<u32, Option<Intent>>,
    fates: BTreeMap<u32, Option<Fate>>,
    released: BTreeSet<u32>,
    orders: BTreeMap<u32, Option<Ordered>>,
}

pub(super) fn check(sweep: &Sweep, facts: &mut Facts) {
    let events = read(&sweep.dir, facts);
    contiguous("request-", ".json", events.requests.keys(), facts);
    contiguous("array-", ".intent", events.intents.keys(), facts);
    contiguous("order-", ".json", events.orders.keys(), facts);
    for (number, intent) in &events.intents {
        if let Some(intent) = intent {
            an_intent(sweep, *number, intent, &events, facts);
        }
    }
    for (number, request) in &events.requests {
        let mut numbers = request.iter().map(|request| request.number);
        numbered(&format!("request-{number:06}.json"), *number, numbers.next(), facts);
    }
    after_an_intent(&events, facts);
    no_name_twice(&events, facts);
}

fn read(dir: &SweepDir, facts: &mut Facts) -> Events {
    let mut events = Events::default();
    for name in listed(dir, &dir.submit(), facts) {
        let Some((what, number, end)) = parse(&name) else { continue };
        match (what, end) {
            ("request", "json") => {
                events.requests.insert(number, of_schema(dir, &name, REQUEST_SCHEMA, facts));
            }
            ("array", "intent") => {
                events.intents.insert(number, of_schema(dir, &name, LEDGER_SCHEMA, facts));
            }
            ("array", "fate") => drop(events.fates.insert(number, json(dir, &name, facts))),
            ("array", "released") => drop(events.released.insert(number)),
            ("order", "json") => {
                events.orders.insert(number, of_schema(dir, &name, ORDER_SCHEMA, facts));
            }
            ("local", "json") => drop(json::<Claim>(dir, &name, facts)),
            _ => {}
        }
    }
    events
}

/// Kind, number and ending of `array-000001.fate`.
fn parse(name: &str) -> Option<(&str, u32, &str)> {
    let (stem, end) = name.split_once('.')?;
    let (what, number) = stem.split_once('-')?;
    Some((what, number.parse().ok()?, end))
}

/// What a file says that has the version of its form in it, up to the one that is known.
fn of_schema<T: DeserializeOwned>(
    dir: &SweepDir,
    name: &str,
    known: u32,
    facts: &mut Facts,
) -> Option<T> {
    let parse = |bytes: &[u8], path: &Path| versioned::parse(bytes, path, known);
    read_one(dir, name, parse, facts)
}

fn json<T: DeserializeOwned>(dir: &SweepDir, name: &str, facts: &mut Facts) -> Option<T> {
    let parse = |bytes: &[u8], path: &Path| {
        serde_json::from_slice(bytes)
            .map_err(|cause| StoreError::Malformed { path: path.to_owned(), cause })
    };
    read_one(dir, name, parse, facts)
}

fn read_one<T>(
    dir: &SweepDir,
    name: &str,
    parse: impl Fn(&[u8], &Path) -> Result<T, StoreError>,
    facts: &mut Facts,
) -> Option<T> {
    let (file, path) = (format!("submit/{name}"), dir.submit().join(name));
    fs::read(&path)
        .and_then(|bytes| parse(&bytes, &path))
        .map_err(|error| unread(&error, Kind::SubmitDamaged, file, facts))
        .ok()
}

/// Numbers are taken one after the other, from 1: a gap is a file that is gone.
fn contiguous<'n>(
    before: &str,
    after: &str,
    numbers: impl Iterator<Item = &'n u32>,
    facts: &mut Facts,
) {
    let mut next = 1;
    for number in numbers {
        // A stray number may be far ahead.
        for gone in (next..*number).take(NAMED) {
            let file = format!("submit/{before}{gone:06}{after}");
            facts.add(Kind::SubmitMissing, file, "is not there, a later one is");
        }
        next = number.saturating_add(1);
    }
}

fn numbered(name: &str, number: u32, says: Option<u32>, facts: &mut Facts) {
    if let Some(says) = says.filter(|says| *says != number) {
        let text = format!("calls itself number {says}");
        facts.add(Kind::SubmitDamaged, format!("submit/{name}"), text);
    }
}

fn an_intent(sweep: &Sweep, number: u32, intent: &Intent, events: &Events, facts: &mut Facts) {
    let name = format!("array-{number:06}.intent");
    numbered(&name, number, Some(intent.number), facts);
    let file = format!("submit/{name}");
    let count = sweep.manifest.slices.len();
    let wrong = match ranges::read(&intent.slices) {
        _ if intent.slices.is_empty() => None,
        None => Some(format!("its slices `{}` are no ranges", intent.slices)),
        Some(slices) => slices
            .into_iter()
            .find(|slice| *slice as usize >= count)
            .map(|slice| format!("is for slice {slice}, the sweep has {count}")),
    };
    if let Some(text) = wrong {
        facts.add(Kind::SubmitDamaged, &file, text);
    }
    if intent.request > 0 && !events.requests.contains_key(&intent.request) {
        let request = format!("submit/request-{:06}.json", intent.request);
        facts.add(Kind::SubmitMissing, request, format!("is not there, `{name}` names it"));
    }
    if !events.fates.contains_key(&number) && !events.released.contains(&number) {
        facts.add(Kind::IntentOpen, file, "it is not written what became of it");
    }
}

fn after_an_intent(events: &Events, facts: &mut Facts) {
    let intents = &events.intents;
    for number in events.fates.keys().filter(|n| !intents.contains_key(n)) {
        let last = intents.keys().next_back().copied().unwrap_or(0);
        // A gap in the middle is told already.
        if *number > last {
            let file = format!("submit/array-{number:06}.intent");
            facts.add(Kind::SubmitMissing, file, "is not there, its fate is");
        }
    }
    for number in &events.released {
        match events.fates.get(number) {
            None => {
                let file = format!("submit/array-{number:06}.fate");
                facts.add(Kind::SubmitMissing, file, "is not there, the array was let go");
            }
            Some(Some(Fate::Void(_))) => {
                let file = format!("submit/array-{number:06}.released");
                facts.add(Kind::SubmitDamaged, file, "lets an array go that is no job");
            }
            Some(_) => {}
        }
    }
}

fn no_name_twice(events: &Events, facts: &mut Facts) {
    let mut tokens: HashMap<&str, u32> = HashMap::new();
    for (number, intent) in &events.intents {
        let Some(intent) = intent else { continue };
        if let Some(first) = tokens.insert(&intent.token, *number) {
            let text = format!("has the name of array {first}");
            facts.add(Kind::NameTwice, format!("submit/array-{number:06}.intent"), text);
        }
    }
    let mut jobs: HashMap<u64, u32> = HashMap::new();
    for (number, fate) in &events.fates {
        let Some(Fate::Job(job)) = fate else { continue };
        if let Some(first) = jobs.insert(*job, *number) {
            let text = format!("is job {job}, as array {first} was");
            facts.add(Kind::JobNumberAgain, format!("submit/array-{number:06}.fate"), text);
        }
    }
}
