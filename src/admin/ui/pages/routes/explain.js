/** Beside the rules: what would become of a request. Nobody is asked for an answer. */
import { html, cx, useState, useEffect, useRef, useMemo } from '../../lib.js';
import { t, tx, name as named } from '../../i18n.js';
import { api } from '../../api.js';
import { useQuery, path } from '../../router.js';
import { number, money, duration, list } from '../../format.js';
import { useResource } from '../../resource.js';
import { FORMATS, formatName, callOf, toolOf } from '../../calls.js';
import { Field, Input, NumberInput, Textarea, Select, Switch, Segmented, Combobox, Folded, Dot, Notice, Button, Skeleton } from '../../kit/index.js';
import { readRequest } from './paste.js';
import { why, outlook, toneOfCandidate } from './why.js';

const LONGEST = 1.5e6;

// "name: value" lines.
function headersOf(text) {
  const lines = text.split('\n').map((line) => /^\s*([^:\s]+)\s*:\s*(.*?)\s*$/.exec(line)).filter(Boolean);
  return lines.length ? Object.fromEntries(lines.map(([, name, value]) => [name.toLowerCase(), value])) : undefined;
}

function requestOf({ model, format, stream, tools, image, size, headers }) {
  // A token is about four letters; the gateway says what it has estimated.
  const text = size ? 'word '.repeat(Math.min(size, LONGEST / 5)) : 'Hello';
  const call = callOf({
    format, model, stream, image, turns: [{ role: 'user', text }],
    tools: tools ? [toolOf(format, 'lookup', 'Looks something up', { type: 'object', properties: {} })] : undefined,
  });
  return { ...call, headers: headersOf(headers) };
}

const Candidate = ({ one, first }) => html`<li class=${cx('routes-candidate', one.state)}><${Dot} tone=${toneOfCandidate(one)} /><div class="grow"><div class="row"><code class="cut">${one.provider}/${one.model}</code>${first && html`<b class="routes-first">${t('routes.first')}</b>`}</div>
  <small>${why(one)}</small></div></li>`;

// Those that are asked first, in their order.
const turnOf = (one) => (one.attempts[0] ?? 999);
const byTurn = (a, b) => turnOf(a) - turnOf(b);

function Tiers({ candidates, first }) {
  const tiers = [...new Set(candidates.map((one) => one.tier))];
  let left = first;
  return html`<ol class="routes-tiers">${tiers.map((tier) => html`<li key=${tier}><h3>${t('routes.tier', { n: tier })}</h3><ul>${candidates.filter((one) => one.tier === tier).sort(byTurn).map((one, at) => {
    const is = left && left.provider === one.provider && left.model === one.model && one.state === 'asked';
    if (is) left = null;
    return html`<${Candidate} key=${at} one=${one} first=${is} />`;
  })}</ul></li>`)}</ol>`;
}

/** Why a client would be told no, in its own language, and what the gateway would say. */
function Refused({ refused }) {
  const [owner, limit] = (refused.limited ?? '').split(' ');
  const word = limit ? t(`routes.refused.${owner}`, { limit: named('limit', limit) }) : named('refusal', refused.code);
  return html`<${Notice} kind="warn" title=${t('routes.refused', { code: refused.status, why: word })}><p>${refused.message}</p>${refused.retry_after_ms > 0 && html`<p class="dim">${t('routes.refused.retry', { time: duration(refused.retry_after_ms) })}</p>`}</${Notice}>`;
}

