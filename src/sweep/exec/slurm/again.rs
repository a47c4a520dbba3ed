//! What is submitted again, and with how much more: decided from how the runs of a slice ended and
//! why its last task did.
use std::collections::BTreeMap;

use crate::spec::upkeep::RetryRules;
use crate::store::read::RetryPolicy;
use crate::store::record::Cause;
use crate::store::tasks::Granted;

/// Which runs are wanted again. Where nothing is chosen, all that did not end well but for
/// diverged ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Choice {
    /// Runs that failed.
    pub failed: bool,
    /// Runs that ran out of memory.
    pub memory: bool,
    /// Runs whose time limit came.
    pub time: bool,
    /// Runs that were begun or waited, and that nobody works on.
    pub lost: bool,
    /// Runs whose loss stopped being finite.
    pub diverged: bool,
}

impl Choice {
    /// All classes but diverged ones, where none is chosen.
    #[must_use]
    pub const fn or_all(self) -> Self {
        if self.failed || self.memory || self.time || self.lost {
            return self;
        }
        Self { failed: true, memory: true, time: true, lost: true, diverged: self.diverged }
    }

    /// Ended runs that are trained again.
    #[must_use]
    pub const fn policy(self) -> RetryPolicy {
        RetryPolicy { failed: self.failed, memory: self.memory, diverged: self.diverged }
    }

    const fn wants_open(self, cause: Option<Cause>) -> bool {
        match cause {
            Some(Cause::Memory) => self.memory,
            Some(Cause::Time) => self.time,
            _ => self.lost,
        }
    }
}

/// What is known of a slice.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Known {
    /// The slice.
    pub slice: u32,
    /// Its runs that have not ended.
    pub open: u64,
    /// Its ended runs that [`Choice::policy`] admits.
    pub ended: u64,
    /// Whether some of those ran out of memory.
    pub of_memory: bool,
    /// Why its last task ended before its work was done, if that is known.
    pub cause: Option<Cause>,
    /// What its last task had.
    pub granted: Granted,
    /// Arrays with it whose tasks ran out of memory; whose time limit came.
    pub tried: (u32, u32),
}

/// More than before; nothing where it stays as it was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct More {
    /// Memory of a task in MiB.
    pub memory_mib: Option<u64>,
    /// Time limit of a task in seconds.
    pub seconds: Option<u64>,
}

/// What slices get more than is usual.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Raise {
    /// All of it.
    pub more: More,
    /// What of it they had the last time: Slurm took tasks with that.
    pub kept: More,
}

/// What is submitted again.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Again {
    /// Slices by what more they get.
    pub groups: BTreeMap<Raise, Vec<u32>>,
    /// Slices that get no more although they ran out of something: more was asked for as often as
    /// the rules allow, what they had is not known, or the partition has no more.
    pub not_raised: Vec<u32>,
}

/// Chooses slices and what more they get than `usual`, which is what tasks get otherwise; `most` is
/// what a task may have of it at all, where that is known.
#[must_use]
pub fn again(
    slices: &[Known],
    choice: Choice,
    rules: &RetryRules,
    usual: &Granted,
    most: More,
) -> Again {
    let mut again = Again::default();
    for known in slices {
        let open = known.open > 0 && choice.wants_open(known.cause);
        if !open && known.ended == 0 {
            continue;
        }
        let of_memory = known.of_memory || (open && known.cause == Some(Cause::Memory));
        let of_time = open && known.cause == Some(Cause::Time);
        let (had, (memory, time)) = (&known.granted, known.tried);
        let raised = More {
            memory_mib: raised(of_memory, had.memory_mib, memory, rules.memory, rules)
                .and_then(|more| within(more, had.memory_mib, most.memory_mib)),
            seconds: raised(of_time, had.seconds, time, rules.time, rules)
                .and_then(|more| within(more, had.seconds, most.seconds)),
        };
        let lacks =
            (of_memory && raised.memory_mib.is_none()) || (of_time && raised.seconds.is_none());
        if lacks {
            again.not_raised.push(known.slice);
        }
        let kept = More {
            memory_mib: kept(had.memory_mib, usual.memory_mib, memory),
            seconds: kept(had.seconds, usual.seconds, time),
        };
        let more = More {
            memory_mib: raised.memory_mib.or(kept.memory_mib),
            seconds: raised.seconds.or(kept.seconds),
        };
        again.groups.entry(Raise { more, kept }).or_default().push(known.slice);
    }
    again
}

/// What ran out of something before does not get less than it had the last time.
fn kept(had: Option<u64>, usual: Option<u64>, tried: u32) -> Option<u64> {
    had.filter(|had| tried > 0 && usual.is_none_or(|usual| *had > usual))
}

/// So much, or the most that there is; nothing where that is no more than it had.
fn within(more: u64, had: Option<u64>, most: Option<u64>) -> Option<u64> {
    let more = more.min(most.unwrap_or(u64::MAX));
    had.is_none_or(|had| more > had).then_some(more)
}

