/** Settings: what the gateway does by default, who may enter, who changed what, prices, files that leave and come, and what runs here. */
import { html } from '../lib.js';
import { t } from '../i18n.js';
import { navigate, path } from '../router.js';
import { can } from '../session.js';
import { Page, Tabs, TabPanel } from '../kit/index.js';
import { Defaults } from './settings/defaults.js';
import { Accounts } from './settings/accounts.js';
import { Audit } from './settings/audit.js';
import { Prices } from './settings/prices.js';
import { Transfer } from './settings/transfer.js';
import { About } from './settings/about.js';

const PARTS = { defaults: Defaults, accounts: Accounts, audit: Audit, prices: Prices, transfer: Transfer, about: About };

export default function Settings({ name }) {
  const part = PARTS[name] ? name : 'defaults';
  const Part = PARTS[part];
  const tabs = Object.keys(PARTS).map((value) => ({ value, label: t(`settings.${value}`) }));
  return html`<${Page} title=${t('nav.settings')} tabs=${html`<${Tabs} label=${t('nav.settings')} value=${part} tabs=${tabs} onChange=${(to) => navigate(path('settings', to === 'defaults' ? null : to))} />`}>
    <${TabPanel} value=${part}><${Part} write=${can.write.value} /></${TabPanel}></${Page}>`;
}
