/** Numbers, money, times as the language writes them. Each says its unit; absent is '–', never 0. */
import { lang, locale, t } from './i18n.js';

const NONE = '–';
const cache = new Map();
function intl(Kind, options) {
  const key = `${Kind.name}${lang.value}${JSON.stringify(options)}`;
  if (!cache.has(key)) cache.set(key, new Kind(locale(), options));
  return cache.get(key);
}
const missing = (value) => value == null || Number.isNaN(value);

/** 12,345.6 */
export const number = (value, digits = 0) => (missing(value) ? NONE
  : intl(Intl.NumberFormat, { maximumFractionDigits: digits }).format(value));

/** 1.2K, 34M: for tiles and axes; the whole number belongs into the title. */
export const compact = (value) => (missing(value) ? NONE
  : Math.abs(value) < 10000 ? number(value, Math.abs(value) < 10 ? 1 : 0)
    : intl(Intl.NumberFormat, { notation: 'compact', maximumSignificantDigits: 3 }).format(value));

/** A share (0–1) as 12.3 %. */
export const percent = (share, digits) => (missing(share) ? NONE
  : intl(Intl.NumberFormat, { style: 'percent', maximumFractionDigits: digits ?? (share > 0 && share < 0.1 ? 2 : share < 1 ? 1 : 0) }).format(share));

/** US dollars; small sums keep the digits that say something: $0.00042. */
export function money(usd, { brief = false } = {}) {
  if (missing(usd)) return NONE;
  if (brief && usd > 0 && usd < 0.0001) return `<${money(0.0001)}`;
  const size = Math.abs(usd);
  const digits = size === 0 || size >= 1 ? { minimumFractionDigits: 2, maximumFractionDigits: 2 }
    : size >= 0.01 ? { minimumFractionDigits: 2, maximumFractionDigits: 4 } : { maximumSignificantDigits: 2 };
  return intl(Intl.NumberFormat, { style: 'currency', currency: 'USD', currencyDisplay: 'narrowSymbol', ...digits, ...(brief && { trailingZeroDisplay: 'stripIfInteger' }) }).format(usd);
}

/** Milliseconds as 240 ms, 1.24 s, 3 min 20 s, 2 h 5 min, 3 d 4 h. */
export function duration(ms) {
  if (missing(ms)) return NONE;
  const size = Math.abs(ms);
  if (size < 1000) return t('unit.ms', { n: size < 10 ? number(ms, 1) : number(ms) });
  if (size < 60e3) return t('unit.s', { n: number(ms / 1000, size < 10e3 ? 2 : 1) });
  const two = (big, first, small, second) => {
    const rest = Math.floor(ms / small) % Math.round(big / small);
    const head = t(first, { n: number(Math.floor(ms / big)) });
    return rest ? `${head} ${t(second, { n: number(rest) })}` : head;
  };
  if (size < 3600e3) return two(60e3, 'unit.min', 1e3, 'unit.s');
  if (size < 86400e3) return two(3600e3, 'unit.h', 60e3, 'unit.min');
  return two(86400e3, 'unit.d', 3600e3, 'unit.h');
}

/** 12.4 kB */
export function bytes(value) {
  if (missing(value)) return NONE;
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let at = 0;
  let size = value;
  while (size >= 1000 && at < units.length - 1) { size /= 1000; at += 1; }
  return `${number(size, at && size < 100 ? 1 : 0)} ${units[at]}`;
}

/** A rate with its unit: rate(3.2, 'req') → "3.2 req/s". Units: `unit.per_s.NAME`. */
export const rate = (value, unit = 'req') => t(`unit.per_s.${unit}`, { n: missing(value) ? NONE : compact(value) });

/** Tokens with their unit. */
export const tokens = (value) => (missing(value) ? NONE : t('unit.tokens', { n: compact(value), count: value }));

const at = (time) => (time instanceof Date ? time : new Date(time));

/** 21 Nov 2026, 15:58:54 */
export const dateTime = (time) => (time == null ? NONE
  : intl(Intl.DateTimeFormat, { dateStyle: 'medium', timeStyle: 'medium', hourCycle: 'h23' }).format(at(time)));

/** 21 Nov 2026 */
export const date = (time) => (time == null ? NONE : intl(Intl.DateTimeFormat, { dateStyle: 'medium' }).format(at(time)));

/** 21 Nov: for axes of days. */
export const day = (time) => intl(Intl.DateTimeFormat, { month: 'short', day: 'numeric' }).format(at(time));

/** 15:58:54, with milliseconds where asked; with the date where it is not today. */
export function time(when, { millis = false, always = false } = {}) {
  if (when == null) return NONE;
  const moment = at(when);
  const options = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' };
  if (millis) options.fractionalSecondDigits = 3;
  if (!always && moment.toDateString() !== new Date().toDateString()) Object.assign(options, { month: 'short', day: 'numeric' });
  return intl(Intl.DateTimeFormat, options).format(moment);
}

/** "3 minutes ago", "in 2 hours". */
export function ago(when, now = Date.now()) {
  if (when == null) return NONE;
  const seconds = (at(when).getTime() - now) / 1000;
  const steps = [['second', 60], ['minute', 60], ['hour', 24], ['day', 30], ['month', 12], ['year', Infinity]];
  let value = seconds;
  for (const [unit, size] of steps) {
    if (Math.abs(value) < size) return intl(Intl.RelativeTimeFormat, { numeric: 'auto', style: 'short' }).format(Math.round(value), unit);
    value /= size;
  }
  return NONE;
}

/** Names as a sentence has them: a, b and c. */
export const list = (items) => (lang.value === 'zh' ? items.join('、') : intl(Intl.ListFormat, { type: 'conjunction' }).format(items));

/** What a request is known by: its virtual model; without one, the name that was asked for. */
export const modelOf = (request) => (request.model && request.model !== '(exposed)' ? request.model : request.asked_model ?? null);

/** The endpoint that answered, by its model upstream: also where that was asked for by its real name. */
export const endpointOf = (request) => (request.endpoint !== '(exposed)' ? request.endpoint : request.attempts?.[request.attempts.length - 1]?.model ?? request.asked_model);

/** Compares texts as people sort them. */
export const compare = (a, b) => intl(Intl.Collator, { numeric: true, sensitivity: 'base' }).compare(a ?? '', b ?? '');
