/** Beside each other: what went wrong lately, and who uses how much. */
import { html, useMemo } from '../../lib.js';
import { t, has, name as named } from '../../i18n.js';
import { time, number, money, compact, percent, dateTime, modelOf } from '../../format.js';
import { path, useQuery } from '../../router.js';
import { useResource } from '../../resource.js';
import { Section, Segmented, Status, Dot, Empty, Loaded, Table } from '../../kit/index.js';
import { failures } from './live.js';

/** Why, in a few words: the limit, or what the last attempt met with. */
function why(request) {
  if (request.limited) return t('dashboard.fail.limited', { limit: named('dashboard.limit', request.limited.split(' ')[1]) });
  const last = request.attempts[request.attempts.length - 1];
  if (!last) return has(`dashboard.fail.${request.status}`) ? t(`dashboard.fail.${request.status}`) : t('dashboard.fail.nobody');
  return `${last.provider} / ${last.model} · ${named('dashboard.outcome', last.outcome)}${last.status && last.outcome === 'status' ? ` ${last.status}` : ''}`;
}

export function Failures() {
  const all = failures.value.slice(0, 8);
  return html`<${Section} title=${t('dashboard.failures')} actions=${html`<span class="dashboard-links"><a href=${path('requests', null, { ending: 'refused' })}>${t('dashboard.failures.refused')}</a><a href=${path('requests', null, { ending: 'broken' })}>${t('dashboard.failures.broken')}</a></span>`}>
    ${all.length ? html`<ul class="dashboard-rows">${all.map((one) => html`<li key=${one.id}><a href=${path('requests', null, { open: one.id })}>
      <time class="num dim" dateTime=${one.at} title=${dateTime(one.at)}>${time(one.at)}</time><span class="dashboard-status"><${Dot} tone=${one.ending === 'broken' || one.status >= 500 ? 'bad' : 'warn'} /><${Status} code=${one.status} /></span>
      <span class="cut dashboard-what"><b>${modelOf(one) ?? one.path}</b> <span class="dim">${one.ending === 'broken' ? t('dashboard.fail.broken') : ''}${why(one)}</span></span><span class="dim cut dashboard-who">${one.client_key ?? ''}</span></a></li>`)}</ul>`
    : html`<${Empty} small title=${t('dashboard.failures.none')} text=${t('dashboard.failures.none.text')} />`}
  </${Section}>`;
}

const BY = ['model', 'client_key', 'tenant', 'provider'];
const sumOf = (one) => Object.values(one.tokens).reduce((sum, n) => sum + n, 0);

/** Sums of a range by model, key, tenant or provider. @param {{range: string}} props */
export function Use({ range }) {
  const [by, setBy] = useQuery('by', 'model');
  const of = BY.includes(by) ? by : 'model';
  const from = range === 'live' ? '24h' : range;
  const found = useResource('/stats', { query: { from, by: of }, every: 30e3 });
  const rows = useMemo(() => [...(found.data?.items ?? [])].filter((one) => one.requests > 0 || one.attempts > 0).sort((a, b) => b.cost_usd - a.cost_usd || b.requests - a.requests).slice(0, 8), [found.data]);
  const most = Math.max(1e-12, ...rows.map((one) => one.cost_usd));
  const label = (one) => (one.of[of] ? html`<a href=${path('requests', null, { [of]: one.of[of], from })}>${of === 'model' ? named('pool', one.of.model) : one.of[of]}</a>` : html`<span class="dim">${t(`dashboard.by.${of}.none`)}</span>`);
  const columns = [
    { key: 'name', label: t(`dashboard.by.${of}`), title: true, sort: (one) => one.of[of], render: (one) => html`${label(one)}<span class="dashboard-meter" aria-hidden="true"><i style=${{ width: `${(one.cost_usd / most) * 100}%` }} /></span>` },
    { key: 'requests', label: t('dashboard.requests'), align: 'end', descending: true, sort: (one) => one.requests, render: (one) => html`<span title=${number(one.requests)}>${compact(one.requests)}</span>` },
    { key: 'errors', label: t('dashboard.errors'), align: 'end', descending: true, sort: (one) => (one.requests ? one.errors / one.requests : null), render: (one) => (one.requests ? html`<span class=${one.errors / one.requests >= 0.05 ? 'dashboard-failed' : ''}>${percent(one.errors / one.requests)}</span>` : '–') },
    { key: 'tokens', label: t('dashboard.tokens'), align: 'end', descending: true, sort: sumOf, render: (one) => html`<span title=${number(sumOf(one))}>${compact(sumOf(one))}</span>` },
    { key: 'cost', label: t('dashboard.cost'), align: 'end', descending: true, sort: (one) => one.cost_usd, render: (one) => money(one.cost_usd) },
  ];
  return html`<${Section} title=${t('dashboard.use', { range: t(`dashboard.range.${from}`) })} actions=${html`<${Segmented} small label=${t('dashboard.use.by')} value=${of} onChange=${setBy} options=${BY.map((one) => ({ value: one, label: t(`dashboard.by.${one}`) }))} />`}>
    <${Loaded} of=${found} lines=${6}>${() => html`<div class="dashboard-use"><${Table} key=${of} label=${t('dashboard.use', { range: t(`dashboard.range.${from}`) })} columns=${columns} rows=${rows} rowKey=${(one) => one.of[of]}
      empty=${html`<${Empty} small title=${t('dashboard.use.none')} />`} /></div>`}</${Loaded}>
  </${Section}>`;
}
