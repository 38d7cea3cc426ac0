// What is known of the stack: the run that began last, from its events, and the newest look at the whole stack.
import { announce } from "./dom.js";

export const known = { connection: "connecting", place: "", run: null, look: null, goingOn: false };
const listeners = new Set();
let source = null;
let asked = false;
let heard = 0;

export function subscribe(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

// A few redraws in a second: a run that is looked at needs the machine more.
function changed() {
  if (asked) return;
  asked = true;
  setTimeout(() => { asked = false; for (const listener of [...listeners]) listener(); }, 150);
}

const empty = (name) => ({ name, steps: new Map(), notes: [], error: null, finished: null, started: null });

export function take(run, record) {
  const step = run.steps.get(record.step);
  switch (record.type) {
    case "run_started": run.started = record; break;
    case "planned":
      for (const planned of record.steps) {
        run.steps.set(planned.id, { state: "waiting", since: record.at, text: "", ...run.steps.get(planned.id), ...planned });
      }
      break;
    case "step_started": if (step) Object.assign(step, { state: "running", since: record.at, began: record.at, text: record.reason }); break;
    case "step_progress": if (step) step.text = record.text; break;
    case "step_finished":
      if (step) Object.assign(step, { state: record.status, since: record.at, seconds: record.seconds, error: record.error,
        text: record.error?.what ?? (record.because_of ? `needs ${record.because_of}` : record.detail ?? "") });
      break;
    case "noted": run.notes.push(record.text); break;
    case "run_finished": run.finished = record; break;
    case "error": run.error = record; break;
  }
}

function receive(message) {
  const piece = JSON.parse(message.data);
  known.place = message.lastEventId;
  if (piece.begins) known.run = piece.run === "-" ? null : empty(piece.run);
  for (const record of piece.records) {
    if (known.run) take(known.run, record);
    if (record.type === "run_finished") announce(record.exit_code ? `The run failed with exit code ${record.exit_code}` : "The run has ended");
    if (record.type === "step_finished" && record.status === "failed") announce(`${record.step} failed`);
  }
  changed();
}

function connection(state) {
  if (known.connection !== state && state !== "live") announce(`The connection is ${state}`);
  known.connection = state;
  changed();
}

export function connect() {
  source?.close();
  const opened = new EventSource(`/api/live?after=${encodeURIComponent(known.place)}`);
  source = opened;
  opened.addEventListener("open", () => connection("live"));
  heard = Date.now();
  for (const kind of ["run", "state", "look", "beat"]) opened.addEventListener(kind, () => { heard = Date.now(); });
  opened.addEventListener("run", receive);
  opened.addEventListener("state", (message) => { known.goingOn = JSON.parse(message.data).going_on; changed(); });
  opened.addEventListener("look", (message) => { known.look = JSON.parse(message.data); changed(); });
  opened.addEventListener("error", () => {
    connection("lost");
    // The browser tries again by itself, unless the server refused; then we do, from where we were.
    if (opened.readyState === EventSource.CLOSED) setTimeout(() => { if (source === opened) connect(); }, 3000);
  });
}

// The server says something every ten seconds. After a sleep, or on a dead connection, a new one goes on from here.
setInterval(() => {
  if (source && Date.now() - heard > 35000) { connection("lost"); connect(); }
}, 5000);

// A page that nobody sees asks for nothing.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) { source?.close(); source = null; } else if (source === null) connect();
});

export const goesOn = () => known.run !== null && !known.run.finished && !known.run.error && known.goingOn;

const GROUPS = {
  ready: ["up", "simulated", "done", "unchanged", "keep"], failed: ["failed", "down", "unreachable", "unknown"],
  notready: ["not ready", "stopped", "cut off", "not finished"], running: ["running"], waiting: ["waiting", "not there"],
  skipped: ["skipped", "cancelled", "suspended"],
};
export const groupOf = (state) => Object.keys(GROUPS).find((group) => GROUPS[group].includes(state)) ?? "waiting";

// Every step and part with one state: while a run goes on, that of the run; else what a look saw.
export function parts() {
  const found = new Map();
  const look = known.look, run = known.run;
  const on = goesOn();
  for (const step of look?.steps ?? []) found.set(step.id, { ...step, state: step.action === "keep" ? "unchanged" : "not there", text: step.reason });
  const upward = run && [...run.steps.values()].some((step) => !/^(delete|remove|uninstall|save|restore)/.test(step.action));
  if (run && (on || upward)) {
    for (const step of run.steps.values()) {
      if (!on && look?.steps.length && !found.has(step.id) && step.state !== "failed") continue;
      const cut = !on && ["running", "waiting"].includes(step.state);
      found.set(step.id, { ...found.get(step.id), ...step, ...(cut ? { state: "cut off" } : {}) });
    }
  }
  for (const part of look?.status?.parts ?? []) {
    const before = found.get(part.name) ?? { id: part.name, needs: [] };
    const seen = { ...before, health: part.health, part };
    const newer = !before.since || Date.parse(look.at) > Date.parse(before.since);
    if (!on && newer) Object.assign(seen, { state: part.health, text: part.causes[0]?.text ?? part.difference ?? part.detail,
      since: before.state === part.health ? before.since : undefined });
    found.set(part.name, seen);
  }
  return [...found.values()];
}
