//! Reading the intents of a sweep: all of them, or those that can be read.
use std::collections::BTreeMap;

use super::{Entry, Fate, Intent, LEDGER_SCHEMA, Ledger, parse_name, read_json, read_of};
use crate::store::layout::SweepDir;
use crate::store::{StoreError, fs};

/// What of a sweep's intents can be read, for those who only show it or take it out of the queue.
#[derive(Debug, Default)]
pub struct Readable {
    /// The intents that can be read, without fates that can't.
    pub ledger: Ledger,
    /// Numbers of those that are there and can't be read, each with its job where that is known.
    pub lost: BTreeMap<u32, Option<u64>>,
    /// Why.
    pub errors: Vec<StoreError>,
}

impl Ledger {
    /// Reads it.
    ///
    /// # Errors
    /// If the files can't be read.
    pub fn read(dir: &SweepDir) -> Result<Self, StoreError> {
        read(dir, &mut Err).map(|(ledger, _)| ledger)
    }
}

impl Readable {
    /// Reads what can be read.
    #[must_use]
    pub fn of(dir: &SweepDir) -> Self {
        let mut errors = Vec::new();
        let read = read(dir, &mut |error| {
            errors.push(error);
            Ok(())
        });
        let (ledger, lost) = read.unwrap_or_else(|error| {
            errors.push(error);
            Default::default()
        });
        Self { ledger, lost, errors }
    }
}

type Failed<'a> = &'a mut dyn FnMut(StoreError) -> Result<(), StoreError>;

/// Reads all, where `failed` goes on with what can't be read without it.
fn read(
    dir: &SweepDir,
    failed: Failed<'_>,
) -> Result<(Ledger, BTreeMap<u32, Option<u64>>), StoreError> {
    let (mut entries, mut lost) = (BTreeMap::new(), BTreeMap::new());
    let (mut fates, mut released) = (Vec::new(), Vec::new());
    for name in fs::list_dir(&dir.submit())? {
        let Some((number, kind)) = parse_name(&name) else { continue };
        match kind {
            "intent" => match read_of::<Intent>(dir, &name, LEDGER_SCHEMA) {
                Ok(intent) => {
                    entries.insert(number, Entry { intent, fate: None, released: false });
                }
                Err(error) => {
                    failed(error)?;
                    lost.insert(number, None);
                }
            },
            "fate" => match read_json::<Fate>(dir, &name) {
                Ok(fate) => fates.push((number, fate)),
                Err(error) => failed(error)?,
            },
            "released" => released.push(number),
            _ => {}
        }
    }
    for (number, fate) in fates {
        if let (Some(job), Fate::Job(known)) = (lost.get_mut(&number), &fate) {
            *job = Some(*known);
        }
        if let Some(entry) = entries.get_mut(&number) {
            entry.fate = Some(fate);
        }
    }
    for number in released {
        if let Some(entry) = entries.get_mut(&number) {
            entry.released = true;
        }
    }
    Ok((Ledger { entries: entries.into_values().collect() }, lost))
}
