//! `dlgrid check`: is the spec right?
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::busy::Busy;
use crate::show::print;
use crate::talk::{next, refuse, style, talk};
use anyhow::Context as _;
use dlgrid_sweep::space::Base;
use dlgrid_sweep::spec::{self, Spec};
use dlgrid_sweep::sweep::Sweep;
use dlgrid_sweep::text::{clean, shell_word};
use dlgrid_sweep::{exit, host};

const EXAMPLES: &str = "\
Examples:
  dlgrid check sweep.yaml       all mistakes at once, each with its line and a way out
  dlgrid check - < sweep.yaml   what another program wrote";

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The spec, a YAML file; `-` reads standard input
    pub file: PathBuf,
    /// Refuse a sweep of more runs than this
    #[arg(long, value_name = "N", default_value_t = spec::DEFAULT_MAX_RUNS)]
    pub max_runs: u64,
}

pub fn run(args: &Args) -> anyhow::Result<u8> {
    let (spec, _) = read(&args.file, args.max_runs)?;
    print(&format!("{}\n", summary(&spec)))?;
    if args.file.as_os_str() != "-" {
        let file = shell_word(&args.file.to_string_lossy());
        next(&format!("dlgrid plan {file}   (what it would take), then dlgrid submit {file}"));
    }
    Ok(exit::OK)
}

/// Reads and checks a spec; prints its warnings.
pub fn read(file: &Path, max_runs: u64) -> anyhow::Result<(Spec, Vec<u8>)> {
    read_else(file, max_runs, &|_, _| None)
}

/// As [`read`]; but a sweep that exists below `root` goes on, and what this dlgrid refuses of its spec
/// is only told.
pub fn read_or_begun(file: &Path, max_runs: u64, root: &Path) -> anyhow::Result<(Spec, Vec<u8>)> {
    read_else(file, max_runs, &|shown, bytes| Sweep::begun(root, shown, bytes))
}

/// Reads a spec; what is refused is only told where there is another way to a spec.
fn read_else(
    file: &Path,
    max_runs: u64,
    other: &dyn Fn(&str, &[u8]) -> Option<Spec>,
) -> anyhow::Result<(Spec, Vec<u8>)> {
    let (shown, bytes) = load(file)?;
    let busy = Busy::new(format!("checking {shown}"));
    let (spec, warnings) = match spec::read(&shown, &bytes, max_runs) {
        Ok(read) => read,
        Err(errors) => match other(&shown, &bytes) {
            Some(spec) => {
                (spec, errors.mistakes.into_iter().map(spec::Mistake::as_warning).collect())
            }
            None => return Err(errors.into()),
        },
    };
    drop(busy);
    let text = std::str::from_utf8(&bytes).context("a spec that was read is UTF-8")?;
    let (colour, width) = style();
    talk(&spec::mistake::render(&shown, text, &warnings, colour, width));
    talk(&missing_here(&spec));
    Ok((spec, bytes))
}

/// What a file is called, and its bytes.
fn load(file: &Path) -> anyhow::Result<(String, Vec<u8>)> {
    let name = file.display().to_string();
    let bytes = if name == "-" {
        some_of(std::io::stdin().lock())
    } else {
        std::fs::File::open(file).and_then(some_of)
    };
    let bytes = bytes.map_err(|error| {
        let hint = match error.kind() {
            std::io::ErrorKind::NotFound => "`dlgrid init` writes a first sweep.yaml",
            std::io::ErrorKind::IsADirectory => "name the YAML file in it",
            _ => "see that it can be read: `ls -l`",
        };
        refuse(exit::INPUT, format!("cannot read `{name}`: {error}"), hint)
    })?;
    Ok((if name == "-" { "stdin.yaml".to_owned() } else { name }, bytes))
}

/// Warns of programs of a spec that are not here.
fn missing_here(spec: &Spec) -> String {
    let is_here = |program: &str| {
        if program.contains('/') {
            Path::new(program).is_file()
        } else {
            host::which(program).is_some()
        }
    };
    let on_complete = spec.upkeep.on_complete.as_slice();
    missing(&[("command", command(spec)), ("on_complete", on_complete)], &is_here)
}

fn command(spec: &Spec) -> &[String] {
    match spec.space.base() {
        Base::Command(words) => words,
        Base::Train(_) => &[],
    }
}

/// Warns of programs that are not here: they start in the folder where `submit` was typed, here or on
/// a node, which may have more on its PATH.
fn missing(programs: &[(&str, &[String])], is_here: &dyn Fn(&str) -> bool) -> String {
    let mut told = String::new();
    for (key, words) in programs {
        // What a parameter names is known at each trial alone.
        let Some(program) = words.first().filter(|word| !word.contains('{') && !is_here(word))
        else {
            continue;
        };
        let why = if program.contains('/') {
            "is no file, seen from this folder"
        } else {
            "is not on PATH here"
        };
        let program = clean(program);
        told.push_str(&format!(
            "warning: `{key}`: `{program}` {why}: it fails unless a node has it\n"
        ));
    }
    told
}

/// `fashion-depth: ok, 28 trials (model.layers 4 × optimizer.lr 7) × 3 seeds = 84 runs`.
pub fn summary(spec: &Spec) -> String {
    let trials = spec.space.trials();
    let shapes = spec.space.shape();
    let shape = match shapes.as_slice() {
        [one] if spec.space.is_plain() && !one.is_empty() => {
            let axes: Vec<String> = one.iter().map(|(name, len)| format!("{name} {len}")).collect();
            format!(" ({})", axes.join(" × "))
        }
        _ => String::new(),
    };
    let plural = |n: u64, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    format!(
        "{}: ok, {}{shape} × {} = {}",
        spec.name,
        plural(trials, "trial"),
        spec.rounds(),
        plural(spec.runs(), "run"),
    )
}

/// As much as tells whether a spec is too long, so that no device fills the memory.
fn some_of(from: impl std::io::Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(spec::yaml::MAX_BYTES as u64 + 4096).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::missing;

    #[test]
    fn programs_that_are_not_here_are_told_before_they_fail() {
        let is_here = |program: &str| ["python", "./train.sh"].contains(&program);
        let words = |program: &str| vec![program.to_owned(), "--lr={lr}".to_owned()];
        let all = ["python", "pythn", "./train.sh", "scripts/tell.sh", "{tool}"].map(words);
        let told = all.iter().map(|words| missing(&[("command", words.as_slice())], &is_here));
        insta::assert_snapshot!(told.collect::<String>(), @r"
        warning: `command`: `pythn` is not on PATH here: it fails unless a node has it
        warning: `command`: `scripts/tell.sh` is no file, seen from this folder: it fails unless a node has it
        ");
        assert_eq!(missing(&[("command", [].as_slice())], &is_here), "");
    }
}
