/** The page dashboard. */
import { html } from '../lib.js';
import { t } from '../i18n.js';
import { Page } from '../kit/index.js';

export default function Stub() {
  return html`<${Page} title=${t('nav.dashboard')} />`;
}
