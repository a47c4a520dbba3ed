//! What `check`, `plan`, `schema` and their kin say of a spec, right or wrong.
use crate::support::{REPORT, Sandbox, script};

const MNIST: &str = "train: {data: {set: mnist}}\n";

#[test]
fn a_right_spec_is_summed_up_in_a_line() {
    let here = Sandbox::new();
    here.write("deep.yaml", format!("{MNIST}parameters: {{model.layers: [1, 2], optimizer.lr: {{log: [1e-3, 1e-1], steps: 3}}}}\nseeds: 2\n"));
    let said = here.run(["check", "deep.yaml"]).code(0);
    assert_eq!(
        said.out,
        "deep: ok, 6 trials (model.layers 2 × optimizer.lr 3) × 2 seeds = 12 runs\n"
    );
    assert!(said.err.starts_with("next: dlgrid plan deep.yaml"), "{}", said.err);
    std::fs::create_dir(here.path().join("it's")).unwrap();
    std::fs::rename(here.path().join("deep.yaml"), here.path().join("it's/deep.yaml")).unwrap();
    here.run(["check", "it's/deep.yaml"]).code(0).says(r"then dlgrid submit 'it'\''s/deep.yaml'");
    here.run(["plan", "it's/deep.yaml"]).code(0).says(r"next: dlgrid submit 'it'\''s/deep.yaml'");
}

#[test]
fn a_wrong_spec_shows_every_mistake_and_nothing_else_happens() {
    let here = Sandbox::new();
    here.write("bad.yaml", "train: {data: {set: minst}, epohcs: 3}\nseeds: none\n");
    for command in ["check", "plan", "submit"] {
        let said = here.run([command, "bad.yaml"]).code(2);
        assert_eq!(said.out, "");
        insta::allow_duplicates! {
            insta::assert_snapshot!(said.err, @r#"
            error: `data.set` must be `breast-cancer`, `cifar-10`, `cifar-100`, `csv`, `diabetes`, `digits`, `fashion-mnist`, `idx`, `iris`, `mnist` or `wine`, got the text "minst"
             --> bad.yaml:1:21
              |
            1 | train: {data: {set: minst}, epohcs: 3}
              |                     ^^^^^ not one of these
              |
              = hint: did you mean `mnist`?

            error: unknown key `epohcs` in `train`
             --> bad.yaml:1:29
              |
            1 | train: {data: {set: minst}, epohcs: 3}
              |                             ^^^^^^ not a setting of a recipe
              |
              = hint: did you mean `epochs`?

            error: `seeds` must be a whole number from 1 to 100000, or a list of different seeds, got the text "none"
             --> bad.yaml:2:8
              |
            2 | seeds: none
              |        ^^^^ expected a whole number from 1 to 100000, or a list of different seeds

            error: `bad.yaml` has 3 mistakes
            "#);
        }
    }
    assert!(here.sweeps().is_empty());
}

#[test]
fn bad_files_are_refused_fast_and_clearly() {
    let here = Sandbox::new();
    let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..12 {
        laughs += &format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 10].join(", "));
    }
    let wide: String = (0..10).map(|i| format!("  p{i}: {{int: [1, 1000]}}\n")).collect();
    for (name, bytes, says) in [
        ("empty", b"".to_vec(), "the file is empty"),
        ("latin1", b"name: caf\xe9\n".to_vec(), "not UTF-8"),
        ("tabs", b"train:\n\tdata: {set: mnist}\n".to_vec(), "a tab indents this line"),
        ("brackets", "[".repeat(300_000).into_bytes(), "more than 256"),
        ("deep", "[".repeat(200_000).into_bytes(), "nests more than"),
        ("laughs", laughs.into_bytes(), "error"),
        ("twice", format!("{MNIST}seeds: 1\nseeds: 2\n").into_bytes(), "stands twice"),
        (
            "minus",
            b"train: {data: {set: mnist}, optimizer: {lr: -1}}\n".to_vec(),
            "greater than 0, got `-1`",
        ),
        (
            "words",
            b"train: {data: {set: mnist}, optimizer: {lr: abc}}\n".to_vec(),
            "got the text \"abc\"",
        ),
        (
            "nothing",
            format!("{MNIST}parameters: {{foo.bar: [1]}}\n").into_bytes(),
            "names no setting",
        ),
        ("section", format!("{MNIST}parameters: {{model: [mlp]}}\n").into_bytes(), "is a section"),
        (
            "huge",
            format!("command: [echo]\nobjective: {{minimize: loss}}\nparameters:\n{wide}")
                .into_bytes(),
            "10^30 runs",
        ),
        (
            "none-left",
            format!("{MNIST}parameters: {{epochs: [1, 2]}}\nexclude: [\"epochs < 3\"]\n")
                .into_bytes(),
            "the grid is empty",
        ),
    ] {
        let file = format!("{name}.yaml");
        here.write(&file, bytes);
        let begun = std::time::Instant::now();
        here.run(["check", &file]).code(2).says(says);
        assert!(begun.elapsed().as_secs() < 20, "{name}");
    }
    here.run(["check", "absent.yaml"])
        .code(2)
        .says("cannot read `absent.yaml`")
        .says("hint: `dlgrid init`");
    here.run(["check", "."]).code(2).says("hint: name the YAML file");
}

