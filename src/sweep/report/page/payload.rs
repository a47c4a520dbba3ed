//! The data of the page as one JSON value, columns rather than rows: `dlgrid.page/1`. Only the
//! page's own script reads it; programs read `dlgrid report --format json`.
use serde::Serialize;
use serde_json::{Value as Json, json};

use super::{Page, bars, curves};
use crate::dataset;
use crate::html::base64;
use crate::recipe::Value;
use crate::report::importance::Told;
use crate::report::result::RunResult;
use crate::report::{Report, Row, Summary, efficiency, importance, json as form, tested};
use crate::space::Space;
use crate::store::confusion::class_scores;
use crate::text::{clean, date, duration};

/// Classes of which the whole confusion matrix is in the page.
const CLASSES: usize = 100;

/// The payload. Curves are nearly all of it, and become no tree of values.
#[derive(Serialize)]
pub(super) struct Payload {
    curves: Curves,
    #[serde(flatten)]
    rest: Json,
}

#[derive(Serialize)]
struct Curves {
    names: Vec<String>,
    of: Vec<Option<curves::Curve>>,
}

/// The payload.
pub(super) fn payload(page: &Page<'_>) -> Payload {
    let report = &page.report;
    let names = curves::names(&report.aim, &page.curves);
    let of = curves::of(&report.rows, &names, &report.aim, &page.curves);
    let rest = json!({
        "schema": "dlgrid.page/1",
        "sweep": form::title(&report.sweep),
        "aim": form::aim(&report.aim),
        "rounds": report.rounds().count(),
        "parameters": parameters(report, &page.sweep.spec.space),
        "metrics": report.metrics,
        "trials": trials(report),
        "matters": matters(report),
        "asked": asked(page),
        "comparison": report.comparison.map(|c| c.trial.map(|t| t.short())),
        "best": page.best.as_ref().map(|run| best(page, run)),
        "mistakes": mistakes(page),
        "failures": failures(page),
        "bars": bars::json(&page.bars),
        "cost": cost(page),
        "notes": report.notes,
        "counts": form::counts(&report.counts),
        "tested": tested::line(&report.openings),
        "provenance": provenance(page),
        "spec": page.spec,
    });
    Payload { curves: Curves { names, of }, rest }
}

/// `{where, search, cut, rank}`: by which options of `dlgrid report` a terminal shows the same trials;
/// whether `--top` left some out, and the rank up to which it left none.
fn asked(page: &Page<'_>) -> Json {
    let report = &page.report;
    let cut = (report.rows.len() as u64) < report.trials;
    // Of a sweep whose best trials are run again a page of the search has to be asked for.
    json!({"where": report.filter, "search": page.sweep.spec.confirm.is_some(), "cut": cut,
           "rank": report.up_to})
}

/// `{path, log, words, unsaid}`: whether its axis is logarithmic, its values where they are no numbers,
/// and whether some are such that no list of a condition has them.
fn parameters(report: &Report, space: &Space) -> Vec<Json> {
    let one = |(place, path): (usize, &String)| {
        let values = || report.rows.iter().filter_map(|row| row.parameters[place].as_ref());
        let numbers = values().all(|v| v.as_f64().is_some());
        let mut words: Vec<String> = Vec::new();
        if !numbers {
            words = values().map(Value::to_string).collect();
            words.sort_unstable();
            words.dedup();
        }
        let log = numbers && (space.is_logarithmic(place) || has_ratios(values()));
        let unsaid = values().any(|v| matches!(v, Value::Null | Value::List(_)));
        json!({"path": path, "log": log, "words": (!numbers).then_some(words), "unsaid": unsaid})
    };
    report.parameters.iter().enumerate().map(one).collect()
}

/// Whether numbers lie rather at equal ratios than at equal distances: all above 0, and the middle
/// one far below the mean of the ends.
pub(super) fn has_ratios<'v>(values: impl Iterator<Item = &'v Value>) -> bool {
    let mut numbers: Vec<f64> = values.filter_map(Value::as_f64).collect();
    numbers.sort_by(f64::total_cmp);
    numbers.dedup();
    let (Some(first), Some(last)) = (numbers.first(), numbers.last()) else { return false };
    let middle = numbers[numbers.len() / 2];
    numbers.len() > 2 && *first > 0.0 && last / first >= 30.0 && middle < (first + last) / 4.0
}