/** What the client key may do whose request it would be. */
function Key({ of }) {
  const rates = [[t('routes.key'), of.limits], [t('routes.key.tenant'), of.tenant_limits]].filter(([, one]) => one);
  const said = (one) => [one.rpm?.limit && t('routes.key.rpm', { used: number(one.rpm.used), limit: number(one.rpm.limit) }), one.tpm?.limit && t('routes.key.tpm', { used: number(one.tpm.used), limit: number(one.tpm.limit) }),
    one.concurrency?.limit && t('routes.key.concurrency', { used: number(one.concurrency.used), limit: number(one.concurrency.limit) }),
    ...one.terms.flatMap((term) => [term.requests && t('routes.key.requests', { used: number(term.requests.used), limit: number(term.requests.limit) }), term.tokens && t('routes.key.tokens', { used: number(term.tokens.used), limit: number(term.tokens.limit) }),
      term.cost_usd && t('routes.key.budget', { used: money(term.cost_usd.used), limit: money(term.cost_usd.limit) })])].filter(Boolean);
  return html`<dl class="routes-facts"><div><dt>${t('routes.key')}</dt><dd><a href=${path('keys', of.name)}>${of.name}</a>${of.tenant && html` <span class="dim">${of.tenant}</span>`}</dd></div>
    <div><dt>${t('routes.key.models')}</dt><dd>${of.models ? list(of.models) : t('routes.key.all')}</dd></div>
    ${rates.map(([label, one]) => html`<div key=${label}><dt>${t('routes.key.limits', { of: label })}</dt><dd class="num">${said(one).join(' · ') || '–'}</dd></div>`)}</dl>`;
}

function Answer({ said, routes }) {
  if (said.refused) return html`<div class="routes-answer"><${Refused} refused=${said.refused} />${said.client_key && html`<${Key} of=${said.client_key} />`}</div>`;
  const at = said.route == null ? -1 : routes.findIndex((row) => row.name === said.route);
  const ahead = outlook(said);
  return html`<div class="routes-answer">
    <p class="routes-verdict">${said.route == null ? tx('routes.none.matches', { model: html`<code>${said.asked_model}</code>` })
    : tx('routes.matches', { n: html`<b>${at < 0 ? '–' : number(at + 1)}</b>`, name: html`<code>${said.route}</code>` })}</p>
    <dl class="routes-facts"><div><dt>${t('routes.pool')}</dt><dd>${said.pool.startsWith('(') ? t('routes.real') : html`<a href=${path('models', said.pool)}><code>${said.pool}</code></a>`}</dd></div>
      <div><dt>${t('routes.format')}</dt><dd>${formatName(said.format)}</dd></div>
      <div><dt>${t('routes.size')}</dt><dd class="num">${t('routes.size.n', { n: said.estimated_tokens })}</dd></div></dl>
    <p class=${`routes-outlook ${ahead.tone}`}><${Dot} tone=${ahead.tone} />${ahead.text}</p>
    ${said.client_key && html`<${Key} of=${said.client_key} />`}
    <${Tiers} candidates=${said.candidates} first=${said.first} /></div>`;
}

const Details = ({ form, put }) => html`<div class="form routes-details">
  <div class="routes-flags"><${Switch} label=${t('routes.try.stream')} checked=${form.stream} onChange=${(stream) => put({ stream })} />
    <${Switch} label=${t('routes.try.tools')} checked=${form.tools} onChange=${(tools) => put({ tools })} />
    <${Switch} label=${t('routes.try.image')} checked=${form.image} onChange=${(image) => put({ image })} /></div>
  <${Field} label=${t('routes.try.size')}><${NumberInput} value=${form.size} onInput=${(size) => put({ size })} min="0" unit=${t('routes.unit.tokens')} /></${Field}>
  <${Field} label=${t('routes.try.headers')}><${Textarea} mono rows=${2} value=${form.headers} onInput=${(headers) => put({ headers })} placeholder="x-team: search" /></${Field}></div>`;

/**
 * @param {{routes: object[], models: {value: string, hint?: string}[], generation: any, told: (verdict: {route: string|null}|null) => void}} props
 *   `routes`: those in force, in their order; `generation`: changes when the rules do; `told`: is told which one was met
 */
