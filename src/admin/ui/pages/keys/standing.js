/** How a client key or a tenant stands. */
import { t } from '../../i18n.js';
import { date, dateTime, ago } from '../../format.js';

const DAY = 86400e3;

/** The moment a key ends: a bare day is its end in UTC. */
export const endOf = (expires) => (expires == null ? null : new Date(/T/.test(expires) ? expires : new Date(`${expires}T00:00:00Z`).getTime() + DAY));

/**
 * {value, tone, label?, title?} for a `State`.
 * @param {object} row the object @param {Map<string, object>} tenants those in force, by name
 */
export function standing(row, tenants) {
  const end = endOf(row.body.expires);
  const tenant = row.body.tenant && tenants?.get(row.body.tenant);
  if (row.fault) return { value: 'failed', label: t('keys.state.fault'), title: row.fault };
  if (row.home === 'shadowed') return { value: 'off', label: t('keys.state.shadowed'), title: t('home.shadowed.how') };
  if (row.body.enabled === false) return { value: 'disabled' };
  if (end && end <= Date.now()) return { value: 'expired', tone: 'bad', title: dateTime(end) };
  if (tenant?.body.enabled === false) return { value: 'disabled', label: t('keys.state.tenant'), title: t('keys.state.tenant.how', { name: tenant.name }) };
  if (end && end - Date.now() < 14 * DAY) return { value: 'near', label: t('keys.state.soon', { when: ago(end) }), title: dateTime(end) };
  return { value: 'active' };
}

/** When a key ends, as a cell says it. */
export const ends = (expires) => (expires == null ? t('keys.never') : /T/.test(expires) ? dateTime(expires) : date(`${expires}T12:00:00Z`));
