/** One virtual model: its names, its pool, what comes after, and how it behaves. */
import { html, useMemo, useRef, useState } from '../../lib.js';
import { t, tx, name as named } from '../../i18n.js';
import { api, objectPath } from '../../api.js';
import { path, navigate } from '../../router.js';
import { can } from '../../session.js';
import { Section, Button, IconButton, Menu, Home, State, Switch, Select, Notice, Chip, Code, Folded, Help, confirm, toast } from '../../kit/index.js';
import { moved, tiersOf, standings, overall, patch, mine, weightOf } from './data.js';
import { Lanes } from './lanes.js';
import { EndpointDialog } from './endpoint.js';
import { Behaviour } from './behaviour.js';
import { Texts, FileNote } from './tuning.js';
import { yaml } from './yaml.js';

const BALANCES = ['round_robin', 'weighted', 'least_busy', 'fastest'];

/** Writes to the model: at once on the screen, one after the other, back where one fails, with undo where that is wanted. */
function useWrites(model, reload) {
  const [draft, setDraft] = useState(null);
  const last = useRef({ model, waiting: 0, done: Promise.resolve() }).current;
  if (!last.waiting) last.model = model;
  const body = draft ?? model.body;
  const write = async (change, { said, undo } = {}) => {
    // What is undone is what was done last.
    last.forget?.();
    last.forget = null;
    const before = Object.fromEntries(Object.keys(change).map((key) => [key, body[key] ?? null]));
    setDraft({ ...body, ...change });
    last.waiting += 1;
    try {
      // What was written just now is what the next write begins with.
      const turn = last.done.then(() => patch('models', last.model, change));
      last.done = turn.then((made) => { last.model = made ?? last.model; }, () => {});
      const made = await turn;
      if (last.waiting === 1) await reload();
      if (said && made) { const forget = toast(said, undo ? { undo: () => patch('models', made, before).then(() => reload(), toast.error) } : {}); if (undo) last.forget = forget; }
      return true;
    } catch (error) {
      toast.error({ ...error, status: error.status, detail: error.problems?.[0] ? `${error.problems[0].message}${error.problems[0].help ? `: ${error.problems[0].help}` : ''}` : error.detail });
      return false;
    } finally {
      last.waiting -= 1;
      if (!last.waiting) setDraft(null);
    }
  };
  return { body, write };
}

function Fallbacks({ body, models, write, editable, name }) {
  const chosen = body.fallbacks ?? [];
  const others = models.filter((one) => one.home !== 'shadowed' && one.name !== name && !chosen.includes(one.name));
  if (!editable && !chosen.length) return null;
  return html`<div class="models-fallbacks"><span class="dim">${t('models.fallbacks')}</span><${Help} text=${t('models.fallbacks.how')} />
    ${chosen.map((one) => html`<${Chip} key=${one} onClick=${() => navigate(path('models', one))} removeLabel=${t('models.texts.remove', { name: one })} onRemove=${editable && (() => write({ fallbacks: chosen.length > 1 ? chosen.filter((other) => other !== one) : null }))}>${one}</${Chip}>`)}
    ${!chosen.length && !others.length && html`<span class="dim">${t('models.fallbacks.none')}</span>`}
    ${editable && others.length > 0 && html`<${Select} small value="" onChange=${(one) => one && write({ fallbacks: [...chosen, one] })} aria-label=${t('models.fallbacks.add')} options=${[{ value: '', label: t('models.fallbacks.add') }, ...others.map((one) => ({ value: one.name, label: one.name }))]} />`}</div>`;
}

