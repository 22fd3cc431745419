// Where we are, as the part of the address behind `#`: `#/people/a%2Fb?item=i9`. No server sees it.

import { useEffect, useState } from "../vendor/preact-htm.js";

const decoded = (text) => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

/** Read an address: the view, the id that it is about (null if none), and the rest as a Map-like. */
export function read(hash) {
  const [front, rest = ""] = hash.replace(/^#\/?/, "").split("?");
  const [view, id] = front.split("/");
  return { view: view || "people", id: id === undefined || id === "" ? null : decoded(id), more: new URLSearchParams(rest) };
}

/** Write an address that `read` gives back. */
export function href(view, id = null, more = {}) {
  const given = Object.entries(more).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const rest = given.length ? `?${new URLSearchParams(given)}` : "";
  return `#/${view}${id === null ? "" : `/${encodeURIComponent(id)}`}${rest}`;
}

export const go = (...where) => {
  location.hash = href(...where);
};

/** The address now; draws again when it changes. */
export function useRoute() {
  const [route, set] = useState(() => read(location.hash));
  useEffect(() => {
    const changed = () => set(read(location.hash));
    window.addEventListener("hashchange", changed);
    return () => window.removeEventListener("hashchange", changed);
  }, []);
  return route;
}
