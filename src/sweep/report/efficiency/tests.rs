//! Efficiency, from the files of tasks to text.
use super::*;
use crate::store::layout::SweepDir;
use crate::store::tasks::{Begin, Died, Full, TASK_SCHEMA, TaskLine, TaskWriter, read_all};
use crate::terminal::View;

fn around(liveness: &dyn Fn(u32) -> Liveness) -> Around<'_> {
    let sweep = Title {
        name: "fashion-depth".into(),
        id: "ab".repeat(16),
        dir: "runs/x".into(),
        typed: "fashion-depth".into(),
    };
    Around { sweep, liveness, runs_per_slice: 4, runs: 1000, repeated_seconds: 180.0 }
}

fn begin(task: u32, restarts: u32) -> Begin {
    Begin {
        schema: TASK_SCHEMA,
        intent: 1,
        array: 118,
        task,
        restarts,
        node: format!("n{}", task % 3),
        slices: task.to_string(),
        workers: 1,
        ranks: None,
        granted: Granted {
            seconds: Some(1800),
            cpus: Some(4),
            memory_mib: Some(16 * 1024),
            gpus: Some(1),
        },
        time: 100.0 * f64::from(restarts),
    }
}

fn end(cause: Option<Cause>, seconds: f64, memory: u64) -> TaskEnd {
    let used = Used {
        seconds,
        cpu_seconds: 1.2 * seconds,
        peak_memory_mib: Some(memory),
        gpu_use: Some(0.31),
        gpu_peak_memory_mib: Some(3_000),
        apart: false,
    };
    let requeued = cause == Some(Cause::Time);
    TaskEnd { cause, requeued, why: None, ends: 4, failed: 0, used, time: 1e3 }
}

/// What tasks would write, written and read back.
fn written(starts: &[(Begin, Vec<TaskLine>)]) -> Vec<TaskStart> {
    let tmp = tempfile::tempdir().expect("a folder");
    let dir = SweepDir::new(tmp.path());
    for (begin, lines) in starts {
        let mut writer = TaskWriter::begin(&dir, begin).expect("written");
        for line in lines {
            writer.add(line).expect("written");
        }
    }
    read_all(&dir).expect("readable")
}

fn sweep() -> Vec<TaskStart> {
    let mut starts: Vec<(Begin, Vec<TaskLine>)> = (0..20)
        .map(|task| {
            let seconds = 200.0 + 10.0 * f64::from(task);
            let memory = 2_000 + 40 * u64::from(task);
            (begin(task, 0), vec![TaskLine::End(end(None, seconds, memory))])
        })
        .collect();
    // Two that were killed with all their processes, one of them started again; two at work.
    starts.push((begin(20, 0), vec![]));
    starts.push((begin(20, 1), vec![TaskLine::End(end(None, 600.0, 2_000))]));
    starts.extend([(begin(21, 0), vec![]), (begin(22, 0), vec![]), (begin(23, 0), vec![])]);
    let unusable = TaskEnd { ends: 0, ..end(Some(Cause::Unusable), 36.0, 900) };
    starts.push((begin(24, 0), vec![TaskLine::End(unusable)]));
    starts.push((begin(25, 0), vec![TaskLine::End(end(Some(Cause::Time), 1_790.0, 2_100))]));
    // A canary trains nothing.
    starts.push((Begin { slices: String::new(), intent: 2, ..begin(0, 0) }, vec![]));
    written(&starts)
}

fn efficiency() -> Efficiency {
    let liveness = |slice| match slice {
        22 => Liveness::Alive,
        23 => Liveness::Unknown,
        _ => Liveness::Gone,
    };
    Efficiency::of(&sweep(), &around(&liveness))
}

