// The condition language of `dlgrid report --where`, read without eval.
function compile(text) {
  const tokens = [...text.matchAll(/\s*(?:(\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?)|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|([A-Za-z_][\w]*(?:\.[A-Za-z_][\w]*)*)|(==|!=|<=|>=|\/\/|[-<>()\[\],+*\/%])|(\S))/g)];
  let at = 0;
  const fail = why => { throw new Error(why); };
  const peek = () => tokens[at] ? tokens[at][0].trim() : "";
  const isWord = w => tokens[at] && tokens[at][3] === w;
  const take = w => (peek() === w && !tokens[at][2] ? (at++, true) : false);
  const need = w => take(w) || fail("expected " + w + (peek() ? ", found " + peek() : " at the end"));
  const T = D.trials, names = new Map(); // the first that has a name: as in `--where`
  const add = (name, values) => { if (!names.has(name)) names.set(name, values); };
  D.columns.filter(c => c.kind === "parameter").forEach(c => add(c.name, c.values));
  add("rank", T.rank); add("objective", T.mean); add("seconds", T.seconds);
  add("seeds", T.runs.map(runs => runs.filter(r => r[3] === "done").length));
  // A dot stands for a slash first, then for itself.
  for (const own of [false, true]) for (const c of D.columns) if (c.name.includes(".") === own) add(c.name.replaceAll("/", "."), c.values);
  // What compares with, counts with or asks a parameter that a trial has not, holds for no such trial, whatever stands around it.
  const absent = {}, present = x => { if (x === null || x === undefined) throw absent; return x; };
  const parameters = new Set(D.parameters.map(p => p.path)), used = [];
  // A truth is a number here, as in `--where`: true == 1.
  const plain = x => typeof x === "boolean" ? Number(x) : x;
  let asks = false;
  function or() { let a = and(); while (isWord("or")) { at++; const l = a, r = and(); a = i => present(l(i)) || present(r(i)); } return a; }
  function and() { let a = not(); while (isWord("and")) { at++; const l = a, r = not(); a = i => present(l(i)) && present(r(i)); } return a; }
  function not() { if (isWord("not")) { at++; const a = not(); return i => !present(a(i)); } return compare(); }
  function compare() {
    const a = sum();
    if (isWord("is")) {
      at++; const no = isWord("not") && ++at;
      const wants = isWord("defined");
      wants || isWord("undefined") ? at++ : fail("after `is` comes `defined`");
      asks = true;
      return i => (a(i) !== null) !== (Boolean(no) === wants);
    }
    const no = isWord("not") && tokens[at + 1] && tokens[at + 1][3] === "in" ? (at++, true) : false;
    if (isWord("in")) {
      at++; need("["); const items = [];
      if (!take("]")) { do items.push(sum()); while (take(",")); need("]"); }
      return i => { const x = plain(present(a(i))); return items.some(f => plain(present(f(i))) === x) !== no; };
    }
    const sign = ["==", "!=", "<=", ">=", "<", ">"].find(s => peek() === s && tokens[at][4]);
    if (!sign) return a;
    at++; const b = sum();
    const by = {"==": (x, y) => plain(x) === plain(y), "!=": (x, y) => plain(x) !== plain(y), "<": (x, y) => x < y, ">": (x, y) => x > y, "<=": (x, y) => x <= y, ">=": (x, y) => x >= y}[sign];
    return i => by(present(a(i)), present(b(i)));
  }
  function sum() { let a = product(); for (;;) { const l = a; if (take("+")) { const r = product(); a = i => present(l(i)) + present(r(i)); } else if (take("-")) { const r = product(); a = i => present(l(i)) - present(r(i)); } else return a; } }
  function product() { let a = unary(); for (;;) { const l = a; if (take("*")) { const r = unary(); a = i => present(l(i)) * present(r(i)); } else if (take("/")) { const r = unary(); a = i => present(l(i)) / present(r(i)); } else if (take("//")) { const r = unary(); a = i => Math.floor(present(l(i)) / present(r(i))); } else if (take("%")) { const r = unary(); a = i => { const x = present(l(i)), y = present(r(i)); return x - y * Math.floor(x / y); }; } else return a; } }
  function unary() { if (take("-")) { const a = unary(); return i => -present(a(i)); } return atom(); }
  function atom() {
    const t = tokens[at];
    if (!t) fail("the condition ends too early");
    if (take("(")) { const a = or(); need(")"); return a; }
    at++;
    if (t[1]) { const x = Number(t[1]); return () => x; }
    if (t[2]) { const s = t[2].slice(1, -1).replace(/\\(.)/g, "$1"); return () => s; }
    if (!t[3]) fail("unexpected " + t[0].trim());
    if (["true", "false"].includes(t[3].toLowerCase())) { const is = t[3].toLowerCase() === "true"; return () => is; }
    const column = names.get(t[3]);
    if (!column) {
      const near = [...names.keys()].find(n => n.endsWith("." + t[3]) || n.startsWith(t[3]));
      fail("no column " + t[3] + (near ? "; did you mean " + near + "?" : ""));
    }
    if (!parameters.has(t[3])) used.push(column);
    return i => column[i];
  }
  const holds = or();
  if (at < tokens.length) fail("unexpected " + peek());
  // A trial without the number that a condition is about is left out, unless it asks for just that.
  return i => {
    try { return (asks || used.every(c => c[i] !== null)) && Boolean(present(holds(i))); } catch (error) { if (error === absent) return false; throw error; }
  };
}
function setFilter(text) {
  const input = $("filter");
  input.value = text;
  try {
    const holds = text.trim() ? compile(text.trim()) : null;
    S.filter = holds && Uint8Array.from({length: D.n}, (_, i) => holds(i) ? 1 : 0);
    S.text = text.trim();
    input.removeAttribute("aria-invalid");
    apply();
  } catch (error) {
    input.setAttribute("aria-invalid", "true");
    $("count").textContent = error.message;
  }
}
// What the page was made of, the filter and the brushes as one condition of `--where`, and what can't be said in it.
function selection() {
  const A = D.asked, parts = [A.where, S.text].filter(Boolean), unsaid = [];
  if (A.cut && A.rank !== null) parts.push("rank <= " + A.rank);
  else if (A.cut) unsaid.push("--top");
  if (parts.length + S.brushes.size > 1) parts.forEach((text, k) => { if (/\b(or|if)\b/.test(text)) parts[k] = "(" + text + ")"; });
  const quoted = v => typeof v === "string" ? "'" + v.replace(/[\\']/g, "\\$&") + "'" : String(v);
  for (const [c, [from, to]] of S.brushes) {
    const name = c.kind === "objective" ? c.kind : c.name.replaceAll("/", ".");
    const kept = c.values.filter(v => { const y = c.scale.at(v); return y >= from && y <= to; });
    if (!kept.length || c.unsaid || !/^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$/.test(name)) unsaid.push("the brush on " + c.name);
    else if (c.words) parts.push(name + " in [" + [...new Set(kept)].map(quoted).join(", ") + "]");
    else {
      let [low, high] = kept.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
      // Rounded in the page: the border lies between the last that is kept and the first that is not.
      if (c.kind === "metric" || c.kind === "seconds") {
        const levels = c.scale.levels, below = levels[levels.indexOf(low) - 1], above = levels[levels.indexOf(high) + 1];
        low = +((low + (below ?? low - Math.abs(low) / 1000)) / 2).toPrecision(12);
        high = +((high + (above ?? high + Math.abs(high) / 1000)) / 2).toPrecision(12);
      }
      parts.push(name + " >= " + low, name + " <= " + high);
    }
  }
  return [parts.join(" and "), unsaid];
}
