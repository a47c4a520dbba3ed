//! From a sweep and its results to what is exported.
use std::collections::{BTreeSet, HashSet};

use super::{Export, Run};
use crate::report::collect::Subject;
use crate::report::{Query, ReportError, Row, RunRow};
use crate::store::curves::curves_of;
use crate::store::error::StoreError;
use crate::store::merge::Results;
use crate::sweep::Sweep;

/// Why nothing is exported.
#[derive(Debug, thiserror::Error)]
pub enum GatherError {
    /// The condition is none, or names what does not exist.
    #[error(transparent)]
    Query(#[from] ReportError),
    /// Curves can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Gathers every run that was begun of the trials that the condition admits.
///
/// # Errors
/// If the condition is none, or the curves can't be read.
pub fn gather(
    sweep: &Sweep,
    results: &Results,
    subject: &Subject<'_>,
    filter: Option<String>,
) -> Result<Export, GatherError> {
    let metrics: Vec<String> = results.names.sorted().into_iter().map(str::to_owned).collect();
    let query = Query { filter, metrics, runs: true, ..Query::default() };
    let report = subject.report(query)?;
    let wanted: HashSet<u64> = report.rows.iter().flat_map(|r| &r.runs).map(|r| r.index).collect();
    let mut curves = curves_of(&sweep.dir, Some(&wanted), |_| true)?;
    let names = curves.runs.values().flatten().flat_map(|epoch| epoch.metrics.keys().cloned());
    let curve_metrics: BTreeSet<String> = names.collect();
    let run = |row: &Row, run: &RunRow| {
        let end = results.end(run.index);
        Run {
            index: run.index,
            id: end.map(|end| end.run.to_string()),
            trial: row.name(),
            seed: run.seed,
            fold: run.fold,
            state: run.state,
            parameters: row.parameters.clone(),
            objective: run.objective,
            metrics: run.metrics.clone(),
            epochs: end.map(|end| end.epochs),
            seconds: run.seconds,
            ended: end.map(|end| end.time),
            why: run.why.clone(),
            cohort: run.cohort,
            samples_per_s: run.samples_per_s,
            curve: Vec::new(),
        }
    };
    let mut runs: Vec<Run> =
        report.rows.iter().flat_map(|row| row.runs.iter().map(|one| run(row, one))).collect();
    for run in &mut runs {
        run.curve = curves.runs.remove(&run.index).unwrap_or_default();
    }
    Ok(Export {
        sweep: report.sweep,
        aim: report.aim,
        description: sweep.spec.description.clone(),
        created: sweep.manifest.created,
        parameters: report.parameters,
        metrics: report.metrics,
        curve_metrics: curve_metrics.into_iter().collect(),
        runs,
        damaged: curves.damaged,
    })
}
