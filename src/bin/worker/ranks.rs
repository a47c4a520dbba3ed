//! The ranks of a worker: the first does what a worker does, the others train what it names.
use std::io::Write as _;

use anyhow::Context as _;
use dlgrid_sweep::recipe::{Recipe, Work};
use dlgrid_sweep::store::checkpoint::CheckpointStore;
use dlgrid_sweep::trial::Run;
use dlgrid_sweep::{exit, host};
use dlgrid_train::device::Name;
use dlgrid_train::engine::Stop;
use dlgrid_train::ranks::{self, Ranks};
use dlgrid_train::run::{Job, Log, RunError, Trained, train};
use dlgrid_train::tch::Device;

use crate::ends::Chain;
use crate::slice::Station;

/// What the first rank asks of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// To train this run, so many steps at most, from a checkpoint that follows, or from none.
    Train { index: u64, steps: u64, resumes: bool },
    /// To end.
    End,
}

/// Who is told that a run begins and how it goes on.
pub struct Told<'t, 'l> {
    /// All ranks have what they need.
    pub begun: &'t mut dyn FnMut(),
    /// What comes after.
    pub log: &'t mut Log<'l>,
}

impl Order {
    const WORDS: usize = 3;

    fn bytes(self) -> Vec<u8> {
        let words = match self {
            Self::Train { index, steps, resumes } => [index, steps, u64::from(resumes)],
            Self::End => [u64::MAX; Self::WORDS],
        };
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let [a, b, c] = <[[u8; 8]; Self::WORDS]>::try_from(bytes.as_chunks::<8>().0).ok()?;
        let [index, steps, resumes] = [a, b, c].map(u64::from_le_bytes);
        Some(match index {
            u64::MAX => Self::End,
            _ => Self::Train { index, steps, resumes: resumes == 1 },
        })
    }
}

/// Begins the ranks of this worker, and says which this one is; nothing where they can't be had.
pub fn begin(asked: usize) -> Option<&'static Ranks> {
    match ranks::begin(asked) {
        Ok(ranks) => Some(ranks),
        Err(error) => {
            eprintln!("error: {error}\nhint: {}", error.hint());
            None
        }
    }
}

/// What a rank is, for its log: in one piece, for the ranks share it.
pub fn introduce(ranks: &Ranks, device: Name) {
    let gradients = match (device.0, ranks.takes_gpu_memory()) {
        (Device::Cpu, _) => "",
        (_, true) => "; MPI takes gradients from the GPU's memory",
        (_, false) => "; MPI is not CUDA-aware: gradients pass through the host's memory",
    };
    let (rank, size) = (ranks.rank() + 1, ranks.size());
    let line = format!(
        "rank {rank} of {size} on {} ({device}), process {}{gradients}\n",
        host::name(),
        host::pid()
    );
    let _told = std::io::stderr().write_all(line.as_bytes());
}

/// The first rank has no more for the others.
pub fn dismiss(ranks: &Ranks) {
    if !ranks.is_alone() && ranks.is_first() {
        let _ours = ranks.give(Order::End.bytes());
    }
    ranks.end();
}

/// Trains what the first rank names, until it has no more.
///
/// # Errors
/// Where this rank has failed in the middle of a run: the others must not wait for it.
pub fn follow(station: &mut Station<'_>) -> anyhow::Result<u8> {
    let ranks = ranks::here();
    loop {
        let order = Order::read(&ranks.give(Vec::new())).context("an order is not understood")?;
        let Order::Train { index, steps, resumes } = order else { return Ok(exit::OK) };
        let from = resumes.then(|| ranks.give(Vec::new()));
        let run = station.sweep.run(index).context("the sweep has no run of that number")?;
        let Work::Train(settings) = &run.work else { anyhow::bail!("a `command` has no ranks") };
        let recipe = Recipe::new(settings).ok().context("the recipe of a run is wrong")?;
        let stop = (steps < u64::MAX).then(|| Stop::after(steps));
        let mut log = Log { epoch: &mut |_| {}, save: &mut |_, _, _| true };
        let told = Told { begun: &mut || {}, log: &mut log };
        match station.train_here(&run, &recipe, from.as_deref(), stop.as_ref(), told) {
            Some(Err(error)) if error.is_of_one_rank() => {
                return Err(anyhow::Error::from(error).context(format!(
                    "rank {} failed at run {}",
                    ranks.rank() + 1,
                    run.id.short()
                )));
            }
            Some(Err(RunError::OtherRank) | Ok(_)) | None => {}
            Some(Err(error)) => eprintln!("rank {}: {}", ranks.rank() + 1, Chain(&error)),
        }
    }
}

impl Station<'_> {
    /// Trains a run with all ranks, each of which comes here; nothing if data is missing, which is
    /// said.
    pub fn train_all(
        &mut self,
        run: &Run,
        recipe: &Recipe,
        from: Option<&[u8]>,
        steps: Option<u64>,
        told: Told<'_, '_>,
    ) -> Option<Result<Trained, RunError>> {
        let ranks = ranks::here();
        if !ranks.is_alone() {
            let (index, resumes) = (run.index, from.is_some());
            let _ours = ranks
                .give(Order::Train { index, steps: steps.unwrap_or(u64::MAX), resumes }.bytes());
            let _ours = from.map(|bytes| ranks.give(bytes.to_vec()));
        }
        let stop = steps.map(Stop::after);
        self.train_here(run, recipe, from, stop.as_ref(), told)
    }

    /// What each rank does of it.
    fn train_here(
        &mut self,
        run: &Run,
        recipe: &Recipe,
        from: Option<&[u8]>,
        stop: Option<&Stop>,
        told: Told<'_, '_>,
    ) -> Option<Result<Trained, RunError>> {
        let data = self
            .shelf
            .of(recipe)
            .map_err(|error| eprintln!("error: {}\nhint: {}", Chain(&error), error.hint()))
            .ok();
        let tested = stop.is_none().then_some(self.leave.as_ref()).flatten();
        let test = data.as_ref().and_then(|data| match tested {
            None => Some(None),
            Some(leave) => self
                .shelf
                .get_test(&recipe.data, data, leave)
                .map_err(|error| eprintln!("error: {}\nhint: {}", Chain(&error), error.hint()))
                .ok()
                .map(Some),
        });
        let (data, test) = match (ranks::here().all(test.is_some()), data, test) {
            (true, Some(data), Some(test)) => (data, test),
            (_, Some(_), Some(_)) => {
                eprintln!("error: data is missing where another rank is");
                return None;
            }
            _ => return None,
        };
        (told.begun)();
        let save_every = self.save_every();
        let job = Job {
            id: run.id,
            recipe,
            seed: run.seed,
            fold: run.fold,
            data: &data,
            test: test.as_deref(),
            save_every,
        };
        Some(train(&job, from, stop.unwrap_or(&self.stop), told.log))
    }

    /// Where a run's checkpoints are.
    pub fn checkpoints(&self, run: &Run) -> CheckpointStore {
        CheckpointStore::new(&self.sweep.dir, &run.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read_as_they_were_given() {
        let train = Order::Train { index: 7, steps: 2, resumes: true };
        for order in [train, Order::End] {
            assert_eq!(Order::read(&order.bytes()), Some(order));
        }
        assert_eq!(Order::read(b"short"), None);
    }
}
