/** Requests: found by a query bar, followed live, each with all that was tried for it. */
import { html, useMemo, useRef, useCallback, useEffect, useState } from '../lib.js';
import { t } from '../i18n.js';
import { number, list } from '../format.js';
import { useResource } from '../resource.js';
import { route, setQuery, useQuery } from '../router.js';
import { live } from '../events.js';
import { Page, VirtualTable, Empty, Failed, Skeleton, Button, Menu, Icon, Tooltip, Notice } from '../kit/index.js';
import { filtersOf, spanOf, strangers, setFilters, clearFilters, shownValue } from './requests/filters.js';
import { QueryBar, QUICK } from './requests/query.js';
import { Span } from './requests/span.js';
import { useRows } from './requests/rows.js';
import { columns, phoneRow } from './requests/columns.js';
import { scaleOf } from './requests/timing.js';
import { Detail } from './requests/detail.js';

const keepsBodies = (settings) => {
  const said = settings?.items?.find((one) => one.name === 'log')?.body?.bodies;
  return said === true || said?.enabled === true;
};

function Tail({ on, set, rows, able }) {
  const how = !able ? t('requests.tail.not') : t(on ? 'requests.tail.on' : 'requests.tail.off');
  return html`<${Tooltip} text=${how}><button type="button" class=${`button requests-tail ${on && able ? 'on' : ''}`} aria-pressed=${String(on && able)} disabled=${!able} onClick=${() => set(on ? 'off' : 'on')}>
    <${Icon} name=${on && able ? 'pause' : 'play'} size=${14} /><span>${t('requests.tail')}</span>${on && able && live.value === 'on' && html`<i aria-hidden="true" />`}${!on && rows.waiting > 0 && html`<span class="num requests-count">${number(rows.waiting)}</span>`}</button></${Tooltip}>`;
}

const Export = ({ filters, span }) => {
  const href = (as) => `/admin/api/v1/requests/export?${new URLSearchParams(Object.entries({ ...filters, ...span, as }).filter(([, value]) => value))}`;
  const take = (as) => { const link = document.createElement('a'); link.href = href(as); link.download = `requests.${as}`; link.click(); };
  return html`<${Menu} label=${t('requests.export')} items=${['ndjson', 'csv'].map((as) => ({ label: t(`requests.export.${as}`), hint: t(`requests.export.${as}.hint`), icon: 'download', onSelect: () => take(as) }))}
    trigger=${(props) => html`<button type="button" class="button" ...${props}><${Icon} name="download" /><span>${t('requests.export')}</span></button>`} />`;
};

function Quick({ filters }) {
  return html`<div class="requests-quick"><span class="dim">${t('requests.quick')}</span>${QUICK.filter((one) => filters[one.key] !== one.value).map((one) => html`<button type="button" class="link" key=${one.key} onClick=${() => setFilters({ [one.key]: one.value })}>${t(`requests.quick.${one.key}`, { value: shownValue(one.key, one.value) })}</button>`)}</div>`;
}

function useWidth() {
  const ref = useRef();
  const [width, set] = useState(innerWidth);
  useEffect(() => {
    const size = new ResizeObserver(() => ref.current && set(Math.round(ref.current.clientWidth / 20) * 20));
    size.observe(ref.current);
    return () => size.disconnect();
  }, []);
  return [ref, width];
}

