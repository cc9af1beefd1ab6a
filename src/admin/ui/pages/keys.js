/** Client keys and the tenants that share them: who may call, how much, and what is left of it. */
import { html, useState, useMemo, useEffect } from '../lib.js';
import { t } from '../i18n.js';
import { api, objectPath } from '../api.js';
import { useResource } from '../resource.js';
import { useQuery, setQuery, navigate, path } from '../router.js';
import { can } from '../session.js';
import { number, money, date } from '../format.js';
import { Page, Tabs, Loaded, Empty, Notice, Button, IconButton, Menu, Input, Select, State, Home, VirtualTable, confirm, toast } from '../kit/index.js';
import { useSort } from '../kit/table.js';
import { save } from '../save.js';
import { Nearest, linesOf } from './keys/limits.js';
import { standing, ends, endOf } from './keys/standing.js';
import { Edit } from './keys/form.js';
import { Detail } from './keys/detail.js';
import { Reveal } from './keys/reveal.js';

const idOf = (row) => (row.home === 'shadowed' ? `~${row.name}` : row.name);
const mine = (row) => row.home === 'database' || row.home === 'shadowed';
const midnight = () => { const day = new Date(); day.setHours(0, 0, 0, 0); return day.toISOString(); };
const byName = (items, member) => new Map((items || []).map((item) => [member ? item.of?.[member] : item.name, item]));
const share = (account) => linesOf(account).reduce((most, line) => Math.max(most, line.share), -1);

/** What can be done with a key or a tenant. */
function useDeeds(kind, { reload, reveal, edit }) {
  const key = kind === 'client-keys';
  const toggle = async (row) => {
    const on = row.body.enabled === false;
    const set = (enabled) => save({ kind, name: row.name, body: { enabled: enabled ? null : false }, patch: true });
    try {
      await set(on);
      reload();
      toast(t(on ? 'keys.enabled' : 'keys.disabled', { name: row.name }), { undo: async () => { try { await set(!on); reload(); } catch (error) { toast.error(error); } } });
    } catch (error) { toast.error(error); }
  };
  const rotate = async (row) => {
    let made;
    const done = await confirm({ title: t('keys.rotate.ask', { name: row.name }), text: t('keys.rotate.text'), action: t('keys.rotate'), danger: true,
      run: async () => { made = await api.post(`${objectPath(kind, row.name)}/rotate`); } });
    if (done) { reload(); reveal({ made, rotated: true }); }
  };
  const reset = async (row) => {
    const done = await confirm({ title: t('keys.reset.ask', { name: row.name }), text: t('keys.reset.text'), action: t('keys.reset.do'), danger: true,
      run: () => api.post('/limits/reset', key ? { client_key: row.name } : { tenant: row.name }) });
    if (done) { reload(); toast(t('keys.reset.done', { name: row.name })); }
  };
  const remove = async (row) => {
    const done = await confirm({ title: t(key ? 'keys.revoke.ask' : 'keys.tenant.delete', { name: row.name }), text: t(key ? 'keys.revoke.text' : 'keys.tenant.delete.text'),
      action: t(key ? 'keys.revoke' : 'do.delete'), danger: true, type: key ? row.name : undefined, run: () => api.del(objectPath(kind, row.name), { etag: row.etag }) });
    if (!done) return;
    setQuery({ open: null });
    reload();
    toast(t(key ? 'keys.revoked' : 'keys.deleted', { name: row.name }), key ? {} : { undo: async () => { try { await api.post('/tenants', { ...row.body, name: row.name }); reload(); } catch (error) { toast.error(error); } } });
  };
  return { toggle, rotate, reset, remove, edit };
}

