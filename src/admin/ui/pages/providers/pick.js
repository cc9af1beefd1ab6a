/** A provider's models, searched and ticked, and the pools that they go into: tiers and weights are set before anything is written. */
import { html, cx, useState, useMemo } from '../../lib.js';
import { t } from '../../i18n.js';
import { api } from '../../api.js';
import { useAction } from '../../resource.js';
import { compare, compact, list as listed } from '../../format.js';
import { Input, Checkbox, Button, IconButton, Select, VirtualList, Empty, Segmented, Home, Field, Problem, toast } from '../../kit/index.js';
import { Lanes } from '../models/lanes.js';
import { suggest, talks, moved, patch, mine, standings, USUAL } from '../models/data.js';
import { aliasesFor } from '../models/new.js';

const bare = ({ _new, ...endpoint }) => endpoint;

/** The pools that are being filled: {name: endpoints}, with what is new marked. */
function useDrafts(provider, models, known) {
  const [drafts, setDrafts] = useState({});
  const inForce = (name) => models.find((one) => one.name === name && one.home !== 'shadowed');
  // Whoever takes over a built-in pool gets it without the demo vendor, which is no provider of anybody's.
  const before = (name) => (inForce(name)?.body.endpoints ?? []).filter((one) => inForce(name).home !== 'builtin' || known.some((other) => other.name === one.provider));
  const ticked = useMemo(() => Object.fromEntries(Object.entries(drafts).flatMap(([pool, all]) => all.filter((one) => one._new).map((one) => [one.model, pool]))), [drafts]);
  const without = (now, model) => Object.fromEntries(Object.entries(now).map(([pool, all]) => [pool, all.filter((one) => !(one._new && one.model === model))]).filter(([, all]) => all.some((one) => one._new)));
  const add = (now, model, pool, like) => {
    const all = now[pool] ?? before(pool);
    if (all.some((one) => one.provider === provider && one.model === model)) return now;
    return { ...now, [pool]: [...all, { provider, model, weight: like?.weight ?? 10, _new: true }] };
  };
  return {
    drafts, ticked, inForce,
    tick: (choices) => setDrafts((now) => choices.reduce((next, [model, pool]) => add(without(next, model), model, pool), now)),
    untick: (names) => setDrafts((now) => names.reduce(without, now)),
    put: (pool, endpoints) => setDrafts((now) => ({ ...now, [pool]: endpoints })),
    move: (model, pool) => setDrafts((now) => add(without(now, model), model, pool, Object.values(now).flat().find((one) => one._new && one.model === model))),
    clear: () => setDrafts({}),
  };
}

/** The pools to choose from: those that can be written, and the usual ones. */
const choices = (models) => {
  const locked = new Set(models.filter((one) => one.home === 'file').map((one) => one.name));
  return [...new Set([...USUAL, ...models.filter((one) => mine(one) || one.home === 'builtin').map((one) => one.name).sort(compare)])].filter((one) => !locked.has(one));
};

