//! Every file of `experiments/` runs: cut down to seconds, on the real data where it is fetched, on
//! generated files in the real format where that is too large to fetch.
use std::path::{Path, PathBuf};
use std::process::Command;

use dlgrid_sweep::spec::yaml::{self, Kind, Node};
use serde_json::{Value, json};

use crate::blobs::write_blobs;
use crate::cifar::write_cifar;
use crate::support::{Said, Sandbox};

/// Training images of a run.
const IMAGES: u64 = 200;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments")
}

/// Every experiment: its name and its text.
fn experiments() -> Vec<(String, String)> {
    let entries = std::fs::read_dir(folder()).unwrap().map(|e| e.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|e| e == "yaml")).collect();
    files.sort();
    let read = |path: &PathBuf| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, std::fs::read_to_string(path).unwrap())
    };
    files.iter().map(read).collect()
}

/// A tree of YAML as JSON, which is YAML, too.
fn plain(node: &Node) -> Value {
    match &node.kind {
        Kind::Null => Value::Null,
        Kind::Bool(b) => json!(b),
        Kind::Int(i) => json!(i),
        Kind::Float(f) => json!(f),
        Kind::Text(text) => json!(text),
        Kind::List(items) => items.iter().map(plain).collect(),
        Kind::Map(entries) => {
            Value::Object(entries.iter().map(|e| (e.key.clone(), plain(&e.value))).collect())
        }
    }
}

/// The first value of a domain, and the last, too, where `both` and it is a list.
fn ends(domain: &Value, both: bool) -> Value {
    let numbers = |d: &Value| d.get("log").or(d.get("int")).and_then(|ends| ends.get(0)).cloned();
    match domain {
        Value::Array(items) if both && items.len() > 1 => json!([items[0], items[items.len() - 1]]),
        Value::Array(items) => json!([items[0]]),
        other => json!([numbers(other).or(other.get("from").cloned()).unwrap()]),
    }
}

/// The ends of the first parameter, and of each other the first value.
fn few(parameters: &mut Value) {
    let parameters = parameters.as_object_mut().unwrap();
    for (place, domain) in parameters.values_mut().enumerate() {
        *domain = ends(domain, place == 0);
    }
}

/// The same experiment, done in a second: few images, two epochs, one seed, one or two trials a block.
fn cut(text: &str, cifar: &Path) -> Value {
    let mut spec = plain(&yaml::read(text).unwrap());
    let top = spec.as_object_mut().unwrap();
    top.insert("seeds".into(), json!(1));
    top.remove("sanity");
    for (key, least) in [("folds", json!(2)), ("confirm", json!({"top": 1, "seeds": 2}))] {
        top.entry(key).and_modify(|value| *value = least);
    }
    top.entry("short").and_modify(|value| *value = json!({"epochs": 1}));
    if let Some(parameters) = top.get_mut("parameters") {
        few(parameters);
    }
    for block in top.get_mut("sweeps").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(parameters) = block.get_mut("parameters") {
            few(parameters);
        }
    }
    let train = top["train"].as_object_mut().unwrap();
    // Two, for what changes from one to the next.
    train.insert("epochs".into(), json!(2));
    if train["model"]["kind"] == "resnet" {
        train["model"]["channels"] = json!(8);
    }
    let set = train["data"]["set"].as_str().unwrap().to_owned();
    let data = train["data"].as_object_mut().unwrap();
    if set.starts_with("cifar") {
        data.insert("path".into(), json!(cifar));
    }
    if set.starts_with("cifar") || set.ends_with("mnist") {
        data.insert("limit".into(), json!(IMAGES));
        train.entry("batch_size").and_modify(|size| *size = json!(64));
    }
    spec
}

/// What the experiments read that is not fetched: CIFAR's files, of few records.
fn cifar(here: &Sandbox) -> PathBuf {
    let folder = here.path().join("cifar");
    write_cifar(&folder, false, 400, 100);
    write_cifar(&folder, true, 400, 100);
    folder
}