#[test]
fn a_plan_is_documented_json() {
    let here = Sandbox::new();
    here.write("toy.yaml", script(7, REPORT));
    let plan = here.run(["plan", "toy.yaml", "--format", "json", "--slots", "2"]).code(0).json();
    assert_eq!(plan["schema"], "dlgrid.plan/1");
    assert_eq!(
        (&plan["trials"], &plan["runs"], &plan["slices"]),
        (&7.into(), &7.into(), &7.into())
    );
    assert_eq!(plan["first"][1]["x"], 1);
    here.run(["plan", "toy.yaml"]).code(0).says("trials     7").says("first      x = 0");
}

#[test]
fn limits_are_raised_on_purpose() {
    let here = Sandbox::new();
    here.write("wide.yaml", script(200_000, REPORT));
    here.run(["check", "wide.yaml"])
        .code(2)
        .says("200000 runs, more than the limit of 100000")
        .says("--max-runs 200000");
    here.run(["check", "wide.yaml", "--max-runs", "200000"]).code(0);
}

#[test]
fn what_init_writes_is_right_and_is_never_overwritten() {
    let here = Sandbox::new();
    for (args, file) in
        [(vec!["init"], "sweep.yaml"), (vec!["init", "--command", "any.yaml"], "any.yaml")]
    {
        assert_eq!(here.command(&args).status().unwrap().code(), Some(0));
        here.run(["check", file]).code(0);
        assert_eq!(here.command(&args).status().unwrap().code(), Some(2));
    }
    here.run(["init", "my sweep.yaml"]).code(0);
    here.run(["check", "my sweep.yaml"]).code(0);
    here.run(["init", "-"]).code(2).says("name one: `dlgrid init sweep.yaml`");
}

#[test]
fn every_experiment_is_right() {
    let here = Sandbox::new();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "yaml") {
            here.run(["check", path.to_str().unwrap()]).code(0);
            seen += 1;
        }
    }
    assert!(seen >= 2);
}

#[test]
fn help_schema_completions_and_manual_are_there() {
    let here = Sandbox::new();
    here.run(["--help"]).code(0).says("Exit codes:").says("submit");
    here.run(["sumbit"]).code(2).says("submit");
    let schema = here.run(["schema"]).code(0).json();
    assert_eq!(schema["properties"]["train"]["properties"]["epochs"]["default"], 10);
    here.run(["schema", "--format", "markdown"]).code(0).says("| `optimizer.lr` |");
    for shell in ["bash", "zsh", "fish"] {
        here.run(["completions", shell]).code(0).says("dlgrid");
    }
    here.run(["man"]).code(0).says(".TH dlgrid");
    assert_eq!(here.command(["man", "--dir", "."]).status().unwrap().code(), Some(0));
    for page in ["submit", "watch", "site-detect", "data-fetch"] {
        assert!(here.path().join(format!("dlgrid-{page}.1")).exists(), "{page}");
    }
    here.run(["man", "site", "detect"]).code(0).says(".TH dlgrid-site-detect 1");
    here.run(["man", "sumbit"]).code(2).says("there is no command `sumbit`");
}

#[test]
fn a_shell_completes_names_of_sweeps() {
    let here = Sandbox::new();
    for name in ["toy", "toy-deep", "other"] {
        let text = script(1, REPORT).replace("name: toy", &format!("name: {name}"));
        here.write("spec.yaml", format!("name: {name}\n{}", text.replace("name: ", "# ")));
        here.run(["submit", "spec.yaml", "--slots", "1"]).code(0);
    }
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_dlgrid"));
    let path =
        format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let typed = |words: &str, word: &str| {
        let script = format!(
            "source <(dlgrid completions bash); COMP_WORDS=({words}); \
             COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _clap_complete_dlgrid dlgrid '{word}' x; \
             printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        let bash = std::process::Command::new("bash")
            .args(["--norc", "-c", &script])
            .env("PATH", &path)
            .current_dir(here.path())
            .output()
            .unwrap();
        String::from_utf8(bash.stdout).unwrap()
    };
    assert_eq!(typed("dlgrid status to", "to"), "toy-deep\ntoy\n", "the newest first");
    for words in ["export to", "compare to", "compare other to", "fsck to"] {
        assert_eq!(typed(&format!("dlgrid {words}"), "to"), "toy-deep\ntoy\n", "{words}");
    }
    assert_eq!(typed("dlgrid rep", "rep"), "report\n");
    assert_eq!(typed("dlgrid data fetch mn", "mn"), "mnist\n");
    assert_eq!(typed("dlgrid submit spec.yaml --site sin", "sin"), "single-node\n");
    assert_eq!(typed("dlgrid logs --root elsewhere to", "to"), "\n");
    for shell in ["zsh", "fish"] {
        let mut asked = here.command(["--", "dlgrid", "report", "ot"]);
        let asked = asked.env("DLGRID_COMPLETE", shell).env("_CLAP_COMPLETE_INDEX", "2");
        let said = String::from_utf8(asked.output().unwrap().stdout).unwrap();
        assert!(said.starts_with("other"), "{shell}: {said}");
    }
}
