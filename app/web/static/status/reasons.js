// What the audit of reasons found: each claim beside its control.

import { html } from "../vendor/preact-htm.js";
import { percent } from "../lib/parts.js";

export function Reasons({ reasons }) {
  const all = reasons?.all;
  if (!all) {
    return html`<h3>Audit of reasons</h3><p class="muted">The reasons of this release were not audited: “python -m training audit” does it.</p>`;
  }
  const rows = [
    ["Grounded in stored facts", percent(all.grounded), ""],
    ["Cited facts that are stored", percent(all.evidence?.all_stored ?? 0), `${all.evidence?.cited_facts ?? 0} facts`],
    ["Places lost without the named preference, mean", tenth(all.masking?.rank_drop.named_mean), `a random one: ${tenth(all.masking?.rank_drop.random_mean)}`],
    ["Score lost without a cited item, mean", thousandth(all.leaving_out?.cited.named_mean), `a random one: ${thousandth(all.leaving_out?.cited.random_mean)}`],
    ["Counterfactuals that held", percent(all.counterfactual?.verified ?? 0), `found for ${percent(all.counterfactual?.found ?? 0)}`],
    ["The same reason when told twice", percent(all.stable), ""],
  ];
  return html`<h3>Audit of reasons</h3><p class="muted">${all.pairs} pairs of a person and an item, ${reasons.mode} induction.</p>
    <div class="scroll" tabindex="0" role="region" aria-label="Audit of reasons"><table>
      <thead><tr><th scope="col">claim</th><th scope="col">found</th><th scope="col">beside</th></tr></thead>
      <tbody>${rows.map(([claim, found, beside]) => html`<tr><th scope="row">${claim}</th><td>${found}</td><td class="muted">${beside}</td></tr>`)}</tbody>
    </table></div>`;
}

const rounded = (digits) => (value) => (value === undefined || value === null ? "–" : value.toFixed(digits));
const tenth = rounded(1);
const thousandth = rounded(3);
