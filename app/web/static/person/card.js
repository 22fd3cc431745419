// One recommendation: title, reason, status, shares, and how far it moved.

import { html } from "../vendor/preact-htm.js";
import { Shares, Status } from "../lib/parts.js";
import { titleOf } from "../lib/names.js";

/** `moved` is how many places it rose, "new" where it was not in the list, null where nothing was steered. */
export function Card({ item, moved, onWhy }) {
  const why = item.explanation;
  return html`<li class="card" data-item=${item.item_id}>
    <span class="rank" aria-hidden="true">${item.rank}</span>
    <div class="card-main"><div class="card-head">
      <h3><span class="hidden">Place ${item.rank}: </span>${titleOf(item)}</h3>
      <${Moved} by=${moved} />
      ${item.new_item && html`<span class="badge plain" title="It came after training, and is placed by its facts alone.">new item</span>`}
      ${why && html`<${Status} status=${why.status} />`}
    </div>
    <p class="why">${why ? why.text : "One of the most popular items, which have no personal reason."}</p>
    ${why && onWhy && html`<button type="button" class="quiet" onClick=${() => onWhy(item)}
      aria-label=${`Show the reason for ${titleOf(item)}`}>Show the reason</button>`}</div>
    ${why && html`<${Shares} preferences=${why.preferences} />`}
  </li>`;
}

function Moved({ by }) {
  if (by === null || by === 0 || by === undefined) return null;
  if (by === "new") return html`<span class="moved up">new in the list</span>`;
  const text = `${Math.abs(by)} ${Math.abs(by) === 1 ? "place" : "places"} ${by > 0 ? "up" : "down"}`;
  return html`<span class=${by > 0 ? "moved up" : "moved down"}><span aria-hidden="true">${by > 0 ? "▲" : "▼"}</span> ${text}</span>`;
}

/** How far each item of a list moved since another list: {item_id: places up, or "new"}. */
export function moves(before, now) {
  const ranks = new Map(before.map((item) => [item.item_id, item.rank]));
  return new Map(now.map((item) => [item.item_id, ranks.has(item.item_id) ? ranks.get(item.item_id) - item.rank : "new"]));
}
