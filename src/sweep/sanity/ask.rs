//! Asks a worker for curves: the spec goes to its standard input, each curve comes back as a line
//! of JSON.
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::Stdio;

use serde::{Deserialize, Serialize};

use crate::host;
use crate::store::record::Number;

/// What one trial did on its batch: a line of `dlgrid-worker --sanity`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// The number of the run.
    pub run: u64,
    /// The loss before each step and after the last, `[steps + 1]`; shorter where all was said
    /// before.
    pub losses: Vec<Number>,
    /// The loss of guessing, where that is known.
    pub guessing: Option<Number>,
    /// Samples of the batch.
    pub samples: usize,
    /// Why it could not be trained, if it could not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The worker.
    pub worker: &'a Path,
    /// `auto`, `cpu` or `cuda:I`.
    pub device: &'a str,
    /// Threads for one operation.
    pub threads: usize,
    /// The bytes of the spec.
    pub spec: &'a [u8],
    /// The numbers of the runs.
    pub runs: &'a [u64],
}

/// Why there are no curves.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// It can't be started, or listened to.
    #[error("the worker can't be asked")]
    System(#[from] std::io::Error),
    /// It ended before it had answered; what it said stands above.
    #[error("the worker gave {got} of {expected} curves and ended: {how}")]
    Ended {
        /// Curves that came.
        got: usize,
        /// Curves that should have come.
        expected: usize,
        /// How it ended.
        how: String,
        /// Its exit code.
        code: Option<u8>,
    },
}

/// Asks for the curves of runs; `each` hears of each as it comes. What the worker says beside them
/// goes to where this process talks.
///
/// # Errors
/// Where it doesn't start, or doesn't answer for every run.
pub fn ask(asked: &Asked<'_>, each: &mut dyn FnMut(&Curve)) -> Result<Vec<Curve>, NoAnswer> {
    let numbers: Vec<String> = asked.runs.iter().map(ToString::to_string).collect();
    let mut child = host::command(asked.worker)
        .args(["--sanity", &numbers.join(","), "--device", asked.device])
        .args(["--threads", &asked.threads.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    if let Some(mut pipe) = child.stdin.take() {
        // One that has already ended reads nothing; how it ended is told below.
        let _sent = pipe.write_all(asked.spec);
    }
    let mut curves = Vec::new();
    if let Some(pipe) = child.stdout.take() {
        for line in BufReader::new(pipe).lines() {
            if let Ok(curve) = serde_json::from_str::<Curve>(&line?) {
                each(&curve);
                curves.push(curve);
            }
        }
    }
    let status = child.wait()?;
    if status.success() && curves.len() == asked.runs.len() {
        return Ok(curves);
    }
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    let (got, expected) = (curves.len(), asked.runs.len());
    Err(NoAnswer::Ended { got, expected, how: status.to_string(), code })
}
