//! What this process and all that it started take: memory, processors, GPUs; and whether the
//! kernel killed one of them for want of memory. Parsing is pure; files of `/proc` and of cgroups
//! are read here alone.
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use super::claim;
use crate::host;
use crate::store::tasks::Used;

/// How often the kernel has killed a process of this one's memory cgroup for want of memory;
/// nothing where there is no such cgroup, or it does not tell.
#[must_use]
pub fn memory_kills() -> Option<u64> {
    let file = kills_file(&read("/proc/self/cgroup")?)?;
    field(&read(file)?, "oom_kill")
}

/// The file that counts them, from `/proc/self/cgroup`: of cgroup 2, or of version 1 where the
/// memory controller is there.
fn kills_file(cgroups: &str) -> Option<PathBuf> {
    let mut second = None;
    for line in cgroups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?.trim_start_matches('/'));
        let root = PathBuf::from("/sys/fs/cgroup");
        if controllers.split(',').any(|c| c == "memory") {
            return Some(root.join("memory").join(path).join("memory.oom_control"));
        }
        if controllers.is_empty() {
            second = Some(root.join(path).join("memory.events"));
        }
    }
    second
}

fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next()? == name).then(|| words.next()?.parse().ok())?
    })
}

fn read(path: impl AsRef<std::path::Path>) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

/// Clock ticks a second, as `/proc` counts: 100 on every Linux that Slurm runs on.
const TICKS: f64 = 100.0;

/// Seconds of processors that this process's ended children took, theirs included.
#[must_use]
pub fn cpu_seconds() -> f64 {
    host::process_stat(host::pid()).and_then(|stat| children_seconds(&stat)).unwrap_or(0.0)
}

/// Seconds since this process began, also as another program before it became this one.
#[must_use]
pub fn age() -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "ticks since a machine was started")]
    let began = claim::started(host::pid())? as f64 / TICKS;
    let up: f64 = read("/proc/uptime")?.split_whitespace().next()?.parse().ok()?;
    Some(up - began)
}

fn children_seconds(stat: &str) -> Option<f64> {
    let mut fields = stat[stat.rfind(')')? + 1..].split_whitespace().skip(13);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS)
}

/// All descendants of this process, each with its `/proc/<pid>/status`.
fn all_descendants() -> Option<Vec<(u32, String)>> {
    let found = match children(host::pid()) {
        Some(first) => {
            let mut found = first;
            let mut at = 0;
            while at < found.len() {
                found.extend(children(found[at]).unwrap_or_default());
                at += 1;
            }
            found
        }
        None => descendants(&parents()?, host::pid()),
    };
    let status = |pid: u32| Some((pid, read(format!("/proc/{pid}/status"))?));
    Some(found.into_iter().filter_map(status).collect())
}

/// The part of a process in the memory of all, in KiB, by `/proc/<pid>/smaps_rollup`, where the kernel
/// has that, and `/proc/<pid>/status`. Its parts of pages that several map are counted there, so that
/// each page counts once. Else pages of files are left out, of which each that maps a library would
/// have all.
fn share(rollup: Option<&str>, status: &str) -> u64 {
    let in_status = |name| field(status, name);
    rollup
        .and_then(|rollup| field(rollup, "Pss:"))
        .or_else(|| Some(in_status("RssAnon:")? + in_status("RssShmem:")?))
        .or_else(|| in_status("VmRSS:"))
        .unwrap_or(0)
}

/// The children of a process, where the kernel lists them.
fn children(pid: u32) -> Option<Vec<u32>> {
    let mut all = Vec::new();
    for thread in std::fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        let text = read(thread.ok()?.path().join("children"))?;
        all.extend(text.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
    }
    Some(all)
}

