// Parallel coordinates. Lines are set pixel by pixel into one buffer: 10,000 of them in a few
// milliseconds, which paths of a canvas are far from.
function parallelView(root) {
  const box = el("div", {class: "parallel"});
  const missing = D.columns.some(c => c.values.some(v => v === null));
  const TOP = 30, BOTTOM = missing ? 34 : 14; // below the axes is where a line without a value goes
  const usual = new Set(D.columns.filter(c => c.kind === "parameter").slice(0, 11));
  // What the address brushes is shown, too: nothing selects unseen.
  let axes = D.columns.filter(c => c.kind !== "objective" && (usual.has(c) || S.brushes.has(c))).concat(D.columns.filter(c => c.kind === "objective"));
  let width = 0, height = 0, base, front, over, image, context, ratio = 1;
  const jitter = Float32Array.from({length: D.n}, (_, i) => ((i * 2654435761 >>> 0) / 4294967296 - 0.5));
  const x = i => axes.length === 1 ? width / 2 : 60 + i * (width - 120) / (axes.length - 1);
  const y = (c, i) => {
    let t = c.scale.at(c.values[i]);
    if (t !== t) return height - BOTTOM + 14;
    const levels = c.words ? c.words.length : c.scale.levels.length;
    if (D.n > 60 && levels <= 16) t += jitter[i] * Math.min(0.05, 0.5 / levels);
    return TOP + (1 - t) * (height - TOP - BOTTOM);
  };
  function line(px, W, H, x0, y0, x1, y1, colour) {
    const dx = x1 - x0, dy = y1 - y0, steps = Math.max(Math.abs(dx), Math.abs(dy)) | 0;
    if (steps === 0) return;
    const sx = dx / steps, sy = dy / steps;
    for (let k = 0, a = x0, b = y0; k <= steps; k++, a += sx, b += sy) {
      const row = b | 0, col = a | 0;
      if (row >= 0 && row < H && col >= 0 && col < W) px[row * W + col] = colour;
    }
  }
  const pack = (c, a) => (a << 24 | c[2] << 16 | c[1] << 8 | c[0]) >>> 0;
  function paint(target, keep, colourOf) {
    const W = target.width, H = target.height, g = target.getContext("2d");
    if (paper()) { trace(g, keep, colourOf); return; }
    const buffer = g.createImageData(W, H), px = new Uint32Array(buffer.data.buffer);
    const xs = axes.map((_, k) => x(k) * ratio);
    for (const i of D.order) {
      if (!keep(i)) continue;
      const colour = colourOf(i);
      for (let k = 1; k < axes.length; k++) line(px, W, H, xs[k - 1], ys[k - 1][i], xs[k], ys[k][i], colour);
    }
    g.putImageData(buffer, 0, 0);
  }
  // The same as paths: a printer wants lines, loses pixels, and takes clearing for painting white.
  function trace(g, keep, colourOf) {
    for (const i of D.order) {
      if (!keep(i)) continue;
      const c = colourOf(i);
      g.strokeStyle = "rgba(" + [c & 255, c >> 8 & 255, c >> 16 & 255, (c >>> 24) / 255].join(",") + ")";
      g.beginPath();
      axes.forEach((_, k) => g[k ? "lineTo" : "moveTo"](x(k) * ratio, ys[k][i]));
      g.stroke();
    }
  }
  let ys = [];
  function layout() {
    width = Math.max(320, root.clientWidth); height = box.clientHeight || 380;
    ratio = D.n > 2000 ? 1 : Math.min(2, window.devicePixelRatio || 1);
    box.replaceChildren();
    const make = () => { const c = el("canvas", {"aria-hidden": "true", width: Math.round(width * ratio), height: Math.round(height * ratio)}); c.style.width = width + "px"; c.style.height = height + "px"; box.append(c); return c; };
    base = make(); front = make(); over = make();
    over.removeAttribute("aria-hidden"); over.setAttribute("role", "img");
    over.setAttribute("aria-label", "Parallel coordinates of " + count(D.n) + " trials over " + axes.map(a => a.name).join(", ") + "; the leaderboard has the same numbers");
    ys = axes.map(c => Float32Array.from({length: D.n}, (_, i) => y(c, i) * ratio));
    const grey = css("grey"), rgb = [1, 3, 5].map(k => parseInt(grey.slice(k, k + 2), 16));
    paint(base, () => true, () => pack(rgb, 150));
    axes.forEach((c, k) => box.append(handle(c, k)));
    draw(); overlay();
  }
  function draw() {
    base.style.visibility = S.shown === D.n ? "hidden" : "visible";
    const colours = Array.from({length: 65}, (_, k) => pack(ramp(k / 64), 235)), none = pack(dark() ? [110, 120, 132] : [150, 158, 168], 200);
    paint(front, i => S.active[i], i => D.good[i] < 0 ? none : colours[D.good[i] * 64 | 0]);
    overlay();
  }
  function overlay() {
    const g = over.getContext("2d");
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (!paper()) g.clearRect(0, 0, width, height);
    g.font = "11px system-ui, sans-serif";
    if (S.hover >= 0) {
      g.strokeStyle = css("ink"); g.lineWidth = 2.5; g.beginPath();
      axes.forEach((c, k) => g[k ? "lineTo" : "moveTo"](x(k), ys[k][S.hover] / ratio));
      g.stroke();
    }
    axes.forEach((c, k) => {
      const X = x(k), span_ = height - TOP - BOTTOM;
      g.strokeStyle = css("dim"); g.lineWidth = 1;
      g.beginPath(); g.moveTo(X, TOP); g.lineTo(X, height - BOTTOM); g.stroke();
      g.textAlign = k === axes.length - 1 ? "left" : "right";
      const side = k === axes.length - 1 ? 7 : -7;
      let last = 1e9;
      for (const [t, word] of c.scale.ticks) {
        const Y = TOP + (1 - t) * span_;
        if (Math.abs(last - Y) < 12) continue;
        last = Y;
        const text = word.length > 16 ? word.slice(0, 15) + "…" : word;
        g.strokeStyle = css("back"); g.lineWidth = 5; g.lineJoin = "round"; g.strokeText(text, X + side, Y + 4);
        g.fillStyle = css("ink"); g.fillText(text, X + side, Y + 4);
      }
      const b = S.brushes.get(c);
      if (b) {
        g.fillStyle = dark() ? "rgba(111,168,230,.28)" : "rgba(47,109,181,.2)"; g.strokeStyle = css("bar"); g.lineWidth = 1.5;
        const Y0 = TOP + (1 - b[1]) * span_, Y1 = TOP + (1 - b[0]) * span_;
        g.fillRect(X - 9, Y0, 18, Y1 - Y0); g.strokeRect(X - 9, Y0, 18, Y1 - Y0);
      }
    });
  }
  function said(c) {
    const b = S.brushes.get(c);
    return c.name + (b ? ", from " + short(c.scale.back(Math.max(0, b[0]))) + " to " + short(c.scale.back(Math.min(1, b[1]))) : ", all");
  }
  function handle(c, k) {
    const b = el("button", {class: "axis", type: "button", title: c.name, "aria-label": said(c), "data-axis": c.name}, c.name);
    b.style.left = Math.min(width - 45, Math.max(45, x(k))) + "px";
    b.style.maxWidth = Math.max(60, (width - 120) / Math.max(1, axes.length - 1) - 6) + "px";
    const move = to => {
      to = Math.max(0, Math.min(axes.length - 1, to));
      if (to === axes.indexOf(c)) return;
      axes = axes.filter(a => a !== c); axes.splice(to, 0, c);
      layout();
      box.querySelectorAll("button.axis")[to].focus();
    };
    b.addEventListener("keydown", e => {
      const r = S.brushes.get(c), size = r ? r[1] - r[0] : 0;
      let next = null;
      if (e.key === "ArrowLeft") move(axes.indexOf(c) - 1);
      else if (e.key === "ArrowRight") move(axes.indexOf(c) + 1);
      else if (e.key === "ArrowUp" || e.key === "ArrowDown") {
        const d = e.key === "ArrowUp" ? 0.05 : -0.05;
        next = !r ? (d > 0 ? [0.75, 1] : [0, 0.25]) : r[0] + d < 0 ? [0, size] : r[1] + d > 1 ? [1 - size, 1] : [r[0] + d, r[1] + d];
      } else if (r && (e.key === "+" || e.key === "-")) {
        const d = e.key === "+" ? 0.03 : -0.03;
        if (size + 2 * d > 0.02) next = [Math.max(0, r[0] - d), Math.min(1, r[1] + d)];
      } else if (e.key === "Escape") { S.brushes.delete(c); apply(); b.setAttribute("aria-label", said(c)); return; }
      else return;
      e.preventDefault();
      if (next) { S.brushes.set(c, next); apply(true); b.setAttribute("aria-label", said(c)); }
    });
    b.addEventListener("pointerdown", e => {
      const from = e.clientX; let moved = 0;
      b.setPointerCapture(e.pointerId);
      b.onpointermove = m => { moved = m.clientX - from; b.style.left = x(k) + moved + "px"; };
      b.onpointerup = () => {
        b.onpointermove = b.onpointerup = null;
        if (Math.abs(moved) < 4) { b.style.left = x(k) + "px"; return; }
        move(Math.round((x(k) + moved - 60) / ((width - 120) / Math.max(1, axes.length - 1))));
        layout();
      };
    });
    return b;
  }
  let dragging = null, pending = 0;
  const place = e => { const r = over.getBoundingClientRect(); return [e.clientX - r.left, Math.max(0, Math.min(1, 1 - (e.clientY - r.top - TOP) / (height - TOP - BOTTOM)))]; };
  box.addEventListener("pointerdown", e => {
    if (e.target !== over) return;
    const [px, t] = place(e), k = axes.findIndex((_, i) => Math.abs(x(i) - px) < 16);
    if (k < 0) { if (S.hover >= 0) toggle(S.hover); return; }
    dragging = {c: axes[k], from: t};
    over.setPointerCapture(e.pointerId);
  });
  box.addEventListener("pointermove", e => {
    const [px, t] = place(e);
    if (dragging) {
      S.brushes.set(dragging.c, [Math.min(t, dragging.from), Math.max(t, dragging.from)]);
      if (!pending) pending = requestAnimationFrame(() => { pending = 0; apply(true); });
      return;
    }
    if (e.target !== over) return;
    const Y = e.clientY - over.getBoundingClientRect().top;
    let k = 1; while (k < axes.length - 1 && x(k) < px) k++;
    let near = -1, least = 7;
    const f = axes.length > 1 ? (px - x(k - 1)) / (x(k) - x(k - 1)) : 0;
    if (axes.length > 1) for (let i = 0; i < D.n; i++) if (S.active[i]) {
      const d = Math.abs((ys[k - 1][i] + (ys[k][i] - ys[k - 1][i]) * f) / ratio - Y);
      if (d < least) { least = d; near = i; }
    }
    if (near !== S.hover) hover(near);
  });
  box.addEventListener("pointerup", e => {
    if (!dragging) return;
    const b = S.brushes.get(dragging.c);
    if (!b || b[1] - b[0] < 0.01) S.brushes.delete(dragging.c);
    dragging = null; apply();
    box.querySelectorAll("button.axis").forEach((a, k) => a.setAttribute("aria-label", said(axes[k])));
  });
  box.addEventListener("pointerleave", () => hover(-1));
  const tip = el("p", {class: "dim mono tip", "aria-hidden": "true"}, "\u00a0");
  const chooser = el("details", {class: "tools"}, el("summary", {}, "Axes"));
  for (const c of D.columns) {
    const input = el("input", {type: "checkbox", onchange: () => {
      if (input.checked) axes.push(c); else { axes = axes.filter(a => a !== c); S.brushes.delete(c); }
      layout(); apply();
    }});
    input.checked = axes.includes(c);
    chooser.append(el("label", {}, input, " ", c.name, " "));
  }
  root.append(box, tip, chooser);
  S.tip = i => { tip.textContent = i < 0 ? "\u00a0" : D.trials.name[i] + "  " + D.parameters.map((p, k) => p.path + "=" + short(D.trials.values[k][i])).join("  ") + "  " + D.aim.metric + " " + short(D.trials.mean[i]); };
  views.push({now: draw, resize: layout, overlay});
  layout();
}
function hover(i) { S.hover = i; S.tip(i); for (const v of views) if (v.overlay) v.overlay(); }
function toggle(i) { S.picked.has(i) ? S.picked.delete(i) : S.picked.add(i); settle(); }
