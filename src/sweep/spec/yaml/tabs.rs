//! Tabs that a line begins with: YAML takes none, but within a text.
use super::{Entry, Kind, Node, NotYaml};

/// Where tabs stand among what a line begins with.
pub(super) fn leading(source: &str) -> impl Iterator<Item = usize> {
    let starts = source.split_inclusive('\n').scan(0, |offset, line| {
        *offset += line.len();
        Some((*offset - line.len(), line))
    });
    starts.filter(|(_, line)| !line.trim().is_empty()).filter_map(|(start, line)| {
        let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
        Some(start + line[..indent].find('\t')?)
    })
}

/// The first tab that a line begins with and that is no part of a text.
pub(super) fn outside_texts(source: &str, tree: &Node) -> Option<usize> {
    let mut tabs = leading(source).peekable();
    tabs.peek()?;
    let mut texts = Vec::new();
    texts_of(tree, &mut texts);
    texts.sort_unstable();
    let is_text = |tab: usize| {
        let next = texts.partition_point(|(start, _)| *start <= tab);
        next > 0 && texts[next - 1].1 > tab
    };
    tabs.find(|tab| !is_text(*tab))
}

/// Start and end of every text, within which tabs may stand.
fn texts_of(node: &Node, texts: &mut Vec<(usize, usize)>) {
    match &node.kind {
        Kind::Text(_) => texts.push((node.span.start, node.span.end)),
        Kind::List(items) => items.iter().for_each(|item| texts_of(item, texts)),
        Kind::Map(entries) => {
            for Entry { key_span, value, .. } in entries {
                texts.push((key_span.start, key_span.end));
                texts_of(value, texts);
            }
        }
        _ => {}
    }
}

pub(super) fn indented_by(tab: usize) -> NotYaml {
    NotYaml {
        fact: "a tab indents this line; YAML takes only spaces".into(),
        span: tab..tab + 1,
        hint: Some("replace tabs by spaces, e.g. with `expand -t 2`".into()),
    }
}
