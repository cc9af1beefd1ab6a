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
/** Set while a page has unsaved changes (`useUnsaved`): `() => Promise<boolean>`, asked before it or its tab is left. */
export const guard = { ask: null };
// What is shown, and its place among the steps of the history.
let here = new URL(location.href);
let step = history.state?.step ?? 0;
history.replaceState({ step }, '');
const leaves = (url) => url.pathname !== here.pathname || url.searchParams.get('tab') !== here.searchParams.get('tab');
const turn = () => { here = new URL(location.href); route.value = read(); };

/** The path of a page: `path('models', 'gpt 4', {tab: 'x'})`. */
export function path(page, name, query) {
  const base = page === 'dashboard' && !name ? '/' : `/ui/${page}${name ? `/${encodeURIComponent(name)}` : ''}`;
  const search = query ? new URLSearchParams(Object.entries(query).filter(([, value]) => value != null && value !== '')).toString() : '';
  return search ? `${base}?${search}` : base;
}

/** Goes there. `replace`: without a step in the history. */
export async function navigate(to, { replace = false, force = false } = {}) {
  const url = new URL(to, location.href);
  if (leaves(url)) {
    if (!force && guard.ask && !(await guard.ask())) return;
    guard.ask = null;
  }
  if (!replace) step += 1;
  history[replace ? 'replaceState' : 'pushState']({ step }, '', url);
  const was = route.peek();
  turn();
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

addEventListener('popstate', async () => {
  const by = (history.state?.step ?? step) - step;
  if (by && guard.ask && leaves(new URL(location.href))) {
    // The step was taken: it is taken back until it is known whether it may be.
    history.go(-by);
    if (!(await guard.ask())) return;
    guard.ask = null;
    history.go(by);
    return;
  }
  step += by;
  turn();
});
addEventListener('beforeunload', (event) => { if (guard.ask) event.preventDefault(); });
document.addEventListener('click', (event) => {
  const link = event.target.closest?.('a[href]');
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  if (link.target || link.hasAttribute('download') || link.origin !== location.origin) return;
  if (link.pathname !== '/' && !/^\/ui(\/|$)/.test(link.pathname)) return;
  event.preventDefault();
  navigate(link.href);
});
