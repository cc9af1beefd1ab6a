/** Signing in: as a page, and laid over a page whose session ended. */
import { html, useState, useEffect } from './lib.js';
import { t, tx } from './i18n.js';
import { session } from './session.js';
import { signIn, signOut } from './api.js';
import { duration } from './format.js';
import { Button } from './kit/button.js';
import { Field, Input, Secret } from './kit/field.js';
import { Notice } from './kit/states.js';
import { Folded } from './kit/layout.js';
import { Blocker } from './kit/dialog.js';
import { Logo, Looks } from './looks.js';

/** The seconds that are left of a wait, counted down. */
function useCountdown() {
  const [until, setUntil] = useState(0);
  const [, tick] = useState(0);
  const left = Math.max(0, Math.ceil((until - Date.now()) / 1000));
  useEffect(() => {
    if (!left) return undefined;
    const timer = setTimeout(() => tick((n) => n + 1), 250);
    return () => clearTimeout(timer);
  });
  return [left, (seconds) => setUntil(Date.now() + seconds * 1000)];
}

function SignInForm({ account: known }) {
  const [account, setAccount] = useState(known || 'admin');
  const [password, setPassword] = useState('');
  const [state, setState] = useState({ busy: false, error: null });
  const [left, wait] = useCountdown();
  const go = async (event) => {
    event.preventDefault();
    if (state.busy || left) return;
    if (!password) { event.target.elements.password?.focus(); return; }
    setState({ busy: true, error: null });
    try {
      await signIn(account.trim(), password);
    } catch (error) {
      if (error.status === 429) wait(error.retryAfter || 1);
      setState({ busy: false, error });
      setPassword('');
    }
  };
  const { error } = state;
  return html`<form class="form" onSubmit=${go} aria-label=${t('signin.title')}>
    ${left > 0 ? html`<${Notice} kind="warn" title=${t('signin.wait.title')}>${t('signin.wait', { time: duration(left * 1000) })}</${Notice}>`
    : error && error.status !== 429 && html`<${Notice} kind="bad">${error.status === 401 ? t('signin.wrong') : error.status === 0 ? t('error.unreachable') : error.detail || t('error.unknown')}</${Notice}>`}
    <${Field} label=${t('signin.account')}><${Input} value=${account} onInput=${setAccount} name="account" autocomplete="username" readOnly=${!!known} /></${Field}>
    <${Field} label=${t('signin.password')}><${Secret} value=${password} onInput=${setPassword} name="password" autocomplete="current-password" data-autofocus autofocus /></${Field}>
    <${Button} type="submit" kind="primary" class="wide" busy=${state.busy} disabled=${left > 0}>${t('signin.go')}</${Button}>
  </form>`;
}

/** The page for whoever is not signed in. */
export function SignIn() {
  useEffect(() => { document.title = `${t('signin.title')} · Tidegate`; document.querySelector('[data-autofocus]')?.focus(); }, []);
  return html`<div class="signin"><div class="signin-looks"><${Looks} /></div>
    <main class="signin-box"><div class="signin-head"><${Logo} size=${36} /><h1>${t('signin.title')}</h1><p class="dim">${t('signin.lead')}</p></div>
      <${SignInForm} />
      <${Folded} title=${t('signin.first')}><div class="prose"><p>${tx('signin.first.text', { user: html`<code>admin</code>` })}</p>
        <p>${tx('signin.first.env', { variable: html`<code>ADMIN_PASSWORD</code>` })}</p></div></${Folded}>
    </main></div>`;
}

/** The session ended while a page was open. What was begun goes on after signing in. */
export function SignInAgain() {
  const who = session.value;
  return html`<${Blocker} label=${t('signin.again')}><div class="blocker-body"><h2>${t('signin.again')}</h2><p class="dim">${t('signin.again.text')}</p>
    <${SignInForm} account=${who?.account} /><button type="button" class="link" onClick=${() => signOut().catch(() => {})}>${t('signin.other')}</button></div></${Blocker}>`;
}
