//! `dlgrid cancel`: takes a sweep out of Slurm's queue, or asks the process that works on it to stop.
use std::time::Duration;

use crate::pick::{self, Root};
use crate::slurm;
use crate::talk::{refuse, talk};
use dlgrid_sweep::exec::claim::{self, Standing};
use dlgrid_sweep::{exit, host};

/// Arguments of `cancel`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The sweep: a name, its beginning, an id or a path [default: the newest]
    pub sweep: Option<String>,
    #[command(flatten)]
    root: Root,
}

/// How long to wait for the process to stop.
const PATIENCE: Duration = Duration::from_secs(60);

pub fn run(args: &Args) -> anyhow::Result<u8> {
    let dir = pick::folder(&args.root, args.sweep.as_deref())?;
    let label = dir.label();
    let in_queue = slurm::cancel(&dir)?;
    let Some((holder, standing)) = claim::holder(&dir)? else {
        if in_queue {
            return Ok(exit::OK);
        }
        talk(&format!("nothing works on `{label}`; all that has ended is kept\n"));
        return Ok(exit::OK);
    };
    if standing == Standing::Elsewhere {
        return Err(refuse(
            exit::INPUT,
            format!(
                "`{label}` is worked on by process {} on `{}`, not on this machine",
                holder.pid, holder.host
            ),
            format!("there: `kill {}`, once; it stops gently", holder.pid),
        ));
    }
    if !host::signal(holder.pid, host::Signal::Term) {
        return Err(refuse(
            exit::INPUT,
            format!(
                "process {} can't be asked to stop: it is not yours, or just ended",
                holder.pid
            ),
            format!("`dlgrid status {}` shows whether it still works", label),
        ));
    }
    talk(&format!("asked process {} to stop; it saves what it is at\n", holder.pid));
    let begun = host::instant();
    while begun.elapsed() < PATIENCE {
        if claim::holder(&dir)?.is_none_or(|(now, _)| now != holder) {
            talk(&format!("stopped `{label}`; submit again goes on\n"));
            return Ok(exit::OK);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err(refuse(
        exit::BUSY,
        format!("process {} has not stopped within {} seconds", holder.pid, PATIENCE.as_secs()),
        "cancel again ends it at once; what has ended is kept",
    ))
}
