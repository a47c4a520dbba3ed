//! `dlgrid data explore`: what is in a data set, in the terminal, as JSON or as an HTML page.
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use clap_complete::engine::ArgValueCandidates;
use dlgrid_sweep::dataset::images::Images;
use dlgrid_sweep::dataset::table::{CLASS, Options, TARGET, Table};
use dlgrid_sweep::dataset::{self, DataSet, Form, locate};
use dlgrid_sweep::explore::{self, Exploration};
use dlgrid_sweep::{exit, host};

use crate::busy::Busy;
use crate::show::{Terminal, print};
use crate::{completion, report};

/// What to look at.
#[derive(Debug, Args)]
pub struct ExploreArgs {
    /// Name of a data set (see `dlgrid data list`)
    #[arg(required_unless_present = "path", conflicts_with = "path")]
    #[arg(add = ArgValueCandidates::new(completion::data_sets))]
    name: Option<String>,
    /// A CSV file, or a folder of IDX or CIFAR files
    #[arg(long, value_name = "FILE")]
    path: Option<PathBuf>,
    /// The column of a CSV file that is to be learnt
    #[arg(long, value_name = "COLUMN", requires = "path")]
    target: Option<String>,
    /// Write a page with pictures and charts to this file
    #[arg(long, value_name = "FILE", value_parser = page_file)]
    html: Option<PathBuf>,
    /// Format of the output
    #[arg(long, value_enum, default_value_t = super::Format::Table)]
    format: super::Format,
}

/// A page's file by its name's end: no data set lies in such a file.
fn page_file(name: &str) -> Result<PathBuf, String> {
    report::page_path(name).ok_or_else(|| "a page's file ends in .html".to_owned())
}

/// Runs the command; gives the exit code.
pub fn run(root: &Path, args: &ExploreArgs) -> Result<u8> {
    if let (Some(page), Some(data)) = (&args.html, &args.path)
        && is_same(page, data)
    {
        let fact = format!("`{}` is the data", page.display());
        super::tell(&fact, "name another file for the page")?;
        return Ok(exit::INPUT);
    }
    let busy = Busy::new("looking at every sample");
    let found = look(root, args);
    drop(busy);
    let found = match found {
        Ok(found) => found,
        Err((code, error, hint)) => {
            super::tell(&error, &hint)?;
            return Ok(code);
        }
    };
    if let Some(path) = &args.html {
        let failed = || format!("cannot write `{}`", path.display());
        host::write_scratch(path, explore::page(&found).as_bytes()).with_context(failed)?;
        writeln!(std::io::stderr(), "page: `{}`", path.display())?;
    }
    let text = match args.format {
        super::Format::Table => explore::text(&found, Terminal::stdout().color),
        super::Format::Json => format!("{}\n", serde_json::to_string(&found)?),
    };
    print(&text)?;
    Ok(exit::OK)
}

/// Whether two paths that are there lead to one file.
fn is_same(a: &Path, b: &Path) -> bool {
    a.canonicalize().ok().zip(b.canonicalize().ok()).is_some_and(|(a, b)| a == b)
}

type Refusal = (u8, String, String);

fn told(error: &dyn std::error::Error, hint: &str) -> Refusal {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(why) = cause {
        text = format!("{text}: {why}");
        cause = why.source();
    }
    (exit::MISSING, text, hint.to_owned())
}

fn look(root: &Path, args: &ExploreArgs) -> Result<Exploration, Refusal> {
    if let Some(name) = &args.name {
        let folder = locate::locate_in(root, name).map_err(|e| {
            let unknown = matches!(e, locate::LocateError::Unknown { .. });
            (if unknown { exit::INPUT } else { exit::MISSING }, e.to_string(), e.hint())
        })?;
        return match dataset::find(name) {
            Some(set) => known(set, &folder),
            None => Err((exit::INPUT, format!("there is no data set `{name}`"), String::new())),
        };
    }
    let path = args.path.as_deref().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    if path.is_dir() {
        let has = |name: &str| path.join(name).is_file();
        let images = if has("train.bin") {
            Images::cifar(path, true)
        } else if has("data_batch_1.bin") {
            Images::cifar(path, false)
        } else {
            Images::idx(path, None)
        };
        let images = images.map_err(|e| told(&e, e.hint()))?;
        return Ok(explore::images(&name, &images, &[]));
    }
    let table = Table::read(path).map_err(|e| told(&e, e.hint()))?;
    if let Some(target) = &args.target {
        let found = table.find(target, "--target");
        found.map_err(|e| (exit::INPUT, e.to_string(), e.hint().to_owned()))?;
    }
    let options = Options { target: args.target.clone(), ..Options::default() };
    Ok(explore::table(&name, &table, &options, None, &[]))
}

fn known(set: &DataSet, folder: &Path) -> Result<Exploration, Refusal> {
    if let Form::Table { columns, skip, target } = set.form {
        let table = Table::known(&folder.join(set.files[0].name), columns, skip, target);
        let table = table.map_err(|e| told(&e, e.hint()))?;
        let learnt = if target.is_some() { TARGET } else { CLASS };
        let options = Options { target: Some(learnt.to_owned()), ..Options::default() };
        let numbers = Some(target.is_some());
        return Ok(explore::table(set.name, &table, &options, numbers, set.class_names));
    }
    let images = Images::of(set.form, folder, Some(set.classes as usize));
    let images = images.expect("what is no table is images").map_err(|e| told(&e, e.hint()))?;
    Ok(explore::images(set.name, &images, set.class_names))
}
