// The items of somebody's history, newest first.

import { html, useState } from "../vendor/preact-htm.js";
import { get, path } from "../lib/api.js";
import { useLoad } from "../lib/load.js";
import { titleOf } from "../lib/names.js";
import { Empty, Loaded } from "../lib/parts.js";

export function History({ user }) {
  const [limit, setLimit] = useState(25);
  const load = useLoad((signal) => get(path`/users/${user}/history`, { limit }, signal), [user, limit]);
  return html`<${Loaded} load=${load} what="Reading the history…">
    ${(page) => page.items.length
      ? html`<ol class="history">${page.items.map((each) => html`<li key=${each.item_id}>${titleOf(each)}${" "}
            <span class="muted small">${note(each)}</span></li>`)}</ol>
          ${page.next_cursor && limit < 1000 && html`<button type="button" class="quiet" onClick=${() => setLimit(Math.min(limit * 4, 1000))}>Show more</button>`}`
      : html`<${Empty}>The history is empty.<//>`}
  <//>`;
}

function note(each) {
  const date = each.ts === null ? "" : new Date(each.ts * 1000).toISOString().slice(0, 10);
  return [each.disliked ? "disliked" : "", each.value === null ? "" : `value ${each.value}`, date].filter(Boolean).join(" · ");
}
