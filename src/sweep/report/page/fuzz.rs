//! Texts of others in every place of the page: they add no tag and no attribute to it.
use html5gum::Token;

use super::{Page, document};
use crate::judge::Liveness;
use crate::report::Report;
use crate::report::efficiency::{Around, Efficiency};
use crate::report::fuzz::tokens;
use crate::store::curves::Curves;
use crate::store::layout::SweepDir;
use crate::store::manifest::{MANIFEST_SCHEMA, Manifest};
use crate::sweep::Sweep;

const SPEC: &str =
    "name: toy\ncommand: [echo]\nparameters: {x: {int: [0, 5]}}\nobjective: {minimize: loss}\n";

/// The page of a report whose texts are drawn has the parts of that of a harmless one, and its data
/// stands in signs that mean nothing to HTML.
pub(in crate::report) fn check(drawn: (Report, &[String]), harmless: (Report, &[String])) {
    let page = tokens(&render(drawn));
    let parts = |tokens: &[Token<()>]| {
        let parts = tokens.iter().filter(|token| !matches!(token, Token::String(_)));
        parts.cloned().collect::<Vec<_>>()
    };
    assert_eq!(parts(&page), parts(&tokens(&render(harmless))));
    let is_data = |token: &Token<()>| match token {
        Token::StartTag(tag) => tag.attributes.values().any(|value| value.as_slice() == b"data"),
        _ => false,
    };
    let place = page.iter().position(is_data).expect("the page has its data");
    let Token::String(data) = &page[place + 1] else { panic!("no data") };
    assert!(data.iter().all(|sign| sign.is_ascii_alphanumeric() || b"+/=".contains(sign)));
}

fn render((report, texts): (Report, &[String])) -> String {
    let text = |place: usize| texts[place % texts.len()].clone();
    let (mut spec, _) =
        crate::spec::read("toy.yaml", SPEC.as_bytes(), 100).expect("the spec is sound");
    spec.description = Some(text(0));
    let manifest = Manifest {
        schema: MANIFEST_SCHEMA,
        id: spec.hash.clone(),
        name: text(1),
        spec_hash: spec.hash.clone(),
        recipe_schema: 1,
        trials: 6,
        runs: 6,
        slices: Vec::new(),
        objective: String::new(),
        created: 1.5,
        dlgrid: text(2),
        git: Some(text(3)),
        host: text(4),
    };
    let sweep = Sweep { dir: SweepDir::new("runs/toy"), manifest, spec };
    let around = Around {
        sweep: report.sweep.clone(),
        liveness: &|_| Liveness::Gone,
        runs_per_slice: 1,
        runs: 1,
        repeated_seconds: 0.0,
    };
    document::render(&Page {
        report,
        curves: Curves::default(),
        best: None,
        mistakes: Vec::new(),
        logs: vec![texts.to_vec()],
        bars: Vec::new(),
        efficiency: Efficiency::of(&[], &around),
        spec: text(5),
        changed: true,
        devices: texts.to_vec(),
        hosts: texts.to_vec(),
        now: 2.0,
        sweep: &sweep,
    })
}
