//! A sweep's life: submitted, widened, failed, tried again, looked at.
use crate::support::{REPORT, Sandbox, script};

#[test]
fn a_sweep_runs_and_is_ranked() {
    let here = Sandbox::new();
    here.write("toy.yaml", script(6, REPORT));
    here.run(["submit", "toy.yaml"])
        .code(0)
        .says("6 of 6 runs done")
        .says("next: dlgrid report toy");
    let report = here.run(["report", "toy", "--format", "json"]).code(0).json();
    assert_eq!(report["schema"], "dlgrid.report/1");
    assert_eq!(report["rows"].as_array().unwrap().len(), 6);
    assert_eq!(report["rows"][0]["parameters"]["x"], 0);
    assert_eq!(report["rows"][0]["objective"]["mean"], 0.0);
    assert_eq!(report["counts"]["done"], 6);
    here.run(["status"]).code(0).says("6 of 6 runs ended");
    let list = here.run(["list", "--format", "csv"]).code(0);
    assert_eq!(list.out.lines().count(), 2, "{}", list.out);
}

#[test]
fn submitted_again_nothing_is_trained_twice() {
    let here = Sandbox::new();
    here.write("toy.yaml", script(4, REPORT));
    here.run(["submit", "toy.yaml"]).code(0);
    // Comments and layout make no other sweep.
    here.write("toy.yaml", format!("# the same\n{}\n\n", script(4, REPORT)));
    here.run(["submit", "toy.yaml"]).code(0).says("going on with");
    assert_eq!(here.count("end"), 4);
    assert_eq!(here.sweeps().len(), 1);
}

#[test]
fn a_wider_grid_trains_only_what_is_new() {
    let here = Sandbox::new();
    here.write("toy.yaml", script(4, REPORT));
    here.run(["submit", "toy.yaml"]).code(0);
    here.write("toy.yaml", script(6, REPORT));
    here.run(["submit", "toy.yaml"])
        .code(0)
        .says("4 of its runs are taken over")
        .says("2 runs to do");
    let started: Vec<_> = here.lines().into_iter().filter(|l| l["t"] == "start").collect();
    assert_eq!(started.len(), 6);
    let report = here.run(["report", "--format", "json"]).code(0).json();
    assert_eq!(report["counts"]["done"], 6);
    assert_eq!(report["rows"][5]["parameters"]["x"], 5);
    // The older sweep can be deleted: what was taken over is kept.
    let older = here.sweeps().into_iter().find(|s| {
        serde_json::from_slice::<serde_json::Value>(&std::fs::read(s.join("SWEEP.json")).unwrap())
            .unwrap()["runs"]
            == 4
    });
    std::fs::remove_dir_all(older.unwrap()).unwrap();
    assert_eq!(here.run(["report", "--format", "json"]).code(0).json()["counts"]["done"], 6);
}

#[test]
fn failures_are_named_counted_and_tried_again() {
    let here = Sandbox::new();
    let body = format!(
        "if [ $DLGRID_PARAM_X = 2 ] && [ ! -e mended ]; then echo 'out of luck' >&2; exit 7; fi; {REPORT}"
    );
    here.write("toy.yaml", script(4, &body));
    here.run(["submit", "toy.yaml"])
        .code(3)
        .says("3 of 4 runs done, 1 failed")
        .says("dlgrid retry toy");
    here.run(["report"]).code(3).says("exit code 7: out of luck");
    // Submitting again does not try failed runs again: that is asked for.
    here.run(["submit", "toy.yaml"]).code(3);
    assert_eq!(here.count("end"), 4);
    let log = here.run(["logs", "toy", "2"]).code(0);
    assert!(log.out.contains("out of luck"), "{}", log.out);
    here.write("mended", "");
    here.run(["retry"]).code(0).says("4 of 4 runs done");
    assert_eq!(here.count("end"), 5);
    here.run(["report"]).code(0);
}

#[test]
fn values_travel_as_they_are() {
    let here = Sandbox::new();
    let nasty = [
        "$(touch pwned)",
        "`touch pwned`",
        "a b",
        "it's",
        "\"q\"",
        "; touch pwned",
        "*",
        "-n",
        "\u{202e}rtl",
    ];
    let list: Vec<String> = nasty.iter().map(|v| serde_json::to_string(v).unwrap()).collect();
    here.write(
        "nasty.yaml",
        format!(
            "command: [sh, -c, 'printf %s \"$1\" > \"out.$DLGRID_RUN\"; echo \"{{\\\"loss\\\": 1}}\" >> \"$DLGRID_METRICS\"', sh, \"{{v}}\"]\nparameters: {{v: [{}]}}\nobjective: {{minimize: loss}}\n",
            list.join(", ")
        ),
    );
    here.run(["submit", "nasty.yaml"]).code(0);
    let mut seen: Vec<String> = std::fs::read_dir(here.path())
        .unwrap()
        .map(|e| e.unwrap())
        .filter(|e| e.file_name().to_string_lossy().starts_with("out."))
        .map(|e| std::fs::read_to_string(e.path()).unwrap())
        .collect();
    seen.sort();
    let mut expected: Vec<String> = nasty.iter().map(ToString::to_string).collect();
    expected.sort();
    assert_eq!(seen, expected);
    assert!(!here.path().join("pwned").exists());
    let table = here.run(["report"]).code(0);
    assert!(!table.out.contains('\u{202e}'));
}

