/** Who changed what: newest first, with before and after. */
import { html, useState, useEffect } from '../../lib.js';
import { t, name as named } from '../../i18n.js';
import { api } from '../../api.js';
import { useResource } from '../../resource.js';
import { useQuery, setQuery } from '../../router.js';
import { ago, dateTime } from '../../format.js';
import { Section, Loaded, Table, Button, Select, Drawer, KeyValues, Empty, Chip, Copyable } from '../../kit/index.js';
import { Diff, differences } from '../../kit/diff.js';

const KINDS = ['provider', 'model', 'route', 'client_key', 'tenant', 'price', 'setting', 'account'];
const LIMIT = 50;

export function Audit() {
  const [kind, setKind] = useQuery('kind', '');
  const [account, setAccount] = useQuery('account', '');
  const [open, setOpen] = useQuery('open', null, { push: true });
  const query = { kind, account, limit: LIMIT };
  const first = useResource('/audit', { query });
  const [older, setOlder] = useState({ items: [], end: false, busy: false });
  useEffect(() => setOlder({ items: [], end: false, busy: false }), [kind, account]);
  const more = async () => {
    const all = [...(first.data?.items ?? []), ...older.items];
    setOlder({ ...older, busy: true });
    const { items } = await api.get('/audit', { query: { ...query, before: all[all.length - 1].id } });
    setOlder({ items: [...older.items, ...items], end: items.length < LIMIT, busy: false });
  };
  const columns = [
    { key: 'at', label: t('settings.audit.at'), render: (row) => html`<time title=${dateTime(row.at)}>${ago(row.at)}</time>` },
    { key: 'account', label: t('settings.audit.who'), render: (row) => named('settings.who', row.account) },
    { key: 'what', label: t('settings.audit.what'), title: true, render: (row) => html`${named('settings.action', row.action)}${row.kind && html` <span class="dim">${named('settings.kind', row.kind)}</span>`}${row.name && html` <code>${row.name}</code>`}` },
    { key: 'changes', label: t('settings.audit.changes'), phone: false, render: (row) => { const fields = differences(row.before, row.after); return html`<span class="mono dim cut settings-changes">${fields.slice(0, 3).map((one) => one.path).filter(Boolean).join(', ')}${fields.length > 3 ? ' …' : ''}</span>`; } },
  ];
  return html`<${Section} title=${t('settings.audit')} help=${t('settings.audit.help')} actions=${html`<${Select} small aria-label=${t('settings.audit.kind')} value=${kind} onChange=${setKind} options=${[{ value: '', label: t('settings.audit.all') }, ...KINDS.map((value) => ({ value, label: named('settings.kind', value) }))]} />`}>
    ${account && html`<div class="row settings-gap"><${Chip} label=${t('settings.audit.who')} onRemove=${() => setAccount('')}>${named('settings.who', account)}</${Chip}></div>`}
    <${Loaded} of=${first} lines=${8}>${({ items }) => {
    const rows = [...items, ...older.items];
    const shown = rows.find((one) => one.id === open);
    return html`<${Table} label=${t('settings.audit')} columns=${columns} rows=${rows} rowKey=${(row) => row.id} selected=${open} onOpen=${(row) => setOpen(row.id)} empty=${html`<${Empty} icon="clock" title=${t('settings.audit.none')} />`} />
      ${items.length >= LIMIT && !older.end && html`<div class="settings-more"><${Button} busy=${older.busy} onClick=${more}>${t('settings.audit.more')}</${Button}></div>`}
      ${shown && html`<${Drawer} title=${`${named('settings.action', shown.action)} ${named('settings.kind', shown.kind)} ${shown.name ?? ''}`} close=${() => setOpen(null)} wide>
        <${KeyValues} items=${[[t('settings.audit.at'), dateTime(shown.at)], [t('settings.audit.who'), html`<button type="button" class="link" onClick=${() => setQuery({ account: shown.account, open: null })}>${named('settings.who', shown.account)}</button>`], [t('settings.audit.from'), shown.client], [t('settings.audit.id'), html`<${Copyable} text=${shown.id} />`]]} />
        ${(shown.before !== undefined || shown.after !== undefined) && html`<h3 class="settings-head">${t('settings.audit.changes')}</h3><${Diff} fields=${differences(shown.before, shown.after)} />`}</${Drawer}>`}`;
  }}</${Loaded}></${Section}>`;
}
