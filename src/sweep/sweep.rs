//! A sweep: its directory, its manifest and its spec, opened or created.
mod error;

use std::collections::{HashMap, HashSet};
use std::path::Path;

use crate::family;
use crate::host;
use crate::mutant::{self, Mutant};
use crate::pack::Cut;
use crate::plan::{self, SliceSpan};
use crate::spec::{self, Spec};
use crate::store::curves::CurveFiles;
use crate::store::layout::SweepDir;
use crate::store::manifest::{Creation, MANIFEST_SCHEMA, Manifest};
use crate::store::merge::Results;
use crate::store::read::RetryPolicy;
use crate::store::record::{End, Epoch, Outcome};
use crate::store::segment::HeadFacts;
use crate::store::{StoreError, adopt, ends, fs, read, trust};
use crate::trial::{Run, RunId};
pub use error::SweepError;

/// A sweep that exists.
#[derive(Debug)]
pub struct Sweep {
    /// Its directory.
    pub dir: SweepDir,
    /// What was written down when it was created.
    pub manifest: Manifest,
    /// Its spec.
    pub spec: Spec,
}

/// A sweep's directory was just made, or was there.
#[derive(Debug)]
pub struct Created {
    /// The sweep.
    pub sweep: Sweep,
    /// Whether it was there before.
    pub existed: bool,
    /// Runs taken over from other sweeps of the same name.
    pub adopted: u64,
}

impl Sweep {
    /// Opens a sweep directory.
    ///
    /// # Errors
    /// If it can't be read, or was written by a later dlgrid, or its spec was changed or has other
    /// runs than it once had.
    pub fn open(dir: SweepDir) -> Result<Self, SweepError> {
        let manifest = Manifest::read(&dir)?;
        let path = dir.spec();
        let bytes = fs::read(&path)?;
        let spec = spec::read_again(&format!("{}.yaml", manifest.name), &bytes)
            .map_err(|errors| SweepError::Spec(path.clone(), Box::new(errors)))?;
        if spec.hash != manifest.id {
            return Err(SweepError::Changed(path));
        }
        let (made, here) = (manifest.runs, spec.runs());
        if made != here {
            return Err(SweepError::OtherRuns { path: dir.path().to_owned(), made, here });
        }
        Ok(Self { dir, manifest, spec })
    }

    /// The directory below `root` that a spec's sweep has: the same spec always has the same.
    #[must_use]
    pub fn folder(root: &Path, spec: &Spec) -> SweepDir {
        SweepDir::new(root.join(format!("{}-{}", spec.name, &spec.hash[..8])))
    }

    /// The spec of a file from which a sweep below `root` was made, whatever this dlgrid refuses of it
    /// that the one that made it took; nothing where there is none.
    #[must_use]
    pub fn begun(root: &Path, file: &str, bytes: &[u8]) -> Option<Spec> {
        let spec = spec::read_again(file, bytes).ok().filter(|spec| spec.stage.is_none())?;
        let manifest = Manifest::read(&Self::folder(root, &spec)).ok()?;
        (manifest.id == spec.hash).then_some(spec)
    }

    /// The sweep of a spec below `root` as it would be created where no other sweep has any of its
    /// runs; nothing is written.
    #[must_use]
    pub fn draft(root: &Path, spec: Spec, cut: &Cut) -> Self {
        let per_slice = cut.runs_per_slice_of(&spec, spec.runs().max(1), None);
        let slices = plan::slices(&spec, per_slice, None);
        Self { dir: Self::folder(root, &spec), manifest: new_manifest(&spec, slices), spec }
    }

    /// Creates the sweep of a spec below `root`, or opens it where it exists. Ends that other
    /// sweeps of the same name have of its runs are taken over.
    ///
    /// The manifest is written last, by link: of two that create at once, one does, and the
    /// other opens what that one made. A creation that was cut short is simply done again.
    ///
    /// # Errors
    /// If the directory can't be written.
    pub fn create(root: &Path, spec: Spec, bytes: &[u8], cut: &Cut) -> Result<Created, SweepError> {
        Self::create_in(Self::folder(root, &spec), root, spec, bytes, cut)
    }

