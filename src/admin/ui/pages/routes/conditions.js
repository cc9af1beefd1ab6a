/** The conditions of a rule in its editor. */
import { html, useEffect, useRef } from '../../lib.js';
import { t } from '../../i18n.js';
import { FORMATS } from '../../calls.js';
import { Field, Input, NumberInput, Checkbox, Segmented, Tags, IconButton, Button, Menu } from '../../kit/index.js';
import { KINDS, MANY, typeOf, fresh } from './shape.js';

const HELP = new Set(['model', 'model_contains', 'client_key', 'header', 'body', 'tokens_over']);

function Value({ condition, put, names, error }) {
  const { kind, key, values, value } = condition;
  const label = t(`routes.kind.${kind}`);
  const help = HELP.has(kind) ? t(`routes.kind.${kind}.help`) : null;
  if (typeOf(kind) === 'flag') return html`<div class="routes-flag"><span id=${`${condition.id}-l`}>${label}</span><${Segmented} small label=${label} value=${String(value)} onChange=${(next) => put({ value: next === 'true' })} options=${[{ value: 'true', label: t('routes.yes') }, { value: 'false', label: t('routes.no') }]} /></div>`;
  if (typeOf(kind) === 'size') return html`<${Field} label=${label} help=${help} error=${error}><${NumberInput} value=${value} onInput=${(next) => put({ value: next })} min="0" unit=${t('routes.unit.tokens')} /></${Field}>`;
  if (kind === 'format') {
    return html`<fieldset class="field routes-formats"><legend>${label}</legend><div class="row wrap">${FORMATS.map((one) => html`<${Checkbox} key=${one.value} label=${one.label} checked=${values.includes(one.value)}
      onChange=${(on) => put({ values: on ? [...values, one.value] : values.filter((other) => other !== one.value) })} />`)}</div>${error && html`<p class="field-error" tabindex="-1">${error}</p>`}</fieldset>`;
  }
  if (typeOf(kind) === 'pair') {
    return html`<div class="routes-pair"><${Field} label=${label} help=${help} error=${error}><${Input} mono value=${key} onInput=${(next) => put({ key: next })} placeholder=${kind === 'header' ? 'x-team' : 'metadata.user_id'} /></${Field}>
      <${Field} label=${t('routes.kind.is')}><${Tags} value=${values} onChange=${(next) => put({ values: next })} placeholder=${t('routes.values')} /></${Field}></div>`;
  }
  return html`<${Field} label=${label} help=${help} error=${error}><${Tags} value=${values} onChange=${(next) => put({ values: next })} options=${names[kind] || []} placeholder=${t('routes.values')} /></${Field}>`;
}

// What the API says of a condition: of its pair by the pair's name.
const errorOf = (error, { kind, key, values, value }) => {
  const found = error?.problems?.find((one) => (typeOf(kind) === 'pair' ? one.field === `when.${kind}.${key}` : one.field === `when.${kind}` || one.field?.startsWith(`when.${kind}[`)));
  if (found) return error.field(found.field);
  return error?.missing && (values ? !values.length || key === '' : value == null) ? t('routes.needed') : null;
};

function Condition({ one, put, remove, names, error }) {
  const ref = useRef();
  // One that was just added is where the writing goes on.
  useEffect(() => { if (one.added) ref.current.querySelector('input,button')?.focus(); }, []);
  return html`<div class="routes-condition" ref=${ref}><div class="grow"><${Value} condition=${one} put=${put} names=${names} error=${errorOf(error, one)} /></div>
    <${IconButton} icon="close" size="small" label=${t('routes.condition.remove', { name: t(`routes.kind.${one.kind}`) })} onClick=${remove} /></div>`;
}

/**
 * @param {{conditions: object[], onChange: (conditions: object[]) => void, names: {model: any[], client_key: any[]}, error?: Error}} props
 */
export function Conditions({ conditions, onChange, names, error }) {
  const put = (id, change) => onChange(conditions.map((one) => (one.id === id ? { ...one, ...change } : one)));
  const remove = (id) => onChange(conditions.filter((one) => one.id !== id));
  const left = KINDS.filter((kind) => MANY.has(kind) || !conditions.some((one) => one.kind === kind));
  return html`<div class="routes-conditions">
    ${!conditions.length && html`<p class="dim">${t('routes.if.every.help')}</p>`}
    ${conditions.map((one) => html`<${Condition} key=${one.id} one=${one} put=${(change) => put(one.id, change)} remove=${() => remove(one.id)} names=${names} error=${error} />`)}
    <div><${Menu} align="start" label=${t('routes.condition.add')} trigger=${(props) => html`<${Button} size="small" icon="plus" ...${props}>${t('routes.condition.add')}</${Button}>`}
      items=${left.map((kind) => ({ label: t(`routes.kind.${kind}`), onSelect: () => onChange([...conditions, { ...fresh(kind), added: true }]) }))} /></div>
  </div>`;
}
