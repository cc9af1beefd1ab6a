/** Connect: the exact lines for each client, with this gateway's address and a key; and a first request. */
import { html, useState, useMemo, useEffect } from '../lib.js';
import { t, tx } from '../i18n.js';
import { useResource } from '../resource.js';
import { useQuery } from '../router.js';
import { can } from '../session.js';
import { compare } from '../format.js';
import { Page, Loaded, Empty, Button, Field, Input, Combobox, Tabs, TabPanel, Segmented, Code, Notice, toast } from '../kit/index.js';
import { path } from '../router.js';
import { realNames } from './models/names.js';
import { patch, mine, itemsOf, USUAL } from './models/data.js';
import { Steps } from './providers/add.js';
import { CLIENTS } from './connect/clients.js';
import { First } from './connect/first.js';
import { KeyField, NewKey } from './connect/key.js';


// Keys that were made since the document was loaded: shown until it is left, and nowhere kept.
let lately = null;

/** Where clients find the data plane: this origin, unless the admin side has an address of its own. */
function addressOf(status) {
  const one = status?.admin_listen && status.listen?.[0];
  if (!one) return location.origin;
  const [, host, port] = /^(.*):(\d+)$/.exec(one.address) ?? [];
  const any = !host || /^(0\.0\.0\.0|\[::\])$/.test(host);
  return `${one.tls ? 'https' : 'http'}://${any ? location.hostname : host}:${port}`;
}

function Hints({ client, model, object, models, base, reload }) {
  const alias = `claude-*${model}*`;
  const lacking = client.id === 'claude-code' && USUAL.includes(model) && object && !(object.body.aliases ?? []).some((one) => `claude-${model}-4`.includes(one.replaceAll('*', '')) || one === alias);
  const add = async () => { try { await patch('models', object, { aliases: [...(object.body.aliases ?? []), alias] }); toast(t('connect.alias.done')); reload(); } catch (error) { toast.error(error); } };
  const local = /^https?:\/\/(localhost|127\.|\[::1\])/.test(base);
  return html`${lacking && html`<${Notice} kind="warn" action=${mine(object) && can.write.value && html`<${Button} size="small" onClick=${add}>${t('connect.alias.add')}</${Button}>`}>${tx('connect.alias', { model: html`<code>${model}</code>`, alias: html`<code>${alias}</code>` })}</${Notice}>`}
    ${client.id === 'claude-code' && !models.some((one) => one.name === 'haiku' || one.body.aliases?.some((one) => /haiku/.test(one))) && html`<p class="dim connect-hint">${tx('connect.haiku', { name: html`<code>haiku</code>` })}</p>`}
    ${client.id === 'cursor' && html`<p class="connect-hint">${t('connect.cursor')}</p>${local && html`<${Notice} kind="warn">${t('connect.cursor.local')}</${Notice}>`}`}`;
}

