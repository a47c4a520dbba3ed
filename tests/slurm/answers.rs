//! An sbatch before the real one that fails, lies, dies or dawdles, with and without the job in the queue: what
//! `submit` says of it, and that the same `submit` then has each task in the queue once, and nobody else's job let go.
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::lives::spec;
use crate::place::{Place, place};
use crate::support::{REPORT, Said};

/// What the first sbatch does instead (`real` is the real one with all arguments, `$other` the held job of somebody
/// else), the exit code of that `submit`, and its words.
const ANSWERS: &[(&str, &str, i32, &str)] = &[
    // The answer is odd, and the job is there.
    ("a plugin's words first", "echo hello; real", 0, "of 4 tasks"),
    ("the cluster's name", "printf '%s;c1\\n' \"$(real)\"", 0, "of 4 tasks"),
    ("line ends of another system", "printf '%s\\r\\n' \"$(real)\"", 0, "of 4 tasks"),
    ("no number", "real > /dev/null", 0, "of 4 tasks"),
    ("words after the number", "real; echo well done", 0, "of 4 tasks"),
    ("a number and letters", "real > /dev/null; echo 12abc", 0, "of 4 tasks"),
    (
        "a number beyond all numbers",
        "real > /dev/null; echo 99999999999999999999999",
        0,
        "of 4 tasks",
    ),
    ("bytes that are no text", "real > /dev/null; printf '\\377\\376\\n'", 0, "of 4 tasks"),
    ("the number of another job", "real > /dev/null; echo $other", 0, "of 4 tasks"),
    ("much on standard error", "yes | head -c 3000000 >&2; real", 0, "of 4 tasks"),
    ("much on standard output", "yes | head -c 3000000; real", 0, "of 4 tasks"),
    ("a child that keeps the pipe open", "real; sleep 5 & disown", 0, "of 4 tasks"),
    ("a slow one", "sleep 3; real", 0, "of 4 tasks"),
    // The answer is odd, and there is no job.
    ("nothing at all", ":", 1, "cannot be understood"),
    ("garbage", "echo segmentation fault", 1, "hint: nothing is lost"),
    ("the number of another job alone", "echo $other", 1, "cannot be understood"),
    // It fails, and the job is there.
    (
        "too late an answer",
        "real > /dev/null; echo 'sbatch: error: Batch job submission failed: Socket timed out on send/recv operation' >&2; exit 1",
        0,
        "looking whether it has the job",
    ),
    (
        "no bytes",
        "real > /dev/null; echo 'Zero Bytes were transmitted or received' >&2; exit 1",
        0,
        "looking whether",
    ),
    (
        "the number, and a failure",
        "real; echo 'Connection reset by peer' >&2; exit 1",
        0,
        "looking whether",
    ),
    ("killed after", "real > /dev/null; kill -KILL $$", 0, "it was killed"),
    ("terminated after", "real > /dev/null; kill -TERM $$", 0, "it was killed"),
    (
        "twice, and a failure",
        "real > /dev/null; real > /dev/null; echo 'Socket timed out' >&2; exit 1",
        0,
        "cancelled job",
    ),
    ("twice", "real > /dev/null; real", 0, "cancelled job"),
    (
        "refused, they say",
        "real > /dev/null; echo 'Invalid account or account/partition combination specified' >&2; exit 1",
        4,
        "set `slurm.account`",
    ),
    ("no words", "real > /dev/null; exit 255", 4, "ends with exit code 255"),
    (
        "a limit, they say",
        "real > /dev/null; echo 'AssocMaxSubmitJobLimit' >&2; exit 1",
        0,
        "of 2 tasks",
    ),
    // It fails, and there is no job.
    (
        "an answer too late, and no job",
        "echo 'Socket timed out on send/recv operation' >&2; exit 1",
        0,
        "of 4 tasks",
    ),
    (
        "nobody there",
        "echo 'Unable to contact slurm controller (connect failure)' >&2; exit 1",
        0,
        "of 4 tasks",
    ),
    (
        "busy",
        "echo 'Slurm temporarily unable to accept job, sleeping and retrying' >&2; exit 1",
        0,
        "of 4 tasks",
    ),
    ("killed before", "kill -KILL $$", 0, "of 4 tasks"),
    ("refused", "echo 'Invalid qos specification' >&2; exit 1", 4, "set `slurm.qos`"),
    ("refused without words", "exit 1", 4, "ends with exit code 1"),
];

/// Puts a program before the real one that does something else the first time that its words fit.
pub fn put_before(on: &Place, program: &str, fits: &str, body: &str, other: &str) -> String {
    let real = Command::new("sh").args(["-c", &format!("command -v {program}")]).output().unwrap();
    let real = String::from_utf8(real.stdout).unwrap();
    let folder = on.here.path().join("shim");
    drop(std::fs::create_dir(&folder));
    drop(std::fs::remove_file(on.here.path().join("used")));
    let text = format!(
        "#!/bin/bash\nwords=(\"$@\")\nother={other}\nreal() {{ {} \"${{words[@]}}\"; }}\nused=\"${{0%/*}}/../used\"\n\
         case \" $* \" in *' {fits} '*) ;; *) real; exit;; esac\n[ -e \"$used\" ] && {{ real; exit; }}\n: > \"$used\"\n{body}\n",
        real.trim()
    );
    let file = folder.join(program);
    std::fs::write(&file, text).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap())
}

