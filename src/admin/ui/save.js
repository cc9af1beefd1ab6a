/** Writing an object that was read before, and that somebody else may have changed meanwhile. */
import { api, objectPath } from './api.js';
import { conflict } from './kit/index.js';
import { merged } from './kit/diff.js';

/** The object of that name that can be written: that of the database. */
export async function stored(kind, name) {
  const { items } = await api.get(`/${kind}`);
  return items.find((one) => one.name === name && (one.home === 'database' || one.home === 'shadowed')) ?? null;
}

/**
 * Puts a body behind its name; where it was changed meanwhile, asks whose shall stand.
 * @param {{kind: string, name: string, body: object, etag?: string, patch?: boolean}} what `patch`: only the members that change
 * @returns {Promise<{saved?: object, theirs?: object|null}>} neither: it was left as it is
 */
export async function save({ kind, name, body, etag, patch }) {
  const write = patch ? api.patch : api.put;
  try {
    return { saved: await write(objectPath(kind, name), body, { etag }) };
  } catch (error) {
    if (!error.stale) throw error;
    const now = await stored(kind, name);
    const choice = await conflict({ name, theirs: now?.body ?? null, mine: patch && now ? merged(now.body, body) : body });
    if (!choice) return {};
    if (choice === 'theirs') return { theirs: now };
    return { saved: await write(objectPath(kind, name), body, { etag: now?.etag }) };
  }
}
