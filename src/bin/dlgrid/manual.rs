//! `dlgrid completions` and `dlgrid man`: made from the arguments themselves.
use std::path::PathBuf;

use crate::show::print;
use anyhow::Context as _;
use dlgrid_sweep::exit;

/// Arguments of `completions`.
#[derive(Debug, clap::Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// Arguments of `man`.
#[derive(Debug, clap::Args)]
pub struct ManArgs {
    /// Write the pages of all commands into this folder instead
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

pub fn completions(args: &CompletionsArgs, mut command: clap::Command) -> anyhow::Result<u8> {
    let mut out = Vec::new();
    clap_complete::generate(args.shell, &mut command, "dlgrid", &mut out);
    print(&String::from_utf8_lossy(&out))?;
    Ok(exit::OK)
}

pub fn man(args: &ManArgs, command: clap::Command) -> anyhow::Result<u8> {
    if let Some(dir) = &args.dir {
        clap_mangen::generate_to(command, dir)
            .with_context(|| format!("cannot write manual pages to `{}`", dir.display()))?;
        return Ok(exit::OK);
    }
    let mut out = Vec::new();
    clap_mangen::Man::new(command).render(&mut out)?;
    print(&String::from_utf8_lossy(&out))?;
    Ok(exit::OK)
}
