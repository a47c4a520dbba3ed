//! Reads YAML into a tree that knows where everything stands. The only module that knows
//! the YAML library.
mod tabs;

use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Spanned};

use super::mistake::Mistake;

/// The largest spec that is read, in bytes.
pub const MAX_BYTES: usize = 256 * 1024;
/// The deepest nesting that is read.
const MAX_DEPTH: usize = 32;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The value.
    pub kind: Kind,
    /// Bytes of the source; of a block map or list only its start.
    pub span: Range<usize>,
    /// As it is written, of a scalar without quotes.
    pub plain: Option<Box<str>>,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Nothing, or `null`.
    Null,
    /// `true` or `false`; nothing else is one.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A finite number.
    Float(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the source; keys may repeat.
    Map(Vec<Entry>),
}

/// One key and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub key_span: Range<usize>,
    /// The value.
    pub value: Node,
}

/// Text that is no YAML, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotYaml {
    /// What is wrong.
    pub fact: String,
    /// Where.
    pub span: Range<usize>,
    /// The way out, if one is known.
    pub hint: Option<String>,
}

/// Reads one document.
///
/// # Errors
/// Where it stops being YAML, is too large, too deep, or refers to itself too often.
pub fn read(source: &str) -> Result<Node, NotYaml> {
    if let Some(refused) = refuse_early(source) {
        return Err(refused);
    }
    let options = serde_saphyr::options! {
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        reject_unsupported_tags: true,
        with_snippet: false,
        budget: serde_saphyr::budget! { max_depth: MAX_DEPTH },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
    };
    let tree = serde_saphyr::from_str_with_options::<Spanned<Raw>>(source, options)
        .map(|raw| node(raw, source))
        .map_err(|error| not_yaml(&error, source))?;
    if let Some(span) = with_nul(&tree) {
        return Err(NotYaml {
            fact: "a text holds a NUL, which no word, variable or path can".into(),
            span: span.clone(),
            hint: None,
        });
    }
    match tabs::outside_texts(source, &tree) {
        Some(tab) => Err(tabs::indented_by(tab)),
        None => Ok(tree),
    }
}

/// Where the first text with a NUL stands.
fn with_nul(node: &Node) -> Option<&Range<usize>> {
    let has = |text: &str| text.contains('\0');
    match &node.kind {
        Kind::Text(text) => has(text).then_some(&node.span),
        Kind::List(items) => items.iter().find_map(with_nul),
        Kind::Map(entries) => entries.iter().find_map(|entry| match has(&entry.key) {
            true => Some(&entry.key_span),
            false => with_nul(&entry.value),
        }),
        _ => None,
    }
}

/// What can be refused before a parser is set to work: too much, or nothing.
fn refuse_early(source: &str) -> Option<NotYaml> {
    if source.len() > MAX_BYTES {
        return Some(NotYaml {
            fact: format!("the file has {} KiB, more than 256", source.len() / 1024),
            span: 0..0,
            hint: Some(
                "describe long lists by a range, such as `{log: [1e-4, 1e-1], steps: 7}`".into(),
            ),
        });
    }
    if source.trim_start_matches('\u{feff}').trim().is_empty() {
        return Some(NotYaml {
            fact: "the file is empty".into(),
            span: 0..0,
            hint: Some("`dlgrid init` writes a spec to start from".into()),
        });
    }
    None
}

fn not_yaml(error: &serde_saphyr::Error, source: &str) -> NotYaml {
    let span = error.location().map_or(0..0, |place| span_of(&place, source));
    let text = error.without_snippet().to_string();
    let first = text.lines().next().unwrap_or_default();
    let fact = first
        .split(" at line ")
        .next()
        .unwrap_or(first)
        .trim_start_matches("error: ")
        .trim_end_matches('.')
        .to_owned();
    if let Some((fact, hint)) = own_words(error.without_snippet()) {
        return NotYaml { fact, span, hint: Some(hint) };
    }
    let line = source[..span.start].rfind('\n').map_or(0, |end| end + 1);
    let tab = tabs::leading(source).find(|tab| *tab >= line).filter(|_| {
        let words = fact.split(|c: char| !c.is_ascii_alphabetic());
        words.into_iter().any(|word| word == "tab" || word == "tabs")
    });
    if let Some(tab) = tab {
        return tabs::indented_by(tab);
    }
    let hint =
        if fact.contains("non-finite") { Some("quote it if it is text".to_owned()) } else { None };
    NotYaml { fact: lower_first(&fact), span, hint }
}

