//! Lives of sweeps in worlds that a seed decides: a storm of faults over commands typed on two machines
//! and tasks on three; then calm, in which the same commands lead to the end. What was acknowledged
//! is there, each run once, nothing is in the queue, and nothing of others was touched.
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::hold::{ends, hold, is_over, results};
use super::life::{self, Failure};
use super::stage::Stage;
use super::{Draw, Habits, LOGINS, Node, Witness, World, with};
use crate::host;
use crate::mutant::{self, Mutant};
use crate::store::fs;
use crate::sweep::Sweep;

/// Machines that work.
const WORKERS: usize = 3;
/// How long a storm may last, and what comes after it until nothing believes what was before, in
/// seconds.
const STORM: f64 = 2000.0;
const CALM: f64 = 700.0;
/// Commands in the calm until all is done, at most; and where each may find room for one task only.
const MOST_ROUNDS: u32 = 6;
const MOST_ROUNDS_IN_LITTLE_ROOM: u32 = 24;

fn world(seed: u64) -> World {
    let mut draw = Draw::new(seed);
    let names = ["login1", "login2", "n1", "n2", "n3"];
    assert_eq!(names.len(), LOGINS + WORKERS);
    let node = |name: &&str| Node { name: (*name).to_owned(), ..Node::default() };
    let often = |draw: &mut Draw, of: [u64; 4]| of[draw.below(4) as usize];
    let habits = Habits {
        switch: often(&mut draw, [1, 2, 4, 16]),
        refuse: often(&mut draw, [0, 0, 300, 60]),
        lose: often(&mut draw, [0, 0, 100, 20]),
        hold: !draw.one_in(4),
        report: draw.one_in(2),
        canary: draw.one_in(3),
    };
    // Of a limit of the site.
    let room = draw.one_in(3).then(|| 1 + draw.below(5) as usize);
    let mut due: Vec<u64> = (0..draw.below(7)).map(|_| 1 + draw.below(1200)).collect();
    due.sort_unstable_by(|a, b| b.cmp(a));
    let mut world = World {
        draw,
        now: 0.0,
        operations: 0,
        begun: host::instant(),
        nodes: names.iter().map(node).collect(),
        processes: Vec::new(),
        current: None,
        server: super::files::Server::default(),
        inside: life::dir().path().to_owned(),
        slurm: super::slurm::Controller::default(),
        habits,
        stormy: true,
        due,
        witness: Witness::default(),
        last_look: false,
        born: Vec::new(),
    };
    world.slurm.room = room;
    world.server.make_root(Path::new(life::ROOT));
    for node in 0..names.len() {
        if world.draw.one_in(3) {
            world.nodes[node].skew = world.draw.seconds(200_000.0) - 100_000.0;
        }
    }
    world
}

/// A command that somebody types on a machine, after so many seconds.
fn types(node: usize, after: f64, command: fn() -> Result<(), Failure>) {
    with(|world| {
        let body = move || {
            let _its_exit_code = command();
        };
        let pid = world.spawn(node, Vec::new(), Box::new(body));
        world.processes[pid].wakes += after;
    });
}

/// What people type in the storm.
fn storm() {
    types(0, 0.0, life::submit);
    types(1, 1.0, life::watch);
    for _ in 0..with(|world| world.draw.below(5)) {
        let (node, after, what) = with(|world| {
            let after = world.draw.seconds(300.0) * if world.draw.one_in(3) { 0.01 } else { 1.0 };
            (world.draw.below(LOGINS as u64) as usize, after, world.draw.below(7))
        });
        types(
            node,
            after,
            match what {
                0..3 => life::submit,
                3 => life::retry,
                4 => life::cancel,
                _ => {
                    types(node, after + 20.0, life::report);
                    types(node, after + 40.0, life::report);
                    life::report
                }
            },
        );
    }
}

/// What lives have had: their number, and in all of them faults, runs that were tried first, and jobs that
/// added what a limit had kept out.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    led: u64,
    faults: u64,
    canaries: u64,
    top_ups: u64,
}

