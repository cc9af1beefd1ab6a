/** The keys of a provider: state, weight, add, take away. */
import { html, useState } from '../../lib.js';
import { t, name as named } from '../../i18n.js';
import { api, objectPath } from '../../api.js';
import { useAction, useResource } from '../../resource.js';
import { duration, list } from '../../format.js';
import { Section, Table, State, Switch, IconButton, Button, Dialog, Form, Field, Secret, NumberInput, Empty, confirm, toast } from '../../kit/index.js';
import { Weight } from '../models/lanes.js';
import { keyStates } from './data.js';

const TONES = { well: 'ok', limited: 'cool', unauthenticated: 'bad', unpaid: 'bad', forbidden: 'bad' };
const full = (key) => (typeof key === 'string' ? { value: key } : key);

function AddKey({ provider, close, done }) {
  const [value, setValue] = useState('');
  const [weight, setWeight] = useState(null);
  const deed = useAction(async () => {
    await api.post(`${objectPath('providers', provider.name)}/keys`, { value: value.trim(), weight: weight ?? undefined });
    toast(t('providers.key.added'));
    done();
  });
  return html`<${Dialog} title=${t('providers.key.add')} sub=${provider.name} close=${close}><${Form} onSubmit=${deed.run} error=${deed.error} fields=${['value', 'weight']}>
    <${Field} label=${t('providers.f.key')} error=${deed.error?.field('value')} help=${t('providers.f.key.how')}><${Secret} value=${value} onInput=${setValue} data-autofocus /></${Field}>
    <${Field} label=${t('models.weight')} optional error=${deed.error?.field('weight')} help=${t('providers.key.weight')}><${NumberInput} min="1" value=${weight} onInput=${setWeight} placeholder="1" /></${Field}>
    <div class="form-foot"><${Button} onClick=${close}>${t('do.cancel')}</${Button}><${Button} type="submit" kind="primary" busy=${deed.busy} disabled=${!value.trim()}>${t('do.add')}</${Button}></div></${Form}></${Dialog}>`;
}

/** @param {{provider: object, endpoints: object[], write: boolean, reload: function}} props */
export function Keys({ provider, endpoints, write, reload }) {
  const [adding, setAdding] = useState(false);
  const { body } = provider;
  const told = useResource(provider.home === 'environment' ? `${objectPath('providers', provider.name)}/keys` : null);
  if (body.keys === 'passthrough') return html`<${Section} title=${t('providers.keys')}><p class="prose">${t('providers.passthrough.text')}</p></${Section}>`;
  const keys = told.data ? told.data.items.map(({ masked, weight, enabled }) => ({ value: masked, weight, enabled })) : [body.keys ?? []].flat().map(full);
  const states = keyStates(endpoints, provider.name);
  const rows = keys.map((key, at) => ({ ...key, number: at + 1, standing: states[at + 1] }));
  const put = (number, change) => api.patch(`${objectPath('providers', provider.name)}/keys/${number}`, change).then(() => reload(), toast.error);
  const remove = (row) => confirm({
    title: t('providers.key.delete', { key: row.value }), text: html`<p>${t(keys.length === 1 ? 'providers.key.delete.last' : 'providers.key.delete.text')}</p>`, action: t('do.delete'), danger: true,
    run: () => api.del(`${objectPath('providers', provider.name)}/keys/${row.number}`),
  }).then((done) => { if (done) { toast(t('providers.key.deleted')); reload(); } });
  const state = (row) => {
    if (row.enabled === false) return html`<${State} value="disabled" />`;
    if (!row.standing) return html`<${State} value="unknown" label=${t('providers.key.unused')} title=${t('providers.unused.why')} />`;
    const { state: now, back_in_ms: back, models } = row.standing;
    return html`<${State} value=${now} tone=${TONES[now]} label=${named('models.key', now) + (now !== 'well' && back ? ` · ${t('providers.key.back', { time: duration(Math.ceil(back / 1000) * 1000) })}` : '')} title=${now !== 'well' && models.length ? t('providers.key.for', { models: list(models) }) : null} />`;
  };
  const columns = [
    { key: 'value', label: t('providers.key'), title: true, render: (row) => html`<code>${row.value}</code>` },
    { key: 'state', label: t('providers.state'), render: state },
    { key: 'weight', label: t('models.weight'), align: 'end', render: (row) => (write ? html`<${Weight} value=${row.weight ?? 1} label=${t('models.weight.of', { name: row.value })} onChange=${(weight) => put(row.number, { weight })} />` : row.weight ?? 1) },
    write && { key: 'on', label: t('state.enabled'), align: 'end', render: (row) => html`<${Switch} checked=${row.enabled !== false} hidden label=${t('providers.key.on', { key: row.value })} onChange=${(on) => put(row.number, { enabled: on })} />` },
    write && { key: 'do', label: t('do.more'), hideLabel: true, actions: true, render: (row) => html`<${IconButton} size="small" icon="trash" label=${t('providers.key.delete.label', { key: row.value })} onClick=${() => remove(row)} />` },
  ].filter(Boolean);
  return html`<${Section} title=${t('providers.keys')} help=${rows.length > 1 && t('providers.keys.how')} actions=${write && html`<${Button} size="small" icon="plus" onClick=${() => setAdding(true)}>${t('providers.key.add')}</${Button}>`}>
    <${Table} label=${t('providers.keys')} columns=${columns} rows=${rows} rowKey=${(row) => row.number} empty=${html`<${Empty} small icon="keys" title=${t('providers.keys.none')} text=${t('providers.keys.none.text')} />`} />
    ${adding && html`<${AddKey} provider=${provider} close=${() => setAdding(false)} done=${() => { setAdding(false); reload(); }} />`}</${Section}>`;
}
