//! `SWEEP.json`: what a sweep is, written once when it is created.
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::StoreError;
use super::fs;
use super::layout::SweepDir;
use super::versioned;

/// Version of the manifest and of the directory that it stands in. A reader refuses a later one.
///
/// 1: first form.
pub const MANIFEST_SCHEMA: u32 = 1;

/// What a sweep is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the directory: [`MANIFEST_SCHEMA`].
    pub schema: u32,
    /// The sweep: 32 random hex digits.
    pub id: String,
    /// Its name in the spec.
    pub name: String,
    /// Hash of the spec's meaning.
    pub spec_hash: String,
    /// Version of the recipes that run ids are hashes of.
    pub recipe_schema: u32,
    /// Points of the space that are trained.
    pub trials: u64,
    /// Runs in all slices.
    pub runs: u64,
    /// What each array task trains.
    pub slices: Vec<SliceSpan>,
    /// What is best, in words, such as `maximize valid/f1 (last)`; the spec decides.
    #[serde(default)]
    pub objective: String,
    /// Seconds since the Unix epoch.
    pub created: f64,
    /// Version of dlgrid.
    pub dlgrid: String,
    /// Revision of the repository that the spec lies in.
    #[serde(default)]
    pub git: Option<String>,
    /// Name of the machine that created it.
    pub host: String,
}

/// The runs of one slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceSpan {
    /// The first run index.
    pub start: u64,
    /// The run index after the last one.
    pub end: u64,
    /// How many of them are to be trained: the others are excluded points or taken over.
    pub runs: u64,
}

/// What became of creating a manifest.
#[derive(Debug, Clone, PartialEq)]
pub enum Creation {
    /// It is there now.
    Created,
    /// Somebody else created one first: this one, which may be of another sweep.
    Existed(Box<Manifest>),
}

impl Manifest {
    /// Writes it, complete and durable, unless one is there.
    ///
    /// # Errors
    /// What the system refused; or one is there that can't be read.
    pub fn create(&self, dir: &SweepDir) -> Result<Creation, StoreError> {
        let mut json = serde_json::to_vec_pretty(self)
            .expect("a manifest has string keys and no failing part: it always serializes");
        json.push(b'\n');
        match fs::publish(&dir.manifest(), &json) {
            Ok(()) => Ok(Creation::Created),
            Err(there) if there.is_exists() => Ok(Creation::Existed(Box::new(Self::read(dir)?))),
            Err(cause) => Err(cause),
        }
    }

    /// Reads a sweep's manifest.
    ///
    /// # Errors
    /// It is not there ([`StoreError::is_not_found`]), is no manifest, or has a later schema.
    pub fn read(dir: &SweepDir) -> Result<Self, StoreError> {
        let path = dir.manifest();
        Self::parse(&fs::read(&path)?, &path)
    }

    /// Reads the bytes of the file at `path`.
    pub(crate) fn parse(bytes: &[u8], path: &Path) -> Result<Self, StoreError> {
        versioned::parse(bytes, path, MANIFEST_SCHEMA)
    }
}
