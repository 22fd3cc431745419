// Two releases: their figures, and one person's lists side by side where both are loaded.

import { html, useState } from "../vendor/preact-htm.js";
import { call, get, path, post, remove } from "../lib/api.js";
import { Combobox } from "../lib/combobox.js";
import { findPeople } from "../lib/find.js";
import { useDo, useLoad } from "../lib/load.js";
import { metricName } from "../lib/metrics.js";
import { titleOf } from "../lib/names.js";
import { go } from "../lib/route.js";
import { Empty, Loaded, Trouble, figure } from "../lib/parts.js";
import { moves } from "../person/card.js";

export function Compare({ route }) {
  const [round, again] = useState(0);
  const load = useLoad(
    async (signal) => {
      const page = await get("/releases", {}, signal);
      // Only who has two releases loaded can run an experiment.
      const two = page.releases.filter((each) => each.loaded).length > 1;
      return { ...page, experiment: two ? await experimentOf(signal) : null };
    },
    [round],
  );
  return html`<h1>Two releases</h1>
    <${Loaded} load=${load} what="Looking which releases there are…">
      ${(page) => html`<${Pair} route=${route} page=${page} onLoaded=${() => again((n) => n + 1)} />`}
    <//>`;
}

async function experimentOf(signal) {
  return call("GET", "/releases/ab", { signal }).catch((problem) => {
    if (problem.code === "no_experiment") return null;
    throw problem;
  });
}

