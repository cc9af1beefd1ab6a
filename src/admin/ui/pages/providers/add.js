/** A new provider: address and key, checked at once; then its models (`setup.js`). */
import { html, useState, useEffect, useRef } from '../../lib.js';
import { t } from '../../i18n.js';
import { api, ApiError } from '../../api.js';
import { useAction } from '../../resource.js';
import { list } from '../../format.js';
import { path, navigate } from '../../router.js';
import { Form, Field, Input, Secret, Button, Folded, Select, Notice, toast } from '../../kit/index.js';
import { VENDORS, FORMATS, FORMAT_NAMES, nameFor, refusal, refusalText } from './data.js';

/** Where one is: account, models, connect. @param {{at: 1|2|3}} props */
export function Steps({ at }) {
  return html`<ol class="providers-steps" aria-label=${t('providers.steps')}>${['account', 'models', 'connect'].map((step, index) => html`<li key=${step} class=${index + 1 < at ? 'done' : ''} aria-current=${index + 1 === at ? 'step' : null}><span class="providers-step" aria-hidden="true">${index + 1}</span>${t(`providers.step.${step}`)}</li>`)}</ol>`;
}

/** Headers as lines of text → an object. */
export function headersOf(text) {
  const all = text.split('\n').map((line) => /^\s*([^:\s]+)\s*:\s*(.*?)\s*$/.exec(line)).filter(Boolean).map(([, name, value]) => [name, value]);
  return all.length ? Object.fromEntries(all) : undefined;
}

/** @param {{providers: object[], reload: function}} props */
export function AddProvider({ providers, reload }) {
  const root = useRef();
  useEffect(() => { root.current.querySelector('input[name=base_url]')?.focus(); }, []);
  const taken = providers.map((one) => one.name);
  const [url, setUrl] = useState('');
  const [key, setKey] = useState('');
  const [named, setNamed] = useState(null);
  const [format, setFormat] = useState('');
  const [headers, setHeaders] = useState('');
  const name = named ?? nameFor(url.trim(), taken);
  const make = async (probed) => {
    const models = probed?.models.map((one) => one.id);
    const body = { name, format: format || probed?.formats[0] || 'openai_chat', base_url: url.trim(), keys: key.trim() ? [key.trim()] : undefined, headers: headersOf(headers), models };
    await api.post('/providers', body, { create: true });
    if (probed?.unusable.length) toast(t('providers.unusable', { n: probed.unusable.length, names: list(probed.unusable.slice(0, 3)) }));
    await reload();
    navigate(path('providers', name, { step: 'models' }), { force: true });
  };
  const check = useAction(async () => {
    if (!/^https?:\/\/./i.test(url.trim())) throw new ApiError({ status: 422, detail: '', problems: [{ field: 'base_url', message: t('providers.f.url.wrong') }] });
    if (!name) throw new ApiError({ status: 422, problems: [{ field: 'name', message: t('providers.f.name.needed') }] });
    if (taken.includes(name)) throw new ApiError({ status: 422, problems: [{ field: 'name', message: t('providers.f.name.taken') }] });
    const probed = await api.post('/providers/probe', { base_url: url.trim(), key: key.trim() || undefined, format: format || undefined, headers: headersOf(headers) });
    await make(probed);
  });
  const anyway = useAction(() => make(null));
  const error = anyway.error ?? check.error;
  const found = error && refusal(error);
  const at = (field, where) => (found && found.field === where ? refusalText(found) : error?.status === 409 && where === 'name' ? t('providers.f.name.taken') : error?.field?.(field));
  return html`<div class="providers-add" ref=${root}><${Steps} at=${1} />
    <h2>${t('providers.add.title')}</h2><p class="providers-lead">${t('providers.add.lead')}</p>
    <div class="providers-vendors" role="group" aria-label=${t('providers.vendors')}>${VENDORS.map((one) => html`<${Button} key=${one.label} size="small" aria-pressed=${String(url === one.url)} class=${url === one.url ? 'on' : ''} onClick=${() => { setUrl(one.url); check.clear(); root.current.querySelector('input[name=key]')?.focus(); }}>${one.label}</${Button}>`)}</div>
    <${Form} onSubmit=${() => { anyway.clear(); check.run(); }} error=${found || error?.status === 409 ? null : error} fields=${['base_url', 'key', 'name', 'format', 'headers']}>
      <${Field} label=${t('providers.f.url')} help=${t('providers.f.url.how')} error=${at('base_url', 'url')}><${Input} mono type="url" name="base_url" inputmode="url" value=${url} onInput=${(value) => { setUrl(value); if (error) { check.clear(); anyway.clear(); } }} placeholder="https://api.example.com/v1" required /></${Field}>
      <${Field} label=${t('providers.f.key')} help=${t('providers.f.key.how')} error=${at('keys[0]', 'key')}><${Secret} name="key" value=${key} onInput=${(value) => { setKey(value); if (error) { check.clear(); anyway.clear(); } }} autocomplete="off" /></${Field}>
      <${Field} label=${t('providers.f.name')} help=${t('providers.f.name.how')} error=${at('name', 'name')}><${Input} mono value=${name} onInput=${setNamed} placeholder="openai" /></${Field}>
      <${Folded} title=${t('providers.f.more')} hint=${t('providers.f.more.hint')}><div class="form">
        <${Field} label=${t('providers.f.format')} error=${at('format')}><${Select} value=${format} onChange=${setFormat} options=${[{ value: '', label: t('providers.f.format.auto') }, ...FORMATS.map((value) => ({ value, label: FORMAT_NAMES[value] }))]} /></${Field}>
        <${Field} label=${t('providers.f.headers')} help=${t('providers.f.headers.how')} error=${at('headers')} optional><textarea class="input mono" rows="2" value=${headers} onInput=${(event) => setHeaders(event.target.value)} placeholder="X-Team: search" spellcheck=${false} aria-label=${t('providers.f.headers')} /></${Field}></div></${Folded}>
      ${found?.open && html`<${Notice} kind="warn" action=${html`<${Button} size="small" busy=${anyway.busy} onClick=${() => anyway.run()}>${t('providers.anyway')}</${Button}>`}>${t('providers.anyway.text')}</${Notice}>`}
      <div class="form-foot"><${Button} href=${path('providers')}>${t('do.cancel')}</${Button}><${Button} type="submit" kind="primary" busy=${check.busy} disabled=${!url.trim()}>${t(check.busy ? 'providers.checking' : 'providers.check')}</${Button}></div>
    </${Form}></div>`;
}
