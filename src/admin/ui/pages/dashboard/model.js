/** What the charts show, live and of the past, in one shape. */
import { useMemo, useRef } from '../../lib.js';
import { t } from '../../i18n.js';
import { tick, recent, percentiles, costOf, byEndpoint, SLICE, OTHERS } from './live.js';

const SHOWN = 5;
/** Slices that a share is of: those of a single one jump where there are few requests. */
const SMOOTH = 6;

/**
 * Colours that stay with an endpoint as long as it is among the largest, so that none changes its colour while one looks.
 * @param {[string, number][]} ranked keys with their size, largest first
 */
function useColors(ranked) {
  const held = useRef(new Map());
  const top = ranked.slice(0, SHOWN).map(([key]) => key);
  // One that falls out goes only where another needs its place.
  const free = () => [1, 2, 3, 4, 5].find((n) => ![...held.current.values()].includes(n));
  for (const key of top) {
    if (held.current.has(key)) continue;
    if (!free()) held.current.delete([...held.current.keys()].find((one) => !top.includes(one)));
    held.current.set(key, free());
  }
  return held.current;
}

function stacked(x, keys, colors, valueOf, other) {
  const shown = [...colors].filter(([key]) => keys.includes(key)).sort((a, b) => a[1] - b[1]);
  const rest = keys.filter((key) => !colors.has(key));
  const sums = x.map((_, at) => keys.reduce((sum, key) => sum + valueOf(key, at), 0));
  const share = (of) => x.map((_, at) => (sums[at] ? of(at) / sums[at] : null));
  return [
    ...shown.map(([key, n]) => ({ key, label: key.replace('(exposed)', t('pool.(exposed)')), color: `chart-${n}`, values: share((at) => valueOf(key, at)) })),
    ...(rest.length ? [{ key: '', label: other, color: 'chart-6', values: share((at) => rest.reduce((sum, key) => sum + valueOf(key, at), 0)) }] : []),
  ];
}

/** The last ten minutes. @param {string} other the word for small endpoints together */
export function useLive(on, other) {
  const now = on ? tick.value : 0;
  const slices = useMemo(() => (on ? recent() : []), [now, on]);
  const sums = useMemo(() => byEndpoint(slices.map((one) => one.slice).filter(Boolean)), [slices]);
  const ranked = [...sums].map(([key, one]) => [key, one.share]).filter(([, n]) => n > 0).sort((a, b) => b[1] - a[1]);
  const colors = useColors(ranked.filter(([key]) => key !== OTHERS));
  return useMemo(() => {
    if (!on) return null;
    const x = slices.map((one) => one.time);
    const rate = (of, by = 1) => slices.map(({ slice }) => (slice ? (slice[of] / slice.seconds) * by : null));
    const lately = (key, at) => (slices[at].slice ? slices.slice(Math.max(0, at - SMOOTH + 1), at + 1).reduce((sum, one) => sum + (one.slice?.by.get(key)?.share ?? 0), 0) : 0);
    const firsts = slices.map(({ slice }) => (slice ? percentiles([slice]) : null));
    return {
      x, slice: SLICE, slices, sums, colors,
      requests: rate('requests'), errors: rate('errors'), tokens: rate('tokens'), cost: slices.map(({ slice }) => (slice && costOf(slice) != null ? (costOf(slice) / slice.seconds) * 3600 : null)),
      p50: firsts.map((one) => one?.p50 ?? null), p95: firsts.map((one) => one?.p95 ?? null), p99: firsts.map((one) => one?.p99 ?? null),
      shares: stacked(x, ranked.map(([key]) => key), colors, lately, other),
    };
  }, [slices, on, other]);
}

/** Hours or days. @param {object|null} series of `usePast` */
export function usePastModel(series, other) {
  const sums = useMemo(() => {
    const all = new Map();
    for (const [key, times] of series?.shares ?? []) {
      const sum = { share: 0, attempts: 0, failed: 0, first: null, cost: 0 };
      for (const one of times.values()) { sum.share += one.requests; sum.attempts += one.attempts; sum.failed += one.failed_attempts; sum.cost += one.cost_usd; }
      const weighed = [...times.values()].filter((one) => one.first_content_ms);
      const n = weighed.reduce((count, one) => count + one.requests, 0);
      if (n) sum.first = weighed.reduce((ms, one) => ms + one.first_content_ms.p50 * one.requests, 0) / n;
      all.set(key, sum);
    }
    return all;
  }, [series]);
  const ranked = [...sums].map(([key, one]) => [key, one.share]).filter(([, n]) => n > 0).sort((a, b) => b[1] - a[1]);
  const colors = useColors(ranked);
  return useMemo(() => {
    if (!series) return null;
    const of = (pick) => series.of.map((one) => (one ? pick(one) : 0));
    const first = (which) => series.of.map((one) => one?.first_content_ms?.[which] ?? null);
    const seconds = series.hours * 3600;
    return {
      x: series.x, slice: seconds, sums, colors, past: series,
      requests: of((one) => one.requests), errors: of((one) => one.errors), tokens: of((one) => series.tokensOf(one) / seconds), cost: of((one) => one.cost_usd),
      p50: first('p50'), p95: first('p95'), p99: first('p99'),
      shares: stacked(series.x, ranked.map(([key]) => key), colors, (key, at) => series.shares.get(key)?.get(series.times[at])?.requests ?? 0, other),
    };
  }, [series, sums, other]);
}
