// How the service is, which release answers, and how good it was when it was measured.

import { html } from "../vendor/preact-htm.js";
import { get } from "../lib/api.js";
import { useLoad } from "../lib/load.js";
import { metricName } from "../lib/metrics.js";
import { Empty, Loaded, figure, percent } from "../lib/parts.js";
import { Reasons } from "../status/reasons.js";
import { Process } from "../status/process.js";

export function StatusPage() {
  return html`<h1>Status</h1><${Health} /><${Releases} /><${Evaluation} /><${Online} /><${Process} />`;
}

function Health() {
  const load = useLoad(async (signal) => {
    const began = performance.now();
    const ready = await get("/health/ready", {}, signal);
    return { ...ready, ms: performance.now() - began };
  }, []);
  return html`<section aria-label="Health"><h2>Health</h2><${Loaded} load=${load} what="Asking…">
    ${(ready) => html`<p><span class="badge good">ready</span> Release <strong>${ready.release}</strong> answers. Health took ${ready.ms.toFixed(0)} ms.
      ${ready.degraded.length > 0 && html` <span class="badge plain">without ${ready.degraded.join(", ")}</span>`}</p>`}<//></section>`;
}

function Releases() {
  const load = useLoad((signal) => get("/releases", {}, signal), []);
  return html`<section aria-label="Releases"><h2>Releases</h2><${Loaded} load=${load} what="Looking at the disk…">
    ${({ releases }) => releases.length
      ? html`<div class="scroll" tabindex="0" role="region" aria-label="Releases on disk"><table>
          <thead><tr><th scope="col">release</th><th scope="col">model</th><th scope="col">data</th><th scope="col">users</th><th scope="col">items</th><th scope="col">made</th><th scope="col"></th></tr></thead>
          <tbody>${releases.map((each) => html`<tr><th scope="row">${each.release_id}</th><td>${each.model}</td><td>${each.dataset}</td>
            <td>${each.counts.users ?? "–"}</td><td>${each.counts.items ?? "–"}</td><td>${each.created_at.slice(0, 10)}</td>
            <td>${each.problem ? html`<span class="badge bad">${each.problem}</span>` : each.active ? html`<span class="badge good">active</span>` : ""}</td></tr>`)}</tbody>
        </table></div>`
      : html`<${Empty}>There is no release on the disk yet: “python -m app demo” makes one of the sample.<//>`}<//></section>`;
}

function Evaluation() {
  const load = useLoad((signal) => get("/evaluation", {}, signal), []);
  return html`<section aria-label="Evaluation"><h2>Evaluation</h2><${Loaded} load=${load} what="Reading figures…">
    ${(measured) => measured.recommendation || measured.completion
      ? html`<p class="muted">Measured once, before it answered: protocol ${measured.protocol ?? "–"}, split ${measured.split ?? "–"}, first ${measured.top_n ?? "–"}, seed ${measured.seed ?? "–"}.</p>
          <div class="columns">
            <${Table} title="Recommendation" figures=${measured.recommendation} topN=${measured.top_n} beside=${measured.most_popular} />
            <${Table} title="Graph completion" figures=${measured.completion} topN=${measured.top_n} />
          </div>
          <${Calibration} calibration=${measured.calibration} /><${Reasons} reasons=${measured.reasons} />`
      : html`<${Empty}>This release was not measured.<//>`}<//></section>`;
}

function Table({ title, figures, topN, beside }) {
  if (!figures) return null;
  return html`<div><h3>${title}</h3><div class="scroll" tabindex="0" role="region" aria-label=${`Figures of ${title.toLowerCase()}`}><table>
    <thead><tr><th scope="col">figure</th><th scope="col">release</th>${beside && html`<th scope="col">most popular</th>`}</tr></thead>
    <tbody>${Object.entries(figures).map(([name, value]) => html`<tr><th scope="row">${metricName(name, topN)}</th><td>${figure(value)}</td>
      ${beside && html`<td>${figure(beside[name])}</td>`}</tr>`)}</tbody></table></div></div>`;
}

function Calibration({ calibration }) {
  if (!calibration) return html`<p class="muted">No calibration: missing facts have scores, and no probabilities.</p>`;
  const error = (each) => (each ? `${(100 * each.expected_calibration_error).toFixed(2)} %` : "–");
  return html`<h3>Probabilities of missing facts</h3><p>Off by ${error(calibration.after)} on average
    (the softmax alone: ${error(calibration.before)}), over ${calibration.candidates?.toLocaleString("en")} candidates.</p>`;
}

function Online() {
  const load = useLoad((signal) => get("/evaluation/online", {}, signal), []);
  return html`<section aria-label="In use"><h2>In use</h2><${Loaded} load=${load} what="Counting…">
    ${(online) => html`<${OnlineTable} rows=${online.groups} />`}<//></section>`;
}

function OnlineTable({ rows }) {
  if (!rows.length) return html`<${Empty}>No list was logged yet.<//>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Lists and clicks"><table>
    <thead><tr><th scope="col">release</th><th scope="col">lists</th><th scope="col">items</th><th scope="col">lists clicked</th><th scope="col">lists taken up</th></tr></thead>
    <tbody>${rows.map((row) => html`<tr><th scope="row">${row.release}, ${row.strategy.replace("_", " ")}</th><td>${row.lists}</td><td>${row.items}</td>
      <td>${row.lists_clicked} (${percent(row.click_through ?? 0)})</td><td>${row.lists_taken} (${percent(row.take_rate ?? 0)})</td></tr>`)}</tbody></table></div>`;
}
