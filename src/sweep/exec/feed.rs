//! How a worker of the local executor gets its slices: line by line over its standard input.
//!
//! The worker writes `ready` and, after each slice, `done <slice> <code>` to standard output;
//! each is answered with the number of a slice, or `end`. Behind the number stands why the worker
//! died that had the slice before, where one did: `12 memory`. An input that closes without `end`
//! means that whoever fed the worker is gone.
use std::io::{BufRead, Write};

use crate::store::record::Cause;

/// A slice for a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Given {
    /// The slice.
    pub slice: u32,
    /// Why the worker died that had it before, where one did.
    pub died: Option<Cause>,
}

impl std::fmt::Display for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.slice)?;
        match self.died {
            Some(Cause::Memory) => f.write_str(" memory"),
            Some(_) => f.write_str(" killed"),
            None => Ok(()),
        }
    }
}

/// What the feeder answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Work on this slice.
    Slice(Given),
    /// There is nothing more to do.
    End,
}

/// A line of the protocol that is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no answer to a worker")]
pub struct NoAnswer(String);

impl std::str::FromStr for Answer {
    type Err = NoAnswer;

    fn from_str(line: &str) -> Result<Self, NoAnswer> {
        let line = line.trim();
        if line == "end" {
            return Ok(Self::End);
        }
        let no_answer = || NoAnswer(line.into());
        let (number, died) = match line.split_once(' ') {
            None => (line, None),
            Some((number, "memory")) => (number, Some(Cause::Memory)),
            Some((number, "killed")) => (number, Some(Cause::Killed)),
            Some(_) => return Err(no_answer()),
        };
        let slice = number.parse().map_err(|_| no_answer())?;
        Ok(Self::Slice(Given { slice, died }))
    }
}

/// What a worker tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// It is up.
    Ready,
    /// A slice ended with this exit code.
    Done {
        /// The slice.
        slice: u32,
        /// The code that a process for this slice alone would have ended with.
        code: u8,
    },
}

impl Report {
    /// Reads a worker's line; nothing for any other line.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        match (words.next()?, words.next(), words.next(), words.next()) {
            ("ready", None, None, None) => Some(Self::Ready),
            ("done", Some(slice), Some(code), None) => {
                Some(Self::Done { slice: slice.parse().ok()?, code: code.parse().ok()? })
            }
            _ => None,
        }
    }
}

/// The worker's side: serves slices until the end, and tells when the feeder is gone.
#[derive(Debug)]
pub struct Slices {
    answers: std::sync::mpsc::Receiver<Answer>,
}

impl Slices {
    /// Starts to listen; `gone` is called, from another thread, if the feeder disappears.
    #[must_use]
    pub fn listen(gone: impl FnOnce() + Send + 'static) -> Self {
        let (sender, answers) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let input = std::io::BufReader::new(std::io::stdin());
            for line in input.lines().map_while(Result::ok) {
                let Ok(answer) = line.parse() else { continue };
                if sender.send(answer).is_err() || answer == Answer::End {
                    return;
                }
            }
            gone();
        });
        Self { answers }
    }

    /// Reports without waiting for an answer: this worker takes no more slices.
    pub fn last(&mut self, report: Report) {
        // If nobody listens any more, nobody needs to know.
        let _heard = tell(report);
    }

    /// Reports and waits for the next slice; nothing at the end or if the feeder is gone.
    pub fn next(&mut self, report: Report) -> Option<Given> {
        tell(report).ok()?;
        match self.answers.recv() {
            Ok(Answer::Slice(given)) => Some(given),
            Ok(Answer::End) | Err(_) => None,
        }
    }
}

fn tell(report: Report) -> std::io::Result<()> {
    let line = match report {
        Report::Ready => "ready\n".to_owned(),
        Report::Done { slice, code } => format!("done {slice} {code}\n"),
    };
    let mut out = std::io::stdout().lock();
    out.write_all(line.as_bytes())?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_the_protocol_are_read() {
        for died in [None, Some(Cause::Memory), Some(Cause::Killed)] {
            let given = Given { slice: 12, died };
            assert_eq!(format!("{given}\n").parse(), Ok(Answer::Slice(given)));
        }
        assert!("12 x".parse::<Answer>().is_err());
        assert_eq!("end\n".parse(), Ok(Answer::End));
        assert!("x".parse::<Answer>().is_err());
        assert_eq!(Report::parse("ready"), Some(Report::Ready));
        assert_eq!(Report::parse("done 3 6"), Some(Report::Done { slice: 3, code: 6 }));
        for other in ["", "done", "done x 1", "done 1 999", "ready now"] {
            assert_eq!(Report::parse(other), None, "{other}");
        }
    }
}
