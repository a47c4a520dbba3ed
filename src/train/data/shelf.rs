//! The data sets that a process has read, so that its runs share them.
use std::path::{Path, PathBuf};
use std::rc::Rc;

use dlgrid_sweep::dataset::images::Images;
use dlgrid_sweep::dataset::table::{self, Table, TableError};
use dlgrid_sweep::dataset::{self, DataSet, Form, locate::LocateError};
use dlgrid_sweep::recipe;
use tch::Device;

use super::{DataError, Dataset};

/// Data sets on one device, each read once.
#[derive(Debug)]
pub struct Shelf {
    device: Device,
    held: Vec<(Wanted, Rc<Dataset>)>,
}

/// All that decides what is read.
#[derive(Debug, Clone, PartialEq)]
struct Wanted {
    form: Form,
    path: PathBuf,
    classes: Option<usize>,
    limit: Option<u64>,
    table: Option<table::Options>,
    numbers: bool,
}

/// Why a run's data can't be had.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// It isn't on this machine.
    #[error(transparent)]
    Locate(#[from] LocateError),
    /// It can't be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A set of the user's own files without a path.
    #[error("`data.set: {0}` needs `data.path`, where the files are")]
    NoPath(String),
}

impl ShelfError {
    /// The way out.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Locate(error) => error.hint(),
            Self::Data(error) => error.hint().to_owned(),
            Self::NoPath(_) => "add `path: …` below `data`".to_owned(),
        }
    }
}

impl Shelf {
    /// Nothing read yet.
    #[must_use]
    pub const fn new(device: Device) -> Self {
        Self { device, held: Vec::new() }
    }

    /// The data of a recipe with what its task learns of each sample.
    ///
    /// # Errors
    /// As [`Shelf::get`].
    pub fn of(&mut self, recipe: &recipe::Recipe) -> Result<Rc<Dataset>, ShelfError> {
        match recipe.task {
            recipe::Task::Classify => self.get(&recipe.data),
            recipe::Task::Regress => self.get_numbers(&recipe.data),
        }
    }

    /// The data of a recipe with the class of each sample, read unless a run before has asked
    /// for it.
    ///
    /// # Errors
    /// Where it isn't there or can't be used.
    pub fn get(&mut self, data: &recipe::Data) -> Result<Rc<Dataset>, ShelfError> {
        self.hold(data, false)
    }

    /// The same with a number to learn for each sample: of a table whose target is of numbers.
    ///
    /// # Errors
    /// As [`Shelf::get`].
    pub fn get_numbers(&mut self, data: &recipe::Data) -> Result<Rc<Dataset>, ShelfError> {
        self.hold(data, true)
    }

    fn hold(&mut self, data: &recipe::Data, numbers: bool) -> Result<Rc<Dataset>, ShelfError> {
        let wanted = wanted(data, numbers)?;
        if let Some((_, held)) = self.held.iter().find(|(known, _)| *known == wanted) {
            return Ok(Rc::clone(held));
        }
        let read = Rc::new(read(&wanted, self.device)?);
        self.held.push((wanted, Rc::clone(&read)));
        Ok(read)
    }
}

fn wanted(data: &recipe::Data, numbers: bool) -> Result<Wanted, ShelfError> {
    let known: Option<&DataSet> = dataset::find(&data.set);
    let form = known.map_or(
        if data.set == "csv" {
            Form::Table { columns: &[], skip: 0, target: None }
        } else {
            Form::Idx
        },
        |set| set.form,
    );
    let path = match (known, &data.path) {
        (_, Some(path)) => Path::new(path).to_owned(),
        (Some(set), None) => dataset::locate::locate(set.name)?,
        (None, None) => return Err(ShelfError::NoPath(data.set.clone())),
    };
    let is_table = matches!(form, Form::Table { .. });
    let path = match known {
        Some(set) if is_table => path.join(set.files[0].name),
        _ => path,
    };
    // How features are encoded is each run's own affair.
    let table = table::Options { encode: table::Encode::default(), ..data.table.clone() };
    Ok(Wanted {
        form,
        path,
        classes: known.map(|set| set.classes as usize),
        limit: data.limit,
        table: is_table.then_some(table),
        numbers,
    })
}

fn read(wanted: &Wanted, device: Device) -> Result<Dataset, DataError> {
    let images = match wanted.form {
        Form::Idx => Images::idx(&wanted.path, wanted.classes)?,
        Form::Cifar10 => Images::cifar(&wanted.path, false)?,
        Form::Cifar100 => Images::cifar(&wanted.path, true)?,
        Form::Table { columns, skip, target } => {
            let table = match columns {
                [] => Table::read(&wanted.path)?,
                columns => Table::known(&wanted.path, columns, skip, target)?,
            };
            return of_table(&table, wanted, device).map_err(DataError::from);
        }
    };
    Ok(Dataset::of_images(&images.limited(wanted.limit), device))
}

fn of_table(table: &Table, wanted: &Wanted, device: Device) -> Result<Dataset, TableError> {
    let options = wanted.table.clone().unwrap_or_default();
    let samples = table.samples(&options, wanted.numbers)?.limited(wanted.limit);
    Ok(Dataset::of_table(samples, device))
}
