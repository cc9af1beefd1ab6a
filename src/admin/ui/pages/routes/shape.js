/** A route as the API has it, and as the editor holds it. */
import { uid } from '../../lib.js';

/** The conditions of `when`, in the order in which a sentence has them. */
export const KINDS = ['model', 'model_contains', 'format', 'client_key', 'header', 'body', 'tokens_over', 'tokens_under', 'tools', 'images', 'stream'];
/** Those of which there may be several. */
export const MANY = new Set(['header', 'body']);
const FLAGS = new Set(['tools', 'images', 'stream']);
const SIZES = new Set(['tokens_over', 'tokens_under']);

/** A value or a list of them, as texts. */
export const texts = (value) => (value == null ? [] : Array.isArray(value) ? value : [value]).map((one) => (typeof one === 'string' ? one : JSON.stringify(one)));

/** 'flag' | 'size' | 'pair' | 'list': what a condition's value is. */
export const typeOf = (kind) => (FLAGS.has(kind) ? 'flag' : SIZES.has(kind) ? 'size' : MANY.has(kind) ? 'pair' : 'list');

/** `when` as a list: [{kind, key?, values?, value?}]. */
export function conditionsOf(when) {
  const all = [];
  for (const kind of KINDS) {
    const said = when?.[kind];
    if (said == null) continue;
    if (MANY.has(kind)) for (const [key, values] of Object.entries(said)) all.push({ kind, key, values: texts(values) });
    else if (FLAGS.has(kind) || SIZES.has(kind)) all.push({ kind, value: said });
    else all.push({ kind, values: texts(said) });
  }
  return all;
}

/** A condition of that kind with nothing in it yet. */
export const fresh = (kind) => ({ id: uid('c'), kind, ...(FLAGS.has(kind) ? { value: true } : SIZES.has(kind) ? { value: null } : MANY.has(kind) ? { key: '', values: [] } : { values: [] }) });

const single = (values) => (values.length === 1 ? values[0] : values);

function whenOf(conditions) {
  const when = {};
  for (const { kind, key, values, value } of conditions) {
    if (MANY.has(kind)) (when[kind] ??= {})[key.trim()] = single(values);
    else when[kind] = values ? single(values) : value;
  }
  return when;
}

// Own keys: one, a list, or a list for each provider; each a text or {value, weight, enabled}.
function keysOf(said, provider = '') {
  if (said == null) return [];
  const key = (of) => ({ id: uid('k'), provider, value: '', ...(typeof of === 'string' ? { value: of } : of) });
  if (typeof said === 'string') return [key(said)];
  if (Array.isArray(said)) return said.map(key);
  if ('value' in said) return [key(said)];
  return Object.entries(said).flatMap(([name, keys]) => keysOf(keys, name));
}

function saidKeys(keys) {
  const said = keys.filter((key) => key.value.trim());
  if (!said.length) return undefined;
  const plain = ({ id, provider, value, weight, enabled, ...rest }) => {
    const more = { ...rest, ...(weight != null ? { weight } : {}), ...(enabled === false ? { enabled } : {}) };
    return Object.keys(more).length ? { value: value.trim(), ...more } : value.trim();
  };
  if (said.length === 1 && said[0].value.trim() === 'passthrough' && !said[0].provider) return 'passthrough';
  if (!said.some((key) => key.provider)) return said.map(plain);
  const by = {};
  for (const key of said) (by[key.provider] ??= []).push(plain(key));
  return by;
}

/** The editor's form of a body. */
export function formOf(body = {}) {
  const use = body.use;
  const endpoint = use && typeof use === 'object' ? use : {};
  const { provider = '', model = '', ...rest } = endpoint;
  return {
    name: body.name ?? '',
    conditions: conditionsOf(body.when).map((condition) => ({ id: uid('c'), ...condition })),
    target: use == null ? (body.mode === 'direct' ? 'asked' : 'model') : typeof use === 'object' ? 'endpoint' : 'model',
    model: typeof use === 'string' ? use : '',
    provider,
    upstream: model,
    rest: Object.keys(rest).length ? JSON.stringify(rest, null, 2) : '',
    mode: body.mode === 'direct' ? 'direct' : 'convert',
    keys: keysOf(body.keys),
  };
}

/** The settings of the endpoint that are written as JSON: an object, or null where it is none. */
export function restOf(text) {
  if (!text.trim()) return {};
  try {
    const said = JSON.parse(text);
    return said && typeof said === 'object' && !Array.isArray(said) ? said : null;
  } catch { return null; }
}

/** The body of a form. */
export function bodyOf(form) {
  const body = { name: form.name.trim() };
  const when = whenOf(form.conditions);
  if (Object.keys(when).length) body.when = when;
  if (form.target === 'model') body.use = form.model;
  if (form.target === 'endpoint') body.use = { provider: form.provider, ...(form.upstream ? { model: form.upstream } : {}), ...restOf(form.rest) };
  if (form.mode === 'direct' || form.target === 'asked') body.mode = 'direct';
  const keys = form.target === 'asked' ? undefined : saidKeys(form.keys);
  if (keys) body.keys = keys;
  return body;
}
