/**
 * Texts by key. `i18n/LANG.js` has those of the shell and of components, `i18n/LANG/PAGE.js` those of a page; they are sent as one.
 *
 * `{name}` is filled in (numbers as the language writes them); `{n, plural, one {# key} other {# keys}}` chooses by
 * `Intl.PluralRules`, `#` being the number.
 */
import { signal, kept } from './lib.js';

export const LANGS = [{ value: 'en', label: 'English' }, { value: 'zh', label: '简体中文' }];

const first = () => {
  const was = kept.get('lang');
  if (was === 'en' || was === 'zh') return was;
  return (navigator.languages || [navigator.language]).some((tag) => /^(zh|en)\b/i.test(tag))
    && /^zh\b/i.test((navigator.languages || [navigator.language]).find((tag) => /^(zh|en)\b/i.test(tag))) ? 'zh' : 'en';
};

/** 'en' | 'zh'. Whatever reads it (each `t`) follows a change at once. */
export const lang = signal(first());
const texts = signal({ en: {}, zh: {} });

/** The tag for `Intl`. */
export const locale = () => (lang.value === 'zh' ? 'zh-CN' : 'en-US');

/** Loads the texts of a language. */
export async function loadTexts(language = lang.peek()) {
  const more = (await import(`./i18n/${language}.js`)).default;
  texts.value = { ...texts.peek(), [language]: more };
}

/** @param {'en'|'zh'} next */
export async function setLang(next) {
  await loadTexts(next);
  kept.set('lang', next);
  document.documentElement.lang = next === 'zh' ? 'zh-CN' : 'en';
  lang.value = next;
}

const formats = new Map();
const numberOf = (value) => {
  const key = locale();
  if (!formats.has(key)) formats.set(key, new Intl.NumberFormat(key, { maximumFractionDigits: 3 }));
  return formats.get(key).format(value);
};
const told = (value) => (typeof value === 'number' ? numberOf(value) : String(value));

// The end of the `{…}` that opens at `from`.
function closing(text, from) {
  let depth = 0;
  for (let at = from; at < text.length; at += 1) {
    if (text[at] === '{') depth += 1;
    if (text[at] === '}' && (depth -= 1) === 0) return at;
  }
  return text.length;
}

function plural(body, vars) {
  const [name] = body.split(',', 1);
  const value = vars[name.trim()];
  const cases = {};
  const rest = body.slice(body.indexOf(',', body.indexOf(',') + 1) + 1);
  for (let at = 0; at < rest.length;) {
    const open = rest.indexOf('{', at);
    if (open < 0) break;
    const end = closing(rest, open);
    cases[rest.slice(at, open).trim()] = rest.slice(open + 1, end);
    at = end + 1;
  }
  const rule = new Intl.PluralRules(locale()).select(Number(value));
  const chosen = cases[`=${value}`] ?? cases[rule] ?? cases.other ?? '';
  return fill(chosen.replaceAll('#', told(value)), vars);
}

function fill(text, vars) {
  const parts = [];
  let at = 0;
  for (;;) {
    const open = text.indexOf('{', at);
    if (open < 0) break;
    parts.push(text.slice(at, open));
    const end = closing(text, open);
    const body = text.slice(open + 1, end);
    if (/^\s*\w+\s*,\s*plural\s*,/.test(body)) parts.push(...plural(body, vars));
    else {
      const value = vars[body.trim()];
      parts.push(value == null ? '' : typeof value === 'object' ? value : told(value));
    }
    at = end + 1;
  }
  parts.push(text.slice(at));
  return parts.filter((part) => part !== '');
}

const raw = (key) => texts.value[lang.value][key] ?? texts.value.en[key];

/** A text. A key that there is not shows itself. */
export function t(key, vars = {}) {
  const text = raw(key);
  if (text == null) return key;
  // 2.41万 次 → 2.41万次: a number that ends in a word needs no space after it.
  return text.includes('{') ? fill(text, vars).join('').replace(/([万亿]) (?=[一-鿿])/g, '$1') : text;
}

/** A text with elements in it: `tx('hint', {file: html`<code>a.yaml</code>`})` → children. */
export function tx(key, vars = {}) {
  const text = raw(key);
  return text == null ? key : fill(text, vars);
}

/** Whether there is such a text: for names that the API may add to. */
export const has = (key) => raw(key) != null;

/** The text of a name that the API gives, or the name itself: `name('ending', 'client_gone')`. */
export const name = (group, value) => raw(`${group}.${value}`) ?? String(value ?? '');
