// The reason for one item in full: the picture, the same facts as a list, and what was tried.

import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { get, path } from "../lib/api.js";
import { useLoad } from "../lib/load.js";
import { item as itemOf, titleOf } from "../lib/names.js";
import { href } from "../lib/route.js";
import { Loaded, Loading, Status, percent } from "../lib/parts.js";
import { Picture } from "../graph/picture.js";
import { reasonGraph } from "../graph/reason.js";
import { Dialog } from "./dialog.js";

/** `user` is null in a session; then the reason that came with the list is all there is. */
export function Reason({ user, item, limit, onClose }) {
  const load = useLoad(
    (signal) =>
      user === null
        ? Promise.resolve({ rank: item.rank, score: item.score, explanation: item.explanation })
        : get(path`/users/${user}/recommendations/${item.item_id}/explanation`, { limit }, signal),
    [user, item.item_id],
  );
  return html`<${Dialog} title=${`Why ${titleOf(item)}?`} onClose=${onClose}>
    <${Loaded} load=${load} what="Trying every part of the reason…">
      ${(pair) => html`<${Explained} pair=${pair} who=${user ?? "you"} item=${item} limit=${limit} />`}
    <//>
  <//>`;
}

function Explained({ pair, who, item, limit }) {
  const why = pair.explanation;
  if (!why) return html`<p>Its numbers are not finite: there is no reason to tell.</p>`;
  return html`<p class="lead">${why.text}</p>
    <p class="row"><${Status} status=${why.status} /><span class="muted">
      Place ${pair.rank}, score ${pair.score.toFixed(3)};
      ${why.mode === "hard" ? " one preference for the pair." : " a mixture of preferences."}</span></p>
    <${Drawn} who=${who} item=${item} why=${why} />
    <${Tried} preferences=${why.preferences} rank=${pair.rank} />
    ${why.counterfactual && html`<${Counterfactual} found=${why.counterfactual} limit=${limit} title=${titleOf(item)} />`}`;
}

function Drawn({ who, item, why }) {
  const [made, set] = useState(null);
  useEffect(() => {
    let wanted = true;
    reasonGraph(who, item.item_id, why).then((result) => wanted && set(result));
    return () => {
      wanted = false;
    };
  }, [item.item_id, why]);
  if (made === null) return html`<${Loading} what="Looking up names…" />`;
  const first = why.preferences[0];
  const title = `From the history of ${who} over stored facts to ${titleOf(item)}; preference ${first?.label} with ${percent(first?.share ?? 0)} of the weight. The facts are listed below.`;
  return html`<${Picture} graph=${made.graph} title=${title} />
    <h3>The facts</h3>
    ${made.facts.length
      ? html`<ul class="facts">${made.facts.map((fact) => html`<li><a href=${href("graph", fact.headId)}>${fact.head}</a> <span class="relation">${fact.relation}</span>${" "}
          <a href=${href("graph", fact.tailId)}>${fact.tail}</a>
          ${fact.accepted && html` <span class="badge plain">accepted by a person</span>`}</li>`)}</ul>`
      : html`<p class="muted">No stored fact ties it to the history: the model places it near what was liked, and that is all there is to say.</p>`}`;
}

function Tried({ preferences, rank }) {
  const tried = preferences.some((each) => each.without);
  return html`<h3>The preferences</h3>
    <div class="scroll" tabindex="0" role="region" aria-label="Preferences"><table>
      <thead><tr><th scope="col">preference</th><th scope="col">share</th>
        ${tried && html`<th scope="col">place without it</th><th scope="col">place by it alone</th>`}</tr></thead>
      <tbody>${preferences.map((each) => html`<tr>
        <th scope="row">${each.label}</th><td>${percent(each.share)}</td>
        ${tried && html`<td>${each.without?.rank ?? "–"}${each.without && each.without.rank > rank ? html` <span class="moved down">▼</span>` : ""}</td>
          <td>${each.only?.rank ?? "–"}</td>`}
      </tr>`)}</tbody>
    </table></div>`;
}

const _NOT_FOUND = {
  not_in_reference: "it is not among the first places by the history, so nothing can push it out",
  too_few_actions: "the history is too short to take something back",
  none_found: "no small set of actions that was tried pushes it out",
  too_many_solves: "finding out would take too many attempts",
};

function Counterfactual({ found, limit, title }) {
  const load = useLoad(() => Promise.all(found.remove.map(itemOf)), [found]);
  if (!found.remove.length) {
    return html`<p class="muted">What would have to be different? ${_NOT_FOUND[found.reason] ?? "Nothing was found"}.</p>`;
  }
  const names = (load.data ?? []).map(titleOf).join(", ");
  return html`<p>Without <strong>${names || "…"}</strong> in the history, ${title} would be at place ${found.rank}, behind the first ${limit}.</p>`;
}
