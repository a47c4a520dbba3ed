//! Whether the data that the runs of a sweep need are on this machine, and can be learnt from.
use std::path::Path;

use anyhow::Result;
use dlgrid_sweep::dataset::table::{Table, TableError};
use dlgrid_sweep::dataset::{self, DataSet, Form, cifar, images, locate, verify};
use dlgrid_sweep::exit;
use dlgrid_sweep::recipe::{Data, Task};
use dlgrid_sweep::spec::Spec;

use crate::busy::Busy;
use crate::talk::refuse;

/// All data of a sweep: files are there, those of the catalogue are genuine, tables can be read, and
/// used in these ways.
pub fn all(spec: &Spec, ways: &[(Task, Data)]) -> Result<()> {
    for (set, path) in spec.data_sets() {
        match path {
            Some(path) if set != "csv" => own_images(&set, Path::new(&path))?,
            Some(_) => {}
            None => catalogue(&set)?,
        }
    }
    tables(&spec.tables(), ways)
}

/// The test set of the user's own images must be there; nothing of it is read.
pub fn test_set(data: &Data) -> Result<()> {
    let Some(path) = data.path.as_deref() else { return Ok(()) };
    match &*data.set {
        "idx" => idx(path, "t10k"),
        "cifar-10" | "cifar-100" => {
            let found = cifar::test_file(Path::new(path), data.set == "cifar-100");
            found.map(drop).map_err(|error| {
                let hint = "the file of the test set must lie beside those that were trained on";
                missing(error, hint)
            })
        }
        _ => Ok(()),
    }
}

/// A data set of the catalogue must be there, and be what it is called, byte for byte.
fn catalogue(set: &str) -> Result<()> {
    let _busy = Busy::new(format!("checking the data set {set}, byte by byte"));
    let folder = locate::locate(set).map_err(|error| {
        let hint = error.hint();
        missing(error, hint)
    })?;
    let faults = dataset::find(set).map_or_else(Vec::new, |facts| verify::verify(&folder, facts));
    if faults.is_empty() {
        return Ok(());
    }
    let fact = format!(
        "data set `{set}` at `{}` is damaged: {}",
        folder.display(),
        verify::in_words(&faults)
    );
    Err(refuse(exit::MISSING, fact, format!("dlgrid data fetch {set}")))
}

/// Images of the user's own: the files must be there; the worker reads them.
fn own_images(set: &str, folder: &Path) -> Result<()> {
    if matches!(set, "cifar-10" | "cifar-100") {
        return cifar::files(folder, set == "cifar-100").map(drop).map_err(|error| {
            let hint = error.hint();
            missing(error, hint)
        });
    }
    idx(&folder.to_string_lossy(), "train")
}

fn idx(folder: &str, part: &str) -> Result<()> {
    let absent = images::absent(Path::new(folder), part);
    if absent.is_empty() {
        return Ok(());
    }
    Err(refuse(
        exit::MISSING,
        format!("`data.path: {folder}` has no `{}`", absent.join("`, no `")),
        "the folder must hold the IDX files under their usual names, plain or .gz",
    ))
}

/// Tables are read, each once: what is wrong with one stands in one row out of many, or is only
/// wrong where a trial learns this column or leaves out that one.
fn tables(all: &[(Task, Data)], ways: &[(Task, Data)]) -> Result<()> {
    let place = |data: &Data| (data.set.clone(), data.path.clone());
    for (at, (_, first)) in all.iter().enumerate() {
        if all[..at].iter().any(|(_, before)| place(before) == place(first)) {
            continue;
        }
        let _busy = Busy::new(format!("reading {}", first.path.as_deref().unwrap_or(&first.set)));
        let table = table(first)?;
        for (task, data) in ways.iter().filter(|(_, data)| place(data) == place(first)) {
            let checked = table.check(&data.table, *task == Task::Regress, data.limit);
            checked.map_err(|error| unusable(&error))?;
        }
    }
    Ok(())
}

fn table(data: &Data) -> Result<Table> {
    let place = locate::place(&data.set, data.path.as_deref()).map_err(|error| {
        let hint = error.hint();
        missing(error, hint)
    })?;
    let path = place.unwrap_or_default();
    let read = match dataset::find(&data.set) {
        Some(DataSet { form: Form::Table { columns, skip, target }, files, .. }) => {
            Table::known(&path.join(files[0].name), columns, *skip, *target)
        }
        _ => Table::read(&path),
    };
    read.map_err(|error| unusable(&error))
}

fn unusable(error: &TableError) -> anyhow::Error {
    let (words, hint) = (in_words(error), error.hint());
    refuse(exit::MISSING, words, hint)
}

/// Something that runs need is not here.
pub fn missing(error: impl std::error::Error, hint: impl Into<String>) -> anyhow::Error {
    refuse(exit::MISSING, in_words(&error), hint)
}

fn in_words(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(why) = cause {
        words = format!("{words}: {why}");
        cause = why.source();
    }
    words
}
