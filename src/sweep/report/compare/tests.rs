//! Two sweeps side by side, from rows to text.
use super::*;
use crate::judge::{Counts, State};
use crate::recipe::Fold;
use crate::report::RunRow;
use crate::report::fuzz::of_rows;
use crate::terminal::View;

/// A trial whose runs have these objectives, by seeds from `seed` on.
fn row(rank: u64, lr: f64, kind: Option<&str>, seed: u64, objectives: &[f64]) -> Row {
    let runs = (seed..).zip(objectives).map(|(seed, y)| RunRow {
        index: seed,
        seed: Some(seed),
        fold: None,
        state: State::Done,
        objective: Some(*y),
        metrics: vec![],
        seconds: 1.0,
        cohort: None,
        samples_per_s: None,
        why: None,
    });
    let kind = kind.map(|kind| Some(Value::Text(kind.into())));
    Row {
        rank: Some(rank),
        trial: None,
        point: rank,
        parameters: std::iter::once(Some(Value::Float(lr))).chain(kind).collect(),
        objective: Summary::of(objectives),
        versus: None,
        metrics: vec![],
        seconds: 1.0,
        seconds_mean: 1.0,
        cohort: None,
        samples_per_s: None,
        counts: Counts::default(),
        runs: runs.collect(),
    }
}

fn report(name: &str, parameters: &[&str], rows: Vec<Row>) -> Report {
    let sweep = Title {
        name: name.into(),
        id: "ab".repeat(16),
        dir: format!("runs/{name}"),
        typed: name.into(),
    };
    Report { sweep, ..of_rows(parameters, rows) }
}

/// The first varies the optimizer, too; the second has `adam` in its recipe.
fn two() -> [Report; 2] {
    let first = vec![
        row(1, 0.01, Some("adam"), 0, &[0.91, 0.92, 0.93]),
        row(2, 0.01, Some("sgd"), 0, &[0.90, 0.91, 0.92]),
        row(3, 0.1, Some("adam"), 0, &[0.80, 0.85, 0.82]),
        row(4, 0.5, Some("adam"), 0, &[0.5]),
    ];
    let second = vec![
        row(1, 0.1, None, 0, &[0.94, 0.94, 0.97]),
        row(2, 0.01, None, 1, &[0.925, 0.929]),
        row(3, 1.0, None, 0, &[0.1]),
    ];
    [report("depth", &["lr", "optimizer.kind"], first), report("wider", &["lr"], second)]
}

fn compared() -> Compared {
    let [a, b] = two();
    let fixed = |path: &str| (path == "optimizer.kind").then(|| Value::Text("adam".into()));
    let sides = [Side { report: &a, fixed: &|_| None }, Side { report: &b, fixed: &fixed }];
    let differs = vec![Differs {
        setting: "optimizer.kind".into(),
        values: [Some("adam, sgd".into()), Some("adam".into())],
    }];
    compare(&sides, differs).unwrap()
}

#[test]
fn trials_match_by_what_both_know_and_runs_by_their_seed() {
    let compared = compared();
    assert_eq!(compared.parameters, ["lr", "optimizer.kind"]);
    let pairs: Vec<(&str, &str, u64)> = compared
        .matches
        .iter()
        .map(|m| (m.trials[0].as_str(), m.trials[1].as_str(), m.versus.unwrap().pairs))
        .collect();
    assert_eq!(pairs, [("#1", "#2", 2), ("#3", "#1", 3)]);
    assert_eq!((compared.alone, compared.better), ([2, 1], 2));
    let best = compared.best.unwrap();
    assert_eq!(best.trials, ["#1", "#1"]);
    assert!((best.versus.unwrap().difference.unwrap() - 0.03).abs() < 1e-12);
}

#[test]
fn the_comparison_is_told_in_each_form() {
    let compared = compared();
    let view = View { width: Some(100), color: false };
    insta::assert_snapshot!("compared_table", table::render(&compared, 20, view));
    let narrow = View { width: Some(60), ..view };
    insta::assert_snapshot!("compared_narrow", table::render(&compared, 1, narrow));
    insta::assert_snapshot!("compared_json", json::render(&compared));
}

