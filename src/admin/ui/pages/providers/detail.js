/** One provider: how it is, its keys, its models, its settings; or the second step of adding it. */
import { html, useState, useEffect, useRef } from '../../lib.js';
import { t, name as named } from '../../i18n.js';
import { api, objectPath } from '../../api.js';
import { useAction } from '../../resource.js';
import { useQuery, path, navigate } from '../../router.js';
import { can } from '../../session.js';
import { compact, percent, duration, money, list } from '../../format.js';
import { Section, Tabs, TabPanel, Button, IconButton, Menu, Home, State, Badge, Switch, Notice, Figure, KeyValues, Copyable, Code, Icon, Problem, confirm, toast } from '../../kit/index.js';
import { patch, mine } from '../models/data.js';
import { FileNote } from '../models/tuning.js';
import { Standing } from '../models/lanes.js';
import { yaml } from '../models/yaml.js';
import { stateOf, formatsOf, addressOf, FORMAT_NAMES, users, refusal, refusalText, wordsOf } from './data.js';
import { Keys } from './keys.js';
import { Pick } from './pick.js';
import { Settings } from './settings.js';
import { useTest, TestResult } from './test.js';
import { Steps } from './add.js';

/** Models as they were listed last: those of the provider, with what a pull has told besides. */
function usePull(provider, reload) {
  const [told, setTold] = useState(null);
  const deed = useAction(async () => {
    const pulled = await api.post(`${objectPath('providers', provider.name)}/pull`);
    setTold(pulled.models);
    toast(t(pulled.saved ? 'providers.pulled' : 'providers.pulled.file', { n: pulled.models.length, time: duration(pulled.took_ms) }));
    if (pulled.unusable.length) toast(t('providers.unusable', { n: pulled.unusable.length, names: list(pulled.unusable.slice(0, 3)) }));
    if (pulled.saved) reload();
  });
  const known = told ?? [...new Set([...(provider.body.models ?? []), ...(provider.body.expose ?? []).filter((one) => !one.includes('*'))])].map((id) => ({ id }));
  return { ...deed, listed: known };
}

const PullError = ({ error }) => { const found = refusal(error); return found ? html`<${Notice} kind="bad" title=${named('reason', found.reason)}>${wordsOf(found.reason, found.words)}</${Notice}>` : html`<${Problem} error=${error} />`; };

/** The second step of adding. */
function Setup({ provider, providers, models, endpoints, reload }) {
  const test = useTest(provider, (provider.body.models ?? []).length > 0, reload);
  const pull = usePull(provider, reload);
  const root = useRef();
  useEffect(() => { root.current.querySelector('input[type=search]')?.focus({ preventScroll: true }); }, []);
  const on = (pools) => navigate(path('connect', null, { model: pools[0] ?? `${provider.name}/${provider.body.models?.[0] ?? ''}`.replace(/\/$/, ''), step: 3 }));
  return html`<div class="providers-setup" ref=${root}><${Steps} at=${2} />
    <h2>${t('providers.setup.title', { name: provider.name })}</h2>
    <p class="providers-lead">${t((provider.body.models ?? []).length ? 'providers.setup.lead' : 'providers.setup.bare', { n: (provider.body.models ?? []).length, format: list(formatsOf(provider.body).map((one) => FORMAT_NAMES[one])) })}</p>
    <div aria-live="polite"><${TestResult} test=${test} provider=${provider} write=${can.write.value} reload=${reload} /></div>
    ${pull.error && html`<${PullError} error=${pull.error} />`}
    <${Pick} provider=${provider} providers=${providers} listed=${pull.listed} models=${models} endpoints=${endpoints} reload=${reload} write=${can.write.value} done=${on} /></div>`;
}

