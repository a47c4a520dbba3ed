//! Lives under several faults each, drawn by a seed: killed, refused, power gone, answers lost,
//! attempts that are thought dead and go on, jobs that Slurm has twice or whose number it reuses.
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use rustix::io::Errno;

use super::faults::{goes_on, killed, log_of, restore, undisturbed};
use super::life::{World, dir, hold, late, lead, root};
use crate::host;
use crate::simulated::Draw;
use crate::slice::{SliceWork, Terms};
use crate::store::fs::fault::{self, Disk, Plan, SHORT};
use crate::sweep::Sweep;

/// One life under the faults that a seed draws; the faults that were injected.
fn life(seed: u64, operations: u64, report: &str) -> u64 {
    let (mut draw, root, world) = (Draw::new(seed), root(), World::default());
    let (mut faults, mut kills) = (0, 0);
    // The power can fail at any time, so all that is done is noted.
    let mut log = log_of(root.path());
    fault::record();
    for _ in 0..=draw.below(4) {
        let what = format!("seed {seed}, fault {faults}");
        match draw.below(5) {
            // A run over which three attempts died is given up, by design.
            0 | 1 if kills < 2 => {
                let (at, kept) = (draw.number(operations), draw.below(101) as usize);
                killed(root.path(), &world, at, kept);
                kills += 1;
                log.extend(fault::recorded());
                if draw.below(2) == 0 {
                    let left = Disk::after(&log).survive(|_, n| draw.below(n as u64 + 1) as usize);
                    restore(root.path(), &left);
                    log = [log_of(root.path()), left.as_done()].concat();
                }
                fault::record();
            }
            2 => {
                let errnos = [Errno::IO, Errno::NOSPC, Errno::DQUOT, SHORT, Errno::STALE];
                let errno = errnos[draw.below(5) as usize];
                let (first, count) = (draw.number(operations), 1 + draw.number(3));
                let kept = draw.below(101) as usize;
                fault::plan(Some(Plan { first, count, errno, kept }));
                let _may_fail = lead(root.path(), &world);
                fault::plan(None);
            }
            3 => {
                fault::lose_answers(true);
                let _may_fail = lead(root.path(), &world);
                fault::lose_answers(false);
            }
            _ => zombie(root.path(), &world, &mut draw),
        }
        faults += 1;
        hold(root.path(), &world, false, &what);
    }
    fault::recorded();
    goes_on(root.path(), &world, report, &format!("seed {seed}"));
    faults
}

/// An attempt that begins, is thought dead while others work, and ends its run after all. Slurm
/// knows a job of its number under another name.
fn zombie(root: &std::path::Path, world: &World, draw: &mut Draw) {
    let Ok(sweep) = Sweep::open(dir(root)) else { return };
    let slice = draw.number(sweep.manifest.slices.len() as u64);
    let Ok(mut dead) = SliceWork::begin(&sweep, slice, &Terms::default(), &|_| false) else {
        return;
    };
    let todo = dead.todo().to_vec();
    let runs: Vec<_> = todo.iter().filter_map(|index| sweep.run(*index)).collect();
    let early = draw.below(2) == 0;
    world.strangers.borrow_mut().push(100 + draw.below(3));
    if early {
        let _may_fail = lead(root, world);
    }
    runs.iter().for_each(|run| late(&sweep, &mut dead, run, world));
    if draw.below(2) == 0 {
        dead.close().expect("no fault is on");
    }
}

/// How long, and from which seed: by `DLGRID_TORTURE_SECONDS` and `DLGRID_TORTURE_SEED`.
fn number(variable: &str, default: u64) -> u64 {
    host::env(variable).and_then(|n| n.to_str()?.parse().ok()).unwrap_or(default)
}

#[test]
fn lives_under_drawn_faults_lose_nothing() {
    let seconds = Duration::from_secs(number("DLGRID_TORTURE_SECONDS", 8));
    let first = number("DLGRID_TORTURE_SEED", 1);
    let (operations, report) = undisturbed();
    let threads = crate::host::cores().clamp(1, 64) as u64;
    let begun = host::instant();
    let total: (u64, u64) = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..threads)
            .map(|thread| {
                let (report, operations) = (&report, operations.len() as u64);
                scope.spawn(move || {
                    let (mut lives, mut faults) = (0, 0);
                    for seed in (first + thread..).step_by(threads as usize) {
                        let lived =
                            catch_unwind(AssertUnwindSafe(|| life(seed, operations, report)));
                        faults += lived.unwrap_or_else(|thrown| {
                            eprintln!("again: DLGRID_TORTURE_SEED={seed} make worlds SECONDS=1");
                            std::panic::resume_unwind(thrown)
                        });
                        lives += 1;
                        if begun.elapsed() > seconds {
                            break;
                        }
                    }
                    (lives, faults)
                })
            })
            .collect();
        racers.into_iter().map(|racer| racer.join()).fold((0, 0), |(lives, faults), one| {
            let one = one.unwrap_or_else(|thrown| std::panic::resume_unwind(thrown));
            (lives + one.0, faults + one.1)
        })
    });
    let (lives, faults) = total;
    eprintln!("torture: {lives} lives from seed {first} on, {faults} faults, 0 lost, 0 twice");
}
