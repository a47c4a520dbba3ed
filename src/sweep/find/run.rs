//! Which run of a sweep a person means: by its number, by an id, or by what it is.
use std::collections::BTreeMap;

use crate::judge::State;
use crate::space::NoCondition;
use crate::spec::Spec;
use crate::store::merge::Results;
use crate::text::plural;
use crate::trial::TrialId;

/// What runs are looked for in.
pub struct Among<'a> {
    /// The spec.
    pub spec: &'a Spec,
    /// What the segments say.
    pub results: &'a Results,
    /// The state of a run.
    pub state: &'a dyn Fn(u64) -> State,
}

/// The run that was meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundRun {
    /// Its place in the sweep.
    pub index: u64,
    /// What to tell the reader, where there was a choice.
    pub note: Option<String>,
}

/// Why there is no run or no log.
#[derive(Debug, thiserror::Error)]
pub enum NoRun {
    /// A number that is no run of the sweep.
    #[error("`{name}` has no run {index}: its runs have numbers from 0 to {last}")]
    NoSuchNumber {
        /// The sweep.
        name: String,
        /// The number.
        index: u64,
        /// The highest number of a run.
        last: u64,
    },
    /// A number of a point that the spec leaves out.
    #[error("run {index} is of a point that the spec leaves out")]
    LeftOut {
        /// The number.
        index: u64,
    },
    /// No run or trial has an id that begins so.
    #[error("no run or trial of `{name}` has an id that begins with `{wanted}`")]
    NoMatch {
        /// The sweep.
        name: String,
        /// What was asked for.
        wanted: String,
    },
    /// Text that is neither a number nor an id.
    #[error("`{wanted}` is neither the number of a run nor the beginning of an id")]
    NotARun {
        /// What was asked for.
        wanted: String,
    },
    /// A name that is no parameter.
    #[error("`{path}` is no parameter of `{name}`")]
    NoParameter {
        /// The sweep.
        name: String,
        /// What was asked for.
        path: String,
        /// The parameter that comes closest.
        near: Option<String>,
        /// All of them, in words.
        known: String,
    },
    /// No run is like that.
    #[error("no run of `{name}` has {wanted}")]
    NoneLikeThat {
        /// The sweep.
        name: String,
        /// What was asked for.
        wanted: String,
    },
    /// The beginning of the ids of several.
    #[error("the ids of {of} begin with `{wanted}`")]
    Ambiguous {
        /// What was asked for.
        wanted: String,
        /// How many there are, in words.
        of: String,
    },
    /// Text that is no condition.
    #[error(transparent)]
    Condition(#[from] NoCondition),
    /// Nobody has begun the run.
    #[error("run {index} has not begun: there is no log of it")]
    NotBegun {
        /// The run.
        index: u64,
    },
    /// The run was taken over from another sweep.
    #[error("run {index} was trained in sweep `{from}`: its log is there")]
    TakenOver {
        /// The run.
        index: u64,
        /// That sweep.
        from: String,
        /// The id of the run there and here.
        run: String,
    },
    /// There is no log.
    #[error("there is no log of run {index} in `{folder}`")]
    NoLog {
        /// The run.
        index: u64,
        /// The folder of logs.
        folder: String,
    },
}

impl NoRun {
    /// The way out.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Ambiguous { .. } => {
                "give more digits; `dlgrid report --runs --format csv` has them all".into()
            }
            Self::NotBegun { .. } => "`dlgrid status` shows what is going on".into(),
            Self::NoParameter { near: Some(near), .. } => format!("did you mean `{near}`?"),
            Self::NoParameter { known, .. } => format!("there are: {known}"),
            Self::NoneLikeThat { name, .. } => {
                format!("`dlgrid report {name} --all` shows the values that there are")
            }
            Self::Condition(_) => {
                "a condition looks like `optimizer.lr < 1e-3 and state == 'failed'`".into()
            }
            Self::TakenOver { from, run, .. } => {
                let short = |id: &str| id.chars().take(8).collect::<String>();
                format!("`dlgrid logs {} {}`", short(from), short(run))
            }
            Self::NoLog { .. } => {
                "logs are kept in the sweep's folder; this one was removed".into()
            }
            _ => "a RUN is a number, such as 41, at least four digits of a run's or trial's id, \
                  or parameters, such as `optimizer.lr=0.01`; \
                  `dlgrid report --runs --format csv` names them"
                .into(),
        }
    }
}

