// Light, dark, or as the system has it.

import { html, useState } from "../vendor/preact-htm.js";

const NEXT = { system: "light", light: "dark", dark: "system" };
const SIGNS = { system: "◐", light: "☀", dark: "☾" };

export function ThemeSwitch() {
  const [theme, set] = useState(document.documentElement.dataset.theme ?? "system");
  const change = () => {
    const next = NEXT[theme];
    if (next === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    try {
      localStorage.setItem("ktup-theme", next);
    } catch {
      // It holds for this page then.
    }
    set(next);
  };
  return html`<button type="button" class="quiet" onClick=${change} aria-label=${`Colours: ${theme}. Change to ${NEXT[theme]}`}
    title=${`Colours: ${theme}`}>${SIGNS[theme]}</button>`;
}
