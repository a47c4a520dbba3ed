//! The faults: what each does to the cluster, to a task, or as a user who types commands at a bad moment.
use std::process::Command;
use std::time::Duration;

use super::field::{Cure, Field, NODES};
use super::round::Round;
use crate::draw::Draw;

/// A fault, by what it is called in the figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Requeue,
    CancelTask,
    KillTask,
    KillWorker,
    KillProgram,
    KillNode,
    FreezeNode,
    DrainNode,
    KillController,
    RewindController,
    KillControllerInSubmit,
    PartitionDown,
    Preempt,
    KillSubmit,
    TwoSubmits,
    SubmitAgainstCancel,
    RetryBesideSubmit,
}

/// Those from which Slurm recovers within seconds.
pub const QUICK: &[Fault] = &[
    Fault::Requeue,
    Fault::CancelTask,
    Fault::KillTask,
    Fault::KillWorker,
    Fault::KillProgram,
    Fault::DrainNode,
    Fault::PartitionDown,
    Fault::Preempt,
    Fault::KillSubmit,
    Fault::TwoSubmits,
    Fault::SubmitAgainstCancel,
    Fault::RetryBesideSubmit,
];

/// All of them; what takes long to recover from comes less often than the others.
pub const ALL: &[Fault] = &[
    Fault::Requeue,
    Fault::Requeue,
    Fault::CancelTask,
    Fault::KillTask,
    Fault::KillTask,
    Fault::KillWorker,
    Fault::KillProgram,
    Fault::KillNode,
    Fault::KillNode,
    Fault::FreezeNode,
    Fault::FreezeNode,
    Fault::DrainNode,
    Fault::KillController,
    Fault::KillController,
    Fault::RewindController,
    Fault::KillControllerInSubmit,
    Fault::KillControllerInSubmit,
    Fault::PartitionDown,
    Fault::Preempt,
    Fault::KillSubmit,
    Fault::KillSubmit,
    Fault::TwoSubmits,
    Fault::SubmitAgainstCancel,
    Fault::RetryBesideSubmit,
];

