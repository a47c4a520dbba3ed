//! What a spec means does not depend on how it is written; and no name leaves its folder.
use std::path::{Component, Path};

use proptest::prelude::*;

use super::*;
use crate::spec::check::is_name;
use crate::sweep::Sweep;

/// The same section written in several ways; the last one means another thing.
const SECTIONS: &[&[&str]] = &[
    &["name: toy", "name: \"toy\"", "name: 'toy'   # its name", "name: toys"],
    &[
        "train: {data: {set: mnist, limit: 1000}, epochs: 3}",
        "train:\n  data:\n    set: mnist\n    limit: 1e3\n  epochs: 3.0",
        "train: {\"data\": {set: 'mnist', limit: 1000.0}, epochs: +3}   # short",
        "train: {data: {set: mnist, limit: 1000}, epochs: 4}",
    ],
    &[
        "parameters: {optimizer.lr: [0.1, 1e-3], batch_size: [8, 16]}",
        "parameters:\n  optimizer.lr: [1e-1, .001]\n  batch_size:\n  - 8\n  - 16",
        "parameters: {\"optimizer.lr\": [0.1, 0.001], 'batch_size': [8.0, 16]}",
        "parameters: {optimizer.lr: [0.1, 1e-4], batch_size: [8, 16]}",
    ],
    &["seeds: [4, 1]", "seeds:\n- 4\n- 1", "seeds: [ 4,1 ]   # two", "seeds: [1, 4]"],
    &[
        "objective: {minimize: valid/loss}",
        "objective:\n  minimize: 'valid/loss'",
        "objective: {\"minimize\": valid/loss}   # lower is better",
        "objective: {minimize: train/loss}",
    ],
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Order, layout, quotes, spellings of numbers, comments and line ends change no hash; another
    /// meaning does.
    #[test]
    fn a_hash_is_of_what_is_meant(
        ways in prop::collection::vec(0..3_usize, SECTIONS.len()),
        order in Just((0..SECTIONS.len()).collect::<Vec<_>>()).prop_shuffle(),
        space in prop_oneof![Just("\n"), Just("\r\n"), Just("\n\n# a comment\n")],
        other in 0..SECTIONS.len(),
    ) {
        let text = |ways: &[usize]| {
            let parts = order.iter().map(|part| SECTIONS[*part][ways[*part]]);
            parts.map(|part| format!("{part}{space}")).collect::<String>()
        };
        let hash = |ways: &[usize]| {
            let read = read("sweep.yaml", text(ways).as_bytes(), 1000);
            let (spec, _) = read.unwrap_or_else(|wrong| panic!("{}", wrong.render(false, 100)));
            spec.hash
        };
        let plain = hash(&[0; SECTIONS.len()]);
        prop_assert_eq!(&hash(&ways), &plain, "{}", text(&ways));
        let mut changed = ways;
        changed[other] = 3;
        prop_assert_ne!(hash(&changed), plain);
    }

    /// A name that is accepted makes one folder below the root, and is no option and not hidden.
    #[test]
    fn no_name_leaves_the_root(name in prop_oneof![".{0,70}", "[./\\\\a-z-]{0,6}", "[A-Za-z0-9._-]{1,70}"]) {
        if !is_name(&name) {
            return Ok(());
        }
        let text = format!("name: \"{name}\"\ncommand: [echo]\nparameters: {{x: [1]}}\nobjective: {{minimize: loss}}\n");
        let (spec, _) = read("sweep.yaml", text.as_bytes(), 10).expect("the rest is sound");
        let dir = Sweep::folder(Path::new("root"), &spec);
        let parts: Vec<Component<'_>> = dir.path().components().collect();
        prop_assert!(matches!(parts[..], [Component::Normal(root), Component::Normal(_)] if root == "root"));
        prop_assert!(!name.starts_with(['-', '.']) && !dir.label().contains(char::is_control));
    }
}
