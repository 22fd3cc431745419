// Sliders over the relations: each change is stored with the person, and the list is ranked again at once.

import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { path, put, remove } from "../lib/api.js";
import { Empty, Trouble, percent } from "../lib/parts.js";

const PAUSE = 180;

/** `profile` is what `GET /users/{id}/preferences` gave; `onSteered` asks for the list again. */
export function Steering({ user, profile, onSteered }) {
  const [problem, setProblem] = useState(null);
  const [values, setValues] = useState({});
  const timers = useRef({});
  const last = useRef(Promise.resolve());
  useEffect(() => setValues({}), [profile]);
  if (!profile.preferences.length) return html`<${Empty}>The release knows nothing of this history, so there is nothing to steer yet.<//>`;

  // One after another: the last move of a slider is the one that counts.
  const change = (act) => {
    last.current = last.current.then(act).then(
      () => {
        setProblem(null);
        onSteered();
      },
      (error) => setProblem(error),
    );
  };
  const steer = (relation, multiplier) => {
    setValues((before) => ({ ...before, [relation]: multiplier }));
    clearTimeout(timers.current[relation]);
    timers.current[relation] = setTimeout(
      () => change(() => put(path`/users/${user}/preferences/${relation}`, { multiplier })),
      PAUSE,
    );
  };
  const reset = () => change(() => Promise.all(profile.steered.map((each) => remove(path`/users/${user}/preferences/${each.relation_id}`))));
  const lines = [...profile.preferences].sort((a, b) => (a.label < b.label ? -1 : 1));
  return html`<div class="steering">
    ${lines.map((each) => html`<${Slider} key=${each.relation_id} line=${each}
      value=${values[each.relation_id] ?? each.multiplier} onChange=${(m) => steer(each.relation_id, m)} />`)}
    <div class="row">
      <button type="button" onClick=${reset} disabled=${!profile.steered.length}>Reset all</button>
      ${profile.steered.length > 0 && html`<span class="muted small">${profile.steered.length} steered, kept with the person</span>`}
    </div>
    ${problem && html`<${Trouble} problem=${problem} />`}
  </div>`;
}

function Slider({ line, value, onChange }) {
  const id = `steer-${line.relation_id}`;
  return html`<div class="slider">
    <label for=${id}>${line.label}</label>
    <output for=${id}>${value === 1 ? "" : `× ${value.toFixed(1)}`}</output>
    <span class="muted small">${percent(line.share)}</span>
    <input id=${id} type="range" min="0" max="2" step="0.1" value=${value}
      aria-valuetext=${value === 1 ? "as it is" : `${value.toFixed(1)} times`} onInput=${(e) => onChange(Number(e.target.value))} />
  </div>`;
}
