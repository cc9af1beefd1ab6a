/** A pasted request: a body, or a whole curl command. */
import { formatOf } from '../../calls.js';

// Words of a shell's line, quotes taken off.
function words(line) {
  const out = [];
  const token = /'((?:[^']|'\\'')*)'|"((?:\\.|[^"\\])*)"|(\\.)|([^\s'"\\]+)|(\s+)/gs;
  let word = null;
  for (const [, single, double, escaped, bare, space] of line.matchAll(token)) {
    if (space) { if (word != null) out.push(word); word = null; continue; }
    const text = single != null ? single.replaceAll("'\\''", "'") : double != null ? double.replace(/\\(["\\$`])/g, '$1') : escaped ? escaped.slice(1) : bare;
    word = (word ?? '') + text;
  }
  if (word != null) out.push(word);
  return out;
}

// From the body alone: which format says things so.
function guess(body) {
  if (body.contents) return `/v1beta/models/${encodeURIComponent(body.model || 'MODEL')}:generateContent`;
  if (body.input != null) return '/v1/responses';
  if (body.max_tokens != null && (body.system != null || body.messages?.some((turn) => Array.isArray(turn.content) && turn.content.some((part) => part.type === 'tool_use' || part.source)))) return '/v1/messages';
  return '/v1/chat/completions';
}

const HIDDEN = /^(authorization|x-api-key|x-goog-api-key|x-tidegate-.*|content-length|host|content-type|accept)$/i;

/**
 * @param {string} text
 * @returns {{path: string, body: object, headers?: object, format: string|null}|null} null: it is neither
 */
export function readRequest(text) {
  const trimmed = text.trim();
  if (!trimmed) return null;
  if (trimmed.startsWith('{')) {
    try {
      const body = JSON.parse(trimmed);
      if (body.path && body.body) return { path: body.path, body: body.body, headers: body.headers, format: formatOf(body.path) };
      const path = guess(body);
      return { path, body, format: formatOf(path) };
    } catch { return null; }
  }
  if (!/^\$?\s*curl\s/.test(trimmed)) return null;
  const all = words(trimmed.replace(/\\\r?\n/g, ' '));
  let path = null;
  let data = null;
  const headers = {};
  for (let at = 0; at < all.length; at += 1) {
    const word = all[at];
    if (word === '-H' || word === '--header') {
      const [name, ...rest] = (all[at += 1] || '').split(':');
      if (!HIDDEN.test(name.trim())) headers[name.trim().toLowerCase()] = rest.join(':').trim();
    } else if (/^(-d|--data|--data-raw|--data-binary|--json)$/.test(word)) data = all[at += 1];
    else if (/^https?:\/\//.test(word)) { const url = new URL(word); url.searchParams.delete('key'); path = url.pathname + url.search; }
  }
  try {
    const body = JSON.parse(data);
    path ??= guess(body);
    return { path, body, headers: Object.keys(headers).length ? headers : undefined, format: formatOf(path) };
  } catch { return null; }
}
