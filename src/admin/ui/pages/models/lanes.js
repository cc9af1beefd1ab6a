/** The endpoints of a pool: tiers as lanes, dragged between them. Also where a provider's models are put into pools. */
import { html, cx, uid, useState, useEffect, useMemo, useRef } from '../../lib.js';
import { t, name as named } from '../../i18n.js';
import { State, Badge, Dot, toneOf, Share, Input, Menu, IconButton, Tooltip } from '../../kit/index.js';
import { usePlace } from '../../kit/menu.js';
import { Layer } from '../../kit/overlay.js';
import { DragList } from '../../kit/draglist.js';
import { percent, duration, number, compact, dateTime } from '../../format.js';
import { tiersOf, planned, weightOf } from './data.js';

// Over all else: what holds it may cut off what is wider.
function Wrong({ id, anchor }) {
  const ref = useRef();
  usePlace(ref, anchor, { align: 'end', side: 'above' });
  return html`<${Layer}><div ref=${ref} id=${id} role="alert" class="popover models-wrong">${t('models.weight.wrong', { max: number(1e6) })}</div></${Layer}>`;
}

/** A weight that is written when it is left or confirmed by Enter. A wrong one stays, with what is wrong. */
export function Weight({ value, onChange, label, disabled }) {
  const [text, setText] = useState(String(value));
  const [wrong, setWrong] = useState(false);
  const id = useMemo(() => uid('w'), []);
  const box = useRef();
  const show = (next) => { setText(next); setWrong(false); };
  useEffect(() => show(String(value)), [value]);
  const done = () => {
    const next = Number(text);
    const good = Number.isInteger(next) && next >= 1 && next <= 1e6;
    setWrong(!good);
    if (good && next !== value) onChange(next);
  };
  return html`<span class="models-weight" ref=${box}><${Input} small type="number" inputmode="numeric" min="1" value=${text} onInput=${show} onBlur=${done} disabled=${disabled} aria-invalid=${wrong ? 'true' : null} aria-describedby=${wrong ? id : null}
    onKeyDown=${(event) => { if (event.key === 'Enter') { event.preventDefault(); done(); } if (event.key === 'Escape' && text !== String(value)) { event.stopPropagation(); event.preventDefault(); show(String(value)); } }} aria-label=${label} />
    ${wrong && html`<${Wrong} id=${id} anchor=${box} />`}</span>`;
}

const BAD_KEYS = (row) => (row?.keys ?? []).filter((key) => key.state !== 'well');

/** The state of an endpoint, with why. */
export function Standing({ endpoint, row, fresh, small }) {
  if (small && !fresh) { const tone = endpoint.enabled === false ? 'disabled' : row?.state ?? 'unknown'; return html`<span class="row" title=${named('state', tone)}><${Dot} tone=${toneOf(tone)} /><span class="sr">${named('state', tone)}</span></span>`; }
  if (fresh) return html`<${Badge} tone="accent">${t('models.new')}</${Badge}>`;
  if (endpoint.enabled === false || row?.enabled === false) return html`<${State} value="disabled" />`;
  if (!row) return html`<${State} value="unknown" title=${t('models.unknown.why')} />`;
  const used = row.quota && [row.quota.requests, row.quota.tokens].some((count) => count && count.used >= count.limit);
  if (used) return html`<${State} value="used_up" title=${t('models.quota.resets', { time: dateTime(row.quota.resets_at) })} />`;
  const bad = BAD_KEYS(row);
  if (row.keys.length && bad.length === row.keys.length) return html`<${State} value="refused" tone="bad" label=${t('models.keys.none')} title=${bad.map((key) => `${key.masked}: ${named('models.key', key.state)}`).join('; ')} />`;
  if (row.state !== 'well') return html`<${State} value=${row.state} label=${row.back_in_ms ? t(`models.state.${row.state}`, { time: duration(Math.ceil(row.back_in_ms / 1000) * 1000) }) : undefined} title=${t(`models.state.${row.state}.why`)} />`;
  if (bad.length) return html`<${State} value="degraded" label=${t('models.keys.some', { n: row.keys.length - bad.length, all: row.keys.length })} title=${bad.map((key) => `${key.masked}: ${named('models.key', key.state)}`).join('; ')} />`;
  return html`<${State} value="well" />`;
}

function Quota({ row }) {
  const quota = row?.quota;
  if (!quota) return null;
  const parts = [['requests', quota.requests], ['tokens', quota.tokens]].filter(([, count]) => count);
  const worst = Math.max(...parts.map(([, count]) => count.used / count.limit));
  const said = `${parts.map(([what, count]) => t(`models.quota.${what}`, { used: number(count.used), limit: number(count.limit) })).join(', ')}. ${t('models.quota.resets', { time: dateTime(quota.resets_at) })}`;
  return html`<${Tooltip} text=${said}><span class=${cx('models-quota', worst >= 1 ? 'bad' : worst >= 0.8 && 'warn')} tabindex="0"><span class="sr">${t('models.quota')}</span><i aria-hidden="true"><b style=${{ width: `${Math.min(100, worst * 100)}%` }} /></i><span class="num">${t('models.quota.used', { share: percent(worst, 0) })}</span></span></${Tooltip}>`;
}