/// `{lines: [{name, share, sd}], order: [parameter], pair: [parameter, parameter], notes: [text]}`:
/// parameters as places in the report's; without `lines` and `order` where it can't be told.
fn matters(report: &Report) -> Json {
    let told = Told::of(report);
    let notes = importance::notes(&told);
    let Some(found) = told.found else { return json!({"lines": [], "notes": notes}) };
    let lines = importance::lines(&found, &report.parameters).into_iter();
    let lines = lines.map(|(name, s)| json!({"name": name, "share": s.mean, "sd": s.sd}));
    json!({"lines": lines.collect::<Vec<_>>(), "order": found.order(),
           "pair": found.most_together(), "notes": notes})
}

fn column<T>(report: &Report, of: impl Fn(&Row) -> T) -> Json
where
    Json: From<T>,
{
    report.rows.iter().map(|row| Json::from(of(row))).collect()
}

/// Nine significant digits: a number of four bytes is told from its neighbours, and a filter takes the
/// trials that `--where` takes.
fn told(x: f64) -> f64 {
    curves::digits(x, 9)
}

fn number(x: Option<f64>) -> Json {
    x.map_or(Json::Null, form::finite)
}

fn trials(report: &Report) -> Json {
    let values: Vec<Json> = (0..report.parameters.len())
        .map(|place| {
            column(report, |row| match &row.parameters[place] {
                None => Json::Null,
                Some(Value::Bool(truth)) => Json::from(*truth),
                Some(value) => {
                    value.as_f64().map_or_else(|| value.to_string().into(), form::finite)
                }
            })
        })
        .collect();
    let metrics: Vec<Json> = (0..report.metrics.len())
        .map(|m| column(report, |row| number(Summary::finite(&row.metrics[m]).map(told))))
        .collect();
    let versus = |pick: &dyn Fn(&crate::report::Paired) -> Option<f64>| {
        column(report, |row| number(row.versus.as_ref().and_then(pick)))
    };
    let runs = column(report, |row| {
        let one = |run: &crate::report::RunRow| {
            json!([
                run.index,
                run.seed,
                run.fold.map(|f| f.number),
                run.state.word(),
                number(run.objective)
            ])
        };
        Json::Array(row.runs.iter().map(one).collect())
    });
    json!({
        "name": column(report, Row::name),
        "rank": column(report, |row| row.rank),
        "values": values,
        "metrics": metrics,
        "mean": column(report, |row| number(row.objective.finite())),
        "sd": column(report, |row| number(row.objective.sd)),
        "n": column(report, |row| row.objective.n),
        "why": column(report, |row| row.objective_state()),
        "tied": column(report, |row| row.is_tied(&report.aim)),
        "difference": versus(&|v| v.difference),
        "low": versus(&|v| Some(v.interval?.0)),
        "high": versus(&|v| Some(v.interval?.1)),
        "p": versus(&|v| v.p),
        "seconds": column(report, |row| form::finite(told(row.seconds))),
        "runs": runs,
    })
}

fn best(page: &Page<'_>, run: &RunResult) -> Json {
    let part = if page.sweep.spec.finishes() { "the test set" } else { "its validation part" };
    let confusion = run.end.confusion.as_deref().unwrap_or_default();
    let classes = confusion.len();
    let name = |class: usize| {
        run.class_names.get(class).map_or_else(|| class.to_string(), |n| clean(n).into_owned())
    };
    let scores: Vec<Json> = class_scores(&confusion.concat(), classes)
        .iter()
        .enumerate()
        .map(|(class, s)| json!([name(class), s.precision, s.recall, s.f1, s.support]))
        .collect();
    let matrix = if classes <= CLASSES { json!(confusion) } else { Json::Null };
    json!({"run": run.end.index, "trial": run.trial.short(), "seed": run.end.seed,
           "part": part, "epochs": run.end.epochs, "weights": run.end.weights, "scores": scores, "matrix": matrix})
}

