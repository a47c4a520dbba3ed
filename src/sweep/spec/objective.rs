//! The `objective` of a spec: a metric that the task reports, in the direction that makes sense.
use super::metric::{At, Goal, Objective};
use super::mistake::{Mistake, nearest};
use super::section::{Mistakes, point_at, ticked};
use super::yaml::{Entry, Node};
use crate::recipe::{Settings, Task, Work, metric};
use crate::space::Space;

pub(super) fn objective(
    entry: Option<&Entry>,
    task: Option<Task>,
    tree: &Node,
    mistakes: &mut Mistakes,
) -> Option<Objective> {
    let Some(entry) = entry else {
        if let Some(task) = task {
            let (metric, goal) = metric::usual(task);
            return Some(Objective { goal, metric: metric.into(), at: At::Last });
        }
        mistakes.add(
            Mistake::new(
                tree.span.start..tree.span.start,
                "a `command` sweep needs an `objective`",
                "no `objective`",
            )
            .hint(
                "such as `objective: {minimize: valid/loss}`, by a name that the program reports",
            ),
        );
        return None;
    };
    let mut goal: Option<(Goal, &Entry)> = None;
    let mut at = At::Last;
    for part in mistakes.entries(&entry.value, "`objective`") {
        match part.key.as_str() {
            "maximize" | "minimize" => {
                if let Some((_, first)) = &goal {
                    mistakes.add(
                        Mistake::new(
                            part.key_span.clone(),
                            "`objective` has one goal, either to maximize or to minimize",
                            "second goal",
                        )
                        .also(first.key_span.clone(), "first goal"),
                    );
                    continue;
                }
                let direction =
                    if part.key == "maximize" { Goal::Maximize } else { Goal::Minimize };
                goal = Some((direction, part));
            }
            "at" => match part.value.text() {
                Some("best") => at = At::Best,
                Some("last") => at = At::Last,
                _ => mistakes.wrong_kind(&part.value, "`objective.at`", "`last` or `best`"),
            },
            _ => mistakes.unknown_key(part, "`objective`", &["at", "maximize", "minimize"]),
        }
    }
    let Some((goal, part)) = goal else {
        mistakes.add(
            Mistake::new(
                point_at(entry),
                "`objective` says neither `maximize` nor `minimize`",
                "no goal",
            )
            .hint("such as `objective: {maximize: valid/f1}`"),
        );
        return None;
    };
    let metric = mistakes.text(&part.value, &format!("`objective.{}`", part.key))?;
    metric_name(&metric, goal, task, &part.value, mistakes).then_some(Objective {
        goal,
        metric,
        at,
    })
}

fn metric_name(
    name: &str,
    goal: Goal,
    task: Option<Task>,
    node: &Node,
    mistakes: &mut Mistakes,
) -> bool {
    let Some(task) = task else {
        let good =
            !name.is_empty() && name.len() <= 128 && !name.contains(|c: char| c.is_control());
        if !good {
            mistakes.wrong_kind(node, "the objective", "the name of a metric");
        }
        return good;
    };
    let Some((_, better)) = metric::of(task).iter().find(|(known, _)| *known == name) else {
        mistakes.add(unknown_metric(name, task, node));
        return false;
    };
    if *better != goal {
        let (wrong, right) = match goal {
            Goal::Maximize => ("large", "minimize"),
            Goal::Minimize => ("small", "maximize"),
        };
        mistakes.add(
            Mistake::new(
                node.span.clone(),
                format!("a {wrong} `{name}` is not what anyone wants"),
                "the other way round",
            )
            .hint(format!("`objective: {{{right}: {name}}}`")),
        );
        return false;
    }
    true
}

fn unknown_metric(name: &str, task: Task, node: &Node) -> Mistake {
    let known: Vec<&str> = metric::of(task).iter().map(|(n, _)| *n).collect();
    let mistake = Mistake::new(
        node.span.clone(),
        format!("unknown metric `{name}`"),
        format!("not reported by `task: {}`", task.name()),
    );
    let other = match task {
        Task::Classify => Task::Regress,
        Task::Regress => Task::Classify,
    };
    if name.starts_with("test") {
        return mistake
            .hint("the test set stays closed while trials are compared: choose on `valid/…`");
    }
    if metric::of(other).iter().any(|(n, _)| *n == name) {
        let own: Vec<&str> = known.iter().copied().filter(|n| n.starts_with("valid")).collect();
        let (task, other) = (task.name(), other.name());
        let hint = format!("that is of `task: {other}`; `task: {task}` reports {}", ticked(&own));
        return mistake.hint(hint);
    }
    match nearest(name, known.iter().copied()) {
        Some(word) => mistake.hint(format!("did you mean `{word}`?")),
        None => mistake.hint(format!("known are {}", ticked(&known))),
    }
}

/// The task of every trial, where the built-in trainer does the work.
pub(super) fn task(base: &Settings) -> Task {
    base.at("task").as_text().map_or(Task::Classify, Task::of)
}

/// What an objective asks of the data of every trial: that there are as many classes as its
/// metric needs.
pub(super) fn check_classes(
    entry: Option<&Entry>,
    objective: &Objective,
    space: &Space,
    mistakes: &mut Mistakes,
) {
    let Some(entry) = entry else { return };
    let mut told = std::collections::BTreeSet::new();
    for (_, work) in space.samples(&["data.set"]) {
        let Work::Train(settings) = work else { continue };
        let set = settings.at("data.set").as_text().and_then(crate::dataset::find);
        let Some(set) = set else { continue };
        let Some(of) = metric::misfit(&objective.metric, u64::from(set.classes)) else { continue };
        if !told.insert(set.name) {
            continue;
        }
        let (metric, name, classes) = (&objective.metric, set.name, set.classes);
        mistakes.add(
            Mistake::new(
                point_at(entry),
                format!("`{metric}` is of {of}, and `{name}` has {classes}"),
                format!("not reported on `{name}`"),
            )
            .hint("such as `valid/accuracy` or `valid/f1`"),
        );
    }
}