impl Fault {
    pub fn name(self) -> &'static str {
        match self {
            Self::Requeue => "scontrol requeue of a task",
            Self::CancelTask => "scancel of a task",
            Self::KillTask => "scancel --signal=KILL of a task",
            Self::KillWorker => "SIGKILL of a worker",
            Self::KillProgram => "SIGKILL of a program",
            Self::KillNode => "SIGKILL of a slurmd with its steps and jobs",
            Self::FreezeNode => "SIGSTOP of a slurmd for 30 s",
            Self::DrainNode => "node drained",
            Self::KillController => "SIGKILL of slurmctld",
            Self::RewindController => "SIGKILL of slurmctld, back with an old state",
            Self::KillControllerInSubmit => "SIGKILL of slurmctld during submit",
            Self::PartitionDown => "partition down",
            Self::Preempt => "preemption",
            Self::KillSubmit => "SIGKILL of submit",
            Self::TwoSubmits => "two submits at once",
            Self::SubmitAgainstCancel => "submit against cancel",
            Self::RetryBesideSubmit => "retry beside submit",
        }
    }

    /// Does it; whether it took hold.
    pub fn strike(self, field: &Field, round: &mut Round<'_>, draw: &mut Draw) -> bool {
        match self {
            Self::Requeue => of_a_task(field, round, draw, &["scontrol", "requeue"]),
            Self::CancelTask => of_a_task(field, round, draw, &["scancel"]),
            Self::KillTask => of_a_task(field, round, draw, &["scancel", "--signal=KILL"]),
            Self::KillWorker => kill_one_of(round, draw, 0),
            Self::KillProgram => kill_one_of(round, draw, 1),
            Self::KillNode | Self::FreezeNode | Self::DrainNode => {
                self.at_a_node(field, round, draw)
            }
            Self::KillController | Self::RewindController => {
                self.at_the_controller(field, round, draw)
            }
            Self::KillControllerInSubmit => {
                round.types(draw, &["submit", "toy.yaml"]);
                std::thread::sleep(draw.pause(50, 1500));
                Self::KillController.at_the_controller(field, round, draw)
            }
            Self::PartitionDown => {
                round.later(draw.pause(2000, 8000), Cure::PartitionUp);
                field.client(&["scontrol", "update", "PartitionName=main", "State=DOWN"]).is_some()
            }
            Self::Preempt => preempt(field, draw),
            Self::KillSubmit => {
                let at = round.types(draw, &["submit", "toy.yaml"]);
                std::thread::sleep(draw.pause(10, 900));
                round.kill(at)
            }
            Self::TwoSubmits => {
                let one = round.types(draw, &["submit", "toy.yaml"]);
                std::thread::sleep(draw.pause(0, 200));
                round.types_in(one.0, &["submit", "toy.yaml"]);
                true
            }
            Self::SubmitAgainstCancel => {
                let one = round.types(draw, &["submit", "toy.yaml"]);
                std::thread::sleep(draw.pause(0, 900));
                round.types_in(one.0, &["cancel", "toy"]);
                true
            }
            Self::RetryBesideSubmit => {
                let one = round.types(draw, &["retry", "toy"]);
                std::thread::sleep(draw.pause(0, 200));
                round.types_in(one.0, &["submit", "toy.yaml"]);
                true
            }
        }
    }

    fn at_a_node(self, field: &Field, round: &mut Round<'_>, draw: &mut Draw) -> bool {
        let well: Vec<usize> = (1..=NODES).filter(|n| !round.is_ill(*n)).collect();
        // At least half of the cluster works.
        let Some(node) = draw.of(&well).filter(|_| well.len() > NODES / 2) else { return false };
        let name = format!("n{node}");
        match self {
            Self::KillNode => {
                field.cluster.act("kill", &[&name]);
                round.later(draw.pause(1000, 30_000), Cure::Start(*node));
                true
            }
            Self::FreezeNode => {
                round.later(Duration::from_secs(30), Cure::Thaw(*node));
                field.signal_daemon(&name, "STOP")
            }
            _ => {
                round.later(draw.pause(2000, 10_000), Cure::Resume(*node));
                let node = format!("NodeName={name}");
                let words = ["scontrol", "update", &node, "State=DRAIN", "Reason=chaos"];
                field.client(&words).is_some()
            }
        }
    }

    fn at_the_controller(self, field: &Field, round: &mut Round<'_>, draw: &mut Draw) -> bool {
        if round.has(&Cure::StartController) {
            return false;
        }
        field.cluster.act("kill", &["slurmctld"]);
        if self == Self::RewindController {
            field.rewind();
        }
        round.later(draw.pause(0, 6000), Cure::StartController);
        true
    }
}

/// A command of Slurm's about a task that runs.
fn of_a_task(field: &Field, round: &Round<'_>, draw: &mut Draw, words: &[&str]) -> bool {
    let rows = field.client(&["squeue", "-h", "-r", "-t", "R", "-o", "%F_%K|%j"]);
    let rows = rows.unwrap_or_default();
    let ours: Vec<&str> = rows
        .lines()
        .filter_map(|row| row.split_once('|'))
        .filter(|(_, name)| round.owns(name))
        .map(|(task, _)| task)
        .collect();
    let Some(task) = draw.of(&ours) else { return false };
    field.client(&[words, &[task]].concat()).is_some()
}

/// SIGKILL for a worker (0) or a program (1) that is at work.
fn kill_one_of(round: &Round<'_>, draw: &mut Draw, which: usize) -> bool {
    let at_work = round.at_work();
    let Some(pair) = draw.of(&at_work) else { return false };
    let said = Command::new("kill").args(["-KILL", &pair[which].to_string()]).output();
    said.is_ok_and(|said| said.status.success())
}

/// A job of somebody else's that takes a whole node for a while.
fn preempt(field: &Field, draw: &mut Draw) -> bool {
    let wrap = format!("--wrap=sleep {}", 1 + draw.below(4));
    let node = format!("--nodelist=n{}", 1 + draw.below(NODES as u64));
    let words = ["sbatch", "-p", "urgent", "--exclusive", "-o", "/dev/null", &node, &wrap];
    field.client(&words).is_some()
}