fn mistakes(page: &Page<'_>) -> Vec<Json> {
    let one = |shown: &super::Shown| json!([shown.label, base64(&shown.png)]);
    page.mistakes.iter().map(one).collect()
}

fn failures(page: &Page<'_>) -> Vec<Json> {
    let none = Vec::new();
    let causes = page.report.causes.iter().enumerate();
    let one = |(place, cause): (usize, &crate::report::Cause)| {
        json!({"state": cause.state.word(), "text": cause.text, "runs": cause.runs,
               "example": cause.example, "places": cause.places(),
               "log": page.logs.get(place).unwrap_or(&none)})
    };
    causes.map(one).collect()
}

fn cost(page: &Page<'_>) -> Json {
    let mut spent: Vec<(&str, f64, u64)> = Vec::new();
    for run in page.report.rows.iter().flat_map(|row| &row.runs) {
        let state = run.state.word();
        match spent.iter_mut().find(|(known, ..)| *known == state) {
            Some(known) => *known = (state, known.1 + run.seconds, known.2 + 1),
            None => spent.push((state, run.seconds, 1)),
        }
    }
    let efficiency: Json =
        serde_json::from_str(&efficiency::render_json(&page.efficiency)).unwrap_or(Json::Null);
    json!({"spent": spent, "efficiency": efficiency})
}

fn provenance(page: &Page<'_>) -> Vec<(&'static str, String)> {
    let (manifest, spec) = (&page.sweep.manifest, &page.sweep.spec);
    let dir = &page.report.sweep.dir;
    let mut facts = vec![
        ("repeat", format!("dlgrid submit '{}/spec.yaml'", dir.replace('\'', "'\\''"))),
        ("sweep", format!("{} {}", manifest.name, manifest.id)),
        ("directory", dir.clone()),
        (
            "created",
            format!("{} on {}, dlgrid {}", date(manifest.created), manifest.host, manifest.dlgrid),
        ),
    ];
    if let Some(git) = &manifest.git {
        let changed = if page.changed { ", with the changes in code.diff" } else { "" };
        facts.push(("git revision", format!("{git}{changed}")));
    }
    let seeds: Vec<String> = spec.seeds.iter().take(20).map(ToString::to_string).collect();
    let more = if spec.seeds.len() > 20 { ", …" } else { "" };
    facts.push(("seeds", format!("{}{more}", seeds.join(", "))));
    if let Some(folds) = spec.folds {
        facts.push(("folds", folds.to_string()));
    }
    facts.push(("devices", page.devices.join(", ")));
    facts.push(("machines", short_list(&page.hosts)));
    spec.data_sets().into_iter().for_each(|(set, path)| facts.extend(data(&set, path.as_deref())));
    facts.push(("spec hash", manifest.spec_hash.clone()));
    let spent: f64 = page.report.rows.iter().map(|row| row.seconds).sum();
    facts.push(("training", duration(spent)));
    facts.extend(page.report.together.map(|together| ("trained together", together.to_string())));
    facts
        .push(("page made", format!("{} by dlgrid {}", date(page.now), env!("CARGO_PKG_VERSION"))));
    facts
}

/// A data set, with the checksums of its files where they are those of the catalogue.
pub(super) fn data(set: &str, own: Option<&str>) -> Vec<(&'static str, String)> {
    if let Some(path) = own {
        return vec![("data", format!("{set}: {path}"))];
    }
    let files = dataset::find(set).map_or(&[][..], |set| set.files).iter();
    let sums = files.map(|file| ("sha-256", format!("{} {}", file.sha256, file.name)));
    std::iter::once(("data", set.to_owned())).chain(sums).collect()
}

fn short_list(names: &[String]) -> String {
    let shown = names.iter().take(12).cloned().collect::<Vec<_>>().join(", ");
    let rest = names.len().saturating_sub(12);
    if rest > 0 { format!("{shown} and {rest} more") } else { shown }
}