/** @param {{provider: object, listed: {id, name?, max_context?}[], models: object[], endpoints: object[], reload: function, done?: (pools: string[]) => void, hand?: (name: string) => void}} props */
export function Pick({ provider, providers, listed: all, models, endpoints, reload, done, write }) {
  const [search, setSearch] = useState('');
  const [show, setShow] = useState('all');
  const [target, setTarget] = useState('');
  const [fresh, setFresh] = useState('');
  const [extra, setExtra] = useState([]);
  const state = useDrafts(provider.name, models, providers);
  const { drafts, ticked } = state;
  const pools = choices(models);
  const used = useMemo(() => {
    const found = {};
    for (const model of models) if (model.home !== 'shadowed') for (const one of model.body.endpoints) if (one.provider === provider.name && one.model) (found[one.model] ??= []).push(model.name);
    return found;
  }, [models, provider.name]);
  const rows = useMemo(() => [...extra.filter((id) => !all.some((one) => one.id === id)).map((id) => ({ id })), ...all], [all, extra]);
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const found = rows.filter((one) => (!words.length || words.every((word) => `${one.id} ${one.name ?? ''}`.toLowerCase().includes(word)))
    && (show === 'all' || (show === 'ticked' ? ticked[one.id] : used[one.id])));
  const chosenPool = (model) => (target === '' ? (pools.includes(suggest(model)) ? suggest(model) : pools[0]) : target === '+' ? fresh.trim() : target);
  const there = (model, pool) => (used[model] ?? []).includes(pool);
  const flip = (model, on) => (on ? state.tick([[model, chosenPool(model)]]) : state.untick([model]));
  const visible = found.map((one) => one.id);
  const some = visible.filter((one) => ticked[one]).length;
  const named = search.trim();
  const byHand = named && !rows.some((one) => one.id === named);
  const count = Object.keys(ticked).length;
  const blocked = target === '+' && !fresh.trim();

  const save = useAction(async () => {
    const wrong = document.querySelector('.providers-pools [aria-invalid=true]');
    if (wrong) { wrong.focus(); return; }
    const names = Object.keys(drafts);
    for (const name of names) {
      const object = state.inForce(name);
      const body = drafts[name].map(bare);
      if (object && mine(object)) { if (!(await patch('models', object, { endpoints: body }))) { await reload(); return; } }
      else await api.post('/models', { ...(object?.body ?? {}), name, aliases: object?.body.aliases ?? aliasesFor(name, models), endpoints: body });
    }
    await reload();
    state.clear();
    toast(t('providers.pick.done', { n: count, pools: listed(names) }));
    done?.(names);
  });

  const row = (one) => html`<div class=${cx('providers-pick-row', ticked[one.id] && 'on')}>${write ? html`<${Checkbox} checked=${!!ticked[one.id]} disabled=${!ticked[one.id] && (blocked || there(one.id, chosenPool(one.id)))} onChange=${(on) => flip(one.id, on)} label=${html`<code>${one.id}</code>`} />` : html`<code>${one.id}</code>`}
    <span class="grow dim cut">${one.name ?? ''}</span>${(used[one.id] ?? []).map((pool) => html`<a key=${pool} class="providers-in" href=${`/ui/models/${encodeURIComponent(pool)}`}>${pool}</a>`)}
    ${one.max_context && html`<span class="dim num nowrap">${t('providers.context', { n: compact(one.max_context) })}</span>`}</div>`;

  return html`<div class=${cx('providers-pick', !write && 'read')}>
    <div class="providers-pick-list"><div class="toolbar"><div class="tools"><${Input} type="search" icon="search" value=${search} onInput=${setSearch} placeholder=${t('providers.pick.search', { n: rows.length })} aria-label=${t('providers.pick.search', { n: rows.length })} />
        <${Segmented} small label=${t('providers.pick.show')} value=${show} onChange=${setShow} options=${[{ value: 'all', label: t('providers.pick.all') }, write && { value: 'ticked', label: t('providers.pick.ticked', { n: count }) }, { value: 'used', label: t('providers.pick.used') }].filter(Boolean)} /></div></div>
      ${write && found.length > 0 && html`<div class="providers-pick-head"><${Checkbox} checked=${some > 0 && some === visible.length} some=${some > 0 && some < visible.length} disabled=${blocked} onChange=${(on) => (on ? state.tick(visible.filter((one) => !ticked[one] && !there(one, chosenPool(one)) && (words.length || talks(one))).map((one) => [one, chosenPool(one)])) : state.untick(visible))}
        label=${t(words.length ? 'providers.pick.found' : 'providers.pick.every', { n: found.length })} /></div>`}
      ${found.length ? html`<div class="providers-pick-rows" style=${{ height: `${Math.min(found.length, 12) * 38 + 2}px` }}><${VirtualList} items=${found} height=${38} itemKey=${(one) => one.id} label=${t('providers.models')} render=${row} /></div>`
    : !byHand && html`<${Empty} small title=${t(rows.length ? 'combobox.none' : 'providers.pick.none')} text=${!rows.length && t('providers.pick.none.text')} />`}
      ${write && byHand && html`<div class="providers-hand"><${Button} size="small" icon="plus" disabled=${blocked} onClick=${() => { setExtra([named, ...extra]); flip(named, true); setSearch(''); }}>${t('providers.pick.hand', { name: named })}</${Button}><span class="dim">${t('providers.pick.hand.how')}</span></div>`}
    </div>
    ${write && html`<div class="providers-pools"><div class="providers-pools-head"><${Field} label=${t('providers.pick.into')}><${Select} value=${target} onChange=${(value) => { setTarget(value); if (value && value !== '+') state.tick(Object.keys(ticked).map((one) => [one, value])); if (value === '') state.tick(Object.keys(ticked).map((one) => [one, pools.includes(suggest(one)) ? suggest(one) : pools[0]])); }} options=${[{ value: '', label: t('providers.pick.suggested') }, ...pools.map((value) => ({ value, label: state.inForce(value) ? value : t('providers.pick.make', { name: value }) })), { value: '+', label: t('providers.pick.new') }]} /></${Field}>
        ${target === '+' && html`<${Field} label=${t('providers.pick.name')}><${Input} mono value=${fresh} onInput=${setFresh} onChange=${() => fresh.trim() && state.tick(Object.keys(ticked).map((one) => [one, fresh.trim()]))} placeholder="coder" /></${Field}>`}</div>
      ${!count && html`<p class="providers-pools-none">${t('providers.pick.hint')}</p>`}
      ${Object.entries(drafts).map(([pool, list]) => {
    const object = state.inForce(pool);
    return html`<section key=${pool} class="providers-pool"><header><h3 class="mono">${pool}</h3>${object ? html`<${Home} home=${object.home} />` : html`<span class="badge accent">${t('providers.pick.fresh')}</span>`}</header>
      <${Lanes} compact write name=${pool} endpoints=${list} balance=${object?.body.balance} live=${standings(endpoints, pool)} fresh=${(one) => one._new}
        onMove=${(key, lane, index) => state.put(pool, moved(list, key, lane, index))} onWeight=${(item, weight) => state.put(pool, list.map((one, index) => (index === item.index ? { ...one, weight } : one)))}
        extra=${(item) => item.endpoint._new && html`<span class="providers-moves"><${Select} small value=${pool} aria-label=${t('providers.pick.pool.of', { name: item.endpoint.model })} onChange=${(to) => state.move(item.endpoint.model, to)} options=${[...new Set([pool, ...pools, ...Object.keys(drafts)])].filter((one) => !there(item.endpoint.model, one)).map((value) => ({ value, label: value }))} /><${IconButton} size="small" icon="close" label=${t('models.texts.remove', { name: item.endpoint.model })} onClick=${() => state.untick([item.endpoint.model])} /></span>`} /></section>`;
  })}
      ${save.error && html`<${Problem} error=${save.error} />`}
      <div class="providers-save">${done && html`<${Button} kind="ghost" onClick=${() => done([])}>${t('providers.pick.skip')}</${Button}>`}<${Button} kind="primary" busy=${save.busy} disabled=${!count} onClick=${() => save.run()}>${t('providers.pick.add', { n: count })}</${Button}></div></div>`}
  </div>`;
}
