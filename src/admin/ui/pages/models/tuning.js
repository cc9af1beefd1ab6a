/** Parts of forms that providers, models and endpoints share: timeouts and the like, lists of texts, JSON of the rest. */
import { html, useState, useMemo } from '../../lib.js';
import { t } from '../../i18n.js';
import { Field, Input, Textarea, Chip, Icon } from '../../kit/index.js';


const GROUPS = {
  timeouts: { connect: '10s', first_token: '60s', response: '300s', idle: '60s', total: '600s' },
  retry: { retries: '2', base: '250ms', max: '5s', max_attempts: '6', patience: '2500ms', budget: '20%' },
  cooldown: { base: '5s', max: '60s', probe_after: '10s' },
  breaker: { failures: '5', open_for: '60s' },
};
const COUNTS = new Set(['retries', 'max_attempts', 'failures']);
/** The members that `Tuning` has. */
export const TUNED = Object.keys(GROUPS);

/** Timeouts, retries, cooldown, breaker. What is empty is as further out. @param {{value: object, onChange: function, error?: ApiError}} props */
export function Tuning({ value, onChange, error }) {
  const set = (group, member, text) => {
    const next = { ...value[group] };
    if (text.trim() === '') delete next[member];
    else next[member] = COUNTS.has(member) && /^\d+$/.test(text.trim()) ? Number(text) : text.trim();
    onChange({ ...value, [group]: Object.keys(next).length ? next : undefined });
  };
  return html`<div class="models-tuning">${Object.entries(GROUPS).map(([group, members]) => html`<fieldset key=${group}><legend>${t(`models.${group}`)}</legend>
    <div class="form-row">${Object.entries(members).map(([member, usual]) => html`<${Field} key=${member} label=${t(`models.${group}.${member}`)} error=${error?.field(`${group}.${member}`)}>
      <${Input} value=${value[group]?.[member]} placeholder=${usual} onInput=${(text) => set(group, member, text)} /></${Field}>`)}</div></fieldset>`)}</div>`;
}

/** A list of texts as chips. @param {{value: string[], onChange: function, placeholder?: string, options?: string[], disabled?: boolean}} props Enter or a comma adds */
export function Texts({ value = [], onChange, placeholder, disabled, label }) {
  const [text, setText] = useState('');
  const add = () => {
    const more = text.split(/[,\s]+/).map((one) => one.trim()).filter((one) => one && !value.includes(one));
    setText('');
    if (more.length) onChange([...value, ...more]);
  };
  return html`<span class="models-texts">${value.map((one) => html`<${Chip} key=${one} mono removeLabel=${t('models.texts.remove', { name: one })} onRemove=${disabled ? null : () => onChange(value.filter((other) => other !== one))}>${one}</${Chip}>`)}
    ${!disabled && html`<${Input} class="models-texts-input" small mono value=${text} placeholder=${placeholder} aria-label=${label || placeholder} onInput=${(next) => { if (/[,\s]$/.test(next) && next.trim()) { setText(next); } else setText(next); }}
      onBlur=${add} onKeyDown=${(event) => {
    if ((event.key === 'Enter' && text.trim()) || event.key === ',') { event.preventDefault(); add(); }
    if (event.key === 'Backspace' && !text && value.length) onChange(value.slice(0, -1));
  }} />`}</span>`;
}

/** The members of an object that no field shows: JSON, kept as it is typed. `useRest(body, fields)` → {text, setText, value, error, first, changed}. */
export function useRest(body, fields) {
  const first = useMemo(() => {
    const rest = Object.fromEntries(Object.entries(body).filter(([key]) => !fields.includes(key)));
    return Object.keys(rest).length ? JSON.stringify(rest, null, 2) : '';
  }, []);
  const [text, setText] = useState(first);
  const same = { text, setText, first, changed: text.trim() !== first };
  return useMemo(() => {
    if (!text.trim()) return { ...same, value: {}, error: null };
    try {
      const value = JSON.parse(text);
      if (!value || typeof value !== 'object' || Array.isArray(value)) throw new Error(t('models.rest.object'));
      const twice = Object.keys(value).find((key) => fields.includes(key));
      return { ...same, value, error: twice ? t('models.rest.twice', { name: twice }) : null };
    } catch (error) { return { ...same, value: {}, error: error.message }; }
  }, [text]);
}

/** The field of `useRest`; problems that the API has with its members stand under it. */
export function Rest({ rest, error, fields, help }) {
  const theirs = error?.others?.(fields ?? []) ?? [];
  const said = rest.error || theirs.map((one) => `${one.field ? `${one.field}: ` : ''}${one.message}${one.help ? `. ${one.help}` : ''}`).join('; ') || null;
  return html`<${Field} label=${t('models.rest')} help=${help ?? t('models.rest.help')} error=${said} optional><${Textarea} mono rows=${Math.min(14, Math.max(3, rest.text.split('\n').length))} value=${rest.text} onInput=${rest.setText} placeholder="{ }" /></${Field}>`;
}

/** "In the file", and how to change it. */
export const FileNote = ({ children }) => html`<p class="models-file"><${Icon} name="lock" size=${14} /><span>${children}</span></p>`;
