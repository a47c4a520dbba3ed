//! Checks the whole tree of a spec in one pass.
use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;

use super::command::check_variables;
use super::mistake::{Mistake, nearest};
use super::objective;
use super::parameters::{self, Declared, RuleSpans};
use super::recipes;
use super::section::{Mistakes, ticked};
use super::yaml::{Entry, Kind, Node};
use super::{
    Rounds, Spec, StageKind, Upkeep, duration, fuse, ranks, rounds, slurm, stages, upkeep,
};
use crate::space::{Base, Fault, Rule, Space};

/// The keys of a spec.
pub(super) const TOP: &[&str] = &[
    "after",
    "checkpoint",
    "command",
    "confirm",
    "description",
    "exclude",
    "folds",
    "fuse",
    "include",
    "max_failures",
    "name",
    "objective",
    "on_complete",
    "parameters",
    "retry",
    "sanity",
    "search",
    "seeds",
    "short",
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
    /// Whether dlgrid has written it down, and not a person.
    pub written: bool,
}

pub(super) fn check(
    file: &str,
    tree: &Node,
    rigour: &Rigour,
) -> Result<(Spec, Vec<Mistake>), Vec<Mistake>> {
    let mut mistakes = Mistakes::of_written(rigour.written);
    let entries = mistakes.entries(tree, "a spec");
    if entries.is_empty() {
        mistakes.empty(tree);
        return Err(mistakes.0);
    }
    for entry in &entries {
        if !TOP.contains(&entry.key.as_str()) && entry.key != "stage" {
            unknown_top(entry, &mut mistakes);
        }
    }
    let find = |key: &str| entries.iter().copied().find(|e| e.key == key);
    let stage = find("stage").and_then(|e| stages::stage(e, rigour, &mut mistakes));
    let name = name(file, find("name"), stage.is_some(), &mut mistakes);
    let description = find("description").and_then(|e| mistakes.text(&e.value, "`description`"));
    let mut work = recipes::base(find("train"), find("command"), tree, &mut mistakes);
    let seeds = find("seeds").map_or_else(|| vec![0], |e| seeds(e, "`seeds`", &mut mistakes));
    let folds = find("folds").and_then(|e| rounds::folds(e, &mut mistakes));
    let rounds = Rounds { seeds: seeds.len() as u64, folds };
    // What finishes is judged by a metric that no spec may name.
    let finishes = stage.as_ref().is_some_and(|stage| stage.kind == StageKind::Finish);
    let task = match &work.base {
        Base::Train(settings) if !finishes => Some(objective::task(settings)),
        _ => None,
    };
    let objective = objective::objective(find("objective"), task, tree, &mut mistakes);
    let checkpoint_seconds =
        find("checkpoint").map_or(CHECKPOINT_SECONDS, |e| checkpoint(e, &mut mistakes));
    let fuse = find("fuse").map(|e| fuse::check(&e.value, &mut mistakes)).unwrap_or_default();
    let slurm =
        find("slurm").map(|e| slurm::check("slurm", &e.value, &mut mistakes)).unwrap_or_default();
    if let Some(entry) = find("slurm") {
        ranks::check(entry, &slurm, matches!(work.base, Base::Train(_)), &mut mistakes);
    }
    let confirm =
        find("confirm").and_then(|e| stages::confirm(e, &seeds, folds, rigour, &mut mistakes));
    let upkeep = Upkeep { confirm: confirm.is_some(), ..upkeep::check(find, &mut mistakes) };
    let short = find("short").and_then(|e| stages::short(e, &mut work, &mut mistakes));
    if let Some(entry) = find("search") {
        search(entry, &mut mistakes);
    }
    let declared = parameters::declare(&entries, &work, &mut mistakes);
    let varied = declared.as_ref().and_then(|declared| declared.places.get("epochs"));
    if let (Some(entry), Some(varies)) = (find("short"), varied) {
        mistakes.add(stages::short_and_varied(entry, varies.clone()));
    }
    let space =
        declared.and_then(|declared| build(declared, &work, rounds, rigour, tree, &mut mistakes));
    let (Some(space), Some(name), Some(objective)) = (space, name, objective) else {
        return Err(mistakes.0);
    };
    objective::check_classes(find("objective"), &objective, &space, &mut mistakes);
    mistakes.0.extend(stages::confirm_by_the_same(find("confirm"), &space));
    if mistakes.0.iter().any(|m| !m.warning) {
        return Err(mistakes.0);
    }
    let hash = hash(&name, &entries);
    Ok((
        Spec {
            name,
            description,
            space,
            seeds,
            folds,
            objective,
            checkpoint_seconds,
            fuse,
            slurm,
            upkeep,
            short,
            confirm,
            stage,
            hash,
        },
        mistakes.0,
    ))
}

