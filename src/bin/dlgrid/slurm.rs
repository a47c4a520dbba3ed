//! What the commands do with Slurm: `submit` and `retry` put slices into its queue, `cancel`
//! takes them out, `plan --script` shows what it would be told.
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use dlgrid_sweep::exec::claim;
use dlgrid_sweep::exec::local::Worker;
use dlgrid_sweep::exec::slurm::call::Slurm;
use dlgrid_sweep::exec::slurm::install::{self, Installed};
use dlgrid_sweep::exec::slurm::ledger::Ledger;
use dlgrid_sweep::exec::slurm::preflight::{self, Cluster};
use dlgrid_sweep::exec::slurm::script;
use dlgrid_sweep::exec::slurm::site::Site;
use dlgrid_sweep::exec::slurm::submit::{self as queue, Report, Request};
use dlgrid_sweep::exec::slurm::{SlurmError, state};
use dlgrid_sweep::spec::SlurmSettings;
use dlgrid_sweep::store::layout::SweepDir;
use dlgrid_sweep::store::read::{self, RetryPolicy};
use dlgrid_sweep::sweep::Sweep;
use dlgrid_sweep::{exit, host};

use crate::site;
use crate::talk::{refuse, talk};
use crate::work::{self, LocalArgs};

/// How long `submit` waits for a Slurm that can't be reached.
const PATIENCE: Duration = Duration::from_secs(180);
/// Tasks that a sweep is cut for where `max_running` does not say.
const USUAL_SLOTS: u64 = 32;

/// A Slurm that was asked what it is like.
pub struct Found {
    slurm: Slurm,
    cluster: Cluster,
    /// The site whose settings stand under those of the spec.
    pub site: Site,
    /// The settings that count: those of the spec over those of the site.
    pub settings: SlurmSettings,
}

/// The Slurm that a sweep with these settings, below `folder`, goes to: none where this machine
/// has none or is told to work itself. What Slurm would never run is refused, and what is likely
/// to go wrong is said.
pub fn find(
    args: &LocalArgs,
    spec: &SlurmSettings,
    folder: &Path,
) -> anyhow::Result<Option<Found>> {
    let Some(slurm) = Slurm::find(PATIENCE).filter(|_| !args.local) else {
        if args.site.is_some() {
            return Err(refuse(
                exit::INPUT,
                "`--site` is for sweeps on Slurm, and this one runs on this machine",
                "leave it out, or run this on a login node, without `--local`",
            ));
        }
        return Ok(None);
    };
    for (given, option) in [(args.slots.is_some(), "--slots"), (args.take_over, "--take-over")] {
        if given {
            return Err(refuse(
                exit::INPUT,
                format!("`{option}` is for sweeps on this machine, and this one goes to Slurm"),
                "add `--local`, or set `slurm.max_running` in the spec",
            ));
        }
    }
    let found = ask(slurm, args.site.as_deref(), spec)?;
    for warning in preflight::warnings(&found.cluster, &found.settings, folder) {
        talk(&format!("warning: {warning}\n"));
    }
    Ok(Some(found))
}

/// Asks a Slurm what it is like, and finds its site.
fn ask(slurm: Slurm, site: Option<&str>, spec: &SlurmSettings) -> anyhow::Result<Found> {
    let cluster = preflight::cluster(&slurm)?;
    let site = site::choose(site, spec, cluster.name.as_deref())?;
    let settings = site.settings(spec);
    let cluster = cluster.within(&site.limits);
    script::check_setup(&site)?;
    preflight::check(&cluster, &settings)?;
    preflight::check_account(&slurm, &cluster, &settings)?;
    let slurm = slurm.passing(&script::further_variables(&settings)?);
    Ok(Found { slurm, cluster, site, settings })
}

/// Tasks at a time that a sweep is cut for.
pub fn slots(settings: &SlurmSettings) -> u64 {
    max_running(settings).unwrap_or(USUAL_SLOTS)
}

fn max_running(settings: &SlurmSettings) -> Option<u64> {
    settings.given.get("max_running")?.parse().ok()
}

