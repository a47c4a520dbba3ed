//! Runs as TensorBoard's event files: a scalar for each metric and epoch, and the parameters as
//! hyperparameters of its plugin `hparams`. The numbers of fields are those of
//! `tensorflow/core/util/event.proto`, `framework/summary.proto` and
//! `tensorboard/plugins/hparams/*.proto`.
use std::path::PathBuf;

use super::proto::Message;
use super::record::record;
use super::{Export, Run};
use crate::judge::State;
use crate::recipe::Value;
use crate::report::csv::number;
use crate::report::result::FLOOR;

/// The plugin that shows hyperparameters.
const PLUGIN: &str = "hparams";
/// The version of its data.
const VERSION: u64 = 0;

/// What begins and ends the name of an event file: TensorBoard looks for the first, the second is ours.
const NAME: (&str, &str) = ("events.out.tfevents.", ".dlgrid");

/// Whether an export wrote a file of this name.
pub(super) fn is_own(name: &str) -> bool {
    name.strip_prefix(NAME.0).is_some_and(|rest| rest.ends_with(NAME.1))
}

/// A file for the whole, then one for each run, in a folder of its own.
pub(super) fn files(export: &Export) -> Vec<PathBuf> {
    // The middle is the sweep's, so that a second export has the same names.
    let name = format!("{}{:.0}{}", NAME.0, export.created.max(0.0), NAME.1);
    let folders = export.runs.iter().map(folder);
    std::iter::once(PathBuf::from(&name))
        .chain(folders.map(|f| PathBuf::from(f).join(&name)))
        .collect()
}

fn folder(run: &Run) -> String {
    let seed = run.seed.map_or_else(String::new, |seed| format!("-s{seed}"));
    let fold = run.fold.map_or_else(String::new, |fold| format!("-f{}", fold.number));
    // What a trial is called is hex; or `#` and its number, where it has no identity.
    let trial: String = run.trial.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("{trial}{seed}{fold}-r{}", run.index)
}

/// What all values of a hyperparameter are to TensorBoard, which filters by it: a value of another kind
/// would drop out of its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text = 1,
    Truth = 2,
    Number = 3,
}

impl Kind {
    /// Numbers or truths where all values are, else text.
    fn of<'v>(values: impl Iterator<Item = &'v Value> + Clone) -> Self {
        match () {
            () if values.clone().all(|v| v.as_f64().is_some()) => Self::Number,
            () if values.clone().all(|v| matches!(v, Value::Bool(_))) => Self::Truth,
            () => Self::Text,
        }
    }

    /// A value of `google.protobuf.Value`.
    fn message(self, value: &Value) -> Message {
        match (self, value) {
            (Self::Truth, Value::Bool(x)) => Message::default().truth(4, *x),
            (Self::Number, Value::Int(_) | Value::Float(_)) => {
                Message::default().double(2, value.as_f64().unwrap_or_default())
            }
            (_, Value::Float(x)) => Message::default().bytes(3, number(*x)),
            (_, value) => Message::default().bytes(3, value.to_string()),
        }
    }
}

/// The kind of each parameter.
pub(super) fn kinds(export: &Export) -> Vec<Kind> {
    let of =
        |place: usize| export.runs.iter().filter_map(move |run| run.parameters[place].as_ref());
    (0..export.parameters.len()).map(|place| Kind::of(of(place))).collect()
}

/// What the runs have in common: the hyperparameters with their values, and the metrics.
pub(super) fn experiment(export: &Export, kinds: &[Kind]) -> Vec<u8> {
    let hparams = (0..).zip(kinds).map(|(place, kind)| hparam(export, place, *kind));
    let metrics = export.curve_metrics.iter().chain(&export.metrics);
    let mut names: Vec<&String> = metrics.filter(|name| !name.starts_with(FLOOR)).collect();
    names.sort_by_key(|name| (**name != export.aim.metric, *name));
    names.dedup();
    let metrics = names
        .into_iter()
        .map(|name| Message::default().message(1, &Message::default().bytes(2, name)));
    let experiment = Message::default()
        .bytes(1, export.description.as_deref().unwrap_or_default())
        .double(3, export.created)
        .messages(4, hparams)
        .messages(5, metrics)
        .bytes(6, &export.sweep.name);
    let data = Message::default().int(1, VERSION).message(2, &experiment);
    file(export.created, [plugin("_hparams_/experiment", &data, export.created)])
}

