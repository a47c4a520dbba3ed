//! What a check found, for people and for programs.
use serde_json::{Value, json};

use super::Checked;
use super::fact::{Fact, Kind, Severity};
use super::repair::Added;
use crate::terminal::{Tone, View};
use crate::text::{clean, grouped, plural};

/// Facts of a kind that are shown to people.
const SHOWN: usize = 5;

/// For people: facts by kind, the gravest first, each kind with its way out.
#[must_use]
pub fn render(checked: &Checked, added: &[Added], view: View) -> String {
    let mut out = String::new();
    for one in added {
        out.push_str(&format!("added {}: {}\n", clean(&one.file), clean(&one.what)));
    }
    for severity in [Severity::Damage, Severity::Warning, Severity::Harmless] {
        let kinds = Kind::ALL.iter().filter(|kind| kind.severity() == severity);
        for kind in kinds.filter(|kind| checked.counts.contains_key(kind)) {
            out.push_str(&paragraph(checked, *kind, view));
        }
    }
    let seen = &checked.seen;
    out.push_str(&format!(
        "{}: {}, {}, {}, {}\n",
        clean(&checked.sweep),
        plural(seen.files, "file"),
        plural(seen.segments, "segment"),
        plural(seen.ends, "end"),
        plural(seen.checkpoints, "checkpoint"),
    ));
    out.push_str(&verdict(checked));
    out
}

fn paragraph(checked: &Checked, kind: Kind, view: View) -> String {
    let tone = match kind.severity() {
        Severity::Damage => Tone::Bad,
        Severity::Warning => Tone::Busy,
        Severity::Harmless => Tone::Less,
    };
    let word = view.paint(tone, kind.severity().word());
    let facts: Vec<&Fact> = checked.facts.iter().filter(|fact| fact.kind == kind).collect();
    let mut out = String::new();
    for fact in facts.iter().take(SHOWN) {
        let line = fact.line.map_or_else(String::new, |line| format!(":{line}"));
        let file = if fact.file.is_empty() { "." } else { &fact.file };
        out.push_str(&format!("{word}: {}{line} {}\n", clean(file), clean(&fact.text)));
    }
    let more = checked.counts[&kind].saturating_sub(facts.len().min(SHOWN) as u64);
    if more > 0 {
        out.push_str(&format!("  and {} more\n", grouped(more)));
    }
    let mut hints: Vec<&str> = facts.iter().take(SHOWN).map(|fact| fact.hint()).collect();
    hints.dedup();
    for hint in hints {
        out.push_str(&format!("  hint: {hint}\n"));
    }
    out
}

fn verdict(checked: &Checked) -> String {
    let (damage, warnings) = (checked.count(Severity::Damage), checked.count(Severity::Warning));
    match (damage, warnings, checked.count(Severity::Harmless)) {
        (0, 0, 0) => "all is well\n".to_owned(),
        (0, 0, n) => format!(
            "all is well; {} that a killed process leaves, or that is not dlgrid's\n",
            plural(n, "trace")
        ),
        (0, n, _) => format!("{}; nothing is lost\n", plural(n, "warning")),
        (n, _, _) => format!("damaged: {}\n", plural(n, "fact")),
    }
}

/// For programs: one object, `dlgrid.fsck/1`.
#[must_use]
pub fn render_json(checked: &Checked, added: &[Added]) -> String {
    let facts: Vec<Value> = checked.facts.iter().map(fact).collect();
    let counts: serde_json::Map<String, Value> =
        checked.counts.iter().map(|(kind, n)| (kind.word().to_owned(), json!(n))).collect();
    let added: Vec<Value> =
        added.iter().map(|one| json!({"file": one.file, "what": one.what})).collect();
    let seen = &checked.seen;
    let object = json!({
        "schema": "dlgrid.fsck/1",
        "sweep": checked.sweep,
        "well": checked.is_well(),
        "seen": {
            "files": seen.files, "bytes": seen.bytes, "segments": seen.segments,
            "ends": seen.ends, "checkpoints": seen.checkpoints,
        },
        "counts": counts,
        "facts": facts,
        "added": added,
    });
    format!("{object}\n")
}

fn fact(fact: &Fact) -> Value {
    json!({
        "kind": fact.kind.word(),
        "severity": fact.kind.severity().word(),
        "file": fact.file,
        "line": fact.line,
        "text": fact.text,
        "hint": fact.hint(),
    })
}