/// Faults that the library words for those who program with it.
fn own_words(error: &serde_saphyr::Error) -> Option<(String, String)> {
    use serde_saphyr::{Error, budget::BudgetBreach};
    let text = error.to_string();
    let (fact, hint) = match error {
        Error::MultipleDocuments { .. } => (
            "a second document starts here".to_owned(),
            "a spec is one document: remove the `---`, or make two files",
        ),
        Error::Budget { breach, .. } => {
            let what = match breach {
                BudgetBreach::Aliases { .. } | BudgetBreach::Anchors { .. } => "refers to itself",
                BudgetBreach::Depth { .. } => "nests",
                _ => "holds",
            };
            (
                format!("the file {what} more than dlgrid reads"),
                "describe long lists by a range, such as `{log: [1e-4, 1e-1], steps: 7}`",
            )
        }
        // So it says where brackets nest deeper than it reads itself.
        _ if text.contains("recursion limit exceeded") => (
            "the file nests more than dlgrid reads".to_owned(),
            "describe long lists by a range, such as `{log: [1e-4, 1e-1], steps: 7}`",
        ),
        _ if text.contains("null into string") => {
            ("a key is `null`".to_owned(), "put it in quotes if it is text: `\"null\"`")
        }
        _ if text.contains("expected string scalar") => {
            ("a key is no text".to_owned(), "a key is one word, or text in quotes")
        }
        // So it says where an alias nests.
        _ if text.starts_with("budget breached") => (
            "the file refers to itself more than dlgrid reads".to_owned(),
            "describe long lists by a range, such as `{log: [1e-4, 1e-1], steps: 7}`",
        ),
        _ => return None,
    };
    Some((fact, hint.to_owned()))
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_lowercase().collect::<String>() + chars.as_str())
}

fn span_of(place: &serde_saphyr::Location, source: &str) -> Range<usize> {
    let to_usize = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let span = place.span();
    let start = span.byte_offset().map_or_else(
        || {
            let line_start: usize = source
                .split_inclusive('\n')
                .take(to_usize(place.line().saturating_sub(1)))
                .map(str::len)
                .sum();
            line_start + to_usize(place.column().saturating_sub(1))
        },
        to_usize,
    );
    let len = span.byte_len().map_or(0, to_usize);
    let start = floor_char(source, start.min(source.len()));
    start..floor_char(source, start.saturating_add(len).min(source.len()))
}

