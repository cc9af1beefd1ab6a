/** The five charts; a drag over one leads to the requests of that time. */
import { html, useMemo } from '../../lib.js';
import { t } from '../../i18n.js';
import { compact, duration, money, percent, rate } from '../../format.js';
import { navigate, path } from '../../router.js';
import { Chart } from '../../kit/chart.js';
import { Empty, useNarrow } from '../../kit/index.js';

const counted = (value) => (value == null ? '–' : t('dashboard.requests.n', { n: value < 10000 ? Math.round(value) : value, short: compact(value) }));

/** @param {{model: object, range: string}} props */
export function Charts({ model, range }) {
  const live = range === 'live';
  const narrow = useNarrow();
  const { x } = model;
  const bare = !live && !model.requests.some((n) => n > 0);
  const axis = bare ? [] : x;
  const kind = live ? 'line' : 'bars';
  const each = t(live ? 'dashboard.per.second' : model.past.every === 'hour' ? 'dashboard.per.hour' : 'dashboard.per.day');
  const zoom = useMemo(() => (from, until) => navigate(path('requests', null, { from: new Date(from * 1000).toISOString(), until: new Date(until * 1000 + 1000).toISOString() })), []);
  const common = { x: axis, sync: `dashboard-${range}`, onZoom: zoom, height: 168, empty: html`<${Empty} small title=${t('dashboard.none.then')} />` };
  const req = live ? (value) => rate(value, 'req') : counted;
  return html`<div class="dashboard-charts">
    <${Chart} ...${common} title=${t('dashboard.requests')} unit=${each} floor=${1} hint=${narrow ? '' : t('dashboard.zoom')}
      series=${[{ label: t('dashboard.all'), values: model.requests, color: 'chart-1', kind, fill: true, format: req }, { label: t('dashboard.errors'), values: model.errors, color: 'bad', kind, format: req }]} />
    <${Chart} ...${common} title=${t('dashboard.first')} format=${duration} floor=${50} hint=${live ? '' : t('dashboard.estimates')}
      series=${['p50', 'p95', 'p99'].map((one, at) => ({ label: one, values: model[one], color: ['chart-1', 'chart-3', 'chart-2'][at], span: true, dash: one === 'p99' ? [3, 3] : undefined }))} />
    <${Chart} ...${common} title=${t('dashboard.tokens')} unit=${t('dashboard.per.second')} floor=${1} series=${[{ label: t('dashboard.tokens.all'), values: model.tokens, color: 'chart-2', kind, fill: true, format: (value) => rate(value, 'tok') }]} />
    <${Chart} ...${common} title=${t('dashboard.cost')} unit=${live ? t('dashboard.per.hour') : each} format=${money} axisFormat=${(value) => money(value, { brief: value >= 0.0001 || value === 0 })} floor=${0.0001} series=${[{ label: t('dashboard.cost.all'), values: model.cost, color: 'chart-4', kind, fill: true }]} />
    <div class="dashboard-wide"><${Chart} ...${common} title=${t('dashboard.share')} unit=${t(live ? 'dashboard.share.unit.live' : 'dashboard.share.unit')} format=${(value) => (value == null ? '–' : percent(value, value > 0 && value < 0.1 ? 1 : 0))} max=${1} stacked height=${150}
      x=${bare || !model.shares.length ? [] : x} series=${model.shares.map((one) => ({ ...one, kind }))} hint="" /></div>
  </div>`;
}
