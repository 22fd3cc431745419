// Asking for an API key. It is kept for this tab alone, and sent to this server alone.

import { html, useState } from "../vendor/preact-htm.js";
import { Dialog } from "../person/dialog.js";
import { key } from "./api.js";

export function KeyDialog({ problem, onClose }) {
  const [text, setText] = useState("");
  const save = (event) => {
    event.preventDefault();
    if (!text.trim()) return;
    onClose();
    key.set(text.trim());
  };
  return html`<${Dialog} title="An API key, please" onClose=${onClose}>
    <p>${problem.code === "missing_key" ? "This server asks for an API key." : problem.detail} <span class="muted">It is kept in this tab until you close it, and nowhere else.</span></p>
    <form onSubmit=${save}>
      <label for="key">API key</label>
      <input id="key" type="password" autocomplete="off" autofocus value=${text} placeholder="ktup_…" onInput=${(e) => setText(e.target.value)} />
      <p class="row"><button class="primary" disabled=${!text.trim()}>Use this key</button></p>
      <p class="muted small">An operator makes one with “python -m app keys create NAME --scopes read,write”.</p>
    </form>
  <//>`;
}
