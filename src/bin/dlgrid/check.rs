//! `dlgrid check`: is the spec right?
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::busy::Busy;
use crate::show::print;
use crate::talk::{next, refuse, style, talk};
use anyhow::Context as _;
use dlgrid_sweep::exit;
use dlgrid_sweep::spec::{self, Spec};
use dlgrid_sweep::sweep::Sweep;
use dlgrid_sweep::text::shell_word;

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
    let (shown, bytes) = load(file)?;
    let busy = Busy::new(format!("checking {shown}"));
    let (spec, warnings) = spec::read(&shown, &bytes, max_runs)?;
    drop(busy);
    warn(&shown, &bytes, &warnings)?;
    Ok((spec, bytes))
}

/// As [`read`]; but a sweep that exists below `root` goes on, and what this dlgrid refuses of its spec
/// is only told.
pub fn read_or_begun(file: &Path, max_runs: u64, root: &Path) -> anyhow::Result<(Spec, Vec<u8>)> {
    let (shown, bytes) = load(file)?;
    let busy = Busy::new(format!("checking {shown}"));
    let (spec, warnings) = match spec::read(&shown, &bytes, max_runs) {
        Ok(read) => read,
        Err(errors) => match Sweep::begun(root, &shown, &bytes) {
            Some(spec) => {
                (spec, errors.mistakes.into_iter().map(spec::Mistake::as_warning).collect())
            }
            None => return Err(errors.into()),
        },
    };
    drop(busy);
    warn(&shown, &bytes, &warnings)?;
    Ok((spec, bytes))
}

fn warn(shown: &str, bytes: &[u8], warnings: &[spec::Mistake]) -> anyhow::Result<()> {
    let text = std::str::from_utf8(bytes).context("a spec that was read is UTF-8")?;
    let (colour, width) = style();
    talk(&spec::mistake::render(shown, text, warnings, colour, width));
    Ok(())
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
