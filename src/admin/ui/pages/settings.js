/** Settings: what the gateway does by default, who may enter, who changed what, prices, files that leave and come, and what runs here. */
import { html, coded } from '../lib.js';
import { t } from '../i18n.js';
import { navigate, path } from '../router.js';
import { can } from '../session.js';
import { useResource } from '../resource.js';
import { dateTime } from '../format.js';
import { Page, Tabs, TabPanel, Notice } from '../kit/index.js';
import { Defaults } from './settings/defaults.js';
import { Accounts } from './settings/accounts.js';
import { Audit } from './settings/audit.js';
import { Prices } from './settings/prices.js';
import { Transfer } from './settings/transfer.js';
import { About } from './settings/about.js';

const PARTS = { defaults: Defaults, accounts: Accounts, audit: Audit, prices: Prices, transfer: Transfer, about: About };

/** What of the configuration does not hold yet, and why. */
function Pending() {
  const { data } = useResource('/status', { every: 5000 });
  const { refused, restart_needed: restart } = data ?? {};
  return html`${refused && html`<${Notice} kind="bad" title=${t('settings.refused', { at: dateTime(refused.since) })}>${refused.problems.map((one) => html`<p key=${one} class="mono">${coded(one)}</p>`)}</${Notice}>`}
    ${restart?.length > 0 && html`<${Notice} kind="warn" title=${t('settings.restart')}><code>${restart.join(', ')}</code></${Notice}>`}`;
}

export default function Settings({ name }) {
  const part = PARTS[name] ? name : 'defaults';
  const Part = PARTS[part];
  const tabs = Object.keys(PARTS).map((value) => ({ value, label: t(`settings.${value}`) }));
  return html`<${Page} title=${t('nav.settings')} tabs=${html`<${Tabs} label=${t('nav.settings')} value=${part} tabs=${tabs} onChange=${(to) => navigate(path('settings', to === 'defaults' ? null : to))} />`}>
    <${TabPanel} value=${part}><${Pending} /><${Part} write=${can.write.value} /></${TabPanel}></${Page}>`;
}
