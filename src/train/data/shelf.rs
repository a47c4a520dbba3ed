//! The data sets that a process has read, so that its runs share them.
use std::path::{Path, PathBuf};
use std::rc::Rc;

use dlgrid_sweep::dataset::{self, locate::LocateError};
use dlgrid_sweep::recipe;
use tch::Device;

use super::{DataError, Dataset};

/// Data sets on one device, each read once.
#[derive(Debug)]
pub struct Shelf {
    device: Device,
    held: Vec<(PathBuf, Option<u64>, Rc<Dataset>)>,
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
    /// `data.set: idx` without a folder.
    #[error("`data.set: idx` needs `data.path`, the folder of the files")]
    NoPath,
}

impl ShelfError {
    /// The way out.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Locate(error) => error.hint(),
            Self::Data(error) => error.hint().to_owned(),
            Self::NoPath => "add `path: FOLDER` below `data`".to_owned(),
        }
    }
}

impl Shelf {
    /// Nothing read yet.
    #[must_use]
    pub const fn new(device: Device) -> Self {
        Self { device, held: Vec::new() }
    }

    /// The data of a recipe, read unless a run before has asked for it.
    ///
    /// # Errors
    /// Where it isn't there or can't be used.
    pub fn get(&mut self, data: &recipe::Data) -> Result<Rc<Dataset>, ShelfError> {
        let known = dataset::find(&data.set);
        let folder = match (known, &data.path) {
            (Some(set), _) => dataset::locate::locate(set.name)?,
            (None, Some(path)) => Path::new(path).to_owned(),
            (None, None) => return Err(ShelfError::NoPath),
        };
        let same =
            |(path, limit, _): &&(PathBuf, Option<u64>, _)| (path, limit) == (&folder, &data.limit);
        if let Some((_, _, held)) = self.held.iter().find(same) {
            return Ok(Rc::clone(held));
        }
        let classes = known.map(|set| set.classes as usize);
        let read = Rc::new(Dataset::read(&folder, classes, data.limit, self.device)?);
        self.held.push((folder, data.limit, Rc::clone(&read)));
        Ok(read)
    }
}
