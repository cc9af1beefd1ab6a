/** What is being written: kept while other pages are shown. */
import { signal, uid } from '../../lib.js';
import { callOf, toolOf, formatOf, modelOf, streams } from '../../calls.js';
import { api } from '../../api.js';

const turn = (role, text = '') => ({ id: uid('m'), role, text });

/** `raw`: the body is written as JSON, and `path` beside it. */
export const draft = signal({
  model: '', format: 'openai_chat', stream: true, system: '', turns: [turn('user')],
  temperature: null, top_p: null, max_tokens: null, stop: [], tools: '', headers: '', raw: false, path: '', body: '',
});
export const put = (change) => { draft.value = { ...draft.value, ...change }; };
export const newTurn = turn;

/** Tools as JSON: a list, null where there are none, undefined where it is no list. */
export function toolsOf(text) {
  if (!text.trim()) return null;
  try { const said = JSON.parse(text); return Array.isArray(said) ? said : undefined; } catch { return undefined; }
}

/** A tool to begin with, in the format's own words. */
export const sampleTools = (format) => JSON.stringify([toolOf(format, 'get_weather', 'The weather at a place', { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] })], null, 2);

const headersOf = (text) => {
  const all = text.split('\n').map((line) => /^\s*([^:\s]+)\s*:\s*(.*?)\s*$/.exec(line)).filter(Boolean);
  return all.length ? Object.fromEntries(all.map(([, name, value]) => [name.toLowerCase(), value])) : undefined;
};

/** The request that a draft says: {path, body, headers}, or null where it says none. */
export function requestOf(said) {
  const headers = headersOf(said.headers);
  if (said.raw) {
    try {
      const body = JSON.parse(said.body);
      return body && typeof body === 'object' && !Array.isArray(body) && said.path.startsWith('/') ? { path: said.path.trim(), body, headers } : null;
    } catch { return null; }
  }
  const tools = toolsOf(said.tools);
  if (!said.model || tools === undefined) return null;
  const turns = said.turns.filter((one) => one.text.trim());
  if (!turns.length) return null;
  return { ...callOf({ ...said, turns, tools }), headers };
}

/** Writes the form's request as JSON, to be changed by hand. */
export function toRaw() {
  const { path, body } = callOf({ ...draft.value, model: draft.value.model || 'MODEL', tools: toolsOf(draft.value.tools) ?? null });
  put({ raw: true, path, body: JSON.stringify(body, null, 2) });
}

/**
 * Loads a kept request. @returns {Promise<{how: 'body'|'cut'|'model', at: string}>} how much of it there was
 */
export async function replay(id) {
  const row = await api.get(`/requests/${encodeURIComponent(id)}`);
  const bodies = await api.get(`/requests/${encodeURIComponent(id)}/bodies`).catch((error) => { if (error.status === 404) return null; throw error; });
  const kept = bodies?.request;
  const base = { model: row.asked_model ?? row.model ?? '', format: row.format ?? formatOf(row.path) ?? 'openai_chat', stream: !!row.stream };
  let body = null;
  try { body = kept?.text && !kept.cut ? JSON.parse(kept.text) : null; } catch { body = null; }
  if (!body) {
    put({ ...base, raw: false });
    return { how: kept?.cut ? 'cut' : 'model', row };
  }
  put({ ...base, model: modelOf(row.path, body) ?? base.model, stream: streams(row.path, body), raw: true, path: withStream(row), body: JSON.stringify(body, null, 2) });
  return { how: 'body', row };
}

// The log keeps a path without its query: a stream of Gemini's is asked for as events.
const withStream = (row) => (/:streamGenerateContent$/.test(row.path) ? `${row.path}?alt=sse` : row.path);