function Overview({ provider, models, endpoints, figure, write, reload }) {
  const { body } = provider;
  const used = users(models, provider.name);
  const rows = (endpoints ?? []).filter((one) => one.provider === provider.name && one.of === one.pool);
  return html`${provider.home !== 'shadowed' && html`<div class="figures"><${Figure} label=${t('providers.requests')} value=${compact(figure?.requests ?? 0)} unit=${t('providers.unit.req')} /><${Figure} label=${t('providers.failed')} value=${figure?.attempts ? percent(figure.failed_attempts / figure.attempts) : '–'} tone=${figure?.attempts && figure.failed_attempts / figure.attempts > 0.05 ? 'warn' : null} hint=${figure?.attempts ? t('providers.attempts', { n: figure.attempts }) : null} />
      <${Figure} label=${t('providers.first')} value=${duration(figure?.first_content_ms?.p50)} hint=${figure?.first_content_ms && t('providers.p95', { time: duration(figure.first_content_ms.p95) })} /><${Figure} label=${t('providers.cost')} value=${figure?.requests && figure.unpriced < figure.requests ? money(figure.cost_usd) : '–'} hint=${figure?.unpriced > 0 ? t('providers.unpriced', { n: figure.unpriced }) : null} /></div>`}
    <div class="providers-columns"><${Keys} provider=${provider} endpoints=${endpoints} write=${write} reload=${reload} />
    <${Section} title=${t('providers.users')} help=${!used.length && t('providers.users.none')}>${used.length > 0 && html`<ul class="providers-users">${rows.map((one, at) => html`<li key=${at}><a href=${path('models', one.pool)}>${one.pool}</a><span class="grow mono dim cut">${one.model}</span><${Standing} endpoint=${one} row=${one} /></li>`)}</ul>`}</${Section}></div>
    ${provider.home !== 'environment' && html`<${Section} title=${t('providers.account')}><${KeyValues} items=${[
    [t('providers.address'), typeof body.base_url === 'string' ? html`<${Copyable} text=${body.base_url} />` : html`${Object.entries(body.base_url ?? {}).map(([format, url]) => html`<div key=${format}>${FORMAT_NAMES[format]}: <code>${url}</code></div>`)}`],
    [t('providers.formats'), formatsOf(body).map((one) => FORMAT_NAMES[one] ?? one).join(', ')],
    [t('providers.f.expose'), body.expose?.length ? body.expose.join(', ') : body.models?.length ? t('providers.expose.all') : t('providers.expose.none')],
    body.headers && [t('providers.f.headers'), Object.keys(body.headers).join(', ')],
    [t('providers.f.health'), body.health?.active ? t('providers.health.said', { path: body.health.active.path ?? '/models', every: body.health.active.every ?? '30s' }) : t('providers.health.off')],
  ]} /></${Section}>`}`;
}

