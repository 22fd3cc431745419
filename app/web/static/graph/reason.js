// The picture of section 6.7 of the paper: what somebody met → facts → the item, and the preference with its share.

import { get } from "../lib/api.js";
import { entityName, item, relationName, titleOf } from "../lib/names.js";
import { percent } from "../lib/parts.js";

/**
 * Make the picture of a reason, with names: {graph, facts}. `facts` are its sentences: names and ids of their ends,
 * the relation, and whether somebody accepted them; `who` is what the person is called.
 */
export async function reasonGraph(who, itemId, explanation) {
  const [goal, ...met] = await Promise.all([itemId, ...explanation.evidence.map((e) => e.history_item)].map(item));
  const labels = new Map(explanation.preferences.map((each) => [each.relation_id, each.label]));
  const named = async (relation) => labels.get(relation) ?? relationName(relation);
  const nodes = new Map();
  const edges = new Map();
  const node = (id, name, kind) => nodes.has(id) || nodes.set(id, { id, name, kind });
  const edge = (from, to, name, kind) => edges.set(`${from}\n${to}\n${name}`, { from, to, name, kind });
  node("user", who, "user");
  node("goal", titleOf(goal), "goal");
  addPreference(explanation.preferences[0], node, edge);
  const facts = [];
  for (const [n, evidence] of explanation.evidence.entries()) {
    const start = `met ${evidence.history_item}`;
    node(start, titleOf(met[n]), "met");
    edge("user", start, "", "past");
    const ends = new Map([[met[n].entity_id, start], [goal.entity_id, "goal"]]);
    for (const [head, relation, tail] of evidence.facts) {
      const accepted = evidence.origin === "accepted" && (await wasAccepted(head, relation, tail));
      const [from, to] = await Promise.all([head, tail].map((end) => place(end, ends, node)));
      const [left, right] = inOrder(from, to, start);
      const name = await named(relation);
      edge(left.id, right.id, name, accepted ? "accepted" : "fact");
      const fact = { headId: head, head: from.name(nodes), relation: name, tailId: tail, tail: to.name(nodes), accepted };
      if (!facts.some((f) => f.headId === head && f.relation === fact.relation && f.tailId === tail)) facts.push(fact);
    }
  }
  return { graph: { nodes: [...nodes.values()], edges: [...edges.values()] }, facts };
}

/** Evidence is `accepted` where one of its facts is: which one, the graph says. */
async function wasAccepted(head, relation, tail) {
  const { facts } = await get("/kg/facts", { head, relation, tail }).catch(() => ({ facts: [] }));
  return facts.some((fact) => fact.origin === "accepted");
}

function addPreference(first, node, edge) {
  if (!first) return;
  node("preference", `${first.label} ${percent(first.share)}`, "preference");
  edge("user", "preference", "prefers", "preferred");
  edge("preference", "goal", "", "preferred");
}

async function place(end, ends, node) {
  const name = (nodes) => nodes.get(id).name;
  const id = ends.get(end) ?? `entity ${end}`;
  if (!ends.has(end)) node(id, await entityName(end), "entity");
  return { id, name };
}

/** From the past to the item, whichever way the fact is told. */
function inOrder(from, to, start) {
  return to.id === start || from.id === "goal" ? [to, from] : [from, to];
}
