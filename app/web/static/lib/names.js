// Names of items, entities and relations, each asked for once. What has no name is called by its id.

import { get, path } from "./api.js";

const items = new Map();
const entities = new Map();
let relations = null;

function remembered(known, id, ask) {
  if (!known.has(id)) {
    const asked = ask();
    known.set(id, asked);
    asked.catch(() => known.delete(id));
  }
  return known.get(id);
}

/** Give an item: {item_id, title, entity_id}. An item that is gone has no title. */
export function item(id) {
  return remembered(items, id, async () =>
    get(path`/items/${id}`).catch(() => ({ item_id: id, title: null, entity_id: null })),
  );
}

/** Give an entity's name. */
export function entityName(id) {
  return remembered(entities, id, async () =>
    get(path`/kg/entities/${id}`).then(
      (entity) => entity.label ?? readable(id),
      () => readable(id),
    ),
  );
}

/** Give the names of all relations by id. */
export function relationNames() {
  relations ??= get("/kg/relations", { limit: 1000 }).then(
    (page) => new Map(page.relations.map((each) => [each.relation_id, each.label ?? readable(each.relation_id)])),
  );
  relations.catch(() => {
    relations = null;
  });
  return relations;
}

/** Give a relation's name. */
export const relationName = (id) => relationNames().then((names) => names.get(id) ?? readable(id), () => readable(id));

export const titleOf = (item) => item.title ?? item.item_id;

/** The last part of an id, in words: `http://…/musicComposer` is “music composer”. */
export function readable(id) {
  const last = id.split(/[/#]/).filter(Boolean).pop() ?? id;
  return /^[A-Za-z_]+$/.test(last) ? last.replace(/_/g, " ").replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase() : last;
}

/** Forget everything: another key may see other names. */
export function forget() {
  items.clear();
  entities.clear();
  relations = null;
}
