/** Providers as the page shows them: how they stand, what a probe says, where they live. */
import { has, t, name as named } from '../../i18n.js';
import { overall } from '../models/data.js';

/** Vendors whose addresses people know by name. */
export const VENDORS = [
  ['OpenAI', 'https://api.openai.com/v1'], ['Anthropic', 'https://api.anthropic.com'], ['Gemini', 'https://generativelanguage.googleapis.com'],
  ['OpenRouter', 'https://openrouter.ai/api/v1'], ['DeepSeek', 'https://api.deepseek.com'], ['Groq', 'https://api.groq.com/openai/v1'],
  ['Mistral', 'https://api.mistral.ai/v1'], ['Ollama', 'http://localhost:11434/v1'],
].map(([label, url]) => ({ label, url }));

export const FORMATS = ['openai_chat', 'openai_responses', 'anthropic', 'gemini'];
export const FORMAT_NAMES = { openai_chat: 'OpenAI Chat', openai_responses: 'OpenAI Responses', anthropic: 'Anthropic', gemini: 'Gemini' };
/** The formats of a provider's body, as a list. */
export const formatsOf = (body) => [body.format ?? []].flat();
/** Its address in a line. */
export const addressOf = (body) => (typeof body.base_url === 'string' ? body.base_url : Object.values(body.base_url ?? {})[0] ?? '');
export const hostOf = (url) => { try { return new URL(url).host; } catch { return url; } };


/** A name for a provider at an address, that no other has. */
export function nameFor(url, taken) {
  let host = '';
  try { host = new URL(/^\w+:\/\//.test(url) ? url : `https://${url}`).hostname; } catch { return ''; }
  const known = VENDORS.find((one) => hostOf(one.url).split(':')[0] === host && host !== 'localhost');
  const parts = host.split('.');
  const local = host === 'localhost' || /^[\d.]+$/.test(host);
  let name = known ? known.label.toLowerCase() : local ? (/:11434\b/.test(url) ? 'ollama' : 'local') : parts.length > 2 && /^(api|www|gateway|llm|openai|ai|v1)$/.test(parts[0]) ? parts[1] : parts.length > 2 && parts[1].length > 3 ? parts[1] : parts[0];
  name = name.replace(/[^a-z0-9-]+/gi, '-').toLowerCase();
  if (!taken.includes(name)) return name;
  let n = 2;
  while (taken.includes(`${name}-${n}`)) n += 1;
  return `${name}-${n}`;
}

/** Reasons for which the words are the gateway's own: the vendor has said nothing. */
const UNREACHED = new Set(['unresolved', 'unconnected', 'tls', 'timeout', 'broken']);
/** What was said to it, and by whom. */
export const wordsOf = (reason, words) => (words && !UNREACHED.has(reason) ? t('providers.refused.words', { words }) : words ?? '');

/** What a refused probe or pull means: {reason, field, words, open}; null where it is another error. `open`: the provider can be made all the same. */
export function refusal(error) {
  const { reason } = error;
  if (!reason) return null;
  const reached = !UNREACHED.has(reason);
  return { reason, field: reason === 'key_refused' || reason === 'unpaid' ? 'key' : 'url', words: error.vendorWords, open: reached && reason !== 'key_refused' };
}

/** The same as a sentence. */
export const refusalText = (found) => named('reason', found.reason) + (found.words ? ` ${wordsOf(found.reason, found.words)}` : '');

/** Keys of a provider, each with its worst state over its endpoints: by place, from 1. */
export function keyStates(endpoints, provider) {
  const states = {};
  const rank = (state) => ['well', 'limited', 'unpaid', 'forbidden', 'unauthenticated'].indexOf(state);
  for (const row of endpoints ?? []) {
    if (row.provider !== provider) continue;
    row.keys.forEach((key, at) => {
      const number = Number(/^#(\d+)/.exec(key.masked)?.[1] ?? at + 1);
      const was = states[number];
      if (!was || rank(key.state) > rank(was.state)) states[number] = { ...key, models: key.state === 'well' ? [] : [row.model] };
      else if (key.state === was.state && key.state !== 'well' && !was.models.includes(row.model)) was.models.push(row.model);
    });
  }
  return states;
}

/** How a provider is: {state, why}. */
export function stateOf(provider, endpoints) {
  if (provider.home === 'shadowed') return { state: 'unknown', label: t('providers.not_in_force') };
  if (provider.fault) return { state: 'failed', label: t('providers.left_out'), why: provider.fault };
  if (provider.body.enabled === false) return { state: 'disabled' };
  const rows = (endpoints ?? []).filter((one) => one.provider === provider.name);
  if (!rows.length) return { state: 'unknown', label: t('providers.unused'), why: t('providers.unused.why') };
  const keys = Object.values(keyStates(endpoints, provider.name));
  const refused = keys.filter((key) => ['unauthenticated', 'unpaid', 'forbidden'].includes(key.state));
  if (keys.length && refused.length === keys.length) return { state: 'refused', label: t('providers.keys.all_refused', { n: keys.length }), why: has(`models.key.${refused[0].state}`) ? t(`models.key.${refused[0].state}`) : null };
  const state = overall(rows);
  if (state !== 'well') return { state, why: [...new Set(rows.filter((one) => one.enabled && one.state !== 'well').map((one) => one.model))].join(', ') };
  if (refused.length) return { state: 'degraded', label: t('providers.keys.refused', { n: refused.length, all: keys.length }) };
  return { state: 'well' };
}

/** Who has endpoints at it: [{model, n, editable}]. */
export const users = (models, name) => models.filter((one) => one.home !== 'shadowed').map((model) => ({ model, n: model.body.endpoints.filter((one) => one.provider === name).length })).filter((one) => one.n);
