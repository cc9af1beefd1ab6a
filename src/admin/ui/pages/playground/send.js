/** Sends through the data plane, and tells what comes as it comes. */
import { api, ApiError } from '../../api.js';
import { session, signedInAgain } from '../../session.js';
import { formatOf } from '../../calls.js';
import { reader } from './read.js';

const KEPT = 4e6;

async function post(request, signal) {
  // Not by `call`: a 401 may be the model's answer, and an error's body is what is looked at here.
  const headers = { 'content-type': 'application/json' };
  if (session.peek()?.csrf) headers['x-csrf-token'] = session.peek().csrf;
  let response;
  try {
    response = await fetch('/admin/api/v1/playground', { method: 'POST', headers, body: JSON.stringify(request), signal, cache: 'no-store' });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiError({ type: 'unreachable', status: 0 });
  }
  if (/problem\+json/.test(response.headers.get('content-type') || '')) {
    if (response.status === 401) { await signedInAgain(); return post(request, signal); }
    throw new ApiError({ ...(await response.json()), status: response.status });
  }
  return response;
}

/**
 * @param {{path: string, body: object, headers?: object}} request
 * @param {{signal: AbortSignal, told: (run: object) => void}} options `told`: at most once a frame, the run so far
 * @returns {Promise<object>} {status, id, first, total, raw, cut, answer, headers}: times in ms, as seen from here
 */
export async function send(request, { signal, told }) {
  const began = performance.now();
  const run = { status: null, id: null, first: null, total: null, raw: '', cut: false, answer: null, headers: {} };
  const since = () => performance.now() - began;
  let frame = 0;
  const tell = () => { frame ||= requestAnimationFrame(() => { frame = 0; told({ ...run, answer: { ...run.answer, tools: [...(run.answer?.tools ?? [])] }, elapsed: since() }); }); };
  const response = await post(request, signal);
  const read = reader(formatOf(request.path));
  Object.assign(run, { status: response.status, id: response.headers.get('x-request-id'), headers: Object.fromEntries(response.headers), answer: read.answer });
  const stream = response.ok && /event-stream/.test(run.headers['content-type'] || '');
  tell();
  const source = response.body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { done, value } = await source.read();
      if (done) break;
      if (run.raw.length < KEPT) run.raw += value; else run.cut = true;
      if (stream) { read.chunk(value); if (run.first == null && read.spoke()) run.first = since(); }
      tell();
    }
  } catch (error) {
    if (error.name !== 'AbortError') run.broken = true;
    else run.stopped = true;
  }
  if (stream) read.end(); else if (!run.stopped) { read.whole(run.raw); run.first ??= null; }
  run.total = since();
  cancelAnimationFrame(frame);
  return { ...run };
}

const wait = (ms, signal) => new Promise((resolve) => { const timer = setTimeout(resolve, ms); signal?.addEventListener('abort', () => { clearTimeout(timer); resolve(); }); });

const DIGITS = '0123456789abcdefghjkmnpqrstvwxyz';
// The id after this one: what is older than that begins with this.
function after(id) {
  let at = id.length - 1;
  while (at > 0 && id[at] === 'z') at -= 1;
  return id.slice(0, at) + (DIGITS[DIGITS.indexOf(id[at]) + 1] ?? 'z') + '0'.repeat(id.length - at - 1);
}

/** The row of a request that has just ended: it is written a moment later. Null where none comes. */
export async function recordOf(id, signal) {
  for (const pause of [120, 250, 400, 600, 900, 1200, 1800]) {
    await wait(pause, signal);
    if (signal?.aborted) return null;
    try {
      const { items } = await api.get('/requests', { query: { before: after(id), limit: 1 } });
      if (items[0]?.id === id) return items[0];
    } catch { return null; }
  }
  return null;
}
