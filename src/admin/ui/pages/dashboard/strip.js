/** A line of what was over time: a cell a slice, whose height says how bad it was as much as its colour. */
import { html, useMemo } from '../../lib.js';

const HIGH = { ok: 0.22, warn: 0.55, cool: 0.75, bad: 1 };

/**
 * @param {{cells: ({tone: 'ok'|'warn'|'cool'|'bad', height?: number, title: string}|null)[], label: string, width?: number, height?: number}} props
 *   null: nothing is known; cells of one kind beside each other become one
 */
export function Strip({ cells, label, width = 180, height = 18 }) {
  const runs = useMemo(() => {
    const found = [];
    cells.forEach((cell, at) => {
      const last = found[found.length - 1];
      const same = last && (cell ? last.cell && last.cell.tone === cell.tone && last.cell.height === cell.height && last.cell.title === cell.title : !last.cell);
      if (same) last.n += 1;
      else found.push({ cell, at, n: 1 });
    });
    return found;
  }, [cells]);
  const each = width / cells.length;
  return html`<svg class="dashboard-strip" width=${width} height=${height} viewBox=${`0 0 ${width} ${height}`} role="img" aria-label=${label}>
    <path d=${`M0 ${height - 0.5}H${width}`} />
    ${runs.map(({ cell, at, n }) => {
    if (!cell) return null;
    const high = Math.max(2, (cell.height ?? HIGH[cell.tone]) * (height - 1));
    return html`<rect key=${at} class=${cell.tone} x=${at * each} width=${Math.max(1, n * each - (n > 1 || each > 4 ? 0.6 : 0))} y=${height - high} height=${high}><title>${cell.title}</title></rect>`;
  })}
  </svg>`;
}
