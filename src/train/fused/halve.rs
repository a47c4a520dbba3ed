//! Trains a cohort where libtorch may refuse so many runs at once: then each half of those that are
//! left, from where their checkpoints are. Nothing that was saved, and no end, is lost.
use super::{Log, train};
use crate::engine::{Ending, Stop};
use crate::run::{Job, RunError};

/// As [`train`], but where libtorch refuses several runs (for want of a device's memory, most
/// often), they are trained again in two halves, and so on; `refused` is told of how many and why. `from`
/// gives the newest checkpoint of a run by its place among the jobs. Of a run that is refused by itself
/// `log` is told no end.
///
/// # Errors
/// Where the device itself has failed.
///
/// # Panics
/// As [`train`].
pub fn train_halving(
    jobs: &[Job<'_>],
    from: impl Fn(usize) -> Option<Vec<u8>>,
    stop: &Stop,
    log: &mut Log<'_>,
    mut refused: impl FnMut(usize, &RunError),
) -> Result<(), RunError> {
    let mut parts: Vec<Vec<usize>> = vec![(0..jobs.len()).collect()];
    while let Some(part) = parts.pop() {
        let own: Vec<Job<'_>> = part.iter().map(|at| jobs[*at]).collect();
        let saved: Vec<Option<Vec<u8>>> = part.iter().map(|at| from(*at)).collect();
        let (mut left, mut goes_on) = (vec![true; part.len()], true);
        let trained = train(
            &own,
            &saved,
            stop,
            &mut Log {
                begin: &mut |at| (log.begin)(part[at]),
                epoch: &mut |at, end| (log.epoch)(part[at], end),
                save: &mut |at, checkpoint| (log.save)(part[at], checkpoint),
                end: &mut |at, trained, size| {
                    left[at] = false;
                    let stopped = matches!(trained.ending, Ending::Stopped { .. });
                    let told = (log.end)(part[at], trained, size);
                    goes_on &= told && !stopped;
                    told
                },
            },
        );
        match trained {
            Err(error) if error.is_lasting() => return Err(error),
            Err(error) if goes_on => {
                let left = part.iter().zip(left).filter(|(_, left)| *left);
                let left: Vec<usize> = left.map(|(at, _)| *at).collect();
                if left.len() > 1 {
                    refused(left.len(), &error);
                    let halves = left.chunks(left.len().div_ceil(2)).rev();
                    parts.extend(halves.map(<[usize]>::to_vec));
                }
            }
            _ if !goes_on => return Ok(()),
            _ => {}
        }
    }
    Ok(())
}
