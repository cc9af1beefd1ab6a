/** Limits of a client key or a tenant: as fields, as a line, and how much of them is used. */
import { html, useMemo, cx } from '../../lib.js';
import { t } from '../../i18n.js';
import { compact, number, money, percent, ago, dateTime } from '../../format.js';
import { Field, NumberInput, Select, Input, Combobox, Folded, Meter } from '../../kit/index.js';

const RESETS = { day: '0 0 * * *', week: '0 0 * * 1', month: '0 0 1 * *' };
const resetName = (cron) => Object.keys(RESETS).find((name) => RESETS[name] === cron) ?? 'custom';

/** Limits as the form holds them. */
export const limitsForm = (limits = {}) => ({
  rpm: limits.rpm ?? null, tpm: limits.tpm ?? null, concurrency: limits.concurrency ?? null,
  budget: { usd: limits.budget?.usd ?? null, reset: limits.budget?.reset ?? RESETS.month, time_zone: limits.budget?.time_zone ?? '' },
  quota: { requests: limits.quota?.requests ?? null, tokens: limits.quota?.tokens ?? null, reset: limits.quota?.reset ?? RESETS.day, time_zone: limits.quota?.time_zone ?? '' },
});

/** The body's `limits` of a form; undefined where there are none. */
export function limitsBody(form) {
  const limits = {};
  for (const key of ['rpm', 'tpm', 'concurrency']) if (form[key] != null) limits[key] = form[key];
  const when = ({ reset, time_zone: zone }) => ({ reset, ...(zone ? { time_zone: zone } : {}) });
  if (form.budget.usd != null) limits.budget = { usd: form.budget.usd, ...when(form.budget) };
  if (form.quota.requests != null || form.quota.tokens != null) {
    limits.quota = { ...(form.quota.requests != null ? { requests: form.quota.requests } : {}), ...(form.quota.tokens != null ? { tokens: form.quota.tokens } : {}), ...when(form.quota) };
  }
  return Object.keys(limits).length ? limits : undefined;
}

/** The API's names of the fields, for a form's head. */
export const LIMIT_FIELDS = ['rpm', 'tpm', 'concurrency', 'budget.usd', 'budget.reset', 'budget.time_zone', 'quota.requests', 'quota.tokens', 'quota.reset', 'quota.time_zone', 'quota'].map((name) => `limits.${name}`);

function Resets({ of, value, put, error }) {
  const zones = useMemo(() => Intl.supportedValuesOf?.('timeZone') ?? [], []);
  const kind = resetName(value.reset);
  return html`<${Field} label=${t('keys.reset')}><${Select} value=${kind} onChange=${(next) => put({ reset: RESETS[next] ?? '0 */6 * * *' })} options=${['day', 'week', 'month', 'custom'].map((name) => ({ value: name, label: t(`keys.reset.${name}`) }))} /></${Field}>
    ${kind === 'custom' && html`<${Field} label=${t('keys.cron')} help=${t('keys.cron.help')} error=${error?.field(`limits.${of}.reset`)}><${Input} mono value=${value.reset} onInput=${(reset) => put({ reset })} /></${Field}>`}
    <${Field} label=${t('keys.zone')} error=${error?.field(`limits.${of}.time_zone`)}><${Combobox} free clearable value=${value.time_zone} onChange=${(zone) => put({ time_zone: zone })} options=${zones} placeholder=${t('keys.zone.own')} /></${Field}>`;
}