/// What it had times the factor, as long as that was not done too often. What ran out of it once
/// is raised once, what did so twice from what it had then.
fn raised(
    wanted: bool,
    had: Option<u64>,
    tried: u32,
    factor: f64,
    rules: &RetryRules,
) -> Option<u64> {
    let had = had.filter(|_| wanted && tried <= rules.max && factor > 1.0)?;
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "megabytes and seconds of a job"
    )]
    let more = (had as f64 * factor).ceil() as u64;
    Some(more)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(slice: u32, open: u64, ended: u64, cause: Option<Cause>) -> Known {
        let granted = Granted { memory_mib: Some(4096), seconds: Some(600), ..Granted::default() };
        Known { slice, open, ended, cause, granted, tried: (1, 1), ..Known::default() }
    }

    fn usual() -> Granted {
        Granted { memory_mib: Some(4096), seconds: Some(600), ..Granted::default() }
    }

    #[test]
    fn what_once_ran_out_of_something_does_not_get_less_than_it_had() {
        let rules = RetryRules::default();
        let more = Granted { memory_mib: Some(9216), seconds: Some(600), ..Granted::default() };
        let after = |cause, tried| {
            let known = Known { granted: more, tried: (tried, 0), ..known(0, 1, 0, cause) };
            let again =
                again(&[known], Choice::default().or_all(), &rules, &usual(), More::default());
            let group = again.groups.first_key_value().map(|(raise, _)| raise.more).expect("one");
            (group.memory_mib, group.seconds, again.not_raised.len())
        };
        assert_eq!(after(Some(Cause::Memory), 3), (Some(9216), None, 1));
        assert_eq!(after(Some(Cause::Node), 2), (Some(9216), None, 0));
        assert_eq!(after(Some(Cause::Node), 0), (None, None, 0));
    }

    #[test]
    fn what_was_raised_stays_so_where_no_amount_is_usual() {
        let had = Granted { memory_mib: Some(6144), ..Granted::default() };
        for (tried, kept) in [(1, Some(6144)), (0, None)] {
            let cause = Some(Cause::Node);
            let known = Known { granted: had, tried: (tried, 0), ..known(0, 1, 0, cause) };
            let (choice, rules) = (Choice::default().or_all(), RetryRules::default());
            let again = again(&[known], choice, &rules, &Granted::default(), More::default());
            let more = More { memory_mib: kept, seconds: None };
            assert_eq!(again.groups.keys().collect::<Vec<_>>(), [&Raise { more, kept: more }]);
        }
    }

    #[test]
    fn what_was_raised_before_is_told_from_what_is_raised_now() {
        let granted = Granted { memory_mib: Some(9216), seconds: Some(600), ..Granted::default() };
        let (choice, rules) = (Choice::default().or_all(), RetryRules::default());
        for (cause, tried, memory_mib, seconds) in
            [(Cause::Memory, (2, 0), 13_824, None), (Cause::Time, (1, 1), 9216, Some(1200))]
        {
            let known = Known { granted, tried, ..known(0, 1, 0, Some(cause)) };
            let again = again(&[known], choice, &rules, &usual(), More::default());
            let kept = More { memory_mib: Some(9216), seconds: None };
            let raise = Raise { more: More { memory_mib: Some(memory_mib), seconds }, kept };
            assert_eq!(again.groups.keys().collect::<Vec<_>>(), [&raise]);
        }
    }

    fn all() -> Vec<Known> {
        vec![
            known(0, 3, 0, Some(Cause::Memory)),
            known(1, 3, 0, Some(Cause::Time)),
            known(2, 1, 0, Some(Cause::Node)),
            known(3, 0, 2, None),
            Known { of_memory: true, ..known(4, 0, 1, Some(Cause::Memory)) },
            known(5, 0, 0, None),
            known(6, 2, 0, None),
        ]
    }

    fn told(choice: Choice, rules: &RetryRules) -> String {
        let again = again(&all(), choice.or_all(), rules, &usual(), More::default());
        let mut out: Vec<String> = again
            .groups
            .iter()
            .map(|(Raise { more, .. }, slices)| {
                format!("{:?} {:?}: {slices:?}", more.memory_mib, more.seconds)
            })
            .collect();
        out.push(format!("not raised {:?}", again.not_raised));
        out.join("; ")
    }

    #[test]
    fn what_ran_out_of_something_gets_more_of_it() {
        let rules = RetryRules::default();
        insta::assert_snapshot!(told(Choice::default(), &rules), @"None None: [2, 3, 6]; None Some(1200): [1]; Some(6144) None: [0, 4]; not raised []");
        let once = RetryRules { max: 0, ..rules };
        insta::assert_snapshot!(told(Choice::default(), &once), @"None None: [0, 1, 2, 3, 4, 6]; not raised [0, 1, 4]");
    }

    #[test]
    fn classes_can_be_chosen() {
        let rules = RetryRules::default();
        let only = |memory, time, lost| Choice { memory, time, lost, ..Choice::default() };
        let slices = |choice| {
            let known: Vec<Known> =
                all().into_iter().map(|k| Known { ended: 0, of_memory: false, ..k }).collect();
            again(&known, choice, &rules, &usual(), More::default())
                .groups
                .into_values()
                .flatten()
                .collect::<Vec<_>>()
        };
        assert_eq!(slices(only(true, false, false)), [0]);
        assert_eq!(slices(only(false, true, false)), [1]);
        assert_eq!(slices(only(false, false, true)), [2, 6]);
        assert_eq!(slices(Choice { failed: true, ..Choice::default() }), Vec::<u32>::new());
        let diverged = Choice { diverged: true, ..Choice::default() }.or_all();
        assert!(diverged.policy().diverged && diverged.policy().failed && diverged.lost);
    }

    #[test]
    fn nothing_gets_more_than_there_is() {
        let told = |most: More| {
            let again =
                again(&all(), Choice::default().or_all(), &RetryRules::default(), &usual(), most);
            let told = |raise: &Raise| (raise.more.memory_mib, raise.more.seconds);
            let more: Vec<_> = again.groups.keys().map(told).collect();
            (more, again.not_raised)
        };
        let few = More { memory_mib: Some(5000), seconds: Some(600) };
        assert_eq!(told(few), (vec![(None, None), (Some(5000), None)], vec![1]));
        let none = More { memory_mib: Some(4000), seconds: Some(900) };
        assert_eq!(told(none), (vec![(None, None), (None, Some(900))], vec![0, 4]));
    }
}
