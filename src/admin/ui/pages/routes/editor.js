/** A rule in its drawer: written anew, changed, or only looked at where a file declares it. */
import { html, useState, useRef } from '../../lib.js';
import { t, tx } from '../../i18n.js';
import { api } from '../../api.js';
import { useAction, useResource } from '../../resource.js';
import { save } from '../../save.js';
import {
  Drawer, Form, Field, Input, Secret, NumberInput, Textarea, Segmented, Combobox, Switch, Section, Button, IconButton, Folded, Code, Notice, Home, KeyValues, confirm, toast,
} from '../../kit/index.js';
import { Conditions } from './conditions.js';
import { Sentence, Target } from './sentence.js';
import { formOf, bodyOf, restOf } from './shape.js';
import { uid } from '../../lib.js';

const FIELDS = ['name', 'use', 'use.provider', 'use.model', 'keys'];

// What the form lacks, before the API is asked.
function missing(form) {
  const problems = [];
  const need = (field) => problems.push({ field, message: t('routes.needed') });
  if (!form.name.trim()) need('name');
  if (form.target === 'model' && !form.model) need('use');
  if (form.target === 'endpoint' && !form.provider) need('use.provider');
  if (form.target === 'endpoint' && restOf(form.rest) == null) problems.push({ field: 'use.rest', message: t('routes.rest.wrong') });
  const hollow = form.conditions.some((one) => (one.values && !one.values.length) || one.key === '' || one.value === null);
  if (hollow) need('when');
  if (!problems.length) return null;
  return { problems, missing: true, field: (name) => problems.find((one) => one.field === name)?.message ?? null, others: () => [] };
}

function TargetFields({ form, put, error, models, providers }) {
  const provider = providers.find((one) => one.name === form.provider);
  const upstream = [...(provider?.body.models || []).map((one) => (typeof one === 'string' ? one : one.id ?? one.name)), ...(provider?.body.expose || []).filter((one) => !one.includes('*'))].filter(Boolean);
  return html`<div class="form"><${Segmented} label=${t('routes.target')} value=${form.target} onChange=${(target) => put(target === 'asked' ? { target, mode: 'direct' } : { target })}
      options=${[{ value: 'model', label: t('routes.target.model') }, { value: 'endpoint', label: t('routes.target.endpoint') }, { value: 'asked', label: t('routes.target.asked') }]} />
    ${form.target === 'model' && html`<${Field} label=${t('routes.target.model')} help=${t('routes.target.model.help')} error=${error?.field('use')}><${Combobox} free mono value=${form.model} onChange=${(model) => put({ model })} options=${models} /></${Field}>`}
    ${form.target === 'endpoint' && html`<div class="form-row"><${Field} label=${t('routes.provider')} error=${error?.field('use.provider')}><${Combobox} mono value=${form.provider} onChange=${(next) => put({ provider: next })} options=${providers.map((one) => one.name)} /></${Field}>
      <${Field} label=${t('routes.upstream')} help=${t('routes.upstream.help')} error=${error?.field('use.model')}><${Combobox} free mono clearable value=${form.upstream} onChange=${(next) => put({ upstream: next })} options=${upstream} /></${Field}></div>
      <${Folded} title=${t('routes.rest')} open=${!!form.rest}><${Field} label=${t('routes.rest')} hidden help=${t('routes.rest.help')} error=${error?.field('use.rest')}><${Textarea} mono rows=${4} value=${form.rest} onInput=${(rest) => put({ rest })} placeholder=${'{ "retries": 0, "set": { "temperature": 0.2 } }'} /></${Field}></${Folded}>`}
    ${form.target === 'asked' && html`<p class="dim">${t('routes.target.asked.help')}</p>`}
    <${Field} label=${t('routes.mode')} row help=${t(`routes.mode.${form.mode}.help`)}><${Segmented} label=${t('routes.mode')} value=${form.mode} disabled=${form.target === 'asked'} onChange=${(mode) => put({ mode })}
      options=${[{ value: 'convert', label: t('routes.mode.convert') }, { value: 'direct', label: t('routes.mode.direct') }]} /></${Field}></div>`;
}

function KeyFields({ form, put, providers, error }) {
  const set = (id, change) => put({ keys: form.keys.map((one) => (one.id === id ? { ...one, ...change } : one)) });
  const several = form.target === 'model';
  return html`<div class="stack"><p class="dim">${t('routes.keys.help')}</p>
    ${form.keys.map((key, at) => html`<div class="routes-key" key=${key.id}>
      ${several && html`<${Field} label=${t('routes.provider')} hidden=${at > 0}><${Combobox} mono clearable value=${key.provider} onChange=${(provider) => set(key.id, { provider })} options=${providers.map((one) => one.name)} placeholder=${t('routes.keys.only')} /></${Field}>`}
      <${Field} label=${t('routes.keys.value')} hidden=${at > 0}><${Secret} value=${key.value} onInput=${(value) => set(key.id, { value })} /></${Field}>
      <${Field} label=${t('routes.keys.weight')} hidden=${at > 0}><${NumberInput} value=${key.weight} onInput=${(weight) => set(key.id, { weight })} min="1" placeholder="1" /></${Field}>
      <${Switch} label=${t('routes.keys.on')} checked=${key.enabled !== false} onChange=${(on) => set(key.id, { enabled: on ? undefined : false })} />
      <${IconButton} icon="close" size="small" label=${t('do.remove')} onClick=${() => put({ keys: form.keys.filter((one) => one.id !== key.id) })} /></div>`)}
    ${error?.field('keys') && html`<p class="field-error" tabindex="-1">${error.field('keys')}</p>`}
    <div><${Button} size="small" icon="plus" onClick=${() => put({ keys: [...form.keys, { id: uid('k'), provider: '', value: '' }] })}>${t('routes.keys.add')}</${Button}></div></div>`;
}

