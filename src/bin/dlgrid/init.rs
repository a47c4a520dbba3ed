//! `dlgrid init`: a first spec to start from.
use std::io::Write as _;
use std::path::PathBuf;

use crate::talk::{next, refuse, talk};
use dlgrid_sweep::exit;
use dlgrid_sweep::text::shell_word;

const EXAMPLES: &str = "\
Examples:
  dlgrid init                       a sweep of the built-in trainer, as sweep.yaml
  dlgrid init --command mine.yaml   one of a program of your own";

/// Arguments of `init`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The file to write
    #[arg(default_value = "sweep.yaml")]
    pub file: PathBuf,
    /// Start from a program of your own instead of the built-in trainer
    #[arg(long)]
    pub command: bool,
}

const TRAIN: &str = include_str!("init/train.yaml");
const COMMAND: &str = include_str!("init/command.yaml");

pub fn run(args: &Args) -> anyhow::Result<u8> {
    let text = if args.command { COMMAND } else { TRAIN };
    let shown = args.file.display();
    let opened = std::fs::OpenOptions::new().write(true).create_new(true).open(&args.file);
    opened.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| {
        let hint = match error.kind() {
            std::io::ErrorKind::AlreadyExists => "choose another name: `dlgrid init other.yaml`",
            _ => "choose a folder that can be written to",
        };
        refuse(exit::INPUT, format!("cannot write `{shown}`: {error}"), hint)
    })?;
    talk(&format!("wrote {shown}\n"));
    let word = shell_word(&args.file.to_string_lossy());
    next(&format!("dlgrid check {word}, then dlgrid submit {word}"));
    Ok(exit::OK)
}
