//! Which nodes a task may have by the features and names that its settings give.
use super::super::nodes::Node;
use crate::spec::SlurmSettings;

/// Whether a task with these settings may have this node, whatever its size; nothing where that can't
/// be told.
pub fn may_have(node: &Node, settings: &SlurmSettings) -> Option<bool> {
    let given = |key: &str| settings.given.get(key).map(String::as_str);
    let all = [
        given("constraint").map_or(Some(true), |features| has(node, features)),
        given("nodelist").map_or(Some(true), |list| is_chosen(node, list)),
        given("exclude").map_or(Some(true), |list| is_named(node, list).map(|named| !named)),
    ];
    if all.contains(&Some(false)) {
        return Some(false);
    }
    (!all.contains(&None)).then_some(true)
}

/// Whether it has all of these features, joined by `&`: other operators are not read.
fn has(node: &Node, features: &str) -> Option<bool> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-.:=".contains(c);
    let mut all = true;
    for one in features.split('&').map(str::trim) {
        if one.is_empty() || !one.chars().all(is_plain) {
            return None;
        }
        all &= node.features.iter().any(|feature| feature == one);
    }
    Some(all)
}

/// Whether it is the node that a task must have. One that must have several waits for all.
fn is_chosen(node: &Node, list: &str) -> Option<bool> {
    is_named(node, list).filter(|named| !named || !list.contains(','))
}

/// Whether a list names it, such as `n1,n[3-5]`. Ranges are not read, nor files with names.
fn is_named(node: &Node, list: &str) -> Option<bool> {
    if list.contains('/') {
        return None;
    }
    if list.split(',').any(|name| name.trim() == node.name) {
        return Some(true);
    }
    // What stands before a range begins the name.
    let may_name = |part: &str| {
        part.split_once('[').is_some_and(|(start, _)| node.name.starts_with(start.trim()))
    };
    (!list.split(',').any(may_name)).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::super::super::nodes::{nodes, tests::NODES};
    use super::*;

    #[test]
    fn a_node_is_chosen_by_its_features_and_its_name() {
        let all = nodes(NODES);
        for (key, text, may) in [
            ("cpus", "4", Some(true)),
            ("constraint", "a100", Some(true)),
            ("constraint", "a100 & ib", Some(true)),
            ("constraint", "a100&v100", Some(false)),
            ("constraint", "A100", Some(false)),
            ("constraint", "a100|v100", None),
            ("constraint", "[a100|v100]", None),
            ("constraint", "a100*2", None),
            ("constraint", "v100&(ib|opa)", None),
            ("constraint", "", None),
            ("nodelist", "n1", Some(true)),
            ("nodelist", "n2", Some(false)),
            ("nodelist", "n1,n2", None),
            ("nodelist", "n2,n3", Some(false)),
            ("nodelist", "n[1-3]", None),
            ("nodelist", "g[1-3]", Some(false)),
            ("nodelist", "./nodes", None),
            ("exclude", "n1", Some(false)),
            ("exclude", "n2, n1", Some(false)),
            ("exclude", "n11", Some(true)),
            ("exclude", "n2,n[3,5-7]", None),
            ("exclude", "c[3,5-7]", Some(true)),
        ] {
            let given = [(key.to_owned(), text.to_owned())].into();
            let settings = SlurmSettings::of(given, std::collections::BTreeSet::new());
            assert_eq!(may_have(&all[0], &settings), may, "{key}: {text}");
        }
        let both = [("constraint", "a100|v100"), ("exclude", "n1")];
        let given = both.map(|(key, text)| (key.to_owned(), text.to_owned())).into();
        let settings = SlurmSettings::of(given, std::collections::BTreeSet::new());
        assert_eq!(may_have(&all[0], &settings), Some(false));
    }
}