/**
 * @param {{row: object|null, like?: object, taken: Set<string>, models: any[], names: object, close: () => void, saved: (name: string) => void, locked?: boolean}} props
 *   `row` null: a new one, `like` that; `names`: what conditions may choose from; `locked`: it is only looked at
 */
export function Editor({ row, like, models, names, fileNames, close, saved, locked, remove }) {
  const [form, setForm] = useState(() => formOf(row?.body ?? (like ? { ...like.body, name: '' } : undefined)));
  const [lack, setLack] = useState(null);
  const [etag, setEtag] = useState(row?.etag);
  const first = useRef(JSON.stringify(bodyOf(form)));
  const providers = useResource('/providers');
  const put = (change) => { setLack(null); setForm((was) => ({ ...was, ...change })); };
  const act = useAction(async () => {
    const lacks = missing(form);
    setLack(lacks);
    if (lacks) return;
    const body = bodyOf(form);
    if (!row) { await api.post('/routes', body); saved(body.name, true); return; }
    const done = await save({ kind: 'routes', name: row.name, body, etag });
    if (done.theirs) { setForm(formOf(done.theirs.body)); setEtag(done.theirs.etag); first.current = JSON.stringify(bodyOf(formOf(done.theirs.body))); }
    if (done.saved) { toast(t('routes.saved', { name: row.name })); saved(row.name); }
  });
  const error = lack ?? act.error;
  const leave = async () => {
    if (locked || JSON.stringify(bodyOf(form)) === first.current
      || await confirm({ title: t('routes.discard'), text: t('routes.discard.text'), action: t('routes.discard.do'), danger: true })) close();
  };
  if (locked) {
    return html`<${Drawer} title=${row.name} sub=${html`<${Home} home=${row.home} />`} close=${close}>
      ${row.home === 'file' && html`<${Notice}>${t('home.file.how')}</${Notice}>`}
      <${KeyValues} items=${[[t('routes.when'), html`<${Sentence} when=${row.body.when} />`], [t('routes.then'), html`<${Target} body=${row.body} />`]]} />
      <div class="routes-raw"><${Code} lang="json" title=${t('routes.raw')} label=${t('routes.raw')} text=${JSON.stringify(row.body, null, 2)} /></div></${Drawer}>`;
  }
  const shadow = row ? row.home === 'shadowed' : fileNames.has(form.name.trim());
  const foot = html`${row && html`<${Button} kind="ghost" icon="trash" onClick=${() => remove(row)}>${t('do.delete')}</${Button}><span class="grow" />`}<${Button} onClick=${leave}>${t('do.cancel')}</${Button}><${Button} kind="primary" busy=${act.busy} onClick=${act.run}>${row ? t('do.save') : t('routes.create')}</${Button}>`;
  return html`<${Drawer} wide title=${row ? row.name : t('routes.new')} close=${leave} footer=${foot}>
    <${Form} onSubmit=${act.run} error=${error} fields=${[...FIELDS, ...(act.error?.problems || []).map((one) => one.field).filter((field) => field?.startsWith('when.'))]}>
      ${row?.fault && html`<${Notice} kind="bad" title=${t('routes.fault')}>${row.fault}</${Notice}>`}
      ${shadow && html`<${Notice} kind="warn">${t('home.shadowed.how')}</${Notice}>`}
      ${!row && html`<${Field} label=${t('routes.name')} help=${t('routes.name.help')} error=${error?.field('name')}><${Input} mono value=${form.name} onInput=${(name) => put({ name })} data-autofocus placeholder="long-context" /></${Field}>`}
      <${Section} title=${t('routes.when')} help=${t('routes.when.help')}><${Conditions} conditions=${form.conditions} onChange=${(conditions) => put({ conditions })} names=${names} error=${error} /></${Section}>
      <${Section} title=${t('routes.then')}><${TargetFields} form=${form} put=${put} error=${error} models=${models} providers=${providers.data?.items || []} /></${Section}>
      ${form.target !== 'asked' && html`<${Folded} title=${t('routes.ownkeys')} hint=${form.keys.length ? t('routes.keys.n', { n: form.keys.length }) : null} open=${form.keys.length > 0}><${KeyFields} form=${form} put=${put} error=${error} providers=${providers.data?.items || []} /></${Folded}>`}
      <div class="routes-preview"><${Sentence} when=${bodyOf(form).when} /><${Target} body=${bodyOf(form)} /></div>
      <button type="submit" class="sr" tabindex="-1" aria-hidden="true">${t('do.save')}</button>
    </${Form}></${Drawer}>`;
}
