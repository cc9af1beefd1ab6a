/** What came back: the answer as it streams, its figures, who was asked, and the bytes on both sides. */
import { html, cx, useRef, useLayoutEffect } from '../../lib.js';
import { t, has } from '../../i18n.js';
import { path } from '../../router.js';
import { number, duration, money, compact, bytes } from '../../format.js';
import { formatName, streams } from '../../calls.js';
import { Tabs, TabPanel, Figure, Status, Code, Notice, Button, Folded, KeyValues, Dot, Badge, Empty } from '../../kit/index.js';

const pretty = (text) => { try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; } };
const SHOWN = 200e3;
const outcome = (name) => (has(`playground.outcome.${name}`) ? t(`playground.outcome.${name}`) : name);

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
/** The same call by curl, as a client would make it. */
export const curlOf = ({ path: where, body, headers }) => ['curl', quoted(location.origin + where), "-H 'content-type: application/json'", '-H "authorization: Bearer $TIDEGATE_KEY"',
  ...Object.entries(headers || {}).map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`), streams(where, body) ? '-N' : '', `-d ${quoted(JSON.stringify(body))}`].filter(Boolean).join(' \\\n  ');

// A bucket that nobody has told is left out.
const sum = (...all) => (all.every((one) => one == null) ? null : all.reduce((a, b) => a + (b ?? 0), 0));

// An answer that began and never came to its end.
const broke = (run, record) => !run.stopped && (run.broken || record?.ending === 'broken');

function Figures({ run, record }) {
  const tokens = record?.tokens;
  const input = tokens && sum(tokens.input, tokens.cache_read, tokens.cache_write, tokens.audio_input);
  const output = tokens && sum(tokens.output, tokens.reasoning, tokens.audio_output);
  const first = run.first ?? null;
  const speed = first != null && run.total && output && run.total - first > 100 ? output / ((run.total - first) / 1000) : null;
  return html`<div class="figures playground-figures">
    <${Figure} label=${t('playground.status')} tone=${broke(run, record) ? 'bad' : null} value=${broke(run, record) ? run.status : html`<${Status} code=${run.status} />`} hint=${run.stopped ? t('playground.stopped') : broke(run, record) ? t('playground.broken') : record ? t(`playground.ending.${record.ending}`) : null} />
    <${Figure} label=${t('playground.first')} value=${first == null ? '–' : duration(first)} hint=${record?.first_content_ms != null ? t('playground.gateway', { time: duration(record.first_content_ms) }) : null} help=${t('playground.first.help')} />
    <${Figure} label=${t('playground.total')} value=${duration(run.total ?? run.elapsed)} hint=${speed ? t('playground.speed', { n: compact(speed) }) : null} />
    <${Figure} label=${t('playground.tokens')} value=${input == null && output == null ? '–' : html`${compact(input)}<span class="playground-to"> → </span>${compact(output)}`} hint=${tokens ? [tokens.cache_read ? t('playground.cached', { n: tokens.cache_read }) : null, tokens.reasoning ? t('playground.reasoned', { n: tokens.reasoning }) : null, record.tokens_estimated ? t('playground.estimated') : null].filter(Boolean).join(t('playground.comma')) || (input == null && output == null ? null : t('playground.inout')) : null} />
    <${Figure} label=${t('playground.cost')} value=${record ? money(record.cost_usd) : '–'} hint=${record && record.cost_usd == null ? t('playground.unpriced') : null} /></div>`;
}

function Attempts({ record }) {
  const longest = Math.max(...record.attempts.map((one) => one.took_ms), 0.001);
  return html`<section class="playground-way"><h3>${t('playground.way')}</h3>
    <${KeyValues} items=${[
    [t('playground.asked'), html`<code>${record.asked_model}</code>`],
    record.route && [t('playground.rule'), html`<a href=${path('routes', record.route)}>${record.route}</a>`],
    record.model && [t('playground.pool'), record.model.startsWith('(') ? t('playground.real') : html`<a href=${path('models', record.model)}>${record.model}</a>`],
  ]} />
    ${record.attempts.length > 0 && html`<ol class="playground-attempts">${record.attempts.map((one, at) => html`<li key=${at}><${Dot} tone=${one.outcome === 'ok' ? 'ok' : 'bad'} />
      <div class="grow"><div class="row wrap"><code>${one.provider}/${one.model}</code>${one.key_masked && html`<span class="dim mono">${one.key_masked}</span>`}<span class="grow" />${one.status && html`<${Status} code=${one.status} />`}<span class="num">${duration(one.took_ms)}</span></div>
        <div class="playground-bar" aria-hidden="true"><span class=${one.outcome === 'ok' ? '' : 'bad'} style=${{ width: `${Math.max(1, (one.took_ms / longest) * 100)}%` }} /></div>
        <small class="dim">${[outcome(one.outcome), one.cost_usd ? money(one.cost_usd) : null].filter(Boolean).join(' · ')}</small></div></li>`)}</ol>`}
    ${record.losses.length > 0 && html`<${Notice} kind="warn" title=${t('playground.losses')}><ul>${record.losses.map((one) => html`<li key=${one}>${one}</li>`)}</ul></${Notice}>`}
    <p class="playground-more"><a href=${path('requests', null, { open: record.id })}>${t('playground.open')}</a></p></section>`;
}

function Said({ run, busy, record, carryOn }) {
  const { answer } = run;
  const end = useRef();
  const stick = useRef(true);
  useLayoutEffect(() => {
    const box = end.current?.closest('.playground-scroll');
    if (!box) return undefined;
    const look = () => { stick.current = box.scrollHeight - box.scrollTop - box.clientHeight < 60; };
    box.addEventListener('scroll', look, { passive: true });
    return () => box.removeEventListener('scroll', look);
  }, []);
  useLayoutEffect(() => { if (busy && stick.current) { const box = end.current?.closest('.playground-scroll'); if (box) box.scrollTop = box.scrollHeight; } });
  const why = record?.attempts[record.attempts.length - 1]?.outcome;
  const tools = (answer?.tools || []).filter(Boolean);
  return html`${answer?.reasoning && html`<${Folded} title=${t('playground.reasoning')} open=${!answer.text}><p class="playground-text dim">${answer.reasoning}</p></${Folded}>`}
    ${answer?.error && html`<${Notice} kind="bad" title=${run.status < 400 ? t('playground.broke') : t('playground.refused', { code: run.status ?? '–' })}>${answer.error}</${Notice}>`}
    ${!busy && broke(run, record) && !answer?.error && html`<${Notice} kind="bad" title=${t('playground.broke')}>${t('playground.broke.how')} ${why && why !== 'ok' && outcome(why)}</${Notice}>`}
    <div class="playground-said" role="log" aria-live="polite" aria-busy=${String(busy)} aria-label=${t('playground.answer')}>
      ${answer?.text && html`<p class=${cx('playground-text', busy && 'typing')}>${answer.text}</p>`}
      ${!answer?.text && busy && html`<p class="dim playground-wait"><span class="spinner" aria-hidden="true" />${t('playground.waiting')}</p>`}
      ${!busy && !answer?.text && !tools.length && !answer?.error && html`<p class="dim">${t('playground.silent')}</p>`}</div>
    ${tools.map((one, at) => html`<${Code} key=${at} lang="json" title=${html`${t('playground.calls')} <code>${one.name}</code>`} label=${one.name} text=${pretty(one.args || '{}')} />`)}
    ${!busy && answer?.stop && html`<p class="dim playground-stop">${t('playground.ended')} <code>${answer.stop}</code>${answer.model && html` · <code>${answer.model}</code>`}</p>`}
    ${!busy && carryOn && answer?.text && html`<div><${Button} size="small" icon="plus" onClick=${carryOn}>${t('playground.carry')}</${Button}></div>`}
    <span ref=${end} />
    ${record && html`<${Attempts} record=${record} />`}
    ${!record && !busy && run.id && html`<p class="dim playground-more">${t('playground.norecord')} <a href=${path('requests', null, { open: run.id })}>${t('playground.open')}</a></p>`}`;
}

/** @param {{run: object|null, request: object|null, record: object|null, busy: boolean, tab: string, setTab: function, carryOn?: function}} props */
export function Answer({ run, request, record, busy, tab, setTab, carryOn }) {
  if (!run && tab === 'answer') {
    return html`<section class="playground-answer"><div class="playground-scroll"><${Empty} icon="playground" title=${t('playground.empty')} text=${t('playground.empty.text')} /></div></section>`;
  }
  const raw = run?.raw ?? '';
  const json = /json/.test(run?.headers['content-type'] || '');
  return html`<section class="playground-answer" aria-label=${t('playground.answer')}>
    ${run && html`<${Figures} run=${run} record=${record} />`}
    <${Tabs} label=${t('playground.answer')} value=${tab} onChange=${setTab} tabs=${[{ value: 'answer', label: t('playground.answer') }, { value: 'request', label: t('playground.raw.request') }, { value: 'response', label: t('playground.raw.response'), count: run ? bytes(raw.length) : null }]} />
    <div class="playground-scroll"><${TabPanel} value=${tab}>
      ${tab === 'request' && (request ? html`<div class="stack"><${Code} lang="json" title=${html`POST <code>${request.path}</code>`} label=${t('playground.raw.request')} text=${JSON.stringify(request.body, null, 2)} />
        <${Code} title="curl" label="curl" text=${curlOf(request)} wrap /></div>` : html`<p class="dim">${t('playground.norequest')}</p>`)}
      ${tab === 'response' && (run ? html`<div class="stack"><${KeyValues} items=${Object.entries(run.headers).filter(([name]) => /^(content-type|retry-after|x-)/.test(name) && !/^x-(frame|content)/.test(name)).map(([name, value]) => [html`<code>${name}</code>`, html`<span class="mono">${value}</span>`])} />
        <${Code} lang=${json ? 'json' : ''} wrap=${!json} label=${t('playground.raw.response')} text=${json ? pretty(raw) : raw.slice(0, SHOWN)} />${(run.cut || raw.length > SHOWN) && html`<p class="dim">${t('playground.cut', { size: bytes(SHOWN) })}</p>`}</div>` : html`<p class="dim">${t('playground.empty.text')}</p>`)}
      ${tab === 'answer' && run && html`<div class="stack"><${Said} run=${run} busy=${busy} record=${record} carryOn=${carryOn} /></div>`}
    </${TabPanel}></div></section>`;
}
