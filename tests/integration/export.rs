//! What an export comes to in the programs that it is for.
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::Sandbox;

const SPEC: &str = r#"
name: toy
description: How low?
command: [sh, -c, 'for e in 1 2 3; do echo "{\"epoch\": $e, \"valid/loss\": $DLGRID_PARAM_X.$e}" >> "$DLGRID_METRICS"; done']
parameters:
  x: {int: [0, 1]}
  kind: ["=1+1", sgd]
seeds: 2
objective: {minimize: valid/loss}
"#;

fn trained() -> Sandbox {
    let here = Sandbox::new();
    here.write("toy.yaml", SPEC);
    here.run(["submit", "toy.yaml"]).code(0);
    here
}

#[test]
fn tables_have_every_run_and_epoch() {
    let here = trained();
    here.run(["export", "--format", "csv", "--out", "out"]).code(0).says("8 runs and 24 epochs");
    let runs = std::fs::read_to_string(here.path().join("out/runs.csv")).unwrap();
    assert_eq!(runs.lines().count(), 9, "{runs}");
    assert!(runs.contains(",'=1+1,") && !runs.contains(",=1+1,"), "{runs}");
    let again = here.run(["export", "--format", "csv", "--out", "out"]).code(2);
    again.says("runs.csv` is there already").says("--force");
    here.run(["export", "--format", "csv", "--out", "out", "--force", "--where", "x == 1"])
        .code(0)
        .says("4 runs and 12 epochs");
    here.run(["export", "--format", "jsonl", "--out", "lines"]).code(0);
    let curves = std::fs::read_to_string(here.path().join("lines/curves.jsonl")).unwrap();
    let first: serde_json::Value = serde_json::from_str(curves.lines().next().unwrap()).unwrap();
    assert_eq!((&first["epoch"], &first["metrics"]["valid/loss"]), (&1.into(), &0.1.into()));
}

#[test]
fn parquet_is_for_a_build_that_has_it() {
    let here = trained();
    let said = here.run(["export", "--format", "parquet", "--out", "out"]);
    if cfg!(feature = "parquet") {
        said.code(0).says("8 runs and 24 epochs");
        let runs = std::fs::read(here.path().join("out/runs.parquet")).unwrap();
        assert!(runs.starts_with(b"PAR1") && runs.ends_with(b"PAR1"));
    } else {
        said.code(2).says("--features parquet");
        assert!(!here.path().join("out").exists());
    }
}

/// Python with the package `tensorboard`: that of `setup/tensorboard`, or one that is named.
fn python() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cache")));
    let own = cache.map(|cache| cache.join("dlgrid/tensorboard/bin/python"));
    let named = std::env::var_os("DLGRID_TENSORBOARD").map(PathBuf::from);
    named.or(own).filter(|python| python.is_file())
}

#[test]
fn tensorboard_reads_scalars_and_hyperparameters() {
    let Some(python) = python() else {
        println!("skipped: no python with tensorboard; `setup/tensorboard` installs it");
        return;
    };
    let here = trained();
    here.run(["export", "--format", "tensorboard", "--out", "log"])
        .code(0)
        .says("next: tensorboard");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/read_events.py");
    let read = Command::new(python).arg(script).arg(here.path().join("log")).output().unwrap();
    let said = String::from_utf8_lossy(&read.stderr);
    assert!(read.status.success(), "{said}");
    let read: serde_json::Value = serde_json::from_slice(&read.stdout).unwrap();
    let scalars = read["scalars"].as_object().unwrap();
    assert_eq!(scalars.len(), 8, "{read}");
    for tags in scalars.values() {
        let curve = tags["valid/loss"].as_array().unwrap();
        assert_eq!(curve.iter().map(|point| &point[0]).collect::<Vec<_>>(), [1, 2, 3]);
        let of_x = curve[0][1].as_f64().unwrap();
        assert!((of_x - 0.1).abs() < 1e-6 || (of_x - 1.1).abs() < 1e-6, "{of_x}");
    }
    assert_eq!(read["experiment"]["name"], "toy");
    let groups = read["groups"]["sessionGroups"].as_array().unwrap();
    assert_eq!(groups.len(), 4, "{read}");
    for group in groups {
        let sessions = group["sessions"].as_array().unwrap();
        assert!(sessions.iter().all(|s| s["status"] == "STATUS_SUCCESS"), "{read}");
        assert_eq!(sessions.len(), 2, "the seeds of a trial are one group");
        let x = group["hparams"]["x"].as_f64().unwrap();
        let kind = group["hparams"]["kind"].as_str().unwrap();
        assert!((x == 0.0 || x == 1.0) && (kind == "=1+1" || kind == "sgd"), "{read}");
        let metric = &group["metricValues"][0];
        assert_eq!(metric["name"]["tag"], "valid/loss", "{read}");
        assert!((metric["value"].as_f64().unwrap() - (x + 0.3)).abs() < 1e-6, "{read}");
    }
}

#[test]
fn two_sweeps_stand_side_by_side() {
    let here = trained();
    here.write(
        "toy2.yaml",
        SPEC.replace("$DLGRID_PARAM_X.$e", "$DLGRID_PARAM_X.5").replace("name: toy", "name: five"),
    );
    here.run(["submit", "toy2.yaml"]).code(0);
    let said = here.run(["compare", "toy", "five"]).code(0);
    let said = said.says("five against toy").says("what differs").says("command");
    said.says("five is better in 0 of 4 trials").says("the mean of their differences is +0.2000");
    let json = here.run(["compare", "toy", "five", "--format", "json"]).code(0).json();
    assert_eq!(json["schema"], "dlgrid.compare/1");
    assert_eq!(
        (json["matches"].as_array().unwrap().len(), &json["matches"][0]["pairs"]),
        (4, &2.into())
    );
    here.run(["compare", "toy", "toy"]).code(2).says("both are the same sweep");
}

#[test]
fn pictures_stand_beside_the_markdown_and_replace_only_pictures() {
    let here = trained();
    let draw = || here.run(["report", "toy", "--format", "markdown", "--pictures", "my pics"]);
    let said = draw().code(0);
    assert!(said.out.contains("](my%20pics/leaderboard.svg)"), "{}", said.out);
    let curves = std::fs::read_to_string(here.path().join("my pics/curves.svg")).unwrap();
    assert!(curves.ends_with("</svg>\n"), "{curves}");
    assert_eq!(draw().code(0).out, said.out);
    assert_eq!(std::fs::read_to_string(here.path().join("my pics/curves.svg")).unwrap(), curves);
    here.write("my pics/curves.svg", "<svg>mine</svg>");
    draw().code(2).says("no picture by dlgrid");
    here.run(["report", "toy", "--pictures", "x"]).code(2).says("--format markdown");
}