/// A hyperparameter: its name, kind, and values where they are few.
fn hparam(export: &Export, place: usize, kind: Kind) -> Message {
    let mut values: Vec<&Value> = Vec::new();
    for value in export.runs.iter().filter_map(|run| run.parameters[place].as_ref()) {
        if !values.contains(&value) {
            values.push(value);
        }
    }
    let info = Message::default().bytes(1, &export.parameters[place]).int(4, kind as u64);
    if values.is_empty() || values.len() > 100 {
        return info;
    }
    let list = Message::default().messages(1, values.into_iter().map(|v| kind.message(v)));
    info.message(5, &list)
}

/// A run: its hyperparameters, its curve, how it ended.
pub(super) fn run(export: &Export, kinds: &[Kind], run: &Run) -> Vec<u8> {
    let (begun, ended) = span(export, run);
    let named = export.parameters.iter().zip(kinds).zip(&run.parameters);
    let hparams = named.filter_map(|((name, kind), value)| {
        let value = kind.message(value.as_ref()?);
        Some(Message::default().bytes(1, name).message(2, &value))
    });
    let start = Message::default().messages(1, hparams).bytes(4, &run.trial).double(5, begun);
    let start = Message::default().int(1, VERSION).message(3, &start);
    let mut events = vec![plugin("_hparams_/session_start_info", &start, begun)];
    events.extend(scalars(export, run, begun, ended));
    let status = match run.state {
        State::Done => Some(1),
        State::Failed | State::Diverged | State::Lost => Some(2),
        _ => None,
    };
    if let Some(status) = status {
        let end = Message::default().int(1, status).double(2, ended);
        let end = Message::default().int(1, VERSION).message(4, &end);
        events.push(plugin("_hparams_/session_end_info", &end, ended));
    }
    file(begun, events)
}

/// When a run was begun and when it ended; of one that has not ended it is known only how long its
/// epochs took.
fn span(export: &Export, run: &Run) -> (f64, f64) {
    match run.ended {
        Some(ended) => (ended - run.seconds, ended),
        None => {
            let trained: f64 = run.curve.iter().map(|epoch| epoch.seconds).sum();
            (export.created, export.created + trained)
        }
    }
}

/// Every metric of every epoch; of a run without a curve the last metrics.
fn scalars(export: &Export, run: &Run, begun: f64, ended: f64) -> Vec<Message> {
    let mut time = begun;
    let mut events: Vec<Message> = Vec::with_capacity(run.curve.len() + 1);
    for epoch in &run.curve {
        time = (time + epoch.seconds).min(ended);
        let metrics = epoch.metrics.iter().map(|(name, x)| (name.as_str(), x.0));
        events.push(event(time, u64::from(epoch.epoch), metrics.map(scalar)));
    }
    let last = export.metrics.iter().zip(&run.metrics);
    let last = last.filter_map(|(name, x)| Some((name.as_str(), (*x)?)));
    let missing: Vec<Message> = last
        .filter(|(name, _)| !run.curve.last().is_some_and(|e| e.metrics.contains_key(*name)))
        .map(scalar)
        .collect();
    if !missing.is_empty() {
        events.push(event(ended, run.epochs.unwrap_or(0).into(), missing));
    }
    events
}

/// A summary's value: a tag and a number.
#[expect(clippy::cast_possible_truncation, reason = "TensorBoard's scalars have four bytes")]
fn scalar((name, x): (&str, f64)) -> Message {
    Message::default().bytes(1, name).float(2, x as f32)
}

/// An event that carries data of the plugin, in the metadata of a value.
fn plugin(tag: &str, data: &Message, time: f64) -> Message {
    let plugin = Message::default().bytes(1, PLUGIN).bytes(2, data.clone().into_bytes());
    let metadata = Message::default().message(1, &plugin);
    // A tensor that says nothing: a value without any is left out by readers.
    let shape = Message::default().message(2, &Message::default().int(1, 1));
    let tensor = Message::default().int(1, 1).message(2, &shape).bytes(5, 0_f32.to_le_bytes());
    let value = Message::default().bytes(1, tag).message(8, &tensor).message(9, &metadata);
    event(time, 0, [value])
}

fn event(time: f64, step: u64, values: impl IntoIterator<Item = Message>) -> Message {
    let summary = Message::default().messages(1, values);
    Message::default().double(1, time).int(2, step).message(5, &summary)
}

/// Events behind the one that says which version this is.
fn file(time: f64, events: impl IntoIterator<Item = Message>) -> Vec<u8> {
    let version = Message::default().double(1, time).bytes(3, "brain.Event:2");
    std::iter::once(version).chain(events).flat_map(|event| record(&event.into_bytes())).collect()
}
