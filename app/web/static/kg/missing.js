// What may be missing around one entity: the completion of one relation, ranked, and a decision where it is under review.

import { html, useMemo, useState } from "../vendor/preact-htm.js";
import { get } from "../lib/api.js";
import { useLoad } from "../lib/load.js";
import { readable } from "../lib/names.js";
import { href } from "../lib/route.js";
import { Empty, Loaded } from "../lib/parts.js";
import { Decide, Predict, Reviewer, likely, outcome, rated } from "./decide.js";

export function Missing({ entity, out, into, relations, review, round, onDecided }) {
  const questions = useMemo(() => questionsOf(entity, out, into, relations, review), [entity, out, into, review]);
  const [chosen, choose] = useState(null);
  const [made, keep] = useState(null);
  const question = questions.find((each) => each.id === chosen) ?? questions[0];
  const id = entity.entity_id;
  const load = useLoad(question ? (signal) => ask(id, question, signal) : null, [id, question?.id, round]);
  if (!question) return null;
  const changed = (predicted) => {
    keep(predicted);
    onDecided();
  };
  const elsewhere = made?.predicted > 0 && !load.loading && load.data?.under.size === 0;
  return html`<section aria-label="Missing facts">
    <h2>What may be missing</h2>
    <label for="question">Ask the model for</label>
    <select id="question" value=${question.id} onChange=${(e) => choose(e.target.value)}>
      ${questions.map((each) => html`<option value=${each.id}>${each.name}</option>`)}</select>
    <${Loaded} load=${load} what="Ranking what may be missing…">
      ${(found) => html`<${Candidates} key=${question.id} found=${found} onChanged=${changed} />`}
    <//>
    <p role="status">${outcome(made)}${elsewhere && " None of it is for this question."}</p>
  </section>`;
}

/** What can be asked of an entity: tails of any relation if it is an item or has facts; heads where some lead to it. */
function questionsOf(entity, out, into, relations, review) {
  const used = new Set(out.map((fact) => fact.relation));
  const reached = new Set(into.map((fact) => fact.relation));
  const heads = [...relations].filter(([id]) => entity.item_ids.length || used.has(id));
  // What is under review comes first, then what it has no fact of.
  const order = (id) => (review.has(id) ? 0 : used.has(id) ? 2 : 1);
  heads.sort(([a], [b]) => order(a) - order(b));
  return [
    ...heads.map(([id, label]) => ({ id: `tail ${id}`, side: "tail", relation: id, name: `it – ${label} – ?` })),
    ...[...relations].filter(([id]) => reached.has(id)).map(([id, label]) => ({ id: `head ${id}`, side: "head", relation: id, name: `? – ${label} – it` })),
  ];
}

async function ask(id, { side, relation }, signal) {
  const given = side === "tail" ? { head: id } : { tail: id };
  const [complete, open] = await Promise.all([
    get("/kg/complete", { ...given, relation, limit: 10 }, signal),
    get("/kg/candidates", { ...given, relation, limit: 1000 }, signal),
  ]);
  const other = side === "tail" ? "tail" : "head";
  const under = new Map(open.candidates.map((each) => [each[other], each]));
  return { candidates: complete.candidates, under, known: complete.known_excluded };
}

const CALIBRATED = "Probabilities are calibrated on validation facts; where facts are missing for other reasons, more are true.";
// Either explains it, and no answer tells which.
const UNRATED = "Ranked by score. There are no probabilities: the release had fewer than 20 validation facts, or was made from these facts.";

function Candidates({ found, onChanged }) {
  const [asked, ask] = useState(null);
  if (!found.candidates.length) return html`<${Empty}>Nothing that was seen in this role is missing here.<//>`;
  const some = rated(found.candidates);
  return html`<p class="muted small">${found.known > 0 ? `${found.known} stored already, left out. ` : ""}${some ? CALIBRATED : UNRATED}</p>
    ${asked && html`<${Reviewer} asked=${asked} onNamed=${() => ask(null)} />`}
    <ol class=${some ? "candidates" : "candidates unrated"}>${found.candidates.map((each) => html`<li key=${each.entity_id}>
      <span class="rank" aria-hidden="true">${each.rank}</span>
      <a href=${href("graph", each.entity_id)}>${each.label ?? readable(each.entity_id)}</a>
      ${some && html`<span class="share-number">${likely(each)}</span>
      <span class=${each.probability === null ? "" : "bar"} aria-hidden="true"><span style=${{ width: `${100 * each.probability}%` }}></span></span>`}
      ${found.under.has(each.entity_id)
        ? html`<${Decide} candidate=${found.under.get(each.entity_id)} onDecided=${() => onChanged(null)} onNameless=${ask} />`
        : html`<span class="muted small">not under review</span>`}
    </li>`)}</ol>
    ${found.under.size === 0 && html`<${Predict} onPredicted=${onChanged} />`}`;
}
