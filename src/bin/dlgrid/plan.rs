//! `dlgrid plan`: what would run, and what it would take.
use std::path::PathBuf;

use clap_complete::engine::ArgValueCandidates;
use dlgrid_sweep::cohort::Survey;
use dlgrid_sweep::exec::slurm::parse;
use dlgrid_sweep::pack::Cut;
use dlgrid_sweep::plan::{self, Place, Plan};
use dlgrid_sweep::store::read;
use dlgrid_sweep::sweep::{Sweep, SweepError};
use dlgrid_sweep::terminal::View;
use dlgrid_sweep::text::{clean, grouped, plural, shell_word};
use dlgrid_sweep::{doctor, exit, host, spec};
use serde_json::json;

use crate::completion;
use crate::pick::Root;
use crate::show::{Format, Terminal, print, wrong_input};
use crate::talk::next;
use crate::{check, cluster, site, slurm, work};

const EXAMPLES: &str = "\
Examples:
  dlgrid plan sweep.yaml               runs, tasks and hours of the next submit
  dlgrid plan sweep.yaml --script      the job script and each sbatch line as submit would have them
  dlgrid plan sweep.yaml --test-only   whether Slurm would take it, and when it would start";

/// Arguments of `plan`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The spec, a YAML file; `-` reads standard input
    pub file: PathBuf,
    /// Refuse a sweep of more runs than this
    #[arg(long, value_name = "N", default_value_t = spec::DEFAULT_MAX_RUNS)]
    pub max_runs: u64,
    /// Workers at a time on this machine, as `submit --local` would take them
    #[arg(long, value_name = "N")]
    pub slots: Option<usize>,
    /// Print the job script and each sbatch line, exactly as `submit` would have them
    #[arg(long, conflicts_with_all = ["format", "slots"])]
    pub script: bool,
    /// Ask Slurm whether it would take a task, and when it would start; nothing is submitted
    #[arg(long, conflicts_with_all = ["script", "slots"])]
    pub test_only: bool,
    /// The site whose profile to use: a name or a path [default: what the spec says, or DLGRID_SITE]
    #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(completion::sites))]
    pub site: Option<String>,
    /// Plan for this machine, also where sbatch is found
    #[arg(long, env = "DLGRID_LOCAL", hide_env = true, value_parser = clap::builder::FalseyValueParser::new())]
    pub local: bool,
    #[command(flatten)]
    root: Root,
    /// The worker program [default: dlgrid-worker beside dlgrid, or DLGRID_WORKER]
    #[arg(long, value_name = "FILE", env = "DLGRID_WORKER", hide_env = true)]
    pub worker: Option<PathBuf>,
    /// How to print it: table or json
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

pub fn run(args: &Args) -> anyhow::Result<u8> {
    if !matches!(args.format, Format::Table | Format::Json) {
        return Err(wrong_input("a plan is no table of rows", "use `--format json`"));
    }
    let (mut spec, _) = check::read(&args.file, args.max_runs)?;
    if args.script {
        print(&script(&spec, args)?)?;
        return Ok(exit::OK);
    }
    if args.test_only {
        let folder = Sweep::folder(&args.root.root, &spec);
        let says = cluster::try_out(args.site.as_deref(), &spec.slurm, folder.path())?;
        print(&answer(&says, args.format))?;
        return Ok(exit::OK);
    }
    let site = site::choose(args.site.as_deref(), &spec.slurm, None)?;
    spec.slurm = site.settings(&spec.slurm);
    let local = args.slots.is_some() || args.local || host::which("sbatch").is_none();
    let cut = if local {
        Cut::Slots(work::slots(args.slots, &spec.slurm).len() as u64)
    } else {
        Cut::Tasks(slurm::load(&spec.slurm, &site, slurm::max_running(&spec.slurm)))
    };
    let plan = plan::plan(&spec, &cut);
    let text = match args.format {
        Format::Json => format!("{:#}\n", to_json(&plan)),
        _ => table(&plan, Terminal::stdout().view()),
    };
    print(&text)?;
    if args.format == Format::Table && args.file.as_os_str() != "-" {
        next(&format!("dlgrid submit {}", shell_word(&args.file.to_string_lossy())));
    }
    Ok(exit::OK)
}

/// What sbatch would be told of the slices that are missing; all of them where the sweep is new.
fn script(spec: &spec::Spec, args: &Args) -> anyhow::Result<String> {
    let place = cluster::place(args.site.as_deref(), &spec.slurm)?;
    let settings = &place.settings;
    let (sweep, slices) = match Sweep::open(Sweep::folder(&args.root.root, spec)) {
        Ok(sweep) => {
            let results = read::load_to_show(&sweep.dir, &sweep.manifest.id)?;
            let left = sweep.slices_left(&results, read::RetryPolicy::default());
            (sweep, left)
        }
        Err(SweepError::Store(error)) if error.is_not_found() => {
            let load = slurm::load(settings, &place.site, slurm::max_running(settings));
            let spec = spec::Spec { slurm: settings.clone(), ..spec.clone() };
            let sweep = Sweep::draft(&args.root.root, spec, &Cut::Tasks(load));
            let count = u32::try_from(sweep.manifest.slices.len()).unwrap_or(u32::MAX);
            (sweep, (0..count).collect())
        }
        Err(error) => return Err(error.into()),
    };
    let worker = work::program(spec, args.worker.as_deref())?;
    slurm::show(&sweep, &place, &worker, slices)
}

