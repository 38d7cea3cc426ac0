// Runs: all that are recorded, and where the time of each went.
import { get } from "./api.js";
import { el, failure, lasted, row, table } from "./dom.js";
import { groupOf } from "./store.js";

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
    const { timeline, time, errors, warnings } = await get("/api/run", { name }, ending.signal);
    const above = el("p", {}, el("a", { href: "#/runs", text: "All runs" }), ` / ${name}`);
    // Planning and the end of a run are no steps: they have no page.
    const own = new Set((timeline?.steps ?? []).filter((bar) => bar.lane === "run").map((bar) => bar.step));
    const link = (id, critical) => el(own.has(id) ? "span" : "a", { href: own.has(id) ? null : `#/part/${encodeURIComponent(id)}`, className: critical ? "critical" : "", text: id });
    const below = [...errors.map(failure), warnings.length ? el("section", {}, el("h2", { text: "Warnings" }), el("ul", {}, warnings.map((text) => el("li", { text })))) : ""];
    if (!timeline) { shown.replaceChildren(above, el("p", { text: "It ended before it began anything." }), ...below); return; }
    shown.replaceChildren(above, el("p", {}, el("code", { text: timeline.command })),
      el("p", { text: `${lasted(timeline.seconds)} in all.${time ? ` Its end had to wait for: ${time}.` : ""}` }),
      el("h2", { text: "Timeline" }), el("p", { className: "soft", text: "The steps in bold follow each other and decide how long the run took: the critical path." }),
      el("ol", { className: "bars", "aria-label": "Timeline" }, timeline.steps.map((bar) => line(bar, link, Math.max(0.001, timeline.seconds)))),
      table("Critical path", ["From", "Time", "Step", "Why then"], timeline.critical_path.map((part) => row(lasted(part.start), el("td", { className: "number" }, lasted(part.seconds)), part.step ? link(part.step) : "", part.why ?? ""))),
      ...timeline.steps.filter((bar) => bar.pods.length || bar.messages.length).map(details), ...below);
  }

  function line(bar, link, whole) {
    const made = el("div", { className: `bar ${groupOf(bar.status)}` });
    made.style.left = `${(100 * bar.start) / whole}%`;
    made.style.width = `${Math.min(100, (100 * bar.seconds) / whole)}%`;
    const label = `${bar.step}: ${bar.status}, from ${lasted(bar.start)} for ${lasted(bar.seconds)}${bar.critical ? ", on the critical path" : ""}`;
    return el("li", {}, link(bar.step, bar.critical), el("div", { className: "track", role: "img", "aria-label": label }, made),
      el("span", { className: bar.critical ? "critical" : "", text: lasted(bar.seconds) }));
  }

  function details(bar) {
    return el("details", {}, el("summary", { text: `${bar.step}: what it waited for` }),
      bar.after ? el("p", { text: `It began ${lasted(bar.waited)} after ${bar.after} had ended: ${bar.reason}.` }) : "",
      el("ul", {}, bar.messages.map((said) => el("li", { text: `${lasted(said.at)}: ${said.text} (${lasted(said.seconds)})` }))),
      bar.pods.length ? table(`Pods of ${bar.step}`, ["Pod", "Scheduled", "Pulled", "Started", "Ready"], bar.pods.map((pod) => row(pod.name,
        ...["scheduled", "pulled", "started", "ready"].map((stage) => el("td", { className: "number" }, pod[stage] === undefined ? "" : lasted(pod[stage])))))) : "");
  }

  return () => ending.abort();
}