/** @param {{model: object, models: object[], providers: object[], endpoints: object[], stats: object[], reload: () => any}} props */
export function Model({ model, models, providers, endpoints, stats, reload }) {
  const { body, write } = useWrites(model, reload);
  const [dialog, setDialog] = useState(null);
  const editable = can.write.value && mine(model);
  const inForce = model.home !== 'shadowed';
  const live = useMemo(() => (inForce ? standings(endpoints, model.name) : {}), [endpoints, model.name]);
  const counts = useMemo(() => {
    const found = {};
    for (const one of inForce ? stats : []) if (one.of.model === model.name && one.of.provider) found[`${one.of.provider}/${one.of.endpoint}`] = one.requests;
    const ours = new Set(body.endpoints.map((one) => `${one.provider}/${one.model ?? '*'}`));
    return Object.fromEntries(Object.entries(found).filter(([key]) => ours.has(key)));
  }, [stats, model.name, body.endpoints]);
  const put = (list, options) => write({ endpoints: list }, options);
  const at = (item, change) => body.endpoints.map((one, index) => {
    if (index !== item.index) return one;
    const next = { ...one, ...change };
    for (const key of Object.keys(next)) if (next[key] === undefined) delete next[key];
    return next;
  });
  const move = (key, lane, index) => {
    const after = moved(body.endpoints, key, lane, index);
    const [from, to] = [body.endpoints, after].map((list) => tiersOf(list).find((tier) => tier.items.some((item) => item.key === key)));
    put(after, { said: from.number === to.number ? t('models.ordered', { n: to.number }) : t('models.moved', { name: label(to.items.find((item) => item.key === key)), n: to.number }), undo: true });
  };
  const label = (item) => `${item.endpoint.provider} / ${item.endpoint.model ?? t('models.passed')}`;
  const remove = (item) => {
    if (body.endpoints.length === 1) { toast(t('models.endpoint.last'), { kind: 'warn' }); return; }
    put(body.endpoints.filter((_, index) => index !== item.index), { said: t('models.endpoint.removed', { name: label(item) }), undo: true });
  };
  const reset = (item) => api.post('/limits/reset', { endpoint: { pool: model.name, provider: item.endpoint.provider, model: item.endpoint.model ?? '*' } }).then(() => { toast(t('models.quota.reset.done')); reload(); }, toast.error);
  const menu = (item, tier, tiers) => {
    const here = tiers.findIndex((one) => one.id === tier.id);
    return [
      editable && { label: t('do.edit'), icon: 'edit', onSelect: () => setDialog({ item }) },
      editable && here > 0 && { label: t('models.tier.up'), icon: 'up', onSelect: () => move(item.key, tiers[here - 1].id, tiers[here - 1].items.length) },
      editable && (here < tiers.length - 1 || tier.items.length > 1) && { label: t('models.tier.down'), icon: 'down', onSelect: () => move(item.key, tiers[here + 1]?.id ?? 'new', 0) },
      can.write.value && item.endpoint.quota && inForce && { label: t('models.quota.reset'), icon: 'refresh', onSelect: () => reset(item) },
      editable && { label: t(item.endpoint.enabled === false ? 'do.enable' : 'do.disable'), icon: item.endpoint.enabled === false ? 'play' : 'pause', onSelect: () => put(at(item, { enabled: item.endpoint.enabled === false ? undefined : false }), { said: t(item.endpoint.enabled === false ? 'models.endpoint.enabled' : 'models.endpoint.disabled', { name: label(item) }), undo: true }) },
      { label: t('models.requests'), icon: 'requests', href: path('requests', null, { model: model.name, provider: item.endpoint.provider, endpoint: item.endpoint.model }) },
      { label: t('models.provider.open'), icon: 'providers', href: path('providers', item.endpoint.provider) },
      editable && '-', editable && { label: t('do.remove'), icon: 'trash', danger: true, onSelect: () => remove(item) },
    ].filter(Boolean);
  };
  const drop = () => confirm({
    title: t('models.delete', { name: model.name }), danger: true, action: t('do.delete'), type: inForce ? model.name : null,
    text: html`<p>${t(inForce ? 'models.delete.text' : 'models.delete.shadowed')}</p>${users.length > 0 && html`<p>${tx('models.delete.users', { names: users.map((one, index) => html`${index ? ', ' : ''}<code>${one.name}</code>`) })}</p>`}`,
    run: () => api.del(objectPath('models', model.name), { etag: model.etag, query: { cascade: users.length ? true : undefined } }),
  }).then((done) => { if (done) { toast(t('models.deleted', { name: model.name })); reload(); navigate(path('models'), { force: true }); } });
  const users = inForce ? models.filter((one) => mine(one) && one.body.fallbacks?.includes(model.name)) : [];
  const text = yaml('models', body);
  const actions = [
    { label: t('models.connect'), icon: 'connect', href: path('connect', null, { model: model.name }) },
    { label: t('models.requests'), icon: 'requests', href: path('requests', null, { model: model.name }) },
    (editable || !inForce) && can.write.value && '-',
    (editable || !inForce) && can.write.value && { label: t('do.delete'), icon: 'trash', danger: true, onSelect: drop },
  ].filter(Boolean);
  const balance = body.balance ?? 'round_robin';
  return html`<article class="models-detail" aria-label=${model.name}>
    <header class="models-title"><div class="grow"><h2 class="mono">${model.name}</h2><${Home} home=${model.home} />${inForce && body.enabled !== false && html`<${State} value=${overall(Object.values(live))} />`}</div>
      ${editable && html`<${Switch} checked=${body.enabled !== false} label=${t(body.enabled === false ? 'state.disabled' : 'state.enabled')} onChange=${(on) => write({ enabled: on ? null : false }, { said: t(on ? 'models.enabled' : 'models.disabled', { name: model.name }), undo: true })} />`}
      <${Menu} label=${t('do.more')} items=${actions} trigger=${(props) => html`<${IconButton} icon="more" label=${t('do.more')} ...${props} />`} /></header>
    ${model.home === 'file' && html`<${FileNote}>${t('models.file')}</${FileNote}>`}
    ${!inForce && html`<${Notice} kind="warn" title=${t('models.shadowed')} action=${html`<${Button} size="small" href=${path('models', model.name)}>${t('models.shadowed.show')}</${Button}>`}>${t('models.shadowed.text')}</${Notice}>`}
    ${model.home === 'builtin' && html`<${FileNote}>${t('models.builtin')}</${FileNote}>`}
    ${model.fault && html`<${Notice} kind="bad" title=${t('models.fault')}>${model.fault}</${Notice}>`}
    <div class="models-aliases"><span class="dim">${t('models.aliases')}</span><${Help} text=${t('models.aliases.how')} /><${Texts} value=${body.aliases ?? []} disabled=${!editable} placeholder=${t('models.aliases.add')} label=${t('models.aliases.add')} onChange=${(list) => write({ aliases: list.length ? list : null })} />${!editable && !body.aliases?.length && html`<span class="dim">${t('models.aliases.none')}</span>`}</div>
    <section class="models-pool" aria-label=${t('models.pool')}><header><h3>${t('models.pool')}</h3><span class="grow" />
      <label class="models-balance"><span class="dim">${t('models.balance')}</span>${editable ? html`<${Select} small value=${balance} onChange=${(value) => write({ balance: value })} aria-label=${t('models.balance')} options=${BALANCES.map((value) => ({ value, label: t(`models.balance.${value}`) }))} />` : html`<b>${t(`models.balance.${balance}`)}</b>`}<${Help} text=${t(`models.balance.${balance}.how`)} /></label>
      ${editable && html`<${Button} size="small" icon="plus" onClick=${() => setDialog({})}>${t('models.endpoint.add')}</${Button}>`}</header>
      <${Lanes} name=${model.name} endpoints=${body.endpoints} balance=${balance} providerWeights=${body.provider_weights} live=${live} counts=${counts} write=${editable} menu=${menu}
        onMove=${move} onWeight=${(item, weight) => weight !== weightOf(item.endpoint) && put(at(item, { weight }), { said: t('models.weight.set', { name: label(item), weight }), undo: true })} />
      <${Fallbacks} body=${body} models=${models} write=${write} editable=${editable} name=${model.name} /></section>
    ${editable && html`<${Behaviour} model=${model} providers=${[...new Set(body.endpoints.map((one) => one.provider))]} reload=${reload} />`}
    <${Folded} title=${t('models.yaml')} hint=${t('models.yaml.hint')} open=${model.home === 'file'}><${Code} label=${t('models.yaml')} text=${text} /></${Folded}>
    ${dialog && html`<${EndpointDialog} model=${model} body=${body} item=${dialog.item} providers=${providers} close=${() => setDialog(null)} done=${() => { setDialog(null); reload(); }} />`}
  </article>`;
}
