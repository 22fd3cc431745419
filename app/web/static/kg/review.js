// Everything that waits for a decision, of the gaps that touch most people first.

import { html, useState } from "../vendor/preact-htm.js";
import { get } from "../lib/api.js";
import { useLoad } from "../lib/load.js";
import { readable } from "../lib/names.js";
import { href } from "../lib/route.js";
import { Empty, Loaded } from "../lib/parts.js";
import { Decide, Predict, Reviewer, likely, outcome, rated, reviewer } from "./decide.js";

const PAGE = 30;

export function Review() {
  const [round, again] = useState(0);
  const [limit, setLimit] = useState(PAGE);
  const [named, setNamed] = useState(Boolean(reviewer()));
  const load = useLoad((signal) => get("/kg/candidates", { limit }, signal), [round, limit]);
  const [asked, ask] = useState(null);
  const [made, keep] = useState(null);
  const changed = (predicted) => {
    keep(predicted);
    again((n) => n + 1);
  };
  const askName = (waiting) => {
    setNamed(false);
    ask(waiting);
  };
  return html`<h1>What the graph may lack</h1>
    <p class="lead">Predicted facts, those first that touch most people. Accepted ones are facts at once and enter the next training; rejected ones never return.</p>
    ${named ? html`<p class="muted small">You decide as <strong>${reviewer()}</strong>. <button type="button" class="quiet" onClick=${() => askName({})}>Change</button></p>`
      : html`<${Reviewer} asked=${asked} onNamed=${() => { setNamed(true); ask(null); }} />`}
    <p role="status">${outcome(made)}</p>
    <${Loaded} load=${load} what="Reading what waits…">
      ${(page) => page.candidates.length
        ? html`<ul class="review">${page.candidates.map((each) => html`<${Waiting} key=${each.candidate_id} each=${each}
            some=${rated(page.candidates)} onDecided=${() => changed(null)} onNameless=${askName} />`)}</ul>
            ${page.next_cursor && limit < 1000 && html`<button type="button" onClick=${() => setLimit(Math.min(limit + PAGE, 1000))}>Show more</button>`}`
        : html`<${Empty}>Nothing waits for a decision.<//><${Predict} onPredicted=${changed} />`}
    <//>`;
}

/** `some` of the candidates have a probability. */
function Waiting({ each, some, onDecided, onNameless }) {
  return html`<li>
    <p class="fact"><a href=${href("graph", each.head)}>${each.head_label ?? readable(each.head)}</a>${" "}
      <span class="relation">${each.relation_label ?? readable(each.relation)}</span>${" "}
      <a href=${href("graph", each.tail)}>${each.tail_label ?? readable(each.tail)}</a></p>
    <span class="muted small">${some && `${likely(each)} · `}touches ${each.users} ${each.users === 1 ? "person" : "people"}</span>
    <${Decide} candidate=${each} onDecided=${onDecided} onNameless=${onNameless} />
  </li>`;
}
