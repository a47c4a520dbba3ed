//! The stages of a sweep: a search that may train less, the best of it again on fresh seeds, and
//! the finish, which opens the test set.
use std::ops::Range;

use super::check::Rigour;
use super::mistake::Mistake;
use super::recipes::Work;
use super::section::{Mistakes, point_at};
use super::yaml::{Entry, Kind, Node};
use crate::recipe::{Value, Work as RunWork, key};
use crate::space::{Base, Space};

/// The search trains less than the recipe says.
#[derive(Debug, Clone, PartialEq)]
pub struct Short {
    /// Epochs of a run of the search.
    pub epochs: u32,
    /// What the recipe says of `epochs`: for the stages after the search.
    pub full: Value,
}

/// The best trials of the search are run again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirm {
    /// How many trials.
    pub top: u64,
    /// On which seeds.
    pub seeds: Vec<u64>,
}

/// What a sweep is that dlgrid itself has made out of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// What it is for.
    pub kind: StageKind,
    /// The sweep whose stage it is, 32 hex digits.
    pub of: String,
    /// Which one of its kind, from 1.
    pub number: u32,
}

/// What a stage is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StageKind {
    /// The best trials again, on seeds that did not choose them.
    Confirm,
    /// The best trials on all training samples, judged on the test set.
    Finish,
}

impl StageKind {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Finish => "finish",
        }
    }
}

/// Seeds of a stage at most.
pub(super) const MOST: i64 = 10_000;
/// Trials of a stage at most: each is a block of the spec that dlgrid writes for it.
pub(super) const MOST_TRIALS: i64 = 500;

/// `short`: sets the epochs of the search, and keeps what the recipe says.
pub(super) fn short(entry: &Entry, work: &mut Work, mistakes: &mut Mistakes) -> Option<Short> {
    let before = mistakes.0.len();
    let mut epochs = None;
    for part in mistakes.entries(&entry.value, "`short`") {
        match part.key.as_str() {
            "epochs" => epochs = count(&part.value, "`short.epochs`", 1_000_000, mistakes),
            _ => mistakes.unknown_key(part, "`short`", &["epochs"]),
        }
    }
    let Base::Train(settings) = &mut work.base else {
        let fact = "`short` is for `train`: dlgrid does not know the epochs of a `command`";
        mistakes.add(
            Mistake::new(entry.key_span.clone(), fact, "not for a `command`")
                .hint("make the length of a run a parameter of its own"),
        );
        return None;
    };
    let Some(epochs) = epochs else {
        if mistakes.0.len() == before {
            mistakes.wrong_kind(&entry.value, "`short`", "`{epochs: N}`");
        }
        return None;
    };
    let place = key::find("epochs").expect("the table has `epochs`");
    let full = settings.resolved(place);
    if full.as_i64().is_some_and(|full| full <= epochs.cast_signed()) {
        mistakes.add(
            Mistake::new(
                entry.value.span.clone(),
                format!(
                    "`short.epochs: {epochs}` is not less than the {full} epochs of the recipe"
                ),
                "nothing is short here",
            )
            .hint("give fewer, or take `short` away"),
        );
        return None;
    }
    settings.set(place, Value::Int(epochs.cast_signed()));
    Some(Short { epochs: u32::try_from(epochs).ok()?, full })
}

/// `short` where `epochs` is a parameter that is declared at `varies`.
pub(super) fn short_and_varied(entry: &Entry, varies: Range<usize>) -> Mistake {
    let fact = "`short` sets the epochs of the search, and `epochs` is a parameter too";
    Mistake::new(entry.key_span.clone(), fact, "sets `epochs`")
        .also(varies, "varies `epochs`")
        .hint("take one of the two away")
}

/// `confirm`: how many trials, and on which seeds: a number means seeds that the search did not
/// have, for those have chosen.
pub(super) fn confirm(
    entry: &Entry,
    search: &[u64],
    folds: Option<u32>,
    rigour: &Rigour,
    mistakes: &mut Mistakes,
) -> Option<Confirm> {
    let before = mistakes.0.len();
    let (mut top, mut seeds) = (None, None);
    for part in mistakes.entries(&entry.value, "`confirm`") {
        match part.key.as_str() {
            "top" => top = count(&part.value, "`confirm.top`", MOST_TRIALS, mistakes),
            "seeds" if matches!(part.value.kind, Kind::Int(_)) => {
                let many = count(&part.value, "`confirm.seeds`", MOST, mistakes);
                seeds = many.and_then(|many| fresh(&part.value, search, many, mistakes));
            }
            "seeds" => {
                seeds = Some(super::check::seeds(part, "`confirm.seeds`", mistakes));
            }
            _ => mistakes.unknown_key(part, "`confirm`", &["seeds", "top"]),
        }
    }
    let (Some(top), Some(seeds)) = (top, seeds) else {
        if mistakes.0.len() == before {
            mistakes.add(
                Mistake::new(
                    point_at(entry),
                    "`confirm` needs `top` and `seeds`",
                    "one of them is missing",
                )
                .hint("such as `confirm: {top: 10, seeds: 5}`"),
            );
        }
        return None;
    };
    let each = (seeds.len() as u64).saturating_mul(folds.map_or(1, u64::from));
    let runs = top.saturating_mul(each);
    if runs > rigour.max_runs {
        mistakes.add(
            Mistake::new(
                entry.value.span.clone(),
                format!("`confirm` makes {runs} runs, more than the limit of {}", rigour.max_runs),
                format!("{top} trials × {each} runs"),
            )
            .hint("`--max-runs` sets another limit"),
        );
        return None;
    }
    Some(Confirm { top, seeds })
}

