/** Pools as the pages show them: tiers, shares, how endpoints stand, and writing of objects. */
import { save } from '../../save.js';

/** What an endpoint has where it does not say. */
export const DEFAULTS = { priority: 1, weight: 10 };
/** Names that every client's documentation knows: S0's pools. */
export const USUAL = ['haiku', 'sonnet', 'opus'];

const SMALL = /mini|flash|haiku|small|lite|nano|tiny|instant|turbo|\b[1-9]b\b/i;
const LARGE = /opus|ultra|large|reason|think|\bo[1-9]\b|-pro\b|max|r1\b|405b/i;
/** The usual pool that a model's name sounds like. */
export const suggest = (model) => (SMALL.test(model) ? 'haiku' : LARGE.test(model) ? 'opus' : 'sonnet');

const OTHER = /embed|whisper|tts|audio|speech|image|dall-e|moderation|rerank|realtime|sora|veo|imagen|transcribe|video|search/i;
/** Whether a name sounds like something to talk with. */
export const talks = (model) => !OTHER.test(model);

/** The model that a test asks: the cheapest, as names tell. */
export const cheapest = (models) => {
  const all = models.filter(talks);
  return all.find((one) => SMALL.test(one)) ?? all[0] ?? models[0];
};

export const priorityOf = (endpoint) => endpoint.priority ?? DEFAULTS.priority;
export const weightOf = (endpoint) => endpoint.weight ?? DEFAULTS.weight;

/** Endpoints with a key each (a pool may have one twice), in tiers: [{id, priority, items}]. */
export function tiersOf(endpoints) {
  const seen = new Map();
  const items = endpoints.map((endpoint, index) => {
    const name = `${endpoint.provider}/${endpoint.model ?? '*'}`;
    const times = seen.get(name) ?? 0;
    seen.set(name, times + 1);
    return { endpoint, index, times, key: times ? `${name}#${times + 1}` : name };
  });
  const tiers = new Map();
  for (const item of items) {
    const priority = priorityOf(item.endpoint);
    if (!tiers.has(priority)) tiers.set(priority, []);
    tiers.get(priority).push(item);
  }
  return [...tiers].sort((a, b) => a[0] - b[0]).map(([priority, all], at) => ({ id: `t${priority}`, number: at + 1, priority, items: all }));
}

/** The endpoints after one of them was put at a place of a tier (`new`: one below all others). Tiers count from 1 then. */
export function moved(endpoints, key, lane, index) {
  const tiers = tiersOf(endpoints).map((tier) => ({ ...tier, items: [...tier.items] }));
  const from = tiers.find((tier) => tier.items.some((item) => item.key === key));
  const [item] = from.items.splice(from.items.findIndex((one) => one.key === key), 1);
  let to = tiers.find((tier) => tier.id === lane);
  if (!to) { to = { id: 'new', items: [] }; tiers.push(to); }
  to.items.splice(index, 0, item);
  return tiers.filter((tier) => tier.items.length).flatMap((tier, at) => tier.items.map(({ endpoint }) => (priorityOf(endpoint) === at + 1 ? endpoint : { ...endpoint, priority: at + 1 })));
}

/** What share of its tier's requests an endpoint is meant to get, by key; nothing where the strategy decides as it goes. */
export function planned(tier, balance = 'round_robin', providerWeights = {}) {
  const on = tier.items.filter(({ endpoint }) => endpoint.enabled !== false);
  if (balance !== 'round_robin' && balance !== 'weighted') return {};
  const total = (items) => items.reduce((sum, { endpoint }) => sum + weightOf(endpoint), 0);
  const providers = [...new Set(on.map(({ endpoint }) => endpoint.provider))];
  const all = providers.reduce((sum, name) => sum + (providerWeights[name] ?? 1), 0);
  return Object.fromEntries(on.map((item) => {
    const { endpoint } = item;
    if (balance === 'weighted') return [item.key, weightOf(endpoint) / total(on)];
    const its = on.filter((one) => one.endpoint.provider === endpoint.provider);
    return [item.key, ((providerWeights[endpoint.provider] ?? 1) / all) * (weightOf(endpoint) / total(its))];
  }));
}

/** How the endpoints of a pool stand, by key: rows of `/endpoints`. */
export function standings(endpoints, pool) {
  const seen = new Map();
  const found = {};
  for (const one of endpoints ?? []) {
    if (one.pool !== pool || one.of !== pool) continue;
    const name = `${one.provider}/${one.model}`;
    const times = seen.get(name) ?? 0;
    seen.set(name, times + 1);
    found[times ? `${name}#${times + 1}` : name] = one;
  }
  return found;
}

const WORST = ['open', 'cooling', 'half_open', 'well'];
/** One state for several endpoints: what they all are, or 'degraded' where some are well. */
export function overall(rows) {
  const on = rows.filter((row) => row.enabled);
  if (!rows.length) return 'unknown';
  if (!on.length) return 'disabled';
  const states = new Set(on.map((row) => row.state));
  if (states.size === 1 && states.has('well')) return 'well';
  if (states.has('well') || states.has('half_open')) return 'degraded';
  return WORST.find((state) => states.has(state)) ?? 'unknown';
}

/**
 * Changes members of an object of the database. Where somebody has changed it meanwhile, the person is asked.
 * Resolves to the object, or to null where theirs is to be shown.
 */
export async function patch(kind, object, change) {
  const { saved } = await save({ kind, name: object.name, body: change, etag: object.etag, patch: true });
  return saved ?? null;
}

/** A merge patch that makes `before` into `after`: what is gone becomes null. Nested members are replaced whole. */
export function difference(before, after) {
  const change = {};
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [was, is] = [before[key], after[key]];
    if (JSON.stringify(was) === JSON.stringify(is)) continue;
    if (is === undefined || is === null) { change[key] = null; continue; }
    const plain = (value) => value && typeof value === 'object' && !Array.isArray(value);
    const inner = plain(was) && plain(is) ? difference(was, is) : is;
    if (!plain(inner) || !plain(was) || Object.keys(inner).length) change[key] = inner;
  }
  return change;
}

/** The objects of a list. One that the environment makes has no body: it gets an empty one. */
export const itemsOf = (resource) => (resource.data?.items ?? []).map((one) => (one.body ? one : { ...one, body: {} }));

/** Whether an object can be changed here. */
export const mine = (object) => object?.home === 'database';
