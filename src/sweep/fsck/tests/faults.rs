//! The whole life of a sweep, killed and refused at every one of its file operations, and after a
//! power failure at each: nothing lost, nothing twice, and the same report.
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use rustix::io::Errno;

use super::life::{World, dir, hold, lead, root};
use crate::store::fs::fault::{self, Disk, Done, Killed, Plan, SHORT, Survivors, Unsynced};

/// What a life without faults does: how many operations, and the report.
fn undisturbed() -> (u32, String) {
    let (root, world) = (root(), World::default());
    fault::plan(None);
    lead(root.path(), &world).expect("nothing fails");
    let operations = fault::operations();
    hold(root.path(), &world, true, "undisturbed");
    assert!(fsck_is_silent(root.path()));
    (operations, world.reported.take().expect("a report"))
}

fn fsck_is_silent(root: &Path) -> bool {
    super::check(&dir(root)).expect("listed").facts.is_empty()
}

/// Leads a life that ends in a kill; whether it was killed.
fn killed(root: &Path, world: &World, at: u32, kept: usize) -> bool {
    fault::kill(at, kept);
    let ended = catch_unwind(AssertUnwindSafe(|| lead(root, world).is_ok()));
    let killed = match ended {
        Ok(_) => false,
        Err(thrown) if thrown.is::<Killed>() => true,
        Err(thrown) => std::panic::resume_unwind(thrown),
    };
    fault::plan(None);
    killed
}

/// Goes on after a fault, and holds the end against an undisturbed life.
fn goes_on(root: &Path, world: &World, report: &str, what: &str) {
    hold(root, world, false, what);
    lead(root, world).unwrap_or_else(|error| panic!("{what}: goes on: {error}"));
    hold(root, world, true, what);
    assert_eq!(world.reported.borrow().as_deref(), Some(report), "{what}");
}

/// Does something with every number below `count`, on as many threads as there are cores.
pub(super) fn each(count: u32, work: impl Fn(u32) + Sync) {
    let threads = u32::try_from(crate::host::cores()).unwrap_or(1).clamp(1, 8);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let work = &work;
            scope.spawn(move || (thread..count).step_by(threads as usize).for_each(work));
        }
    });
}

#[test]
fn killed_at_every_operation_it_goes_on_and_comes_to_the_same() {
    let (operations, report) = undisturbed();
    assert!(operations > 150, "the test sees the operations: {operations}");
    eprintln!("{operations} operations");
    each(operations, |at| {
        for kept in [0, 60] {
            let (root, world) = (root(), World::default());
            assert!(killed(root.path(), &world, at, kept), "{at}");
            goes_on(root.path(), &world, &report, &format!("killed at {at}, {kept} % written"));
        }
    });
}

#[test]
fn refused_at_every_operation_it_goes_on_and_comes_to_the_same() {
    let (operations, report) = undisturbed();
    let errors = [(Errno::IO, 0), (Errno::NOSPC, 50), (Errno::DQUOT, 100), (SHORT, 30), (Errno::STALE, 0)];
    each(operations, |first| {
        for (errno, kept) in errors {
            let (root, world) = (root(), World::default());
            fault::plan(Some(Plan { first, count: 1, errno, kept }));
            let _may_fail = lead(root.path(), &world);
            fault::plan(None);
            goes_on(root.path(), &world, &report, &format!("operation {first}: {errno}"));
        }
    });
}

/// Puts what a power failure left in the place of what was there.
pub(super) fn restore(root: &Path, left: &Survivors) {
    let new = dir(root);
    let _none_yet = std::fs::remove_dir_all(new.path());
    for folder in left.folders.iter().filter(|folder| folder.starts_with(new.path())) {
        std::fs::create_dir(folder).expect("made");
    }
    for (file, bytes) in left.files.iter().filter(|(file, _)| file.starts_with(new.path())) {
        std::fs::write(file, bytes).expect("written");
    }
}

/// A disk that has what stands in a root before the test's own operations.
pub(super) fn log_of(root: &Path) -> Vec<Done> {
    vec![Done::Mkdir(root.to_owned()), Done::SyncDir(root.parent().expect("above").to_owned())]
}

#[test]
fn a_power_failure_at_every_operation_takes_nothing_that_was_acknowledged() {
    let (operations, report) = undisturbed();
    each(operations, |at| {
        // Nothing that no sync has confirmed survives; all names do, of files without content.
        for names in [false, true] {
            let (root, world) = (root(), World::default());
            fault::record();
            assert!(killed(root.path(), &world, at, 0), "{at}");
            let log = [log_of(root.path()), fault::recorded()].concat();
            let left = Disk::after(&log).survive(|what, n| match (what, names) {
                (Unsynced::Names, true) => n,
                _ => 0,
            });
            restore(root.path(), &left);
            goes_on(root.path(), &world, &report, &format!("power failed at {at}, {names}"));
        }
    });
}
