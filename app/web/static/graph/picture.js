// A graph as an SVG: boxes and lines with names. Whoever cannot see it reads the same facts in a list beside it.

import { html, useEffect, useId, useRef, useState } from "../vendor/preact-htm.js";
import { Loading } from "../lib/parts.js";
import { curve } from "./curve.js";
import { layout } from "./layout.js";

const NARROW = 560;

/** `graph` is {nodes, edges}; nodes with an `href` are links. `title` says what the picture shows. A `star` never goes downwards. */
export function Picture({ graph, title, star = false }) {
  const id = useId();
  const frame = useRef(null);
  const [narrow, setNarrow] = useState(null);
  const [placed, setPlaced] = useState(null);
  useEffect(() => {
    const look = () => frame.current && setNarrow(frame.current.clientWidth < NARROW);
    const watcher = new ResizeObserver(look);
    watcher.observe(frame.current);
    look();
    return () => watcher.disconnect();
  }, []);
  useEffect(() => {
    let wanted = true;
    if (narrow !== null) layout(graph, narrow, narrow && !star).then((result) => wanted && setPlaced(result));
    return () => {
      wanted = false;
    };
  }, [graph, narrow]);
  const links = graph.nodes.some((node) => node.href);
  return html`<div class="picture" ref=${frame}>
    ${placed === null
      ? html`<${Loading} what="Drawing…" />`
      : html`<svg viewBox=${`0 0 ${placed.width} ${placed.height}`} width=${placed.width} height=${placed.height}
          role=${links ? "group" : "img"} aria-label=${title}>
          <defs><marker id=${id} viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9" markerHeight="9" markerUnits="userSpaceOnUse" orient="auto">
            <path d="M0 0 8 4 0 8Z" class="arrow" /></marker></defs>
          ${placed.edges.map((edge) => html`<${Line} edge=${edge} marker=${id} down=${placed.down} />`)}
          ${placed.edges.filter((edge) => edge.name).map((edge) => html`<${Name} edge=${edge} />`)}
          ${placed.nodes.map((node) => html`<${Box} node=${node} />`)}
        </svg>`}
  </div>`;
}

function Line({ edge, marker, down }) {
  return html`<g class=${`edge ${edge.kind}`} aria-hidden="true">
    <path d=${curve(edge.points, down)} marker-end=${`url(#${marker})`} />
  </g>`;
}

/** Above all lines, so that none runs through it. */
function Name({ edge }) {
  return html`<g class="edge" aria-hidden="true">
    <rect class="edge-back" x=${edge.x - edge.width / 2} y=${edge.y - 8} width=${edge.width} height="16" rx="4" />
    <text x=${edge.x} y=${edge.y + 4}>${edge.name}</text>
  </g>`;
}

function Box({ node }) {
  const top = node.y - ((node.text.length - 1) * 17) / 2 + 5;
  const inner = html`<rect x=${node.x - node.width / 2} y=${node.y - node.height / 2} width=${node.width}
      height=${node.height} rx=${node.kind === "preference" || node.kind === "user" ? node.height / 2 : 8} />
    ${node.text.map((line, n) => html`<text x=${node.x} y=${top + n * 17}>${line}</text>`)}`;
  return node.href
    ? html`<a href=${node.href} class=${`node ${node.kind}`} aria-label=${node.name}>${inner}</a>`
    : html`<g class=${`node ${node.kind}`} aria-hidden="true">${inner}</g>`;
}
