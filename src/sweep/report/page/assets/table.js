// The leaderboard: sorted, filtered, in pages of rows; what matters less yields where there is no room.
function tableView(root) {
  const T = D.trials, write = digitsFor(T.mean), several = D.rounds > 1;
  const sort = {key: "rank", down: false};
  let rows = 25;
  const key = {};
  const heads = [["rank", "rank", i => T.rank[i] ?? Infinity], ["trial", "trial", i => T.name[i], true]];
  const name = path => { const end = tail(path); return end === path ? path : [el("span", {class: "stem"}, path.slice(0, -end.length)), end]; };
  D.parameters.forEach((p, k) => heads.push([p.path, p.path, i => T.values[k][i], p.words !== null]));
  heads.push([D.aim.metric, "objective", i => T.mean[i]]);
  if (several) heads.push(["spread", null, null, true], ["less the first", "difference", i => T.difference[i]], ["p", "p", i => T.p[i]]);
  heads.push(["runs", "n", i => T.n[i]], ["time", "seconds", i => T.seconds[i]]);
  for (const [, k, f] of heads) if (k) key[k] = f;
  let low = 0, high = 1; // the ends of the pictures: those of the rows that are shown
  const reach = shown => ends(shown.flatMap(i => T.mean[i] === null ? [] : [-1, 1].map(way => T.mean[i] + way * (T.sd[i] || 0))), worse());
  const px = v => 4 + Math.max(0, Math.min(1, (v - low) / (high - low || 1))) * 112;
  function picture(i) {
    if (T.mean[i] === null) return "";
    const m = T.mean[i], s = T.sd[i], out = [];
    if (s !== null) out.push(el("line", {x1: px(m - s), x2: px(m + s), y1: 8, y2: 8, stroke: "var(--bar)", "stroke-width": 2}));
    for (const r of T.runs[i]) if (r[4] !== null && r[4] >= low && r[4] <= high) out.push(el("circle", {cx: px(r[4]), cy: 8, r: 1.6, fill: "var(--dim)"}));
    // Beyond the picture's ends only where the mean lies can be told.
    const way = m < low ? -1 : m > high ? 1 : 0, at = px(m);
    out.push(way ? el("path", {d: "M" + (at - 3 * way) + " 4L" + (at + 4 * way) + " 8L" + (at - 3 * way) + " 12Z", fill: "var(--bar)"}) : el("circle", {cx: at, cy: 8, r: 3.4, fill: "var(--bar)"}));
    return el("svg", {class: "spread", viewBox: "0 0 120 16", preserveAspectRatio: "none", role: "img", "aria-label": "mean " + write(m) + (s === null ? "" : ", standard deviation " + write(s))}, ...out);
  }
  function order() {
    const f = key[sort.key], on = [];
    for (let i = 0; i < D.n; i++) if (S.active[i]) on.push(i);
    on.sort((a, b) => {
      const x = f(a), y = f(b);
      if (x === null || y === null) return (x === null) - (y === null) || a - b;
      const c = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y), "en", {numeric: true});
      return (sort.down ? -c : c) || a - b;
    });
    return on;
  }
  function row(i) {
    const cells = [el("td", {class: "tick"}, el("input", {type: "checkbox", "aria-label": "show the curve of " + T.name[i], onchange: () => toggle(i)}))];
    cells[0].firstChild.checked = S.picked.has(i);
    cells.push(el("td", {}, (T.tied[i] ? "≈ " : "") + (T.rank[i] ?? "–")), el("th", {scope: "row", class: "text mono pin"}, T.name[i]));
    D.parameters.forEach((p, k) => { const v = short(T.values[k][i]); cells.push(el("td", {class: p.words ? "text" : "", title: v.length > 20 ? v : null}, v)); });
    const why = T.mean[i] === null ? el("span", {class: "warn"}, T.why[i]) : write(T.mean[i]) + (T.sd[i] === null ? "" : " ± " + write(T.sd[i]));
    cells.push(el("td", {}, why));
    if (several) {
      const d = T.difference[i], l = T.low[i];
      cells.push(el("td", {class: "text"}, picture(i)));
      cells.push(el("td", {title: l === null ? null : "95 %: " + write(l) + " to " + write(T.high[i])}, d === null ? "" : (d > 0 ? "+" : "") + write(d), l === null ? "" : el("span", {class: "roomy"}, "  [" + write(l) + ", " + write(T.high[i]) + "]")));
      cells.push(el("td", {}, T.p[i] === null ? "" : T.p[i] < 0.001 ? "<0.001" : T.p[i].toFixed(3)));
    }
    cells.push(el("td", {}, T.n[i] === D.rounds ? T.n[i] : T.n[i] + " of " + D.rounds), el("td", {}, span(T.seconds[i])));
    const tr = el("tr", {class: T.rank[i] === 1 ? "first" : "", "data-trial": T.name[i]}, ...cells);
    for (const way of ["pointerenter", "focusin"]) tr.addEventListener(way, () => hover(i));
    return tr;
  }
  function draw() {
    const on = order(), shown = on.slice(0, rows);
    [low, high] = reach(shown);
    const head = el("tr", {}, el("th", {scope: "col", class: "tick"}, "curve"), ...heads.map(([head, k, , text]) => {
      const th = el("th", {scope: "col", class: (text ? "text" : "") + (k === "trial" ? " pin" : ""), title: head});
      if (!k) { th.append(head); return th; }
      if (sort.key === k) th.setAttribute("aria-sort", sort.down ? "descending" : "ascending");
      th.append(el("button", {type: "button", "data-sort": k, onclick: () => {
        sort.down = sort.key === k ? !sort.down : false; sort.key = k; draw();
        root.querySelector('[data-sort="' + CSS.escape(k) + '"]').focus();
      }}, ...[name(head)].flat(), sort.key === k ? (sort.down ? " ↓" : " ↑") : ""));
      return th;
    }));
    const body = el("tbody", {}, ...shown.map(row));
    const more = el("div", {class: "tools"}, count(shown.length) + " of " + count(on.length) + " shown");
    if (on.length > rows) more.append(el("button", {type: "button", onclick: () => { rows += 100; draw(); }}, "100 more"));
    const notes = [];
    if (several && T.tied.some(Boolean)) notes.push("≈ can't be told from the first by " + D.rounds + " runs (paired t test, p ≥ 0.05).", el("span", {class: "roomy"}, "Brackets hold the difference with 95 % confidence."));
    root.replaceChildren(wide(el("table", {"aria-label": "Leaderboard"}, el("thead", {}, head), body)), more, el("p", {class: "dim"}, ...notes.flatMap(n => [n, " "])), ...D.notes.map(n => el("p", {class: "dim"}, n)));
    fit();
  }
  function fit() {
    const box = root.querySelector(".wide");
    if (!box) return;
    root.className = "";
    for (const way of ["tight", "tighter"]) if (box.scrollWidth > box.clientWidth) root.classList.add(way);
  }
  views.push({later: draw, resize: fit});
}
function saveCsv() {
  const quote = v => { v = v === null || v === undefined ? "" : String(v); if (/^[=+\-@\t\r]/.test(v) && isNaN(v)) v = "'" + v; return /[",\n\r]/.test(v) ? '"' + v.replaceAll('"', '""') + '"' : v; };
  const T = D.trials, cols = [["rank", T.rank], ["trial", T.name], ...D.parameters.map((p, k) => [p.path, T.values[k]]), [D.columns.find(c => c.kind === "objective").name, T.mean], ["sd", T.sd], ["n", T.n], ...D.metrics.map((m, k) => [m, T.metrics[k]]), ["p", T.p], ["seconds", T.seconds]];
  const lines = [cols.map(c => quote(c[0])).join(",")];
  for (let i = 0; i < D.n; i++) if (S.active[i]) lines.push(cols.map(c => quote(c[1][i])).join(","));
  const a = el("a", {href: URL.createObjectURL(new Blob([lines.join("\n") + "\n"], {type: "text/csv"})), download: D.sweep.name + ".csv"});
  a.click();
}
