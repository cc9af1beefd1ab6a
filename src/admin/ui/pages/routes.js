/** Rules that decide where a request goes, before names do: in their order, the first that is met. */
import { html, cx, useState, useMemo, useRef, useCallback, useEffect } from '../lib.js';
import { t } from '../i18n.js';
import { api, objectPath } from '../api.js';
import { useResource } from '../resource.js';
import { useQuery, setQuery, navigate, path } from '../router.js';
import { can } from '../session.js';
import { number } from '../format.js';
import { Page, Loaded, Empty, Button, IconButton, Menu, Home, Badge, Icon, Notice, confirm, toast } from '../kit/index.js';
import { DragList } from '../kit/draglist.js';
import { Sentence, Target } from './routes/sentence.js';
import { Editor } from './routes/editor.js';
import { Explain } from './routes/explain.js';

const inForce = (row) => row.home !== 'shadowed' && !row.fault;
const declared = (row) => row.home === 'file' || row.home === 'environment';
// A name may stand twice: once in the file, once shadowed.
const idOf = (row) => (row.home === 'shadowed' ? `~${row.name}` : row.name);

/** The order as it is shown, and as it will be: written once the hand rests. */
function useOrder(list) {
  const before = useRef(null);
  const timer = useRef(0);
  const wanted = useRef(null);
  const write = useCallback(async (names, undo) => {
    try {
      list.set(await api.put('/routes/order', { names }));
      toast(undo ? t('routes.moved') : t('routes.moved.back'), undo ? { undo } : {});
    } catch (error) { toast.error(error); list.reload(); }
  }, [list.reload]);
  const flush = useCallback(() => {
    clearTimeout(timer.current);
    if (!wanted.current) return;
    const names = wanted.current;
    const was = before.current;
    wanted.current = null;
    before.current = null;
    write(names, () => write(was));
  }, [write]);
  useEffect(() => flush, []);
  return (items, names) => {
    const mine = items.filter((row) => !declared(row));
    before.current ??= mine.map((row) => row.name);
    wanted.current = names;
    list.set({ items: [...items.filter(declared), ...names.map((name) => mine.find((row) => row.name === name))] });
    clearTimeout(timer.current);
    timer.current = setTimeout(flush, 700);
  };
}

function Row({ row, place, verdict, dead, open, actions }) {
  const met = verdict && inForce(row) && verdict.route === row.name;
  return html`<div class=${cx('routes-row', met && 'met', verdict?.after && 'after', !inForce(row) && 'idle')}>
    <span class="routes-place num">${met ? html`<${Icon} name="check" label=${t('routes.met')} />` : place ?? '–'}</span>
    <div class="routes-main"><div class="routes-name"><button type="button" class="routes-open cut" onClick=${() => open(row)}>${row.name}</button><${Home} home=${row.home} />
        ${row.fault && html`<${Badge} tone="bad" title=${row.fault}>${t('routes.fault')}</${Badge}>`}${dead && html`<${Badge} tone="warn" title=${t('routes.dead.how')}>${t('routes.dead')}</${Badge}>`}</div>
      <${Sentence} when=${row.body.when} /></div>
    <${Target} body=${row.body} />
    <span class="routes-actions">${actions}</span></div>`;
}

