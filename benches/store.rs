//! How fast the store is read: 100,000 ended runs at once, and a look when nothing is new.
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use dlgrid_sweep::store::layout::SweepDir;
use dlgrid_sweep::store::read::{StoreReader, load, load_slice};

#[path = "support/store.rs"]
mod support;

const SLICES: u32 = 200;
const RUNS: u64 = 500;

/// The most memory that this process ever held, in MiB.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib / 1024)
}

#[expect(clippy::print_stderr, reason = "a bench talks to whoever started it")]
fn store(c: &mut Criterion) {
    let keep = tempfile::tempdir().expect("temporary folder");
    let dir = SweepDir::new(keep.path().join("sweep"));
    support::generate(&dir, support::SWEEP, SLICES, RUNS, 0).expect("the segments are written");
    let before = peak();
    let results = load(&dir, support::SWEEP).expect("the store is read");
    assert_eq!(results.runs.len() as u64, u64::from(SLICES) * RUNS);
    assert_eq!(results.damaged(), 0);
    eprintln!("peak memory: {before:?} MiB before the load, {:?} MiB after", peak());
    drop(results);

    let mut group = c.benchmark_group("store");
    group.sample_size(20);
    group.bench_function("load 100,000 ends", |b| {
        b.iter(|| black_box(load(&dir, support::SWEEP).expect("read")));
    });
    group.bench_function("a slice of 500 ends", |b| {
        b.iter(|| black_box(load_slice(&dir, 100, support::SWEEP).expect("read")));
    });
    let mut reader = StoreReader::new(dir.clone(), support::SWEEP.to_owned());
    reader.poll().expect("read");
    group.bench_function("look when nothing is new", |b| {
        b.iter(|| black_box(reader.poll().expect("read")));
    });
    group.finish();
}

criterion_group!(benches, store);
criterion_main!(benches);