/** @param {{form: object, onChange: (form: object) => void, error?: Error}} props */
export function LimitFields({ form, onChange, error }) {
  const put = (change) => onChange({ ...form, ...change });
  const whole = (key, unit, help) => html`<${Field} label=${t(`keys.limit.${key}`)} help=${help} error=${error?.field(`limits.${key}`)}><${NumberInput} value=${form[key]} onInput=${(value) => put({ [key]: value })} min="1" step="1" unit=${unit} placeholder=${t('keys.nolimit')} /></${Field}>`;
  return html`<div class="form">
    <div class="form-row keys-three">${whole('rpm', t('keys.unit.rpm'))}${whole('tpm', t('keys.unit.tpm'))}${whole('concurrency', t('keys.unit.concurrency'))}</div>
    <div class="form-row"><${Field} label=${t('keys.limit.budget')} error=${error?.field('limits.budget.usd')}><${NumberInput} value=${form.budget.usd} onInput=${(usd) => put({ budget: { ...form.budget, usd } })} min="0" step="any" unit="USD" placeholder=${t('keys.nolimit')} /></${Field}>
      ${form.budget.usd != null && html`<${Resets} of="budget" value=${form.budget} put=${(change) => put({ budget: { ...form.budget, ...change } })} error=${error} />`}</div>
    <${Folded} title=${t('keys.limit.quota')} hint=${t('keys.limit.quota.hint')} open=${form.quota.requests != null || form.quota.tokens != null}>
      <div class="form-row"><${Field} label=${t('keys.quota.requests')} error=${error?.field('limits.quota.requests')}><${NumberInput} value=${form.quota.requests} onInput=${(requests) => put({ quota: { ...form.quota, requests } })} min="1" step="1" unit=${t('keys.unit.requests')} placeholder=${t('keys.nolimit')} /></${Field}>
        <${Field} label=${t('keys.quota.tokens')} error=${error?.field('limits.quota.tokens')}><${NumberInput} value=${form.quota.tokens} onInput=${(tokens) => put({ quota: { ...form.quota, tokens } })} min="1" step="1" unit=${t('keys.unit.tokens')} placeholder=${t('keys.nolimit')} /></${Field}>
        <${Resets} of="quota" value=${form.quota} put=${(change) => put({ quota: { ...form.quota, ...change } })} error=${error} /></div>
    </${Folded}></div>`;
}

/** What `/limits` says of somebody, as lines: [{key, used, limit, share, format, resets?, since?, reserved}]. Only what has a limit. */
export function linesOf(account) {
  if (!account) return [];
  const lines = [];
  const add = (key, used, limit, more) => { if (limit != null) lines.push({ key, used, limit, share: limit ? used / limit : 1, format: number, ...more }); };
  // Rates are counted only where one of them has a limit.
  if (account.rpm) add('rpm', account.rpm.used, account.rpm.limit);
  if (account.tpm) add('tpm', account.tpm.used, account.tpm.limit, { format: compact });
  if (account.concurrency) add('concurrency', account.concurrency.used, account.concurrency.limit);
  for (const term of account.terms) {
    const when = { resets: term.resets_at, since: term.since };
    if (term.requests) add('requests', term.requests.used, term.requests.limit, { ...when, reserved: term.requests.reserved });
    if (term.tokens) add('tokens', term.tokens.used, term.tokens.limit, { ...when, reserved: term.tokens.reserved, format: compact });
    if (term.cost_usd) add('budget', term.cost_usd.used, term.cost_usd.limit, { ...when, reserved: term.cost_usd.reserved, format: money });
  }
  return lines;
}

const left = (line) => Math.max(0, line.limit - line.used);

/** All limits of somebody, each as a bar, with what is left and when it begins anew. */
export const Bars = ({ account }) => html`<div class="keys-bars">${linesOf(account).map((line) => html`<${Meter} key=${line.key} label=${t(`keys.use.${line.key}`)} used=${line.used} limit=${line.limit} format=${line.format}
  hint=${line.resets ? html`<span title=${dateTime(line.resets)}>${t('keys.left.resets', { left: line.format(left(line)), when: ago(line.resets), at: dateTime(line.resets) })}</span>` : t(line.key === 'concurrency' ? 'keys.left.now' : 'keys.left.minute', { left: line.format(left(line)) })} />`)}</div>`;

/** The limit that is nearest to its end, in a table's cell. */
export function Nearest({ account }) {
  const lines = linesOf(account);
  if (!lines.length) return html`<span class="dim">${t('keys.nolimit')}</span>`;
  const line = lines.reduce((a, b) => (b.share > a.share ? b : a));
  const tone = line.share >= 1 ? 'bad' : line.share >= 0.8 ? 'warn' : 'ok';
  const said = t('keys.use.of', { name: t(`keys.use.${line.key}`), used: line.format(line.used), limit: line.format(line.limit) });
  return html`<span class=${cx('keys-nearest', tone)} title=${said}><span class="keys-nearest-bar" aria-hidden="true"><span style=${{ width: `${Math.min(100, line.share * 100)}%` }} /></span>
    <span class="num">${percent(line.share, 0)}</span><span class="dim cut">${t(`keys.short.${line.key}`)}</span></span>`;
}
