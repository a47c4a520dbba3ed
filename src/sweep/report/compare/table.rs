//! The comparison as text for a terminal.
use super::super::table::{parameter, short, summaries};
use super::super::{Paired, Summary, paired};
use super::{Compared, Match};
use crate::terminal::{Column, Tone, View, lay_out};
use crate::text::{Digits, clean, cut, plural};

/// Longest text of a cell, in characters.
const LONGEST: usize = 32;

/// Renders the comparison, with so many of the trials that match.
#[must_use]
pub fn render(compared: &Compared, top: usize, view: View) -> String {
    let aim = &compared.aim;
    let goal = if aim.maximize { "maximize" } else { "minimize" };
    let [first, second] = labels(compared);
    let mut out = format!(
        "{} against {}  {goal} {}\n",
        view.paint(Tone::Strong, &second),
        view.paint(Tone::Strong, &first),
        clean(&aim.metric)
    );
    if !compared.differs.is_empty() {
        out.push_str(&format!("\n{}", differs(compared, view)));
    }
    let shown = &compared.matches[..top.min(compared.matches.len())];
    if !shown.is_empty() {
        out.push_str(&format!("\n{}", trials(compared, shown, view)));
    }
    if let Some(best) = &compared.best {
        out.push_str(&format!("\n{}", bests(compared, best, view)));
    }
    out.push('\n');
    for line in foot(compared, shown.len()) {
        out.push_str(&view.paint(Tone::Less, &line));
        out.push('\n');
    }
    out
}

/// What the sweeps are called: where both have one name, with the beginning of their ids.
fn labels(compared: &Compared) -> [String; 2] {
    let [first, second] = &compared.sweeps;
    let alike = first.name == second.name;
    [first, second].map(|sweep| {
        let id = sweep.id.get(..8).unwrap_or_default();
        if alike { format!("{}-{id}", clean(&sweep.name)) } else { clean(&sweep.name).into_owned() }
    })
}

fn column(head: &str, right: bool, spare: u32, cells: Vec<String>) -> Column {
    let head = cut(head, LONGEST);
    Column { short: head.clone(), head, cells, right, spare, ..Column::default() }
}

fn differs(compared: &Compared, view: View) -> String {
    let all = &compared.differs;
    let cell =
        |value: &Option<String>| value.as_deref().map_or_else(|| "-".into(), |v| cut(v, LONGEST));
    let side = |side: usize| all.iter().map(|d| cell(&d.values[side])).collect();
    let [first, second] = labels(compared);
    let settings = all.iter().map(|d| cut(&d.setting, LONGEST)).collect();
    let columns = vec![
        column("what differs", false, 0, settings),
        column(&first, false, 0, side(0)),
        column(&second, false, 0, side(1)),
    ];
    lay_out(columns, view).0
}

fn trials(compared: &Compared, shown: &[Match], view: View) -> String {
    let marks = shown.iter().map(|m| mark(m).to_owned()).collect();
    let mut columns = vec![column("", false, 0, marks)];
    let varying = varying(compared);
    for (spare, place) in (10..).zip(&varying) {
        let path = &compared.parameters[*place];
        let value = |m: &Match| m.parameters[0][*place].clone();
        let right = shown.iter().filter_map(value).all(|value| value.as_f64().is_some());
        let cells = shown.iter().map(|m| parameter(value(m).as_ref())).collect();
        let short = cut(short(path, &compared.parameters), LONGEST);
        columns.push(Column { short, ..column(path, right, spare, cells) });
    }
    columns.extend(numbers(compared, shown));
    let (mut out, left_out) = lay_out(columns, view);
    if !left_out.is_empty() {
        let note = format!("left out for want of width: {}", left_out.join(", "));
        out.push_str(&view.paint(Tone::Less, &note));
        out.push('\n');
    }
    out
}

