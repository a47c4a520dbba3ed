//! What is true of the terminal, and how anything gets printed on it.
use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};

use anyhow::Result;
use clap::ValueEnum;
use dlgrid_sweep::exit;
use dlgrid_sweep::host::env;
use dlgrid_sweep::terminal::View;
use dlgrid_sweep::text::clean;

use crate::busy;

/// In which form data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Aligned text for people
    Table,
    /// One JSON object, in a documented form with a version
    Json,
    /// Comma-separated values with all digits
    Csv,
    /// A Markdown table
    Markdown,
}

/// The variable that says in which form, where no option does.
const FORMAT: &str = "DLGRID_FORMAT";

impl Format {
    /// The form that was typed; else the one of `DLGRID_FORMAT`, where a command with such words
    /// has that form; else a table.
    ///
    /// # Errors
    /// If the variable holds no form.
    pub fn of(typed: Option<Self>, has: impl Fn(Self) -> bool) -> Result<Self> {
        let Some(word) = env(FORMAT).filter(|word| typed.is_none() && !word.is_empty()) else {
            return Ok(typed.unwrap_or(Self::Table));
        };
        let word = word.to_string_lossy();
        let form = Self::from_str(&word, true).map_err(|_| {
            let fact = format!("`{FORMAT}` is `{}`, which is no form", clean(&word));
            wrong_input(fact, "there are table, json, csv and markdown")
        })?;
        Ok(if has(form) { form } else { Self::Table })
    }
}

/// Where output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    /// Whether it is one.
    pub is_terminal: bool,
    /// Characters in a line, if known.
    pub width: Option<usize>,
    /// Whether to use colours.
    pub color: bool,
}

impl Terminal {
    /// Standard output.
    #[must_use]
    pub fn stdout() -> Self {
        Self::of(io::stdout().is_terminal(), &io::stdout())
    }

    /// Standard error.
    #[must_use]
    pub fn stderr() -> Self {
        Self::of(io::stderr().is_terminal(), &io::stderr())
    }

    fn of(is_terminal: bool, stream: &impl std::os::fd::AsFd) -> Self {
        let asked = env("COLUMNS").and_then(|c| c.to_str()?.parse().ok()).filter(|c| *c >= 20);
        let measured = || {
            let size = terminal_size::terminal_size_of(stream).filter(|_| is_terminal);
            size.map(|(terminal_size::Width(width), _)| usize::from(width))
        };
        let is_set = |name: &str| env(name).is_some();
        let forced = env("CLICOLOR_FORCE").is_some_and(|value| value != "0");
        let dumb = env("TERM").is_some_and(|term| term == "dumb");
        Self {
            is_terminal,
            width: asked.or_else(measured),
            color: wants_color(is_terminal && !dumb, is_set("NO_COLOR"), forced),
        }
    }

    /// What a table is written for.
    #[must_use]
    pub const fn view(&self) -> View {
        View { width: self.width, color: self.color }
    }
}

/// `NO_COLOR` wins over `CLICOLOR_FORCE`, which wins over what the stream is.
const fn wants_color(is_terminal: bool, no_color: bool, forced: bool) -> bool {
    !no_color && (forced || is_terminal)
}

/// Prints data. A reader that went away, such as `head`, is no error.
///
/// # Errors
/// If standard output can't be written.
pub fn print(text: &str) -> Result<()> {
    print_bytes(text.as_bytes())
}

/// As [`print`], for bytes that are passed on as they are.
///
/// # Errors
/// If standard output can't be written.
pub fn print_bytes(bytes: &[u8]) -> Result<()> {
    has_reader(bytes).map(drop)
}

/// As [`print_bytes`]; whether there is still a reader.
///
/// # Errors
/// If standard output can't be written.
pub fn has_reader(bytes: &[u8]) -> Result<bool> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        written => Ok(written.map(|()| true)?),
    }
}

/// Tells the user something beside the data, on standard error.
pub fn note(text: &str) {
    // Where standard error can't be written there is nobody to tell.
    let _ = busy::aside(|| writeln!(io::stderr().lock(), "note: {}", clean(text)));
}

/// An error with its way out and its exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong.
    pub fact: String,
    /// The way out.
    pub hint: Option<String>,
    /// The exit code.
    pub code: u8,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fact)
    }
}

impl std::error::Error for Refusal {}

/// The user's input is wrong.
#[must_use]
pub fn wrong_input(fact: impl fmt::Display, hint: impl Into<String>) -> anyhow::Error {
    Refusal { fact: fact.to_string(), hint: Some(hint.into()), code: exit::INPUT }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_follow_the_conventions() {
        for (is_terminal, no_color, forced, expected) in [
            (true, false, false, true),
            (false, false, false, false),
            (true, true, false, false),
            (false, false, true, true),
            (true, true, true, false),
        ] {
            assert_eq!(wants_color(is_terminal, no_color, forced), expected);
        }
    }
}
