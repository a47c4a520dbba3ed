//! Facts that were told with a way out that was none, and what passed in silence.
use super::*;

const MNIST: &str = "train: {data: {set: mnist}}\n";

fn program(rest: &str) -> String {
    format!("objective: {{minimize: loss}}\n{rest}")
}

/// The only mistake, or the only warning.
fn only(text: &str) -> (String, String, usize) {
    let mistakes = match read("sweep.yaml", text.as_bytes(), 400_000) {
        Ok((_, warnings)) => warnings,
        Err(errors) => errors.mistakes,
    };
    let [mistake] = mistakes.as_slice() else { panic!("{text}\n{mistakes:?}") };
    let (fact, hint) = (mistake.fact.clone(), mistake.hint.clone().unwrap_or_default());
    (fact, hint, mistake::place(text, mistake.span.start).0)
}

#[test]
fn keys_of_another_range_are_mistakes() {
    for (domain, says, way) in [
        ("{int: [1, 100], steps: 5}", "`steps` does not go with `int`", "from: 1, to: 100, steps"),
        (
            "{from: 0, to: 1, steps: 3, step: 1}",
            "`step` does not go with `from`",
            "how many values",
        ),
        ("{log: [1, 10], steps: 3, step: 2}", "`step` does not go with `log`", "how many values"),
        ("{log: [1, 10], steps: 3, from: 2}", "`from` does not go with `log`", "write one of"),
        ("{int: [1, 10], log: [1, 10]}", "`log` does not go with `int`", "write one of"),
    ] {
        let text = program(&format!("command: [run, '{{x}}']\nparameters: {{x: {domain}}}\n"));
        let (fact, hint, _) = only(&text);
        assert!(fact.contains(says) && hint.contains(way), "{fact} {hint}");
    }
}

#[test]
fn whole_numbers_that_would_lose_digits_are_refused_and_words_told() {
    let huge = "18446744073709551615";
    for rest in [
        format!("parameters: {{x: [{huge}]}}\n"),
        format!("parameters: {{x: [[1, -{huge}]]}}\n"),
        format!("parameters: {{x: {huge}}}\n"),
        format!("parameters: {{x: [1]}}\ninclude: [{{x: {huge}}}]\n"),
        format!("parameters: {{x: [1]}}\nexclude: [{{x: {huge}}}]\n"),
    ] {
        let (fact, hint, _) = only(&program(&format!("command: [run, '{{x}}']\n{rest}")));
        assert!(fact.contains("would lose digits") && hint.contains("quotes"), "{fact} {hint}");
    }
    let fine = "parameters: {x: [9223372036854775807, 1e20, 0.1]}\n";
    good(&program(&format!("command: [run, '{{x}}']\n{fine}")));
    for (word, gets) in [("1.10", "1.1"), ("0x10", "16"), ("1e-4", "0.0001")] {
        let (fact, hint, _) = only(&program(&format!("command: [run, {word}]\n")));
        assert_eq!(
            fact,
            format!("the program gets `{gets}` for `{word}`: a number without quotes")
        );
        assert_eq!(hint, format!("put it in quotes: `\"{word}\"`"));
    }
    let text = program(&format!("command: [run, '{huge}', -1, 0.5, 007, '1.10', 3]\n"));
    let Work::Command(command) = good(&text).run(0).expect("run").work else { panic!() };
    assert_eq!(command.template, ["run", huge, "-1", "0.5", "007", "1.10", "3"]);
    // Two that differ in digits that are lost would be one sweep.
    let (fact, hint, _) = only(&program(&format!("command: [run, --i, {huge}]\n")));
    assert!(fact.contains("a word of `command` would lose digits"), "{fact}");
    assert_eq!(hint, format!("put it in quotes, so that it is text: `\"{huge}\"`"));
}

#[test]
fn a_condition_that_never_holds_is_told_once_and_only_then() {
    let two = "parameters: {optimizer.kind: [adam, sgd], optimizer.momentum: [0.5, 0.9]}\n";
    let never = format!("{MNIST}{two}when: {{optimizer.momentum: \"optimizer.kind == 'sdg'\"}}\n");
    let (fact, _, line) = only(&never);
    assert_eq!(fact, "`optimizer.momentum` exists nowhere: its condition never holds");
    assert_eq!(line, 3);
    let blocks = "sweeps: [{parameters: {epochs: [1]}}, {parameters: {epochs: [2]}}]\n";
    assert_eq!(only(&format!("{never}{blocks}")).2, 3);
    // Of rules that blocks share, one that does something in a single block is none.
    let one = "sweeps:\n  - parameters: {optimizer.kind: [adam], optimizer.momentum: [0.5]}\n  \
               - parameters: {optimizer.kind: [sgd], optimizer.momentum: [0.5]}\n";
    let when = "when: {optimizer.momentum: \"optimizer.kind == 'sgd'\"}\n";
    good(&format!("{MNIST}{one}{when}exclude: [\"optimizer.kind == 'adam'\"]\n"));
}

