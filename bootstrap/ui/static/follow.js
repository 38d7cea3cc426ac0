// Follows a log: keeps its last lines, and scrolls on while its end is in sight.
import { el, pre } from "./dom.js";

const KEPT = 200000;

export function follow(label, address) {
  const text = pre(label, ""), note = el("p", { className: "soft", role: "status" });
  const source = new EventSource(address);
  source.addEventListener("log", (message) => {
    const piece = JSON.parse(message.data);
    if (piece.left_out) note.textContent = `${piece.left_out} bytes before this are left out`;
    const end = text.scrollTop + text.clientHeight >= text.scrollHeight - 20;
    const whole = text.textContent + piece.text;
    text.textContent = whole.length > KEPT ? whole.slice(whole.indexOf("\n", whole.length - KEPT) + 1) : whole;
    if (end) text.scrollTop = text.scrollHeight;
  });
  source.addEventListener("note", (message) => { note.textContent = JSON.parse(message.data).text; source.close(); });
  const made = el("div", {}, note, text);
  made.stop = () => source.close();
  return made;
}
