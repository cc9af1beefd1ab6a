/** A client key or a tenant in its drawer, made or changed. */
import { html, useState, useRef, useEffect } from '../../lib.js';
import { t } from '../../i18n.js';
import { api } from '../../api.js';
import { useAction } from '../../resource.js';
import { save } from '../../save.js';
import { Drawer, Form, Field, Input, Secret, Segmented, Combobox, Tags, Section, Folded, Button, Notice, confirm, toast } from '../../kit/index.js';
import { endOf } from './standing.js';
import { LimitFields, limitsForm, limitsBody, LIMIT_FIELDS } from './limits.js';

const FIELDS = ['name', 'tenant', 'expires', 'value', ...LIMIT_FIELDS];
const inDays = (days) => new Date(Date.now() + days * 86400e3).toISOString().slice(0, 10);

const formOf = (body = {}) => ({ name: body.name ?? '', tenant: body.tenant ?? '', models: body.models ?? [], expires: body.expires ?? '', value: '', limits: limitsForm(body.limits) });

// What a merge patch says of limits: null takes away what is not there any more.
function limitsPatch(limits) {
  if (!limits) return null;
  const whole = (of, keys) => (of ? Object.fromEntries(keys.map((key) => [key, of[key] ?? null])) : null);
  return {
    rpm: limits.rpm ?? null, tpm: limits.tpm ?? null, concurrency: limits.concurrency ?? null,
    budget: whole(limits.budget, ['usd', 'reset', 'time_zone']), quota: whole(limits.quota, ['requests', 'tokens', 'reset', 'time_zone']),
  };
}

function Expiry({ value, put, error }) {
  const exact = /T/.test(value);
  const kind = value ? 'until' : 'never';
  return html`<div class="keys-expiry"><${Field} label=${t('keys.expires')} error=${error} help=${value && endOf(value) <= Date.now() ? html`<span class="keys-past">${t('keys.expires.past')}</span>` : value && !exact ? t('keys.expires.help') : null}><div class="row wrap">
    <${Segmented} label=${t('keys.expires')} value=${kind} onChange=${(next) => put(next === 'never' ? '' : inDays(90))} options=${[{ value: 'never', label: t('keys.never') }, { value: 'until', label: t('keys.until') }]} />
    ${value && html`<${Input} type=${exact ? 'text' : 'date'} value=${value} onInput=${put} aria-label=${t('keys.expires.day')} class="keys-date" mono=${exact} />`}
    ${value && !exact && [30, 90, 365].map((days) => html`<button type="button" key=${days} class="link" onClick=${() => put(inDays(days))}>${t('keys.days', { n: days })}</button>`)}</div></${Field}></div>`;
}

/**
 * @param {{kind: 'client-keys'|'tenants', row: object|null, taken: object[], tenants: string[], models: string[], close: function, done: (object: object, made: boolean) => void}} props
 *   `row` null: a new one; `taken`: those that there are
 */
export function Edit({ kind, row, taken, tenants, models, close, done }) {
  const key = kind === 'client-keys';
  const [form, setForm] = useState(() => formOf(row?.body));
  const [etag, setEtag] = useState(row?.etag);
  const [lack, setLack] = useState(false);
  const first = useRef(JSON.stringify(form));
  const put = (change) => { setLack(false); setForm((was) => ({ ...was, ...change })); };
  const act = useAction(async () => {
    if (!form.name.trim()) { setLack(true); return; }
    const limits = limitsBody(form.limits);
    if (row) {
      const body = { limits: limitsPatch(limits), ...(key ? { tenant: form.tenant || null, expires: form.expires || null, models: form.models.length ? form.models : null } : {}) };
      const told = await save({ kind, name: row.name, body, etag, patch: true });
      if (told.theirs) { const theirs = formOf(told.theirs.body); setForm(theirs); setEtag(told.theirs.etag); first.current = JSON.stringify(theirs); }
      if (told.saved) { toast(t('keys.saved', { name: row.name })); done(told.saved, false); }
      return;
    }
    const body = { name: form.name.trim(), ...(limits ? { limits } : {}) };
    if (key) Object.assign(body, form.tenant && { tenant: form.tenant }, form.expires && { expires: form.expires }, form.models.length && { models: form.models }, form.value && { value: form.value });
    done(await api.post(`/${kind}`, body), true);
  });
  useEffect(() => { if (lack) document.querySelector('.drawer [aria-invalid="true"]')?.focus(); }, [lack]);
  const leave = async () => {
    if (JSON.stringify(form) === first.current || await confirm({ title: t('keys.discard'), text: t('keys.discard.text'), action: t('keys.discard.do'), danger: true })) close();
  };
  const { error } = act;
  const shadow = row ? row.home === 'shadowed' : taken.some((one) => one.home === 'file' && one.name === form.name.trim());
  const title = row ? t('keys.edit', { name: row.name }) : t(key ? 'keys.new' : 'keys.tenant.new');
  return html`<${Drawer} title=${title} close=${leave} footer=${html`<${Button} onClick=${leave}>${t('do.cancel')}</${Button}><${Button} kind="primary" busy=${act.busy} onClick=${act.run}>${row ? t('do.save') : t(key ? 'keys.make' : 'keys.tenant.make')}</${Button}>`}>
    <${Form} onSubmit=${act.run} error=${error} fields=${[...FIELDS, ...(error?.problems || []).map((one) => one.field).filter((field) => /^models\[/.test(field))]}>
      ${shadow && html`<${Notice} kind="warn" title=${t('keys.shadow', { name: form.name.trim() })}>${t('home.shadowed.how')}</${Notice}>`}
      ${!row && html`<${Field} label=${t('keys.name')} help=${t(key ? 'keys.name.help' : 'keys.tenant.name.help')} error=${lack ? t('keys.needed') : error?.status === 409 ? error.detail : error?.field('name')}><${Input} mono value=${form.name} onInput=${(name) => put({ name })} data-autofocus placeholder=${key ? 'search-backend' : 'search'} /></${Field}>`}
      ${key && html`<${Field} label=${t('keys.tenant')} optional error=${error?.field('tenant')} help=${t('keys.tenant.help')}><${Combobox} free mono clearable value=${form.tenant} onChange=${(tenant) => put({ tenant })} options=${tenants} /></${Field}>
        <${Field} label=${t('keys.models')} help=${t('keys.models.help')} error=${(error?.problems || []).filter((one) => /^models(\[|$)/.test(one.field || '')).map((one) => one.message).join('; ') || null}><${Tags} value=${form.models} onChange=${(next) => put({ models: next })} options=${models} placeholder=${t('keys.models.all')} /></${Field}>
        <${Expiry} value=${form.expires} put=${(expires) => put({ expires })} error=${error?.field('expires')} />`}
      <${Section} title=${t('keys.limits')} help=${t(key ? 'keys.limits.help' : 'keys.tenant.limits.help')}><${LimitFields} form=${form.limits} onChange=${(limits) => put({ limits })} error=${error} /></${Section}>
      ${key && !row && html`<${Folded} title=${t('keys.own')} hint=${t('keys.own.hint')}><${Field} label=${t('keys.own.value')} help=${t('keys.own.help')} error=${error?.field('value')}><${Secret} value=${form.value} onInput=${(value) => put({ value })} /></${Field}></${Folded}>`}
      <button type="submit" class="sr" tabindex="-1" aria-hidden="true">${t('do.save')}</button>
    </${Form}></${Drawer}>`;
}
