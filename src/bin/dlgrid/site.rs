//! `dlgrid site`: what is true of a cluster, written down once; and which site a sweep has.
use std::time::Duration;

use clap_complete::engine::ArgValueCandidates;
use dlgrid_sweep::exec::slurm::call::Slurm;
use dlgrid_sweep::exec::slurm::preflight::{self, Cluster};
use dlgrid_sweep::exec::slurm::site::find::{self, Known, SiteError, Wish};
use dlgrid_sweep::exec::slurm::site::{Site, detect, read};
use dlgrid_sweep::spec::SlurmSettings;
use dlgrid_sweep::store::fs;
use dlgrid_sweep::terminal::{Column, Tone, View, lay_out};
use dlgrid_sweep::text::clean;
use dlgrid_sweep::{exit, host};
use serde_json::{Value, json};

use crate::completion;
use crate::show::{Format, Terminal, print, print_bytes, wrong_input};
use crate::talk::{next, refuse, talk};

const EXAMPLES: &str = "\
Examples:
  dlgrid site detect --write    a profile of this cluster, to edit
  dlgrid site list              yours, and those built in
  dlgrid site show my-cluster   what it says";

/// Arguments of `site`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Print a profile of the cluster that this machine belongs to, to edit
    Detect(DetectArgs),
    /// List the profiles: yours, and those built in
    List(FormatArgs),
    /// Print a profile
    Show(ShowArgs),
}

#[derive(Debug, clap::Args)]
struct DetectArgs {
    /// What the site is to be called [default: Slurm's name of the cluster]
    #[arg(long)]
    name: Option<String>,
    /// Write it to your profiles, unless there is one of that name
    #[arg(long)]
    write: bool,
}

#[derive(Debug, clap::Args)]
struct FormatArgs {
    /// Form of the output: table or json
    #[arg(long, value_enum)]
    format: Option<Format>,
}

#[derive(Debug, clap::Args)]
struct ShowArgs {
    /// The profile: a name, or a path
    #[arg(add = ArgValueCandidates::new(completion::sites))]
    name: String,
    /// Form of the output: table (the profile's own text) or json
    #[arg(long, value_enum)]
    format: Option<Format>,
}

pub fn run(args: &Args) -> anyhow::Result<u8> {
    match &args.action {
        Action::Detect(args) => detect(args),
        Action::List(args) => list(args.format),
        Action::Show(args) => show(&args.name, args.format),
    }
}

/// The site of a sweep: of `--site`, the spec, `DLGRID_SITE`, or this cluster's.
pub fn choose(
    option: Option<&str>,
    spec: &SlurmSettings,
    cluster: Option<&str>,
) -> anyhow::Result<Site> {
    let environment = host::env("DLGRID_SITE").map(|name| name.to_string_lossy().into_owned());
    let wish = Wish { option, spec, environment: environment.as_deref(), cluster };
    let choice = find::choose(&find::folder(), wish).map_err(wrong)?;
    for note in choice.notes {
        talk(&format!("{}\n", clean(&note)));
    }
    Ok(choice.site)
}

fn wrong(error: SiteError) -> anyhow::Error {
    match error {
        SiteError::Mistakes(mistakes) => mistakes.into(),
        SiteError::Store(error) => error.into(),
        other => {
            let hint = other.hint().unwrap_or_default();
            wrong_input(&other, hint)
        }
    }
}

fn detect(args: &DetectArgs) -> anyhow::Result<u8> {
    let Some(slurm) = Slurm::find(Duration::from_secs(10)) else {
        return Err(refuse(
            exit::MISSING,
            "this machine has no sbatch: there is no cluster to look at",
            "run this on a login node; `dlgrid site show example` prints a profile to start from",
        ));
    };
    let cluster = preflight::cluster(&slurm)?;
    let name = args.name.clone().unwrap_or_else(|| detect::name(&cluster));
    if !read::is_name(&name) {
        return Err(wrong_input(
            format!("`{name}` can't name a site"),
            "letters, digits, `.`, `_` and `-`, at most 64, the first a letter or a digit",
        ));
    }
    let slurm = slurm.of_cluster(cluster.name.as_deref());
    let own = cluster.accounting.then(|| slurm.associations()).flatten();
    let text = detect::profile(&name, &cluster, own.as_deref());
    let findings = detect::findings(&cluster, own.as_deref());
    talk(&findings.iter().map(|line| format!("found: {line}\n")).collect::<String>());
    if args.write {
        write(&name, &text, &cluster)?;
    } else {
        print(&text)?;
        talk(
            "edit: partition, account and time under `slurm`; lines such as `module load` under `setup`\n",
        );
        next(&format!("dlgrid site detect --name {name} --write   (keeps it among your profiles)"));
    }
    Ok(exit::OK)
}

