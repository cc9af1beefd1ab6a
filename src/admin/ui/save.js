/** Writing an object that was read before, and that somebody else may have changed meanwhile. */
import { useEffect, useRef } from './lib.js';
import { t } from './i18n.js';
import { api, objectPath } from './api.js';
import { guard } from './router.js';
import { confirm, conflict } from './kit/index.js';
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

/**
 * What a form's draft began with: {object, dirty}. Another state of the object takes its place where the draft changes nothing
 * (the form says so in `dirty`), or where all that the form has is the same in both; else the save asks whose shall stand.
 * @param {object} object as it is now
 * @param {(body: object) => object} own what the form has of a body
 */
export function useHeld(object, own) {
  const held = useRef({ object, dirty: false }).current;
  const text = (one) => JSON.stringify(own(one.body));
  if (!held.dirty || text(object) === text(held.object)) held.object = object;
  held.key = text(held.object);
  return held;
}

/** Saves a merge patch of what is held. Resolves to whether the form has to be shown anew: nothing is where it was left as it is. */
export async function saveHeld(kind, held, change) {
  const { saved, theirs } = await save({ kind, name: held.object.name, body: change, etag: held.object.etag, patch: true });
  if (!saved && theirs === undefined) return {};
  held.object = saved ?? theirs ?? held.object;
  held.dirty = false;
  return { saved, settled: true };
}

const unsaved = new Set();
const discard = () => confirm({ title: t('keys.discard'), text: t('keys.discard.text'), action: t('keys.discard.do'), danger: true });

/** While a form is dirty, whoever leaves its page or its tab is asked. */
export function useUnsaved(dirty) {
  useEffect(() => {
    if (!dirty) return undefined;
    const mark = {};
    unsaved.add(mark);
    guard.ask = discard;
    return () => { unsaved.delete(mark); if (!unsaved.size) guard.ask = null; };
  }, [dirty]);
}
