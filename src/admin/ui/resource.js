/** What the API says, for a page: fetched, kept while other pages are shown, fetched again when asked or at intervals. */
import { useEffect, useRef, useState, useCallback } from './lib.js';
import { api } from './api.js';

const memory = new Map();
const KEPT = 60;

const remember = (key, value) => {
  memory.delete(key);
  memory.set(key, value);
  if (memory.size > KEPT) memory.delete(memory.keys().next().value);
};

/** Forgets what was kept below a path, so that the next page asks. */
export function forget(prefix) {
  for (const key of memory.keys()) if (key.startsWith(prefix)) memory.delete(key);
}

/**
 * `const list = useResource('/providers')` → {data, error, loading, reload, set}. What was fetched before is shown at once
 * and asked for again. `path` null: nothing is fetched.
 * @param {string|null} path
 * @param {{query?: object, every?: number, keep?: boolean}} options `every`: ms between looks, while the tab is seen
 */
export function useResource(path, { query, every, keep = true } = {}) {
  const key = path == null ? null : `${path}?${JSON.stringify(query ?? {})}`;
  const [state, setState] = useState(() => ({ key, data: memory.get(key), error: null }));
  const current = useRef(key);
  current.current = key;

  const reload = useCallback(async () => {
    if (key == null) return;
    try {
      const data = await api.get(path, { query });
      if (keep) remember(key, data);
      if (current.current === key) setState({ key, data, error: null });
    } catch (error) {
      if (current.current === key) setState((was) => ({ key, data: was.key === key ? was.data : undefined, error }));
    }
  }, [key]);

  useEffect(() => {
    setState((was) => (was.key === key ? was : { key, data: memory.get(key), error: null }));
    reload();
    if (!every) return undefined;
    const timer = setInterval(() => { if (!document.hidden) reload(); }, every);
    return () => clearInterval(timer);
  }, [key, every]);

  const mine = state.key === key ? state : { data: memory.get(key), error: null };
  const set = (data) => { if (keep) remember(key, data); setState({ key, data, error: null }); };
  return { data: mine.data, error: mine.error, loading: key != null && mine.data === undefined && !mine.error, reload, set };
}

/** `useAction(fn)` → {run, busy, error, clear}: a button's deed, once at a time; its error stays to be shown. */
export function useAction(deed) {
  const [state, setState] = useState({ busy: false, error: null });
  const alive = useRef(true);
  useEffect(() => { alive.current = true; return () => { alive.current = false; }; }, []);
  const latest = useRef(deed);
  latest.current = deed;
  const run = useCallback(async (...args) => {
    setState({ busy: true, error: null });
    try {
      const result = await latest.current(...args);
      if (alive.current) setState({ busy: false, error: null });
      return result;
    } catch (error) {
      if (alive.current) setState({ busy: false, error });
      return undefined;
    }
  }, []);
  return { ...state, run, clear: () => setState({ busy: false, error: null }) };
}
