/** Long lists: only rows that are seen are rendered; all have one height. */
import { html, cx, useRef, useState, useLayoutEffect, useEffect } from '../lib.js';
import { HeadCell } from './table.js';

/** [first, last) of the rows in view, with some around. */
function useWindow(ref, rows, height, over = 8) {
  const count = rows.length;
  const [range, setRange] = useState([0, 40]);
  useLayoutEffect(() => {
    const box = ref.current;
    let frame = 0;
    const look = () => {
      frame = 0;
      const first = Math.max(0, Math.floor(box.scrollTop / height) - over);
      const last = Math.min(count, Math.ceil((box.scrollTop + box.clientHeight) / height) + over);
      setRange((was) => (was[0] === first && was[1] === last ? was : [first, last]));
    };
    const later = () => { frame ||= requestAnimationFrame(look); };
    look();
    box.addEventListener('scroll', later, { passive: true });
    const size = new ResizeObserver(later);
    size.observe(box);
    return () => { cancelAnimationFrame(frame); box.removeEventListener('scroll', later); size.disconnect(); };
  }, [rows, height]);
  return [range[0], Math.max(range[0], Math.min(count, range[1]))];
}

/** @param {{items: any[], height: number, render: (item: any, index: number) => any, itemKey: function, label: string, class?: string, onEnd?: function, at?: number}} props `at`: the index of one that is brought into view */
export function VirtualList({ items, height, render, itemKey, label, class: extra, onEnd, at: shown = -1 }) {
  const ref = useRef();
  useLayoutEffect(() => {
    const box = ref.current;
    if (shown >= 0 && (shown * height < box.scrollTop || (shown + 1) * height > box.scrollTop + box.clientHeight)) box.scrollTop = (shown + 0.5) * height - box.clientHeight / 2;
  }, [shown]);
  const [first, last] = useWindow(ref, items, height);
  useEffect(() => { if (last >= items.length && items.length) onEnd?.(); }, [last, items.length]);
  return html`<div class=${cx('virtual', extra)} ref=${ref} tabindex="0" role="list" aria-label=${label}>
    <div class="virtual-space" style=${{ height: `${items.length * height}px` }}>
      ${items.slice(first, last).map((item, at) => html`<div key=${itemKey(item)} role="listitem" class="virtual-row" aria-setsize=${items.length} aria-posinset=${first + at + 1}
        style=${{ height: `${height}px`, top: `${(first + at) * height}px` }}>${render(item, first + at)}</div>`)}
    </div></div>`;
}

/**
 * A table of many thousand rows. Columns as in `Table`, each with a `width` (of a CSS grid: '120px', 'minmax(120px,1fr)').
 * `phoneRow` renders a row on narrow screens, two lines high.
 * @param {{columns: any[], rows: any[], rowKey: function, rowHeight?: number, onOpen?: function, selected?: string, sort?: any, onSort?: function,
 *   onEnd?: function, onStart?: function, label: string, phoneRow?: function, rowClass?: function, anchored?: boolean}} props `anchored`: what comes in or
 *   leaves at the top does not move what is read, but at the very top where no row has the focus or is open; `onStart`, `onEnd`: the reader comes near an end
 */