impl std::iter::Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            led: sum.led + one.led,
            faults: sum.faults + one.faults,
            canaries: sum.canaries + one.canaries,
            top_ups: sum.top_ups + one.top_ups,
        })
    }
}

/// Leads the life of a seed.
fn lead(seed: u64) -> Tally {
    let mut stage = Stage::new(world(seed));
    storm();
    stage.run(STORM);
    with(|world| {
        world.stormy = false;
        world.due.clear();
        world.nodes.iter_mut().for_each(|node| node.frozen = 0.0);
    });
    stage.run(CALM);
    let sweep = to_the_end(&mut stage);
    with(|world| world.last_look = true);
    types(0, 70.0, life::report);
    stage.run(200.0);
    hold(&sweep);
    let Witness { faults, canaries, top_ups, .. } = stage.close().witness;
    Tally { led: 1, faults, canaries, top_ups }
}

/// Types commands in the calm until all is done.
fn to_the_end(stage: &mut Stage) -> Sweep {
    let mut rounds = 0;
    let mut sweep = None;
    loop {
        sweep = sweep.or_else(|| Sweep::open(life::dir()).ok());
        let results = sweep.as_ref().map(results).unwrap_or_default();
        if sweep.as_ref().is_some_and(|sweep| is_over(sweep, &results)) {
            return sweep.expect("a sweep");
        }
        rounds += 1;
        let (left, room) = with(|world| (world.left_in_queue(), world.slurm.room));
        let most = room.map_or(MOST_ROUNDS, |_| MOST_ROUNDS_IN_LITTLE_ROOM);
        assert!(rounds <= most, "it comes to no end: {:?}, {left:?}", ends(&results));
        types(0, 0.0, if sweep.is_none() { life::submit } else { life::retry });
        types(1, 500.0, life::report);
        stage.run(CALM);
    }
}

/// A number that an environment variable gives, or this one.
fn number(variable: &str, default: u64) -> u64 {
    host::env(variable).and_then(|n| n.to_str()?.parse().ok()).unwrap_or(default)
}

/// Lives that are led, where it is not said how many or for how long.
const LIVES: u64 = 200;

/// Whether a life has failed: then no further one is begun.
static FAILED: AtomicBool = AtomicBool::new(false);

/// Leads the lives of seeds.
fn race(seeds: impl Iterator<Item = u64>, goes_on: impl Fn(u64) -> bool) -> Tally {
    // What the product does on many threads at once it does on this one, which the world is on.
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread();
    let _alone = alone.build().expect("this thread is in no pool");
    let lives = seeds.take_while(|seed| goes_on(*seed)).map(|seed| {
        catch_unwind(AssertUnwindSafe(|| lead(seed))).unwrap_or_else(|thrown| {
            FAILED.store(true, Ordering::Relaxed);
            let again = format!("DLGRID_SIMULATION_SEEDS=1 DLGRID_TORTURE_SEED={seed}");
            eprintln!("again: {again} make worlds SECONDS=1");
            std::panic::resume_unwind(thrown)
        })
    });
    lives.sum()
}

