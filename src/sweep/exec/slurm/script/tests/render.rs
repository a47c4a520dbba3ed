//! Tests of the job script: its bytes, and what bash does with a site's lines.
use super::*;

const BARE: &str = r#"#!/bin/bash
# The job script of every dlgrid array, the same for all sweeps: what differs comes as arguments
# (to sbatch, and to this script: dlgrid and its words). It becomes `dlgrid array-task`, so that
# Slurm's signals reach it. OMP_* are set before libtorch starts.
unset SLURM_EXPORT_ENV
export DLGRID_LOG="${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}.log"
export OMP_NUM_THREADS="${SLURM_CPUS_PER_TASK:-1}" MKL_NUM_THREADS="${SLURM_CPUS_PER_TASK:-1}"
export OMP_WAIT_POLICY=passive
exec "$@"
"#;

fn site(setup: &[&str]) -> Site {
    let setup = setup.iter().map(|line| (*line).to_owned()).collect();
    Site { name: "s".into(), setup, ..Site::default() }
}

/// Exit code, standard output and standard error of the script with `sh -c PROGRAM`.
fn run(setup: &[&str], program: &str) -> (Option<i32>, String, String) {
    let tmp = tempfile::tempdir().expect("a folder");
    let file = tmp.path().join("array.sbatch");
    host::write_scratch(&file, render(&site(setup)).as_bytes()).expect("written");
    let mut bash = host::command("bash");
    bash.arg(&file).args(["sh", "-c", program]);
    bash.env("SLURMD_NODENAME", "n7").env_remove("BASH_ENV");
    let output = host::run_within(&mut bash, READING).expect("bash");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_script_without_lines_of_a_site_is_constant() {
    assert_eq!(render(&Site::default()), BARE);
    assert_eq!(render(&Site { name: "x".into(), ..Site::default() }), BARE);
    assert!(!BARE.contains("#SBATCH"), "options travel as arguments");
    assert!(!BARE.contains("SLURM_JOB_ID"), "it can mean the whole array");
}

#[test]
fn lines_of_a_site_stand_before_the_worker() {
    let mut all = site(&["module load cuda/12.4", "export A='{{ x }} $HOME'"]);
    all.login_shell = true;
    let script = render(&all);
    let (head, own) = script.split_once("passive\n").expect("the constant part");
    assert!(head.starts_with("#!/bin/bash -l\n# The job script"), "{head}");
    insta::assert_snapshot!(own, @r#"
    # The site's lines. What fails inside a function or a file that they read is that one's own affair.
    trap 'if [ -z "${BASH_SOURCE[1]-}" ]; then
      printf "error: a setup line of site \140s\140 failed on %s: %s\n" "${SLURMD_NODENAME:-$HOSTNAME}" "$BASH_COMMAND" >&2
      exit 4
    fi' ERR
    module load cuda/12.4
    export A='{{ x }} $HOME'

    trap - ERR
    exec "$@"
    "#);
}

#[test]
fn a_line_that_fails_ends_the_job_with_its_text() {
    let (code, out, err) = run(&["module load nonsense/1", "echo not reached"], "echo worker");
    assert_eq!((code, out.as_str()), (Some(4), ""));
    let last = err.lines().last().unwrap_or_default();
    assert_eq!(last, "error: a setup line of site `s` failed on n7: module load nonsense/1");
}

#[test]
fn what_fails_on_purpose_or_inside_is_no_failure() {
    let tmp = tempfile::tempdir().expect("a folder");
    let file = tmp.path().join("activate");
    host::write_scratch(&file, b"test -e /nonexistent\nexport FROM=file\n").expect("written");
    let source = format!("source '{}'", file.display());
    let setup = [
        "test -e /nonexistent || true",
        &source,
        "f() { test -e /nonexistent; return 0; }",
        "f",
        "if test -e /nonexistent; then",
        "  export A=1",
        "else",
        "  export A=2",
        "fi",
    ];
    let (code, out, err) = run(&setup, "echo $A $FROM; exit 3");
    assert_eq!((code, out.as_str(), err.as_str()), (Some(3), "2 file", ""));
}

#[test]
fn quotes_and_dollars_arrive_as_written() {
    let setup = [r#"export A="it's \$HOME" B='"$x" {% raw %} {{ y }} {# z #}'"#, r"export C=a\ b"];
    let (code, out, _) = run(&setup, r#"printf '%s\n' "$A" "$B" "$C""#);
    assert_eq!(code, Some(0));
    assert_eq!(out, "it's $HOME\n\"$x\" {% raw %} {{ y }} {# z #}\na b");
}

#[test]
fn a_continued_last_line_swallows_nothing() {
    assert_eq!(run(&["export A=1 \\"], "echo $A"), (Some(0), "1".into(), String::new()));
}

#[test]
fn lines_that_bash_can_not_read_are_refused() {
    assert!(check_setup(&site(&[])).is_ok());
    assert!(check_setup(&site(&["if true; then", "  x=1", "fi"])).is_ok());
    for setup in [&["if true; then"][..], &["echo 'open"], &["cat <<END", "x"], &["fi"]] {
        let error = check_setup(&site(setup)).expect_err("refused");
        assert!(error.to_string().contains("site `s`"), "{error}");
    }
}
