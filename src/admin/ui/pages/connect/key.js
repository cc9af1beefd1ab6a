/** The client key of the lines: one that there is, or one made here and shown once. */
import { html, useState } from '../../lib.js';
import { t } from '../../i18n.js';
import { api } from '../../api.js';
import { useAction } from '../../resource.js';
import { path } from '../../router.js';
import { Field, Select, Secret, Button, Dialog, Form, Input, Notice, CopyButton, Checkbox } from '../../kit/index.js';

/** @param {{model: string, taken: string[], first: boolean, close: function, done: (made) => void}} props */
export function NewKey({ model, taken, first, close, done }) {
  let free = 'my-client';
  for (let n = 2; taken.includes(free); n += 1) free = `my-client-${n}`;
  const [name, setName] = useState(free);
  const [only, setOnly] = useState(false);
  const deed = useAction(async () => {
    const made = await api.post('/client-keys', { name: name.trim(), models: only ? [model] : undefined }, { create: true });
    done({ name: made.name, key: made.key });
  });
  const error = taken.includes(name.trim()) || deed.error?.status === 409 ? t('connect.key.taken') : deed.error?.field?.('name');
  return html`<${Dialog} title=${t('connect.key.make')} close=${close}><${Form} onSubmit=${deed.run} error=${deed.error?.status === 409 ? null : deed.error} fields=${['name']}>
    ${first && html`<${Notice} kind="warn">${t('connect.key.first')}</${Notice}>`}
    <${Field} label=${t('connect.key.name')} help=${t('connect.key.name.how')} error=${error}><${Input} mono value=${name} onInput=${setName} data-autofocus /></${Field}>
    ${model && html`<${Checkbox} checked=${only} onChange=${setOnly} label=${t('connect.key.only', { model })} />`}
    <p class="dim connect-limits">${t('connect.key.limits')} <a href=${path('keys')}>${t('nav.keys')}</a></p>
    <div class="form-foot"><${Button} onClick=${close}>${t('do.cancel')}</${Button}><${Button} type="submit" kind="primary" busy=${deed.busy} disabled=${!name.trim() || taken.includes(name.trim())}>${t('do.create')}</${Button}></div></${Form}></${Dialog}>`;
}

/** @param {{keys: object[], open: boolean, chosen: string, choose: function, value: string, setValue: function, made?: object, write: boolean, make: function}} props */
export function KeyField({ keys, open, chosen, choose, value, setValue, made, write, make }) {
  const options = [open && { value: '', label: t('connect.key.none') }, ...keys.map((one) => ({ value: one.name, label: one.body.masked ? `${one.name} (${one.body.masked})` : one.name, disabled: one.body.enabled === false })), !open && { value: '', label: t('connect.key.choose') }].filter(Boolean);
  return html`<div class="connect-key"><${Field} label=${t('connect.key')} help=${!chosen ? t(open ? 'connect.key.open' : 'connect.key.needed') : made?.name === chosen ? null : t('connect.key.paste.how')}>
      <div class="connect-key-row"><${Select} value=${chosen} onChange=${choose} options=${options} />${write && html`<${Button} icon="plus" onClick=${make}>${t('connect.key.new')}</${Button}>`}</div></${Field}>
    ${chosen && made?.name === chosen && html`<div class="connect-made" role="status"><strong>${t('connect.key.once')}</strong><div class="connect-made-key"><code>${made.key}</code><${CopyButton} text=${made.key} label=${t('connect.key.copy')} wide /></div></div>`}
    ${chosen && made?.name !== chosen && html`<${Field} label=${t('connect.key.paste')} hidden><${Secret} value=${value} onInput=${setValue} placeholder=${t('connect.key.paste')} /></${Field}>`}</div>`;
}
