//! Whole reports, from facts to text.
use super::*;
use crate::exec::slurm::bad_nodes::BadNode;
use crate::exec::slurm::ledger::Kind;
use crate::exec::slurm::state::Array;
use crate::recipe::{Command, Work};
use crate::report::around::Note;
use crate::terminal::View;

const WIDE: View = View { width: Some(140), color: false };
const NARROW: View = View { width: Some(80), color: false };
const POINTS: u64 = 6;
const SEEDS: [u64; 3] = [1, 2, 3];

/// Two layers' numbers times three learning rates; the momentum exists for half of them.
fn values(point: u64) -> Option<Vec<Option<Value>>> {
    let lr = [0.0001, 0.003, 0.1][usize::try_from(point / 2).ok()?];
    let odd = point % 2 == 1;
    Some(vec![
        Some(Value::Int(if odd { 4 } else { 2 })),
        Some(Value::Text(if odd { "sgd" } else { "adam" }.into())),
        Some(Value::Float(lr)),
        odd.then_some(Value::Float(0.9)),
    ])
}

fn trial(point: u64) -> Option<TrialId> {
    let parameters = [("p".to_owned(), Value::Int(i64::try_from(point).ok()?))].into();
    Some(TrialId::of(&Work::Command(Command { template: vec![], parameters })))
}

fn paths() -> Vec<String> {
    ["model.layers", "optimizer.kind", "optimizer.lr", "optimizer.momentum"].map(Into::into).into()
}

fn done(point: u64, seed: u64, objective: f64) -> Fact<'static> {
    Fact {
        index: seed * POINTS + point,
        state: State::Done,
        objective: Some(objective),
        metrics: vec![],
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        seconds: 61.5 + point as f64,
        cohort: None,
        samples_per_s: None,
        why: None,
        kind: None,
        node: None,
    }
}

fn other(point: u64, seed: u64, state: State, why: Option<&'static str>) -> Fact<'static> {
    let blank = done(point, seed, 0.0);
    let node = why.map(|_| "n3");
    Fact { state, objective: None, why: why.map(Into::into), node, ..blank }
}

/// A sweep with everything in it: ties, missing seeds, a NaN, runs in every state.
fn facts() -> Vec<Fact<'static>> {
    vec![
        done(0, 0, 0.91),
        done(0, 1, 0.93),
        done(0, 2, 0.92),
        done(1, 0, 0.9712),
        done(1, 1, 0.9701),
        done(1, 2, 0.9723),
        done(2, 0, 0.9712),
        done(2, 1, 0.9712),
        other(2, 2, State::Running, None),
        done(3, 0, f64::NAN),
        done(3, 1, 0.5),
        other(3, 2, State::Failed, Some("cannot allocate 512 MiB\nbacktrace")),
        other(4, 0, State::Diverged, Some("loss is NaN in epoch 3")),
        other(4, 1, State::Diverged, Some("loss is NaN in epoch 12")),
        other(4, 2, State::Lost, None),
        other(5, 0, State::Interrupted, None),
    ]
}

fn with<T>(facts: Vec<Fact<'static>>, then: impl FnOnce(&Source<'_>) -> T) -> T {
    let parameters = paths();
    let names = || vec!["valid/f1".to_owned(), "train/loss".into()];
    then(&Source {
        sweep: Title {
            name: "fashion-depth".into(),
            id: "0123456789abcdef0123456789abcdef".into(),
            dir: "runs/fashion-depth-01234567".into(),
            typed: "fashion-depth".into(),
        },
        aim: Aim { metric: "valid/f1".into(), maximize: true, best: false },
        parameters: &parameters,
        seeds: &SEEDS,
        folds: None,
        ratio: 0.0,
        points: POINTS,
        runs: POINTS * 3,
        facts,
        left_out: vec![],
        missing: 3,
        values: &values,
        is_point: &|_| true,
        trial: &trial,
        metric_names: &names,
        damaged_lines: 1,
        damage: vec!["c000001.a1.7f3c91aa line 4 does not match its checksum".into()],
        duplicate_ends: 1,
        notes: vec![],
    })
}

pub(super) fn report(query: Query) -> Result<Report, ReportError> {
    let plan = Plan::new(query, &paths())?;
    let loss = |fact: &Fact<'_>| fact.objective.map(|x| 1.0 - x);
    let tell = |mut fact: Fact<'static>| {
        let metrics = plan.metrics().iter().map(|name| match name.as_str() {
            "valid/f1" | "val.acc" => fact.objective,
            "train/loss" => loss(&fact),
            _ => None,
        });
        fact.metrics = metrics.collect();
        fact
    };
    with(facts().into_iter().map(tell).collect(), |source| build(source, &plan))
}

fn asked() -> Query {
    Query { metrics: vec!["train/loss".into()], ..Query::default() }
}

