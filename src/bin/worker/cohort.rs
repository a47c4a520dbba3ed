//! Runs of a slice that are trained together: which, and what becomes of each.
use std::cell::RefCell;

use anyhow::Context as _;
use dlgrid_sweep::cohort::{Extent, Terms, cohorts};
use dlgrid_sweep::recipe::{Recipe, Shape, Work};
use dlgrid_sweep::slice::SliceWork;
use dlgrid_sweep::spec::Fuse;
use dlgrid_sweep::store::checkpoint::CheckpointStore;
use dlgrid_sweep::store::record::End;
use dlgrid_sweep::trial::Run;
use dlgrid_train::data::Inputs;
use dlgrid_train::engine::Ending;
use dlgrid_train::fused;
use dlgrid_train::ranks;
use dlgrid_train::run::{Job, RunError, Trained};
use dlgrid_train::tch::Device;

use crate::ends::{Chain, with_hint};
use crate::slice::{Station, note, save, saved};

/// What training together led to.
pub enum Together<'r> {
    /// All have ended but these, which are to be trained alone.
    Trained {
        /// In order.
        left: Vec<&'r Run>,
    },
    /// The end of this attempt: every run is noted as stopped.
    Stopped,
}

impl Station<'_> {
    /// The runs of a slice in the order in which they are trained, those together that are trained
    /// together; and whether they are trained by the program for several. A run that finds no
    /// other is, too: so what it comes to doesn't depend on whom it finds.
    pub(crate) fn groups(&mut self, todo: &[u64], work: &SliceWork<'_>) -> Vec<(Vec<u64>, bool)> {
        let found: Vec<Option<(Shape, usize)>> =
            todo.iter().map(|index| self.shape(*index)).collect();
        let fused: Vec<bool> = found.iter().map(Option::is_some).collect();
        let most: Vec<usize> = found.iter().map(|of| of.as_ref().map_or(1, |of| of.1)).collect();
        let not_suspect = |(of, index): (Option<(Shape, usize)>, &u64)| {
            of.map(|(shape, _)| shape).filter(|_| !work.is_suspect(*index))
        };
        let shapes: Vec<Option<Shape>> = found.into_iter().zip(todo).map(not_suspect).collect();
        let group = |cohort: Vec<usize>| {
            let fused = cohort.first().is_some_and(|at| fused[*at]);
            (cohort.into_iter().map(|at| todo[at]).collect(), fused)
        };
        cohorts(&shapes, |first| most[first]).into_iter().map(group).collect()
    }

    /// The shape of a run that is to be trained with others, if it finds any, and with how many at
    /// most: on a GPU, where the spec names no number, with as many as it has room for.
    fn shape(&mut self, index: u64) -> Option<(Shape, usize)> {
        let terms = self.terms();
        terms.admit().ok()?;
        let Work::Train(settings) = self.sweep.run(index)?.work else { return None };
        let recipe = Recipe::new(&settings).ok()?;
        Shape::of(&recipe, terms.gpu).ok()?;
        let data = self.shelf.of(&recipe).ok()?;
        // Each run holds a table as it encodes it.
        let held = match data.inputs {
            Inputs::Table(_) => data.samples * data.features,
            Inputs::Bytes(_) => 0,
        };
        let [samples, features, held] = [data.samples, data.features, held].map(|n| n as u64);
        let extent = Extent { samples, features, held };
        let shape = terms.shape(&recipe, Some(extent)).ok()?;
        let room = match terms.fuse {
            Fuse::Auto => fused::room(&recipe, &data),
            Fuse::Off | Fuse::Most(_) => None,
        };
        Some((shape, terms.most().min(room.unwrap_or(usize::MAX))))
    }

    fn terms(&self) -> Terms {
        Terms::of(&self.sweep.spec, self.device.0 != Device::Cpu, !ranks::here().is_alone())
    }

    /// Trains runs of one shape together; where libtorch refuses so many, each half of them.
    pub(crate) fn train_together<'r>(
        &mut self,
        runs: &[&'r Run],
        work: &RefCell<SliceWork<'_>>,
    ) -> anyhow::Result<Together<'r>> {
        let recipe = |run: &&Run| match &run.work {
            Work::Train(settings) => Recipe::new(settings).ok(),
            Work::Command(_) => None,
        };
        let recipes: Vec<Recipe> = runs.iter().filter_map(recipe).collect();
        let data = recipes.first().and_then(|recipe| self.shelf.of(recipe).ok());
        let Some(data) = data.filter(|_| recipes.len() == runs.len()) else {
            return Ok(Together::Trained { left: runs.to_vec() });
        };
        let test = match (&self.leave, recipes.first()) {
            (Some(leave), Some(recipe)) => {
                let Ok(test) = self.shelf.get_test(&recipe.data, &data, leave) else {
                    return Ok(Together::Trained { left: runs.to_vec() });
                };
                Some(test)
            }
            _ => None,
        };
        let save_every = self.save_every();
        let job = |(run, recipe): (&&Run, _)| {
            let (id, seed, fold) = (run.id, run.seed, run.fold);
            Job { id, recipe, seed, fold, data: &data, test: test.as_deref(), save_every }
        };
        let jobs: Vec<Job<'_>> = runs.iter().zip(&recipes).map(job).collect();
        let store = |run: &&Run| CheckpointStore::new(&self.sweep.dir, &run.id);
        let checkpoints: Vec<CheckpointStore> = runs.iter().map(store).collect();
        let from = |at: usize| saved(&checkpoints[at], runs[at]).map(|found| found.bytes);

        let mut left: Vec<bool> = vec![true; runs.len()];
        let (mut trouble, mut why_stopped, mut unsaved) = (None, None, 0);
        let mut log = fused::Log {
            begin: &mut |at| work.borrow_mut().start(runs[at]),
            epoch: &mut |at, end| note(runs[at], end, work),
            save: &mut |at, fused::Checkpoint { epoch, step, bytes }| {
                save(&checkpoints[at], work, (epoch, step), bytes)
            },
            end: &mut |at, trained, size| {
                left[at] = false;
                let told = match trained.ending {
                    Ending::Stopped { why, saved } => {
                        why_stopped = Some(why);
                        unsaved += u32::from(!saved);
                        work.borrow_mut().stop(Some(runs[at].id), why, saved).map_err(with_hint)
                    }
                    _ => self.end_together(runs[at], trained, size, work).inspect(|()| {
                        // What stays behind harms nothing: the end is recorded.
                        let _removed = checkpoints[at].remove();
                    }),
                };
                trouble = told.err();
                trouble.is_none()
            },
        };
        let refused = |runs: usize, error: &RunError| {
            eprintln!("warning: {runs} runs together: {}", Chain(error));
        };
        let trained = fused::train_halving(&jobs, from, &self.stop, &mut log, refused);
        if let Some(error) = trouble {
            return Err(error);
        }
        let left = runs.iter().zip(left).filter(|(_, left)| *left);
        let left: Vec<&Run> = left.map(|(run, _)| *run).collect();
        if let Some(why) = why_stopped {
            let kept = if unsaved == 0 { "saved".into() } else { format!("{unsaved} not saved") };
            eprintln!("stopped: {why}; {} runs trained together, {kept}", runs.len());
            return Ok(Together::Stopped);
        }
        trained.map_err(|error| anyhow::Error::from(error).context("the device failed"))?;
        Ok(Together::Trained { left })
    }

    fn end_together(
        &self,
        run: &Run,
        trained: Trained,
        size: usize,
        work: &RefCell<SliceWork<'_>>,
    ) -> anyhow::Result<()> {
        let cohort = Some(u32::try_from(size).context("a cohort is small")?);
        self.end(run, End { cohort, ..self.kept(run, trained) }, work).map(|_| ())
    }
}
