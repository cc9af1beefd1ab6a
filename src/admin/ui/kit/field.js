/** Fields of forms. A `Field` has the label, the help and the error; what is within takes its id from it. */
import { html, cx, coded, createContext, useContext, useState, useMemo, useRef, useEffect, uid } from '../lib.js';
import { t } from '../i18n.js';
import { Icon } from './icons.js';
import { IconButton } from './button.js';

const InField = createContext(null);

/** id, aria-describedby and aria-invalid for what stands in a `Field`. */
export function useField(given) {
  const around = useContext(InField);
  const own = useMemo(() => uid('f'), []);
  if (!around) return { id: given?.id || own };
  return { id: around.id, 'aria-describedby': around.described, 'aria-invalid': around.error ? 'true' : null, required: around.required || null };
}

/**
 * @param {{label: string, help?: any, error?: string, optional?: boolean, required?: boolean, row?: boolean, hidden?: boolean}} props
 *   `row`: label and control beside each other; `hidden`: the label is for screen readers only
 */
export function Field({ label, help, error, optional, required, row, hidden, class: extra, children }) {
  const id = useMemo(() => uid('f'), []);
  const described = [help && `${id}-help`, error && `${id}-error`].filter(Boolean).join(' ') || null;
  return html`<div class=${cx('field', row && 'row', error && 'wrong', extra)}>
    <label for=${id} class=${hidden ? 'sr' : ''}>${label}${optional && html` <span class="optional">${t('field.optional')}</span>`}</label>
    <div class="field-body">
      <${InField.Provider} value=${{ id, described, error, required }}>${children}</${InField.Provider}>
      ${error && html`<p class="field-error" id=${`${id}-error`} tabindex="-1"><${Icon} name="bad" size=${14} />${typeof error === 'string' ? html`<span>${coded(error)}</span>` : error}</p>`}
      ${help && html`<p class="field-help" id=${`${id}-help`}>${help}</p>`}
    </div>
  </div>`;
}

/**
 * @param {{value: string, onInput: (value: string) => void, mono?: boolean, unit?: string, icon?: string}} props and whatever `<input>` has.
 */
export function Input({ value, onInput, mono, unit, icon, class: extra, small, ...rest }) {
  const field = useField(rest);
  const input = html`<input type="text" autocomplete="off" autocapitalize="off" spellcheck=${false} ...${field} ...${rest} value=${value ?? ''}
    class=${cx('input', mono && 'mono', small && 'small', !unit && !icon && extra)} onInput=${(event) => onInput?.(event.target.value)} />`;
  if (!unit && !icon) return input;
  return html`<span class=${cx('input-wrap', icon && 'with-icon', unit && 'with-unit', extra)}>${icon && html`<${Icon} name=${icon} />`}${input}${unit && html`<span class="unit">${unit}</span>`}</span>`;
}

/** A number with its unit. `onInput` gets a number, or null where the field is empty. */
export function NumberInput({ value, onInput, unit, ...rest }) {
  return html`<${Input} type="number" inputmode="decimal" value=${value ?? ''} unit=${unit} class="number" ...${rest}
    onInput=${(text) => onInput(text === '' ? null : Number(text))} />`;
}

/** A password or key: hidden until it is looked at. */
export function Secret({ value, onInput, autocomplete = 'off', ...rest }) {
  const [seen, see] = useState(false);
  const field = useField(rest);
  return html`<span class="input-wrap with-button">
    <input class="input mono" type=${seen ? 'text' : 'password'} autocomplete=${autocomplete} spellcheck=${false} ...${field} ...${rest} value=${value ?? ''}
      onInput=${(event) => onInput(event.target.value)} />
    <${IconButton} size="small" icon=${seen ? 'eyeoff' : 'eye'} label=${t(seen ? 'field.hide' : 'field.show')} pressed=${seen} onClick=${() => see(!seen)} />
  </span>`;
}

/** Text of several lines. `mono` for code. */
export function Textarea({ value, onInput, mono, rows = 4, ...rest }) {
  const field = useField(rest);
  return html`<textarea class=${cx('input', mono && 'mono')} rows=${rows} spellcheck=${!mono} ...${field} ...${rest} value=${value ?? ''}
    onInput=${(event) => onInput?.(event.target.value)} />`;
}

/** The browser's own list. @param {{options: {value: string, label: string, disabled?: boolean}[]}} props */
export function Select({ value, onChange, options, class: extra, small, ...rest }) {
  const field = useField(rest);
  return html`<span class=${cx('select', small && 'small', extra)}><select ...${field} ...${rest} value=${value ?? ''} onChange=${(event) => onChange(event.target.value)}>
    ${options.map((one) => html`<option key=${one.value} value=${one.value} disabled=${one.disabled} selected=${one.value === value}>${one.label}</option>`)}
  </select><${Icon} name="down" size=${14} /></span>`;
}

/** Fields under each other; submit by Enter. `error` is an ApiError: what no field shows is shown at the head. */
export function Form({ onSubmit, error, fields = [], children, class: extra, ...rest }) {
  const others = error?.others?.(fields) ?? [];
  const head = error && (others.length > 0 || !error.problems?.length);
  const root = useRef();
  useEffect(() => {
    if (error) (root.current.querySelector('[aria-invalid="true"]:is(input, select, textarea), [aria-invalid="true"] :is(input, button)') ?? root.current.querySelector('.notice.bad[tabindex], .field-error'))?.focus();
  }, [error]);
  return html`<form ref=${root} class=${cx('form', extra)} novalidate ...${rest} onSubmit=${(event) => { event.preventDefault(); onSubmit?.(event); }}>
    ${head && html`<${Problem} error=${error} only=${others} />`}
    ${children}
  </form>`;
}

/** What the API says is wrong. `only`: these of its problems; `of`: the text that was sent, whose lines are shown. */
export function Problem({ error, only, of }) {
  const lines = of?.split('\n');
  const problems = only ?? error.problems ?? [];
  const said = error.status === 0 ? t('error.unreachable') : error.detail || error.title || error.message || t('error.unknown');
  return html`<div class="notice bad" role="alert" tabindex="-1"><${Icon} name="bad" /><div>
    <p>${coded(said)}</p>
    ${problems.length > 0 && html`<ul>${problems.map((one) => html`<li>${one.field && html`<code>${one.field}</code> `}${coded(one.message)}${one.help && html` <span class="dim">${coded(one.help)}</span>`}${lines?.[one.line - 1]?.trim() && html`<pre class="problem-line"><span class="dim">${one.line}</span> ${lines[one.line - 1]}</pre>`}</li>`)}</ul>`}
  </div></div>`;
}
