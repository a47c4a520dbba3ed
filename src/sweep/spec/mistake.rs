//! What is wrong with a spec, all of it, and how it is shown: in the style of rustc.
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// One mistake in a spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The fact: lower case, no full stop, what the user wrote in backticks.
    pub fact: String,
    /// The bytes it is about.
    pub span: Range<usize>,
    /// What stands under the line.
    pub label: String,
    /// Another place that belongs to it.
    pub also: Option<(Range<usize>, String)>,
    /// The way out.
    pub hint: Option<String>,
    /// Whether the spec is usable all the same.
    pub warning: bool,
}

impl Mistake {
    /// A mistake at a place.
    #[must_use]
    pub fn new(span: Range<usize>, fact: impl Into<String>, label: impl Into<String>) -> Self {
        Self {
            fact: fact.into(),
            span,
            label: label.into(),
            also: None,
            hint: None,
            warning: false,
        }
    }

    /// The same with a way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with a second place.
    #[must_use]
    pub fn also(mut self, span: Range<usize>, label: impl Into<String>) -> Self {
        self.also = Some((span, label.into()));
        self
    }

    /// The same as a warning.
    #[must_use]
    pub fn as_warning(mut self) -> Self {
        self.warning = true;
        self
    }
}

/// Everything that is wrong with a spec.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", summary(.mistakes, .file))]
pub struct SpecErrors {
    /// What the file is called.
    pub file: String,
    /// Its text.
    pub text: String,
    /// Every mistake, in the order of the lines.
    pub mistakes: Vec<Mistake>,
}

fn summary(mistakes: &[Mistake], file: &str) -> String {
    match mistakes.iter().filter(|m| !m.warning).count() {
        1 => format!("`{file}` has 1 mistake"),
        n => format!("`{file}` has {n} mistakes"),
    }
}

/// The most mistakes that are shown in full.
const SHOWN: usize = 20;

impl SpecErrors {
    /// These mistakes of a file, in the order of its lines.
    pub(crate) fn of(file: &str, text: &str, mut mistakes: Vec<Mistake>) -> Self {
        mistakes.sort_by_key(|m| (m.warning, m.span.start));
        // A section that blocks share is read for each.
        mistakes.dedup();
        Self { file: file.into(), text: text.into(), mistakes }
    }

    /// The first of them, in one line.
    #[must_use]
    pub fn first(&self) -> &str {
        self.mistakes.first().map_or("", |mistake| &mistake.fact)
    }

    /// All of them as text for a terminal, with a last line that counts them.
    #[must_use]
    pub fn render(&self, colour: bool, width: usize) -> String {
        let mut out = render(&self.file, &self.text, &self.mistakes, colour, width);
        let errors = self.mistakes.iter().filter(|m| !m.warning).count();
        if errors > SHOWN {
            out.push_str(&format!("… and {} more\n\n", errors - SHOWN));
        }
        out.push_str(&format!("error: {self}\n"));
        out
    }

    /// Line and column (both from 1) of a mistake.
    #[must_use]
    pub fn place(&self, mistake: &Mistake) -> (usize, usize) {
        place(&self.text, mistake.span.start)
    }
}

/// Line and column (both from 1, the column in characters) of a byte.
#[must_use]
pub fn place(source: &str, byte: usize) -> (usize, usize) {
    let before = &source[..byte.min(source.len())];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
    (line, column)
}

/// Mistakes or warnings as text for a terminal, a blank line after each.
#[must_use]
pub fn render(
    file: &str,
    source: &str,
    mistakes: &[Mistake],
    colour: bool,
    width: usize,
) -> String {
    let base = if colour { Renderer::styled() } else { Renderer::plain() };
    let renderer = base.term_width(width);
    let source = without_c1(source);
    let mut out = String::new();
    for mistake in mistakes.iter().take(SHOWN) {
        out.push_str(&renderer.render(&groups(file, &source, mistake)));
        out.push_str("\n\n");
    }
    out
}

/// The source with a dot for each control character that the renderer lets through to the terminal
/// (those of ISO 6429's second set), every byte at its place.
fn without_c1(source: &str) -> String {
    source.replace(|c: char| matches!(c, '\u{80}'..='\u{9f}'), "\u{b7}")
}

