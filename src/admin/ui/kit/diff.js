/** Before and after, field by field; and what a merge patch makes of a body. */
import { html } from '../lib.js';
import { t } from '../i18n.js';

const text = (value) => (value === undefined ? null : typeof value === 'string' ? value : JSON.stringify(value, null, 1));
const object = (value) => value && typeof value === 'object' && !Array.isArray(value);
const nameOf = (one) => one.name ?? (one.provider && `${one.provider}/${one.model ?? '*'}`);

// Lists of objects by their names, or by their places where these do not tell them apart; null where one is no such list.
function paired(before, after) {
  const lists = [before ?? [], after ?? []];
  if (!lists.every((list) => Array.isArray(list) && list.every(object)) || !lists.flat().length) return null;
  const plain = lists.every((list) => list.every(nameOf) && new Set(list.map(nameOf)).size === list.length);
  const all = lists.map((list) => new Map(list.map((one, at) => [plain ? nameOf(one) : at, one])));
  const [was, is] = all.map((map, at) => [...map.keys()].filter((key) => all[1 - at].has(key)).join(', '));
  return { all, order: was === is ? null : [was, is] };
}

/** [{path, before?, after?}] of two values: what differs, by the names that lead there, also into lists. */
export function differences(before, after, path = '') {
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  const lists = paired(before, after);
  if (lists) {
    const { all: [was, is], order } = lists;
    return [...new Set([...was.keys(), ...is.keys()])].flatMap((key) => differences(was.get(key), is.get(key), `${path}[${key}]`))
      .concat(order ? { path, before: order[0], after: order[1] } : []);
  }
  if (!object(before ?? {}) || !object(after ?? {})) return [{ path, before, after }];
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])];
  return names.flatMap((name) => differences(before?.[name], after?.[name], path ? `${path}.${name}` : name));
}

/** What a merge patch makes of a body. */
export function merged(body, change) {
  if (!object(change)) return change;
  const all = object(body) ? { ...body } : {};
  for (const [name, value] of Object.entries(change)) {
    if (value === null) delete all[name];
    else all[name] = merged(all[name], value);
  }
  return all;
}

/** @param {{fields: {path: string, before?: any, after?: any}[]}} props */
export const Diff = ({ fields }) => html`<table class="diff"><thead class="sr"><tr><th>${t('diff.field')}</th><th>${t('diff.before')}</th><th>${t('diff.after')}</th></tr></thead>
  <tbody>${fields.map((one) => html`<tr key=${one.path}><th scope="row">${one.path ? html`<code>${one.path.match(/.+?(?:[.\]/]|$)/g).map((part) => html`${part}<wbr />`)}</code>` : t('diff.value')}</th><td>${text(one.before) != null && html`<del>${text(one.before)}</del>`}</td><td>${text(one.after) != null && html`<ins>${text(one.after)}</ins>`}</td></tr>`)}</tbody></table>`;
