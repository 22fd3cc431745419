// The knowledge graph: an entity with its facts and what is missing; without one, everything that waits for a decision.

import { html, useState } from "../vendor/preact-htm.js";
import { get, path } from "../lib/api.js";
import { Combobox } from "../lib/combobox.js";
import { findEntities } from "../lib/find.js";
import { useLoad } from "../lib/load.js";
import { readable, relationNames } from "../lib/names.js";
import { go, href } from "../lib/route.js";
import { Empty, Loaded } from "../lib/parts.js";
import { Around } from "../kg/around.js";
import { Missing } from "../kg/missing.js";
import { Review } from "../kg/review.js";

const MOST = 200;

export function Knowledge({ route }) {
  return html`<${Combobox} label="Search the knowledge graph" hint="Name of an entity" search=${findEntities}
      onPick=${(found) => go("graph", found.id)} onText=${(text) => go("graph", text)} />
    ${route.id === null ? html`<${Review} />` : html`<${Entity} key=${route.id} id=${route.id} />`}`;
}

async function read(id, signal) {
  const [entity, out, into, open, relations] = await Promise.all([
    get(path`/kg/entities/${id}`, {}, signal),
    get("/kg/facts", { head: id, limit: MOST }, signal),
    get("/kg/facts", { tail: id, limit: MOST }, signal),
    get("/kg/candidates", { head: id, limit: MOST }, signal),
    relationNames(),
  ]);
  return { entity, out: out.facts, into: into.facts, relations, review: new Set(open.candidates.map((each) => each.relation)) };
}

function Entity({ id }) {
  const [round, again] = useState(0);
  const load = useLoad((signal) => read(id, signal), [id, round]);
  return html`<${Loaded} load=${load} what="Reading its facts…">
    ${({ entity, out, into, relations, review }) => html`<article>
      <h1>${entity.label ?? readable(id)}</h1>
      <p class="muted">${entity.n_facts} ${entity.n_facts === 1 ? "fact names" : "facts name"} it. <code>${id}</code>
        ${entity.item_ids.length > 0 && ` It is the item ${entity.item_ids.join(", ")}.`}</p>
      ${out.length + into.length === 0
        ? html`<${Empty}>No fact names it yet.<//>`
        : html`<${Around} id=${id} name=${entity.label ?? readable(id)} out=${out} into=${into} />
            <div class="columns">
              <${Facts} title="Facts with it as head" facts=${out} end="tail" />
              <${Facts} title="Facts with it as tail" facts=${into} end="head" />
            </div>`}
      <${Missing} entity=${entity} out=${out} into=${into} relations=${relations} review=${review} round=${round} onDecided=${() => again((n) => n + 1)} />
    </article>`}
  <//>`;
}

/** The facts of one side, each in the order in which it is told; `end` is the other side. */
function Facts({ title, facts, end }) {
  if (!facts.length) return null;
  const other = (fact) => html`<a href=${href("graph", fact[end])}>${fact[`${end}_label`] ?? readable(fact[end])}</a>`;
  const relation = (fact) => html`<span class="relation">${fact.relation_label ?? readable(fact.relation)}</span>`;
  return html`<section aria-label=${title}><h2>${title}</h2><ul class="facts">
    ${facts.map((fact) => html`<li key=${`${fact.relation} ${fact[end]}`}>
      ${end === "head" ? other(fact) : relation(fact)}${" "}${end === "head" ? relation(fact) : other(fact)}
      ${fact.origin === "accepted" && html` <span class="badge plain">accepted by a person</span>`}</li>`)}
  </ul>${facts.length === MOST && html`<p class="muted small">The first ${MOST} are shown.</p>`}</section>`;
}