/// Puts what is missing of a sweep into the queue; the exit code.
pub fn submit(
    sweep: &Sweep,
    settings: &SlurmSettings,
    worker: &Worker,
    again: RetryPolicy,
    found: &Found,
) -> anyhow::Result<u8> {
    if let Some((holder, standing)) = claim::holder(&sweep.dir)? {
        return Err(work::busy(sweep, &holder, standing));
    }
    let results = read::load(&sweep.dir, &sweep.manifest.id)?;
    let slices = work::slices_left(sweep, &results, again);
    if slices.is_empty() {
        return Ok(work::conclude(sweep, &results, false));
    }
    let dir = absolute(&sweep.dir)?;
    let options = script::options(settings, &found.site.limits, dir.path())?;
    let installed = install::install(&dir, &worker.program, &script::render(&found.site))?;
    let tasks = slices.len();
    let size = found.cluster.array;
    let request = request(&dir, settings, worker, again, (options, installed, slices, size))?;
    check_with_slurm(found, &request)?;
    dlgrid_sweep::store::fs::create_dirs(&dir.logs())?;
    let id = sweep.manifest.id.as_str();
    let mut say = |text: &str| talk(&format!("{text}\n"));
    let report = queue::submit(&dir, id, &found.slurm, &request, &mut say)?;
    conclude(sweep, &report, tasks);
    Ok(exit::OK)
}

/// Jobs start where nobody stands: all their paths are absolute.
fn absolute(dir: &SweepDir) -> anyhow::Result<SweepDir> {
    let path = dir.path().canonicalize();
    Ok(SweepDir::new(path.with_context(|| format!("cannot find `{}`", dir.path().display()))?))
}

fn request(
    dir: &SweepDir,
    settings: &SlurmSettings,
    worker: &Worker,
    again: RetryPolicy,
    (options, installed, slices, array): (Vec<String>, Installed, Vec<u32>, usize),
) -> Result<Request, SlurmError> {
    let mut words = vec![
        script::plain(&installed.script)?.to_owned(),
        script::plain(&installed.program)?.to_owned(),
    ];
    words.extend(worker.args.iter().map(|word| word.to_string_lossy().into_owned()));
    words.extend(["--sweep".to_owned(), script::plain(dir.path())?.to_owned()]);
    let threads = settings.cpus.unwrap_or(1).to_string();
    let mut further = vec!["--threads".to_owned(), threads];
    further.extend(work::redo_words(again));
    let max_running = max_running(settings);
    Ok(Request { slices, options, script: words, further, array, max_running })
}

/// Slurm itself says whether it would ever start such a task. Not held: of a held job it
/// believes everything.
fn check_with_slurm(found: &Found, request: &Request) -> Result<(), SlurmError> {
    let free = |word: &&String| !matches!(word.as_str(), "--hold" | "--parsable");
    let mut words: Vec<String> = request.options.iter().filter(free).cloned().collect();
    words.extend(request.script.iter().cloned());
    preflight::try_out(&found.slurm, &found.cluster, &found.settings, &words).map(drop)
}

/// What Slurm says of a task of such a sweep, without submitting anything.
pub fn try_out(site: Option<&str>, spec: &SlurmSettings, folder: &Path) -> anyhow::Result<String> {
    let Some(slurm) = Slurm::find(Duration::ZERO) else {
        return Err(refuse(
            exit::MISSING,
            "this machine has no sbatch to ask",
            "run this on a login node",
        ));
    };
    let found = ask(slurm, site, spec)?;
    let folder = std::path::absolute(folder).context("there is no current folder")?;
    let mut words = script::options(&found.settings, &found.site.limits, &folder)?;
    words.retain(|word| !matches!(word.as_str(), "--hold" | "--parsable"));
    words.push("--wrap=true".into());
    Ok(preflight::try_out(&found.slurm, &found.cluster, &found.settings, &words)?)
}

fn conclude(sweep: &Sweep, report: &Report, slices: usize) {
    let name = &sweep.manifest.name;
    let mut text = String::new();
    let tasks = |n: usize| format!("{n} task{}", if n == 1 { "" } else { "s" });
    for one in &report.submitted {
        text.push_str(&format!("submitted array {} of {}\n", one.job, tasks(one.tasks)));
    }
    for job in &report.adopted {
        text.push_str(&format!("let array {job} go, which an interrupted submission had left\n"));
    }
    if report.queued > 0 {
        text.push_str(&format!("{} of {slices} slices were in the queue\n", report.queued));
    }
    text.push_str(&format!("next: dlgrid status {name}; dlgrid report {name} at any time\n"));
    talk(&text);
}

