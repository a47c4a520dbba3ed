//! The `objective` of a spec: a metric that the task reports, in the direction that makes sense.
use super::metric::{self, At, Goal, Objective};
use super::mistake::{Mistake, nearest};
use super::section::{Mistakes, point_at, ticked};
use super::yaml::{Entry, Node};

pub(super) fn objective(
    entry: Option<&Entry>,
    trains: bool,
    tree: &Node,
    mistakes: &mut Mistakes,
) -> Option<Objective> {
    let Some(entry) = entry else {
        if trains {
            return Some(Objective {
                goal: Goal::Maximize,
                metric: "valid/accuracy".into(),
                at: At::Last,
            });
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
    metric_name(&metric, goal, trains, &part.value, mistakes).then_some(Objective {
        goal,
        metric,
        at,
    })
}

fn metric_name(name: &str, goal: Goal, trains: bool, node: &Node, mistakes: &mut Mistakes) -> bool {
    if !trains {
        let good =
            !name.is_empty() && name.len() <= 128 && !name.contains(|c: char| c.is_control());
        if !good {
            mistakes.wrong_kind(node, "the objective", "the name of a metric");
        }
        return good;
    }
    let Some((_, better)) = metric::CLASSIFY.iter().find(|(known, _)| *known == name) else {
        let known: Vec<&str> = metric::CLASSIFY.iter().map(|(n, _)| *n).collect();
        let mistake = Mistake::new(
            node.span.clone(),
            format!("unknown metric `{name}`"),
            "not reported by `task: classify`",
        );
        mistakes.add(if name.starts_with("test") {
            mistake.hint("the test set stays closed while trials are compared: choose on `valid/…`")
        } else if let Some(word) = nearest(name, known.iter().copied()) {
            mistake.hint(format!("did you mean `{word}`?"))
        } else {
            mistake.hint(format!("known are {}", ticked(&known)))
        });
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
