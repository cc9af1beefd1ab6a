/** The settings of a provider. */
import { html, useState, useRef } from '../../lib.js';
import { t } from '../../i18n.js';
import { useAction } from '../../resource.js';
import { Form, Field, Input, Textarea, Select, Checkbox, Switch, Button, Folded, toast } from '../../kit/index.js';
import { useHeld, saveHeld, useUnsaved } from '../../save.js';
import { difference } from '../models/data.js';
import { Tuning, TUNED, Texts, Rest, useRest } from '../models/tuning.js';
import { FORMATS, FORMAT_NAMES, formatsOf } from './data.js';
import { headersOf } from './add.js';

const FIELDS = ['name', 'format', 'base_url', 'keys', 'auth', 'headers', 'expose', 'models', 'health', 'capabilities', 'tls', 'http', 'enabled', ...TUNED];
const ABLE = ['tools', 'images', 'prefill', 'cache_control'];
const SHOWN = ['format', 'base_url', 'header', 'auth.format', 'headers', 'expose', 'path', 'every', 'ca', 'server_name', 'http', ...ABLE, 'connect', 'first_token', 'response', 'idle', 'total', 'retries', 'base', 'max', 'max_attempts', 'patience', 'budget', 'probe_after', 'failures', 'open_for'];

const trim = (value) => {
  if (!value || typeof value !== 'object' || Array.isArray(value)) return value === '' ? undefined : value;
  const kept = Object.entries(value).map(([key, one]) => [key, trim(one)]).filter(([, one]) => one !== undefined);
  return kept.length ? Object.fromEntries(kept) : undefined;
};

// What the form has of a provider: of its keys only whether there are any of its own.
const settingsOf = ({ name, models, enabled, keys, ...body }) => (keys === 'passthrough' ? { ...body, keys } : body);

/** @param {{provider: object, reload: function}} props */
export function Settings({ provider, reload }) {
  const held = useHeld(provider, settingsOf);
  return html`<${Edited} key=${held.key} held=${held} reload=${reload} />`;
}

