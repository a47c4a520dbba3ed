//! Walks one map of a spec: known keys, repeated keys, kinds of values.
use std::ops::Range;

use super::mistake::{Mistake, nearest};
use super::yaml::{Entry, Kind, Node};

/// Collects mistakes while a spec is walked; the flag says whether a sweep was made from it before.
#[derive(Debug, Default)]
pub(crate) struct Mistakes(pub Vec<Mistake>, bool);

impl Mistakes {
    /// Those of a spec that was perhaps written down before.
    pub const fn of_written(is_written: bool) -> Self {
        Self(Vec::new(), is_written)
    }

    /// None yet, of the same spec.
    pub const fn apart(&self) -> Self {
        Self::of_written(self.1)
    }

    /// Refuses what an earlier dlgrid took; whether it does. A spec that a sweep was made from is
    /// excused, else what it has done could not be opened any more: whatever comes to be refused
    /// anew goes through here.
    pub fn refuse_anew(&mut self, mistake: Mistake) -> bool {
        if !self.1 {
            self.add(mistake);
        }
        !self.1
    }

    pub fn add(&mut self, mistake: Mistake) {
        self.0.push(mistake);
    }

    /// Tells of a spec without a key, unless it is known why it has none.
    pub fn empty(&mut self, tree: &Node) {
        if self.0.is_empty() {
            let nothing = Mistake::new(tree.span.clone(), "the spec is empty", "no key here");
            self.add(nothing.hint("`dlgrid init` writes one to begin with"));
        }
    }

    /// The entries of a map, each key once; repeated ones are told.
    pub fn entries<'n>(&mut self, node: &'n Node, what: &str) -> Vec<&'n Entry> {
        let Kind::Map(entries) = &node.kind else {
            self.add(Mistake::new(
                node.span.clone(),
                format!("{what} must be a map, got {}", node.describe()),
                "expected `key: value` lines",
            ));
            return Vec::new();
        };
        let mut known: Vec<&Entry> = Vec::with_capacity(entries.len());
        for entry in entries {
            if let Some(first) = known.iter().find(|e| e.key == entry.key) {
                self.add(
                    Mistake::new(
                        entry.key_span.clone(),
                        format!("`{}` stands twice in {what}", entry.key),
                        "second",
                    )
                    .also(first.key_span.clone(), "first"),
                );
            } else {
                known.push(entry);
            }
        }
        known
    }

    /// The items of a list.
    pub fn items<'n>(&mut self, node: &'n Node, what: &str, such_as: &str) -> &'n [Node] {
        if let Kind::List(items) = &node.kind {
            return items;
        }
        self.add(
            Mistake::new(
                node.span.clone(),
                format!("{what} must be a list, got {}", node.describe()),
                "expected a list",
            )
            .hint(format!("such as `{such_as}`")),
        );
        &[]
    }

    /// A key that isn't one.
    pub fn unknown_key(&mut self, entry: &Entry, what: &str, known: &[&str]) {
        let mistake = Mistake::new(
            entry.key_span.clone(),
            format!("unknown key `{}` in {what}", entry.key),
            "not known here",
        );
        self.add(match nearest(&entry.key, known.iter().copied()) {
            Some(word) => mistake.hint(format!("did you mean `{word}`?")),
            None => mistake.hint(format!("known are {}", ticked(known))),
        });
    }

    /// A value of another kind than expected.
    pub fn wrong_kind(&mut self, node: &Node, what: &str, expected: &str) {
        self.add(Mistake::new(
            node.span.clone(),
            format!("{what} must be {expected}, got {}", node.describe()),
            format!("expected {expected}"),
        ));
    }

    /// Text, or a mistake.
    pub fn text(&mut self, node: &Node, what: &str) -> Option<String> {
        if node.text().is_none() {
            self.wrong_kind(node, what, "text");
        }
        node.text().map(str::to_owned)
    }
}

/// Words in backticks, with commas.
pub(crate) fn ticked(words: &[&str]) -> String {
    words.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(", ")
}

/// The span to point at for a node: its own, or its key's where it is a block without one.
pub(crate) fn point_at(entry: &Entry) -> Range<usize> {
    match entry.value.kind {
        Kind::Map(_) | Kind::List(_) | Kind::Null => entry.key_span.clone(),
        _ => entry.value.span.clone(),
    }
}
