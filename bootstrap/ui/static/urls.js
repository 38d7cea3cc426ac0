// URLs: those that answer, and where their credentials are.
import { get } from "./api.js";
import { el, failure, row, table } from "./dom.js";

export function urls(body) {
  const ending = new AbortController();
  const shown = el("div", {}, el("p", { role: "status", text: "Asking each address" }));
  body.append(shown);
  get("/api/urls", {}, ending.signal).then(({ urls: found }) => {
    const rows = found.map((each) => row(each.name,
      each.problem ? el("span", { className: "state failed", text: `not answered: ${each.problem}` }) : el("a", { href: each.url, rel: "noreferrer noopener", target: "_blank", text: each.url }),
      each.part ? el("a", { href: `#/part/${encodeURIComponent(each.part)}`, text: each.part }) : "",
      el("div", {}, each.credentials.map((known) => el("div", {}, `Secret ${known.secret} (${known.keys.join(", ")}) `, el("code", { text: known.command }))))));
    shown.replaceChildren(rows.length ? table("URLs", ["Name", "Address", "Part", "Credentials"], rows)
      : el("p", { text: "Nothing of this stack has an address on this machine." }));
  }).catch((error) => { if (error.name !== "AbortError") shown.replaceChildren(failure(error.what ? error : { what: String(error) })); });
  return () => ending.abort();
}
