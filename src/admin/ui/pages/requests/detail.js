/** One request, beside the list: attempts, choice of endpoints, tokens, losses, what was said. */
import { html, useEffect, useState } from '../../lib.js';
import { t, name as named } from '../../i18n.js';
import { duration, number, money, bytes, percent, rate, time, modelOf } from '../../format.js';
import { useResource } from '../../resource.js';
import { path, useQuery } from '../../router.js';
import { can } from '../../session.js';
import { Drawer, Loaded, Button, IconButton, Copyable, CopyButton, Code, KeyValues, Tabs, TabPanel, Segmented, Notice, State, Skeleton, Empty, Failed, Figure, Help } from '../../kit/index.js';
import { Timeline, outcome, because } from './timeline.js';
import { Ended, tokensOut, tokensIn } from './columns.js';
import { curl, gateway, pretty, answer } from './said.js';

const BUCKETS = ['input', 'cache_read', 'cache_write', 'audio_input', 'output', 'reasoning', 'audio_output'];
const COLORS = { input: 'chart-1', cache_read: 'chart-4', cache_write: 'chart-3', audio_input: 'chart-6', output: 'chart-2', reasoning: 'chart-5', audio_output: 'chart-6' };

const Part = ({ title, help, children }) => html`<section class="requests-part"><h3>${title}${help && html`<${Help} text=${help} />`}</h3>${children}</section>`;

function Tokens({ request }) {
  const all = BUCKETS.filter((one) => request.tokens[one] > 0);
  const sum = all.reduce((n, one) => n + request.tokens[one], 0);
  if (!sum) return html`<p class="dim">${t('requests.tokens.none')}</p>`;
  return html`<div class="requests-buckets"><div class="requests-bucket-bar" aria-hidden="true">${all.map((one) => html`<i key=${one} style=${{ flexGrow: request.tokens[one], background: `var(--${COLORS[one]})` }} />`)}</div>
    <dl>${all.map((one) => html`<div key=${one}><dt><i style=${{ background: `var(--${COLORS[one]})` }} aria-hidden="true" />${t(`requests.bucket.${one}`)}</dt><dd>${number(request.tokens[one])}<span class="dim"> ${t('requests.tokens.unit')}</span></dd><dd class="dim">${percent(request.tokens[one] / sum, 0)}</dd></div>`)}
      <div class="requests-bucket-sum"><dt>${t('requests.tokens.sum')}</dt><dd>${number(sum)}<span class="dim"> ${t('requests.tokens.unit')}</span></dd><dd>${request.cost_usd == null ? t('requests.unpriced') : money(request.cost_usd)}</dd></div></dl>
    ${request.tokens_estimated && html`<p class="dim">${t('requests.estimated.how')}</p>`}</div>`;
}

/** Asked and answered, asked and failed, or why not: state and words. */
function seen(candidate, request) {
  const tries = request.attempts.filter((one) => one.provider === candidate.provider && one.model === candidate.model);
  if (candidate.seen === 'asked') {
    const last = tries[tries.length - 1];
    const at = request.attempts.map((one, n) => (tries.includes(one) ? n + 1 : 0)).filter(Boolean).join(', ');
    if (!last) return ['off', t('requests.seen.asked')];
    return last.outcome === 'ok' ? ['ok', t('requests.seen.answered', { at })] : ['bad', t('requests.seen.failed', { at, why: outcome(last) })];
  }
  const words = named('reason', candidate.seen);
  const tone = { not_reached: 'off', cooling: 'cool', keys: 'cool', limited: 'cool', open: 'bad', probing: 'warn', quota: 'warn' }[candidate.seen] || 'off';
  return [tone, candidate.wait_ms > 0 ? t('requests.seen.wait', { why: words, time: duration(candidate.wait_ms) }) : words];
}

