//! Tests of `dlgrid-worker` under `dlgrid`: real training by real processes, killed and resumed.
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use dlgrid_sweep::store::checkpoint::CheckpointStore;
use dlgrid_sweep::store::layout::SweepDir;
use serde_json::Value;

use crate::blobs::{results, write_blobs};
use crate::faults::signal;
use crate::support::{Said, Sandbox};

fn spec(epochs: u32, checkpoint: &str) -> String {
    format!(
        "name: blobs\ntrain:\n  data: {{set: idx, path: blobs, scale: [-1, 1]}}\n  model: {{layers: 2, width: 16}}\n  regularize: {{dropout: 0.1}}\n  epochs: {epochs}\n  batch_size: 16\nparameters:\n  optimizer.kind: [adam, sgd]\n  optimizer.lr: [0.003, 0.01]\nseeds: 2\nobjective: {{maximize: valid/accuracy}}\ncheckpoint: {checkpoint}\n"
    )
}

fn sandbox(epochs: u32, checkpoint: &str) -> Sandbox {
    let here = Sandbox::new();
    write_blobs(&here.path().join("blobs"), 400, 80);
    here.write("blobs.yaml", spec(epochs, checkpoint));
    here
}

#[test]
fn a_sweep_is_trained_and_ranked() {
    let here = sandbox(8, "5m");
    here.run(["submit", "blobs.yaml", "--slots", "2"]).code(0).says("8 of 8 runs done");
    let report = here.run(["report", "--format", "json"]).code(0).json();
    assert!(report["rows"][0]["objective"]["mean"].as_f64().unwrap() > 0.95, "{report:#}");
    assert_eq!(report["rows"][0]["objective"]["n"], 2);
    for end in results(&here).values() {
        for metric in ["loss", "accuracy", "precision", "recall", "f1"] {
            assert!(end["metrics"][format!("train/{metric}")].is_number());
            assert!(end["metrics"][format!("valid/{metric}")].is_number());
        }
        let counted: u64 = end["confusion"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|r| r.as_array().unwrap())
            .map(|c| c.as_u64().unwrap())
            .sum();
        assert_eq!(counted, 80, "a fifth of the 400 training samples");
    }
    here.run(["logs", "blobs", "0"]).code(0).says("valid/accuracy");
    let shown = here.run(["show", "blobs", "0"]).code(0).says("valid/accuracy*");
    shown.says("untrained").says("true \\ taken for");
    let shown = here.run(["show", "blobs", "0", "--format", "json"]).code(0).json();
    let accuracy = |of: &Value| of.as_f64().unwrap();
    let floors = &shown["floors"];
    assert!(
        accuracy(&shown["metrics"]["valid/accuracy"]) > accuracy(&floors["majority"]["accuracy"])
    );
    assert_eq!(
        shown["classes"].as_array().unwrap().len(),
        shown["confusion"].as_array().unwrap().len()
    );
    here.run(["show", "blobs", "99"]).code(2).says("has no run 99");
    let floor = "floor/majority_accuracy";
    here.run(["report", "--metrics", floor]).code(0).says(floor);
}

#[test]
fn a_number_is_learnt_from_a_csv_file() {
    let here = Sandbox::new();
    let row =
        |i: u32| format!("{},{},{}\n", i % 17, (i * 7) % 11, 100 + 3 * (i % 17) - (i * 7) % 11);
    let body: String = (0..200).map(row).collect();
    here.write("t.csv", format!("a,b,price\n{body}"));
    here.write(
        "price.yaml",
        "train:\n  task: regress\n  data: {set: csv, path: t.csv, target: price}\n  optimizer: {lr: 0.05}\n  epochs: 60\nparameters: {model.kind: [linear, mlp]}\n",
    );
    here.run(["submit", "price.yaml"]).code(0).says("2 of 2 runs done");
    let report = here.run(["report", "--format", "json"]).code(0).json();
    assert_eq!(report["objective"]["metric"], "valid/rmse");
    assert_eq!(report["objective"]["goal"], "minimize");
    assert!(report["rows"][0]["objective"]["mean"].as_f64().unwrap() < 2.0, "{report:#}");
    let shown = here.run(["show", "price", "model.kind=linear"]).code(0);
    shown.says("valid/rmse*").says("mean  untrained");
    // A target of words is found when the file is read.
    here.write("t.csv", "a,b,price\n1,2,low\n2,3,high\n3,4,low\n");
    here.write(
        "words.yaml",
        "train: {task: regress, data: {set: csv, path: t.csv, target: price}}\n",
    );
    here.run(["submit", "words.yaml"]).code(4).says("is of words, and a number is to be learnt");
}

