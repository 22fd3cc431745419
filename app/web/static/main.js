// The frame: where we are, the key, the colours.

import { html, render, useEffect, useState } from "./vendor/preact-htm.js";
import { key } from "./lib/api.js";
import { forget } from "./lib/names.js";
import { href, useRoute } from "./lib/route.js";
import { Empty } from "./lib/parts.js";
import { KeyDialog } from "./lib/key.js";
import { ThemeSwitch } from "./lib/theme-switch.js";
import { People } from "./views/people.js";
import { Session } from "./views/session.js";
import { Knowledge } from "./views/knowledge.js";
import { Compare } from "./views/compare.js";
import { StatusPage } from "./views/status.js";

const VIEWS = [
  ["people", "People", People],
  ["session", "Session", Session],
  ["graph", "Graph", Knowledge],
  ["compare", "Compare", Compare],
  ["status", "Status", StatusPage],
];

function Explorer() {
  const route = useRoute();
  const [keys, countKeys] = useState(0);
  const [asking, ask] = useState(null);
  useEffect(() => {
    const needed = (event) => ask((before) => before ?? event.detail);
    const changed = () => {
      forget();
      countKeys((n) => n + 1);
    };
    window.addEventListener("ktup:key-needed", needed);
    window.addEventListener("ktup:key", changed);
    return () => {
      window.removeEventListener("ktup:key-needed", needed);
      window.removeEventListener("ktup:key", changed);
    };
  }, []);
  const closed = () => {
    key.told = performance.now();
    ask(null);
  };
  const [, name, View] = VIEWS.find(([view]) => view === route.view) ?? [];
  useEffect(() => {
    document.title = `${route.id ?? name ?? "Not found"} · KTUP Explorer`;
  }, [route.view, route.id]);
  return html`<a class="skip" href="#main" onClick=${(e) => { e.preventDefault(); document.getElementById("main").focus(); }}>Skip to the content</a>
    <header>
      <a class="brand" href=${href("people")}><svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true"><rect width="32" height="32" rx="7" /><path d="M8 10 24 8M8 10l9 12M24 8l-7 14" /><circle cx="8" cy="10" r="4" /><circle cx="24" cy="8" r="3" class="gold" /><circle cx="17" cy="22" r="4" /></svg>KTUP Explorer</a>
      <nav aria-label="Views">${VIEWS.map(([view, label]) => html`<a key=${view} href=${href(view)}
        aria-current=${view === route.view ? "page" : undefined}>${label}</a>`)}</nav>
      <div class="row tools"><a href="/docs">API</a>
        ${key.get() && html`<button type="button" class="quiet" onClick=${() => key.set(null)}>Forget the key</button>`}
        <${ThemeSwitch} /></div>
    </header>
    <main id="main" tabindex="-1" key=${keys}>
      ${View ? html`<${View} key=${route.view} route=${route} />` : html`<${Empty}>There is no such page. <a href=${href("people")}>Back to the beginning</a>.<//>`}
    </main>
    ${asking && html`<${KeyDialog} problem=${asking} onClose=${closed} />`}`;
}

const root = document.getElementById("app");
root.replaceChildren();
render(html`<${Explorer} />`, root);
