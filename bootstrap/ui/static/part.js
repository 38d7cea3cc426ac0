// One part: why it is as it is, what it needs, and everything in it.
import { get } from "./api.js";
import { cause, el, failure, pre, row, table } from "./dom.js";
import { follow } from "./follow.js";
import { virtual } from "./list.js";
import { groupOf, known, parts, subscribe } from "./store.js";

const link = (id) => el("a", { href: `#/part/${encodeURIComponent(id)}`, text: id });

export function part(body, [name]) {
  const ending = new AbortController(), streams = new Set();
  const state = el("div", {}), found = el("div", { "aria-busy": "true" }, el("p", { text: "Reading" }));
  body.append(state, found);
  const stop = subscribe(draw);
  draw();
  load();

  function draw() {
    const step = parts().find((each) => each.id === name);
    const key = JSON.stringify(step ?? null);
    if (state.dataset.key === key) return;
    state.dataset.key = key;
    if (!step) { state.replaceChildren(el("p", { text: known.look ? "The stack has no such part now." : "Looking at the stack." })); return; }
    const seen = step.part;
    state.replaceChildren(el("p", {}, el("span", { className: `state ${groupOf(step.state)}`, text: step.state }), " ", step.text ?? ""),
      ...(seen?.difference ? [el("p", { text: `differs from what is declared: ${seen.difference}` })] : []),
      ...(seen?.causes ?? []).map(cause),
      ...(seen?.evidence?.length && !seen.causes.length ? [pre("Evidence", seen.evidence.join("\n"))] : []),
      ...(step.error ? [failure(step.error)] : []));
  }

  // A part of the page that is read when it is opened, once.
  function later(title, read) {
    const inside = el("div", {}), made = el("details", {}, el("summary", { text: title }), inside);
    made.addEventListener("toggle", async () => {
      if (!made.open || inside.childElementCount) return;
      inside.replaceChildren(el("p", { role: "status", text: "Reading" }));
      try { inside.replaceChildren(...[await read()].flat()); } catch (error) { inside.replaceChildren(failure(error.what ? error : { what: String(error) })); }
    });
    return made;
  }

  function logOf(label, address) {
    const made = follow(label, address);
    streams.add(made);
    return made;
  }

  async function load() {
    let about;
    try { about = await get("/api/part", { name }, ending.signal); } catch (error) {
      if (error.name !== "AbortError") found.replaceChildren(failure(error.what ? error : { what: String(error) }));
      return;
    }
    found.removeAttribute("aria-busy");
    const edges = (title, list) => el("section", {}, el("h2", { text: title }),
      list.length ? el("ul", {}, list.map((edge) => el("li", {}, link(edge.id), `: ${edge.reason} (${edge.kind})`))) : el("p", { className: "soft", text: "nothing" }));
    const objects = about.objects.map((object) => row(`${object.kind} ${object.namespace ? `${object.namespace}/` : ""}${object.name}`,
      el("span", { className: `state ${groupOf(object.health)}`, text: object.health }), object.text,
      el("button", { type: "button", text: "Explain", "aria-label": `Explain ${object.kind} ${object.name}`, onclick: () => explain(object) })));
    const explained = el("div", { id: "explained", tabindex: -1 });
    async function explain(object) {
      explained.replaceChildren(el("p", { role: "status", text: "Reading" }));
      const query = { part: name, api_version: object.api_version, kind: object.kind, object: object.name };
      if (object.namespace) query.namespace = object.namespace;
      try { explained.replaceChildren(story(await get("/api/object", query, ending.signal))); } catch (error) { explained.replaceChildren(failure(error)); }
      explained.focus();
    }
    found.replaceChildren(...about.failures.map((error) => failure({ ...error, what: `failed last time: ${error.what}` })),
      ...(about.unread ? [failure(about.unread)] : []), ...about.stories.map(story),
      objects.length ? table("Objects", ["Object", "State", "Why", "More"], objects) : "", explained,
      edges("Needs", about.needs), edges("Needed by", about.needed_by),
      ...(name.includes("/") ? [later("Pods and their logs", pods), later("What up would change in the cluster", compare)] : [later("Logs", logs)]),
      later(`Values (${about.values.length})`, () => (about.values.length ? table("Values", ["Path", "Value", "From"], about.values.map((value) => row(value.path, value.value, value.origin))) : el("p", { text: "It has no values of its own." }))),
      ...(about.manifest ? [later("Manifest, as declared, without secrets", () => pre("Manifest", about.manifest))] : []),
      about.place ? el("p", { className: "soft", text: `Declared in ${about.place}` }) : "");
  }

  function story(report) {
    const list = (title, lines) => (lines.length ? [el("h3", { text: title }), pre(title, lines.join("\n"))] : []);
    return el("section", {}, el("h2", { text: `${report.object.kind} ${report.object.name}: ${report.state}` }),
      ...report.causes.map(cause), ...list("Conditions", report.conditions), ...list("Events", report.events),
      ...report.logs.flatMap((log) => list(`Log of ${log.pod}/${log.container}${log.previous ? ", the run before" : ""}`, log.lines)),
      report.live ? el("details", {}, el("summary", { text: "As it is in the cluster, without secrets" }), pre("Live object", report.live)) : "");
  }

  async function pods() {
    const { columns, pods: rows, simulated } = await get("/api/pods", { name }, ending.signal);
    if (!rows.length) return el("p", { text: "It has no pods." });
    const log = el("div", {});
    const shown = rows.map(([namespace, pod, ...rest]) => [pod, namespace, ...rest]);
    async function open(namespace, pod) {
      for (const stream of streams) stream.stop();
      const { containers } = await get("/api/containers", { namespace, pod }, ending.signal);
      const buttons = containers.flatMap(({ name: container, restarts }) => [false, ...(restarts ? [true] : [])].map((previous) =>
        el("button", { type: "button", text: previous ? `${container}, the run before` : container, onclick: () => {
          const query = new URLSearchParams({ namespace, pod, container, ...(previous ? { previous } : {}) });
          for (const stream of streams) stream.stop();
          where.replaceChildren(logOf(`Log of ${pod}/${container}`, `/api/pod-log?${query}`));
        } })));
      const where = el("div", {});
      log.replaceChildren(el("h3", { tabindex: -1, text: `Logs of ${pod}` }), el("div", { className: "row" }, buttons), where);
      log.firstChild.focus();
      buttons[0]?.click();
    }
    return [el("p", { className: "soft", text: `${rows.length} pods${simulated ? ", simulated: nothing runs in them" : ""}` }),
      virtual("Pods", [columns[1], columns[0], ...columns.slice(2)], shown,
        (_, cells) => el("button", { type: "button", onclick: () => open(cells[1], cells[0]), text: cells[0] })), log];
  }

  async function compare() {
    const { text } = await get("/api/diff", { name }, ending.signal);
    return text ? pre("Differences", text) : el("p", { text: "Nothing: the cluster has it as declared." });
  }

  async function logs() {
    const { logs: files } = await get("/api/logs", {}, ending.signal);
    const choice = el("select", { "aria-label": "Log" }, files.map((file) => el("option", { value: file.log, text: `${file.log} (${file.bytes} bytes)` })));
    const likely = files.find((file) => file.log.includes(name === "cluster" ? "apiserver" : name));
    if (likely) choice.value = likely.log;
    const where = el("div", {});
    const open = () => { for (const stream of streams) stream.stop(); where.replaceChildren(logOf(`Log ${choice.value}`, `/api/log?${new URLSearchParams({ name: choice.value })}`)); };
    choice.addEventListener("change", open);
    if (!files.length) return el("p", { text: "There is no log." });
    open();
    return [choice, where];
  }

  return () => { stop(); ending.abort(); for (const stream of streams) stream.stop(); };
}
