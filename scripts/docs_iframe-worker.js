// A page that is opened from disk may start no worker. This runs the search's worker in a hidden frame instead, with the
// few parts of a worker that the search uses: messages both ways, importScripts, terminate.
if (location.protocol === "file:") {
  const prologue = `
    var importScripts = (...urls) => urls.reduce((before, url) => before.then(() => new Promise((done, fail) => {
      const script = document.createElement("script");
      script.src = url; script.onload = done; script.onerror = fail; document.body.appendChild(script);
    })), Promise.resolve());
    var postMessage = data => parent.dispatchEvent(new CustomEvent("worker-" + window.name, { detail: data }));
  `;
  let count = 0;
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const name = String(count++);
      const forward = event => {
        const message = new MessageEvent("message", { data: event.detail });
        this.dispatchEvent(message);
        if (this.onmessage) this.onmessage(message);
      };
      addEventListener("worker-" + name, forward);
      const frame = document.createElement("iframe");
      frame.hidden = true;
      frame.name = name;
      this.frame = frame;
      this.ready = new Promise(done => { frame.onload = done; });
      document.documentElement.appendChild(frame);
      const page = frame.contentDocument;
      page.open();
      page.write(`<body><script>${prologue}<\/script><script src="${new URL(url, location)}"><\/script></body>`);
      page.close();
    }
    postMessage(data) {
      this.ready.then(() => this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data })));
    }
    terminate() { this.frame.remove(); }
  };
}
