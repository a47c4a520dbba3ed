//! Tests of what is shown of one run.
use super::*;
use crate::store::record::Best;

const NARROW: View = View { width: Some(80), color: false };

fn result(confusion: Option<Vec<Vec<u64>>>, metrics: &[(&str, f64)]) -> RunResult {
    let run = "000102030405060708090a0b0c0d0e0f".parse().expect("an id");
    let work = crate::recipe::Work::Train(Box::default());
    let metrics: Metrics = metrics.iter().map(|(n, v)| ((*n).to_owned(), Number(*v))).collect();
    let best = metrics.iter().filter(|(name, _)| !name.starts_with(FLOOR));
    RunResult {
        sweep: Title {
            name: "toy".into(),
            id: "ab".repeat(16),
            dir: "runs/toy".into(),
            typed: "toy".into(),
        },
        aim: Aim { metric: "valid/f1".into(), maximize: true, best: false },
        trial: TrialId::of(&work),
        parameters: vec![("optimizer.lr".into(), Value::Float(0.01))],
        class_names: vec!["cat".into(), "dog".into(), "owl".into()],
        end: End {
            run,
            index: 12,
            seed: 3,
            outcome: Outcome::Done,
            why: None,
            cause: None,
            epochs: 10,
            best: best.map(|(n, v)| (n.clone(), Best { epoch: 7, value: *v })).collect(),
            metrics,
            seconds: 1.5,
            samples_per_s: Some(1000.0),
            confusion,
            mistakes: Vec::new(),
            weights: Some(12_345),
            cohort: None,
            from: None,
            time: 0.0,
        },
    }
}

fn classified() -> RunResult {
    let metrics = [
        ("train/f1", 0.9),
        ("valid/f1", 0.353_164_6),
        ("valid/loss", 123.456),
        ("floor/untrained_f1", 0.3),
        ("floor/untrained_loss", 140.0),
        ("floor/majority_f1", 0.19),
    ];
    result(Some(vec![vec![8, 7, 5], vec![6, 6, 5], vec![5, 4, 4]]), &metrics)
}

#[test]
fn a_classification_is_set_against_its_floors_class_by_class() {
    insta::assert_snapshot!(text(&classified(), NARROW), @r"
    run 12  done  trial fc5b8153  seed 3  10 epochs  1.5s  12,345 weights
    optimizer.lr=0.01

    metric        last    best  epoch  majority  untrained
    train/f1    0.9000  0.9000      7         -          -
    valid/f1*   0.3532  0.3532      7    0.1900     0.3000
    valid/loss  123.46  123.46      7         -     140.00

    class  precision  recall      f1  samples
    0 cat     0.4211  0.4000  0.4103       20
    1 dog     0.3529  0.3529  0.3529       17
    2 owl     0.2857  0.3077  0.2963       13

    true \ taken for  0  1  2
    0 cat             8  7  5
    1 dog             6  6  5
    2 owl             5  4  4
    ");
}

#[test]
fn a_wide_terminal_shows_the_same() {
    let wide = View { width: Some(140), color: false };
    assert_eq!(text(&classified(), wide), text(&classified(), NARROW));
}

#[test]
fn json_has_all_of_it() {
    let json: Json = serde_json::from_str(&render_json(&classified())).expect("JSON");
    assert_eq!(json["schema"], RESULT_SCHEMA);
    assert_eq!(json["metrics"].as_object().expect("an object").len(), 3, "floors are apart");
    assert_eq!(json["floors"]["majority"]["f1"], 0.19);
    assert_eq!(json["best"]["valid/f1"]["epoch"], 7);
    assert_eq!(json["classes"][1]["name"], "dog");
    assert_eq!(json["classes"][1]["support"], 17);
    assert_eq!(json["confusion"][0][2], 5);
    assert_eq!(json["parameters"]["optimizer.lr"], 0.01);
}

#[test]
fn a_run_without_classes_shows_its_numbers_alone() {
    let mut shown = result(None, &[("valid/rmse", 55.0), ("floor/mean_rmse", 77.25)]);
    shown.end.outcome = Outcome::Diverged;
    shown.end.why = Some("valid/loss is NaN after epoch 11".into());
    insta::assert_snapshot!(text(&shown, NARROW), @r"
    run 12  diverged  trial fc5b8153  seed 3  10 epochs  1.5s  12,345 weights
    optimizer.lr=0.01
    diverged: valid/loss is NaN after epoch 11

    metric        last    best  epoch    mean
    valid/rmse  55.000  55.000      7  77.250
    ");
    let json: Json = serde_json::from_str(&render_json(&shown)).expect("JSON");
    assert_eq!((&json["classes"], &json["confusion"]), (&Json::Null, &Json::Null));
    assert_eq!(json["floors"]["mean"]["rmse"], 77.25);
}

#[test]
fn of_many_classes_the_worst_and_the_most_frequent_mistakes_are_shown() {
    let row = |class: u64| (0..30).map(|other| u64::from(other == class) * (class + 1)).collect();
    let mut confusion: Vec<Vec<u64>> = (0..30).map(row).collect();
    confusion[4][2] = 1234;
    confusion[2][9] = 5;
    let text = text(&result(Some(confusion), &[]), NARROW);
    assert!(text.contains("of 30 classes the worst"), "{text}");
    assert!(
        text.contains("4               2 owl    1,234\n2 owl               9        5\n"),
        "{text}"
    );
    assert!(text.lines().count() < 35, "{text}");
}
