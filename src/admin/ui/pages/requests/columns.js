/** The columns of the list, and a row of it on a phone. */
import { html } from '../../lib.js';
import { t, name as named } from '../../i18n.js';
import { time, dateTime, duration, money, number, compact, modelOf, endpointOf } from '../../format.js';
import { Status, Icon, Dot } from '../../kit/index.js';
import { TimingBar } from './timing.js';
import { failedOver } from './filters.js';

/** Tone of how it ended. */
export const toneOf = (request) => (request.ending === 'complete' ? 'ok' : request.ending === 'client_gone' ? 'off' : request.ending === 'broken' || request.status >= 500 ? 'bad' : 'warn');

const into = (request) => (request.tokens.input ?? 0) + (request.tokens.cache_read ?? 0) + (request.tokens.cache_write ?? 0) + (request.tokens.audio_input ?? 0);
const out = (request) => (request.tokens.output ?? 0) + (request.tokens.reasoning ?? 0) + (request.tokens.audio_output ?? 0);
export const tokensIn = (request) => (request.tokens.input == null ? null : into(request));
export const tokensOut = (request) => (request.tokens.output == null ? null : out(request));

/** Status with the sign of how it ended. */
export const Ended = ({ request }) => html`<span class="requests-ended" title=${named('requests.ending', request.ending)}><${Dot} tone=${toneOf(request)} /><${Status} code=${request.status} /><span class="sr">${named('requests.ending', request.ending)}</span>
  ${request.ending === 'broken' || request.ending === 'client_gone' ? html`<small class=${toneOf(request)}>${t(`requests.ending.${request.ending}.brief`)}</small>` : null}</span>`;

const Model = ({ request }) => html`<span title=${request.asked_model && request.asked_model !== modelOf(request) ? `${request.asked_model} → ${modelOf(request)}` : null}>${modelOf(request) ?? html`<span class="dim">–</span>`}
  ${request.asked_model && request.asked_model !== modelOf(request) && html`<small class="dim"> ← ${request.asked_model}</small>`}</span>`;

const Endpoint = ({ request }) => (request.provider
  ? html`${failedOver(request) && html`<span class="requests-failover" title=${t('requests.failed.over', { n: request.attempts.length })}><${Icon} name="routes" size=${12} label=${t('requests.failed.over', { n: request.attempts.length })} />${number(request.attempts.length)}</span>`}<span class="cut">${request.provider} <span class="dim">/ ${endpointOf(request)}</span></span>`
  : html`<span class="dim">${request.limited ? t('requests.limited.brief') : request.refusal ? named('refusal', request.refusal) : t('requests.nobody')}</span>`);

const tilde = (request) => (request.tokens_estimated ? '~' : '');
const Flow = ({ request }) => (tokensIn(request) == null && tokensOut(request) == null ? html`<span class="dim">–</span>`
  : html`<span title=${t('requests.tokens.said', { input: number(tokensIn(request)), output: number(tokensOut(request)) }) + (request.tokens_estimated ? ` · ${t('requests.estimated')}` : '')}>${tilde(request)}${compact(tokensIn(request))} <span class="dim">→</span> ${compact(tokensOut(request))}</span>`);

/** @param {number} scale ms of the timing bar @param {number} room px of the list */
export const columns = (scale, room) => [
  { key: 'at', label: t('requests.time'), width: '98px', class: 'num', render: (one) => html`<time dateTime=${one.at} title=${dateTime(one.at)}>${time(one.at, { millis: true })}</time>` },
  { key: 'status', label: t('requests.status'), width: '112px', render: (one) => html`<${Ended} request=${one} />` },
  { key: 'model', label: t('requests.model'), width: 'minmax(112px,1.2fr)', class: 'strong', render: (one) => html`<${Model} request=${one} />` },
  { key: 'endpoint', label: t('requests.endpoint'), width: 'minmax(160px,2.4fr)', class: 'requests-endpoint', render: (one) => html`<${Endpoint} request=${one} />` },
  room > 900 && { key: 'key', label: t('requests.key'), width: 'minmax(84px,.7fr)', render: (one) => one.client_key ?? html`<span class="dim">–</span>` },
  { key: 'timing', label: html`<span class="requests-scale"><span>${t('requests.timing')}</span><span class="num">${duration(scale)}</span></span>`, width: room > 1100 ? '116px' : '84px', class: 'requests-timing-cell', render: (one) => html`<${TimingBar} request=${one} scale=${scale} />` },
  { key: 'first', label: t('requests.first'), width: '76px', align: 'end', class: 'num', render: (one) => duration(one.first_content_ms) },
  { key: 'total', label: t('requests.total'), width: '68px', align: 'end', class: 'num', render: (one) => duration(one.total_ms) },
  room > 820 && { key: 'tokens', label: t('requests.tokens'), width: '98px', align: 'end', class: 'num', render: (one) => html`<${Flow} request=${one} />` },
  room > 760 && { key: 'cost', label: t('requests.cost'), width: '80px', align: 'end', class: 'num', render: (one) => html`<span title=${money(one.cost_usd)}>${money(one.cost_usd, { brief: true })}</span>` },
].filter(Boolean);

export const phoneRow = (one) => html`<div class="requests-phone"><div><${Ended} request=${one} /><b class="grow cut">${modelOf(one) ?? '–'}</b><span class="num">${duration(one.total_ms)}</span></div>
  <div class="dim"><span class="num">${time(one.at)}</span><span class="grow cut requests-endpoint"><${Endpoint} request=${one} /></span><span class="num">${money(one.cost_usd, { brief: true })}</span></div></div>`;
