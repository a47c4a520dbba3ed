//! Tests of the verdicts, of the choice of trials and of what is printed.
use proptest::prelude::*;

use super::*;
use crate::recipe::value::short_number;
use crate::spec;
use crate::store::record::Number;

const STEPS: usize = 200;

fn curve(of: impl Fn(f64) -> f64) -> Vec<f64> {
    (0..=STEPS).map(|step| of(step as f64)).collect()
}

#[test]
fn curves_are_told_apart() {
    let ln10 = 10.0_f64.ln();
    let zigzag = |step: f64| if (step as u64).is_multiple_of(2) { 1.0 } else { -1.0 };
    let cases: Vec<(&str, Vec<f64>, Option<f64>, Verdict)> = vec![
        ("decays to zero", curve(|t| 2.3 * (-t / 20.0).exp()), Some(ln10), Verdict::Learns),
        ("the same of a number", curve(|t| 4e4 * (-t / 20.0).exp()), None, Verdict::Learns),
        ("stopped early at zero", vec![2.3, 0.5, 0.01, 1e-4, 1e-5], Some(ln10), Verdict::Learns),
        (
            "a spike before zero",
            curve(|t| if t < 5.0 { 900.0 } else { 1e-3 }),
            Some(ln10),
            Verdict::Learns,
        ),
        ("far from the mean", curve(|t| 5.0 + 2e3 * (-t / 5.0).exp()), Some(1.0), Verdict::Flat),
        ("decays slowly", curve(|t| 2.3 * (-t / 400.0).exp()), Some(ln10), Verdict::Falls),
        ("decays to a third", curve(|t| 0.8 + 1.5 * (-t / 20.0).exp()), Some(ln10), Verdict::Falls),
        (
            "falls, then rises",
            curve(|t| 2.3 + (t - 60.0).powi(2) / 3000.0),
            Some(ln10),
            Verdict::Rises,
        ),
        ("rises slowly", curve(|t| 2.3 + 0.01 * t), Some(ln10), Verdict::Rises),
        (
            "rises and stays",
            curve(|t| 2.3 + 3.0 * (1.0 - (-t / 10.0).exp())),
            Some(ln10),
            Verdict::Rises,
        ),
        ("NaN", curve(|t| if t < 30.0 { 2.3 } else { f64::NAN }), Some(ln10), Verdict::Explodes),
        ("inf at the end", vec![2.3, 7.0, f64::INFINITY], Some(ln10), Verdict::Explodes),
        ("grows without end", curve(|t| 2.3 * (t / 10.0).exp()), Some(ln10), Verdict::Explodes),
        (
            "jumps far and wide",
            curve(|t| 2.3 + t * 2e3 * (1.5 + zigzag(t))),
            Some(ln10),
            Verdict::Explodes,
        ),
        ("up and down", curve(|t| 2.3 + 0.5 * zigzag(t)), Some(ln10), Verdict::Oscillates),
        ("in waves", curve(|t| 3.0 + 2.0 * (t / 4.0).sin()), Some(ln10), Verdict::Oscillates),
        ("up and down above", curve(|t| 40.0 + 30.0 * zigzag(t)), Some(ln10), Verdict::Oscillates),
        ("a line", curve(|_| 2.3), Some(ln10), Verdict::Flat),
        ("hardly falls", curve(|t| 2.3 - 1e-4 * t), Some(ln10), Verdict::Flat),
        ("down to guessing", curve(|t| ln10 + 60.0 * (-t / 5.0).exp()), Some(ln10), Verdict::Flat),
        (
            "still on the way to guessing",
            curve(|t| 3.0 + 60.0 * (-t / 90.0).exp()),
            Some(ln10),
            Verdict::Falls,
        ),
        ("begins and stays where all is known", curve(|_| 0.02), Some(ln10), Verdict::Learns),
        ("moves down there", curve(|t| 0.02 + 1e-4 * t), Some(ln10), Verdict::Learns),
        ("begins well, and stays", curve(|_| 0.5), Some(ln10), Verdict::Flat),
        ("begins well, and is lost", curve(|t| 0.02 + 0.005 * t), Some(ln10), Verdict::Rises),
        ("begins low, of what is not known", curve(|_| 0.02), None, Verdict::Flat),
        ("nothing", vec![], None, Verdict::Flat),
        ("zero from the start", curve(|_| 0.0), None, Verdict::Learns),
    ];
    for (name, losses, guessing, expected) in cases {
        assert_eq!(verdict(&losses, guessing), expected, "{name}");
    }
}

#[test]
fn every_bad_verdict_has_a_way_out() {
    for verdict in Verdict::ALL {
        assert!(!verdict.is_bad() || verdict.hint().is_some(), "{verdict:?}");
    }
    use Start::{Classes, File, Numbers};
    let (large, labels) = (Some("too large"), Some("labels"));
    for (start, first, expected) in [
        (Classes, 2.6, None),
        (Classes, 30.0, large),
        (Classes, 0.1, labels),
        (File, 30.0, None),
        (File, 0.1, None),
        (Numbers, 30.0, None),
        (Numbers, 2000.0, large),
        (Numbers, 0.1, labels),
    ] {
        let said = first_loss(first, 10.0_f64.ln(), start);
        let is_so = said.zip(expected).map_or(said == expected, |(s, e)| s.contains(e));
        assert!(is_so, "{start:?} {first}: {said:?}");
    }
}

