/** The query bar: chips of what is in force, and a field that knows filters and their values. "/" leads to it. */
import { html, cx, useState, useRef, useMemo, useEffect, useLayoutEffect } from '../../lib.js';
import { t } from '../../i18n.js';
import { useResource } from '../../resource.js';
import { compare } from '../../format.js';
import { Icon, Chip, Popover, IconButton } from '../../kit/index.js';
import { FIELDS, fieldLabel, shownValue, valueOf, setFilters, clearFilters } from './filters.js';

const ID = /^[0-9a-hjkmnp-tv-z]{26}$/i;
const MOST_OFFERED = 40;

/** Names that the gateway knows, by source; asked for when the field is first used. */
function useNames(wanted) {
  const models = useResource(wanted ? '/models' : null);
  const endpoints = useResource(wanted ? '/endpoints' : null);
  const providers = useResource(wanted ? '/providers' : null);
  const keys = useResource(wanted ? '/client-keys' : null);
  const tenants = useResource(wanted ? '/tenants' : null);
  return useMemo(() => {
    const of = (list, pick = (one) => one.name) => [...new Set((list.data?.items ?? []).map(pick))].sort(compare);
    return { models: of(models), providers: of(providers), 'client-keys': of(keys), tenants: of(tenants), endpoints: of(endpoints, (one) => one.model).filter((one) => one !== '*') };
  }, [models.data, endpoints.data, providers.data, keys.data, tenants.data]);
}

const holds = (hay, words) => words.every((word) => hay.includes(word));

/** What may follow what is typed: {label, hint?, field?, run}. */
function suggestions(typed, field, names, take) {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const values = (key) => (FIELDS[key].source ? names[FIELDS[key].source] : FIELDS[key].values);
  if (field) {
    const own = valueOf(field, typed);
    const list = values(field).filter((value) => holds(`${value} ${shownValue(field, value)}`.toLowerCase(), words));
    // A name that is only begun stands behind those that begin so.
    if (own != null && !list.includes(own)) list[FIELDS[field].kind === 'text' ? 'push' : 'unshift'](own);
    return list.slice(0, MOST_OFFERED).map((value) => ({ key: value, label: shownValue(field, value), run: () => take.value(field, value) }));
  }
  const id = typed.trim().toLowerCase();
  if (ID.test(id)) return [{ key: id, icon: 'requests', label: t('requests.open.id'), hint: id, run: () => take.open(id) }];
  const fields = Object.keys(FIELDS).filter((key) => holds(`${key} ${fieldLabel(key)}`.toLowerCase(), words))
    .map((key) => ({ key, icon: 'filter', label: fieldLabel(key), hint: t(`requests.field.${key}.hint`), run: () => (FIELDS[key].kind === 'flag' && key !== 'stream' ? take.value(key, 'true') : take.field(key)) }));
  if (!words.length) return fields;
  const found = Object.keys(FIELDS).filter((key) => FIELDS[key].kind !== 'flag').flatMap((key) => {
    const own = FIELDS[key].kind === 'text' ? null : valueOf(key, typed);
    const list = values(key).filter((value) => holds(`${value} ${shownValue(key, value)}`.toLowerCase(), words));
    if (own != null && !list.includes(own) && (!['duration', 'number'].includes(FIELDS[key].kind) || !/^\d{3}$/.test(typed.trim()))) list.push(own);
    return list.slice(0, 6).map((value) => ({ key: `${key} ${value}`, field: fieldLabel(key), label: shownValue(key, value), run: () => take.value(key, value) }));
  });
  const [first, ...rest] = words;
  const said = rest.length === 0 ? [] : Object.keys(FIELDS).filter((key) => `${key} ${fieldLabel(key)}`.toLowerCase().split(/[\s_]/).some((word) => word.startsWith(first)))
    .map((key) => [key, valueOf(key, rest.filter((word) => word !== 'than').join(' '))]).filter(([, value]) => value != null)
    .map(([key, value]) => ({ key: `${key} ${value}`, field: fieldLabel(key), label: shownValue(key, value), run: () => take.value(key, value) }));
  return [...fields, ...found, ...said].slice(0, MOST_OFFERED);
}

