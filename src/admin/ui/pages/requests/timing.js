/**
 * Where a request's time went: when each attempt began, had its connection, its first content, its end. Rows of an earlier
 * version do not tell when an attempt began: those stand one after the other, and the last ends with the request.
 */
import { html } from '../../lib.js';
import { t } from '../../i18n.js';
import { duration } from '../../format.js';

function began(request, at, before) {
  const one = request.attempts[at];
  if (one.began_ms != null) return Math.min(one.began_ms, request.total_ms);
  const last = at === request.attempts.length - 1;
  return last ? Math.max(before, request.total_ms - one.took_ms) : before;
}

/** [{attempt, from, connected?, first?, until, won}] in ms, and {waited, hedged, total}. */
export function spans(request) {
  const total = request.total_ms;
  const all = request.attempts;
  let at = 0;
  let waited = 0;
  let hedged = false;
  const bars = all.map((attempt, index) => {
    const from = began(request, index, at);
    const until = Math.min(total, from + attempt.took_ms);
    // Clocks are read one after the other: a hair is no overlap.
    if (from < at - 1) hedged = true;
    waited += Math.max(0, from - at);
    at = Math.max(at, until);
    const inside = (ms) => (ms == null ? null : Math.min(from + ms, until));
    const won = attempt.outcome === 'ok' || (index === all.length - 1 && request.first_content_ms != null);
    return { attempt, from, connected: inside(attempt.connect_ms), first: inside(attempt.first_content_ms), until, won };
  });
  const winner = bars.findLast((one) => one.won);
  if (winner && winner.first == null && request.first_content_ms != null) winner.first = Math.min(Math.max(request.first_content_ms, winner.from), winner.until);
  return { bars, waited, hedged, total };
}

/** The parts of an attempt: [from, until, kind]. */
export function parts(span, request) {
  const begin = span.connected ?? span.from;
  const connect = span.connected != null && span.connected > span.from ? [[span.from, span.connected, 'connect']] : [];
  if (span.first == null) return [...connect, [begin, span.until, span.won ? 'wait' : 'failed']];
  return [...connect, [begin, span.first, 'wait'], [span.first, span.until, request.ending === 'broken' || !span.won ? 'stream broken' : 'stream']];
}

/** The same, as one small bar in a row of the list. `scale`: ms of its whole width. */
export function TimingBar({ request, scale }) {
  const { bars, total } = spans(request);
  const x = (ms) => Math.min(100, (ms / scale) * 100);
  const part = (from, until, kind, key) => until > from && html`<i key=${key} class=${kind} style=${{ left: `${x(from)}%`, width: `max(1.5px, ${x(until) - x(from)}%)` }} />`;
  const said = t('requests.timing.said', { first: duration(request.first_content_ms), total: duration(total) });
  return html`<span class=${total > scale ? 'requests-timing over' : 'requests-timing'} role="img" aria-label=${said} title=${said}>
    ${bars.length === 0 && part(0, total, 'unasked', 'x')}
    ${bars.flatMap((one, at) => parts(one, request).map(([from, until, kind], n) => part(from, until, kind, `${at}-${n}`)))}
  </span>`;
}

/** A round scale that nine of ten requests fit into: 1, 2, 5 × 10ⁿ ms. */
export function scaleOf(rows) {
  const all = rows.slice(0, 300).map((one) => one.total_ms).sort((a, b) => a - b);
  const wanted = Math.max(50, all[Math.floor(all.length * 0.92)] || 1000);
  const step = 10 ** Math.floor(Math.log10(wanted));
  return [1, 2, 5, 10].map((n) => n * step).find((n) => n >= wanted);
}
