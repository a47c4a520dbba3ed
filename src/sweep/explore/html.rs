//! An exploration as one HTML page that asks no network: charts as SVG, pictures as data.
use std::fmt::Write as _;

use super::column::Spread;
use super::{Exploration, float};
use crate::html::{base64, escaped};
use crate::recipe::value::short_number;
use crate::text::grouped;

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1c2530;--dim:#5d6b7a;--line:#dfe5ec;--back:#fff;--bar:#3b73b9}\
@media(prefers-color-scheme:dark){:root{--ink:#e4e9ef;--dim:#93a1b0;--line:#2c3641;--back:#12171d;--bar:#6ea3e0}}\
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--back);max-width:1160px;margin:2.5rem auto;padding:0 1.5rem}\
h1{font-size:1.7rem;margin:0}h2{font-size:1.05rem;margin:2.2rem 0 .6rem}p{margin:.2rem 0;color:var(--dim)}\
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:13.5px}\
th,td{padding:.28rem .55rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}\
th{color:var(--dim);font-weight:500}th:first-child,td:first-child{text-align:left;padding-left:0;max-width:22rem;overflow:hidden;text-overflow:ellipsis}\
th.chart{text-align:left}svg{display:block}rect{fill:var(--bar)}line{stroke:var(--dim)}\
.pictures{display:flex;flex-wrap:wrap;gap:14px}figure{margin:0;width:96px}\
img{width:96px;height:96px;image-rendering:pixelated;border-radius:4px;display:block}\
figcaption{font-size:12px;color:var(--dim);text-align:center;overflow:hidden;text-overflow:ellipsis}\
ul{padding-left:1.1rem;color:var(--dim)}";

/// The page.
#[must_use]
pub fn page(found: &Exploration) -> String {
    let name = escaped(&found.name);
    let shape = found.shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" × ");
    let unit = if found.kind == "images" { "bytes" } else { "columns" };
    let mut out = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{name}</title>\
         <style>{STYLE}</style><h1>{name}</h1>\
         <p>{} samples of {shape} {unit}; {} are a copy of another</p>",
        grouped(found.samples),
        grouped(found.duplicates)
    );
    if !found.notes.is_empty() {
        out.push_str("<ul>");
        for note in &found.notes {
            let _ = write!(out, "<li>{}</li>", escaped(note));
        }
        out.push_str("</ul>");
    }
    pictures(&mut out, found);
    classes(&mut out, found);
    features(&mut out, found);
    if !found.pairs.is_empty() {
        out.push_str("<h2>Columns that say nearly the same</h2><table><tr><th>one<th>other<th>r");
        for pair in &found.pairs {
            let _ = write!(
                out,
                "<tr><td>{}<td>{}<td>{:.3}",
                escaped(&pair.a),
                escaped(&pair.b),
                pair.r
            );
        }
        out.push_str("</table>");
    }
    out + "</html>\n"
}

fn pictures(out: &mut String, found: &Exploration) {
    if found.pictures.is_empty() {
        return;
    }
    out.push_str("<h2>Examples</h2><div class=\"pictures\">");
    for picture in &found.pictures {
        let (label, data) = (escaped(&picture.label), base64(&picture.png()));
        let _ = write!(
            out,
            "<figure><img alt=\"{label}\" src=\"data:image/png;base64,{data}\">\
             <figcaption>{label}</figcaption></figure>"
        );
    }
    out.push_str("</div>");
}

fn classes(out: &mut String, found: &Exploration) {
    let most = found.classes.iter().map(|c| c.samples).max().unwrap_or(0).max(1);
    if found.classes.is_empty() {
        return;
    }
    out.push_str("<h2>Classes</h2><table><tr><th>class<th>samples<th>share<th>weight<th>");
    for class in &found.classes {
        let share = 100.0 * float(class.samples) / float(found.samples.max(1));
        let width = 320.0 * float(class.samples) / float(most);
        let _ = write!(
            out,
            "<tr><td>{}<td>{}<td>{share:.1} %<td>{:.2}<td><svg width=\"320\" height=\"12\" \
             aria-hidden=\"true\"><rect width=\"{width:.1}\" height=\"12\" rx=\"2\"/></svg>",
            escaped(&class.name),
            grouped(class.samples),
            class.weight
        );
    }
    out.push_str("</table>");
}

fn features(out: &mut String, found: &Exploration) {
    let title = if found.kind == "images" { "Channels" } else { "Columns" };
    let _ = write!(
        out,
        "<h2>{title}</h2><div class=\"wide\"><table><tr><th>name<th>type<th>missing<th>distinct\
         <th>mean<th>sd<th>min<th>median<th>max<th class=\"chart\">quartiles<th>outliers<th>tells"
    );
    for f in &found.features {
        let _ = write!(
            out,
            "<tr><td title=\"{0}\">{0}<td>{1}<td>{2}<td>{3}",
            escaped(&f.name),
            f.kind,
            grouped(f.missing),
            grouped(f.distinct)
        );
        match f.spread {
            Some(s) => {
                for x in [s.mean, s.deviation, s.least, s.median, s.most] {
                    let x = format!("{x:.3e}").parse().unwrap_or(x);
                    let _ = write!(out, "<td>{}", short_number(x));
                }
                let _ = write!(out, "<td>{}", quartiles(s));
            }
            None => out.push_str("<td>-<td>-<td>-<td>-<td>-<td>-"),
        }
        let tells = f.tells.map_or("-".to_owned(), |t| format!("{t:.2}"));
        let _ = write!(out, "<td>{}<td>{tells}", grouped(f.outliers));
    }
    out.push_str("</table></div>");
}

/// From the smallest to the largest value, with the middle half as a box.
fn quartiles(s: Spread) -> String {
    let wide = s.most - s.least;
    let at = |x: f64| if wide > 0.0 { 2.0 + 116.0 * (x - s.least) / wide } else { 60.0 };
    format!(
        "<svg width=\"120\" height=\"14\" aria-hidden=\"true\">\
         <line x1=\"2\" x2=\"118\" y1=\"7\" y2=\"7\"/>\
         <rect x=\"{:.1}\" y=\"2\" width=\"{:.1}\" height=\"10\" rx=\"2\"/>\
         <line x1=\"{2:.1}\" x2=\"{2:.1}\" y1=\"0\" y2=\"14\"/></svg>",
        at(s.q1),
        (at(s.q3) - at(s.q1)).max(1.0),
        at(s.median)
    )
}
