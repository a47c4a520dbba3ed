//! Checks the whole tree of a spec in one pass.
use std::path::Path;

use super::mistake::{Mistake, nearest};
use super::objective::objective;
use super::parameters::{self, Declared};
use super::recipes;
use super::section::{Mistakes, ticked};
use super::yaml::{Entry, Kind, Node};
use super::{Spec, duration, slurm};
use crate::space::{Base, Space};

/// The keys of a spec.
pub(super) const TOP: &[&str] = &[
    "checkpoint",
    "command",
    "description",
    "exclude",
    "include",
    "name",
    "objective",
    "parameters",
    "search",
    "seeds",
    "slurm",
    "sweeps",
    "train",
    "when",
    "zip",
];

/// Seconds between two checkpoints where the spec is silent.
const CHECKPOINT_SECONDS: f64 = 300.0;

/// How much is checked.
pub(super) struct Rigour {
    /// Runs that a sweep may have.
    pub max_runs: u64,
    /// Whether every recipe is built.
    pub recipes: bool,
}

pub(super) fn check(
    file: &str,
    tree: &Node,
    rigour: &Rigour,
) -> Result<(Spec, Vec<Mistake>), Vec<Mistake>> {
    let mut mistakes = Mistakes::default();
    let entries = mistakes.entries(tree, "a spec");
    if entries.is_empty() {
        return Err(mistakes.0);
    }
    for entry in &entries {
        if !TOP.contains(&entry.key.as_str()) {
            unknown_top(entry, &mut mistakes);
        }
    }
    let find = |key: &str| entries.iter().copied().find(|e| e.key == key);
    let name = name(file, find("name"), &mut mistakes);
    let description = find("description").and_then(|e| mistakes.text(&e.value, "`description`"));
    let work = recipes::base(find("train"), find("command"), tree, &mut mistakes);
    let seeds = find("seeds").map_or_else(|| vec![0], |e| seeds(e, &mut mistakes));
    let trains = matches!(work.base, Base::Train(_));
    let objective = objective(find("objective"), trains, tree, &mut mistakes);
    let checkpoint_seconds =
        find("checkpoint").map_or(CHECKPOINT_SECONDS, |e| checkpoint(e, &mut mistakes));
    let slurm = find("slurm").map(|e| slurm::check(&e.value, &mut mistakes)).unwrap_or_default();
    if let Some(entry) = find("search") {
        search(entry, &mut mistakes);
    }
    let declared = parameters::declare(&entries, &work, &mut mistakes);
    let space = declared
        .and_then(|declared| build(declared, &work, seeds.len(), rigour, tree, &mut mistakes));
    let (Some(space), Some(name), Some(objective)) = (space, name, objective) else {
        return Err(mistakes.0);
    };
    if mistakes.0.iter().any(|m| !m.warning) {
        return Err(mistakes.0);
    }
    let hash = hash(&name, &entries);
    Ok((
        Spec { name, description, space, seeds, objective, checkpoint_seconds, slurm, hash },
        mistakes.0,
    ))
}

/// Builds the space if it is of a size to be built, and checks every recipe in it.
fn build(
    declared: Declared,
    work: &recipes::Work,
    seeds: usize,
    rigour: &Rigour,
    tree: &Node,
    mistakes: &mut Mistakes,
) -> Option<Space> {
    let max_runs = rigour.max_runs;
    let anchor = declared.anchor.clone().unwrap_or(tree.span.start..tree.span.start);
    if let Some(too_large) = declared.too_large(seeds as u64, max_runs) {
        mistakes.add(Mistake::new(anchor, too_large.fact, too_large.label).hint(too_large.hint));
        return None;
    }
    if mistakes.0.iter().any(|m| !m.warning) {
        return None;
    }
    let places = declared.places.clone();
    let exclude_spans = declared.exclude_spans.clone();
    let space = match Space::new(declared.paths, work.base.clone(), declared.plots) {
        Ok(space) => space,
        Err(error) => {
            mistakes.add(Mistake::new(anchor, error.to_string(), "in a condition of this sweep"));
            return None;
        }
    };
    for (block, rule) in space.idle_excludes() {
        if let Some(span) = exclude_spans.get(block).and_then(|spans| spans.get(rule)) {
            mistakes.add(
                Mistake::new(
                    span.clone(),
                    "this excludes nothing: no point matches it",
                    "matches no point",
                )
                .as_warning(),
            );
        }
    }
    let runs = space.trials().saturating_mul(seeds as u64);
    if runs == 0 {
        mistakes.add(
            Mistake::new(
                anchor,
                "the grid is empty: `when` and `exclude` leave no point",
                "no point is left",
            )
            .hint(
                "loosen an `exclude`, or see what each rule matches by taking them out one by one",
            ),
        );
        return None;
    }
    if runs > max_runs {
        mistakes.add(
            Mistake::new(
                anchor,
                format!("the sweep has {runs} runs, more than the limit of {max_runs}"),
                "too many points",
            )
            .hint(format!("thin out a range, or raise the limit by `--max-runs {runs}`")),
        );
        return None;
    }
    if rigour.recipes {
        recipes::check_points(&space, work, &places, mistakes);
    }
    Some(space)
}

