// People: pick one, or look at one's list, reasons, steering and history.

import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { get, path, post } from "../lib/api.js";
import { Combobox } from "../lib/combobox.js";
import { findPeople, inHistory } from "../lib/find.js";
import { useLoad } from "../lib/load.js";
import { go, href } from "../lib/route.js";
import { Empty, Loaded, Trouble } from "../lib/parts.js";
import { Card, moves } from "../person/card.js";
import { History } from "../person/history.js";
import { Reason } from "../person/reason.js";
import { Steering } from "../person/steering.js";
import { WhyNot } from "../person/whynot.js";

const LIMIT = 10;
const STRATEGY = {
  personalized: "from the trained user vector",
  fold_in: "folded in from the history, without retraining",
  popular: "the most popular items: nothing personal is known",
};

export function People({ route }) {
  return html`<div class="top">
      <h1>${route.id ?? "Recommendations, with the reason for each"}</h1>
      <${Combobox} label="Whose list?" hint="An id, or how it begins" search=${findPeople} first=${true}
        onPick=${(found) => go("people", found.id)} onText=${(text) => go("people", text)} />
    </div>
    ${route.id === null ? html`<${Everybody} />` : html`<${Person} key=${route.id} user=${route.id} />`}`;
}

function Everybody() {
  const [limit, setLimit] = useState(24);
  const load = useLoad((signal) => get("/users", { limit }, signal), [limit]);
  return html`<section aria-label="People">
    <p class="lead">Pick somebody. Every card says why it is there, and whether stored facts support that.</p>
    <${Loaded} load=${load} what="Looking who is there…">
      ${(page) => page.users.length
        ? html`<ul class="tiles">${page.users.map((user) => html`<li><a href=${href("people", user.user_id)}>
            <strong>${user.user_id}</strong><span class="muted small">${inHistory(user.n_items)}</span></a></li>`)}</ul>
          ${page.next_cursor && html`<p class="row muted small">The first ${page.users.length}. Type an id above to find others.
            ${limit < 1000 && html`<button type="button" class="quiet" onClick=${() => setLimit(Math.min(limit * 4, 1000))}>Show more</button>`}</p>`}`
        : html`<${Empty}>Nobody is stored yet. Import a data set (“python -m app import DIR”), or start with an <a href=${href("session")}>anonymous session</a>.<//>`}
    <//>
  </section>`;
}

function Person({ user }) {
  const [round, again] = useState(0);
  const [shown, show] = useState(null);
  const list = useLoad((signal) => post("/recommendations", { user_id: user, explain: "summary", limit: LIMIT }, signal), [user, round]);
  const profile = useLoad((signal) => get(path`/users/${user}/preferences`, {}, signal), [user, round]);
  const before = useBefore(list.data, round);
  const steered = () => again((n) => n + 1);
  // Whichever is answered first says it, for all of the view.
  const unknown = [list.problem, profile.problem].find((each) => each?.code === "unknown_user");
  if (unknown) return html`<${Trouble} problem=${unknown} />`;
  return html`<div class="person">
    <aside aria-label=${`About ${user}`}>
      <${Panel} title="Steer" open=${true}>
        <${Loaded} load=${profile} what="Reading preferences…">
          ${(data) => html`<${Steering} user=${user} profile=${data} onSteered=${steered} />`}
        <//>
      <//>
      <${Panel} title="Why not …?" open=${true}><${WhyNot} user=${user} limit=${LIMIT} round=${round} onSteered=${steered} /><//>
      <${Panel} title="History"><${History} user=${user} /><//>
    </aside>
    <section aria-label="Recommendations" aria-busy=${String(list.loading)}>
      <${Loaded} load=${list} what="Ranking…">
        ${(data) => html`<${List} data=${data} before=${before} onWhy=${show} />`}
      <//>
    </section>
    ${shown && html`<${Reason} user=${user} item=${shown} limit=${LIMIT} onClose=${() => show(null)} />`}
  </div>`;
}

/** The list that was shown before the last steering; null before anything was steered. */
function useBefore(data, round) {
  const kept = useRef({ now: null, before: null });
  if (data && data !== kept.current.now) {
    kept.current = { now: data, before: round > 0 ? kept.current.now : null };
  }
  return kept.current.before;
}

export function List({ data, before, onWhy }) {
  const moved = before && moves(before.items, data.items);
  const changed = moved ? data.items.filter((item) => moved.get(item.item_id) !== 0).length : 0;
  return html`<div class="row list-note"><span class="muted small">Release <strong>${data.release}</strong>, ${data.user_id === null && data.strategy === "fold_in" ? "folded in from what you like" : STRATEGY[data.strategy]}.
      ${data.degraded.includes("history") && " The database is away: titles and reasons are missing."}</span>
      <strong class="small" role="status">${moved ? (changed ? `${changed} of ${data.items.length} moved` : "Nothing moved") : ""}</strong></div>
    ${data.items.length
      ? html`<ol class="cards">${data.items.map((item) => html`<${Card} key=${item.item_id} item=${item}
          moved=${moved ? moved.get(item.item_id) : null} onWhy=${onWhy} />`)}</ol>`
      : html`<${Empty}>Nothing is left to recommend: every item is already in the history.<//>`}`;
}

/** A part of the side that can be closed; closed at first where there is little room. */
function Panel({ title, open = false, children }) {
  const box = useRef(null);
  useEffect(() => {
    box.current.open = open && window.matchMedia("(min-width: 56rem)").matches;
  }, []);
  return html`<details class="panel" ref=${box}><summary><h2>${title}</h2></summary>${children}</details>`;
}
