/** Before and after, field by field. */
import { html } from '../../lib.js';
import { t } from '../../i18n.js';

const plain = (value) => (value === undefined ? null : typeof value === 'string' ? value : JSON.stringify(value));

/** [{path, before?, after?}] of two values: what differs, by the names that lead there. */
export function differences(before, after, path = '') {
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  const inner = (value) => value && typeof value === 'object' && !Array.isArray(value);
  if (!inner(before ?? {}) || !inner(after ?? {}) || (before === undefined && after === undefined)) return [{ path, before, after }];
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])];
  return names.flatMap((name) => differences(before?.[name], after?.[name], path ? `${path}.${name}` : name));
}

/** @param {{fields: {path: string, before?: any, after?: any}[]}} props */
export const Diff = ({ fields }) => html`<table class="diff"><thead class="sr"><tr><th>${t('settings.diff.field')}</th><th>${t('settings.diff.before')}</th><th>${t('settings.diff.after')}</th></tr></thead>
  <tbody>${fields.map((one) => html`<tr key=${one.path}><th scope="row">${one.path ? html`<code>${one.path}</code>` : t('settings.diff.value')}</th><td>${plain(one.before) != null && html`<del>${plain(one.before)}</del>`}</td><td>${plain(one.after) != null && html`<ins>${plain(one.after)}</ins>`}</td></tr>`)}</tbody></table>`;
