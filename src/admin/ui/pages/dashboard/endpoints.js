/** Every endpoint: how it stands, how it stood, what share it has, how it answers. What is not well comes first. */
import { html, useMemo, useState } from '../../lib.js';
import { t, name as named } from '../../i18n.js';
import { number, duration, percent, time, list } from '../../format.js';
import { latest } from '../../events.js';
import { path } from '../../router.js';
import { can } from '../../session.js';
import { Section, Table, State, Share, Empty, Button, Badge, toneOf, useNarrow } from '../../kit/index.js';
import { keyOf, OTHERS } from './live.js';
import { Strip } from './strip.js';

const FEW = 10;
const RANK = { open: 0, cooling: 1, half_open: 2, well: 3, disabled: 4 };
/** States of keys that a vendor does not take. */
export const REFUSED = new Set(['unauthenticated', 'unpaid', 'forbidden']);

/** Endpoints of all pools, each once: {key, provider, model, pools, state, back, inFlight, keys}. */
export function once(items, unwell) {
  const all = new Map();
  const now = unwell && new Map(unwell.map((one) => [keyOf(one.provider, one.model), one.state]));
  for (const one of items) {
    const key = keyOf(one.provider, one.model);
    const known = all.get(key);
    if (known) { if (!known.pools.includes(one.pool)) known.pools.push(one.pool); known.enabled ||= one.enabled; known.keys = known.keys.length ? known.keys : one.keys; continue; }
    all.set(key, { key, provider: one.provider, model: one.model, pools: [one.pool], enabled: one.enabled, state: one.state, back: one.back_in_ms, inFlight: one.in_flight, keys: one.keys });
  }
  return [...all.values()].map((one) => {
    const state = !one.enabled ? 'disabled' : now ? now.get(one.key) ?? 'well' : one.state;
    return { ...one, state, back: state === one.state ? one.back : null };
  });
}

function liveCells(model, key) {
  return model.slices.map(({ time: at, slice }) => {
    if (!slice) return null;
    const sums = slice.by.get(key);
    if (!slice.watched) return sums ? { tone: sums.failed ? 'warn' : 'ok', title: t('dashboard.strip.attempts', { at: time(at * 1000), failed: sums.failed, n: sums.attempts }) } : null;
    const state = slice.states.get(key) ?? 'well';
    return { tone: toneOf(state), title: state === 'well' ? named('state', state) : `${time(at * 1000)} ${named('state', state)}` };
  });
}

function pastCells(model, key) {
  const times = model.past.shares.get(key);
  return model.past.times.map((at) => {
    const one = times?.get(at);
    if (!one?.attempts) return null;
    const share = one.failed_attempts / one.attempts;
    const title = t('dashboard.strip.attempts', { at: time(at), failed: one.failed_attempts, n: one.attempts });
    return share ? { tone: share > 0.1 ? 'bad' : 'warn', height: 0.3 + 0.7 * Math.min(1, share), title } : { tone: 'ok', title };
  });
}

function Keys({ keys }) {
  const bad = keys.filter((one) => REFUSED.has(one.state)).length;
  const limited = keys.filter((one) => one.state === 'limited').length;
  return html`${bad > 0 && html`<${Badge} tone="bad">${t('dashboard.keys.refused', { n: bad, of: keys.length })}</${Badge}>`}${limited > 0 && html`<${Badge} tone="cool">${t('dashboard.keys.limited', { n: limited, of: keys.length })}</${Badge}>`}`;
}

