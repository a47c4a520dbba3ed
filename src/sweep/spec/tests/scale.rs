//! Tests of large grids and of limits: they are counted, checked or refused without being walked.
use super::*;
use std::fmt::Write as _;
use std::time::Duration;

const COMMAND: &str = "command: [echo]\nobjective: {minimize: loss}\n";

fn limited(text: &str, max_runs: u64) -> (Result<u64, String>, Duration) {
    let start = crate::host::instant();
    let result = read("x.yaml", text.as_bytes(), max_runs)
        .map(|(spec, _)| spec.runs())
        .map_err(|errors| errors.render(false, 100));
    (result, start.elapsed())
}

/// Bounds are wide: tests are built without optimisation and share the machine.
fn counted(text: &str, runs: u64) {
    let (result, took) = limited(text, 10_000_000);
    assert_eq!(result, Ok(runs), "{text}");
    assert!(took < Duration::from_secs(20), "{took:?}\n{text}");
}

#[test]
fn ten_million_points_with_conditions_are_counted() {
    let axes = "parameters: {a: {int: [1, 1000]}, b: {int: [1, 1000]}, c: {int: [1, 10]}}\n";
    counted(&format!("{COMMAND}{axes}when: {{b: \"c == 3\"}}\n"), 1000 * (1000 + 9));
    counted(&format!("{COMMAND}{axes}exclude: [{{a: 5, c: [1, 2]}}]\n"), 10_000_000 - 2000);
    counted(
        &format!("{COMMAND}{axes}when: {{b: \"c == 3\"}}\nexclude: [{{b: 7}}, \"a == 1\"]\n"),
        999 * (999 + 9),
    );
}

#[test]
fn a_condition_over_three_axes_is_evaluated_once_a_combination() {
    let text = format!(
        "{COMMAND}parameters: {{a: {{int: [1, 60]}}, b: {{int: [1, 60]}}, c: {{int: [1, 60]}}}}\n\
         exclude: [\"a + b + c > 170\"]\n"
    );
    let left = (1..=60_u64).flat_map(|a| (1..=60).map(move |b| a + b));
    let left = left.flat_map(|ab| (1..=60).map(move |c| ab + c)).filter(|sum| *sum <= 170).count();
    counted(&text, left as u64);
}

#[test]
fn huge_grids_with_conditions_are_refused_at_once() {
    let text = format!(
        "{COMMAND}parameters: {{a: {{int: [1, 9900]}}, b: {{int: [1, 10000]}}}}\n\
         exclude: [{{a: 5, b: 6}}]\n"
    );
    let (said, took) = limited(&text, 100_000);
    let said = said.expect_err("too large");
    assert!(
        said.contains("99000000 runs before its conditions") && said.contains("b 10000 × a 9900"),
        "{said}"
    );
    assert!(took < Duration::from_secs(2), "{took:?}");
    let text = text.replace("9900", "100").replace("{a: 5, b: 6}", "\"a * b % 3 == 7\"");
    let (said, _) = limited(&text, 100_000);
    let said = said.expect_err("too large");
    assert!(said.contains("1000000 runs, of which conditions leave more than 100000"), "{said}");
}

#[test]
fn thousands_of_rows_and_blocks_are_near_linear() {
    let mut text = format!("{COMMAND}parameters: {{a: [0]}}\ninclude:\n");
    for i in 0..6000 {
        writeln!(text, "- {{a: {}}}", i % 5000).expect("text");
    }
    counted(&text, 5000);
    let mut text = format!("{COMMAND}sweeps:\n");
    for i in 0..1500 {
        writeln!(text, "- parameters: {{a: [{i}, {}], b: [1, 2]}}", i + 1).expect("text");
    }
    counted(&text, 1501 * 2);
}

#[test]
fn an_empty_include_is_none() {
    let numbered = |rest: &str| {
        let text = format!("{COMMAND}parameters: {{a: [0, 1, 2]}}\nexclude: [\"a == 1\"]\n{rest}");
        let (spec, _) = read("x.yaml", text.as_bytes(), 100).expect("a spec");
        spec.walk(0, spec.run_numbers()).collect::<Vec<_>>()
    };
    assert_eq!(numbered("include: []\n"), numbered(""));
}

/// The constant-memory way finds the same repeats as the one that holds identities.
#[test]
fn unions_beyond_what_is_held_are_counted_too() {
    let text = format!(
        "{COMMAND}parameters: {{a: {{int: [1, 2000]}}, b: {{int: [1, 1000]}}}}\n\
         include: [{{a: 3, b: 4}}, {{a: 0, b: 4}}, {{a: 0, b: 4.0}}]\n"
    );
    counted(&text, 2_000_001);
}

#[test]
fn a_condition_that_fails_somewhere_is_a_mistake_at_any_size() {
    for n in [10, 1000] {
        let text = format!(
            "{COMMAND}parameters: {{a: {{int: [1, {n}]}}, b: {{int: [1, {n}]}}}}\n\
             exclude: [\"a // (b - 5) > 1\"]\n"
        );
        let said = limited(&text, 10_000_000).0.expect_err("divides by 0");
        assert!(said.contains("a = 1, b = 5") && said.contains("^^^^^^"), "{said}");
        assert!(said.contains("x.yaml:4:"), "underlined where it stands: {said}");
    }
}

#[test]
fn a_value_that_follows_a_choice_is_seen_by_conditions() {
    let spec = good(
        "train: {data: {set: mnist}}\nparameters: {optimizer.kind: [adam, sgd], epochs: [1, 2]}\n\
         exclude: [\"optimizer.lr > 0.005\"]\n",
    );
    assert_eq!(spec.space.trials(), 2);
}

