//! MPI behind a C interface: what `dlgrid-worker` loads at run time where a run has several
//! ranks, so that the worker itself starts where no MPI is.
//!
//! Every call is collective: all ranks make the same calls in the same order, from one thread; a
//! second one may sum beside it where [`dlgrid_mpi_begin`] says so. A mistake of MPI ends all ranks,
//! as MPI does by itself.
#![expect(unsafe_code, reason = "a C interface takes pointers")]

use std::sync::OnceLock;

use mpi::Threading;
use mpi::collective::SystemOperation;
use mpi::ffi;
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, CommunicatorCollectives, Equivalence, Root};

/// Version of this interface; the worker takes no other.
const INTERFACE: u32 = 2;

/// A communicator of its own for sums of a second thread: those of two threads never meet.
struct Second(SimpleCommunicator);

// SAFETY: only made where MPI lets every thread call it, and a communicator is a name that MPI looks
// up.
unsafe impl Send for Second {}
// SAFETY: as above.
unsafe impl Sync for Second {}

static SECOND: OnceLock<Second> = OnceLock::new();

/// The version of this interface. The only call that is allowed before [`dlgrid_mpi_begin`].
#[unsafe(no_mangle)]
pub extern "C" fn dlgrid_mpi_interface() -> u32 {
    INTERFACE
}

/// Begins MPI: writes this process's number, from 0, and how many there are. 0 where MPI was begun
/// before; 2 where a second thread may sum beside the first; else 1.
///
/// # Safety
/// Both pointers must lead to memory that may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dlgrid_mpi_begin(rank: *mut u32, size: *mut u32) -> u32 {
    let Some((universe, threading)) = mpi::initialize_with_threading(Threading::Multiple) else {
        return 0;
    };
    // Dropped, it would end MPI; `dlgrid_mpi_end` does.
    std::mem::forget(universe);
    let world = SimpleCommunicator::world();
    let whole = |n: i32| u32::try_from(n).unwrap_or(0);
    // SAFETY: the caller's word.
    unsafe {
        *rank = whole(world.rank());
        *size = whole(world.size());
    }
    if threading != Threading::Multiple {
        return 1;
    }
    let _begun_once = SECOND.set(Second(world.duplicate()));
    2
}

/// Ends MPI, when all ranks have come here.
#[unsafe(no_mangle)]
pub extern "C" fn dlgrid_mpi_end() {
    // SAFETY: MPI has begun, and nothing of it is used from here on.
    let _code = unsafe { ffi::MPI_Finalize() };
}

/// Sums `len` numbers of all ranks, one by one; `second` is not 0 in a second thread. The order of
/// the sum depends on how many ranks and numbers there are alone.
///
/// # Safety
/// `from` must lead to `len` numbers, `to` to room for as many; they may not overlap. Where MPI is
/// CUDA-aware both may be memory of a GPU. A second thread is one that may sum beside the first.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dlgrid_mpi_sum_f32(
    from: *const f32,
    to: *mut f32,
    len: usize,
    second: u32,
) {
    // SAFETY: the caller's word.
    unsafe { sum(from, to, len, second != 0) }
}

/// As [`dlgrid_mpi_sum_f32`], of double precision.
///
/// # Safety
/// As [`dlgrid_mpi_sum_f32`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dlgrid_mpi_sum_f64(
    from: *const f64,
    to: *mut f64,
    len: usize,
    second: u32,
) {
    // SAFETY: the caller's word.
    unsafe { sum(from, to, len, second != 0) }
}

/// As [`dlgrid_mpi_sum_f32`], of whole numbers.
///
/// # Safety
/// As [`dlgrid_mpi_sum_f32`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dlgrid_mpi_sum_i64(
    from: *const i64,
    to: *mut i64,
    len: usize,
    second: u32,
) {
    // SAFETY: the caller's word.
    unsafe { sum(from, to, len, second != 0) }
}

/// Gives the bytes of rank 0 to all.
///
/// # Safety
/// `bytes` must lead to `len` bytes that may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dlgrid_mpi_give(bytes: *mut u8, len: usize) {
    // SAFETY: the caller's word.
    let bytes = unsafe { std::slice::from_raw_parts_mut(bytes, len) };
    // MPI counts in 32 bits.
    for part in bytes.chunks_mut(1 << 30) {
        SimpleCommunicator::world().process_at_rank(0).broadcast_into(part);
    }
}

/// The slices are only handed on: where they are memory of a GPU, nobody here reads them.
unsafe fn sum<T: Equivalence>(from: *const T, to: *mut T, len: usize, second: bool) {
    // SAFETY: the caller's word.
    let (from, to) =
        unsafe { (std::slice::from_raw_parts(from, len), std::slice::from_raw_parts_mut(to, len)) };
    match SECOND.get().filter(|_| second) {
        Some(second) => second.0.all_reduce_into(from, to, SystemOperation::sum()),
        None => SimpleCommunicator::world().all_reduce_into(from, to, SystemOperation::sum()),
    }
}
