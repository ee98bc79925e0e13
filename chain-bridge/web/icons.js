// icons: 16 by 16 outlines, so that a state never hangs on its colour alone. Hidden from screen
// readers: a word always stands beside them.
import { el } from './dom.js';

const SVG = 'http://www.w3.org/2000/svg';

const PATHS = {
  ok: 'M3 8.5l3.2 3.2L13 4.8',
  late: 'M8 2.2a5.8 5.8 0 1 1 0 11.6A5.8 5.8 0 0 1 8 2.2M8 4.9V8l2.2 1.6',
  silent: 'M8 2.2l6.2 11.2H1.8zM8 6.4v3.2M8 11.4v.2',
  never: 'M8 2.2a5.8 5.8 0 1 1 0 11.6A5.8 5.8 0 0 1 8 2.2M5.4 8h5.2',
  closed: 'M8 2.2a5.8 5.8 0 1 1 0 11.6A5.8 5.8 0 0 1 8 2.2M4 12L12 4',
  substituted: 'M2.5 6h9M9 3.4L11.6 6 9 8.6M13.5 10.4h-9M7 7.8l-2.6 2.6L7 13',
  seal: 'M8 1.8l5 1.9v3.6c0 3.3-2 5.8-5 7-3-1.2-5-3.7-5-7V3.7zM5.6 7.9l1.8 1.8 3.1-3.3',
  overview: 'M2.3 9.5a5.7 5.7 0 0 1 11.4 0M8 9.5l2.6-3.2M3.5 12.7h9',
  meters: 'M3 2.5h10v11H3zM5.3 5.2h5.4M5.3 10.8h2M8 8h2.7M5.3 8h.2',
  heatmap: 'M2.5 2.5h4.2v4.2H2.5zM9.3 2.5h4.2v4.2H9.3zM2.5 9.3h4.2v4.2H2.5zM9.3 9.3h4.2v4.2H9.3z',
  alarms: 'M4 11V7.2a4 4 0 0 1 8 0V11l1.2 1.5H2.8zM6.7 14h2.6',
  batches: 'M8 1.8l5.5 3v6.4L8 14.2l-5.5-3V4.8zM2.5 4.8L8 7.9l5.5-3.1M8 7.9v6.3',
  report: 'M4 1.8h5.5L12.5 5v9.2H4zM9.3 1.8V5.2h3.2M6 8.3h4.5M6 11h4.5',
  verify: 'M6.8 2.3a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9M10.2 10.2l3.6 3.6M5 6.8l1.4 1.4 2.5-2.7',
  account:
    'M8 2.3a2.7 2.7 0 1 1 0 5.4 2.7 2.7 0 0 1 0-5.4M2.8 13.8c.4-3 2.5-4.3 5.2-4.3s4.8 1.3 5.2 4.3',
  power: 'M8 1.8v6M4.8 4a5.3 5.3 0 1 0 6.4 0',
  sun: 'M8 5a3 3 0 1 1 0 6 3 3 0 0 1 0-6M8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1.1 1.1M11.9 11.9L13 13M3 13l1.1-1.1M11.9 4.1L13 3',
  search: 'M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9M10.3 10.3l3.4 3.4',
  download: 'M8 2.2v7.6M4.8 6.8L8 10l3.2-3.2M2.8 13.5h10.4',
  print: 'M4.5 6V2.3h7V6M4.5 11.5H2.3V6h11.4v5.5h-2.2M4.5 9.3h7v4.4h-7z',
  back: 'M9.8 3.2L5 8l4.8 4.8',
  link: 'M5.2 10.8l5.6-5.6M6.3 5.2h4.5v4.5',
  down: 'M4 6.2l4 4 4-4',
};

export function icon(name, extra = '') {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 16 16');
  svg.setAttribute('class', `icon ${extra}`.trim());
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', PATHS[name] ?? PATHS.never);
  svg.append(path);
  return svg;
}

/** A state as people see it: icon and word on its colour. */
export const chip = ({ icon: name, word, tone, help }) =>
  el('span', { class: `chip ${tone}`, title: help }, icon(name), el('span', {}, word));

/** Turns a chip into that of another state, where it differs. */
export function setChip(node, state) {
  if (node.dataset.word === state.word) return;
  node.dataset.word = state.word;
  node.className = `chip ${state.tone}`;
  node.title = state.help ?? '';
  node.replaceChildren(icon(state.icon), el('span', {}, state.word));
}
