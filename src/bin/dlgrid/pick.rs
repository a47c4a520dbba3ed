//! Which sweep a command is about, and what is known of it.
use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use dlgrid_sweep::exec::slurm::call::Slurm;
use dlgrid_sweep::exec::slurm::ledger::{Entry, Fate, Ledger, Readable};
use dlgrid_sweep::exec::slurm::parse::Row;
use dlgrid_sweep::exec::slurm::request::Request;
use dlgrid_sweep::exec::slurm::state::Standing;
use dlgrid_sweep::find::killed::Killed;
use dlgrid_sweep::find::{self, FindError, Found};
use dlgrid_sweep::judge::{Counts, Liveness, State};
use dlgrid_sweep::orders::{self, Ordered};
use dlgrid_sweep::report::around::{self, Note};
use dlgrid_sweep::report::collect::{Subject, local_liveness};
use dlgrid_sweep::report::fate::{LazyStarts, Starts};
use dlgrid_sweep::report::live;
use dlgrid_sweep::store::layout::{SegmentName, SweepDir};
use dlgrid_sweep::store::merge::Results;
use dlgrid_sweep::store::{read, tasks};
use dlgrid_sweep::sweep::{Sweep, SweepError};
use dlgrid_sweep::text::clean;
use dlgrid_sweep::{exit, host, stage};

use super::busy::Busy;
use super::show::{Refusal, note};

/// Where sweeps are.
#[derive(Debug, Clone, Args)]
pub struct Root {
    /// Folder of the sweeps
    #[arg(long, value_name = "DIR", env = find::ROOT_VARIABLE, default_value = find::DEFAULT_ROOT)]
    pub root: PathBuf,
}

/// Whether to ask Slurm.
#[derive(Debug, Clone, Args)]
pub struct AskSlurm {
    /// Do not ask Slurm what is in its queue (it is asked once, and only of a submitted sweep)
    #[arg(long)]
    no_slurm: bool,
}

impl AskSlurm {
    /// Whether it is asked.
    pub const fn is_wanted(&self) -> bool {
        !self.no_slurm
    }

    /// It is asked.
    pub const fn yes() -> Self {
        Self { no_slurm: false }
    }
}

/// Slurm's queue, asked at most once, when the first sweep needs it.
pub struct Queue {
    ask: bool,
    rows: OnceCell<Option<Vec<Row>>>,
}

/// Longest that a look at a sweep waits for a Slurm that can't be reached.
const PATIENCE: Duration = Duration::from_secs(2);

impl Queue {
    /// To be asked, unless it shall not.
    pub const fn new(args: &AskSlurm) -> Self {
        Self { ask: !args.no_slurm, rows: OnceCell::new() }
    }

    fn rows(&self) -> Option<&[Row]> {
        let asked = || {
            let slurm = Slurm::find(PATIENCE).filter(|_| self.ask)?;
            slurm.queue().map_err(|error| note(&format!("{error}; what runs is not known"))).ok()
        };
        self.rows.get_or_init(asked).as_deref()
    }
}

/// A sweep, all that its segments say, and whether its slices are being worked on.
pub struct Picked {
    /// The sweep.
    pub sweep: Sweep,
    /// What its segments say.
    pub results: Results,
    liveness: Box<dyn Fn(u32) -> Liveness + Sync>,
    standing: Option<Arc<Standing>>,
    submitted: Submitted,
    left_out: HashMap<u64, u32>,
    starts: LazyStarts,
    typed: String,
}

impl Picked {
    /// The sweep that `wanted` means, with everything read; tells which one where there was a
    /// choice.
    ///
    /// # Errors
    /// If there is none, or it can't be read.
    pub fn new(root: &Root, wanted: Option<&str>, queue: &Queue) -> Result<Self> {
        let chosen = find::find(&root.root, wanted).map_err(|error| refusal(&error))?;
        if let Some(text) = &chosen.note {
            note(text);
        }
        Self::open(&chosen.sweep, queue)
    }

