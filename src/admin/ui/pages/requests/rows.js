/**
 * The rows of the list: pages by key, older and newer, of which a window is kept; and what comes in live. Where more ends
 * in a second than the gateway tells, the list has holes while it runs, which is said, and closed when it is paused.
 */
import { useEffect, useReducer, useRef } from '../../lib.js';
import { api } from '../../api.js';
import { subscribe } from '../../events.js';
import { matches } from './filters.js';

const PAGE = 200;
/** Rows that are kept: what is further away is asked for again. */
const MOST = 3000;

class Rows {
  constructor(changed) {
    this.changed = changed;
    this.seq = 0;
    this.reset();
  }

  reset() {
    Object.assign(this, { items: [], older: false, newer: false, loaded: false, error: null, busy: null, waiting: 0, holes: 0, more: null });
  }

  async ask(query, kind) {
    const seq = this.seq;
    this.busy = kind;
    this.changed();
    try {
      const page = await api.get('/requests', { query: { ...this.query, ...query, limit: PAGE } });
      if (seq !== this.seq) return null;
      this.busy = null;
      this.more = null;
      return page;
    } catch (error) {
      if (seq === this.seq) { this.busy = null; if (kind === 'first') this.error = error; else this.more = error; this.changed(); }
      return null;
    }
  }

  /** From the newest on. What is shown stays until the answer is here. */
  async load({ fresh } = {}) {
    this.seq += 1;
    if (fresh) this.reset();
    const page = await this.ask({}, 'first');
    if (!page) return;
    Object.assign(this, { items: page.items, older: !!page.next, newer: false, loaded: true, error: null, waiting: 0, holes: 0 });
    this.changed();
  }

  async loadOlder() {
    if (this.busy || !this.older || !this.items.length || this.more) return;
    const page = await this.ask({ before: this.items[this.items.length - 1].id }, 'older');
    if (!page) return;
    const all = [...this.items, ...page.items];
    this.older = !!page.next;
    if (all.length > MOST) { this.newer = true; all.splice(0, all.length - MOST); }
    this.items = all;
    this.changed();
  }

  async loadNewer() {
    if (this.busy || !this.newer || !this.items.length || this.more) return;
    const page = await this.ask({ after: this.items[0].id }, 'newer');
    if (!page) return;
    const all = [...page.items, ...this.items];
    this.newer = !!page.next;
    if (!this.newer) this.waiting = 0;
    if (all.length > MOST) { this.older = true; all.length = MOST; }
    this.items = all;
    this.changed();
  }

  live(batches, filters, on) {
    const found = batches.flatMap((one) => one.requests).filter((one) => matches(one, filters));
    const untold = batches.reduce((sum, one) => sum + Math.max(0, one.stats.requests - one.requests.length), 0);
    if (!this.loaded || (!found.length && !untold)) return;
    if (!on || this.newer) {
      if (!found.length) return;
      this.waiting += found.length;
    } else {
      this.holes += untold;
      if (!found.length && !untold) return;
      const known = new Set(this.items.slice(0, 400).map((one) => one.id));
      const fresh = found.filter((one) => !known.has(one.id));
      if (fresh.length) {
        const oldest = this.items.length && this.older ? this.items[this.items.length - 1].id : '';
        const all = [...fresh.filter((one) => one.id > oldest), ...this.items].sort((a, b) => (a.id < b.id ? 1 : -1));
        if (all.length > MOST) { all.length = MOST; this.older = true; }
        this.items = all;
      }
    }
    this.changed();
  }
}

/**
 * {items, older, newer, loaded, error, busy, waiting, holes, more, load, loadOlder, loadNewer}
 * @param {object} filters @param {{from?: string, until?: string}} span @param {boolean} tail whether new ones come in by themselves
 */
export function useRows(filters, span, tail) {
  const [, changed] = useReducer((n) => n + 1, 0);
  const held = useRef(null);
  held.current ??= new Rows(changed);
  const rows = held.current;
  const key = JSON.stringify([filters, span]);
  const latest = useRef();
  latest.current = { filters, tail, open: !span.until };
  const shownKey = useRef(null);
  if (shownKey.current !== key) {
    // At once, so that no row of other filters is shown with these.
    if (shownKey.current != null) rows.reset();
    rows.query = { ...filters, ...span };
    shownKey.current = key;
  }
  useEffect(() => { rows.load({ fresh: true }); return () => { rows.seq += 1; }; }, [key]);
  useEffect(() => subscribe((batches) => { if (latest.current.open) rows.live(batches, latest.current.filters, latest.current.tail); }, { every: true }), []);
  const was = useRef(tail);
  useEffect(() => {
    // Paused: what was not told is asked for. On again: what ended meanwhile.
    if (was.current !== tail && (rows.holes > 0 || rows.waiting > 0)) rows.load();
    was.current = tail;
  }, [tail]);
  return rows;
}
