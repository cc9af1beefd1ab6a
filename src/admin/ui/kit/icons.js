/** Icons of our own: strokes of 1.5 on a field of 16. `html`<${Icon} name="search" />`. */
import { html } from '../lib.js';

const PATHS = {
  dashboard: 'M2.5 13.5v-4h3v4zM6.5 13.5v-11h3v11zM10.5 13.5v-7h3v7z',
  providers: 'M4.5 12.5a3 3 0 0 1-.4-5.97 4 4 0 0 1 7.8 0 3 3 0 0 1-.4 5.97z',
  models: 'M8 1.8l6 3.2-6 3.2-6-3.2zM2 8.2l6 3.2 6-3.2M2 11.2l6 3.2 6-3.2',
  routes: 'M2 4h3.5c2.5 0 2.5 8 5 8H14M2 12h3.5c1 0 1.6-1.2 2-2.5M8.7 6c.4-1.2 1-2 1.8-2H14M12 2l2 2-2 2M12 10l2 2-2 2',
  keys: 'M9.5 9.5a3.8 3.8 0 1 0-3-3L2 11v3h3v-1.7h1.7v-1.7h1.7zM10.8 5.2h.01',
  requests: 'M2.5 3.5h11M2.5 8h11M2.5 12.5h6.5',
  playground: 'M3 2.5l10 5.5-10 5.5zM3 8h4',
  connect: 'M6.5 9.5l3-3M7 4.5l1.5-1.5a3.2 3.2 0 0 1 4.5 4.5L11.5 9M9 11.5L7.5 13A3.2 3.2 0 0 1 3 8.5L4.5 7',
  settings: 'M2 4.5h6M11.5 4.5H14M2 11.5h2.5M8 11.5h6M9.75 2.75v3.5M6.25 9.75v3.5',
  search: 'M7 12a5 5 0 1 0 0-10 5 5 0 0 0 0 10zM10.7 10.7L14 14',
  plus: 'M8 3v10M3 8h10',
  close: 'M3.5 3.5l9 9M12.5 3.5l-9 9',
  check: 'M3 8.5l3.3 3.3L13 4.8',
  down: 'M4 6l4 4 4-4',
  up: 'M4 10l4-4 4 4',
  right: 'M6 4l4 4-4 4',
  left: 'M10 4L6 8l4 4',
  more: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  grip: 'M6 4h.01M10 4h.01M6 8h.01M10 8h.01M6 12h.01M10 12h.01',
  copy: 'M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z',
  trash: 'M2.5 4.5h11M6 4.5v-2h4v2M4 4.5l.6 9h6.8l.6-9M6.7 7.5v3.5M9.3 7.5v3.5',
  edit: 'M3 13l.7-3L10.8 2.9l2.3 2.3L6 12.3zM9.3 4.4l2.3 2.3',
  eye: 'M1.5 8s2.3-4.5 6.5-4.5S14.5 8 14.5 8s-2.3 4.5-6.5 4.5S1.5 8 1.5 8zM8 10a2 2 0 1 0 0-4 2 2 0 0 0 0 4z',
  eyeoff: 'M2.5 2.5l11 11M6.3 3.7A6 6 0 0 1 8 3.5c4.2 0 6.5 4.5 6.5 4.5a11 11 0 0 1-2 2.6M4.2 4.9A11 11 0 0 0 1.5 8s2.3 4.5 6.5 4.5c1.2 0 2.2-.3 3.1-.8',
  lock: 'M4 7.5h8v6H4zM5.5 7.5v-2a2.5 2.5 0 0 1 5 0v2',
  warn: 'M8 2l6.5 11.5h-13zM8 6.5v3.2M8 11.6h.01',
  info: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 7.3v3.7M8 5h.01',
  bad: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM5.8 5.8l4.4 4.4M10.2 5.8l-4.4 4.4',
  ok: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM5.3 8.3l2 2 3.5-4',
  cool: 'M8 1.8v12.4M2.6 4.9l10.8 6.2M13.4 4.9L2.6 11.1M6.3 2.7L8 4.3l1.7-1.6M6.3 13.3L8 11.7l1.7 1.6',
  refresh: 'M13.5 3v3.5H10M2.5 13V9.5H6M3.2 6.2A5.2 5.2 0 0 1 13.3 6.5M12.8 9.8A5.2 5.2 0 0 1 2.7 9.5',
  download: 'M8 2.5v7.5M4.8 7L8 10.2 11.2 7M2.5 13.5h11',
  upload: 'M8 10.5V3M4.8 6L8 2.8 11.2 6M2.5 13.5h11',
  external: 'M9.5 2.5h4v4M13.5 2.5L7.5 8.5M11.5 9.5v4h-9v-9h4',
  filter: 'M2 3.5h12M4.5 8h7M6.8 12.5h2.4',
  clock: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 4.8V8l2.2 1.5',
  sun: 'M8 10.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6zM8 1.5v1.3M8 13.2v1.3M1.5 8h1.3M13.2 8h1.3M3.4 3.4l.9.9M11.7 11.7l.9.9M3.4 12.6l.9-.9M11.7 4.3l.9-.9',
  moon: 'M13.5 9.6A5.9 5.9 0 0 1 6.4 2.5a5.9 5.9 0 1 0 7.1 7.1z',
  screen: 'M2 3h12v8H2zM6 13.5h4M8 11v2.5',
  globe: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM2 8h12M8 2c2 1.7 2.5 4 2.5 6S10 12.3 8 14c-2-1.7-2.5-4-2.5-6S6 3.7 8 2z',
  user: 'M8 8a2.8 2.8 0 1 0 0-5.6A2.8 2.8 0 0 0 8 8zM2.8 13.8a5.3 5.3 0 0 1 10.4 0',
  menu: 'M2.5 4.5h11M2.5 8h11M2.5 11.5h11',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  play: 'M4.5 3l8 5-8 5z',
  send: 'M14 2L7.3 8.7M14 2l-4.3 12-2.4-5.3L2 6.3z',
  bolt: 'M9 1.8L3.5 9H7.5L7 14.2 12.5 7H8.5z',
  undo: 'M5.5 3L2.5 6l3 3M2.5 6h7a4 4 0 0 1 0 8H6',
  signout: 'M6.5 2.5h-4v11h4M10.5 5l3 3-3 3M13.5 8H6',
  code: 'M5.5 4.5L2 8l3.5 3.5M10.5 4.5L14 8l-3.5 3.5',
  file: 'M3.5 1.8h5.5l3.5 3.5v9H3.5zM9 1.8v3.5h3.5',
};

/**
 * @param {{name: string, size?: number, label?: string, class?: string}} props `label` where the icon says something that no text does
 */
export function Icon({ name, size = 16, label, class: extra }) {
  return html`<svg class=${`icon ${extra || ''}`} width=${size} height=${size} viewBox="0 0 16 16" aria-hidden=${label ? null : 'true'}
    role=${label ? 'img' : null} aria-label=${label}><path d=${PATHS[name] || ''} stroke-width=${name === 'more' || name === 'grip' ? 2.2 : null} /></svg>`;
}

/** The names, for the style guide. */
export const ICONS = Object.keys(PATHS);
