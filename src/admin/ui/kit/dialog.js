/** Dialog, drawer, and questions: `if (await confirm({…})) …`. */
import { html, cx, signal, useState, useMemo, uid } from '../lib.js';
import { t, tx } from '../i18n.js';
import { Modal, useEscape, useTrap, Layer } from './overlay.js';
import { Button, IconButton } from './button.js';
import { Field, Input, Problem } from './field.js';
import { Diff, differences } from './diff.js';

function Head({ title, id, close, actions, sub }) {
  return html`<div class="overlay-head"><div class="grow"><h2 id=${id}>${title}</h2>${sub && html`<p class="dim">${sub}</p>`}</div>${actions}
    ${close && html`<${IconButton} icon="close" label=${t('do.close')} data-close="1" onClick=${close} />`}</div>`;
}

/** @param {{title: string, close: function, wide?: boolean, footer?: any}} props */
export function Dialog({ title, sub, close, wide, footer, children }) {
  const id = useMemo(() => uid('d'), []);
  return html`<${Modal} close=${close} labelledby=${id} wide=${wide} class="dialog">
    <${Head} title=${title} sub=${sub} id=${id} close=${close} />
    <div class="overlay-body">${children}</div>
    ${footer && html`<div class="overlay-foot">${footer}</div>`}
  </${Modal}>`;
}

/**
 * Details beside the page. Keep what it shows in the URL: `const [open, setOpen] = useQuery('open')`.
 * @param {{title: any, close: function, wide?: boolean, actions?: any, footer?: any}} props
 */
export function Drawer({ title, sub, close, wide, actions, footer, children }) {
  const id = useMemo(() => uid('d'), []);
  return html`<${Modal} close=${close} labelledby=${id} wide=${wide} class="drawer">
    <${Head} title=${title} sub=${sub} id=${id} close=${close} actions=${actions} />
    <div class="overlay-body">${children}</div>
    ${footer && html`<div class="overlay-foot">${footer}</div>`}
  </${Modal}>`;
}

const questions = signal([]);

function ask(question) {
  return new Promise((resolve) => {
    const entry = { ...question, key: uid('q') };
    entry.answer = (value) => { questions.value = questions.value.filter((one) => one !== entry); resolve(value); };
    questions.value = [...questions.value, entry];
  });
}

/**
 * Asks before a deed. Resolves to whether it was confirmed (and, with `run`, done: an error of it is shown in the dialog).
 * @param {{title: string, text?: any, action: string, danger?: boolean, type?: string, run?: () => Promise<any>}} question
 *   `type`: what has to be typed, for what cannot be undone
 */
export const confirm = (question) => ask({ ...question, form: Question });

/**
 * "Changed meanwhile": resolves to 'theirs' | 'mine' | null.
 * @param {{name: string, theirs?: object|null, mine?: object}} question bodies: what is stored now (null: nothing), and what
 *   would be put in its place
 */
export const conflict = (question) => ask({ ...question, form: Conflict });

function Question({ title, text, action, danger, type, run, answer }) {
  const [typed, setTyped] = useState('');
  const [state, setState] = useState({ busy: false, error: null });
  const ready = !type || typed === type;
  const go = async (event) => {
    event.preventDefault();
    if (!ready || state.busy) return;
    if (!run) { answer(true); return; }
    setState({ busy: true, error: null });
    try { await run(); answer(true); } catch (error) { setState({ busy: false, error }); }
  };
  return html`<${Dialog} title=${title} close=${() => answer(false)}>
    <form class="form" onSubmit=${go}>
      ${text && html`<div class="prose">${text}</div>`}
      ${state.error && html`<${Problem} error=${state.error} />`}
      ${type && html`<${Field} label=${tx('confirm.type', { name: html`<code>${type}</code>` })}><${Input} mono value=${typed} onInput=${setTyped} data-autofocus /></${Field}>`}
      <div class="form-foot"><${Button} onClick=${() => answer(false)} data-autofocus=${danger && !type ? '' : null}>${t('do.cancel')}</${Button}>
        <${Button} type="submit" kind=${danger ? 'danger' : 'primary'} busy=${state.busy} disabled=${!ready} data-autofocus=${!danger && !type ? '' : null}>${action}</${Button}></div>
    </form>
  </${Dialog}>`;
}

function Conflict({ name, theirs, mine, answer }) {
  const fields = theirs && mine ? differences(theirs, mine) : [];
  return html`<${Dialog} title=${t('conflict.title')} wide=${fields.length > 0} close=${() => answer(null)} footer=${html`<${Button} onClick=${() => answer('theirs')}>${t('conflict.theirs')}</${Button}>
    <${Button} kind="primary" onClick=${() => answer('mine')}>${t('conflict.mine')}</${Button}>`}>
    <div class="prose"><p>${tx(theirs === null ? 'conflict.gone' : 'conflict.text', { name: html`<code>${name}</code>` })}${theirs && mine && !fields.length && ` ${t('conflict.same')}`}</p></div>
    ${fields.length > 0 && html`<h3>${t('conflict.differs')}</h3><${Diff} fields=${fields} />`}</${Dialog}>`;
}

/** Where questions are shown: once, in the shell. */
export const Questions = () => questions.value.map((entry) => html`<${entry.form} key=${entry.key} ...${entry} />`);

/** A layer that nothing closes (sign-in over a page). */
export function Blocker({ label, children }) {
  const ref = useMemo(() => ({ current: null }), []);
  useEscape(null);
  useTrap(ref);
  return html`<${Layer}><div class="veil blocker-veil"><section ref=${ref} class=${cx('dialog', 'blocker')} role="dialog" aria-modal="true" aria-label=${label} tabindex="-1">${children}</section></div></${Layer}>`;
}
