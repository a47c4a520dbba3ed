//! `dlgrid sanity` and `sanity: true`: one batch is overfitted before a sweep is made.
use crate::blobs::write_blobs;
use crate::support::Sandbox;

fn sandbox(rates: &str, more: &str) -> Sandbox {
    let here = Sandbox::new();
    write_blobs(&here.path().join("blobs"), 200, 40);
    here.write(
        "s.yaml",
        format!(
            "train:\n  data: {{set: idx, path: blobs, scale: [-1, 1]}}\n  model: {{layers: 1, width: 32}}\n  regularize: {{dropout: 0.5}}\n  epochs: 1\n  batch_size: 32\nparameters: {{optimizer.lr: [{rates}]}}\nseeds: 2\n{more}"
        ),
    );
    here
}

#[test]
fn trials_that_can_not_learn_are_told_with_a_hint() {
    let here = sandbox("1.0e-9, 0.01, 0.02", "");
    let said = here.run(["sanity", "s.yaml"]).code(7);
    for words in ["stays flat", "falls to zero", "raise `optimizer.lr`", "1 is not well"] {
        assert!(said.out.contains(words), "{words} in\n{}", said.out);
    }
    assert!(here.sweeps().is_empty(), "nothing is made");
    let json = here.run(["sanity", "s.yaml", "--format", "json"]).code(7).json();
    assert_eq!((&json["schema"], &json["bad"]), (&"dlgrid.sanity/1".into(), &1.into()));
    assert_eq!(json["tried"][0]["verdict"], "flat");
    assert_eq!(json["tried"][0]["losses"].as_array().unwrap().len(), 201);
    assert_eq!(json["tried"][1]["verdict"], "learns");
    assert_eq!(json["tried"][1]["samples"], 32);
    let one = here.run(["sanity", "s.yaml", "--trials", "1", "--format", "json"]).json();
    assert_eq!(one["tried"].as_array().unwrap().len(), 1);
}

#[test]
fn a_submit_that_insists_on_sanity_makes_no_sweep_of_what_can_not_learn() {
    let here = sandbox("1.0e-9, 0.01", "sanity: true\n");
    here.run(["submit", "s.yaml"]).code(7).says("stays flat").says("--no-sanity");
    assert!(here.sweeps().is_empty());
    here.run(["submit", "s.yaml", "--no-sanity"]).code(0).says("4 of 4 runs done");
    // What has begun goes on.
    here.run(["submit", "s.yaml"]).code(0);
    let well = sandbox("0.01, 0.02", "sanity: true\n");
    well.run(["submit", "s.yaml"]).code(0).says("all are well").says("4 of 4 runs done");
}

#[test]
fn what_has_no_model_or_no_data_is_refused() {
    let here = sandbox("0.01", "");
    std::fs::remove_dir_all(here.path().join("blobs")).unwrap();
    here.run(["sanity", "s.yaml"]).code(4).says("hint:");
    here.write("c.yaml", crate::support::script(2, "true"));
    here.run(["sanity", "c.yaml"]).code(2).says("`command`").says("canary");
    here.run(["sanity", "s.yaml", "--format", "csv"]).code(2).says("json");
}
