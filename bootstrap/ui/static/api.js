// Asks our own server; an answer that is an error is thrown as the server words it.
async function answer(response) {
  let document = {};
  try { document = await response.json(); } catch { document = { error: { what: "the server's answer is cut off" } }; }
  if (!response.ok) throw Object.assign(new Error(document.error?.what), document.error);
  return document;
}

export async function get(path, parameters = {}, signal = undefined) {
  const query = new URLSearchParams(parameters).toString();
  return answer(await fetch(query ? `${path}?${query}` : path, { signal }));
}

export async function post(path, body) {
  const headers = { "Content-Type": "application/json" };
  return answer(await fetch(path, { method: "POST", headers, body: JSON.stringify(body) }));
}
