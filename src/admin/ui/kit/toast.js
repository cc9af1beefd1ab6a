/** Short news at the edge, said by screen readers: `toast(t('done'))`, `toast(text, {undo})`, `toast.error(error)`. */
import { html, cx, coded, signal, useEffect, useRef } from '../lib.js';
import { t } from '../i18n.js';
import { Icon } from './icons.js';
import { IconButton } from './button.js';

const toasts = signal([]);
let count = 0;

/**
 * @param {any} text
 * @param {{kind?: 'ok'|'bad'|'warn'|'info', undo?: () => any, action?: {label: string, run: function}, seconds?: number}} options
 *   `undo`: offered for ten seconds
 */
export function toast(text, { kind = 'ok', undo, action, seconds } = {}) {
  const entry = { id: (count += 1), text, kind, action: undo ? { label: t('do.undo'), run: undo } : action };
  entry.seconds = seconds ?? (entry.action ? 10 : kind === 'bad' ? 12 : 4);
  toasts.value = [...toasts.value.slice(-3), entry];
  return () => drop(entry.id);
}

/** An error that no form shows. */
toast.error = (error) => toast(error.status === 0 ? t('error.unreachable') : error.detail || error.message || t('error.unknown'), { kind: 'bad' });

const drop = (id) => { toasts.value = toasts.value.filter((one) => one.id !== id); };
const KINDS = { ok: 'ok', bad: 'bad', warn: 'warn', info: 'info' };

function Toast({ id, text, kind, action, seconds }) {
  const timer = useRef();
  const start = () => { timer.current = setTimeout(() => drop(id), seconds * 1000); };
  const stop = () => clearTimeout(timer.current);
  useEffect(() => { start(); return stop; }, []);
  return html`<div class=${cx('toast', kind)} onMouseEnter=${stop} onMouseLeave=${start} onFocusIn=${stop} onFocusOut=${start}>
    <${Icon} name=${KINDS[kind]} /><div class="grow">${coded(text)}</div>
    ${action && html`<button type="button" class="button small" onClick=${() => { drop(id); action.run(); }}>${action.label}</button>`}
    <${IconButton} size="small" icon="close" label=${t('do.dismiss')} onClick=${() => drop(id)} /></div>`;
}

export const Toasts = () => html`<div class="toasts" role="status" aria-live="polite">${toasts.value.map((one) => html`<${Toast} key=${one.id} ...${one} />`)}</div>`;
