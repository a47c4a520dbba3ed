//! Tests of the table of settings.
use super::entry::{POSITIVE, UNIT};
use super::*;
use crate::recipe::Value;

#[test]
fn the_table_is_sorted_and_unique() {
    assert!(KEYS.windows(2).all(|w| w[0].path < w[1].path));
}

#[test]
fn every_default_is_admitted_by_its_own_kind() {
    for key in KEYS {
        let presets: Vec<Lit> = match key.preset {
            Preset::Fixed(lit) => vec![lit],
            Preset::By(cases, rest) => cases.iter().map(|(_, lit)| *lit).chain([rest]).collect(),
            Preset::Required => vec![],
        };
        for lit in presets {
            assert!(
                lit == Lit::Null || key.kind.admit(&lit.value()).is_some(),
                "{} {lit:?}",
                key.path
            );
        }
    }
}

#[test]
fn every_selector_is_a_choice_of_the_table() {
    for key in KEYS {
        if let Some((selector, choices)) = key.only {
            let Kind::Choice(words) = KEYS[find(selector).expect("selector")].kind else {
                panic!("{selector} is no choice");
            };
            assert!(choices.iter().all(|c| words.contains(c)), "{}", key.path);
        }
    }
}

#[test]
fn expectations_read_well() {
    assert_eq!(UNIT.expected(), "a number of at least 0 and less than 1");
    assert_eq!(POSITIVE.expected(), "a number greater than 0");
    let batch = KEYS[find("batch_size").expect("key")].kind;
    let expected = |i| batch.expected_instead_of(&Value::Int(i));
    assert_eq!(expected(0), "a whole number of at least 1");
    assert_eq!(expected(100_000_000), "a whole number from 1 to 16777216");
}
