//! A place of its own for each test: a folder with a difficult name, and `dlgrid` in it.
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A folder with spaces, quotes and a dollar sign in its name, and what a test does there.
pub struct Sandbox {
    tmp: tempfile::TempDir,
}

/// What a command said.
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Sandbox {
    pub fn new() -> Self {
        Self::named("dl grid's $HOME `")
    }

    /// One whose folder's name begins so.
    pub fn named(prefix: &str) -> Self {
        Self { tmp: tempfile::Builder::new().prefix(prefix).tempdir().unwrap() }
    }

    pub fn path(&self) -> &Path {
        self.tmp.path()
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// `dlgrid` in this folder, with nothing of the caller's settings. What is submitted runs
    /// on this machine, whether or not it has Slurm.
    pub fn command<I: IntoIterator<Item = A>, A: AsRef<OsStr>>(&self, args: I) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dlgrid"));
        for name in ["DLGRID_ROOT", "DLGRID_FORMAT", "COLUMNS", "CLICOLOR_FORCE", "SLURM_CONF"] {
            command.env_remove(name);
        }
        command.env_remove("DLGRID_SITE").env("XDG_CONFIG_HOME", self.path().join("config"));
        command.args(args).current_dir(self.path()).env("NO_COLOR", "1").stdin(Stdio::null());
        command.env("DLGRID_LOCAL", "1");
        command
    }

    pub fn run<const N: usize>(&self, args: [&str; N]) -> Said {
        Said::from(self.command(args).output().unwrap())
    }

    /// Starts a command and lets it run.
    pub fn start<const N: usize>(&self, args: [&str; N]) -> Child {
        let mut command = self.command(args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Waits until `done` holds, for four minutes at most.
    pub fn wait(&self, what: &str, mut done: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !done() {
            assert!(begun.elapsed() < Duration::from_secs(240), "waited in vain for {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The sweep directories.
    pub fn sweeps(&self) -> Vec<PathBuf> {
        sweeps_below(self.path())
    }

    /// Every line of every segment, as JSON (the checksum after the tab cut off).
    pub fn lines(&self) -> Vec<serde_json::Value> {
        self.segments()
            .iter()
            .flat_map(|file| {
                let text = String::from_utf8_lossy(&std::fs::read(file).unwrap()).into_owned();
                text.lines()
                    .filter_map(|l| serde_json::from_str(l.split('\t').next()?).ok())
                    .collect::<Vec<serde_json::Value>>()
            })
            .collect()
    }

    /// All segment files of all sweeps.
    pub fn segments(&self) -> Vec<PathBuf> {
        segments_below(self.path())
    }

    /// Lines of one kind.
    pub fn count(&self, kind: &str) -> usize {
        self.lines().iter().filter(|l| l["t"] == kind).count()
    }
}

fn sweeps_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder.join("runs")) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
    found.sort();
    found
}

/// All segment files of all sweeps of a folder.
pub fn segments_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for sweep in sweeps_below(folder) {
        for folder in std::fs::read_dir(sweep.join("seg")).into_iter().flatten() {
            for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
                let file = file.unwrap().path();
                if file.extension() == Some(OsStr::new("jsonl")) {
                    found.push(file);
                }
            }
        }
    }
    found.sort();
    found
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Said {
    #[track_caller]
    pub fn code(self, expected: i32) -> Self {
        assert_eq!(self.code, expected, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        let all = format!("{}{}", self.out, self.err);
        assert!(
            all.contains(text),
            "not said: {text}\nstdout:\n{}\nstderr:\n{}",
            self.out,
            self.err
        );
        self
    }

    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e} in:\n{}", self.out))
    }
}

/// A sweep of a shell script over `x` from 0 to `n` - 1.
pub fn script(n: u32, body: &str) -> String {
    let body = body.replace('\'', "''");
    format!(
        "name: toy\ncommand: [sh, -c, '{body}']\nparameters:\n  x: {{int: [0, {}]}}\nobjective: {{minimize: loss}}\n",
        n - 1
    )
}

/// The line by which a script reports.
pub const REPORT: &str = "echo \"{\\\"loss\\\": $DLGRID_PARAM_X}\" >> \"$DLGRID_METRICS\"";

/// Values that act where somebody takes them for more than text.
pub const HOSTILE: &[&str] = &[
    "$(touch pwned)",
    "`touch pwned`",
    "; touch pwned #",
    "x' ; touch pwned ; '",
    "x\" ; touch pwned ; \"",
    "x\ntouch pwned\n#SBATCH --output=pwned",
    "-rf",
    "--help",
    "%A_%a %j",
    "{x} {{x}}",
    "\\n \\\\",
    "*",
    "../../pwned",
    "a,b=c",
    "=cmd|' /C calc'!A0",
    "</script><script>window.hacked=1</script>",
    "|a|`b`|",
    "\u{1b}[2J\u{1b}]0;owned\u{7}",
    "\u{202e}gpj.exe",
    " ",
];

/// A sweep of a script over [`HOSTILE`]: it keeps what it was given as a word and as a variable.
pub fn hostile() -> String {
    let values: Vec<String> =
        HOSTILE.iter().map(|value| serde_json::Value::from(*value).to_string()).collect();
    let body = r#"printf "%s\001%s" "$1" "$DLGRID_PARAM_X" > "out.$DLGRID_RUN"; echo "{\"loss\": 1}" >> "$DLGRID_METRICS""#;
    format!(
        "name: toy\ncommand: [sh, -c, '{body}', '-', '{{x}}']\nparameters:\n  x: [{}]\nobjective: {{minimize: loss}}\n",
        values.join(", ")
    )
}