#[test]
fn the_condition_of_a_block_takes_the_place_of_a_shared_one() {
    let text = format!(
        "{MNIST}parameters: {{optimizer.kind: [adam, sgd], batch_size: [32, 128]}}\n\
         when: {{batch_size: \"optimizer.kind == 'sgd'\"}}\n\
         sweeps:\n  - parameters: {{epochs: [1]}}\n    when: {{batch_size: \"optimizer.kind == 'adam'\"}}\n  \
         - parameters: {{epochs: [2]}}\n"
    );
    let spec = good(&text);
    let runs = spec.walk(0, u64::MAX).filter_map(|number| spec.run(number));
    let with: Vec<String> = runs.map(|run| run.work.canonical()).collect();
    // The preset of the optimizer, adam, does not stand in the text.
    let adam = with.iter().filter(|w| w.contains("batch_size") && !w.contains("sgd")).count();
    let sgd = with.iter().filter(|w| w.contains("batch_size") && w.contains("sgd")).count();
    assert_eq!((with.len(), adam, sgd), (6, 2, 2), "{with:?}");
}

#[test]
fn a_placeholder_without_a_value_at_some_points_says_where() {
    let command = "command: [run, '{a}', '{b}']\n";
    let conditional =
        program(&format!("{command}parameters: {{a: [1, 2], b: [3]}}\nwhen: {{b: \"a == 2\"}}\n"));
    let (fact, hint, line) = only(&conditional);
    assert_eq!(fact, "`{b}` in `command` has no value at the point a = 1");
    assert!(hint.contains("`DLGRID_PARAM_B`"), "{hint}");
    assert_eq!(line, 4);
    let included =
        program(&format!("{command}parameters: {{a: [1], b: [3]}}\ninclude:\n  - {{a: 5}}\n"));
    let (fact, hint, line) = only(&included);
    assert_eq!(fact, "`{b}` in `command` has no value at the point a = 5");
    assert!(hint.contains("give `b` here"), "{hint}");
    assert_eq!(line, 5);
    let block = "sweeps: [{parameters: {a: [1], b: [3]}}, {parameters: {a: [2]}}]\n";
    let (fact, _, line) = only(&program(&format!("{command}{block}")));
    assert_eq!(fact, "`{b}` in `command` has no value at the point a = 2");
    assert_eq!(line, 2);
}

#[test]
fn what_does_nothing_at_a_point_on_top_is_shown_there() {
    let two = "parameters: {optimizer.kind: [adam, sgd], optimizer.momentum: [0.5, 0.9]}\n\
               when: {optimizer.momentum: \"optimizer.kind == 'sgd'\"}\n";
    let point = "{optimizer.kind: adam, optimizer.lr: 0.5, optimizer.momentum: 0.9}";
    let (fact, hint, line) = only(&format!("{MNIST}{two}include:\n  - {point}\n"));
    assert_eq!(fact, "`optimizer.momentum` does nothing when `optimizer.kind` is `adam`");
    assert_eq!(hint, "leave `optimizer.momentum` out of this point");
    assert_eq!(line, 5);
}

#[test]
fn text_that_looks_like_a_number_says_how_to_write_it() {
    for (value, way) in [
        ("epochs: \"10\"", "remove the quotes"),
        ("epochs: 010", "write `10`"),
        ("epochs: 1_000", "write `1000`"),
        ("optimizer: {lr: 0_1.5}", "write `1.5`"),
        ("optimizer: {lr: inf}", ""),
        ("optimizer: {lr: 'inf'}", ""),
        ("optimizer: {lr: nan}", ""),
        ("optimizer: {lr: 1e}", ""),
        ("epochs: many", ""),
    ] {
        let (_, hint, _) = only(&format!("train: {{data: {{set: mnist}}, {value}}}\n"));
        assert_eq!(hint, way, "{value}");
    }
}

#[test]
fn a_shared_rule_by_values_is_for_the_blocks_that_have_its_parameters() {
    let blocks = "sweeps:\n  - parameters: {model.width: [32, 64]}\n  - parameters: {model.layers: [5, 6]}\n";
    let with = |rule: &str| format!("{MNIST}{blocks}exclude: [{rule}]\n");
    assert_eq!(good(&with("{model.width: 32}")).space.trials(), 3);
    let (fact, hint, _) = only(&with("{model.width: 32, model.layers: 5}"));
    assert_eq!(fact, "no block has all the parameters that this rule names");
    assert!(hint.contains("a condition"), "{hint}");
    let own = "sweeps:\n  - parameters: {model.width: [32]}\n    exclude: [{model.layers: 5}]\n  \
               - parameters: {model.layers: [5, 6]}\n";
    let (fact, hint, _) = only(&format!("{MNIST}{own}"));
    assert_eq!(fact, "`model.layers` in `exclude` is no parameter of this block");
    assert!(hint.contains("another block"), "{hint}");
}

