/**
 * The settings that a section has, with what holds where nothing is said. `kind`: 'time' and 'size' are texts as the file has them
 * (250ms, 32MiB), 'share' is 20%. A section without fields is one value.
 */
export const SECTIONS = [
  { name: 'auth', kind: 'choice', options: ['auto', 'keys', 'open'], fallback: 'auto' },
  { name: 'strict', kind: 'switch', fallback: false },
  { name: 'debug_headers', kind: 'switch', fallback: true },
  { name: 'default_model', kind: 'model', fallback: null },
  { name: 'reply_model', kind: 'choice', options: ['answered', 'requested'], fallback: 'answered' },
  { name: 'ping', kind: 'time', fallback: '10s' },
  { name: 'timeouts', fields: [['connect', 'time', '10s'], ['first_token', 'time', '60s'], ['response', 'time', '300s'], ['idle', 'time', '60s'], ['total', 'time', '600s']] },
  { name: 'retry', fields: [['retries', 'number', 2], ['base', 'time', '250ms'], ['max', 'time', '5s'], ['max_attempts', 'number', 6], ['patience', 'time', '2500ms'], ['budget', 'share', '20%']] },
  { name: 'cooldown', fields: [['base', 'time', '5s'], ['max', 'time', '60s'], ['probe_after', 'time', '10s']] },
  { name: 'breaker', fields: [['failures', 'number', 5], ['open_for', 'time', '60s']] },
  { name: 'limits', fields: [['max_body', 'size', '32MiB'], ['max_body_in_flight', 'size', '1GiB'], ['body_read', 'time', '30s']] },
  { name: 'log', fields: [['format', 'choice', 'text', ['text', 'json']], ['requests', 'switch', true], ['bodies.enabled', 'switch', false], ['bodies.max', 'size', '64KiB'], ['retention.days', 'number', 30], ['retention.size', 'size', '5GiB']] },
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
