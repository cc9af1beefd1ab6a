/** A field with a list that is searched as one types. Up to some thousand options; what is not seen is not rendered. */
import { html, cx, useState, useRef, useMemo, useLayoutEffect, uid } from '../lib.js';
import { t } from '../i18n.js';
import { useField } from './field.js';
import { Popover } from './menu.js';
import { Icon } from './icons.js';

const SEEN = 60;

/** Options that have all words of the search, those that begin with it first. */
export function search(options, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return options;
  const found = options.filter((one) => {
    const hay = `${one.label} ${one.value} ${one.hint || ''}`.toLowerCase();
    return words.every((word) => hay.includes(word));
  });
  const first = (one) => (String(one.label).toLowerCase().startsWith(words[0]) ? 0 : 1);
  return found.sort((a, b) => first(a) - first(b));
}

/**
 * @param {{value: string, onChange: (value: string) => void, options: {value: string, label?: string, hint?: string}[], free?: boolean,
 *   placeholder?: string, clearable?: boolean}} props `free`: what is typed may be a value too
 */
export function Combobox({ value, onChange, options, free, placeholder, clearable, mono, class: extra, ...rest }) {
  const field = useField(rest);
  const all = useMemo(() => options.map((one) => (typeof one === 'string' ? { value: one, label: one } : { label: one.value, ...one })), [options]);
  const [typed, setTyped] = useState(null);
  const [at, setAt] = useState(0);
  const anchor = useRef();
  const list = useMemo(() => uid('l'), []);
  const open = typed != null;
  const found = useMemo(() => (open ? search(all, typed === label() ? '' : typed) : []), [all, typed]);
  const shown = found.slice(0, SEEN);
  function label() { return all.find((one) => one.value === value)?.label ?? value ?? ''; }
  const choose = (next) => { setTyped(null); setAt(0); if (next !== value) onChange(next); };
  const leave = () => { if (free && open && typed.trim() !== label()) choose(typed.trim()); else setTyped(null); };
  const keys = (event) => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      if (!open) setTyped(label());
      else setAt(Math.max(0, Math.min(shown.length - 1, at + (event.key === 'ArrowDown' ? 1 : -1))));
    } else if (event.key === 'Enter' && open) {
      event.preventDefault();
      const one = shown[at];
      if (free && typed.trim() && !(one && at > 0) && typed.trim() !== one?.label) choose(typed.trim());
      else if (one) choose(one.value);
    } else if (event.key === 'Escape' && open) { event.preventDefault(); event.stopPropagation(); setTyped(null); }
  };
  return html`<span class=${cx('input-wrap with-button combobox', extra)} ref=${anchor}>
    <input class=${cx('input', mono && 'mono')} role="combobox" aria-expanded=${String(open)} aria-controls=${list} aria-autocomplete="list" autocomplete="off" spellcheck=${false}
      aria-activedescendant=${open && shown[at] ? `${list}-${at}` : null} placeholder=${placeholder} ...${field} ...${rest} value=${open ? typed : label()}
      onInput=${(event) => { setTyped(event.target.value); setAt(0); }} onClick=${(event) => { if (!open) { setTyped(label()); event.target.select(); } }}
      onKeyDown=${keys} onBlur=${leave} />
    ${clearable && value ? html`<button type="button" class="button icon-only ghost small" aria-label=${t('do.clear')} onClick=${() => choose('')}><${Icon} name="close" size=${14} /></button>`
    : html`<${Icon} name="down" size=${14} class="caret" />`}
    ${open && html`<${Popover} anchor=${anchor} close=${leave} width="anchor" class="listbox"><${Options} id=${list} shown=${shown} more=${found.length - shown.length} at=${at} value=${value} choose=${choose} free=${free} /></${Popover}>`}
  </span>`;
}

function Options({ id, shown, more, at, value, choose, free }) {
  const root = useRef();
  useLayoutEffect(() => { root.current?.querySelector('.active')?.scrollIntoView({ block: 'nearest' }); }, [at]);
  return html`<div role="listbox" id=${id} ref=${root}>
    ${shown.map((one, i) => html`<div key=${one.value} role="option" id=${`${id}-${i}`} aria-selected=${String(one.value === value)} class=${cx('option', i === at && 'active')}
      onPointerDown=${(event) => { event.preventDefault(); choose(one.value); }}><span class="grow">${one.label}</span>${one.hint && html`<small>${one.hint}</small>`}${one.value === value && html`<${Icon} name="check" size=${14} />`}</div>`)}
  </div>
  ${!shown.length && html`<p class="none">${t(free ? 'combobox.free' : 'combobox.none')}</p>`}
  ${more > 0 && html`<p class="none">${t('combobox.more', { n: more })}</p>`}`;
}
