// What search boxes ask for: [{id, name, note}].

import { get } from "./api.js";
import { readable, titleOf } from "./names.js";

const MOST = 12;

export async function findItems(query, signal) {
  const { items } = await get("/items", { query: query || undefined, limit: MOST }, signal);
  return items.map((item) => ({ id: item.item_id, name: titleOf(item), note: item.title ? item.item_id : null }));
}

export async function findEntities(query, signal) {
  const { entities } = await get("/kg/entities", { query, limit: MOST }, signal);
  return entities.map((each) => ({ id: each.entity_id, name: each.label ?? readable(each.entity_id), note: each.entity_id }));
}

export async function findPeople(prefix, signal) {
  const { users } = await get("/users", { prefix: prefix || undefined, limit: MOST }, signal);
  return users.map((user) => ({ id: user.user_id, name: user.user_id, note: inHistory(user.n_items) }));
}

export const inHistory = (n) => (n === 1 ? "1 item in history" : `${n} items in history`);
