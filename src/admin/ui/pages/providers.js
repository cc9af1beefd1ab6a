/** Providers: vendor accounts. A list, one of them, or adding one. */
import { html, useMemo } from '../lib.js';
import { t } from '../i18n.js';
import { useResource } from '../resource.js';
import { useQuery, path, navigate } from '../router.js';
import { can } from '../session.js';
import { compact, percent, duration, money, compare } from '../format.js';
import { Page, Table, Loaded, Empty, Button, Input, State, Home } from '../kit/index.js';
import { AddProvider } from './providers/add.js';
import { Provider } from './providers/detail.js';
import { itemsOf } from './models/data.js';
import { stateOf, formatsOf, addressOf, hostOf, FORMAT_NAMES } from './providers/data.js';

export default function Providers({ name, query }) {
  const providers = useResource('/providers', { every: 15e3 });
  const models = useResource('/models', { every: 20e3 });
  const endpoints = useResource('/endpoints', { every: 3e3 });
  const stats = useResource('/stats', { query: { from: '1h', by: 'provider' }, every: 15e3 });
  const [search, setSearch] = useQuery('q', '');
  const adding = query.get('add') && can.write.value;
  const all = useMemo(() => itemsOf(providers).sort((a, b) => compare(a.name, b.name) || compare(a.home, b.home)), [providers.data]);
  const figures = useMemo(() => Object.fromEntries((stats.data?.items ?? []).map((one) => [one.of.provider, one])), [stats.data]);
  const reload = () => Promise.all([providers.reload(), models.reload(), endpoints.reload()]);
  const data = { providers: all, models: models.data?.items ?? [], endpoints: endpoints.data?.items, figures, reload };
  const demo = (endpoints.data?.items ?? []).some((one) => one.provider === 'demo') && !all.some((one) => one.name === 'demo');
  if (adding) return html`<${Page} title=${t('providers.add')}><${AddProvider} ...${data} /></${Page}>`;
  if (name) {
    const shadowed = query.get('home') === 'shadowed';
    const one = all.find((provider) => provider.name === name && (provider.home === 'shadowed') === shadowed);
    return html`<${Page} title=${t('nav.providers')}><${Loaded} of=${providers} lines=${8}>${() => (one ? html`<${Provider} key=${`${name} ${one.home}`} provider=${one} step=${query.get('step')} ...${data} />`
      : html`<${Empty} icon="search" title=${t(demo && name === 'demo' ? 'providers.demo' : 'providers.gone', { name })} text=${t(demo && name === 'demo' ? 'providers.demo.text' : 'providers.gone.text')} action=${html`<${Button} href=${path('providers')}>${t('providers.all')}</${Button}>`} />`)}</${Loaded}></${Page}>`;
  }
  const words = search.toLowerCase().trim();
  const rows = all.filter((one) => !words || `${one.name} ${addressOf(one.body)} ${formatsOf(one.body).join(' ')}`.toLowerCase().includes(words)).map((one) => ({ ...one, key: `${one.name} ${one.home}`, standing: stateOf(one, endpoints.data?.items), figure: one.home === 'shadowed' ? null : figures[one.name] }));
  const keys = (row) => (row.home === 'environment' ? compact(1) : row.body.keys === 'passthrough' ? t('providers.passthrough') : compact([row.body.keys ?? []].flat().length));
  const columns = [
    { key: 'name', label: t('providers.name'), title: true, sort: (row) => row.name, render: (row) => html`<span class="providers-name"><a href=${path('providers', row.name, row.home === 'shadowed' ? { home: 'shadowed' } : null)}>${row.name}</a><${Home} home=${row.home} brief /></span>` },
    { key: 'state', label: t('providers.state'), sort: (row) => row.standing.state, render: (row) => html`<${State} value=${row.standing.state} label=${row.standing.label} title=${row.standing.why} />` },
    { key: 'address', label: t('providers.address'), sort: (row) => addressOf(row.body), render: (row) => html`<span class="mono dim">${hostOf(addressOf(row.body)) || '–'}</span>` },
    { key: 'formats', label: t('providers.formats'), phone: false, render: (row) => html`<span class="nowrap">${formatsOf(row.body).map((one) => FORMAT_NAMES[one] ?? one).join(' · ')}</span>` },
    { key: 'keys', label: t('providers.keys'), align: 'end', phone: false, render: keys },
    { key: 'models', label: t('providers.models'), align: 'end', sort: (row) => row.body.models?.length ?? 0, descending: true, phone: false, render: (row) => compact((row.body.models ?? []).length) },
    { key: 'requests', label: t('providers.requests'), align: 'end', sort: (row) => row.figure?.requests ?? 0, descending: true, render: (row) => compact(row.figure?.requests ?? (row.home === 'shadowed' ? null : 0)) },
    { key: 'failed', label: t('providers.failed'), align: 'end', sort: (row) => (row.figure?.attempts ? row.figure.failed_attempts / row.figure.attempts : null), descending: true, render: (row) => html`<span class=${row.figure?.attempts && row.figure.failed_attempts / row.figure.attempts > 0.05 ? 'providers-bad' : ''}>${row.figure?.attempts ? percent(row.figure.failed_attempts / row.figure.attempts) : '–'}</span>` },
    { key: 'first', label: t('providers.first'), align: 'end', phone: false, sort: (row) => row.figure?.first_content_ms?.p50, render: (row) => duration(row.figure?.first_content_ms?.p50) },
    { key: 'cost', label: t('providers.cost'), align: 'end', phone: false, sort: (row) => row.figure?.cost_usd, descending: true, render: (row) => (row.figure?.requests && row.figure.unpriced < row.figure.requests ? money(row.figure.cost_usd) : '–') },
  ];
  const add = can.write.value && html`<${Button} kind="primary" icon="plus" href=${path('providers', null, { add: 1 })}>${t('providers.add')}</${Button}>`;
  const tools = all.length > 5 && html`<${Input} type="search" icon="search" value=${search} onInput=${setSearch} placeholder=${t('providers.search')} aria-label=${t('providers.search')} />`;
  return html`<${Page} title=${t('nav.providers')} tools=${tools} actions=${all.length > 0 && add}><${Loaded} of=${providers} lines=${8}>${() => html`<${Table} label=${t('nav.providers')} columns=${columns} rows=${rows} rowKey=${(row) => row.key}
    rowClass=${(row) => row.home === 'shadowed' && 'providers-dimmed'} onOpen=${(row) => navigate(path('providers', row.name, row.home === 'shadowed' ? { home: 'shadowed' } : null))}
    empty=${all.length === 0 && html`<${Empty} icon="providers" title=${t('providers.none')} text=${`${t('providers.none.text')}${demo ? ` ${t('providers.none.demo')}` : ''}`} action=${add} />`} />
    ${all.length > 0 && html`<p class="dim providers-note">${t('providers.note')}</p>`}`}</${Loaded}></${Page}>`;
}
