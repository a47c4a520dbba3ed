//! What is to be seen of a sweep whose array tasks wrote of themselves, and of runs that failed.
use dlgrid_sweep::pack::Cut;
use dlgrid_sweep::spec;
use dlgrid_sweep::store::segment::{HeadFacts, SegmentWriter};
use dlgrid_sweep::store::tasks::{
    Begin, Cause, Died, Granted, TASK_SCHEMA, TaskEnd, TaskLine, TaskWriter, Used,
};
use dlgrid_sweep::sweep::Sweep;

use crate::support::{REPORT, Sandbox, script};

fn end(cause: Option<Cause>, seconds: f64, memory: u64) -> TaskLine {
    let used =
        Used { seconds, cpu_seconds: seconds, peak_memory_mib: Some(memory), ..Used::default() };
    let why = (cause == Some(Cause::Unusable)).then(|| "libtorch is missing".to_owned());
    let ends = u64::from(cause.is_none());
    TaskLine::End(TaskEnd { cause, requeued: false, why, ends, failed: 0, used, time: 9e3 })
}

fn begin(task: u32, node: &str) -> Begin {
    let granted =
        Granted { seconds: Some(1800), cpus: Some(2), memory_mib: Some(4096), gpus: None };
    let (slices, workers, node) = (task.to_string(), 1, node.to_owned());
    Begin {
        schema: TASK_SCHEMA,
        intent: 1,
        task,
        node,
        slices,
        workers,
        granted,
        ..Begin::default()
    }
}

/// A sweep of six runs in as many slices, of which the first two were begun and lost on `n3`.
fn lost(here: &Sandbox) -> Sweep {
    let text = script(6, REPORT);
    let (spec, _) = spec::read("toy.yaml", text.as_bytes(), 100).unwrap();
    let sweep = Sweep::create(&here.path().join("runs"), spec, text.as_bytes(), &Cut::Slots(1))
        .unwrap()
        .sweep;
    for slice in 0..2 {
        let facts = HeadFacts {
            sweep: sweep.manifest.id.clone(),
            node: Some("n3".into()),
            intent: Some(1),
            ..HeadFacts::default()
        };
        let mut segment = SegmentWriter::begin(&sweep.dir, slice, facts).unwrap();
        segment.start(&sweep.run(u64::from(slice)).unwrap()).unwrap();
    }
    sweep
}

fn write(sweep: &Sweep, begin: &Begin, lines: &[TaskLine]) {
    let mut writer = TaskWriter::begin(&sweep.dir, begin).unwrap();
    for line in lines {
        writer.add(line).unwrap();
    }
}

#[test]
fn a_lost_run_has_the_cause_that_its_task_wrote() {
    let here = Sandbox::new();
    let sweep = lost(&here);
    here.run(["status", "toy"]).code(3).says("the worker is gone without a word");
    for slice in 0..2 {
        let died = Died { slice, how: "signal 9".into(), cause: Cause::Memory, time: 9e9 };
        let lines = [TaskLine::Died(died), end(Some(Cause::Memory), 40.0, 4090)];
        write(&sweep, &begin(slice, "n3"), &lines);
    }
    for task in 2..5 {
        write(&sweep, &begin(task, "n4"), &[end(Some(Cause::Unusable), 1.0, 10)]);
    }
    write(&sweep, &begin(5, "n1"), &[end(None, 600.0, 2000)]);
    let status = here.run(["status", "toy"]).code(3);
    let status = status.says("lost     2 runs: out of memory: its task had 4 G\n         on n3\n");
    status.says("bad node n4: 3 of 3 tasks failed at once; `slurm.exclude: n4` avoids it");
    let json = here.run(["status", "toy", "--format", "json"]).code(3).json();
    assert_eq!(json["failures"][0]["kind"], "memory");
    assert_eq!(json["failures"][0]["nodes"][0], "n3");
    assert_eq!(json["bad_nodes"][0]["why"], "libtorch is missing");
    here.run(["report", "toy"])
        .code(3)
        .says("2 lost: out of memory: its task had 4 G\n  on n3; see:");
    let runs = here.run(["report", "toy", "--runs", "--format", "csv"]).code(3);
    runs.says("lost,,0.0,out of memory: its task had 4 G");
    let json = here.run(["efficiency", "toy", "--format", "json"]).code(0).json();
    assert_eq!(json["schema"], "dlgrid.efficiency/1");
    assert_eq!((json["starts"].as_u64(), json["endings"]["unusable"].as_u64()), (Some(6), Some(3)));
    let csv = here.run(["efficiency", "toy", "--format", "csv"]).code(0);
    assert_eq!((csv.out.lines().count(), csv.err.as_str()), (4, ""));
    here.run(["efficiency", "toy"]).code(0).says("slurm: {time: 15m, cpus: 1, memory: 8G}");
    here.run(["efficiency", "toy", "--format", "markdown"])
        .code(2)
        .says("hint: use `--format csv`");
}

#[test]
fn a_run_is_found_by_what_it_is() {
    let here = Sandbox::new();
    let body = format!(
        "echo start $DLGRID_PARAM_X >&2; {REPORT}; [ $DLGRID_PARAM_X = 2 ] && {{ echo 'out of luck' >&2; exit 7; }}; [ $DLGRID_PARAM_X = 4 ] && exit 8; true"
    );
    here.write("toy.yaml", script(6, &body));
    here.run(["submit", "toy.yaml", "--slots", "1"]).code(3);
    here.run(["logs", "toy", "x=2.0"])
        .code(0)
        .says("start 2")
        .says("exit code 7: out of luck (on ");
    let last = here.run(["logs", "toy", "x=2", "-n", "1"]).code(0);
    assert_eq!(last.out, "out of luck\n");
    here.run(["logs", "toy", "--where", "x > 1 and state == 'failed'"])
        .code(0)
        .says("note: showing run 2, failed; 2 runs match: 2, 4");
    let failed = here.run(["logs", "toy", "--failed"]).code(0);
    assert_eq!(failed.out.matches("==> 1 run failed on ").count(), 2, "{}", failed.out);
    assert!(failed.out.contains("(run 2) <==\nstart 2\nout of luck\n"), "{}", failed.out);
    here.run(["logs", "toy", "stat=failed"]).code(2).says("hint: did you mean `state`?");
    here.run(["logs", "toy", "x=17"]).code(2).says("no run of `toy` has `x=17`");
    here.run(["logs", "toy", "--where", "x >"]).code(2).says("is no condition");
    here.run(["logs", "toy"]).code(2);
    here.run(["status", "toy"]).code(3).says("| start 2\nfailed ");
    here.run(["efficiency", "toy"]).code(0).says("nothing is measured");
}

/// As after a first submission that Slurm refused: another retry would be refused, too.
#[test]
fn a_sweep_of_which_nothing_was_submitted_is_none_that_stopped() {
    let here = Sandbox::new();
    let text = script(3, REPORT);
    let (spec, _) = spec::read("toy.yaml", text.as_bytes(), 100).unwrap();
    Sweep::create(&here.path().join("runs"), spec, text.as_bytes(), &Cut::Slots(1)).unwrap();
    here.run(["status"]).code(3).says("nothing was submitted").says("next: dlgrid submit FILE");
    let state = |here: &Sandbox| {
        here.run(["list", "--format", "json"]).json()["sweeps"][0]["state"].clone()
    };
    assert_eq!(state(&here), "unsubmitted");
    here.write("toy.yaml", text);
    here.run(["submit", "toy.yaml"]).code(0);
    assert_eq!(state(&here), "done");
}