fn unknown_top(entry: &Entry, mistakes: &mut Mistakes) {
    let recipe = crate::recipe::key::find(&entry.key).is_some()
        || crate::recipe::key::is_section(&entry.key);
    let synonym = match entry.key.as_str() {
        "grid" | "params" | "params_grid" | "hyperparameters" | "space" => Some("parameters"),
        "fixed" | "config" | "recipe" => Some("train"),
        "metric" | "goal" => Some("objective"),
        "repeats" | "seed" => Some("seeds"),
        "method" | "sweeper" => Some("search"),
        "cluster" | "resources" | "sbatch" => Some("slurm"),
        "executable" | "cmd" | "program" => Some("command"),
        _ => None,
    };
    let mistake = Mistake::new(
        entry.key_span.clone(),
        format!("unknown key `{}` in a spec", entry.key),
        "not known here",
    );
    if recipe {
        mistakes.add(mistake.hint(format!(
            "settings of a recipe stand below `train`: `train: {{{}: …}}`",
            entry.key
        )));
    } else if let Some(word) = synonym.or_else(|| nearest(&entry.key, TOP.iter().copied())) {
        mistakes.add(mistake.hint(format!("did you mean `{word}`?")));
    } else {
        mistakes.add(mistake.hint(format!("known are {}", ticked(TOP))));
    }
}

fn name(file: &str, entry: Option<&Entry>, mistakes: &mut Mistakes) -> Option<String> {
    let Some(entry) = entry else {
        let stem = Path::new(file).file_stem().map(|s| s.to_string_lossy().into_owned());
        let name = stem.filter(|s| is_name(s));
        if name.is_none() {
            mistakes.add(
                Mistake::new(
                    0..0,
                    "the sweep has no name, and the file's name can't be one",
                    "no `name`",
                )
                .hint("add `name: my-sweep`"),
            );
        }
        return name;
    };
    let name = mistakes.text(&entry.value, "`name`")?;
    if is_name(&name) {
        return Some(name);
    }
    mistakes.add(
        Mistake::new(
            entry.value.span.clone(),
            format!("`name` must be letters, digits, `.`, `_` and `-`, at most 64, the first a letter or digit; got \"{}\"", name.escape_debug()),
            "can't name a folder everywhere",
        )
        .hint("such as `fashion-depth`"),
    );
    None
}

/// Whether text can name a sweep, and so a folder on any system.
pub(super) fn is_name(text: &str) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let reserved = ["con", "prn", "aux", "nul"].contains(&text.to_ascii_lowercase().as_str());
    (1..=64).contains(&text.len())
        && text.bytes().all(good)
        && text.as_bytes()[0].is_ascii_alphanumeric()
        && !text.ends_with('.')
        && !reserved
}

fn seeds(entry: &Entry, mistakes: &mut Mistakes) -> Vec<u64> {
    let expected = "a whole number of at least 1, or a list of different seeds";
    match &entry.value.kind {
        Kind::Int(n) if (1..=100_000).contains(n) => (0..n.unsigned_abs()).collect(),
        Kind::List(items) if !items.is_empty() => {
            let mut seeds = Vec::new();
            for item in items {
                match item.kind {
                    Kind::Int(n) if n >= 0 && !seeds.contains(&n.unsigned_abs()) => {
                        seeds.push(n.unsigned_abs());
                    }
                    Kind::Int(n) if n >= 0 => mistakes.add(Mistake::new(
                        item.span.clone(),
                        format!("the seed {n} is listed twice"),
                        "second",
                    )),
                    _ => mistakes.wrong_kind(item, "a seed", "a whole number of at least 0"),
                }
            }
            seeds
        }
        _ => {
            mistakes.wrong_kind(&entry.value, "`seeds`", expected);
            vec![0]
        }
    }
}

fn checkpoint(entry: &Entry, mistakes: &mut Mistakes) -> f64 {
    entry.value.text().and_then(duration::seconds).unwrap_or_else(|| {
        mistakes.wrong_kind(&entry.value, "`checkpoint`", "a time such as `5m`");
        CHECKPOINT_SECONDS
    })
}

fn search(entry: &Entry, mistakes: &mut Mistakes) {
    match entry.value.text() {
        Some("grid") => {}
        Some(other) => mistakes.add(
            Mistake::new(entry.value.span.clone(), format!("unknown search `{other}`"), "expected `grid`")
                .hint("this version walks the whole grid; thin it out with ranges, `exclude` and `include`"),
        ),
        None => mistakes.wrong_kind(&entry.value, "`search`", "`grid`"),
    }
}

/// Hash of everything that decides what is trained and how it is ranked.
fn hash(name: &str, entries: &[&Entry]) -> String {
    const SILENT: &[&str] = &["checkpoint", "description", "name", "slurm"];
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"dlgrid spec 1\n");
    hasher.update(name.as_bytes());
    let mut sorted: Vec<&&Entry> =
        entries.iter().filter(|e| !SILENT.contains(&e.key.as_str())).collect();
    sorted.sort_by(|a, b| a.key.cmp(&b.key));
    for entry in sorted {
        let mut text = format!("\n{}=", entry.key);
        write_node(&entry.value, &mut text);
        hasher.update(text.as_bytes());
    }
    hasher.finalize().to_hex()[..32].to_owned()
}

fn write_node(node: &Node, out: &mut String) {
    match &node.kind {
        Kind::List(items) => {
            out.push('[');
            for item in items {
                write_node(item, out);
                out.push(',');
            }
            out.push(']');
        }
        Kind::Map(entries) => {
            out.push('{');
            for entry in entries {
                out.push_str(&format!("{:?}:", entry.key));
                write_node(&entry.value, out);
                out.push(',');
            }
            out.push('}');
        }
        _ => {
            if let Some(value) = node.value() {
                value.canonical().write_json(out);
            }
        }
    }
}
