//! `dlgrid completions` and `dlgrid man`: made from the arguments themselves.
use std::path::PathBuf;

use anyhow::Context as _;
use dlgrid_sweep::exit;
use dlgrid_sweep::store::fs;

use crate::completion;
use crate::show::{print, print_bytes};
use crate::usage;

const SHELLS: &str = "\
Examples, each a line of the file that your shell reads at its start:
  source <(dlgrid completions bash)        ~/.bashrc
  source <(dlgrid completions zsh)         ~/.zshrc, after compinit
  dlgrid completions fish | source         ~/.config/fish/config.fish

Names of sweeps, stages, sites and data sets are completed too.";

/// Arguments of `completions`.
#[derive(Debug, clap::Args)]
#[command(after_help = SHELLS)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: clap_complete::Shell,
}

const PAGES: &str = "\
Examples:
  dlgrid man | man -l -                      the page of dlgrid
  dlgrid man submit | man -l -               that of a command
  dlgrid man --dir ~/.local/share/man/man1   all of them, for `man dlgrid-submit`";

/// Arguments of `man`.
#[derive(Debug, clap::Args)]
#[command(after_help = PAGES)]
pub struct ManArgs {
    /// The command, such as `submit` or `site detect` [default: dlgrid itself]
    #[arg(value_name = "COMMAND", conflicts_with = "dir")]
    pub of: Vec<String>,
    /// Write the pages of all commands into this folder instead
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

pub fn completions(args: &CompletionsArgs) -> anyhow::Result<u8> {
    print(&String::from_utf8_lossy(&completion::script(args.shell)?))?;
    Ok(exit::OK)
}

pub fn man(args: &ManArgs, mut command: clap::Command) -> anyhow::Result<u8> {
    if let Some(dir) = &args.dir {
        fs::create_dirs(dir)?;
        clap_mangen::generate_to(command, dir)
            .with_context(|| format!("cannot write manual pages to `{}`", dir.display()))?;
        return Ok(exit::OK);
    }
    command.build();
    let page = usage::named(&command, &args.of)?;
    let mut out = Vec::new();
    clap_mangen::Man::new(page.clone()).render(&mut out)?;
    print_bytes(&out)?;
    Ok(exit::OK)
}