/** @param {{provider: object, step?: string, models: object[], endpoints: object[], figures: object, reload: function}} props */
export function Provider({ provider, providers, step, models, endpoints, figures, reload }) {
  const [tab, setTab] = useQuery('tab', 'overview');
  const test = useTest(provider, false, reload);
  const pull = usePull(provider, reload);
  const { name, body, home } = provider;
  const inForce = home !== 'shadowed';
  const write = can.write.value && mine(provider);
  if (step === 'models' && inForce && write) return html`<${Setup} provider=${provider} providers=${providers} models=${models} endpoints=${endpoints} reload=${reload} />`;
  const standing = stateOf(provider, endpoints);
  const enable = (on) => patch('providers', provider, { enabled: on ? null : false }).then((made) => { reload(); if (made) toast(t(on ? 'providers.enabled' : 'providers.disabled', { name }), { undo: () => patch('providers', made, { enabled: on ? false : null }).then(reload, toast.error) }); }, toast.error);
  const used = inForce ? users(models, name) : [];
  const stuck = used.filter((one) => !mine(one.model));
  const emptied = used.filter((one) => mine(one.model) && one.n === one.model.body.endpoints.length);
  const drop = () => confirm({
    title: t('providers.delete', { name }), action: t(stuck.length ? 'do.close' : 'do.delete'), danger: !stuck.length, type: inForce && !stuck.length ? name : null,
    text: html`<p>${t(!inForce ? 'providers.delete.shadowed' : stuck.length ? 'providers.delete.stuck' : used.length ? 'providers.delete.used' : 'providers.delete.text')}</p>
      ${used.length > 0 && html`<ul class="providers-losses">${used.map(({ model, n }) => html`<li key=${model.name}><code>${model.name}</code> ${!mine(model) ? t('providers.delete.file') : emptied.some((one) => one.model === model) ? t('providers.delete.model') : t('providers.delete.endpoints', { n })}</li>`)}</ul>`}`,
    run: () => (stuck.length ? null : api.del(objectPath('providers', name), { query: { cascade: used.length ? true : undefined } })),
  }).then((done) => { if (done && !stuck.length) { toast(t('providers.deleted', { name })); reload(); navigate(path('providers'), { force: true }); } });
  const menu = [{ label: t('models.requests'), icon: 'requests', href: path('requests', null, { provider: name }) }, (write || (!inForce && can.write.value)) && '-', (write || (!inForce && can.write.value)) && { label: t('do.delete'), icon: 'trash', danger: true, onSelect: drop }].filter(Boolean);
  const tabs = [{ value: 'overview', label: t('providers.tab.overview') }, { value: 'models', label: t('providers.models'), count: pull.listed.length || null }, home !== 'environment' && { value: 'settings', label: t('providers.tab.settings') }];
  return html`<article class="providers-detail" aria-label=${name}>
    <a class="providers-back" href=${path('providers')}><${Icon} name="left" size=${14} />${t('providers.all')}</a>
    <header class="models-title"><div class="grow"><h2>${name}</h2><${Home} home=${home} /><${State} value=${standing.state} label=${standing.label} title=${standing.why} />${formatsOf(body).map((one) => html`<${Badge} key=${one}>${FORMAT_NAMES[one] ?? one}</${Badge}>`)}</div>
      ${write && html`<${Switch} checked=${body.enabled !== false} label=${t(body.enabled === false ? 'state.disabled' : 'state.enabled')} onChange=${enable} />`}
      ${can.write.value && inForce && html`<${Button} icon="bolt" busy=${test.busy} onClick=${() => test.run()}>${t('providers.test')}</${Button}>`}
      <${Menu} label=${t('do.more')} items=${menu} trigger=${(props) => html`<${IconButton} icon="more" label=${t('do.more')} ...${props} />`} /></header>
    <p class="mono dim providers-url">${addressOf(body)}</p>
    ${home === 'file' && html`<${FileNote}>${t('providers.file')}</${FileNote}>`}
    ${home === 'environment' && html`<${FileNote}>${t('providers.environment')}</${FileNote}>`}
    ${!inForce && html`<${Notice} kind="warn" title=${t('providers.not_in_force')} action=${html`<${Button} size="small" href=${path('providers', name)}>${t('models.shadowed.show')}</${Button}>`}>${t('providers.shadowed.text')}</${Notice}>`}
    ${provider.fault && html`<${Notice} kind="bad" title=${t('models.fault')}>${provider.fault}</${Notice}>`}
    <div aria-live="polite"><${TestResult} test=${test} provider=${provider} write=${write} reload=${reload} /></div>
    <${Tabs} label=${name} value=${tab} onChange=${setTab} tabs=${tabs} />
    <${TabPanel} value=${tab}>${tab === 'models' ? html`<div class="providers-models"><div class="toolbar"><p class="dim tools">${t(write ? 'providers.models.how' : 'providers.models.read')}</p>${can.write.value && inForce && html`<div class="actions"><${Button} icon="refresh" busy=${pull.busy} onClick=${() => pull.run()}>${t('providers.pull')}</${Button}></div>`}</div>
        ${pull.error && html`<${PullError} error=${pull.error} />`}<${Pick} provider=${provider} providers=${providers} listed=${pull.listed} models=${models} endpoints=${endpoints} reload=${reload} write=${can.write.value && inForce} /></div>`
    : tab === 'settings' ? html`${write ? html`<${Settings} provider=${provider} reload=${reload} />` : null}<${Section} title=${t('models.yaml')} help=${t('models.yaml.hint')}><${Code} label=${t('models.yaml')} text=${yaml('providers', body)} /></${Section}>`
      : html`<${Overview} provider=${provider} models=${models} endpoints=${inForce ? endpoints : []} figure=${inForce ? figures[name] : null} write=${write} reload=${reload} />`}</${TabPanel}>
  </article>`;
}
