// Nodes and edges → places in a drawing. The library is fetched with the first picture.

let library = null;

const LINE = 17;
const BESIDE = 26;

/** Break a text into at most `most` lines of about `width` letters. */
export function lines(text, width, most = 3) {
  const made = [];
  for (const word of text.split(/ +/)) {
    const last = made.at(-1);
    if (last !== undefined && `${last} ${word}`.length <= width) made[made.length - 1] = `${last} ${word}`;
    else made.push(word.length > width ? `${word.slice(0, width - 1)}…` : word);
  }
  if (made.length <= most) return made;
  return [...made.slice(0, most - 1), `${made[most - 1].slice(0, width - 1)}…`];
}

/**
 * Place `nodes` [{id, name, kind}] and `edges` [{from, to, name, kind}]; `narrow` is in small boxes; `down` goes downwards.
 * Gives {width, height, down, nodes, edges} with centres, sizes, lines of text and points.
 */
export async function layout({ nodes, edges }, narrow, down) {
  library ??= import("../vendor/dagre.js");
  const dagre = await library;
  const graph = new dagre.Graph({ multigraph: true });
  const room = narrow ? { nodesep: 10, ranksep: down ? 34 : 16, edgesep: 6 } : { nodesep: 18, ranksep: 54 };
  graph.setGraph({ ...room, rankdir: down ? "TB" : "LR", marginx: 4, marginy: 4 });
  graph.setDefaultEdgeLabel(() => ({}));
  const wide = narrow ? 11 : 18;
  for (const node of nodes) {
    const text = lines(node.name, wide);
    const longest = Math.max(...text.map((line) => line.length));
    graph.setNode(node.id, { ...node, text, width: Math.max(56, longest * 7.6 + BESIDE), height: text.length * LINE + 18 });
  }
  for (const edge of merged(edges)) {
    const label = edge.name ? { width: edge.name.length * 6.6 + 8, height: 16, labelpos: "c" } : {};
    graph.setEdge(edge.from, edge.to, { ...edge, ...label }, edge.kind);
  }
  dagre.layout(graph);
  const { width, height } = graph.graph();
  return {
    width,
    height,
    down,
    nodes: graph.nodes().map((id) => graph.node(id)),
    edges: graph.edges().map((edge) => fastened(graph.edge(edge), graph.node(edge.v), graph.node(edge.w), down)),
  };
}

/** Draw one line where several of a kind join the same two: it has all their names. */
function merged(edges) {
  const lines = new Map();
  for (const edge of edges) {
    const key = JSON.stringify([edge.from, edge.to, edge.kind]);
    const names = [lines.get(key)?.name, edge.name].filter(Boolean);
    lines.set(key, { ...edge, name: [...new Set(names)].join(", ") });
  }
  return lines.values();
}

/** Let a line leave and arrive at the middle of a side: rightwards, or downwards. */
function fastened(edge, from, to, down) {
  const inner = edge.points.slice(1, -1);
  const first = down ? { x: from.x, y: from.y + from.height / 2 } : { x: from.x + from.width / 2, y: from.y };
  const last = down ? { x: to.x, y: to.y - to.height / 2 } : { x: to.x - to.width / 2, y: to.y };
  return { ...edge, points: [first, ...inner, last] };
}
