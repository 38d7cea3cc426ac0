// Draws steps in layers by what they need, from left to right.
const WIDTH = 190, HEIGHT = 40, GAP_X = 46, GAP_Y = 12, TALLEST = 14;
const SVG = "http://www.w3.org/2000/svg";

function svg(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// The layer of each step: one more than the highest of those that it needs.
export function layers(steps) {
  const byId = new Map(steps.map((step) => [step.id, step]));
  const depth = new Map();
  const find = (id, path) => {
    if (depth.has(id)) return depth.get(id);
    if (path.has(id)) return 0;
    path.add(id);
    const needs = (byId.get(id).needs ?? []).filter((need) => byId.has(need));
    const found = needs.length ? 1 + Math.max(...needs.map((need) => find(need, path))) : 0;
    path.delete(id);
    depth.set(id, found);
    return found;
  };
  for (const step of steps) find(step.id, new Set());
  const rows = [];
  for (const step of steps) (rows[depth.get(step.id)] ??= []).push(step);
  return { rows: rows.filter(Boolean), depth, byId };
}

// Needs that follow from others are not drawn.
function drawn(step, byId, depth) {
  const needs = (step.needs ?? []).filter((need) => byId.has(need));
  const implied = new Set();
  const mark = (id, lowest, seen) => {
    for (const need of byId.get(id).needs ?? []) {
      if (!byId.has(need) || seen.has(need) || depth.get(need) < lowest) continue;
      seen.add(need); implied.add(need); mark(need, lowest, seen);
    }
  };
  const lowest = Math.min(...needs.map((need) => depth.get(need)));
  for (const need of needs) mark(need, lowest, new Set());
  return needs.filter((need) => !implied.has(need));
}

export function places(steps) {
  const { rows, depth, byId } = layers(steps);
  const at = new Map();
  let x = 8, height = 0;
  for (const layer of rows) {
    const middle = (step) => {
      const ys = (step.needs ?? []).map((need) => at.get(need)?.y).filter((y) => y !== undefined);
      return ys.length ? ys.reduce((sum, y) => sum + y, 0) / ys.length : 0;
    };
    const ordered = layer.map((step) => [middle(step), step]).sort((a, b) => a[0] - b[0]).map(([, step]) => step);
    ordered.forEach((step, index) => {
      const y = 8 + (index % TALLEST) * (HEIGHT + GAP_Y);
      at.set(step.id, { x: x + Math.floor(index / TALLEST) * (WIDTH + 14), y });
      height = Math.max(height, y + HEIGHT + 8);
    });
    x += Math.ceil(ordered.length / TALLEST) * (WIDTH + 14) - 14 + GAP_X;
  }
  const lines = steps.flatMap((step) => drawn(step, byId, depth).map((need) => [need, step.id]));
  return { at, lines, width: x - GAP_X + 8, height };
}

const fitting = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
export function short(id) {
  const [kind, ...rest] = id.split("/");
  return rest.length > 1 ? `${kind}/${rest.at(-1)}` : id;
}

export class Graph {
  constructor(holder) { this.holder = holder; this.nodes = new Map(); this.shape = ""; this.current = 0; }

  draw(steps, groupOf) {
    const shape = steps.map((step) => `${step.id}<${(step.needs ?? []).join()}`).join("|");
    if (shape !== this.shape) { this.shape = shape; this.layOut(steps); }
    for (const step of steps) {
      const node = this.nodes.get(step.id), group = groupOf(step.state);
      if (node.state === step.state) continue;
      node.state = step.state;
      node.link.setAttribute("class", group);
      node.link.setAttribute("aria-label", `${node.label} ${step.state}${node.label === step.id ? "" : `, ${step.id}`}`);
      node.text.textContent = step.state;
    }
  }

  layOut(steps) {
    const { at, lines, width, height } = places(steps);
    const held = this.holder.contains(document.activeElement) ? document.activeElement.dataset.id : null;
    const picture = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": "Steps by what they need" });
    for (const [from, to] of lines) {
      const a = at.get(from), b = at.get(to);
      const [x1, y1, x2, y2] = [a.x + WIDTH, a.y + HEIGHT / 2, b.x, b.y + HEIGHT / 2];
      const bend = Math.max(20, (x2 - x1) / 2);
      picture.append(svg("path", { d: `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`, "aria-hidden": "true" }));
    }
    this.nodes.clear();
    steps.forEach((step) => {
      const { x, y } = at.get(step.id);
      const text = svg("text", { x: x + 8, y: y + 32 });
      const label = svg("text", { x: x + 8, y: y + 16, class: "label" });
      label.textContent = `${fitting(short(step.id), 28)} `;
      const link = svg("a", { href: `#/part/${encodeURIComponent(step.id)}`, tabindex: "-1" },
        svg("rect", { x, y, width: WIDTH, height: HEIGHT, rx: 5 }), label, text);
      link.dataset.id = step.id;
      this.nodes.set(step.id, { link, text, label: fitting(short(step.id), 28), state: null });
      picture.append(link);
    });
    // One stop of the Tab key; the arrows go from step to step.
    const links = [...this.nodes.values()].map((node) => node.link);
    this.current = Math.max(0, links.findIndex((link) => link.dataset.id === held));
    links[this.current]?.setAttribute("tabindex", "0");
    picture.addEventListener("keydown", (event) => this.move(event, links));
    this.holder.replaceChildren(picture);
    if (held) links[this.current]?.focus();
  }

  move(event, links) {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const ends = { Home: 0, End: links.length - 1 }[event.key];
    if (by === undefined && ends === undefined) return;
    event.preventDefault();
    links[this.current].setAttribute("tabindex", "-1");
    this.current = ends ?? (this.current + by + links.length) % links.length;
    links[this.current].setAttribute("tabindex", "0");
    links[this.current].focus();
  }
}
