//! The MPI half of dlgrid, loaded at run time: the only module that calls it.
#![expect(unsafe_code, reason = "calls into a library that is loaded at run time")]
use std::path::{Path, PathBuf};

use dlgrid_sweep::host;
use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
use tch::{Device, Kind, Tensor};

use super::RanksError;

/// Its file, beside the worker.
pub const FILE: &str = "libdlgrid_mpi.so";
/// The variable that names it where it is elsewhere.
pub const VARIABLE: &str = "DLGRID_MPI";
/// The version of its interface that is understood.
const INTERFACE: u32 = 2;

type Sum<T> = unsafe extern "C" fn(*const T, *mut T, usize, u32);

/// Who calls: MPI keeps the sums of two threads apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// The thread that trains.
    First,
    /// One beside it, where [`Begun::threads`] says that it may.
    Second,
}

/// What this process is among the ranks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    /// Its number, from 0.
    pub rank: usize,
    /// How many there are.
    pub size: usize,
    /// Whether a second thread may sum beside the first.
    pub threads: bool,
}

/// The calls of the library.
#[derive(Debug, Clone, Copy)]
pub struct Plugin {
    begin: unsafe extern "C" fn(*mut u32, *mut u32) -> u32,
    end: extern "C" fn(),
    sum_f32: Sum<f32>,
    sum_f64: Sum<f64>,
    sum_i64: Sum<i64>,
    give: unsafe extern "C" fn(*mut u8, usize),
    /// Whether MPI takes memory of a GPU.
    pub cuda_aware: bool,
}

/// Where the library should be: what [`VARIABLE`] says, else beside the program.
pub fn place() -> PathBuf {
    host::env(VARIABLE).filter(|named| !named.is_empty()).map_or_else(
        || host::executable().ok().and_then(|me| Some(me.parent()?.join(FILE))).unwrap_or_default(),
        PathBuf::from,
    )
}

/// Loads the library for good. MPI does not begin.
///
/// # Errors
/// Where it, or the MPI that it needs, is not there, or it is of another dlgrid.
pub fn load(path: &Path) -> Result<Plugin, RanksError> {
    if !path.is_file() {
        return Err(RanksError::Absent { path: path.to_owned() });
    }
    let unusable =
        |e: libloading::Error| RanksError::Unusable { path: path.to_owned(), why: e.to_string() };
    // SAFETY: runs the initialisers of dlgrid's own library and of MPI's, which only register
    // themselves; MPI's own parts look for its symbols among those visible to all.
    let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_GLOBAL) }.map_err(unusable)?;
    // SAFETY: the names and types are those of `src/mpi/lib.rs` in the version that is asked for
    // before any other call, and the library stays loaded.
    let plugin = unsafe {
        let interface =
            library.get::<extern "C" fn() -> u32>(b"dlgrid_mpi_interface\0").map_err(unusable)?();
        if interface != INTERFACE {
            return Err(RanksError::Interface { path: path.to_owned(), found: interface });
        }
        // Open MPI's word for it; others have none, and are not asked to.
        let cuda_aware = library.get::<extern "C" fn() -> i32>(b"MPIX_Query_cuda_support\0");
        Plugin {
            begin: *library.get(b"dlgrid_mpi_begin\0").map_err(unusable)?,
            end: *library.get(b"dlgrid_mpi_end\0").map_err(unusable)?,
            sum_f32: *library.get(b"dlgrid_mpi_sum_f32\0").map_err(unusable)?,
            sum_f64: *library.get(b"dlgrid_mpi_sum_f64\0").map_err(unusable)?,
            sum_i64: *library.get(b"dlgrid_mpi_sum_i64\0").map_err(unusable)?,
            give: *library.get(b"dlgrid_mpi_give\0").map_err(unusable)?,
            cuda_aware: cuda_aware.is_ok_and(|ask| ask() == 1),
        }
    };
    std::mem::forget(library);
    Ok(plugin)
}

impl Plugin {
    /// Begins MPI; nothing where it has begun before.
    pub fn begin(&self) -> Option<Begun> {
        let (mut rank, mut size) = (0, 0);
        // SAFETY: both pointers lead to this function's own numbers.
        let begun = unsafe { (self.begin)(&raw mut rank, &raw mut size) };
        let (rank, size) = (usize::try_from(rank).ok()?, usize::try_from(size).ok()?);
        (begun != 0).then_some(Begun { rank, size, threads: begun == 2 })
    }

    /// Ends MPI.
    pub fn end(&self) {
        (self.end)();
    }

    /// The sums over all ranks.
    pub fn sum_f64(&self, own: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; own.len()];
        // SAFETY: two slices of one length that don't overlap.
        unsafe { (self.sum_f64)(own.as_ptr(), sums.as_mut_ptr(), own.len(), 0) };
        sums
    }

    /// The sums over all ranks.
    pub fn sum_i64(&self, own: &[i64]) -> Vec<i64> {
        let mut sums = vec![0; own.len()];
        // SAFETY: two slices of one length that don't overlap.
        unsafe { (self.sum_i64)(own.as_ptr(), sums.as_mut_ptr(), own.len(), 0) };
        sums
    }

    /// The sums over all ranks of a contiguous f32, f64 or i64 tensor, in parts of so many numbers.
    ///
    /// # Panics
    /// If the tensors are not such, or of a device that MPI can't read: a bug of the caller.
    pub fn sum(&self, caller: Caller, own: &Tensor, sums: &mut Tensor, part: usize) {
        assert!(
            own.is_contiguous() && sums.is_contiguous() && own.numel() == sums.numel(),
            "sums need contiguous tensors of one size"
        );
        assert_eq!((own.kind(), own.device()), (sums.kind(), sums.device()), "of one kind");
        let here = own.device() == Device::Cpu;
        assert!(here || self.cuda_aware, "MPI reads memory of the host alone");
        match own.kind() {
            Kind::Float => parts(self.sum_f32, caller, (own, sums), part),
            Kind::Double => parts(self.sum_f64, caller, (own, sums), part),
            Kind::Int64 => parts(self.sum_i64, caller, (own, sums), part),
            other => panic!("numbers of kind {other:?} are not summed"),
        }
    }

    /// Rank 0's bytes, of which all ranks have as many.
    pub fn give(&self, bytes: &mut [u8]) {
        // SAFETY: a slice's own pointer and length.
        unsafe { (self.give)(bytes.as_mut_ptr(), bytes.len()) };
    }
}

fn parts<T>(call: Sum<T>, caller: Caller, (own, sums): (&Tensor, &mut Tensor), part: usize) {
    let (from, to): (*const T, *mut T) =
        (own.data_ptr().cast_const().cast(), sums.data_ptr().cast());
    let len = own.numel();
    let second = u32::from(caller == Caller::Second);
    for start in (0..len).step_by(part.max(1)) {
        let now = part.min(len - start);
        // SAFETY: `sum` has checked that both are contiguous, of `len` numbers of this type, and in
        // memory that MPI reads; they are two tensors, and nobody else touches them while this runs.
        unsafe { call(from.add(start), to.add(start), now, second) };
    }
}
