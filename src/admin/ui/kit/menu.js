/** Menu, popover and tooltip: small layers beside what opened them. */
import { html, cx, useState, useRef, useLayoutEffect, useEffect, useMemo, uid, cloneElement, toChildArray } from '../lib.js';
import { Icon } from './icons.js';
import { Layer, useEscape } from './overlay.js';

// What is without a box of its own (a menu around a tooltip around a button) stands for its first child.
const boxOf = (one) => (one?.firstElementChild && getComputedStyle(one).display === 'contents' ? boxOf(one.firstElementChild) : one);

/** Puts `ref` beside `anchor`, within the window. */
export function usePlace(ref, anchor, { align = 'start', side = 'below', width } = {}) {
  useLayoutEffect(() => {
    const put = () => {
      const box = ref.current;
      const at = boxOf(anchor.current)?.getBoundingClientRect();
      if (!box || !at) return;
      if (width === 'anchor') box.style.minWidth = `${at.width}px`;
      const { offsetWidth: w, offsetHeight: h } = box;
      let left = align === 'end' ? at.right - w : align === 'center' ? at.left + (at.width - w) / 2 : at.left;
      let top = at.bottom + 4;
      if (side === 'above' || (top + h > innerHeight - 8 && at.top - h - 4 > 8)) top = at.top - h - 4;
      if (side === 'right') { left = at.right + 8; top = at.top + (at.height - h) / 2; }
      left = Math.max(8, Math.min(left, innerWidth - w - 8));
      box.style.left = `${left}px`;
      box.style.top = `${Math.max(8, top)}px`;
    };
    put();
    addEventListener('resize', put);
    addEventListener('scroll', put, true);
    return () => { removeEventListener('resize', put); removeEventListener('scroll', put, true); };
  });
}

/** A layer beside `anchor` (a ref); a press elsewhere, Esc or a step back closes it. */
export function Popover({ anchor, close, align, side, width, class: extra, children, ...rest }) {
  const ref = useRef();
  usePlace(ref, anchor, { align, side, width });
  useEscape(close);
  useEffect(() => {
    const away = (event) => { if (!ref.current?.contains(event.target) && !anchor.current?.contains(event.target)) close(); };
    const gone = () => close();
    document.addEventListener('pointerdown', away);
    addEventListener('popstate', gone);
    return () => { document.removeEventListener('pointerdown', away); removeEventListener('popstate', gone); };
  }, []);
  return html`<${Layer}><div ref=${ref} class=${cx('popover', extra)} ...${rest}>${children}</div></${Layer}>`;
}

/**
 * @param {{trigger: (props: object) => any, items: ({label: string, icon?: string, onSelect?: function, href?: string, danger?: boolean,
 *   checked?: boolean, hint?: string, disabled?: boolean}|'-'|false)[], label: string, align?: 'start'|'end'}} props
 *   `trigger` gets {onClick, 'aria-expanded', …} to spread on its button
 */
export function Menu({ trigger, items, label, align = 'end', side }) {
  const [open, setOpen] = useState(false);
  const anchor = useRef();
  const button = () => anchor.current?.querySelector('button,a');
  const close = (back = true) => { setOpen(false); if (back) button()?.focus(); };
  const props = {
    'aria-haspopup': 'menu', 'aria-expanded': String(open), onClick: () => setOpen(!open),
    onKeyDown: (event) => { if (event.key === 'ArrowDown') { event.preventDefault(); setOpen(true); } },
  };
  return html`<span class="contents" ref=${anchor}>${trigger(props)}</span>${open && html`<${Items} items=${items.filter(Boolean)} label=${label} anchor=${anchor} align=${align} side=${side} close=${close} />`}`;
}

function Items({ items, label, anchor, align, side, close }) {
  const root = useRef();
  const all = () => [...root.current.querySelectorAll('[role^=menuitem]:not([aria-disabled=true])')];
  useLayoutEffect(() => { (all().find((one) => one.getAttribute('aria-checked') === 'true') || all()[0])?.focus(); }, []);
  const keys = (event) => {
    const list = all();
    const at = list.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: list.length - 1 }[event.key];
    if (event.key === 'Tab') close();
    else if (to != null) { event.preventDefault(); list[(to + list.length) % list.length]?.focus(); } else if (event.key.length === 1 && !event.ctrlKey && !event.metaKey && event.key !== ' ') {
      const found = [...list.slice(at + 1), ...list].find((one) => one.textContent.trim().toLowerCase().startsWith(event.key.toLowerCase()));
      found?.focus();
    }
  };
  const checks = items.some((one) => one.checked != null);
  return html`<${Popover} anchor=${anchor} align=${align} side=${side} close=${() => close()} class="menu"><div ref=${root} role="menu" aria-label=${label} onKeyDown=${keys}>
    ${items.map((one, at) => (one === '-' ? html`<hr key=${at} role="separator" />` : html`<${Item} key=${at} ...${one} checks=${checks} close=${close} />`))}
  </div></${Popover}>`;
}

function Item({ label, icon, hint, onSelect, href, danger, checked, disabled, checks, close }) {
  const props = {
    role: checked == null ? 'menuitem' : 'menuitemradio', 'aria-checked': checked == null ? null : String(checked), tabindex: -1,
    class: cx('menu-item', danger && 'danger'), 'aria-disabled': disabled ? 'true' : null,
    onClick: (event) => { if (disabled) { event.preventDefault(); return; } close(!href); onSelect?.(); },
  };
  const body = html`${checks && html`<span class="tick">${checked && html`<${Icon} name="check" />`}</span>`}${icon && html`<${Icon} name=${icon} />`}
    <span class="grow">${label}${hint && html`<small>${hint}</small>`}</span>`;
  return href ? html`<a href=${href} ...${props}>${body}</a>` : html`<button type="button" ...${props}>${body}</button>`;
}

/** A line that explains what it wraps, on hover and focus. Its one child gets `aria-describedby`, unless the text is its label. */
export function Tooltip({ text, side, children }) {
  const [open, setOpen] = useState(false);
  const anchor = useRef();
  const timer = useRef();
  const id = useMemo(() => uid('t'), []);
  useEffect(() => () => clearTimeout(timer.current), []);
  const show = (wait) => { clearTimeout(timer.current); timer.current = setTimeout(() => setOpen(true), wait); };
  const hide = () => { clearTimeout(timer.current); setOpen(false); };
  if (!text) return children;
  const [child] = toChildArray(children);
  const labelled = child?.props?.['aria-label'] === text;
  return html`<span class="contents" ref=${anchor} onMouseEnter=${() => show(350)} onMouseLeave=${hide} onPointerDown=${hide}
    onFocusIn=${(event) => { if (event.target.matches(':focus-visible')) show(50); }} onFocusOut=${hide}>
    ${child?.type && !labelled ? cloneElement(child, { 'aria-describedby': open ? id : null }) : children}</span>${open && html`<${Bubble} id=${id} text=${text} anchor=${anchor} side=${side} hide=${hide} />`}`;
}

function Bubble({ id, text, anchor, side, hide }) {
  const ref = useRef();
  usePlace(ref, anchor, { align: 'center', side });
  useEscape(hide);
  return html`<${Layer}><div ref=${ref} id=${id} role="tooltip" class="tooltip">${text}</div></${Layer}>`;
}
