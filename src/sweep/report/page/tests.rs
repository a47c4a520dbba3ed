//! The page's pieces: what is thinned, which axes are logarithmic, which bars share a row.
use super::bars::{self, Bar};
use super::curves::{digits, room, thin};
use super::document::verdict;
use super::payload::{data, has_ratios};
use crate::judge::{Counts, Liveness, State};
use crate::recipe::Value;
use crate::report::Query;
use crate::report::tests::folded_report;
use crate::store::layout::SegmentName;
use crate::store::merge::{Results, Tail};
use crate::store::record::Head;

/// Five trials: noise can't tell the second and the fourth from the first, the fifth has no result.
#[test]
fn the_first_sentences_are_of_what_is_selected_and_of_all() {
    let told = |filter: Option<&str>, top, sort: Option<&str>| {
        let filter = filter.map(Into::into);
        let query = Query { filter, top, sort: sort.map(Into::into), ..Query::default() };
        folded_report(query, verdict).replace("&#39;", "'")
    };
    let all = told(None, None, None);
    let others = "2 other trials can't be told from it by 6 runs each (paired t test, p ≥ 0.05).";
    assert!(all.contains(">Best is <b class=\"id\">a4c8dd69<") && all.contains(others), "{all}");
    assert_eq!(told(None, Some(1), None), all);
    assert_eq!(told(None, None, Some("-rank")), all);
    for (filter, best, sure) in [
        (
            "rank > 1",
            "Best of those selected (rank 2 of all) is",
            "It can't be told from a4c8dd69, the first of all, by 6 runs each",
        ),
        (
            "rank == 3",
            "Best of those selected (rank 3 of all) is",
            "It is worse than a4c8dd69, the first of all, by more than noise over 6 runs.",
        ),
        ("rank is not defined", "No trial that is selected has a result.", ""),
    ] {
        let text = told(Some(filter), None, None);
        assert!(text.contains(best) && text.contains(sure), "{text}");
    }
}