/** @param {{endpoints: any[], model: object, range: string}} props */
export function Endpoints({ endpoints, model, range }) {
  const [all, setAll] = useState(false);
  const live = range === 'live';
  const few = useNarrow() ? 5 : FEW;
  const rows = useMemo(() => {
    const known = once(endpoints, latest.value?.unwell);
    const keys = new Set(known.map((one) => one.key));
    // Of pools that name no model ("*"), and of what was deleted since.
    const others = [...model.sums.keys()].filter((key) => key !== OTHERS && !keys.has(key)).map((key) => { const [provider, ...rest] = key.split(' / '); return { key, provider, model: rest.join(' / '), pools: [], keys: [], state: null }; });
    const total = [...model.sums.values()].reduce((sum, one) => sum + one.share, 0);
    return [...known, ...others].map((one) => {
      const sum = model.sums.get(one.key);
      return { ...one, share: total ? (sum?.share ?? 0) / total : 0, attempts: sum?.attempts ?? 0, failed: sum?.failed ?? 0, first: sum?.first };
    }).sort((a, b) => (RANK[a.state] ?? 5) - (RANK[b.state] ?? 5) || b.share - a.share || (a.key < b.key ? -1 : 1));
  }, [endpoints, model, latest.value?.unwell]);
  const span = t(live ? 'dashboard.strip.live' : `dashboard.range.${range}`);
  const columns = [
    { key: 'name', label: t('dashboard.endpoint'), title: true, sort: (one) => one.key, render: (one) => html`<span class="dashboard-name"><i class="dashboard-key" style=${{ background: model.colors.has(one.key) ? `var(--chart-${model.colors.get(one.key)})` : null }} aria-hidden="true" /><span class="cut"><span class="cut">${one.provider} <span class="dim">/ ${one.model === '(exposed)' ? t('pool.(exposed)') : one.model}</span></span>
      ${one.pools.length > 0 && html`<small class="dim cut dashboard-pools">${t('dashboard.of', { pools: list(one.pools) })}</small>`}</span></span>` },
    { key: 'state', label: t('dashboard.state'), sort: (one) => RANK[one.state], render: (one) => (one.state ? html`<span class="row wrap"><${State} value=${one.state} label=${one.back > 0 ? t('dashboard.back', { state: named('state', one.state), time: duration(Math.ceil(one.back / 1000) * 1000) }) : undefined} /><${Keys} keys=${one.keys} /></span>` : html`<span class="dim">${t('dashboard.unlisted')}</span>`) },
    { key: 'strip', label: t(live ? 'dashboard.strip.state' : 'dashboard.strip.failed', { span }), render: (one) => html`<${Strip} cells=${live ? liveCells(model, one.key) : pastCells(model, one.key)} label=${t('dashboard.strip.said', { name: one.key, span, failed: one.failed, n: one.attempts })} />` },
    { key: 'share', label: t('dashboard.share.short'), align: 'end', descending: true, sort: (one) => one.share, render: (one) => html`<${Share} value=${one.share} label=${t('dashboard.share')} />` },
    { key: 'first', label: t('dashboard.first.p50'), align: 'end', sort: (one) => one.first, render: (one) => duration(one.first) },
    { key: 'failed', label: t('dashboard.failed'), align: 'end', descending: true, sort: (one) => (one.attempts ? one.failed / one.attempts : null), render: (one) => (one.attempts ? html`<a class=${one.failed / one.attempts >= 0.05 ? 'dashboard-failed' : 'dashboard-clean'} href=${path('requests', null, { provider: one.provider, endpoint: one.model })} title=${t('dashboard.failed.of', { failed: one.failed, n: one.attempts })}>${percent(one.failed / one.attempts)}</a>` : html`<span class="dim">–</span>`) },
    { key: 'flight', label: t('dashboard.flight.requests'), align: 'end', phone: false, sort: (one) => one.inFlight, render: (one) => number(one.inFlight) },
  ];
  const shown = all ? rows : rows.slice(0, few);
  return html`<${Section} title=${t('dashboard.endpoints')} help=${t(live ? 'dashboard.endpoints.help' : 'dashboard.endpoints.past')}>
    <${Table} label=${t('dashboard.endpoints')} columns=${columns} rows=${shown} rowKey=${(one) => one.key}
      empty=${html`<${Empty} icon="providers" title=${t('dashboard.endpoints.none')} text=${t('dashboard.endpoints.none.text')} action=${can.write.value && html`<${Button} kind="primary" icon="plus" href=${path('providers')}>${t('dashboard.endpoints.add')}</${Button}>`} />`} />
    ${rows.length > few && html`<${Button} kind="ghost" size="small" icon=${all ? 'up' : 'down'} onClick=${() => setAll(!all)}>${all ? t('dashboard.fewer') : t('dashboard.more', { n: rows.length - few })}</${Button}>`}
  </${Section}>`;
}
