/**
 * `/` and `/ui/PAGE[/NAME]?QUERY`. Links are plain `<a href>`; a click on one of ours does not load the document anew.
 * What a page shows (filters, tabs, an open drawer) is in the query: `useQuery`.
 */
import { signal } from './lib.js';

function read() {
  const [, , page, name] = /^\/(ui\/?)?([^/]*)\/?(.*)$/.exec(location.pathname) || [];
  const part = (text) => { try { return decodeURIComponent(text); } catch { return text; } };
  return { page: page || 'dashboard', name: name ? part(name) : null, query: new URLSearchParams(location.search) };
}

/** {page, name, query}: where we are. */
export const route = signal(read());
/** Set by a page with unsaved changes: `() => Promise<boolean>`, asked before it is left. */
export const guard = { ask: null };

/** The path of a page: `path('models', 'gpt 4', {tab: 'x'})`. */
export function path(page, name, query) {
  const base = page === 'dashboard' && !name ? '/' : `/ui/${page}${name ? `/${encodeURIComponent(name)}` : ''}`;
  const search = query ? new URLSearchParams(Object.entries(query).filter(([, value]) => value != null && value !== '')).toString() : '';
  return search ? `${base}?${search}` : base;
}

/** Goes there. `replace`: without a step in the history. */
export async function navigate(to, { replace = false, force = false } = {}) {
  const url = new URL(to, location.href);
  if (!force && guard.ask && url.pathname !== location.pathname && !(await guard.ask())) return;
  if (url.pathname !== location.pathname) guard.ask = null;
  history[replace ? 'replaceState' : 'pushState'](null, '', url);
  const was = route.peek();
  route.value = read();
  if (was.page !== route.peek().page) {
    scrollTo(0, 0);
    document.getElementById('main')?.focus({ preventScroll: true });
  }
}

/** Sets parameters of the query (null or '' removes one). A step in the history only with `push`. */
export function setQuery(changes, { push = false } = {}) {
  const query = new URLSearchParams(location.search);
  for (const [key, value] of Object.entries(changes)) {
    query.delete(key);
    for (const one of Array.isArray(value) ? value : [value]) if (one != null && one !== '') query.append(key, one);
  }
  const search = query.toString();
  navigate(location.pathname + (search ? `?${search}` : ''), { replace: !push });
}

/** [value, set] of a parameter of the query. The fallback is not written. */
export function useQuery(key, fallback = null, options) {
  const value = route.value.query.get(key) ?? fallback;
  return [value, (next) => setQuery({ [key]: next === fallback ? null : next }, options)];
}

addEventListener('popstate', () => { route.value = read(); });
addEventListener('beforeunload', (event) => { if (guard.ask) event.preventDefault(); });
document.addEventListener('click', (event) => {
  const link = event.target.closest?.('a[href]');
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  if (link.target || link.hasAttribute('download') || link.origin !== location.origin) return;
  if (link.pathname !== '/' && !/^\/ui(\/|$)/.test(link.pathname)) return;
  event.preventDefault();
  navigate(link.href);
});
