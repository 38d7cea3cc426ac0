// Platform: every step and part as it is now, as a picture and as a table.
import { actions } from "./actions.js";
import { age, el, failure } from "./dom.js";
import { Graph } from "./graph.js";
import { goesOn, groupOf, known, parts, subscribe } from "./store.js";

const WORDS = { failed: "Failed", running: "Running", waiting: "Waiting", notready: "Not ready", skipped: "Left out", ready: "Ready" };

export function platform(body) {
  let chosen = new Set();
  const problems = el("div", {}), run = el("p", {}), filter = el("div", { className: "row", role: "group", "aria-label": "Filter by state" });
  const holder = el("div", { id: "graph", className: "scroll" });
  const rows = new Map(), tbody = el("tbody", {});
  const list = el("div", { className: "scroll", tabindex: 0, role: "region", "aria-label": "Steps and parts" },
    el("table", { className: "wide" }, el("caption", { className: "hidden", text: "Steps and parts" }),
      el("thead", {}, el("tr", {}, ["Step or part", "State", "Why", "Since"].map((text) => el("th", { scope: "col", text })))), tbody));
  const graph = new Graph(holder);
  const buttons = {};
  for (const [group, word] of Object.entries(WORDS)) {
    buttons[group] = el("button", { type: "button", "aria-pressed": "false", onclick: () => {
      chosen.has(group) ? chosen.delete(group) : chosen.add(group);
      buttons[group].setAttribute("aria-pressed", chosen.has(group));
      draw();
    } }, word);
    filter.append(buttons[group]);
  }
  body.append(problems, run, filter, holder, el("h2", { text: "Steps and parts" }), list, actions());

  function line(step) {
    const known = rows.get(step.id);
    const key = `${step.state}|${step.text}|${step.since}`;
    if (known?.key === key) return known.row;
    const link = known?.link ?? el("a", { href: `#/part/${encodeURIComponent(step.id)}`, text: step.id });
    const state = el("span", { className: `state ${groupOf(step.state)}`, text: step.state });
    const row = known?.row ?? el("tr", {}, el("th", { scope: "row" }, link), el("td", {}), el("td", {}), el("td", { className: "number" }));
    row.children[1].replaceChildren(state);
    row.children[2].textContent = step.text ?? "";
    row.children[3].replaceChildren(step.since ? age(step.since) : "");
    rows.set(step.id, { key, row, link });
    return row;
  }

  function draw() {
    const all = parts();
    const counts = {};
    for (const step of all) counts[groupOf(step.state)] = (counts[groupOf(step.state)] ?? 0) + 1;
    for (const [group, button] of Object.entries(buttons)) button.textContent = `${WORDS[group]} ${counts[group] ?? 0}`;
    const shown = chosen.size ? all.filter((step) => chosen.has(groupOf(step.state))) : all;
    graph.draw(all, groupOf);
    for (const [id, node] of graph.nodes) node.link.style.opacity = !chosen.size || shown.some((step) => step.id === id) ? 1 : 0.25;
    const wanted = shown.map(line);
    if (wanted.length !== tbody.children.length || wanted.some((row, index) => tbody.children[index] !== row)) tbody.replaceChildren(...wanted);
    const key = JSON.stringify([known.look?.errors, known.run?.error]);
    if (problems.dataset.key !== key) {
      problems.dataset.key = key;
      problems.replaceChildren(...(known.look?.errors ?? []).map(failure), ...(known.run?.error ? [failure(known.run.error)] : []));
    }
    run.textContent = sentence();
  }

  function sentence() {
    const { run } = known;
    if (!run?.started) return all(known.look) ?? "Looking at the stack.";
    if (run.finished) return `${run.started.command} ended with exit code ${run.finished.exit_code}.`;
    return goesOn() ? `${run.started.command} goes on.` : `${run.started.command} was cut off.`;
  }
  const all = (look) => (look?.status ? "No run is recorded." : null);

  draw();
  return subscribe(draw);
}