#[test]
fn one_screen_says_what_to_ask_for() {
    for width in [80, 140] {
        let text = render(&efficiency(), View { width: Some(width), color: false });
        assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
    }
    let view = View { width: Some(80), color: false };
    insta::assert_snapshot!(render(&efficiency(), view), @r"
    fashion-depth  27 starts of 26 array tasks, 23 measured

    resource    granted  median      p95      max  used  ask for
    time        30m 00s  5m 00s  10m 00s  29m 50s  20 %  15m
    cores             4     1.2      1.2      1.2  30 %  2
    memory         16 G   2.3 G    2.7 G    2.7 G  14 %  3584M
    gpu               1    31 %     31 %     31 %  31 %  smaller
    gpu memory        -   2.9 G    2.9 G    2.9 G     -  4G

    next time  slurm: {time: 15m, cpus: 2, memory: 3584M}
    hint       GPUs are busy 31 % of the time: larger batches fill them, a smaller
               GPU would do

    starts     21 ended well, 2 killed without a last line, 1 stopped by the time
               limit, 1 on a node that is unusable, 1 at work, 1 at work or killed
    cpu hours  9.25 granted, 2.78 used, 0.24 wasted
    gpu hours  2.31 granted, 0.72 used, 0.06 wasted
    ");
    let wide = View { width: Some(140), color: false };
    insta::assert_snapshot!(render(&efficiency(), wide), @r"
    fashion-depth  27 starts of 26 array tasks, 23 measured

    resource    granted  median      p95      max  used  ask for
    time        30m 00s  5m 00s  10m 00s  29m 50s  20 %  15m
    cores             4     1.2      1.2      1.2  30 %  2
    memory         16 G   2.3 G    2.7 G    2.7 G  14 %  3584M
    gpu               1    31 %     31 %     31 %  31 %  smaller
    gpu memory        -   2.9 G    2.9 G    2.9 G     -  4G

    next time  slurm: {time: 15m, cpus: 2, memory: 3584M}
    hint       GPUs are busy 31 % of the time: larger batches fill them, a smaller GPU would do

    starts     21 ended well, 2 killed without a last line, 1 stopped by the time limit, 1 on a node that is unusable, 1 at work, 1 at work or
               killed
    cpu hours  9.25 granted, 2.78 used, 0.24 wasted
    gpu hours  2.31 granted, 0.72 used, 0.06 wasted
    ");
}

#[test]
fn programs_get_all_digits() {
    insta::assert_snapshot!(render_csv(&efficiency()), @r"
    resource,unit,granted_min,granted_max,median,p95,max,share,ask
    time,s,1800.0,1800.0,300.0,600.0,1790.0,0.2011111111111111,15m
    cores,cores,4.0,4.0,1.2,1.2,1.2,0.30000000000000004,2
    memory,MiB,16384.0,16384.0,2320.0,2720.0,2760.0,0.13958474864130435,3584M
    gpu,share,1.0,1.0,0.31,0.31,0.31,0.31,smaller
    gpu memory,MiB,,,3000.0,3000.0,3000.0,,4G
    ");
    insta::assert_snapshot!(render_json(&efficiency()), @r#"
    {"schema":"dlgrid.efficiency/1","sweep":{"dir":"runs/x","id":"abababababababababababababababab","name":"fashion-depth"},"starts":27,"tasks":26,"measured":23,"endings":{"no_last_line":2,"running":1,"running_or_killed":1,"time":1,"unusable":1,"well":21},"resources":[{"ask":{"key":"time","same":false,"value":"15m"},"granted":{"max":1800.0,"min":1800.0},"resource":"time","share":0.2011111111111111,"unit":"s","used":{"max":1790.0,"median":300.0,"p95":600.0}},{"ask":{"key":"cpus","same":false,"value":"2"},"granted":{"max":4.0,"min":4.0},"resource":"cores","share":0.30000000000000004,"unit":"cores","used":{"max":1.2,"median":1.2,"p95":1.2}},{"ask":{"key":"memory","same":false,"value":"3584M"},"granted":{"max":16384.0,"min":16384.0},"resource":"memory","share":0.13958474864130435,"unit":"MiB","used":{"max":2760.0,"median":2320.0,"p95":2720.0}},{"ask":{"key":null,"same":false,"value":"smaller"},"granted":{"max":1.0,"min":1.0},"resource":"gpu","share":0.31,"unit":"share","used":{"max":0.31,"median":0.31,"p95":0.31}},{"ask":{"key":null,"same":false,"value":"4G"},"granted":null,"resource":"gpu memory","share":null,"unit":"MiB","used":{"max":3000.0,"median":3000.0,"p95":3000.0}}],"cpu_hours":{"granted":9.251111111111111,"used":2.7753333333333337,"wasted":0.24},"gpu_hours":{"granted":2.312777777777778,"used":0.716961111111111,"wasted":0.06},"hints":["GPUs are busy 31 % of the time: larger batches fill them, a smaller GPU would do"]}
    "#);
}

#[test]
fn who_ran_out_of_memory_gets_twice_as_much() {
    let died = Died { slice: 0, how: "signal 9".into(), cause: Cause::Memory, time: 5.0 };
    let lines = vec![TaskLine::Died(died), TaskLine::End(end(None, 12.0, 4_090))];
    let granted = Granted { memory_mib: Some(4 * 1024), ..begin(0, 0).granted };
    let starts = written(&[(Begin { granted, ..begin(0, 0) }, lines)]);
    let efficiency = Efficiency::of(&starts, &around(&|_| Liveness::Gone));
    let view = View { width: Some(80), color: false };
    insta::assert_snapshot!(render(&efficiency, view), @r"
    fashion-depth  1 start of 1 array task, 1 measured

    resource    granted  median    p95    max   used  ask for
    time        30m 00s     12s    12s    12s    1 %  2m
    cores             4     1.2    1.2    1.2   30 %  2
    memory          4 G     4 G    4 G    4 G  100 %  8G
    gpu               1    31 %   31 %   31 %   31 %  smaller
    gpu memory        -   2.9 G  2.9 G  2.9 G      -  4G

    next time  slurm: {time: 2m, cpus: 2, memory: 8G}
    hint       1 start ran out of memory: twice as much is asked for
    hint       tasks live 12s at the median: `slurm.runs_per_task: 100` saves starts
    hint       GPUs are busy 31 % of the time: larger batches fill them, a smaller
               GPU would do

    starts     1 ended well
    cpu hours  0.01 granted, 0.00 used, 0.01 wasted
    gpu hours  0.00 granted, 0.00 used, 0.00 wasted
    ");
}

/// What killed a task at once is in no last line; and a limit in which nothing ended was too low.
#[test]
fn what_starts_had_too_little_of_is_not_advised() {
    let full = TaskLine::Full(Full { memory_mib: 290, time: 5.0 });
    let little = |task, memory_mib| Begin {
        granted: Granted { memory_mib: Some(memory_mib), ..begin(0, 0).granted },
        ..begin(task, 0)
    };
    let well = |task| (little(task, 600), vec![TaskLine::End(end(None, 400.0, 90))]);
    let mut starts = vec![well(0), (little(1, 300), vec![full])];
    let in_vain =
        TaskEnd { requeued: false, ends: 1, failed: 1, ..end(Some(Cause::Time), 9.0, 90) };
    let limit = Granted { seconds: Some(7200), ..begin(0, 0).granted };
    let cut_off = |end| (Begin { granted: limit, ..begin(2, 0) }, vec![TaskLine::End(end)]);
    let ask = |starts: &[(Begin, Vec<TaskLine>)], liveness| {
        let efficiency = Efficiency::of(&written(starts), &around(&|_| liveness));
        let of = |what| efficiency.resources.iter().find(|r| r.what == what)?.ask.clone();
        let told = efficiency.hints.iter().filter(|hint| hint.contains("is asked for")).count();
        (of(What::Time).map(|ask| ask.value), of(What::Memory).map(|ask| ask.value), told)
    };
    let words = |time: &str, memory: &str, told| (Some(time.into()), Some(memory.into()), told);
    assert_eq!(ask(&starts, Liveness::Gone), words("9m", "640M", 1));
    assert_eq!(ask(&starts, Liveness::Alive), words("9m", "128M", 0), "it is at work");
    starts.pop();
    starts.push(cut_off(in_vain.clone()));
    assert_eq!(ask(&starts, Liveness::Gone), words("2h45m", "128M", 1));
    for other in [TaskEnd { ends: 2, ..in_vain.clone() }, TaskEnd { requeued: true, ..in_vain }] {
        starts.pop();
        starts.push(cut_off(other));
        assert_eq!(ask(&starts, Liveness::Gone).2, 0, "it got somewhere");
    }
}

#[test]
fn cores_are_asked_for_by_rank_and_what_slurm_started_is_not_told() {
    let ask = |begin: Begin, used: Used| {
        let starts =
            written(&[(begin, vec![TaskLine::End(TaskEnd { used, ..end(None, 400.0, 2_000) })])]);
        let efficiency = Efficiency::of(&starts, &around(&|_| Liveness::Gone));
        let of = |what| {
            let resource = efficiency.resources.iter().find(|r| r.what == what)?;
            resource.ask.as_ref().map(|ask| (ask.value.clone(), ask.same))
        };
        (of(What::Cores), of(What::Memory), efficiency.cpu_hours.used.is_some())
    };
    let granted = |cpus| Granted { cpus: Some(cpus), ..begin(0, 0).granted };
    let of_ranks = |ranks, workers, cpus| Begin {
        ranks: Some(ranks),
        workers,
        granted: granted(cpus),
        ..begin(0, 0)
    };
    let used = |cores: f64| Used { cpu_seconds: 400.0 * cores, ..end(None, 400.0, 2_000).used };
    let cores = |n: &str, same| Some((n.to_owned(), same));
    for (begin, busy, expected) in [
        // Four ranks of two cores each, all busy, and half of them.
        (of_ranks(4, 1, 8), 7.9, cores("2", true)),
        (of_ranks(4, 1, 8), 4.1, cores("1", false)),
        // A worker on each rank.
        (of_ranks(4, 4, 4), 0.5, cores("1", true)),
        // Workers without ranks share the task's cores: one each.
        (Begin { workers: 4, granted: granted(8), ..begin(0, 0) }, 2.0, cores("4", false)),
    ] {
        assert_eq!(ask(begin, used(busy)).0, expected, "{busy}");
    }
    let apart = Used { apart: true, ..used(0.01) };
    assert_eq!(ask(of_ranks(4, 1, 8), apart), (None, None, false));
}

#[test]
fn where_nothing_is_measured_it_says_so() {
    let view = View { width: Some(80), color: false };
    let nothing = Efficiency::of(&[], &around(&|_| Liveness::Gone));
    insta::assert_snapshot!(render(&nothing, view), @r"
    fashion-depth  nothing is measured: no task of a Slurm array wrote what it took
    ");
    let starts = written(&[(begin(0, 0), vec![])]);
    let at_work = Efficiency::of(&starts, &around(&|_| Liveness::Alive));
    insta::assert_snapshot!(render(&at_work, view), @r"
    fashion-depth  1 start of 1 array task, 0 measured

    nothing is measured yet: no task has ended by itself

    starts     1 at work
    ");
    // A kernel and a site that tell little.
    let bare = Begin { granted: Granted::default(), ..begin(0, 0) };
    let mut little = end(None, 400.0, 0);
    little.used = Used { seconds: 400.0, cpu_seconds: 380.0, ..Used::default() };
    let starts = written(&[(bare, vec![TaskLine::End(little)])]);
    let efficiency = Efficiency::of(&starts, &around(&|_| Liveness::Gone));
    insta::assert_snapshot!(render(&efficiency, view), @r"
    fashion-depth  1 start of 1 array task, 1 measured

    resource  granted  median     p95     max  used  ask for
    time            -  6m 40s  6m 40s  6m 40s     -  9m
    cores           -     0.9     0.9     0.9     -  1

    next time  slurm: {time: 9m, cpus: 1}

    starts     1 ended well
    cpu hours  0.11 used; what was granted is not known
    ");
}

#[test]
fn what_was_killed_or_repeated_is_waste() {
    let hours = efficiency().cpu_hours;
    // The unusable node: 36 s of 4 cores; and 180 s of runs trained once more.
    assert!((hours.wasted - 4.0 * (36.0 + 180.0) / 3600.0).abs() < 1e-9, "{hours:?}");
}
