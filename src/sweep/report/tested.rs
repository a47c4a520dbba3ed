//! How often the test set of a sweep was opened, and what came of it: part of every report.
use serde_json::{Value as Json, json};

use super::collect::Subject;
use super::{Query, Row, Summary, json as form};
use crate::family;
use crate::judge::{Liveness, State};
use crate::spec::StageKind;
use crate::stage;
use crate::store::layout::SweepDir;
use crate::store::opening::{self, Opening};
use crate::store::read;
use crate::sweep::{Sweep, SweepError};
use crate::text::{Digits, clean, date, plural};

/// An opening, and what the trials reached on the test set.
#[derive(Debug, Clone, PartialEq)]
pub struct Tested {
    /// What was written down.
    pub opening: Opening,
    /// The sweep that it is written down in, where that is another one of the same name.
    pub by: Option<String>,
    /// The metric, such as `test/f1`; empty before the stage exists.
    pub metric: String,
    /// Each trial, and what its runs that are done reached; the best first.
    pub trials: Vec<(String, Summary)>,
    /// Runs that are done, and all of them.
    pub runs: (u64, u64),
    /// Runs that have ended, well or not.
    pub ended: u64,
}

/// Every opening of a sweep's test set, in order, also by sweeps of the same name that have runs in
/// common with it; of a stage those of its sweep.
///
/// # Errors
/// If a record or a stage can't be read.
pub fn all(sweep: &Sweep) -> Result<Vec<Tested>, SweepError> {
    if sweep.spec.stage.is_some() {
        let of = sweep.dir.path().parent().map(SweepDir::new).filter(|of| of.manifest().exists());
        return of.map_or(Ok(Vec::new()), |of| all(&Sweep::open(of)?));
    }
    let mut all = own(sweep)?;
    for dir in family::opened(sweep)? {
        all.extend(of_another(dir)?);
    }
    all.sort_by(|a, b| a.opening.time.total_cmp(&b.opening.time));
    Ok(all)
}

/// Those that are written down in the sweep itself, in order.
///
/// # Errors
/// If a record or a stage can't be read.
pub fn own(sweep: &Sweep) -> Result<Vec<Tested>, SweepError> {
    let openings = opening::read_all(&sweep.dir)?;
    openings.into_iter().map(|opening| tested(sweep, opening)).collect()
}

/// Those of another sweep. They count also where its spec is none to this dlgrid.
fn of_another(dir: SweepDir) -> Result<Vec<Tested>, SweepError> {
    let by = Some(dir.label());
    let all = match Sweep::open(dir.clone()) {
        Ok(other) => own(&other)?,
        Err(SweepError::Store(error)) => return Err(error.into()),
        Err(_) => opening::read_all(&dir)?.into_iter().map(Tested::bare).collect(),
    };
    Ok(all.into_iter().map(|tested| Tested { by: by.clone(), ..tested }).collect())
}

impl Tested {
    /// An opening of which no more is known.
    fn bare(opening: Opening) -> Self {
        let runs = (0, opening.seeds * opening.trials.len() as u64);
        Self { opening, by: None, metric: String::new(), trials: Vec::new(), runs, ended: 0 }
    }
}

fn tested(sweep: &Sweep, opening: Opening) -> Result<Tested, SweepError> {
    let Some(stage) = stage::open(sweep, StageKind::Finish, opening.number)? else {
        return Ok(Tested::bare(opening));
    };
    let results = read::load_to_show(&stage.dir, &stage.manifest.id)?;
    let subject = Subject::new(&stage, &results, &|_| Liveness::Unknown);
    // The names of trials are those of the search, which may have trained for less.
    let board = subject.report(Query::default()).ok();
    let name = |row: &Row| {
        let place = usize::try_from(row.point).ok().and_then(|p| opening.trials.get(p));
        place.cloned().unwrap_or_else(|| row.name())
    };
    let rows = board.iter().flat_map(|board| &board.rows);
    let trials = rows.map(|row| (name(row), row.objective)).collect();
    let done = board.as_ref().map_or(0, |board| board.counts.get(State::Done));
    let ended = board.as_ref().map_or(0, |board| board.counts.ended());
    let metric = stage.spec.objective.metric.clone();
    Ok(Tested { metric, trials, runs: (done, stage.manifest.runs), ended, opening, by: None })
}