/// Slurm's answer to a task that is only tried out.
fn answer(says: &str, format: Format) -> String {
    let start = parse::start(says, host::now());
    match format {
        Format::Json => {
            format!(
                "{:#}\n",
                json!({"schema": "dlgrid.try/1", "taken": true, "start": start, "says": says})
            )
        }
        _ => {
            let start = start.map_or("not known".into(), |at| format!("{at}, by Slurm's estimate"));
            format!("{:<10} {start}\n{:<10} {}\n", "start", "Slurm says", clean(says))
        }
    }
}

fn to_json(plan: &Plan) -> serde_json::Value {
    let first: Vec<serde_json::Value> = plan
        .first
        .iter()
        .map(|point| {
            point
                .iter()
                .filter_map(|(path, value)| Some((path.clone(), value.as_ref()?.to_json())))
                .collect::<serde_json::Map<_, _>>()
                .into()
        })
        .collect();
    let slurm: serde_json::Map<_, _> =
        plan.slurm.iter().map(|(k, v)| (k.clone(), v.as_str().into())).collect();
    json!({
        "schema": "dlgrid.plan/1",
        "name": plan.name,
        "trials": plan.trials,
        "runs": plan.runs,
        "seeds": plan.seeds,
        "folds": plan.folds,
        "slices": plan.slices,
        "runs_per_slice": plan.runs_per_slice,
        "tasks": match plan.place {
            Place::Slurm { tasks, .. } => Some(tasks),
            Place::Here { .. } => None,
        },
        "fused": plan.fused.as_ref().map(Survey::to_json),
        "axes": plan.shape.iter().map(|block| {
            block.iter().map(|(name, len)| json!({"parameter": name, "values": len})).collect::<Vec<_>>()
        }).collect::<Vec<_>>(),
        "first": first,
        "bytes": plan.bytes,
        "files": plan.files,
        "slurm": slurm,
    })
}

/// Characters of the heads before what a plan says.
const HEAD: usize = 11;

fn table(plan: &Plan, view: View) -> String {
    let mut out = String::new();
    let mut line = |name: &str, value: String| out.push_str(&view.item(name, HEAD, &value));
    line("sweep", plan.name.clone());
    line("work", plan.work.clone());
    for (number, block) in plan.shape.iter().enumerate() {
        let axes: Vec<String> = block.iter().map(|(name, len)| format!("{name} {len}")).collect();
        let name = if number == 0 { "space" } else { "" };
        let shown =
            if axes.iter().all(String::is_empty) { "one point".into() } else { axes.join(" × ") };
        line(name, shown);
    }
    line("trials", grouped(plan.trials));
    let seeds: Vec<String> = plan.seeds.iter().take(10).map(ToString::to_string).collect();
    let more = if plan.seeds.len() > 10 { ", …" } else { "" };
    let folds = plan.folds.map_or_else(String::new, |folds| format!(" × {folds} folds"));
    line("runs", format!("{} (seeds {}{more}{folds})", grouped(plan.runs), seeds.join(", ")));
    let slices =
        format!("{} of up to {}", grouped(plan.slices), plural(plan.runs_per_slice, "run"));
    match plan.place {
        Place::Here { slots } => line("slices", format!("{slices}, for {slots} slots here")),
        Place::Slurm { tasks, workers } => {
            let of = plural(plan.slices.div_ceil(tasks.max(1)), "slice");
            let many =
                if workers > 1 { format!(", {workers} workers each") } else { String::new() };
            line("slices", slices);
            line("tasks", format!("{} of up to {of} on Slurm{many}", grouped(tasks)));
        }
    }
    if let Some(fused) = &plan.fused {
        line("fused", fused.to_string());
    }
    line(
        "disk",
        format!("about {} in about {} files", doctor::size(plan.bytes), grouped(plan.files)),
    );
    for (number, (key, value)) in plan.slurm.iter().enumerate() {
        line(if number == 0 { "slurm" } else { "" }, format!("{key}: {value}"));
    }
    for (number, point) in plan.first.iter().enumerate() {
        let cells: Vec<String> = point
            .iter()
            .filter_map(|(path, value)| {
                Some(format!("{path} = {}", clean(&value.as_ref()?.to_string())))
            })
            .collect();
        let shown = if cells.is_empty() { "as the spec says".into() } else { cells.join(", ") };
        line(if number == 0 { "first" } else { "" }, shown);
    }
    if plan.trials > plan.first.len() as u64 {
        line("", format!("… and {} more", grouped(plan.trials - plan.first.len() as u64)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: &str = "\
name: fashion-depth
command: [python, train.py, \"--lr={lr}\", \"--layers={layers}\"]
parameters: {lr: {log: [1e-4, 1e-1], steps: 7}, layers: [1, 2, 3, 4], activation: [relu, gelu], width: [64, 128]}
seeds: 12
objective: {minimize: valid/loss}
slurm: {partition: gpu, time: 2h, gpus: 1, memory: 16G}
";

    #[test]
    fn a_plan_fits_on_a_screen() {
        let (spec, _) = spec::read("sweep.yaml", SPEC.as_bytes(), 10_000).expect("a spec");
        let plan = plan::plan(&spec, &Cut::Slots(4));
        insta::assert_snapshot!("plan_80", table(&plan, View { width: Some(80), color: false }));
        insta::assert_snapshot!("plan_140", table(&plan, View { width: Some(140), color: false }));
    }
}
