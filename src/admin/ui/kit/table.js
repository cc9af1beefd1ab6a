/** A table: dense, sorted by its heads, by keyboard. On a phone its rows become a list of "label: value". */
import { html, cx, useMemo, useState, useRef } from '../lib.js';
import { t } from '../i18n.js';
import { compare } from '../format.js';
import { Icon } from './icons.js';

const order = (a, b) => (a == null ? (b == null ? 0 : 1) : b == null ? -1 : typeof a === 'string' ? compare(a, b) : a - b);

/** The head of a column; a button where it sorts. */
export function HeadCell({ column, sort, onSort, role = null, tag = 'th' }) {
  const active = sort?.key === column.key;
  const inner = column.sort
    ? html`<button type="button" class="sort" onClick=${() => onSort(column)}>${column.label}<${Icon} name=${active && sort.dir > 0 ? 'up' : 'down'} size=${12} class=${active ? 'on' : 'quiet'} /></button>`
    : column.hideLabel ? html`<span class="sr">${column.label}</span>` : column.label;
  return html`<${tag} role=${role} scope=${tag === 'th' ? 'col' : null} class=${cx(column.align === 'end' && 'end', column.class)} aria-sort=${active ? (sort.dir > 0 ? 'ascending' : 'descending') : null}>${inner}</${tag}>`;
}

/** Sorted rows and what a head does. `column.sort`: (row) → number or text. */
export function useSort(rows, columns, initial) {
  const [sort, setSort] = useState(initial || null);
  const sorted = useMemo(() => {
    const by = sort && columns.find((one) => one.key === sort.key)?.sort;
    if (!by) return rows;
    return [...rows].sort((a, b) => { const x = by(a); const y = by(b); return x == null || y == null ? order(x, y) : order(x, y) * sort.dir; });
  }, [rows, sort, columns]);
  const onSort = (column) => setSort((was) => (was?.key === column.key ? { key: column.key, dir: -was.dir } : { key: column.key, dir: column.descending ? -1 : 1 }));
  return { sorted, sort, onSort };
}

/** Arrow keys walk rows that can be opened; Enter opens. */
export function rowKeys(event, open) {
  if (event.target !== event.currentTarget) return;
  if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); open(); }
  const next = { ArrowDown: 'nextElementSibling', j: 'nextElementSibling', ArrowUp: 'previousElementSibling', k: 'previousElementSibling' }[event.key];
  if (next) { event.preventDefault(); event.currentTarget[next]?.focus(); }
}

/**
 * @param {{columns: {key: string, label: string, render?: (row: any) => any, sort?: (row: any) => any, align?: 'end', width?: string, mono?: boolean,
 *   descending?: boolean, title?: boolean, phone?: false, hideLabel?: boolean, actions?: boolean, class?: string}[], rows: any[], rowKey?: (row: any) => string,
 *   onOpen?: (row: any) => void, selected?: string, sort?: {key: string, dir: 1|-1}, label: string, empty?: any, rowClass?: function}} props
 *   `title`: the row's name, its head line on a phone; `phone: false`: not shown there; `actions`: buttons at the end
 */
export function Table({ columns, rows, rowKey = (row) => row.name ?? row.id, onOpen, selected, sort: initial, label, empty, rowClass }) {
  const { sorted, sort, onSort } = useSort(rows, columns, initial);
  const body = useRef();
  if (!rows.length && empty) return empty;
  return html`<div class="table-wrap" tabindex="-1"><table class="table" role="table" aria-label=${label}>
    <thead role="rowgroup"><tr role="row">${columns.map((column) => html`<${HeadCell} key=${column.key} column=${column} sort=${sort} onSort=${onSort} role="columnheader" />`)}</tr></thead>
    <tbody role="rowgroup" ref=${body}>${sorted.map((row) => {
    const key = rowKey(row);
    const open = onOpen && ((event) => { if (!event?.target?.closest?.('a,button,input,label,select')) onOpen(row); });
    return html`<tr key=${key} role="row" class=${cx(onOpen && 'opens', selected === key && 'selected', rowClass?.(row))} tabindex=${onOpen ? 0 : null}
      onClick=${open} onKeyDown=${onOpen && ((event) => rowKeys(event, () => onOpen(row)))}>
      ${columns.map((column) => html`<td key=${column.key} role="cell" data-label=${column.hideLabel ? null : column.label}
        class=${cx(column.align === 'end' && 'end', column.mono && 'mono', column.title && 'title', column.phone === false && 'no-phone', column.actions && 'actions', column.class)}>${column.render ? column.render(row) : row[column.key]}</td>`)}
    </tr>`;
  })}</tbody></table>${!rows.length && html`<p class="none">${t('table.none')}</p>`}</div>`;
}