/// Every process of this machine with its parent: the long way, where it does not.
fn parents() -> Option<HashMap<u32, u32>> {
    let mut parents = HashMap::new();
    for entry in std::fs::read_dir("/proc").ok()? {
        let Some(pid) = entry.ok()?.file_name().to_str().and_then(|n| n.parse::<u32>().ok()) else {
            continue;
        };
        if let Some(parent) = host::process_stat(pid).and_then(|stat| parent(&stat)) {
            parents.insert(pid, parent);
        }
    }
    Some(parents)
}

fn parent(stat: &str) -> Option<u32> {
    stat[stat.rfind(')')? + 1..].split_whitespace().nth(1)?.parse().ok()
}

fn descendants(parents: &HashMap<u32, u32>, of: u32) -> Vec<u32> {
    let mut found = vec![of];
    let mut at = 0;
    while at < found.len() {
        let from = found[at];
        found.extend(parents.iter().filter(|(_, parent)| **parent == from).map(|(pid, _)| *pid));
        at += 1;
    }
    found.split_off(1)
}

/// Use of the GPUs that a task has, from 0 to 1, and the most memory of one in MiB, from what
/// `nvidia-smi --query-gpu=utilization.gpu,memory.used --format=csv,noheader,nounits` writes.
fn gpus(text: &str) -> Option<(f64, u64)> {
    let rows: Vec<(f64, u64)> = text
        .lines()
        .filter_map(|line| {
            let (used, memory) = line.split_once(',')?;
            Some((used.trim().parse().ok()?, memory.trim().parse().ok()?))
        })
        .collect();
    #[expect(clippy::cast_precision_loss, reason = "a node has few GPUs")]
    let mean = rows.iter().map(|(used, _)| used / 100.0).sum::<f64>() / rows.len() as f64;
    let most = rows.iter().map(|(_, memory)| *memory).max()?;
    mean.is_finite().then_some((mean, most))
}

fn ask_gpus(visible: &str) -> Option<(f64, u64)> {
    let mut command = host::command("nvidia-smi");
    command.args(["--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader,nounits"]);
    command.arg(format!("--id={visible}"));
    let output = host::run_within(&mut command, Duration::from_secs(10)).ok()?;
    gpus(&String::from_utf8_lossy(&output.stdout))
}

/// The GPUs that a list as in `CUDA_VISIBLE_DEVICES` names. For a job without any Slurm writes
/// `NoDevFiles` there.
#[must_use]
pub fn gpu_ids(list: &str) -> Vec<&str> {
    list.split(',').filter(|id| !matches!(*id, "" | "NoDevFiles")).collect()
}

/// Time between two looks at the memory of each process; at what all take together, for which the kernel
/// walks through all their pages; at the GPUs.
const MEMORY_EVERY: Duration = Duration::from_millis(200);
const SUM_EVERY: Duration = Duration::from_secs(2);
/// A sum comes no sooner after one than so many times what that took: some 10 to 50 ms a GiB.
const SUM_SHARE: u32 = 50;
const GPUS_EVERY: Duration = Duration::from_secs(30);

/// Follows what a task takes.
#[derive(Debug)]
pub struct Meter {
    begun: std::time::Instant,
    looked: Option<std::time::Instant>,
    /// When the last sum ended, and how long it took.
    summed: Option<(std::time::Instant, Duration)>,
    peak: Option<u64>,
    /// The GPUs to ask for, as `CUDA_VISIBLE_DEVICES` names them.
    visible: Option<String>,
    asked: Option<std::time::Instant>,
    answers: Option<std::sync::mpsc::Receiver<Option<(f64, u64)>>>,
    gpu_sum: f64,
    gpu_looks: f64,
    gpu_peak: Option<u64>,
    apart: bool,
}

impl Meter {
    /// Begins; GPUs are followed where the task has some and the driver's program is there.
    #[must_use]
    pub fn begin() -> Self {
        let visible = host::env("CUDA_VISIBLE_DEVICES").and_then(|v| v.into_string().ok());
        Self {
            begun: host::instant(),
            looked: None,
            summed: None,
            peak: None,
            visible: visible
                .filter(|list| !gpu_ids(list).is_empty() && host::which("nvidia-smi").is_some()),
            asked: None,
            answers: None,
            gpu_sum: 0.0,
            gpu_looks: 0.0,
            gpu_peak: None,
            apart: false,
        }
    }

