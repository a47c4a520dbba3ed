//! Sweeps of one name below one root: they take runs over from each other, and have seen each
//! other's test set.
use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::store::StoreError;
use crate::store::layout::{SweepDir, is_stage};
use crate::store::manifest::Manifest;
use crate::store::record::Outcome;
use crate::store::{fs, opening, read};
use crate::sweep::Sweep;
use crate::trial::RunId;

/// The sweeps below the root that are called as this name's are, each before its stages.
///
/// # Errors
/// If a folder can't be listed.
pub fn relatives(root: &Path, name: &str) -> Result<Vec<(SweepDir, Manifest)>, StoreError> {
    let family = |name: &str| name.split('/').next().map(str::to_owned);
    let mut found = Vec::new();
    for folder in fs::list_dir(root)? {
        let dir = SweepDir::new(root.join(folder));
        // A folder that only looks like a sweep, or a damaged one, is no reason not to submit.
        let Ok(manifest) = Manifest::read(&dir) else { continue };
        if family(&manifest.name) != family(name) {
            continue;
        }
        let inside = fs::list_dir(dir.path())?;
        let stages = inside.iter().filter(|name| is_stage(name));
        let stages = stages.map(|name| SweepDir::new(dir.path().join(name)));
        let stages = stages.filter_map(|dir| Manifest::read(&dir).ok().map(|m| (dir, m)));
        let stages: Vec<_> = stages.collect();
        found.push((dir, manifest));
        found.extend(stages);
    }
    found.retain(|(_, manifest)| manifest.recipe_schema == crate::recipe::RECIPE_SCHEMA);
    Ok(found)
}

/// The other sweeps of that name whose test set was opened and is that of this sweep: they have a
/// run in common that is done, directly or by way of others. What differs in its data, or in how they
/// are split, is another run.
///
/// # Errors
/// If a folder can't be listed.
pub fn opened(sweep: &Sweep) -> Result<Vec<SweepDir>, StoreError> {
    let root = root(&sweep.dir);
    let is_another = |dir: &SweepDir| {
        Manifest::read(dir)
            .is_ok_and(|other| other.name == sweep.manifest.name && other.id != sweep.manifest.id)
    };
    let folders = fs::list_dir(&root)?.into_iter().map(|name| SweepDir::new(root.join(name)));
    // Most have none, and nothing else is read.
    let opened = folders.filter(|dir| opening::is_there(dir) && is_another(dir));
    let opened: Vec<SweepDir> = opened.collect();
    if opened.is_empty() {
        return Ok(opened);
    }
    let mut groups: Vec<(SweepDir, HashSet<RunId>)> = Vec::new();
    for (dir, manifest) in relatives(&root, &sweep.manifest.name)? {
        let done = done(&dir, &manifest)?;
        match groups.last_mut() {
            Some((of, runs)) if dir.path().starts_with(of.path()) => runs.extend(done),
            _ => groups.push((dir, done)),
        }
    }
    let own = done(&sweep.dir, &sweep.manifest)?;
    let kin = reached(own, groups);
    Ok(opened.into_iter().filter(|dir| kin.contains(dir)).collect())
}

/// Whose runs these are, directly or by way of others.
fn reached(own: HashSet<RunId>, groups: Vec<(SweepDir, HashSet<RunId>)>) -> Vec<SweepDir> {
    let (mut known, mut kin, mut left) = (own, Vec::new(), groups);
    loop {
        let (near, far): (Vec<_>, Vec<_>) =
            left.into_iter().partition(|(_, runs)| !runs.is_disjoint(&known));
        if near.is_empty() {
            return kin;
        }
        for (dir, runs) in near {
            kin.push(dir);
            known.extend(runs);
        }
        left = far;
    }
}

/// The runs of a sweep that are done.
fn done(dir: &SweepDir, manifest: &Manifest) -> Result<HashSet<RunId>, StoreError> {
    let results = read::load_to_show(dir, &manifest.id)?;
    let ends = results.runs.values().filter_map(|run| run.end.as_ref());
    Ok(ends.filter(|end| end.outcome == Outcome::Done).map(|end| end.run).collect())
}

/// The folder that a sweep lies in.
fn root(dir: &SweepDir) -> PathBuf {
    let path = std::path::absolute(dir.path()).unwrap_or_else(|_| dir.path().to_owned());
    path.parent().map_or(path.clone(), Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::opening::Opening;
    use crate::sweep::tests::{SPEC, create, end_all};

    /// A sweep over these values, all of whose runs are done.
    fn trained(root: &Path, values: &str) -> Sweep {
        let sweep = create(root, &SPEC.replace("[0, 5]", values)).sweep;
        for slice in 0..sweep.manifest.slices.len() as u32 {
            end_all(&sweep, slice, |run| run.id);
        }
        sweep
    }

    #[test]
    fn an_opening_counts_for_all_that_have_runs_in_common() {
        let root = tempfile::tempdir().expect("folder");
        let first = trained(root.path(), "[0, 2]");
        let wide = trained(root.path(), "[0, 5]");
        let shifted = trained(root.path(), "[4, 7]");
        let apart = trained(root.path(), "[20, 22]");
        let name = |dirs: Vec<SweepDir>| dirs.iter().map(SweepDir::label).collect::<Vec<_>>();
        let seen = |sweep: &Sweep| name(opened(sweep).expect("looked"));
        assert!(seen(&wide).is_empty(), "nothing is opened yet");
        Opening { number: 1, ..Opening::default() }.publish(&first.dir).expect("written");
        let by_first = [first.dir.label()];
        assert_eq!(seen(&wide), by_first, "runs were taken over");
        assert_eq!(seen(&shifted), by_first, "in two steps");
        assert!(seen(&first).is_empty(), "its own is no other's");
        assert!(seen(&apart).is_empty(), "none of its runs is one of those");
        Opening { number: 1, ..Opening::default() }.publish(&shifted.dir).expect("written");
        assert_eq!(seen(&first), [shifted.dir.label()], "nor does it help to go back");
    }
}
