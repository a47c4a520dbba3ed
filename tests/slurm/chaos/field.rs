//! A cluster to be struck: what its administrator does, to it and for it.
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Figures;
use crate::cluster::Cluster;

pub const NODES: usize = 4;

/// What ends a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cure {
    Start(usize),
    Thaw(usize),
    Resume(usize),
    StartController,
    PartitionUp,
}

pub struct Field {
    pub cluster: Arc<Cluster>,
    /// A job of somebody else's, held.
    pub foreign: String,
    /// What slurmctld had written before any sweep.
    old_state: PathBuf,
}

impl Field {
    pub fn new() -> Option<Self> {
        let small = ["--nodes", "4", "--cpus", "3", "--gpus", "0", "--max-array", "11"];
        let cluster = Cluster::up(&[&small[..], &["--conf", "SlurmdTimeout=5"]].concat())?;
        let held = ["--parsable", "--hold", "-o", "/dev/null", "--job-name=foreign", "--wrap=true"];
        let foreign = cluster.slurm("sbatch", &held);
        // Ended gently, it writes all it knows.
        cluster.act("stop", &["slurmctld"]);
        let old_state = cluster.dir().join("old-state");
        copy(&cluster.dir().join("state"), &old_state);
        cluster.act("start", &["slurmctld"]);
        Some(Self { cluster: Arc::new(cluster), foreign, old_state })
    }

    /// What a program of Slurm's prints; nothing where it fails, or does not answer in time.
    pub fn client(&self, words: &[&str]) -> Option<String> {
        let said = self.cluster.command("timeout").arg("15").args(words).output().unwrap();
        said.status.success().then(|| String::from_utf8_lossy(&said.stdout).into_owned())
    }

    pub fn signal_daemon(&self, name: &str, signal: &str) -> bool {
        let file = self.cluster.dir().join("pids").join(name);
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let Some(pid) = text.split(' ').next().filter(|pid| !pid.is_empty()) else { return false };
        let said = Command::new("kill").args([&format!("-{signal}"), pid]).output();
        said.is_ok_and(|said| said.status.success())
    }

    /// Puts back what slurmctld, which is down, had written before any sweep.
    pub fn rewind(&self) {
        let state = self.cluster.dir().join("state");
        std::fs::remove_dir_all(&state).unwrap();
        copy(&self.old_state, &state);
    }

    pub fn apply(&self, cure: &Cure) {
        let resume = |node: &usize| {
            let node = format!("NodeName=n{node}");
            self.client(&["scontrol", "update", &node, "State=RESUME"]);
        };
        match cure {
            Cure::Start(node) => self.cluster.act("start", &[&format!("n{node}")]),
            Cure::Thaw(node) => {
                self.signal_daemon(&format!("n{node}"), "CONT");
            }
            Cure::Resume(node) => resume(node),
            Cure::StartController => self.cluster.act("start", &["slurmctld"]),
            Cure::PartitionUp => {
                self.client(&["scontrol", "update", "PartitionName=main", "State=UP"]);
            }
        }
    }

    /// What an administrator does: all nodes work, and what Slurm could not start is let go.
    pub fn heal(&self, figures: &mut Figures) {
        let begun = Instant::now();
        let mut rebooted = false;
        loop {
            let states = self.client(&["sinfo", "-h", "-N", "-p", "main", "-o", "%N %T"]);
            let states = states.unwrap_or_default();
            let is_well = |row: &str| {
                ["idle", "mixed", "allocated"].iter().any(|word| row.ends_with(&format!(" {word}")))
            };
            let ill: Vec<&str> = states.lines().filter(|row| !is_well(row)).collect();
            if states.lines().count() == NODES && ill.is_empty() {
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(240), "the cluster stays ill: {states}");
            let names: Vec<&str> = ill.iter().filter_map(|row| row.split(' ').next()).collect();
            if begun.elapsed() > Duration::from_secs(45) && !rebooted {
                rebooted = true;
                self.cluster.act("kill", &names);
                self.cluster.act("start", &names);
            }
            for name in names {
                self.client(&["scontrol", "update", &format!("NodeName={name}"), "State=RESUME"]);
            }
            std::thread::sleep(Duration::from_secs(1));
        }
        let rows = self.client(&["squeue", "-h", "-r", "-t", "PD", "-o", "%F_%K|%r"]);
        for row in rows.unwrap_or_default().lines().filter(|row| row.contains("launch failed")) {
            let Some((task, _)) = row.split_once('|') else { continue };
            figures.held_by_slurm +=
                usize::from(self.client(&["scontrol", "release", task]).is_some());
        }
    }
}

pub fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
}
