//! What the live view asks of a looker beside looks: a filter, the log and the curve of a run.
use std::collections::HashSet;

use dlgrid_sweep::find::log::{find_log, last_lines};
use dlgrid_sweep::find::wanted::Wanted;
use dlgrid_sweep::space::Condition;
use dlgrid_sweep::store::curves;
use dlgrid_sweep::sweep::Sweep;

use super::super::curve::Curve;
use super::Looker;

impl Looker {
    /// The sweep.
    pub const fn sweep(&self) -> &Sweep {
        &self.sweep
    }

    /// Shows only runs for which this holds; all for nothing. Why it can't, in words.
    pub fn filter(&mut self, text: Option<&str>) -> Result<(), String> {
        let wanted = Wanted::read(&[], text, &self.sweep.spec);
        wanted.map_err(|error| format!("{error} ({})", error.hint()))?;
        let filter = text.map(Condition::new).transpose();
        self.filter = filter.map_err(|error| error.to_string())?;
        Ok(())
    }

    /// The last lines that the worker of a run printed, or why there are none.
    pub fn log(&self, index: u64, most: usize) -> Vec<String> {
        let results = self.reader.results();
        let lines = last_lines(&self.sweep, results, index, most);
        match find_log(&self.sweep, results, index) {
            Err(error) => vec![error.to_string(), error.hint()],
            Ok(_) if lines.is_empty() => vec!["nothing was printed about this run".into()],
            Ok(_) => lines,
        }
    }

    /// How the training of a run went, as far as it has come.
    pub fn curve(&self, index: u64) -> Curve {
        let results = self.reader.results();
        let last = results.runs.get(&index).and_then(|run| run.last.as_ref());
        let slice = last.map(|last| last.at.slice);
        let runs = HashSet::from([index]);
        let read = curves::curves_of(&self.sweep.dir, Some(&runs), |s| Some(s) == slice);
        let epochs = read.ok().and_then(|mut read| read.runs.remove(&index)).unwrap_or_default();
        Curve::of(index, &self.sweep.spec.objective.metric, &epochs)
    }
}