export function VirtualTable({ columns, rows, rowKey, rowHeight = 34, onOpen, selected, sort, onSort, onEnd, onStart, label, phoneRow, rowClass, anchored }) {
  const ref = useRef();
  const narrow = useNarrow() && phoneRow;
  const height = narrow ? 60 : rowHeight;
  const before = useRef(rows);
  let shift = 0;
  if (anchored && before.current !== rows && ref.current) {
    const was = before.current;
    const box = ref.current;
    const chosen = box.contains(document.activeElement) ? document.activeElement.closest('[data-index]') : box.querySelector('.selected');
    const at = chosen ? Number(chosen.dataset.index) : box.scrollTop > 0 ? Math.floor(box.scrollTop / height) : -1;
    const key = was[at] && rowKey(was[at]);
    const now = key == null ? -1 : rows.findIndex((row) => rowKey(row) === key);
    if (now >= 0) shift = now - at;
  }
  useLayoutEffect(() => {
    before.current = rows;
    if (shift) ref.current.scrollTop += shift * height;
  }, [rows]);
  const [from, until] = useWindow(ref, rows, height);
  const first = Math.max(0, from + shift);
  const last = Math.min(rows.length, until + shift);
  const [active, setActive] = useState(null);
  useEffect(() => { if (last >= rows.length - 10 && rows.length) onEnd?.(); }, [last, rows.length]);
  useEffect(() => { if (first <= 10 && ref.current?.scrollTop > 0) onStart?.(); }, [first, rows]);
  const grid = columns.map((column) => column.width || 'minmax(80px,1fr)').join(' ');
  const focus = (index) => {
    const to = Math.max(0, Math.min(rows.length - 1, index));
    const box = ref.current;
    if (to * height < box.scrollTop) box.scrollTop = to * height;
    if ((to + 1) * height > box.scrollTop + box.clientHeight - 34) box.scrollTop = (to + 2) * height - box.clientHeight + 34;
    setActive(rowKey(rows[to]));
    const go = () => { const row = box.querySelector(`[data-index="${to}"]`); row?.focus({ preventScroll: true }); return row; };
    if (!go()) requestAnimationFrame(go);
  };
  // What was open has the focus again, unless it has gone elsewhere.
  const opened = useRef(null);
  useEffect(() => {
    const was = opened.current;
    opened.current = selected;
    if (selected != null || was == null || !rows.length) return;
    const at = rows.findIndex((row) => rowKey(row) === was);
    if (document.activeElement === document.body || (at >= 0 && ref.current.contains(document.activeElement))) focus(at < 0 ? first : at);
  }, [selected]);
  const keys = (event, index) => {
    if (event.target !== event.currentTarget) return;
    const to = { ArrowDown: index + 1, j: index + 1, ArrowUp: index - 1, k: index - 1, PageDown: index + 15, PageUp: index - 15, Home: 0, End: rows.length - 1 }[event.key];
    if (to != null) { event.preventDefault(); focus(to); }
    if (event.key === 'Enter' && onOpen) onOpen(rows[index]);
  };
  const start = Math.max(first, rows.findIndex((row, at) => at >= first && at < last && rowKey(row) === active));
  return html`<div class=${cx('virtual virtual-table', narrow && 'narrow')} ref=${ref} role="table" aria-label=${label} aria-rowcount=${rows.length}>
    ${!narrow && html`<div class="virtual-head" role="row" style=${{ gridTemplateColumns: grid }}>${columns.map((column) => html`<${HeadCell} tag="div" role="columnheader" key=${column.key} column=${column} sort=${sort} onSort=${onSort} />`)}</div>`}
    <div class="virtual-space" role="rowgroup" style=${{ height: `${rows.length * height}px` }}>
      ${rows.slice(first, last).map((row, at) => {
    const index = first + at;
    const key = rowKey(row);
    return html`<div key=${key} role="row" data-index=${index} aria-rowindex=${index + 1} tabindex=${index === start ? 0 : -1}
      class=${cx('virtual-row', onOpen && 'opens', selected === key && 'selected', rowClass?.(row))}
      style=${{ height: `${height}px`, top: `${index * height}px`, gridTemplateColumns: narrow ? '1fr' : grid }}
      onClick=${() => { setActive(key); onOpen?.(row); }} onKeyDown=${(event) => keys(event, index)}>
      ${narrow ? html`<div role="cell">${phoneRow(row)}</div>` : columns.map((column) => html`<div key=${column.key} role="cell"
        class=${cx(column.align === 'end' && 'end', column.mono && 'mono', column.class)}>${column.render ? column.render(row) : row[column.key]}</div>`)}
    </div>`;
  })}
    </div></div>`;
}

const narrowQuery = matchMedia('(max-width: 719px)');
/** Whether the screen is a phone's. */
export function useNarrow() {
  const [narrow, set] = useState(narrowQuery.matches);
  useEffect(() => {
    const told = () => set(narrowQuery.matches);
    narrowQuery.addEventListener('change', told);
    return () => narrowQuery.removeEventListener('change', told);
  }, []);
  return narrow;
}
