//! What is to be in the queue, as it was asked for: written into the sweep before anything is
//! submitted, so that a task on a node can submit what did not fit, just as it was meant.
use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::ledger::{self, Kind};
use super::script;
use crate::spec::{SlurmSettings, Upkeep};
use crate::store::layout::SweepDir;
use crate::store::read::{self, RetryPolicy};
use crate::store::tasks::Granted;
use crate::store::{StoreError, fs};
use crate::sweep::Sweep;

/// Version of the files.
pub const REQUEST_SCHEMA: u32 = 1;

/// What is to be in the queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Version: [`REQUEST_SCHEMA`].
    pub schema: u32,
    /// Its number in the sweep, from 1; 0 until it is written.
    pub number: u32,
    /// Slices with runs to train, in order.
    pub slices: Vec<u32>,
    /// Options of its arrays.
    pub options: Vec<String>,
    /// Options of the jobs that train nothing.
    pub light: Vec<String>,
    /// The script and its words up to those that name the intent.
    pub script: Vec<String>,
    /// The script's words after them.
    pub further: Vec<String>,
    /// Tasks of one array at most.
    pub array: usize,
    /// Slices of one task.
    pub per_task: usize,
    /// Tasks that may run at once.
    pub max_running: Option<u64>,
    /// Whether jobs are held until their number is written down.
    pub hold: bool,
    /// What a task may use, as far as it was asked for.
    pub granted: Granted,
    /// Which ended runs are trained again.
    pub again: RetryPolicy,
    /// The condition for the runs that are trained, if not all are.
    pub only: Option<String>,
    /// Whether one run is tried before the arrays.
    pub canary: bool,
    /// Whether a job submits what did not fit.
    pub top_up: bool,
    /// Whether Slurm takes no small jobs beside the arrays: the task that ends last concludes the sweep.
    #[serde(default)]
    pub alone: bool,
    /// What was asked of Slurm, site and spec together, without what a retry adds.
    pub settings: SlurmSettings,
    /// What is to happen around the sweep.
    pub upkeep: Upkeep,
}

impl Request {
    /// Does without small jobs beside the arrays.
    pub const fn go_alone(&mut self) {
        (self.alone, self.top_up) = (true, false);
    }

    /// Whether a small job concludes the sweep.
    #[must_use]
    pub const fn ends_with_a_job(&self) -> bool {
        self.upkeep.ends_with_something() && !self.alone
    }

    /// Writes it down under the next free number, which it then has.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn publish(&mut self, dir: &SweepDir) -> Result<(), StoreError> {
        loop {
            self.number = numbers(dir)?.last().map_or(1, |last| last + 1);
            match ledger::publish(dir, &name(self.number), self) {
                Err(error) if error.is_exists() => {}
                written => return written,
            }
        }
    }

    /// The request with this number.
    ///
    /// # Errors
    /// If it is not there or can't be read.
    pub fn read(dir: &SweepDir, number: u32) -> Result<Self, StoreError> {
        ledger::read_of(dir, &name(number), REQUEST_SCHEMA)
    }

    /// The last one, if there is one.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn last(dir: &SweepDir) -> Result<Option<Self>, StoreError> {
        numbers(dir)?.last().map(|number| Self::read(dir, *number)).transpose()
    }

    /// Its slices that have nothing left to train.
    ///
    /// # Errors
    /// If the sweep's segments can't be listed.
    pub fn over(&self, sweep: &Sweep) -> Result<HashSet<u32>, StoreError> {
        let results = read::load(&sweep.dir, &sweep.manifest.id)?;
        let left = sweep.slices_left(&results, self.again);
        let is_over = |slice: &u32| left.binary_search(slice).is_err();
        Ok(self.slices.iter().copied().filter(is_over).collect())
    }

    /// All words of sbatch for an array of so many tasks that is for something, behind other
    /// jobs.
    #[must_use]
    pub fn words(&self, kind: Kind, call: &Call<'_>) -> Vec<String> {
        let options =
            if matches!(kind, Kind::Runs | Kind::Canary) { &self.options } else { &self.light };
        let mut words = options.clone();
        if self.hold {
            words.push("--hold".to_owned());
        }
        words.extend(script::array_options(call.token, call.tasks, call.share));
        words.extend(dependency(call));
        words.extend(self.script.iter().cloned());
        words.extend(["--intent".to_owned(), call.number.to_string()]);
        words.extend(self.further.iter().cloned());
        words
    }
}

