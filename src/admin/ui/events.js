/**
 * What happens, as it happens: one stream of server-sent events for all pages. The gateway tells a batch a second
 * (`request`s, then `stats`); a batch is told to subscribers whole, in one frame. While the tab is hidden batches are
 * collected, and told when it is seen again.
 */
import { signal, batch } from './lib.js';
import { session, enter, signedInAgain } from './session.js';
import { api } from './api.js';

/** 'on' | 'connecting' | 'off': for the live sign. */
export const live = signal('off');
/** Since when nothing comes, once it has been tried again in vain; else null. */
export const lost = signal(null);
/** The newest `stats`, or null. */
export const latest = signal(null);
const HELD = 600;

const subscribers = new Set();
/** Those of them that want to be told of every request, not only of those that failed. */
const greedy = new Set();
const wanted = () => (greedy.size ? 'newest' : 'failed');
let source = null;
let telling = '';
let timer = 0;
let tries = 0;
let gone = 0;
let requests = [];
let held = [];
let frame = 0;

function tell() {
  frame = 0;
  const batches = held;
  held = [];
  batch(() => {
    latest.value = batches[batches.length - 1].stats;
    subscribers.forEach((told) => told(batches));
  });
}

function push(stats) {
  held.push({ stats, requests });
  if (held.length > HELD) held.shift();
  requests = [];
  // A hidden tab gets no frames: what is held is told by the first one after.
  if (!frame) frame = requestAnimationFrame(tell);
}

async function again() {
  live.value = 'connecting';
  source?.close();
  source = null;
  clearTimeout(timer);
  tries += 1;
  if (tries === 1) gone = Date.now(); else lost.value = gone;
  const wait = Math.min(15e3, 500 * 2 ** Math.min(tries, 5)) * (0.75 + Math.random() / 2);
  timer = setTimeout(async () => {
    // A stream cannot say why it failed: a call can. Where the session is over the sign-in is laid over the page.
    try {
      const who = await api.get('/session');
      if (who.account == null) await signedInAgain(); else enter(who);
      connect();
    } catch { if (session.peek()) again(); }
  }, wait);
}

/** Connects, where it is not yet. */
export function connect() {
  if (source) return;
  live.value = 'connecting';
  telling = wanted();
  source = new EventSource(`/admin/api/v1/events?requests=${telling}`);
  source.addEventListener('open', () => { live.value = 'on'; lost.value = null; tries = 0; });
  source.addEventListener('request', (event) => {
    requests.push(JSON.parse(event.data));
    if (requests.length > 200) requests.shift();
  });
  source.addEventListener('stats', (event) => push(JSON.parse(event.data)));
  source.addEventListener('error', again);
}

/** What is wanted has changed: of the stream that there is, only what comes while the next one opens is lost. */
function reconsider() {
  if (!source || telling === wanted()) return;
  source.close();
  source = null;
  connect();
}

/** Ends the stream (signed out). */
export function disconnect() {
  clearTimeout(timer);
  source?.close();
  source = null;
  live.value = 'off';
  lost.value = null;
  tries = 0;
}

/**
 * Is told each batch: `subscribe((batches) => …)` with [{stats, requests}], oldest first; mostly one, more after the tab
 * was hidden. `requests` are those that failed, and where `every` is asked for all, of a busy second the newest 20. Returns
 * the end of it, as an effect wants it.
 */
export function subscribe(told, { every = false } = {}) {
  subscribers.add(told);
  if (every) { greedy.add(told); reconsider(); }
  return () => {
    subscribers.delete(told);
    // The next page may want the same: that is known when it has been drawn.
    if (greedy.delete(told)) setTimeout(reconsider, 1000);
  };
}
