/**
 * Lists whose rows are put in order, in one lane or between several: by mouse and touch (the grip), by keyboard (arrow keys
 * on the grip; left and right go to the lane before and after). The caller holds the order: `onMove` is told, and renders.
 */
import { html, cx, useRef, useState, useLayoutEffect } from '../lib.js';
import { t } from '../i18n.js';
import { Icon } from './icons.js';

// Where a row that hangs at `y` would be put: the lane under it, and the index among the rows that stay.
function targetAt(root, x, y, key) {
  let best = null;
  for (const lane of root.querySelectorAll('[data-lane]')) {
    const box = lane.getBoundingClientRect();
    const off = Math.max(box.top - y, y - box.bottom, 0) + Math.max(box.left - x, x - box.right, 0);
    if (!best || off < best.off) best = { off, lane };
  }
  if (!best) return null;
  const rows = [...best.lane.querySelectorAll('[data-key]')].filter((row) => row.dataset.key !== key);
  const index = rows.filter((row) => { const box = row.getBoundingClientRect(); return y > box.top + box.height / 2; }).length;
  return { lane: best.lane.dataset.lane, index };
}

/**
 * @param {{lanes: {id: string, head?: any, items: any[], empty?: any, foot?: any}[], itemKey: (item) => string, itemLabel: (item) => string,
 *   render: (item, lane) => any, onMove: (key: string, lane: string, index: number) => void, locked?: boolean, label: string,
 *   newLane?: any, newName?: string}} props `newLane`: text of a lane at the end that makes one (told as lane 'new', said as `newName`); `locked`: no grips
 */
export function DragList({ lanes, itemKey, itemLabel, render, onMove, locked, label, newLane, newName }) {
  const root = useRef();
  const drag = useRef(null);
  const focus = useRef(null);
  const [held, setHeld] = useState(null);
  const [said, say] = useState('');
  const shown = newLane && held ? [...lanes, { id: 'new', items: [], empty: newLane, fresh: true }] : lanes;

  useLayoutEffect(() => {
    if (!focus.current) return;
    root.current.querySelector(`[data-key="${CSS.escape(focus.current)}"] .grip`)?.focus();
    focus.current = null;
  });

  const start = (event, item, lane) => {
    if (event.button) return;
    event.preventDefault();
    const row = event.currentTarget.closest('[data-key]');
    const grip = event.currentTarget;
    grip.setPointerCapture(event.pointerId);
    drag.current = { key: itemKey(item), row, x: event.clientX, y: event.clientY, scroll: scrollY };
    setHeld({ key: itemKey(item), lane, index: lanes.find((one) => one.id === lane).items.indexOf(item), height: row.offsetHeight });
    const move = (moved) => {
      const was = drag.current;
      was.row.style.transform = `translate(${(moved.clientX - was.x) * 0.25}px, ${moved.clientY - was.y + scrollY - was.scroll}px)`;
      if (moved.clientY < 70) scrollBy(0, -12); else if (moved.clientY > innerHeight - 40) scrollBy(0, 12);
      const to = targetAt(root.current, moved.clientX, moved.clientY, was.key);
      if (to) setHeld((now) => (now && now.lane === to.lane && now.index === to.index ? now : { ...now, ...to }));
    };
    const end = (ended) => {
      grip.removeEventListener('pointermove', move);
      grip.removeEventListener('pointerup', end);
      grip.removeEventListener('pointercancel', end);
      removeEventListener('keydown', escape, true);
      const { key, row: moved } = drag.current;
      moved.style.transform = '';
      drag.current = null;
      setHeld((to) => {
        const from = lanes.find((one) => one.items.includes(item));
        if (ended?.type === 'pointerup' && to && (to.lane !== from.id || to.index !== from.items.indexOf(item))) queueMicrotask(() => onMove(key, to.lane, to.index));
        return null;
      });
    };
    const escape = (pressed) => { if (pressed.key === 'Escape') { pressed.stopPropagation(); pressed.preventDefault(); end(); } };
    grip.addEventListener('pointermove', move);
    grip.addEventListener('pointerup', end);
    grip.addEventListener('pointercancel', end);
    addEventListener('keydown', escape, true);
  };

  const keys = (event, item, laneAt) => {
    const lane = lanes[laneAt];
    const at = lane.items.indexOf(item);
    const beside = (by) => lanes[laneAt + by] ?? (by > 0 && newLane && lane.items.length > 1 ? { id: 'new', items: [], name: newName } : null);
    let to = null;
    if (event.key === 'ArrowUp') to = at > 0 ? [lane, at - 1] : beside(-1) && [beside(-1), beside(-1).items.length];
    else if (event.key === 'ArrowDown') to = at < lane.items.length - 1 ? [lane, at + 1] : beside(1) && [beside(1), 0];
    else if (event.key === 'ArrowLeft') to = beside(-1) && [beside(-1), beside(-1).items.length];
    else if (event.key === 'ArrowRight') to = beside(1) && [beside(1), 0];
    else return;
    event.preventDefault();
    if (!to) return;
    focus.current = itemKey(item);
    say(t('drag.moved', { name: itemLabel(item), n: to[1] + 1, lane: to[0].name ?? to[0].id }));
    onMove(itemKey(item), to[0].id, to[1]);
  };

  return html`<div class=${cx('draglist', held && 'dragging')} ref=${root} role="group" aria-label=${label}>
    ${shown.map((lane, laneAt) => {
    const staying = lane.items.filter((item) => itemKey(item) !== held?.key);
    const mark = held?.lane === lane.id ? staying[held.index] : undefined;
    return html`<div class=${cx('lane', held?.lane === lane.id && 'target', lane.fresh && 'fresh')} key=${lane.id} data-lane=${lane.id}>
      ${lane.head && html`<div class="lane-head">${lane.head}</div>`}
      <ul class=${cx('lane-items', held?.lane === lane.id && held.index >= staying.length && 'mark-end')}>
        ${lane.items.map((item) => html`<li key=${itemKey(item)} data-key=${itemKey(item)} class=${cx('drag-row', held?.key === itemKey(item) && 'held', mark === item && 'mark')}>
          ${!locked && html`<button type="button" class="grip" aria-label=${t('drag.grip', { name: itemLabel(item) })} title=${t('drag.how')}
            onPointerDown=${(event) => start(event, item, lane.id)} onKeyDown=${(event) => keys(event, item, laneAt)}><${Icon} name="grip" /></button>`}
          <div class="drag-body">${render(item, lane)}</div></li>`)}
        ${!staying.length && lane.empty && html`<li class="lane-empty">${lane.empty}</li>`}
      </ul>${lane.foot}</div>`;
  })}
    <div class="sr" aria-live="assertive">${said}</div></div>`;
}