    /// Creates a sweep in just this directory, as [`Sweep::create`] does.
    ///
    /// # Errors
    /// If the directory can't be written, or others could put something into it.
    pub fn create_in(
        dir: SweepDir,
        root: &Path,
        spec: Spec,
        bytes: &[u8],
        cut: &Cut,
    ) -> Result<Created, SweepError> {
        trust::check(&dir)?;
        match Manifest::read(&dir) {
            Ok(_) => return Self::open(dir).and_then(|sweep| sweep.gone_on_with(root)),
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error.into()),
        }
        let spec = write_spec(&dir, spec, bytes)?;
        let found = ends_elsewhere(root, &dir, &spec, &|_| true)?;
        let done: HashSet<u64> = found.iter().map(|f| f.end.index).collect();
        let left = spec.runs() - done.len() as u64;
        let per_slice = cut.runs_per_slice_of(&spec, left.max(1), mean_seconds(&found));
        let is_done = |index: u64| done.contains(&index);
        let is_done: Option<&dyn Fn(u64) -> bool> =
            if done.is_empty() { None } else { Some(&is_done) };
        let slices = plan::slices(&spec, per_slice, is_done);
        let adopted = found.len() as u64;
        let manifest = new_manifest(&spec, slices);
        if mutant::is(Mutant::ManifestFirst) {
            manifest.create(&dir)?;
        }
        adopt::adopt(&dir, &adopting(&spec), with_curves(found))?;
        keep_changes(&dir)?;
        match manifest.create(&dir)? {
            Creation::Created => {
                Ok(Created { sweep: Self { dir, manifest, spec }, existed: false, adopted })
            }
            Creation::Existed(_) => {
                Self::open(dir).map(|sweep| Created { sweep, existed: true, adopted: 0 })
            }
        }
    }

    /// The sweep was there before: what has ended elsewhere since, of runs that it misses, is
    /// taken over.
    fn gone_on_with(self, root: &Path) -> Result<Created, SweepError> {
        let results = read::load(&self.dir, &self.manifest.id)?;
        let missing = |index: u64| results.end(index).is_none();
        let all_ended = results.runs.values().filter(|r| r.end.is_some()).count() as u64;
        let mut adopted = 0;
        if all_ended < self.manifest.runs {
            let found = ends_elsewhere(root, &self.dir, &self.spec, &missing)?;
            adopted = found.len() as u64;
            adopt::adopt(&self.dir, &adopting(&self.spec), with_curves(found))?;
        }
        Ok(Created { sweep: self, existed: true, adopted })
    }

    /// Whether the ends in the store are of the runs that their numbers say; a sample of them
    /// is compared.
    ///
    /// # Errors
    /// [`SweepError::OtherOrder`], if one is not.
    pub fn verify(&self, results: &Results) -> Result<(), SweepError> {
        const SAMPLE: usize = 100;
        let step = results.runs.len() / SAMPLE + 1;
        let ends = results.runs.values().step_by(step).filter_map(|state| state.end.as_ref());
        for end in ends {
            if self.run(end.index).is_none_or(|run| run.id != end.run) {
                return Err(SweepError::OtherOrder(self.dir.path().to_owned()));
            }
        }
        Ok(())
    }

    /// The run with this number.
    #[must_use]
    pub fn run(&self, index: u64) -> Option<Run> {
        self.spec.run(index)
    }

    /// Slices that have a run to train.
    #[must_use]
    pub fn slices_left(&self, results: &Results, again: RetryPolicy) -> Vec<u32> {
        let is_left =
            |slice: &u32| self.slice_runs(*slice).any(|index| again.is_left(results.end(index)));
        let slices = 0..u32::try_from(self.manifest.slices.len()).unwrap_or(u32::MAX);
        slices.filter(is_left).collect()
    }

    /// The numbers of a slice's runs, in order.
    pub fn slice_runs(&self, slice: u32) -> impl Iterator<Item = u64> + '_ {
        let span = self.manifest.slices.get(slice as usize).copied();
        span.into_iter().flat_map(|span| self.spec.walk(span.start, span.end))
    }

    /// The slice that a run belongs to; nothing for one that was taken over.
    #[must_use]
    pub fn slice_of(&self, index: u64) -> Option<u32> {
        let at = self.manifest.slices.partition_point(|span| span.end <= index);
        let span = self.manifest.slices.get(at)?;
        (span.start <= index).then(|| u32::try_from(at).ok()).flatten()
    }
}

/// Writes the spec of a sweep down. Where one is there, a creation was cut short, or goes on at this
/// moment: what it wrote counts for a stage, whose directory is not named by what it trains.
fn write_spec(dir: &SweepDir, spec: Spec, bytes: &[u8]) -> Result<Spec, SweepError> {
    match fs::publish(&dir.spec(), bytes) {
        Err(StoreError::Exists { .. }) if spec.stage.is_some() => {
            let there = spec::read_again("stage.yaml", &fs::read(&dir.spec())?)
                .map_err(|errors| SweepError::Spec(dir.spec(), Box::new(errors)))?;
            Ok(Spec { slurm: spec.slurm, upkeep: spec.upkeep, ..there })
        }
        Ok(()) | Err(StoreError::Exists { .. }) => Ok(spec),
        Err(error) => Err(error.into()),
    }
}

