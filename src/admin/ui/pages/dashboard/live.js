/**
 * The last ten minutes in slices of five seconds: what the gateway tells each second of all traffic, by endpoint too; and of
 * the requests that it tells (all of them up to 20 a second, else the newest 20) exact first tokens. Kept while other pages
 * are shown.
 */
import { signal, batch as together } from '../../lib.js';
import { api } from '../../api.js';
import { subscribe } from '../../events.js';

export const SLICE = 5;
export const SLICES = 120;
const FAILURES = 12;
const TURNS = 4;
const MS = SLICE * 1000;

/** Counts up with each batch: whoever draws reads it. */
export const tick = signal(0);
/** Requests that did not end well, newest first. */
export const failures = signal([]);
/** ms since 1970 that the newest batch is of. */
export const newest = signal(Date.now());

const slices = new Map();
let before = 0;

const empty = (at) => ({ at, seconds: 0, requests: 0, errors: 0, tokens: 0, cost: 0, unpriced: 0, inFlight: null, firsts: [], p50: 0, p95: 0, p99: 0, weighed: 0, told: 0, by: new Map(), states: new Map(), whole: false });

function sliceOf(ms) {
  const at = Math.floor(ms / MS) * MS;
  if (!slices.has(at)) slices.set(at, empty(at));
  return slices.get(at);
}

/** The key of the endpoints that are told as one. */
export const OTHERS = '';
/** provider / model, as a key. */
export const keyOf = (provider, model) => `${provider} / ${model}`;

function endpointOf(slice, key) {
  if (!slice.by.has(key)) slice.by.set(key, { share: 0, attempts: 0, failed: 0, firsts: [], p50: 0, weighed: 0 });
  return slice.by.get(key);
}

/** What a request that is told says exactly. */
function look(slice, request) {
  slice.told += 1;
  if (request.first_content_ms != null) slice.firsts.push(request.first_content_ms);
  for (const attempt of request.attempts) {
    if (attempt.first_content_ms != null) endpointOf(slice, keyOf(attempt.provider, attempt.model)).firsts.push(attempt.first_content_ms);
  }
}

const UNTROUBLED = new Set(['ok', 'client_gone', 'lost', 'resent']);

/** A request of before this page was opened. */
function count(slice, request) {
  look(slice, request);
  if (request.provider) endpointOf(slice, keyOf(request.provider, request.endpoint)).share += 1;
  for (const attempt of request.attempts) {
    const one = endpointOf(slice, keyOf(attempt.provider, attempt.model));
    one.attempts += 1;
    if (!UNTROUBLED.has(attempt.outcome)) one.failed += 1;
  }
}

/** What a second says of an endpoint. */
function load(slice, told, key) {
  const one = endpointOf(slice, key);
  one.share += told.requests;
  one.attempts += told.attempts;
  one.failed += told.failed_attempts;
  if (told.first_content_p50_ms != null) {
    one.p50 += told.first_content_p50_ms * told.requests;
    one.weighed += told.requests;
  }
}

const failed = (request) => request.ending === 'refused' || request.ending === 'broken';
function remember(requests) {
  const found = requests.filter(failed);
  if (!found.length) return;
  const all = new Map([...found, ...failures.peek()].map((one) => [one.id, one]));
  failures.value = [...all.values()].sort((a, b) => (a.id < b.id ? 1 : -1)).slice(0, FAILURES);
}

const WORSE = { well: 0, half_open: 1, cooling: 2, open: 3 };

function take({ stats, requests }) {
  const at = Date.parse(stats.at);
  const slice = sliceOf(at - 500);
  const apart = at - before;
  before = at;
  // Who connects is told at once: a second that was none.
  if (apart >= 500 && apart <= 1500) slice.seconds += 1;
  else if (!stats.requests) return;
  else slice.seconds += 1;
  slice.requests += stats.requests;
  slice.errors += stats.errors;
  slice.tokens += stats.tokens;
  slice.cost += stats.cost_usd ?? 0;
  if (stats.requests && stats.cost_usd == null) slice.unpriced += 1;
  slice.inFlight = Math.max(slice.inFlight ?? 0, stats.in_flight);
  if (stats.first_content_p50_ms != null) {
    slice.p50 += stats.first_content_p50_ms * stats.requests;
    slice.p95 += stats.first_content_p95_ms * stats.requests;
    slice.p99 += stats.first_content_p99_ms * stats.requests;
    slice.weighed += stats.requests;
  }
  slice.watched = true;
  for (const one of stats.unwell) {
    const key = keyOf(one.provider, one.model);
    const was = slice.states.get(key);
    if (!was || WORSE[one.state] > WORSE[was]) slice.states.set(key, one.state);
  }
  stats.endpoints.forEach((one) => load(slice, one, keyOf(one.provider, one.model)));
  if (stats.others) load(slice, stats.others, OTHERS);
  requests.forEach((request) => look(slice, request));
}

function forget(now) {
  for (const at of slices.keys()) if (at < now - (SLICES + 2) * MS) slices.delete(at);
}

