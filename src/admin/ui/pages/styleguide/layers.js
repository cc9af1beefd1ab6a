/** Samples of layers, and of what a page shows when it has nothing to show. */
import { html, useState } from '../../lib.js';
import { Section, Button, Drawer, Dialog, confirm, conflict, toast, Empty, Failed, Skeleton, KeyValues, Field, Input, State, Form } from '../../kit/index.js';
import { ApiError } from '../../api.js';
import { expired } from '../../session.js';

const refused = new ApiError({ status: 422, title: 'Not valid', detail: 'The provider cannot be as this says.', problems: [{ field: 'base_url', message: 'is no URL', help: 'Did you mean https://?' }, { field: 'name', message: 'is taken' }] });

export function Layers() {
  const [drawer, setDrawer] = useState(false);
  const [dialog, setDialog] = useState(false);
  return html`<${Section} title="Layers"><div class="row wrap">
      <${Button} onClick=${() => setDrawer(true)}>Drawer</${Button}><${Button} onClick=${() => setDialog(true)}>Dialog</${Button}>
      <${Button} onClick=${() => confirm({ title: 'Revoke the key ci?', text: 'Who uses it is refused from now on.', action: 'Revoke', danger: true })}>Confirm</${Button}>
      <${Button} onClick=${() => confirm({ title: 'Delete relay-one?', text: 'Its 12 endpoints leave 3 models.', action: 'Delete', danger: true, type: 'relay-one' })}>Type to confirm</${Button}>
      <${Button} onClick=${() => conflict({ name: 'sonnet' })}>Conflict</${Button}><${Button} onClick=${() => { expired.value = true; setTimeout(() => { expired.value = false; }, 6000); }}>Session ended (6 s)</${Button}>
      <${Button} onClick=${() => toast('Model deleted', { undo: () => toast('It is back') })}>Toast with undo</${Button}><${Button} onClick=${() => toast('The vendor does not answer', { kind: 'bad' })}>Bad toast</${Button}></div></${Section}>
    <${Section} title="States of a page"><div class="columns"><${Empty} icon="providers" title="No providers yet" text="A provider is an account at a vendor: a URL and a key." action=${html`<${Button} kind="primary" icon="plus">Add provider</${Button}>`} />
      <${Failed} error=${new ApiError({ status: 503, detail: 'The database does not answer.' })} retry=${() => {}} /><${Skeleton} lines=${6} /></div></${Section}>
    ${drawer && html`<${Drawer} title="req_01m7zda010d4" sub="sonnet → primary" close=${() => setDrawer(false)} footer=${html`<${Button} onClick=${() => setDrawer(false)}>Close</${Button}>`}><${KeyValues} items=${[['State', html`<${State} value="ok" />`], ['First token', '240 ms'], ['Cost', '$0.0021']]} /></${Drawer}>`}
    ${dialog && html`<${Dialog} title="Add provider" close=${() => setDialog(false)}><${Form} error=${refused} fields=${['base_url']}><${Field} label="Base URL" error=${refused.field('base_url')}><${Input} value="api.example" data-autofocus /></${Field}>
      <div class="form-foot"><${Button} onClick=${() => setDialog(false)}>Cancel</${Button}><${Button} type="submit" kind="primary">Add</${Button}></div></${Form}></${Dialog}>`}`;
}
