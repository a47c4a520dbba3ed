//! `dlgrid list`: the sweeps under a root.
use anyhow::Result;
use clap::Args;
use dlgrid_sweep::find::{self, Found};
use dlgrid_sweep::judge::{Counts, Liveness};
use dlgrid_sweep::report::collect::local_liveness;
use dlgrid_sweep::report::list::{self, Entry};
use dlgrid_sweep::report::{Aim, Title};
use dlgrid_sweep::{exit, host};

use super::busy::Busy;
use super::pick::{AskSlurm, Picked, Queue, Root};
use super::show::{Format, Terminal, note, print, wrong_input};
use super::talk::next;

const EXAMPLES: &str = "\
Examples:
  dlgrid list   all sweeps, the newest first
  dlgrid list --root /scratch/me/runs --format json";

/// List the sweeps, newest first
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ListArgs {
    #[command(flatten)]
    root: Root,
    /// Form of the output
    #[arg(long, value_enum)]
    format: Option<Format>,
    #[command(flatten)]
    slurm: AskSlurm,
}

/// Runs the command; gives the exit code.
///
/// # Errors
/// If the root can't be read.
pub fn run(args: ListArgs) -> Result<u8> {
    let found = find::all(&args.root.root).map_err(|error| wrong_input(&error, error.hint()))?;
    let queue = Queue::new(&args.slurm);
    let format = Format::of(args.format, |_| true)?;
    let busy = Busy::steps("sweeps read", found.len() as u64);
    let read = |one: &Found| {
        let entry = entry(one, &queue);
        busy.step();
        entry
    };
    let entries: Vec<Entry> = found.iter().map(read).collect();
    drop(busy);
    let now = host::now();
    print(&match format {
        Format::Table => list::render(&entries, now, Terminal::stdout().view()),
        Format::Json => list::render_json(&entries),
        Format::Csv => list::render_csv(&entries),
        Format::Markdown => list::render_markdown(&entries, now),
    })?;
    if let (Format::Table, Some(newest)) = (format, entries.first()) {
        let command = if newest.state() == "done" { "report" } else { "status" };
        next(&format!("dlgrid {command} {}   (the newest)", newest.sweep.typed));
    }
    if entries.is_empty() {
        let root = args.root.root.display();
        note(&format!("there is no sweep in `{root}`: `dlgrid submit FILE` makes one"));
    }
    Ok(exit::OK)
}

/// One sweep; one that can't be read is listed with the reason.
fn entry(found: &Found, queue: &Queue) -> Entry {
    match Picked::open(found, queue) {
        Ok(picked) => Entry {
            is_unsubmitted: picked.is_unsubmitted(),
            is_at_work: local_liveness(&found.dir) == Liveness::Alive,
            ..picked.subject().entry(found.created)
        },
        Err(error) => Entry {
            sweep: Title {
                name: found.name.clone(),
                id: found.id.clone(),
                dir: found.dir.path().display().to_string(),
                typed: find::typed(&found.dir, &found.name),
            },
            created: found.created,
            aim: Aim::default(),
            counts: Counts::default(),
            missing: 0,
            best: None,
            is_at_work: false,
            is_unsubmitted: false,
            problem: Some(error.to_string()),
        },
    }
}