subscribe((batches) => together(() => {
  batches.forEach(take);
  newest.value = Date.parse(batches[batches.length - 1].stats.at);
  forget(newest.value);
  remember(batches.flatMap((one) => one.requests));
  tick.value += 1;
}));

let asked = null;
/** Fills what was before this page was opened from finished requests: of the last 4,000, as far as they reach. */
export function backfill() {
  asked ??= (async () => {
    const now = Date.now();
    const from = new Date(now - SLICES * MS).toISOString();
    const known = new Set();
    Promise.all(['refused', 'broken'].map((ending) => api.get('/requests', { query: { from: '24h', ending, limit: FAILURES } })))
      .then((all) => remember(all.flatMap((one) => one.items)), () => {});
    let page = { items: [], next: null };
    for (let turn = 0; turn < TURNS && (turn === 0 || page.next); turn += 1) {
      const more = await api.get('/requests', { query: { from, before: page.next, limit: 1000 } });
      page = { items: [...page.items, ...more.items], next: more.next };
    }
    // The slice in which the page ends is not whole; those since the page was opened are told live.
    const ended = (one) => Date.parse(one.at) + one.total_ms;
    const oldest = page.next && page.items.length ? Date.parse(page.items[page.items.length - 1].at) + MS : now - SLICES * MS;
    together(() => {
      for (const one of slices.values()) if (one.seconds > 0) known.add(one.at);
      const first = Math.ceil(oldest / MS) * MS;
      for (let at = first; at <= now - MS; at += MS) if (!known.has(at)) { const slice = sliceOf(at); slice.seconds = SLICE; }
      for (const request of page.items) {
        const at = Math.floor(ended(request) / MS) * MS;
        if (at < first || at > now - MS || known.has(at)) continue;
        const slice = sliceOf(at);
        slice.requests += 1;
        if (failed(request)) slice.errors += 1;
        slice.tokens += Object.values(request.tokens).reduce((sum, n) => sum + (n ?? 0), 0);
        slice.cost += request.cost_usd ?? 0;
        if (request.cost_usd == null && request.attempts.length) slice.unpriced += 1;
        count(slice, request);
      }
      tick.value += 1;
    });
  })().catch((error) => { asked = null; throw error; });
  return asked;
}

/** The slices of the last ten minutes, oldest first; null where nothing is known. */
export function recent(now = newest.peek()) {
  const last = Math.floor((now - 500) / MS) * MS;
  return Array.from({ length: SLICES }, (_, at) => {
    const time = last - (SLICES - 1 - at) * MS;
    const slice = slices.get(time);
    return { time: time / 1000, slice: slice?.seconds ? slice : null };
  });
}

const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(sorted.length * share) - 1))];

/** p50, p95 and p99 of slices, in ms: exact where every request is told, else the gateway's, of all of them. */
export function percentiles(list) {
  const sum = (of) => list.reduce((n, one) => n + one[of], 0);
  if (sum('requests') > sum('told') && sum('weighed') > 0) return { p50: sum('p50') / sum('weighed'), p95: sum('p95') / sum('weighed'), p99: sum('p99') / sum('weighed') };
  const firsts = list.flatMap((one) => one.firsts).sort((a, b) => a - b);
  return firsts.length ? { p50: at(firsts, 0.5), p95: at(firsts, 0.95), p99: at(firsts, 0.99) } : { p50: null, p95: null, p99: null };
}

/** What slices cost; null where nobody knows a price of anything in them. */
export const costOf = ({ cost, unpriced }) => (cost === 0 && unpriced ? null : cost);

/** Sums of slices: per second where it is a rate. */
export function summary(list) {
  const sum = (of) => list.reduce((n, one) => n + one[of], 0);
  const seconds = sum('seconds');
  if (!seconds) return null;
  const requests = sum('requests');
  const cost = costOf({ cost: sum('cost'), unpriced: sum('unpriced') });
  return { seconds, requests, errors: sum('errors'), rate: requests / seconds, share: requests ? sum('errors') / requests : 0, tokens: sum('tokens') / seconds, cost: cost == null ? null : (cost / seconds) * 3600 };
}

/** By endpoint: {share, attempts, failed, first}; `first`: the median in ms, null where none is known. */
export function byEndpoint(list) {
  const all = new Map();
  for (const slice of list) {
    for (const [key, one] of slice.by) {
      const sum = all.get(key) ?? { share: 0, attempts: 0, failed: 0, firsts: [], p50: 0, weighed: 0 };
      sum.share += one.share;
      sum.attempts += one.attempts;
      sum.failed += one.failed;
      sum.p50 += one.p50;
      sum.weighed += one.weighed;
      sum.firsts.push(...one.firsts);
      all.set(key, sum);
    }
  }
  // Of a busy endpoint the gateway's median of each second is of all its attempts; of a quiet one all are told.
  for (const sum of all.values()) sum.first = sum.weighed > sum.firsts.length ? sum.p50 / sum.weighed : at(sum.firsts.sort((a, b) => a - b), 0.5) ?? null;
  return all;
}
