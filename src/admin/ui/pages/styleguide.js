/** Every component in its states, for those who write pages. Not in the navigation; its sample texts are English only. */
import { html, useState, useMemo } from '../lib.js';
import { t } from '../i18n.js';
import { useQuery } from '../router.js';
import {
  Page, Section, Tabs, TabPanel, Icon, Button, IconButton, Field, Input, NumberInput, Secret, Textarea, Select, Switch, Checkbox, Segmented,
  Combobox, State, Badge, Status, Chip, Home, Notice, Meter, Share, Help, Folded, CopyButton, Copyable, Code, Menu, Tooltip, KeyValues, Figure, Tags,
} from '../kit/index.js';
import { ICONS } from '../kit/icons.js';
import { Data } from './styleguide/data.js';
import { Layers } from './styleguide/layers.js';

// Its styles are not the console's.
const style = Object.assign(document.createElement('link'), { rel: 'stylesheet', href: new URL('../styles/pages/styleguide.css', import.meta.url).href });
document.head.append(style);

const noop = () => {};
const Swatches = ({ names }) => html`<div class="styleguide-swatches">${names.map((name) => html`<div key=${name}><i style=${{ background: `var(--${name})` }} /><code>${name}</code></div>`)}</div>`;

function Controls() {
  const [text, setText] = useState('https://api.example.com/v1');
  const [number, setNumber] = useState(60);
  const [key, setKey] = useState('sk-example-0123456789');
  const [on, setOn] = useState(true);
  const [seg, setSeg] = useState('day');
  const [model, setModel] = useState('claude-sonnet-5-5');
  const [tags, setTags] = useState(['sonnet', 'claude-*']);
  const models = useMemo(() => ['claude-sonnet-5-5', 'claude-haiku-5-5', 'gpt-6', 'gpt-6-mini', 'gemini-4-pro'].concat(Array.from({ length: 2000 }, (_, at) => `relay/model-${at}`)).map((value, at) => ({ value, label: value, hint: at < 5 ? '200K context' : '' })), []);
  return html`<${Section} title="Buttons" help="One primary in a view. Danger only in the dialog that asks.">
      <div class="row wrap"><${Button} kind="primary" icon="plus">Add provider</${Button}><${Button} icon="refresh">Pull models</${Button}><${Button}>Plain</${Button}><${Button} kind="ghost">Ghost</${Button}>
        <${Button} kind="danger">Delete</${Button}><${Button} busy>Testing</${Button}><${Button} disabled>Disabled</${Button}><${Button} href="/ui/styleguide">Link</${Button}></div>
      <div class="row wrap styleguide-line"><${Button} size="small">Small</${Button}><${Button} size="small" icon="edit">Edit</${Button}><${IconButton} icon="trash" label="Delete" /><${IconButton} icon="more" label="More" size="small" /><${CopyButton} wide text="x" />
        <${Menu} label="Actions" trigger=${(props) => html`<${Button} icon="down" ...${props}>Menu</${Button}>`} items=${[{ label: 'Edit', icon: 'edit' }, { label: 'Duplicate', icon: 'copy', hint: 'With the same limits' }, '-', { label: 'Delete', icon: 'trash', danger: true }]} />
        <${Tooltip} text="Explains in one line, on hover and focus"><button type="button" class="link">Tooltip</button></${Tooltip}> <${Help} text="Requests a minute, over all keys of the tenant" /></div>
    </${Section}>
    <${Section} title="Fields"><div class="columns"><div class="form">
      <${Field} label="Base URL" help="Where the vendor's API answers; a path is kept."><${Input} value=${text} onInput=${setText} mono /></${Field}>
      <${Field} label="API key"><${Secret} value=${key} onInput=${setKey} /></${Field}>
      <${Field} label="Name" error="There is a provider of this name."><${Input} value="relay" onInput=${noop} /></${Field}>
      <${Field} label="Note" optional><${Textarea} value="" onInput=${noop} placeholder="For whom, and why" rows=${3} /></${Field}>
    </div><div class="form">
      <div class="form-row"><${Field} label="Requests"><${NumberInput} value=${number} onInput=${setNumber} unit="per min" /></${Field}><${Field} label="Format"><${Select} value="auto" onChange=${noop} options=${[{ value: 'auto', label: 'Detect' }, { value: 'openai', label: 'OpenAI Chat' }]} /></${Field}></div>
      <${Field} label="Model" help="2,005 options: searched, not rendered"><${Combobox} value=${model} onChange=${setModel} options=${models} clearable mono /></${Field}>
      <${Field} label="Models"><${Tags} value=${tags} onChange=${setTags} options=${models} /></${Field}>
      <${Field} label="Search" hidden><${Input} icon="search" value="" onInput=${noop} placeholder="Search models" /></${Field}>
      <${Field} label="Streaming" row><${Switch} checked=${on} onChange=${setOn} label=${on ? 'On' : 'Off'} /></${Field}>
      <${Field} label="Range" row><${Segmented} label="Range" value=${seg} onChange=${setSeg} options=${[{ value: 'hour', label: 'Hour' }, { value: 'day', label: 'Day' }, { value: 'week', label: 'Week' }]} /></${Field}>
      <div class="stack"><${Checkbox} checked=${on} onChange=${setOn} label="Keep bodies for a day" /><${Checkbox} some onChange=${noop} label="Some of them" /><${Checkbox} disabled onChange=${noop} label="Not here" /></div>
    </div></div></${Section}>
    <${Section} title="Code"><div class="columns"><${Code} title="Claude Code" label="Claude Code" text=${'export ANTHROPIC_BASE_URL=http://127.0.0.1:8899\nexport ANTHROPIC_API_KEY=tg-…'} /><${Code} lang="json" label="JSON" text=${JSON.stringify({ model: 'sonnet', stream: true, max_tokens: 1024, messages: [{ role: 'user', content: 'Hello' }] }, null, 2)} /></div></${Section}>`;
}