function Pair({ route, page, onLoaded }) {
  const usable = page.releases.filter((each) => !each.problem).map((each) => each.release_id);
  const active = page.releases.find((each) => each.active)?.release_id;
  if (!active) return html`<${Empty}>No release is active yet. Train one and activate it, then come back.<//>`;
  if (usable.length < 2) return html`<${Empty}>There is one release only. With the next one, both can be compared here.<//>`;
  const more = Object.fromEntries(route.more);
  const a = usable.includes(more.a) ? more.a : active;
  const b = usable.includes(more.b) && more.b !== a ? more.b : page.experiment?.b ?? usable.find((each) => each !== a);
  const to = (changed) => go("compare", route.id, { a, b, ...changed });
  return html`<div class="row pair">
      <${Choice} id="a" label="Release A" value=${a} among=${usable} active=${active} onChoose=${(value) => to({ a: value })} />
      <${Choice} id="b" label="Release B" value=${b} among=${usable.filter((each) => each !== a)} active=${active} onChoose=${(value) => to({ b: value })} />
    </div>
    <${Combobox} label="For whom?" hint="An id, or how it begins" search=${findPeople} first=${true}
      onPick=${(found) => go("compare", found.id, { a, b })} onText=${(text) => go("compare", text, { a, b })} />
    ${route.id === null
      ? html`<${Empty}>Pick somebody to see both lists side by side.<//>`
      : html`<${Lists} user=${route.id} a=${a} b=${b} active=${active} experiment=${page.experiment}
          loaded=${page.releases.filter((each) => each.loaded).map((each) => each.release_id)} onLoaded=${onLoaded} />`}
    <${Figures} a=${a} b=${b} />`;
}

function Choice({ id, label, value, among, active, onChoose }) {
  return html`<div><label for=${id}>${label}</label><select id=${id} value=${value} onChange=${(e) => onChoose(e.target.value)}>
    ${among.map((each) => html`<option value=${each} selected=${each === value}>${each}${each === active ? " (active)" : ""}</option>`)}</select></div>`;
}

function Lists({ user, a, b, active, experiment, loaded, onLoaded }) {
  const away = [a, b].filter((each) => !loaded.includes(each));
  if (away.length) return html`<${NotLoaded} away=${away} a=${a} b=${b} active=${active} experiment=${experiment} onLoaded=${onLoaded} />`;
  return html`<${Both} user=${user} a=${a} b=${b} experiment=${experiment} onLoaded=${onLoaded} />`;
}

function NotLoaded({ away, a, b, active, experiment, onLoaded }) {
  const other = a === active ? b : b === active ? a : null;
  const { busy, problem, run } = useDo(async () => {
    await post("/releases/ab", { b: other, share: 0 });
    onLoaded();
  });
  const runs = experiment && experiment.share > 0;
  return html`<div class="notice"><p><strong>${away.join(" and ")}</strong> ${away.length === 1 ? "is" : "are"} not loaded: only the active release is, and the second one of an experiment.</p>
    ${other === null ? html`<p>Choose the active release as one of the two.</p>`
      : runs ? html`<p>An experiment runs between ${experiment.a} and ${experiment.b}; it would end. Compare those two, or end it first.</p>`
        : html`<p>An experiment with the share 0 loads it beside the active one and changes nobody's list. It needs a key that may administer.</p>
          <button type="button" disabled=${busy} onClick=${() => run()}>${busy ? "Loading…" : `Load ${other} for comparison (serves nobody)`}</button>`}
    ${problem && html`<${Trouble} problem=${problem} />`}</div>`;
}

function Both({ user, a, b, experiment, onLoaded }) {
  const load = useLoad(
    (signal) => Promise.all([a, b].map((release) => post("/recommendations", { user_id: user, release, limit: 10, explain: "summary" }, signal))),
    [user, a, b],
  );
  const unload = useDo(async () => {
    await remove("/releases/ab");
    onLoaded();
  });
  return html`<section aria-label=${`Lists of ${user}`}><h2>${user}</h2>
    <${Loaded} load=${load} what="Ranking with both…">${([first, second]) => {
      const moved = moves(first.items, second.items);
      return html`<div class="columns">
        <${Short} title=${a} items=${first.items} note=${(item) => (second.items.some((each) => each.item_id === item.item_id) ? "" : "not in B")} />
        <${Short} title=${b} items=${second.items} note=${(item) => place(moved.get(item.item_id))} /></div>`;
    }}<//>
    ${experiment?.share === 0 && html`<p class="row"><button type="button" disabled=${unload.busy} onClick=${() => unload.run()}>Unload ${experiment.b}</button></p>`}
    ${unload.problem && html`<${Trouble} problem=${unload.problem} />`}</section>`;
}

const place = (by) => (by === "new" ? "not in A" : by === 0 ? "same place" : `${Math.abs(by)} ${by > 0 ? "higher" : "lower"}`);

function Short({ title, items, note }) {
  return html`<div><h3>${title}</h3><ol class="short">${items.map((item) => html`<li key=${item.item_id}>${titleOf(item)}${" "}
    <span class="muted small">${note(item)}</span>
    ${item.explanation && html`<br /><span class="muted small">${item.explanation.preferences[0]?.label}</span>`}</li>`)}</ol></div>`;
}

const CAVEATS = { other_data: "other data", other_refit: "one learnt from validation rows that the other did not", other_protocol: "another protocol", other_split: "other rows", other_top_n: "lists of another length" };

function Figures({ a, b }) {
  const load = useLoad((signal) => get(path`/releases/${b}/diff`, { against: a }, signal), [a, b]);
  return html`<section aria-label="Figures"><h2>Their figures</h2>
    <${Loaded} load=${load} what="Comparing figures…">${(diff) => {
      const rows = diff.metrics.filter((each) => /^(recommendation|completion)\.(?!calibration|users|triples)/.test(each.metric)).reverse();
      const length = diff.metrics.find((each) => each.metric === "top_n");
      const topN = length?.change === 0 ? length.release : null;
      return html`${!diff.comparable && html`<p class="notice">Not comparable: ${diff.caveats.map((each) => CAVEATS[each] ?? each).join(", ")}.</p>`}
        ${rows.length ? html`<div class="scroll" tabindex="0" role="region" aria-label="Figures of both releases"><table>
          <thead><tr><th scope="col">figure</th><th scope="col">A</th><th scope="col">B</th><th scope="col">B − A</th></tr></thead>
          <tbody>${rows.map((each) => html`<tr><th scope="row">${metricName(each.metric.replace(/^\w+\./, ""), topN)}</th><td>${figure(each.against)}</td><td>${figure(each.release)}</td><td>${figure(each.change)}</td></tr>`)}</tbody>
        </table></div>` : html`<${Empty}>Neither was measured.<//>`}`;
    }}<//></section>`;
}
