/** Small figures: use of a limit, sparkline, share. */
import { html, useMemo } from '../lib.js';
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

/**
 * A line without axes. Gaps are null. `label` says what it is to those who do not see it.
 * @param {{values: (number|null)[], label: string, width?: number, height?: number, tone?: string, max?: number, area?: boolean}} props
 */
export function Sparkline({ values, label, width = 96, height = 24, tone = 'accent', max, area = true }) {
  const { line, fill } = useMemo(() => {
    const top = max ?? Math.max(1e-9, ...values.map((one) => one ?? 0));
    const step = values.length > 1 ? (width - 2) / (values.length - 1) : 0;
    let path = '';
    let open = false;
    values.forEach((value, at) => {
      if (value == null) { open = false; return; }
      const y = height - 1.5 - (value / top) * (height - 3);
      path += `${open ? 'L' : 'M'}${(1 + at * step).toFixed(1)} ${y.toFixed(1)}`;
      open = true;
    });
    const whole = values.length > 1 && !values.includes(null) ? `${path}L${width - 1} ${height - 1}L1 ${height - 1}Z` : '';
    return { line: path, fill: whole };
  }, [values, width, height, max]);
  return html`<svg class=${`sparkline ${tone}`} width=${width} height=${height} viewBox=${`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img" aria-label=${label}>${area && fill && html`<path class="fill" d=${fill} />`}<path class="line" d=${line} /></svg>`;
}

/** A share as a bar with its number. */
export const Share = ({ value, label }) => html`<span class="share" title=${label}><span class="share-bar" aria-hidden="true"><span style=${{ width: `${Math.min(100, (value || 0) * 100)}%` }} /></span><span class="num">${percent(value, 0)}</span></span>`;
