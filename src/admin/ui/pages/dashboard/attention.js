/** What needs somebody: the gateway, keys that vendors refuse, endpoints that are not well, limits near their end. */
import { html, coded, useState, useRef } from '../../lib.js';
import { t, lang, name as named } from '../../i18n.js';
import { number, money, duration, bytes, ago, dateTime, percent, list } from '../../format.js';
import { latest } from '../../events.js';
import { path } from '../../router.js';
import { Dot, Button, Icon } from '../../kit/index.js';
import { once, REFUSED } from './endpoints.js';

const NEAR = 0.8;
const FIRST = 5;
/** How long what is over stays, so that the page does not jump while endpoints come and go. */
const STAYS = 30e3;
const ORDER = { bad: 0, warn: 1, cool: 2, ok: 3 };

function ofGateway(status) {
  if (!status) return [];
  const { database, records, refused, restart_needed: restart } = status;
  return [
    database?.state && database.state !== 'up' && { key: 'db', tone: 'bad', title: t('dashboard.need.database'), text: t(database.state === 'away' ? 'dashboard.need.database.away' : 'dashboard.need.database.missing'), href: path('settings', 'about') },
    records?.lost > 0 && { key: 'lost', tone: 'bad', title: t('dashboard.need.lost', { n: records.lost }), text: t('dashboard.need.lost.text'), href: path('settings', 'about') },
    records?.spooled_bytes > 0 && { key: 'spool', tone: 'warn', title: t('dashboard.need.spool', { size: bytes(records.spooled_bytes) }), text: t('dashboard.need.spool.text'), href: path('settings', 'about') },
    refused && { key: 'file', tone: 'bad', title: t('dashboard.need.file'), text: refused.problems[0], href: path('settings') },
    restart?.length > 0 && { key: 'restart', tone: 'warn', title: t('dashboard.need.restart'), text: t('dashboard.need.restart.text', { what: list(restart) }), href: path('settings') },
  ];
}

function ofKeys(endpoints) {
  const seen = new Map();
  for (const one of endpoints) for (const key of one.keys) if (REFUSED.has(key.state)) seen.set(`${one.provider} ${key.masked} ${key.state}`, { provider: one.provider, key });
  return [...seen].map(([id, { provider, key }]) => ({ key: id, tone: 'bad', title: t('dashboard.need.key', { key: key.masked, provider }), text: t(`dashboard.need.key.${key.state}`), href: path('providers', provider) }));
}

function ofEndpoints(endpoints) {
  return once(endpoints, latest.value?.unwell).filter((one) => ['open', 'cooling', 'half_open'].includes(one.state)).map((one) => ({
    key: one.key, tone: { open: 'bad', cooling: 'cool', half_open: 'warn' }[one.state], title: one.key,
    text: [t(`dashboard.need.${one.state}`), one.back > 0 && t('dashboard.need.back', { time: duration(Math.ceil(one.back / 1000) * 1000) })].filter(Boolean).join(lang.value === 'zh' ? '' : ' '),
    href: path('requests', null, { provider: one.provider, endpoint: one.model }), word: named('state', one.state), endpoint: true,
  }));
}

function ofLimits(limits) {
  if (!limits) return [];
  const all = [
    ...limits.client_keys.map((one) => ({ ...one, title: t('dashboard.need.owner.key', { name: one.name }), href: path('keys', one.name) })),
    ...limits.tenants.map((one) => ({ ...one, title: t('dashboard.need.owner.tenant', { name: one.name }), href: path('keys', one.name, { tab: 'tenants' }) })),
    ...limits.endpoints.map((one) => ({ terms: [one], title: `${one.provider} / ${one.model}`, name: `${one.pool}/${one.provider}/${one.model}`, href: path('models', one.pool) })),
  ];
  return all.flatMap((one) => {
    const terms = (one.terms ?? []).flatMap((term) => [['requests', number], ['tokens', number], ['cost_usd', money]].map(([kind, format]) => {
      const use = term[kind];
      const share = use?.limit ? use.used / use.limit : 0;
      return share >= NEAR && { key: `${one.name} ${term.limit} ${kind}`, tone: share >= 1 ? 'bad' : 'warn', title: one.title, href: one.href,
        text: t(`dashboard.need.term.${kind}`, { used: format(use.used), limit: format(use.limit), share: percent(share, 0), when: ago(term.resets_at) }), hint: dateTime(term.resets_at) };
    }));
    const rates = ['rpm', 'tpm', 'concurrency'].map((kind) => {
      const use = one[kind];
      return use?.limit && use.used >= use.limit && { key: `${one.name} ${kind}`, tone: 'warn', title: one.title, href: one.href, text: t(`dashboard.need.rate.${kind}`, { used: number(use.used), limit: number(use.limit) }) };
    });
    return [...terms, ...rates];
  });
}

/** What was there within the last 30 s stays, marked as over. */
function useLinger(items) {
  const held = useRef(new Map());
  const now = Date.now();
  items.forEach((one) => held.current.set(one.key, { one, at: now }));
  const here = new Set(items.map((one) => one.key));
  const gone = [];
  for (const [key, { one, at }] of held.current) {
    if (here.has(key)) continue;
    if (now - at > STAYS) held.current.delete(key);
    else gone.push({ ...one, tone: 'ok', text: t('dashboard.need.over') });
  }
  return [...items, ...gone];
}

/** Many endpoints that come and go are one line, so that the page stays where it is. */
function gathered(items) {
  const unwell = items.filter((one) => one.endpoint && one.tone !== 'ok');
  if (unwell.length < 3) return items;
  const tone = ['bad', 'warn', 'cool'].find((which) => unwell.some((one) => one.tone === which));
  return [...items.filter((one) => !one.endpoint), { key: 'endpoints', tone, title: t('dashboard.need.endpoints', { n: unwell.length }), text: list(unwell.map((one) => one.title)), href: path('models'), hint: unwell.map((one) => `${one.title}: ${one.word}`).join('\n') }];
}

/** @param {{endpoints?: any[], limits?: object, status?: object}} props nothing where all is well */
export function Attention({ endpoints, limits, status }) {
  const [all, setAll] = useState(false);
  const items = gathered(useLinger([...ofGateway(status), ...ofKeys(endpoints ?? []), ...ofEndpoints(endpoints ?? []), ...ofLimits(limits)].filter(Boolean))).sort((a, b) => ORDER[a.tone] - ORDER[b.tone]);
  if (!endpoints || !status) return html`<div class="dashboard-needs" />`;
  if (!items.length) return html`<p class="dashboard-well"><${Icon} name="ok" />${t('dashboard.well', { n: once(endpoints).length })}</p>`;
  const shown = all ? items : items.slice(0, FIRST);
  return html`<section class="dashboard-needs" aria-label=${t('dashboard.needs')}><h2 class="sr">${t('dashboard.needs')}</h2><ul>${shown.map((one) => html`<li key=${one.key}><a href=${one.href} title=${one.hint}><${Dot} tone=${one.tone} /><span class=${`dashboard-need ${one.tone}`}>${one.title}</span><span class="grow dashboard-need-text">${coded(one.text)}</span><${Icon} name="right" size=${14} /></a></li>`)}</ul>
    ${items.length > FIRST && html`<${Button} kind="ghost" size="small" icon=${all ? 'up' : 'down'} onClick=${() => setAll(!all)}>${all ? t('dashboard.fewer') : t('dashboard.more', { n: items.length - FIRST })}</${Button}>`}</section>`;
}
