// Brings the page to life.
function theme(name) { document.documentElement.dataset.theme = name; for (const v of views) if (v.resize) v.resize(); if (D.n) settle(); }
const wants = matchMedia("(prefers-color-scheme: dark)");
document.documentElement.dataset.theme = wants.matches ? "dark" : "light";
wants.addEventListener("change", () => theme(wants.matches ? "dark" : "light"));
$("theme").addEventListener("click", () => theme(dark() ? "light" : "dark"));
// On paper: light, as wide as A4 and Letter both are, with the spec; a table that is wider is set smaller.
let before = null;
addEventListener("beforeprint", () => {
  before = {theme: document.documentElement.dataset.theme, shut: [...document.querySelectorAll("#provenance details:not([open])")]};
  before.shut.forEach(d => { d.open = true; });
  document.documentElement.classList.add("paper");
  theme("light");
  for (const w of document.querySelectorAll(".wide")) if (w.firstChild && w.scrollWidth > w.clientWidth) w.firstChild.style.zoom = w.clientWidth / w.scrollWidth;
});
addEventListener("afterprint", () => {
  if (!before) return;
  before.shut.forEach(d => { d.open = false; });
  document.documentElement.classList.remove("paper");
  for (const w of document.querySelectorAll(".wide")) if (w.firstChild) w.firstChild.style.zoom = "";
  theme(before.theme); before = null;
});
async function start() {
  await load();
  D.columns = columns();
  D.good = goodness();
  const text = restore();
  $("main").hidden = $("bar").hidden = false;
  tableView($("table")); parallelView($("parallel")); influenceView($("influence")); curvesView($("curves"));
  classesView($("classes")); failuresView($("failures")); costView($("cost")); provenanceView($("provenance"));
  const number = D.columns.find(c => c.kind === "parameter" && !c.words && c.scale.levels.length > 1);
  $("filter").placeholder = (number ? number.name + " <= " + short(number.scale.levels[number.scale.levels.length >> 1]) + " and " : "") + "rank <= 20";
  let typed;
  $("filter").addEventListener("input", e => { clearTimeout(typed); typed = setTimeout(() => setFilter(e.target.value), 150); });
  $("reset").addEventListener("click", () => { S.brushes.clear(); S.picked.clear(); setFilter(""); });
  $("csv").addEventListener("click", saveCsv);
  $("command").addEventListener("click", async () => {
    const [where, unsaid] = selection();
    const text = "dlgrid report " + D.sweep.name + (D.asked.search ? " --search" : "") + (where ? " --where '" + where.replaceAll("'", "'\\''") + "'" : "");
    const without = unsaid.length ? " (without " + unsaid.join(", ") + ")" : "";
    try { await navigator.clipboard.writeText(text); $("count").textContent = "copied: " + text + without; } catch { $("count").textContent = text + without; }
  });
  apply(); // also where the address keeps a filter that can't be read
  if (text) setFilter(text);
  let resizing;
  addEventListener("resize", () => { clearTimeout(resizing); resizing = setTimeout(() => views.forEach(v => v.resize && v.resize()), 150); });
  document.body.dataset.ready = "yes";
}
// Takes the brushes that the address keeps; gives its filter.
function restore() {
  try {
    const state = JSON.parse(decodeURIComponent(location.hash.slice(1)));
    for (const [name, a, b] of state.brush || []) { const c = D.columns.find(c => c.name === name); if (c && isFinite(a) && isFinite(b)) S.brushes.set(c, [a, b]); }
    return String(state.filter || "");
  } catch { return ""; /* no state in the address */ }
}
start().catch(error => { $("verdict").append(el("p", {class: "warn"}, "This page could not be read: " + error.message)); });