/// The parameters that tell the trials that match apart: one value in all of them tells nothing.
fn varying(compared: &Compared) -> Vec<usize> {
    let all = &compared.matches;
    let varies = |place: &usize| {
        let mut values = all.iter().map(|m| &m.parameters[0][*place]);
        let first = values.next();
        all.len() == 1 || values.any(|value| Some(value) != first)
    };
    (0..compared.parameters.len()).filter(varies).collect()
}

/// The objectives, their difference, its interval and p.
fn numbers(compared: &Compared, shown: &[Match]) -> Vec<Column> {
    let [first, second] = labels(compared);
    let side = |side: usize| {
        let all: Vec<Summary> = shown.iter().map(|m| m.objectives[side]).collect();
        summaries(&all, |_| "-")
    };
    let digits = Digits::for_all(shown.iter().flat_map(|m| m.objectives).filter_map(|s| s.mean));
    let signed = |x: f64| signed(digits, x);
    let each = |of: &dyn Fn(&Match) -> Option<String>| {
        shown.iter().map(|m| of(m).unwrap_or_else(|| "-".into())).collect::<Vec<String>>()
    };
    let interval = |v: &Paired| v.interval.map(|(a, b)| format!("{} to {}", signed(a), signed(b)));
    vec![
        column(&first, true, 0, side(0)),
        column(&second, true, 0, side(1)),
        column("difference", true, 0, each(&|m| m.versus?.difference.map(signed))),
        column("95 %", true, 100, each(&|m| interval(&m.versus?))),
        column("p", true, 2, each(&|m| m.versus?.p.map(probability))),
        column("pairs", true, 101, each(&|m| Some(m.versus?.pairs.to_string()))),
    ]
}

fn bests(compared: &Compared, best: &Match, view: View) -> String {
    let mut columns = vec![
        column("", false, 0, vec![mark(best).to_owned()]),
        column("best", false, 0, vec![best.trials.join(", ")]),
    ];
    columns.extend(numbers(compared, std::slice::from_ref(best)));
    lay_out(columns, view).0
}

fn signed(digits: Digits, x: f64) -> String {
    if x < 0.0 { digits.write(x) } else { format!("+{}", digits.write(x)) }
}

fn is_tied(m: &Match) -> bool {
    m.versus.is_some_and(|versus| versus.is_tied())
}

fn mark(m: &Match) -> &'static str {
    if is_tied(m) { "≈" } else { "" }
}

/// `0.031`, `<0.001`.
fn probability(p: f64) -> String {
    if p < 0.001 { "<0.001".into() } else { format!("{p:.3}") }
}

fn foot(compared: &Compared, shown: usize) -> Vec<String> {
    let [first, second] = labels(compared);
    let mut lines = Vec::new();
    let matches = compared.matches.len();
    if shown < matches {
        lines.push(format!(
            "{shown} of {} that match (all: --all)",
            plural(matches as u64, "trial")
        ));
    }
    let overall = &compared.overall;
    if let Some(mean) = overall.difference {
        let digits = Digits::for_all([mean]);
        let p = overall.p.map_or_else(String::new, |p| {
            format!(", p {} if trials were independent", probability(p))
        });
        lines.push(format!(
            "{second} is better in {} of {} that match and have a result",
            compared.better,
            plural(overall.pairs, "trial"),
        ));
        lines.push(format!("the mean of their differences is {}{p}", signed(digits, mean)));
    }
    if matches == 0 {
        lines.push("no trial of one has the parameters of one of the other".into());
    }
    let [a, b] = compared.alone;
    if a + b > 0 {
        lines.push(format!(
            "without a match: {} of {first}, {} of {second}",
            plural(a, "trial"),
            plural(b, "trial")
        ));
    }
    let mut all = compared.matches.iter().chain(&compared.best);
    if all.clone().any(|m| m.versus.is_none()) {
        lines.push("a trial of which a run diverged is compared with none".into());
    }
    if all.any(is_tied) {
        lines.push(format!(
            "≈ no difference is shown (paired t test, p ≥ {}, or fewer than two pairs)",
            paired::LEVEL
        ));
    }
    lines
}