    /// The workers are steps that Slurm starts: no children of this process, so that processors
    /// and memory tell nothing of them.
    pub const fn sees_no_workers(&mut self) {
        self.apart = true;
    }

    /// Looks again, if it is time to; never waits.
    pub fn look(&mut self) {
        if self.looked.is_none_or(|then| then.elapsed() >= MEMORY_EVERY) {
            self.look_now();
        }
        self.look_at_gpus();
    }

    fn look_now(&mut self) {
        self.looked = Some(host::instant());
        let Some(all) = all_descendants() else { return };
        let of_status = |name| all.iter().filter_map(move |(_, status)| field(status, name));
        let highest = of_status("VmHWM:").max().unwrap_or(0) / 1024;
        self.peak = self.peak.max(Some(highest));
        // With what they share counted for each it is no less than without.
        let at_most = of_status("VmRSS:").sum::<u64>() / 1024;
        let is_due = |(then, took): (std::time::Instant, Duration)| {
            then.elapsed() >= SUM_EVERY.max(took * SUM_SHARE)
        };
        if self.summed.is_none_or(is_due) && Some(at_most) > self.peak {
            let begun = host::instant();
            let rollup = |pid| read(format!("/proc/{pid}/smaps_rollup"));
            let sum: u64 =
                all.iter().map(|(pid, status)| share(rollup(*pid).as_deref(), status)).sum();
            self.peak = self.peak.max(Some(sum / 1024));
            self.summed = Some((host::instant(), begun.elapsed()));
        }
    }

    fn look_at_gpus(&mut self) {
        let Some(visible) = &self.visible else { return };
        match self.answers.as_ref().map(std::sync::mpsc::Receiver::try_recv) {
            Some(Ok(answer)) => {
                self.answers = None;
                if let Some((used, memory)) = answer {
                    self.gpu_sum += used;
                    self.gpu_looks += 1.0;
                    self.gpu_peak = self.gpu_peak.max(Some(memory));
                }
            }
            Some(Err(_)) => {}
            None if self.asked.is_none_or(|then| then.elapsed() >= GPUS_EVERY) => {
                self.asked = Some(host::instant());
                let (send, receive) = std::sync::mpsc::channel();
                let visible = visible.clone();
                // The driver may take seconds to answer; nobody waits for it.
                std::thread::spawn(move || {
                    let _heard = send.send(ask_gpus(&visible));
                });
                self.answers = Some(receive);
            }
            None => {}
        }
    }

    /// Most memory so far, in MiB.
    #[must_use]
    pub const fn peak_memory_mib(&self) -> Option<u64> {
        self.peak
    }