#[test]
fn what_of_a_table_no_run_could_use_is_told_before_there_is_a_sweep() {
    let here = Sandbox::new();
    let rows: String = (0..300).map(|i| format!("id{i},{},,{}\n", i % 7, i / 150)).collect();
    here.write("t.csv", format!("id,x,hole,y\n{rows}"));
    for (data, said) in [
        ("target: z, ignore: id", "`data.target: z` names no column"),
        ("target: y, ignore: ids", "did you mean `id`?"),
        ("target: y, ignore: id", "row 1, column `hole`: the value is missing"),
        ("target: y, missing: mean", "column `id` has 300 words"),
        ("target: y, ignore: \"id, hole\", limit: 100", "in each of the first 100 rows"),
    ] {
        let data = format!("train: {{data: {{set: csv, path: t.csv, {data}}}, epochs: 1}}\n");
        here.write("t.yaml", data);
        here.run(["submit", "t.yaml"]).code(4).says(said).says("hint: ");
    }
    assert!(here.sweeps().is_empty());
    // Where one trial of many can't, none is begun.
    here.write(
        "t.yaml",
        "train: {data: {set: csv, path: t.csv, target: y}, epochs: 1}\nparameters: {data.ignore: [\"id,hole\", id]}\n",
    );
    here.run(["submit", "t.yaml"]).code(4).says("column `hole`: the value is missing");
    here.write(
        "t.yaml",
        "train: {data: {set: csv, path: t.csv, target: y, ignore: \"id,hole\"}, epochs: 1}\n",
    );
    here.run(["submit", "t.yaml"]).code(0).says("1 of 1 runs done");
}

/// The sweep that nothing disturbed.
fn undisturbed(epochs: u32) -> BTreeMap<String, Value> {
    let here = sandbox(epochs, "5m");
    here.run(["submit", "blobs.yaml", "--slots", "2"]).code(0);
    results(&here)
}

#[test]
fn stopped_gently_and_resumed_every_bit_is_the_same() {
    let expected = undisturbed(60);
    let here = sandbox(60, "5m");
    let mut stops = 0;
    loop {
        let before = here.count("start");
        let mut child = here.start(["submit", "blobs.yaml", "--slots", "2"]);
        // The start alone takes seconds on a busy machine; before it is over, nothing stops gently.
        here.wait("a run to begin", || {
            here.count("start") > before || child.try_wait().unwrap().is_some()
        });
        std::thread::sleep(std::time::Duration::from_millis(600));
        let _gone = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        let said = Said::from(child.wait_with_output().unwrap());
        if said.code == 0 {
            break;
        }
        said.code(6);
        stops += 1;
        assert!(stops < 60, "it never comes to an end");
    }
    assert!(stops > 0, "it was never stopped: make the runs longer");
    assert_eq!(results(&here), expected);
    assert!(here.lines().iter().any(|l| l["t"] == "stop" && l["saved"] == true));
}

