//! One attempt at a slice: train each run that is left, record each end.
use std::cell::RefCell;
use std::time::Duration;

use anyhow::Context as _;
use dlgrid_sweep::dataset::Unsealed;
use dlgrid_sweep::exec::feed::Given;
use dlgrid_sweep::exit;
use dlgrid_sweep::recipe::value::short_number;
use dlgrid_sweep::recipe::{Recipe, Work};
use dlgrid_sweep::slice::{SliceWork, Terms};
use dlgrid_sweep::store::StoreError;
use dlgrid_sweep::store::checkpoint::{CheckpointStore, Loaded};
use dlgrid_sweep::store::record::{End, Epoch, Number, Outcome};
use dlgrid_sweep::store::weights;
use dlgrid_sweep::sweep::Sweep;
use dlgrid_sweep::trial::Run;
use dlgrid_train::data::shelf::Shelf;
use dlgrid_train::device;
use dlgrid_train::engine::{Ending, EpochEnd, Stop};
use dlgrid_train::ranks;
use dlgrid_train::run::{Log, RunError, Trained};

use crate::args::Args;
use crate::cohort::Together;
use crate::ends::{Chain, ended, failed, with_hint};
use crate::ranks::Told;

/// Where slices are worked on.
pub struct Station<'s> {
    /// Their sweep.
    pub sweep: &'s Sweep,
    /// What this worker was told.
    pub args: &'s Args,
    /// The device.
    pub device: device::Name,
    /// The data sets read so far.
    pub shelf: Shelf,
    /// Leave to read the test set, where the sweep finishes another.
    pub leave: Option<Unsealed>,
    /// Whether to stop.
    pub stop: Stop,
}

/// What a run leads to.
pub enum After {
    /// The next run.
    Next,
    /// The end of this attempt: why, of which run, and whether its progress is safe.
    Stop { why: &'static str, saved: bool },
    /// The same, because its data isn't there.
    DataMissing,
}

/// How a slice goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum On {
    Next,
    Stopped,
    DataMissing,
}

