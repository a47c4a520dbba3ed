//! The ranks of a run: processes that train it together, each on its part of every batch (data
//! parallel). All of them make the same calls in the same order.
//!
//! MPI is loaded and begun only where a run is to have several ranks. A process has one MPI, so
//! [`here`] is one for the process, like the device.
mod beside;
mod plugin;

use std::ops::Range;
use std::path::PathBuf;
use std::sync::OnceLock;

use dlgrid_sweep::host;
use tch::{Cuda, Device, Tensor};

use crate::engine::Named;
use plugin::{Begun, Caller, Plugin};

pub use beside::Beside;
pub use plugin::{FILE, VARIABLE};

/// Numbers that are summed in one call: larger ones cost 2.7 times as much (11 million numbers,
/// two ranks on one machine, Open MPI 4.1).
pub(crate) const PART: usize = 1 << 18;

/// The variable that is `off` where sums are to wait for the backward pass.
pub const BESIDE: &str = "DLGRID_SUMS_BESIDE";

/// The ranks of this process's runs.
#[derive(Debug)]
pub struct Ranks {
    rank: usize,
    size: usize,
    /// Whether a second thread may sum beside the first.
    threads: bool,
    plugin: Option<Plugin>,
}

/// Why runs can't have ranks here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RanksError {
    /// The MPI half of dlgrid is not there.
    #[error("`{}`, which ranks need, is not there", path.display())]
    Absent {
        /// Where it should be.
        path: PathBuf,
    },
    /// The MPI half of dlgrid can't be loaded.
    #[error("`{}`, which ranks need, can't be loaded: {why}", path.display())]
    Unusable {
        /// Where it is.
        path: PathBuf,
        /// What the loader says.
        why: String,
    },
    /// It is of another dlgrid.
    #[error("`{}` has interface {found}, which this dlgrid-worker does not know", path.display())]
    Interface {
        /// Where it is.
        path: PathBuf,
        /// Its interface.
        found: u32,
    },
    /// MPI began before.
    #[error("MPI has begun before in this process")]
    Begun,
    /// MPI has another number of processes.
    #[error("{asked} ranks were asked for, and MPI was started with {found}")]
    Size {
        /// How many should be.
        asked: usize,
        /// How many there are.
        found: usize,
    },
}

impl RanksError {
    /// The way out.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Absent { .. } | Self::Interface { .. } => {
                "make mpi, in dlgrid's source folder, where `mpicc` is on PATH"
            }
            Self::Unusable { .. } => {
                "load the MPI with which `make mpi` was made (a module of the cluster?)"
            }
            Self::Begun | Self::Size { .. } => {
                "start it by `mpirun -n N` or `srun --mpi=pmix -n N`, with the same N as `--ranks`"
            }
        }
    }
}

static ALONE: Ranks = Ranks { rank: 0, size: 1, threads: false, plugin: None };
static BEGUN: OnceLock<Ranks> = OnceLock::new();

/// The ranks of this process: one alone, unless they were begun.
pub fn here() -> &'static Ranks {
    BEGUN.get().unwrap_or(&ALONE)
}

/// The file of the MPI half, whether it is there or not.
#[must_use]
pub fn file() -> PathBuf {
    plugin::place()
}

/// Whether runs can have ranks here: the MPI half is there and can be loaded. MPI does not begin.
///
/// # Errors
/// Why not.
pub fn check() -> Result<(), RanksError> {
    plugin::load(&plugin::place()).map(drop)
}

/// Begins MPI: this process is one of so many ranks.
///
/// # Errors
/// Where MPI isn't there, or was started with another number of processes.
pub fn begin(asked: usize) -> Result<&'static Ranks, RanksError> {
    let plugin = plugin::load(&plugin::place())?;
    let Begun { rank, size, threads } = plugin.begin().ok_or(RanksError::Begun)?;
    if size != asked {
        return Err(RanksError::Size { asked, found: size });
    }
    Ok(BEGUN.get_or_init(|| Ranks { rank, size, threads, plugin: Some(plugin) }))
}

impl Ranks {
    /// The number of this one, from 0.
    #[must_use]
    pub const fn rank(&self) -> usize {
        self.rank
    }

