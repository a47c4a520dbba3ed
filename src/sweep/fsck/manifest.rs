//! The manifest and the spec: each sound, and of one mind.
use super::Facts;
use super::fact::Kind;
use super::said;
use super::tree::is_own;
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
    let counts = counts(&manifest, &spec);
    let is_another = !counts.is_empty();
    for text in counts.into_iter().chain(slices(&manifest.slices, spec.run_numbers())) {
        facts.add(Kind::ManifestWrong, "SWEEP.json", text);
    }
    // Numbers of runs then mean other runs: nothing is to be said of what has them.
    if is_another {
        return Ok(Opened { id, sweep: None });
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
            facts.add(Kind::SpecRefused, "spec.yaml", errors.first());
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
    Ok(is_empty || has_first(&names) || is_begun(dir)?)
}

/// Whether what a creation writes is among these.
fn has_first(names: &[String]) -> bool {
    const FIRST: [&str; 4] = ["SWEEP.json", "spec.yaml", "code.diff", "seg"];
    names.iter().any(|name| FIRST.contains(&&**name))
}

/// Whether something was done that needs a manifest first: more than what a creation writes.
fn is_begun(dir: &SweepDir) -> Result<bool, StoreError> {
    const LATER: [&str; 5] = ["submit", "ckpt", "weights", "tasks", "openings"];
    for name in fs::list_dir(dir.path())? {
        let folder = dir.path().join(&name);
        let is_stage = is_stage(&name);
        if !fs::is_dir(&folder) || !(is_stage || LATER.contains(&&*name)) {
            continue;
        }
        // One that can't be listed holds something.
        let Ok(names) = fs::list_dir(&folder) else { return Ok(true) };
        if is_stage && has_first(&names) || !is_stage && has_own(dir, &name, &names) {
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

/// Whether one of the names in a folder, or in a folder of it, is one that dlgrid gives: other projects
/// have folders called `weights` too.
fn has_own(dir: &SweepDir, folder: &str, names: &[String]) -> bool {
    names.iter().any(|name| {
        let inner = format!("{folder}/{name}");
        let below = || fs::list_dir(&dir.path().join(&inner)).unwrap_or_default();
        is_own(&inner) || below().iter().any(|name| is_own(&format!("{inner}/{name}")))
    })
}

/// Counts of a manifest that its spec does not bear out.
fn counts(manifest: &Manifest, spec: &Spec) -> Vec<String> {
    let pairs =
        [("runs", manifest.runs, spec.runs()), ("trials", manifest.trials, spec.space.trials())];
    let differ = pairs.into_iter().filter(|(_, says, is)| says != is);
    differ
        .map(|(what, says, is)| {
            format!("it says {says} {what}, and to this version of dlgrid the spec has {is}")
        })
        .collect()
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
