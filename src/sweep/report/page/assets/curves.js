// Learning curves of the chosen trials: the mean over runs, with the least and the most around it.
function curvesView(root) {
  const C = D.curves;
  if (!C.of.some(Boolean)) { root.append(el("p", {class: "dim"}, "No run reported epochs.")); return; }
  const stems = [...new Set(C.names.map(n => n.split("/").pop()))];
  const choice = el("select", {"aria-label": "metric", onchange: () => draw()}, ...stems.map(s => el("option", {value: s}, s)));
  choice.value = stems.find(s => s === D.aim.metric.split("/").pop()) || stems[0];
  const log = el("input", {type: "checkbox", onchange: () => draw()});
  const plot = el("div"), legend = el("div", {class: "legend"}), said = el("p", {class: "dim"});
  root.append(el("div", {class: "tools"}, choice, el("label", {}, log, " logarithmic")), plot, legend, said);
  let chart = null;
  function chosen() {
    const picked = [...S.picked].filter(i => S.active[i] && C.of[i]);
    if (picked.length) return [picked.slice(0, 8), false];
    const best = [];
    for (let k = D.n - 1; k >= 0 && best.length < 4; k--) { const i = D.order[k]; if (S.active[i] && C.of[i]) best.push(i); }
    return [best, true];
  }
  function draw() {
    const [trials, byRank] = chosen(), colours = PICK();
    const names = C.names.map((n, k) => [n, k]).filter(([n]) => n.split("/").pop() === choice.value);
    const xs = [...new Set(trials.flatMap(i => C.of[i].e))].sort((a, b) => a - b);
    const place = new Map(xs.map((x, k) => [x, k]));
    const data = [xs], series = [{}], bands = [];
    const spread = (i, line) => { const out = new Array(xs.length).fill(null); C.of[i].e.forEach((e, k) => { out[place.get(e)] = line[k]; }); return out; };
    trials.forEach((i, t) => names.forEach(([name, k]) => {
      const lines = C.of[i].s[k], train = name.startsWith("train/"), stroke = colours[t % 8];
      if (lines.length > 1 && !train) {
        const at = data.length;
        data.push(spread(i, lines[2]), spread(i, lines[1]));
        series.push({stroke: "transparent", width: 0, points: {show: false}, spanGaps: true}, {stroke: "transparent", width: 0, points: {show: false}, spanGaps: true});
        bands.push({series: [at, at + 1], fill: stroke + "26"});
      }
      data.push(spread(i, lines[0]));
      series.push({stroke, width: train ? 1.2 : 2.2, dash: train ? [5, 4] : [], spanGaps: true, points: {show: xs.length === 1, size: 6}, mark: train ? null : C.of[i].b});
    }));
    if (chart) chart.destroy();
    chart = null; plot.replaceChildren();
    if (!trials.length) { legend.replaceChildren(); said.textContent = "None of the selected trials has a curve."; return; }
    const axis = {stroke: css("dim"), grid: {stroke: css("line"), width: 1}, ticks: {stroke: css("line")}, font: "11px system-ui"};
    const flat = data.slice(1).flat().filter(v => v !== null), above = flat.filter(v => v > 0).length;
    const scale = log.checked && above ? 3 : 1;
    if (scale === 3) for (const line of data.slice(1)) line.forEach((v, k) => { if (v !== null && v <= 0) line[k] = null; });
    const unsaid = !log.checked || above === flat.length ? "" : above ? " Values that are not above 0 have no place on a logarithmic axis." : " No value is above 0, and the axis is not logarithmic.";
    chart = new uPlot({
      width: Math.max(300, root.clientWidth), height: 320, series, bands, legend: {show: false},
      cursor: {points: {show: false}, drag: {x: true, y: false}},
      scales: {x: {time: false}, y: {distr: scale}},
      axes: [{...axis, label: "epoch", labelSize: 20, labelFont: "12px system-ui", incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000]}, {...axis, size: 64, values: (_, v) => v.map(x => x === null ? "" : short(x))}],
      hooks: {draw: [u => series.forEach((s, k) => {
        if (!s.mark || !place.has(s.mark)) return;
        const g = u.ctx, v = data[k][place.get(s.mark)];
        if (v === null) return;
        g.save(); g.setLineDash([]); g.fillStyle = css("back"); g.strokeStyle = s.stroke; g.lineWidth = 2 * devicePixelRatio;
        g.beginPath(); g.arc(u.valToPos(s.mark, "x", true), u.valToPos(v, "y", true), 4.5 * devicePixelRatio, 0, 7); g.fill(); g.stroke(); g.restore();
      })]},
    }, data, plot);
    const c = plot.querySelector("canvas");
    c.setAttribute("role", "img"); c.setAttribute("aria-label", "Curves of " + choice.value + " of " + trials.length + " trials over " + xs.length + " epochs");
    legend.replaceChildren(...trials.map((i, t) => {
      const mark = el("span", {class: "swatch"}); mark.style.background = colours[t % 8];
      return el("span", {}, mark, D.trials.name[i] + "  " + D.parameters.map((p, k) => p.path.split(".").pop() + "=" + short(D.trials.values[k][i])).join(" ") + (C.of[i].b ? "  best after epoch " + C.of[i].b : ""));
    }));
    const missing = C.of.filter(c => !c).length;
    said.textContent = (byRank ? "The best of what is selected; tick trials in the leaderboard to choose. " : "") + "Solid: validation; dashed: training; ○ best epoch" + (D.rounds > 1 ? "; band: least to most over the runs. A run that stopped early counts on with its last value, one that is not done only while none is" : "") + "." + (missing ? " " + count(missing) + " trials have no curve here." : "") + unsaid;
  }
  views.push({later: draw, resize: draw});
}
