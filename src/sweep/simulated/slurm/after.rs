//! What jobs of the simulated Slurm wait for.
use super::super::World;
use super::{Job, State, Task};

/// What a job waits for.
#[derive(Debug, Clone, Copy)]
pub(super) enum After {
    /// The end of a job.
    Job(u64),
    /// The end of one of its tasks.
    Task(u64, usize),
    /// Its good end: without it the job is cancelled.
    Success(u64),
}

impl After {
    pub(super) fn job(self) -> u64 {
        let (Self::Job(id) | Self::Task(id, _) | Self::Success(id)) = self;
        id
    }
}

impl World {
    /// What the words of a dependency mean; jobs that nobody knows are over.
    pub(super) fn after(&self, text: &str) -> Vec<After> {
        let known = |id: &u64| self.slurm.jobs.iter().any(|job| job.id == *id && !job.is_foreign());
        let one = |kind: &str, job: &str| {
            let (id, task) = job.split_once('_').map_or((job, None), |(id, task)| (id, Some(task)));
            let id = id.parse().ok().filter(known)?;
            Some(match task {
                Some(task) => After::Task(id, task.parse().expect("a task")),
                None if kind == "afterok" => After::Success(id),
                None => After::Job(id),
            })
        };
        let all = text.split(',').filter_map(|part| part.split_once(':'));
        all.flat_map(|(kind, jobs)| jobs.split(':').filter_map(move |job| one(kind, job))).collect()
    }

    /// Whether a job waits for another, or is that, directly or by way of others.
    pub(super) fn leads_to(&self, from: u64, to: u64) -> bool {
        let (mut known, mut at) = (vec![from], 0);
        while at < known.len() {
            let jobs = self.slurm.jobs.iter().filter(|job| job.id == known[at]);
            let next: Vec<u64> = jobs.flat_map(|job| &job.after).map(|one| one.job()).collect();
            known.extend(next.into_iter().filter(|id| !known.contains(id)).collect::<Vec<_>>());
            at += 1;
        }
        known.contains(&to)
    }

    /// Whether a job waits for others that are not over.
    pub(super) fn depends(&self, job: &Job) -> bool {
        let of = |id: u64| self.slurm.jobs.iter().find(move |job| job.id == id);
        job.after.iter().any(|after| match *after {
            After::Job(id) | After::Success(id) => of(id).is_some_and(Job::is_alive),
            After::Task(id, task) => of(id)
                .and_then(|job| job.tasks.get(task))
                .is_some_and(|task| !matches!(task.state, State::Over(..))),
        })
    }

    /// Whether a job waits for the good end of one that has ended otherwise.
    pub(super) fn waits_in_vain(&self, job: &Job) -> bool {
        let well = |task: &Task| matches!(task.state, State::Over("COMPLETED", _));
        job.after.iter().any(|after| match *after {
            After::Success(id) => self
                .slurm
                .jobs
                .iter()
                .any(|job| job.id == id && !job.is_alive() && !job.tasks.iter().all(well)),
            _ => false,
        })
    }
}