function Candidates({ request }) {
  const all = request.candidates;
  if (!all.length) {
    const one = request.attempts[0];
    return html`<p class="dim">${one ? [t('requests.seen.plain', { endpoint: `${one.provider} / ${one.model}` }), because(one)[1]].filter(Boolean).join(t('requests.because')) : t('requests.seen.nobody')}</p>`;
  }
  const tiers = [...new Set(all.map((one) => one.tier))].sort((a, b) => a - b);
  return html`<div class="requests-tiers">${tiers.map((tier) => html`<div key=${tier}><h4>${t('requests.tier', { n: tier })}</h4><ul>${all.filter((one) => one.tier === tier).map((one) => {
    const [tone, words] = seen(one, request);
    return html`<li key=${`${one.provider}/${one.model}`}><span class="cut">${one.provider} <span class="dim">/ ${one.model}</span></span><${State} value=${one.seen} tone=${tone} label=${words} /></li>`;
  })}</ul></div>`)}</div>`;
}

function Said({ said, of }) {
  const [raw, setRaw] = useState('text');
  const words = of === 'response' && said.text ? answer(said.text) : '';
  if (said.text == null) return said.base64 ? html`<${Code} text=${said.base64} label=${t('requests.body.base64')} wrap max=${320} />` : html`<p class="dim">${t('requests.body.empty')}</p>`;
  if (!said.text) return html`<p class="dim">${t('requests.body.empty')}</p>`;
  const whole = pretty(said.text);
  return html`${said.cut && html`<${Notice} kind="warn">${t('requests.body.cut')}</${Notice}>`}
    ${words && html`<div class="requests-said"><${Segmented} small label=${t('requests.body.as')} value=${raw} onChange=${setRaw} options=${[{ value: 'text', label: t('requests.body.words') }, { value: 'raw', label: t('requests.body.raw') }]} /></div>`}
    ${words && raw === 'text' ? html`<${Code} text=${words} label=${t('requests.body.words')} wrap max=${420} />` : html`<${Code} text=${whole.text} lang=${whole.json ? 'json' : ''} label=${t(`requests.body.${of}`)} wrap max=${420} />`}`;
}

function Bodies({ bodies, wants, keeps }) {
  const [tab, setTab] = useQuery('body', 'request');
  const of = tab === 'response' ? 'response' : 'request';
  if (bodies.error?.status === 404 || !wants) {
    return html`<div class="requests-nobody"><p class="dim">${t(keeps ? 'requests.body.none' : 'requests.body.off')}</p>
      ${can.write.value && html`<a href=${path('settings')}>${t('requests.body.how')}</a>`}</div>`;
  }
  if (bodies.error) return html`<${Failed} small error=${bodies.error} retry=${bodies.reload} />`;
  if (!bodies.data) return html`<${Skeleton} lines=${4} />`;
  return html`<${Tabs} label=${t('requests.bodies')} value=${of} onChange=${setTab} tabs=${[{ value: 'request', label: t('requests.body.request'), count: bytes(bodies.size?.in) }, { value: 'response', label: t('requests.body.response'), count: bytes(bodies.size?.out) }]} />
    <${TabPanel} value=${of}><${Said} key=${of} said=${bodies.data[of]} of=${of} /></${TabPanel}>`;
}