/// Builds the space if it is of a size to be built, and checks every recipe in it.
fn build(
    declared: Declared,
    work: &recipes::Work,
    rounds: Rounds,
    rigour: &Rigour,
    tree: &Node,
    mistakes: &mut Mistakes,
) -> Option<Space> {
    let max_runs = rigour.max_runs;
    if matches!(work.base, Base::Command(_)) {
        check_variables(&declared, mistakes);
    }
    if rounds.folds.is_some() {
        super::folds::check_declared(&declared, work, mistakes);
    }
    let anchor = declared.anchor.clone().unwrap_or(tree.span.start..tree.span.start);
    if let Some(too_large) = declared.too_large(rounds, max_runs) {
        mistakes.add(Mistake::new(anchor, too_large.fact, too_large.label).hint(too_large.hint));
        return None;
    }
    if mistakes.0.iter().any(|m| !m.warning) {
        return None;
    }
    if let Some(span) = declared.places.get("task") {
        mistakes.add(
            Mistake::new(span.clone(), "`task` can't vary within a sweep", "varies here")
                .hint("no leaderboard ranks classes against numbers: a sweep for each"),
        );
        return None;
    }
    let spans = declared.spans();
    let refusal =
        declared.refusal(rounds, &format!(", of which conditions leave more than {max_runs}"));
    let space = match Space::new(declared.paths, work.base.clone(), declared.plots) {
        Ok(space) => space,
        Err(fault) => {
            mistakes.add(fault_mistake(&fault, &spans.rules, anchor));
            return None;
        }
    };
    if !rigour.recipes {
        return Some(space);
    }
    let limit = max_runs / rounds.count().max(1);
    let trials = space.trials_up_to(limit);
    if let Some(fault) = space.fault(trials <= limit) {
        mistakes.add(fault_mistake(&fault, &spans.rules, anchor));
        return None;
    }
    if trials > limit {
        mistakes.add(Mistake::new(anchor, refusal.fact, refusal.label).hint(refusal.hint));
        return None;
    }
    if trials == 0 {
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
    super::rules::warn_of_idle(&space, &spans.rules, mistakes);
    recipes::check_points(&space, work, &spans, rounds.folds, mistakes);
    Some(space)
}

/// A condition that can't be evaluated, underlined where it stands, with a point that shows it.
fn fault_mistake(fault: &Fault, rules: &[RuleSpans], anchor: Range<usize>) -> Mistake {
    let spans = rules.get(fault.block);
    let span = match fault.rule {
        Some(Rule::When(n)) => spans.and_then(|s| s.whens.get(n)),
        Some(Rule::Exclude(n)) => spans.and_then(|s| s.excludes.get(n)),
        None => None,
    };
    let cells: Vec<String> =
        fault.point.iter().take(6).map(|(path, value)| format!("{path} = {value}")).collect();
    let label = if cells.is_empty() {
        "this condition".to_owned()
    } else {
        format!("at the point {}", cells.join(", "))
    };
    Mistake::new(span.cloned().unwrap_or(anchor), fault.to_string(), label)
}

fn unknown_top(entry: &Entry, mistakes: &mut Mistakes) {
    let recipe = crate::recipe::key::find(&entry.key).is_some()
        || crate::recipe::key::is_section(&entry.key);
    let synonym = match entry.key.as_str() {
        "grid" | "params" | "params_grid" | "hyperparameters" | "space" => Some("parameters"),
        "fixed" | "config" | "recipe" => Some("train"),
        "metric" | "goal" => Some("objective"),
        "repeats" | "seed" => Some("seeds"),
        "fold" | "kfold" | "k_fold" | "cross_validation" | "cv" => Some("folds"),
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

fn name(
    file: &str,
    entry: Option<&Entry>,
    of_stage: bool,
    mistakes: &mut Mistakes,
) -> Option<String> {
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
    let sweep = if of_stage { name.split('/').next().unwrap_or(&name) } else { &name };
    if is_name(sweep) {
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

pub(super) fn seeds(entry: &Entry, what: &str, mistakes: &mut Mistakes) -> Vec<u64> {
    let expected = "a whole number from 1 to 100000, or a list of different seeds";
    match &entry.value.kind {
        Kind::Int(n) if (1..=100_000).contains(n) => (0..n.unsigned_abs()).collect(),
        Kind::List(items) if !items.is_empty() => {
            let mut seeds = Vec::new();
            let mut seen = HashSet::new();
            for item in items {
                match item.kind {
                    Kind::Int(n) if n >= 0 && seen.insert(n) => {
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
            mistakes.wrong_kind(&entry.value, what, expected);
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
    const SILENT: &[&str] = &["checkpoint", "description", "fuse", "name", "slurm"];
    let is_silent = |key: &str| SILENT.contains(&key) || upkeep::KEYS.contains(&key);
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"dlgrid spec 1\n");
    hasher.update(name.as_bytes());
    let mut sorted: Vec<&&Entry> = entries.iter().filter(|e| !is_silent(&e.key)).collect();
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
