//! How long a finish trains what had been best before its last epoch.
use crate::recipe::{Recipe, ScheduleKind, Work};
use crate::spec::At;
use crate::store::merge::Results;
use crate::store::record::Outcome;
use crate::sweep::Sweep;

/// How long a trial is to be trained that ranks by its best epoch, or that early stopping ended, where
/// no validation samples are left to tell the epoch: for as many epochs as its runs had been best
/// after, at the mean. Runs that diverged say nothing of it. Nothing where the recipe's own length
/// holds: the last epoch counts and no run was stopped, the best was the last, or what was best in
/// the search can't be kept (see [`unkept`]).
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a mean of epochs is one of their range"
)]
pub fn best_after(of: &Sweep, results: &Results, point: u64) -> Option<u32> {
    let recipe = recipe(of, point)?;
    let by_best = of.spec.objective.at == At::Best;
    let metric = match &recipe.early_stop {
        _ if unkept(of, &recipe).is_some() => return None,
        _ if by_best => &of.spec.objective.metric,
        Some(stop) => &stop.metric,
        None => return None,
    };
    let metric = results.names.id(metric)?;
    let of_point = |index: &u64| of.spec.place(*index).is_some_and(|(own, ..)| own == point);
    let ends = results.runs.iter().filter(|(index, _)| of_point(index));
    let ends = ends.filter_map(|(_, run)| run.end.as_ref());
    let done: Vec<_> = ends.filter(|end| end.outcome == Outcome::Done).collect();
    if !by_best && done.iter().all(|end| end.epochs >= recipe.epochs) {
        return None;
    }
    let best = done.iter().filter_map(|end| end.best(metric)).map(|best| f64::from(best.epoch));
    let (sum, n) = best.fold((0.0, 0.0), |(sum, n), epoch| (sum + epoch, n + 1.0));
    // A warm-up must leave something of the epochs.
    let least = recipe.schedule.warmup.floor() + 1.0;
    let epochs = (n > 0.0).then(|| (sum / n).round().max(least) as u32)?.min(recipe.epochs);
    (!by_best || epochs < recipe.epochs).then_some(epochs)
}

/// Why a trial that ranks by its best epoch is trained to its last all the same, if it is.
#[must_use]
pub fn best_is_passed(of: &Sweep, point: u64) -> Option<&'static str> {
    if of.spec.objective.at != At::Best {
        return None;
    }
    unkept(of, &recipe(of, point)?)
}

/// Why the epoch that was best in a sweep says nothing of another training.
fn unkept(of: &Sweep, recipe: &Recipe) -> Option<&'static str> {
    if of.spec.short.is_some() {
        return Some("its search was `short`");
    }
    let follows = recipe.schedule.kind != ScheduleKind::Constant;
    follows.then_some("its learning rate follows a schedule over all of them")
}

fn recipe(of: &Sweep, point: u64) -> Option<Recipe> {
    match of.spec.space.work(point)? {
        Work::Train(settings) => Recipe::new(&settings).ok(),
        Work::Command(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::Cut;
    use crate::slice::{SliceWork, Terms};
    use crate::spec;
    use crate::store::read;

    /// How a run ended: whether it is done, its epochs, and the one that was best.
    type Ended = (&'static str, u32, u32);

    /// The epochs to finish with, and whether the best epoch is passed.
    type Told = (Option<u32>, bool);

    fn length(at: &str, rest: &str, ends: &[Ended]) -> Told {
        let root = tempfile::tempdir().expect("folder");
        let text = format!(
            "name: t\ntrain: {{data: {{set: mnist}}, epochs: 20{rest}}}\nseeds: {}\n\
             objective: {{maximize: valid/accuracy, at: {at}}}\n",
            ends.len()
        );
        let (spec, _) = spec::read("t.yaml", text.as_bytes(), 100).expect("spec");
        let made = Sweep::create(root.path(), spec, text.as_bytes(), &Cut::Slots(1));
        let sweep = made.expect("sweep").sweep;
        for slice in 0..sweep.manifest.slices.len() as u32 {
            let work = SliceWork::begin(&sweep, slice, &Terms::default(), &|_| false);
            let mut work = work.expect("slice");
            for index in work.todo().to_vec() {
                let run = sweep.run(index).expect("run");
                let (outcome, epochs, best) = ends[run.seed as usize];
                let end = serde_json::json!({
                    "run": run.id, "index": index, "seed": run.seed, "outcome": outcome,
                    "epochs": epochs, "seconds": 1, "time": 1,
                    "metrics": {"valid/loss": 0.5, "valid/accuracy": 0.5},
                    "best": {
                        "valid/loss": {"epoch": best, "value": 0.4},
                        "valid/accuracy": {"epoch": best + 1, "value": 0.4},
                    },
                });
                work.end(&serde_json::from_value(end).expect("end")).expect("recorded");
            }
            work.close().expect("closed");
        }
        let results = read::load(&sweep.dir, &sweep.manifest.id).expect("read");
        (best_after(&sweep, &results, 0), best_is_passed(&sweep, 0).is_some())
    }

    #[test]
    fn what_was_stopped_is_trained_until_it_was_best_and_nothing_else_is_cut() {
        const STOP: &str = ", early_stop: {patience: 5}";
        let cases: [(&str, &[Ended], Option<u32>); 9] = [
            (STOP, &[("done", 8, 3), ("done", 10, 5)], Some(4)),
            (STOP, &[("done", 8, 3), ("done", 20, 17)], Some(10)),
            (", early_stop: {patience: 50}", &[("done", 20, 3), ("done", 20, 3)], None),
            (STOP, &[("done", 20, 15)], None),
            (STOP, &[("done", 12, 7), ("diverged", 2, 1)], Some(7)),
            (STOP, &[("done", 20, 19), ("diverged", 2, 1)], None),
            (STOP, &[("diverged", 2, 1), ("failed", 3, 1)], None),
            ("", &[("done", 8, 3)], None),
            (", early_stop: {patience: 5}, schedule: {kind: cosine}", &[("done", 8, 3)], None),
        ];
        for (rest, ends, expected) in cases {
            assert_eq!(length("last", rest, ends), (expected, false), "{rest}, {ends:?}");
        }
    }

    /// The objective's epoch, which is one later here than that of the loss.
    #[test]
    fn what_ranks_by_its_best_epoch_is_trained_to_it() {
        const COSINE: &str = ", schedule: {kind: cosine}";
        let short = "}\nshort: {epochs: 10";
        let stop = ", early_stop: {patience: 5}";
        let cases: [(&str, &[Ended], Told); 8] = [
            ("", &[("done", 20, 6), ("done", 20, 8)], (Some(8), false)),
            ("", &[("done", 20, 19)], (None, false)),
            ("", &[("done", 20, 5), ("diverged", 2, 1)], (Some(6), false)),
            ("", &[("diverged", 2, 1)], (None, false)),
            (stop, &[("done", 20, 6), ("done", 12, 6)], (Some(7), false)),
            (stop, &[("done", 20, 19)], (None, false)),
            (COSINE, &[("done", 20, 6)], (None, true)),
            (short, &[("done", 10, 6)], (None, true)),
        ];
        for (rest, ends, expected) in cases {
            assert_eq!(length("best", rest, ends), expected, "{rest}, {ends:?}");
        }
    }
}
