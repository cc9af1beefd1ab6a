/** What of a virtual model is rarely changed: conversations, conversion, what is late or breaks off, timeouts. */
import { html, useState } from '../../lib.js';
import { t } from '../../i18n.js';
import { useAction } from '../../resource.js';
import { Folded, Form, Field, Select, Input, NumberInput, Switch, Button, toast } from '../../kit/index.js';
import { useHeld, saveHeld, useUnsaved } from '../../save.js';
import { difference } from './data.js';
import { Tuning, TUNED, Rest, useRest } from './tuning.js';

// Those that the page has above, and writes at once.
const POOL = ['name', 'aliases', 'balance', 'fallbacks', 'endpoints', 'enabled'];
const BEHAVIOUR = ['mode', 'sticky', 'provider_weights', 'resume', 'hedge', ...TUNED];
const behaviourOf = (body) => Object.fromEntries(Object.entries(body).filter(([key]) => !POOL.includes(key)));
const SHOWN = ['mode', 'sticky', 'resume', 'after', 'budget', 'provider_weights', 'connect', 'first_token', 'response', 'idle', 'total', 'retries', 'base', 'max', 'max_attempts', 'patience', 'probe_after', 'failures', 'open_for'];

/** @param {{model: object, providers: string[], reload: function}} props */
export function Behaviour({ model, ...rest }) {
  const held = useHeld(model, behaviourOf);
  return html`<${Draft} key=${held.key} held=${held} model=${model} ...${rest} />`;
}

function Draft({ held, model, providers, reload }) {
  const body = behaviourOf(held.object.body);
  const [draft, setDraft] = useState(body);
  const rest = useRest(body, [...POOL, ...BEHAVIOUR]);
  const set = (change) => setDraft((was) => ({ ...was, ...change }));
  const choose = (key, usual) => ({ value: draft[key] === false ? 'off' : draft[key] ?? usual, onChange: (value) => set({ [key]: value === usual ? undefined : value }) });
  const options = (key, values) => values.map((value) => ({ value, label: t(`models.${key}.${value}`) }));
  const known = Object.fromEntries(Object.entries(draft).filter(([key, value]) => BEHAVIOUR.includes(key) && value !== undefined));
  const change = difference(body, { ...rest.value, ...known });
  const dirty = rest.changed || Object.keys(change).length > 0;
  held.dirty = dirty;
  useUnsaved(dirty);
  const deed = useAction(async () => {
    if (rest.error) return;
    const done = await saveHeld('models', held, change);
    if (done.saved) toast(t('models.saved', { name: model.name }));
    if (done.settled) reload();
  });
  const weights = draft.provider_weights ?? {};
  const weigh = (name, value) => { const next = { ...weights, [name]: value }; if (value == null || value === 1) delete next[name]; set({ provider_weights: Object.keys(next).length ? next : undefined }); };
  const said = ['sticky', 'resume', 'hedge', 'mode', 'provider_weights', ...TUNED].filter((key) => model.body[key] != null).map((key) => t(`models.said.${key}`)).join(', ');
  return html`<${Folded} title=${t('models.advanced')} hint=${said || t('models.advanced.hint')}><${Form} class="models-behaviour" onSubmit=${deed.run} error=${deed.error} fields=${SHOWN}>
    <div class="form-row"><${Field} label=${t('models.sticky')} help=${t('models.sticky.how')}><${Select} ...${choose('sticky', 'auto')} options=${options('sticky', ['auto', 'off'])} /></${Field}>
      <${Field} label=${t('models.mode')} help=${t('models.mode.how')}><${Select} ...${choose('mode', 'convert')} options=${options('mode', ['convert', 'direct'])} /></${Field}>
      <${Field} label=${t('models.resume')} help=${t('models.resume.how')}><${Select} ...${choose('resume', 'off')} options=${options('resume', ['off', 'prefill', 'restart'])} /></${Field}></div>
    <fieldset><legend>${t('models.hedge')}</legend><div class="form-row"><${Field} label=${t('models.hedge.on')} help=${t('models.hedge.how')} row><${Switch} checked=${!!draft.hedge} onChange=${(on) => set({ hedge: on ? { after: '800ms', budget: '5%' } : undefined })} /></${Field}>
      ${draft.hedge && html`<${Field} label=${t('models.hedge.after')} error=${deed.error?.field('hedge.after')}><${Input} value=${draft.hedge.after} onInput=${(after) => set({ hedge: { ...draft.hedge, after } })} /></${Field}>
        <${Field} label=${t('models.hedge.budget')} error=${deed.error?.field('hedge.budget')}><${Input} value=${draft.hedge.budget} onInput=${(budget) => set({ hedge: { ...draft.hedge, budget } })} /></${Field}>`}</div></fieldset>
    ${providers.length > 1 && (model.body.balance ?? 'round_robin') === 'round_robin' && html`<fieldset><legend>${t('models.provider_weights')}</legend><div class="form-row">${providers.map((name) => html`<${Field} key=${name} label=${name} error=${deed.error?.field(`provider_weights.${name}`)}><${NumberInput} min="1" value=${weights[name] ?? 1} onInput=${(value) => weigh(name, value)} /></${Field}>`)}</div></fieldset>`}
    <${Tuning} value=${draft} onChange=${setDraft} error=${deed.error} />
    <${Rest} rest=${rest} />
    <div class="form-foot">${dirty && html`<${Button} onClick=${() => { setDraft(body); rest.setText(rest.first); }}>${t('models.discard')}</${Button}>`}<${Button} type="submit" kind="primary" busy=${deed.busy} disabled=${!dirty || !!rest.error}>${t('do.save')}</${Button}></div>
  </${Form}></${Folded}>`;
}