export function Explain({ routes, models, generation, told }) {
  const [mode, setMode] = useQuery('by', 'model');
  const [model, setModel] = useQuery('model', '');
  const [key, setKey] = useQuery('as', '');
  const keys = useResource('/client-keys');
  const [form, setForm] = useState({ format: 'openai_chat', stream: false, tools: false, image: false, size: null, headers: '' });
  const [text, setText] = useState('');
  const [state, setState] = useState({ said: null, error: null, busy: false });
  const names = [...new Set((keys.data?.items ?? []).map((one) => one.name))];
  const asked = useRef(0);
  const put = (change) => setForm((was) => ({ ...was, ...change }));
  const pasted = useMemo(() => readRequest(text), [text]);
  const request = mode === 'model' ? (model ? requestOf({ ...form, model }) : null) : pasted;
  const turnKey = request ? JSON.stringify([request.path, request.headers, key, mode === 'model' ? [form, model] : text]) : '';

  const look = async () => {
    const turn = (asked.current += 1);
    if (!request) { setState({ said: null, error: null, busy: false }); told(null); return; }
    setState((was) => ({ ...was, busy: true }));
    try {
      const said = await api.post('/explain', { path: request.path, body: request.body, headers: request.headers, client_key: key || undefined });
      if (turn !== asked.current) return;
      setState({ said, error: null, busy: false });
      told(said.refused ? null : { route: said.route ?? null });
    } catch (error) {
      if (turn !== asked.current) return;
      setState({ said: null, error, busy: false });
      told(null);
    }
  };
  useEffect(() => {
    const timer = setTimeout(look, state.said || state.error ? 300 : 60);
    return () => clearTimeout(timer);
  }, [turnKey, generation]);

  return html`<aside class="routes-explain" aria-label=${t('routes.explain')}><header><h2>${t('routes.explain')}</h2><p class="dim">${t('routes.explain.how')}</p></header>
    <div class="form"><${Segmented} small label=${t('routes.explain.by')} value=${mode} onChange=${setMode} options=${[{ value: 'model', label: t('routes.by.model') }, { value: 'request', label: t('routes.by.request') }]} />
      ${names.length > 0 && html`<${Field} label=${t('routes.try.key')}><${Select} value=${key} onChange=${setKey} options=${[{ value: '', label: t('routes.try.key.none') }, ...names.map((name) => ({ value: name, label: name }))]} /></${Field}>`}
      ${mode === 'model' ? html`<div class="form-row routes-by"><${Field} label=${t('routes.try.model')}><${Combobox} free mono value=${model} onChange=${setModel} options=${models} placeholder="claude-sonnet-5" /></${Field}>
          <${Field} label=${t('routes.try.format')}><${Select} value=${form.format} onChange=${(format) => put({ format })} options=${FORMATS} /></${Field}></div>
        <${Folded} title=${t('routes.try.more')}><${Details} form=${form} put=${put} /></${Folded}>`
    : html`<${Field} label=${t('routes.try.paste')} help=${t('routes.try.paste.help')} error=${text.trim() && !pasted ? t('routes.try.paste.wrong') : null}>
        <${Textarea} mono rows=${9} value=${text} onInput=${setText} placeholder=${'{\n  "model": "sonnet",\n  "messages": […]\n}'} /></${Field}>`}</div>
    <div class="routes-result" aria-live="polite" aria-busy=${String(state.busy)}>
      ${state.error ? html`<${Notice} kind=${state.error.status === 422 ? 'warn' : 'bad'}
          action=${state.error.status !== 422 && html`<${Button} size="small" onClick=${look}>${t('do.retry')}</${Button}>`}>${state.error.status === 0 ? t('error.unreachable') : state.error.detail}</${Notice}>`
    : state.said && request ? html`<${Answer} said=${state.said} routes=${routes} />` : state.busy ? html`<${Skeleton} lines=${4} />` : html`<p class="dim routes-hint">${t('routes.explain.empty')}</p>`}
    </div>
    ${!key && html`<p class="routes-note dim">${t('routes.explain.key')}</p>`}</aside>`;
}
