/** A new virtual model, with its first endpoint. */
import { html, useState } from '../../lib.js';
import { t } from '../../i18n.js';
import { api } from '../../api.js';
import { useAction } from '../../resource.js';
import { path } from '../../router.js';
import { Dialog, Form, Field, Button, Input, Empty, toast } from '../../kit/index.js';
import { USUAL } from './data.js';
import { EndpointFields } from './endpoint.js';

/** Names that clients say for a usual pool. */
export const aliasesFor = (name, models) => {
  const alias = `claude-*${name}*`;
  return USUAL.includes(name) && !models.some((one) => one.home !== 'builtin' && one.name !== name && one.body.aliases?.includes(alias)) ? [alias] : undefined;
};

/** @param {{models: object[], providers: object[], close: function, done: (name: string) => void}} props */
export function NewModel({ models, providers, close, done }) {
  const free = USUAL.filter((one) => !models.some((model) => model.name === one && model.home !== 'builtin'));
  const able = providers.filter((one) => one.home !== 'shadowed');
  const [name, setName] = useState('');
  const [draft, setDraft] = useState({ provider: able.length === 1 ? able[0].name : '' });
  const deed = useAction(async () => {
    const endpoint = { provider: draft.provider, model: draft.model };
    await api.post('/models', { name: name.trim(), aliases: aliasesFor(name.trim(), models), endpoints: [endpoint] });
    toast(t('models.added', { name: name.trim() }));
    done(name.trim());
  });
  if (!able.length) {
    return html`<${Dialog} title=${t('models.add')} close=${close}><${Empty} small icon="providers" title=${t('models.no_provider')} text=${t('models.no_provider.text')} action=${html`<${Button} kind="primary" href=${path('providers', null, { add: 1 })}>${t('models.none.provider')}</${Button}>`} /></${Dialog}>`;
  }
  const taken = deed.error?.status === 409 ? t('models.taken') : deed.error?.field?.('name');
  return html`<${Dialog} title=${t('models.add')} sub=${t('models.add.sub')} close=${close}>
    <${Form} onSubmit=${deed.run} error=${deed.error?.status === 409 ? null : deed.error} fields=${['name', 'provider', 'model']}>
      <${Field} label=${t('models.f.name')} help=${t('models.f.name.how')} error=${taken}><${Input} mono value=${name} onInput=${setName} data-autofocus required /></${Field}>
      ${free.length > 0 && html`<div class="row wrap models-usual"><span class="dim">${t('models.usual')}</span>${free.map((one) => html`<${Button} key=${one} size="small" onClick=${() => setName(one)}>${one}</${Button}>`)}</div>`}
      <${EndpointFields} draft=${draft} set=${(change) => setDraft((was) => ({ ...was, ...change }))} providers=${able} error=${deed.error} />
      <div class="form-foot"><${Button} onClick=${close}>${t('do.cancel')}</${Button}><${Button} type="submit" kind="primary" busy=${deed.busy} disabled=${!name.trim() || !draft.provider}>${t('do.create')}</${Button}></div>
    </${Form}></${Dialog}>`;
}