proptest! {
    #[test]
    fn a_scale_changes_no_verdict(
        losses in proptest::collection::vec(0.01_f64..10.0, 1..60),
        power in -6_i32..6,
    ) {
        let scaled: Vec<f64> = losses.iter().map(|loss| loss * 4.0_f64.powi(power)).collect();
        prop_assert_eq!(verdict(&losses, None), verdict(&scaled, None));
    }
}

fn read(rest: &str) -> spec::Spec {
    let text = format!("name: s\ntrain: {{data: {{set: mnist}}}}\n{rest}");
    let read = spec::read("s.yaml", text.as_bytes(), 1_000_000);
    read.map(|(spec, _)| spec).unwrap_or_else(|e| panic!("{}", e.render(false, 100)))
}

fn chosen(rest: &str, most: usize) -> Vec<String> {
    let spec = read(rest);
    let points = sample(&spec.space, most);
    points
        .iter()
        .map(|point| {
            let values = spec.space.values(*point).expect("a point");
            let cells = values.iter().map(|v| match v {
                Some(Value::Float(f)) => short_number(*f),
                Some(value) => value.to_string(),
                None => "-".into(),
            });
            cells.collect::<Vec<_>>().join(" ")
        })
        .collect()
}

#[test]
fn ends_middle_and_every_choice_are_tried() {
    assert_eq!(chosen("", 12).len(), 1);
    let one = "parameters: {optimizer.lr: {log: [1e-4, 1e-1], steps: 7}}\n";
    assert_eq!(chosen(one, 12), ["0.0001", "0.00316228", "0.1"]);
    let two = "parameters: {optimizer.lr: [0.001, 0.002, 0.003, 0.004, 0.005], model.layers: [1, 2, 3, 4, 5]}\n";
    let all = chosen(two, 12);
    for corner in ["0.001 1", "0.001 5", "0.005 1", "0.005 5", "0.003 3"] {
        assert!(all.iter().any(|c| c == corner), "{corner} in {all:?}");
    }
    assert_eq!(chosen(two, 3).len(), 3);
    let words =
        "parameters: {model.activation: [relu, tanh, gelu, selu], optimizer.lr: [0.001, 0.01]}\n";
    let few = chosen(words, 4);
    for word in ["relu", "tanh", "gelu", "selu"] {
        assert!(few.iter().any(|c| c.starts_with(word)), "{word} in {few:?}");
    }
}

#[test]
fn what_is_switched_off_is_not_varied() {
    let off = "parameters: {regularize.dropout: [0, 0.2, 0.5], epochs: [1, 2], schedule.kind: [constant, cosine], optimizer.weight_decay: [0, 0.1]}\n";
    assert_eq!(chosen(off, 12).len(), 1);
}

#[test]
fn a_large_space_is_sampled_soon() {
    let wide =
        "parameters: {optimizer.lr: {log: [1e-5, 1], steps: 400}, model.width: {int: [1, 500]}}\n";
    let all = chosen(wide, 12);
    assert!(all.len() <= 12);
    assert!(all.iter().any(|c| c == "0.00001 1" || c == "1e-5 1"), "{all:?}");
    assert!(all.iter().any(|c| c == "1 500"), "{all:?}");
}

#[test]
fn what_keeps_from_overfitting_is_off() {
    let spec = read("");
    let Some(crate::recipe::Work::Train(mut settings)) = spec.space.work(0) else { panic!() };
    let mut set = |path: &str, value| settings.set(key::find(path).expect(path), value);
    set("regularize.dropout", Value::Float(0.5));
    set("regularize.l2", Value::Float(0.1));
    set("label_smoothing", Value::Float(0.1));
    set("schedule.kind", Value::Text("one_cycle".into()));
    set("optimizer.kind", Value::Text("adamw".into()));
    set("optimizer.lr", Value::Float(0.5));
    let expected = r#"{"data.set":"mnist","optimizer.kind":"adamw","optimizer.lr":5e-1,"optimizer.weight_decay":0}"#;
    assert_eq!(bare(&settings).canonical(), expected);
}

#[test]
fn a_check_is_printed_with_its_hints() {
    let trial = |run: u64, lr: f64, losses: &[f64], error: Option<&str>| Trial {
        id: format!("{run:08x}"),
        values: vec![Some(Value::Text("relu".into())), Some(Value::Float(lr))],
        start: Start::Classes,
        curve: Curve {
            run,
            losses: losses.iter().copied().map(Number).collect(),
            guessing: Some(Number(10.0_f64.ln())),
            samples: 64,
            error: error.map(str::to_owned),
        },
    };
    let checked = Checked {
        name: "s".into(),
        paths: vec!["model.activation".into(), "optimizer.lr".into()],
        trials: 40,
        tried: vec![
            trial(1, 1e-9, &[2.31, 2.31, 2.31], None),
            trial(2, 0.001, &[2.31, 0.5, 0.0001], None),
            trial(3, 10.0, &[70.5, 1e9, f64::NAN], None),
            trial(4, 1.0, &[], Some("3 weights do not fit in memory")),
        ],
    };
    assert_eq!(checked.bad(), 3);
    insta::assert_snapshot!(render(&checked, crate::terminal::View::PLAIN));
    let json: serde_json::Value = serde_json::from_str(&render_json(&checked)).expect("JSON");
    assert_eq!(json["tried"][2]["losses"][2], serde_json::Value::Null);
    assert_eq!(json["tried"][2]["verdict"], "explodes");
    assert_eq!(json["tried"][1]["verdict"], "learns");
    assert_eq!((&json["bad"], &json["tried"][3]["bad"]), (&3.into(), &true.into()));
}
