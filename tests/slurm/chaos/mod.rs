//! Sweeps on a real Slurm under faults that a seed draws, and what must be true of them when the faults are over
//! and the same commands have gone on. `make chaos SECONDS=600` does it for long and prints figures.
mod check;
mod fault;
mod field;
mod round;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::draw::Draw;
use field::Field;
use round::{Round, Size};

impl Draw {
    /// One of these, if there are any.
    pub fn of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        all.get(usize::try_from(self.below(all.len() as u64)).unwrap_or(0))
    }

    /// A time between these, in milliseconds.
    pub fn pause(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(least + self.below(most - least + 1))
    }
}

/// What a round, or all of them, came to.
#[derive(Debug, Default)]
pub struct Figures {
    sweeps: usize,
    runs: usize,
    /// Faults that took hold, by kind.
    faults: BTreeMap<&'static str, usize>,
    /// Programs that were begun: more than runs, where some were interrupted.
    begun: usize,
    /// Ends that a worker had acknowledged.
    acknowledged: usize,
    /// Tasks that Slurm itself held because it could not start them, and that an administrator let go.
    held_by_slurm: usize,
    /// What must not be: empty if all is well.
    wrong: Vec<String>,
}

impl Figures {
    fn add(&mut self, other: Self) {
        self.sweeps += other.sweeps;
        self.runs += other.runs;
        self.begun += other.begun;
        self.acknowledged += other.acknowledged;
        self.held_by_slurm += other.held_by_slurm;
        self.wrong.extend(other.wrong);
        for (kind, count) in other.faults {
            *self.faults.entry(kind).or_default() += count;
        }
    }

    fn tell(&self, rounds: usize, seconds: u64) {
        let faults: usize = self.faults.values().sum();
        eprintln!(
            "{rounds} rounds in {seconds} s: {} sweeps, {} runs, {} programs begun, {} acknowledged ends, {faults} faults, {} wrong",
            self.sweeps,
            self.runs,
            self.begun,
            self.acknowledged,
            self.wrong.len()
        );
        for (kind, count) in &self.faults {
            eprintln!("  {count:4} {kind}");
        }
        eprintln!("  {:4} tasks held by Slurm and let go by an administrator", self.held_by_slurm);
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Without `DLGRID_CHAOS_SECONDS` one short round, of the faults that Slurm recovers from within seconds. With it,
/// rounds of all kinds begin for as long, from the seed `DLGRID_CHAOS_SEED` on.
#[test]
fn sweeps_under_drawn_faults_lose_nothing_and_do_nothing_twice() {
    let seconds = number("DLGRID_CHAOS_SECONDS");
    let size = if seconds.is_some() { Size::FULL } else { Size::SHORT };
    let Some(field) = Field::new() else { return };
    let first = number("DLGRID_CHAOS_SEED").unwrap_or(1);
    let (begun, mut all) = (Instant::now(), Figures::default());
    for seed in first.. {
        let figures = Round::lead(&field, size, &mut Draw::new(seed));
        if !figures.wrong.is_empty() {
            eprintln!("round of seed {seed}: {:#?}", figures.wrong);
        }
        all.add(figures);
        all.tell((seed - first + 1) as usize, begun.elapsed().as_secs());
        if begun.elapsed() >= Duration::from_secs(seconds.unwrap_or(0)) || !all.wrong.is_empty() {
            break;
        }
    }
    assert!(all.wrong.is_empty(), "DLGRID_CHAOS_SEED: see above; {:#?}", all.wrong);
}
