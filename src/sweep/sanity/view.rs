//! What was seen, as a table with hints, and as JSON.
use serde_json::{Value as Json, json};

use super::{Curve, STEPS, Start, Verdict, first_loss, verdict};
use crate::recipe::Value;
use crate::terminal::{Column, Tone, View, lay_out};
use crate::text::{Digits, clean, plural};

/// One trial that was tried.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// Its short id.
    pub id: String,
    /// What varies, in the order of the paths.
    pub values: Vec<Option<Value>>,
    /// What it begins with.
    pub start: Start,
    /// What it did.
    pub curve: Curve,
}

/// All that was seen of a sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// The sweep's name.
    pub name: String,
    /// The parameters.
    pub paths: Vec<String>,
    /// The trials of the sweep, tried or not.
    pub trials: u64,
    /// Those that were tried.
    pub tried: Vec<Trial>,
}

impl Trial {
    fn losses(&self) -> Vec<f64> {
        self.curve.losses.iter().map(|loss| loss.0).collect()
    }

    /// What its curve says; nothing if it could not be trained.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        let guessing = self.curve.guessing.map(|loss| loss.0);
        self.curve.error.is_none().then(|| verdict(&self.losses(), guessing))
    }

    /// What is odd about its first loss.
    fn oddity(&self) -> Option<&'static str> {
        first_loss(self.curve.losses.first()?.0, self.curve.guessing?.0, self.start)
    }

    fn words(&self) -> String {
        match (self.verdict(), &self.curve.error) {
            (Some(verdict), _) => verdict.words().to_owned(),
            (None, error) => {
                format!("can't be trained: {}", clean(error.as_deref().unwrap_or_default()))
            }
        }
    }
}

impl Checked {
    /// Trials that are not well.
    #[must_use]
    pub fn bad(&self) -> usize {
        self.tried.iter().filter(|trial| trial.verdict().is_none_or(Verdict::is_bad)).count()
    }

    /// The end in one line: `6 trials of 8 on one batch of up to 64 samples, 200 steps: all are well`.
    #[must_use]
    pub fn summary(&self) -> String {
        let tried = plural(self.tried.len() as u64, "trial");
        let samples = self.tried.iter().map(|trial| trial.curve.samples).max().unwrap_or(0);
        let of = if self.tried.len() as u64 == self.trials {
            String::new()
        } else {
            format!(" of {}", self.trials)
        };
        let well = match self.bad() {
            0 => "all are well".to_owned(),
            bad => format!("{bad} {} not well", if bad == 1 { "is" } else { "are" }),
        };
        format!("{tried}{of} on one batch of up to {samples} samples, {STEPS} steps: {well}")
    }
}

/// An aligned table: trial, what varies, first and last loss, verdict; then a hint for each kind of
/// verdict, and the summary.
#[must_use]
pub fn render(checked: &Checked, view: View) -> String {
    let varying: Vec<usize> = (0..checked.paths.len())
        .filter(|at| {
            checked.tried.iter().any(|t| t.values.get(*at) != checked.tried[0].values.get(*at))
        })
        .collect();
    let number = |loss: Option<&f64>| {
        loss.map_or("–".to_owned(), |loss| Digits::for_all([*loss]).write(*loss))
    };
    let each = |cell: &dyn Fn(&Trial) -> String| checked.tried.iter().map(cell).collect();
    let mut columns = vec![Column::words("trial", each(&|t| t.id.clone())).toned(Tone::Less)];
    columns.extend(varying.iter().map(|at| {
        let value = |t: &Trial| match t.values.get(*at) {
            Some(Some(value)) => clean(&value.to_string()).into_owned(),
            _ => "–".into(),
        };
        Column::numbers(&checked.paths[*at], each(&value))
    }));
    columns.push(Column::numbers("first loss", each(&|t| number(t.losses().first()))));
    columns.push(Column::numbers("last loss", each(&|t| number(t.losses().last()))));
    let tone = |t: &Trial| match t.verdict() {
        Some(verdict) if !verdict.is_bad() => Tone::Good,
        _ => Tone::Bad,
    };
    columns.push(Column {
        tones: checked.tried.iter().map(tone).collect(),
        ..Column::words("the loss", each(&Trial::words))
    });
    let mut out = lay_out(columns, view).0;
    out.push('\n');
    for verdict in Verdict::ALL {
        let seen = checked.tried.iter().any(|trial| trial.verdict() == Some(verdict));
        if let Some(hint) = verdict.hint().filter(|_| seen) {
            out.push_str(&format!("{}: {hint}\n", verdict.words()));
        }
    }
    for (oddity, example) in oddities(checked) {
        out.push_str(&example);
        out.push_str(&format!(": {oddity}\n"));
    }
    out.push_str(&checked.summary());
    out.push('\n');
    out
}

/// What is odd about first losses, once each, with an example.
fn oddities(checked: &Checked) -> Vec<(&'static str, String)> {
    let mut found: Vec<(&'static str, String)> = Vec::new();
    for trial in &checked.tried {
        let Some(oddity) = trial.oddity().filter(|o| found.iter().all(|(seen, _)| seen != o))
        else {
            continue;
        };
        let number = |loss: f64| Digits::for_all([loss]).write(loss);
        let first = trial.curve.losses.first().map_or(f64::NAN, |loss| loss.0);
        let guessing = trial.curve.guessing.map_or(f64::NAN, |loss| loss.0);
        let said = format!(
            "{} begins at {}, and guessing costs {}",
            trial.id,
            number(first),
            number(guessing)
        );
        found.push((oddity, said));
    }
    found
}

/// The same as one JSON object, `dlgrid.sanity/1`.
#[must_use]
pub fn render_json(checked: &Checked) -> String {
    let tried: Vec<Json> = checked
        .tried
        .iter()
        .map(|trial| {
            let values = checked.paths.iter().zip(&trial.values);
            let parameters: serde_json::Map<String, Json> = values
                .filter_map(|(path, v)| Some((path.clone(), v.as_ref()?.to_json())))
                .collect();
            json!({
                "trial": trial.id,
                "run": trial.curve.run,
                "parameters": parameters,
                "verdict": trial.verdict().map(Verdict::name),
                "bad": trial.verdict().is_none_or(Verdict::is_bad),
                "hint": trial.verdict().and_then(Verdict::hint),
                "first_loss": trial.oddity(),
                "guessing": trial.curve.guessing.map(|loss| loss.0),
                "samples": trial.curve.samples,
                "losses": trial.losses(),
                "error": trial.curve.error,
            })
        })
        .collect();
    let all = json!({
        "schema": "dlgrid.sanity/1",
        "name": checked.name,
        "trials": checked.trials,
        "bad": checked.bad(),
        "tried": tried,
    });
    format!("{all:#}\n")
}