#[test]
fn folds_of_another_number_hold_back_other_samples() {
    let [mut a, mut b] = two();
    for (report, of) in [(&mut a, 5), (&mut b, 10)] {
        for run in report.rows.iter_mut().flat_map(|row| &mut row.runs) {
            run.fold = Some(Fold { number: 1, of });
        }
    }
    let pairs = |a: &Report, b: &Report| {
        let sides = [a, b].map(|report| Side { report, fixed: &|_| None });
        compare(&sides, vec![]).unwrap().best.unwrap().versus.unwrap().pairs
    };
    assert_eq!((pairs(&a, &b), pairs(&a, &a)), (0, 3));
}

#[test]
fn a_trial_of_which_a_run_diverged_is_compared_with_none() {
    for side in [0, 1] {
        let mut both = two();
        // The best of both match, and the best of one is what is left of three runs.
        both[1].rows.swap(0, 1);
        both[0].rows[0].rank = Some(1);
        both[1].rows[0].rank = Some(1);
        both[side].rows[0].counts.add(State::Diverged, 1);
        let fixed = |path: &str| (path == "optimizer.kind").then(|| Value::Text("adam".into()));
        let [a, b] = &both;
        let sides = [Side { report: a, fixed: &|_| None }, Side { report: b, fixed: &fixed }];
        let compared = compare(&sides, vec![]).unwrap();
        let best = compared.best.as_ref().unwrap();
        assert_eq!((best.versus, best.states[side]), (None, Some("diverged")));
        assert_eq!((compared.matches[0].versus, compared.matches.len()), (None, 2));
        assert_eq!((compared.overall.pairs, compared.better), (1, 1));
        let text = table::render(&compared, 20, View { width: Some(100), color: false });
        assert!(!text.contains('≈') && text.contains("a run diverged"), "{text}");
        let json: serde_json::Value = serde_json::from_str(&json::render(&compared)).unwrap();
        let first = &json["matches"][0];
        assert!(first["tied"].is_null() && first["pairs"].is_null(), "{first}");
    }
}

#[test]
fn a_trial_without_a_number_says_why() {
    let [a, mut b] = two();
    b.rows[2].parameters[0] = Some(Value::Float(0.1));
    b.rows[0].parameters[0] = Some(Value::Float(7.0));
    b.rows[2].objective = Summary::of(&[f64::NAN]);
    b.rows[1].objective = Summary::default();
    b.rows[1].counts.add(State::Diverged, 2);
    let fixed = |path: &str| (path == "optimizer.kind").then(|| Value::Text("adam".into()));
    let sides = [Side { report: &a, fixed: &|_| None }, Side { report: &b, fixed: &fixed }];
    let json = json::render(&compare(&sides, vec![]).unwrap());
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let state =
        |place: usize, side: &str| json["matches"][place][side]["objective"]["state"].clone();
    assert_eq!(
        [state(0, "first"), state(0, "second"), state(1, "second")],
        ["ok", "diverged", "nan"]
    );
}

#[test]
fn what_ranks_by_something_else_is_refused() {
    let [a, mut b] = two();
    b.aim.maximize = false;
    let sides = [&a, &b].map(|report| Side { report, fixed: &|_| None });
    let error = compare(&sides, vec![]).unwrap_err().to_string();
    assert_eq!(
        error,
        "`depth` and `wider` are after different things: maximize valid/f1 and minimize valid/f1"
    );
}

#[test]
fn nothing_matches_without_a_shared_point() {
    let [a, b] = two();
    let sides = [&a, &b].map(|report| Side { report, fixed: &|_| None });
    // Without the optimizer two trials of the first have one rate: which of them is meant?
    let compared = compare(&sides, vec![]).unwrap();
    assert_eq!(compared.parameters, ["lr"]);
    assert_eq!(compared.matches.len(), 1);
}