impl Station<'_> {
    /// Trains what is left of a slice; the exit code for it.
    ///
    /// # Errors
    /// Where results can't be read or written, or the device has failed.
    pub fn serve(&mut self, given: Given) -> anyhow::Result<u8> {
        let device = self.device.to_string();
        let terms = Terms {
            device: &device,
            again: self.args.redo,
            only: self.args.only.clone(),
            died: given.died,
        };
        let slice = given.slice;
        let flag = self.stop.flag();
        let wait = |full: &StoreError| {
            eprintln!("waiting for space: {full}");
            flag.load(std::sync::atomic::Ordering::Relaxed) == 0
        };
        let work = SliceWork::begin(self.sweep, slice, &terms, &wait)
            .map_err(with_hint)
            .with_context(|| format!("slice {slice} can't be begun"))?;
        let todo = work.todo().to_vec();
        let work = RefCell::new(work);
        let groups = self.groups(&todo, &work.borrow());
        let mut on = On::Next;
        for (group, fused) in groups {
            let wanted = group.into_iter().filter(|index| work.borrow_mut().is_wanted(*index));
            let runs: Vec<Run> = wanted.filter_map(|index| self.sweep.run(index)).collect();
            on = self.train_group(&runs, fused, &work)?;
            if on != On::Next {
                break;
            }
        }
        let work = work.into_inner();
        if work.curves_lost() > 0 {
            eprintln!("warning: the metrics of {} epochs could not be written", work.curves_lost());
        }
        let code = work.close().map_err(with_hint).context("the slice can't be closed")?;
        Ok(if on == On::DataMissing { exit::MISSING } else { code })
    }

    /// Trains runs together where they can be, and what is left one by one.
    fn train_group(
        &mut self,
        runs: &[Run],
        fused: bool,
        work: &RefCell<SliceWork<'_>>,
    ) -> anyhow::Result<On> {
        let mut alone: Vec<&Run> = runs.iter().collect();
        if fused && self.stop.requested().is_none() {
            match self.train_together(&alone, work)? {
                Together::Trained { left } => alone = left,
                Together::Stopped => return Ok(On::Stopped),
            }
        }
        for run in alone {
            let after = match self.stop.requested() {
                Some(why) => {
                    work.borrow_mut().stop(None, why, true).map_err(with_hint)?;
                    eprintln!("stopped: {why}");
                    return Ok(On::Stopped);
                }
                None => self.train(run, work)?,
            };
            match after {
                After::Next => {}
                After::Stop { why, saved } => {
                    work.borrow_mut().stop(Some(run.id), why, saved).map_err(with_hint)?;
                    let kept = if saved { "saved" } else { "not saved" };
                    eprintln!("stopped: {why}; run {} is {kept}", run.id.short());
                    return Ok(On::Stopped);
                }
                After::DataMissing => {
                    work.borrow_mut().stop(None, "data is missing", true).map_err(with_hint)?;
                    return Ok(On::DataMissing);
                }
            }
        }
        Ok(On::Next)
    }

    /// Trains two batches of the first run of the sweep and keeps nothing; the exit code says
    /// whether it could.
    ///
    /// # Errors
    /// Where the device has failed.
    pub fn try_one(&mut self) -> anyhow::Result<u8> {
        const STEPS: u64 = 2;
        let spec = &self.sweep.spec;
        let first = spec.walk(0, spec.run_numbers()).next().and_then(|index| spec.run(index));
        let Some(run) = first else { return Ok(exit::OK) };
        let Work::Train(settings) = &run.work else {
            anyhow::bail!("a `command` is not tried by dlgrid-worker")
        };
        let recipe = Recipe::new(settings).map_err(|faults| {
            anyhow::anyhow!(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
        })?;
        let mut log = Log { epoch: &mut |_| {}, save: &mut |_, _, _| true };
        let told = Told { begun: &mut || {}, log: &mut log };
        match self.train_all(&run, &recipe, None, Some(STEPS), told) {
            None => return Ok(exit::MISSING),
            Some(Ok(_)) => {
                eprintln!("two batches of run {} are trained: all is well", run.id.short());
            }
            Some(Err(error)) => {
                eprintln!("error: run {} can't be trained: {}", run.id.short(), Chain(&error));
                return Ok(exit::RUNS_FAILED);
            }
        }
        Ok(exit::OK)
    }

    /// How often runs are saved.
    pub(crate) fn save_every(&self) -> Duration {
        let given = Duration::try_from_secs_f64(self.sweep.spec.checkpoint_seconds);
        given.unwrap_or(Duration::MAX)
    }

    fn train(&mut self, run: &Run, work: &RefCell<SliceWork<'_>>) -> anyhow::Result<After> {
        let Work::Train(settings) = &run.work else {
            anyhow::bail!(
                "run {} is a `command`, which dlgrid-worker does not run",
                run.id.short()
            );
        };
        let recipe = match Recipe::new(settings) {
            Ok(recipe) => recipe,
            Err(faults) => {
                let why = faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                return self.end(run, failed(run, why), work);
            }
        };
        let checkpoints = self.checkpoints(run);
        let mut log = Log {
            epoch: &mut |end| note(run, end, work),
            save: &mut |epoch, step, bytes| save(&checkpoints, work, (epoch, step), bytes),
        };
        let mut begun = || work.borrow_mut().start(run);
        let told = Told { begun: &mut begun, log: &mut log };
        let trained = self.go_on(run, &recipe, &checkpoints, told);
        let Some(trained) = trained else { return Ok(After::DataMissing) };
        let end = match trained {
            Ok(Trained { ending: Ending::Stopped { why, saved }, .. }) => {
                return Ok(After::Stop { why, saved });
            }
            Ok(trained) => self.kept(run, trained),
            Err(error) if error.is_lasting() => {
                return Err(anyhow::Error::from(error)
                    .context(format!("the device failed at run {}", run.id.short())));
            }
            Err(error) if error.is_of_one_rank() && !ranks::here().is_alone() => {
                self.end(run, failed(run, Chain(&error).to_string()), work)?;
                anyhow::bail!("rank 1 failed, and leaves the others");
            }
            Err(error) => failed(run, Chain(&error).to_string()),
        };
        let after = self.end(run, end, work)?;
        // What stays behind harms nothing: the end is recorded.
        let _removed = checkpoints.remove();
        Ok(after)
    }

    /// Trains a run from the newest checkpoint that it can go on from, or from the beginning.
    fn go_on(
        &mut self,
        run: &Run,
        recipe: &Recipe,
        checkpoints: &CheckpointStore,
        Told { begun, log }: Told<'_, '_>,
    ) -> Option<Result<Trained, RunError>> {
        let mut from = saved(checkpoints, run);
        let told = Told { begun, log: &mut *log };
        let mut trained = self.train_all(run, recipe, bytes(from.as_ref()), None, told);
        while let (Some(Err(error @ RunError::Checkpoint(_))), Some(refused)) = (&trained, &from) {
            let (run_id, why) = (run.id.short(), Chain(error));
            eprintln!("warning: a checkpoint of run {run_id} is not gone on from: {why}");
            from = before(checkpoints, run, refused);
            let told = Told { begun: &mut || {}, log: &mut *log };
            trained = self.train_all(run, recipe, bytes(from.as_ref()), None, told);
        }
        trained
    }

    /// The end of a trained run, the weights of which are kept if its recipe says so.
    pub(crate) fn kept(&self, run: &Run, mut trained: Trained) -> End {
        let file = trained.file.take();
        match file.map_or(Ok(()), |bytes| weights::save(&self.sweep.dir, &run.id, &bytes)) {
            Ok(()) => ended(run, trained),
            Err(error) => failed(run, format!("its weights can't be saved: {}", Chain(&error))),
        }
    }

    /// Records an end, then says so.
    pub(crate) fn end(
        &self,
        run: &Run,
        end: End,
        work: &RefCell<SliceWork<'_>>,
    ) -> anyhow::Result<After> {
        work.borrow_mut()
            .end(&end)
            .map_err(with_hint)
            .with_context(|| format!("the end of run {} can't be recorded", run.id.short()))?;
        eprintln!("{}", self.line(run, &end));
        Ok(After::Next)
    }

    /// A run in one line: id, what varies, seed, objective, seconds.
    fn line(&self, run: &Run, end: &End) -> String {
        let space = &self.sweep.spec.space;
        let values = space.values(run.point).unwrap_or_default();
        let mut line = run.id.short();
        for (path, value) in space.paths().iter().zip(values) {
            if let Some(value) = value {
                line.push_str(&format!("  {path}={value}"));
            }
        }
        let metric = &self.sweep.spec.objective.metric;
        let result = match (end.outcome, end.metrics.get(metric)) {
            (Outcome::Done, Some(Number(value))) => format!("{metric} {}", short_number(*value)),
            (Outcome::Done, None) => "done".to_owned(),
            (Outcome::Diverged, _) => format!("diverged: {}", end.why.as_deref().unwrap_or("?")),
            (Outcome::Failed, _) => format!("failed: {}", end.why.as_deref().unwrap_or("?")),
        };
        let fold = run.fold.map_or_else(String::new, |f| format!("  fold {}/{}", f.number, f.of));
        let early = if is_early(run, end) {
            format!("  early after epoch {}", end.epochs)
        } else {
            String::new()
        };
        format!("{line}  seed {}{fold}  {result}{early}  {:.1} s", run.seed, end.seconds)
    }
}

