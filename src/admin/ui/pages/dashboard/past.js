/** The last day, week or month: sums by hour or day, with what there was nothing of filled in. */
import { useMemo } from '../../lib.js';
import { useResource } from '../../resource.js';
import { keyOf } from './live.js';

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
/** from, each, ms of a slice */
export const RANGES = {
  '24h': { every: 'hour', hours: 24 },
  '7d': { every: 'hour', hours: 168 },
  '30d': { every: 'day', hours: 720 },
};

const tokensOf = (one) => Object.values(one.tokens).reduce((sum, n) => sum + n, 0);

function starts({ every, hours }) {
  const now = new Date();
  if (every === 'hour') {
    const last = Math.floor(now / 3600e3) * 3600e3;
    return Array.from({ length: hours }, (_, at) => last - (hours - 1 - at) * 3600e3);
  }
  const days = hours / 24;
  return Array.from({ length: days }, (_, at) => new Date(now.getFullYear(), now.getMonth(), now.getDate() - (days - 1 - at)).getTime());
}

/** @param {string|null} range a key of RANGES; null: nothing is asked */
export function usePast(range) {
  const of = RANGES[range];
  const from = useMemo(() => of && new Date(starts(of)[0]).toISOString(), [range]);
  const query = { from, every: of?.every, time_zone: of?.every === 'day' ? zone : undefined };
  const all = useResource(of ? '/stats' : null, { query, every: 30e3 });
  const by = useResource(of ? '/stats' : null, { query: { ...query, by: 'provider,endpoint' }, every: 30e3 });
  const series = useMemo(() => {
    if (!of || !all.data || !by.data) return null;
    const times = starts(of);
    const found = new Map(all.data.items.map((one) => [Date.parse(one.begins), one]));
    const shares = new Map();
    for (const one of by.data.items) {
      if (!one.of.provider) continue;
      const key = keyOf(one.of.provider, one.of.endpoint);
      if (!shares.has(key)) shares.set(key, new Map());
      shares.get(key).set(Date.parse(one.begins), one);
    }
    return { times, x: times.map((at) => at / 1000), of: times.map((at) => found.get(at) ?? null), shares, tokensOf, hours: of.every === 'hour' ? 1 : 24, every: of.every };
  }, [all.data, by.data, range]);
  return { series, error: all.error ?? by.error, reload: () => { all.reload(); by.reload(); } };
}

/** The sum of a whole range. */
export function useSum(range) {
  const of = RANGES[range];
  const from = useMemo(() => of && new Date(starts(of)[0]).toISOString(), [range]);
  return useResource(of ? '/stats' : null, { query: { from }, every: 30e3 });
}
