// The best run by class, failures, cost over time, provenance: what is told once.
function classesView(root) {
  const B = D.best;
  if (!B || !B.scores.length) { root.closest("section").remove(); return; }
  root.append(el("p", {class: "dim"}, "Run " + B.run + " of trial " + B.trial + ", seed " + B.seed + ", after " + B.epochs + " epochs, on " + B.part + (B.weights ? "; " + count(B.weights) + " weights" : "") + "."));
  const scores = B.scores.length > 30 ? [...B.scores].sort((a, b) => a[3] - b[3]).slice(0, 20) : B.scores;
  const table = el("table", {"aria-label": "Scores by class"}, el("thead", {}, el("tr", {}, ...["class", "precision", "recall", "f1", "samples"].map((h, k) => el("th", {scope: "col", class: k ? "" : "text"}, h)))),
    el("tbody", {}, ...scores.map(s => el("tr", {}, el("th", {scope: "row", class: "text"}, s[0]), ...[1, 2, 3].map(k => el("td", {}, s[k].toFixed(4))), el("td", {}, count(s[4]))))));
  const two = el("div", {class: "two"});
  const figure = el("div");
  if (B.matrix) two.append(figure);
  two.append(el("div", {}, wide(table), B.scores.length > 30 ? el("p", {class: "dim"}, "The 20 worst of " + B.scores.length + " classes.") : ""));
  root.append(two);
  if (D.mistakes.length) root.append(el("h3", {}, "Worst mistakes"), el("p", {class: "dim"}, "Images of " + B.part.replace(/^its /, "the ") + " that it took for something else most surely; in brackets the probability that it gave to the truth."),
    el("div", {class: "mistakes"}, ...D.mistakes.map(([label, png]) => el("figure", {"aria-label": label}, el("img", {src: "data:image/png;base64," + png, alt: label}), el("figcaption", {}, label)))));
  if (!B.matrix) return;
  const draw = () => figure.replaceChildren(matrix(B, figure.clientWidth));
  draw(); views.push({resize: draw});
}
function matrix(B, room) {
  const n = B.matrix.length, L = n <= 30 ? Math.min(100, 14 + 7 * Math.max(...B.scores.map(s => s[0].slice(0, 15).length))) : 6;
  const cell = Math.max(n <= 12 ? 22 : 5, Math.min(n <= 12 ? 38 : 460 / n, (room - L - 4) / n)), small = n > 12;
  const svg = el("svg", {width: L + n * cell + 4, height: n * cell + 60, role: "img", "aria-label": "Confusion matrix: rows are true classes, columns what they were taken for"});
  B.matrix.forEach((row, r) => {
    const all = row.reduce((a, b) => a + b, 0) || 1;
    row.forEach((x, c) => {
      const share = x / all, right = r === c;
      const rect = el("rect", {x: L + c * cell, y: r * cell, width: cell - 1, height: cell - 1, fill: right ? "var(--bar)" : "var(--warn)"}, el("title", {}, B.scores[r][0] + " taken for " + B.scores[c][0] + ": " + x));
      rect.style.fillOpacity = x === 0 ? 0.04 : right ? 0.15 + 0.6 * share : Math.min(0.9, 0.15 + 3 * share);
      svg.append(rect);
      if (!small && x) svg.append(el("text", {x: L + (c + 0.5) * cell, y: (r + 0.5) * cell + 4, "text-anchor": "middle", class: "ink"}, x));
    });
    if (n <= 30) svg.append(el("text", {x: L - 6, y: (r + 0.5) * cell + 4, "text-anchor": "end"}, B.scores[r][0].slice(0, 15)));
    if (n <= 12) svg.append(el("text", {x: L + (r + 0.5) * cell, y: n * cell + 14, "text-anchor": "middle"}, B.scores[r][0].slice(0, 6)));
  });
  svg.append(el("text", {x: L, y: n * cell + 34, class: "ink"}, "rows: true class; columns: taken for"));
  return wide(svg);
}
function failuresView(root) {
  if (!D.failures.length) { root.append(el("p", {}, "Nothing failed.")); return; }
  root.append(...D.failures.map((f, k) => el("details", {open: k === 0}, el("summary", {}, el("b", {class: "warn"}, count(f.runs) + (f.runs === 1 ? " run " : " runs ") + f.state), ": " + f.text + (f.places ? " (" + f.places + ")" : "")),
    el("p", {class: "dim"}, "dlgrid logs " + D.sweep.name + " " + f.example), f.log.length ? el("pre", {tabindex: 0}, f.log.join("\n")) : el("p", {class: "dim"}, "No log of it was found."))));
  root.append(el("p", {class: "dim"}, "Again: dlgrid retry " + D.sweep.name));
}
// How work ended that is no trouble, and that somebody stopped.
const WORK = new Set(["well", "running", "put back", "asked", "preempted"]), HALT = new Set(["stopped", "cancelled", "running or killed"]);
function costView(root) {
  const E = D.cost.efficiency, list = el("dl");
  const fact = (k, v) => list.append(el("dt", {}, k), el("dd", {}, v));
  for (const [state, seconds, runs] of D.cost.spent) if (seconds > 0 || state !== "waiting") fact(state, span(seconds) + " of training in " + count(runs) + (runs === 1 ? " run" : " runs"));
  const hours = h => h.granted.toFixed(2) + " h asked for" + (h.used === null ? "" : ", " + h.used.toFixed(2) + " h used (" + (h.granted ? Math.round(100 * h.used / h.granted) : 0) + " %)") + ", " + h.wasted.toFixed(2) + " h wasted";
  if (E && E.gpu_hours) fact("GPU hours", hours(E.gpu_hours));
  if (E && E.measured) fact("CPU hours", hours(E.cpu_hours));
  root.append(list);
  if (E && E.resources.length) root.append(wide(el("table", {"aria-label": "Resources"}, el("thead", {}, el("tr", {}, ...["resource", "asked for", "median", "95 %", "most", "used", "next time"].map((h, k) => el("th", {scope: "col", class: k ? "" : "text"}, h)))),
    el("tbody", {}, ...E.resources.map(r => el("tr", {}, el("th", {scope: "row", class: "text"}, r.resource + " (" + r.unit + ")"), el("td", {}, r.granted ? short(r.granted.max) : "–"), ...["median", "p95", "max"].map(k => el("td", {}, short(r.used[k]))), el("td", {}, r.share === null ? "–" : Math.round(100 * r.share) + " %"), el("td", {class: "text mono"}, r.ask ? r.ask.key + ": " + r.ask.value : "")))))));
  if (E) root.append(...E.hints.map(h => el("p", {class: "dim"}, h)));
  const B = D.bars;
  if (!B.bars.length) return;
  const chart = el("div");
  root.append(el("h3", {}, "Work over time, by node"), chart);
  const draw = () => {
    const W = Math.max(320, root.clientWidth - 4), L = 120, h = Math.max(7, Math.min(20, 700 / B.rows.length)), end = Math.max(...B.bars.map(b => b[2]), 1);
    const svg = el("svg", {width: W, height: B.rows.length * h + 26, role: "img", "aria-label": count(B.bars.length) + " times of work on " + new Set(B.rows).size + " nodes over " + span(end)});
    B.rows.forEach((node, k) => { if (k === 0 || B.rows[k - 1] !== node) svg.append(el("text", {x: L - 8, y: (k + 0.5) * h + 4, "text-anchor": "end"}, node.slice(0, 17))); });
    for (const [row, from, to, ending, label] of B.bars) svg.append(el("rect", {x: L + from / end * (W - L - 40), y: row * h + 1, width: Math.max(1.5, (to - from) / end * (W - L - 40)), height: h - 2, rx: 2, fill: WORK.has(ending) ? "var(--bar)" : HALT.has(ending) ? "var(--dim)" : "var(--warn)"}, el("title", {}, label + "; " + span(to - from) + "; " + ending)));
    for (let k = 0; k <= 5; k++) svg.append(el("text", {x: L + k / 5 * (W - L - 40), y: B.rows.length * h + 16, "text-anchor": "middle"}, span(end * k / 5)));
    chart.replaceChildren(wide(svg));
  };
  root.append(el("p", {class: "dim"}, "Blue ended well, goes on or makes room to go on later; grey was stopped, or may go on; red ended otherwise." + (B.left_out ? " " + count(B.left_out) + " more are not drawn." : "")));
  draw(); views.push({resize: draw});
}
function provenanceView(root) {
  root.append(el("dl", {}, ...D.provenance.filter(([, v]) => v).flatMap(([k, v]) => [el("dt", {}, k), el("dd", {}, v)])),
    el("details", {}, el("summary", {}, "spec.yaml"), el("pre", {tabindex: 0}, D.spec)));
}
