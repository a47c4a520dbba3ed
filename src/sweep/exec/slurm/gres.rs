//! Generic resources in Slurm's text: what nodes have, and what a job asks for.
use crate::spec::SlurmSettings;

/// Some of a resource: `gpu:a100:4`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gres {
    /// `gpu`, `shard`, …
    pub name: String,
    /// `a100`, where it has a type.
    pub kind: Option<String>,
    /// How many.
    pub count: u64,
}

/// Reads a list such as `gpu:a100:4(S:0-1),shard:16`, as nodes have it and jobs ask for it.
/// What is in no such form is left out.
#[must_use]
pub fn list(text: &str) -> Vec<Gres> {
    let mut depth = 0_usize;
    let parts = text.split(|c: char| {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    parts.filter_map(|part| one(part.trim())).collect()
}

fn one(text: &str) -> Option<Gres> {
    // What follows in parentheses are sockets or files.
    let text = text.split('(').next().unwrap_or_default();
    let text = text.strip_prefix("gres/").unwrap_or(text).replace('=', ":");
    let fields: Vec<&str> = text.split(':').filter(|f| *f != "no_consume").collect();
    let (name, kind, number) = match fields.as_slice() {
        [name] => (*name, None, "1"),
        [name, last] if number(last).is_some() => (*name, None, *last),
        [name, kind] => (*name, Some(*kind), "1"),
        [name, kind, last] => (*name, Some(*kind), *last),
        _ => return None,
    };
    let kind = kind.map(str::to_owned);
    (!name.is_empty()).then_some(Gres { name: name.to_owned(), kind, count: number_of(number)? })
}

fn number(text: &str) -> Option<u64> {
    text.starts_with(|c: char| c.is_ascii_digit()).then(|| number_of(text))?
}

/// A count, with `K`, `M` or `G` after it.
fn number_of(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().ok()?;
    let factor = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(factor)
}

/// The GPUs that a task asks for, by `gpus` or `gres`; nothing where it asks for none.
#[must_use]
pub fn gpus(settings: &SlurmSettings) -> Vec<Gres> {
    let given = |key: &str| settings.given.get(key).map(String::as_str);
    match given("gpus") {
        // `2`, `a100`, `a100:2`, `a100:2,v100:1`.
        Some(text) => {
            text.split(',').flat_map(|part| list(&format!("gpu:{}", part.trim()))).collect()
        }
        None => list(given("gres").unwrap_or_default())
            .into_iter()
            .filter(|one| one.name == "gpu")
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(all: &[Gres]) -> String {
        let one = |g: &Gres| format!("{}/{}/{}", g.name, g.kind.as_deref().unwrap_or("-"), g.count);
        all.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn lists_of_all_versions_are_read() {
        for (text, all) in [
            ("(null)", ""),
            ("", ""),
            ("gpu:2", "gpu/-/2"),
            ("gpu", "gpu/-/1"),
            ("gpu:a100", "gpu/a100/1"),
            ("gpu:a100:4", "gpu/a100/4"),
            ("gpu:a100:4(S:0-1)", "gpu/a100/4"),
            ("gpu:a100:2(S:0,1),shard:a100:16(S:0,1)", "gpu/a100/2 shard/a100/16"),
            ("gpu:v100:2,gpu:k80:1", "gpu/v100/2 gpu/k80/1"),
            ("gpu:a100_1g.5gb:7(S:0)", "gpu/a100_1g.5gb/7"),
            ("gpu:a100:4(IDX:0-3)", "gpu/a100/4"),
            ("gpu:no_consume:2", "gpu/-/2"),
            ("lscratch:800G", "lscratch/-/858993459200"),
            ("gres/gpu:2", "gpu/-/2"),
            ("gpu=2", "gpu/-/2"),
            ("gpu:3090:4", "gpu/3090/4"),
        ] {
            assert_eq!(told(&list(text)), all, "{text}");
        }
    }

    #[test]
    fn what_a_task_asks_for() {
        for (key, text, all) in [
            ("gpus", "2", "gpu/-/2"),
            ("gpus", "a100:2", "gpu/a100/2"),
            ("gpus", "a100", "gpu/a100/1"),
            ("gpus", "a100:2,v100:1", "gpu/a100/2 gpu/v100/1"),
            ("gres", "gpu:2", "gpu/-/2"),
            ("gres", "gpu:a100:2,shard:1", "gpu/a100/2"),
            ("gres", "lscratch:5", ""),
            ("cpus", "5", ""),
        ] {
            let given = [(key.to_owned(), text.to_owned())].into();
            let settings = SlurmSettings::of(given, std::collections::BTreeSet::new());
            assert_eq!(told(&gpus(&settings)), all, "{key}: {text}");
        }
    }
}
