//! In which state each run of a sweep is, and why it did not end well.
use std::collections::HashMap;

use super::super::fate::{self, Attempt};
use super::super::pause;
use super::{Subject, Trouble};
use crate::exec::slurm::state::Standing;
use crate::judge::{Liveness, State, Traces, judge};
use crate::store::merge::{LastEvent, Place, RunState};
use crate::store::record::Head;

impl Subject<'_> {
    /// Why a run did not end well, and where that happened.
    pub(super) fn trouble<'s>(&'s self, run: &'s RunState, state: State) -> Trouble<'s> {
        let head = |at: &Place| self.results.segments.get(&at.segment())?.head.as_deref();
        let node = |head: &'s Head| head.node.as_deref().unwrap_or(&head.host);
        match (state, &run.end, &run.last) {
            (State::Failed | State::Diverged, Some(end), _) => {
                let node = Some(&end.at).filter(|at| at.attempt > 0).and_then(head).map(node);
                (end.why.as_deref().map(Into::into), end.cause, node)
            }
            (State::Lost, _, Some(last)) => {
                let (slice, head) = (last.at.slice, head(&last.at));
                let intent = head.and_then(|head| head.intent);
                let attempt = Attempt { slice, intent, time: last.time };
                let slurm = self.slurm.and_then(|slurm| slurm.over(slice));
                let (why, kind, of_task) = fate::of(&attempt, self.starts(), slurm)
                    .map_or((None, None, None), |f| (Some(f.words), f.cause, f.node));
                (why, kind, head.map(node).or(of_task))
            }
            (State::Interrupted, _, Some(last)) => {
                let slice = last.at.slice;
                let is_queued = (self.liveness)(slice) == Liveness::Queued;
                let wait = || self.slurm.and_then(|slurm| slurm.wait(slice)).unwrap_or_default();
                let queued = is_queued.then(wait);
                let slurm = self.slurm.and_then(|slurm| slurm.over(slice));
                let found = pause::of(slice, self.starts(), queued, slurm);
                let (why, kind) = found.map_or((None, None), |(why, kind)| (Some(why), kind));
                (why.map(Into::into), kind, head(&last.at).map(node))
            }
            _ => (None, None, None),
        }
    }

    pub(super) fn is_left_out(&self, index: u64) -> bool {
        self.left_out.is_some_and(|runs| runs.contains_key(&index))
    }

    /// Runs that are left out and were not begun, in order.
    pub(super) fn left_out_unbegun(&self) -> Vec<u64> {
        let all = self.left_out.into_iter().flat_map(HashMap::keys).copied();
        let mut runs: Vec<u64> = all.filter(|i| !self.results.runs.contains_key(i)).collect();
        runs.sort_unstable();
        runs
    }

    pub(super) fn state(&self, index: u64, run: &RunState) -> State {
        let outcome = run.end.as_ref().map(|end| end.outcome);
        let Some(last) = run.last.as_ref().filter(|_| outcome.is_none()) else {
            return judge(&Traces { outcome, ..Traces::default() }, 0, Liveness::Unknown);
        };
        let segment = self.results.segments.get(&last.at.segment());
        let stopped = matches!(last.what, LastEvent::Stopped { .. });
        let saved = matches!(
            last.what,
            LastEvent::Checkpoint { .. } | LastEvent::Stopped { saved: true, .. }
        );
        let closed = segment.is_some_and(|s| s.closed);
        let traces = Traces { outcome, attempt: last.at.attempt, stopped, saved, closed };
        let newest = self.results.attempts(last.at.slice);
        match judge(&traces, newest, (self.liveness)(last.at.slice)) {
            State::Waiting | State::Interrupted | State::Lost if self.is_left_out(index) => {
                State::LeftOut
            }
            state => state,
        }
    }

    /// Runs not ended that are being trained, or will be without anyone doing more, in order.
    #[must_use]
    pub fn under_way(&self) -> Vec<u64> {
        let is_topped_up = self.slurm.is_some_and(Standing::is_topped_up);
        let is_at_it = |slice: u32| {
            is_topped_up || matches!((self.liveness)(slice), Liveness::Alive | Liveness::Queued)
        };
        let spans = (0..).zip(self.slices).filter(|(slice, _)| is_at_it(*slice));
        let runs = spans.flat_map(|(_, span)| self.spec.walk(span.start, span.end));
        runs.filter(|i| self.results.end(*i).is_none() && !self.is_left_out(*i)).collect()
    }

    /// Runs not ended in slices that no process works on or will.
    pub(super) fn missing(&self) -> u64 {
        // What is not in the queue yet is put there by a job.
        if self.slurm.is_some_and(Standing::is_topped_up) {
            return 0;
        }
        let is_open = |index: &u64| self.results.end(*index).is_none() && !self.is_left_out(*index);
        let gone = |slice: &u32| (self.liveness)(*slice) == Liveness::Gone;
        let spans = (0..).zip(self.slices).filter(|(slice, _)| gone(slice)).map(|(_, span)| span);
        spans.map(|span| self.spec.walk(span.start, span.end).filter(is_open).count() as u64).sum()
    }
}
