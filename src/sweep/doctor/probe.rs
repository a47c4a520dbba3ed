//! Gathers the facts of this machine. Writes one empty file into the cache and the current
//! folder, and removes it: nothing else tells for sure whether they can be written.
#![expect(clippy::disallowed_methods, reason = "that file is no file of a sweep")]

use std::path::Path;
use std::time::Duration;

use super::{Facts, worker};
use crate::file_system::{self, FileSystem};
use crate::{dataset, host};

/// Looks at everything. Takes about half a second: the worker is started once.
#[must_use]
pub fn facts(explicit_worker: Option<&Path>) -> Facts {
    let worker = worker::find(explicit_worker)
        .and_then(|path| worker::probe(&path).map(|about| (path, about)));
    let root = dataset::locate::root();
    Facts {
        worker,
        driver: Path::new("/dev/nvidiactl").exists(),
        gpus: gpus(Path::new("/dev")),
        slurm: slurm(),
        data: dataset::CATALOGUE
            .iter()
            .map(|set| {
                let dir = root.join(set.name);
                (set.name, dir.clone(), dataset::locate::state(set, &dir))
            })
            .collect(),
        cache: writable(&host::cache()).and_then(|()| file_system_of(&host::cache())),
        current: writable(Path::new(".")).and_then(|()| file_system_of(Path::new("."))),
        cores: host::cores(),
        memory: std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| available(&text)),
    }
}

type Refusal = (std::path::PathBuf, String);

fn file_system_of(path: &Path) -> Result<FileSystem, Refusal> {
    file_system::of(path).map_err(|error| (path.to_owned(), error.to_string()))
}

/// Whether a file can be made in `path`, or in the nearest folder above that exists.
fn writable(path: &Path) -> Result<(), Refusal> {
    let refusal = |error: std::io::Error| (path.to_owned(), error.to_string());
    let there = path.ancestors().find(|p| p.exists()).unwrap_or(Path::new("."));
    let id = host::random::<8>().map_err(refusal)?;
    let file = there.join(format!(".dlgrid-doctor-{:016x}", u64::from_le_bytes(id)));
    std::fs::File::create_new(&file).map_err(refusal)?;
    std::fs::remove_file(&file).map_err(refusal)
}

/// `/dev/nvidia0`, `/dev/nvidia1`, …
fn gpus(dev: &Path) -> usize {
    let entries = std::fs::read_dir(dev).into_iter().flatten().flatten();
    let number =
        |name: String| name.strip_prefix("nvidia").is_some_and(|n| n.parse::<u32>().is_ok());
    entries.filter(|entry| number(entry.file_name().to_string_lossy().into_owned())).count()
}

fn slurm() -> Option<Result<String, String>> {
    let sbatch = host::which("sbatch")?;
    let asked = host::run_within(host::command(sbatch).arg("--version"), Duration::from_secs(10));
    Some(match asked {
        Ok(output) if output.status.success() => {
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        }
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(said.lines().next().map_or_else(|| output.status.to_string(), str::to_owned))
        }
        Err(error) => Err(error.to_string()),
    })
}

/// `MemAvailable` of `/proc/meminfo`, in bytes.
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meminfo_is_read() {
        let text = "MemTotal:       24580000 kB\nMemAvailable:   1024 kB\nBuffers: 1 kB\n";
        assert_eq!(available(text), Some(1_048_576));
        assert_eq!(available("MemTotal: 1 kB\n"), None);
    }

    #[test]
    fn a_folder_is_probed_and_left_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(writable(&dir.path().join("not/yet")), Ok(()));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        assert!(writable(Path::new("/proc/self")).is_err());
    }

    #[test]
    fn gpus_are_counted_by_their_device_files() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "null"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        assert_eq!(gpus(dir.path()), 2);
    }
}
