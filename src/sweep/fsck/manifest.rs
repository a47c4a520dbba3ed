//! The manifest and the spec: each sound, and of one mind.
use super::Facts;
use super::fact::Kind;
use super::said;
use crate::spec::{self, Spec};
use crate::store::layout::{SweepDir, is_stage};
use crate::store::manifest::{Manifest, SliceSpan};
use crate::store::{StoreError, fs};
use crate::sweep::Sweep;

/// What the rest is held against.
pub(super) struct Opened {
    /// The sweep's id, as far as it can be told.
    pub id: Option<String>,
    /// The sweep, where manifest and spec are sound and agree.
    pub sweep: Option<Sweep>,
}

pub(super) fn open(dir: &SweepDir, facts: &mut Facts) -> Result<Opened, StoreError> {
    let named = Manifest::read(dir);
    let spec = read_spec(dir, named.as_ref().ok(), facts);
    let manifest = read_manifest(dir, named, spec.is_some(), facts)?;
    let id = manifest.as_ref().map(|m| m.id.clone()).or(spec.as_ref().map(|s| s.hash.clone()));
    let (Some(manifest), Some(spec)) = (manifest, spec) else {
        return Ok(Opened { id, sweep: None });
    };
    if manifest.spec_hash != manifest.id {
        let text =
            format!("its id is {}, the hash of its spec {}", manifest.id, manifest.spec_hash);
        facts.add(Kind::ManifestWrong, "SWEEP.json", text);
    }
    if spec.hash != manifest.id {
        let text = format!("its hash is {}, that of the sweep {}", spec.hash, manifest.id);
        facts.add(Kind::SpecChanged, "spec.yaml", text);
        return Ok(Opened { id, sweep: None });
    }
    for text in contradictions(&manifest, &spec) {
        facts.add(Kind::ManifestWrong, "SWEEP.json", text);
    }
    Ok(Opened { id, sweep: Some(Sweep { dir: dir.clone(), manifest, spec }) })
}

/// A spec without a `name` has that of the file that was submitted: the manifest keeps it, and the folder.
fn read_spec(dir: &SweepDir, manifest: Option<&Manifest>, facts: &mut Facts) -> Option<Spec> {
    let bytes = match fs::read(&dir.spec()) {
        Ok(bytes) => bytes,
        Err(gone) if gone.is_not_found() => {
            // Before anything else is there, a creation was cut short.
            if fs::is_file(&dir.manifest()) || fs::is_dir(&dir.segments()) {
                facts.add(Kind::SpecMissing, "spec.yaml", "is not there");
            }
            return None;
        }
        Err(error) => {
            facts.add(Kind::Unreadable, "spec.yaml", said(&error));
            return None;
        }
    };
    let folder = dir.label();
    let of_folder = folder.rsplit_once('-').map_or("spec", |(name, _)| name);
    let name = manifest.map_or(of_folder, |manifest| &manifest.name);
    match spec::read_again(&format!("{name}.yaml"), &bytes) {
        Ok(spec) => Some(spec),
        Err(errors) => {
            facts.add(Kind::SpecRefused, "spec.yaml", errors.to_string());
            None
        }
    }
}

fn read_manifest(
    dir: &SweepDir,
    read: Result<Manifest, StoreError>,
    has_spec: bool,
    facts: &mut Facts,
) -> Result<Option<Manifest>, StoreError> {
    let error = match read {
        Ok(manifest) => return Ok(Some(manifest)),
        Err(error) => error,
    };
    match &error {
        StoreError::LaterSchema { .. } => {
            facts.add(Kind::LaterSchema, "SWEEP.json", error.to_string());
        }
        StoreError::Malformed { .. } => {
            facts.add(Kind::ManifestDamaged, "SWEEP.json", said(&error));
        }
        _ if !error.is_not_found() => facts.add(Kind::Unreadable, "SWEEP.json", said(&error)),
        _ if is_begun(dir)? => facts.add(Kind::ManifestMissing, "SWEEP.json", "is not there"),
        _ if has_spec || is_a_sweep(dir)? => {
            facts.add(Kind::Unfinished, "", "there is no `SWEEP.json` yet");
        }
        _ => return Err(error),
    }
    Ok(None)
}

/// Whether a folder is a sweep's, or nothing is in it yet: another may hold sweeps, or anything.
pub(super) fn is_a_sweep(dir: &SweepDir) -> Result<bool, StoreError> {
    let names = fs::list_dir(dir.path())?;
    let is_empty = names.is_empty() && fs::is_dir(dir.path());
    let first = |name: &String| ["SWEEP.json", "spec.yaml", "code.diff", "seg"].contains(&&**name);
    Ok(is_empty || names.iter().any(first) || is_begun(dir)?)
}

/// Whether something was done that needs a manifest first: more than what a creation writes.
fn is_begun(dir: &SweepDir) -> Result<bool, StoreError> {
    const LATER: [&str; 5] = ["submit", "ckpt", "weights", "tasks", "openings"];
    for name in fs::list_dir(dir.path())? {
        let folder = dir.path().join(&name);
        // One that can't be listed holds something.
        let is_empty = fs::list_dir(&folder).is_ok_and(|names| names.is_empty());
        let is_later = LATER.contains(&&*name) && !is_empty;
        if is_later || (is_stage(&name) && fs::is_dir(&folder)) {
            return Ok(true);
        }
    }
    for folder in fs::list_dir(&dir.segments()).unwrap_or_default() {
        let names = fs::list_dir(&dir.segments().join(folder)).unwrap_or_default();
        // A creation writes what it takes over, of attempt 0, before the manifest.
        if names.iter().any(|name| !name.contains(".a0.")) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What of a manifest its spec does not bear out.
fn contradictions(manifest: &Manifest, spec: &Spec) -> Vec<String> {
    let mut found = Vec::new();
    let mut differs = |what: &str, says: u64, is: u64| {
        if says != is {
            found.push(format!("it says {says} {what}, the spec has {is}"));
        }
    };
    differs("runs", manifest.runs, spec.runs());
    differs("trials", manifest.trials, spec.space.trials());
    found.extend(slices(&manifest.slices, spec.run_numbers()));
    found
}

/// Slices follow one another, without a run in two of them, within the numbers of runs.
pub(super) fn slices(slices: &[SliceSpan], numbers: u64) -> Option<String> {
    let mut before = 0;
    for (number, span) in slices.iter().enumerate() {
        if span.start < before || span.end <= span.start || span.end > numbers {
            let SliceSpan { start, end, .. } = span;
            return Some(format!("slice {number} has the runs {start} to {end}, out of order"));
        }
        if span.runs > span.end - span.start {
            return Some(format!("slice {number} counts more runs than it spans"));
        }
        before = span.end;
    }
    None
}
