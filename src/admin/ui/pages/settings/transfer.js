/** The configuration as a file: leaving, and coming, with what it would change before it does. */
import { html, useState, useRef } from '../../lib.js';
import { t, name as named } from '../../i18n.js';
import { api, download } from '../../api.js';
import { forget, useAction } from '../../resource.js';
import { Section, Button, Field, Textarea, Select, Checkbox, Problem, Notice, Badge, Home, Code, confirm, toast } from '../../kit/index.js';
import { Diff } from '../../kit/diff.js';

const FORMATS = ['auto', 'tidegate', 'provider_json', 'app_yml', 'litellm'];
const CHANGES = { added: 'ok', changed: 'warn', removed: 'bad' };

function Preview({ result }) {
  return html`<div class="settings-preview"><div class="row wrap">${['added', 'changed', 'removed', 'same'].map((what) => html`<${Badge} key=${what} tone=${result[what] ? CHANGES[what] || 'off' : 'off'}>${t(`settings.import.${what}`, { n: result[what] })}</${Badge}>`)}<span class="dim">${t('settings.import.as', { format: named('settings.format', result.format) })}</span></div>
    ${result.changes.map((one) => html`<div class="settings-change" key=${one.kind + one.name}><div class="row"><${Badge} tone=${CHANGES[one.what]}>${t(`settings.what.${one.what}`)}</${Badge}><span class="dim">${named('settings.kind', one.kind)}</span><code>${one.name}</code>${one.shadowed && html`<${Home} home="shadowed" />`}</div>${one.fields?.length > 0 && html`<${Diff} fields=${one.fields} />`}</div>`)}
    ${result.notes.length > 0 && html`<${Notice} kind="warn" title=${t('settings.import.notes')}><ul>${result.notes.map((one, at) => html`<li key=${at}>${typeof one === 'string' ? one : html`${(one.place || one.path) && html`<code>${one.place || one.path}</code> `}${one.message ?? one.text ?? JSON.stringify(one)}`}</li>`)}</ul></${Notice}>`}
    ${result.restart.length > 0 && html`<${Notice} kind="warn" title=${t('settings.restart')}>${result.restart.join(', ')}</${Notice}>`}</div>`;
}

function Import() {
  const [text, setText] = useState('');
  const [format, setFormat] = useState('auto');
  const [replace, setReplace] = useState(false);
  const [result, setResult] = useState(null);
  const file = useRef();
  const change = (set) => (value) => { set(value); setResult(null); };
  const look = useAction(async () => setResult(await api.post('/import', { text, format, replace })));
  const apply = async () => {
    const done = await confirm({ title: t('settings.import.ask'), text: t('settings.import.ask.text', { added: result.added, changed: result.changed, removed: result.removed }), action: t('settings.import.apply'), danger: result.removed > 0, type: result.removed > 0 ? t('settings.import.type', { n: result.removed }) : null,
      run: () => api.post('/import', { text, format, replace, apply: true }) });
    if (done) { forget('/'); setResult(null); setText(''); toast(t('settings.import.done')); }
  };
  const changes = result && result.added + result.changed + result.removed;
  return html`<${Section} title=${t('settings.import')} help=${t('settings.import.help')}><div class="form settings-wide">
    ${look.error && html`<${Problem} error=${look.error} of=${text} />`}
    <${Field} label=${t('settings.import.text')}><${Textarea} mono rows=${10} value=${text} onInput=${change(setText)} placeholder="version: 1" /></${Field}>
    <div class="row wrap"><input ref=${file} type="file" hidden accept=".yaml,.yml,.json,.txt" onChange=${async (event) => { const [chosen] = event.target.files; if (chosen) change(setText)(await chosen.text()); event.target.value = ''; }} />
      <${Button} icon="upload" onClick=${() => file.current.click()}>${t('settings.import.file')}</${Button}>
      <${Select} aria-label=${t('settings.import.format')} value=${format} onChange=${change(setFormat)} options=${FORMATS.map((value) => ({ value, label: named('settings.format', value) }))} />
      <${Checkbox} checked=${replace} onChange=${change(setReplace)} label=${t('settings.import.replace')} /></div>
    <div class="row"><${Button} kind=${result ? 'plain' : 'primary'} busy=${look.busy} disabled=${!text.trim()} onClick=${look.run}>${t('settings.import.look')}</${Button}>
      ${result && changes > 0 && html`<${Button} kind="primary" onClick=${apply}>${t('settings.import.apply')}</${Button}>`}${result && !changes && html`<span class="dim">${t('settings.import.nothing')}</span>`}</div>
    ${result && html`<${Preview} result=${result} />`}</div></${Section}>`;
}

export function Transfer({ write }) {
  const [secrets, setSecrets] = useState(false);
  const save = useAction(() => download('/export', 'tidegate.yaml', { query: { secrets: secrets || undefined }, headers: { accept: 'application/yaml' } }));
  return html`<${Section} title=${t('settings.export')} help=${t('settings.export.help')}>${save.error && html`<${Problem} error=${save.error} />`}
      <div class="row wrap"><${Button} icon="download" busy=${save.busy} onClick=${save.run}>${t('settings.export.go')}</${Button}>${write && html`<${Checkbox} checked=${secrets} onChange=${setSecrets} label=${t('settings.export.secrets')} />`}</div>
      ${secrets && html`<div class="settings-gap"><${Notice} kind="warn">${t('settings.export.warn')}</${Notice}></div>`}</${Section}>
    ${write && html`<${Import} />`}
    <${Section} title=${t('settings.backup')} help=${t('settings.backup.help')}><div class="settings-narrow"><${Code} label=${t('settings.backup')} text="tidegate backup tidegate-backup.db" /></div></${Section}>`;
}
