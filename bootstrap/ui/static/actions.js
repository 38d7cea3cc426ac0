// What can be done, each after its plan was shown.
import { get, post } from "./api.js";
import { announce, el, failure, pre } from "./dom.js";

const ACTIONS = { up: "Bring up as declared", "seed apply": "Apply AWS data", "seed refresh": "Refresh AWS data",
  repair: "Repair", pause: "Pause", resume: "Resume", reset: "Reset to the snapshot" };

export function actions(names = Object.keys(ACTIONS)) {
  return el("section", { "aria-label": "Actions" }, el("h2", { text: "Actions" }),
    el("p", { className: "soft", text: "Each shows its plan first, and does nothing until you start it." }),
    el("div", { className: "row" }, names.map((name) => el("button", { type: "button", onclick: () => open(name), text: `${ACTIONS[name]}…` }))));
}

async function open(action) {
  const body = el("div", {}, el("p", { role: "status", text: "Making the plan" }));
  const start = el("button", { type: "button", className: "main", disabled: true, text: "Start" });
  const close = el("button", { type: "button", text: "Close" });
  const dialog = el("dialog", { "aria-labelledby": "action" }, el("h2", { id: "action", text: ACTIONS[action] }), body, el("div", { className: "row" }, start, close));
  let timer = 0;
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => { clearTimeout(timer); dialog.remove(); });
  document.body.append(dialog);
  dialog.showModal();
  try {
    const plan = await get("/api/plan", { action });
    body.replaceChildren(el("p", {}, "What ", el("code", { text: plan.command }), " would do:"), pre("Plan", plan.text));
    start.disabled = false;
    start.addEventListener("click", async () => {
      start.disabled = true;
      const output = pre("Output", "");
      const state = el("p", { role: "status", text: "Started" });
      try {
        await post("/api/start", { action, plan: plan.plan });
        body.replaceChildren(state, output);
        const look = async () => {
          const { started } = await get("/api/action");
          output.textContent = started.lines.join("\n");
          if (started.exit_code === null) { timer = setTimeout(look, 1000); return; }
          state.textContent = started.exit_code ? `Failed with exit code ${started.exit_code}` : "Done";
          announce(`${ACTIONS[action]}: ${state.textContent}`);
        };
        await look();
      } catch (error) { body.replaceChildren(failure(error)); }
    });
  } catch (error) { body.replaceChildren(failure(error.what ? error : { what: String(error) })); }
}
