//! A place for each test: a folder, `dlgrid` in it, and a Slurm that it submits to: that of
//! `DLGRID_TEST_SLURM` (a slurm.conf, or lines of `export` that name one), or one that is shared
//! by all tests that run at the time.
use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cluster::Cluster;
use crate::support::{Said, Sandbox};

/// A folder before a cluster.
pub struct Place {
    pub here: Sandbox,
    conf: PathBuf,
    /// Ends with the last test that uses it.
    _cluster: Option<Arc<Cluster>>,
    /// Tasks that Slurm could not start, and that were submitted again.
    unstarted: Cell<usize>,
    /// Arrays that this took.
    mended: Cell<usize>,
}

/// A place; nothing, and `skipped: why` on standard error, where Slurm can't be had.
pub fn place() -> Option<Place> {
    if let Some(file) = std::env::var_os("DLGRID_TEST_SLURM") {
        let text = std::fs::read_to_string(&file).unwrap();
        let named = text.lines().find_map(|l| l.strip_prefix("export SLURM_CONF="));
        let conf = named.map_or_else(|| file.into(), |path| path.trim_matches(['"', '\'']).into());
        return Some(Place {
            here: Sandbox::new(),
            conf,
            _cluster: None,
            unstarted: Cell::default(),
            mended: Cell::default(),
        });
    }
    static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    let cluster = match shared.upgrade() {
        Some(cluster) => cluster,
        None => Arc::new(Cluster::up(&["--max-array", "11"])?),
    };
    *shared = Arc::downgrade(&cluster);
    Some(Place::on(cluster))
}

impl Place {
    /// A place before this cluster.
    pub fn on(cluster: Arc<Cluster>) -> Self {
        Self {
            here: Sandbox::new(),
            conf: cluster.conf(),
            _cluster: Some(cluster),
            unstarted: Cell::default(),
            mended: Cell::default(),
        }
    }

    /// `dlgrid` here.
    pub fn command<const N: usize>(&self, args: [&str; N]) -> Command {
        let mut command = self.here.command(args);
        command.env_remove("DLGRID_LOCAL").env("SLURM_CONF", &self.conf);
        command
    }

    pub fn run<const N: usize>(&self, args: [&str; N]) -> Said {
        Said::from(self.command(args).output().unwrap())
    }

