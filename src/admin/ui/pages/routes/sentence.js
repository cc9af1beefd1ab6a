/** A route as a sentence. */
import { html } from '../../lib.js';
import { t, tx } from '../../i18n.js';
import { number } from '../../format.js';
import { formatName } from '../../calls.js';
import { Icon, Badge } from '../../kit/index.js';
import { conditionsOf } from './shape.js';

const joined = (parts, between) => parts.flatMap((part, at) => (at ? [between(at, parts.length), part] : [part]));

const values = (all, shown = (one) => one) => joined(all.map((one) => html`<code>${shown(one)}</code>`), (at, size) => t(at === size - 1 ? 'routes.or.last' : 'routes.or'));

function part({ kind, key, values: all, value }) {
  if (kind === 'tokens_over' || kind === 'tokens_under') return tx(`routes.if.${kind}`, { n: html`<span class="num">${number(value)}</span>` });
  if (typeof value === 'boolean') return t(`routes.if.${kind}.${value ? 'yes' : 'no'}`);
  if (key != null && all.length === 1 && all[0] === '*') return tx(`routes.if.${kind}.any`, { key: html`<code>${key}</code>` });
  return tx(`routes.if.${kind}`, { key: html`<code>${key}</code>`, values: html`<span>${values(all, kind === 'format' ? formatName : undefined)}</span>` });
}

/** What a request has to be: "The model is a or b, and a stream is asked for". @param {{when?: object}} props */
export function Sentence({ when }) {
  const all = conditionsOf(when);
  if (!all.length) return html`<p class="routes-sentence">${t('routes.if.every')}</p>`;
  return html`<p class="routes-sentence">${tx('routes.sentence', { all: html`<span>${joined(all.map(part), (at, size) => t(at === size - 1 ? 'routes.and.last' : 'routes.and'))}</span>` })}</p>`;
}

/** Where it goes. @param {{body: object}} props */
export function Target({ body }) {
  const { use, mode, keys } = body;
  return html`<div class="routes-target"><${Icon} name="right" size=${14} />
    <span class="sr">${t('routes.to')}</span>
    ${use == null ? html`<span>${t('routes.to.asked')}</span>`
    : typeof use === 'object' ? html`<code>${use.provider}/${use.model ?? '*'}</code>` : html`<code>${use}</code>`}
    ${mode === 'direct' && html`<${Badge} title=${t('routes.direct.how')}>${t('routes.direct')}</${Badge}>`}
    ${keys != null && html`<${Badge} icon="keys" title=${t('routes.ownkeys.how')}>${t('routes.ownkeys')}</${Badge}>`}</div>`;
}
