/** What is around every page: navigation, header, layers. */
import { html, cx, useState, useEffect } from './lib.js';
import { t } from './i18n.js';
import { route, path } from './router.js';
import { session, can, expired } from './session.js';
import { live, lost } from './events.js';
import { time } from './format.js';
import { signOut } from './api.js';
import { Icon } from './kit/icons.js';
import { IconButton } from './kit/button.js';
import { Menu, Tooltip } from './kit/menu.js';
import { Questions } from './kit/dialog.js';
import { Toasts } from './kit/toast.js';
import { pageTitle } from './kit/layout.js';
import { Logo, Looks } from './looks.js';
import { SignInAgain } from './signin.js';

/** The pages of the navigation, in groups. A page's id is its path, its icon, its module, its texts and its styles. */
export const NAV = [
  ['dashboard', 'requests'],
  ['providers', 'models', 'routes', 'keys'],
  ['playground', 'connect'],
  ['settings'],
];

function Nav({ open, close }) {
  const { page } = route.value;
  return html`<nav id="nav" class=${cx('sidebar', open && 'open')} aria-label=${t('nav.label')}>
    <a class="brand" href="/" onClick=${close}><${Logo} /><span>Tidegate</span></a>
    ${NAV.map((group, at) => html`<ul key=${at}>${group.map((id) => html`<li key=${id}><a href=${path(id)} aria-current=${page === id ? 'page' : null} onClick=${close}><${Icon} name=${id} /><span class="grow">${t(`nav.${id}`)}</span></a></li>`)}</ul>`)}
    <ul class="nav-end"><li><a href="/docs" target="_blank" rel="noreferrer"><${Icon} name="code" /><span class="grow">${t('nav.docs')}</span><${Icon} name="external" size=${12} class="quiet" /></a></li></ul>
  </nav>`;
}

const LiveSign = () => html`<${Tooltip} text=${t(`live.${live.value}.how`)}><span class=${`live ${live.value}`} tabindex="0"><i aria-hidden="true" /><span>${t(`live.${live.value}`)}</span></span></${Tooltip}>`;

function Account() {
  const who = session.value;
  if (!who) return null;
  return html`<${Menu} label=${t('header.account')} trigger=${(props) => html`<button type="button" class="button ghost account" aria-label=${`${t('header.account')}: ${who.account}`} ...${props}><span class="avatar" aria-hidden="true" data-letter=${who.account.slice(0, 1).toUpperCase()} /><span class="account-name">${who.account}</span><${Icon} name="down" size=${12} /></button>`}
    items=${[
    { label: who.account, hint: t(`role.${who.role}`), disabled: true },
    '-',
    { label: t('header.password'), icon: 'lock', href: path('settings', 'accounts') },
    { label: t('header.signout'), icon: 'signout', onSelect: signOut },
  ]} />`;
}

/** @param {{children: any}} props the page */
export function Shell({ children }) {
  const [open, setOpen] = useState(false);
  useEffect(() => {
    if (!open) return undefined;
    const escape = (event) => { if (event.key === 'Escape') setOpen(false); };
    addEventListener('keydown', escape);
    return () => removeEventListener('keydown', escape);
  }, [open]);
  return html`<a class="skip" href="#main">${t('nav.skip')}</a>
    <div class="shell">
      <${Nav} open=${open} close=${() => setOpen(false)} />
      ${open && html`<div class="nav-veil" onClick=${() => setOpen(false)} />`}
      <div class="stage">
        <header class="topbar">
          <span class="nav-open"><${IconButton} icon="menu" label=${t('nav.open')} aria-expanded=${String(open)} aria-controls="nav" onClick=${() => setOpen(!open)} /></span>
          <h1>${pageTitle.value}</h1>
          ${!can.write.value && html`<span class="badge off viewer"><${Icon} name="eye" size=${12} />${t('role.viewer')}</span>`}
          <span class="grow" />
          <${LiveSign} /><${Looks} /><${Account} />
        </header>
        ${lost.value && html`<p class="lost" role="alert"><${Icon} name="warn" size=${14} /><span>${t('live.lost', { time: time(lost.value) })}</span></p>`}
        <main id="main" tabindex="-1" class=${lost.value ? 'outdated' : null}>${children}</main>
      </div>
    </div>
    ${expired.value && html`<${SignInAgain} />`}
    <${Questions} /><${Toasts} />`;
}