/// Four trials of 2 seeds × 3 folds: the second is worse by little and irregularly, the third by
/// as much every time, the fourth has one run; the fifth's numbers are none.
fn folded(then: impl FnOnce(&Source<'_>) -> String) -> String {
    let base = [0.95, 0.91, 0.93, 0.96, 0.92, 0.94];
    let noise = [0.01, -0.012, 0.008, 0.002, -0.009, 0.004];
    let mut facts = Vec::new();
    for (place, (x, e)) in (0..).zip(base.iter().zip(noise)) {
        facts.push(done(0, place, *x));
        facts.push(done(1, place, x - 0.002 + e));
        facts.push(done(2, place, x - 0.02 + e / 4.0));
    }
    facts.extend([done(3, 4, 0.9), done(4, 0, f64::NAN)]);
    let seeds = [1, 2];
    with(facts, |source| {
        then(&Source {
            sweep: source.sweep.clone(),
            aim: source.aim.clone(),
            facts: source.facts.clone(),
            runs: POINTS * 6,
            seeds: &seeds,
            folds: Some(3),
            ratio: 0.5,
            missing: 0,
            damaged_lines: 0,
            damage: vec![],
            notes: vec![],
            left_out: vec![],
            ..*source
        })
    })
}

pub(super) fn folded_report(query: Query, render: impl FnOnce(&Report) -> String) -> String {
    let plan = Plan::new(query, &paths()).expect("a plan");
    folded(|source| render(&build(source, &plan).expect("a report")))
}

#[test]
fn rows_that_noise_cannot_tell_from_the_first_are_marked() {
    let text = |query| folded_report(query, |report| table::render(report, NARROW));
    insta::assert_snapshot!("tied_table", text(Query::default()));
    insta::assert_snapshot!("tied_markdown", folded_report(Query::default(), markdown::render));
    insta::assert_snapshot!("tied_csv", folded_report(Query::default(), csv::render));
    let runs = Query { runs: true, top: Some(2), ..Query::default() };
    insta::assert_snapshot!("tied_runs_csv", folded_report(runs.clone(), csv::render_runs));
    let json = folded_report(runs, json::render);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    insta::assert_snapshot!("tied_json", serde_json::to_string_pretty(&json).expect("JSON"));
}

#[test]
fn the_comparison_is_with_the_first_of_all_whatever_is_shown() {
    let query = Query { filter: Some("model.layers == 4".into()), ..Query::default() };
    let text = folded_report(query, |report| table::render(report, NARROW));
    assert!(text.contains("≈ 2"), "{text}");
    let query = Query { sort: Some("-rank".into()), ..Query::default() };
    folded_report(query, |report| {
        let tied: Vec<_> =
            report.rows.iter().map(|row| (row.point, row.is_tied(&report.aim))).collect();
        assert_eq!(tied, [(3, true), (2, false), (1, true), (0, false), (4, false)]);
        String::new()
    });
}

#[test]
fn a_trial_that_is_better_pair_by_pair_is_not_called_worse() {
    // The first lacks its worst run: the means say one thing, the pairs another.
    let facts = vec![
        done(0, 1, 0.93),
        done(0, 2, 0.95),
        done(1, 0, 0.8),
        done(1, 1, 0.94),
        done(1, 2, 0.9605),
    ];
    let plan = Plan::new(Query::default(), &paths()).expect("a plan");
    let report = with(facts, |source| build(source, &plan)).expect("a report");
    let second = &report.rows[1];
    assert_eq!((second.point, second.rank), (1, Some(2)));
    assert!(second.versus.and_then(|versus| versus.p).is_some_and(|p| p < 0.05), "{second:?}");
    assert_eq!((second.is_tied(&report.aim), report.tied), (true, 1));
    assert!(table::render(&report, NARROW).contains("≈ 2"));
    let smaller = Aim { maximize: false, ..report.aim.clone() };
    assert!(!second.is_tied(&smaller), "there it is worse");
}

/// Of three seeds two diverged, and the third is better than any seed of the others.
#[test]
fn a_trial_of_which_a_run_diverged_is_ranked_behind_and_compared_with_none() {
    let board = |maximize, facts: &[Fact<'static>]| {
        with(facts.to_vec(), |source| {
            let aim = Aim { maximize, ..source.aim.clone() };
            let (sweep, facts) = (source.sweep.clone(), source.facts.clone());
            let source = Source {
                sweep,
                aim,
                facts,
                damage: vec![],
                notes: vec![],
                left_out: vec![],
                ..*source
            };
            let best = best(&source).map(|row| row.point);
            let plan = Plan::new(Query::default(), &paths()).expect("a plan");
            (best, build(&source, &plan).expect("a report"))
        })
    };
    let diverged = |point, seed| other(point, seed, State::Diverged, Some("loss is NaN"));
    let lucky = [done(0, 0, 0.86), diverged(0, 1), diverged(0, 2)];
    let whole = [0, 1, 2].map(|seed| done(1, seed, [0.5, 0.52, 0.51][seed as usize]));
    let other_whole = [0, 1, 2].map(|seed| done(2, seed, [0.95, 0.9, 0.92][seed as usize]));
    let facts = [&lucky[..], &whole, &other_whole].concat();
    for (maximize, expected) in [(true, [2, 1, 0]), (false, [1, 2, 0])] {
        let (best, report) = board(maximize, &facts);
        assert_eq!(report.rows.iter().map(|row| row.point).collect::<Vec<_>>(), expected);
        assert_eq!(report.rows.iter().filter_map(|row| row.rank).collect::<Vec<_>>(), [1, 2, 3]);
        let last = &report.rows[2];
        assert_eq!((best, last.versus, report.tied), (Some(expected[0]), None, 0));
        assert_eq!((last.objective.mean, last.has_diverged()), (Some(0.86), true));
        let text = table::render(&report, WIDE);
        assert!(text.contains("note: a trial of which a run diverged ranks behind"), "{text}");
    }
    // Nothing is claimed of noise where the first is what is left of a trial.
    let (_, report) = board(true, &[&lucky[..], &[done(1, 0, 0.1), diverged(1, 1)]].concat());
    assert_eq!((report.rows[0].rank, report.rows[0].point), (Some(1), 0));
    assert!(report.comparison.is_none() && report.rows.iter().all(|row| row.versus.is_none()));
}

#[test]
fn what_is_shown_of_all_can_be_said_by_a_rank_where_one_parts_them() {
    let top = |top, sort: Option<&str>| Query {
        top: Some(top),
        sort: sort.map(Into::into),
        ..Query::default()
    };
    // The ranks are 1, 1, 3 and none.
    for (query, expected) in [
        (Query::default(), None),
        (top(1, None), None),
        (top(2, None), Some(1)),
        (top(3, None), Some(3)),
        (top(4, None), None),
        (top(1, Some("-rank")), None),
        (top(9, None), None),
    ] {
        let report = report(query.clone()).expect("a report");
        assert_eq!((report.up_to, report.ranked), (expected, 3), "{query:?}");
    }
}

#[test]
fn one_run_a_trial_claims_nothing() {
    let facts = vec![done(0, 0, 0.9), done(1, 0, 0.8)];
    with(facts, |source| {
        let (sweep, aim) = (source.sweep.clone(), source.aim.clone());
        let (facts, damage, seeds) = (source.facts.clone(), vec![], [1]);
        let source = Source {
            sweep,
            aim,
            facts,
            damage,
            notes: vec![],
            seeds: &seeds,
            left_out: vec![],
            ..*source
        };
        let plan = Plan::new(Query::default(), &paths()).expect("a plan");
        let report = build(&source, &plan).expect("a report");
        assert!(report.comparison.is_none() && report.rows.iter().all(|r| r.versus.is_none()));
        assert!(table::render(&report, NARROW).contains("note: one seed a trial"));
    });
}

#[test]
fn a_wide_terminal_shows_all() {
    let report = report(asked()).expect("a report");
    insta::assert_snapshot!(table::render(&report, WIDE), @r"
    fashion-depth  maximize valid/f1 at the last epoch, mean ± sd over 3 seeds

    rank  trial     layers  kind      lr  momentum         valid/f1         train/loss    runs  not done                    time   a run
       1  643514da       2  adam   0.003         -  0.9712 ± 0.0000  0.02880 ± 0.00000  2 of 3  1 running                 2m 07s  1m 04s
     ≈ 1  b50ccf7d       4  sgd   0.0001       0.9  0.9712 ± 0.0011  0.02880 ± 0.00110       3                            3m 08s  1m 03s
     ≈ 3  a4c8dd69       2  adam  0.0001         -  0.9200 ± 0.0100  0.08000 ± 0.01000       3                            3m 05s  1m 02s
       -  f48d5347       4  sgd    0.003       0.9              NaN                  -  2 of 3  1 failed                  3m 14s  1m 05s
       -  f398a916       4  sgd      0.1       0.9      interrupted                  -  0 of 3  2 waiting, 1 interrupted    0.0s    0.0s
       -  7cfe92e6       2  adam     0.1         -         diverged                  -  0 of 3  1 lost, 2 diverged        2m 11s  1m 06s
    ≈ can't be told from the first by 3 seeds (paired t test, p ≥ 0.05)

    6 trials; 18 runs: 10 done, 1 running, 2 waiting, 1 interrupted, 1 lost, 2 diverged, 1 failed
    not ended: runs 5, 11, 14, 16-17
    2 diverged: loss is NaN in epoch …
      on n3; see: dlgrid logs fashion-depth 4
    1 failed: cannot allocate 512 MiB
      on n3; see: dlgrid logs fashion-depth 15
    1 lost: the worker is gone without a word: killed, or the machine went down
      see: dlgrid logs fashion-depth 16
    1 damaged line: c000001.a1.7f3c91aa line 4 does not match its checksum
    next: dlgrid retry fashion-depth   (trains what is missing or failed)
    ");
}

#[test]
fn colours_say_what_matters() {
    let color = View { color: true, ..WIDE };
    let report = report(asked()).expect("a report");
    insta::assert_snapshot!("colored_table", table::render(&report, color).replace('\x1b', "^"));
    let status = with(facts(), |source| status::Status::of(source, vec![], vec![]));
    insta::assert_snapshot!("colored_status", status::render(&status, color).replace('\x1b', "^"));
}

#[test]
fn a_narrow_terminal_leaves_columns_out_and_says_so() {
    let report = report(asked()).expect("a report");
    let text = table::render(&report, NARROW);
    let (table, _) = text.split_once("left out").expect("the note");
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{text}");
    insta::assert_snapshot!(text, @r"
    fashion-depth  maximize valid/f1 at the last epoch, mean ± sd over 3 seeds

    rank  trial     layers  kind      lr  momentum         valid/f1    runs
       1  643514da       2  adam   0.003         -  0.9712 ± 0.0000  2 of 3
     ≈ 1  b50ccf7d       4  sgd   0.0001       0.9  0.9712 ± 0.0011       3
     ≈ 3  a4c8dd69       2  adam  0.0001         -  0.9200 ± 0.0100       3
       -  f48d5347       4  sgd    0.003       0.9              NaN  2 of 3
       -  f398a916       4  sgd      0.1       0.9      interrupted  0 of 3
       -  7cfe92e6       2  adam     0.1         -         diverged  0 of 3
    ≈ can't be told from the first by 3 seeds (paired t test, p ≥ 0.05)
    left out for want of width: train/loss, not done, time, a run (see them all: --format csv)

    6 trials; 18 runs: 10 done, 1 running, 2 waiting, 1 interrupted, 1 lost, 2 diverged, 1 failed
    not ended: runs 5, 11, 14, 16-17
    2 diverged: loss is NaN in epoch …
      on n3; see: dlgrid logs fashion-depth 4
    1 failed: cannot allocate 512 MiB
      on n3; see: dlgrid logs fashion-depth 15
    1 lost: the worker is gone without a word: killed, or the machine went down
      see: dlgrid logs fashion-depth 16
    1 damaged line: c000001.a1.7f3c91aa line 4 does not match its checksum
    next: dlgrid retry fashion-depth   (trains what is missing or failed)
    ");
}

#[test]
fn csv_has_all_digits() {
    let report = report(Query { top: Some(3), ..asked() }).expect("a report");
    insta::assert_snapshot!(csv::render(&report), @r"
    rank,trial,model.layers,optimizer.kind,optimizer.lr,optimizer.momentum,valid/f1,valid/f1 sd,n,train/loss,train/loss sd,seeds,seconds,seconds_mean,done,running,waiting,interrupted,lost,diverged,failed,left_out,pairs,difference,difference_low,difference_high,p,tied_with_first
    1,643514da,2,adam,0.003,,0.9712,0.0,2,0.028800000000000048,0.0,3,127.0,63.5,2,1,0,0,0,0,0,0,,,,,,true
    1,b50ccf7d,4,sgd,0.0001,0.9,0.9712,0.0011000000000000454,3,0.02880000000000001,0.0011000000000000454,3,187.5,62.5,3,0,0,0,0,0,0,0,2,-0.0005499999999999949,-0.007538412604896012,0.006438412604896022,0.49999999999999956,true
    3,a4c8dd69,2,adam,0.0001,,0.92,0.010000000000000009,3,0.07999999999999996,0.010000000000000009,3,184.5,61.5,3,0,0,0,0,0,0,0,2,-0.05119999999999991,-0.17826204736174697,0.07586204736174715,0.12279396696294949,true
    ");
}

#[test]
fn csv_of_runs_has_a_line_each() {
    let report = report(Query {
        runs: true,
        filter: Some("rank is not defined or rank > 3".into()),
        ..Query::default()
    });
    insta::assert_snapshot!(csv::render_runs(&report.expect("a report")), @r"
    rank,trial,run,seed,model.layers,optimizer.kind,optimizer.lr,optimizer.momentum,state,valid/f1,seconds,why
    ,f48d5347,3,1,4,sgd,0.003,0.9,done,NaN,64.5,
    ,f48d5347,9,2,4,sgd,0.003,0.9,done,0.5,64.5,
    ,f48d5347,15,3,4,sgd,0.003,0.9,failed,,64.5,cannot allocate 512 MiB backtrace
    ,f398a916,5,1,4,sgd,0.1,0.9,interrupted,,66.5,
    ,7cfe92e6,4,1,2,adam,0.1,,diverged,,65.5,loss is NaN in epoch 3
    ,7cfe92e6,10,2,2,adam,0.1,,diverged,,65.5,loss is NaN in epoch 12
    ,7cfe92e6,16,3,2,adam,0.1,,lost,,65.5,
    ");
}

#[test]
fn markdown_is_a_table() {
    let report = report(Query { top: Some(3), ..asked() }).expect("a report");
    insta::assert_snapshot!(markdown::render(&report), @r"
    | rank | trial | model.layers | optimizer.kind | optimizer.lr | optimizer.momentum | valid/f1 | train/loss | runs | not done | time |
    | ---: | --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | --- | ---: |
    | 1 | 643514da | 2 | adam | 0.003 | - | 0.9712 ± 0.0000 | 0.02880 ± 0.00000 | 2 of 3 | 1 running | 2m 07s |
    | ≈ 1 | b50ccf7d | 4 | sgd | 0.0001 | 0.9 | 0.9712 ± 0.0011 | 0.02880 ± 0.00110 | 3 |  | 3m 08s |
    | ≈ 3 | a4c8dd69 | 2 | adam | 0.0001 | - | 0.9200 ± 0.0100 | 0.08000 ± 0.01000 | 3 |  | 3m 05s |

    ≈ can't be told from the first by 3 seeds (paired t test, p ≥ 0.05)

    3 of 6 trials; 18 runs: 10 done, 1 running, 2 waiting, 1 interrupted, 1 lost, 2 diverged, 1 failed
    ");
}

#[test]
fn json_is_one_object_with_a_version() {
    let report = report(Query { runs: true, ..asked() }).expect("a report");
    let text = json::render(&report);
    assert!(text.starts_with(r#"{"schema":"dlgrid.report/1","sweep":{"#), "{text}");
    let mut json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let rows = json["rows"].as_array_mut().expect("rows");
    assert_eq!(rows.len(), 6);
    rows.retain(|row| ["2", "3"].contains(&row["point"].to_string().as_str()));
    insta::assert_snapshot!(serde_json::to_string_pretty(&json).expect("JSON"), @r#"
    {
      "comparison": {
        "first": "643514da49d616b0408a64349072cb31",
        "level": 0.05,
        "ratio": 0.0,
        "test": "paired t"
      },
      "counts": {
        "diverged": 2,
        "done": 10,
        "failed": 1,
        "interrupted": 1,
        "left_out": 0,
        "lost": 1,
        "running": 1,
        "waiting": 2
      },
      "damage": [
        "c000001.a1.7f3c91aa line 4 does not match its checksum"
      ],
      "damaged_lines": 1,
      "duplicate_ends": 1,
      "failures": [
        {
          "example": 4,
          "kind": null,
          "nodes": [
            "n3"
          ],
          "runs": 2,
          "state": "diverged",
          "why": "loss is NaN in epoch …"
        },
        {
          "example": 15,
          "kind": null,
          "nodes": [
            "n3"
          ],
          "runs": 1,
          "state": "failed",
          "why": "cannot allocate 512 MiB"
        },
        {
          "example": 16,
          "kind": null,
          "nodes": [],
          "runs": 1,
          "state": "lost",
          "why": "the worker is gone without a word: killed, or the machine went down"
        }
      ],
      "folds": null,
      "missing": 3,
      "notes": [],
      "objective": {
        "at": "last",
        "goal": "maximize",
        "metric": "valid/f1"
      },
      "open": [
        {
          "first": 5,
          "last": 5
        },
        {
          "first": 11,
          "last": 11
        },
        {
          "first": 14,
          "last": 14
        },
        {
          "first": 16,
          "last": 17
        }
      ],
      "open_truncated": false,
      "openings": [],
      "parameters": [
        "model.layers",
        "optimizer.kind",
        "optimizer.lr",
        "optimizer.momentum"
      ],
      "rows": [
        {
          "counts": {
            "diverged": 0,
            "done": 2,
            "failed": 0,
            "interrupted": 0,
            "left_out": 0,
            "lost": 0,
            "running": 1,
            "waiting": 0
          },
          "difference": null,
          "difference_high": null,
          "difference_low": null,
          "metrics": {
            "train/loss": {
              "mean": 0.028800000000000048,
              "n": 2,
              "sd": 0.0,
              "state": "ok"
            }
          },
          "objective": {
            "mean": 0.9712,
            "n": 2,
            "sd": 0.0,
            "state": "ok"
          },
          "p": null,
          "pairs": null,
          "parameters": {
            "model.layers": 2,
            "optimizer.kind": "adam",
            "optimizer.lr": 0.003
          },
          "point": 2,
          "rank": 1,
          "runs": [
            {
              "index": 2,
              "objective": 0.9712,
              "seconds": 63.5,
              "seed": 1,
              "state": "done"
            },
            {
              "index": 8,
              "objective": 0.9712,
              "seconds": 63.5,
              "seed": 2,
              "state": "done"
            },
            {
              "index": 14,
              "objective": null,
              "seconds": 63.5,
              "seed": 3,
              "state": "running"
            }
          ],
          "seconds": 127.0,
          "seconds_mean": 63.5,
          "tied_with_first": true,
          "trial": "643514da",
          "trial_id": "643514da49d616b0408a64349072cb31"
        },
        {
          "counts": {
            "diverged": 0,
            "done": 2,
            "failed": 1,
            "interrupted": 0,
            "left_out": 0,
            "lost": 0,
            "running": 0,
            "waiting": 0
          },
          "difference": null,
          "difference_high": null,
          "difference_low": null,
          "metrics": {
            "train/loss": {
              "mean": null,
              "n": 2,
              "sd": null,
              "state": "nan"
            }
          },
          "objective": {
            "mean": null,
            "n": 2,
            "sd": null,
            "state": "nan"
          },
          "p": null,
          "pairs": null,
          "parameters": {
            "model.layers": 4,
            "optimizer.kind": "sgd",
            "optimizer.lr": 0.003,
            "optimizer.momentum": 0.9
          },
          "point": 3,
          "rank": null,
          "runs": [
            {
              "index": 3,
              "objective": null,
              "seconds": 64.5,
              "seed": 1,
              "state": "done"
            },
            {
              "index": 9,
              "objective": 0.5,
              "seconds": 64.5,
              "seed": 2,
              "state": "done"
            },
            {
              "index": 15,
              "objective": null,
              "seconds": 64.5,
              "seed": 3,
              "state": "failed",
              "why": "cannot allocate 512 MiB\nbacktrace"
            }
          ],
          "seconds": 193.5,
          "seconds_mean": 64.5,
          "tied_with_first": null,
          "trial": "f48d5347",
          "trial_id": "f48d5347b1b3f3df3be4044fdad2a022"
        }
      ],
      "schema": "dlgrid.report/1",
      "seeds": 3,
      "sweep": {
        "dir": "runs/fashion-depth-01234567",
        "id": "0123456789abcdef0123456789abcdef",
        "name": "fashion-depth"
      },
      "trials": 6
    }
    "#);
}

fn points(query: Query) -> Vec<u64> {
    report(query).expect("a report").rows.iter().map(|row| row.point).collect()
}

#[test]
fn rows_come_in_the_order_asked_for() {
    for (sort, expected) in [
        (None, vec![2, 1, 0, 3, 5, 4]),
        (Some("rank"), vec![2, 1, 0, 3, 5, 4]),
        (Some("-objective"), vec![2, 1, 0, 3, 5, 4]),
        (Some("objective"), vec![0, 2, 1, 3, 5, 4]),
        (Some("optimizer.lr"), vec![1, 0, 2, 3, 5, 4]),
        (Some("-optimizer.lr"), vec![5, 4, 2, 3, 1, 0]),
        (Some("optimizer.kind"), vec![2, 0, 4, 1, 3, 5]),
        (Some("-optimizer.momentum"), vec![1, 3, 5, 2, 0, 4]),
        (Some("-train/loss"), vec![0, 2, 1, 3, 5, 4]),
    ] {
        let query = Query { sort: sort.map(Into::into), ..Query::default() };
        assert_eq!(points(query), expected, "{sort:?}");
    }
}

#[test]
fn conditions_choose_trials() {
    for (filter, expected) in [
        ("optimizer.lr < 1e-3 and model.layers >= 3", vec![1]),
        ("optimizer.kind == 'adam'", vec![2, 0, 4]),
        ("optimizer.momentum is defined", vec![1, 3, 5]),
        ("valid.f1 > 0.95", vec![2, 1]),
        ("train.loss < 0.05", vec![2, 1]),
        ("objective < 0.95", vec![0]),
        ("rank <= 2", vec![2, 1]),
        ("seeds == 2", vec![2, 3]),
        ("seconds > 1e9", vec![]),
        // A metric whose own name has a dot.
        ("val.acc > 0.95", vec![2, 1]),
        ("val.acc < 0.95 and train.loss > 0.05", vec![0]),
        // A trial without an objective is not asked for by a word.
        ("objective < 0.95 and optimizer.kind != 'undefined'", vec![0]),
    ] {
        let found = points(Query { filter: Some(filter.into()), ..Query::default() });
        assert_eq!(found, expected, "{filter}");
    }
}

#[test]
fn names_that_nothing_has_are_refused_with_a_hint() {
    let metric = |name: &str| Query { metrics: vec![name.into()], ..Query::default() };
    let sort = |name: &str| Query { sort: Some(name.into()), ..Query::default() };
    let filter = |text: &str| Query { filter: Some(text.into()), ..Query::default() };
    for (query, fact, hint) in [
        (sort("optimizer.l"), "`optimizer.l` names", "did you mean `optimizer.lr`?"),
        (sort("-lr"), "`lr` names", "did you mean `optimizer.lr`?"),
        (filter("model.layer > 3"), "`model.layer` names", "did you mean `model.layers`?"),
        (filter("valid/f1 > 0.9"), "`f1` names", "in a condition a metric is written `valid.f1`"),
        (metric("valid/f2"), "`valid/f2` names", "did you mean `valid/f1`?"),
        (filter("lr <"), "is no condition", "a condition looks like"),
        (filter("a = 3"), "is no condition", "a condition looks like"),
    ] {
        // A metric that no run has reported.
        let plan = Plan::new(query.clone(), &paths());
        let blank = |f: Fact<'static>| Fact { metrics: vec![None; 3], ..f };
        let error = plan
            .and_then(|plan| {
                with(facts().into_iter().map(blank).collect(), |source| build(source, &plan))
            })
            .expect_err("refused");
        assert!(error.to_string().contains(fact), "{query:?}: {error}");
        assert!(error.hint().contains(hint), "{query:?}: {}", error.hint());
    }
}

#[test]
fn text_from_users_cannot_act() {
    let mut report = report(Query { top: Some(1), ..Query::default() }).expect("a report");
    report.sweep.name = "x\x1b[2J\u{202e}y".into();
    report.parameters[1] = "=cmd|' /C calc'!A0".into();
    report.rows[0].parameters[1] = Some(Value::Text("@SUM(1)|\x1b[31m<b>\n*x*".into()));
    report.rows[0].parameters[3] = Some(Value::Float(-0.5));
    for text in [table::render(&report, WIDE), csv::render(&report), markdown::render(&report)] {
        assert!(!text.contains(['\x1b', '\u{202e}']), "{text}");
    }
    insta::assert_snapshot!(csv::render(&report), @r"
    rank,trial,model.layers,'=cmd|' /C calc'!A0,optimizer.lr,optimizer.momentum,valid/f1,valid/f1 sd,n,seeds,seconds,seconds_mean,done,running,waiting,interrupted,lost,diverged,failed,left_out,pairs,difference,difference_low,difference_high,p,tied_with_first
    1,643514da,2,'@SUM(1)|<b> *x*,0.003,-0.5,0.9712,0.0,2,3,127.0,63.5,2,1,0,0,0,0,0,0,,,,,,true
    ");
    let markdown = markdown::render(&report);
    assert!(markdown.contains(r"@SUM(1)\|&lt;b&gt; \*x\*"), "{markdown}");
}

#[test]
fn a_sweep_without_ends_has_a_board_without_rows() {
    let plan = Plan::new(Query::default(), &paths()).expect("a plan");
    let report = with(vec![], |source| build(source, &plan)).expect("a report");
    assert_eq!(report.counts.get(State::Waiting), 18);
    insta::assert_snapshot!(table::render(&report, NARROW), @r"
    fashion-depth  maximize valid/f1 at the last epoch, mean ± sd over 3 seeds

    no run has begun yet

    0 trials; 18 runs: 18 waiting
    not ended: runs 0-17
    1 damaged line: c000001.a1.7f3c91aa line 4 does not match its checksum
    next: dlgrid retry fashion-depth   (trains what is missing or failed)
    ");
}

#[test]
fn trials_that_have_not_begun_are_told_and_a_condition_narrows_trials_alone() {
    let foot = |filter: Option<&str>, top| {
        let query = Query { filter: filter.map(str::to_owned), top, ..Query::default() };
        let plan = Plan::new(query, &paths()).expect("a plan");
        let some = facts().into_iter().filter(|fact| fact.index % 6 != 1).collect();
        let report = with(some, |source| build(source, &plan)).expect("a report");
        table::totals(&report, View::PLAIN).split(": ").next().map(str::to_owned)
    };
    for (filter, top, expected) in [
        (None, None, "5 of 6 trials have begun; 18 runs"),
        (None, Some(2), "2 of 5 trials (all"),
        (Some("seeds == 2"), None, "2 trials; the whole sweep"),
    ] {
        assert_eq!(foot(filter, top).as_deref(), Some(expected));
    }
}

#[test]
fn a_tie_of_equal_differences_names_its_test() {
    let mut report = report(Query::default()).expect("a report");
    let tied = table::tied(&report).expect("a tie");
    assert!(tied.ends_with("(paired t test, p ≥ 0.05)"), "{tied}");
    let objectives = |shift: f64| [(0, 0.5 - shift), (1, 0.75 - shift), (2, 0.5 - shift)];
    let versus = Paired::of(&objectives(0.0), &objectives(0.25), 0.0);
    let row = report.rows.iter_mut().find(|row| row.versus.is_some()).expect("one compared");
    row.versus = Some(versus);
    let tied = table::tied(&report).expect("a tie");
    assert!(tied.ends_with("p ≥ 0.05; equal differences: sign-flip test)"), "{tied}");
}

fn array(kind: Kind) -> Array {
    Array {
        kind,
        job: if kind == Kind::Runs { 118 } else { 117 },
        token: "dlg-x".into(),
        waiting: if kind == Kind::Runs { 2 } else { 0 },
        running: 1,
        reasons: vec!["waits for free nodes (Resources)".into()],
        held: false,
        start: Some("2026-11-24T11:34:54".into()),
    }
}

#[test]
fn one_screen_tells_how_it_goes() {
    let status = with(facts(), |source| {
        status::Status::of(
            source,
            vec![status::Running {
                index: 14,
                trial: trial(2).expect("a trial").short(),
                seed: Some(3),
                fold: None,
                seconds: Some(62.0),
                epoch: Some(4),
                slice: 0,
            }],
            vec![array(Kind::Canary), array(Kind::Runs)],
        )
    });
    let bad =
        BadNode { node: "n4".into(), starts: 4, failed: 3, why: "libtorch is missing".into() };
    let status = status::Status {
        missing: 0,
        last_lines: vec!["Traceback (most recent call last):".into(), "x".repeat(200)],
        bad_nodes: vec![bad],
        notes: vec![Note { about: "stopped", text: "3 runs failed".into() }],
        ..status
    };
    let text = status::render(&status, NARROW);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    insta::assert_snapshot!(status::render(&status, WIDE), @r"
    fashion-depth  13 of 18 runs ended (72.2 %)
    █████████████████████████████████▓▓▓xxxxxxxxxxxxxx░░░░░░░░░░
    10 done, 1 running, 2 waiting, 1 interrupted, 1 lost, 2 diverged, 1 failed

    best     valid/f1 0.9712 ± 0.0000 over 2 of 3 seeds, trial 643514da
             model.layers=2 optimizer.kind=adam optimizer.lr=0.003
    running  run 14, trial 643514da, seed 3, for 1m 02s, 4 epochs saved
    slurm    array 118: 1 running, 2 waiting: waits for free nodes (Resources), from 2026-11-24T11:34:54 on
             canary 117: runs
    pace     1m 03s a run, 1 at once; about 4m 45s left
    open     runs 5, 11, 14, 16-17
    stopped  3 runs failed
    diverged 2 runs: loss is NaN in epoch …
             on n3
             | Traceback (most recent call last):
             | xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
    failed   1 run: cannot allocate 512 MiB
             on n3
    lost     1 run: the worker is gone without a word: killed, or the machine went down
    bad node n4: 3 of 4 tasks failed at once; `slurm.exclude: n4` avoids it (libtorch is missing)
    damaged  1 line: c000001.a1.7f3c91aa line 4 does not match its checksum
    next: dlgrid logs fashion-depth 15
    ");
    insta::assert_snapshot!(text, @r"
    fashion-depth  13 of 18 runs ended (72.2 %)
    █████████████████████████████████▓▓▓xxxxxxxxxxxxxx░░░░░░░░░░
    10 done, 1 running, 2 waiting, 1 interrupted, 1 lost, 2 diverged, 1 failed

    best     valid/f1 0.9712 ± 0.0000 over 2 of 3 seeds, trial 643514da
             model.layers=2 optimizer.kind=adam optimizer.lr=0.003
    running  run 14, trial 643514da, seed 3, for 1m 02s, 4 epochs saved
    slurm    array 118: 1 running, 2 waiting: waits for free nodes (Resources), fro…
             canary 117: runs
    pace     1m 03s a run, 1 at once; about 4m 45s left
    open     runs 5, 11, 14, 16-17
    stopped  3 runs failed
    diverged 2 runs: loss is NaN in epoch …
             on n3
             | Traceback (most recent call last):
             | xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
    failed   1 run: cannot allocate 512 MiB
             on n3
    lost     1 run: the worker is gone without a word: killed, or the machine went …
    bad node n4: 3 of 4 tasks failed at once; `slurm.exclude: n4` avoids it (libtor…
    damaged  1 line: c000001.a1.7f3c91aa line 4 does not match its checksum
    next: dlgrid logs fashion-depth 15
    ");
    insta::assert_snapshot!(status::render_json(&status), @r#"
    {"schema":"dlgrid.status/1","sweep":{"dir":"runs/fashion-depth-01234567","id":"0123456789abcdef0123456789abcdef","name":"fashion-depth"},"objective":{"at":"last","goal":"maximize","metric":"valid/f1"},"counts":{"diverged":2,"done":10,"failed":1,"interrupted":1,"left_out":0,"lost":1,"running":1,"waiting":2},"total":18,"ended":13,"missing":0,"open":[{"first":5,"last":5},{"first":11,"last":11},{"first":14,"last":14},{"first":16,"last":17}],"open_truncated":false,"best":{"objective":{"mean":0.9712,"n":2,"sd":0.0,"state":"ok"},"parameters":{"model.layers":2,"optimizer.kind":"adam","optimizer.lr":0.003},"trial":"643514da","trial_id":"643514da49d616b0408a64349072cb31"},"running":[{"epochs_saved":4,"index":14,"seconds":62.0,"seed":3,"trial":"643514da"}],"slurm":[{"array":117,"kind":"canary","reasons":["waits for free nodes (Resources)"],"running":1,"start":"2026-11-24T11:34:54","waiting":0},{"array":118,"kind":"runs","reasons":["waits for free nodes (Resources)"],"running":1,"start":"2026-11-24T11:34:54","waiting":2}],"pace":{"at_once":1,"runs_an_hour":56.830601092896174,"seconds_a_run":63.34615384615385,"seconds_left":285.0576923076923},"fused":null,"together":null,"failures":[{"example":4,"kind":null,"nodes":["n3"],"runs":2,"state":"diverged","why":"loss is NaN in epoch …"},{"example":15,"kind":null,"nodes":["n3"],"runs":1,"state":"failed","why":"cannot allocate 512 MiB"},{"example":16,"kind":null,"nodes":[],"runs":1,"state":"lost","why":"the worker is gone without a word: killed, or the machine went down"}],"last_lines":["Traceback (most recent call last):","xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"],"pauses":[],"bad_nodes":[{"failed":3,"node":"n4","starts":4,"why":"libtorch is missing"}],"notes":[{"about":"stopped","text":"3 runs failed"}],"damaged_lines":1}
    "#);
}

#[test]
fn what_does_not_go_on_by_itself_has_its_step() {
    let told = |held, missing, on_slurm| {
        let status = with(facts(), |source| {
            let array = Array { held, ..array(Kind::Runs) };
            status::Status::of(source, vec![], vec![array])
        });
        let causes = Vec::new();
        let text = status::render(&status::Status { missing, on_slurm, causes, ..status }, WIDE);
        let starts = |line: &&str| line.starts_with("missing") || line.starts_with("next");
        text.lines().filter(starts).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(told(true, 0, true), @"next: scontrol release 118   (lets go what is held)");
    insta::assert_snapshot!(told(true, 4, true), @r"
    missing  4 runs in no queue: `dlgrid retry fashion-depth` puts all back
    next: dlgrid retry fashion-depth   (trains the 4 runs missing)
    ");
    insta::assert_snapshot!(told(false, 4, false), @"next: dlgrid retry fashion-depth   (trains the 4 runs missing)");
    insta::assert_snapshot!(told(false, 0, true), @"next: dlgrid report fashion-depth");
}

#[test]
fn pace_is_guessed_from_what_ended() {
    let mut counts = Counts::of([State::Running; 4]);
    counts.add(State::Waiting, 40);
    let pace = status::Pace::of(&counts, 4, Some(30.0), &[]).expect("a pace");
    assert_eq!((pace.seconds_left, pace.runs_an_hour), (Some(315.0), 480.0));
    // Those that outlast the mean say that it is none of theirs.
    for (passed, is_told) in
        [(&[31.0, 3.0, 2.0][..], true), (&[31.0, 30.5, 2.0], false), (&[90.0], false)]
    {
        let pace = status::Pace::of(&counts, 4, Some(30.0), passed).expect("a pace");
        assert_eq!(pace.seconds_left.is_some(), is_told, "{passed:?}");
    }
    assert_eq!(status::Pace::of(&counts, 4, None, &[]), None);
    assert_eq!(status::Pace::of(&Counts::of([State::Waiting]), 0, Some(30.0), &[]), None);
    // 320 wait, 16 are trained together in 160 s, of which each bears ten.
    let mut counts = Counts::of([State::Running; 16]);
    counts.add(State::Waiting, 320);
    let pace = status::Pace::of(&counts, 1, Some(10.0), &[]).expect("a pace");
    assert_eq!((pace.seconds_left, pace.runs_an_hour, pace.at_once), (Some(3280.0), 360.0, 16));
    let pace = |passed| status::Pace::of(&counts, 1, Some(10.0), passed).expect("a pace");
    assert!(pace(&[150.0; 16]).seconds_left.is_some() && pace(&[170.0; 16]).seconds_left.is_none());
}

#[test]
fn sweeps_are_listed() {
    let entry = |name: &str, counts, missing, problem: Option<&str>| list::Entry {
        sweep: Title {
            name: name.into(),
            id: "ab".repeat(16),
            dir: format!("runs/{name}"),
            typed: name.into(),
        },
        created: 1_000.0,
        aim: Aim { metric: "valid/f1".into(), maximize: true, best: false },
        counts,
        missing,
        best: Some(0.9712),
        is_at_work: false,
        is_unsubmitted: false,
        problem: problem.map(Into::into),
    };
    let entries = [
        entry("depth", Counts::of([State::Done, State::Running]), 0, None),
        entry("width", Counts::of([State::Done, State::Waiting]), 1, None),
        entry("old", Counts::default(), 0, Some("`SWEEP.json` is of a later version")),
    ];
    insta::assert_snapshot!(list::render(&entries, 8_200.0, NARROW), @r"
    sweep  id           age  ended    best  metric    state
    depth  abababab  2h 00m    1/2  0.9712  valid/f1  running
    width  abababab  2h 00m    1/2  0.9712  valid/f1  stopped
    old    abababab  2h 00m    0/0  0.9712  valid/f1  unreadable
    ");
    insta::assert_snapshot!(list::render_csv(&entries), @r"
    sweep,id,dir,created,state,metric,best,runs,done,running,waiting,interrupted,lost,diverged,failed,left_out
    depth,abababababababababababababababab,runs/depth,1000.0,running,valid/f1,0.9712,2,1,1,0,0,0,0,0,0
    width,abababababababababababababababab,runs/width,1000.0,stopped,valid/f1,0.9712,2,1,0,1,0,0,0,0,0
    old,abababababababababababababababab,runs/old,1000.0,unreadable,valid/f1,0.9712,0,0,0,0,0,0,0,0,0
    ");
    insta::assert_snapshot!(list::render_markdown(&entries, 8_200.0), @r"
    | sweep | id | age | ended | best | state |
    | --- | --- | ---: | ---: | ---: | --- |
    | depth | abababab | 2h 00m | 1/2 | 0.9712 | running |
    | width | abababab | 2h 00m | 1/2 | 0.9712 | stopped |
    | old | abababab | 2h 00m | 0/0 | 0.9712 | unreadable |
    ");
    assert!(list::render_json(&entries).starts_with("{\"schema\":\"dlgrid.list/1\",\"sweeps\":[{"));
    let failed = entry("again", Counts::of([State::Done, State::Failed]), 0, None);
    assert_eq!(failed.state(), "failed");
    assert_eq!(list::Entry { is_at_work: true, ..failed }.state(), "running", "it tries again");
    let refused = entry("refused", Counts::of([State::Waiting]), 1, None);
    let refused = list::Entry { is_unsubmitted: true, ..refused };
    assert_eq!(refused.state(), "unsubmitted", "Slurm took none of it");
    assert_eq!(list::Entry { is_at_work: true, ..refused }.state(), "running");
}

/// What matters, on a grid that the first two parameters decide, with a trial that diverged.
fn mattering() -> Report {
    let mut report = report(Query::default()).unwrap();
    let row = report.rows[0].clone();
    let kinds = ["adam", "sgd", "rms|prop"];
    let lrs = [1e-4, 1e-3, 1e-2, 1e-1];
    report.rows = kinds
        .iter()
        .enumerate()
        .flat_map(|(k, kind)| lrs.iter().enumerate().map(move |(l, lr)| (k, kind, l, *lr)))
        .map(|(k, kind, l, lr)| {
            let y = 0.9 - 0.1 * [0.0, 1.0, 0.1][k] - 0.05 * (l as f64 - 2.0).abs();
            let mean = if (k, l) == (1, 3) { f64::NAN } else { y };
            let objective = Summary { mean: Some(mean), ..row.objective };
            let parameters = vec![
                Some(Value::Int(2)),
                Some(Value::Text((*kind).into())),
                Some(Value::Float(lr)),
                (*kind == "sgd").then_some(Value::Float(0.9)),
            ];
            Row { objective, parameters, ..row.clone() }
        })
        .collect();
    report.importance = Some(importance::Told::of(&report));
    report.rows.truncate(2);
    report
}

#[test]
fn what_matters_is_told_in_each_form() {
    let report = mattering();
    let table = table::render(&report, NARROW);
    let at = table.find("what matters").unwrap();
    insta::assert_snapshot!("what_matters_table", table[at..].split("\n\n2 of").next().unwrap());
    let markdown = markdown::render(&report);
    let at = markdown.find("| parameter").unwrap();
    insta::assert_snapshot!("what_matters_markdown", &markdown[at..]);
    let json: serde_json::Value = serde_json::from_str(&json::render(&report)).unwrap();
    let told = &json["importance"];
    assert_eq!(told["parameters"][1]["parameter"], "optimizer.kind");
    assert_eq!((&told["trials"], &told["left_out"]), (&12.into(), &0.into()));
    let few = Report { rows: report.rows[..2].to_vec(), importance: None, ..report };
    let none = importance::Told::of(&few);
    let none = Report { importance: Some(none), ..few };
    assert!(table::render(&none, WIDE).contains("what matters can't be told"));
    assert!(json::render(&none).contains("\"importance\":null"));
}

#[test]
fn the_next_step_asks_for_more_only_where_that_helps() {
    use std::slice::from_ref;

    use crate::store::record::Cause as Kind;
    let kind = |kind, fact: Fact<'static>| Fact { kind: Some(kind), ..fact };
    let failed = kind(Kind::Memory, other(3, 2, State::Failed, Some("out of memory")));
    let paused = kind(Kind::Time, other(5, 0, State::Interrupted, Some("the time limit came")));
    let next_while = |is_at_work, facts: &[Fact<'static>], queued: bool, on_slurm, missing| {
        let short = status::Short::of(facts, |_| !queued);
        let status = with(facts.to_vec(), |source| status::Status::of(source, vec![], vec![]));
        let status = status::Status { short, on_slurm, missing, is_at_work, ..status };
        let text = status::render(&status, WIDE);
        let line = text.lines().find(|line| line.starts_with("next:")).expect("a next step");
        line.trim_start_matches("next: dlgrid ").replace("fashion-depth", "S")
    };
    let next = |facts: &[Fact<'static>], queued, on_slurm, missing| {
        next_while(false, facts, queued, on_slurm, missing)
    };
    let told = [
        ("memory, on Slurm", next(from_ref(&failed), true, true, 0)),
        ("memory, here", next(from_ref(&failed), true, false, 0)),
        ("memory, and it is at work", next_while(true, from_ref(&failed), true, false, 0)),
        ("memory, and jobs try again", next_while(true, from_ref(&failed), true, true, 0)),
        ("nothing, and it is at work", next_while(true, &[], true, false, 0)),
        ("time, and it is over", next(from_ref(&paused), false, true, 3)),
        ("time, and it goes on by itself", next(from_ref(&paused), true, true, 3)),
        ("both", next(&[failed, paused], false, true, 3)),
    ];
    let told: Vec<String> = told.map(|(what, next)| format!("{what}: {next}")).into();
    insta::assert_snapshot!(told.join("\n"), @r"
    memory, on Slurm: retry S --oom   (asks for more, for 1 run)
    memory, here: retry S   (trains 1 run again that ran out of memory)
    memory, and it is at work: watch S
    memory, and jobs try again: watch S
    nothing, and it is at work: status S
    time, and it is over: retry S --timeout   (asks for more, for 1 run)
    time, and it goes on by itself: retry S   (trains the 3 runs missing)
    both: retry S --oom   (asks for more, for 1 run)
    ");
}

#[test]
fn where_nothing_was_submitted_no_retry_helps() {
    let status = with(vec![], |source| status::Status::of(source, vec![], vec![]));
    let status = status::Status { unsubmitted: true, missing: 3, ..status };
    let next = "next: dlgrid submit FILE   (nothing was submitted: mend what was refused)\n";
    assert!(status::render(&status, WIDE).ends_with(next));
}