#[test]
fn an_absent_parameter_has_no_value_to_exclude_by() {
    let spec = good(
        "train: {data: {set: mnist}}\nparameters: {optimizer.kind: [adam, sgd], optimizer.momentum: [0.5, 0.9]}\n\
         when: {optimizer.momentum: \"optimizer.kind == 'sgd'\"}\nexclude: [{optimizer.momentum: 0.5}]\n",
    );
    assert_eq!(spec.space.trials(), 2);
}

#[test]
fn every_data_set_of_a_kept_point_is_found() {
    let spec = good(
        "train: {data: {path: /data}}\nparameters: {data.set: [idx, mnist], epochs: [1, 2]}\n\
         exclude: [{data.set: mnist, epochs: 1}]\n",
    );
    let names: Vec<String> = spec.data_sets().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["idx", "mnist"]);
    let spec = good(
        "train: {data: {path: /data}}\nparameters: {data.set: [idx, mnist], epochs: [1, 2]}\n\
         exclude: [{data.set: mnist}]\n",
    );
    assert_eq!(spec.data_sets().len(), 1);
    assert_eq!(spec.data_sets(), [("idx".to_owned(), Some("/data".to_owned()))]);
}

#[test]
fn every_way_to_use_a_table_is_found_once() {
    let spec = good(
        "train: {data: {path: t.csv, target: y}}\nparameters:\n  data.set: [csv, wine]\n  \
         data.ignore: [a, b]\n  data.limit: [100, 110, 120]\n  data.encode: [standard, min_max]\n  \
         optimizer.lr: [0.1, 0.2]\n",
    );
    let ways: Vec<_> = spec.tables().into_iter().map(|(_, data)| data).collect();
    let ways: Vec<_> = ways
        .iter()
        .map(|d| (&*d.set, d.path.as_deref(), d.table.ignore.as_deref().unwrap(), d.limit.unwrap()))
        .collect();
    assert_eq!(ways.len(), 8, "{ways:?}");
    for set in [("csv", Some("t.csv")), ("wine", None)] {
        for (ignore, limit) in [("a", 100), ("b", 100), ("a", 120), ("b", 120)] {
            assert!(ways.contains(&(set.0, set.1, ignore, limit)), "{ways:?}");
        }
    }
}

#[test]
fn large_grids_are_checked_at_their_corners() {
    let text = "train: {data: {set: mnist}}\nparameters:\n  batch_size: {int: [1, 50000]}\n  epochs: {int: [1, 20]}\n  optimizer.kind: [adam, sgd]\n  optimizer.momentum: [0.1, 0.9]\nwhen: {optimizer.momentum: \"optimizer.kind == 'sgd'\"}\n";
    let (said, took) = limited(text, 10_000_000);
    let said = said.expect_err("batch");
    assert!(said.contains("`batch_size: 50000` is more than the 48000"), "{said}");
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn limits_are_named() {
    let train = "train: {data: {set: mnist}}\n";
    for (text, says) in [
        (
            format!("{COMMAND}parameters: {{a: {{int: [0, 9223372036854775808]}}}}\n"),
            "9223372036854775807",
        ),
        (format!("{COMMAND}parameters: {{a: {{int: [0, 0.5]}}}}\n"), "two whole numbers"),
        (
            format!("{COMMAND}parameters: {{a: {{int: [0, 9223372036854775807]}}}}\n"),
            "a 9223372036854775808",
        ),
        (
            format!("{COMMAND}parameters: {{a: {{from: -1e308, to: 1e308, steps: 3}}}}\n"),
            "wider than numbers reach",
        ),
        (format!("{train}seeds: 10000000000000\n"), "from 1 to 100000"),
        ("train: {data: {set: mnist}, batch_size: 100000000}\n".into(), "from 1 to 16777216"),
        ("train: {data: {set: mnist}, model: {layers: 256, width: 100000}}\n".into(), "make 2550"),
        (
            format!("{COMMAND}parameters: {{a.b: [1], a_b: [2]}}\n"),
            "`a.b` and `a_b` both become the variable `DLGRID_PARAM_A_B`",
        ),
        (
            format!("{COMMAND}parameters: {{size: [1]}}\ninclude: [{{sise: 1}}]\n"),
            "did you mean `size`?",
        ),
        (
            format!("{COMMAND}parameters: {{size: [1]}}\ninclude: [{{zz: 1}}]\n"),
            "`zz` in `include` is no parameter",
        ),
        (
            format!("{train}zip: [{{epochs: [2, 2, 2], batch_size: [1, 2, 1]}}]\n"),
            "row 3 of this `zip`",
        ),
        (
            format!(
                "{COMMAND}parameters: {{a: [1]}}\nexclude: [\"{}\"]\n",
                vec!["a"; 40_000].join(" + ")
            ),
            "more than 4096",
        ),
        (format!("{train}---\n{train}"), "a second document starts here"),
    ] {
        let said = limited(&text, 100_000).0.expect_err("a mistake");
        assert!(said.contains(says), "{}\nsays: {said}\nnot: {says}", &text[..text.len().min(300)]);
    }
    let spec = good(&format!("{train}zip: [{{epochs: [2, 2, 3], batch_size: [1, 2, 3]}}]\n"));
    assert_eq!(spec.space.trials(), 3);
    let spec = good(
        "command: [echo, \"{zz}\"]\nobjective: {minimize: loss}\nparameters: {zz: [1]}\ninclude: [{zz: 2}]\n",
    );
    assert_eq!(spec.space.trials(), 2);
}

#[test]
fn too_many_nodes_are_told_in_our_words() {
    let text = format!("a: [{}]\n", "1,".repeat(125_000));
    let said = limited(&text, 1).0.expect_err("too many nodes");
    assert!(!said.contains("Nodes") && !said.contains("budget"), "{said}");
}
