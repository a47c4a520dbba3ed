//! Tests of reading YAML: scalars, spans, and what is refused.
use super::*;

fn scalar(text: &str) -> Kind {
    match read(&format!("x: {text}\n")).map(|n| n.kind) {
        Ok(Kind::Map(mut entries)) => entries.remove(0).value.kind,
        other => panic!("{text}: {other:?}"),
    }
}

/// The traps that YAML readers fall into differently.
#[test]
fn scalars_are_what_a_person_means() {
    for number in ["1e-4", "1E-4", ".5", "+1e-3", "1.e-4"] {
        assert!(matches!(scalar(number), Kind::Float(_)), "{number}");
    }
    for text in [
        "no",
        "yes",
        "on",
        "off",
        "y",
        "n",
        "007",
        "017",
        "1_000",
        "04:00:00",
        "1:30",
        "2024-01-01",
        "1-00:00:00",
        "a100:2",
        "\"1e-4\"",
    ] {
        assert!(matches!(scalar(text), Kind::Text(_)), "{text} {:?}", scalar(text));
    }
    assert_eq!(scalar("true"), Kind::Bool(true));
    assert_eq!(scalar("~"), Kind::Null);
    assert_eq!(scalar("1e4"), Kind::Float(1e4));
}

#[test]
fn keys_and_values_know_their_bytes() {
    let source = "a:\n  lr: 1e-4\n";
    let Kind::Map(top) = read(source).expect("yaml").kind else { panic!() };
    let Kind::Map(inner) = &top[0].value.kind else { panic!() };
    assert_eq!(&source[inner[0].key_span.clone()], "lr");
    assert_eq!(&source[inner[0].value.span.clone()], "1e-4");
}

#[test]
fn repeated_keys_are_all_there() {
    let Kind::Map(entries) = read("a: 1\na: 2\n").expect("yaml").kind else { panic!() };
    assert_eq!(entries.len(), 2);
}

#[test]
fn merge_keys_are_expanded() {
    let Kind::Map(entries) = read("b: &b {x: 1}\nc:\n  <<: *b\n  y: 2\n").expect("yaml").kind
    else {
        panic!()
    };
    let Kind::Map(c) = &entries[1].value.kind else { panic!() };
    let mut keys: Vec<_> = c.iter().map(|e| e.key.as_str()).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["x", "y"]);
}

#[test]
fn bombs_are_refused_fast() {
    let brackets = "[".repeat(200_000);
    assert!(read(&brackets).is_err());
    let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..12 {
        let prior = format!("*a{}", i - 1);
        laughs += &format!("a{i}: &a{i} [{}]\n", vec![prior; 10].join(", "));
    }
    assert!(read(&laughs).is_err());
    let nested = |levels| (0..levels).map(|i| format!("{}a:\n", " ".repeat(i))).collect::<String>();
    read(&nested(MAX_DEPTH - 1)).expect("not too deep");
    for deep in [nested(120), format!("a:\n{}x\n", "- ".repeat(500)), "? ".repeat(500)] {
        assert!(read(&deep).expect_err("too deep").fact.contains("nests more"), "{deep}");
    }
    for open in ["[", "{a: ", "[{a: ", "[? "] {
        for times in [1000, 40_000] {
            let fact = read(&open.repeat(times)).expect_err("too deep").fact;
            assert!(fact.contains("nests more"), "{open} {times} {fact}");
        }
    }
    for (text, says) in [("null: 1\n", "a key is `null`"), ("? [a]\n: 1\n", "a key is no text")] {
        assert_eq!(read(text).expect_err(text).fact, says);
    }
    let (open, close) = ("[".repeat(20), "]".repeat(20));
    let deep = format!("a: &a {open}x{close}\nb: &b {open}*a{close}\n");
    assert!(read(&deep).expect_err("too deep").fact.contains("refers to itself"));
    assert!(read("").is_err());
    for (text, at) in [
        ("a:\n\tb: 1\n", 3),
        ("a:\n  b: 1\n\tc: 2\n", 10),
        ("\ta: 1\n", 0),
        ("a:\n  \tb: 1\n", 5),
        ("a: |\n  x\n  \ty\nb:\n\t- c\n", 17),
    ] {
        let error = read(text).expect_err("tab");
        assert!(error.fact.starts_with("a tab indents"), "{text:?} {error:?}");
        assert_eq!(error.span, at..at + 1, "{text:?}");
    }
    for text in ["a: |\n  if\n  \tx\n  fi\n", "a: \"x\n  \ty\"\nb: 1\n"] {
        read(text).unwrap_or_else(|error| panic!("{text:?} {error:?}"));
    }
    let harmless = format!("# {0}\na: \"{0}\"\nb: [{{c: [1]}}]\n", "[".repeat(100));
    read(&harmless).expect("brackets that open nothing");
    assert!(read("a: 1e400\n").is_err());
    assert!(read("a: !!python/object x\n").is_err());
    for nul in ["a: [\"x\\0y\"]\n", "\"a\\x00\": 1\n"] {
        assert!(read(nul).expect_err("NUL").fact.contains("NUL"), "{nul}");
    }
    assert!(read("\u{feff}a: 1\r\nb: 2\r\n").is_ok());
}