export default function Routes({ name }) {
  // A link to a rule by its path opens its drawer.
  useEffect(() => { if (name) navigate(path('routes', null, { open: name }), { replace: true }); }, [name]);
  const list = useResource('/routes');
  const models = useResource('/models');
  const keys = useResource('/client-keys');
  const [open, setOpen] = useQuery('open', null, { push: true });
  const [asked] = useQuery('new', null);
  const [verdict, setVerdict] = useState(null);
  const write = can.write.value;
  const fresh = write && asked;
  const order = useOrder(list);
  const items = list.data?.items ?? [];
  const forced = useMemo(() => items.filter(inForce), [items]);
  const names = useMemo(() => ({
    model: (models.data?.items || []).map((row) => ({ value: row.name })),
    client_key: [...new Set((keys.data?.items || []).map((row) => row.name))],
  }), [models.data, keys.data]);
  const metAt = verdict ? forced.findIndex((row) => row.name === verdict.route) : -1;
  const everyAt = forced.findIndex((row) => !Object.keys(row.body.when || {}).length);
  const close = () => setQuery({ open: null, new: null, from: null });

  const remove = (row) => confirm({
    title: t('routes.delete', { name: row.name }), text: row.body.keys ? t('routes.delete.keys') : t('routes.delete.text'), action: t('do.delete'), danger: true,
    run: () => api.del(objectPath('routes', row.name), { etag: row.etag }),
  }).then((done) => {
    if (!done) return;
    const before = items.filter((one) => !declared(one)).map((one) => one.name);
    close();
    list.reload();
    // Keys are not told, so a rule with its own cannot come back.
    const undo = row.body.keys ? undefined : async () => {
      try { await api.post('/routes', { ...row.body, name: row.name }); list.set(await api.put('/routes/order', { names: before })); } catch (error) { toast.error(error); }
    };
    toast(t('routes.deleted', { name: row.name }), { undo });
  });

  const move = (name, to) => {
    const mine = items.filter((row) => !declared(row)).map((row) => row.name);
    const rest = mine.filter((one) => one !== name);
    rest.splice(to, 0, name);
    if (rest.join('\n') !== mine.join('\n')) order(items, rest);
  };
  const show = (row) => setOpen(idOf(row));
  const actions = (row, at, size) => write && html`<${Menu} label=${t('do.more')} trigger=${(props) => html`<${IconButton} icon="more" size="small" label=${t('routes.actions', { name: row.name })} ...${props} />`} items=${[
    { label: t('do.edit'), icon: 'edit', onSelect: () => show(row) },
    { label: t('routes.duplicate'), icon: 'copy', onSelect: () => setQuery({ new: 1, from: idOf(row), open: null }, { push: true }) },
    '-',
    { label: t('routes.first.do'), icon: 'up', disabled: at === 0, onSelect: () => move(row.name, 0) },
    { label: t('routes.last.do'), icon: 'down', disabled: at === size - 1, onSelect: () => move(row.name, size - 1) },
    '-',
    { label: t('do.delete'), icon: 'trash', danger: true, onSelect: () => remove(row) },
  ]} />`;
  const rowOf = (row, extra) => {
    const at = forced.indexOf(row);
    return html`<${Row} row=${row} place=${at < 0 ? null : number(at + 1)} open=${show} dead=${everyAt >= 0 && at > everyAt}
      verdict=${verdict && { ...verdict, after: metAt >= 0 && at > metAt }} actions=${extra} />`;
  };

  return html`<${Page} title=${t('nav.routes')} lead=${t('routes.lead')}>
    <div class="split routes-split"><div class=${cx('routes-list', !write && 'locked')}>
      <${Loaded} of=${list}>${() => {
    const fixed = items.filter(declared);
    const mine = items.filter((row) => !declared(row));
    const shown = [...items].find((row) => idOf(row) === open);
    const add = write && html`<${Button} kind="primary" icon="plus" onClick=${() => setQuery({ new: 1 }, { push: true })}>${t('routes.add')}</${Button}>`;
    const from = (route) => items.find((row) => idOf(row) === route);
    return html`${open && !shown && html`<${Notice} kind="warn" action=${html`<${IconButton} icon="close" size="small" label=${t('do.close')} onClick=${close} />`}>${t('routes.gone', { name: open })}</${Notice}>`}<div class="toolbar"><h2 class="grow">${t('routes.rules')}</h2>${items.length > 0 && html`<div class="actions">${add}</div>`}</div>
      ${!items.length && html`<${Empty} icon="routes" title=${t('routes.none')} text=${t('routes.none.text')} action=${add} />`}
      ${fixed.length > 0 && html`<ul class="routes-fixed" aria-label=${t('routes.fixed')}>${fixed.map((row) => html`<li key=${idOf(row)}><span class="routes-lock" aria-hidden="true" />${rowOf(row)}</li>`)}</ul>`}
      ${mine.length > 0 && html`<${DragList} label=${t('routes.rules')} locked=${!write} lanes=${[{ id: 'rules', name: t('routes.rules'), items: mine }]} itemKey=${(row) => row.name} itemLabel=${(row) => row.name}
        onMove=${(name, _, index) => move(name, index)} render=${(row) => rowOf(row, actions(row, mine.indexOf(row), mine.length))} />`}
      <div class=${cx('routes-row routes-otherwise', verdict && verdict.route == null && 'met', metAt >= 0 && 'after')}><span class="routes-place num">${verdict && verdict.route == null ? html`<${Icon} name="check" label=${t('routes.met')} />` : ''}</span>
        <div class="routes-main"><div class="routes-name"><b>${t('routes.otherwise')}</b></div><p class="routes-sentence">${t('routes.otherwise.text')}</p></div><a class="routes-target" href=${path('models')}>${t('nav.models')}</a><span /></div>
      ${(fresh || shown) && html`<${Editor} key=${fresh ? 'new' : open} row=${fresh ? null : shown} like=${fresh ? from(new URLSearchParams(location.search).get('from')) : null} names=${names}
        models=${names.model} fileNames=${new Set(fixed.map((row) => row.name))} close=${close} remove=${remove} locked=${!fresh && (!write || declared(shown))}
        saved=${(name, made) => { close(); list.reload(); if (made) toast(t('routes.made', { name })); }} />`}`;
  }}</${Loaded}></div>
      <${Explain} routes=${forced} models=${names.model} generation=${list.data} told=${setVerdict} /></div>
  </${Page}>`;
}