fn floor_char(source: &str, mut at: usize) -> usize {
    while !source.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// What the library yields, before spans are turned into bytes.
enum Raw {
    Scalar(Kind),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

fn node(raw: Spanned<Raw>, source: &str) -> Node {
    let span = span_of(&raw.referenced, source);
    let plain = match &raw.value {
        Raw::Scalar(kind) => plain(kind, &source[span_of(&raw.defined, source)]),
        _ => None,
    };
    let kind = match raw.value {
        Raw::Scalar(kind) => kind,
        Raw::List(items) => Kind::List(items.into_iter().map(|item| node(item, source)).collect()),
        Raw::Map(entries) => Kind::Map(
            entries
                .into_iter()
                .map(|(key, value)| Entry {
                    key_span: span_of(&key.referenced, source),
                    key: key.value,
                    value: node(value, source),
                })
                .collect(),
        ),
    };
    Node { kind, span, plain }
}

/// What stands in the source, if it is a scalar without quotes.
fn plain(kind: &Kind, written: &str) -> Option<Box<str>> {
    let is_plain = match kind {
        Kind::Text(text) => text == written,
        _ => !written.is_empty() && !written.contains(['"', '\'', '\n']),
    };
    is_plain.then(|| written.into())
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, a list or a map")
    }
    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Scalar(Kind::Null))
    }
    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Scalar(Kind::Null))
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }
    fn visit_bool<E>(self, b: bool) -> Result<Raw, E> {
        Ok(Raw::Scalar(Kind::Bool(b)))
    }
    fn visit_i64<E>(self, i: i64) -> Result<Raw, E> {
        Ok(Raw::Scalar(Kind::Int(i)))
    }
    #[expect(clippy::cast_precision_loss, reason = "beyond i64 it is refused by its range anyway")]
    fn visit_u64<E>(self, u: u64) -> Result<Raw, E> {
        Ok(Raw::Scalar(i64::try_from(u).map_or(Kind::Float(u as f64), Kind::Int)))
    }
    #[expect(clippy::cast_precision_loss, reason = "beyond i64 it is refused by its range anyway")]
    fn visit_i128<E>(self, i: i128) -> Result<Raw, E> {
        Ok(Raw::Scalar(i64::try_from(i).map_or(Kind::Float(i as f64), Kind::Int)))
    }
    #[expect(clippy::cast_precision_loss, reason = "beyond i64 it is refused by its range anyway")]
    fn visit_u128<E>(self, u: u128) -> Result<Raw, E> {
        Ok(Raw::Scalar(i64::try_from(u).map_or(Kind::Float(u as f64), Kind::Int)))
    }
    fn visit_f64<E>(self, f: f64) -> Result<Raw, E> {
        Ok(Raw::Scalar(Kind::Float(f)))
    }
    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Scalar(Kind::Text(text.to_owned())))
    }
    fn visit_string<E>(self, text: String) -> Result<Raw, E> {
        Ok(Raw::Scalar(Kind::Text(text)))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

impl Node {
    /// What it is, in the words of the messages.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.kind {
            Kind::Null => "nothing".into(),
            Kind::Bool(b) => format!("`{b}`"),
            Kind::Int(i) => format!("`{i}`"),
            Kind::Float(f) => format!("`{}`", crate::recipe::value::short_number(*f)),
            Kind::Text(t) => format!("the text \"{t}\""),
            Kind::List(_) => "a list".into(),
            Kind::Map(_) => "a map".into(),
        }
    }

    /// The first whole number in it that is too large to be read as one, and would lose digits.
    #[must_use]
    pub fn inexact(&self) -> Option<&Self> {
        match &self.kind {
            Kind::List(items) => items.iter().find_map(Self::inexact),
            Kind::Float(_) => {
                let written = self.plain.as_deref()?.trim_start_matches(['-', '+']);
                let is_whole = written.bytes().all(|b| b.is_ascii_digit())
                    || ["0x", "0o", "0b"].iter().any(|base| written.starts_with(base));
                is_whole.then_some(self)
            }
            _ => None,
        }
    }

    /// The mistake of such a number.
    #[must_use]
    pub fn inexact_mistake(&self, what: &str) -> Mistake {
        let written = self.plain.as_deref().unwrap_or_default();
        let fact = format!("{what} would lose digits: `{written}` is beyond 64 bits");
        Mistake::new(self.span.clone(), fact, "too large for a whole number")
            .hint(format!("put it in quotes, so that it is text: `\"{written}\"`"))
    }

    /// The text, if it is text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(t) => Some(t),
            _ => None,
        }
    }

    /// As a value of a setting; nothing for a map.
    #[must_use]
    pub fn value(&self) -> Option<crate::recipe::Value> {
        use crate::recipe::Value;
        Some(match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(b) => Value::Bool(*b),
            Kind::Int(i) => Value::Int(*i),
            Kind::Float(f) => Value::Float(*f),
            Kind::Text(t) => Value::Text(t.clone()),
            Kind::List(items) => Value::List(items.iter().map(Self::value).collect::<Option<_>>()?),
            Kind::Map(_) => return None,
        })
    }
}

#[cfg(test)]
mod tests;
