// What every view needs: the data, what is selected, numbers in words, elements, scales, colours.
const D = {}; // the payload
const S = {active: null, shown: 0, hover: -1, picked: new Set(), brushes: new Map(), filter: null, text: ""};
const views = []; // {now(), later()}: redrawn at once while brushing, and shortly after
const $ = id => document.getElementById(id);
function el(tag, attributes, ...children) {
  const svg = ["svg", "line", "circle", "rect", "path", "text", "g", "title"].includes(tag);
  const e = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [k, v] of Object.entries(attributes || {})) {
    if (k.startsWith("on")) e.addEventListener(k.slice(2), v);
    else if (v !== null && v !== undefined && v !== false) e.setAttribute(k, v === true ? "" : v);
  }
  e.append(...children.filter(c => c !== null && c !== undefined && c !== false).map(c => c instanceof Node ? c : String(c)));
  return e;
}
async function load() {
  const bytes = Uint8Array.from(atob($("data").textContent), c => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  Object.assign(D, JSON.parse(await new Response(stream).text()));
  D.n = D.trials.name.length;
  // Values are looked up as this language writes them.
  const written = k => [...new Set(D.trials.values[k].filter(v => v !== null).map(String))].sort();
  D.parameters.forEach((p, k) => { if (p.words) p.words = written(k); });
  D.up = D.aim.goal === "maximize";
  S.active = new Uint8Array(D.n).fill(1);
  S.shown = D.n;
}
const css = name => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
const paper = () => document.documentElement.classList.contains("paper"); // being printed
const dark = () => document.documentElement.dataset.theme === "dark";
// The digits that tell such numbers apart; what is more than a hundred times the median decides nothing.
function digitsFor(numbers) {
  const sizes = Float64Array.from(numbers.filter(x => x !== null && isFinite(x)), Math.abs).sort(), median = sizes[(sizes.length - 1) >> 1] || 0;
  const most = sizes.findLast(x => median === 0 || x / median <= 100) || 0;
  const d = most === 0 ? 4 : most < 0.1 ? 5 : most < 10 ? 4 : most < 100 ? 3 : most < 1000 ? 2 : 1;
  if (most !== 0 && (most < 0.001 || most >= 1e6)) return x => x === null ? "–" : x.toExponential(3);
  return x => x === null || x === undefined ? "–" : Math.abs(x) >= 1e6 ? x.toExponential(3) : x.toFixed(d);
}
function short(x) {
  if (typeof x !== "number") return x === null || x === undefined ? "–" : String(x);
  const a = Math.abs(x);
  if (a !== 0 && (a < 1e-3 || a >= 1e5)) return x.toExponential(3).replace(/\.?0+e/, "e").replace("e+", "e");
  return String(+x.toPrecision(4));
}
function span(s) {
  if (!isFinite(s)) return "–";
  if (s < 9.95) return s.toFixed(1) + "s";
  s = Math.round(s);
  if (s < 60) return s + "s";
  if (s < 3600) return Math.floor(s / 60) + "m " + String(s % 60).padStart(2, "0") + "s";
  if (s < 86400) return Math.floor(s / 3600) + "h " + String(Math.floor(s / 60) % 60).padStart(2, "0") + "m";
  return Math.floor(s / 86400) + "d " + String(Math.floor(s / 3600) % 24).padStart(2, "0") + "h";
}
const count = n => n.toLocaleString("en");
// The ends of numbers, no farther out than three quartile distances (Tukey 1977) on a side that `clips`: one trial that came
// to nothing must not squeeze the rest.
function ends(numbers, clips) {
  const s = Float64Array.from(numbers.filter(x => x !== null && isFinite(x))).sort(), n = s.length;
  if (!n) return [0, 1];
  const [q1, q3] = [s[n >> 2], s[Math.floor(n * 0.75)]], far = n > 7 && q3 > q1 ? 3 * (q3 - q1) : Infinity;
  return [clips.low ? Math.max(s[0], q1 - far) : s[0], clips.high ? Math.min(s[n - 1], q3 + far) : s[n - 1]];
}
// The worse side of the objective.
const worse = () => ({low: D.up, high: !D.up});
// A column of every trial: a scale from its values to 0 … 1, and its ticks; what lies beyond an end that clips stands there.
function makeScale(values, log, words, clips) {
  if (words) {
    const at = new Map(words.map((w, i) => [w, (i + 0.5) / words.length]));
    const ticks = words.filter((_, i) => words.length <= 24 || i % Math.ceil(words.length / 24) === 0);
    return {at: v => v === null ? NaN : at.get(String(v)), ticks: ticks.map(w => [at.get(w), w]), words, back: y => words[Math.min(words.length - 1, Math.max(0, Math.floor(y * words.length)))]};
  }
  const [low, high] = ends(values, clips || {}), within = v => Math.max(low, Math.min(high, v));
  const f = log && low > 0 ? Math.log10 : x => x, g = log && low > 0 ? x => 10 ** x : x => x;
  const a = f(low), b = f(high), w = b - a || 1, pad = b === a ? 0.5 : 0.03;
  const at = v => v === null ? NaN : pad + (f(within(v)) - a) / w * (1 - 2 * pad);
  const levels = [...new Set(values)].filter(v => v !== null).sort((x, y) => x - y);
  const beyond = {low: levels[0] < low, high: levels[levels.length - 1] > high};
  let ticks = [];
  if (levels.length <= 9) ticks = levels.filter(v => v === within(v));
  else if (f === Math.log10 && b - a >= 1.5) for (let p = Math.ceil(a - 1e-9); p <= b + 1e-9; p++) ticks.push(10 ** p);
  else if (f === Math.log10) ticks = [low, g((a + b) / 2), high];
  else {
    const raw = w / 5, unit = 10 ** Math.floor(Math.log10(raw)), step = [1, 2, 5, 10].find(m => m * unit >= raw) * unit;
    for (let t = Math.ceil(low / step) * step; t <= high + step * 1e-6; t += step) ticks.push(t);
  }
  const named = ticks.map(t => [at(t), short(t)]);
  if (beyond.low) named.unshift([pad, "≤ " + short(low)]);
  if (beyond.high) named.push([1 - pad, "≥ " + short(high)]);
  return {at, ticks: named, levels, isBeyond: v => v !== null && v !== within(v), log: f === Math.log10, back: y => g(a + (y - pad) / (1 - 2 * pad) * w)};
}
// Columns by the name that a filter and the command line know.
function columns() {
  const T = D.trials, all = [];
  D.parameters.forEach((p, i) => all.push({name: p.path, kind: "parameter", values: T.values[i], log: p.log, words: p.words, unsaid: p.unsaid}));
  // At the best epoch it is another number than the metric, which is that of the last.
  all.push({name: D.aim.at === "best" ? "objective" : D.aim.metric, kind: "objective", values: T.mean});
  D.metrics.forEach((m, i) => all.push({name: m, kind: "metric", values: T.metrics[i]}));
  all.push({name: "seconds", kind: "seconds", values: T.seconds});
  const clips = {objective: worse(), metric: {low: true, high: true}};
  for (const c of all) c.scale = makeScale(c.values, c.log, c.words, clips[c.kind]);
  return all;
}
// Viridis at nine points (its perceptual order holds for the colour-blind); the best stands out most.
const RAMP = ["440154", "482878", "3e4a89", "31688e", "26828e", "1f9e89", "35b779", "6ece58", "fde725"].map(h => [0, 2, 4].map(i => parseInt(h.slice(i, i + 2), 16)));
function ramp(t) {
  t = (dark() ? 0.12 + 0.88 * t : 0.92 * (1 - t)) * (RAMP.length - 1);
  const i = Math.min(RAMP.length - 2, Math.floor(t)), f = t - i;
  return RAMP[i].map((c, k) => Math.round(c + (RAMP[i + 1][k] - c) * f));
}
const PICK = () => dark() ? ["#6fa8e6", "#f0a35a", "#6cc592", "#d98ad0", "#e8d35b", "#7fd3e0", "#f0846a", "#b9a2f2"] : ["#1f6fb8", "#d2691e", "#1e8e5a", "#a8418f", "#8a7a00", "#00808f", "#b3391f", "#6748b5"];
// Goodness of each trial, 0 the worst to 1 the best by rank; -1 without an objective.
function goodness() {
  const T = D.trials, with_ = [...T.mean.keys()].filter(i => T.rank[i] !== null).sort((a, b) => T.rank[b] - T.rank[a]);
  const g = new Float32Array(D.n).fill(-1);
  with_.forEach((i, place) => { g[i] = with_.length > 1 ? place / (with_.length - 1) : 1; });
  D.order = Uint32Array.from([...[...Array(D.n).keys()].filter(i => g[i] < 0), ...with_]);
  return g;
}
function apply(quick) {
  const begun = performance.now(), brushes = [...S.brushes];
  S.shown = 0;
  for (let i = 0; i < D.n; i++) {
    let on = S.filter ? S.filter[i] : 1;
    for (let b = 0; on && b < brushes.length; b++) {
      const y = brushes[b][0].scale.at(brushes[b][0].values[i]);
      on = y >= brushes[b][1][0] && y <= brushes[b][1][1];
    }
    S.active[i] = on ? 1 : 0;
    S.shown += on ? 1 : 0;
  }
  for (const v of views) if (v.now) v.now();
  document.body.dataset.redraw = (performance.now() - begun).toFixed(1);
  $("count").textContent = S.shown === D.n ? count(D.n) + " trials" : count(S.shown) + " of " + count(D.n) + " trials";
  clearTimeout(S.timer);
  if (quick) S.timer = setTimeout(settle, 120); else settle();
}
function settle() {
  const begun = performance.now();
  for (const v of views) if (v.later) v.later();
  document.body.dataset.settle = (performance.now() - begun).toFixed(1);
  remember();
}
function remember() {
  const state = {};
  if (S.text) state.filter = S.text;
  if (S.brushes.size) state.brush = [...S.brushes].map(([c, r]) => [c.name, +r[0].toFixed(4), +r[1].toFixed(4)]);
  const hash = Object.keys(state).length ? "#" + encodeURIComponent(JSON.stringify(state)) : "";
  try { history.replaceState(null, "", hash || location.pathname); } catch { /* some browsers refuse this for files */ }
}
function canvas(width, height, label) {
  const ratio = Math.min(2, window.devicePixelRatio || 1);
  const c = el("canvas", {width: Math.round(width * ratio), height: Math.round(height * ratio), role: "img", "aria-label": label});
  c.style.width = width + "px"; c.style.height = height + "px";
  const g = c.getContext("2d"); g.scale(ratio, ratio);
  return [c, g, ratio];
}
// The end of a parameter's path from which on no other has the same: `lr` of `optimizer.lr`.
function tail(path) {
  const all = D.parameters.map(p => p.path);
  for (let at = path.lastIndexOf("."); at >= 0; at = path.lastIndexOf(".", at - 1)) {
    const end = path.slice(at);
    if (all.filter(p => p.endsWith(end) || p === end.slice(1)).length <= 1) return end.slice(1);
    if (at === 0) break;
  }
  return path;
}
const wide = (...children) => el("div", {class: "wide", tabindex: 0}, ...children);