export default function Requests() {
  const { query } = route.value;
  const key = [...query].filter(([name]) => !['open', 'body', 'live'].includes(name)).join('&');
  const { filters, span } = useMemo(() => ({ filters: filtersOf(query), span: spanOf(query) }), [key]);
  const able = !span.until;
  const [tail, setTail] = useQuery('live', 'on');
  const [open] = useQuery('open');
  const on = able && tail !== 'off';
  const rows = useRows(filters, span, on);
  const settings = useResource('/settings');
  const status = useResource('/status');
  const [frame, width] = useWidth();
  const filtered = Object.keys(filters).length > 0;
  const strange = strangers(query);
  const { items } = rows;
  const held = useRef(items);
  held.current = items;

  // What is open stays open when it leaves the list.
  const last = useRef(null);
  const row = items.find((one) => one.id === open) ?? (last.current?.id === open ? last.current : null);
  last.current = row;
  const show = (id) => setQuery({ open: id, body: id ? query.get('body') : null }, { push: !open !== !id });
  const at = items.findIndex((one) => one.id === open);
  const step = useCallback((by) => {
    const list = held.current;
    const now = list.findIndex((one) => one.id === route.peek().query.get('open'));
    const next = now < 0 ? null : list[now + by];
    if (next) setQuery({ open: next.id });
    if (now + by > list.length - 10) rows.loadOlder();
  }, []);

  const wanted = scaleOf(items);
  const scale = useRef(wanted);
  // The scale grows at once and shrinks only by much, so that bars do not jump while rows come in.
  if (!rows.loaded || wanted > scale.current || wanted * 4 < scale.current) scale.current = wanted;
  const cols = useMemo(() => columns(scale.current, width), [scale.current, width, t('requests.time')]);
  const toTop = () => { rows.load().then(() => { const box = frame.current?.querySelector('.virtual-table'); if (box) box.scrollTop = 0; }); };
  const empty = filtered || span.from || span.until
    ? html`<${Empty} icon="search" title=${t('requests.none.found')} text=${t('requests.none.found.text')} action=${html`<${Button} onClick=${clearFilters}>${t('requests.clear')}</${Button}>`} />`
    : html`<${Empty} icon="requests" title=${t('requests.none')} text=${t('requests.none.text')} action=${html`<${Button} kind="primary" href="/ui/connect" icon="connect">${t('requests.none.connect')}</${Button}>`} />`;

  return html`<${Page} title=${t('nav.requests')} full>
    <div class="requests-head"><${QueryBar} filters=${filters} open=${show} /><div class="requests-tools"><${Span} span=${span} /><${Tail} on=${tail !== 'off'} set=${setTail} rows=${rows} able=${able} /><${Export} filters=${filters} span=${span} /></div></div>
    ${strange.length > 0 && html`<${Notice} kind="warn">${t('requests.strange', { list: list(strange.map((name) => `${name}=${query.get(name)}`)) })} <button type="button" class="link" onClick=${() => setFilters(Object.fromEntries(strange.map((name) => [name, null])))}>${t('requests.strange.remove')}</button></${Notice}>`}
    <div class="requests-line"><${Quick} filters=${filters} />
      <span class="requests-said-count dim" role="status">${rows.holes > 0 && on ? html`<${Tooltip} text=${t('requests.holes.how')}><button type="button" class="link requests-holes" onClick=${() => setTail('off')}>${t('requests.holes', { n: rows.holes })}</button></${Tooltip}>` : ''}
      ${rows.loaded && html`<span class="num">${t(rows.older || rows.newer ? 'requests.count.more' : 'requests.count', { n: items.length })}</span>`}</span></div>
    <div class="requests-list" ref=${frame}>
      ${rows.waiting > 0 && html`<button type="button" class="button small requests-new" onClick=${toTop}><${Icon} name="up" size=${14} /><span class="num">${t('requests.new', { n: rows.waiting })}</span></button>`}
      ${!rows.loaded ? (rows.error ? html`<${Failed} error=${rows.error} retry=${() => rows.load({ fresh: true })} />` : html`<div class="requests-wait"><${Skeleton} lines=${14} /></div>`)
    : items.length === 0 ? empty
      : html`<${VirtualTable} label=${t('nav.requests')} columns=${cols} rows=${items} rowKey=${(one) => one.id} rowHeight=${33} selected=${open} anchored
          onOpen=${(one) => show(one.id)} onEnd=${() => rows.loadOlder()} onStart=${() => rows.loadNewer()} phoneRow=${phoneRow} />`}
      ${rows.more && html`<div class="requests-more" role="alert"><span>${t('requests.more.failed')}</span><${Button} size="small" onClick=${() => { rows.more = null; rows.loadOlder(); }}>${t('do.retry')}</${Button}></div>`}
    </div>
    ${open && html`<${Detail} id=${open} row=${row} close=${() => show(null)} step=${step} steps=${{ newer: at > 0, older: at >= 0 && at < items.length - 1 }} keeps=${keepsBodies(settings.data)} status=${status.data} />`}
  </${Page}>`;
}
