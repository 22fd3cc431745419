// Nodes and edges → places in a drawing. The library is fetched with the first picture.

let library = null;

const LINE = 17;
const BESIDE = 26;

/** Break a text into at most `most` lines of about `width` letters. */
export function lines(text, width, most = 3) {
  const made = [];
  for (const word of text.split(/\s+/)) {
    const last = made.at(-1);
    if (last !== undefined && `${last} ${word}`.length <= width) made[made.length - 1] = `${last} ${word}`;
    else made.push(word.length > width ? `${word.slice(0, width - 1)}…` : word);
  }
  if (made.length <= most) return made;
  return [...made.slice(0, most - 1), `${made[most - 1].slice(0, width - 1)}…`];
}

/**
 * Place `nodes` [{id, name, kind}] and `edges` [{from, to, name, kind}]; `narrow` goes downwards, in small boxes.
 * Gives {width, height, down, nodes, edges} with centres, sizes, lines of text and points.
 */
export async function layout({ nodes, edges }, narrow) {
  library ??= import("../vendor/dagre.js");
  const dagre = await library;
  const graph = new dagre.Graph({ multigraph: true });
  const room = narrow ? { rankdir: "TB", nodesep: 10, ranksep: 34, edgesep: 6 } : { rankdir: "LR", nodesep: 18, ranksep: 54 };
  graph.setGraph({ ...room, marginx: 4, marginy: 4 });
  graph.setDefaultEdgeLabel(() => ({}));
  const wide = narrow ? 11 : 18;
  for (const node of nodes) {
    const text = lines(node.name, wide);
    const longest = Math.max(...text.map((line) => line.length));
    graph.setNode(node.id, { ...node, text, width: Math.max(56, longest * 7.6 + BESIDE), height: text.length * LINE + 18 });
  }
  edges.forEach((edge, n) => {
    const label = edge.name ? { width: edge.name.length * 6.6 + 8, height: 16, labelpos: "c" } : {};
    graph.setEdge(edge.from, edge.to, { ...edge, ...label }, String(n));
  });
  dagre.layout(graph);
  const { width, height } = graph.graph();
  return {
    width,
    height,
    down: narrow,
    nodes: graph.nodes().map((id) => graph.node(id)),
    edges: graph.edges().map((edge) => graph.edge(edge)),
  };
}