    /// A sweep that was found, with everything read.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn open(found: &Found, queue: &Queue) -> Result<Self> {
        let _busy = Busy::new(format!("reading {}", clean(&found.name)));
        let sweep = stage::open_any(found.dir.clone()).map_err(unreadable)?;
        let results = read::load_to_show(&sweep.dir, &sweep.manifest.id)?;
        sweep.verify(&results).map_err(unreadable)?;
        let here = local_liveness(&sweep.dir);
        let submitted = Submitted::read(&sweep.dir);
        let Submitted { ledger, orders, is_whole } = &submitted;
        let standing = (*is_whole && !ledger.entries.is_empty())
            .then(|| queue.rows().map(|rows| Standing::of(ledger, rows, host::now())))
            .flatten()
            .map(Arc::new);
        let was_submitted = !ledger.entries.is_empty() || !is_whole;
        let alive = standing.clone();
        let liveness = liveness(standing.as_ref(), here, was_submitted);
        let left_out = around::left_out(&sweep, &results, orders, ledger);
        let dir = sweep.dir.clone();
        let starts = LazyStarts::new(Box::new(move || {
            read_starts(&dir, &*self::liveness(alive.as_ref(), here, was_submitted))
        }));
        let typed = find::typed(&sweep.dir, &sweep.manifest.name);
        Ok(Self { sweep, results, liveness, standing, submitted, left_out, starts, typed })
    }

    /// The state in which the newest task of a slice is over, while Slurm remembers it.
    #[must_use]
    pub fn over(&self, slice: u32) -> Option<&str> {
        self.standing.as_ref()?.over(slice)
    }

    /// Whether nothing of it was ever begun, or put into a queue: no intent has a job, as far as
    /// that can be read.
    #[must_use]
    pub fn is_unsubmitted(&self) -> bool {
        let Submitted { ledger, is_whole, .. } = &self.submitted;
        let is_void = |entry: &Entry| matches!(entry.fate, Some(Fate::Void(_)));
        let taken_over = |segment: &SegmentName| segment.attempt == 0;
        *is_whole
            && ledger.entries.iter().all(is_void)
            && self.results.segments.keys().all(taken_over)
            && local_liveness(&self.sweep.dir) == Liveness::Gone
    }

    /// What was ordered of the sweep, and what the jobs around its arrays came to.
    #[must_use]
    pub fn notes(&self) -> Vec<Note> {
        let Submitted { ledger, orders, .. } = &self.submitted;
        if ledger.entries.is_empty() {
            return Vec::new();
        }
        around::notes(orders, ledger, self.starts.all(), self.standing.as_deref())
    }

    /// Whether jobs in the queue train runs again that have ended.
    #[must_use]
    pub fn tries_again(&self) -> bool {
        let Some(arrays) = self.standing.as_ref().map(|standing| &standing.arrays) else {
            return false;
        };
        let ledger = &self.submitted.ledger;
        let numbers: HashSet<u32> = ledger.entries.iter().map(|e| e.intent.request).collect();
        // What can't be read asks for nothing.
        let read = |n| Request::read(&self.sweep.dir, n).ok();
        let requests = numbers.into_iter().filter_map(|n| Some((n, read(n)?))).collect();
        live::tries_again(&self.sweep, &self.results, ledger, &requests, arrays)
    }

    /// Runs not ended that were ordered to be left out, each with its slice.
    #[must_use]
    pub const fn left_out(&self) -> &HashMap<u64, u32> {
        &self.left_out
    }

    /// What tasks wrote of themselves.
    #[must_use]
    pub fn starts(&self) -> &Starts {
        &self.starts
    }

    /// What reports are made from.
    #[must_use]
    pub fn subject(&self) -> Subject<'_> {
        Subject::new(&self.sweep, &self.results, &*self.liveness)
            .with_slurm(self.standing.as_deref())
            .with_starts(&self.starts)
            .with_left_out(&self.left_out)
            .with_typed(&self.typed)
    }
}

/// What was asked of Slurm, as far as it can be read: results don't depend on it.
pub struct Submitted {
    /// The intents.
    pub ledger: Ledger,
    /// What was ordered since.
    pub orders: Vec<Ordered>,
    /// Whether all of both could be read: what runs is not known otherwise.
    pub is_whole: bool,
}

impl Submitted {
    /// Reads it, and tells what can't be read.
    pub fn read(dir: &SweepDir) -> Self {
        let Readable { ledger, errors, .. } = Readable::of(dir);
        let (orders, more) = orders::read_to_show(dir);
        let is_whole = errors.is_empty() && more.is_empty();
        for error in errors.iter().chain(&more).take(TOLD) {
            note(&format!("{error}; what runs is not known (see `dlgrid fsck {}`)", dir.label()));
        }
        Self { ledger, orders, is_whole }
    }
}

/// Files that can't be read of which each is named.
const TOLD: usize = 3;

/// Whether slices are being worked on, by what the queue says, if it was asked, and by what the claim
/// of a process does.
pub fn liveness(
    standing: Option<&Arc<Standing>>,
    here: Liveness,
    was_submitted: bool,
) -> Box<dyn Fn(u32) -> Liveness + Sync> {
    match (standing, here) {
        (Some(standing), Liveness::Gone) => {
            let standing = Arc::clone(standing);
            Box::new(move |slice| standing.liveness(slice))
        }
        (None, Liveness::Gone) if was_submitted => Box::new(|_| Liveness::Unknown),
        _ => Box::new(move |_| here),
    }
}

/// What array tasks wrote of themselves: nothing of a result depends on it.
fn read_starts(dir: &SweepDir, liveness: &dyn Fn(u32) -> Liveness) -> Starts {
    let starts = tasks::read_all(dir).map_err(|error| note(&format!("{error}; tasks are unknown")));
    let mut starts = starts.unwrap_or_default();
    Killed::default().mark(dir, &mut starts, liveness);
    Starts::new(starts)
}

/// The directory of the sweep that `wanted` means; tells which one where there was a choice.
///
/// # Errors
/// If there is none.
pub fn folder(root: &Root, wanted: Option<&str>) -> Result<SweepDir> {
    let chosen = find::find(&root.root, wanted).map_err(|error| refusal(&error))?;
    if let Some(text) = &chosen.note {
        note(text);
    }
    Ok(chosen.sweep.dir)
}

/// The exit code of a command that shows runs in these states.
#[must_use]
pub fn code(counts: &Counts, missing: u64, damaged_lines: u64) -> u8 {
    let bad = counts.get(State::Failed) + counts.get(State::Lost) + missing + damaged_lines;
    if bad > 0 { exit::RUNS_FAILED } else { exit::OK }
}

fn refusal(error: &FindError) -> anyhow::Error {
    Refusal { fact: error.to_string(), hint: Some(error.hint()), code: exit::INPUT }.into()
}

pub fn unreadable(error: SweepError) -> anyhow::Error {
    let hint = error.hint();
    let fact = error.to_string();
    anyhow::Error::new(error).context(Refusal { fact, hint, code: exit::INPUT })
}
