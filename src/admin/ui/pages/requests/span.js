/** The time that is looked at: the last hour, …, or from and until. */
import { html, useState } from '../../lib.js';
import { t } from '../../i18n.js';
import { time, dateTime } from '../../format.js';
import { Menu, Icon, Dialog, Form, Field, Input, Button } from '../../kit/index.js';
import { setFilters } from './filters.js';

const LAST = ['15m', '1h', '6h', '24h', '7d', '30d'];
const moment = (text) => /^\d{4}-/.test(text || '');
const brief = (text) => (moment(text) ? time(text) : text);

export function shownSpan({ from, until }) {
  if (!from && !until) return t('requests.span.all');
  if (!until && LAST.includes(from)) return t(`requests.span.${from}`);
  if (!until) return t('requests.span.since', { from: brief(from) });
  return from ? `${brief(from)} – ${brief(until)}` : t('requests.span.until', { until: brief(until) });
}

// Of `<input type="datetime-local">`, in the browser's time zone, to the second.
const local = (text) => {
  const at = moment(text) ? new Date(text) : null;
  return at ? new Date(at - at.getTimezoneOffset() * 60e3).toISOString().slice(0, 19) : '';
};

function Custom({ span, close }) {
  const [from, setFrom] = useState(local(span.from));
  const [until, setUntil] = useState(local(span.until));
  const wrong = from && until && from >= until;
  const go = () => {
    if (wrong) return;
    setFilters({ from: from ? new Date(from).toISOString() : null, until: until ? new Date(until).toISOString() : null });
    close();
  };
  return html`<${Dialog} title=${t('requests.span.custom')} close=${close}><${Form} onSubmit=${go}>
    <div class="form-row"><${Field} label=${t('requests.span.from')}><${Input} type="datetime-local" step="1" value=${from} onInput=${setFrom} data-autofocus /></${Field}>
      <${Field} label=${t('requests.span.to')} error=${wrong ? t('requests.span.wrong') : null}><${Input} type="datetime-local" step="1" value=${until} onInput=${setUntil} /></${Field}></div>
    <p class="dim">${t('requests.span.zone', { zone: Intl.DateTimeFormat().resolvedOptions().timeZone })}</p>
    <div class="form-foot"><${Button} onClick=${close}>${t('do.cancel')}</${Button}><${Button} type="submit" kind="primary">${t('requests.span.show')}</${Button}></div></${Form}></${Dialog}>`;
}

/** @param {{span: {from?: string, until?: string}}} props */
export function Span({ span }) {
  const [custom, setCustom] = useState(false);
  const own = (span.from && !LAST.includes(span.from)) || !!span.until;
  const items = [
    { label: t('requests.span.all'), checked: !span.from && !span.until, onSelect: () => setFilters({ from: null, until: null }) },
    ...LAST.map((one) => ({ label: t(`requests.span.${one}`), checked: !span.until && span.from === one, onSelect: () => setFilters({ from: one, until: null }) })),
    '-',
    { label: t('requests.span.choose'), checked: own, onSelect: () => setCustom(true) },
  ];
  const label = shownSpan(span);
  const long = [span.from, span.until].filter(moment).map(dateTime).join(' – ');
  return html`<${Menu} label=${t('requests.span')} items=${items} trigger=${(props) => html`<button type="button" class="button requests-span" title=${long || null} aria-label=${`${t('requests.span')}: ${label}`} ...${props}><${Icon} name="clock" /><span class="cut num">${label}</span><${Icon} name="down" size=${12} /></button>`} />
    ${custom && html`<${Custom} span=${span} close=${() => setCustom(false)} />`}`;
}
