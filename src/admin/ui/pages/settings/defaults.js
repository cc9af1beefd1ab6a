/** The gateway's settings: what holds, where it comes from, and another value. */
import { html, cx, useState, useEffect } from '../../lib.js';
import { t, tx, lang, setLang, LANGS, has } from '../../i18n.js';
import { api, objectPath } from '../../api.js';
import { useResource, useAction } from '../../resource.js';
import { list } from '../../format.js';
import { stored, useUnsaved } from '../../save.js';
import { choice, setTheme } from '../../theme.js';
import { Section, Loaded, Field, Input, NumberInput, Select, Switch, Combobox, Button, Home, Badge, Problem, Segmented, Notice, conflict, toast } from '../../kit/index.js';
import { SECTIONS, at, put } from './catalogue.js';

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const shown = (value) => (value === true ? t('settings.on') : value === false ? t('settings.off') : value == null ? t('settings.none') : String(value));

function Control({ kind, value, fallback, options, models, onChange, disabled }) {
  if (kind === 'switch') return html`<${Switch} checked=${value ?? fallback} disabled=${disabled} onChange=${onChange} label=${shown(value ?? fallback)} />`;
  if (kind === 'choice') return html`<${Select} value=${value ?? fallback} disabled=${disabled} onChange=${onChange} options=${options.map((one) => ({ value: one, label: has(`settings.choice.${one}`) ? t(`settings.choice.${one}`) : one }))} />`;
  if (kind === 'model') return html`<${Combobox} value=${value ?? ''} disabled=${disabled} free clearable options=${models} placeholder=${shown(fallback)} onChange=${(next) => onChange(next || undefined)} />`;
  if (kind === 'number') return html`<${NumberInput} value=${value} placeholder=${shown(fallback)} disabled=${disabled} min="0" onInput=${(next) => onChange(next ?? undefined)} />`;
  return html`<${Input} mono value=${value ?? ''} placeholder=${shown(fallback)} disabled=${disabled} onInput=${(next) => onChange(next.trim() === '' ? undefined : next)} />`;
}

function Row({ section, field, fallback, value, stored, locked, error, models, onChange, home }) {
  const [name, kind, options] = field;
  const key = name ? `${section}.${name}` : section;
  const own = value !== undefined;
  const help = html`${has(`settings.help.${key}`) && html`${t(`settings.help.${key}`)} `}<span class="nowrap">${tx('settings.default', { value: html`<code>${shown(fallback)}</code>` })}</span>`;
  return html`<div class=${cx('settings-row', own && 'own')}>
    <${Field} row label=${html`${t(`settings.name.${key}`)}<code class="settings-key">${key}</code>`} help=${help} error=${error?.field(name || section)}>
      <div class="settings-control"><${Control} kind=${kind} value=${value} fallback=${fallback} options=${options} models=${models} onChange=${onChange} disabled=${locked} />
      <span class="settings-from">${own ? (home && home !== 'database' ? html`<${Home} home=${home} />` : html`${stored !== undefined && html`<${Badge} tone="accent">${t('settings.own')}</${Badge}>`}${!locked && html`<button type="button" class="link" onClick=${() => onChange(undefined)}>${t('do.reset')}</button>`}`) : ''}</span></div>
    </${Field}></div>`;
}