#[test]
fn every_experiment_is_a_correct_spec_that_says_what_it_gives() {
    let here = Sandbox::new();
    for (name, text) in experiments() {
        here.write(&format!("{name}.yaml"), &text);
        here.run(["check", &format!("{name}.yaml")]).code(0);
        assert!(text.contains(&format!("\nname: {name}\n")), "{name} has another name");
        assert!(
            text.starts_with("# ") && text.contains("Gives"),
            "{name} does not say what it gives"
        );
        for bar in text.lines().filter_map(|line| line.strip_prefix("# Bar: ")) {
            let words: Vec<&str> = bar.split(' ').collect();
            assert!(words[0].starts_with("test/") && [">=", "<="].contains(&words[1]), "{bar}");
            assert!(words[2].parse::<f64>().is_ok() && words.len() == 3, "{bar}");
            let chosen_by = words[0].replace("test/", "imize: valid/");
            assert!(text.contains(&chosen_by), "{name} does not choose by what its bar is about");
        }
    }
}

#[test]
fn the_course_names_files_that_exist() {
    let course = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/course.md");
    let text = std::fs::read_to_string(course).unwrap();
    let named: Vec<&str> = text
        .split("experiments/")
        .skip(1)
        .filter_map(|rest| rest.find(".yaml").map(|end| &rest[..end]))
        .filter(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'))
        .collect();
    assert!(named.len() > 10, "{named:?}");
    for name in named {
        assert!(folder().join(format!("{name}.yaml")).is_file(), "there is no {name}.yaml");
    }
}

#[test]
fn every_experiment_runs_cut_down() {
    let here = Sandbox::new();
    let cifar = cifar(&here);
    for (name, text) in experiments() {
        let file = format!("{name}.yaml");
        here.write(&file, cut(&text, &cifar).to_string());
        let said = here.run(["submit", &file, "--local", "--slots", "2"]);
        if said.code == 4 && said.err.contains("dlgrid data fetch") {
            eprintln!("skipped: {name}: {}", said.err.lines().next().unwrap_or_default());
            continue;
        }
        let said = said.code(0);
        let report = here.run(["report", &name, "--format", "json"]).code(0).json();
        let counts = report["counts"].as_object().unwrap();
        let done = counts["done"].as_u64().unwrap();
        let all: u64 = counts.values().filter_map(Value::as_u64).sum();
        assert!(done > 0 && done == all, "{name}: {counts:?}\n{}", said.err);
    }
}

/// What the script does with these experiments in a folder of a test.
fn run_script(here: &Sandbox, files: &[&str]) -> Said {
    let mut command = Command::new(folder().join("run"));
    command.args(files).current_dir(here.path()).env("DLGRID", env!("CARGO_BIN_EXE_dlgrid"));
    for name in ["DLGRID_ROOT", "CIFAR10", "CIFAR100"] {
        command.env_remove(name);
    }
    command.env("DLGRID_DATA", here.path().join("data"));
    Said::from(command.env("CIFAR10", here.path().join("cifar")).output().unwrap())
}

#[test]
fn the_script_holds_experiments_against_their_bars() {
    let here = Sandbox::new();
    let spec = |name: &str, set: &str, bar: &str| {
        let spec = format!(
            "{bar}name: {name}\ntrain:\n  data: {{set: {set}}}\n  model: {{layers: 1, width: 8}}\n  epochs: 1\nobjective: {{maximize: valid/accuracy}}\n"
        );
        here.write(&format!("{name}.yaml"), spec);
    };
    let blobs = "idx, path: blobs";
    write_blobs(&here.path().join("blobs"), 200, 80);
    spec("open", blobs, "");
    spec("met", blobs, "# Bar: test/accuracy >= 0.1\n");
    spec("missed", blobs, "# Bar: test/accuracy >= 1.1\n");
    spec("absent", "cifar-100", "# Bar: test/accuracy >= 0.1\n");
    cifar(&here);
    spec("placed", "cifar-10", "");
    let said = run_script(&here, &["open.yaml", "met.yaml", "absent.yaml", "placed.yaml"]).code(0);
    let row = |said: &Said, name: &str| {
        said.out.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap().to_owned()
    };
    assert!(row(&said, "open").contains("valid/accuracy") && row(&said, "met").ends_with("met"));
    assert!(row(&said, "placed").contains("valid/accuracy"), "CIFAR10 names a folder");
    assert!(row(&said, "absent").contains("skipped: data set `cifar-100` is not at"));
    let starts = here.count("start");
    let said = run_script(&here, &["met.yaml", "missed.yaml"]).code(1);
    assert!(row(&said, "met").ends_with("met") && row(&said, "missed").ends_with("missed"));
    assert_eq!(here.count("start"), starts + 1, "what is done is not done again");
}