/// What every report says of it; nothing while the seal is whole.
#[must_use]
pub fn line(all: &[Tested]) -> Option<String> {
    let last = all.last()?;
    let often = match all.len() {
        1 => "once, on".to_owned(),
        2 => "twice, last on".to_owned(),
        n => format!("{n} times, last on"),
    };
    let by = last.by.as_ref().map_or_else(String::new, |by| format!(", by `{}`", clean(by)));
    let mut line = format!("test set opened {often} {}{by}", date(last.opening.time));
    let digits = Digits::for_all(last.trials.iter().filter_map(|(_, s)| s.mean));
    let reached = last.trials.iter().filter_map(|(name, reached)| {
        let mean = digits.write(reached.finite()?);
        let spread = reached.sd.map_or_else(String::new, |sd| format!(" ± {}", digits.write(sd)));
        Some(format!("{name} {mean}{spread} ({})", plural(reached.n, "seed")))
    });
    let reached: Vec<String> = reached.collect();
    if !reached.is_empty() {
        line.push_str(&format!(": {} {}", last.metric, reached.join(", ")));
    }
    let (done, runs) = last.runs;
    if done < runs {
        line.push_str(&format!("; {done} of {} done", plural(runs, "run")));
    }
    Some(line)
}

/// The same as JSON: `[{number, time, trials, seeds, metric, results [{trial, mean, sd, n}], runs,
/// done, by}]`; `by` is the folder of the other sweep that `number` counts in, else null.
pub(super) fn json(all: &[Tested]) -> Json {
    let one = |tested: &Tested| {
        let results: Vec<Json> = tested
            .trials
            .iter()
            .map(|(name, s)| {
                json!({"trial": name, "mean": s.mean.map(form::finite), "sd": s.sd, "n": s.n})
            })
            .collect();
        let Opening { number, time, trials, seeds, .. } = &tested.opening;
        json!({
            "number": number,
            "time": form::finite(*time),
            "trials": trials,
            "seeds": seeds,
            "metric": tested.metric,
            "results": results,
            "done": tested.runs.0,
            "runs": tested.runs.1,
            "by": tested.by,
        })
    };
    all.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_often_and_what_came_of_it() {
        let opening = Opening { number: 1, time: 1_795_600_000.0, ..Opening::default() };
        let reached =
            ("1a2b3c4d".to_owned(), Summary { mean: Some(0.9123), sd: Some(0.003), n: 3 });
        let once = Tested {
            opening,
            by: None,
            metric: "test/f1".into(),
            trials: vec![reached],
            runs: (3, 5),
            ended: 3,
        };
        assert_eq!(line(&[]), None);
        let elsewhere = Tested { by: Some("seal-b58606e0".into()), ..once.clone() };
        let twice = [once.clone(), once];
        let told = [line(&twice[..1]), line(&twice), line(&[elsewhere])].map(Option::unwrap);
        insta::assert_snapshot!(told.join("\n"), @r"
        test set opened once, on 2026-11-25: test/f1 1a2b3c4d 0.9123 ± 0.0030 (3 seeds); 3 of 5 runs done
        test set opened twice, last on 2026-11-25: test/f1 1a2b3c4d 0.9123 ± 0.0030 (3 seeds); 3 of 5 runs done
        test set opened once, on 2026-11-25, by `seal-b58606e0`: test/f1 1a2b3c4d 0.9123 ± 0.0030 (3 seeds); 3 of 5 runs done
        ");
    }
}
