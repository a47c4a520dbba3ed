//! Any text in the forms of a report: read by a real parser of each form it is text, and nothing else.
use html5gum::{DefaultEmitter, Token, Tokenizer};
use pulldown_cmark::{Event, Options, Parser, Tag};

use super::page::fuzz as page;
use super::{Aim, Cause, Report, Row, Summary, Title};
use super::{csv, json, markdown, table};
use crate::html::escaped;
use crate::judge::{Counts, State};
use crate::recipe::Value;
use crate::terminal::View;
use crate::text::{clean, cut, wrapped};

/// Texts: what stands between bytes that no text has.
fn texts(bytes: &[u8]) -> Vec<String> {
    bytes
        .split(|byte| *byte == 0xff)
        .take(12)
        .map(|text| String::from_utf8_lossy(text).into())
        .collect()
}

/// Each text alone: what a reader of the form finds is the text, without what [`clean`] takes out.
pub fn escaping(bytes: &[u8]) {
    for text in texts(bytes) {
        let plain = clean(&text);
        assert!(!plain.chars().any(char::is_control), "{plain:?}");
        assert_eq!(clean(&plain), plain);
        assert!(cut(&text, 9).chars().count() <= 9);
        assert!(wrapped(&text, 9).iter().all(|line| line.chars().count() <= 9));
        in_html(&text, &plain);
        in_csv(&text, &plain);
        in_markdown(&text, &plain);
    }
}

fn in_html(text: &str, plain: &str) {
    let shown = escaped(text);
    let tokens = tokens(&format!("<p title=\"{shown}\" class='{shown}'>{shown}</p>"));
    let (first, rest) = tokens.split_first().expect("a tag");
    let Token::StartTag(p) = first else { panic!("{first:?}") };
    let values: Vec<_> =
        p.attributes.values().map(|value| String::from_utf8_lossy(value)).collect();
    assert_eq!(values, [plain, plain]);
    let said = rest.iter().filter_map(|token| match token {
        Token::String(said) => Some(String::from_utf8_lossy(said)),
        _ => None,
    });
    assert_eq!(said.collect::<String>(), plain);
    assert_eq!(rest.len(), 1 + usize::from(!plain.is_empty()));
}

fn in_csv(text: &str, plain: &str) {
    let written = csv::write([vec![csv::text(text), "x".into()]].into_iter());
    let lines = csv_lines(&written);
    assert_eq!((lines.len(), lines[0][1].as_str()), (1, "x"));
    let cell = lines[0][0].as_str();
    assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\0']), "{cell:?}");
    assert!(cell == plain || cell.strip_prefix('\'') == Some(plain), "{cell:?}");
}

fn in_markdown(text: &str, plain: &str) {
    let head = [(markdown::escape(text), false), ("x".into(), true)];
    let table = markdown::write(&head, [vec![markdown::escape(text), "x".into()]].into_iter());
    let mut cells = Vec::new();
    for event in events(&table) {
        match event {
            Event::Start(Tag::TableCell) => cells.push(String::new()),
            Event::Text(said) => cells.last_mut().expect("a cell").push_str(&said),
            Event::Start(Tag::Table(_) | Tag::TableHead | Tag::TableRow) | Event::End(_) => {}
            other => panic!("{other:?} in {table}"),
        }
    }
    let plain = plain.trim_matches(' ');
    assert_eq!(cells, [plain, "x", plain, "x"], "{table}");
}

pub(super) fn tokens(html: &str) -> Vec<Token<()>> {
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let Ok(tokens) = Tokenizer::new_with_emitter(html, emitter).collect();
    tokens
}

fn csv_lines(text: &str) -> Vec<Vec<String>> {
    let mut reader = ::csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    let line = |line: ::csv::StringRecord| line.iter().map(str::to_owned).collect();
    reader.records().map(|read| line(read.expect("as many cells as the head"))).collect()
}

fn events(text: &str) -> Vec<Event<'_>> {
    let dialects = Options::all() - Options::ENABLE_SMART_PUNCTUATION;
    Parser::new_ext(text, dialects).collect()
}

/// A whole report with texts of others in every place: each form has the parts that it has with
/// harmless texts.
pub fn report(bytes: &[u8]) {
    let texts = texts(bytes);
    let harmless = vec!["x".to_owned(); texts.len()];
    let (report, plain) = (of_texts(&texts), of_texts(&harmless));
    for color in [false, true] {
        let shown = table::render(&report, View { width: Some(80), color });
        let foreign = |c: char| c.is_control() && c != '\n' && !(color && c == '\u{1b}');
        assert!(!shown.contains(foreign), "{shown:?}");
    }
    let read: serde_json::Value = serde_json::from_str(&json::render(&report)).expect("JSON");
    assert_eq!(read["sweep"]["name"], report.sweep.name);
    for (form, rows) in [(csv::render as fn(&Report) -> _, 2), (csv::render_runs, 1)] {
        assert_eq!(csv_lines(&form(&report)).len(), rows);
    }
    let parts = |report| {
        let text = markdown::render(report);
        let parts = events(&text).into_iter().filter(|event| !matches!(event, Event::Text(_)));
        parts.map(|event| event.into_static()).collect::<Vec<_>>()
    };
    assert_eq!(parts(&report), parts(&plain));
    page::check((report, &texts), (plain, &harmless));
}

fn of_texts(texts: &[String]) -> Report {
    let text = |place: usize| texts[place % texts.len()].clone();
    let paths: Vec<&str> = texts.iter().take(3).map(String::as_str).collect();
    let values = paths.iter().enumerate().map(|(place, _)| Some(Value::Text(text(place + 1))));
    let row = Row {
        rank: Some(1),
        trial: None,
        point: 0,
        parameters: values.collect(),
        objective: Summary::of(&[0.5, 0.25]),
        versus: None,
        metrics: vec![Summary::of(&[1.0])],
        seconds: 1.0,
        seconds_mean: 1.0,
        cohort: None,
        samples_per_s: None,
        counts: Counts::default(),
        runs: Vec::new(),
    };
    let cause = Cause {
        state: State::Failed,
        text: text(4),
        runs: 1,
        example: 0,
        kind: None,
        nodes: vec![text(5)],
    };
    Report {
        sweep: Title { name: text(0), id: text(1), dir: text(2), typed: text(0) },
        aim: Aim { metric: text(3), maximize: true, best: false },
        metrics: vec![text(6)],
        causes: vec![cause],
        damage: vec![text(7)],
        damaged_lines: 1,
        notes: vec![text(8)],
        filter: Some(text(9)),
        ..of_rows(&paths, vec![row])
    }
}

/// A report of these rows and nothing else, of three seeds: for fuzzing and tests of its forms.
pub(super) fn of_rows(parameters: &[&str], rows: Vec<Row>) -> Report {
    Report {
        sweep: Title::default(),
        aim: Aim { metric: "valid/f1".into(), maximize: true, best: false },
        parameters: parameters.iter().map(|p| (*p).to_owned()).collect(),
        metrics: vec![],
        seeds: 3,
        folds: None,
        comparison: None,
        trials: rows.len() as u64,
        ranked: rows.iter().filter(|row| row.rank.is_some()).count() as u64,
        tied: 0,
        up_to: None,
        rows,
        filter: None,
        counts: Counts::default(),
        missing: 0,
        open: (vec![], false),
        causes: vec![],
        together: None,
        damaged_lines: 0,
        damage: vec![],
        duplicate_ends: 0,
        notes: vec![],
        openings: vec![],
        importance: None,
    }
}