/// As a controller answers that has just come back.
#[test]
fn a_controller_that_knows_no_partition_yet_is_asked_again() {
    let Some(on) = place() else { return };
    on.here.write("toy.yaml", spec(2, REPORT, "time: 5m"));
    let path = put_before(&on, "scontrol", "partition", ":", "0");
    let mut submit = on.command(["submit", "toy.yaml"]);
    Said::from(submit.env("PATH", path).output().unwrap()).code(0);
    on.drained();
    on.each_ran_once(2);
}

/// A program of Slurm's that notes each question; for a `PATH` before the real one.
fn noted(on: &Place, program: &str) -> String {
    let body = "rm \"$used\"; printf '%s\\n' \"$*\" >> \"${0%/*}/../asked\"; real";
    put_before(on, program, "--noheader", body, "0")
}

#[test]
fn squeue_is_not_asked_for_each_array() {
    // Eleven tasks an array, in chains: one waits for another.
    let asked = |runs: u32| {
        let on = place()?;
        on.here.write("toy.yaml", spec(runs, REPORT, "time: 5m, runs_per_task: 1, max_running: 2"));
        let mut submit = on.command(["submit", "toy.yaml"]);
        let said = Said::from(submit.env("PATH", noted(&on, "squeue")).output().unwrap()).code(0);
        let arrays = said.err.matches("submitted array").count();
        assert_eq!(arrays, runs.div_ceil(11) as usize, "{}", said.err);
        on.run(["cancel"]).code(0);
        Some(std::fs::read_to_string(on.here.path().join("asked")).unwrap().lines().count())
    };
    let (Some(one), Some(five)) = (asked(11), asked(55)) else { return };
    assert!(one > 0 && one == five, "{one} questions for one array, {five} for five");
}

/// A controller that was killed may have forgotten that a job was let go; one that was not has not.
#[test]
fn what_is_held_by_hand_stays_held() {
    let Some(on) = place() else { return };
    let settings = "time: 5m, runs_per_task: 1, max_running: 1";
    on.here.write("toy.yaml", spec(3, &format!("sleep 60; {REPORT}"), settings));
    on.run(["submit", "toy.yaml"]).code(0);
    let array = on.jobs()[0].to_string();
    on.slurm(["scontrol", "uhold", &array]).code(0);
    let submit_to_one_since = |boot: &str| {
        let body = format!("rm \"$used\"; real | sed \"s/^BOOT_TIME .*/BOOT_TIME = {boot}/\"");
        let path = put_before(&on, "scontrol", "config", &body, "0");
        let mut submit = on.command(["submit", "toy.yaml"]);
        Said::from(submit.env("PATH", path).output().unwrap()).code(0)
    };
    let held = || on.slurm(["squeue", "-h", "-j", &array, "-o", "%r"]).code(0).out;
    let said = submit_to_one_since("2020-02-20T20:20:20");
    said.says("of 3 slices were in the queue").says(&format!("array {array} stays held"));
    assert!(held().contains("JobHeldUser"), "{}", held());
    submit_to_one_since("$(date +%FT%T)").says(&format!("let array {array} go"));
    assert!(!held().contains("JobHeldUser"), "{}", held());
    on.run(["cancel"]).code(0);
}

#[test]
fn whatever_sbatch_answers_each_task_is_in_the_queue_once() {
    let Some(_cluster) = place() else { return };
    // Most of the time is waiting.
    std::thread::scope(|scope| {
        for part in ANSWERS.chunks(ANSWERS.len().div_ceil(4)) {
            scope.spawn(|| {
                let Some(on) = place() else { return };
                let held = ["sbatch", "--parsable", "--hold", "-o", "/dev/null", "--wrap", "true"];
                let other = on.slurm(held).code(0).out.trim().to_owned();
                let settings = "time: 5m, runs_per_task: 1, max_running: 1";
                on.here.write("toy.yaml", spec(4, &format!("sleep 60; {REPORT}"), settings));
                part.iter().for_each(|answer| answered(&on, &other, answer));
                on.slurm(["scancel", &other]).code(0);
            });
        }
    });
}

/// One answer, to the next `submit` of a sweep of which nothing is in the queue.
fn answered(on: &Place, other: &str, (what, body, code, words): &(&str, &str, i32, &str)) {
    let path = put_before(on, "sbatch", "--parsable", body, other);
    let mut submit = on.command(["submit", "toy.yaml"]);
    let said = Said::from(submit.env("PATH", path).output().unwrap());
    assert_eq!(said.code, *code, "{what}: {}", said.err);
    assert!(said.err.contains(words), "{what}: {}", said.err);

    goes_on(on, 4, what);
    let reason = on.slurm(["squeue", "-h", "-j", other, "-o", "%r"]).code(0).out;
    assert_eq!(reason.trim(), "JobHeldUser", "{what}: the other's");
    on.run(["cancel"]).code(0);
    on.drained();
}

/// Submits again: each of so many tasks is in the queue once, and is not held.
pub fn goes_on(on: &Place, tasks: usize, what: &str) {
    let said = on.run(["submit", "toy.yaml"]);
    assert_eq!(said.code, 0, "{what}: {}", said.err);
    let queue = on.queue();
    assert_eq!(queue.len(), tasks, "{what}: {queue:?}");
    let reasons = on.slurm(["squeue", "-h", "-r", "-o", "%F|%r"]).code(0).out;
    for row in &queue {
        let held = format!("{}|JobHeldUser", row.split('|').next().unwrap());
        assert!(!reasons.lines().any(|row| row == held), "{what}: {reasons}");
    }
    let said = on.run(["fsck"]);
    assert_eq!(said.code, 0, "{what}: {}", said.out);
}
