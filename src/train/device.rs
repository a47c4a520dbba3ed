//! Where to train: what is asked for, and what is there.
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use tch::{Cuda, Device};

use crate::raw;

/// The device that a worker is asked to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// A GPU where there is one, else the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// This GPU and nothing else.
    Cuda(usize),
}

/// Text that names no device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no device, expected `auto`, `cpu` or `cuda:I`")]
pub struct NoDevice(String);

/// A GPU was asked for that isn't there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`cuda:{asked}` was asked for, and {found}")]
pub struct MissingDevice {
    asked: usize,
    found: String,
}

impl FromStr for Wish {
    type Err = NoDevice;

    fn from_str(text: &str) -> Result<Self, NoDevice> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => text
                .strip_prefix("cuda:")
                .and_then(|index| index.parse().ok())
                .map(Self::Cuda)
                .ok_or_else(|| NoDevice(text.to_owned())),
        }
    }
}

impl Wish {
    /// The same for one of several processes of a machine, by its number among them: of several
    /// GPUs each has its own.
    #[must_use]
    pub fn of_local(self, number: usize) -> Self {
        match self {
            Self::Auto if number > 0 && cuda_devices() > 0 => Self::Cuda(number % cuda_devices()),
            other => other,
        }
    }

    /// The device itself.
    ///
    /// # Errors
    /// Where a GPU is asked for and can't be used: training never falls back silently.
    pub fn grant(self) -> Result<Device, MissingDevice> {
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Auto if cuda_devices() == 0 => Ok(Device::Cpu),
            Self::Auto => Ok(Device::Cuda(0)),
            Self::Cuda(asked) => {
                let there = cuda_devices();
                if asked < there {
                    return Ok(Device::Cuda(asked));
                }
                let found = match (driver(), there) {
                    (false, _) => "this machine shows no NVIDIA driver".to_owned(),
                    (true, 0) => "libtorch here can use no GPU".to_owned(),
                    (true, n) => format!("libtorch sees {n} of them, counted from 0"),
                };
                Err(MissingDevice { asked, found })
            }
        }
    }
}

/// How many GPUs libtorch can use.
#[must_use]
pub fn cuda_devices() -> usize {
    cuda().devices
}

/// Whether libtorch could be told how convolutions are to be computed on a GPU: so that they sum in
/// one order always, and in single precision proper, unless `NVIDIA_TF32_OVERRIDE` is set to
/// something else than 0.
#[must_use]
pub fn is_bound() -> bool {
    cuda().is_bound
}

/// What became of libtorch's CUDA half.
#[must_use]
pub fn cuda_half() -> CudaHalf {
    cuda().half
}

/// What libtorch can do on GPUs.
#[derive(Debug)]
struct Found {
    devices: usize,
    is_bound: bool,
    half: CudaHalf,
}

/// libtorch's CUDA half, `libtorch_cuda.so`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CudaHalf {
    /// It was not looked for: no driver is there, or no GPU shall be seen.
    NotTried,
    /// It is not there: this libtorch is for the CPU.
    Absent,
    /// It is there and can't be loaded.
    Broken,
    /// It is loaded.
    Loaded,
}

impl CudaHalf {
    const FILE: &str = "libtorch_cuda.so";

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::NotTried => "not_tried",
            Self::Absent => "absent",
            Self::Broken => "broken",
            Self::Loaded => "loaded",
        }
    }

    fn load() -> Self {
        match raw::load_for_good(Self::FILE) {
            Ok(()) => Self::Loaded,
            Err(said) => Self::after(&said),
        }
    }

    /// What the loader's words mean: they begin with the file that it did not find, which may be one
    /// that the half needs.
    fn after(said: &str) -> Self {
        let is_lacking = said.contains(": No such file or directory");
        if said.starts_with(Self::FILE) && is_lacking { Self::Absent } else { Self::Broken }
    }
}

/// libtorch's CUDA half is loaded here, before libtorch is asked for the first time (asked without,
/// it says no for ever), and only where a driver is: loading it takes a second.
fn cuda() -> &'static Found {
    static FOUND: std::sync::OnceLock<Found> = std::sync::OnceLock::new();
    FOUND.get_or_init(|| {
        let half = if driver() { CudaHalf::load() } else { CudaHalf::NotTried };
        if half != CudaHalf::Loaded || !Cuda::is_available() {
            return Found { devices: 0, is_bound: true, half };
        }
        let devices = usize::try_from(Cuda::device_count()).unwrap_or(0);
        let tf32 = std::env::var("NVIDIA_TF32_OVERRIDE").ok();
        Found { devices, is_bound: raw::bind_cudnn(allows_tf32(tf32.as_deref())), half }
    })
}

/// Whether a value of `NVIDIA_TF32_OVERRIDE` leaves convolutions their TF32. NVIDIA's libraries
/// themselves know 0.
fn allows_tf32(value: Option<&str>) -> bool {
    value.is_some_and(|value| !matches!(value.trim(), "" | "0"))
}

fn driver() -> bool {
    let hidden = std::env::var_os("CUDA_VISIBLE_DEVICES").is_some_and(|list| list.is_empty());
    // The second is where WSL keeps its.
    !hidden && ["/dev/nvidiactl", "/dev/dxg"].iter().any(|node| Path::new(node).exists())
}

/// Ends the process without taking libtorch down in order, which takes 80 ms and saves nothing.
/// Flush what you have written.
pub fn leave(code: i32) -> ! {
    raw::exit_at_once(code)
}

/// A device as the records of a segment call it: `cpu`, `cuda:0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name(pub Device);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Device::Cuda(index) => write!(f, "cuda:{index}"),
            _ => f.write_str("cpu"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_read() {
        for (text, wish) in [
            ("auto", Ok(Wish::Auto)),
            ("cpu", Ok(Wish::Cpu)),
            ("cuda:3", Ok(Wish::Cuda(3))),
            ("cuda:x", Err(NoDevice("cuda:x".into()))),
            ("gpu", Err(NoDevice("gpu".into()))),
        ] {
            assert_eq!(text.parse(), wish, "{text}");
        }
    }

    #[test]
    fn convolutions_are_of_single_precision_unless_the_user_wants_tf32() {
        for (value, expected) in
            [(None, false), (Some(""), false), (Some("0"), false), (Some("1"), true)]
        {
            assert_eq!(allows_tf32(value), expected, "{value:?}");
        }
    }

    #[test]
    fn the_loaders_words_tell_a_half_that_is_not_there_from_one_that_lacks_something() {
        let lacks = "cannot open shared object file: No such file or directory";
        for (said, half) in [
            (format!("libtorch_cuda.so: {lacks}"), CudaHalf::Absent),
            (format!("libcudart.so.12: {lacks}"), CudaHalf::Broken),
            ("/t/libtorch_cuda.so: undefined symbol: ncclCommInit".into(), CudaHalf::Broken),
        ] {
            assert_eq!(CudaHalf::after(&said), half, "{said}");
        }
        let said = raw::load_for_good("libtorch_none.so").expect_err("it is nowhere");
        assert_eq!(said, format!("libtorch_none.so: {lacks}"));
    }

    #[test]
    fn a_gpu_that_is_not_there_is_refused() {
        let refused = Wish::Cuda(999).grant().expect_err("no machine has a thousand");
        assert!(refused.to_string().starts_with("`cuda:999` was asked for, and "), "{refused}");
        assert_eq!(Wish::Cpu.grant(), Ok(Device::Cpu));
    }
}
