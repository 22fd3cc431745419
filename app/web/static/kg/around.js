// What surrounds an entity, as a picture: some of the facts with it as tail, and of those with it as head.

import { html, useMemo } from "../vendor/preact-htm.js";
import { readable } from "../lib/names.js";
import { href } from "../lib/route.js";
import { Picture } from "../graph/picture.js";

const EACH_SIDE = 8;

export function Around({ id, name, out, into }) {
  const graph = useMemo(() => around(id, name, out.slice(0, EACH_SIDE), into.slice(0, EACH_SIDE)), [id, out, into]);
  const left = Math.max(out.length - EACH_SIDE, 0) + Math.max(into.length - EACH_SIDE, 0);
  return html`<${Picture} star=${true} graph=${graph} title=${`Facts around ${name}; all of them are listed below.`} />
    ${left > 0 && html`<p class="muted small">${left} more in the lists below.</p>`}`;
}

function around(id, name, out, into) {
  const nodes = new Map([["centre", { id: "centre", name, kind: "goal" }]]);
  const edges = [];
  const add = (fact, end, from, to) => {
    const key = `${end} ${fact[end]}`;
    const other = fact[end] === id ? "centre" : key;
    if (other === key) nodes.set(key, { id: key, name: fact[`${end}_label`] ?? readable(fact[end]), kind: "entity", href: href("graph", fact[end]) });
    edges.push({ from: from ?? other, to: to ?? other, name: fact.relation_label ?? readable(fact.relation), kind: fact.origin === "accepted" ? "accepted" : "fact" });
  };
  for (const fact of out) add(fact, "tail", "centre", null);
  for (const fact of into) if (fact.head !== id) add(fact, "head", null, "centre");
  return { nodes: [...nodes.values()], edges };
}
