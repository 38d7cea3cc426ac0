// Shows the page that the address names, and keeps it up to date.
import { announce, el, failure } from "./dom.js";
import { connect, goesOn, known, subscribe } from "./store.js";
import { data } from "./data.js";
import { machine } from "./machine.js";
import { part } from "./part.js";
import { platform } from "./platform.js";
import { runs } from "./runs.js";
import { urls } from "./urls.js";

const PAGES = { platform: ["Platform", platform], data: ["AWS data", data], urls: ["URLs", urls],
  runs: ["Runs", runs], machine: ["Machine", machine] };
const HIDDEN = { part: ["Part", part] };
const content = document.getElementById("content");
let leave = () => {};

// A page is a function of its words that fills `content`, and gives back what ends it.
function show(moved = true) {
  const [name, ...words] = location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  const [title, page] = { ...PAGES, ...HIDDEN }[name] ?? PAGES.platform;
  leave();
  content.replaceChildren();
  const heading = el("h1", { tabindex: -1, text: words[0] && name === "part" ? words[0] : title });
  const body = el("div", {});
  content.append(heading, body);
  leave = page(body, words) ?? (() => {});
  document.title = `${heading.textContent} · ${known.look?.status?.stack ?? "bootstrap"}`;
  for (const link of document.querySelectorAll("nav a")) {
    const here = link.hash === `#/${name in PAGES ? name : "platform"}`;
    here ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current");
  }
  if (moved) { heading.focus(); scrollTo(0, 0); }
}

function frame() {
  const status = known.look?.status, line = document.getElementById("connection");
  document.getElementById("stack").textContent = status?.stack ?? known.run?.started?.stack ?? "bootstrap";
  document.getElementById("headline").textContent = status?.headline ?? known.run?.started?.headline ?? "";
  const text = known.connection !== "live" ? `connection ${known.connection}: what is shown may be old`
    : goesOn() ? "a run goes on" : status ? `${status.health}, ${status.declared}` : known.look?.errors.length ? "not looked at" : "looking";
  if (line.textContent !== text) line.textContent = text;
  line.className = known.connection === "lost" ? "lost" : "";
}

document.getElementById("pages").append(...Object.entries(PAGES).map(([name, [title]]) => el("li", {}, el("a", { href: `#/${name}`, text: title }))));
if (location.search) history.replaceState(null, "", `/${location.hash}`);
addEventListener("hashchange", () => show());
addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  if (event.reason?.name !== "AbortError") content.append(failure({ what: event.reason?.what ?? String(event.reason) }));
});
subscribe(frame);
show(false);
connect();
announce("");
