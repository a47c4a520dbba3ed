//! Runs that another sweep of the same name is about to train: submitted here, too, they would be
//! trained twice.
use std::collections::HashSet;
use std::path::Path;

use anyhow::Result;
use dlgrid_sweep::exec::slurm::ledger::Readable;
use dlgrid_sweep::find::{self, Found};
use dlgrid_sweep::judge::Liveness;
use dlgrid_sweep::report::collect::local_liveness;
use dlgrid_sweep::spec::Spec;
use dlgrid_sweep::store::layout::SweepDir;
use dlgrid_sweep::text::plural;
use dlgrid_sweep::trial::RunId;
use dlgrid_sweep::{exit, family};

use crate::pick::{AskSlurm, Picked, Queue};
use crate::talk::refuse;

/// Refuses a spec that has runs which other sweeps of its name below the root have at work or in the
/// queue. One that can't be read, or of which it is not known whether it is at work, hinders nothing.
pub fn refuse_twice(root: &Path, spec: &Spec) -> Result<()> {
    let queue = Queue::new(&AskSlurm::yes());
    for (dir, manifest) in family::relatives(root, &spec.name)? {
        if manifest.name != spec.name || manifest.id == spec.hash || !may_be_at_work(&dir) {
            continue;
        }
        let (name, id) = (manifest.name, manifest.id);
        let found = Found { dir, name, id, created: manifest.created };
        let Ok(picked) = Picked::open(&found, &queue) else { continue };
        let under_way = picked.subject().under_way().into_iter();
        let theirs: HashSet<RunId> =
            under_way.filter_map(|index| Some(picked.sweep.run(index)?.id)).collect();
        if theirs.is_empty() {
            continue;
        }
        let is_theirs = |index: &u64| spec.run(*index).is_some_and(|run| theirs.contains(&run.id));
        let both = spec.walk(0, spec.run_numbers()).filter(is_theirs).count() as u64;
        if both > 0 {
            return Err(twice(&found, both));
        }
    }
    Ok(())
}

/// Whether it is worth reading: a process here claims it, or something was submitted of it.
fn may_be_at_work(dir: &SweepDir) -> bool {
    local_liveness(dir) == Liveness::Alive || !Readable::of(dir).ledger.entries.is_empty()
}

fn twice(found: &Found, runs: u64) -> anyhow::Error {
    let typed = find::typed(&found.dir, &found.name);
    refuse(
        exit::BUSY,
        format!(
            "`{}` has {} of this spec at work or in the queue: they would be trained twice",
            found.dir.label(),
            plural(runs, "run")
        ),
        format!(
            "submit once they have ended, or after `dlgrid cancel {typed}`: what is done by then is \
             taken over; `--twice` trains them twice"
        ),
    )
}
