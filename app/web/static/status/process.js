// What the process that answered counted since it started, read from its figures for Prometheus.

import { html } from "../vendor/preact-htm.js";
import { text } from "../lib/api.js";
import { useLoad } from "../lib/load.js";
import { Loaded, percent } from "../lib/parts.js";

const LINE = /^(\w+)(?:\{([^}]*)\})? (\S+)/;

/** Read lines of the text format: [{name, labels, value}]. Labels are only looked at, so they stay a text. */
export function samples(figures) {
  return figures
    .split("\n")
    .map((line) => LINE.exec(line))
    .filter(Boolean)
    .map(([, name, labels, value]) => ({ name, labels: labels ?? "", value: Number(value) }));
}

export function Process() {
  const load = useLoad(async (signal) => summary(samples(await text("/metrics", signal))), []);
  return html`<section aria-label="This process"><h2>Since it started</h2><${Loaded} load=${load} what="Counting…">
    ${(counted) => html`<p>${counted.requests.toLocaleString("en")} requests, ${counted.failed.toLocaleString("en")} of them with an error of the server (5xx).
      ${counted.lookups > 0 && ` ${percent(counted.hits / counted.lookups)} of ${counted.lookups.toLocaleString("en")} lookups were in a cache.`}
      <span class="muted"> With several processes, of all of them; the rest is at <code>/metrics</code>.</span></p>`}<//></section>`;
}

function summary(all) {
  const sum = (name, fits) => all.filter((each) => each.name === name && fits.test(each.labels)).reduce((total, each) => total + each.value, 0);
  return {
    requests: sum("ktup_requests_total", /./),
    // That it is not ready yet is no error.
    failed: sum("ktup_requests_total", /^(?!.*route="\/health).*status="5/),
    hits: sum("ktup_cache_lookups_total", /^(?!.*found="none")/),
    lookups: sum("ktup_cache_lookups_total", /./),
  };
}
