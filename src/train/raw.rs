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

/// The numbers of a CPU tensor in double precision.
///
/// # Panics
/// If the tensor is not contiguous `f64` in the CPU's memory: a bug of the caller.
#[must_use]
pub fn doubles(tensor: &Tensor) -> &[f64] {
    let (data, len) = parts(tensor, Kind::Double);
    // SAFETY: as in `floats`.
    unsafe { std::slice::from_raw_parts(data.cast(), len) }
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
///
/// # Errors
/// In the loader's words, where it can't: they name the file that is not there.
pub fn load_for_good(name: &str) -> Result<(), String> {
    use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
    // SAFETY: runs the library's initialisers; it is libtorch's own, found by the same search
    // path as the libtorch this program is linked to.
    let library = unsafe { Library::open(Some(name), RTLD_NOW | RTLD_GLOBAL) };
    // Closing it would pull registered operators from under libtorch.
    library.map(std::mem::forget).map_err(|error| error.to_string())
}

/// Has cuDNN take only algorithms that sum in one order always, and multiply single precision as
/// TF32 (10 bits of precision) only where `tf32` says so. Whether libtorch could be told.
pub fn bind_cudnn(tf32: bool) -> bool {
    use libloading::os::unix::Library;
    use std::ffi::c_void;
    type Context = unsafe extern "C" fn() -> *mut c_void;
    type Set = unsafe extern "C" fn(*mut c_void, bool);
    // SAFETY: `at::globalContext()` returns a reference to an object that lives as long as the
    // process, `at::Context::setDeterministicCuDNN(bool)` and `setAllowTF32CuDNN(bool)` are members of
    // it, which take it as their first argument; each has been of this signature, which its name
    // holds, in every libtorch that has it. They set flags and throw nothing for any of both values.
    unsafe {
        let here = Library::this();
        let (Ok(context), Ok(one_order), Ok(allow_tf32)) = (
            here.get::<Context>(b"_ZN2at13globalContextEv\0"),
            here.get::<Set>(b"_ZN2at7Context21setDeterministicCuDNNEb\0"),
            here.get::<Set>(b"_ZN2at7Context17setAllowTF32CuDNNEb\0"),
        ) else {
            return false;
        };
        let context = context();
        one_order(context, true);
        allow_tf32(context, tf32);
    }
    true
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What libtorch says of cuDNN: whether it sums in one order, and may multiply as TF32.
    fn cudnn() -> [bool; 2] {
        use libloading::os::unix::Library;
        use std::ffi::c_void;
        type Context = unsafe extern "C" fn() -> *mut c_void;
        type Is = unsafe extern "C" fn(*mut c_void, u64) -> bool;
        // SAFETY: as in `bind_cudnn`; an empty `std::optional<Float32Op>`, which the second takes,
        // is passed as a zero, and what the first takes not does no harm.
        unsafe {
            let here = Library::this();
            let context = here.get::<Context>(b"_ZN2at13globalContextEv\0").expect("there")();
            let one_order = b"_ZNK2at7Context18deterministicCuDNNEv\0";
            let tf32 = b"_ZNK2at7Context14allowTF32CuDNNESt8optionalINS_9Float32OpEE\0";
            [&one_order[..], &tf32[..]].map(|name| here.get::<Is>(name).expect("there")(context, 0))
        }
    }

    #[test]
    fn cudnn_is_bound_to_one_order_and_to_single_precision() {
        assert_eq!(cudnn(), [false, true], "libtorch's own");
        for tf32 in [true, false] {
            assert!(bind_cudnn(tf32), "libtorch has the functions");
            assert_eq!(cudnn(), [true, tf32]);
        }
    }
}
