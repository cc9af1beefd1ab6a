/** Dashboard: the last ten minutes as they pass, or sums of a day, a week, a month; and what needs somebody. */
import { html, useEffect } from '../lib.js';
import { t } from '../i18n.js';
import { number, compact, percent, duration, money } from '../format.js';
import { useResource } from '../resource.js';
import { useQuery, path } from '../router.js';
import { latest } from '../events.js';
import { can } from '../session.js';
import { Page, Segmented, Figure, Skeleton, Failed, Empty, Button } from '../kit/index.js';
import { backfill, summary, percentiles } from './dashboard/live.js';
import { RANGES, usePast, useSum } from './dashboard/past.js';
import { useLive, usePastModel } from './dashboard/model.js';
import { Charts } from './dashboard/charts.js';
import { Endpoints } from './dashboard/endpoints.js';
import { Attention } from './dashboard/attention.js';
import { Failures, Use } from './dashboard/tables.js';

const MINUTE = 12;
const errorTone = (share) => (share >= 0.05 ? 'bad' : share > 0.01 ? 'warn' : null);
const each = (value, unit) => ({ value: value == null ? '–' : compact(value), unit: t(`dashboard.unit.${unit}`) });

const of = ({ errors, requests }) => t('dashboard.errors.of', { n: compact(errors), of: requests, short: compact(requests) });

/** Figures of the last minute. */
function Now({ model, overview }) {
  const last = model.slices.slice(-MINUTE).map((one) => one.slice).filter(Boolean);
  const sum = summary(last);
  const first = percentiles(last);
  const today = overview?.today;
  return html`<div class="figures dashboard-figures">
    <${Figure} label=${t('dashboard.requests')} ...${each(sum?.rate, 'req')} hint=${today && t('dashboard.today.requests', { n: today.requests, short: compact(today.requests) })} />
    <${Figure} label=${t('dashboard.errors')} value=${percent(sum?.share)} tone=${errorTone(sum?.share ?? 0)} hint=${sum ? of(sum) : null} />
    <${Figure} label=${t('dashboard.first')} value=${duration(first.p50)} unit="p50" hint=${t('dashboard.first.more', { p95: duration(first.p95), p99: duration(first.p99) })} />
    <${Figure} label=${t('dashboard.tokens')} ...${each(sum?.tokens, 'tok')} hint=${today && t('dashboard.today.tokens', { short: compact(Object.values(today.tokens).reduce((all, n) => all + n, 0)) })} />
    <${Figure} label=${t('dashboard.cost')} value=${money(sum?.cost)} unit=${sum?.cost == null ? null : t('dashboard.unit.hour')} hint=${sum && sum.requests && sum.cost == null ? t('dashboard.cost.unknown') : today && t('dashboard.today.cost', { cost: money(today.cost_usd) })} />
    <${Figure} label=${t('dashboard.flight')} value=${number(latest.value?.in_flight)} unit=${t('dashboard.unit.requests', { n: latest.value?.in_flight ?? 0 })} hint=${t('dashboard.flight.now')} />
  </div>`;
}

/** Figures of a range. */
function Then({ sum }) {
  const one = sum.data?.items?.[0];
  const share = one?.requests ? one.errors / one.requests : null;
  const tokens = one && Object.values(one.tokens).reduce((all, n) => all + n, 0);
  return html`<div class="figures dashboard-figures">
    <${Figure} label=${t('dashboard.requests')} value=${compact(one?.requests ?? (sum.data ? 0 : null))} unit=${t('dashboard.unit.requests', { n: one?.requests ?? 0 })} hint=${one && t('dashboard.attempts.of', { n: one.attempts, short: compact(one.attempts) })} />
    <${Figure} label=${t('dashboard.errors')} value=${percent(share)} tone=${errorTone(share ?? 0)} hint=${one && of(one)} />
    <${Figure} label=${t('dashboard.first')} value=${duration(one?.first_content_ms?.p50)} unit="p50" hint=${t('dashboard.first.more', { p95: duration(one?.first_content_ms?.p95), p99: duration(one?.first_content_ms?.p99) })} />
    <${Figure} label=${t('dashboard.tokens')} value=${compact(tokens)} unit=${t('dashboard.unit.tokens')} hint=${one && t('dashboard.tokens.split', { input: compact(one.tokens.input + one.tokens.cache_read + one.tokens.cache_write + one.tokens.audio_input), output: compact(one.tokens.output + one.tokens.reasoning + one.tokens.audio_output) })} />
    <${Figure} label=${t('dashboard.cost')} value=${money(one?.cost_usd)} hint=${one?.unpriced > 0 ? t('dashboard.unpriced', { n: one.unpriced }) : one?.requests ? t('dashboard.cost.each', { cost: money(one.cost_usd / one.requests) }) : null} />
    <${Figure} label=${t('dashboard.total')} value=${duration(one?.total_ms?.p50)} unit="p50" hint=${t('dashboard.first.more', { p95: duration(one?.total_ms?.p95), p99: duration(one?.total_ms?.p99) })} />
  </div>`;
}

