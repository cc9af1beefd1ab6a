/** Samples of tables, lists that are dragged, and charts. */
import { html, useState, useMemo, useEffect } from '../../lib.js';
import { Section, Table, VirtualTable, State, Status, Share, IconButton, Home, Segmented, Badge } from '../../kit/index.js';
import { DragList } from '../../kit/draglist.js';
import { Chart } from '../../kit/chart.js';
import { number, duration, money } from '../../format.js';

const PROVIDERS = [
  { name: 'primary', home: 'file', state: 'ok', p50: 240, share: 0.62, cost: 12.4, seed: 1 },
  { name: 'relay-one', home: 'database', state: 'cooling', p50: 1840, share: 0.23, cost: 3.02, seed: 2 },
  { name: 'on-premises', home: 'shadowed', state: 'half_open', p50: null, share: 0.15, cost: 0.00042, seed: 3 },
];
const COLUMNS = [
  { key: 'name', label: 'Provider', title: true, sort: (row) => row.name, render: (row) => html`<span class="row">${row.name} <${Home} home=${row.home} /></span>` },
  { key: 'state', label: 'State', sort: (row) => row.state, render: (row) => html`<${State} value=${row.state} />` },
  { key: 'share', label: 'Share', align: 'end', sort: (row) => row.share, descending: true, render: (row) => html`<${Share} value=${row.share} />` },
  { key: 'p50', label: 'First token p50', align: 'end', sort: (row) => row.p50, render: (row) => duration(row.p50) },
  { key: 'cost', label: 'Cost today', align: 'end', sort: (row) => row.cost, descending: true, render: (row) => money(row.cost) },
  { key: 'do', label: 'Actions', hideLabel: true, actions: true, render: () => html`<${IconButton} icon="edit" label="Edit" size="small" /><${IconButton} icon="more" label="More" size="small" />` },
];
const MANY = Array.from({ length: 50000 }, (_, at) => ({ id: String(at), time: `15:${String(at % 60).padStart(2, '0')}:08.412`, model: ['sonnet', 'haiku', 'opus'][at % 3], status: [200, 200, 200, 429, 502][at % 5], ms: 180 + ((at * 97) % 2400), tokens: (at * 331) % 90000 }));
const WIDE = [
  { key: 'time', label: 'Time', width: '110px' }, { key: 'model', label: 'Model', width: 'minmax(90px,1fr)' }, { key: 'status', label: 'Status', width: '70px', render: (row) => html`<${Status} code=${row.status} />` },
  { key: 'ms', label: 'First token', width: '110px', align: 'end', render: (row) => duration(row.ms) }, { key: 'tokens', label: 'Tokens', width: '90px', align: 'end', render: (row) => number(row.tokens) },
];

function Lanes() {
  const [lanes, setLanes] = useState([{ id: 'Tier 1', items: ['primary / claude-sonnet-5-5', 'relay-one / sonnet'] }, { id: 'Tier 2', items: ['on-premises / qwen3-coder'] }]);
  const move = (key, to, index) => setLanes((was) => {
    const out = was.map((lane) => ({ ...lane, items: lane.items.filter((item) => item !== key) }));
    if (to === 'new') out.push({ id: `Tier ${out.length + 1}`, items: [] });
    (out.find((lane) => lane.id === to) || out[out.length - 1]).items.splice(index, 0, key);
    return out.filter((lane) => lane.items.length).map((lane, at) => ({ ...lane, id: `Tier ${at + 1}` }));
  });
  return html`<${DragList} label="Tiers" lanes=${lanes.map((lane) => ({ ...lane, head: html`<span>${lane.id}</span>`, empty: 'Drop here' }))} itemKey=${(item) => item} itemLabel=${(item) => item} onMove=${move} newLane="Drop here for a new tier"
    render=${(item) => html`<div class="row"><span class="grow cut">${item}</span><${State} value="ok" /><${Badge}>weight 10</${Badge}></div>`} />`;
}

function Charts() {
  const [range, setRange] = useState('live');
  const [tick, setTick] = useState(0);
  useEffect(() => { const timer = setInterval(() => setTick((n) => n + 1), 1000); return () => clearInterval(timer); }, []);
  const { x, requests, errors, quick, slow } = useMemo(() => {
    const now = Math.floor(Date.now() / 1000);
    const times = Array.from({ length: 180 }, (_, at) => now - 180 + at);
    const noise = (at, by) => Math.abs(Math.sin(at * 12.9898 + by) * 43758.5453) % 1;
    return { x: times, requests: times.map((at) => 90 + 30 * Math.sin(at / 30) + 20 * noise(at, 1)), errors: times.map((at) => 6 * noise(at, 2)), quick: times.map((at) => 220 + 50 * noise(at, 3)), slow: times.map((at) => 700 + 500 * noise(at, 4) ** 3) };
  }, [tick]);
  return html`<div class="columns">
    <${Chart} title="Requests" unit="req/s" sync="guide" x=${x} series=${[{ label: 'All', values: requests, color: 'chart-1', fill: true }, { label: 'Errors', values: errors, color: 'bad' }]} onZoom=${() => {}} />
    <${Chart} title="First token" sync="guide" format=${duration} x=${x} series=${[{ label: 'p50', values: quick, color: 'chart-1' }, { label: 'p95', values: slow, color: 'chart-3' }]} />
    <${Chart} title="Share by endpoint" unit="req/s" stacked x=${x} series=${[{ label: 'primary', values: requests, color: 'chart-1' }, { label: 'relay-one', values: quick.map((value) => value / 4), color: 'chart-2' }, { label: 'on-premises', values: errors.map((value) => value * 5), color: 'chart-3' }]} />
    <${Chart} title="Cost" unit="per hour" x=${[]} series=${[{ label: 'Cost', values: [], color: 'chart-4' }]} format=${money} /></div>
    <${Segmented} label="Range" value=${range} onChange=${setRange} options=${[{ value: 'live', label: 'Live' }, { value: 'day', label: '24 h' }]} small />`;
}

export function Data() {
  const [open, setOpen] = useState(null);
  const phone = (row) => html`<div class="stack styleguide-phone"><div class="row"><b class="grow">${row.model}</b><${Status} code=${row.status} /></div><div class="row dim"><span class="grow num">${row.time}</span><span class="num">${duration(row.ms)}</span></div></div>`;
  return html`<${Section} title="Charts" help="Values on hover; drag to zoom in."><${Charts} /></${Section}>
    <${Section} title="Table" help="Sorted by its heads; rows by arrow keys."><${Table} label="Providers" columns=${COLUMNS} rows=${PROVIDERS} onOpen=${(row) => setOpen(row.name)} selected=${open} sort=${{ key: 'share', dir: -1 }} /></${Section}>
    <${Section} title="Tiers" help="By mouse, touch, or arrow keys on the grip."><${Lanes} /></${Section}>
    <${Section} title="50,000 rows"><div class="styleguide-tall"><${VirtualTable} label="Requests" columns=${WIDE} rows=${MANY} rowKey=${(row) => row.id} onOpen=${(row) => setOpen(row.id)} selected=${open} phoneRow=${phone} /></div></${Section}>`;
}