export default function Connect({ query }) {
  const models = useResource('/models');
  const providers = useResource('/providers');
  const keys = useResource('/client-keys');
  const status = useResource('/status');
  const [client, setClient] = useQuery('client', 'claude-code');
  const [sdk, setSdk] = useQuery('sdk', 'openai');
  const [picked, setModel] = useQuery('model');
  const [chosen, setChosen] = useState(lately?.name ?? '');
  const [pasted, setPasted] = useState('');
  const [made, setMade] = useState(lately);
  const [making, setMaking] = useState(false);
  const [address, setAddress] = useState(null);
  const all = useMemo(() => (models.data?.items ?? []).filter((one) => one.home !== 'shadowed' && one.body.enabled !== false).sort((a, b) => compare(a.name, b.name)), [models.data]);
  const options = useMemo(() => [...all.map((one) => ({ value: one.name, label: one.name, hint: t('connect.virtual') })), ...realNames(itemsOf(providers), all).filter((one) => !one.hidden && !one.name.includes('*')).map((one) => ({ value: one.name, label: one.name, hint: one.providers.join(', ') }))], [all, providers.data]);
  const model = picked || all.find((one) => one.name === 'sonnet')?.name || options[0]?.value || '';
  const live = (keys.data?.items ?? []).filter((one) => one.home !== 'shadowed');
  const auth = status.data?.auth;
  const open = auth === 'open' || (auth === 'auto' && keys.data && !live.length);
  const known = made?.name === chosen ? made.key : pasted.trim();
  const key = chosen || !open ? known || t('connect.key.placeholder') : 'any';
  const own = addressOf(status.data);
  const base = (address ?? own).replace(/\/+$/, '');
  const same = CLIENTS.filter((one) => one.id === client);
  const now = same.find((one) => one.sdk === sdk) ?? same[0] ?? CLIENTS[0];
  const here = own === location.origin;
  const direct = here && (open ? !chosen || !!known : !!known);
  useEffect(() => { if (chosen && made?.name !== chosen && keys.data && !live.some((one) => one.name === chosen)) setChosen(''); }, [keys.data]);
  const done = (fresh) => { lately = fresh; setMade(fresh); setChosen(fresh.name); setMaking(false); keys.reload(); toast(t('connect.key.done', { name: fresh.name })); };
  const title = (text) => (/^(terminal|cursor\.\w+)$/.test(text) ? t(`connect.${text}`) : text);
  return html`<${Page} title=${t('nav.connect')}>
    ${query.get('step') && html`<div class="connect-setup"><${Steps} at=${3} /></div>`}
    <${Loaded} of=${models} lines=${6}>${() => (!options.length && providers.data ? html`<${Empty} icon="connect" title=${t('connect.none')} text=${t('connect.none.text')} action=${can.write.value && html`<${Button} kind="primary" icon="plus" href=${path('providers', null, { add: 1 })}>${t('connect.none.add')}</${Button}>`} />` : html`<div class="connect">
      <div class="connect-choose"><${Field} label=${t('connect.model')} help=${t('connect.model.how')}><${Combobox} mono free value=${model} options=${options} onChange=${(next) => setModel(next || null)} /></${Field}>
        <${KeyField} keys=${live} open=${open} chosen=${chosen} choose=${(next) => { setChosen(next); setPasted(''); }} value=${pasted} setValue=${setPasted} made=${made} write=${can.write.value} make=${() => setMaking(true)} />
        <${Field} label=${t('connect.address')} help=${t('connect.address.how')}><${Input} mono type="url" value=${address ?? own} onInput=${setAddress} onBlur=${() => { if (!address?.trim()) setAddress(null); }} /></${Field}></div>
      <div class="connect-lines"><${Tabs} label=${t('connect.clients')} value=${now.id} onChange=${setClient} tabs=${CLIENTS.filter((one, at) => CLIENTS.findIndex((other) => other.id === one.id) === at).map((one) => ({ value: one.id, label: one.label }))} />
        <${TabPanel} value=${now.id}><${Hints} client=${now} model=${model} object=${all.find((one) => one.name === model)} models=${all} base=${base} reload=${models.reload} />
          ${now.sdk && html`<div class="connect-sdk"><${Segmented} small label=${t('connect.sdk')} value=${now.sdk} onChange=${setSdk} options=${same.map((one) => ({ value: one.sdk, label: one.sdkLabel }))} /></div>`}
          <div class="connect-blocks">${now.blocks({ base, key, model, open: open && !chosen }).map((block) => html`<${Code} key=${block.title} title=${title(block.title)} label=${`${now.label}: ${title(block.title)}`} lang=${block.lang} text=${block.text} />`)}</div></${TabPanel}>
        <${First} kind=${now.call} client=${now.sdkLabel ? `${now.label} (${now.sdkLabel})` : now.label} model=${model} credential=${chosen ? known : ''} direct=${direct} /></div></div>`)}</${Loaded}>
    ${making && html`<${NewKey} model=${model} taken=${live.map((one) => one.name)} first=${auth === 'auto' && !live.length} close=${() => setMaking(false)} done=${done} />`}
  </${Page}>`;
}