#[test]
fn killed_workers_resume_from_checkpoints_and_every_bit_is_the_same() {
    let expected = undisturbed(60);
    let here = sandbox(60, "0.2s");
    let child = here.start(["submit", "blobs.yaml", "--slots", "2"]);
    let mut killed = 0;
    for _ in 0..4 {
        std::thread::sleep(std::time::Duration::from_millis(700));
        let mark = here.path().to_string_lossy().into_owned();
        for entry in std::fs::read_dir("/proc").unwrap().filter_map(Result::ok) {
            let words = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let words = String::from_utf8_lossy(&words).into_owned();
            let cwd = std::fs::read_link(entry.path().join("cwd")).unwrap_or_default();
            if words.contains("dlgrid-worker")
                && words.contains("--slices")
                && cwd.to_string_lossy() == mark
            {
                let pid = entry.file_name().to_string_lossy().into_owned();
                killed +=
                    u32::from(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
                break;
            }
        }
    }
    let said = Said::from(child.wait_with_output().unwrap()).code(0);
    assert!(killed > 0, "nothing was killed: make the runs longer\n{}", said.err);
    assert_eq!(results(&here), expected);
}

/// As after a change of dlgrid: sound files that got further, and from which this one can't go on.
#[test]
fn checkpoints_of_another_version_push_out_none_of_this_one() {
    let here = sandbox(100_000, "0.2s");
    let stopped = || {
        let before = here.count("checkpoint");
        let child = here.start(["submit", "blobs.yaml", "--slots", "1"]);
        here.wait("a checkpoint", || here.count("checkpoint") > before + 2);
        signal(&child, "INT");
        Said::from(child.wait_with_output().unwrap()).code(6)
    };
    stopped();
    let sweep = SweepDir::new(here.sweeps().remove(0));
    let folder = sweep.path().join("ckpt");
    let names = |folder: &Path| -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    };
    let runs = names(&folder);
    for run in &runs {
        let store = CheckpointStore::new(&sweep, &run.parse().unwrap());
        for epoch in [90_000, 90_001] {
            store.save(epoch, 1, 1, b"of another version").unwrap();
        }
    }
    stopped();
    let kept: Vec<String> = runs.iter().flat_map(|run| names(&folder.join(run))).collect();
    assert!(kept.iter().any(|name| name.starts_with("e000")), "{kept:?}");
    assert!(kept.iter().any(|name| name.starts_with(".refused.e090001")), "{kept:?}");
}

#[test]
fn data_that_is_not_what_it_must_be_is_refused_with_its_name() {
    let here = sandbox(1, "5m");
    let images = here.path().join("blobs/train-images-idx3-ubyte");
    let whole = std::fs::read(&images).unwrap();
    let mut wrong_magic = whole.clone();
    wrong_magic[3] = 9;
    for bytes in [wrong_magic, whole[..whole.len() / 2].to_vec(), Vec::new()] {
        std::fs::write(&images, bytes).unwrap();
        here.run(["submit", "blobs.yaml"]).code(4).says("train-images-idx3-ubyte").says("hint:");
    }
    std::fs::remove_file(&images).unwrap();
    here.run(["submit", "blobs.yaml"]).code(4).says("train-images-idx3-ubyte").says("hint:");
    std::fs::write(&images, whole).unwrap();
    here.run(["submit", "blobs.yaml"]).code(0);
}

#[test]
fn a_data_set_of_the_catalogue_is_verified_byte_for_byte() {
    let here = Sandbox::new();
    here.write("m.yaml", "train: {data: {set: mnist}, epochs: 1}\n");
    let submit = |data: &Path| {
        let mut command = here.command(["submit", "m.yaml"]);
        Said::from(command.env("DLGRID_DATA", data).output().unwrap())
    };
    let data = here.path().join("data");
    submit(&data).code(4).says("hint: dlgrid data fetch mnist");
    let folder = data.join("mnist");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, bytes) in [
        ("train-images-idx3-ubyte", 47_040_016_u64),
        ("train-labels-idx1-ubyte", 60_008),
        ("t10k-images-idx3-ubyte", 7_840_016),
        ("t10k-labels-idx1-ubyte", 10_008),
    ] {
        std::fs::File::create(folder.join(name)).unwrap().set_len(bytes).unwrap();
    }
    submit(&data).code(4).says("damaged").says("hint: dlgrid data fetch mnist");
    assert!(here.sweeps().is_empty());
}