    /// How many there are.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.size
    }

    /// Whether this process trains its runs by itself.
    #[must_use]
    pub const fn is_alone(&self) -> bool {
        self.size == 1
    }

    /// Whether this is the one that writes what all have come to.
    #[must_use]
    pub const fn is_first(&self) -> bool {
        self.rank == 0
    }

    /// Whether MPI takes memory of a GPU as it is; else gradients pass through the host's.
    #[must_use]
    pub fn takes_gpu_memory(&self) -> bool {
        self.plugin.is_some_and(|plugin| plugin.cuda_aware)
    }

    /// Ends MPI; no other call may follow.
    pub fn end(&self) {
        if let Some(plugin) = &self.plugin {
            plugin.end();
        }
    }

    /// The part of some samples that is this rank's: parts differ by one sample at most, and are in
    /// the order of the ranks.
    #[must_use]
    pub fn part(&self, of: &Range<usize>) -> Range<usize> {
        part(of, self.rank, self.size)
    }

    /// The sums over all ranks, number by number.
    #[must_use]
    pub fn sum_f64(&self, own: &[f64]) -> Vec<f64> {
        self.plugin.map_or_else(|| own.to_vec(), |plugin| plugin.sum_f64(own))
    }

    /// The sums over all ranks of contiguous tensors on the CPU, or on a GPU where MPI takes its
    /// memory. Waits for the device.
    pub fn sum_into(&self, own: &Tensor, sums: &mut Tensor) {
        await_device(own.device());
        match &self.plugin {
            Some(plugin) => plugin.sum(Caller::First, own, sums, PART),
            None => sums.copy_(own),
        }
    }

    /// A thread that sums beside this one; nothing where MPI lets only one thread call it, there is
    /// no room for a thread, or [`BESIDE`] forbids it.
    #[must_use]
    pub fn beside(&self) -> Option<Beside> {
        let plugin = self.plugin.filter(|_| self.threads)?;
        let wanted = host::env(BESIDE).is_none_or(|said| said != "off");
        wanted.then(|| Beside::new(plugin).ok()).flatten()
    }

    /// The sum over all ranks of a tensor of any device, f32, f64 or i64. Waits for the device.
    pub fn sum(&self, own: &Tensor) -> Tensor {
        if self.is_alone() {
            return own.shallow_clone();
        }
        let here = own.detach().to_device(Device::Cpu).contiguous();
        let mut sums = here.empty_like();
        self.sum_into(&here, &mut sums);
        sums.to_device(own.device())
    }

    /// The sums over all ranks of what a task has counted.
    #[must_use]
    pub fn sum_counted(&self, counted: Vec<Named>) -> Vec<Named> {
        counted.into_iter().map(|(name, own)| (name, self.sum(&own))).collect()
    }

    /// Rank 0's bytes; what the others hand in is lost.
    #[must_use]
    pub fn give(&self, bytes: Vec<u8>) -> Vec<u8> {
        let Some(plugin) = &self.plugin else { return bytes };
        let own = if self.is_first() { bytes.len() } else { 0 };
        let len = plugin.sum_i64(&[i64::try_from(own).unwrap_or(0)])[0];
        let mut all = bytes;
        all.resize(usize::try_from(len).unwrap_or(0), 0);
        plugin.give(&mut all);
        all
    }

    /// Whether something holds on every rank.
    #[must_use]
    pub fn all(&self, holds: bool) -> bool {
        self.sum_f64(&[f64::from(u8::from(!holds))])[0] == 0.0
    }

    /// Every rank's number.
    #[must_use]
    pub fn each(&self, own: f64) -> Vec<f64> {
        let mut all = vec![0.0; self.size];
        all[self.rank] = own;
        self.sum_f64(&all)
    }
}

/// Waits until a device has done what it was asked to.
pub(crate) fn await_device(device: Device) {
    if let Device::Cuda(index) = device {
        Cuda::synchronize(i64::try_from(index).unwrap_or(0));
    }
}

fn part(of: &Range<usize>, rank: usize, size: usize) -> Range<usize> {
    let at = |rank: usize| of.start + of.len() * rank / size;
    at(rank)..at(rank + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_all_samples_in_order_and_differ_by_one() {
        for size in 1..6 {
            for samples in [0, 1, 4, 5, 256, 257] {
                let of = 10..10 + samples;
                let parts: Vec<_> = (0..size).map(|rank| part(&of, rank, size)).collect();
                assert_eq!((parts[0].start, parts[size - 1].end), (of.start, of.end));
                assert!(parts.windows(2).all(|pair| pair[0].end == pair[1].start));
                let lengths = parts.iter().map(ExactSizeIterator::len);
                assert!(lengths.clone().max() <= lengths.min().map(|least| least + 1));
            }
        }
    }

    #[test]
    fn alone_everything_is_ones_own() {
        let ranks = here();
        assert!(ranks.is_alone() && ranks.is_first() && ranks.all(true));
        assert_eq!((ranks.sum_f64(&[1.5]), ranks.each(2.5)), (vec![1.5], vec![2.5]));
        assert_eq!(ranks.give(vec![1, 2]), [1, 2]);
        assert_eq!(ranks.part(&(3..8)), 3..8);
    }

    #[test]
    fn what_is_absent_or_no_library_is_told_with_the_way_out() {
        let absent = plugin::load("/nowhere/libdlgrid_mpi.so".as_ref()).expect_err("absent");
        assert!(matches!(absent, RanksError::Absent { .. }) && absent.hint().contains("make mpi"));
        let file = tempfile::NamedTempFile::new().expect("a file");
        let broken = plugin::load(file.path()).expect_err("empty");
        assert!(matches!(broken, RanksError::Unusable { .. }), "{broken}");
    }
}
