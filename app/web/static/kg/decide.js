// Deciding about a predicted fact, once and for all, by a name.

import { html, useEffect, useId, useRef, useState } from "../vendor/preact-htm.js";
import { path, post } from "../lib/api.js";
import { useDo } from "../lib/load.js";
import { readable } from "../lib/names.js";
import { Trouble, percent } from "../lib/parts.js";

const BY = "ktup-reviewer";
export const reviewer = () => sessionStorage.getItem(BY) ?? "";

/** Whether any of these candidates has a probability. */
export const rated = (candidates) => candidates.some((each) => each.probability !== null);
export const likely = (candidate) => (candidate.probability === null ? "no probability" : percent(candidate.probability));

/** Two buttons for one candidate. Without a name nobody decides: `onNameless({what, act})` has to ask for it, then act. */
export function Decide({ candidate, onDecided, onNameless }) {
  const { busy, problem, run } = useDo(async (decision) => {
    await post(path`/kg/candidates/${candidate.candidate_id}/decision`, { decision, by: reviewer() });
    onDecided();
  });
  const fact = `${candidate.head_label ?? readable(candidate.head)}, ${candidate.relation_label ?? readable(candidate.relation)}, ${candidate.tail_label ?? readable(candidate.tail)}`;
  const button = (decision, word) => html`<button type="button" disabled=${busy} aria-label=${`${word}: ${fact}`}
    onClick=${() => (reviewer() ? run(decision) : onNameless({ what: `${word}: ${fact}`, act: () => run(decision) }))}>${word}</button>`;
  return html`<span class="decide">
    ${button("accept", "Accept")} ${button("reject", "Reject")}
    ${problem && html`<${Trouble} problem=${problem} />`}
  </span>`;
}

/** Asks for a name. `asked` is what asks for it now: it gets the focus, and what waits for the name, {what, act}, is done. */
export function Reviewer({ asked, onNamed }) {
  const id = useId();
  const field = useRef(null);
  const [name, setName] = useState(reviewer());
  useEffect(() => asked && field.current.focus(), [asked]);
  const keep = (event) => {
    event.preventDefault();
    if (!name.trim()) return;
    sessionStorage.setItem(BY, name.trim());
    onNamed();
    asked?.act?.();
  };
  return html`<form class="reviewer" onSubmit=${keep}>
    <label for=${id}>Decisions are kept with a name. Yours:</label>
    <input id=${id} ref=${field} value=${name} maxlength="200" onInput=${(e) => setName(e.target.value)} />
    <button disabled=${!name.trim()}>Use this name</button>
    <span class="muted small" role="status">${asked?.what && `Waits for it: “${asked.what}”.`}</span>
  </form>`;
}

/** Ask the active release what may fill the gaps that touch most people; `onPredicted(made)` gets what came of it. */
export function Predict({ onPredicted }) {
  const { busy, problem, run } = useDo(async () => {
    onPredicted(await post("/kg/candidates", { gaps: 200, per_gap: 3 }));
  });
  return html`<p class="row"><button type="button" disabled=${busy} onClick=${() => run()}>${busy ? "Predicting…" : "Predict missing facts for review"}</button>
    <span class="muted small">For the 200 gaps that touch most people, three candidates each; open ones of earlier releases make room.</span></p>
    ${problem && html`<${Trouble} problem=${problem} />`}`;
}

const counted = (n, one) => `${n || "No"} ${n === 1 ? one : `${one}s`}`;

/** What came of predicting, in words; nothing before. */
export function outcome(made) {
  if (made === null) return "";
  const { gaps, predicted, not_in_release: unknown } = made;
  if (gaps === 0) return "Nothing to review: no relation that at least half of the items have is missing anywhere.";
  return `${counted(predicted, "fact")} predicted for ${counted(gaps, "gap")}.${unknown ? ` The release does not know ${unknown} of the gaps.` : ""}`;
}
