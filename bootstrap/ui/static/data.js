// AWS data: the resources of six services with their drift, and what is in each, a page at a time.
import { actions } from "./actions.js";
import { get, post } from "./api.js";
import { el, failure, pre, row, table } from "./dom.js";

const MARKS = { unchanged: "ready", undeclared: "waiting", foreign: "waiting" };
const at = (id) => `#/data/${id.split("/").map(encodeURIComponent).join("/")}`;

export function data(body, words) {
  const ending = new AbortController();
  const shown = el("div", { "aria-busy": "true" }, el("p", { role: "status", text: "Reading" }));
  body.append(shown);
  (words.length > 1 ? resource(words.join("/")) : all()).catch((error) => {
    if (error.name !== "AbortError") shown.replaceChildren(failure(error.what ? error : { what: String(error) }));
  }).finally(() => shown.removeAttribute("aria-busy"));

  async function all() {
    const found = await get("/api/data", {}, ending.signal);
    const sections = found.services.map(({ service, resources }) => el("section", {}, el("h2", { text: `${service} (${resources.length})` }),
      resources.length ? table(service, ["Resource", "Against its fixture", "Why"], resources.map((each) => row(
        each.there ? el("a", { href: at(each.id), text: each.name }) : each.name,
        el("span", { className: `state ${MARKS[each.action] ?? "notready"}`, text: each.action }),
        el("div", {}, each.reason, ...each.differences.slice(0, 20).map((field) => el("div", { className: "soft", text: `${field.path}: ${field.old || "none"} → ${field.new || "none"}${field.kind === "changed" ? "" : ` (${field.kind})`}` })),
          each.differences.length > 20 ? `and ${each.differences.length - 20} more` : "")))) : el("p", { className: "soft", text: "nothing" })));
    shown.replaceChildren(el("p", { text: `${found.summary} · ${found.endpoint.driver} at ${found.endpoint.url}, ${found.endpoint.region}` }),
      ...found.notes.map((text) => el("p", { className: "soft", text })), ...sections, actions(["seed apply", "seed refresh"]));
  }

  async function resource(id) {
    const read = async (reveal) => (reveal ? post("/api/reveal", { id }) : get("/api/resource", { id }, ending.signal));
    const fields = el("div", {}), contents = el("div", {});
    let revealed = false;
    const draw = (found) => fields.replaceChildren(table("Settings", ["Setting", "Value"], [
      ...Object.entries(found.attributes).map(([key, value]) => row(key, value)),
      ...found.fields.map((field) => row(field.path, field.value))]));
    const found = await read(false);
    draw(found);
    const reveal = el("button", { type: "button", "aria-pressed": "false", text: "Show secrets", onclick: async () => {
      revealed = !revealed;
      reveal.setAttribute("aria-pressed", revealed);
      draw(await read(revealed));
      if (found.rows) await page("");
    } });
    async function page(start) {
      const rows = revealed ? await post("/api/reveal-rows", { id, start }) : await get("/api/rows", { id, start }, ending.signal);
      const open = id.startsWith("s3/") ? (key) => el("button", { type: "button", text: key, onclick: () => content(key) }) : (text) => text;
      contents.replaceChildren(el("h2", { text: { s3: "Objects", dynamodb: "Items", sqs: "Messages, seen without being received" }[id.split("/")[0]] }),
        rows.note ? el("p", { text: rows.note }) : "",
        rows.rows.length ? table("Contents", rows.columns, rows.rows.map(([first, ...rest]) => row(open(first), ...rest))) : rows.note ? "" : el("p", { className: "soft", text: "nothing" }),
        el("div", { className: "row" }, start ? el("button", { type: "button", text: "First page", onclick: () => page("") }) : "",
          rows.more ? el("button", { type: "button", text: "Next page", onclick: () => page(rows.more) }) : ""), preview);
    }
    const preview = el("div", {});
    async function content(key) {
      const { text, bytes } = await get("/api/content", { bucket: id.slice(3), key }, ending.signal);
      preview.replaceChildren(el("h3", { tabindex: -1, text: `${key}, ${bytes} bytes` }), pre("Content", text));
      preview.firstChild.focus();
    }
    shown.replaceChildren(el("p", {}, el("a", { href: "#/data", text: "All AWS data" }), ` / ${id}`), el("div", { className: "row" }, found.secret || found.rows ? reveal : ""), fields, contents);
    if (found.rows) await page("");
  }

  return () => ending.abort();
}
