//! Whole exports, with names and values that are hostile to whoever reads them.
use super::*;
use crate::recipe::{Command, Work};
use crate::store::record::Number;
use crate::trial::RunId;

fn epoch(index: u64, epoch: u32, loss: f64) -> Epoch {
    let work = Work::Command(Command { template: vec![], parameters: Default::default() });
    let metrics = [("valid/loss".to_owned(), Number(loss)), ("seconds".into(), Number(1.0))];
    let run = RunId::of(&work, index, None);
    Epoch { run, index, epoch, metrics: metrics.into(), seconds: 2.5, samples_per_s: None }
}

pub(super) fn export() -> Export {
    let done = Run {
        index: 3,
        id: Some("0123456789abcdef0123456789abcdef".into()),
        trial: "97efd701".into(),
        seed: Some(7),
        fold: Some(Fold { number: 2, of: 5 }),
        state: State::Done,
        parameters: vec![
            Some(Value::Text("=cmd|' /C calc'!A0".into())),
            Some(Value::Float(0.003)),
            None,
        ],
        objective: Some(0.25),
        metrics: vec![Some(0.25), None],
        epochs: Some(2),
        seconds: 5.0,
        ended: Some(1_795_600_005.0),
        why: None,
        cohort: Some(16),
        samples_per_s: Some(210_000.0),
        curve: vec![epoch(3, 1, 0.5), epoch(3, 2, 0.25)],
    };
    let diverged = Run {
        index: 4,
        trial: "../../x".into(),
        fold: None,
        state: State::Diverged,
        parameters: vec![
            Some(Value::Bool(true)),
            Some(Value::Int(1)),
            Some(Value::List(vec![Value::Int(1)])),
        ],
        objective: None,
        metrics: vec![None, Some(f64::NAN)],
        why: Some("@loss is \"NaN\"\nin epoch 1".into()),
        cohort: None,
        samples_per_s: None,
        curve: vec![epoch(4, 1, f64::NAN)],
        ..done.clone()
    };
    Export {
        sweep: Title {
            name: "toy".into(),
            id: "ab".repeat(16),
            dir: "runs/toy-abababab".into(),
            typed: "toy".into(),
        },
        aim: Aim { metric: "valid/loss".into(), maximize: false, best: false },
        description: Some("how low?".into()),
        created: 1_795_600_000.0,
        parameters: vec!["model.activation".into(), "-lr".into(), "seed".into()],
        metrics: vec!["valid/loss".into(), "floor/x".into()],
        curve_metrics: vec!["seconds".into(), "valid/loss".into()],
        runs: vec![done, diverged],
        damaged: 0,
    }
}

fn content(export: &Export, form: Form, place: usize) -> Vec<u8> {
    export.content(form, &tensorboard::kinds(export), place)
}

fn all(form: Form) -> String {
    let export = export();
    let files = export.files(form);
    let show = |(place, file): (usize, &PathBuf)| {
        let text = String::from_utf8_lossy(&content(&export, form, place)).into_owned();
        format!("== {}\n{text}", file.display())
    };
    files.iter().enumerate().map(show).collect()
}

#[test]
fn tables_have_all_and_no_formula() {
    insta::assert_snapshot!("export_csv", all(Form::Csv));
    insta::assert_snapshot!("export_jsonl", all(Form::Jsonl));
}