function Whole({ request, bodies, wants, keeps }) {
  const streamed = request.stream && request.first_content_ms != null ? (request.total_ms - request.first_content_ms) / 1000 : 0;
  const speed = streamed > 0.05 && tokensOut(request) ? tokensOut(request) / streamed : null;
  return html`<div class="figures requests-figures">
      <${Figure} label=${t('requests.ended')} value=${html`<${Ended} request=${request} />`} hint=${named('requests.ending', request.ending)} />
      <${Figure} label=${t('requests.first')} value=${duration(request.first_content_ms)} hint=${request.total_ms ? t('requests.first.share', { share: percent((request.first_content_ms ?? 0) / request.total_ms, 0) }) : null} />
      <${Figure} label=${t('requests.total')} value=${duration(request.total_ms)} hint=${speed ? rate(speed, 'tok') : t(request.stream ? 'requests.streamed' : 'requests.whole')} />
      <${Figure} label=${t('requests.cost')} value=${money(request.cost_usd)} hint=${t('requests.tokens.brief', { input: number(tokensIn(request)), output: number(tokensOut(request)) })} />
    </div>
    <${Part} title=${t('requests.attempts', { n: request.attempts.length })}><${Timeline} request=${request} /></${Part}>
    <${Part} title=${t('requests.choice')} help=${t('requests.choice.how')}><${Candidates} request=${request} /></${Part}>
    <div class="requests-two"><${Part} title=${t('requests.tokens')}><${Tokens} request=${request} /></${Part}
    ><${Part} title=${t('requests.losses')} help=${t('requests.losses.how')}>${request.losses.length ? html`<ul class="requests-losses">${request.losses.map((one) => html`<li key=${one}><code>${one}</code></li>`)}</ul><p class="dim">${t('requests.losses.text', { n: request.losses.length })}</p>` : html`<p class="dim">${t('requests.losses.none')}</p>`}</${Part}></div>
    <${Part} title=${t('requests.details')}><${KeyValues} columns=${2} items=${[
    [t('requests.asked'), request.asked_model && html`<code>${request.asked_model}</code>`],
    [t('requests.became'), request.model && request.model === modelOf(request) && html`<a href=${path('models', request.model)}>${request.model}</a>`],
    [t('requests.route'), request.route && html`<a href=${path('routes', request.route)}>${request.route}</a>`],
    [t('requests.field.format'), request.format && html`${named('requests.format', request.format)} <span class="dim">${t(request.stream ? 'requests.streamed' : 'requests.whole')}</span>`],
    [t('requests.key'), request.client_key], [t('requests.field.tenant'), request.tenant],
    [t('requests.client'), request.client && html`<code>${request.client}</code>`],
    [t('requests.size'), t('requests.size.both', { in: bytes(request.bytes_in), out: bytes(request.bytes_out) })],
    [t('requests.id'), html`<${Copyable} text=${request.id} label=${t('requests.id.copy')} />`],
  ]} /></${Part}>
    <${Part} title=${t('requests.bodies')}><${Bodies} bodies=${bodies} wants=${wants} keeps=${keeps} /></${Part}>`;
}

/**
 * @param {{id: string, row?: object, close: function, step: (by: 1|-1) => void, can: {newer: boolean, older: boolean}, keeps: boolean, status?: object}} props
 *   `row`: what the list knows of it; `keeps`: bodies are kept
 */
export function Detail({ id, row, close, step, steps, keeps, status }) {
  const found = useResource(row ? null : `/requests/${encodeURIComponent(id)}`);
  const request = row ?? found.data;
  const wants = request?.bodies_kept ?? false;
  const kept = useResource(wants && request ? `/requests/${encodeURIComponent(id)}/bodies` : null);
  const bodies = { ...kept, size: request && { in: request.bytes_in, out: request.bytes_out } };
  useEffect(() => {
    const keys = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.('input,textarea,select,pre,[role=tab],[role=radio]')) return;
      if (event.key === 'j') step(1);
      if (event.key === 'k') step(-1);
    };
    addEventListener('keydown', keys);
    return () => removeEventListener('keydown', keys);
  }, [step]);
  const title = request ? html`<span class="requests-title">${modelOf(request) ?? t('requests.one')}<span class="dim num">${time(request.at, { millis: true })}</span></span>` : t('requests.one');
  const sub = request && html`<span class="mono">${request.method} ${request.path}</span>`;
  const body = bodies.data?.request?.cut ? null : bodies.data?.request?.text ?? null;
  const footer = request && html`<span class="grow dim requests-foot">${body == null ? t('requests.curl.blank') : ''}</span>
    <${CopyButton} wide size=${null} label=${t('requests.curl')} text=${() => curl(request, body, gateway(status))} />
    ${can.write.value && html`<${Button} kind="primary" icon="playground" href=${path('playground', null, { replay: id })}>${t('requests.replay')}</${Button}>`}`;
  return html`<${Drawer} wide title=${title} sub=${sub} close=${close} footer=${footer} actions=${html`
      <${IconButton} icon="up" label=${t('requests.newer')} disabled=${!steps.newer} onClick=${() => step(-1)} /><${IconButton} icon="down" label=${t('requests.older')} disabled=${!steps.older} onClick=${() => step(1)} />`}>
    <div class="requests-detail" key=${id}>${request ? html`<${Whole} request=${request} bodies=${bodies} wants=${wants} keeps=${keeps} />`
    : found.error?.status === 404 ? html`<${Empty} icon="requests" title=${t('requests.gone')} text=${t('requests.gone.text')} />` : html`<${Loaded} of=${found}>${() => null}</${Loaded}>`}</div>
  </${Drawer}>`;
}
