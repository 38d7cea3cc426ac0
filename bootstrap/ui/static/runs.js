// Runs: all that are recorded, and where the time of each went.
import { get } from "./api.js";
import { el, failure, lasted, row, table } from "./dom.js";
import { groupOf, take } from "./store.js";

const at = (name) => `#/runs/${encodeURIComponent(name)}`;

export function runs(body, [name]) {
  const ending = new AbortController();
  const shown = el("div", {}, el("p", { role: "status", text: "Reading" }));
  body.append(shown);
  (name ? one() : all()).catch((error) => { if (error.name !== "AbortError") shown.replaceChildren(failure(error.what ? error : { what: String(error) })); });

  async function all() {
    const { runs: found } = await get("/api/runs", {}, ending.signal);
    const rows = found.map((run) => row(el("a", { href: at(run.run), text: run.run }), run.command, result(run), el("td", { className: "number" }, lasted(run.seconds)),
      Object.entries(run.counts).filter(([, count]) => count).map(([word, count]) => `${count} ${word}`).join(", ")));
    shown.replaceChildren(rows.length ? table("Runs", ["Run", "Command", "Result", "Time", "Steps"], rows) : el("p", { text: "No run is recorded." }));
  }

  function result(run) {
    const [word, group] = run.ended === "" ? ["goes on", "running"] : run.ended === "cut off" ? ["cut off", "notready"]
      : run.exit_code ? [run.error ?? `failed, exit code ${run.exit_code}`, "failed"] : ["ok", "ready"];
    return el("span", { className: `state ${group}`, text: word });
  }

  async function one() {
    const { records } = await get("/api/run", { name }, ending.signal);
    const run = { steps: new Map(), notes: [] };
    for (const record of records) take(run, record);
    const begin = Date.parse(records[0]?.at), end = Math.max(...records.map((record) => Date.parse(record.at)));
    const bars = [...run.steps.values()].filter((step) => step.began).map((step) => {
      const from = (Date.parse(step.began) - begin) / 1000;
      return { ...step, from, to: from + (step.seconds ?? (end - begin) / 1000 - from) };
    }).sort((a, b) => a.from - b.from);
    const whole = Math.max(0.001, (end - begin) / 1000), critical = path(bars);
    const slow = [...critical].sort((a, b) => b.to - b.from - (a.to - a.from)).slice(0, 3);
    shown.replaceChildren(el("p", {}, el("a", { href: "#/runs", text: "All runs" }), ` / ${name}`),
      el("p", { text: run.started?.command ?? "" }), ...(run.error ? [failure(run.error)] : []),
      el("p", { text: slow.length ? `${lasted(whole)} in all. It waited longest for ${slow.map((bar) => `${bar.id} (${lasted(bar.to - bar.from)})`).join(", ")}: these follow each other and decide how long the run took.` : "" }),
      el("ol", { className: "bars", "aria-label": "Timeline" }, bars.map((bar) => line(bar, whole, critical.has(bar)))),
      ...bars.filter((bar) => bar.error).map((bar) => failure({ ...bar.error, what: `${bar.id}: ${bar.error.what}` })),
      run.notes.length ? el("section", {}, el("h2", { text: "Warnings" }), el("ul", {}, run.notes.map((text) => el("li", { text })))) : "");
  }

  // The steps that the run waited for, back from the one that ended last.
  function path(bars) {
    const found = new Set();
    let bar = bars.reduce((last, each) => (!last || each.to > last.to ? each : last), null);
    while (bar && !found.has(bar)) {
      found.add(bar);
      const needs = bars.filter((each) => bar.needs.includes(each.id));
      bar = needs.reduce((last, each) => (!last || each.to > last.to ? each : last), null);
    }
    return found;
  }

  function line(bar, whole, critical) {
    const made = el("div", { className: `bar ${groupOf(bar.state)}` });
    made.style.left = `${(100 * bar.from) / whole}%`;
    made.style.width = `${Math.min(100, (100 * (bar.to - bar.from)) / whole)}%`;
    const label = `${bar.id}: ${bar.state}, from ${lasted(bar.from)} for ${lasted(bar.to - bar.from)}${critical ? ", the run waited for it" : ""}`;
    return el("li", {}, el("a", { href: `#/part/${encodeURIComponent(bar.id)}`, className: critical ? "critical" : "", text: bar.id }),
      el("div", { className: "track", role: "img", "aria-label": label }, made), el("span", { className: critical ? "critical" : "", text: lasted(bar.to - bar.from) }));
  }

  return () => ending.abort();
}
