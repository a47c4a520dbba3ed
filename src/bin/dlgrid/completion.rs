//! What a shell completes: commands and options, and the names of sweeps, sites and data sets.
use std::collections::HashSet;
use std::ffi::OsString;
use std::path::PathBuf;

use clap_complete::CompleteEnv;
use clap_complete::engine::CompletionCandidate as Candidate;
use clap_complete::env::Shells;
use dlgrid_sweep::dataset::CATALOGUE;
use dlgrid_sweep::exec::slurm::site;
use dlgrid_sweep::text::{clean, date};
use dlgrid_sweep::{find, host};

/// The variable by which a shell's script asks for completions.
const ASKED: &str = "DLGRID_COMPLETE";

/// Answers a shell that asks what could come next; whether one did.
///
/// # Errors
/// If standard output can't be written, or the shell is not known.
pub fn answer(command: fn() -> clap::Command) -> clap::error::Result<bool> {
    let here = std::env::current_dir().ok();
    CompleteEnv::with_factory(command).var(ASKED).try_complete(words(), here.as_deref())
}

/// What a shell reads at its start.
///
/// # Errors
/// If there is no script for it.
pub fn script(shell: clap_complete::Shell) -> anyhow::Result<Vec<u8>> {
    let shells = Shells::builtins();
    let name = shell.to_string();
    let known = shells.completer(&name);
    let known = known.ok_or_else(|| anyhow::anyhow!("there is no completion for {name}"))?;
    let mut out = Vec::new();
    known.write_registration(ASKED, "dlgrid", "dlgrid", "dlgrid", &mut out)?;
    Ok(out)
}

fn words() -> std::env::ArgsOs {
    std::env::args_os()
}

/// The sweeps, the newest first: by name, or by directory where a newer one has the name; then
/// their stages.
pub fn sweeps() -> Vec<Candidate> {
    let mut seen = HashSet::new();
    let mut all = Vec::new();
    for found in find::all(&root()).unwrap_or_default() {
        let name = if seen.insert(found.name.clone()) { found.name } else { found.dir.label() };
        let day = date(found.created);
        all.push((name.clone(), day.clone()));
        let stages = found.dir.stages();
        all.extend(stages.iter().filter_map(|stage| {
            let word = stage.path().file_name()?.to_string_lossy().into_owned();
            Some((format!("{name}/{word}"), day.clone()))
        }));
    }
    let candidate = |(place, (name, day)): (usize, (String, String))| {
        let name = clean(&name).into_owned();
        Candidate::new(name).help(Some(day.into())).display_order(Some(place))
    };
    all.into_iter().enumerate().map(candidate).collect()
}

/// The profiles of sites.
pub fn sites() -> Vec<Candidate> {
    let about = |known: &site::find::Known| {
        known.site.as_ref().ok().and_then(|site| Some(site.description.clone()?.into()))
    };
    let all = site::find::known(&site::find::folder());
    all.iter().map(|known| Candidate::new(&known.name).help(about(known))).collect()
}

/// The data sets that can be fetched.
pub fn data_sets() -> Vec<Candidate> {
    CATALOGUE.iter().map(|set| Candidate::new(set.name).help(Some(set.about.into()))).collect()
}

/// Where sweeps are: what the words say that are being completed, else as for every command.
fn root() -> PathBuf {
    let mut words = words();
    let mut named = None;
    while let Some(word) = words.next() {
        let text = word.to_string_lossy();
        if text == "--root" {
            named = words.next();
        } else if let Some(dir) = text.strip_prefix("--root=") {
            named = Some(OsString::from(dir));
        }
    }
    let environment = || host::env(find::ROOT_VARIABLE);
    named.or_else(environment).map_or_else(|| find::DEFAULT_ROOT.into(), PathBuf::from)
}
