//! How long a finish trains what early stopping ended.
use crate::recipe::{Recipe, ScheduleKind, Work};
use crate::store::merge::Results;
use crate::store::record::Outcome;
use crate::sweep::Sweep;

/// How long a trial that early stopping ended is to be trained where no validation samples are left
/// to stop it: for as many epochs as its runs had been best after, at the mean. Runs that diverged
/// say nothing of it. Nothing where the recipe's own length holds: nothing stops early, or no run
/// was stopped, the search was `short`, or the learning rate follows a schedule over all epochs,
/// which another length would change.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a mean of epochs is one of their range"
)]
pub fn stopped_after(of: &Sweep, results: &Results, point: u64) -> Option<u32> {
    let Work::Train(settings) = of.spec.space.work(point)? else { return None };
    let recipe = Recipe::new(&settings).ok()?;
    let stop = recipe.early_stop.filter(|_| of.spec.short.is_none())?;
    if recipe.schedule.kind != ScheduleKind::Constant {
        return None;
    }
    let metric = results.names.id(&stop.metric)?;
    let of_point = |index: &u64| of.spec.place(*index).is_some_and(|(own, ..)| own == point);
    let ends = results.runs.iter().filter(|(index, _)| of_point(index));
    let ends = ends.filter_map(|(_, run)| run.end.as_ref());
    let done: Vec<_> = ends.filter(|end| end.outcome == Outcome::Done).collect();
    if done.iter().all(|end| end.epochs >= recipe.epochs) {
        return None;
    }
    let best = done.iter().filter_map(|end| end.best(metric)).map(|best| f64::from(best.epoch));
    let (sum, n) = best.fold((0.0, 0.0), |(sum, n), epoch| (sum + epoch, n + 1.0));
    // A warm-up must leave something of the epochs.
    let least = recipe.schedule.warmup.floor() + 1.0;
    (n > 0.0).then(|| (sum / n).round().max(least).min(f64::from(recipe.epochs)) as u32)
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

    fn length(rest: &str, ends: &[Ended]) -> Option<u32> {
        let root = tempfile::tempdir().expect("folder");
        let text = format!(
            "name: t\ntrain: {{data: {{set: mnist}}, epochs: 20{rest}}}\nseeds: {}\n\
             objective: {{minimize: valid/loss}}\n",
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
                    "epochs": epochs, "metrics": {"valid/loss": 0.5}, "seconds": 1, "time": 1,
                    "best": {"valid/loss": {"epoch": best, "value": 0.4}},
                });
                work.end(&serde_json::from_value(end).expect("end")).expect("recorded");
            }
            work.close().expect("closed");
        }
        let results = read::load(&sweep.dir, &sweep.manifest.id).expect("read");
        stopped_after(&sweep, &results, 0)
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
            assert_eq!(length(rest, ends), expected, "{rest}, {ends:?}");
        }
    }
}
