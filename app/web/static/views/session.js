// An anonymous session: some liked items, and a list at once, folded in without retraining.

import { html, useRef, useState } from "../vendor/preact-htm.js";
import { get, post } from "../lib/api.js";
import { Combobox } from "../lib/combobox.js";
import { findItems } from "../lib/find.js";
import { useLoad } from "../lib/load.js";
import { titleOf } from "../lib/names.js";
import { Empty, Loaded } from "../lib/parts.js";
import { Reason } from "../person/reason.js";
import { List } from "./people.js";

const LIMIT = 10;

export function Session() {
  const [liked, setLiked] = useState([]);
  const [shown, show] = useState(null);
  const like = (found) => setLiked((before) => (before.some((each) => each.id === found.id) ? before : [...before, found]));
  const unlike = (id) => setLiked((before) => before.filter((each) => each.id !== id));
  const ids = liked.map((each) => each.id);
  const list = useLoad(
    ids.length ? (signal) => post("/recommendations", { items: ids, explain: "summary", limit: LIMIT }, signal) : null,
    [ids.join("\n")],
  );
  const popular = useLoad((signal) => get("/items/popular", { limit: 18 }, signal), []);
  const before = useBefore(list.data, ids.length);
  return html`<h1>A list for somebody who is new</h1>
    <p class="lead">Pick some things you like. Nothing is stored: the list is folded in from what you picked.</p>
    <${Combobox} label="Something you like" hint="A title" search=${findItems} clear=${true} onPick=${like} />
    ${liked.length > 0 && html`<ul class="chips" aria-label="Liked">${liked.map((each) => html`<li key=${each.id}>
      <button type="button" class="chip on" aria-label=${`No longer like ${each.name}`} onClick=${() => unlike(each.id)}>${each.name} <span aria-hidden="true">✕</span></button></li>`)}</ul>`}
    <${Loaded} load=${popular} what="Looking what is popular…">
      ${(page) => html`<p class="muted small" id="often">Most popular</p>
        <ul class="chips" aria-labelledby="often">${page.items.filter((each) => !ids.includes(each.item_id)).map((each) => html`<li key=${each.item_id}>
        <button type="button" class="chip" aria-label=${`Like ${titleOf(each)}`} onClick=${() => like({ id: each.item_id, name: titleOf(each) })}>
          <span aria-hidden="true">+</span> ${titleOf(each)}</button></li>`)}</ul>`}
    <//>
    <section aria-label="Recommendations" aria-busy=${String(list.loading)}>
      ${ids.length
        ? html`<${Loaded} load=${list} what="Folding in…">${(data) => html`<${List} data=${data} before=${before} onWhy=${show} />`}<//>`
        : html`<${Empty}>Your list appears with the first pick.<//>`}
    </section>
    ${shown && html`<${Reason} user=${null} item=${shown} limit=${LIMIT} onClose=${() => show(null)} />`}`;
}

/** The list before the last pick, if there was one. */
function useBefore(data, picks) {
  const kept = useRef({ now: null, before: null });
  if (picks === 0) kept.current = { now: null, before: null };
  else if (data && data !== kept.current.now) kept.current = { now: data, before: kept.current.now };
  return kept.current.before;
}
