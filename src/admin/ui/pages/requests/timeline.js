/** The attempts of a request, on one axis of time. */
import { html, cx } from '../../lib.js';
import { t, has, name as named } from '../../i18n.js';
import { duration, rate, money } from '../../format.js';
import { Icon, Status, Help } from '../../kit/index.js';
import { spans, parts } from './timing.js';
import { tokensOut } from './columns.js';

/** Why an attempt ended, in words. */
export const outcome = (attempt) => (has(`requests.outcome.${attempt.outcome}`) ? t(`requests.outcome.${attempt.outcome}`, { status: attempt.status }) : attempt.outcome);

/** Why there was an attempt, and why of this endpoint: two parts of a sentence, either may be empty. */
export function because({ purpose, chosen_by: by, chosen_of: of, tier }) {
  const chosen = has(`requests.by.${by}`) ? t(`requests.by.${by}`, { of, tier }) : '';
  return [purpose && purpose !== 'first' && has(`requests.purpose.${purpose}`) ? t(`requests.purpose.${purpose}`) : '', chosen];
}

function Bar({ span, total, request }) {
  const x = (ms) => `${Math.min(100, total ? (ms / total) * 100 : 0)}%`;
  const part = (from, until, kind) => html`<i class=${kind} style=${{ left: x(from), width: `max(2px, calc(${x(until)} - ${x(from)}))` }} />`;
  return html`<div class="requests-bar" aria-hidden="true">
    ${parts(span, request).map(([from, until, kind]) => part(from, until, kind))}
    ${span.first != null && html`<b style=${{ left: x(span.first) }} />`}</div>`;
}

/** How it came to a connection, and when the vendor began to answer. */
function connection({ reused, connect_ms: connect, head_ms: head }) {
  const way = connect != null ? t('requests.attempt.connect', { time: duration(connect) }) : reused ? t('requests.attempt.reused') : '';
  return [way, head != null && t('requests.attempt.head', { time: duration(head) })].filter(Boolean).join(t('requests.attempt.and'));
}

function Attempt({ span, at, request, total }) {
  const { attempt } = span;
  const streamed = span.first != null ? span.until - span.first : null;
  const speed = streamed > 50 && tokensOut(request) ? tokensOut(request) / (streamed / 1000) : null;
  const ok = attempt.outcome === 'ok';
  const chosen = because(attempt).filter(Boolean).join(t('requests.because.and'));
  return html`<li class=${cx('requests-attempt', ok ? 'ok' : 'bad')}>
    <div class="requests-attempt-who"><span class="requests-attempt-n">${at + 1}</span><div class="cut"><div class="cut"><b>${attempt.provider}</b> <span class="dim">/ ${attempt.model}</span></div>
      <small class="dim">${attempt.key > 0 ? t('requests.attempt.key', { n: attempt.key, key: attempt.key_masked ?? '' }) : t('requests.attempt.own')}</small></div></div>
    <div class="requests-attempt-when"><${Bar} span=${span} total=${total} request=${request} />
      <p><${Icon} name=${ok ? 'ok' : 'bad'} size=${14} /><span class="grow">${outcome(attempt)}${attempt.status != null && html` <span class="dim">HTTP</span> <${Status} code=${attempt.status} />`}</span>
        <span class="num">${duration(attempt.took_ms)}</span></p>
      ${chosen && html`<p class="dim"><span>${chosen}</span></p>`}
      ${connection(attempt) && html`<p class="dim"><span>${connection(attempt)}</span></p>`}
      ${span.first != null && html`<p class="dim"><span>${t('requests.attempt.first', { time: duration(span.first - span.from) })}${request.stream && streamed > 0 ? t('requests.attempt.streamed', { time: duration(streamed) }) : ''}${speed ? t('requests.attempt.speed', { rate: rate(speed, 'tok') }) : ''}</span></p>`}
      ${!ok && attempt.cost_usd > 0 && html`<p class="dim">${t('requests.attempt.cost', { cost: money(attempt.cost_usd) })}</p>`}
    </div></li>`;
}

/** @param {{request: object}} props */
export function Timeline({ request }) {
  const { bars, waited, hedged, total } = spans(request);
  if (!bars.length) return html`<p class="requests-none"><${Icon} name="info" />${why(request)}</p>`;
  const marks = [0, 0.25, 0.5, 0.75, 1];
  const kinds = [bars.some((one) => one.connected > one.from) && 'connect', bars.some((one) => one.first != null || one.won) && 'wait', request.stream && bars.some((one) => one.first != null && one.until - one.first > 0) && 'stream', bars.some((one) => !one.won) && 'failed'].filter(Boolean);
  return html`<div class="requests-timeline">
    <div class="requests-axis" aria-hidden="true"><span />${html`<div>${marks.map((share) => html`<span key=${share} style=${{ left: `${share * 100}%` }}>${duration(total * share)}</span>`)}</div>`}</div>
    <ol>${bars.map((span, at) => html`<${Attempt} key=${at} span=${span} at=${at} request=${request} total=${total} />`)}</ol>
    <div class="requests-legend">${kinds.map((kind) => html`<span key=${kind}><i class=${kind} aria-hidden="true" />${t(`requests.legend.${kind}`)}</span>`)}
      ${bars.length > 1 && waited > 1 && html`<span><i class="gap" aria-hidden="true" />${t('requests.legend.gap', { time: duration(waited) })}</span>`}
      ${hedged && html`<span>${t('requests.legend.hedged')}</span>`}<${Help} text=${t('requests.timeline.how')} /></div>
  </div>`;
}

/** Why nobody was asked. */
export function why(request) {
  if (request.limited) {
    const [owner, limit] = request.limited.split(' ');
    return t('requests.why.limited', { owner: t(`requests.owner.${owner}`, { name: (owner === 'tenant' ? request.tenant : request.client_key) ?? '' }), limit: named('limit', limit) });
  }
  if (request.ending === 'client_gone') return t('requests.why.gone');
  if (request.refusal && has(`refusal.${request.refusal}`)) return t('requests.why.refused', { why: named('refusal', request.refusal), status: request.status });
  return has(`requests.why.${request.status}`) ? t(`requests.why.${request.status}`, { model: request.asked_model ?? '–' }) : t('requests.why.other', { status: request.status });
}
