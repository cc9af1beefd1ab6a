/** Text that is taken along: copy buttons, code. */
import { html, cx, useState, useEffect, useRef } from '../lib.js';
import { t } from '../i18n.js';
import { Button, IconButton } from './button.js';

async function write(text) {
  try { await navigator.clipboard.writeText(text); return true; } catch { /* no permission, or no TLS: the old way */ }
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'sr';
  document.body.append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  return done;
}

/** @param {{text: string|(() => string), label?: string, wide?: boolean}} props `wide`: with its word */
export function CopyButton({ text, label, wide, size = 'small', kind }) {
  const [state, set] = useState('');
  const timer = useRef();
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = async (event) => {
    event.stopPropagation();
    set((await write(typeof text === 'function' ? text() : text)) ? 'done' : 'failed');
    timer.current = setTimeout(() => set(''), 1600);
  };
  const icon = state === 'done' ? 'check' : state === 'failed' ? 'bad' : 'copy';
  const word = t(state ? `copy.${state}` : 'copy.copy');
  return html`${wide ? html`<${Button} icon=${icon} size=${size} kind=${kind} class=${state} onClick=${copy}>${label && !state ? label : word}</${Button}>`
    : html`<${IconButton} icon=${icon} size=${size} class=${state} label=${state ? word : label || word} onClick=${copy} />`}<span class="sr" role="status">${state && word}</span>`;
}

/** A block of code, scrolled inside, with copy. @param {{text: string, lang?: 'json'|'', label?: string, title?: any, wrap?: boolean, max?: number}} props `max`: px before it scrolls */
export function Code({ text, lang, label, title, wrap, max }) {
  return html`<figure class=${cx('code', wrap && 'wrap', title && 'titled')}>${title && html`<figcaption>${title}</figcaption>`}
    <pre tabindex="0" aria-label=${label || null} style=${max ? { maxHeight: `${max}px` } : null}><code>${lang === 'json' ? json(text) : text}</code></pre><${CopyButton} text=${text} label=${label} /></figure>`;
}

/** An id or key in line, with copy. */
export const Copyable = ({ text, label }) => html`<span class="copyable"><code>${text}</code><${CopyButton} text=${text} label=${label} /></span>`;

const TOKEN = /("(?:\\.|[^"\\])*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
/** JSON with its names, texts and numbers told apart. Large texts stay plain. */
function json(text) {
  if (text.length > 100e3) return text;
  const parts = [];
  let at = 0;
  for (const found of text.matchAll(TOKEN)) {
    parts.push(text.slice(at, found.index));
    const [whole, string, colon] = found;
    if (string && colon) parts.push(html`<span class="j-name">${string}</span>`, colon);
    else parts.push(html`<span class=${string ? 'j-text' : 'j-value'}>${whole}</span>`);
    at = found.index + whole.length;
  }
  parts.push(text.slice(at));
  return parts;
}
