//! The efficiency as text for a terminal, CSV or JSON.
use serde_json::{Map, Value as Json, json};

use super::super::{csv, json};
use super::{EFFICIENCY_SCHEMA, Efficiency, Ending, Hours, Resource, What};
use crate::report::fate;
use crate::terminal::{Column, Tone, View, lay_out};
use crate::text::{clean, duration, grouped, memory, plural};

impl What {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Cores => "cores",
            Self::Memory => "memory",
            Self::Gpu => "gpu",
            Self::GpuMemory => "gpu memory",
        }
    }

    /// In what it is counted, in CSV and JSON.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Time => "s",
            Self::Cores => "cores",
            Self::Memory | Self::GpuMemory => "MiB",
            Self::Gpu => "share",
        }
    }

    fn write(self, x: f64) -> String {
        match self {
            Self::Time => duration(x),
            Self::Cores => format!("{x:.1}"),
            Self::Memory | Self::GpuMemory => memory(x),
            Self::Gpu => percent(x),
        }
    }
}

impl Ending {
    /// The word for it, in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::By(cause) => fate::word(cause),
            Self::Running => "running",
            Self::Silent => "no_last_line",
            Self::Unknown => "running_or_killed",
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Well => "ended well",
            Self::By(cause) => fate::ending(cause),
            Self::Running => "at work",
            Self::Silent => "killed without a last line",
            Self::Unknown => "at work or killed",
        }
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

/// Renders the table and what it means.
#[must_use]
pub fn render(efficiency: &Efficiency, view: View) -> String {
    let name = view.paint(Tone::Strong, &clean(&efficiency.sweep.name));
    if efficiency.starts == 0 {
        return format!(
            "{name}  nothing is measured: no task of a Slurm array wrote what it took\n"
        );
    }
    let mut out = format!(
        "{name}  {} of {}, {} measured\n\n",
        plural(efficiency.starts, "start"),
        plural(efficiency.tasks, "array task"),
        grouped(efficiency.measured)
    );
    if efficiency.resources.is_empty() {
        out.push_str("nothing is measured yet: no task has ended by itself\n\n");
    } else {
        out.push_str(&lay_out(columns(&efficiency.resources), view).0);
        out.push('\n');
        out.push_str(&next(efficiency, view));
        out.push('\n');
    }
    out.push_str(&view.item("starts", HEAD, &endings(efficiency)));
    if efficiency.measured > 0 {
        out.push_str(&view.item("cpu hours", HEAD, &hours(&efficiency.cpu_hours)));
        if let Some(gpu) = &efficiency.gpu_hours {
            out.push_str(&view.item("gpu hours", HEAD, &hours(gpu)));
        }
    }
    out
}

/// Characters of the heads before the texts.
const HEAD: usize = 11;

fn columns(resources: &[Resource]) -> Vec<Column> {
    let column = |head: &str, right, cell: &dyn Fn(&Resource) -> String| Column {
        right,
        ..Column::words(head, resources.iter().map(cell).collect())
    };
    let ask = |r: &Resource| match &r.ask {
        None => "-".into(),
        Some(ask) if ask.same => "the same".into(),
        Some(ask) => ask.value.clone(),
    };
    let tone = |r: &Resource| match &r.ask {
        Some(ask) if !ask.same => Tone::Strong,
        _ => Tone::Less,
    };
    vec![
        column("resource", false, &|r| r.what.word().into()),
        column("granted", true, &granted),
        column("median", true, &|r| r.what.write(r.used.median)),
        column("p95", true, &|r| r.what.write(r.used.p95)),
        column("max", true, &|r| r.what.write(r.used.max)),
        column("used", true, &|r| r.share.map_or_else(|| "-".into(), percent)),
        Column { tones: resources.iter().map(tone).collect(), ..column("ask for", false, &ask) },
    ]
}

fn granted(resource: &Resource) -> String {
    let write = |x: f64| match resource.what {
        What::Cores | What::Gpu => format!("{x:.0}"),
        what => what.write(x),
    };
    match resource.granted {
        None => "-".into(),
        Some((least, most)) if least == most => write(most),
        Some((least, most)) => format!("{} to {}", write(least), write(most)),
    }
}

