/** Several short texts in one field: names, patterns. Enter or a comma adds what is typed, Backspace takes the last away. */
import { html, cx, useState, useRef, useMemo, uid } from '../lib.js';
import { t } from '../i18n.js';
import { useField } from './field.js';
import { Popover } from './menu.js';
import { Icon } from './icons.js';
import { search } from './combobox.js';

const OFFERED = 40;

/**
 * @param {{value: string[], onChange: (value: string[]) => void, options?: (string|{value: string, label?: string, hint?: string})[], free?: boolean,
 *   placeholder?: string, mono?: boolean, label?: string}} props `free` false: only what the list has; `label` where no `Field` is around
 */
export function Tags({ value, onChange, options = [], free = true, placeholder, mono = true, label, ...rest }) {
  const field = useField(rest);
  const all = useMemo(() => options.map((one) => (typeof one === 'string' ? { value: one, label: one } : { label: one.value, ...one })), [options]);
  const [typed, setTyped] = useState('');
  const [open, setOpen] = useState(false);
  const [at, setAt] = useState(-1);
  const [said, say] = useState('');
  const anchor = useRef();
  const input = useRef();
  const list = useMemo(() => uid('l'), []);
  const shown = useMemo(() => (open ? search(all.filter((one) => !value.includes(one.value)), typed).slice(0, OFFERED) : []), [all, typed, open, value]);
  const reset = () => { setTyped(''); setAt(-1); };
  const add = (...texts) => {
    const fresh = texts.map((one) => one.trim()).filter((one) => one && (free || all.some((known) => known.value === one)));
    const next = [...new Set([...value, ...fresh])];
    if (next.length !== value.length) { onChange(next); say(t('tags.added', { name: fresh.join(', ') })); }
    reset();
  };
  const remove = (one) => { onChange(value.filter((other) => other !== one)); say(t('tags.removed', { name: one })); input.current?.focus(); };
  const leave = () => { if (free && typed.trim()) add(typed); else reset(); setOpen(false); };
  const keys = (event) => {
    if (event.isComposing) return;
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      if (!all.length) return;
      event.preventDefault();
      if (!open) setOpen(true);
      else setAt(Math.max(-1, Math.min(shown.length - 1, at + (event.key === 'ArrowDown' ? 1 : -1))));
    } else if (event.key === 'Enter' || event.key === ',') {
      if (event.key === 'Enter' && !typed.trim() && at < 0) return;
      event.preventDefault();
      if (at >= 0 && shown[at]) add(shown[at].value);
      else { add(!free && shown[0] ? shown[0].value : typed); setOpen(false); }
    } else if (event.key === 'Backspace' && !typed && value.length) remove(value[value.length - 1]);
    else if (event.key === 'Escape' && open) { event.preventDefault(); event.stopPropagation(); setOpen(false); setAt(-1); }
  };
  const paste = (event) => {
    const text = event.clipboardData.getData('text');
    if (!/[\n,]/.test(text)) return;
    event.preventDefault();
    add(...text.split(/[\n,]/));
  };
  return html`<span class=${cx('tags input', mono && 'mono')} ref=${anchor} aria-invalid=${field['aria-invalid']} onPointerDown=${(event) => { if (event.target === event.currentTarget) { event.preventDefault(); input.current.focus(); } }}>
    ${value.map((one) => html`<span class="tag" key=${one}><span class="cut">${one}</span><button type="button" class="tag-x" tabindex="-1" aria-label=${t('tags.remove', { name: one })} onClick=${() => remove(one)}><${Icon} name="close" size=${12} /></button></span>`)}
    <input ref=${input} type="text" autocomplete="off" autocapitalize="off" spellcheck=${false} role="combobox" aria-expanded=${String(open && shown.length > 0)} aria-autocomplete="list" aria-controls=${list}
      aria-activedescendant=${open && at >= 0 ? `${list}-${at}` : null} placeholder=${value.length ? '' : placeholder} ...${field} ...${rest} aria-label=${label} value=${typed}
      onInput=${(event) => { setTyped(event.target.value); setOpen(true); setAt(-1); }} onClick=${() => setOpen(true)} onKeyDown=${keys} onBlur=${leave} onPaste=${paste} />
    ${open && shown.length > 0 && html`<${Popover} anchor=${anchor} close=${() => setOpen(false)} width="anchor" class="listbox"><div role="listbox" id=${list} aria-label=${label || placeholder || t('do.add')}>
      ${shown.map((one, i) => html`<div key=${one.value} role="option" id=${`${list}-${i}`} aria-selected="false" class=${cx('option', i === at && 'active')}
        onPointerDown=${(event) => { event.preventDefault(); add(one.value); }}><span class="grow">${one.label}</span>${one.hint && html`<small>${one.hint}</small>`}</div>`)}</div></${Popover}>`}
    <span class="sr" role="status">${said}</span></span>`;
}
