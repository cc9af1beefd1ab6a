/** Who may enter: accounts, their roles and passwords. */
import { html, useState } from '../../lib.js';
import { t } from '../../i18n.js';
import { api } from '../../api.js';
import { session } from '../../session.js';
import { useResource, useAction } from '../../resource.js';
import { ago, dateTime } from '../../format.js';
import { Section, Loaded, Table, Badge, Button, Menu, IconButton, Dialog, Form, Field, Input, Secret, Segmented, confirm, toast } from '../../kit/index.js';

const roles = () => ['admin', 'viewer'].map((value) => ({ value, label: t(`role.${value}`) }));

function AccountEditor({ account, close, done }) {
  const [name, setName] = useState(account?.name ?? '');
  const [role, setRole] = useState(account?.role ?? 'viewer');
  const [password, setPassword] = useState('');
  const save = useAction(async () => {
    if (account) await api.put(`/accounts/${encodeURIComponent(account.name)}`, { role: role === account.role ? undefined : role, password: password || undefined });
    else await api.post('/accounts', { name: name.trim(), role, password });
    toast(t(account ? 'settings.account.changed' : 'settings.account.made', { name }));
    done();
    close();
  });
  return html`<${Dialog} title=${account ? account.name : t('settings.account.new')} close=${close}><${Form} onSubmit=${save.run} error=${save.error} fields=${['name', 'role', 'password']}>
    ${!account && html`<${Field} label=${t('settings.account.name')} error=${save.error?.field('name')}><${Input} value=${name} onInput=${setName} autocomplete="off" data-autofocus /></${Field}>`}
    <${Field} label=${t('settings.account.role')} help=${t(`settings.role.${role}`)} error=${save.error?.field('role')}><${Segmented} label=${t('settings.account.role')} value=${role} onChange=${setRole} options=${roles()} /></${Field}>
    <${Field} label=${t(account ? 'settings.password.new' : 'signin.password')} optional=${!!account} help=${t(account ? 'settings.account.ends' : 'settings.password.rule')} error=${save.error?.field('password')}><${Secret} value=${password} onInput=${setPassword} autocomplete="new-password" /></${Field}>
    <div class="form-foot"><${Button} onClick=${close}>${t('do.cancel')}</${Button}><${Button} type="submit" kind="primary" busy=${save.busy}>${t(account ? 'do.save' : 'do.create')}</${Button}></div></${Form}></${Dialog}>`;
}

function Password() {
  const [old, setOld] = useState('');
  const [next, setNext] = useState('');
  const save = useAction(async () => {
    await api.put('/session/password', { old, new: next });
    setOld('');
    setNext('');
    toast(t('settings.password.changed'));
  });
  return html`<${Section} title=${t('settings.password')} help=${t('settings.password.help')}><div class="settings-narrow"><${Form} onSubmit=${save.run} error=${save.error} fields=${['old', 'new']}>
    <input class="sr" type="text" name="username" autocomplete="username" value=${session.value?.account} tabindex="-1" aria-hidden="true" readOnly />
    <${Field} label=${t('settings.password.old')} error=${save.error?.field('old')}><${Secret} value=${old} onInput=${setOld} autocomplete="current-password" /></${Field}>
    <${Field} label=${t('settings.password.new')} help=${t('settings.password.rule')} error=${save.error?.field('new')}><${Secret} value=${next} onInput=${setNext} autocomplete="new-password" /></${Field}>
    <div><${Button} type="submit" busy=${save.busy} disabled=${!old || !next}>${t('header.password')}</${Button}></div></${Form}></div></${Section}>`;
}

export function Accounts({ write }) {
  const list = useResource('/accounts');
  const [edited, edit] = useState(null);
  const me = session.value;
  const remove = (account) => confirm({
    title: t('settings.account.delete', { name: account.name }), text: t('settings.account.delete.text'), action: t('do.delete'), danger: true, type: account.name,
    run: () => api.del(`/accounts/${encodeURIComponent(account.name)}`),
  }).then((gone) => { if (gone) { toast(t('settings.account.deleted', { name: account.name })); list.reload(); } });
  const columns = [
    { key: 'name', label: t('settings.account.name'), title: true, sort: (row) => row.name, render: (row) => html`<span class="row">${row.name}${row.name === me.account && html`<${Badge} tone="accent">${t('settings.account.you')}</${Badge}>`}</span>` },
    { key: 'role', label: t('settings.account.role'), sort: (row) => row.role, render: (row) => t(`role.${row.role}`) },
    { key: 'created', label: t('settings.account.since'), sort: (row) => row.created_at, render: (row) => html`<time title=${dateTime(row.created_at)}>${ago(row.created_at)}</time>` },
    { key: 'updated', label: t('settings.account.touched'), sort: (row) => row.updated_at, render: (row) => html`<time title=${dateTime(row.updated_at)}>${ago(row.updated_at)}</time>` },
    write && { key: 'do', label: t('do.more'), hideLabel: true, actions: true, render: (row) => html`<${Menu} label=${t('do.more')} trigger=${(props) => html`<${IconButton} icon="more" size="small" label=${t('do.more')} ...${props} />`}
      items=${[{ label: t('do.edit'), icon: 'edit', onSelect: () => edit(row) }, row.name !== me.account && { label: t('do.delete'), icon: 'trash', danger: true, onSelect: () => remove(row) }]} />` },
  ].filter(Boolean);
  return html`<${Section} title=${t('settings.accounts')} help=${t('settings.accounts.help')} actions=${write && html`<${Button} kind="primary" icon="plus" onClick=${() => edit({})}>${t('settings.account.new')}</${Button}>`}>
      <${Loaded} of=${list} lines=${3}>${({ items }) => html`<${Table} label=${t('settings.accounts')} columns=${columns} rows=${items} />`}</${Loaded}></${Section}>
    ${me.csrf && html`<${Password} />`}
    ${edited && html`<${AccountEditor} account=${edited.name ? edited : null} close=${() => edit(null)} done=${list.reload} />`}`;
}
