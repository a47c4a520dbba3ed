//! The targets over the stored corpus, and over what is near to it.
use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

use super::TARGETS;

/// The files of a target in `fuzz/corpus`, by name.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|cause| panic!("`{}`: {cause}", folder.display()))
        .map(|entry| entry.expect("an entry").path())
        .map(|path| (path.display().to_string(), std::fs::read(&path).expect("readable")))
        .collect();
    files.sort();
    files
}

#[test]
fn every_target_holds_over_the_corpus() {
    let mut bytes = 0;
    for (target, run) in TARGETS {
        let files = corpus(target);
        assert!(files.len() > 2, "{target}");
        for (file, content) in files {
            // Shown where the test fails.
            println!("{file}");
            run(&content);
            bytes += content.len();
        }
    }
    assert!(bytes < 200_000, "the corpus is {bytes} bytes");
}

/// A file of the corpus with some bytes changed, gone, or doubled, and some of another file's.
fn near(files: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let edit = (any::<prop::sample::Index>(), 0..24_usize, 0..4_u8, any::<u8>());
    let one = prop::sample::select(files);
    (one.clone(), one, prop::collection::vec(edit, 1..6)).prop_map(|(mut bytes, other, edits)| {
        for (at, length, how, byte) in edits {
            let from = at.index(bytes.len() + 1);
            let to = (from + length).min(bytes.len());
            match how {
                0 => bytes[from..to].fill(byte),
                1 => drop(bytes.drain(from..to)),
                2 => bytes.extend_from_within(from..to),
                _ => {
                    let start = from.min(other.len());
                    let end = (start + length).min(other.len());
                    drop(bytes.splice(from..from, other[start..end].iter().copied()));
                }
            }
        }
        bytes
    })
}

/// As many drawn cases a target as `PROPTEST_CASES` says, else a few that are always the same.
#[test]
fn every_target_holds_near_the_corpus() {
    let asked = crate::host::env("PROPTEST_CASES").is_some();
    let mut failed = Vec::new();
    for (target, run) in TARGETS {
        let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
        if !asked {
            config.cases = if target == "report" { 8 } else { 64 };
        }
        let files = corpus(target).into_iter().map(|(_, bytes)| bytes).collect();
        let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let mut runner = match asked {
            true => TestRunner::new(config),
            false => TestRunner::new_with_rng(config, rng),
        };
        let held = runner.run(&near(files), |bytes| {
            run(&bytes);
            Ok(())
        });
        failed.extend(held.err().map(|why| format!("{target}: {why}")));
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
