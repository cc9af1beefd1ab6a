/** A client key or a tenant, looked at: its limits as bars, what it did today, and what can be done with it. */
import { html } from '../../lib.js';
import { t } from '../../i18n.js';
import { useResource } from '../../resource.js';
import { path } from '../../router.js';
import { number, money, compact, ago, dateTime } from '../../format.js';
import { Drawer, Section, KeyValues, Figure, State, Home, Notice, Button, Menu, IconButton, Chip, Loaded } from '../../kit/index.js';
import { Bars, linesOf } from './limits.js';
import { standing, ends } from './standing.js';

const sum = (tokens) => Object.values(tokens || {}).reduce((a, b) => a + b, 0);

function LastUsed({ name }) {
  const last = useResource('/requests', { query: { client_key: name, limit: 1 } });
  return html`<${Loaded} of=${last} height=${18}>${({ items }) => (items.length ? html`<span title=${dateTime(items[0].at)}>${ago(items[0].at)}</span> <a href=${path('requests', null, { client_key: name })}>${t('keys.requests')}</a>` : html`<span class="dim">${t('keys.unused')}</span>`)}</${Loaded}>`;
}

/**
 * @param {{kind: 'client-keys'|'tenants', row: object, account?: object, today?: object, tenants: Map, keys: object[], deeds: object, close: function, write: boolean}} props
 *   `deeds`: {edit, toggle, rotate, reset, remove}
 */
export function Detail({ kind, row, account, today, tenants, keys, deeds, close, write }) {
  const key = kind === 'client-keys';
  const { body } = row;
  const mine = row.home === 'database' || row.home === 'shadowed';
  const forced = row.home !== 'shadowed' && !row.fault;
  const off = body.enabled === false;
  const terms = account?.terms.length > 0;
  const of = key ? { client_key: row.name } : { tenant: row.name };
  const more = [
    { label: t(off ? 'do.enable' : 'do.disable'), icon: off ? 'play' : 'pause', onSelect: () => deeds.toggle(row) },
    key && { label: t('keys.rotate'), icon: 'refresh', hint: t('keys.rotate.hint'), onSelect: () => deeds.rotate(row) },
    '-',
    { label: t(key ? 'keys.revoke' : 'do.delete'), icon: 'trash', danger: true, onSelect: () => deeds.remove(row) },
  ];
  return html`<${Drawer} title=${row.name} close=${close} sub=${html`<span class="row wrap"><${State} ...${standing(row, tenants)} />${row.home !== 'shadowed' && html`<${Home} home=${row.home} />`}</span>`}
    footer=${write && mine && html`<${Menu} align="start" label=${t('do.more')} trigger=${(props) => html`<${Button} icon="more" ...${props}>${t('do.more')}</${Button}>`} items=${more} /><span class="grow" /><${Button} kind="primary" icon="edit" onClick=${() => deeds.edit(row)}>${t('do.edit')}</${Button}>`}>
    ${row.fault && html`<${Notice} kind="bad" title=${t('keys.state.fault')}>${row.fault}</${Notice}>`}
    ${row.home === 'shadowed' && html`<${Notice} kind="warn" title=${t(key ? 'keys.shadowed.title' : 'keys.tenant.shadowed.title')}>${t('home.shadowed.how')}</${Notice}>`}
    ${row.home === 'file' && html`<${Notice}>${t('home.file.how')}</${Notice}>`}
    ${forced && html`<div class="figures keys-figures"><${Figure} label=${t('keys.today.requests')} value=${number(today?.requests ?? 0)} unit=${t('keys.unit.req')} hint=${today?.errors ? t('keys.today.errors', { n: today.errors }) : null} />
      <${Figure} label=${t('keys.today.tokens')} value=${compact(sum(today?.tokens))} unit=${t('keys.unit.tokens')} /><${Figure} label=${t('keys.today.cost')} value=${money(today?.cost_usd ?? 0)} hint=${today?.unpriced ? t('keys.unpriced', { n: today.unpriced }) : null} /></div>`}
    ${forced && html`<${Section} title=${t('keys.limits')} actions=${write && terms && html`<${Button} size="small" icon="undo" onClick=${() => deeds.reset(row)}>${t('keys.reset.do')}</${Button}>`}>
      ${linesOf(account).length ? html`<${Bars} account=${account} />` : html`<p class="dim">${t(key ? 'keys.nolimits' : 'keys.tenant.nolimits')}</p>`}</${Section}>`}
    <${Section} title=${t('keys.about')}><${KeyValues} items=${[
    key && [t('keys.value'), html`<code>${body.masked ?? body.value}</code>`],
    key && [t('keys.tenant'), body.tenant ? html`<a href=${path('keys', null, { tab: 'tenants', open: body.tenant })}>${body.tenant}</a>` : html`<span class="dim">${t('keys.tenant.none')}</span>`],
    key && [t('keys.models'), body.models ? html`<span class="row wrap">${body.models.map((one) => html`<${Chip} mono key=${one}>${one}</${Chip}>`)}</span>` : t('keys.models.every')],
    key && [t('keys.expires'), ends(body.expires)],
    key && forced && [t('keys.lastused'), html`<${LastUsed} name=${row.name} />`],
    !key && [t('keys.tenant.keys'), keys.length ? html`<span class="keys-of">${keys.map((one) => html`<a key=${one.home + one.name} href=${path('keys', null, { open: one.name })}>${one.name}</a>`)}</span>` : html`<span class="dim">${t('keys.tenant.keys.none')}</span>`],
    !key && [t('keys.log'), html`<a href=${path('requests', null, of)}>${t('keys.requests')}</a>`],
    row.created_at && [t('keys.created'), dateTime(row.created_at)],
    row.updated_at && row.updated_at !== row.created_at && [t('keys.updated'), dateTime(row.updated_at)],
  ]} /></${Section}></${Drawer}>`;
}
