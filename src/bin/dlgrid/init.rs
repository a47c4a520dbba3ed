//! `dlgrid init`: a first spec to start from.
use std::borrow::Cow;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::talk::{next, refuse, talk};
use dlgrid_sweep::text::shell_word;
use dlgrid_sweep::{exit, spec};

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
    if args.file.as_os_str() == "-" {
        return Err(refuse(
            exit::INPUT,
            "`-` is no file to write",
            "name one: `dlgrid init sweep.yaml`",
        ));
    }
    let text = named(&args.file, if args.command { COMMAND } else { TRAIN });
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

/// A first spec for a file, with a `name` where the file's own can be none.
fn named(file: &Path, text: &'static str) -> Cow<'static, str> {
    let shown = file.to_string_lossy();
    let is_right = |text: &str| spec::read(&shown, text.as_bytes(), spec::DEFAULT_MAX_RUNS).is_ok();
    if is_right(text) {
        return text.into();
    }
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
    let words: Vec<&str> = stem.split(|c| !is_plain(c)).filter(|word| !word.is_empty()).collect();
    let mut name = words.join("-");
    name.truncate(64);
    let name = name.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let with =
        |name: &str| text.replacen("description:", &format!("name: \"{name}\"\ndescription:"), 1);
    let made = with(name);
    if is_right(&made) { made } else { with("my-sweep") }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_whose_name_is_none_for_a_sweep_gets_one() {
        let long = "x".repeat(70) + ".yaml";
        for (file, name) in [
            ("sweep.yaml", None),
            ("a/b.c.yaml", None),
            ("my sweep.yaml", Some("my-sweep")),
            ("-first (2).yaml", Some("first-2")),
            ("größe.yaml", Some("gr-e")),
            ("007 .yaml", Some("007")),
            ("日本.yaml", Some("my-sweep")),
            ("con.yaml", Some("my-sweep")),
            (&long, Some(&long[..64])),
        ] {
            for text in [TRAIN, COMMAND] {
                let made = named(Path::new(file), text);
                let (spec, _) =
                    spec::read(file, made.as_bytes(), spec::DEFAULT_MAX_RUNS).expect("a spec");
                assert!(name.is_none_or(|name| spec.name == name), "{file} {}", spec.name);
                assert_eq!(made == text, name.is_none(), "{file}");
            }
        }
    }
}
