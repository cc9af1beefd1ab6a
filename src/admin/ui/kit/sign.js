/** Signs of state and small labels. A state differs in colour, shape and text. */
import { html, cx } from '../lib.js';
import { t, name } from '../i18n.js';
import { Icon } from './icons.js';
import { Tooltip } from './menu.js';

const TONES = {
  ok: 'ok', up: 'ok', well: 'ok', healthy: 'ok', closed: 'ok', enabled: 'ok', active: 'ok',
  half_open: 'warn', degraded: 'warn', warn: 'warn', near: 'warn',
  cooling: 'cool', cool: 'cool',
  open: 'bad', down: 'bad', refused: 'bad', bad: 'bad', failed: 'bad', unhealthy: 'bad', exhausted: 'bad', used_up: 'bad',
  disabled: 'off', off: 'off', unknown: 'off', revoked: 'off', expired: 'off', none: 'off',
};
/** ok | warn | bad | cool | off, of a name of the API's. */
export const toneOf = (state) => TONES[state] || 'off';

/** A dot whose shape says the state too: disc ok, triangle warn, square bad, ring off, diamond cooling. */
export const Dot = ({ tone = 'off' }) => html`<span class=${`dot ${tone}`} aria-hidden="true" />`;

/**
 * A state with its word: `html`<${State} value="cooling" />`. Words: `state.NAME` of i18n.
 * @param {{value: string, tone?: string, label?: any, title?: string}} props `title` says why
 */
export function State({ value, tone = toneOf(value), label, title }) {
  const body = html`<span class=${`state ${tone}`} tabindex=${title ? 0 : null}><${Dot} tone=${tone} />${label ?? name('state', value)}</span>`;
  return title ? html`<${Tooltip} text=${title}>${body}</${Tooltip}>` : body;
}

/** A small label. @param {{tone?: 'ok'|'warn'|'bad'|'cool'|'off'|'accent', icon?: string}} props */
export const Badge = ({ tone = 'off', icon, children, title }) => html`<span class=${`badge ${tone}`} title=${title}>${icon && html`<${Icon} name=${icon} size=${12} />`}${children}</span>`;

/** An HTTP status, coloured by its class. */
export function Status({ code }) {
  if (code == null) return html`<span class="dim">–</span>`;
  const tone = code < 300 ? 'ok' : code < 400 ? 'off' : code < 500 ? 'warn' : 'bad';
  return html`<span class=${`status ${tone}`}>${code}</span>`;
}

/**
 * Something chosen that can be taken away: filters, aliases.
 * @param {{label?: any, onRemove?: function, onClick?: function, mono?: boolean, removeLabel?: string}} props `label`: what kind of thing, before the value
 */
export function Chip({ label, onRemove, onClick, mono, removeLabel, children }) {
  const body = html`${label && html`<span class="chip-label">${label}</span>`}<span class=${cx('chip-value', mono && 'mono')}>${children}</span>`;
  return html`<span class=${cx('chip', onRemove && 'removable')}>${onClick ? html`<button type="button" class="chip-main" onClick=${onClick}>${body}</button>` : html`<span class="chip-main">${body}</span>`}
    ${onRemove && html`<button type="button" class="chip-x" aria-label=${removeLabel || t('do.remove')} onClick=${onRemove}><${Icon} name="close" size=${12} /></button>`}</span>`;
}

const HOMES = { file: 'lock', environment: 'lock', shadowed: 'warn', builtin: 'info' };

/** Where an object is declared, where that is not the database: `home` of the API. Says how to change it. `brief`: the sign alone, for tables. */
export function Home({ home, brief }) {
  if (!home || home === 'database') return null;
  return html`<${Tooltip} text=${t(`home.${home}.how`)}><span class=${`home ${home}`} tabindex="0"><${Icon} name=${HOMES[home] || 'info'} size=${12} /><span class=${brief && home !== 'shadowed' ? 'sr' : ''}>${name('home', home)}</span></span></${Tooltip}>`;
}
