/** A first request: sent as the client would, its answer as it streams, and its arrival in the log. */
import { html, useState, useEffect, useRef } from '../../lib.js';
import { t } from '../../i18n.js';
import { call } from '../../api.js';
import { subscribe } from '../../events.js';
import { path } from '../../router.js';
import { can } from '../../session.js';
import { duration, time, tokens, money, endpointOf } from '../../format.js';
import { Button, Notice, Status, Icon } from '../../kit/index.js';
import { CALLS } from './clients.js';

/** The JSON of each event of a stream. */
async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    held += value;
    const lines = held.split(/\r?\n/);
    held = lines.pop();
    for (const line of lines) if (line.startsWith('data:')) { try { yield JSON.parse(line.slice(5)); } catch { /* [DONE] */ } }
  }
}

const wrong = async (response) => {
  let said = '';
  try { const body = await response.json(); said = body.error?.message ?? body.message ?? body.detail ?? ''; } catch { /* the status says it */ }
  return { status: response.status, said };
};

/**
 * @param {{kind: string, client: string, model: string, credential: string, direct: boolean}} props `direct`: the data plane answers at this
 *   address, and the key is known or none is needed; else the request goes through the playground
 */
export function First({ kind, client, model, credential, direct }) {
  const [state, setState] = useState(null);
  const current = useRef(null);
  const stop = useRef(null);
  useEffect(() => subscribe((batches) => {
    const id = current.current;
    const found = id && batches.flatMap((batch) => batch.requests).find((one) => one.id === id);
    if (found) setState((was) => ({ ...was, record: found, arrived: new Date() }));
  }, { every: true }), []);
  useEffect(() => () => stop.current?.abort(), []);
  const send = async () => {
    const how = CALLS[kind];
    stop.current?.abort();
    stop.current = new AbortController();
    const { signal } = stop.current;
    current.current = null;
    const begun = performance.now();
    const ref = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => (byte % 36).toString(36)).join('');
    const sent = { sent: new Date(), text: '', busy: true, client, model, ref };
    setState(sent);
    const set = (change) => { if (!signal.aborted) setState((was) => ({ ...was, ...change })); };
    try {
      let response;
      if (direct) response = await fetch(how.path(model), { method: 'POST', headers: { 'content-type': 'application/json', ...(credential ? how.header(credential) : {}) }, body: JSON.stringify(how.body(model, ref)), signal, credentials: 'omit' });
      else {
        try { response = await call('POST', '/playground', { body: { path: how.path(model), body: how.body(model, ref) }, raw: true, signal, headers: { accept: '*/*' } }); } catch (error) {
          if (error.name === 'AbortError') throw error;
          set({ busy: false, failed: { status: error.status, said: error.detail } });
          return;
        }
      }
      const id = response.headers.get('x-request-id');
      current.current = id;
      set({ id, head: performance.now() - begun });
      if (!response.ok) { set({ busy: false, failed: await wrong(response) }); return; }
      let text = '';
      for await (const event of events(response)) {
        const more = how.text(event) ?? '';
        if (event.error) { set({ failed: { status: null, said: event.error.message ?? '' } }); }
        if (!more) continue;
        if (!text) set({ first: performance.now() - begun });
        text += more;
        set({ text });
      }
      set({ busy: false, done: performance.now() - begun });
    } catch (error) {
      if (error.name !== 'AbortError') set({ busy: false, failed: { status: 0, said: t('error.unreachable') } });
    }
  };
  // Requests cost money: they are for admins, here and in the playground.
  const able = can.write.value;
  const record = state?.record;
  const steps = state && [
    ['sent', true, time(state.sent, { millis: true }), t('connect.first.sent', { client: state.client, model: state.model, ref: state.ref })],
    ['answer', state.first != null || state.failed, state.failed ? null : duration(state.first), state.failed ? t('connect.first.failed') : t(state.first != null ? 'connect.first.token' : 'connect.first.waiting')],
    ['arrived', !!record, record && time(record.at, { millis: true }), record ? html`${t('connect.first.arrived')} ${record.provider && html`<b>${record.provider} / ${endpointOf(record)}</b>`}` : t('connect.first.arriving')],
  ];
  return html`<section class="connect-first" aria-label=${t('connect.first')}><header><div class="grow"><h2>${t('connect.first')}</h2><p class="dim">${t(direct ? 'connect.first.direct' : able ? 'connect.first.played' : 'connect.first.key')}</p></div>
      ${able && html`<${Button} kind="primary" icon="send" busy=${state?.busy} disabled=${!model} onClick=${send}>${t(state && !state.busy ? 'connect.first.again' : 'connect.first.send')}</${Button}>`}</header>
    ${state && html`<ol class="connect-steps" aria-live="polite">${steps.map(([id, done, at, text]) => html`<li key=${id} class=${done ? (state.failed && id === 'answer' ? 'bad' : 'done') : 'waiting'}><span class="connect-mark" aria-hidden="true"><${Icon} name=${!done ? 'clock' : state.failed && id === 'answer' ? 'bad' : 'ok'} /></span><span class="grow">${text}</span>${at && html`<span class="num dim nowrap">${at}</span>`}</li>`)}</ol>
      ${state.failed && html`<${Notice} kind="bad" title=${state.failed.status ? html`<${Status} code=${state.failed.status} />` : null}>${state.failed.said || t('error.unknown')}</${Notice}>`}
      ${state.text && html`<blockquote class="connect-answer">${state.text}</blockquote>`}
      ${record && html`<p class="connect-record"><${Status} code=${record.status} /><span class="num">${t('connect.gateway', { time: duration(record.total_ms) })}</span><span class="num">${tokens(Object.values(record.tokens).reduce((sum, one) => sum + (one ?? 0), 0))}</span><span class="num">${record.cost_usd == null ? t('connect.unpriced') : money(record.cost_usd)}</span>${record.attempts.length > 1 && html`<span>${t('connect.attempts', { n: record.attempts.length })}</span>`}<a href=${path('requests', null, { open: record.id })}>${t('connect.first.open')}</a></p>`}`}
  </section>`;
}
