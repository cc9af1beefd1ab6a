/** Charts over time, by uPlot: values on hover, colours of the theme, drawn at most once a frame and never while the tab is hidden. */
import { html, useRef, useEffect, useState, useMemo } from '../lib.js';
import uPlot from '../vendor/uplot.js';
import { theme, cssColor } from '../theme.js';
import { lang, t } from '../i18n.js';
import { compact, time, date, dateTime, day } from '../format.js';
import { Empty } from './states.js';

const dim = (color, share) => color.replace(/^rgb\(([^)]+)\)$/, (_, parts) => `rgba(${parts}, ${share})`);

function axis(extra) {
  return {
    stroke: cssColor('text-3'), font: '11px system-ui, sans-serif', grid: { stroke: cssColor('line'), width: 1 },
    ticks: { show: false }, gap: 6, ...extra,
  };
}

// px that a label takes, about: Chinese is as wide as high.
const wide = (label) => [...label].reduce((sum, one) => sum + (one > '⺀' ? 11 : 6.4), 0);

// A value without neighbours makes no line: it is drawn as a point.
function alone(plot, index) {
  const values = plot.data[index];
  const found = [];
  values.forEach((value, at) => { if (value != null && values[at - 1] == null && values[at + 1] == null) found.push(at); });
  return found;
}

function build(props, width, onHover) {
  const { series, height = 180, format = compact, axisFormat, max, min = 0, stacked, onZoom, sync } = props;
  const paths = { line: undefined, step: uPlot.paths.stepped({ align: -1 }), bars: uPlot.paths.bars({ size: [0.8, 24] }), smooth: uPlot.paths.spline() };
  const tall = height >= 90;
  const bars = series.some((one) => one.kind === 'bars');
  return {
    width, height, padding: [8, 14, tall ? 0 : 4, 0], legend: { show: false },
    cursor: {
      sync: sync ? { key: sync } : undefined, y: false, points: { size: 7, width: 1.5, fill: cssColor('surface') },
      drag: { x: !!onZoom, y: false, setScale: false },
    },
    select: { show: !!onZoom },
    scales: { x: { time: true, range: bars ? (plot, low, high) => { const half = (plot.data[0][1] - plot.data[0][0]) / 2 || 1; return [low - half, high + half]; } : undefined }, y: { range: (_, low, high) => [Math.min(min, low ?? 0), max ?? Math.max((high ?? 0) * 1.08, (props.floor ?? 1))] } },
    axes: [
      axis({ space: 70, size: tall ? 26 : 0, show: tall, grid: { show: false }, values: (_, splits, __, ___, step) => splits.map((at) => (step >= 86400 ? day(at * 1000) : time(at * 1000, { always: step < 3600 * 24 }).replace(step >= 60 ? /:\d\d(?=\D*$)/ : /$^/, ''))) }),
      axis({ space: 34, size: (plot, values) => (values ? Math.max(36, 10 + Math.max(...values.map(wide))) : 40), values: (_, splits) => splits.map((value) => (axisFormat ?? format)(value)) }),
    ],
    series: [{}, ...series.map((one) => {
      const color = cssColor(one.color || 'accent');
      const fill = one.kind === 'bars' ? stacked ? color : dim(color, 0.75) : one.fill || stacked ? dim(color, stacked ? 0.3 : 0.1) : undefined;
      return { label: one.label, stroke: color, width: one.kind === 'bars' ? 0 : 1.5, dash: one.dash, fill, paths: paths[one.kind || 'line'], points: { show: one.kind !== 'bars', size: 4, width: 0, fill: color, filter: alone }, spanGaps: !!one.span };
    })],
    // Each of a stack is filled down to the one below it.
    bands: stacked && series[0]?.kind !== 'bars' ? series.slice(1).map((_, at) => ({ series: [at + 1, at + 2] })) : [],
    hooks: {
      setCursor: [(plot) => onHover(plot.cursor.idx)],
      setSelect: onZoom ? [(plot) => {
        if (plot.select.width > 4) onZoom(plot.posToVal(plot.select.left, 'x'), plot.posToVal(plot.select.left + plot.select.width, 'x'));
        plot.setSelect({ width: 0, height: 0 }, false);
      }] : [],
    },
  };
}