/// What `confirm` can't do where seeds share their order: choose by samples that it is not judged on.
pub(super) fn confirm_by_the_same(entry: Option<&Entry>, space: &Space) -> Option<Mistake> {
    let entry = entry?;
    let shares = |work: RunWork| match work {
        RunWork::Train(settings) => settings.at("shared_order") == Value::Bool(true),
        RunWork::Command(_) => false,
    };
    space.samples(&["shared_order"]).any(|(_, work)| shares(work)).then(|| {
        let fact =
            "with `shared_order` the seeds of `confirm` are judged on the samples that chose";
        Mistake::new(entry.key_span.clone(), fact, "new weights, but no new samples")
            .hint("without `shared_order` each seed holds other samples back")
            .as_warning()
    })
}

/// As many seeds as asked for, from the first on that is greater than all of the search. The spec of
/// the stage lists them, and is read as any other: it knows none beyond an `i64`.
fn fresh(node: &Node, search: &[u64], many: u64, mistakes: &mut Mistakes) -> Option<Vec<u64>> {
    let most = search.iter().max();
    let first = most.map_or(0, |most| most.saturating_add(1));
    let end = first.saturating_add(many);
    if end <= i64::MAX.unsigned_abs() + 1 {
        return Some((first..end).collect());
    }
    let greatest = most.copied().unwrap_or_default();
    let is_refused = mistakes.refuse_anew(
        Mistake::new(
            node.span.clone(),
            format!("beyond the seed {greatest} of the search there are not {many} more"),
            format!("no seed is greater than {}", i64::MAX),
        )
        .hint("give `seeds` smaller numbers, or list those of `confirm`: `seeds: [1, 2, 3]`"),
    );
    (!is_refused).then(|| (first..end).collect())
}

/// `stage`: only in what dlgrid has written.
pub(super) fn stage(entry: &Entry, rigour: &Rigour, mistakes: &mut Mistakes) -> Option<Stage> {
    if !rigour.written {
        mistakes.add(
            Mistake::new(
                entry.key_span.clone(),
                "`stage` is written by dlgrid alone",
                "not for a spec of yours",
            )
            .hint(
                "`confirm: {top: 10, seeds: 5}` asks for a stage, `dlgrid finish` makes the last",
            ),
        );
        return None;
    }
    let (mut kind, mut of, mut number) = (None, None, 1);
    for part in mistakes.entries(&entry.value, "`stage`") {
        match (part.key.as_str(), part.value.text()) {
            ("kind", Some("confirm")) => kind = Some(StageKind::Confirm),
            ("kind", Some("finish")) => kind = Some(StageKind::Finish),
            ("of", Some(id)) => of = Some(id.to_owned()),
            ("number", _) => {
                let read = count(&part.value, "`stage.number`", MOST, mistakes);
                number = read.and_then(|n| u32::try_from(n).ok()).unwrap_or(number);
            }
            _ => mistakes.wrong_kind(&part.value, "`stage`", "`{kind: confirm, of: ID}`"),
        }
    }
    Some(Stage { kind: kind?, of: of?, number })
}