#[test]
fn the_worker_says_what_it_is_and_refuses_what_it_has_not() {
    let worker = env!("CARGO_BIN_EXE_dlgrid-worker");
    let about =
        Said::from(Command::new(worker).arg("--about").env_clear().output().unwrap()).code(0);
    let about = about.json();
    assert_eq!(about["libtorch"], "2.11.0");
    assert!(about["cuda_half"].is_string(), "{about}");
    if about["cuda"] == true {
        eprintln!("skipped: a GPU is here, so asking for one can't fail");
        return;
    }
    let here = sandbox(1, "5m");
    here.run(["submit", "blobs.yaml"]).code(0);
    let said = Command::new(worker)
        .arg("--sweep")
        .arg(here.sweeps().remove(0))
        .args(["--slice", "0", "--device", "cuda:0"])
        .output()
        .unwrap();
    Said::from(said).code(4).says("hint:");
}

#[test]
fn a_loss_that_stops_being_a_number_ends_the_run_as_diverged() {
    let here = Sandbox::new();
    write_blobs(&here.path().join("blobs"), 200, 40);
    here.write("wild.yaml", "train:\n  data: {set: idx, path: blobs, scale: [-1, 1]}\n  optimizer: {kind: sgd, momentum: 0.9}\n  epochs: 3\n  batch_size: 16\nparameters: {optimizer.lr: [0.01, 1.0e+12]}\n");
    here.run(["submit", "wild.yaml"]).code(0).says("1 diverged");
    let report = here.run(["report", "--format", "json"]).json();
    assert_eq!(report["counts"]["diverged"], 1);
    assert_eq!(report["rows"][0]["parameters"]["optimizer.lr"], 0.01, "the diverged trial is last");
    let starts = here.count("start");
    here.run(["retry"]).code(0);
    assert_eq!(here.count("start"), starts, "diverged runs are tried again only when asked for");
    here.run(["retry", "--diverged"]).code(0).says("1 diverged");
    assert_eq!(here.count("start"), starts + 1);
}

/// The sizes of the cohorts that runs ended in, and what each run came to.
fn trained(fuse: &str, model: &str) -> (Vec<Option<u64>>, BTreeMap<String, Value>) {
    let here = sandbox(4, "5m");
    let rest = format!("fuse: {fuse}\nslurm: {{runs_per_task: 8}}\n");
    let text = spec(4, "5m").replace("model: {", &format!("model: {{{model}"));
    here.write("blobs.yaml", text + &rest);
    here.run(["submit", "blobs.yaml", "--slots", "1"]).code(0).says("8 of 8 runs done");
    let ends = here.lines().into_iter().filter(|l| l["t"] == "end");
    let mut sizes: Vec<Option<u64>> = ends.map(|l| l["cohort"].as_u64()).collect();
    sizes.sort_unstable();
    (sizes, results(&here))
}

#[test]
fn runs_trained_together_come_to_what_they_come_to_alone() {
    let (none, alone) = trained("off", "");
    assert_eq!(none, [None; 8]);
    let (fives, some) = trained("5", "");
    assert_eq!(fives, [3, 3, 3, 5, 5, 5, 5, 5].map(Some));
    let (all, auto) = trained("auto", "");
    assert_eq!(all, [Some(8); 8]);
    assert_eq!(some, auto, "with whom a run is trained changes nothing");
    assert!(alone.keys().eq(auto.keys()));
    for (run, end) in &alone {
        for metric in ["valid/accuracy", "valid/loss"] {
            let of = |end: &Value| end["metrics"][metric].as_f64().unwrap();
            assert!((of(end) - of(&auto[run])).abs() < 1e-3, "{run} {metric}");
        }
    }
    let (none, _) = trained("8", "kind: cnn, channels: 4, ");
    assert_eq!(none, [None; 8], "convolutions are not trained together");
}