    pub fn start(&self, mut command: Command) -> Child {
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// What a program of Slurm's says.
    pub fn slurm<const N: usize>(&self, words: [&str; N]) -> Said {
        Said::from(self.client(words[0]).args(&words[1..]).output().unwrap())
    }

    /// A program of Slurm's, here.
    pub fn client(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("SLURM_CONF", &self.conf).current_dir(self.here.path());
        command
    }

    /// This sweep's tasks in the queue: `array|task|state|token`.
    pub fn queue(&self) -> Vec<String> {
        let tokens: Vec<String> =
            self.intents().iter().map(|i| i["token"].as_str().unwrap().to_owned()).collect();
        let said = self.slurm(["squeue", "-h", "-r", "-a", "-o", "%F|%K|%T|%j"]).code(0);
        let is_ours = |line: &&str| tokens.iter().any(|t| line.ends_with(&format!("|{t}")));
        said.out.lines().filter(is_ours).map(str::to_owned).collect()
    }

    /// The intents of the one sweep here.
    pub fn intents(&self) -> Vec<Value> {
        self.json_files("intent")
    }

    fn json_files(&self, kind: &str) -> Vec<Value> {
        let read = |file: &PathBuf| serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        self.files(kind).iter().map(read).collect()
    }

    /// Files of a kind in the folder of submission.
    pub fn files(&self, kind: &str) -> Vec<PathBuf> {
        let Some(sweep) = self.here.sweeps().pop() else { return Vec::new() };
        let entries = std::fs::read_dir(sweep.join("submit")).into_iter().flatten();
        let mut found: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
        found.retain(|f| f.extension().is_some_and(|e| e == kind));
        found.sort();
        found
    }

    /// The jobs of the intents that have one, but for those that mended what Slurm had not started.
    pub fn jobs(&self) -> Vec<u64> {
        let fates = self.json_files("fate");
        let mut jobs: Vec<u64> = fates.iter().filter_map(|fate| fate["job"].as_u64()).collect();
        jobs.truncate(jobs.len() - self.mended.get());
        jobs
    }

    /// Waits until `done` holds, for so many seconds on a machine that has nothing else to do, and for
    /// four times as many on any.
    #[track_caller]
    pub fn wait(&self, seconds: u64, what: &str, mut done: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !done() {
            assert!(
                begun.elapsed() < Duration::from_secs(4 * seconds),
                "waited in vain for {what}\nqueue: {:?}\n{}",
                self.queue(),
                self.run(["status"]).out
            );
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Waits until nothing of the sweep is in the queue. On a stalled machine slurmstepd sometimes does
    /// not find the script that it is to start: such a task is lost to Slurm, and submitted again.
    #[track_caller]
    pub fn drained(&self) {
        self.wait(240, "the queue to drain", || self.queue().is_empty());
        let unstarted = self.tasks_without_script();
        if unstarted > self.unstarted.replace(unstarted) {
            eprintln!("Slurm started {unstarted} tasks without their script: they are retried");
            self.run(["retry"]).code(0);
            self.mended.set(self.mended.get() + 1);
            self.wait(240, "the queue to drain once more", || self.queue().is_empty());
        }
    }

    /// How many tasks Slurm tried to start and found no script for.
    fn tasks_without_script(&self) -> usize {
        let folders = self.here.sweeps().into_iter().map(|sweep| sweep.join("logs"));
        let logs = folders.filter_map(|logs| std::fs::read_dir(logs).ok()).flatten();
        let text = |log: std::fs::DirEntry| std::fs::read(log.path()).unwrap_or_default();
        let texts = logs.filter_map(Result::ok).map(text);
        let is_it = |text: &Vec<u8>| {
            let text = String::from_utf8_lossy(text);
            text.lines().any(|line| {
                line.starts_with("slurmstepd")
                    && line.contains("execve()")
                    && line.ends_with("slurm_script: No such file or directory")
            })
        };
        texts.filter(is_it).count()
    }

    /// How often each run was begun.
    pub fn starts(&self) -> BTreeMap<u64, usize> {
        let mut starts = BTreeMap::new();
        for line in self.here.lines().iter().filter(|l| l["t"] == "start") {
            *starts.entry(line["index"].as_u64().unwrap()).or_default() += 1;
        }
        starts
    }

    /// What a failed test should show: the status, the queue, and every small file of the sweep
    /// that tells what became of its arrays and tasks.
    fn all_that_is_known(&self) -> String {
        let told = "for file in $(find runs/*/submit runs/*/tasks runs/*/logs -type f | sort); do \
                    echo \"== $file\"; head -c 2000 \"$file\"; echo; done; \
                    for job in \"$@\"; do scontrol show job -o \"$job\"; done";
        let jobs = self.jobs();
        let mut shell = self.client("sh");
        shell.args(["-c", told, "sh"]).args(jobs.iter().map(u64::to_string));
        let told = Said::from(shell.output().unwrap());
        let status = self.run(["status"]);
        format!("{}{}{:?}\n{}{}", status.out, status.err, self.queue(), told.out, told.err)
    }

    /// Every run was begun once, and is done.
    #[track_caller]
    pub fn each_ran_once(&self, runs: usize) {
        let starts = self.starts();
        let once = starts.len() == runs && starts.values().all(|n| *n == 1);
        assert!(once, "not {runs} runs once each: {starts:?}");
        let report = self.run(["report", "--format", "json"]).code(0).json();
        assert_eq!(report["counts"]["done"].as_u64(), Some(runs as u64));
    }
}

impl Drop for Place {
    /// A test that fails on a machine that nobody can look at later tells all that there is to see.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let told = std::panic::catch_unwind(AssertUnwindSafe(|| self.all_that_is_known()));
            eprintln!("{}", told.unwrap_or_else(|_| "nothing more can be told".to_owned()));
        }
    }
}