#[test]
fn sweeps_are_found_by_name_beginning_id_and_path() {
    let here = Sandbox::new();
    here.write("toy.yaml", script(2, REPORT));
    here.run(["submit", "toy.yaml"]).code(0);
    let folder = here.sweeps().remove(0);
    let label = folder.file_name().unwrap().to_string_lossy().into_owned();
    let id = label.rsplit('-').next().unwrap();
    for wanted in ["toy", "to", id, label.as_str(), folder.to_str().unwrap()] {
        here.run(["report", wanted]).code(0);
    }
    here.run(["report", "tony"]).code(2).says("did you mean `toy`?");
    Sandbox::new().run(["report"]).code(2).says("hint:");
}

#[test]
fn data_goes_to_stdout_and_talk_to_stderr() {
    let here = Sandbox::new();
    here.write("toy.yaml", script(2, REPORT));
    let said = here.run(["submit", "toy.yaml"]).code(0);
    assert_eq!(said.out, "");
    assert!(!said.err.contains('\u{1b}'), "no colour without a terminal");
    let csv = here.run(["report", "--format", "csv"]).code(0);
    assert_eq!(csv.err, "");
    assert_eq!(csv.out.lines().count(), 3);
}

#[test]
fn a_file_name_with_dots_names_a_sweep() {
    let here = Sandbox::new();
    here.write("names.v2.yaml", script(2, REPORT).replace("name: toy\n", ""));
    here.run(["submit", "names.v2.yaml"]).code(0);
    here.run(["submit", "names.v2.yaml"]).code(0);
    here.run(["report", "names.v2"]).code(0);
}

#[test]
fn results_of_other_sweeps_of_that_name_count_whenever_they_come() {
    let here = Sandbox::new();
    let narrow = script(4, &format!("[ -e slow ] && sleep 60; {REPORT}"));
    let wide = script(6, &format!("[ -e slow ] && sleep 60; {REPORT}"));
    // The narrow sweep exists and has trained nothing.
    here.write("slow", "");
    here.write("toy.yaml", &narrow);
    let child = here.start(["submit", "toy.yaml"]);
    here.wait("a start", || here.count("start") > 0);
    here.run(["cancel"]).code(0);
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(6));
    std::fs::remove_file(here.path().join("slow")).unwrap();
    here.write("toy.yaml", &wide);
    here.run(["submit", "toy.yaml"]).code(0);
    let ended = here.count("end");
    here.write("toy.yaml", &narrow);
    here.run(["submit", "toy.yaml"]).code(0).says("4 of its runs are taken over");
    assert_eq!(here.count("end"), ended + 4, "taken over, and none trained");
    // A renamed directory is found by what it holds.
    for (number, sweep) in here.sweeps().into_iter().enumerate() {
        std::fs::rename(&sweep, here.path().join(format!("runs/other-{number}"))).unwrap();
    }
    here.run(["submit", "toy.yaml"]).code(0).says("4 of its runs are taken over");
}

#[test]
fn a_damaged_manifest_is_listed_with_its_fault() {
    let here = Sandbox::new();
    here.write("toy.yaml", script(2, REPORT));
    here.run(["submit", "toy.yaml"]).code(0);
    let sweep = here.sweeps().remove(0);
    std::fs::write(sweep.join("SWEEP.json"), "{\"schema\": 1, ").unwrap();
    here.run(["list", "--format", "json"]).code(0).says("cannot be understood");
    here.run(["submit", "toy.yaml"]).code(4).says("SWEEP.json");
}