fn groups<'a>(file: &'a str, source: &'a str, mistake: &'a Mistake) -> Vec<Group<'a>> {
    let level = if mistake.warning { Level::WARNING } else { Level::ERROR };
    let mut snippet = Snippet::source(source).path(file).annotation(
        AnnotationKind::Primary.span(shown_span(source, &mistake.span)).label(&mistake.label),
    );
    if let Some((span, label)) = &mistake.also {
        snippet = snippet.annotation(
            AnnotationKind::Context.span(shown_span(source, span)).label(label.as_str()),
        );
    }
    let mut group = level.primary_title(mistake.fact.as_str()).element(snippet);
    if let Some(hint) = &mistake.hint {
        group = group.element(Level::HELP.with_name("hint").message(hint.as_str()));
    }
    vec![group]
}

/// At least one character, never past the end, never over a line's end.
fn shown_span(source: &str, span: &Range<usize>) -> Range<usize> {
    let start = span.start.min(source.len());
    let rest = &source[start..];
    let line_end = start + rest.find(['\n', '\r']).unwrap_or(rest.len());
    let end = span.end.clamp(start, line_end.max(start));
    if end > start {
        return start..end;
    }
    let next = source[start..].chars().next().map_or(0, char::len_utf8);
    start..(start + next).min(source.len())
}

/// The known word nearest to one that isn't known, if one is near enough.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    all_nearest(word, known).pop()
}

/// A question after the known words nearest to one that isn't known, if any is near enough.
#[must_use]
pub fn suggestion<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let found = all_nearest(word, known);
    (!found.is_empty()).then(|| did_you_mean(&found))
}

/// A question after some words.
#[must_use]
pub fn did_you_mean(words: &[&str]) -> String {
    let ticked: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match ticked.as_slice() {
        [head @ .., last] if !head.is_empty() => {
            format!("did you mean {} or {last}?", head.join(", "))
        }
        _ => format!("did you mean {}?", ticked.concat()),
    }
}

/// The known words that are equally near, if they are near enough.
fn all_nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let plain = word.to_lowercase().replace(['-', ' '], "_");
    let scored = known
        .into_iter()
        .map(|candidate| {
            let close = strsim::osa_distance(&plain, candidate) <= 2;
            let alike = strsim::jaro_winkler(&plain, candidate);
            let tail = candidate.rsplit('.').next() == Some(plain.as_str());
            let score = if tail { 1.5 } else { alike + if close { 0.2 } else { 0.0 } };
            (score, candidate)
        })
        .filter(|(score, _)| *score >= 0.85);
    let mut best = 0.0;
    let mut found = Vec::new();
    for (score, candidate) in scored {
        if score > best {
            best = score;
            found.clear();
        }
        if score >= best {
            found.push(candidate);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typos_find_their_word() {
        let keys = ["optimizer.lr", "model.layers", "batch_size", "epochs"];
        for (typo, word) in [
            ("epoch", "epochs"),
            ("lr", "optimizer.lr"),
            ("batchsize", "batch_size"),
            ("Batch-Size", "batch_size"),
        ] {
            assert_eq!(nearest(typo, keys), Some(word), "{typo}");
        }
        assert_eq!(nearest("zebra", keys), None);
        let hint = suggestion("kind", ["model.kind", "epochs", "optimizer.kind", "schedule.kind"]);
        let all = "did you mean `model.kind`, `optimizer.kind` or `schedule.kind`?";
        assert_eq!(hint.as_deref(), Some(all));
        assert_eq!(suggestion("epoch", keys).as_deref(), Some("did you mean `epochs`?"));
        assert_eq!(suggestion("zebra", keys), None);
    }

    #[test]
    fn a_mistake_looks_like_rustc() {
        let source = "train:\n  epohcs: 3\n";
        let mistake =
            Mistake::new(9..15, "unknown key `epohcs` in `train`", "not a setting of a recipe")
                .hint("did you mean `epochs`?");
        insta::assert_snapshot!(render("sweep.yaml", source, &[mistake], false, 80), @r"
        error: unknown key `epohcs` in `train`
         --> sweep.yaml:2:3
          |
        2 |   epohcs: 3
          |   ^^^^^^ not a setting of a recipe
          |
          = hint: did you mean `epochs`?
        ");
    }
}