#[test]
fn of_a_trial_of_which_runs_diverged_that_is_said() {
    let told = |filter: Option<&str>| {
        let query = Query { filter: filter.map(Into::into), ..Query::default() };
        folded_report(query, |report| {
            let mut report = report.clone();
            report.rows[0].counts = Counts::of([State::Diverged]);
            verdict(&report)
        })
    };
    let behind = "It ranks behind a4c8dd69, the first of all, for runs of it diverged.";
    for (filter, expected) in [
        (Some("rank == 3"), behind),
        (None, "Runs of it diverged, as of all others with a result."),
    ] {
        let text = told(filter);
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn numbers_keep_so_many_digits() {
    let some = [
        (0.123_456, 0.1235),
        (-98_765.4, -98_770.0),
        (0.0, 0.0),
        (1e-300, 1e-300),
        (3.141_59e200, 3.142e200),
        (0.999_96, 1.0),
        (7.000_4e-17, 7e-17),
        (1.234_56e20, 1.235e20),
    ];
    for (x, expected) in some {
        assert_eq!(digits(x, 4).to_string(), f64::to_string(&expected), "{x}");
    }
    for x in [0.95_f32, 0.1, 2.718_3e3, 1.5e-7, 16_777_215.0, -0.949_999_9] {
        let told = digits(f64::from(x), 9);
        assert_eq!(told as f32, x);
        assert!((told - f64::from(x)).abs() < 1e-8 * f64::from(x).abs(), "{told} of {x}");
    }
}

#[test]
fn a_thinned_curve_keeps_its_ends_and_its_best_epoch() {
    let epochs: Vec<u32> = (1..=1000).collect();
    let kept = thin(&epochs, Some(777), 24);
    assert_eq!((kept.first(), kept.last(), kept.len()), (Some(&1), Some(&1000), 25));
    assert!(kept.contains(&777) && kept.is_sorted());
    assert_eq!(thin(&epochs[..24], Some(7), 24), epochs[..24]);
}

#[test]
fn curves_have_the_room_that_a_page_of_so_many_trials_has() {
    // Trials, numbers an epoch; epochs of a trial after the first, and numbers of the whole.
    for (rows, an_epoch, expected) in [
        (3, 8, (200, 240_000)),
        (100, 8, (200, 240_000)),
        (1_000, 8, (24, 240_000)),
        (10_000, 4, (59, 2_400_000)),
        (100_000, 4, (24, 2_400_000)),
    ] {
        assert_eq!(room(rows, an_epoch), expected, "{rows}");
    }
    assert_eq!(room(0, 0), (200, 240_000));
}

#[test]
fn the_user_s_own_files_have_no_checksums_of_the_catalogue() {
    let own = data("cifar-10", Some("mine"));
    assert_eq!(own, [("data", "cifar-10: mine".to_owned())]);
    let known = data("cifar-10", None);
    assert_eq!(known[0], ("data", "cifar-10".to_owned()));
    assert!(known.len() > 1 && known[1..].iter().all(|(what, _)| *what == "sha-256"), "{known:?}");
}

#[test]
fn an_axis_is_logarithmic_where_values_have_ratios() {
    let ratios: [(&[f64], bool); 5] = [
        (&[1e-4, 1e-3, 1e-2], true),
        (&[16.0, 64.0, 256.0, 1024.0], true),
        (&[1.0, 50.0, 100.0], false),
        (&[0.0, 0.01, 1.0], false),
        (&[0.1, 100.0], false),
    ];
    for (values, expected) in ratios {
        let values: Vec<Value> = values.iter().map(|x| Value::Float(*x)).collect();
        assert_eq!(has_ratios(values.iter()), expected, "{values:?}");
    }
}

#[test]
fn bars_that_overlap_on_a_node_have_rows_of_their_own() {
    let bar = |node: &str, from, to| Bar {
        node: node.into(),
        span: (from, to),
        ending: "well",
        label: String::new(),
    };
    let bars =
        [bar("a", 10.0, 20.0), bar("a", 15.0, 25.0), bar("a", 20.0, 30.0), bar("b", 10.0, 11.0)];
    let json = bars::json(&bars);
    let rows: Vec<_> = json["bars"].as_array().expect("bars").iter().map(|b| &b[0]).collect();
    assert_eq!(rows, [0, 1, 0, 2]);
    assert_eq!(json["rows"], serde_json::json!(["a", "a", "b"]));
    assert_eq!((&json["from"], &json["left_out"]), (&10.0.into(), &0.into()));
}

#[test]
fn work_that_goes_on_is_no_trouble() {
    use crate::store::tasks::{Begin, Cause, TaskEnd, TaskStart, Used};
    let head = |slice: u32, attempt: u32| Head {
        schema: 1,
        sweep: String::new(),
        slice,
        attempt,
        nonce: String::new(),
        host: "a".into(),
        pid: 1,
        dlgrid: String::new(),
        device: "cpu".into(),
        log: None,
        node: None,
        intent: None,
        time: 10.0 * f64::from(attempt),
    };
    let mut results = Results::default();
    for (slice, attempt) in [(0, 1), (0, 2), (1, 1), (2, 1)] {
        let name = SegmentName { slice, attempt, nonce: String::new() };
        let mut tail = Tail::default();
        tail.head = Some(Box::new(head(slice, attempt)));
        results.segments.insert(name, tail);
    }
    let liveness =
        |slice: u32| [Liveness::Alive, Liveness::Gone, Liveness::Unknown][slice as usize % 3];
    let told = |starts: &[TaskStart]| {
        let mut told: Vec<(String, f64, &str)> = bars::bars(&results, starts, &liveness, 100.0)
            .into_iter()
            .map(|bar| (bar.label, bar.span.1, bar.ending))
            .collect();
        told.sort_by(|a, b| a.0.cmp(&b.0));
        told.into_iter().map(|(_, to, ending)| (to, ending)).collect::<Vec<_>>()
    };
    let expected =
        [(10.0, "stopped"), (100.0, "running"), (10.0, "stopped"), (10.0, "running or killed")];
    assert_eq!(told(&[]), expected);
    let start = |task: u32, slices: &str, end: Option<(Option<Cause>, bool)>| TaskStart {
        begin: Begin { task, slices: slices.into(), time: 20.0, ..Begin::default() },
        died: vec![],
        full: None,
        end: end.map(|(cause, requeued)| TaskEnd {
            cause,
            requeued,
            why: None,
            ends: 0,
            failed: 0,
            used: Used::default(),
            time: 30.0,
        }),
    };
    let starts = [
        start(0, "0", None),
        start(1, "0", None),
        start(2, "1", None),
        start(3, "2", None),
        start(4, "1", Some((Some(Cause::Time), true))),
        start(5, "4", Some((Some(Cause::Memory), false))),
        start(6, "5", Some((None, false))),
    ];
    let expected = [
        (20.0, "no last line"),
        (100.0, "running"),
        (20.0, "no last line"),
        (20.0, "running or killed"),
        (30.0, "put back"),
        (30.0, "memory"),
        (30.0, "well"),
    ];
    assert_eq!(told(&starts), expected);
}

#[test]
fn every_name_at_the_top_of_the_script_is_used() {
    let script = super::document::OWN.concat();
    let code: String = script.lines().map(|l| l.split(" // ").next().unwrap_or(l)).collect();
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let words: Vec<&str> = code.split(|c| !is_part(c)).collect();
    let declared = script.lines().filter_map(|line| {
        let rest = ["const ", "function ", "async function "]
            .iter()
            .find_map(|word| line.strip_prefix(word))?;
        rest.split(|c| !is_part(c)).next()
    });
    let names: Vec<&str> = declared.collect();
    assert!(names.len() > 30, "{names:?}");
    for name in names {
        let uses = words.iter().filter(|word| **word == name).count();
        assert!(uses > 1, "`{name}` is used nowhere");
    }
}
