// The public API, and nothing else. A key lives in this tab alone: sessionStorage ends with it.

const KEY = "ktup-key";

/** What went wrong with a call: the API's problem (RFC 9457), or that there was no answer at all. */
export class Problem extends Error {
  constructor({ status = 0, code, detail, request_id: requestId = null, retryAfter = null }) {
    super(detail);
    Object.assign(this, { status, code, detail, requestId, retryAfter });
  }
}

export const key = {
  /** When it was last given or denied: a call that was asked before, and is refused, asks for none again. */
  told: 0,
  get: () => sessionStorage.getItem(KEY),
  set(value) {
    if (value) sessionStorage.setItem(KEY, value);
    else sessionStorage.removeItem(KEY);
    window.dispatchEvent(new Event("ktup:key"));
  },
};

/** Write an id as one segment of a path. Browsers resolve `.` and `..` themselves, however they are written. */
export function segment(id) {
  if (id === "." || id === "..") {
    throw new Problem({ code: "dots", detail: `A browser cannot send the id “${id}” as part of an address.` });
  }
  if (id === "popular") return "%70opular"; // plain, it would be the list of what is popular
  try {
    return encodeURIComponent(id);
  } catch {
    throw new Problem({ code: "not_text", detail: "This id holds half a character, which no id may." });
  }
}

/** path`/users/${id}/history`: a path whose ids are written as segments. */
export function path(texts, ...ids) {
  return texts.reduce((whole, text, n) => whole + segment(ids[n - 1]) + text);
}

/** Give the JSON that a call answers. Throws Problem; aborted calls throw what fetch throws. */
export async function call(method, where, { query = {}, body, signal } = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
  const url = where + (given.length ? `?${new URLSearchParams(given)}` : "");
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const sent = body === undefined ? undefined : JSON.stringify(body);
  return (await answered(url, { method, headers, body: sent, signal })).json();
}

/** Give the text that a call answers. */
export async function text(where, signal) {
  return (await answered(where, { headers: {}, signal })).text();
}

async function answered(url, request) {
  if (key.get()) request.headers.Authorization = `Bearer ${key.get()}`;
  const asked = performance.now();
  let answer;
  try {
    answer = await fetch(url, request);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ code: "unreachable", detail: "The server did not answer. Is it running?", retryAfter: 5 });
  }
  if (answer.ok) return answer;
  const problem = await problemOf(answer);
  const needed = answer.status === 401 && asked >= key.told;
  if (needed) window.dispatchEvent(new CustomEvent("ktup:key-needed", { detail: problem }));
  throw problem;
}

async function problemOf(answer) {
  const told = await answer.json().catch(() => ({}));
  const retryAfter = Number(answer.headers.get("Retry-After")) || null;
  const detail = told.detail ?? `The server answered ${answer.status}.`;
  return new Problem({ ...told, code: told.code ?? "unknown", detail, status: answer.status, retryAfter });
}

export const get = (where, query, signal) => call("GET", where, { query, signal });
export const put = (where, body) => call("PUT", where, { body });
export const post = (where, body, signal) => call("POST", where, { body, signal });
export const remove = (where) => call("DELETE", where);
