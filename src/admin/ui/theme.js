/** Light, dark, or as the system says. Colours for canvases, which know no CSS variables. */
import { signal, computed, effect, kept } from './lib.js';

const system = matchMedia('(prefers-color-scheme: dark)');
const systemDark = signal(system.matches);
system.addEventListener('change', () => { systemDark.value = system.matches; });

/** 'auto' | 'light' | 'dark': what was chosen. */
export const choice = signal(['light', 'dark'].includes(kept.get('theme')) ? kept.get('theme') : 'auto');

/** 'light' | 'dark': what is shown. */
export const theme = computed(() => (choice.value === 'auto' ? (systemDark.value ? 'dark' : 'light') : choice.value));

effect(() => {
  const root = document.documentElement;
  if (choice.value === 'auto') delete root.dataset.theme;
  else root.dataset.theme = choice.value;
});

/** @param {'auto'|'light'|'dark'} next */
export function setTheme(next) {
  kept.set('theme', next === 'auto' ? null : next);
  choice.value = next;
}

let probe;
/** What `var(--name)` is now, as the browser computed it: `cssColor('accent')`. Read `theme.value` beside it to follow changes. */
export function cssColor(name) {
  if (!probe) {
    probe = document.createElement('i');
    probe.hidden = true;
    document.body.append(probe);
  }
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}
