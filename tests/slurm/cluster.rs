//! A Slurm of its own for a test: up before it, down with all its processes after it, also when the test fails.
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// `testcluster`'s exit code where this host lacks something: not root, no apt-get, no network.
const MISSING: i32 = 4;

pub struct Cluster {
    dir: PathBuf,
}

impl Cluster {
    /// Starts a cluster with these options of `slurm/testcluster up`. `None`, and `skipped: why` on stderr, where
    /// Slurm can't be installed; a cluster that is installed and does not start fails the test.
    pub fn up(options: &[&str]) -> Option<Self> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        // Short: names of Unix sockets stand below it.
        let dir =
            std::env::temp_dir().join(format!("dlgrid-slurm-{}-{number}", std::process::id()));
        let cluster = Self { dir };
        let mut said = cluster.testcluster("up", options);
        let mut why = String::from_utf8_lossy(&said.stderr).into_owned();
        if why.contains("Address already in use") {
            // Another cluster that started at the same moment took the ports first.
            cluster.testcluster("down", &[]);
            drop(std::fs::remove_dir_all(&cluster.dir));
            said = cluster.testcluster("up", options);
            why = String::from_utf8_lossy(&said.stderr).into_owned();
        }
        match said.status.code() {
            Some(0) => Some(cluster),
            Some(MISSING) => {
                let fact =
                    why.lines().find_map(|line| line.strip_prefix("error: ")).unwrap_or(&why);
                eprintln!("skipped: {fact}");
                None
            }
            _ => panic!("the cluster does not start:\n{why}"),
        }
    }

    /// The value of `SLURM_CONF`, which leads every command of Slurm to this cluster.
    pub fn conf(&self) -> PathBuf {
        self.dir.join("etc/slurm.conf")
    }

    /// A folder of the cluster that all its nodes see.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// `start`, `stop` (gently) or `kill` (with all that runs there) of daemons: `slurmctld`, `n1`, `n2`, …
    #[track_caller]
    pub fn act(&self, action: &str, daemons: &[&str]) {
        let said = self.testcluster(action, daemons);
        assert!(
            said.status.success(),
            "{action} {daemons:?}: {}",
            String::from_utf8_lossy(&said.stderr)
        );
    }

    /// A command with this cluster's `SLURM_CONF` and nothing of a surrounding job.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if ["SLURM", "SBATCH_", "SRUN_", "SQUEUE_", "SACCT_"]
                .iter()
                .any(|start| text.starts_with(start))
            {
                command.env_remove(&name);
            }
        }
        command.env("SLURM_CONF", self.conf()).current_dir(&self.dir).stdin(Stdio::null());
        command
    }

    /// What a command of Slurm prints, without blanks at the ends; a failure fails the test.
    #[track_caller]
    pub fn slurm(&self, program: &str, arguments: &[&str]) -> String {
        let said = self.command(program).args(arguments).output().unwrap();
        let complaint = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(said.status.success(), "{program} {arguments:?}: {complaint}");
        String::from_utf8_lossy(&said.stdout).trim().to_owned()
    }

    /// Index and state of each task of an array that Slurm still knows, in order of their indices.
    pub fn states(&self, job: &str) -> Vec<(usize, String)> {
        let text = self.slurm("squeue", &["-h", "-r", "-t", "all", "-j", job, "-o", "%K %T"]);
        let pairs = text.lines().filter_map(|line| line.split_once(' '));
        let mut tasks: Vec<(usize, String)> =
            pairs.map(|(task, state)| (task.parse().unwrap(), state.to_owned())).collect();
        tasks.sort();
        tasks
    }

    /// Waits until `done` holds, for `limit` at most; then the queue and the ends of all logs are shown.
    #[track_caller]
    pub fn wait(&self, what: &str, limit: Duration, mut done: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !done() {
            if begun.elapsed() > limit {
                let queue = self.command("squeue").args(["-t", "all"]).output().unwrap();
                let logs = self.testcluster("logs", &["15"]);
                let text = [queue.stdout, logs.stdout].concat();
                panic!("waited in vain for {what}:\n{}", String::from_utf8_lossy(&text));
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn testcluster(&self, command: &str, words: &[&str]) -> Output {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("slurm/testcluster");
        let mut testcluster = Command::new(script);
        testcluster.arg(command).arg("--dir").arg(&self.dir).args(words).stdin(Stdio::null());
        testcluster.output().unwrap()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let said = self.testcluster("down", &[]);
        if said.status.success() {
            drop(std::fs::remove_dir_all(&self.dir));
        } else {
            eprintln!("{}", String::from_utf8_lossy(&said.stderr));
        }
    }
}
