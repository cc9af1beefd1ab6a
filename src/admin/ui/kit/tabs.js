/** Tabs. Which is open belongs into the URL: `const [tab, setTab] = useQuery('tab', 'first')`. */
import { html, useRef, useLayoutEffect } from '../lib.js';

/** @param {{value: string, onChange: function, tabs: ({value: string, label: string, count?: any}|false)[], label: string, panel?: string}} props */
export function Tabs({ value, onChange, tabs, label }) {
  const root = useRef();
  const all = tabs.filter(Boolean);
  // On a phone the one that is open may be out of sight.
  useLayoutEffect(() => {
    const tab = root.current.querySelector('[aria-selected=true]');
    if (tab) root.current.scrollLeft = tab.offsetLeft - root.current.offsetLeft - (root.current.clientWidth - tab.offsetWidth) / 2;
  }, [value]);
  const keys = (event) => {
    const at = all.findIndex((one) => one.value === value);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (to == null) return;
    event.preventDefault();
    const next = (to + all.length) % all.length;
    onChange(all[next].value);
    root.current.children[next]?.focus();
  };
  return html`<div class="tabs" role="tablist" aria-label=${label} ref=${root} onKeyDown=${keys}>
    ${all.map((one) => html`<button type="button" role="tab" key=${one.value} id=${`tab-${one.value}`} aria-selected=${String(one.value === value)} aria-controls=${one.value === value ? `panel-${one.value}` : null}
      tabindex=${one.value === value ? 0 : -1} onClick=${() => onChange(one.value)}>${one.label}${one.count != null && html`<span class="count">${one.count}</span>`}</button>`)}
  </div>`;
}

/** What a tab shows. */
export const TabPanel = ({ value, children }) => html`<div role="tabpanel" id=${`panel-${value}`} aria-labelledby=${`tab-${value}`} class="tab-panel">${children}</div>`;
