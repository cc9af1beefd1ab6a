/** Before and after, field by field; and what a merge patch makes of a body. */
import { html } from '../lib.js';
import { t } from '../i18n.js';

const text = (value) => (value === undefined ? null : typeof value === 'string' ? value : JSON.stringify(value));

/** [{path, before?, after?}] of two values: what differs, by the names that lead there. */
export function differences(before, after, path = '') {
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  const inner = (value) => value && typeof value === 'object' && !Array.isArray(value);
  if (!inner(before ?? {}) || !inner(after ?? {}) || (before === undefined && after === undefined)) return [{ path, before, after }];
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])];
  return names.flatMap((name) => differences(before?.[name], after?.[name], path ? `${path}.${name}` : name));
}

/** What a merge patch makes of a body. */
export function merged(body, change) {
  const plain = (value) => value && typeof value === 'object' && !Array.isArray(value);
  if (!plain(change)) return change;
  const all = plain(body) ? { ...body } : {};
  for (const [name, value] of Object.entries(change)) {
    if (value === null) delete all[name];
    else all[name] = merged(all[name], value);
  }
  return all;
}

/** @param {{fields: {path: string, before?: any, after?: any}[]}} props */
export const Diff = ({ fields }) => html`<table class="diff"><thead class="sr"><tr><th>${t('diff.field')}</th><th>${t('diff.before')}</th><th>${t('diff.after')}</th></tr></thead>
  <tbody>${fields.map((one) => html`<tr key=${one.path}><th scope="row">${one.path ? html`<code>${one.path}</code>` : t('diff.value')}</th><td>${text(one.before) != null && html`<del>${text(one.before)}</del>`}</td><td>${text(one.after) != null && html`<ins>${text(one.after)}</ins>`}</td></tr>`)}</tbody></table>`;
