/** A request is written, sent as a client would send it, and looked at from both sides. */
import { html, useState, useRef, useEffect, useMemo } from '../lib.js';
import { t, tx } from '../i18n.js';
import { useResource } from '../resource.js';
import { useQuery, setQuery, path } from '../router.js';
import { can } from '../session.js';
import { Page, Notice, Button, Problem } from '../kit/index.js';
import { Compose } from './playground/compose.js';
import { Answer } from './playground/answer.js';
import { draft, put, newTurn, requestOf, replay } from './playground/draft.js';
import { send, recordOf } from './playground/send.js';

/** Names that can be asked for: virtual models, and what providers show. */
function useModels() {
  const models = useResource('/models');
  const providers = useResource('/providers');
  return useMemo(() => {
    const virtual = (models.data?.items || []).map((row) => ({ value: row.name, hint: t('playground.virtual') }));
    const real = (providers.data?.items || []).flatMap((row) => (row.body.expose || []).filter((one) => !one.includes('*')).map((one) => ({ value: one, hint: row.name })));
    return [...virtual, ...real];
  }, [models.data, providers.data]);
}

/** `?replay=ID` and `?model=`: what is loaded, and what is said of it. */
function useLoaded(models) {
  const [id] = useQuery('replay', null);
  const [model] = useQuery('model', null);
  const [note, setNote] = useState(null);
  useEffect(() => {
    if (!id) return;
    replay(id).then((how) => setNote({ id, ...how }), (error) => setNote({ id, error }));
  }, [id]);
  useEffect(() => { if (model) { put({ model, raw: false }); setQuery({ model: null }); } }, [model]);
  useEffect(() => { if (!draft.peek().model && !id && models[0]) put({ model: models[0].value }); }, [models.length]);
  const shown = note && note.id === id ? note : null;
  return { note: shown, clear: () => { setNote(null); setQuery({ replay: null }); } };
}

const Loaded = ({ note, clear }) => (note.error
  ? html`<${Notice} kind="bad" action=${html`<${Button} size="small" onClick=${clear}>${t('do.dismiss')}</${Button}>`}>${note.error.status === 404 ? t('playground.replay.none') : note.error.detail || t('error.unknown')}</${Notice}>`
  : html`<${Notice} kind=${note.how === 'body' ? 'info' : 'warn'} action=${html`<${Button} size="small" onClick=${clear}>${t('do.dismiss')}</${Button}>`}>${tx(`playground.replay.${note.how}`, { id: html`<a href=${path('requests', null, { open: note.id })}><code>${note.id}</code></a>` })}</${Notice}>`);

export default function Playground() {
  const models = useModels();
  const { note, clear } = useLoaded(models);
  const [tab, setTab] = useQuery('tab', 'answer');
  const [state, setState] = useState({ run: null, record: null, request: null, busy: false, error: null });
  const abort = useRef(null);
  const write = can.write.value;
  const request = requestOf(draft.value);
  useEffect(() => () => abort.current?.abort(), []);

  const go = async () => {
    if (!request || state.busy || !write) return;
    abort.current?.abort();
    const mine = new AbortController();
    abort.current = mine;
    const begin = { headers: {}, raw: '', answer: null, status: null, total: null, first: null };
    setState({ run: begin, record: null, request, busy: true, error: null });
    if (tab === 'request') setTab('answer');
    // Where the answer stands below the request, it comes into view.
    if (matchMedia('(max-width: 959px)').matches) requestAnimationFrame(() => document.querySelector('.playground-answer')?.scrollIntoView({ block: 'start', behavior: 'smooth' }));
    try {
      const run = await send(request, { signal: mine.signal, told: (so) => { if (abort.current === mine) setState((was) => ({ ...was, run: so })); } });
      if (abort.current !== mine) return;
      setState((was) => ({ ...was, run, busy: false }));
      const record = run.id && await recordOf(run.id, run.stopped ? null : mine.signal);
      if (abort.current === mine && record) setState((was) => ({ ...was, record }));
    } catch (error) {
      if (abort.current !== mine) return;
      if (error.name === 'AbortError') setState((was) => ({ ...was, run: null, busy: false }));
      else setState((was) => ({ ...was, run: null, busy: false, error }));
    }
  };
  const carryOn = draft.value.raw ? null : () => {
    put({ turns: [...draft.value.turns.filter((one) => one.text.trim()), newTurn('assistant', state.run.answer.text), { ...newTurn('user'), focus: true }] });
  };
  return html`<${Page} full title=${t('nav.playground')}><div class="playground">
    <${Compose} models=${models} onSend=${go} note=${html`${!write && html`<${Notice} kind="warn">${t('playground.viewer')}</${Notice}>`}${note && html`<${Loaded} note=${note} clear=${clear} />`}`}>
      ${write && html`<span class="grow dim playground-keys"><kbd>${/Mac|iPhone|iPad/.test(navigator.platform) ? '⌘' : 'Ctrl'}</kbd> <kbd>Enter</kbd></span>
        ${state.busy && html`<${Button} icon="pause" onClick=${() => abort.current?.abort()}>${t('playground.stop.do')}</${Button}>`}
        <${Button} type="submit" kind="primary" icon="send" busy=${state.busy} disabled=${!request}>${t('playground.send')}</${Button}>`}
    </${Compose}>
    ${state.error ? html`<section class="playground-answer"><${Problem} error=${state.error} /></section>`
    : html`<${Answer} run=${state.run} record=${state.record} busy=${state.busy} request=${state.run ? state.request : request} tab=${tab} setTab=${setTab} carryOn=${carryOn} />`}
  </div></${Page}>`;
}
