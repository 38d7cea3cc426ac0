// A table of any length, of which only the lines in sight exist.
import { el } from "./dom.js";

const LINE = 32, AROUND = 6;

export function virtual(label, columns, rows, first = (text) => text) {
  const space = el("div", { role: "presentation" });
  space.style.height = `${(rows.length + 1) * LINE}px`;
  space.style.position = "relative";
  const holder = el("div", { className: "virtual", tabindex: 0, role: "table", "aria-label": label, "aria-rowcount": rows.length + 1 }, space);
  const line = (cells, number, kind) => {
    const made = el("div", { className: "line", role: "row", "aria-rowindex": number + 1 },
      cells.map((cell, index) => el("span", { role: kind, title: String(cell) }, index || kind === "columnheader" ? String(cell) : first(cell, cells))));
    made.style.top = `${number * LINE}px`;
    return made;
  };
  let drawn = "";
  const draw = () => {
    const from = Math.max(0, Math.floor(holder.scrollTop / LINE) - AROUND);
    const to = Math.min(rows.length, from + Math.ceil((holder.clientHeight || 416) / LINE) + 2 * AROUND);
    if (drawn === `${from}-${to}`) return;
    drawn = `${from}-${to}`;
    space.replaceChildren(line(columns, 0, "columnheader"), ...rows.slice(from, to).map((row, index) => line(row, from + index + 1, "cell")));
  };
  holder.addEventListener("scroll", () => requestAnimationFrame(draw), { passive: true });
  draw();
  return holder;
}
