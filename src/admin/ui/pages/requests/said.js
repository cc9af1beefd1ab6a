/** A kept body as people read it, and a request as a line for a shell. */

const parsed = (text) => { try { return JSON.parse(text); } catch { return null; } };

/** JSON with line breaks; other text as it is. */
export function pretty(text) {
  const value = parsed(text);
  return value === null ? { text, json: false } : { text: JSON.stringify(value, null, 2), json: true };
}

const all = (parts, pick) => (parts ?? []).map(pick).filter((one) => typeof one === 'string').join('');
/** What an event, or a whole answer, says: of any of the four formats. */
function words(value) {
  if (!value || typeof value !== 'object') return '';
  if (value.choices) return all(value.choices.slice(0, 1), (one) => one.delta?.content ?? one.message?.content ?? one.text);
  if (value.candidates) return all(value.candidates[0]?.content?.parts, (part) => (part.thought ? '' : part.text));
  if (value.type === 'response.output_text.delta') return value.delta ?? '';
  if (value.type === 'content_block_delta') return value.delta?.text ?? '';
  if (value.type === 'message' && Array.isArray(value.content)) return all(value.content, (part) => part.text);
  if (Array.isArray(value.output)) return value.output.map((one) => all(one.content, (part) => part.text)).filter(Boolean).join('\n');
  return '';
}

/** The words of an answer, out of its events or its JSON; '' where there are none. */
export function answer(text) {
  if (!/^(event|data|id|:)/m.test(text.slice(0, 200))) return words(parsed(text));
  return text.split('\n').filter((line) => line.startsWith('data:')).map((line) => words(parsed(line.slice(5)))).join('');
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
const KEY = {
  anthropic: ['x-api-key: $TIDEGATE_KEY', 'anthropic-version: 2023-06-01'],
  gemini: ['x-goog-api-key: $TIDEGATE_KEY'],
};

/** Where clients call: this page's address, or where the admin side is apart, the gateway's first one. */
export function gateway(status) {
  const one = status?.admin_listen && status.listen?.[0];
  return one ? `${one.tls ? 'https' : 'http'}://${location.hostname}:${one.address.split(':').pop()}` : location.origin;
}

/** The request for a shell. Without its kept body: with a body that asks for the same model. @param {string|null} body */
export function curl(request, body, base) {
  const headers = [...(KEY[request.format] ?? ['authorization: Bearer $TIDEGATE_KEY'])];
  const json = body == null ? null : parsed(body);
  const said = body ?? JSON.stringify(blank(request));
  if (json || body == null) headers.push('content-type: application/json');
  const stream = request.format === 'gemini' && request.stream && /:streamGenerateContent$/.test(request.path) ? '?alt=sse' : '';
  const lines = [`curl ${request.stream ? '-N ' : ''}${quoted(base + request.path + stream)}`];
  if (request.method !== 'POST') lines[0] += ` -X ${request.method}`;
  lines.push(...headers.map((one) => `-H "${one}"`));
  if (request.method === 'POST') lines.push(`-d ${quoted(json ? JSON.stringify(json) : said)}`);
  return lines.join(' \\\n  ');
}

function blank(request) {
  const model = request.asked_model ?? request.model ?? '';
  const turn = { role: 'user', content: '…' };
  if (request.format === 'gemini') return { contents: [{ role: 'user', parts: [{ text: '…' }] }] };
  if (request.format === 'openai_responses') return { model, stream: request.stream, input: '…' };
  if (request.format === 'anthropic') return { model, stream: request.stream, max_tokens: 1024, messages: [turn] };
  return { model, stream: request.stream, messages: [turn] };
}
