/** What requests are found by: as it stands in the URL, as chips, as the API is asked, and as a request is looked at live. */
import { t, name as named } from '../../i18n.js';
import { duration } from '../../format.js';
import { route, setQuery } from '../../router.js';

const flag = (of) => ({ kind: 'flag', values: ['true', 'false'], test: (request, value) => of(request) === (value === 'true') });
const text = (of, source) => ({ kind: 'text', source, test: (request, value) => of(request) === value });
const named2 = (group, values, of) => ({ kind: 'names', group, values, test: (request, value) => of(request) === value });

/** Whether more than one endpoint was asked. */
export const failedOver = (request) => new Set(request.attempts.map((one) => `${one.provider} ${one.model}`)).size > 1;

/** Every filter by its parameter, in the order of the list. `source`: where its values are named. */
export const FIELDS = {
  model: text((one) => one.model, 'models'),
  provider: text((one) => one.provider, 'providers'),
  endpoint: text((one) => one.endpoint, 'endpoints'),
  client_key: text((one) => one.client_key, 'client-keys'),
  tenant: text((one) => one.tenant, 'tenants'),
  status: {
    kind: 'status', values: ['2xx', '4xx', '5xx', '401', '404', '429', '499', '502', '503'],
    test: (one, value) => (/^\dxx$/.test(value) ? String(one.status)[0] === value[0] : String(one.status) === value),
  },
  ending: named2('requests.ending', ['complete', 'refused', 'broken', 'client_gone'], (one) => one.ending),
  failover: flag(failedOver),
  min_attempts: { kind: 'number', values: ['2', '3', '4'], test: (one, value) => one.attempts.length >= Number(value) },
  slower_than_ms: { kind: 'duration', values: ['500', '1000', '2000', '5000', '10000', '30000'], test: (one, value) => one.total_ms >= Number(value) },
  losses: flag((one) => one.losses.length > 0),
  format: named2('requests.format', ['openai_chat', 'openai_responses', 'anthropic', 'gemini'], (one) => one.format),
  stream: flag((one) => one.stream),
};

/** "2s", "500ms", "1m" or a number of ms → ms as text; null where it is none. */
export function millis(said) {
  const found = /^(\d+(?:\.\d+)?)\s*(ms|s|m|min|毫秒|秒|分)?$/i.exec(said.trim());
  if (!found) return null;
  const unit = { s: 1e3, 秒: 1e3, m: 60e3, min: 60e3, 分: 60e3 }[(found[2] || 'ms').toLowerCase()] || 1;
  const ms = Math.round(Number(found[1]) * unit);
  return ms <= 86400e3 ? String(ms) : null;
}

/** A value that was typed, as the API takes it; null where it is none. */
export function valueOf(key, said) {
  const field = FIELDS[key];
  const typed = said.trim();
  if (!typed) return null;
  if (field.kind === 'duration') return millis(typed);
  if (field.kind === 'status') return /^([245]xx|[1-5]\d\d)$/i.test(typed) ? typed.toLowerCase() : null;
  if (field.kind === 'text') return typed;
  if (field.kind === 'number') return /^\d{1,3}$/.test(typed) && Number(typed) > 0 ? String(Number(typed)) : null;
  return field.values.find((one) => one === typed || shownValue(key, one).toLowerCase() === typed.toLowerCase()) ?? null;
}

/** What a chip says. */
export function shownValue(key, value) {
  const field = FIELDS[key];
  if (field.kind === 'duration') return duration(Number(value));
  if (field.kind === 'names') return named(field.group, value);
  if (field.kind === 'number') return t('requests.least', { n: Number(value) });
  if (field.kind === 'flag') return t(value === 'true' ? 'requests.yes' : 'requests.no');
  if (field.kind === 'status') return /^\dxx$/.test(value) ? `${value} · ${t(`requests.status.${value}`)}` : value;
  return key === 'model' ? named('pool', value) : value;
}

export const fieldLabel = (key) => t(`requests.field.${key}`);

/** {field: value} of the URL; what nobody knows, or what cannot be, is left out. */
export function filtersOf(query) {
  const found = {};
  for (const key of Object.keys(FIELDS)) {
    const value = query.get(key);
    if (value && valueOf(key, value) != null) found[key] = FIELDS[key].kind === 'text' ? value : valueOf(key, value);
  }
  return found;
}

/** What the URL says besides filters. */
const OTHERS = new Set(['open', 'body', 'live', 'from', 'until']);
/** Names in the URL that are no filter, and filters whose value cannot be: they hold nothing back, which has to be said. */
export const strangers = (query) => [...new Set(query.keys())].filter((key) => !OTHERS.has(key) && query.get(key) && (!FIELDS[key] || valueOf(key, query.get(key)) == null)).concat(['from', 'until'].filter((key) => query.get(key) && !momentOf(query, key)));

/** {from?, until?} of the URL: "1h", or a moment; what is neither is left out. */
export const spanOf = (query) => ({ from: momentOf(query, 'from'), until: momentOf(query, 'until') });
function momentOf(query, key) {
  const said = query.get(key) || '';
  return /^\d{1,9}[smhdw]$/.test(said) || (/^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:?\d\d)$/i.test(said) && Date.parse(said)) ? said : undefined;
}

/** Whether a request that has just ended belongs to them. */
export const matches = (request, filters) => Object.entries(filters).every(([key, value]) => FIELDS[key].test(request, value));

/** Sets or (null) removes filters; the list begins anew. */
export const setFilters = (changes) => setQuery(changes, { push: true });

/** Removes all filters and the time. */
export const clearFilters = () => setFilters({ ...Object.fromEntries(Object.keys(FIELDS).map((key) => [key, null])), from: null, until: null });

/** The filters in force now. */
export const current = () => filtersOf(route.value.query);
