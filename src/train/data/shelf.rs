//! The data sets that a process has read, so that its runs share them.
use std::path::PathBuf;
use std::rc::Rc;

use dlgrid_sweep::dataset::images::Images;
use dlgrid_sweep::dataset::table::{self, Table, TableError};
use dlgrid_sweep::dataset::{self, DataSet, Form, Unsealed, locate::LocateError};
use dlgrid_sweep::recipe;
use tch::Device;

use super::{DataError, Dataset, Labels};

/// Data sets on one device, each read once.
#[derive(Debug)]
pub struct Shelf {
    device: Device,
    held: Vec<(Wanted, Rc<Dataset>)>,
    tests: Vec<(Wanted, Rc<Dataset>)>,
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
    /// The test set has samples of another shape.
    #[error("a sample of the test set is {test:?}, one of the training set {train:?}")]
    TestShape {
        /// Of a test sample.
        test: Vec<usize>,
        /// Of a training sample.
        train: Vec<usize>,
    },
}

impl ShelfError {
    /// The way out.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Locate(error) => error.hint(),
            Self::Data(error) => error.hint().to_owned(),
            Self::TestShape { .. } => "are both of one data set? mend `data.path`".to_owned(),
            Self::NoPath(_) => "add `path: …` below `data`".to_owned(),
        }
    }
}

impl Shelf {
    /// Nothing read yet.
    #[must_use]
    pub const fn new(device: Device) -> Self {
        Self { device, held: Vec::new(), tests: Vec::new() }
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

    /// The test set that goes with what [`Shelf::get`] or [`Shelf::get_numbers`] gave for a recipe.
    ///
    /// # Errors
    /// As [`Shelf::get`]; and where a table has no row sealed.
    pub fn get_test(
        &mut self,
        data: &recipe::Data,
        train: &Dataset,
        leave: &Unsealed,
    ) -> Result<Rc<Dataset>, ShelfError> {
        let wanted = wanted(data, matches!(train.labels, Labels::Numbers(_)))?;
        if let Some((_, held)) = self.tests.iter().find(|(known, _)| *known == wanted) {
            return Ok(Rc::clone(held));
        }
        let read = Rc::new(read_test(&wanted, train.classes, self.device, leave)?);
        if read.shape != train.shape {
            let (test, train) = (read.shape.clone(), train.shape.clone());
            return Err(ShelfError::TestShape { test, train });
        }
        self.tests.push((wanted, Rc::clone(&read)));
        Ok(read)
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
    let place = dataset::locate::place(&data.set, data.path.as_deref())?;
    let path = place.ok_or_else(|| ShelfError::NoPath(data.set.clone()))?;
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
    let Some(images) = Images::of(wanted.form, &wanted.path, wanted.classes) else {
        let samples = table(wanted)?.samples(&options(wanted), wanted.numbers);
        return Ok(Dataset::of_table(samples?.limited(wanted.limit)?, device));
    };
    Ok(Dataset::of_images(&images?.limited(wanted.limit)?, device))
}

/// A limit is for training samples: of the test set all are read.
fn read_test(
    wanted: &Wanted,
    classes: usize,
    device: Device,
    leave: &Unsealed,
) -> Result<Dataset, DataError> {
    let images = match wanted.form {
        Form::Idx => Images::idx_test(leave, &wanted.path, classes)?,
        Form::Cifar10 => Images::cifar_test(leave, &wanted.path, false)?,
        Form::Cifar100 => Images::cifar_test(leave, &wanted.path, true)?,
        Form::Table { .. } => {
            let samples = table(wanted)?.test_samples(leave, &options(wanted), wanted.numbers);
            return Ok(Dataset::of_table(samples?, device));
        }
    };
    Ok(Dataset::of_images(&images, device))
}

fn table(wanted: &Wanted) -> Result<Table, TableError> {
    match wanted.form {
        Form::Table { columns, skip, target } if !columns.is_empty() => {
            Table::known(&wanted.path, columns, skip, target)
        }
        _ => Table::read(&wanted.path),
    }
}

fn options(wanted: &Wanted) -> table::Options {
    wanted.table.clone().unwrap_or_default()
}
