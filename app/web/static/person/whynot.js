// Why is this item not in the list, and what would bring it in?

import { html, useState } from "../vendor/preact-htm.js";
import { get, path, put } from "../lib/api.js";
import { Combobox } from "../lib/combobox.js";
import { useDo, useLoad } from "../lib/load.js";
import { item as itemOf, relationName } from "../lib/names.js";
import { Loaded, Titles, Trouble } from "../lib/parts.js";
import { findItems } from "../lib/find.js";

export function WhyNot({ user, limit, round, onSteered }) {
  const [item, setItem] = useState(null);
  const load = useLoad(
    item && ((signal) => get(path`/users/${user}/why-not/${item.id}`, { limit }, signal)),
    [user, item?.id, round],
  );
  return html`<${Combobox} label="Why is this not in the list?" hint="Title of an item" search=${findItems} onPick=${setItem} />
    ${item && html`<${Loaded} load=${load} what="Trying what would bring it in…">
      ${(answer) => html`<${Answer} user=${user} answer=${answer} name=${item.name} onSteered=${onSteered} />`}
    <//>`}`;
}

function Answer({ user, answer, name, onSteered }) {
  const title = answer.title ?? name;
  if (answer.seen) return html`<p><strong>${title}</strong> is in the history already, and its items are not recommended again.</p>`;
  if (answer.gap <= 0) return html`<p><strong>${title}</strong> is in the list, at place ${answer.rank}.</p>`;
  return html`<div class="whynot" aria-live="polite">
    <p><strong>${title}</strong> is at place ${answer.rank}: its score is ${answer.gap.toFixed(3)} below that of place ${answer.limit}.
      What speaks most for it is <strong>${answer.best_preference.label}</strong>.</p>
    <${Change} user=${user} change=${answer.change} title=${title} onSteered=${onSteered} />
  </div>`;
}

function Change({ user, change, title, onSteered }) {
  const names = useLoad(change?.items.length ? () => Promise.all(change.items.map(itemOf)) : null, [change]);
  const relation = useLoad(change?.relation_id ? () => relationName(change.relation_id) : null, [change]);
  const steer = useDo(async () => {
    await put(path`/users/${user}/preferences/${change.relation_id}`, { multiplier: change.multiplier });
    onSteered();
  });
  if (!change) return html`<p class="muted">No single slider and no one or two liked items that were tried would bring it in.</p>`;
  if (change.kind === "add") {
    return html`<p>It would be in the list after liking <${Titles} items=${names.data} />.</p>`;
  }
  return html`<p>It would be in the list with <strong>${relation.data ?? "…"}</strong> at ×\u00a0${change.multiplier.toFixed(2)}.</p>
    <button type="button" disabled=${steer.busy} onClick=${() => steer.run()}>Steer so that ${title} comes in</button>
    ${steer.problem && html`<${Trouble} problem=${steer.problem} />`}`;
}
