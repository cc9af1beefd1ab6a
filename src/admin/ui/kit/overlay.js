/** What lies over the page: Esc closes the uppermost, focus stays within and goes back where it was. */
import { html, useLayoutEffect, useRef, createPortal } from '../lib.js';

const stack = [];

document.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape' || !stack.length || event.defaultPrevented) return;
  event.preventDefault();
  stack[stack.length - 1].close?.();
});

const FOCUSABLE = 'a[href],button:not([disabled]),input:not([disabled]),select:not([disabled]),textarea:not([disabled]),[tabindex]:not([tabindex="-1"])';

/** What can be focused within. */
export const focusable = (root) => [...root.querySelectorAll(FOCUSABLE)].filter((one) => one.tabIndex >= 0 && one.offsetParent !== null);

/** Closed by Esc, as long as it is the uppermost. */
export function useEscape(close) {
  const held = useRef({});
  held.current.close = close;
  useLayoutEffect(() => {
    const entry = held.current;
    stack.push(entry);
    return () => stack.splice(stack.indexOf(entry), 1);
  }, []);
}

/** Keeps Tab within the element, focuses `[data-autofocus]` or what comes first (of a drawer: itself), and gives focus back at the end. */
export function useTrap(ref) {
  useLayoutEffect(() => {
    const root = ref.current;
    const before = document.activeElement;
    (root.querySelector('[data-autofocus]') || (root.classList.contains('drawer') ? null : focusable(root).find((one) => !one.dataset.close)) || root).focus({ preventScroll: true });
    const keep = (event) => {
      if (event.key !== 'Tab') return;
      const all = focusable(root);
      if (!all.length) { event.preventDefault(); return; }
      const edge = event.shiftKey ? all[0] : all[all.length - 1];
      if (document.activeElement === edge || !root.contains(document.activeElement)) {
        event.preventDefault();
        (event.shiftKey ? all[all.length - 1] : all[0]).focus();
      }
    };
    root.addEventListener('keydown', keep);
    return () => {
      root.removeEventListener('keydown', keep);
      if (before?.isConnected) before.focus({ preventScroll: true });
    };
  }, []);
}

/** Renders at the end of the body, so that nothing cuts it off. */
export const Layer = ({ children }) => createPortal(html`${children}`, document.getElementById('layers'));

/**
 * A modal layer: veil, trap, Esc. `class` says which (dialog, drawer).
 * @param {{close: function, label?: string, labelledby?: string, class: string, wide?: boolean}} props
 */
export function Modal({ close, label, labelledby, role = 'dialog', class: kind, wide, children }) {
  const ref = useRef();
  useEscape(close);
  useTrap(ref);
  return html`<${Layer}><div class=${`veil ${kind}-veil`} onPointerDown=${(event) => { if (event.target === event.currentTarget) close?.(); }}>
    <section ref=${ref} class=${wide ? `${kind} wide` : kind} role=${role} aria-modal="true" aria-label=${label} aria-labelledby=${labelledby} tabindex="-1">${children}</section>
  </div></${Layer}>`;
}
