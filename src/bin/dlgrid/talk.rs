//! What goes to standard error, and the small words in it.
use std::io::Write as _;
use std::path::Path;

use dlgrid_sweep::text::clean;

use crate::busy;
use crate::show::{Refusal, Terminal};

/// An expected failure: an exit code, a fact, a way out.
pub fn refuse(code: u8, fact: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
    Refusal { fact: fact.into(), hint: Some(hint.into()), code }.into()
}

/// Says something beside the data.
pub fn talk(text: &str) {
    // Where standard error can't be written there is nobody to tell.
    let _ = busy::aside(|| std::io::stderr().lock().write_all(text.as_bytes()));
}

/// Says which command comes next, and in three blanks' distance why.
pub fn next(step: &str) {
    talk(&Terminal::stderr().view().next(&clean(step)));
}

/// Whether talk may be coloured, and its width.
pub fn style() -> (bool, usize) {
    let terminal = Terminal::stderr();
    (terminal.color, terminal.width.unwrap_or(100))
}

/// Seconds as a person says them: `8 s`, `3 min`, `2 h 10 min`.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round().max(0.0) as u64;
    match whole {
        0..=89 => format!("{whole} s"),
        90..=5399 => format!("{} min", (whole + 30) / 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// The last lines of a log, indented, without control characters; empty if there is none.
pub fn tail(log: &Path, lines: usize) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let kept: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).collect();
    kept[kept.len().saturating_sub(lines)..].iter().map(|l| format!("  {}\n", clean(l))).collect()
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn durations_read_well() {
        for (seconds, said) in
            [(0.2, "0 s"), (75.0, "75 s"), (200.0, "3 min"), (7800.0, "2 h 10 min")]
        {
            assert_eq!(duration(seconds), said);
        }
    }
}
