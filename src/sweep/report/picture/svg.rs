//! A drawing in the making: shapes by class, text that is only text.
use std::fmt::Write as _;

use super::MARK;
use crate::text::clean;

/// Colours for light and dark; those of lines can be told apart by the colour-blind (Okabe and Ito 2008).
const STYLE: &str = "\
text{font:12px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:#222;font-variant-numeric:tabular-nums}\
.head{font-weight:600;font-size:13px}.dim{fill:#666}.end{text-anchor:end}.middle{text-anchor:middle}\
.grid{stroke:#ddd;stroke-width:1}.whisker{stroke:#222;stroke-width:1.5;fill:none}.bar{fill:#0072b2}.faint{fill:#0072b2;opacity:.45}\
.tied{fill:#0072b2}.other{fill:#999}.pale{fill:#999;opacity:.5}.l0{stroke:#0072b2}.l1{stroke:#d55e00}.l2{stroke:#009e73}.l3{stroke:#cc79a7}.l4{stroke:#e69f00}\
.line{fill:none;stroke-width:2;stroke-linejoin:round}.band{stroke:none;opacity:.14}.b0{fill:#0072b2}.b1{fill:#d55e00}.b2{fill:#009e73}\
.b3{fill:#cc79a7}.b4{fill:#e69f00}\
@media(prefers-color-scheme:dark){text{fill:#e6e6e6}.dim{fill:#9a9a9a}.grid{stroke:#3a3a3a}.whisker{stroke:#e6e6e6}\
.bar,.faint,.tied,.b0{fill:#56b4e9}.l0{stroke:#56b4e9}.other,.pale{fill:#777}}";

/// A drawing.
#[derive(Debug)]
pub(super) struct Svg {
    out: String,
}

impl Svg {
    /// An empty one of so many pixels, with what it shows in words.
    pub(super) fn new(width: f64, height: f64, title: &str) -> Self {
        let (w, h) = (short(width), short(height));
        let title = escape(title);
        let out = format!(
            "{MARK}\n<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w} {h}\" width=\"{w}\" height=\"{h}\" role=\"img\" aria-label=\"{title}\">\n<title>{title}</title>\n<style>{STYLE}</style>\n"
        );
        Self { out }
    }

    /// Words at a place; classes say how.
    pub(super) fn text(&mut self, (x, y): (f64, f64), class: &str, words: &str) {
        let (x, y, words) = (short(x), short(y), escape(words));
        self.push(format_args!("<text x=\"{x}\" y=\"{y}\" class=\"{class}\">{words}</text>"));
    }

    /// A straight line.
    pub(super) fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), class: &str) {
        let [x1, y1, x2, y2] = [x1, y1, x2, y2].map(short);
        self.push(format_args!(
            "<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\" class=\"{class}\"/>"
        ));
    }

    /// A rectangle by its corner and size.
    pub(super) fn rect(&mut self, (x, y): (f64, f64), (w, h): (f64, f64), class: &str) {
        let [x, y, w, h] = [x, y, w, h].map(short);
        self.push(format_args!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" rx=\"2\" class=\"{class}\"/>"
        ));
    }

    /// A dot.
    pub(super) fn dot(&mut self, (x, y): (f64, f64), radius: f64, class: &str) {
        let [x, y, r] = [x, y, radius].map(short);
        self.push(format_args!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{r}\" class=\"{class}\"/>"));
    }

    /// A line through points, closed where `closed` holds.
    pub(super) fn path(&mut self, points: &[(f64, f64)], closed: bool, class: &str) {
        let mut d = String::new();
        for (place, (x, y)) in points.iter().enumerate() {
            let sign = if place == 0 { 'M' } else { 'L' };
            d.push_str(&format!("{sign}{} {}", short(*x), short(*y)));
        }
        let end = if closed { "Z" } else { "" };
        self.push(format_args!("<path d=\"{d}{end}\" class=\"{class}\"/>"));
    }

    /// The file's content.
    pub(super) fn finish(mut self) -> String {
        self.out.push_str("</svg>\n");
        self.out
    }

    fn push(&mut self, shape: std::fmt::Arguments<'_>) {
        writeln!(self.out, "{shape}").expect("writing to a string cannot fail");
    }
}

/// A coordinate with at most one digit after the point.
fn short(x: f64) -> String {
    let text = format!("{x:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".into() } else { text.to_owned() }
}

/// Text that is nothing but text.
fn escape(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    for c in clean(words).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
