//! Results for other programs: every run with its parameters and metrics, and the curves, as CSV,
//! JSON lines, Parquet or TensorBoard's event files, in a folder of the user's.
mod column;
mod csv;
mod gather;
mod jsonl;
#[cfg(feature = "parquet")]
mod parquet;
mod proto;
mod record;
mod tensorboard;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::judge::State;
use crate::recipe::{Fold, Value};
use crate::report::{Aim, Title, json as form};
use crate::store::record::Epoch;
use crate::store::{error::StoreError, fs};
pub use gather::{GatherError, gather};

/// Version of what an export has; fields and columns are added, never changed or taken away.
pub const EXPORT_SCHEMA: &str = "dlgrid.export/1";

/// What is exported.
#[derive(Debug, Clone, PartialEq)]
pub struct Export {
    /// The sweep.
    pub sweep: Title,
    /// What it is after.
    pub aim: Aim,
    /// What its spec says of it.
    pub description: Option<String>,
    /// When it was created, in seconds since the Unix epoch.
    pub created: f64,
    /// The parameters that vary.
    pub parameters: Vec<String>,
    /// Every metric that a run ended with.
    pub metrics: Vec<String>,
    /// Every metric of the curves.
    pub curve_metrics: Vec<String>,
    /// Every run that was begun, trial by trial, the best trial first.
    pub runs: Vec<Run>,
    /// Lines of curves that could not be read.
    pub damaged: u64,
}

/// One run.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its place in the sweep.
    pub index: u64,
    /// Its identity, 32 hex digits; nothing before it has ended.
    pub id: Option<String>,
    /// Its trial: the eight digits that people see.
    pub trial: String,
    /// Its seed.
    pub seed: Option<u64>,
    /// Its fold, where there are folds.
    pub fold: Option<Fold>,
    /// Its state.
    pub state: State,
    /// The parameters, in the order of [`Export::parameters`]; nothing for one that does not exist
    /// there.
    pub parameters: Vec<Option<Value>>,
    /// What it counts by, if it is done.
    pub objective: Option<f64>,
    /// Metrics after the last epoch, in the order of [`Export::metrics`].
    pub metrics: Vec<Option<f64>>,
    /// Epochs trained, if it has ended.
    pub epochs: Option<u32>,
    /// Seconds of training.
    pub seconds: f64,
    /// When it ended, in seconds since the Unix epoch.
    pub ended: Option<f64>,
    /// Why it did not end well.
    pub why: Option<String>,
    /// Runs that were trained together with it, itself included, when it ended.
    pub cohort: Option<u32>,
    /// Training samples a second; of a run trained with others, those of all of them.
    pub samples_per_s: Option<f64>,
    /// Its epochs in order.
    pub curve: Vec<Epoch>,
}

/// The form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `runs.csv` and `curves.csv`.
    Csv,
    /// `runs.jsonl` and `curves.jsonl`.
    Jsonl,
    /// `runs.parquet` and `curves.parquet`.
    #[cfg(feature = "parquet")]
    Parquet,
    /// One folder of event files a run, with hyperparameters.
    TensorBoard,
}

impl Export {
    /// The files of the export, by their paths in its folder. No path has a byte of the user's.
    #[must_use]
    pub fn files(&self, form: Form) -> Vec<PathBuf> {
        match form {
            Form::Csv => ["sweep.json", "runs.csv", "curves.csv"].map(PathBuf::from).into(),
            Form::Jsonl => ["sweep.json", "runs.jsonl", "curves.jsonl"].map(PathBuf::from).into(),
            #[cfg(feature = "parquet")]
            Form::Parquet => {
                ["sweep.json", "runs.parquet", "curves.parquet"].map(PathBuf::from).into()
            }
            Form::TensorBoard => tensorboard::files(self),
        }
    }