#[test]
fn texts_that_differ_by_a_tab_or_a_line_stay_two() {
    let mut export = export();
    for (run, text) in export.runs.iter_mut().zip(["a\tb\n\x1b[2J\u{202e}c", "\n=1+1"]) {
        run.parameters[0] = Some(Value::Text(text.into()));
        run.state = State::LeftOut;
    }
    let table = csv::runs(&export);
    let mut read = ::csv::Reader::from_reader(table.as_bytes());
    let cells: Vec<::csv::StringRecord> = read.records().map(Result::unwrap).collect();
    assert_eq!(cells.iter().map(|c| &c[5]).collect::<Vec<_>>(), ["a\tb\nc", "'\n=1+1"]);
    assert!(cells.iter().all(|c| &c[8] == "left_out"), "{table}");
    assert!(jsonl::runs(&export).contains(r#""state":"left_out""#));
}

#[test]
fn no_path_leaves_the_folder() {
    for form in [Form::Csv, Form::Jsonl, Form::TensorBoard] {
        for file in export().files(form) {
            let parts = file.components();
            assert!(parts.count() <= 2 && file.is_relative(), "{}", file.display());
            let plain = |c: char| c.is_ascii_alphanumeric() || "-._/".contains(c);
            let text = file.display().to_string();
            assert!(text.chars().all(plain) && !text.contains(".."), "{text}");
        }
    }
}

#[test]
fn what_is_there_is_replaced_only_where_that_is_asked_for() {
    let here = tempfile::tempdir().unwrap();
    let out = here.path().join("a/b");
    write(&export(), Form::Csv, &out, false).unwrap();
    let first = std::fs::read(out.join("runs.csv")).unwrap();
    let mut fewer = export();
    fewer.runs.pop();
    let refused = write(&fewer, Form::Csv, &out, false).unwrap_err();
    assert!(refused.is_exists(), "{refused}");
    assert_eq!(std::fs::read(out.join("runs.csv")).unwrap(), first);
    write(&fewer, Form::Csv, &out, true).unwrap();
    assert!(std::fs::read(out.join("runs.csv")).unwrap().len() < first.len());
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 3, "no draft is left");
}

/// The wall times of an event file: the first field of each record.
fn times(bytes: &[u8]) -> Vec<f64> {
    let (mut rest, mut times) = (bytes, Vec::new());
    while !rest.is_empty() {
        let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
        assert_eq!(rest[12], 9, "a double in the first field");
        times.push(f64::from_le_bytes(rest[13..21].try_into().unwrap()));
        rest = &rest[16 + length..];
    }
    times
}

#[test]
fn the_epochs_of_a_run_that_goes_on_lie_after_each_other() {
    let mut export = export();
    let begun = export.created;
    export.runs[0] =
        Run { state: State::Running, seconds: 0.0, ended: None, ..export.runs[0].clone() };
    let times = times(&content(&export, Form::TensorBoard, 1));
    // The version, the parameters, two epochs, and the last metrics but those of the curve.
    assert_eq!(times[..4], [begun, begun, begun + 2.5, begun + 5.0]);
}

#[test]
fn event_files_are_whole_records() {
    let export = export();
    for place in 0..export.files(Form::TensorBoard).len() {
        let bytes = content(&export, Form::TensorBoard, place);
        let mut rest = &bytes[..];
        let mut records = 0;
        while !rest.is_empty() {
            let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
            assert_eq!(record::record(&rest[12..12 + length]), rest[..16 + length]);
            (rest, records) = (&rest[16 + length..], records + 1);
        }
        assert!(records >= 2, "{records}");
    }
}

#[test]
fn a_hyperparameter_of_several_kinds_is_text_everywhere() {
    let mut export = export();
    let kinds = [Some(Value::Text("auto".into())), Some(Value::Float(5.25))];
    for (run, value) in export.runs.iter_mut().zip(kinds) {
        run.parameters[0] = value;
    }
    // A string of a protocol buffer's value: field 3, its length, its bytes.
    for (place, text) in [(0, &b"\x1a\x04auto"[..]), (0, b"\x1a\x045.25"), (2, b"\x1a\x045.25")] {
        let bytes = content(&export, Form::TensorBoard, place);
        assert!(bytes.windows(text.len()).any(|part| part == text), "{place}");
    }
    // Where all values are numbers they are numbers.
    let number = [&[0x11][..], &1.0_f64.to_le_bytes()].concat();
    let bytes = content(&export, Form::TensorBoard, 2);
    assert!(bytes.windows(number.len()).any(|part| part == number));
}

/// The files below a folder, in order.
fn below(folder: &Path) -> Vec<String> {
    let (mut found, mut left) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = left.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path.clone());
            }
            found.push(path.strip_prefix(folder).unwrap().display().to_string());
        }
    }
    found.sort();
    found
}

#[test]
fn event_files_of_another_export_do_not_stay_beside_these() {
    let here = tempfile::tempdir().unwrap();
    let (mixed, alone) = (here.path().join("mixed"), here.path().join("alone"));
    write(&export(), Form::TensorBoard, &mixed, false).unwrap();
    let mut other = export();
    other.created += 7.0;
    other.runs.remove(0);
    write(&other, Form::TensorBoard, &alone, false).unwrap();
    let mine = ["events.out.tfevents.mine", "97efd701-s7-f2-r3/events.out.tfevents.1.host"];
    for name in mine {
        fs::publish(&mixed.join(name), b"mine").unwrap();
    }
    let before = below(&mixed);
    let refused = write(&other, Form::TensorBoard, &mixed, false).unwrap_err();
    assert!(refused.is_exists() && below(&mixed) == before, "{refused}");
    write(&other, Form::TensorBoard, &mixed, true).unwrap();
    let mut expected = below(&alone);
    expected.extend(mine.map(str::to_owned));
    expected.push("97efd701-s7-f2-r3".into());
    expected.sort();
    assert_eq!(below(&mixed), expected);
}

#[test]
fn a_second_form_stands_beside_the_first() {
    let here = tempfile::tempdir().unwrap();
    write(&export(), Form::Csv, here.path(), false).unwrap();
    write(&export(), Form::Jsonl, here.path(), false).unwrap();
    assert_eq!(std::fs::read_dir(here.path()).unwrap().count(), 5);
    let again = write(&export(), Form::Jsonl, here.path(), false).unwrap_err().to_string();
    assert!(again.contains("runs.jsonl"), "{again}");
    let mut other = export();
    other.sweep.name = "other".into();
    #[cfg(feature = "parquet")]
    write(&other, Form::Parquet, here.path(), false).unwrap_err();
    write(&other, Form::Csv, here.path(), false).unwrap_err();
}