const More = ({ row, deeds, kind, limited }) => {
  const off = row.body.enabled === false;
  return html`<span onClick=${(event) => event.stopPropagation()}><${Menu} label=${t('do.more')} trigger=${(props) => html`<${IconButton} icon="more" size="small" label=${t('keys.actions', { name: row.name })} ...${props} />`} items=${[
    { label: t('do.edit'), icon: 'edit', onSelect: () => deeds.edit(row) },
    kind === 'client-keys' && { label: t('keys.rotate'), icon: 'refresh', onSelect: () => deeds.rotate(row) },
    limited && { label: t('keys.reset.do'), icon: 'undo', onSelect: () => deeds.reset(row) },
    { label: t(off ? 'do.enable' : 'do.disable'), icon: off ? 'play' : 'pause', onSelect: () => deeds.toggle(row) },
    '-',
    { label: t(kind === 'client-keys' ? 'keys.revoke' : 'do.delete'), icon: 'trash', danger: true, onSelect: () => deeds.remove(row) },
  ]} /></span>`;
};

const Name = ({ row, masked }) => html`<span class="keys-name"><span class="row"><b class="cut">${row.name}</b><${Home} home=${row.home} /></span>${masked && html`<code class="dim">${masked}</code>`}</span>`;

function columnsOf(kind, { tenants, accounts, figures, keysOf, deeds, write }) {
  const account = (row) => (row.home === 'shadowed' ? null : accounts.get(row.name));
  const today = (row) => (row.home === 'shadowed' ? null : figures.get(row.name));
  const name = { key: 'name', label: t('keys.name'), width: 'minmax(190px, 1.6fr)', sort: (row) => row.name, render: (row) => html`<${Name} row=${row} masked=${row.body.masked ?? row.body.value} />` };
  const state = { key: 'state', label: t('keys.state'), width: 'minmax(120px, 0.9fr)', sort: (row) => standing(row, tenants).value, render: (row) => html`<${State} ...${standing(row, tenants)} />` };
  const use = { key: 'use', class: 'keys-gap', label: t('keys.use'), width: 'minmax(200px, 1.2fr)', descending: true, sort: (row) => share(account(row)), render: (row) => (row.home === 'shadowed' ? html`<span class="dim">–</span>` : html`<${Nearest} account=${account(row)} />`) };
  const requests = { key: 'requests', label: t('keys.today'), width: '100px', align: 'end', descending: true, sort: (row) => today(row)?.requests ?? 0, render: (row) => html`<span class="num">${t('keys.req.n', { n: today(row)?.requests ?? 0 })}</span>` };
  const cost = { key: 'cost', label: t('keys.cost'), width: '96px', align: 'end', descending: true, sort: (row) => today(row)?.cost_usd ?? 0, render: (row) => html`<span class="num">${money(today(row)?.cost_usd ?? 0)}</span>` };
  const actions = write && { key: 'do', label: t('do.more'), hideLabel: true, width: '36px', align: 'end', render: (row) => mine(row) && html`<${More} row=${row} deeds=${deeds} kind=${kind} limited=${account(row)?.terms.length > 0} />` };
  if (kind === 'tenants') {
    return [name, state, { key: 'keys', label: t('keys.tenant.keys'), width: '90px', align: 'end', descending: true, sort: (row) => keysOf(row.name).length, render: (row) => html`<span class="num">${t('keys.n', { n: keysOf(row.name).length })}</span>` }, use, requests, cost, actions].filter(Boolean);
  }
  return [name, state,
    { key: 'tenant', label: t('keys.tenant'), width: 'minmax(80px, 0.7fr)', sort: (row) => row.body.tenant, render: (row) => row.body.tenant || html`<span class="dim">–</span>` },
    { key: 'models', label: t('keys.models'), width: 'minmax(80px, 0.9fr)', render: (row) => (row.body.models ? html`<span class="mono">${row.body.models.join(', ')}</span>` : html`<span class="dim">${t('keys.models.every')}</span>`) },
    use, requests, cost,
    { key: 'expires', label: t('keys.expires'), width: '128px', class: 'keys-gap', sort: (row) => endOf(row.body.expires)?.getTime() ?? Infinity, render: (row) => html`<span class=${row.body.expires ? '' : 'dim'} title=${row.body.expires && ends(row.body.expires)}>${row.body.expires ? date(endOf(row.body.expires) - 1) : t('keys.never')}</span>` },
    actions].filter(Boolean);
}

