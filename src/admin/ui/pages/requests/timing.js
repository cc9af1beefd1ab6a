/**
 * Where a request's time went. The API tells how long each attempt took, when the first content came and when all was over,
 * not when an attempt began: they stand one after the other, the last one ends with the request, and what is left over lies
 * before it. Attempts that took longer than all together ran beside each other (a hedge).
 */
import { html } from '../../lib.js';
import { t } from '../../i18n.js';
import { duration } from '../../format.js';

/** [{attempt, from, until, first?, won}] in ms, and {waited, hedged, after}. */
export function spans(request) {
  const total = request.total_ms;
  const all = request.attempts;
  const sum = all.reduce((ms, one) => ms + one.took_ms, 0);
  const hedged = all.length > 1 && sum > total * 1.02 + 2;
  let at = 0;
  let waited = 0;
  const bars = all.map((attempt, index) => {
    const last = index === all.length - 1;
    let from = at;
    if (last || hedged) {
      from = Math.max(0, (attempt.outcome === 'ok' || last ? total : at + attempt.took_ms) - attempt.took_ms);
      if (!hedged) { from = Math.max(from, at); waited = from - at; }
    }
    const until = Math.min(total, from + attempt.took_ms);
    at = until;
    return { attempt, from, until, won: attempt.outcome === 'ok' || (last && request.first_content_ms != null) };
  });
  const winner = bars.findLast((one) => one.won);
  if (winner && request.first_content_ms != null) winner.first = Math.min(Math.max(request.first_content_ms, winner.from), winner.until);
  return { bars, waited, hedged, total };
}

/** The same, as one small bar in a row of the list. `scale`: ms of its whole width. */
export function TimingBar({ request, scale }) {
  const { bars, total } = spans(request);
  const x = (ms) => Math.min(100, (ms / scale) * 100);
  const part = (from, until, kind, key) => until > from && html`<i key=${key} class=${kind} style=${{ left: `${x(from)}%`, width: `max(1.5px, ${x(until) - x(from)}%)` }} />`;
  const said = t('requests.timing.said', { first: duration(request.first_content_ms), total: duration(total) });
  return html`<span class=${total > scale ? 'requests-timing over' : 'requests-timing'} role="img" aria-label=${said} title=${said}>
    ${bars.length === 0 && part(0, total, 'unasked', 'x')}
    ${bars.map((one, at) => (one.first != null ? [part(one.from, one.first, 'wait', `w${at}`), part(one.first, one.until, request.ending === 'broken' ? 'stream broken' : 'stream', `s${at}`)] : part(one.from, one.until, one.won ? 'wait' : 'failed', at)))}
  </span>`;
}

/** A round scale that nine of ten requests fit into: 1, 2, 5 × 10ⁿ ms. */
export function scaleOf(rows) {
  const all = rows.slice(0, 300).map((one) => one.total_ms).sort((a, b) => a - b);
  const wanted = Math.max(50, all[Math.floor(all.length * 0.92)] || 1000);
  const step = 10 ** Math.floor(Math.log10(wanted));
  return [1, 2, 5, 10].map((n) => n * step).find((n) => n >= wanted);
}