fn write(name: &str, text: &str, cluster: &Cluster) -> anyhow::Result<()> {
    let folder = find::folder();
    let path = folder.join(format!("{name}.yaml"));
    fs::create_dirs(&folder)?;
    match fs::publish(&path, text.as_bytes()) {
        Err(error) if error.is_exists() => {
            return Err(wrong_input(
                format!("there is a profile `{}`", path.display()),
                "edit it, remove it, or take another name with `--name`",
            ));
        }
        written => written?,
    }
    talk(&format!("wrote `{}`; edit it as you like\n", path.display()));
    let way = format!("`--site {name}`, or `slurm.site: {name}` in a spec");
    next(&match cluster.name {
        Some(_) => format!("sweeps on this cluster use it by themselves; elsewhere: {way}"),
        None => way,
    });
    Ok(())
}

/// The forms that sites have.
const fn has(form: Format) -> bool {
    matches!(form, Format::Table | Format::Json)
}

fn list(format: Option<Format>) -> anyhow::Result<u8> {
    let format = Format::of(format, has)?;
    let all = find::known(&find::folder());
    match format {
        Format::Table => {
            print(&table(&all, Terminal::stdout().view()))?;
            if let Some(first) = all.first() {
                next(&format!("dlgrid site show {}   (all that it says)", first.name));
            }
        }
        Format::Json => {
            let sites: Vec<Value> = all.iter().map(entry).collect();
            print(&format!("{:#}\n", json!({"schema": "dlgrid.sites/1", "sites": sites})))?;
        }
        _ => return Err(wrong_input("sites are no rows of numbers", "use `--format json`")),
    }
    Ok(exit::OK)
}

fn table(all: &[Known], view: View) -> String {
    let about = |one: &Known| match &one.site {
        Ok(site) => {
            let cluster = site.cluster.as_ref().map(|c| format!("cluster {c}"));
            let parts: Vec<String> = site.description.clone().into_iter().chain(cluster).collect();
            parts.join("; ")
        }
        Err(error) => format!("{error}: `dlgrid site show {}` says more", one.name),
    };
    let origin = |one: &Known| one.path.as_ref().map_or("built in", |_| "yours").to_owned();
    let tone = |one: &Known| if one.site.is_ok() { Tone::Plain } else { Tone::Bad };
    let cells = |cell: &dyn Fn(&Known) -> String| all.iter().map(cell).collect();
    let columns = vec![
        Column::words("site", cells(&|one| clean(&one.name).into_owned())),
        Column::words("whose", cells(&origin)).toned(Tone::Less),
        Column {
            yields: true,
            tones: all.iter().map(tone).collect(),
            ..Column::words("what it is", cells(&|one| clean(&about(one)).into_owned()))
        },
    ];
    lay_out(columns, view).0
}

fn entry(one: &Known) -> Value {
    let mut value = match &one.site {
        Ok(site) => content(site),
        Err(error) => json!({"problem": error.to_string()}),
    };
    value["name"] = one.name.as_str().into();
    value["path"] = one.path.as_ref().map(|path| path.display().to_string()).into();
    value
}

fn content(site: &Site) -> Value {
    let limits = &site.limits;
    json!({
        "name": site.name,
        "description": site.description,
        "cluster": site.cluster,
        "slurm": settings(&site.slurm),
        "light": settings(&site.light),
        "setup": site.setup,
        "login_shell": site.login_shell,
        "limits": {
            "max_array_size": limits.max_array_size,
            "max_submit_jobs": limits.max_submit_jobs,
            "hold": limits.hold,
            "requeue": limits.requeue,
            "jobs_may_submit": limits.jobs_may_submit,
        },
    })
}

/// Settings by key, as text; `null` for those that are taken away.
fn settings(settings: &SlurmSettings) -> Value {
    let given = settings.given.iter().map(|(k, v)| (k.clone(), v.replace('\u{1f}', " ").into()));
    let removed = settings.removed.iter().map(|key| (key.clone(), Value::Null));
    Value::Object(given.chain(removed).collect())
}

fn show(name: &str, format: Option<Format>) -> anyhow::Result<u8> {
    let format = Format::of(format, has)?;
    let folder = find::folder();
    match format {
        // What is wrong with it is told first: the text alone would look well.
        Format::Table => {
            find::load(&folder, name).map_err(wrong)?;
            print_bytes(&find::text(&folder, name).map_err(wrong)?.0)?;
        }
        Format::Json => {
            let site = find::load(&folder, name).map_err(wrong)?;
            let mut value = content(&site);
            value["schema"] = "dlgrid.site/1".into();
            value["path"] = site.origin.map(|path| path.display().to_string()).into();
            print(&format!("{value:#}\n"))?;
        }
        _ => return Err(wrong_input("a profile is no table of rows", "use `--format json`")),
    }
    Ok(exit::OK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sites_are_listed_at_any_width() {
        // A folder that is not there holds no profile: these are those built in.
        let all = find::known(std::path::Path::new("/nonexistent"));
        insta::assert_snapshot!("sites_80", table(&all, View { width: Some(80), color: false }));
        insta::assert_snapshot!("sites_140", table(&all, View { width: Some(140), color: false }));
    }
}
