/** What models cost: those that were set here or in the file, over the table that comes with the gateway. */
import { html, useState } from '../../lib.js';
import { t } from '../../i18n.js';
import { api, objectPath } from '../../api.js';
import { useResource, useAction } from '../../resource.js';
import { save } from '../../save.js';
import { money } from '../../format.js';
import { Section, Loaded, Table, Button, IconButton, Home, Dialog, Form, Field, Input, NumberInput, Empty, toast } from '../../kit/index.js';

const RATES = ['input', 'cached', 'cache_write', 'output', 'reasoning'];

function PriceEditor({ price, close, done }) {
  const [name, setName] = useState(price?.name ?? '');
  const [body, setBody] = useState(price?.body ?? {});
  const deed = useAction(async () => {
    if (!price) await api.post('/prices', { name: name.trim(), ...body });
    else {
      const told = await save({ kind: 'prices', name: price.name, body, etag: price.etag });
      if (!told.saved && told.theirs === undefined) return;
      if (!told.saved) { done(); close(); return; }
    }
    toast(t('settings.saved'));
    done();
    close();
  });
  const set = (rate, value) => { const next = { ...body, [rate]: value }; if (value == null) delete next[rate]; setBody(next); };
  return html`<${Dialog} title=${price ? price.name : t('settings.price.new')} close=${close}><${Form} onSubmit=${deed.run} error=${deed.error} fields=${[...RATES, 'name']}>
    ${!price && html`<${Field} label=${t('settings.price.name')} help=${t('settings.price.name.help')} error=${deed.error?.field('name')}><${Input} mono value=${name} onInput=${setName} data-autofocus /></${Field}>`}
    <div class="form-row">${RATES.map((rate) => html`<${Field} key=${rate} label=${t(`settings.price.${rate}`)} optional=${rate !== 'input'} error=${deed.error?.field(rate)}><${NumberInput} min="0" step="any" value=${typeof body[rate] === 'object' ? null : body[rate]} disabled=${typeof body[rate] === 'object'} unit="$/M" onInput=${(value) => set(rate, value)} /></${Field}>`)}</div>
    <p class="field-help">${t('settings.price.help')}</p>
    <div class="form-foot"><${Button} onClick=${close}>${t('do.cancel')}</${Button}><${Button} type="submit" kind="primary" busy=${deed.busy}>${t('do.save')}</${Button}></div></${Form}></${Dialog}>`;
}

export function Prices({ write }) {
  const list = useResource('/prices');
  const [edited, edit] = useState(null);
  const remove = async (price) => {
    try {
      await api.del(objectPath('prices', price.name), { etag: price.etag });
      list.reload();
      toast(t('settings.price.deleted', { name: price.name }), { undo: () => api.put(objectPath('prices', price.name), price.body).then(list.reload, toast.error) });
    } catch (error) { toast.error(error); list.reload(); }
  };
  const rate = (key) => ({ key, label: t(`settings.price.${key}`), align: 'end', sort: (row) => row.body[key], render: (row) => (typeof row.body[key] === 'number' ? money(row.body[key]) : '–') });
  const columns = [
    { key: 'name', label: t('settings.price.name'), title: true, sort: (row) => row.name, render: (row) => html`<span class="row wrap"><code>${row.name}</code><${Home} home=${row.home} /></span>` },
    ...RATES.map(rate),
    write && { key: 'do', label: t('do.more'), hideLabel: true, actions: true, render: (row) => ['database', 'shadowed'].includes(row.home) && html`<${IconButton} icon="edit" size="small" label=${t('do.edit')} onClick=${() => edit(row)} /><${IconButton} icon="trash" size="small" label=${t('do.delete')} onClick=${() => remove(row)} />` },
  ].filter(Boolean);
  const add = write && html`<${Button} kind="primary" icon="plus" onClick=${() => edit({})}>${t('settings.price.new')}</${Button}>`;
  return html`<${Section} title=${t('settings.prices')} help=${t('settings.prices.help')} actions=${list.data?.items.length > 0 && add}>
    <${Loaded} of=${list}>${({ items }) => html`<${Table} label=${t('settings.prices')} columns=${columns} rows=${items} rowKey=${(row) => row.name + row.home} sort=${{ key: 'name', dir: 1 }}
      empty=${html`<${Empty} icon="file" title=${t('settings.prices.none')} text=${t('settings.prices.none.text')} action=${add} />`} />`}</${Loaded}>
    ${edited && html`<${PriceEditor} price=${edited.name ? edited : null} close=${() => edit(null)} done=${list.reload} />`}</${Section}>`;
}