#[test]
fn no_world_loses_an_end_or_does_anything_twice() {
    // Read before a world hides the environment.
    let _none_or_one = mutant::is(Mutant::NoSync);
    let first = number("DLGRID_TORTURE_SEED", 1);
    let seconds = Duration::from_secs(number("DLGRID_TORTURE_SECONDS", 0));
    let timed = !seconds.is_zero() && host::env("DLGRID_SIMULATION_SEEDS").is_none();
    let seeds = number("DLGRID_SIMULATION_SEEDS", LIVES);
    let (threads, begun) = (host::cores().clamp(1, 64), host::instant());
    let goes_on = |seed: u64| {
        let more = if timed { begun.elapsed() < seconds } else { seed < first + seeds };
        more && !FAILED.load(Ordering::Relaxed)
    };
    let total: Tally = std::thread::scope(|scope| {
        let racer =
            |thread: u64| scope.spawn(move || race((first + thread..).step_by(threads), goes_on));
        let racers: Vec<_> = (0..threads as u64).map(racer).collect();
        let raced = racers.into_iter().map(|racer| racer.join());
        raced.map(|one| one.unwrap_or_else(|thrown| std::panic::resume_unwind(thrown))).sum()
    });
    let Tally { led, faults, canaries, top_ups } = total;
    assert!(led < LIVES || (canaries > 0 && top_ups > 0), "{total:?}");
    eprintln!(
        "simulated: {led} lives from seed {first} on, {faults} faults, {canaries} canaries, \
         {top_ups} jobs that added the rest, 0 lost, 0 twice"
    );
}

fn folder() -> std::path::PathBuf {
    Path::new(life::ROOT).join("above/folder")
}

fn looks_twice() -> Result<(), Failure> {
    assert!(fs::list_dir(&folder())?.is_empty(), "not there yet");
    host::sleep(Duration::from_secs(10));
    assert_eq!(fs::list_dir(&folder())?, ["file"]);
    Ok(())
}

fn makes_it() -> Result<(), Failure> {
    Ok(fs::publish(&folder().join("file"), b"")?)
}

#[test]
fn a_folder_that_was_not_there_is_seen_as_soon_as_it_is() {
    let _none_or_one = mutant::is(Mutant::NoSync);
    for seed in 0..20 {
        let mut world = world(seed);
        (world.stormy, world.due) = (false, Vec::new());
        let mut stage = Stage::new(world);
        types(1, 0.0, looks_twice);
        types(0, 5.0, makes_it);
        stage.run(60.0);
        drop(stage.close());
    }
}

fn submits_well() -> Result<(), Failure> {
    life::submit().expect("what trains goes in");
    Ok(())
}

#[test]
fn where_slurm_refuses_small_jobs_those_that_train_go_in_all_the_same() {
    let _none_or_one = mutant::is(Mutant::NoSync);
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread();
    let _alone = alone.build().expect("this thread is in no pool");
    for (seed, room) in (0..6).flat_map(|seed| [(seed, None), (seed, Some(1))]) {
        let mut world = world(seed);
        (world.stormy, world.due) = (false, Vec::new());
        world.habits = Habits { switch: 16, hold: true, report: true, ..Habits::default() };
        (world.slurm.refuses_small, world.slurm.room) = (true, room);
        let mut stage = Stage::new(world);
        types(0, 0.0, submits_well);
        stage.run(CALM);
        let done = ends(&results(&Sweep::open(life::dir()).expect("a sweep"))).len();
        assert!(done > 0 && (done < 4) == room.is_some(), "{done} have ended: {room:?}");
        hold(&to_the_end(&mut stage));
        drop(stage.close());
    }
}

#[test]
fn where_there_is_room_for_one_job_or_two_it_trains_all_the_same() {
    let _none_or_one = mutant::is(Mutant::NoSync);
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread();
    let _alone = alone.build().expect("this thread is in no pool");
    let cases = [(1, false, 1, 1), (1, true, 2, 1), (2, false, 1, 2)];
    for (seed, (room, canary, submits, done)) in (0..4).flat_map(|n| cases.map(|case| (n, case))) {
        let mut world = world(seed);
        (world.stormy, world.due) = (false, Vec::new());
        world.habits = Habits { switch: 16, hold: true, canary, ..Habits::default() };
        world.slurm.room = Some(room);
        let mut stage = Stage::new(world);
        for _ in 0..submits {
            types(0, 0.0, submits_well);
            stage.run(CALM);
        }
        let sweep = Sweep::open(life::dir()).expect("a sweep");
        assert_eq!(ends(&results(&sweep)).len(), done, "room for {room}, canary: {canary}");
        hold(&to_the_end(&mut stage));
        drop(stage.close());
    }
}
