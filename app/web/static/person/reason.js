// The reason for one item in full: the picture, the same facts as a list, and what was tried.

import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { get, path } from "../lib/api.js";
import { useLoad } from "../lib/load.js";
import { item as itemOf, titleOf } from "../lib/names.js";
import { href } from "../lib/route.js";
import { Loaded, Loading, Status, Titles, percent } from "../lib/parts.js";
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
    <${Otherwise} card=${item.explanation} why=${why} />
    <p class="row"><${Status} status=${why.status} /><span class="muted">
      Place ${pair.rank}, score ${pair.score.toFixed(3)};
      ${why.mode === "hard" ? " one preference for the pair." : " a mixture of preferences."}</span></p>
    <${Drawn} who=${who} item=${item} why=${why} />
    <${Tried} preferences=${why.preferences} pair=${pair} />
    ${why.counterfactual && html`<${Counterfactual} found=${why.counterfactual} limit=${limit} title=${titleOf(item)} />`}`;
}

/** Why the card told it otherwise, where it did: it comes from the summary, which tries less. */
function Otherwise({ card, why }) {
  if (!card || card.text === why.text) return null;
  return html`<p class="muted">${card.status === why.status
    ? "The card names the most specific shared fact; here the history item whose removal lowers the score most comes first."
    : "The card goes by the score alone; here everything was ranked again, and the place without the first preference counts too."}</p>`;
}

/** A reason with what its card names. */
function withCard(why, card) {
  const named = card?.evidence[0];
  return !named || why.evidence.some((each) => each.history_item === named.history_item) ? why : { ...why, evidence: [...why.evidence, named] };
}

function Drawn({ who, item, why }) {
  const [made, set] = useState(null);
  useEffect(() => {
    let wanted = true;
    reasonGraph(who, item.item_id, withCard(why, item.explanation)).then((result) => wanted && set(result));
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

const Fell = () => html` <span class="moved down">▼</span>`;

function Tried({ preferences, pair }) {
  const tried = preferences.some((each) => each.without);
  return html`<h3>The preferences</h3>
    <div class="scroll" tabindex="0" role="region" aria-label="Preferences"><table>
      <thead><tr><th scope="col">preference</th><th scope="col">share</th>
        ${tried && html`<th scope="col">score without it</th><th scope="col">place without it</th><th scope="col">place by it alone</th>`}</tr></thead>
      <tbody>${preferences.map((each) => html`<tr>
        <th scope="row">${each.label}</th><td>${percent(each.share)}</td>
        ${tried && html`<td>${each.without?.score.toFixed(3) ?? "–"}${each.without?.score < pair.score && html`<${Fell} />`}</td>
          <td>${each.without?.rank ?? "–"}${each.without?.rank > pair.rank && html`<${Fell} />`}</td>
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
  return html`<p>Without <${Titles} items=${load.data} /> in the history, ${title} would be at place ${found.rank}, behind the first ${limit}.</p>`;
}