function Part({ section, objects, models, write, done }) {
  const { name, fields } = section;
  const defaults = objects[0]?.default;
  const file = objects.find((one) => one.home === 'file' || one.home === 'environment');
  const kept = objects.find((one) => one.home === 'database' || one.home === 'shadowed');
  const object = file || kept;
  const [draft, setDraft] = useState(object?.body);
  useEffect(() => setDraft(object?.body), [object?.etag, JSON.stringify(object?.body)]);
  const locked = !write || !!file;
  const dirty = !locked && !same(draft, object?.body);
  useUnsaved(dirty);
  // A text is a value like others: it is sent as JSON, too.
  const send = async (there) => {
    const etag = there?.etag;
    const empty = draft === undefined || (fields && Object.keys(draft).length === 0);
    if (empty) { if (there) await api.del(objectPath('settings', name), { etag }); } else if (there) await api.put(objectPath('settings', name), JSON.stringify(draft), { etag });
    else await api.post('/settings', fields ? { name, value: draft } : { name, value: draft });
  };
  const save = useAction(async () => {
    try { await send(kept); } catch (error) {
      if (!error.stale && error.status !== 409) throw error;
      const now = await stored('settings', name);
      const chosen = await conflict({ name, theirs: now?.body ?? null, mine: draft });
      if (chosen === 'mine') await send(now);
      else { if (chosen === 'theirs') done(); return; }
    }
    toast(t('settings.saved'));
    done();
  });
  const drop = useAction(async () => { await api.del(objectPath('settings', name), { etag: kept.etag }); toast(t('settings.saved')); done(); });
  const rows = fields || [[null, section.kind, section.options]];
  return html`<form class="settings-part" novalidate onSubmit=${(event) => { event.preventDefault(); if (dirty) save.run(); }}>
    ${file && kept && html`<${Notice} kind="warn">${t('settings.shadowed')} <code>${JSON.stringify(kept.body)}</code>${write && html` <button type="button" class="link" onClick=${() => drop.run()}>${t('do.remove')}</button>`}</${Notice}>`}
    ${object?.fault && html`<${Notice} kind="bad">${object.fault}</${Notice}>`}
    ${rows.map((field) => html`<${Row} key=${field[0] || name} section=${name} field=${field} models=${models} locked=${locked} home=${object?.home} error=${save.error} fallback=${fields ? at(defaults, field[0]) : defaults}
      value=${fields ? at(draft, field[0]) : draft} stored=${fields ? at(object?.body, field[0]) : object?.body} onChange=${(next) => setDraft(fields ? put(draft, field[0], next) : next)} />`)}
    ${(save.error || drop.error) && html`<${Problem} error=${save.error || drop.error} />`}
    ${dirty && html`<div class="form-foot"><${Button} onClick=${() => { save.clear(); setDraft(object?.body); }}>${t('do.cancel')}</${Button}><${Button} type="submit" kind="primary" busy=${save.busy}>${t('do.save')}</${Button}></div>`}
  </form>`;
}

const Looks = () => html`<${Section} title=${t('settings.looks')} help=${t('settings.looks.help')}>
  <${Field} row label=${t('header.language')}><${Segmented} label=${t('header.language')} value=${lang.value} onChange=${setLang} options=${LANGS} /></${Field}>
  <div class="settings-gap"><${Field} row label=${t('header.theme')}><${Segmented} label=${t('header.theme')} value=${choice.value} onChange=${setTheme} options=${['auto', 'light', 'dark'].map((value) => ({ value, label: t(`theme.${value}`) }))} /></${Field}></div></${Section}>`;

/** Where the process listens, where that is not what the configuration says. */
const listening = (setting, status) => {
  const now = status?.listen.map((one) => one.address);
  const said = [setting.body].flat().map((one) => one?.addr ?? one);
  return setting.name === 'listen' && now && !same([...now].sort(), [...said].sort()) ? list(now) : null;
};

function Other({ setting, status }) {
  const now = listening(setting, status);
  return html`<div class="settings-other"><code>${setting.name}</code><div class="grow"><pre>${JSON.stringify(setting.body, null, 1)}</pre>${now && html`<p class="dim">${t('settings.listen.now', { list: now })}</p>`}</div><${Home} home=${setting.home} /></div>`;
}

export function Defaults({ write }) {
  const all = useResource('/settings');
  const status = useResource('/status');
  const models = useResource('/models');
  const names = (models.data?.items ?? []).map((one) => one.name);
  return html`<${Loaded} of=${all} lines=${12}>${({ items }) => {
    const part = (section) => html`<${Part} key=${section.name} section=${section} objects=${items.filter((one) => one.name === section.name)} models=${names} write=${write} done=${all.reload} />`;
    const others = items.filter((one) => !SECTIONS.some((section) => section.name === one.name));
    return html`<div class="settings-page"><${Section} title=${t('settings.general')} help=${t('settings.general.help')}>${SECTIONS.filter((one) => !one.fields).map(part)}</${Section}>
      ${SECTIONS.filter((one) => one.fields).map((one) => html`<${Section} key=${one.name} title=${t(`settings.group.${one.name}`)} help=${t(`settings.group.${one.name}.help`)}>${part(one)}</${Section}>`)}
      ${others.length > 0 && html`<${Section} title=${t('settings.others')} help=${t('settings.others.help')}>${others.map((one) => html`<${Other} key=${one.name + one.home} setting=${one} status=${status.data} />`)}</${Section}>`}
      <${Looks} /></div>`;
  }}</${Loaded}>`;
}
