// What matters: importance, the objective over each parameter, and over two of them.
function influenceView(root) {
  const T = D.trials, P = D.columns.filter(c => c.kind === "parameter");
  if (!P.length) { root.append(el("p", {class: "dim"}, "No parameter varies.")); return; }
  const M = D.matters;
  const whole = el("b"); // said while a part of the trials is selected
  root.append(shares());
  const slices = el("div", {class: "grid"}), heat = el("div");
  const objective = D.columns.find(c => c.kind === "objective");
  const far = T.mean.filter(m => objective.scale.isBeyond(m)).length;
  root.append(el("h3", {}, "Objective over each parameter"), slices);
  if (far) root.append(el("p", {class: "dim"}, (D.up ? "▾ " : "▴ ") + count(far) + (far === 1 ? " trial lies" : " trials lie") + " farther out than the picture reaches."));
  const rank = M.order || P.map((_, k) => k), pair = M.pair || [rank[0], rank[1]];
  const pick = (label, k) => { const s = el("select", {"aria-label": label, onchange: () => drawHeat()}, ...P.map((c, i) => el("option", {value: i}, c.name))); s.value = k; return s; };
  const across = pick("across", pair[0]), up = pick("up", pair[1]);
  if (P.length > 1) root.append(el("h3", {}, "Two together"), el("div", {class: "tools"}, up, " over ", across), heat);
  function shares() {
    const most = Math.max(...M.lines.map(s => s.share + s.sd), 1e-9), w = v => Math.max(0, v) / most * 300;
    const row = s => el("tr", {}, el("th", {scope: "row", class: "text"}, s.name), el("td", {}, (100 * s.share).toFixed(1) + " % ± " + (100 * s.sd).toFixed(1)),
      el("td", {}, el("svg", {width: 310, height: 16, "aria-hidden": "true"}, el("rect", {x: 0, y: 3, width: w(s.share), height: 10, rx: 2, fill: "var(--bar)"}), el("line", {x1: w(s.share - s.sd), x2: w(s.share + s.sd), y1: 8, y2: 8, stroke: "var(--ink)", "stroke-width": 1.5}))));
    const title = "Share of the objective's variance that each parameter explains";
    const table = M.lines.length ? wide(el("table", {id: "shares", "aria-label": title}, el("tbody", {}, ...M.lines.map(row)))) : "";
    return el("div", {}, el("h3", {}, title), table, el("p", {class: "dim"}, M.notes.map(n => n[0].toUpperCase() + n.slice(1) + ".").join(" "), whole));
  }
  function slice(c) {
    const columns = Math.max(1, Math.floor((root.clientWidth + 16) / 276)), W = Math.min(380, (root.clientWidth - 16 * (columns - 1)) / columns), H = 150, L = 40, B = 20;
    const [cv, g] = canvas(W, H, "Objective over " + c.name);
    const X = t => L + t * (W - L - 8), Y = t => 6 + (1 - t) * (H - B - 10);
    g.font = "10px system-ui"; g.fillStyle = css("dim"); g.strokeStyle = css("line");
    g.strokeRect(L, 4, W - L - 6, H - B - 6);
    const ticks = c.scale.ticks, room = Math.max(1, Math.ceil(ticks.length / 5));
    g.textAlign = "center"; ticks.forEach(([t, w], k) => { if (k % room === 0) g.fillText(w.slice(0, 9), X(t), H - 6); });
    g.textAlign = "right"; const yt = objective.scale.ticks; [yt[0], yt[yt.length - 1]].forEach(t => t && g.fillText(t[1].replace(/^\D /, ""), L - 4, Y(t[0]) + 3));
    const levels = new Map(), size = D.n > 3000 ? 1.5 : 3;
    const groups = [[], ...Array.from({length: 17}, () => [])];
    for (const i of D.order) {
      const x = c.scale.at(c.values[i]), y = objective.scale.at(T.mean[i]);
      if (x !== x || y !== y) continue;
      groups[S.active[i] ? 1 + (D.good[i] * 16 | 0) : 0].push(i);
      if (S.active[i]) { const k = c.values[i]; levels.has(k) ? levels.get(k).push(T.mean[i]) : levels.set(k, [T.mean[i]]); }
    }
    groups.forEach((group, k) => {
      g.fillStyle = k ? "rgb(" + ramp((k - 1) / 16).join(",") + ")" : css("grey");
      for (const i of group) {
        const x = X(c.scale.at(c.values[i])), y = Y(objective.scale.at(T.mean[i]));
        if (!objective.scale.isBeyond(T.mean[i])) { g.fillRect(x - size / 2, y - size / 2, size, size); continue; }
        const way = D.up ? 1 : -1; // a wedge that points out of the picture
        g.beginPath(); g.moveTo(x - 3.5, y - 2.5 * way); g.lineTo(x + 3.5, y - 2.5 * way); g.lineTo(x, y + 3.5 * way); g.fill();
      }
    });
    if (levels.size > 1 && levels.size <= 40) {
      const points = [...levels].map(([v, m]) => [X(c.scale.at(v)), Y(objective.scale.at(median(m)))]).sort((a, b) => a[0] - b[0]);
      g.strokeStyle = css("ink"); g.lineWidth = 1.6; g.beginPath();
      points.forEach((p, k) => c.words ? (g.moveTo(p[0] - 9, p[1]), g.lineTo(p[0] + 9, p[1])) : g[k ? "lineTo" : "moveTo"](...p));
      g.stroke();
    }
    return el("figure", {"aria-label": c.name}, el("figcaption", {title: c.name}, c.name), cv);
  }
  function median(numbers) {
    const s = numbers.sort((a, b) => a - b), n = s.length;
    return (s[(n - 1) >> 1] + s[n >> 1]) / 2;
  }
  const levelsOf = c => {
    if (c.words && c.words.length <= 24) return {n: c.words.length, at: v => c.words.indexOf(String(v)), name: k => c.words[k]};
    if (!c.words && c.scale.levels.length <= 24) return {n: c.scale.levels.length, at: v => c.scale.levels.indexOf(v), name: k => short(c.scale.levels[k])};
    return {n: 16, at: v => Math.min(15, Math.floor(c.scale.at(v) * 16)), name: k => short(c.scale.back((k + 0.5) / 16))};
  };
  function drawHeat() {
    if (P.length < 2) return;
    const a = P[across.value], b = P[up.value], A = levelsOf(a), B = levelsOf(b), sums = new Map();
    for (let i = 0; i < D.n; i++) if (S.active[i] && T.mean[i] !== null && a.values[i] !== null && b.values[i] !== null) {
      const k = A.at(a.values[i]) + "," + B.at(b.values[i]), s = sums.get(k) || [0, 0]; s[0] += T.mean[i]; s[1]++; sums.set(k, s);
    }
    const means = [...sums.values()].map(s => s[0] / s[1]).sort((x, y) => D.up ? x - y : y - x), write = digitsFor(means);
    // By rank, as everywhere on the page: a few cells that came to nothing would else take all colours but one.
    const places = new Map(means.map((m, k) => [m, means.length > 1 ? k / (means.length - 1) : 1]));
    const W = Math.min(1100, root.clientWidth - 10), L = 90, cell = Math.min(86, (W - L) / A.n), h = Math.max(18, Math.min(34, 420 / B.n));
    const out = el("svg", {width: L + cell * A.n + 4, height: h * B.n + 40, role: "img", "aria-label": "Mean objective over " + a.name + " and " + b.name});
    for (const [k, s] of sums) {
      const [x, y] = k.split(",").map(Number), m = s[0] / s[1], c = ramp(places.get(m));
      const r = el("rect", {x: L + x * cell, y: (B.n - 1 - y) * h, width: cell - 1, height: h - 1, fill: "rgb(" + c.join(",") + ")"}, el("title", {}, a.name + " " + A.name(x) + ", " + b.name + " " + B.name(y) + ": " + write(m) + " (" + s[1] + " trials)"));
      out.append(r);
      if (cell > 44) { const t2 = el("text", {x: L + (x + 0.5) * cell, y: (B.n - 0.5 - y) * h + 4, "text-anchor": "middle"}, write(m)); t2.style.fill = c[0] * 0.3 + c[1] * 0.6 + c[2] * 0.1 > 135 ? "#111" : "#fff"; out.append(t2); }
    }
    const room = Math.ceil(A.n / Math.max(1, Math.floor((W - L) / 48)));
    for (let k = 0; k < A.n; k += room) out.append(el("text", {x: L + (k + 0.5) * cell, y: h * B.n + 14, "text-anchor": "middle"}, A.name(k).slice(0, 12)));
    for (let k = 0; k < B.n; k++) out.append(el("text", {x: L - 6, y: (B.n - 0.5 - k) * h + 4, "text-anchor": "end"}, B.name(k).slice(0, 13)));
    out.append(el("text", {x: L, y: h * B.n + 32, class: "ink"}, a.name + "  (up: " + b.name + ")"));
    heat.replaceChildren(wide(out), means.length > 1 ? key(means, write) : "");
  }
  // What the colours of the heat map mean: the worst, the middle and the best cell under their colours.
  function key(means, write) {
    const W = 240, steps = 24, out = el("svg", {width: W + 125, height: 30, role: "img", "aria-label": "Colours from the worst cell, " + write(means[0]) + ", to the best, " + write(means[means.length - 1])});
    for (let k = 0; k < steps; k++) out.append(el("rect", {x: 90 + k * W / steps, y: 0, width: W / steps + 0.5, height: 10, fill: "rgb(" + ramp(k / (steps - 1)).join(",") + ")"}));
    for (const t of [0, 0.5, 1]) out.append(el("text", {x: 90 + t * W, y: 24, "text-anchor": "middle"}, write(means[Math.round(t * (means.length - 1))])));
    return el("div", {class: "tools"}, out, "Coloured by rank: each colour has as many cells, however far apart they are.");
  }
  function draw() {
    whole.textContent = S.shown < D.n && M.lines.length ? " They are of all " + count(D.n) + " trials, not of the " + count(S.shown) + " selected." : "";
    slices.replaceChildren(...rank.slice(0, 12).map(k => slice(P[k])));
    drawHeat();
  }
  views.push({later: draw, resize: draw});
}
