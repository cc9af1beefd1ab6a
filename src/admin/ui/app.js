/** Begins: texts, session, then the page that was asked for. Pages are loaded when they are first shown. */
import { html, render, signal, effect, useErrorBoundary } from './lib.js';
import { loadTexts, t } from './i18n.js';
import { route } from './router.js';
import { session } from './session.js';
import { whoAmI } from './api.js';
import { connect, disconnect } from './events.js';
import { Shell, NAV } from './shell.js';
import { SignIn } from './signin.js';
import { Button, Empty, Failed, Page, Skeleton } from './kit/index.js';

const PAGES = new Set([...NAV.flat(), 'styleguide']);
/** What is shown: {id, View} or {id, error}. The page before stays until the next is here. */
const shown = signal(null);
const failed = signal(null);
const modules = new Map();

function load(id) {
  if (!modules.has(id)) {
    modules.set(id, import(`./pages/${id}.js`).then((module) => module.default));
  }
  return modules.get(id);
}

async function show(id) {
  if (!PAGES.has(id)) { shown.value = { id, View: NotFound }; return; }
  try {
    const View = await load(id);
    if (route.peek().page === id) shown.value = { id, View };
  } catch (error) {
    modules.delete(id);
    console.error(error);
    // Each browser has its own words for a module that did not come.
    if (/module/i.test(error.message) && error instanceof TypeError) error.status = 0;
    if (route.peek().page === id) shown.value = { id, error };
  }
}

const NotFound = () => html`<${Page} title=${t('notfound.title')}><${Empty} icon="search" title=${t('notfound.title')} text=${t('notfound.text')} action=${html`<${Button} href="/">${t('notfound.home')}</${Button}>`} /></${Page}>`;

function Current() {
  const now = shown.value;
  const { name, query, page } = route.value;
  if (!now) return html`<div class="page"><${Skeleton} lines=${6} /></div>`;
  if (now.error) return html`<${Page} title=${t(`nav.${now.id}`)}><${Failed} error=${now.error} retry=${() => show(now.id)} /></${Page}>`;
  return html`<${Guarded} key=${now.id} id=${now.id}><${now.View} name=${now.id === page ? name : null} query=${query} /></${Guarded}>`;
}

/** A page that breaks leaves the others usable. */
function Guarded({ id, children }) {
  const [error, again] = useErrorBoundary((broken) => console.error(broken));
  return error ? html`<${Page} title=${t(`nav.${id}`)}><${Failed} error=${error} retry=${again} /></${Page}>` : children;
}

function App() {
  if (failed.value) return html`<div class="signin"><${Failed} error=${failed.value} retry=${begin} /></div>`;
  if (session.value === undefined) return null;
  if (session.value === null) return html`<${SignIn} />`;
  return html`<${Shell}><${Current} /></${Shell}>`;
}

async function begin() {
  try {
    await Promise.all([whoAmI(), loadTexts()]);
    failed.value = null;
  } catch (error) { failed.value = error; }
}

const layers = document.createElement('div');
layers.id = 'layers';
document.body.append(layers);
effect(() => { if (session.value) show(route.value.page); });
effect(() => { if (session.value) connect(); else if (session.value === null) disconnect(); });
load(PAGES.has(route.peek().page) ? route.peek().page : 'dashboard').catch(() => {});
const app = document.getElementById('app');
begin().then(() => { app.replaceChildren(); render(html`<${App} />`, app); });
