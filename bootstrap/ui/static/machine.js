// Machine: what doctor finds.
import { get } from "./api.js";
import { el, failure, row, table } from "./dom.js";

const GROUPS = { fine: "ready", note: "waiting", finding: "failed" };
const WORDS = { fine: "fine", note: "note", finding: "to repair" };

export function machine(body) {
  const ending = new AbortController();
  const shown = el("div", {}, el("p", { role: "status", text: "Examining this machine" }));
  body.append(shown);
  get("/api/machine", {}, ending.signal).then(({ checks }) => {
    const bad = checks.filter((check) => check.level === "finding").length;
    shown.replaceChildren(el("p", { text: bad ? `${bad} to repair` : "nothing to repair" }),
      table("Checks", ["Subject", "Result", "What was seen"], checks.map((check) => row(check.subject,
        el("span", { className: `state ${GROUPS[check.level]}`, text: WORDS[check.level] }),
        el("div", {}, check.text, check.fix && check.level !== "fine" ? el("div", {}, "Fix: ", el("code", { text: check.fix })) : "")))));
  }).catch((error) => { if (error.name !== "AbortError") shown.replaceChildren(failure(error.what ? error : { what: String(error) })); });
  return () => ending.abort();
}
