//! `dlgrid`: parses arguments, runs a command, prints its error and chooses the exit code.
#[path = "dlgrid/array_task.rs"]
mod array_task;
#[path = "dlgrid/beside.rs"]
mod beside;
#[path = "dlgrid/busy.rs"]
mod busy;
#[path = "dlgrid/cancel.rs"]
mod cancel;
#[path = "dlgrid/check.rs"]
mod check;
#[path = "dlgrid/cluster.rs"]
mod cluster;
#[path = "dlgrid/compare.rs"]
mod compare;
#[path = "dlgrid/complete.rs"]
mod complete;
#[path = "dlgrid/completion.rs"]
mod completion;
#[path = "dlgrid/data.rs"]
mod data;
#[path = "dlgrid/data_check.rs"]
mod data_check;
#[path = "dlgrid/doctor.rs"]
mod doctor;
#[path = "dlgrid/efficiency.rs"]
mod efficiency;
#[path = "dlgrid/errand.rs"]
mod errand;
#[path = "dlgrid/export.rs"]
mod export;
#[path = "dlgrid/failure.rs"]
mod failure;
#[path = "dlgrid/finish.rs"]
mod finish;
#[path = "dlgrid/fsck.rs"]
mod fsck;
#[path = "dlgrid/init.rs"]
mod init;
#[path = "dlgrid/list.rs"]
mod list;
#[path = "dlgrid/logs.rs"]
mod logs;
#[path = "dlgrid/manual.rs"]
mod manual;
#[path = "dlgrid/pick.rs"]
mod pick;
#[path = "dlgrid/plan.rs"]
mod plan;
#[path = "dlgrid/progress.rs"]
mod progress;
#[path = "dlgrid/ranks.rs"]
mod ranks;
#[path = "dlgrid/report.rs"]
mod report;
#[path = "dlgrid/retry.rs"]
mod retry;
#[path = "dlgrid/sanity.rs"]
mod sanity;
#[path = "dlgrid/schema.rs"]
mod schema;
#[path = "dlgrid/show.rs"]
mod show;
#[path = "dlgrid/show_run.rs"]
mod show_run;
#[path = "dlgrid/site.rs"]
mod site;
#[path = "dlgrid/slurm.rs"]
mod slurm;
#[path = "dlgrid/stage.rs"]
mod stage;
#[path = "dlgrid/status.rs"]
mod status;
#[path = "dlgrid/submit.rs"]
mod submit;
#[path = "dlgrid/supervise.rs"]
mod supervise;
#[path = "dlgrid/talk.rs"]
mod talk;
#[path = "dlgrid/task.rs"]
mod task;
#[path = "dlgrid/throttle.rs"]
mod throttle;
#[path = "dlgrid/tried.rs"]
mod tried;
#[path = "dlgrid/usage.rs"]
mod usage;
#[path = "dlgrid/watch/mod.rs"]
mod watch;
#[path = "dlgrid/work.rs"]
mod work;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use dlgrid_sweep::exit;

const EXAMPLES: &str = "\
Examples:
  dlgrid init                      write a first sweep.yaml
  dlgrid check sweep.yaml          all mistakes at once, with their lines
  dlgrid submit sweep.yaml         into Slurm's queue, or run here; again: only what is missing
  dlgrid report                    the leaderboard of the newest sweep

Exit codes:
  0 all well                        4 something is missing on this machine
  1 unexpected                      5 another dlgrid works on the same sweep
  2 your input is wrong             6 stopped on request; submit again goes on
  3 some runs failed or are missing 7 a trial can't learn one batch (sanity)
                                    8 a sweep directory is damaged (fsck)

`dlgrid help COMMAND` says more of each.";