function Signs() {
  return html`<${Section} title="States" help="Colour, shape and word.">
      <div class="row wrap styleguide-gap">${['ok', 'half_open', 'cooling', 'open', 'refused', 'disabled'].map((value) => html`<${State} key=${value} value=${value} />`)}<${State} value="cooling" label="Cooling, 24 s" title="429 Too Many Requests, three times in a row" /></div>
      <div class="row wrap styleguide-gap styleguide-line">${['off', 'accent', 'ok', 'warn', 'bad', 'cool'].map((tone) => html`<${Badge} key=${tone} tone=${tone}>${tone}</${Badge}>`)}${[200, 304, 429, 502].map((code) => html`<${Status} key=${code} code=${code} />`)}</div>
      <div class="row wrap styleguide-gap styleguide-line"><${Chip}>sonnet</${Chip}><${Chip} label="model" onRemove=${noop} onClick=${noop}>claude-sonnet-5-5</${Chip}><${Chip} label="status" onRemove=${noop}>429</${Chip}>${['file', 'environment', 'shadowed', 'builtin'].map((home) => html`<${Home} key=${home} home=${home} />`)}</div>
    </${Section}>
    <${Section} title="Notices"><${Notice}>The configuration was read again; nothing has changed.</${Notice}><${Notice} kind="warn" title="Restart needed" action=${html`<${Button} size="small">Why</${Button}>`}>threads differs from what the process was started with.</${Notice}><${Notice} kind="bad">The key was refused: 401 invalid x-api-key.</${Notice}><${Notice} kind="ok">It works: 38 models, first token after 240 ms.</${Notice}></${Section}>
    <${Section} title="Figures"><div class="figures"><${Figure} label="Requests" value="128" unit="req/s" hint="+4 % on yesterday" /><${Figure} label="Errors" value="0.42" unit="%" help="Refused or broken off" /><${Figure} label="First token p95" value="612" unit="ms" tone="warn" /><${Figure} label="Tokens" value="48.2K" unit="tok/s" /><${Figure} label="Cost today" value="$12.48" hint="3 requests without a price" /></div>
      <div class="columns styleguide-line"><div class="stack"><${Meter} label="Requests" used=${42} limit=${60} format=${(n) => `${n} rpm`} /><${Meter} label="Tokens" used=${92000} limit=${100000} hint="resets in 4 h" /><${Meter} label="Budget" used=${20} limit=${20} format=${(n) => `$${n}`} /><${Meter} label="Concurrency" used=${3} limit=${null} /></div>
      <div class="stack">${[0.5, 0.3, 0.1].map((value) => html`<${Share} key=${value} value=${value} label="share" />`)}</div>
      <${KeyValues} items=${[['Provider', 'relay-one'], ['Base URL', html`<${Copyable} text="https://api.example.com/v1" />`], ['Timeout', '60 s'], ['Started', '21 Nov 2026, 15:58:54']]} /></div></${Section}>
    <${Section} title="Folded"><${Folded} title="Advanced" hint="timeouts, headers"><p class="prose">What is rarely needed.</p></${Folded}></${Section}>`;
}

const Colours = () => html`<${Section} title="Colours"><${Swatches} names=${['bg', 'surface', 'raised', 'sunken', 'hover', 'selected', 'line', 'line-strong', 'text', 'text-2', 'text-3', 'accent', 'accent-weak', 'ok', 'ok-weak', 'warn', 'warn-weak', 'bad', 'bad-weak', 'cool', 'cool-weak', 'chart-1', 'chart-2', 'chart-3', 'chart-4', 'chart-5', 'chart-6']} /></${Section}>
  <${Section} title="Type"><p class="styleguide-xxl">26 128 req/s</p><p class="styleguide-xl">20 First token</p><h1>15 Page title</h1><h2>14 Section</h2><p>13 Text, <span class="dim">dim</span>, <code>code</code>, <a href="/ui/styleguide">link</a></p><small>12 Small</small></${Section}>
  <${Section} title="Icons"><div class="styleguide-icons">${ICONS.map((name) => html`<div key=${name}><${Icon} name=${name} /><code>${name}</code></div>`)}</div></${Section}>`;

const PARTS = { controls: Controls, signs: Signs, data: Data, layers: Layers, colours: Colours };

export default function Styleguide() {
  const [tab, setTab] = useQuery('tab', 'controls');
  const Part = PARTS[tab] || Controls;
  return html`<${Page} title=${t('nav.styleguide')} tabs=${html`<${Tabs} label="Parts" value=${tab} onChange=${setTab} tabs=${[{ value: 'controls', label: 'Controls' }, { value: 'signs', label: 'Signs and figures' }, { value: 'data', label: 'Tables, lists, charts', count: 5 }, { value: 'layers', label: 'Layers and states' }, { value: 'colours', label: 'Colours and type' }]} />`}>
    <${TabPanel} value=${tab}><${Part} /></${TabPanel}></${Page}>`;
}
