//! The finish: the best trial on all training samples, and the test set, opened once and known to all.
use serde_json::Value;

use crate::blobs::write_blobs;
use crate::support::Sandbox;

fn sandbox(rest: &str) -> Sandbox {
    let here = Sandbox::new();
    write_blobs(&here.path().join("blobs"), 400, 80);
    here.write(
        "blobs.yaml",
        format!(
            "name: blobs\ntrain:\n  data: {{set: idx, path: blobs}}\n  model: {{layers: 1, width: 16}}\n  epochs: 6\n  batch_size: 16\nparameters:\n  optimizer.lr: [0.003, 1e-6]\nobjective: {{maximize: valid/accuracy}}\n{rest}"
        ),
    );
    here
}

/// The ends of the runs that a stage has.
fn ends(here: &Sandbox, stage: &str) -> Vec<Value> {
    let folder = here.sweeps()[0].join(stage).join("seg/00");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let lines =
        files.filter(|path| path.extension().is_some_and(|e| e == "jsonl")).flat_map(|path| {
            let text = std::fs::read_to_string(path).unwrap();
            text.lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect::<Vec<_>>()
        });
    let values = lines.map(|line| serde_json::from_str::<Value>(&line).unwrap());
    values.filter(|line| line["t"] == "end").collect()
}

#[test]
fn the_test_set_is_opened_once_and_every_report_says_so() {
    let here = sandbox("short: {epochs: 2}\n");
    here.run(["submit", "blobs.yaml", "--slots", "2"]).code(0);
    assert!(!here.run(["report", "blobs"]).code(0).out.contains("test set"));
    let finish = here.run(["finish", "blobs", "--seeds", "3", "--slots", "2"]).code(0);
    finish.says("begins the stage `blobs/finish`: 1 trial × 3 seeds = 3 runs");
    let ends = ends(&here, "finish-1");
    assert_eq!(ends.len(), 3);
    for end in &ends {
        let metrics = end["metrics"].as_object().unwrap();
        assert!(metrics["test/accuracy"].as_f64().unwrap() > 0.95, "{metrics:?}");
        assert!(metrics.keys().all(|name| !name.starts_with("valid/")), "{metrics:?}");
        assert_eq!(end["epochs"], 6, "the full length, after a short search");
        let counts = end["confusion"].as_array().unwrap().iter();
        let counts = counts.flat_map(|row| row.as_array().unwrap()).map(|n| n.as_u64().unwrap());
        assert_eq!(counts.sum::<u64>(), 80, "all of the test set");
        // By the name that `export`, logs and weights give it.
        here.run(["show", "blobs/finish-1", end["run"].as_str().unwrap()]).code(0).says("accuracy");
    }
    let told = here.run(["report", "blobs"]).code(0).out;
    assert!(told.contains("test set opened once, on 20"), "{told}");
    assert!(told.contains("(3 seeds)"), "{told}");
    here.run(["finish", "blobs"]).code(2).says("was opened on").says("--again");
    here.run(["finish", "blobs", "--again", "--seeds", "3", "--slots", "2"]).code(0);
    let report = here.run(["report", "blobs", "--format", "json"]).code(0).json();
    let openings = report["openings"].as_array().unwrap();
    assert_eq!(openings.len(), 2);
    assert_eq!(openings[1]["trials"][0], report["rows"][0]["trial"]);
    assert!(openings[1]["results"][0]["mean"].as_f64().unwrap() > 0.95);
    let markdown = here.run(["report", "blobs", "--format", "markdown"]).code(0).out;
    assert!(markdown.contains("test set opened twice"), "{markdown}");
    let board = here.run(["report", "blobs/finish", "--format", "json"]).code(0).json();
    assert_eq!(board["objective"]["metric"], "test/accuracy");
    here.run(["finish", "blobs/finish-1"]).code(2).says("is a stage itself");
}

