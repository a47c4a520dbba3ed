//! Runs found by what they are, in a sweep with runs in several states.
use super::super::run::find_run;
use super::*;
use crate::judge::State;
use crate::spec;
use crate::store::read::load;
use crate::store::record::{End, Outcome};
use crate::store::segment::{HeadFacts, SegmentWriter};
use crate::sweep::Sweep;

const SPEC: &str = "\
name: toy
command: [train, '{optimizer.lr}', '{model.layers}', '{kind}']
parameters:
  optimizer.lr: {log: [1e-4, 1e-1], steps: 7}
  model.layers: [1, 2]
  kind: [adam, 1e-2x]
objective: {minimize: loss}
seeds: [4, 5]
";

/// Twenty-eight points, two seeds: of the first seed the first 20 have ended, 1 and 9 badly.
fn with<T>(then: impl FnOnce(&Among<'_>) -> T) -> T {
    let keep = tempfile::tempdir().expect("a folder");
    let (spec, _) = spec::read("toy.yaml", SPEC.as_bytes(), 1000).expect("a spec");
    let sweep = Sweep::create(keep.path(), spec, SPEC.as_bytes(), &crate::pack::Cut::Slots(1))
        .expect("a sweep")
        .sweep;
    let facts = HeadFacts { sweep: sweep.manifest.id.clone(), ..HeadFacts::default() };
    let mut segment = SegmentWriter::begin(&sweep.dir, 0, facts).expect("a segment");
    for index in 0..20 {
        let run = sweep.run(index).expect("a run");
        segment.start(&run).expect("written");
        let mut end = End::failed(&run, "x", 1.0);
        if index != 1 && index != 9 {
            end.outcome = Outcome::Done;
        }
        segment.end(&end).expect("written");
    }
    segment.close().expect("written");
    let results = load(&sweep.dir, &sweep.manifest.id).expect("readable");
    let state = |index| match results.end(index).map(|end| end.outcome) {
        Some(Outcome::Failed) => State::Failed,
        Some(_) => State::Done,
        None => State::Waiting,
    };
    then(&Among { spec: &sweep.spec, results: &results, state: &state })
}

fn asked(words: &str, condition: Option<&str>) -> Result<FoundRun, NoRun> {
    let words: Vec<String> = words.split(' ').filter(|w| !w.is_empty()).map(Into::into).collect();
    with(|among| {
        let wanted = Wanted::read(&words, condition, among.spec)?;
        find_wanted(among, &wanted)
    })
}

#[test]
fn parameters_name_a_run_however_they_are_written() {
    for (words, condition, index, note) in [
        ("optimizer.lr=1e-4 model.layers=1 kind=adam", None, 0, None),
        ("optimizer.lr=0.0001 model.layers=1.0 kind=adam seed=4", None, 0, None),
        // 3.1622776601683795e-4, as tables show it and as they do not.
        ("optimizer.lr=0.000316228 model.layers=1 kind=adam", None, 4, None),
        ("optimizer.lr=3.16228e-4 model.layers=1 kind=1e-2x", None, 5, None),
        ("optimizer.lr=1e-3", None, 9, Some("showing run 9, failed; 4 runs match: 8, 9, 10, 11")),
        ("state=failed", None, 1, Some("showing run 1, failed; 2 runs match: 1, 9")),
        (
            "model.layers=1",
            Some("optimizer.lr < 2e-4"),
            1,
            Some("showing run 1, failed; 2 runs match: 0, 1"),
        ),
        ("", Some("optimizer.lr > 2e-4 and state == 'failed' and seed == 4"), 9, None),
        (
            "",
            Some("seed == 4"),
            1,
            Some("showing run 1, failed; 20 runs match: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, …"),
        ),
    ] {
        let found = asked(words, condition).expect(words);
        assert_eq!((found.index, found.note.as_deref()), (index, note), "{words} {condition:?}");
    }
}

#[test]
fn what_names_no_run_is_refused_with_a_way_out() {
    for (words, condition, fact, hint) in [
        ("lr=1", None, "`lr` is no parameter of `toy`", "did you mean `optimizer.lr`?"),
        ("stat=failed", None, "`stat` is no parameter of `toy`", "did you mean `state`?"),
        (
            "zzz=1",
            None,
            "`zzz` is no parameter of `toy`",
            "there are: optimizer.lr, model.layers, kind, seed, state",
        ),
        (
            "",
            Some("model.layer > 1"),
            "`model.layer` is no parameter of `toy`",
            "did you mean `model.layers`?",
        ),
        (
            "",
            Some("model.layers >"),
            "`model.layers >` is no condition",
            "a condition looks like `optimizer.lr < 1e-3 and state == 'failed'`",
        ),
        (
            "kind=adamw model.layers=1",
            None,
            "no run of `toy` has `kind=adamw` and `model.layers=1`",
            "`dlgrid report toy --all` shows the values that there are",
        ),
        ("seed=6", None, "no run of `toy` has `seed=6`", "`dlgrid report toy --all`"),
        ("seed=5", None, "run 28 has not begun: there is no log of it", "`dlgrid status`"),
        (
            "optimizer.lr",
            None,
            "`optimizer.lr` is neither the number of a run",
            "a RUN is a number",
        ),
    ] {
        let error = asked(words, condition).expect_err(words);
        assert!(error.to_string().starts_with(fact), "{words}: {error}");
        assert!(error.hint().starts_with(hint), "{words}: {}", error.hint());
    }
}

#[test]
fn of_a_trial_the_run_that_went_worst_is_taken() {
    with(|among| {
        let run = |index| among.spec.run(index).expect("a run");
        let trial = crate::trial::TrialId::of(&run(9).work).to_string();
        let by_trial = find_run(among, &trial[..8]).expect("a run");
        assert_eq!(by_trial, FoundRun { index: 9, note: None });
        let by_run = find_run(among, &run(3).id.to_string()[..12]).expect("a run");
        assert_eq!(by_run, FoundRun { index: 3, note: None });
        assert_eq!(find_run(among, "55").expect("a run").index, 55);
        assert!(matches!(find_run(among, "56"), Err(NoRun::NoSuchNumber { last: 55, .. })));
    });
}