function Listed({ kind, list, keys, tenants, limits, figures, models }) {
  const key = kind === 'client-keys';
  const [search, setSearch] = useQuery('q', '');
  const [only, setOnly] = useQuery('state', '');
  const [open, setOpen] = useQuery('open', null, { push: true });
  const [edited, setEdited] = useQuery('edit', null);
  const [fresh, setFresh] = useQuery('new', null);
  const [shown, reveal] = useState(null);
  const write = can.write.value;
  const reload = () => { list.reload(); limits.reload(); };
  const deeds = useDeeds(kind, { reload, reveal, edit: (row) => setQuery({ edit: idOf(row), open: null }) });
  const inForce = useMemo(() => byName((tenants.data?.items || []).filter((row) => row.home !== 'shadowed')), [tenants.data]);
  const accounts = useMemo(() => byName(key ? limits.data?.client_keys : limits.data?.tenants), [limits.data, key]);
  const today = useMemo(() => byName(figures.data?.items, key ? 'client_key' : 'tenant'), [figures.data, key]);
  const keysOf = (name) => (keys.data?.items || []).filter((row) => row.body.tenant === name);
  const items = list.data?.items || [];
  const states = useMemo(() => [...new Set(items.map((row) => standing(row, inForce).value))], [items, inForce]);
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = useMemo(() => items.filter((row) => (!only || standing(row, inForce).value === only)
    && words.every((word) => `${row.name} ${row.body.tenant || ''} ${row.body.masked || row.body.value || ''} ${(row.body.models || []).join(' ')}`.toLowerCase().includes(word))), [items, only, search, inForce]);
  const columns = columnsOf(kind, { tenants: inForce, accounts, figures: today, keysOf, deeds, write });
  const { sorted, sort, onSort } = useSort(rows, columns, null);
  useEffect(() => { if (open) { figures.reload(); limits.reload(); } }, [open]);
  const find = (id) => items.find((row) => idOf(row) === id);
  const seen = find(open);
  const changing = write && find(edited);
  const phone = (row) => html`<span class="keys-phone"><span class="row"><b class="grow cut">${row.name}</b><${State} ...${standing(row, inForce)} /></span>
    <span class="row dim"><span class="grow cut">${mine(row) ? row.body.masked ?? t('keys.n', { n: keysOf(row.name).length }) : html`<${Home} home=${row.home} />`}</span>${row.home !== 'shadowed' && html`<${Nearest} account=${accounts.get(row.name)} />`}</span></span>`;
  const add = write && html`<${Button} kind="primary" icon="plus" onClick=${() => setFresh('1')}>${t(key ? 'keys.add' : 'keys.tenant.add')}</${Button}>`;
  const bare = list.data && !items.length;
  return html`${!bare && html`<div class="toolbar"><div class="tools"><${Input} type="search" icon="search" value=${search} onInput=${setSearch} placeholder=${t(key ? 'keys.search' : 'keys.tenant.search')} aria-label=${t(key ? 'keys.search' : 'keys.tenant.search')} />
      ${states.length > 1 && html`<${Select} value=${only} onChange=${setOnly} aria-label=${t('keys.state')} options=${[{ value: '', label: t('keys.state.all') }, ...states.map((value) => ({ value, label: t(value === 'off' ? 'keys.state.shadowed' : value === 'near' ? 'keys.state.ending' : value === 'failed' ? 'keys.state.fault' : `state.${value}`) }))]} />`}
      ${items.length > 8 && html`<span class="dim num">${t('keys.shown', { n: rows.length, all: items.length })}</span>`}</div><div class="actions">${add}</div></div>`}
    <${Loaded} of=${list}>${() => (!items.length ? html`<${Empty} icon="keys" title=${t(key ? 'keys.none' : 'keys.tenant.empty')} text=${t(key ? 'keys.none.text' : 'keys.tenant.empty.text')} action=${add} />`
    : !rows.length ? html`<${Empty} icon="search" title=${t('keys.nothing')} action=${html`<${Button} onClick=${() => setQuery({ q: null, state: null })}>${t('do.clear')}</${Button}>`} />`
    : html`<${VirtualTable} label=${t(key ? 'keys.tab.keys' : 'keys.tab.tenants')} columns=${columns} rows=${sorted} rowKey=${idOf} rowHeight=${48} sort=${sort} onSort=${onSort} selected=${open} onOpen=${(row) => setOpen(idOf(row))} phoneRow=${phone} />`)}</${Loaded}>
    ${seen && !edited && html`<${Detail} key=${open} kind=${kind} row=${seen} account=${seen.home === 'shadowed' ? null : accounts.get(seen.name)} today=${today.get(seen.name)} tenants=${inForce} keys=${key ? [] : keysOf(seen.name)} deeds=${deeds} write=${write} close=${() => setOpen(null)} />`}
    ${(changing || (fresh && write)) && html`<${Edit} key=${edited || 'new'} kind=${kind} row=${changing || null} taken=${items} tenants=${[...inForce.keys()]} models=${models} close=${() => setQuery({ edit: null, new: null })}
      done=${(object, made) => { setQuery({ edit: null, new: null }); reload(); if (made && object.key) reveal({ made: object }); else if (made) toast(t('keys.made', { name: object.name })); }} />`}
    ${shown && html`<${Reveal} ...${shown} close=${() => reveal(null)} />`}`;
}