// What lies on each other is drawn from the top down.
function stack(x, series) {
  const sums = x.map(() => 0);
  return series.map((one) => one.values.map((value, at) => (value == null ? null : (sums[at] += value))));
}

/**
 * @param {{x: number[], series: {label: string, values: (number|null)[], color?: string, kind?: 'line'|'step'|'bars'|'smooth', fill?: boolean, dash?: number[],
 *   format?: function}[], title: string, unit?: string, format?: (n: number) => string, axisFormat?: (n: number) => string, height?: number, max?: number, floor?: number, stacked?: boolean,
 *   sync?: string, onZoom?: (from: number, until: number) => void, empty?: any, loading?: boolean, hint?: any}} props
 *   `x`: seconds since 1970, ascending; colours are tokens ('accent', 'ok', 'bad', 'chart-1'…); `sync`: charts of one name share their hover
 */
export function Chart(props) {
  const { x, series, title, unit, format = compact, height = 180, empty, stacked, hint } = props;
  const box = useRef();
  const plot = useRef(null);
  const frame = useRef(0);
  const [at, setAt] = useState(null);
  const latest = useRef(props);
  latest.current = props;
  const data = useMemo(() => (stacked ? [x, ...stack(x, series).reverse()] : [x, ...series.map((one) => one.values)]), [x, series, stacked]);
  const held = useRef(data);
  held.current = data;
  const shape = [theme.value, lang.value, height, stacked, ...series.map((one) => [one.label, one.color, one.kind].join())].join('|');
  const bare = x.length === 0;

  useEffect(() => {
    if (bare) return undefined;
    const of = () => ({ ...latest.current, series: latest.current.stacked ? [...latest.current.series].reverse() : latest.current.series });
    const options = build(of(), box.current.clientWidth || 300, setAt);
    plot.current = new uPlot(options, held.current, box.current);
    const size = new ResizeObserver(() => {
      const width = box.current?.clientWidth;
      if (width && plot.current && width !== plot.current.width) plot.current.setSize({ width, height });
    });
    size.observe(box.current);
    return () => { size.disconnect(); cancelAnimationFrame(frame.current); frame.current = 0; plot.current.destroy(); plot.current = null; };
  }, [shape, bare]);

  useEffect(() => {
    // A hidden tab gets no frames: the newest data is drawn by the first one after.
    if (!plot.current || frame.current) return;
    frame.current = requestAnimationFrame(() => { frame.current = 0; plot.current?.setData(held.current); });
  }, [data]);

  const last = x.length - 1;
  const shown = at != null && at <= last ? at : last;
  return html`<figure class="chart" aria-label=${title}>
    <figcaption><span class="chart-title">${title}${unit && html` <span class="dim">${unit}</span>`}</span>
      <span class="chart-at num">${bare ? '' : at != null ? (last > 0 && x[last] - x[last - 1] > 80000 ? date(x[shown] * 1000) : last > 0 && x[last] - x[0] > 86400 ? dateTime(x[shown] * 1000) : time(x[shown] * 1000)) : hint || ''}</span></figcaption>
    <div class="chart-legend">${series.map((one) => html`<span key=${one.label} class="key"><i style=${{ background: `var(--${one.color || 'accent'})` }} aria-hidden="true" />${one.label}<b class="num">${bare ? '' : (one.format || format)(one.values[shown])}</b></span>`)}</div>
    ${bare ? html`<div class="chart-empty" style=${{ height: `${height}px` }}>${empty || html`<${Empty} small title=${t('chart.empty')} />`}</div>`
    : html`<div class="chart-plot" ref=${box} style=${{ height: `${height}px` }} aria-hidden="true" />`}
  </figure>`;
}
