/** How a page is laid out: by space and hairlines. */
import { html, cx, useEffect, useState, signal } from '../lib.js';
import { Icon } from './icons.js';
import { Tooltip } from './menu.js';

/** The title in the header and of the document, set by `Page`. */
export const pageTitle = signal('');

/**
 * The frame of a page. `actions` (buttons) and `tools` (filters) share a line above the content.
 * @param {{title: string, lead?: any, tools?: any, actions?: any, tabs?: any, full?: boolean}} props `full`: the content takes the height of the window and scrolls inside
 */
export function Page({ title, lead, tools, actions, tabs, full, children }) {
  useEffect(() => {
    pageTitle.value = title;
    document.title = `${title} · Tidegate`;
  }, [title]);
  return html`<div class=${cx('page', full && 'full')}>${lead && html`<p class="lead">${lead}</p>`}
    ${tabs}${(tools || actions) && html`<div class="toolbar"><div class="tools">${tools}</div>${actions && html`<div class="actions">${actions}</div>`}</div>`}${children}</div>`;
}

/** A part of a page: heading, help, deeds, content. */
export const Section = ({ title, help, actions, children, flush, id }) => html`<section class=${cx('section', flush && 'flush')} id=${id}>${(title || actions) && html`<header><div class="grow"><h2>${title}</h2>${help && html`<p class="help">${help}</p>`}</div>${actions && html`<div class="actions">${actions}</div>`}</header>`}${children}</section>`;

/** Names and values. @param {{items: ([any, any, object?]|false|null)[], columns?: 1|2}} props a value of null is left out */
export const KeyValues = ({ items, columns = 1 }) => html`<dl class=${cx('kv', columns === 2 && 'two')}>${items.filter((one) => one && one[1] != null).map(([name, value], at) => html`<div key=${at}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;

/** A figure with its name and unit, in a row of such (`<div class="figures">`). @param {{label: string, value: any, unit?: string, hint?: any, tone?: string, help?: string}} props */
export const Figure = ({ label, value, unit, hint, tone, help, children }) => html`<div class=${cx('figure', tone)}><div class="figure-label">${label}${help && html`<${Help} text=${help} />`}</div><div class="figure-value">${value}${unit && html`<span class="figure-unit">${unit}</span>`}</div>${hint && html`<div class="figure-hint">${hint}</div>`}${children}</div>`;

/** A question mark that explains, on hover and focus. */
export const Help = ({ text }) => html`<${Tooltip} text=${text}><button type="button" class="help-mark" aria-label=${text}><${Icon} name="info" size=${14} /></button></${Tooltip}>`;

/** What is rarely needed. */
export function Folded({ title, open: first, children, hint }) {
  const [open, set] = useState(!!first);
  return html`<details class="folded" open=${open} onToggle=${(event) => set(event.target.open)}><summary><${Icon} name="right" size=${14} /><span>${title}</span>${hint && html`<span class="dim">${hint}</span>`}</summary>${open && html`<div class="folded-body">${children}</div>`}</details>`;
}
