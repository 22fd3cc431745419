// Small parts that every view is made of.

import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { titleOf } from "./names.js";

export const percent = (share) => `${share > 0 && share < 0.005 ? "<1" : Math.round(100 * share)}\u00a0%`;
export const figure = (value) => (value === null || value === undefined ? "–" : Number(value.toFixed(4)).toString());

export function Loading({ what }) {
  return html`<p class="loading" role="status"><span class="spinner" aria-hidden="true"></span>${what}</p>`;
}

export function Empty({ children }) {
  return html`<p class="empty">${children}</p>`;
}

const _HELP = {
  no_active_release: ["No release answers yet", "Train or import one, then activate it: “python -m app activate ID”, or “python -m app demo” for the sample."],
  not_ready: ["The service is not ready yet", "It is starting, or a part is missing; the status page names it."],
  storage_unavailable: ["The database cannot be reached", "Lists of known people go on from memory; this needs the database."],
  overloaded: ["The service is busy", "More asked at once than may wait."],
  rate_limited: ["Too many calls", "This key may not ask so often."],
  unknown_user: ["Nobody has this id", "Check the spelling; ids are exact. New people appear with their first event."],
  unknown_item: ["No item has this id", "It may have been deleted."],
  unknown_entity: ["No entity has this id", "Search for its name instead."],
  not_in_release: ["Not in the active release", "It came after training: the next release will know it."],
  missing_key: ["A key is needed", "The server asks for an API key. Enter it, and this goes on."],
  invalid_key: ["The key is not valid", "It may have been revoked. Enter another one."],
  not_allowed: ["This key may not do that", "It lacks a scope; an operator can make a key that has it."],
  unreachable: ["The server does not answer", "Is it running, and is this machine online?"],
  dots: ["No browser can ask for this id", "Use the API with another client for ids that are one or two dots."],
};

/** Say what went wrong, what can be done, and try again: at once by a button, or when the server said to. */
export function Trouble({ problem, retry }) {
  const [title, help] = _HELP[problem.code] ?? ["That did not work", ""];
  const left = useCountdown(problem.retryAfter, retry, problem);
  return html`<div class="trouble" role="alert">
    <strong>${title}</strong>
    <p>${problem.code === "missing_key" ? "" : problem.detail}${help && html` <span class="muted">${help}</span>`}</p>
    ${retry &&
    html`<p class="row">
      <button type="button" onClick=${retry}>Try again</button>
      ${left !== null && html`<span class="muted" aria-live="off">Trying again by itself in ${left} s.</span>`}
      ${[401, 403].includes(problem.status) &&
      html`<button type="button" onClick=${() => window.dispatchEvent(new CustomEvent("ktup:key-needed", { detail: problem }))}>
        Enter a key
      </button>`}
    </p>`}
    ${problem.requestId && html`<p class="muted small">Request ${problem.requestId}</p>`}
  </div>`;
}

function useCountdown(seconds, act, whenever) {
  const [left, set] = useState(seconds);
  useEffect(() => {
    if (!seconds || !act) return undefined;
    let rest = seconds;
    set(rest);
    const timer = setInterval(() => {
      rest -= 1;
      set(Math.max(rest, 0));
      if (rest <= 0) {
        clearInterval(timer);
        act();
      }
    }, 1000);
    return () => clearInterval(timer);
  }, [whenever]);
  return act ? left : null;
}

/** A part of a page that loads: its problem, its waiting, or what `children(data)` draws. */
export function Loaded({ load, what, children }) {
  if (load.problem) return html`<${Trouble} problem=${load.problem} retry=${load.reload} />`;
  if (load.data === null) return html`<${Loading} what=${what} />`;
  return children(load.data);
}

/** Titles, each marked for itself, as there are titles with commas; "…" while `items` are looked up. */
export function Titles({ items }) {
  if (!items) return "…";
  return items.map((each, n) => html`${n === 0 ? "" : n < items.length - 1 ? ", " : " and "}<strong>${titleOf(each)}</strong>`);
}

/** How much of the weight each preference has, as bars and as numbers. */
export function Shares({ preferences, most = 3 }) {
  return html`<ul class="shares">
    ${preferences.slice(0, most).map(
      (each) => html`<li key=${each.relation_id}>
        <span class="share-name">${each.label}</span>
        <span class="bar" aria-hidden="true"><span style=${{ width: `${100 * each.share}%` }}></span></span>
        <span class="share-number">${percent(each.share)}</span>
      </li>`,
    )}
  </ul>`;
}

/** Whether facts support a reason, told as it is. */
export function Status({ status }) {
  return status === "grounded"
    ? html`<span class="badge good" title="A stored fact ties it to the history, and the score falls without that preference.">grounded in facts</span>`
    : html`<span class="badge plain" title="No stored fact under the first preference: the model alone says so.">model only</span>`;
}