/// Refuses to work on a sweep here while Slurm's queue has tasks for it. A Slurm that does not
/// answer hinders nothing: at worst some work is done twice.
pub fn refuse_while_queued(sweep: &Sweep) -> anyhow::Result<()> {
    let ledger = Ledger::read(&sweep.dir)?;
    if ledger.entries.is_empty() {
        return Ok(());
    }
    let Some(slurm) = Slurm::find(Duration::from_secs(2)) else { return Ok(()) };
    let rows = match slurm.queue_now() {
        Ok(rows) => rows,
        Err(error) => {
            talk(&format!(
                "warning: {error}; whether tasks of this sweep run there is not known\n"
            ));
            return Ok(());
        }
    };
    let standing = state::Standing::of(&ledger, &rows, host::now());
    if standing.arrays.is_empty() {
        return Ok(());
    }
    let name = &sweep.manifest.name;
    Err(refuse(
        exit::BUSY,
        format!("Slurm's queue has tasks of `{}`", sweep.dir.label()),
        format!("`dlgrid status {name}` shows them, `dlgrid cancel {name}` takes them out"),
    ))
}

/// Takes a sweep's arrays out of the queue; whether there were any.
pub fn cancel(dir: &SweepDir) -> anyhow::Result<bool> {
    let ledger = Ledger::read(dir)?;
    let Some(slurm) = Slurm::find(PATIENCE).filter(|_| !ledger.entries.is_empty()) else {
        return Ok(false);
    };
    let rows = slurm.queue()?;
    let mut any = false;
    for entry in &ledger.entries {
        let token = &entry.intent.token;
        let is_its = |row: &&_| is_alive_named(row, token);
        let mut arrays: Vec<u64> = rows.iter().filter(is_its).map(|row| row.array).collect();
        arrays.dedup();
        for array in arrays {
            slurm.cancel(array, token)?;
            talk(&format!("cancelled array {array}; what runs saves what it is at\n"));
            any = true;
        }
    }
    if ledger.entries.iter().any(|e| e.is_under_way(host::now())) {
        talk(
            "warning: another dlgrid is submitting this sweep now: cancel again when it is done\n",
        );
    }
    Ok(any)
}

fn is_alive_named(row: &dlgrid_sweep::exec::slurm::parse::Row, token: &str) -> bool {
    row.name == token && state::is_alive(&row.state)
}

/// Where a sweep would go: the arrays, the site and the settings that count.
pub struct Place {
    array: usize,
    site: Site,
    pub settings: SlurmSettings,
}

/// Where a sweep with these settings would go from here.
pub fn place(site: Option<&str>, spec: &SlurmSettings) -> anyhow::Result<Place> {
    if let Some(slurm) = Slurm::find(Duration::ZERO) {
        let Found { cluster, site, settings, .. } = ask(slurm, site, spec)?;
        return Ok(Place { array: cluster.array, site, settings });
    }
    talk("note: this machine has no sbatch; arrays of 1001 tasks are assumed\n");
    let site = site::choose(site, spec, None)?;
    let settings = site.settings(spec);
    let array = site.limits.max_array_size.unwrap_or(preflight::USUAL_ARRAY);
    Ok(Place { array, site, settings })
}

/// The script, and the words of sbatch for each array of a sweep that would be submitted now.
pub fn show(
    dir: &SweepDir,
    id: &str,
    place: &Place,
    worker: &Worker,
    slices: Vec<u32>,
) -> anyhow::Result<String> {
    let dir = SweepDir::new(std::path::absolute(dir.path()).context("there is no current folder")?);
    let Place { array: size, site, settings } = place;
    let options = script::options(settings, &site.limits, dir.path())?;
    let script = script::render(site);
    let bytes = dlgrid_sweep::store::fs::read(&worker.program)?;
    let installed = install::places(&dir, &worker.program, &bytes, &script);
    let again = RetryPolicy::default();
    let request = request(&dir, settings, worker, again, (options, installed, slices, *size))?;
    let first = Ledger::read(&dir)?.last() + 1;
    let mut text = format!("# {}\n{script}\n", request.script[0]);
    for (number, words) in queue::all_words(&request, id, first) {
        let quoted: Vec<String> = words.iter().map(|word| quote(word)).collect();
        text.push_str(&format!("# array {number}\nsbatch {}\n", quoted.join(" ")));
    }
    Ok(text)
}

/// A word as a shell would take it.
fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,%@+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell() {
        for (word, quoted) in [
            ("--array=0-10%4", "--array=0-10%4"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("", "''"),
        ] {
            assert_eq!(quote(word), quoted);
        }
    }
}