/// Deep-learning hyperparameter sweeps: one YAML file, two commands, no server.
#[derive(Debug, Parser)]
#[command(name = "dlgrid", version, after_help = EXAMPLES, disable_help_subcommand = true)]
#[command(arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a first sweep.yaml to start from
    Init(init::Args),
    /// Check a spec: all mistakes at once, nothing runs
    Check(check::Args),
    /// Say what a spec would run, and what it would take
    Plan(plan::Args),
    /// Overfit one batch of some trials, and say what is wrong with those that can't
    Sanity(sanity::Args),
    /// Submit a sweep to Slurm, or run it here; again, only what is missing or new
    Submit(submit::Args),
    /// Show how far a sweep is, what waits, what fails, why and where
    Status(status::StatusArgs),
    /// Watch a sweep while it runs: a live view, or lines where there is no terminal
    Watch(watch::WatchArgs),
    /// Show the leaderboard of a sweep
    Report(report::ReportArgs),
    /// Compare two sweeps: trials of the same parameters, and the best of each
    Compare(compare::Args),
    /// Write runs, metrics and curves for other programs: CSV, JSON lines, TensorBoard
    Export(export::Args),
    /// Show what one run came to: metrics against their floors, classes, confusion
    Show(show_run::ShowArgs),
    /// Train the best of a sweep on all training samples, and open the test set
    Finish(finish::Args),
    /// Show what array tasks took of what they were given, and what to ask for next time
    Efficiency(efficiency::EfficiencyArgs),
    /// Run what failed or is missing of a sweep again, with more memory or time where it ran out of it
    Retry(retry::Args),
    /// Change how many tasks of a sweep may run at once
    Throttle(throttle::Args),
    /// Stop a sweep gently, in the queue or here, or leave some of its runs out
    Cancel(cancel::Args),
    /// Show what the worker of a run printed
    Logs(logs::LogsArgs),
    /// Check a sweep directory: every file, line, checksum and name
    Fsck(fsck::FsckArgs),
    /// List the sweeps
    List(list::ListArgs),
    /// Describe a cluster once for all sweeps: detect it; list and show profiles
    Site(site::Args),
    /// Check this machine, and say what mends it
    Doctor(doctor::DoctorArgs),
    /// Fetch, verify and list data sets
    Data(data::DataArgs),
    /// Print the JSON Schema of a spec, or the table of all settings of `train`
    Schema(schema::Args),
    /// Print a completion script for a shell
    Completions(manual::CompletionsArgs),
    /// Print the manual page of dlgrid or of a command, or write all of them
    Man(manual::ManArgs),
    /// Print the help of a command
    Help(usage::HelpArgs),
    /// Work on slices of a `command` sweep (dlgrid starts this itself)
    #[command(hide = true)]
    Task(task::Args),
    /// Be a task of a Slurm array (dlgrid starts this itself)
    #[command(hide = true)]
    ArrayTask(array_task::Args),
}

fn main() -> ExitCode {
    match completion::answer(Arguments::command) {
        Ok(false) => {}
        Ok(true) => return ExitCode::from(exit::OK),
        Err(error) => {
            let _printed = error.print();
            return ExitCode::from(exit::INPUT);
        }
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let words = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
            let words: Vec<String> = words.collect();
            let error = usage::explained(error, &words, &Arguments::command());
            let _printed = error.print();
            return ExitCode::from(if error.use_stderr() { exit::INPUT } else { exit::OK });
        }
    };
    match run(arguments.command) {
        Ok(code) => ExitCode::from(code),
        Err(error) => ExitCode::from(failure::tell(&error)),
    }
}

fn run(command: Command) -> anyhow::Result<u8> {
    match command {
        Command::Init(args) => init::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Sanity(args) => sanity::run(&args),
        Command::Submit(args) => submit::run(&args),
        Command::Status(args) => status::run(args),
        Command::Watch(args) => watch::run(&args),
        Command::Report(args) => report::run(args),
        Command::Compare(args) => compare::run(&args),
        Command::Export(args) => export::run(args),
        Command::Show(args) => show_run::run(&args),
        Command::Finish(args) => finish::run(&args),
        Command::Efficiency(args) => efficiency::run(&args),
        Command::Retry(args) => retry::run(&args),
        Command::Throttle(args) => throttle::run(&args),
        Command::Cancel(args) => cancel::run(&args),
        Command::Logs(args) => logs::run(&args),
        Command::Fsck(args) => fsck::run(&args),
        Command::List(args) => list::run(args),
        Command::Site(args) => site::run(&args),
        Command::Doctor(args) => doctor::run(args),
        Command::Data(args) => data::run(args),
        Command::Schema(args) => schema::run(&args),
        Command::Completions(args) => manual::completions(&args),
        Command::Man(args) => manual::man(&args, Arguments::command()),
        Command::Help(args) => usage::help(&args, Arguments::command()),
        Command::Task(args) => task::run(&args),
        Command::ArrayTask(args) => array_task::run(&args),
    }
}
