/** Where a request is written: by fields, or as JSON. */
import { html, useEffect, useRef } from '../../lib.js';
import { t } from '../../i18n.js';
import { FORMATS, formatOf, modelOf, streams } from '../../calls.js';
import { Field, Input, NumberInput, Textarea, Select, Switch, Segmented, Combobox, Tags, Folded, Button, IconButton } from '../../kit/index.js';
import { draft, put, newTurn, toolsOf, sampleTools, toRaw } from './draft.js';

function Turn({ turn, at, only, last }) {
  const ref = useRef();
  const set = (change) => put({ turns: draft.value.turns.map((one) => (one.id === turn.id ? { ...one, ...change } : one)) });
  const label = t(`playground.role.${turn.role}`);
  useEffect(() => { if (turn.focus) ref.current?.querySelector('textarea')?.focus(); }, []);
  return html`<div class="playground-turn" ref=${ref}><div class="playground-turn-head">
      <${Segmented} small label=${t('playground.role', { n: at + 1 })} value=${turn.role} onChange=${(role) => set({ role })} options=${['user', 'assistant'].map((role) => ({ value: role, label: t(`playground.role.${role}`) }))} />
      <span class="grow" />${!only && html`<${IconButton} icon="close" size="small" label=${t('playground.turn.remove', { n: at + 1 })} onClick=${() => put({ turns: draft.value.turns.filter((one) => one.id !== turn.id) })} />`}</div>
    <${Field} label=${label} hidden><${Textarea} value=${turn.text} onInput=${(text) => set({ text })} rows=${last ? 4 : 2} placeholder=${t(`playground.turn.${turn.role}`)} data-turn=${at} /></${Field}></div>`;
}

function ByFields({ models }) {
  const said = draft.value;
  const wrongTools = toolsOf(said.tools) === undefined;
  const count = toolsOf(said.tools)?.length;
  const set = ['temperature', 'top_p', 'max_tokens'].filter((key) => said[key] != null).length + (said.stop.length ? 1 : 0);
  return html`<div class="form-row playground-what"><${Field} label=${t('playground.model')}><${Combobox} free mono value=${said.model} onChange=${(model) => put({ model })} options=${models} placeholder=${t('playground.model.choose')} data-model /></${Field}>
      <${Field} label=${t('playground.format')}><${Select} value=${said.format} onChange=${(format) => put({ format })} options=${FORMATS} /></${Field}></div>
    <${Switch} label=${t('playground.stream')} checked=${said.stream} onChange=${(stream) => put({ stream })} />
    <${Field} label=${t('playground.system')} optional><${Textarea} value=${said.system} onInput=${(system) => put({ system })} rows=${2} placeholder=${t('playground.system.what')} /></${Field}>
    <div class="playground-turns" role="group" aria-label=${t('playground.turns')}><h3>${t('playground.turns')}</h3>
      ${said.turns.map((turn, at) => html`<${Turn} key=${turn.id} turn=${turn} at=${at} only=${said.turns.length === 1} last=${at === said.turns.length - 1} />`)}
      <div><${Button} size="small" icon="plus" onClick=${() => put({ turns: [...said.turns, { ...newTurn(said.turns[said.turns.length - 1]?.role === 'user' ? 'assistant' : 'user'), focus: true }] })}>${t('playground.turn.add')}</${Button}></div></div>
    <${Folded} title=${t('playground.parameters')} hint=${set ? t('playground.set', { n: set }) : null} open=${set > 0}><div class="form">
      <div class="form-row playground-numbers"><${Field} label=${t('playground.temperature')}><${NumberInput} value=${said.temperature} onInput=${(temperature) => put({ temperature })} min="0" max="2" step="0.1" placeholder="–" /></${Field}>
        <${Field} label=${t('playground.top_p')}><${NumberInput} value=${said.top_p} onInput=${(top) => put({ top_p: top })} min="0" max="1" step="0.05" placeholder="–" /></${Field}>
        <${Field} label=${t('playground.max_tokens')}><${NumberInput} value=${said.max_tokens} onInput=${(most) => put({ max_tokens: most })} min="1" step="1" placeholder=${said.format === 'anthropic' ? '1024' : '–'} /></${Field}></div>
      ${said.format !== 'openai_responses' && html`<${Field} label=${t('playground.stop')}><${Tags} value=${said.stop} onChange=${(stop) => put({ stop })} placeholder=${t('playground.stop.what')} /></${Field}>`}</div></${Folded}>
    <${Folded} title=${t('playground.tools')} hint=${count ? t('playground.tools.n', { n: count }) : null} open=${!!said.tools}><${Field} label=${t('playground.tools.json')} help=${t('playground.tools.help')} error=${wrongTools ? t('playground.tools.wrong') : null}><${Textarea} mono rows=${7} value=${said.tools} onInput=${(tools) => put({ tools })} placeholder="[ … ]" /></${Field}>
      ${!said.tools && html`<${Button} size="small" onClick=${() => put({ tools: sampleTools(said.format) })}>${t('playground.tools.sample')}</${Button}>`}</${Folded}>`;
}

function ByHand() {
  const said = draft.value;
  let wrong = null;
  try { const body = JSON.parse(said.body); if (!body || typeof body !== 'object' || Array.isArray(body)) wrong = t('playground.body.object'); } catch (error) { wrong = t('playground.body.wrong', { why: error.message }); }
  return html`<${Field} label=${t('playground.path')} help=${t('playground.path.help')}><${Input} mono value=${said.path} onInput=${(path) => put({ path })} /></${Field}>
    <${Field} label=${t('playground.body')} error=${wrong}><${Textarea} mono rows=${18} value=${said.body} onInput=${(body) => put({ body })} /></${Field}>`;
}

/** @param {{models: {value: string, hint?: string}[], note?: any, children: any}} props `children`: what stands below, the buttons */
export function Compose({ models, note, onSend, children }) {
  const said = draft.value;
  const back = () => {
    let body = null;
    try { body = JSON.parse(said.body); } catch { /* it stays */ }
    put({ raw: false, format: formatOf(said.path) ?? said.format, ...(body ? { model: modelOf(said.path, body) ?? said.model, stream: streams(said.path, body) } : {}) });
  };
  return html`<form class="playground-compose" aria-label=${t('playground.request')} onSubmit=${(event) => { event.preventDefault(); onSend(); }}
      onKeyDown=${(event) => { if (event.key === 'Enter' && (event.metaKey || event.ctrlKey)) { event.preventDefault(); onSend(); } }}>
    <div class="playground-scroll"><div class="form">
      <header class="row"><h2 class="grow">${t('playground.request')}</h2><${Segmented} small label=${t('playground.by')} value=${said.raw ? 'json' : 'fields'} onChange=${(by) => (by === 'json' ? toRaw() : back())} options=${[{ value: 'fields', label: t('playground.by.fields') }, { value: 'json', label: 'JSON' }]} /></header>
      ${note}
      ${said.raw ? html`<${ByHand} />` : html`<${ByFields} models=${models} />`}
      <${Folded} title=${t('playground.headers')} open=${!!said.headers}><${Field} label=${t('playground.headers')} hidden help=${t('playground.headers.help')}><${Textarea} mono rows=${2} value=${said.headers} onInput=${(headers) => put({ headers })} placeholder="x-session-id: try-1" /></${Field}></${Folded}>
    </div></div>
    ${children && html`<div class="playground-foot">${children}</div>`}</form>`;
}