function Past({ range, endpoints }) {
  const past = usePast(range);
  const sum = useSum(range);
  const model = usePastModel(past.series, t('dashboard.others'));
  if (!model) return past.error ? html`<${Failed} error=${past.error} retry=${past.reload} />` : html`<${Skeleton} height=${420} />`;
  return html`<${Then} sum=${sum} /><${Charts} model=${model} range=${range} /><${Endpoints} endpoints=${endpoints} model=${model} range=${range} />`;
}

function Live({ endpoints, overview }) {
  const model = useLive(true, t('dashboard.others'));
  // Nothing has ever been asked: an invitation, which the first request replaces.
  if (overview?.total.requests === 0 && !model.requests.some((n) => n > 0)) {
    return html`<${Empty} icon="connect" title=${t('dashboard.waiting')} text=${t('dashboard.waiting.text')} action=${html`<${Button} kind="primary" icon="connect" href=${path('connect')}>${t('dashboard.waiting.connect')}</${Button}>${can.write.value && html`<${Button} icon="playground" href=${path('playground')}>${t('nav.playground')}</${Button}>`}`} />
      <${Endpoints} endpoints=${endpoints} model=${model} range="live" />`;
  }
  return html`<${Now} model=${model} overview=${overview} /><${Charts} model=${model} range="live" /><${Endpoints} endpoints=${endpoints} model=${model} range="live" />`;
}

export default function Dashboard() {
  const [said, setRange] = useQuery('range', 'live', { push: true });
  const range = RANGES[said] ? said : 'live';
  const endpoints = useResource('/endpoints', { every: 5e3 });
  const limits = useResource('/limits', { every: 10e3 });
  const status = useResource('/status', { every: 10e3 });
  const overview = useResource('/stats/overview', { every: 10e3 });
  useEffect(() => { backfill().catch(() => { /* the charts begin now: what failed is said by the resources */ }); }, []);
  const tools = html`<${Segmented} label=${t('dashboard.range')} value=${range} onChange=${setRange} options=${['live', ...Object.keys(RANGES)].map((one) => ({ value: one, label: t(`dashboard.range.${one}.brief`) }))} /><span class="dim dashboard-how">${t(range === 'live' ? 'dashboard.live.how' : 'dashboard.past.how')}</span>`;
  const items = endpoints.data?.items;
  if (endpoints.error && !items) return html`<${Page} title=${t('nav.dashboard')} tools=${tools}><${Failed} error=${endpoints.error} retry=${endpoints.reload} /></${Page}>`;
  if (items && !items.length && overview.data?.total.requests === 0) {
    return html`<${Page} title=${t('nav.dashboard')}><${Empty} icon="providers" title=${t('dashboard.first.start')} text=${t('dashboard.first.start.text')} action=${html`${can.write.value && html`<${Button} kind="primary" icon="plus" href=${path('providers')}>${t('dashboard.endpoints.add')}</${Button}>`}<${Button} href=${path('connect')}>${t('nav.connect')}</${Button}>`} /></${Page}>`;
  }
  return html`<${Page} title=${t('nav.dashboard')} tools=${tools}>
    <${Attention} endpoints=${items} limits=${limits.data} status=${status.data} />
    ${range === 'live' ? html`<${Live} endpoints=${items ?? []} overview=${overview.data} />` : html`<${Past} key=${range} range=${range} endpoints=${items ?? []} />`}
    ${overview.data?.total.requests !== 0 && html`<div class="dashboard-two"><${Failures} /><${Use} range=${range} /></div>`}
  </${Page}>`;
}
