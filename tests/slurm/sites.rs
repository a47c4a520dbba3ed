//! Sites: what a profile of a cluster does to the jobs of a sweep, and what no node has.
use crate::place::{Place, place};
use crate::support::{REPORT, script};

fn spec(runs: u32, body: &str, slurm: &str) -> String {
    format!("{}slurm: {{{slurm}}}\n", script(runs, body))
}

/// Writes a profile of the user's.
pub fn profile(on: &Place, name: &str, text: &str) {
    std::fs::create_dir_all(on.here.path().join("config/dlgrid/sites")).unwrap();
    on.here.write(&format!("config/dlgrid/sites/{name}.yaml"), text);
}

/// All words of sbatch of the one array here.
fn words(on: &Place) -> Vec<String> {
    let intent = on.intents().pop().unwrap();
    intent["words"].as_array().unwrap().iter().map(|w| w.as_str().unwrap().to_owned()).collect()
}

fn cluster_name(on: &Place) -> String {
    let config = on.slurm(["scontrol", "show", "config"]).code(0).out;
    let line = config.lines().find(|l| l.starts_with("ClusterName")).unwrap().to_owned();
    line.split('=').nth(1).unwrap().trim().to_owned()
}

#[test]
fn what_is_detected_is_a_profile_that_sweeps_run_with() {
    let Some(on) = place() else { return };
    let said = on.run(["site", "detect", "--name", "here"]).code(0);
    assert!(said.err.contains("found: partition main, the default"), "{}", said.err);
    assert!(said.err.contains("accounting: none"), "{}", said.err);
    assert!(said.out.contains("max_array_size: 11\n"), "{}", said.out);
    assert!(said.out.contains("partition: main\n"), "{}", said.out);
    on.run(["site", "detect", "--name", "here", "--write"]).code(0).says("--site here");
    on.run(["site", "detect", "--name", "here", "--write"]).code(2).says("there is a profile");
    on.run(["site", "list"]).code(0).says("here").says("built in");
    let shown = on.run(["site", "show", "here", "--format", "json"]).code(0).json();
    assert_eq!(shown["slurm"]["partition"], "main");
    assert_eq!(on.run(["site", "show", "here"]).code(0).out, said.out);
    on.here.write("toy.yaml", spec(3, REPORT, "time: 5m"));
    on.run(["submit", "toy.yaml", "--site", "here"]).code(0);
    assert!(words(&on).contains(&"--partition=main".to_owned()), "{:?}", words(&on));
    on.drained();
    on.each_ran_once(3);
}

#[test]
fn lines_of_a_site_act_in_the_job_before_its_program() {
    let Some(on) = place() else { return };
    let setup = r#"setup:
  - 'export GREETING="it''s \$5"'
  - if [ -z "$SLURM_ARRAY_JOB_ID" ]; then
  - exit 9
  - fi
limits: {max_array_size: 2}
"#;
    profile(&on, "lab", setup);
    on.here
        .write("toy.yaml", spec(3, &format!("echo \"$GREETING\" >> said; {REPORT}"), "site: lab"));
    on.run(["submit", "toy.yaml"]).code(0);
    assert_eq!(on.jobs().len(), 2, "the site allows arrays of 2 tasks");
    on.drained();
    on.each_ran_once(3);
    let said = std::fs::read_to_string(on.here.path().join("said")).unwrap();
    assert_eq!(said, "it's $5\n".repeat(3));
}

#[test]
fn a_line_that_fails_is_told_in_the_log_and_nothing_runs() {
    let Some(on) = place() else { return };
    profile(&on, "lab", "setup: [module load nonsense/1]\n");
    on.here.write("toy.yaml", spec(1, REPORT, "site: lab"));
    on.run(["submit", "toy.yaml"]).code(0);
    on.drained();
    let job = on.jobs()[0];
    let log = on.here.sweeps()[0].join(format!("logs/{job}_0.log"));
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("error: a setup line of site `lab` failed on n"), "{log}");
    assert!(log.contains(": module load nonsense/1\n"), "{log}");
    assert!(on.starts().is_empty());
    profile(&on, "lab", "setup: [\"echo 'open\"]\n");
    on.run(["submit", "toy.yaml"]).code(2).says("bash can't read the lines of `setup`");
}

#[test]
fn a_spec_goes_over_its_site_and_null_takes_a_default_away() {
    let Some(on) = place() else { return };
    let cluster = cluster_name(&on);
    let text = "slurm: {partition: urgent, memory: 300M, nice: 5, comment: x}\n";
    profile(&on, "lab", text);
    on.here.write("toy.yaml", spec(1, REPORT, "nice: null, memory: 200M"));
    on.run(["submit", "toy.yaml", "--site", "lab"]).code(2).says("unknown key `comment`");
    let text = format!("cluster: {cluster}\nslurm: {{partition: urgent, memory: 300M, nice: 5}}\n");
    profile(&on, "lab", &text);
    on.run(["submit", "toy.yaml"])
        .code(0)
        .says(&format!("site `lab`, for this is the cluster `{cluster}`"));
    let words = words(&on);
    assert!(words.contains(&"--partition=urgent".to_owned()), "{words:?}");
    assert!(words.contains(&"--mem=200M".to_owned()), "{words:?}");
    assert!(!words.iter().any(|w| w.starts_with("--nice")), "{words:?}");
    on.drained();
    on.each_ran_once(1);
    on.here.write("other.yaml", spec(2, REPORT, "nice: null"));
    let mut other = on.command(["plan", "other.yaml", "--script"]);
    other.env("DLGRID_SITE", "single-node");
    let other = crate::support::Said::from(other.output().unwrap()).code(0).out;
    assert!(other.contains("--cpus-per-task=1") && !other.contains("urgent"), "{other}");
}

#[test]
fn what_no_node_has_and_unknown_sites_are_refused_with_what_there_is() {
    let Some(on) = place() else { return };
    on.here.write("toy.yaml", spec(1, REPORT, "memory: 64G"));
    let said = on.run(["submit", "toy.yaml"]).code(2);
    assert!(said.err.contains("`slurm.memory` is `64G`"), "{}", said.err);
    assert!(said.err.contains("hint: the largest, `n"), "{}", said.err);
    assert!(on.here.sweeps().is_empty(), "nothing was made");
    on.here.write("toy.yaml", spec(1, REPORT, "gpus: 3"));
    on.run(["submit", "toy.yaml"]).code(2).says("a node has 2 GPUs at most");
    on.here.write("toy.yaml", spec(1, REPORT, ""));
    profile(&on, "laboratory", "slurm: {}\n");
    let said = on.run(["submit", "toy.yaml", "--site", "labratory"]).code(2);
    assert!(said.err.contains("did you mean `laboratory`? there are: laboratory"), "{}", said.err);
    on.run(["submit", "toy.yaml", "--site", "lab", "--local"]).code(2).says("`--site` is for");
    let said = on.run(["plan", "toy.yaml", "--test-only"]).code(0);
    assert!(
        said.out.contains("by Slurm's estimate") && said.out.contains("to start at"),
        "{}",
        said.out
    );
    let said = on.run(["plan", "toy.yaml", "--test-only", "--format", "json"]).code(0).json();
    assert!(said["start"].is_string(), "{said}");
    assert!(on.here.sweeps().is_empty(), "nothing was made");
}
