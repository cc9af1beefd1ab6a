/** One import for what every component needs: Preact, hooks, signals, and `html` (htm bound to Preact). */
import { h } from './vendor/preact.js';
import htm from './vendor/htm.js';

export { h, render, Fragment, Component, createContext, cloneElement, toChildArray, createPortal } from './vendor/preact.js';
export {
  useState, useEffect, useLayoutEffect, useMemo, useRef, useCallback, useContext, useReducer, useId, useErrorBoundary,
} from './vendor/hooks.js';
export { signal, computed, effect, batch, untracked, useSignal, useComputed, useSignalEffect } from './vendor/signals.js';

export const html = htm.bind(h);

/** A text of the API with its `names` as code. */
export const coded = (text) => (Array.isArray(text) ? text.map(coded) : typeof text === 'string' && text.includes('`')
  ? text.split(/`([^`]+)`/).map((part, at) => (at % 2 ? html`<code>${part}</code>` : part)) : text);

/** Class names of what is true: `cx('a', b && 'c')`. */
export const cx = (...names) => names.filter(Boolean).join(' ');

let ids = 0;
/** An id for a label and its field, unique on the page. */
export const uid = (prefix = 'x') => `${prefix}-${(ids += 1)}`;

/** A value kept in the browser, where it may keep any. */
export const kept = {
  get(key) {
    try { return localStorage.getItem(`tidegate.${key}`); } catch { return null; }
  },
  set(key, value) {
    try {
      if (value == null) localStorage.removeItem(`tidegate.${key}`);
      else localStorage.setItem(`tidegate.${key}`, value);
    } catch { /* private window: not kept */ }
  },
};
