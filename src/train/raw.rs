//! Slices over the memory of CPU tensors, and the dispatch to wide instructions:
//! the only module with `unsafe`.
#![expect(unsafe_code, reason = "the one module that may: everything else is built on it")]

use tch::{Device, Kind, Tensor};

/// The numbers of a CPU tensor.
///
/// # Panics
/// If the tensor is not contiguous `f32` in the CPU's memory: a bug of the caller.
#[must_use]
pub fn floats(tensor: &Tensor) -> &[f32] {
    let (data, len) = parts(tensor, Kind::Float);
    // SAFETY: `parts` has checked kind, device and contiguity, so `data` leads to `len` floats
    // (dangling only if `len` is 0, and then replaced); the borrow keeps the tensor, and with
    // it the storage, alive. Nothing writes meanwhile: tensors are used by one thread, and the
    // functions that get such a slice call no tensor operation on its storage.
    unsafe { std::slice::from_raw_parts(data.cast(), len) }
}

/// The numbers of a CPU tensor, to be written.
///
/// # Panics
/// If the tensor is not contiguous `f32` in the CPU's memory: a bug of the caller.
#[must_use]
pub fn floats_mut(tensor: &mut Tensor) -> &mut [f32] {
    let (data, len) = parts(tensor, Kind::Float);
    // SAFETY: as in `floats`. Other tensors may be views of the same storage (the leaves of the
    // flat parameters are), so no caller may hold a slice of one of them at the same time;
    // none outside this crate can, and inside it slices live within one kernel call.
    unsafe { std::slice::from_raw_parts_mut(data.cast(), len) }
}

/// The bytes of a CPU tensor.
///
/// # Panics
/// If the tensor is not contiguous `u8` in the CPU's memory: a bug of the caller.
#[must_use]
pub fn bytes(tensor: &Tensor) -> &[u8] {
    let (data, len) = parts(tensor, Kind::Uint8);
    // SAFETY: as in `floats`.
    unsafe { std::slice::from_raw_parts(data.cast(), len) }
}

/// The whole numbers of a CPU tensor.
///
/// # Panics
/// If the tensor is not contiguous `i64` in the CPU's memory: a bug of the caller.
#[must_use]
pub fn wholes(tensor: &Tensor) -> &[i64] {
    let (data, len) = parts(tensor, Kind::Int64);
    // SAFETY: as in `floats`.
    unsafe { std::slice::from_raw_parts(data.cast(), len) }
}

/// The whole numbers of a CPU tensor, to be written.
///
/// # Panics
/// If the tensor is not contiguous `i64` in the CPU's memory: a bug of the caller.
#[must_use]
pub fn wholes_mut(tensor: &mut Tensor) -> &mut [i64] {
    let (data, len) = parts(tensor, Kind::Int64);
    // SAFETY: as in `floats_mut`.
    unsafe { std::slice::from_raw_parts_mut(data.cast(), len) }
}

fn parts(tensor: &Tensor, kind: Kind) -> (*mut std::ffi::c_void, usize) {
    assert!(
        tensor.device() == Device::Cpu && tensor.kind() == kind && tensor.is_contiguous(),
        "a slice needs a contiguous {kind:?} tensor on the CPU"
    );
    let len = tensor.numel();
    let data = if len == 0 { std::ptr::dangling_mut::<u64>().cast() } else { tensor.data_ptr() };
    (data, len)
}

/// Runs a loop with 256-bit instructions where the processor has them. Rust never contracts a
/// product and a sum into one rounding, so the bits are the same either way.
#[inline]
pub fn wide<R>(kernel: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has been asked for AVX2 on the line above.
        return unsafe { avx2(kernel) };
    }
    kernel()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2<R>(kernel: impl FnOnce() -> R) -> R {
    kernel()
}

/// Loads a library of libtorch's into the process for good, its symbols visible to all.
/// Whether it could.
pub fn load_for_good(name: &str) -> bool {
    use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
    // SAFETY: runs the library's initialisers; it is libtorch's own, found by the same search
    // path as the libtorch this program is linked to.
    let library = unsafe { Library::open(Some(name), RTLD_NOW | RTLD_GLOBAL) };
    // Closing it would pull registered operators from under libtorch.
    library.map(std::mem::forget).is_ok()
}

/// Bytes of the GPU in use that no one has taken yet, where libtorch's CUDA half is loaded.
pub fn free_on_gpu() -> Option<u64> {
    use libloading::os::unix::Library;
    type MemGetInfo = unsafe extern "C" fn(*mut usize, *mut usize) -> i32;
    let (mut free, mut total) = (0usize, 0usize);
    // SAFETY: the function is CUDA's runtime's, of this signature since its first version, found
    // where it is loaded already; it writes two numbers and returns 0 where it could.
    let code = unsafe {
        let found = Library::this().get::<MemGetInfo>(b"cudaMemGetInfo\0").ok()?;
        found(&raw mut free, &raw mut total)
    };
    (code == 0).then_some(free as u64)
}

/// Ends the process; no destructor or exit handler runs.
pub fn exit_at_once(code: i32) -> ! {
    // SAFETY: `_exit` may be called at any time; what destructors would do, the kernel does.
    unsafe { libc::_exit(code) }
}
