// Makes elements. Whatever comes from the stack becomes a text, never markup.
export function el(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (key === "onclick") made.addEventListener("click", value);
    else if (key === "text") made.textContent = value;
    else made.setAttribute(key === "className" ? "class" : key, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

export function table(caption, columns, rows, wide = true) {
  const head = el("tr", {}, columns.map((column) => el("th", { scope: "col", text: column })));
  return el("div", { className: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    el("table", { className: wide ? "wide" : "" }, el("caption", { className: "hidden", text: caption }),
      el("thead", {}, head), el("tbody", {}, rows)));
}

export function row(first, ...cells) {
  return el("tr", {}, el("th", { scope: "row" }, first),
    cells.map((cell) => (cell instanceof HTMLTableCellElement ? cell : el("td", {}, cell))));
}

export function lasted(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 10) return `${seconds.toFixed(1)}s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m${String(whole % 60).padStart(2, "0")}s`;
  return `${Math.floor(whole / 3600)}h${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")}m`;
}

// An age that goes on by itself.
export function age(at) {
  return el("time", { datetime: at, "data-since": at, text: at ? lasted((Date.now() - Date.parse(at)) / 1000) : "" });
}
setInterval(() => {
  for (const each of document.querySelectorAll("[data-since]")) {
    const text = lasted(Math.max(0, (Date.now() - Date.parse(each.dataset.since)) / 1000));
    if (each.textContent !== text) each.textContent = text;
  }
}, 1000);

export function failure(error) {
  return el("div", { className: "error", role: "alert" }, el("p", { text: error.what }),
    error.evidence?.length ? el("pre", { tabindex: 0, text: error.evidence.join("\n") }) : null,
    error.fix ? el("p", {}, "Fix: ", el("code", { text: error.fix })) : null,
    error.log ? el("p", { className: "soft", text: `Log: ${error.log}` }) : null);
}

export function cause(found) {
  return el("div", { className: "cause" }, el("p", { text: found.text }),
    found.evidence.length ? el("pre", { tabindex: 0, text: found.evidence.join("\n") }) : null,
    found.fix ? el("p", {}, "Fix: ", el("code", { text: found.fix })) : null);
}

export function announce(text) {
  document.getElementById("announced").textContent = text;
}

export function pre(label, text) {
  return el("pre", { tabindex: 0, role: "region", "aria-label": label, text });
}
