/** An endpoint of a pool: added or changed. */
import { html, useState, useMemo } from '../../lib.js';
import { t } from '../../i18n.js';
import { useAction } from '../../resource.js';
import { Dialog, Form, Field, Button, Select, Combobox, NumberInput, Input, Switch, Folded, Textarea, toast } from '../../kit/index.js';
import { save } from '../../save.js';
import { tiersOf, priorityOf, weightOf } from './data.js';
import { Tuning, TUNED, Rest, useRest } from './tuning.js';

const FIELDS = ['provider', 'model', 'priority', 'weight', 'max_context', 'streaming', 'non_streaming', 'quota', 'set', 'enabled', 'retries', ...TUNED];
const RESETS = { '0 0 * * *': 'day', '0 * * * *': 'hour', '0 0 * * 1': 'week', '0 0 1 * *': 'month' };

/** Names of a provider's models, as far as they are known. */
export function modelsOf(providers, name) {
  const body = providers.find((one) => one.name === name && one.home !== 'shadowed')?.body;
  return [...new Set([...(body?.models ?? []), ...(body?.expose ?? []).filter((one) => !one.includes('*'))])];
}

/** Provider and model, searched. */
export function EndpointFields({ draft, set, providers, error }) {
  const names = providers.filter((one) => one.home !== 'shadowed').map((one) => ({ value: one.name, label: one.name }));
  const known = useMemo(() => modelsOf(providers, draft.provider), [providers, draft.provider]);
  return html`<div class="form-row"><${Field} label=${t('models.f.provider')} error=${error?.field('provider')}><${Select} value=${draft.provider} onChange=${(provider) => set({ provider, model: modelsOf(providers, provider).includes(draft.model) ? draft.model : undefined })} options=${draft.provider ? names : [{ value: '', label: t('models.f.choose') }, ...names]} data-autofocus /></${Field}>
    <${Field} label=${t('models.f.model')} help=${t('models.f.model.how')} error=${error?.field('model')}><${Combobox} mono free clearable value=${draft.model ?? ''} options=${known} placeholder=${t('models.passed')} onChange=${(model) => set({ model: model || undefined })} /></${Field}></div>`;
}

