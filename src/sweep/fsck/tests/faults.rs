//! The whole life of a sweep, killed and refused at every one of its file operations, and after a
//! power failure at each: nothing lost, nothing twice, and the same report.
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use rustix::io::Errno;

use super::life::{World, dir, hold, lead, root};
use crate::simulated::Draw;
use crate::store::fs::fault::{self, Disk, Done, Killed, Plan, SHORT, Survivors, Unsynced};

/// What a life without faults does: its operations by name, and the report.
pub(super) fn undisturbed() -> (Vec<&'static str>, String) {
    let (root, world) = (root(), World::default());
    fault::plan(None);
    lead(root.path(), &world).expect("nothing fails");
    let operations = fault::names();
    hold(root.path(), &world, true, "undisturbed");
    assert!(fsck_is_silent(root.path()));
    (operations, world.reported.take().expect("a report"))
}

fn fsck_is_silent(root: &Path) -> bool {
    super::check(&dir(root)).expect("listed").facts.is_empty()
}

/// Leads a life that ends in a kill; whether it was killed.
pub(super) fn killed(root: &Path, world: &World, at: u32, kept: usize) -> bool {
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
pub(super) fn goes_on(root: &Path, world: &World, report: &str, what: &str) {
    lead(root, world).unwrap_or_else(|error| panic!("{what}: goes on: {error}"));
    hold(root, world, true, what);
    assert_eq!(world.reported.borrow().as_deref(), Some(report), "{what}");
}

/// Does something with the number and name of every operation, on as many threads as cores, up to
/// the first that fails.
fn each(what: &str, operations: &[&str], work: impl Fn(u32, &str) -> u32 + Sync) {
    let lives = AtomicU32::new(0);
    let threads = crate::host::cores().clamp(1, 8);
    let failed = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (work, failed, lives) = (&work, &failed, &lives);
            scope.spawn(move || {
                for (at, name) in (0..).zip(operations).skip(thread).step_by(threads) {
                    if failed.load(Ordering::Relaxed) {
                        return;
                    }
                    let led = catch_unwind(AssertUnwindSafe(|| work(at, name)));
                    let led = led.unwrap_or_else(|thrown| {
                        failed.store(true, Ordering::Relaxed);
                        std::panic::resume_unwind(thrown)
                    });
                    lives.fetch_add(led, Ordering::Relaxed);
                }
            });
        }
    });
    eprintln!("{what}: {} operations, {} lives", operations.len(), lives.into_inner());
}

#[test]
fn killed_at_every_operation_it_goes_on_and_comes_to_the_same() {
    let (operations, report) = undisturbed();
    assert!(operations.len() > 150, "the test sees the operations: {operations:?}");
    each("killed", &operations, |at, name| {
        let mut lives = 0;
        for kept in [0, 60] {
            if kept > 0 && name != "append" {
                continue;
            }
            let (root, world) = (root(), World::default());
            assert!(killed(root.path(), &world, at, kept), "{at}");
            let what = format!("killed at {at} ({name}), {kept} % written");
            hold(root.path(), &world, false, &what);
            goes_on(root.path(), &world, &report, &what);
            lives += 1;
        }
        lives
    });
}

#[test]
fn hit_again_while_it_recovers_it_goes_on_and_comes_to_the_same() {
    let (operations, report) = undisturbed();
    let pairs: u64 = if is_thorough() { 20 } else { 1 };
    each("hit twice", &operations, |at, _| {
        // A sample, unless all are asked for.
        if at % 4 != 0 && !is_thorough() {
            return 0;
        }
        for pair in 0..pairs {
            let mut draw = Draw::new(u64::from(at) << 8 | pair);
            let (root, world) = (root(), World::default());
            let mut what = format!("operation {at}, pair {pair}");
            for first in [at, draw.number(operations.len() as u64)] {
                let (kept, kind) = (draw.below(101) as usize, draw.below(3));
                what.push_str(&format!(": {kind} at {first}, {kept} % written"));
                if kind == 0 {
                    let errno = [Errno::IO, Errno::NOSPC, SHORT, Errno::STALE];
                    let errno = errno[draw.below(4) as usize];
                    fault::plan(Some(Plan { first, count: 1, errno, kept }));
                    let _may_fail = lead(root.path(), &world);
                    fault::plan(None);
                } else {
                    killed(root.path(), &world, first, kept);
                }
                hold(root.path(), &world, false, &what);
            }
            goes_on(root.path(), &world, &report, &what);
        }
        u32::try_from(pairs).unwrap_or(u32::MAX)
    });
}

#[test]
fn refused_at_every_operation_it_goes_on_and_comes_to_the_same() {
    let (operations, report) = undisturbed();
    let errors =
        [(Errno::IO, 0), (Errno::NOSPC, 50), (Errno::DQUOT, 100), (SHORT, 30), (Errno::STALE, 0)];
    each("refused", &operations, |first, name| {
        let mut lives = 0;
        for (errno, kept) in errors {
            if errno == SHORT && name != "append" {
                continue;
            }
            // Another word for a full disk and for a server in trouble: in turn, unless asked for.
            let other = matches!(errno, Errno::DQUOT | Errno::STALE);
            if other && first % 4 != u32::from(errno == Errno::STALE) && !is_thorough() {
                continue;
            }
            let (root, world) = (root(), World::default());
            fault::plan(Some(Plan { first, count: 1, errno, kept }));
            let _may_fail = lead(root.path(), &world);
            fault::plan(None);
            let what = format!("operation {first} ({name}): {errno}");
            goes_on(root.path(), &world, &report, &what);
            lives += 1;
        }
        lives
    });
}

/// Whether to take the time that it takes.
fn is_thorough() -> bool {
    crate::host::env("DLGRID_TORTURE_SECONDS").is_some()
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

/// The next relies on what the first had made and not confirmed; then nothing survives that no sync
/// has.
#[test]
fn what_a_killed_one_left_does_not_fail_the_next_with_the_power() {
    let (operations, report) = undisturbed();
    each("killed, then powerless", &operations, |at, _| {
        let (root, world) = (root(), World::default());
        fault::record();
        assert!(killed(root.path(), &world, at, 0), "{at}");
        let mut log = [log_of(root.path()), fault::recorded()].concat();
        fault::record();
        lead(root.path(), &world).unwrap_or_else(|error| panic!("{at}: goes on: {error}"));
        log.extend(fault::recorded());
        restore(root.path(), &Disk::after(&log).survive(|_, _| 0));
        let what = format!("killed at {at}, gone on with, powerless at the end");
        hold(root.path(), &world, false, &what);
        goes_on(root.path(), &world, &report, &what);
        2
    });
}

#[test]
fn a_power_failure_at_every_operation_takes_nothing_that_was_acknowledged() {
    let (operations, report) = undisturbed();
    each("power failed", &operations, |at, _| {
        let mut lives = 0;
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
            let what = format!("power failed at {at}, names survive: {names}");
            hold(root.path(), &world, false, &what);
            goes_on(root.path(), &world, &report, &what);
            lives += 1;
        }
        lives
    });
}
