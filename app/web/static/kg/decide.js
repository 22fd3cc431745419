// Deciding about a predicted fact, once and for all, by a name.

import { html, useState } from "../vendor/preact-htm.js";
import { path, post } from "../lib/api.js";
import { useDo } from "../lib/load.js";
import { readable } from "../lib/names.js";
import { Trouble } from "../lib/parts.js";

const BY = "ktup-reviewer";
export const reviewer = () => sessionStorage.getItem(BY) ?? "";

/** Two buttons for one candidate. Without a name nobody decides: the field is asked for first. */
export function Decide({ candidate, onDecided }) {
  const [nameless, setNameless] = useState(false);
  const { busy, problem, run } = useDo(async (decision) => {
    await post(path`/kg/candidates/${candidate.candidate_id}/decision`, { decision, by: reviewer() });
    onDecided();
  });
  const decide = (decision) => {
    setNameless(!reviewer().trim());
    if (reviewer().trim()) run(decision);
  };
  const fact = `${candidate.head_label ?? readable(candidate.head)}, ${candidate.relation_label ?? readable(candidate.relation)}, ${candidate.tail_label ?? readable(candidate.tail)}`;
  return html`<span class="decide">
    <button type="button" disabled=${busy} aria-label=${`Accept: ${fact}`} onClick=${() => decide("accept")}>Accept</button>
    <button type="button" disabled=${busy} aria-label=${`Reject: ${fact}`} onClick=${() => decide("reject")}>Reject</button>
    ${nameless && html`<${Reviewer} onNamed=${() => setNameless(false)} />`}
    ${problem && html`<${Trouble} problem=${problem} />`}
  </span>`;
}

export function Reviewer({ onNamed }) {
  const [name, setName] = useState(reviewer());
  const keep = (event) => {
    event.preventDefault();
    if (!name.trim()) return;
    sessionStorage.setItem(BY, name.trim());
    onNamed();
  };
  return html`<form class="reviewer" onSubmit=${keep}>
    <label for="reviewer">Decisions are kept with a name. Yours:</label>
    <input id="reviewer" value=${name} maxlength="200" autofocus onInput=${(e) => setName(e.target.value)} />
    <button disabled=${!name.trim()}>Use this name</button>
  </form>`;
}

/** Ask the active release what may fill the gaps that touch most people. */
export function Predict({ onPredicted }) {
  const { busy, problem, run } = useDo(async () => {
    await post("/kg/candidates", { gaps: 200, per_gap: 3 });
    onPredicted();
  });
  return html`<p class="row"><button type="button" disabled=${busy} onClick=${() => run()}>${busy ? "Predicting…" : "Predict missing facts for review"}</button>
    <span class="muted small">For the 200 gaps that touch most people, three candidates each; open ones of earlier releases make room.</span></p>
    ${problem && html`<${Trouble} problem=${problem} />`}`;
}
