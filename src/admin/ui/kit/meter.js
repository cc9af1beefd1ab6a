/** Small figures: use of a limit, share. */
import { html } from '../lib.js';
import { percent } from '../format.js';
import { t } from '../i18n.js';

/**
 * How much of a limit is used. Warns from 80 %, is bad at 100 %.
 * @param {{used: number, limit: number|null, format?: (n: number) => string, label: string, hint?: any, compact?: boolean}} props `limit` null: none
 */
export function Meter({ used, limit, format = String, label, hint, compact }) {
  const share = limit ? used / limit : 0;
  const tone = limit == null ? 'free' : share >= 1 ? 'bad' : share >= 0.8 ? 'warn' : 'ok';
  const said = limit == null ? t('meter.unlimited', { used: format(used ?? 0) }) : t('meter.of', { used: format(used ?? 0), limit: format(limit) });
  return html`<div class=${`meter ${tone} ${compact ? 'compact' : ''}`}>
    <div class="meter-text"><span>${label}</span><span class="num">${said}${limit != null && html` <b>${percent(share, 0)}</b>`}</span></div>
    ${limit != null && html`<div class="meter-bar" role="meter" aria-label=${label} aria-valuemin="0" aria-valuemax=${limit} aria-valuenow=${Math.min(used ?? 0, limit)} aria-valuetext=${said}><span style=${{ width: `${Math.min(100, share * 100)}%` }} /></div>`}
    ${hint && html`<div class="meter-hint">${hint}</div>`}
  </div>`;
}

/** A share as a bar with its number. */
export const Share = ({ value, label }) => html`<span class="share" title=${label}><span class="share-bar" aria-hidden="true"><span style=${{ width: `${Math.min(100, (value || 0) * 100)}%` }} /></span><span class="num">${percent(value, 0)}</span></span>`;
