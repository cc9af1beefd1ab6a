/** What runs here: version, addresses, store, and what it needs. */
import { html } from '../../lib.js';
import { t, name as named } from '../../i18n.js';
import { api } from '../../api.js';
import { forget, useResource, useAction } from '../../resource.js';
import { bytes, dateTime, duration, number } from '../../format.js';
import { Section, Loaded, KeyValues, Button, State, Notice, Problem, Copyable, toast } from '../../kit/index.js';

const TONES = { up: 'ok', away: 'warn', missing: 'bad' };

function Reload() {
  const reload = useAction(async () => {
    const done = await api.post('/reload', undefined);
    forget('/');
    if (done.restart.length) toast(t('settings.reload.restart', { names: done.restart.join(', ') }), { kind: 'warn', seconds: 12 });
    else toast(t('settings.reload.done'));
  });
  return html`<${Section} title=${t('settings.reload')} help=${t('settings.reload.help')}>${reload.error && html`<${Problem} error=${reload.error} />`}<${Button} icon="refresh" busy=${reload.busy} onClick=${() => reload.run()}>${t('settings.reload.go')}</${Button}></${Section}>`;
}

const address = (one) => html`<div key=${one.address}><${Copyable} text=${`${one.tls ? 'https' : 'http'}://${one.address}`} /></div>`;

export function About({ write }) {
  const status = useResource('/status', { every: 5000 });
  return html`<${Loaded} of=${status} lines=${10}>${(now) => html`
    ${now.records.lost > 0 && html`<${Notice} kind="bad" title=${t('settings.lost', { n: now.records.lost })}>${t('settings.lost.text')}</${Notice}>`}
    ${now.database.state !== 'up' && html`<${Notice} kind="warn" title=${t(`settings.database.${now.database.state}`)}>${t(`settings.database.${now.database.state}.text`)}</${Notice}>`}
    <${Section} title=${t('settings.process')}><${KeyValues} columns=${2} items=${[
    [t('settings.version'), now.version], [t('settings.node'), now.node && html`<code>${now.node}</code>`], [t('settings.pid'), String(now.pid)], [t('settings.started'), dateTime(now.started_at)], [t('settings.uptime'), duration(now.uptime_ms)], [t('settings.inflight'), t('settings.requests', { n: now.in_flight })],
    [t('settings.file'), now.file && html`<${Copyable} text=${now.file} />`], [t('settings.listen'), now.listen.map(address)], [t('settings.admin'), now.admin_listen && address(now.admin_listen)],
    [t('settings.name.auth'), named('settings.choice', now.auth)], [t('settings.demo'), now.demo ? t('settings.on') : null]]} /></${Section}>
    <${Section} title=${t('settings.store')} help=${t('settings.store.help')}><${KeyValues} columns=${2} items=${[
    [t('settings.database'), html`<span class="row">${named('settings.kind', now.database.kind)}<${State} value=${now.database.state} tone=${TONES[now.database.state]} label=${t(`settings.database.${now.database.state}`)} /></span>`],
    [t('settings.data'), html`<${Copyable} text=${now.data} />`], [t('settings.written'), number(now.records.written)], [t('settings.spool'), bytes(now.records.spooled_bytes)], [t('settings.lost.name'), number(now.records.lost)]]} /></${Section}>
    ${write && html`<${Reload} />`}`}</${Loaded}>`;
}