/// What to write into the spec, ready to be copied; and what no setting says.
fn next(efficiency: &Efficiency, view: View) -> String {
    let asks = efficiency.resources.iter().filter_map(|r| r.ask.as_ref());
    let changes: Vec<String> = asks
        .filter(|ask| !ask.same)
        .filter_map(|ask| Some(format!("{}: {}", ask.key?, ask.value)))
        .collect();
    let mut out = String::new();
    if changes.is_empty() {
        out.push_str(&view.item("next time", HEAD, "ask for the same"));
    } else {
        out.push_str(&view.item("next time", HEAD, &format!("slurm: {{{}}}", changes.join(", "))));
    }
    for hint in &efficiency.hints {
        out.push_str(&view.item("hint", HEAD, hint));
    }
    out
}

fn endings(efficiency: &Efficiency) -> String {
    let words: Vec<String> = efficiency
        .endings
        .iter()
        .map(|(ending, starts)| format!("{} {}", grouped(*starts), ending.words()))
        .collect();
    words.join(", ")
}

fn hours(hours: &Hours) -> String {
    let digits = if hours.granted < 10.0 { 2 } else { 1 };
    let write = |h: f64| format!("{h:.digits$}");
    let used = hours.used.map_or_else(|| "use not measured".into(), |h| write(h) + " used");
    if hours.granted == 0.0 {
        return format!("{used}; what was granted is not known");
    }
    format!("{} granted, {used}, {} wasted", write(hours.granted), write(hours.wasted))
}

/// Renders CSV: a line a resource.
#[must_use]
pub fn render_csv(efficiency: &Efficiency) -> String {
    let head =
        ["resource", "unit", "granted_min", "granted_max", "median", "p95", "max", "share", "ask"];
    let maybe = |x: Option<f64>| x.map_or_else(String::new, csv::number);
    let lines = efficiency.resources.iter().map(|r| {
        vec![
            r.what.word().to_owned(),
            r.what.unit().to_owned(),
            maybe(r.granted.map(|(least, _)| least)),
            maybe(r.granted.map(|(_, most)| most)),
            csv::number(r.used.median),
            csv::number(r.used.p95),
            csv::number(r.used.max),
            maybe(r.share),
            r.ask.as_ref().map_or_else(String::new, |ask| ask.value.clone()),
        ]
    });
    csv::write(std::iter::once(head.map(str::to_owned).to_vec()).chain(lines))
}

/// Renders JSON, on one line: `schema`, `sweep {name, id, dir}`, `starts`, `tasks`, `measured`,
/// `endings` by word, `resources [{resource, unit, granted {min, max}, used {median, p95, max},
/// share, ask {key, value, same}}]`, `cpu_hours {granted, used, wasted}`, `gpu_hours` (the same,
/// or null), `hints`.
#[must_use]
pub fn render_json(efficiency: &Efficiency) -> String {
    let resources: Vec<Json> = efficiency.resources.iter().map(resource).collect();
    let endings: Map<String, Json> = efficiency
        .endings
        .iter()
        .map(|(ending, starts)| (ending.word().to_owned(), (*starts).into()))
        .collect();
    let hours = |h: &Hours| {
        json!({"granted": json::finite(h.granted), "used": h.used.map(json::finite),
               "wasted": json::finite(h.wasted)})
    };
    json::object(&[
        ("schema", json!(EFFICIENCY_SCHEMA).to_string()),
        ("sweep", json::title(&efficiency.sweep).to_string()),
        ("starts", efficiency.starts.to_string()),
        ("tasks", efficiency.tasks.to_string()),
        ("measured", efficiency.measured.to_string()),
        ("endings", Json::Object(endings).to_string()),
        ("resources", Json::Array(resources).to_string()),
        ("cpu_hours", hours(&efficiency.cpu_hours).to_string()),
        ("gpu_hours", json!(efficiency.gpu_hours.as_ref().map(hours)).to_string()),
        ("hints", json!(efficiency.hints).to_string()),
    ]) + "\n"
}

fn resource(r: &Resource) -> Json {
    let granted = r
        .granted
        .map(|(least, most)| json!({"min": json::finite(least), "max": json::finite(most)}));
    let ask = r.ask.as_ref().map(|a| json!({"key": a.key, "value": a.value, "same": a.same}));
    json!({
        "resource": r.what.word(),
        "unit": r.what.unit(),
        "granted": granted,
        "used": {"median": json::finite(r.used.median), "p95": json::finite(r.used.p95),
                 "max": json::finite(r.used.max)},
        "share": r.share.map(json::finite),
        "ask": ask,
    })
}
