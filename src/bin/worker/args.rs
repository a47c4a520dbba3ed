//! What the worker is asked to do. People seldom type this: `dlgrid` and job scripts do.
use std::ffi::OsString;
use std::path::PathBuf;

use dlgrid_sweep::space::Condition;
use dlgrid_sweep::store::read::RetryPolicy;
use dlgrid_train::device::Wish;

/// What `--help` prints.
pub const HELP: &str = "\
dlgrid-worker: trains the runs of a slice of a sweep; `dlgrid submit` starts it

usage: dlgrid-worker --sweep DIR --slice N [--device DEVICE] [--threads N] [--redo OUTCOMES]
       dlgrid-worker --sweep DIR --slices - [...]
       dlgrid-worker --sweep DIR --canary [...]
       dlgrid-worker --sanity RUNS [--device DEVICE] [--threads N] < SPEC
       dlgrid-worker --about

  --sweep DIR        the sweep's directory
  --slice N          the slice to work on
  --slices -         slices come line by line on standard input, reports go to standard output
  --canary           trains two batches of the first run, keeps nothing, and says whether it could
  --sanity RUNS      overfits one batch of these runs of the spec on standard input, numbers with
                     commas; prints a line of JSON with the losses of each
  --device DEVICE    auto (a GPU where there is one), cpu or cuda:I [default: auto]
  --ranks N          this process is one of N that MPI has started: they train each run together
  --threads N        threads for one operation on the CPU [default: 1]
  --redo OUTCOMES    train runs again that ended so: of failed, memory, diverged those with commas
  --only EXPR        train only runs for which this holds
  --about            print one line of JSON about this program and its libtorch

exit codes: 0 all runs of the slice have ended, 1 unexpected, 2 wrong arguments or sweep,
3 some runs failed, 4 data or device missing, 6 stopped on request with all progress saved
";

/// What was asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    /// To train.
    Work(Args),
    /// To overfit one batch of these runs of the spec on standard input.
    Sanity {
        /// Their numbers.
        runs: Vec<u64>,
        /// Where.
        device: Wish,
        /// Threads for one operation.
        threads: i32,
    },
    /// What this program is.
    About,
    /// How to use it.
    Help,
}

/// How to train.
#[derive(Debug, Clone, PartialEq)]
pub struct Args {
    /// The sweep's directory.
    pub sweep: PathBuf,
    /// Which slices.
    pub work: Work,
    /// Where.
    pub device: Wish,
    /// Threads for one operation.
    pub threads: i32,
    /// Processes that train each run together.
    pub ranks: usize,
    /// Which ended runs to train again.
    pub redo: RetryPolicy,
    /// Train only runs for which this holds.
    pub only: Option<Condition>,
}

/// Which slices to work on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// This one.
    Slice(u32),
    /// Those that come on standard input.
    Fed,
    /// None: it tries two batches of the first run.
    Canary,
}

/// Reads the arguments.
///
/// # Errors
/// The first that is wrong, in words.
pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Asked, String> {
    let (mut sweep, mut work, mut only, mut sanity) = (None, None, None, None);
    let (mut device, mut threads, mut redo) = (Wish::Auto, 1, RetryPolicy::default());
    let mut ranks = 1;
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let option = word.to_string_lossy().into_owned();
        match option.as_str() {
            "--about" => return Ok(Asked::About),
            "--help" | "-h" => return Ok(Asked::Help),
            "--canary" => {
                work = Some(Work::Canary);
                continue;
            }
            _ => {}
        }
        let value =
            words.next().ok_or_else(|| format!("`{option}` needs a value, or is unknown"))?;
        let text = value.to_string_lossy();
        match option.as_str() {
            "--sweep" => sweep = Some(PathBuf::from(&value)),
            "--slice" => work = Some(Work::Slice(number(&option, &text)?)),
            "--slices" if text == "-" => work = Some(Work::Fed),
            "--slices" => return Err("`--slices` takes `-` alone".into()),
            "--sanity" => {
                let runs = text.split(',').map(|run| number(&option, run));
                sanity = Some(runs.collect::<Result<Vec<u64>, _>>()?);
            }
            "--device" => device = text.parse().map_err(|error| format!("{error}"))?,
            "--ranks" => ranks = number(&option, &text)?,
            "--threads" => threads = number(&option, &text)?,
            "--only" => {
                only = Some(Condition::new(&text).map_err(|error| error.to_string())?);
            }
            "--redo" => {
                redo = RetryPolicy::parse(text.split(',')).map_err(|word| {
                    format!("`--redo` takes `failed`, `memory` and `diverged`, got `{word}`")
                })?;
            }
            _ => return Err(format!("`{option}` is unknown")),
        }
    }
    let threads = threads.clamp(1, 1024);
    if let Some(runs) = sanity {
        return Ok(Asked::Sanity { runs, device, threads });
    }
    let sweep = sweep.ok_or("`--sweep` is missing")?;
    let work = work.ok_or("`--slice`, `--slices` or `--canary` is missing")?;
    let ranks = ranks.max(1);
    Ok(Asked::Work(Args { sweep, work, device, threads, ranks, redo, only }))
}

fn number<N: std::str::FromStr>(option: &str, text: &str) -> Result<N, String> {
    text.parse().map_err(|_| format!("`{option}` takes a whole number, got `{text}`"))
}