    /// The content of the file at a place of [`Export::files`], with what TensorBoard is told of the
    /// parameters.
    fn content(&self, form: Form, kinds: &[tensorboard::Kind], place: usize) -> Vec<u8> {
        let run = |run| tensorboard::run(self, kinds, run);
        match (form, place) {
            (Form::TensorBoard, 0) => tensorboard::experiment(self, kinds),
            (Form::TensorBoard, _) => self.runs.get(place - 1).map_or_else(Vec::new, run),
            (_, 0) => self.about().into_bytes(),
            (Form::Csv, 1) => csv::runs(self).into_bytes(),
            (Form::Csv, _) => csv::curves(self).into_bytes(),
            (Form::Jsonl, 1) => jsonl::runs(self).into_bytes(),
            (Form::Jsonl, _) => jsonl::curves(self).into_bytes(),
            #[cfg(feature = "parquet")]
            (Form::Parquet, 1) => parquet::runs(self),
            #[cfg(feature = "parquet")]
            (Form::Parquet, _) => parquet::curves(self),
        }
    }

    /// What the export is of, as one JSON object.
    fn about(&self) -> String {
        let about = json!({
            "schema": EXPORT_SCHEMA,
            "sweep": form::title(&self.sweep),
            "description": self.description,
            "created": form::finite(self.created),
            "objective": form::aim(&self.aim),
            "parameters": self.parameters,
            "metrics": self.metrics,
            "curve_metrics": self.curve_metrics,
            "runs": self.runs.len(),
        });
        format!("{about}\n")
    }

    /// Epochs of all curves.
    #[must_use]
    pub fn epochs(&self) -> u64 {
        self.runs.iter().map(|run| run.curve.len() as u64).sum()
    }
}

/// Writes an export into a folder, which is made where it is missing. Each file appears at once,
/// whole. TensorBoard shows all event files of a folder as one: those of another export are gone
/// after the last file of this one is there.
///
/// # Errors
/// [`StoreError::Exists`], before anything is written, where a file of the export is there, or an event
/// file of another one, and `replace` does not hold; else what the system refused.
pub fn write(export: &Export, form: Form, folder: &Path, replace: bool) -> Result<(), StoreError> {
    let files = export.files(form);
    let others = if form == Form::TensorBoard { other_events(folder, &files)? } else { Vec::new() };
    // What a table is of, an export in another form may have written already.
    let is_there = |file: &Path| form != Form::TensorBoard && is_about(export, &folder.join(file));
    let places: Vec<usize> = (0..files.len()).filter(|p| *p > 0 || !is_there(&files[*p])).collect();
    let wanted = places.iter().map(|place| &files[*place]);
    let mut taken = wanted.filter(|file| folder.join(file).symlink_metadata().is_ok());
    if let Some(file) = taken.next().or(others.first()).filter(|_| !replace) {
        return Err(StoreError::Exists { path: folder.join(file) });
    }
    let kinds = tensorboard::kinds(export);
    for place in places {
        let content = export.content(form, &kinds, place);
        let write = if replace { fs::replace } else { fs::publish };
        write(&folder.join(&files[place]), &content)?;
    }
    for file in others {
        fs::remove(&folder.join(&file))?;
        if let Some(of_run) = file.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            fs::remove_empty_dir(&folder.join(of_run))?;
        }
    }
    Ok(())
}

/// Whether a file says what this export is of, byte by byte.
fn is_about(export: &Export, path: &Path) -> bool {
    fs::read(path).is_ok_and(|bytes| bytes == export.about().into_bytes())
}

/// Event files of other exports in a folder, by their paths in it.
fn other_events(folder: &Path, files: &[PathBuf]) -> Result<Vec<PathBuf>, StoreError> {
    let mine: HashSet<&PathBuf> = files.iter().collect();
    let mut found = Vec::new();
    for name in fs::list_dir(folder)? {
        if tensorboard::is_own(&name) {
            found.push(PathBuf::from(name));
        } else if fs::is_dir(&folder.join(&name)) {
            let inner = fs::list_dir(&folder.join(&name))?.into_iter();
            let own = inner.filter(|file| tensorboard::is_own(file));
            found.extend(own.map(|file| Path::new(&name).join(file)));
        }
    }
    found.retain(|file| !mine.contains(file));
    Ok(found)
}

#[cfg(test)]
mod tests;
