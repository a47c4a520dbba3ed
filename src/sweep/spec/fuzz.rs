//! Specs from any bytes: all that is accepted can be numbered, and mistakes can be shown.

/// A spec: its runs and their numbers are one to one, and reading it again finds the same sweep.
pub fn spec(bytes: &[u8]) {
    const MOST: u64 = 2_000;
    let spec = match super::read("fuzz.yaml", bytes, MOST) {
        Ok((spec, warnings)) => {
            let text = std::str::from_utf8(bytes).expect("it was accepted");
            drop(super::mistake::render("fuzz.yaml", text, &warnings, false, 80));
            spec
        }
        Err(errors) => {
            assert!(errors.mistakes.iter().any(|mistake| !mistake.warning));
            let shown = errors.render(false, 80);
            let acts = |c: char| match c {
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
                c => c.is_control() && c != '\n',
            };
            assert!(!shown.contains(acts), "{shown:?}");
            assert!(errors.mistakes.iter().all(|mistake| errors.place(mistake) >= (1, 1)));
            return;
        }
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    assert!(spec.name.chars().all(plain) && !spec.name.starts_with('.'), "{:?}", spec.name);
    let again = super::read_again("fuzz.yaml", bytes).expect("it was accepted");
    assert_eq!(spec.hash, again.hash);
    let numbers: Vec<u64> = spec.walk(0, spec.run_numbers()).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b));
    assert_eq!(numbers.len() as u64, spec.runs());
    assert!(spec.runs() <= MOST);
    let first = numbers.iter().take(64).filter_map(|number| spec.run(*number));
    let mut ids: Vec<_> = first.map(|run| run.id).collect();
    ids.sort_unstable();
    assert!(ids.is_sorted_by(|a, b| a < b), "two runs are one");
    let ends = numbers.iter().take(3).chain(numbers.last());
    for number in ends {
        let run = spec.run(*number).expect("it is one of the numbers");
        assert_eq!((run.index, Some(run.id)), (*number, again.run(*number).map(|run| run.id)));
    }
    assert!(spec.run(spec.run_numbers()).is_none());
}