export default function Keys({ name }) {
  // A link to a key by its path opens its drawer.
  useEffect(() => { if (name) navigate(path('keys', null, { open: name }), { replace: true }); }, [name]);
  const [tab] = useQuery('tab', 'keys');
  const kind = tab === 'tenants' ? 'tenants' : 'client-keys';
  const keys = useResource('/client-keys', { every: 30e3 });
  const tenants = useResource('/tenants', { every: 30e3 });
  const limits = useResource('/limits', { every: 5e3 });
  const [from, setFrom] = useState(midnight);
  useEffect(() => { const timer = setInterval(() => setFrom(midnight()), 60e3); return () => clearInterval(timer); }, []);
  const figures = useResource('/stats', { query: { from, by: kind === 'tenants' ? 'tenant' : 'client_key' }, every: 15e3 });
  const models = useResource('/models');
  const status = useResource('/status');
  const list = kind === 'tenants' ? tenants : keys;
  const go = (next) => setQuery({ tab: next === 'keys' ? null : next, q: null, state: null, open: null, edit: null, new: null }, { push: true });
  const forced = (keys.data?.items || []).filter((row) => row.home !== 'shadowed');
  const open = status.data?.auth === 'open';
  const nobody = status.data?.auth === 'auto' && keys.data && !forced.length;
  return html`<${Page} full title=${t('nav.keys')} tabs=${html`<${Tabs} label=${t('nav.keys')} value=${kind === 'tenants' ? 'tenants' : 'keys'} onChange=${go} tabs=${[
    { value: 'keys', label: t('keys.tab.keys'), count: keys.data && number(keys.data.items.length) }, { value: 'tenants', label: t('keys.tab.tenants'), count: tenants.data && number(tenants.data.items.length) }]} />`}>
    ${open && html`<${Notice} kind="warn" title=${t('keys.open')}>${t('keys.open.text')}</${Notice}>`}
    ${nobody && kind === 'client-keys' && html`<${Notice}>${t('keys.nobody')}</${Notice}>`}
    <div role="tabpanel" id=${`panel-${kind === 'tenants' ? 'tenants' : 'keys'}`} aria-labelledby=${`tab-${kind === 'tenants' ? 'tenants' : 'keys'}`} class="keys-panel">
      <${Listed} key=${kind} kind=${kind} list=${list} keys=${keys} tenants=${tenants} limits=${limits} figures=${figures} models=${(models.data?.items || []).map((row) => row.name)} /></div>
  </${Page}>`;
}