/// The run that `wanted` means: a number, the beginning of a run's id, or of a trial's id. Of
/// a trial the run that went worst is taken.
///
/// # Errors
/// If there is none.
pub fn find_run(among: &Among<'_>, wanted: &str) -> Result<FoundRun, NoRun> {
    let is_hex = wanted.len() >= 4 && wanted.bytes().all(|b| b.is_ascii_hexdigit());
    let lower = wanted.to_lowercase();
    let spec = among.spec;
    let numbers = spec.run_numbers();
    if let Ok(index) = wanted.parse::<u64>() {
        if index < numbers {
            let left_out = || NoRun::LeftOut { index };
            return spec.run(index).map(|_| FoundRun { index, note: None }).ok_or_else(left_out);
        }
        if !is_hex {
            let last = numbers.saturating_sub(1);
            return Err(NoRun::NoSuchNumber { name: spec.name.clone(), index, last });
        }
    }
    if !is_hex {
        return Err(NoRun::NotARun { wanted: wanted.into() });
    }
    by_id(among, &lower)
}

/// Looks through the runs that were begun, in order.
fn by_id(among: &Among<'_>, prefix: &str) -> Result<FoundRun, NoRun> {
    let (mut runs, mut trials) = (Vec::new(), BTreeMap::<TrialId, Vec<u64>>::new());
    for index in among.begun() {
        let Some(run) = among.spec.run(index) else { continue };
        if run.id.to_string().starts_with(prefix) {
            runs.push(index);
        }
        let trial = TrialId::of(&run.work);
        if trial.to_string().starts_with(prefix) {
            trials.entry(trial).or_default().push(index);
        }
    }
    let of_trial = trials.values().next().and_then(|of| {
        let say = |runs: &str| format!("the trial has {runs}");
        among.worst(of, say)
    });
    match (runs.as_slice(), trials.len(), of_trial) {
        ([index], 0, _) => Ok(FoundRun { index: *index, note: None }),
        ([], 1, Some(found)) => Ok(found),
        ([], ..) if trials.is_empty() => {
            Err(NoRun::NoMatch { name: among.spec.name.clone(), wanted: prefix.into() })
        }
        (runs, trials, _) => {
            let words = [(runs.len(), "run"), (trials, "trial")];
            let words = words.into_iter().filter(|(count, _)| *count > 0);
            let words: Vec<String> = words.map(|(n, word)| plural(n as u64, word)).collect();
            Err(NoRun::Ambiguous { wanted: prefix.into(), of: words.join(" and ") })
        }
    }
}

/// Runs that a note names.
const NAMED: usize = 12;

impl Among<'_> {
    /// The runs that were begun, in order.
    pub(super) fn begun(&self) -> Vec<u64> {
        let mut indices: Vec<u64> = self.results.runs.keys().copied().collect();
        indices.sort_unstable();
        indices
    }

    /// Of several runs the one that went worst, the first of those; `say` says of their number
    /// what they are, for the note.
    pub(super) fn worst(&self, runs: &[u64], say: fn(&str) -> String) -> Option<FoundRun> {
        let index = runs.iter().copied().min_by_key(|index| badness((self.state)(*index)))?;
        let note = (runs.len() > 1).then(|| {
            let named: Vec<String> = runs.iter().take(NAMED).map(ToString::to_string).collect();
            let more = if runs.len() > NAMED { ", …" } else { "" };
            let state = (self.state)(index);
            let all = say(&plural(runs.len() as u64, "run"));
            format!("showing run {index}, {state}; {all}: {}{more}", named.join(", "))
        });
        Some(FoundRun { index, note })
    }
}

const fn badness(state: State) -> u8 {
    match state {
        State::Failed => 0,
        State::Lost => 1,
        State::Diverged => 2,
        State::Interrupted => 3,
        State::Running => 4,
        State::LeftOut => 5,
        State::Waiting => 6,
        State::Done => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec;
    use crate::store::merge::RunState;

    #[test]
    fn the_beginning_of_several_ids_is_refused() {
        let text = "name: toy\ncommand: [echo]\nparameters: {x: {int: [0, 49]}}\nseeds: 2\n\
                    objective: {minimize: loss}\n";
        let spec = spec::read_again("toy.yaml", text.as_bytes()).expect("a spec");
        let mut results = Results::default();
        let ids = |index: u64| {
            let run = spec.run(index).expect("a run");
            (run.id.to_string(), TrialId::of(&run.work).to_string())
        };
        for index in 0..100 {
            results.runs.insert(index, RunState::default());
        }
        let state = |_| State::Done;
        let among = Among { spec: &spec, results: &results, state: &state };
        for index in 0..100 {
            let (run, trial) = ids(index);
            assert_eq!(by_id(&among, &run[..8]).expect("one run").index, index);
            let note = by_id(&among, &trial[..8]).expect("one trial").note.expect("two runs");
            assert!(note.contains("the trial has 2 runs"), "{note}");
        }
        // A hundred runs and fifty trials cannot have sixteen beginnings of their own.
        let refused = |digit: char| match by_id(&among, &digit.to_string()) {
            Err(error @ NoRun::Ambiguous { .. }) => Some(error.to_string()),
            _ => None,
        };
        let all: Vec<String> = "0123456789abcdef".chars().filter_map(refused).collect();
        assert!(
            all.iter().any(|text| text.contains("runs and") && text.contains("begin with")),
            "{all:?}"
        );
    }
}
