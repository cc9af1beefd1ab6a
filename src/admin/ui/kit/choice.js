/** Switch, checkbox, and a choice of few. */
import { html, cx, useMemo, useRef, uid } from '../lib.js';
import { useField } from './field.js';

/** On or off, at once. @param {{checked: boolean, onChange: (on: boolean) => void, label?: string, hidden?: boolean}} props `hidden`: the label is for screen readers only */
export function Switch({ checked, onChange, label, hidden, disabled }) {
  const field = useField();
  return html`<label class=${cx('switch', disabled && 'disabled')}><input type="checkbox" role="switch" ...${field} checked=${!!checked} disabled=${disabled}
    aria-label=${label && !label.trim ? null : label} onChange=${(event) => onChange(event.target.checked)} /><span class="track" aria-hidden="true"></span>
    ${label && !hidden && html`<span aria-hidden="true">${label}</span>`}</label>`;
}

/** @param {{checked: boolean, some?: boolean, onChange: function, label: string, hidden?: boolean}} props `some`: part of what it stands for */
export function Checkbox({ checked, some, onChange, label, hidden, disabled, children }) {
  const id = useMemo(() => uid('c'), []);
  return html`<span class=${cx('checkbox', disabled && 'disabled')}><input type="checkbox" id=${id} checked=${!!checked} indeterminate=${!!some} disabled=${disabled}
    aria-label=${hidden ? label : null} onChange=${(event) => onChange(event.target.checked)} />${!hidden && html`<label for=${id}>${label}${children}</label>`}</span>`;
}

/** One of few, all seen. @param {{value: string, onChange: function, options: {value: string, label: string}[], label: string}} props */
export function Segmented({ value, onChange, options, label, small, disabled }) {
  const root = useRef();
  const step = (event) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const at = options.findIndex((one) => one.value === value);
    const next = (at + by + options.length) % options.length;
    onChange(options[next].value);
    root.current.querySelectorAll('button')[next]?.focus();
  };
  return html`<div class=${cx('segmented', small && 'small')} role="radiogroup" aria-label=${label} ref=${root} onKeyDown=${step}>
    ${options.map((one) => html`<button type="button" role="radio" key=${one.value} aria-checked=${String(one.value === value)} disabled=${disabled}
      tabindex=${one.value === value ? 0 : -1} onClick=${() => onChange(one.value)}>${one.label}</button>`)}
  </div>`;
}