/** @param {{model: object, body: object, item?: object, providers: object[], close: function, done: function}} props `item` of `tiersOf`: that one is changed */
export function EndpointDialog({ model, body, item, providers, close, done }) {
  const first = item?.endpoint ?? { provider: providers.length === 1 ? providers[0].name : '' };
  const [draft, setDraft] = useState(() => ({ ...first, priority: priorityOf(first), weight: weightOf(first) }));
  const [setText, setSetText] = useState(first.set ? JSON.stringify(first.set, null, 2) : '');
  const rest = useRest(first, FIELDS);
  const set = (change) => setDraft((was) => ({ ...was, ...change }));
  const tiers = tiersOf(body.endpoints);
  const quota = (change) => { const next = { ...draft.quota, ...change }; for (const key of Object.keys(next)) if (next[key] == null || next[key] === '') delete next[key]; set({ quota: Object.keys(next).some((key) => key !== 'reset' && key !== 'time_zone') ? next : undefined }); };
  const deed = useAction(async () => {
    if (rest.error) return null;
    const made = { ...rest.value, ...draft };
    if (setText.trim()) { try { made.set = JSON.parse(setText); } catch (error) { throw Object.assign(new Error(error.message), { field: (name) => (name === 'set' ? error.message : null), others: () => [], problems: [1] }); } } else delete made.set;
    for (const key of Object.keys(made)) if (made[key] === undefined || made[key] === null) delete made[key];
    const list = item ? body.endpoints.map((one, index) => (index === item.index ? made : one)) : [...body.endpoints, made];
    const { saved, theirs } = await save({ kind: 'models', name: model.name, body: { endpoints: list }, etag: model.etag, patch: true });
    if (!saved && theirs === undefined) return null;
    if (saved) toast(t(item ? 'models.saved' : 'models.endpoint.added', { name: model.name }));
    done();
    return saved;
  });
  const preset = draft.quota?.reset ? RESETS[draft.quota.reset] ?? 'cron' : 'day';
  const last = tiers[tiers.length - 1]?.priority ?? 0;
  return html`<${Dialog} wide title=${t(item ? 'models.endpoint.edit' : 'models.endpoint.add')} sub=${model.name} close=${close}>
    <${Form} onSubmit=${deed.run} error=${deed.error} fields=${['provider', 'model', 'weight', 'priority', 'max_context', 'set', 'requests', 'tokens', 'reset', ...['connect', 'first_token', 'response', 'idle', 'total', 'retries', 'base', 'max', 'max_attempts', 'patience', 'budget', 'probe_after', 'failures', 'open_for']]}>
      <${EndpointFields} draft=${draft} set=${set} providers=${providers} error=${deed.error} />
      <div class="form-row"><${Field} label=${t('models.f.tier')} help=${t('models.f.tier.how')}><${Select} value=${String(draft.priority)} onChange=${(value) => set({ priority: Number(value) })} options=${[...tiers.map((tier) => ({ value: String(tier.priority), label: t('models.tier', { n: tier.number }) })), { value: String(last + 1), label: t('models.f.tier.fresh') }]} /></${Field}>
        <${Field} label=${t('models.weight')} help=${t('models.f.weight.how')} error=${deed.error?.field('weight')}><${NumberInput} value=${draft.weight} onInput=${(weight) => set({ weight: weight ?? undefined })} min="1" /></${Field}>
        <${Field} label=${t('models.f.context')} error=${deed.error?.field('max_context')} optional><${NumberInput} value=${draft.max_context} unit=${t('models.unit.tokens')} onInput=${(value) => set({ max_context: value ?? undefined })} /></${Field}></div>
      <${Folded} title=${t('models.f.quota')} hint=${t('models.f.quota.hint')} open=${!!first.quota}><div class="form-row">
        <${Field} label=${t('models.f.quota.requests')} error=${deed.error?.field('requests')} optional><${NumberInput} value=${draft.quota?.requests} onInput=${(requests) => quota({ requests })} /></${Field}>
        <${Field} label=${t('models.f.quota.tokens')} error=${deed.error?.field('tokens')} optional><${NumberInput} value=${draft.quota?.tokens} onInput=${(tokens) => quota({ tokens })} /></${Field}>
        <${Field} label=${t('models.f.quota.reset')}><${Select} value=${preset} onChange=${(value) => quota({ reset: value === 'cron' ? '0 6 * * *' : Object.keys(RESETS).find((cron) => RESETS[cron] === value) })} options=${['hour', 'day', 'week', 'month', 'cron'].map((value) => ({ value, label: t(`models.f.quota.${value}`) }))} /></${Field}>
        ${preset === 'cron' && html`<${Field} label=${t('models.f.quota.cron.label')} error=${deed.error?.field('reset')}><${Input} mono value=${draft.quota?.reset} onInput=${(reset) => quota({ reset })} /></${Field}>`}</div></${Folded}>
      <${Folded} title=${t('models.advanced')} hint=${t('models.f.advanced.hint')}><div class="form">
        <div class="form-row"><${Field} label=${t('models.f.streaming')} row><${Switch} checked=${draft.streaming !== false} onChange=${(on) => set({ streaming: on ? undefined : false })} /></${Field}>
          <${Field} label=${t('models.f.non_streaming')} row><${Switch} checked=${draft.non_streaming !== false} onChange=${(on) => set({ non_streaming: on ? undefined : false })} /></${Field}></div>
        <${Field} label=${t('models.f.set')} help=${t('models.f.set.how')} error=${deed.error?.field('set')} optional><${Textarea} mono rows=${3} value=${setText} onInput=${setSetText} placeholder=${'{ "temperature": 0.2 }'} /></${Field}>
        <${Tuning} value=${draft} onChange=${setDraft} error=${deed.error} />
        <${Rest} rest=${rest} /></div></${Folded}>
      <div class="form-foot"><${Button} onClick=${close}>${t('do.cancel')}</${Button}><${Button} type="submit" kind="primary" busy=${deed.busy} disabled=${!draft.provider}>${t(item ? 'do.save' : 'do.add')}</${Button}></div>
    </${Form}></${Dialog}>`;
}
