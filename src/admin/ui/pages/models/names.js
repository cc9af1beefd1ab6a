/** Real names: what providers let clients ask for directly, beside virtual models. */
import { html, useMemo } from '../../lib.js';
import { t } from '../../i18n.js';
import { useQuery, path } from '../../router.js';
import { compare } from '../../format.js';
import { itemsOf } from './data.js';
import { Input, VirtualTable, Loaded, Empty, Chip, Copyable, Button } from '../../kit/index.js';

const matches = (pattern, name) => new RegExp(`^${pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*')}$`).test(name);

/** [{name, providers, shadowedBy?}] of all providers in force. A pattern stands for itself, where nothing listed goes with it. */
export function realNames(providers, models) {
  const names = new Map();
  for (const { name: provider, body, home } of providers) {
    if (home === 'shadowed' || body.enabled === false) continue;
    const expose = body.expose ?? [];
    const listed = (body.models ?? []).filter((name) => !expose.length || expose.some((pattern) => matches(pattern, name)));
    for (const name of new Set([...listed, ...expose])) {
      if (!names.has(name)) names.set(name, []);
      names.get(name).push(provider);
    }
  }
  const virtual = new Set(models.map((one) => one.name));
  return [...names].map(([name, all]) => ({ name, providers: all, hidden: virtual.has(name) })).sort((a, b) => compare(a.name, b.name));
}

/** @param {{providers: object, models: object}} props resources */
export function RealNames({ providers, models }) {
  const [search, setSearch] = useQuery('q', '');
  const all = useMemo(() => realNames(itemsOf(providers), itemsOf(models)), [providers.data, models.data]);
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const found = words.length ? all.filter((row) => words.every((word) => row.name.toLowerCase().includes(word) || row.providers.some((one) => one.includes(word)))) : all;
  const by = (row) => html`<span class="models-by">${row.providers.map((one) => html`<${Chip} key=${one}><a href=${path('providers', one)}>${one}</a></${Chip}>`)}</span>`;
  const columns = [
    { key: 'name', label: t('models.names.name'), width: 'minmax(200px, 2fr)', render: (row) => html`<${Copyable} text=${row.name} />` },
    { key: 'providers', label: t('models.names.providers'), width: 'minmax(160px, 2fr)', render: by },
    { key: 'how', label: t('models.names.how'), width: 'minmax(140px, 1fr)', render: (row) => html`<span class="dim">${row.hidden ? t('models.names.hidden') : row.name.includes('*') ? t('models.names.pattern') : row.providers.length > 1 ? t('models.names.pool') : ''}</span>` },
  ];
  return html`<p class="lead">${t('models.names.lead')}</p>
    <${Loaded} of=${providers} lines=${8}>${() => (all.length ? html`<div class="toolbar"><div class="tools"><${Input} type="search" icon="search" value=${search} onInput=${setSearch} placeholder=${t('models.names.search')} aria-label=${t('models.names.search')} /><span class="dim num">${t('models.names.n', { n: found.length })}</span></div></div>
      <div class="models-names"><${VirtualTable} label=${t('models.tab.names')} columns=${columns} rows=${found} rowKey=${(row) => row.name} phoneRow=${(row) => html`<div class="models-name-phone"><code>${row.name}</code>${by(row)}</div>`} /></div>`
    : html`<${Empty} icon="models" title=${t('models.names.none')} text=${t('models.names.none.text')} action=${html`<${Button} href=${path('providers')}>${t('models.names.open')}</${Button}>`} />`)}</${Loaded}>`;
}
