/** Models: what clients ask for. A list, and beside it the pool of the one that is chosen; and the real names. */
import { html, cx, useMemo, useState } from '../lib.js';
import { t } from '../i18n.js';
import { useResource } from '../resource.js';
import { useQuery, path, navigate } from '../router.js';
import { can } from '../session.js';
import { compact, compare } from '../format.js';
import { Page, Loaded, Empty, Button, Input, Dot, Tabs, TabPanel, VirtualList, toneOf, Icon } from '../kit/index.js';
import { name as named } from '../i18n.js';
import { overall, itemsOf } from './models/data.js';
import { Model } from './models/detail.js';
import { NewModel } from './models/new.js';
import { RealNames } from './models/names.js';

/** What the page shows: objects, how endpoints stand, and the last hour's figures. */
function useData() {
  const models = useResource('/models', { every: 10e3 });
  const providers = useResource('/providers', { every: 20e3 });
  const endpoints = useResource('/endpoints', { every: 3e3 });
  const stats = useResource('/stats', { query: { from: '1h', by: 'model,provider,endpoint' }, every: 15e3 });
  return { models, providers, endpoints, stats };
}

const stateOf = (model, endpoints) => {
  if (model.home === 'shadowed' || model.fault) return 'off';
  if (model.body.enabled === false) return 'disabled';
  return overall((endpoints ?? []).filter((one) => one.pool === model.name && one.of === model.name));
};

const ROW = 52;

/** @param {{models: object[], chosen: object, endpoints: object[], requests: object}} props */
function List({ models, chosen, endpoints, requests }) {
  const [search, setSearch] = useState('');
  const words = search.toLowerCase().trim();
  const found = models.filter((model) => !words || [model.name, ...(model.body.aliases ?? []), ...model.body.endpoints.flatMap((one) => [one.provider, one.model ?? ''])].some((one) => one.toLowerCase().includes(words)));
  const row = (model) => {
    const state = stateOf(model, endpoints);
    const shadowed = model.home === 'shadowed';
    return html`<a class=${cx('models-item', shadowed && 'dimmed')} href=${path('models', model.name, shadowed ? { home: 'shadowed' } : null)} aria-current=${model === chosen ? 'true' : null} title=${model.name}>
      <${Dot} tone=${toneOf(state)} /><span class="grow"><span class="models-item-name"><b>${model.name}</b>${model.home === 'file' && html`<${Icon} name="lock" size=${12} label=${named('home', 'file')} />`}${shadowed && html`<span class="dim">${named('home', 'shadowed')}</span>`}</span>
      <span class="models-item-sub">${state === 'off' ? t('models.shadowed') : named('state', state)} · ${t('models.endpoints', { n: model.body.endpoints.length })}</span></span>
      <span class="num dim" title=${t('models.last_hour')}>${shadowed ? '' : t('models.per_hour', { n: compact(requests[model.name] ?? 0) })}</span></a>`;
  };
  return html`<div class="models-list">
    ${models.length > 8 && html`<${Input} type="search" icon="search" small value=${search} onInput=${setSearch} placeholder=${t('models.search')} aria-label=${t('models.search')} />`}
    <div class="models-rows" style=${{ height: `${found.length * ROW}px` }}><${VirtualList} items=${found} height=${ROW} itemKey=${(model) => `${model.name} ${model.home}`} label=${t('nav.models')} at=${found.indexOf(chosen)} render=${row} /></div>${!found.length && html`<p class="none">${t('combobox.none')}</p>`}</div>`;
}

export default function Models({ name, query }) {
  const data = useData();
  const [tab, setTab] = useQuery('tab', 'pools');
  const [adding, setAdding] = useQuery('add');
  const write = can.write.value;
  const all = useMemo(() => [...(data.models.data?.items ?? [])].sort((a, b) => compare(a.name, b.name) || compare(a.home, b.home)), [data.models.data]);
  const requests = useMemo(() => {
    const sums = {};
    for (const one of data.stats.data?.items ?? []) sums[one.of.model] = (sums[one.of.model] ?? 0) + one.requests;
    return sums;
  }, [data.stats.data]);
  const shadowed = query.get('home') === 'shadowed';
  const chosen = all.find((one) => one.name === name && (one.home === 'shadowed') === shadowed) ?? (name ? null : all.find((one) => one.home !== 'shadowed') ?? null);
  const reload = () => Promise.all([data.models.reload(), data.endpoints.reload()]);
  const add = write && html`<${Button} icon="plus" onClick=${() => setAdding('1')}>${t('models.add')}</${Button}>`;
  const tabs = html`<${Tabs} label=${t('nav.models')} value=${tab} onChange=${setTab} tabs=${[{ value: 'pools', label: t('models.tab.pools'), count: all.length || null }, { value: 'names', label: t('models.tab.names') }]} />`;
  return html`<${Page} title=${t('nav.models')} tabs=${tabs}>
    <${TabPanel} value=${tab}>${tab === 'names' ? html`<${RealNames} providers=${data.providers} models=${data.models} />` : html`<${Loaded} of=${data.models} lines=${8}>${() => (!all.length
    ? html`<${Empty} icon="models" title=${t('models.none')} text=${t('models.none.text')} action=${write && html`<${Button} kind="primary" icon="plus" href=${path('providers', null, { add: 1 })}>${t('models.none.provider')}</${Button}>${add && html`<${Button} onClick=${() => setAdding('1')}>${t('models.add')}</${Button}>`}`} />`
    : html`<div class=${cx('models-panes', name && 'open')}>
      <div class="models-side">${add}<${List} models=${all} chosen=${chosen} endpoints=${data.endpoints.data?.items} requests=${requests} /></div>
      <div class="models-main">${name && html`<a class="models-back" href=${path('models')}><${Icon} name="left" size=${14} />${t('models.all')}</a>`}
        ${chosen ? html`<${Model} key=${`${chosen.name} ${chosen.home}`} model=${chosen} models=${all} providers=${itemsOf(data.providers)} endpoints=${data.endpoints.data?.items} stats=${data.stats.data?.items ?? []} reload=${reload} />`
    : html`<${Empty} icon="search" title=${t('models.gone', { name })} text=${t('models.gone.text')} />`}</div></div>`)}</${Loaded}>`}</${TabPanel}>
    ${adding && write && html`<${NewModel} models=${all} providers=${itemsOf(data.providers)} close=${() => setAdding(null)} done=${(made) => { reload(); navigate(path('models', made)); }} />`}
  </${Page}>`;
}