fn count(node: &Node, what: &str, most: i64, mistakes: &mut Mistakes) -> Option<u64> {
    match node.kind {
        Kind::Int(n) if (1..=most).contains(&n) => Some(n.unsigned_abs()),
        _ => {
            mistakes.wrong_kind(node, what, &format!("a whole number from 1 to {most}"));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Spec, read};

    fn spec(rest: &str) -> Result<Spec, String> {
        let text = format!(
            "name: t\ntrain: {{data: {{set: mnist}}, epochs: 9}}\nparameters: {{optimizer.lr: [0.1, 0.2]}}\nseeds: 3\n{rest}"
        );
        read("t.yaml", text.as_bytes(), 1000)
            .map(|(spec, _)| spec)
            .map_err(|errors| errors.render(false, 100))
    }

    #[test]
    fn a_short_search_keeps_the_full_length_for_later() {
        let spec = spec("short: {epochs: 2}\n").expect("a spec");
        assert_eq!(spec.short, Some(Short { epochs: 2, full: Value::Int(9) }));
        let Some(crate::recipe::Work::Train(settings)) = spec.space.work(0) else {
            panic!("train")
        };
        assert_eq!(settings.at("epochs"), Value::Int(2));
    }

    #[test]
    fn seeds_that_confirm_are_fresh_unless_they_are_named() {
        let seeds = |text: &str| spec(text).expect("a spec").confirm.expect("confirm").seeds;
        assert_eq!(seeds("confirm: {top: 2, seeds: 4}\n"), [3, 4, 5, 6]);
        assert_eq!(seeds("confirm: {top: 2, seeds: [1, 9]}\n"), [1, 9]);
    }

    #[test]
    fn a_shared_order_takes_the_sense_out_of_fresh_seeds() {
        let warned = |train: &str, rest: &str| {
            let text = format!("name: t\ntrain: {{data: {{set: mnist}}{train}}}\n{rest}");
            let read = read("t.yaml", text.as_bytes(), 1000);
            read.unwrap_or_else(|errors| panic!("{}", errors.render(false, 100))).1
        };
        const CONFIRM: &str = "confirm: {top: 2, seeds: 4}\n";
        const VARIED: &str = "parameters: {shared_order: [false, true]}\n";
        let shared = ", shared_order: true";
        for (train, rest, warnings) in [
            (shared, CONFIRM.to_owned(), 1),
            ("", format!("{VARIED}{CONFIRM}"), 1),
            ("", CONFIRM.to_owned(), 0),
            (shared, VARIED.replace("shared_order: [false, true]", "epochs: [1, 2]"), 0),
        ] {
            let told = warned(train, &rest);
            assert_eq!(told.len(), warnings, "{rest}");
            assert!(told.iter().all(|t| t.warning && t.fact.contains("samples that chose")));
        }
    }

    #[test]
    fn fresh_seeds_end_where_seeds_do() {
        let of = |first: i64, confirm: &str| {
            let text = format!(
                "name: t\ntrain: {{data: {{set: mnist}}}}\nseeds: [{first}]\nconfirm: {{top: 1, seeds: {confirm}}}\n"
            );
            let read = read("t.yaml", text.as_bytes(), 1000);
            let seeds = read.map(|(spec, _)| spec.confirm.expect("confirm").seeds);
            seeds.map_err(|errors| errors.render(false, 200))
        };
        for (first, confirm) in [(i64::MAX, "1"), (i64::MAX, "5"), (i64::MAX - 4, "5")] {
            let told = of(first, confirm).expect_err("a mistake");
            let fact =
                format!("beyond the seed {first} of the search there are not {confirm} more");
            assert!(told.contains(&fact) && told.contains("t.yaml:4:"), "{told}");
        }
        let last = of(i64::MAX - 5, "5").expect("a spec").last().copied();
        assert_eq!(last, Some(i64::MAX.unsigned_abs()));
        assert_eq!(of(i64::MAX, "[3, 9]").expect("a spec"), [3, 9]);
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        for (rest, told) in [
            ("short: {epochs: 9}\n", "not less than the 9 epochs"),
            ("short: {epoch: 2}\n", "did you mean `epochs`?"),
            ("short: 3\n", "`short` must be"),
            ("confirm: {top: 3}\n", "needs `top` and `seeds`"),
            ("confirm: {top: 0, seeds: 3}\n", "from 1 to 500"),
            ("confirm: {top: 100, seeds: 30}\n", "3000 runs, more than the limit"),
            ("confirm: {top: 1, seeds: [1, 1]}\n", "listed twice"),
            ("stage: {kind: finish, of: x}\n", "written by dlgrid alone"),
        ] {
            let text = spec(rest).expect_err("a mistake");
            assert!(text.contains(told), "{told} in\n{text}");
        }
        let all =
            spec("short: {}\nconfirm: {top: 3}\nretry: {maximum: 2}\n").expect_err("mistakes");
        for told in ["`short` must be", "needs `top` and `seeds`", "did you mean `max`?"] {
            assert!(all.contains(told), "{told} in\n{all}");
        }
        let both = "name: t\ntrain: {data: {set: mnist}}\nparameters: {epochs: [5, 6]}\nshort: {epochs: 2}\n";
        let text = read("t.yaml", both.as_bytes(), 10).expect_err("a mistake").render(false, 100);
        assert!(text.contains("`epochs` is a parameter too"), "{text}");
        let command = "name: t\ncommand: [echo]\nobjective: {minimize: l}\nshort: {epochs: 2}\n";
        let text =
            read("t.yaml", command.as_bytes(), 10).expect_err("a mistake").render(false, 100);
        assert!(text.contains("not for a `command`"), "{text}");
    }
}
