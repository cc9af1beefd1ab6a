/**
 * The settings that a section has, and how each is edited: 'time' and 'size' are texts as the file has them (250ms, 32MiB), 'share'
 * is 20%. A section without fields is one value. What holds where nothing is said the API tells (`default`).
 */
export const SECTIONS = [
  { name: 'auth', kind: 'choice', options: ['auto', 'keys', 'open'] },
  { name: 'strict', kind: 'switch' },
  { name: 'debug_headers', kind: 'switch' },
  { name: 'default_model', kind: 'model' },
  { name: 'reply_model', kind: 'choice', options: ['answered', 'requested'] },
  { name: 'ping', kind: 'time' },
  { name: 'timeouts', fields: [['connect', 'time'], ['first_token', 'time'], ['response', 'time'], ['idle', 'time'], ['total', 'time']] },
  { name: 'retry', fields: [['retries', 'number'], ['base', 'time'], ['max', 'time'], ['max_attempts', 'number'], ['patience', 'time'], ['budget', 'share']] },
  { name: 'cooldown', fields: [['base', 'time'], ['max', 'time'], ['probe_after', 'time']] },
  { name: 'breaker', fields: [['failures', 'number'], ['open_for', 'time']] },
  { name: 'limits', fields: [['max_body', 'size'], ['max_body_in_flight', 'size'], ['body_read', 'time']] },
  { name: 'log', fields: [['format', 'choice', ['text', 'json']], ['requests', 'switch'], ['bodies.enabled', 'switch'], ['bodies.max', 'size'], ['retention.days', 'number'], ['retention.size', 'size']] },
];

const steps = (name) => name.split('.');

/** What stands at `a.b` of a body. */
export const at = (body, name) => steps(name).reduce((inner, step) => (inner && typeof inner === 'object' ? inner[step] : undefined), body);

/** A copy with `a.b` set; undefined takes it out, and what is empty then. */
export function put(body, name, value) {
  const [step, ...rest] = steps(name);
  const copy = body && typeof body === 'object' ? { ...body } : {};
  const inner = rest.length ? put(copy[step], rest.join('.'), value) : value;
  if (inner === undefined || (rest.length && Object.keys(inner).length === 0)) delete copy[step];
  else copy[step] = inner;
  return copy;
}