/// What is particular to one array.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The name of its job.
    pub token: &'a str,
    /// The number of its intent.
    pub number: u32,
    /// Its tasks.
    pub tasks: usize,
    /// How many of them may run at once.
    pub share: Option<u64>,
    /// The job that must end well before it starts.
    pub canary: Option<&'a str>,
    /// The jobs that must be over before it starts.
    pub after: &'a [String],
}

/// Where the job that must end well does not, the array is cancelled by Slurm itself.
fn dependency(call: &Call<'_>) -> Vec<String> {
    let mut parts: Vec<String> =
        call.canary.iter().map(|canary| format!("afterok:{canary}")).collect();
    if !call.after.is_empty() {
        parts.push(format!("afterany:{}", call.after.join(":")));
    }
    if parts.is_empty() {
        return Vec::new();
    }
    let mut words = vec![format!("--dependency={}", parts.join(","))];
    if call.canary.is_some() {
        words.push("--kill-on-invalid-dep=yes".to_owned());
    }
    words
}

fn name(number: u32) -> String {
    format!("request-{number:06}.json")
}

fn numbers(dir: &SweepDir) -> Result<Vec<u32>, StoreError> {
    let number = |name: &String| name.strip_prefix("request-")?.strip_suffix(".json")?.parse().ok();
    let mut numbers: Vec<u32> = fs::list_dir(&dir.submit())?.iter().filter_map(number).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub fn request(slices: u32, array: usize) -> Request {
        Request {
            schema: REQUEST_SCHEMA,
            number: 0,
            slices: (0..slices).collect(),
            options: vec!["--mem=1G".into()],
            light: vec!["--time=0-00:15:00".into()],
            script: vec!["/s/array.sbatch".into(), "/s/dlgrid".into()],
            further: vec!["--workers".into(), "2".into()],
            array,
            per_task: 1,
            max_running: None,
            hold: true,
            granted: Granted::default(),
            again: RetryPolicy::default(),
            only: None,
            canary: false,
            top_up: true,
            alone: false,
            settings: SlurmSettings::default(),
            upkeep: Upkeep::default(),
        }
    }

    #[test]
    fn requests_are_numbered_and_read_back() {
        let tmp = tempfile::tempdir().expect("a folder");
        let dir = SweepDir::new(tmp.path());
        assert_eq!(Request::last(&dir).expect("none"), None);
        let mut first = request(3, 2);
        let mut second = request(4, 2);
        first.publish(&dir).expect("written");
        second.publish(&dir).expect("written");
        assert_eq!((first.number, second.number), (1, 2));
        assert_eq!(Request::read(&dir, 1).expect("readable"), first);
        assert_eq!(Request::last(&dir).expect("readable"), Some(second));
    }

    #[test]
    fn what_goes_alone_has_no_small_jobs() {
        let upkeep = Upkeep { report: true, ..Upkeep::default() };
        let mut request = Request { upkeep, ..request(3, 2) };
        let kinds = |request: &Request| {
            let all = super::super::submit::all_words(request, "s", 1);
            all.into_iter().map(|(_, kind, _)| kind).collect::<Vec<_>>()
        };
        assert_eq!(kinds(&request), [Kind::Runs, Kind::Runs, Kind::Report]);
        request.go_alone();
        assert_eq!(kinds(&request), [Kind::Runs, Kind::Runs]);
        assert!(!request.top_up);
    }

    #[test]
    fn an_array_waits_for_its_canary_and_its_lane() {
        let call = Call {
            token: "dlg-x",
            number: 7,
            tasks: 11,
            share: Some(4),
            canary: Some("5"),
            after: &["6".to_owned(), "8_3".to_owned()],
        };
        let request = request(3, 2);
        insta::assert_snapshot!(request.words(Kind::Runs, &call).join(" "), @"--mem=1G --hold --job-name=dlg-x --comment=dlg-x --array=0-10%4 --dependency=afterok:5,afterany:6:8_3 --kill-on-invalid-dep=yes /s/array.sbatch /s/dlgrid --intent 7 --workers 2");
        let call = Call { tasks: 1, share: None, canary: None, after: &[], ..call };
        let free = Request { hold: false, ..request };
        insta::assert_snapshot!(free.words(Kind::Report, &call).join(" "), @"--time=0-00:15:00 --job-name=dlg-x --comment=dlg-x --array=0-0 /s/array.sbatch /s/dlgrid --intent 7 --workers 2");
    }
}