#[test]
fn what_was_changed_and_not_committed_is_kept_with_the_sweep() {
    let here = Sandbox::new();
    let git = |words: &[&str]| {
        let mut git = std::process::Command::new("git");
        git.args(["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]);
        let said = git.args(words).current_dir(here.path()).output();
        said.is_ok_and(|said| said.status.success())
    };
    if !git(&["init", "-q"]) {
        return eprintln!("skipped: there is no git here");
    }
    here.write("train.py", "lr = 1\n");
    assert!(git(&["add", "."]) && git(&["commit", "-qm", "one"]));
    here.write("toy.yaml", script(1, REPORT));
    here.run(["submit", "toy.yaml"]).code(0);
    let clean = here.sweeps().pop().unwrap();
    assert!(!clean.join("code.diff").exists());

    here.write("train.py", "lr = 2\n");
    here.write("toy.yaml", script(2, REPORT));
    here.run(["submit", "toy.yaml"]).code(0);
    let dirty = here.sweeps().into_iter().find(|sweep| *sweep != clean).unwrap();
    let patch = std::fs::read_to_string(dirty.join("code.diff")).unwrap();
    assert!(patch.contains("-lr = 1\n+lr = 2\n"), "{patch}");
    let manifest = std::fs::read_to_string(dirty.join("SWEEP.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert!(manifest["git"].as_str().unwrap().ends_with('+'), "{manifest}");
}

#[test]
fn a_sweep_that_is_plainly_broken_is_stopped_here_too_and_a_complete_one_is_concluded() {
    let here = Sandbox::new();
    let body = format!("sleep 0.1; test -e healed || exit 9; {REPORT}");
    let around =
        "max_failures: 2\nafter: report\non_complete: [sh, -c, 'echo $DLGRID_NAME >> told']\n";
    here.write("toy.yaml", format!("{}{around}", script(40, &body)));
    here.run(["submit", "toy.yaml", "--slots", "1"])
        .code(6)
        .says("as many as `max_failures` allows");
    assert!(here.count("end") < 40);
    assert!(!here.path().join("told").exists());
    here.write("healed", "");
    here.run(["retry"]).code(0).says("40 of 40 runs done");
    assert_eq!(std::fs::read_to_string(here.path().join("told")).unwrap(), "toy\n");
    let board = here.sweeps().pop().unwrap().join("report/0001/leaderboard.csv");
    assert_eq!(std::fs::read_to_string(board).unwrap().lines().count(), 41);
}

#[test]
fn what_follows_the_end_of_a_sweep_comes_also_where_no_run_is_left() {
    let here = Sandbox::new();
    here.write("toy.yaml", script(3, REPORT));
    here.run(["submit", "toy.yaml"]).code(0);
    // As after a stop between the last run and the report.
    let around = "after: report\non_complete: [sh, -c, 'echo told >> told']\n";
    here.write("toy.yaml", format!("{}{around}", script(3, REPORT)));
    for _ in 0..2 {
        here.run(["submit", "toy.yaml"]).code(0).says("3 of 3 runs done");
        assert_eq!(std::fs::read_to_string(here.path().join("told")).unwrap(), "told\n");
    }
    assert!(here.sweeps().pop().unwrap().join("report/0001").exists());
}

#[test]
fn what_was_taken_over_later_is_not_missing_and_words_name_the_sweep_that_is_meant() {
    let here = Sandbox::new();
    let body = format!("test -e healed || {{ sleep 1; exit 9; }}; {REPORT}");
    here.write("toy.yaml", format!("{}max_failures: 1\n", script(4, &body)));
    here.run(["submit", "toy.yaml", "--slots", "1"]).code(6);
    let narrow = here.sweeps().pop().unwrap();
    let label = narrow.file_name().unwrap().to_str().unwrap().to_owned();
    here.write("healed", "");
    here.write("wide.yaml", script(6, &body));
    here.run(["submit", "wide.yaml"]).code(0).says("6 of 6 runs done");
    // What ended there is taken over; the run that failed stays so.
    let begun = here.count("start");
    here.run(["submit", "toy.yaml"]).says(&format!("dlgrid retry {label} trains them again"));
    assert_eq!(here.count("start"), begun, "nothing is trained again");
    let status = here.run(["status", &label, "--format", "json"]).json();
    assert_eq!((&status["missing"], &status["ended"]), (&0.into(), &4.into()), "{status}");
    here.run(["show", &label, "3"]).says(&format!("next: dlgrid report {label} "));
    here.run(["watch", &label, "--lines"]).says(&format!("next: dlgrid logs {label} --failed"));
    let moved = format!("--root={}", here.path().join("runs").display());
    here.run(["status", &label, &moved]).says(&format!("dlgrid logs {label} "));
    std::fs::create_dir(here.path().join("elsewhere")).unwrap();
    std::fs::rename(&narrow, here.path().join("elsewhere").join(&label)).unwrap();
    let path = format!("elsewhere/{label}");
    here.run(["status", &path]).says(&format!("next: dlgrid logs {path} "));
    here.run(["status", "--root", "elsewhere"]).says(&format!("next: dlgrid logs {path} "));
    std::fs::rename(here.path().join(&path), &narrow).unwrap();
    let taken = here.run(["logs", &label, "3"]).code(2).says("its log is there");
    let hint = taken.err.split('`').rfind(|s| s.starts_with("dlgrid logs ")).unwrap();
    let words: Vec<&str> = hint.split(' ').skip(1).collect();
    here.run([words[0], words[1], words[2]]).code(0);
}