#[test]
fn a_wider_sweep_knows_that_the_test_set_was_opened() {
    let here = sandbox("");
    here.run(["submit", "blobs.yaml", "--slots", "2"]).code(0);
    here.run(["finish", "blobs", "--seeds", "1"]).code(0);
    let first = here.sweeps()[0].file_name().unwrap().to_str().unwrap().to_owned();
    let text = std::fs::read_to_string(here.path().join("blobs.yaml")).unwrap();
    here.write("blobs.yaml", text.replace("[0.003, 1e-6]", "[0.003, 1e-6, 1e-5]"));
    here.run(["submit", "blobs.yaml", "--slots", "2"]).code(0).says("2 of its runs are taken over");
    let told = here.run(["report", "blobs"]).code(0).out;
    assert!(told.contains("test set opened once, on 20"), "{told}");
    assert!(told.contains(&format!(", by `{first}`")), "{told}");
    let by = format!("was opened by `{first}` on 20");
    here.run(["finish", "blobs", "--seeds", "1"]).code(2).says(&by).says("--again");
    here.run(["finish", "blobs", "--seeds", "1", "--again"]).code(0);
    let openings = |sweep: &str| {
        let report = here.run(["report", sweep, "--format", "json"]).code(0).json();
        let all = report["openings"].as_array().unwrap().clone();
        all.iter().map(|one| (one["number"].clone(), one["by"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(openings("blobs"), [(1.into(), first.as_str().into()), (1.into(), Value::Null)]);
    assert_eq!(openings(&first).len(), 2);
}

#[test]
fn what_searches_does_not_read_the_test_set_and_what_finishes_needs_it() {
    let here = sandbox("confirm: {top: 1, seeds: 2}\n");
    let labels = here.path().join("blobs/t10k-labels-idx1-ubyte");
    std::fs::write(&labels, b"no IDX file").unwrap();
    here.run(["submit", "blobs.yaml", "--slots", "2"]).code(0).says("2 of 2 runs done");
    // What is missing at a finish is told, and mended: that opening goes on, and is no second one.
    here.run(["finish", "blobs", "--seeds", "2"]).says("t10k-labels-idx1-ubyte");
    write_blobs(&here.path().join("blobs"), 400, 80);
    here.run(["finish", "blobs"]).code(0).says("going on with the finish that was begun");
    assert_eq!(ends(&here, "finish-1").len(), 2, "as many seeds as at first");
    let told = here.run(["report", "blobs"]).code(0).out;
    assert!(told.contains("blobs/confirm") && told.contains("test set opened once"), "{told}");
    // The page is of the confirmed ones, and knows the openings of the search.
    here.run(["report", "blobs", "--html"]).code(0).says("page: `blobs.html`");
    let page = std::fs::read_to_string(here.path().join("blobs.html")).unwrap();
    assert!(
        page.contains("<h1>blobs/confirm</h1>") && page.contains("Test set opened once, on 20")
    );
}

#[test]
fn a_test_set_that_is_not_there_is_not_opened() {
    let here = sandbox("");
    here.run(["submit", "blobs.yaml", "--slots", "2"]).code(0);
    let labels = here.path().join("blobs/t10k-labels-idx1-ubyte");
    std::fs::remove_file(&labels).unwrap();
    here.run(["finish", "blobs", "--seeds", "2"]).code(4).says("has no `t10k-labels-idx1-ubyte`");
    assert!(here.sweeps().iter().all(|sweep| !sweep.join("openings").exists()));
    write_blobs(&here.path().join("blobs"), 400, 80);
    here.run(["finish", "blobs", "--seeds", "2"]).code(0);
}

#[test]
fn a_search_that_is_not_over_is_not_finished() {
    let here = sandbox("");
    let spec = std::fs::read_to_string(here.path().join("blobs.yaml")).unwrap();
    here.write("blobs.yaml", spec.replace("epochs: 6", "epochs: 900000"));
    let begun = here.count("start");
    let child = here.start(["submit", "blobs.yaml", "--slots", "1"]);
    here.wait("a run to begin", || here.count("start") > begun);
    crate::faults::signal(&child, "INT");
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(6));
    here.run(["finish", "blobs"]).code(3).says("2 runs of `blobs` have not ended");
    assert!(here.sweeps().iter().all(|sweep| !sweep.join("openings").exists()));
}

#[test]
fn a_trial_that_stopped_early_finishes_after_as_many_epochs() {
    let here = sandbox("");
    let spec = std::fs::read_to_string(here.path().join("blobs.yaml")).unwrap();
    here.write(
        "blobs.yaml",
        spec.replace(
            "epochs: 6",
            "epochs: 500\n  early_stop: {patience: 2, metric: valid/accuracy}",
        ),
    );
    here.run(["submit", "blobs.yaml", "--slots", "2"]).code(0);
    let best = here.run(["show", "blobs", "0", "--format", "json"]).code(0).json();
    let best = best["best"]["valid/accuracy"]["epoch"].as_u64().unwrap();
    assert!(best < 400, "it never stopped");
    here.run(["finish", "blobs", "--seeds", "1"]).code(0);
    assert_eq!(ends(&here, "finish-1")[0]["epochs"], best);
}

/// The checksum of a segment's lines, bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    let bit = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| bit(crc)))
}

#[test]
fn a_finish_whose_runs_diverge_is_over_all_the_same() {
    let here = sandbox("");
    let spec = std::fs::read_to_string(here.path().join("blobs.yaml")).unwrap();
    let spec = spec.replace("epochs: 6", "epochs: 1");
    here.write("blobs.yaml", spec);
    here.run(["submit", "blobs.yaml", "--slots", "2"]).code(0);
    here.run(["finish", "blobs", "--seeds", "2"]).code(0);
    // One of its ends becomes that of a run that diverged.
    let folder = here.sweeps()[0].join("finish-1/seg/00");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let file = files
        .filter(|path| path.extension().is_some_and(|e| e == "jsonl"))
        .find(|path| std::fs::read_to_string(path).unwrap().contains("\"t\":\"end\""))
        .unwrap();
    let lines: Vec<String> = std::fs::read_to_string(&file)
        .unwrap()
        .lines()
        .map(|line| {
            let json = line.split('\t').next().unwrap();
            let json = json.replace("\"outcome\":\"done\"", "\"outcome\":\"diverged\"");
            format!("{json}\t{:08x}\n", crc32c(json.as_bytes()))
        })
        .collect();
    std::fs::write(&file, lines.concat()).unwrap();
    here.run(["finish", "blobs"]).code(2).says("was opened on");
    here.run(["finish", "blobs", "--again", "--seeds", "1"]).code(0);
}

#[test]
fn a_finish_that_goes_on_trains_what_its_opening_names() {
    let here = sandbox("");
    here.run(["submit", "blobs.yaml", "--slots", "2"]).code(0);
    let rows = here.run(["report", "blobs", "--format", "json"]).code(0).json();
    let second = rows["rows"][1]["trial"].as_str().unwrap().to_owned();
    // As if a finish of what was best then had been cut short before its stage was made.
    let openings = here.sweeps()[0].join("openings");
    std::fs::create_dir(&openings).unwrap();
    let json = format!(
        "{{\"schema\":1,\"number\":1,\"trials\":[\"{second}\"],\"seeds\":1,\"host\":\"h\",\"dlgrid\":\"0\",\"time\":1.0}}\n"
    );
    std::fs::write(openings.join("0001.json"), json).unwrap();
    here.run(["finish", "blobs", "--top", "2"]).code(2).says("is of 1 trial on 1 seed");
    here.run(["finish", "blobs", "--top", "1", "--seeds", "1"])
        .code(0)
        .says("going on")
        .says("1 trial × 1 seed");
    let report = here.run(["report", "blobs", "--format", "json"]).code(0).json();
    let found = &report["openings"][0]["results"][0];
    assert_eq!(found["trial"], second.as_str());
    assert!(found["mean"].as_f64().unwrap() < 0.9, "the rate of the second is far too small");
}