function Edited({ held, reload }) {
  const body = settingsOf(held.object.body);
  const [draft, setDraft] = useState(body);
  const [headers, setHeaders] = useState(Object.entries(body.headers ?? {}).map(([name, value]) => `${name}: ${value}`).join('\n'));
  const ables = body.capabilities ?? {};
  const restOf = Object.fromEntries(Object.entries(ables).filter(([key]) => !ABLE.includes(key)));
  const rest = useRest({ ...Object.fromEntries(Object.entries(body).filter(([key]) => !FIELDS.includes(key))), ...(Object.keys(restOf).length ? { capabilities: restOf } : {}) }, FIELDS.filter((key) => key !== 'capabilities'));
  const set = (change) => setDraft((was) => ({ ...was, ...change }));
  const formats = formatsOf(draft);
  const split = typeof draft.base_url === 'object';
  const maps = draft.auth && !('header' in draft.auth) && !('format' in draft.auth) && Object.keys(draft.auth).length > 0;
  const flip = (format, on) => { const next = FORMATS.filter((one) => (one === format ? on : formats.includes(one))); if (next.length) set({ format: next.length === 1 ? next[0] : next }); };
  const able = (key, value) => set({ capabilities: { ...draft.capabilities, [key]: value === '' ? undefined : value === 'yes' } });
  const { capabilities, ...others } = rest.value;
  const known = Object.fromEntries(ABLE.filter((key) => draft.capabilities?.[key] !== undefined).map((key) => [key, draft.capabilities[key]]));
  const after = trim({ ...others, ...draft, headers: headersOf(headers), capabilities: { ...capabilities, ...known } });
  const first = useRef(JSON.stringify(after)).current;
  const dirty = rest.changed || JSON.stringify(after) !== first;
  held.dirty = dirty;
  useUnsaved(dirty);
  const deed = useAction(async () => {
    if (rest.error) return;
    // What is told anew as a whole (address, auth) is no patch of what was there.
    const change = difference(body, after);
    for (const key of ['base_url', 'auth', 'headers']) if (key in change && after[key] !== undefined && typeof body[key] !== typeof after[key]) change[key] = after[key];
    const done = await saveHeld('providers', held, change);
    if (done.saved) toast(t('models.saved', { name: held.object.name }));
    if (done.settled) await reload();
  });
  const error = deed.error;
  return html`<${Form} class="providers-form" onSubmit=${deed.run} error=${error} fields=${SHOWN}>
    <fieldset><legend>${t('providers.account')}</legend><div class="form">
      <${Field} label=${t('providers.formats')} row error=${error?.field('format')}><div class="row wrap providers-checks">${FORMATS.map((one) => html`<${Checkbox} key=${one} checked=${formats.includes(one)} onChange=${(on) => flip(one, on)} label=${FORMAT_NAMES[one]} />`)}</div></${Field}>
      ${!split ? html`<${Field} label=${t('providers.f.url')} row error=${error?.field('base_url')} help=${formats.length > 1 && html`<button type="button" class="link" onClick=${() => set({ base_url: Object.fromEntries(formats.map((one) => [one, draft.base_url])) })}>${t('providers.f.url.split')}</button>`}><${Input} mono type="url" value=${draft.base_url} onInput=${(base_url) => set({ base_url })} /></${Field}>`
    : formats.map((one, at) => html`<${Field} key=${one} row label=${t('providers.f.url.of', { format: FORMAT_NAMES[one] })} error=${error?.field(`base_url.${one}`)} help=${at === formats.length - 1 && html`<button type="button" class="link" onClick=${() => set({ base_url: Object.values(draft.base_url)[0] ?? '' })}>${t('providers.f.url.join')}</button>`}><${Input} mono type="url" value=${draft.base_url[one]} onInput=${(url) => set({ base_url: { ...draft.base_url, [one]: url } })} /></${Field}>`)}
      <${Field} label=${t('providers.f.credential')} row help=${t(draft.keys === 'passthrough' ? 'providers.passthrough.text' : 'providers.f.credential.how')}><${Select} value=${draft.keys === 'passthrough' ? 'passthrough' : 'own'} onChange=${(value) => set({ keys: value === 'passthrough' ? value : undefined })} options=${[{ value: 'own', label: t('providers.f.credential.own') }, { value: 'passthrough', label: t('providers.passthrough') }]} /></${Field}>
      <${Field} label=${t('providers.f.expose')} row help=${t('providers.f.expose.how')} error=${error?.field('expose')}><${Texts} value=${draft.expose ?? []} placeholder="gpt-*" label=${t('providers.f.expose')} onChange=${(list) => set({ expose: list.length ? list : undefined })} /></${Field}></div></fieldset>
    <fieldset><legend>${t('providers.f.sent')}</legend><div class="form">
      ${!maps && html`<${Field} label=${t('providers.f.auth.header')} row error=${error?.field('auth.header')}><${Input} mono value=${draft.auth?.header} placeholder=${formats[0] === 'anthropic' ? 'x-api-key' : formats[0] === 'gemini' ? 'x-goog-api-key' : 'Authorization'} onInput=${(header) => set({ auth: { ...draft.auth, header: header || undefined } })} /></${Field}>
      <${Field} label=${t('providers.f.auth.format')} row error=${error?.field('auth.format')}><${Input} mono value=${draft.auth?.format} placeholder=${formats[0].startsWith('openai') ? 'Bearer {key}' : '{key}'} onInput=${(format) => set({ auth: { ...draft.auth, format: format || undefined } })} /></${Field}>`}
      <${Field} label=${t('providers.f.headers')} row help=${t('providers.f.headers.how')} error=${error?.field('headers')}><${Textarea} mono rows=${Math.max(2, headers.split('\n').length)} value=${headers} onInput=${setHeaders} placeholder="X-Team: search" /></${Field}></div></fieldset>
    <fieldset><legend>${t('providers.f.able')}</legend><div class="form-row">${ABLE.map((key) => html`<${Field} key=${key} label=${t(`providers.able.${key}`)} error=${error?.field(`capabilities.${key}`)}><${Select} value=${draft.capabilities?.[key] === undefined ? '' : draft.capabilities[key] ? 'yes' : 'no'} onChange=${(value) => able(key, value)} options=${[{ value: '', label: t('providers.able.usual') }, { value: 'yes', label: t('providers.able.yes') }, { value: 'no', label: t('providers.able.no') }]} /></${Field}>`)}</div></fieldset>
    <fieldset><legend>${t('providers.f.health')}</legend><div class="form">
      <${Field} label=${t('providers.f.health.on')} row help=${t('providers.f.health.how')}><${Switch} checked=${!!draft.health?.active} onChange=${(on) => set({ health: on ? { active: { path: '/models', every: '30s' } } : undefined })} /></${Field}>
      ${draft.health?.active && html`<${Field} label=${t('providers.f.health.path')} row error=${error?.field('active.path')}><${Input} mono value=${draft.health.active.path} onInput=${(path) => set({ health: { active: { ...draft.health.active, path } } })} /></${Field}>
        <${Field} label=${t('providers.f.health.every')} row error=${error?.field('active.every')}><${Input} value=${draft.health.active.every} onInput=${(every) => set({ health: { active: { ...draft.health.active, every } } })} /></${Field}>`}</div></fieldset>
    <${Folded} title=${t('models.advanced')} hint=${t('providers.f.advanced.hint')}><div class="form">
      <div class="form-row"><${Field} label="HTTP" error=${error?.field('http')}><${Select} value=${draft.http ?? 'auto'} onChange=${(http) => set({ http: http === 'auto' ? undefined : http })} options=${[{ value: 'auto', label: t('providers.http.auto') }, { value: 'http1', label: 'HTTP/1.1' }, { value: 'http2', label: 'HTTP/2' }]} /></${Field}>
        <${Field} label=${t('providers.f.tls.name')} error=${error?.field('tls.server_name')} optional><${Input} mono value=${draft.tls?.server_name} onInput=${(server_name) => set({ tls: { ...draft.tls, server_name } })} /></${Field}>
        <${Field} label=${t('providers.f.tls.ca')} error=${error?.field('tls.ca')} optional><${Input} mono value=${draft.tls?.ca} onInput=${(ca) => set({ tls: { ...draft.tls, ca } })} placeholder="/etc/ssl/vendor.pem" /></${Field}></div>
      <${Tuning} value=${draft} onChange=${setDraft} error=${error} />
      <${Rest} rest=${rest} help=${t('providers.rest.help')} /></div></${Folded}>
    <div class="form-foot"><${Button} type="submit" kind="primary" busy=${deed.busy} disabled=${!dirty || !!rest.error}>${t('do.save')}</${Button}></div>
  </${Form}>`;
}
