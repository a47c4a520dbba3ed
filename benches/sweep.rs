//! How fast a spec becomes a checked grid, and how fast a finished sweep becomes a leaderboard and a page.
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use dlgrid_sweep::judge::Liveness;
use dlgrid_sweep::pack::Cut;
use dlgrid_sweep::report::collect::Subject;
use dlgrid_sweep::report::fate::Starts;
use dlgrid_sweep::report::{Query, page, table};
use dlgrid_sweep::store::read::load;
use dlgrid_sweep::store::segment::{HeadFacts, SegmentWriter};
use dlgrid_sweep::sweep::Sweep;
use dlgrid_sweep::{plan, spec};

#[path = "support/store.rs"]
mod support;

/// 20,000 trials × 5 seeds.
const SPEC: &str = "\
name: wide
train: {data: {set: mnist}}
parameters:
  optimizer.lr: {log: [1e-5, 1e-1], steps: 100}
  regularize.dropout: {from: 0, to: 0.9, steps: 20}
  model.layers: {int: [1, 10]}
seeds: 5
objective: {maximize: valid/f1}
";

/// 1,000,000 trials × 10 seeds.
const HUGE: &str = "\
name: huge
train: {data: {set: mnist}}
parameters:
  optimizer.lr: {log: [1e-5, 1e-1], steps: 100}
  regularize.dropout: {from: 0, to: 0.9, steps: 100}
  model.width: {int: [1, 100]}
seeds: 10
";

fn expansion(c: &mut Criterion) {
    let mut group = c.benchmark_group("spec");
    group.sample_size(10);
    let wide = SPEC.replace("steps: 20", "steps: 100").replace("seeds: 5", "seeds: 1");
    group.bench_function("check 100,000 recipes", |b| {
        b.iter(|| black_box(spec::read("wide.yaml", wide.as_bytes(), 100_000).expect("spec")));
    });
    let (checked, _) = spec::read("wide.yaml", wide.as_bytes(), 100_000).expect("spec");
    group.bench_function("identities of 100,000 runs", |b| {
        b.iter(|| {
            for index in checked.walk(0, checked.run_numbers()) {
                black_box(checked.run(index).expect("run").id);
            }
        });
    });
    group.bench_function("plan 10,000,000 runs", |b| {
        b.iter(|| {
            let (huge, _) = spec::read("huge.yaml", HUGE.as_bytes(), 10_000_000).expect("spec");
            black_box(plan::plan(&huge, &Cut::Slots(8)))
        });
    });
    group.finish();
}

fn leaderboard(c: &mut Criterion) {
    let keep = tempfile::tempdir().expect("temporary folder");
    let (wide, _) = spec::read("wide.yaml", SPEC.as_bytes(), 100_000).expect("spec");
    let sweep =
        Sweep::create(keep.path(), wide, SPEC.as_bytes(), &Cut::Slots(8)).expect("sweep").sweep;
    support::generate(&sweep.dir, &sweep.manifest.id, 200, 500, 0)
        .expect("the segments are written");
    let gone = |_: u32| Liveness::Gone;
    let mut group = c.benchmark_group("report");
    group.sample_size(10);
    group.bench_function("leaderboard of 100,000 runs", |b| {
        b.iter(|| {
            let results = load(&sweep.dir, &sweep.manifest.id).expect("read");
            let subject = Subject::new(&sweep, &results, &gone);
            let report =
                subject.report(Query { top: Some(20), ..Query::default() }).expect("report");
            black_box(table::render(
                &report,
                dlgrid_sweep::terminal::View { width: Some(100), color: false },
            ))
        });
    });
    group.finish();
}

/// From the files of 10,000 trials of 20 epochs, with eight metrics each, to the page's text.
fn pages(c: &mut Criterion) {
    let keep = tempfile::tempdir().expect("temporary folder");
    let text = SPEC.replace("[1, 10]", "[1, 5]").replace("seeds: 5", "seeds: 1");
    let (spec, _) = spec::read("wide.yaml", text.as_bytes(), 100_000).expect("spec");
    let sweep =
        Sweep::create(keep.path(), spec, text.as_bytes(), &Cut::Slots(2)).expect("sweep").sweep;
    support::generate(&sweep.dir, &sweep.manifest.id, 2, 5_000, 20)
        .expect("the segments are written");
    let gone = |_: u32| Liveness::Gone;
    let mut group = c.benchmark_group("report");
    group.sample_size(10);
    group.bench_function("page of 10,000 trials", |b| {
        b.iter(|| {
            let results = load(&sweep.dir, &sweep.manifest.id).expect("read");
            let subject = Subject::new(&sweep, &results, &gone);
            let query = page::query(&sweep, &results, Query::default());
            let report = subject.report(query).expect("report");
            let starts = Starts::default();
            let page = page::gather(&sweep, &results, &subject, &starts, report, 1.7e9);
            black_box(page::render(&page))
        });
    });
    group.finish();
}

fn segments(c: &mut Criterion) {
    let keep = tempfile::tempdir().expect("temporary folder");
    let dir = dlgrid_sweep::store::layout::SweepDir::new(keep.path());
    let facts = HeadFacts {
        sweep: support::SWEEP.into(),
        device: "cpu".into(),
        dlgrid: "0.1.0".into(),
        ..HeadFacts::default()
    };
    let mut writer = SegmentWriter::begin(&dir, 0, facts).expect("segment");
    let mut index = 0;
    c.bench_function("store/append and sync one end", |b| {
        b.iter(|| {
            writer.end(&support::end(index)).expect("written");
            index += 1;
        });
    });
}

criterion_group!(benches, expansion, leaderboard, pages, segments);
criterion_main!(benches);