/// Keeps what differs from the revision that the manifest names, so that the sweep can be done
/// again.
fn keep_changes(dir: &SweepDir) -> Result<(), StoreError> {
    let Some(changes) = host::git_changes() else { return Ok(()) };
    match fs::publish(&dir.changes(), &changes) {
        Err(StoreError::Exists { .. }) => Ok(()),
        written => written,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a mean of seconds")]
fn mean_seconds(found: &[FoundEnd]) -> Option<f64> {
    let sum: f64 = found.iter().map(|f| f.end.seconds).sum();
    (!found.is_empty() && sum > 0.0).then(|| sum / found.len() as f64)
}

fn adopting(spec: &Spec) -> HeadFacts {
    HeadFacts {
        sweep: spec.hash.clone(),
        device: "adopted".into(),
        dlgrid: env!("CARGO_PKG_VERSION").into(),
        ..HeadFacts::default()
    }
}

fn new_manifest(spec: &Spec, slices: Vec<SliceSpan>) -> Manifest {
    Manifest {
        schema: MANIFEST_SCHEMA,
        id: spec.hash.clone(),
        name: spec.name.clone(),
        spec_hash: spec.hash.clone(),
        recipe_schema: crate::recipe::RECIPE_SCHEMA,
        trials: spec.space.trials(),
        runs: spec.runs(),
        slices,
        created: host::now(),
        dlgrid: env!("CARGO_PKG_VERSION").into(),
        git: host::git_revision(),
        host: host::name(),
        objective: spec.objective.to_string(),
    }
}

/// An end that another sweep has of a run of this one.
struct FoundEnd {
    /// With its number in this sweep.
    end: End,
    /// Where it comes from.
    dir: SweepDir,
    /// Its number there.
    number: u64,
    /// The slice there whose segments have it.
    slice: u32,
}

/// Ends of this spec's runs in other sweeps of the same name below the root, in the order of
/// the segments that they come from.
fn ends_elsewhere(
    root: &Path,
    own: &SweepDir,
    spec: &Spec,
    wanted: &dyn Fn(u64) -> bool,
) -> Result<Vec<FoundEnd>, SweepError> {
    let mut known: HashMap<RunId, FoundEnd> = HashMap::new();
    for (dir, manifest) in family::relatives(root, &spec.name)? {
        if dir == *own {
            continue;
        }
        for (slice, end) in ends::all(&dir, &manifest.id)? {
            if end.outcome == Outcome::Done {
                let from = end.from.clone().or_else(|| Some(manifest.id.clone()));
                let number = end.index;
                let found = FoundEnd { end: End { from, ..end }, dir: dir.clone(), number, slice };
                known.entry(found.end.run).or_insert(found);
            }
        }
    }
    if known.is_empty() {
        return Ok(Vec::new());
    }
    let mut found: Vec<FoundEnd> = spec
        .walk(0, spec.run_numbers())
        .filter(|index| wanted(*index))
        .filter_map(|index| {
            let mut found = known.remove(&spec.run(index)?.id)?;
            found.end.index = index;
            Some(found)
        })
        .collect();
    found.sort_by(|a, b| (a.dir.path(), a.slice).cmp(&(b.dir.path(), b.slice)));
    Ok(found)
}

/// Adds the curves, those of one slice at a time. Curves that can't be read are left behind:
/// the ends are what counts.
fn with_curves(found: Vec<FoundEnd>) -> impl Iterator<Item = (End, Vec<Epoch>)> {
    let mut groups: Vec<Vec<FoundEnd>> = Vec::new();
    for one in found {
        match groups.last_mut() {
            Some(group) if group[0].dir == one.dir && group[0].slice == one.slice => {
                group.push(one)
            }
            _ => groups.push(vec![one]),
        }
    }
    let mut listed: Option<(SweepDir, CurveFiles)> = None;
    groups.into_iter().flat_map(move |group| {
        let numbers: HashSet<u64> = group.iter().map(|f| f.number).collect();
        let (dir, slice) = (&group[0].dir, group[0].slice);
        // Groups of one sweep follow one another.
        let (_, files) = match listed.take().filter(|(of, _)| of == dir) {
            Some(known) => listed.insert(known),
            None => listed.insert((dir.clone(), CurveFiles::list(dir).unwrap_or_default())),
        };
        let mut curves =
            files.read(dir, slice, &numbers).map(|curves| curves.runs).unwrap_or_default();
        group.into_iter().map(move |found| {
            let mut epochs = curves.remove(&found.number).unwrap_or_default();
            epochs.iter_mut().for_each(|e| e.index = found.end.index);
            (found.end, epochs)
        })
    })
}

#[cfg(test)]
pub(crate) mod tests;
