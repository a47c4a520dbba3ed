//! The help of a command by its name, and the way out where arguments are refused.
use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use dlgrid_sweep::exit;

use crate::show::wrong_input;

const EXAMPLES: &str = "\
Examples:
  dlgrid help report        what `dlgrid report --help` says
  dlgrid help site detect   of a command below a command";

/// Arguments of `help`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct HelpArgs {
    /// The command, such as `submit` or `site detect` [default: dlgrid itself]
    #[arg(value_name = "COMMAND")]
    pub of: Vec<String>,
}

/// Prints the help of a command; gives the exit code.
///
/// # Errors
/// If there is no such command.
pub fn help(args: &HelpArgs, mut command: Command) -> anyhow::Result<u8> {
    command.build();
    let mut page = named(&command, &args.of)?.clone();
    if args.of.is_empty() {
        page.print_help()?
    } else {
        page.print_long_help()?
    }
    Ok(exit::OK)
}

/// The command of these names, each below the one before it.
///
/// # Errors
/// If there is none.
pub fn named<'c>(command: &'c Command, names: &[String]) -> anyhow::Result<&'c Command> {
    names.iter().try_fold(command, |above, name| {
        let known = || above.get_subcommands().filter(|c| !c.is_hide_set());
        known().find(|c| c.get_name() == name).ok_or_else(|| {
            let names: Vec<&str> = known().map(Command::get_name).collect();
            let hint = if names.is_empty() { "leave it out".into() } else { names.join(", ") };
            wrong_input(format!("there is no command `{name}`"), hint)
        })
    })
}

/// A refusal with the way out that clap does not know.
pub fn explained(mut error: clap::Error, words: &[String], command: &Command) -> clap::Error {
    let tip = misplaced(words, command).filter(|_| error.kind() == ErrorKind::UnknownArgument);
    if let Some(tip) = tip {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

/// What is to be said of an option that stands before its command, or without one.
fn misplaced(words: &[String], command: &Command) -> Option<String> {
    let option = words.first()?.split('=').next()?;
    let long = option.strip_prefix("--")?;
    let has = |c: &&Command| c.get_arguments().any(|argument| argument.get_long() == Some(long));
    let known = || command.get_subcommands().filter(|c| !c.is_hide_set());
    let meant = words[1..].iter().find_map(|word| known().find(|c| c.get_name() == word));
    let other = known().find(has)?.get_name();
    Some(match meant {
        Some(c) if has(&c) => {
            format!("options stand after the command: `dlgrid {} {option} …`", c.get_name())
        }
        Some(c) => format!("`dlgrid {}` has no `{option}`: leave it out", c.get_name()),
        None => format!("options stand after a command, such as `dlgrid {other} {option} …`"),
    })
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::*;
    use crate::Arguments;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn an_option_before_its_command_is_told_its_place() {
        let command = Arguments::command();
        for (line, expected) in [
            (
                "--root x report toy",
                Some("options stand after the command: `dlgrid report --root …`"),
            ),
            ("--root=x check a.yaml", Some("`dlgrid check` has no `--root`: leave it out")),
            ("--html", Some("options stand after a command, such as `dlgrid report --html …`")),
            ("--nonsense report", None),
            ("report --root x", None),
            ("", None),
        ] {
            assert_eq!(misplaced(&words(line), &command).as_deref(), expected, "{line}");
        }
        let refused = Arguments::try_parse_from(["dlgrid", "--root", "x", "check", "a"]).err();
        let error = explained(refused.expect("refused"), &words("--root x check a"), &command);
        assert!(error.to_string().contains("tip: `dlgrid check` has no `--root`"), "{error}");
    }

    /// The words of a line as a shell splits them, up to its comment, a pipe or a redirection.
    fn typed(line: &str) -> Vec<String> {
        let line = line.trim();
        let end =
            ["   ", " | ", " > ", " >> ", " < "].iter().filter_map(|sign| line.find(sign)).min();
        let mut words = Vec::new();
        for (place, part) in line[..end.unwrap_or(line.len())].split('\'').enumerate() {
            if place % 2 == 1 {
                words.push(part.to_owned());
            } else {
                words.extend(part.split_whitespace().map(str::to_owned));
            }
        }
        words
    }

    #[test]
    fn every_command_shows_examples_and_takes_them() {
        let mut command = Arguments::command();
        command.build();
        for of in command.get_subcommands().filter(|c| !c.is_hide_set()) {
            let help = of.clone().render_long_help().to_string();
            assert!(help.contains("\nExamples"), "`dlgrid help {}` has no examples", of.get_name());
            let examples = help.lines().filter(|line| line.starts_with("  dlgrid "));
            for words in examples.map(typed).filter(|words| words[1] == of.get_name()) {
                let taken = Arguments::try_parse_from(&words);
                assert!(
                    taken.is_ok(),
                    "{words:?}: {}",
                    taken.err().map_or_else(String::new, |e| e.to_string())
                );
            }
        }
    }
}