#[test]
fn who_is_trained_together_is_told_and_written_down() {
    let here = sandbox(2, "5m");
    let text = spec(2, "5m").replace("optimizer.kind: [adam, sgd]", "precision: [f32, f64]");
    here.write("blobs.yaml", text + "fuse: 4\nslurm: {runs_per_task: 8}\n");
    let together = "4 of 8 runs in cohorts of up to 4";
    let planned = format!("{together}; 4 alone: `precision: f64`");
    here.run(["plan", "blobs.yaml"]).code(0).says(&planned);
    here.run(["submit", "blobs.yaml", "--slots", "1"]).code(0).says("8 of 8 runs done");
    let told = here.run(["status"]).code(0).says(&planned);
    told.says(&format!("so far {together}, each "));
    let status = here.run(["status", "--format", "json"]).code(0).json();
    assert_eq!(status["fused"]["alone"][0]["why"], "`precision: f64`");
    assert_eq!(status["together"]["runs"], 4);
    here.run(["report"]).code(0).says(&format!("trained together: {together}, each "));
    let report = here.run(["report", "--format", "json", "--runs"]).code(0).json();
    for row in report["rows"].as_array().unwrap() {
        let fused = row["parameters"]["precision"] == "f32";
        assert_eq!(row["cohort"].as_u64(), fused.then_some(4), "{row:#}");
        assert!(row["samples_per_s"].as_f64().unwrap() > 0.0);
        assert_eq!(row["runs"][0]["cohort"].as_u64(), fused.then_some(4), "{row:#}");
    }
    let csv = here.run(["report", "--format", "csv"]).code(0).out;
    assert!(csv.lines().next().unwrap().ends_with(",cohort,samples_per_s"), "{csv}");
    here.run(["export", "--format", "csv", "--out", "out"]).code(0);
    let runs = std::fs::read_to_string(here.path().join("out/runs.csv")).unwrap();
    assert!(runs.lines().next().unwrap().contains(",why,cohort,samples_per_s,"), "{runs}");
    here.run(["show", "blobs", "0"]).code(0).says("in a cohort of 4");
}

#[test]
fn what_is_confirmed_and_finished_is_trained_together() {
    let here = sandbox(2, "5m");
    let rest = "fuse: 8\nconfirm: {top: 2, seeds: 3}\nslurm: {runs_per_task: 8}\n";
    here.write("blobs.yaml", spec(2, "5m") + rest);
    here.run(["submit", "blobs.yaml", "--slots", "1"]).code(0).says("6 of 6 runs done");
    here.run(["finish", "blobs", "--seeds", "8", "--slots", "1"]).code(0);
    for (stage, runs) in [("blobs/confirm", 6), ("blobs/finish", 8)] {
        let status = here.run(["status", stage, "--format", "json"]).code(0).json();
        let told = &status["together"];
        assert_eq!((&told["runs"], &told["ended"]), (&runs.into(), &runs.into()), "{stage}");
    }
    let report = here.run(["report", "blobs/finish", "--format", "json"]).code(0).json();
    assert!(report["rows"][0]["objective"]["mean"].as_f64().unwrap() > 0.9, "{report:#}");
}

#[test]
fn a_run_that_diverges_or_stops_early_leaves_the_others_as_they_are() {
    let outcome = |fuse: &str| {
        let here = Sandbox::new();
        write_blobs(&here.path().join("blobs"), 400, 80);
        here.write(
            "mixed.yaml",
            format!("train:\n  data: {{set: idx, path: blobs, scale: [-1, 1]}}\n  model: {{layers: 2, width: 16}}\n  optimizer: {{kind: sgd, momentum: 0.9}}\n  early_stop: {{patience: 2}}\n  epochs: 40\n  batch_size: 16\nparameters: {{optimizer.lr: [0.001, 0.01, 1.0e+12, 0.1]}}\nseeds: 2\nfuse: {fuse}\nslurm: {{runs_per_task: 8}}\n"),
        );
        here.run(["submit", "mixed.yaml", "--slots", "1"]).code(0).says("2 diverged");
        let ends = results(&here);
        ends.into_iter()
            .map(|(run, end)| (run, end["epochs"].clone(), end["metrics"].clone()))
            .collect::<Vec<_>>()
    };
    let (all, some) = (outcome("8"), outcome("3"));
    assert_eq!(all, some, "with whom a run is trained changes nothing");
    assert!(all.iter().any(|(_, epochs, _)| epochs.as_u64() < Some(40)), "none stops early");
}