#[test]
fn settings_are_named_as_they_are_called_where_they_are_asked_for() {
    for (train, way) in [
        ("kind: mlp", "did you mean `model.kind`, `optimizer.kind` or `schedule.kind`?"),
        ("optimizer: {learning_rate: 0.1}", "did you mean `lr`?"),
        ("optimizer: {optimizer.lr: 0.1}", "did you mean `lr`?"),
        ("model: {learning_rate: 0.1}", "did you mean `optimizer.lr`, directly below `train`?"),
        ("learning_rate: 0.1", "did you mean `optimizer.lr`?"),
    ] {
        let (_, hint, _) = only(&format!("train: {{data: {{set: mnist}}, {train}}}\n"));
        assert_eq!(hint, way, "{train}");
    }
    let (_, hint, _) = only(&format!("{MNIST}parameters: {{kind: [a]}}\n"));
    assert_eq!(hint, "did you mean `model.kind`, `optimizer.kind` or `schedule.kind`?");
}

#[test]
fn one_value_between_two_good_ones_is_found_in_a_large_grid_too() {
    let many = "  optimizer.lr: {log: [1e-4, 1e-1], steps: 1000}\n  \
                regularize.l2: {from: 0, to: 1e-3, steps: 100}\n";
    for (model, parameter, says) in [
        ("cnn", "model.kernel: [3, 4, 5]", "`model.kernel` must be odd, got `4`"),
        ("vgg", "model.depth: {from: 11, to: 13, steps: 3}", "11, 13, 16 or 19, got `12`"),
    ] {
        let train = format!("train: {{data: {{set: mnist}}, model: {{kind: {model}}}}}\n");
        let (fact, ..) = only(&format!("{train}parameters:\n  {parameter}\n{many}"));
        assert!(fact.contains(says), "{fact}");
    }
}

#[test]
fn conditions_in_a_chain_are_read_fast() {
    let parameters: String = (0..1000).map(|n| format!("  a{n}: [1]\n")).collect();
    let whens: String = (1..1000).rev().map(|n| format!("  a{n}: a{} == 1\n", n - 1)).collect();
    let text = program(&format!("command: [run]\nparameters:\n{parameters}when:\n{whens}"));
    let began = crate::host::instant();
    assert_eq!(good(&text).space.trials(), 1);
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    let circle = program(
        "command: [run]\nparameters: {a: [1], b: [1], c: [1]}\nwhen: {a: b == 1, b: c == 1, c: b == 1}\n",
    );
    assert_eq!(only(&circle).0, "whether `a` exists depends on itself");
}

#[test]
fn values_that_lie_close_together_stay_apart() {
    let text = program(
        "command: [run, '{x}']\nparameters: {x: [1700000000.1, 1700000000.2, 1700000000.3]}\n\
         exclude: [{x: 1700000000.2}]\n",
    );
    assert_eq!(good(&text).space.trials(), 2);
    let repeats =
        "command: [run, '{x}']\nparameters: {x: {from: 1, to: 1.00000000001, steps: 100}}\n";
    assert!(only(&program(repeats)).0.contains("lie too close"));
}

#[test]
fn a_mistake_in_what_blocks_share_is_told_once() {
    let text = "when: {epoch: \"1 == 1\"}\nsweeps: [{parameters: {epochs: [1]}}, {parameters: {epochs: [2]}}]\n";
    assert_eq!(only(&format!("{MNIST}{text}")).1, "did you mean `epochs`?");
}

#[test]
fn an_empty_union_is_told() {
    let (fact, hint, _) = only(&format!("{MNIST}sweeps: []\n"));
    assert!(fact == "`sweeps` has no block" && hint.contains("remove it"), "{fact} {hint}");
}

#[test]
fn numbers_without_brackets_are_one_text_and_that_is_told() {
    let spec = |x: &str| {
        format!("objective: {{minimize: loss}}\ncommand: [run, '{{x}}']\nparameters:\n  x: {x}\n")
    };
    let (fact, hint, line) = only(&spec("1, 2.5"));
    assert_eq!(fact, "`x` has one value: the text `1, 2.5`");
    assert_eq!((hint.as_str(), line), ("did you mean `[1, 2.5]`?", 4));
    let stray = spec("1").replace("parameters:\n  x: 1", "parameters: {x: 1, 2}");
    let (fact, hint, line) = only(&stray);
    assert_eq!(fact, "`2` is a parameter of its own, without a value");
    assert!(hint.contains("`[…, 2]`") && line == 3, "{hint}");
    for meant in ["'1, 2'", "[1, 2]", "a, b", "1"] {
        let read = read("sweep.yaml", spec(meant).as_bytes(), 400_000);
        assert_eq!(read.expect("a spec").1, [], "{meant}");
    }
}

#[test]
fn a_range_of_a_whole_number_is_shown_as_one() {
    let spec = |path: &str| format!("{MNIST}parameters: {{{path}: {{from: 1, to: 3}}}}\n");
    assert!(only(&spec("epochs")).1.contains("`{int: [1, 3]}`"));
    assert_eq!(only(&spec("optimizer.lr")).1, "add `steps: 5`");
}
