/** What is pressed. */
import { html, cx } from '../lib.js';
import { Icon } from './icons.js';
import { Tooltip } from './menu.js';

/**
 * @param {{kind?: 'plain'|'primary'|'ghost'|'danger', size?: 'small', icon?: string, busy?: boolean, href?: string, type?: string,
 *   onClick?: function, disabled?: boolean}} props The one deed of a page or dialog is `primary`; a link that looks like a button has `href`.
 */
export function Button({ kind = 'plain', size, icon, busy, href, type = 'button', class: extra, children, disabled, ...rest }) {
  const body = html`${busy ? html`<span class="spinner" aria-hidden="true" />` : icon && html`<${Icon} name=${icon} />`}${children && html`<span>${children}</span>`}`;
  const classes = cx('button', kind, size, extra);
  if (href) return html`<a class=${classes} href=${href} ...${rest}>${body}</a>`;
  // While busy it keeps the focus, which a disabled button loses.
  const held = busy && { 'aria-busy': 'true', 'aria-disabled': 'true', onClick: (event) => event.preventDefault() };
  return html`<button type=${type} class=${classes} disabled=${disabled} ...${rest} ...${held || {}}>${body}</button>`;
}

/** A button of one icon. `label` is said by screen readers and shown on hover. */
export function IconButton({ icon, label, kind = 'ghost', size, pressed, class: extra, side, ...rest }) {
  return html`<${Tooltip} text=${label} side=${side}><button type="button" class=${cx('button icon-only', kind, size, extra)} aria-label=${label}
    aria-pressed=${pressed == null ? null : String(pressed)} ...${rest}><${Icon} name=${icon} /></button></${Tooltip}>`;
}
