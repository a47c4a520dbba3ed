//! Tests of settings, their identity and what is typed of them.
use super::*;

fn settings(pairs: &[(&str, Value)]) -> Settings {
    let mut settings = Settings::default();
    for (path, value) in pairs {
        settings.set(key::find(path).expect(path), value.clone());
    }
    settings
}

#[test]
fn canonical_omits_presets_and_what_does_not_apply() {
    let s = settings(&[
        ("data.set", Value::Text("mnist".into())),
        ("epochs", Value::Int(10)),
        ("optimizer.lr", Value::Float(0.003)),
        ("optimizer.momentum", Value::Float(0.9)),
    ]);
    assert_eq!(s.canonical(), r#"{"data.set":"mnist","optimizer.lr":3e-3}"#);
}

#[test]
fn presets_follow_the_selector() {
    let s = settings(&[("optimizer.kind", Value::Text("sgd".into()))]);
    assert_eq!(s.at("optimizer.lr"), Value::Float(0.01));
    assert_eq!(Settings::default().at("optimizer.lr"), Value::Float(0.001));
}

#[test]
fn faults_name_every_setting_that_is_wrong() {
    let s = settings(&[("epochs", Value::Int(0)), ("optimizer.momentum", Value::Float(0.9))]);
    let said: Vec<_> = s.faults().iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        ["`data.set` is missing", "`epochs` must be a whole number from 1 to 1000000, got `0`",]
    );
}

#[test]
fn command_words_are_filled_exactly() {
    let command = Command {
        template: ["--lr={optimizer.lr}", "{{x}}", "{seed}", "{\"a\": {\"b\": 1}}", "${HOME}"]
            .map(String::from)
            .into(),
        parameters: [("optimizer.lr".to_owned(), Value::Float(1e-7))].into(),
    };
    let words = command.words(3, None);
    assert_eq!(words, Err(UnknownPlaceholder { path: "HOME".into() }));
    let command = Command { template: command.template[..4].to_vec(), ..command };
    assert_eq!(
        command.words(3, None).expect("words"),
        ["--lr=1e-7", "{x}", "3", "{\"a\": {\"b\": 1}}"]
    );
}

/// Some values that a setting takes.
fn admitted(key: &Key) -> Vec<Value> {
    let numbers = [0.0, 0.25, 0.5, 1.0, 2.0, 3.0, 11.0, 97.0].map(Value::Float);
    let words = ["a", "layers.0", "valid/f1"].map(|word| Value::Text(word.into()));
    let ends = Value::List(vec![Value::Float(-1.0), Value::Float(1.0)]);
    let choices = match key.kind {
        key::Kind::Choice(words) => words.iter().map(|word| Value::Text((*word).into())).collect(),
        _ => Vec::new(),
    };
    let more = [Value::Bool(true), Value::Bool(false), ends, Value::Text("swish".into())];
    let all = numbers.into_iter().chain(words).chain(more).chain(choices);
    all.filter(|value| key.kind.admit(value).is_some()).collect()
}

/// Settings under which a choice is made, without other faults.
fn under(selector: &'static str, word: &str) -> Settings {
    let set = if (selector, word) == ("task", "regress") { "diabetes" } else { "breast-cancer" };
    let set = if selector == "model.kind" { "cifar-10" } else { set };
    settings(&[("data.set", Value::Text(set.into())), (selector, Value::Text(word.into()))])
}

#[test]
fn what_the_identity_leaves_out_changes_nothing() {
    let mut tried = BTreeMap::<&str, usize>::new();
    for (place, key) in KEYS.iter().enumerate() {
        let Some((selector, _)) = key.only else { continue };
        let words = KEYS[key::find(selector).expect("a selector")].kind;
        let key::Kind::Choice(words) = words else { panic!("{selector} is no choice") };
        for base in words.iter().map(|word| under(selector, word)).filter(|s| !s.applies(key)) {
            for value in admitted(key) {
                let mut given = base.clone();
                given.set(place, value.clone());
                assert_eq!(given.canonical(), base.canonical(), "{} {value}", key.path);
                let [with, without] = [&given, &base].map(Recipe::new);
                *tried.entry(key.path).or_default() += usize::from(without.is_ok());
                assert_eq!(with, without, "{}: {value} under {}", key.path, base.canonical());
            }
        }
    }
    assert!(tried.values().all(|recipes| *recipes > 0), "{tried:?}");
}

#[test]
fn a_preset_that_is_given_changes_nothing() {
    for key in KEYS {
        let Some((selector, words)) = key.only else { continue };
        for word in words {
            let base = under(selector, word);
            let mut given = base.clone();
            let place = key::find(key.path).expect("a key");
            given.set(place, base.resolved(place));
            assert_eq!(given.canonical(), base.canonical(), "{} {word}", key.path);
            assert_eq!(Recipe::new(&given), Recipe::new(&base), "{} {word}", key.path);
        }
    }
}
