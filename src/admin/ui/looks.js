/** What the pages and the sign-in share: the mark, and how everything looks. */
import { html } from './lib.js';
import { t, lang, setLang, LANGS } from './i18n.js';
import { theme, choice, setTheme } from './theme.js';
import { Icon } from './kit/icons.js';
import { IconButton } from './kit/button.js';
import { Menu } from './kit/menu.js';

export const Logo = ({ size = 24 }) => html`<svg class="logo" width=${size} height=${size} viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="7" /><path d="M6 13c3.3 0 3.3-3 6.7-3s3.3 3 6.7 3 3.3-3 6.6-3M6 22c3.3 0 3.3-3 6.7-3s3.3 3 6.7 3 3.3-3 6.6-3" /></svg>`;

const THEMES = [['auto', 'screen'], ['light', 'sun'], ['dark', 'moon']];

/** Language and theme: in the header, and on the sign-in page. */
export const Looks = () => html`
  <${Menu} label=${t('header.language')} trigger=${(props) => html`<button type="button" class="button ghost lang" aria-label=${`${t('header.language')}: ${lang.value === 'zh' ? '中文' : 'EN'}`} ...${props}><${Icon} name="globe" /><span>${lang.value === 'zh' ? '中文' : 'EN'}</span></button>`}
    items=${LANGS.map((one) => ({ label: one.label, checked: lang.value === one.value, onSelect: () => setLang(one.value) }))} />
  <${Menu} label=${t('header.theme')} trigger=${(props) => html`<${IconButton} icon=${theme.value === 'dark' ? 'moon' : 'sun'} label=${t('header.theme')} ...${props} />`}
    items=${THEMES.map(([value, icon]) => ({ label: t(`theme.${value}`), icon, checked: choice.value === value, onSelect: () => setTheme(value) }))} />`;