/**
 * @param {{name: string, endpoints: object[], balance?: string, providerWeights?: object, live?: object, counts?: object, fresh?: (endpoint) => boolean,
 *   write: boolean, onMove: (key, lane, index) => void, onWeight: (item, weight) => void, menu?: (item, tier, tiers) => any[], extra?: (item) => any,
 *   compact?: boolean}} props `live`: rows of `/endpoints` by key; `counts`: requests by key; `compact`: without figures
 */
export function Lanes({ name, endpoints, balance, providerWeights, live = {}, counts, fresh = () => false, write, onMove, onWeight, menu, extra, compact: small }) {
  const tiers = tiersOf(endpoints);
  const sum = Object.values(counts ?? {}).reduce((total, one) => total + one, 0);
  const label = (item) => `${item.endpoint.provider} / ${item.endpoint.model ?? t('models.passed')}`;
  const lanes = tiers.map((tier) => ({
    ...tier, name: t('models.tier', { n: tier.number }), empty: t('models.tier.empty'), shares: planned(tier, balance, providerWeights),
    head: html`<span>${t('models.tier', { n: tier.number })}</span>${!small && tiers.length > 1 && html`<span class="models-tier-how">${t(tier.number === 1 ? 'models.tier.first' : 'models.tier.then')}</span>`}`,
  }));
  const row = (item, tier) => {
    const { endpoint } = item;
    const standing = live[item.key];
    const share = tier.shares[item.key];
    const actual = sum ? (counts[item.key] ?? 0) / sum : null;
    const off = endpoint.enabled === false;
    const told = [share != null && t('models.share.planned', { share: percent(share, 0) }), actual != null && t('models.share.actual', { share: percent(actual, 0), n: counts[item.key] ?? 0 })].filter(Boolean).join(' · ');
    return html`<div class=${cx('models-row', small && 'compact', off && 'off')}>
      <span class="models-state"><${Standing} endpoint=${endpoint} row=${standing} fresh=${fresh(endpoint)} small=${small} /></span>
      <span class="models-name"><span class="models-provider">${endpoint.provider}</span><span class="models-slash" aria-hidden="true">/</span><span class="mono models-model">${endpoint.model ?? html`<i>${t('models.passed')}</i>`}</span></span>
      ${extra?.(item)}
      ${!small && html`<span class="models-more"><${Quota} row=${standing} />${standing?.in_flight > 0 && html`<span class="dim num models-flight">${t('models.in_flight', { n: standing.in_flight })}</span>`}</span>`}
      ${!small && html`<span class="models-share">${actual != null ? html`<${Tooltip} text=${told}><span tabindex="0"><${Share} value=${actual} label=${told} /></span></${Tooltip}>` : share != null ? html`<${Tooltip} text=${told}><span class="dim num" tabindex="0">${t('models.share.plan', { share: percent(share, 0) })}</span></${Tooltip}>` : html`<span class="dim">–</span>`}</span>`}
      <span class="models-weighs">${small && html`<span class="dim" aria-hidden="true">${t('models.weight')}</span>`}${write ? html`<${Weight} value=${weightOf(endpoint)} onChange=${(weight) => onWeight(item, weight)} label=${t('models.weight.of', { name: label(item) })} />` : html`<span class="num" title=${t('models.weight')}>${compact(weightOf(endpoint))}</span>`}</span>
      ${menu && html`<span class="models-menu"><${Menu} label=${label(item)} items=${menu(item, tier, tiers)} trigger=${(props) => html`<${IconButton} icon="more" size="small" label=${t('models.actions.of', { name: label(item) })} ...${props} />`} /></span>`}
    </div>`;
  };
  return html`<div class=${cx('models-lanes', small && 'compact', !menu && 'no-menu', !write && 'read')}>
    ${!small && html`<div class="models-head" aria-hidden="true"><span class="models-state">${t('models.col.state')}</span><span class="models-name">${t('models.col.endpoint')}</span><span class="models-more" /><span class="models-share">${t('models.col.share')}</span><span class="models-weighs">${t('models.weight')}</span>${menu && html`<span class="models-menu" />`}</div>`}
    <${DragList} label=${t('models.lanes', { name })} lanes=${lanes} itemKey=${(item) => item.key} itemLabel=${label} render=${row} onMove=${onMove} locked=${!write} newLane=${t('models.tier.new')} newName=${t('models.tier', { n: tiers.length + 1 })} /></div>`;
}
