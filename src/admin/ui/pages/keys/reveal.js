/** A key's value, shown this once. */
import { html, useState } from '../../lib.js';
import { t } from '../../i18n.js';
import { path } from '../../router.js';
import { Dialog, Button, Checkbox, CopyButton, Notice, confirm } from '../../kit/index.js';

/** @param {{made: {name: string, key: string, home: string}, rotated?: boolean, close: function}} props */
export function Reveal({ made, rotated, close }) {
  const [kept, setKept] = useState(false);
  const leave = async () => {
    if (kept || await confirm({ title: t('keys.reveal.leave'), text: t('keys.reveal.leave.text'), action: t('keys.reveal.leave.do'), danger: true })) close();
  };
  return html`<${Dialog} title=${t(rotated ? 'keys.reveal.rotated' : 'keys.reveal.made', { name: made.name })} close=${leave}
    footer=${html`<a class="button ghost" href=${path('connect', null, { key: made.name })}>${t('keys.reveal.connect')}</a><span class="grow" /><${Button} kind="primary" disabled=${!kept} onClick=${close}>${t('do.done')}</${Button}>`}>
    <div class="stack"><p>${t('keys.reveal.once')}</p>
      <div class="keys-value"><code data-key-value tabindex="0" aria-label=${t('keys.reveal.value')}>${made.key}</code><span onClick=${() => setKept(true)} class="contents"><${CopyButton} wide kind="plain" text=${made.key} label=${t('keys.reveal.copy')} /></span></div>
      ${made.home === 'shadowed' && html`<${Notice} kind="warn" title=${t('keys.reveal.shadowed')}>${t('home.shadowed.how')}</${Notice}>`}
      <${Checkbox} checked=${kept} onChange=${setKept} label=${t('keys.reveal.kept')} /></div></${Dialog}>`;
}