    /// What was taken until now.
    #[must_use]
    pub fn used(&self) -> Used {
        Used {
            seconds: self.begun.elapsed().as_secs_f64(),
            cpu_seconds: cpu_seconds(),
            peak_memory_mib: self.peak,
            gpu_use: (self.gpu_looks > 0.0).then(|| self.gpu_sum / self.gpu_looks),
            gpu_peak_memory_mib: self.gpu_peak,
            apart: self.apart,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_gpus_may_name_none() {
        assert!(age().is_some_and(|age| (0.0..86_400.0).contains(&age)), "{:?}", age());
        assert_eq!(gpu_ids("0,MIG-7"), ["0", "MIG-7"]);
        assert!(gpu_ids("").is_empty() && gpu_ids("NoDevFiles").is_empty());
    }

    #[test]
    fn the_file_that_counts_kills_is_that_of_the_memory_controller() {
        for (cgroups, file) in [
            (
                "9:name=systemd:/\n4:memory:/slurm/uid_0/job_7/step_batch\n0::/\n",
                Some("/sys/fs/cgroup/memory/slurm/uid_0/job_7/step_batch/memory.oom_control"),
            ),
            (
                "0::/system.slice/slurmstepd.scope/job_7/step_batch/user/task_0\n",
                Some(
                    "/sys/fs/cgroup/system.slice/slurmstepd.scope/job_7/step_batch/user/task_0/memory.events",
                ),
            ),
            ("3:cpu,cpuacct:/\n", None),
            ("", None),
        ] {
            assert_eq!(kills_file(cgroups), file.map(PathBuf::from));
        }
        assert_eq!(field("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", "oom_kill"), Some(3));
        assert_eq!(field("low 0\noom 5\noom_kill 2\n", "oom_kill"), Some(2));
        assert_eq!(field("low 0\n", "oom_kill"), None);
    }

    #[test]
    fn what_proc_says_is_read() {
        let stat = "42 (a) b) S 7 42 42 0 -1 4194560 1 2 3 4 10 20 150 50 20 0 1 0 100 0 0";
        assert_eq!(children_seconds(stat), Some(2.0));
        assert_eq!(parent(stat), Some(7));
        let parents = HashMap::from([(2, 1), (3, 2), (4, 3), (5, 9)]);
        let mut found = descendants(&parents, 1);
        found.sort_unstable();
        assert_eq!(found, [2, 3, 4]);
    }

    #[test]
    fn what_processes_share_counts_once_where_the_kernel_tells() {
        let rollup = "Rss: 900 kB\nPss: 300 kB\nPss_Anon: 100 kB\n";
        let status =
            "VmHWM: 950 kB\nVmRSS: 900 kB\nRssAnon: 500 kB\nRssFile: 350 kB\nRssShmem: 50 kB\n";
        assert_eq!(share(Some(rollup), status), 300);
        assert_eq!(share(None, status), 550);
        assert_eq!(share(Some(""), "VmRSS: 900 kB\n"), 900);
        assert_eq!(share(None, ""), 0);
    }

    #[test]
    fn a_child_that_maps_what_another_maps_adds_little() {
        let mut meter = Meter::begin();
        // The memory of the first is shared with those that it forks, which change nothing of it.
        let script = "x=$(head -c 30000000 /dev/zero | tr '\\0' a); \
                      for i in 1 2 3 4 5 6 7 8; do (sleep 5; echo $x | wc -c) & done; sleep 5";
        let mut command = host::command("sh");
        let mut child = std::os::unix::process::CommandExt::process_group(&mut command, 0)
            .args(["-c", script])
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("sh");
        let begun = host::instant();
        while meter.peak < Some(30) && begun.elapsed() < Duration::from_secs(4) {
            meter.look();
            std::thread::sleep(Duration::from_millis(100));
        }
        std::thread::sleep(Duration::from_millis(500));
        meter.summed = None;
        meter.look_now();
        host::signal_group(child.id(), host::Signal::Kill);
        child.wait().expect("waited");
        let peak = meter.peak_memory_mib().expect("measured");
        assert!((25..200).contains(&peak), "{peak} MiB");
    }

    #[test]
    fn gpus_are_averaged_and_the_fullest_counts() {
        assert_eq!(gpus("50, 1000\n100, 3000\n"), Some((0.75, 3000)));
        assert_eq!(gpus(""), None);
        assert_eq!(gpus("[N/A], 3\n"), None);
    }

    #[test]
    fn a_child_is_measured() {
        let mut meter = Meter::begin();
        let mut command = host::command("sh");
        command.args(["-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; sleep 0.2"]);
        let mut child = command.spawn().expect("sh");
        std::thread::sleep(Duration::from_millis(100));
        meter.look();
        child.wait().expect("waited");
        let used = meter.used();
        assert!(!used.apart);
        assert!(used.cpu_seconds > 0.0 && used.peak_memory_mib.is_some_and(|m| m < 4096));
    }
}
