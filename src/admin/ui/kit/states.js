/** Empty, loading, failed. */
import { html, coded, useState, useEffect } from '../lib.js';
import { t } from '../i18n.js';
import { Icon } from './icons.js';
import { Button } from './button.js';

/** Nothing there (yet): what it would be, and the deed that makes the first. */
export const Empty = ({ icon, title, text, action, small }) => html`<div class=${`empty ${small ? 'small' : ''}`}>${icon && html`<span class="empty-sign"><${Icon} name=${icon} size=${20} /></span>`}
  <h2>${title}</h2>${text && html`<p>${text}</p>`}${action && html`<div class="empty-action">${action}</div>`}</div>`;

/** A failure in place of what was asked for, and how to try again. @param {{error: Error, retry?: function}} props */
export function Failed({ error, retry, small }) {
  const said = error.status === 0 ? t('error.unreachable') : error.status === 503 ? error.detail || t('error.away') : error.detail || error.message || t('error.unknown');
  return html`<div class=${`empty failed ${small ? 'small' : ''}`} role="alert"><span class="empty-sign"><${Icon} name="bad" size=${20} /></span><h2>${t('error.title')}</h2><p>${coded(said)}</p>
    ${retry && html`<div class="empty-action"><${Button} icon="refresh" onClick=${retry}>${t('do.retry')}</${Button}></div>`}</div>`;
}

/** Lines where text will be; seen only after 150 ms. @param {{lines?: number, height?: number}} props */
export function Skeleton({ lines = 5, height }) {
  const [seen, see] = useState(false);
  useEffect(() => { const timer = setTimeout(() => see(true), 150); return () => clearTimeout(timer); }, []);
  if (!seen) return html`<div class="skeleton waiting" aria-hidden="true" style=${height ? { height: `${height}px` } : null} />`;
  return html`<div class="skeleton" role="status" aria-label=${t('state.loading')}>${height ? html`<span style=${{ height: `${height}px` }} />` : Array.from({ length: lines }, (_, at) => html`<span key=${at} style=${{ width: `${92 - ((at * 37) % 45)}%` }} />`)}</div>`;
}

/**
 * What a resource is: skeleton, failure, or its data.
 * `html`<${Loaded} of=${list}>${(data) => …}</${Loaded}>`. With data at hand a failed look shows a line above it.
 */
export function Loaded({ of, children, lines, height, skeleton }) {
  if (of.data !== undefined) return html`${of.error && html`<${Stale} error=${of.error} retry=${of.reload} />`}${children(of.data)}`;
  if (of.error) return html`<${Failed} error=${of.error} retry=${of.reload} />`;
  return skeleton ?? html`<${Skeleton} lines=${lines} height=${height} />`;
}

const Stale = ({ error, retry }) => html`<${Notice} kind="warn" action=${html`<${Button} size="small" onClick=${retry}>${t('do.retry')}</${Button}>`}>${error.status === 0 ? t('error.unreachable') : error.detail || t('error.unknown')}</${Notice}>`;

const SIGNS = { bad: 'bad', warn: 'warn', ok: 'ok', info: 'info' };
/** A line that has to be seen. @param {{kind?: 'info'|'warn'|'bad'|'ok', action?: any, title?: any}} props */
export const Notice = ({ kind = 'info', title, action, children }) => html`<div class=${`notice ${kind}`} role=${kind === 'bad' ? 'alert' : null}><${Icon} name=${SIGNS[kind]} /><div class="grow">${title && html`<strong>${title}</strong>`}<div>${coded(children)}</div></div>${action}</div>`;