/** @param {{filters: object, open: (id: string) => void}} props */
export function QueryBar({ filters, open }) {
  const [typed, setTyped] = useState('');
  const [field, setField] = useState(null);
  const [shown, show] = useState(false);
  const [at, setAt] = useState(0);
  const [used, use] = useState(false);
  const box = useRef();
  const input = useRef();
  const names = useNames(used);
  const set = Object.keys(filters);
  const reset = () => { setTyped(''); setField(null); setAt(0); };
  const take = {
    value: (key, value) => { reset(); setFilters({ [key]: value }); input.current?.focus(); show(false); },
    field: (key) => { setTyped(''); setField(key); setAt(0); show(true); input.current?.focus(); },
    open: (id) => { reset(); show(false); open(id); },
  };
  const list = shown ? suggestions(typed, field, names, take) : [];
  useEffect(() => {
    const slash = (event) => {
      if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.('input,textarea,select,[role=dialog]')) return;
      event.preventDefault();
      input.current?.focus();
    };
    addEventListener('keydown', slash);
    return () => removeEventListener('keydown', slash);
  }, []);
  const write = (text) => {
    setAt(0);
    show(true);
    const colon = /^\s*([^:：]+)[:：]\s*(.*)$/.exec(text);
    const named = colon && !field && Object.keys(FIELDS).find((key) => [key, key.split('_')[0], fieldLabel(key).toLowerCase()].includes(colon[1].trim().toLowerCase()));
    if (named) { setField(named); setTyped(colon[2]); } else setTyped(text);
  };
  const keys = (event) => {
    const last = set[set.length - 1];
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      if (!shown) show(true);
      else setAt(Math.max(0, Math.min(list.length - 1, at + (event.key === 'ArrowDown' ? 1 : -1))));
    } else if (event.key === 'Enter') { event.preventDefault(); if (!event.isComposing) list[at]?.run(); } else if (event.key === 'Backspace' && !typed) {
      if (field) { event.preventDefault(); setField(null); } else if (last) { event.preventDefault(); setFilters({ [last]: null }); }
    } else if (event.key === 'Escape' && shown) { event.preventDefault(); event.stopPropagation(); if (field) setField(null); else show(false); }
  };
  const leave = () => { show(false); setField(null); };
  return html`<div class=${cx('requests-query', shown && 'focused')} ref=${box} role="search" onClick=${(event) => { if (event.target === event.currentTarget) input.current.focus(); }}>
    <${Icon} name="search" />
    ${set.map((key) => html`<${Chip} key=${key} label=${fieldLabel(key)} mono=${FIELDS[key].kind === 'text'} onClick=${() => { use(true); take.field(key); }} onRemove=${() => setFilters({ [key]: null })}
      removeLabel=${t('requests.remove', { name: fieldLabel(key) })}>${shownValue(key, filters[key])}</${Chip}>`)}
    ${field && html`<span class="requests-field">${fieldLabel(field)}:</span>`}
    <input ref=${input} value=${typed} role="combobox" aria-label=${t('requests.query')} aria-expanded=${String(shown)} aria-controls="requests-suggest" aria-autocomplete="list" autocomplete="off" spellcheck=${false}
      aria-activedescendant=${list[at] ? `requests-suggest-${at}` : null} placeholder=${field ? t(`requests.field.${field}.hint`) : set.length ? t('requests.query.more') : t('requests.query.empty')}
      onFocus=${() => { use(true); show(true); }} onClick=${() => show(true)} onBlur=${leave} onInput=${(event) => write(event.target.value)} onKeyDown=${keys} />
    ${set.length > 0 && html`<${IconButton} icon="close" size="small" label=${t('requests.clear')} onClick=${clearFilters} />`}
    ${set.length === 0 && !typed && html`<kbd class="requests-slash" aria-hidden="true">/</kbd>`}
    ${shown && html`<${Popover} anchor=${box} close=${leave} width="anchor" class="listbox requests-listbox"><${List} list=${list} at=${at} field=${field} /></${Popover}>`}
  </div>`;
}

function List({ list, at, field }) {
  const root = useRef();
  useLayoutEffect(() => { root.current?.querySelector('.active')?.scrollIntoView({ block: 'nearest' }); }, [at]);
  return html`<div role="listbox" id="requests-suggest" ref=${root} aria-label=${t('requests.query')}>
    ${list.map((one, i) => html`<div key=${one.key} role="option" id=${`requests-suggest-${i}`} aria-selected=${String(i === at)} class=${cx('option', i === at && 'active')}
      onPointerDown=${(event) => { event.preventDefault(); one.run(); }}>${one.icon && html`<${Icon} name=${one.icon} size=${14} class="dim" />`}${one.field && html`<span class="dim requests-option-field">${one.field}</span>`}
      <span class="cut">${one.label}</span>${one.hint && html`<small class="grow cut">${one.hint}</small>`}</div>`)}
    ${!list.length && html`<div role="option" aria-disabled="true" aria-selected="false" class="none">${field ? t(`requests.field.${field}.hint`) : t('requests.query.none')}</div>`}
  </div>`;
}

/** The filters that a failing gateway is looked at with first, one press each. */
export const QUICK = [
  { key: 'failover', value: 'true' },
  { key: 'status', value: '5xx' },
  { key: 'ending', value: 'broken' },
  { key: 'slower_than_ms', value: '2000' },
];