/// Notes the metrics of an epoch.
pub fn note(run: &Run, end: &EpochEnd, work: &RefCell<SliceWork<'_>>) {
    work.borrow_mut().epoch(&Epoch {
        run: run.id,
        index: run.index,
        epoch: end.epoch,
        metrics: end.metrics.clone(),
        seconds: end.seconds,
        samples_per_s: Some(end.samples_per_s),
    });
}

/// Whether early stopping ended a run.
fn is_early(run: &Run, end: &End) -> bool {
    let Work::Train(settings) = &run.work else { return false };
    let epochs = settings.at("epochs").as_i64();
    end.outcome == Outcome::Done && epochs.is_some_and(|epochs| i64::from(end.epochs) < epochs)
}

/// Keeps a checkpoint. That it can't is no end to training: the next one may do.
pub fn save(
    checkpoints: &CheckpointStore,
    work: &RefCell<SliceWork<'_>>,
    (epoch, step): (u32, u64),
    bytes: &[u8],
) -> bool {
    let attempt = work.borrow().attempt();
    match checkpoints.save(epoch, step, attempt, bytes) {
        Ok(checkpoint) => {
            work.borrow_mut().checkpoint(&checkpoint);
            true
        }
        Err(error) => {
            eprintln!("warning: no checkpoint is written: {}", Chain(&error));
            false
        }
    }
}

/// The checkpoint to go on from, if there is a sound one.
pub fn saved(checkpoints: &CheckpointStore, run: &Run) -> Option<Loaded> {
    match checkpoints.find() {
        Ok(found) => {
            for file in &found.damaged {
                eprintln!("warning: checkpoint `{file}` of run {} is damaged", run.id.short());
            }
            found.latest
        }
        Err(error) => {
            eprintln!("warning: checkpoints can't be read: {}", Chain(&error));
            None
        }
    }
}

fn bytes(from: Option<&Loaded>) -> Option<&[u8]> {
    from.map(|from| &from.bytes[..])
}

/// The checkpoint to go on from where one was refused: that is set aside, or it would be met again by the
/// next attempt, and push out what this one saves.
fn before(checkpoints: &CheckpointStore, run: &Run, refused: &Loaded) -> Option<Loaded> {
    match checkpoints.set_aside(refused) {
        Ok(()) => saved(checkpoints, run),
        Err(error) => {
            eprintln!("warning: it can't be set aside: {}", Chain(&error));
            None
        }
    }
}
