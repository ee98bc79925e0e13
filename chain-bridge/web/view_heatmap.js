// view_heatmap: meters by intervals, worst first: where the holes are, and whether they fall at once.
import { getAll, meterPath } from './api.js';
import { announce, el, fill, onceAFrame, setText } from './dom.js';
import * as f from './format.js';
import { icon } from './icons.js';
import { afterBreak, empty, every, heading, loadInto } from './state.js';
import { CELL } from './words.js';

const KINDS = { o: 'ok', L: 'late', s: 'substituted', '.': 'missing', '?': 'pending' };
const ROW = 18;
const LABELS = 132; // room for the serials
const TOP = 26; // room for the times
const RELOAD_MS = 30_000;

const colours = () => {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    ok: of('ok-fill'),
    late: of('warn-fill'),
    substituted: of('info-fill'),
    missing: of('bad-fill'),
    pending: of('mute-soft'),
    ink: of('ink'),
    dim: of('ink-2'),
    surface: of('surface'),
    accent: of('accent'),
  };
};

/** Shapes, for those who cannot tell the colours: late a half, missing a hole, substituted a bar. */
function drawCell(pen, kind, x, y, w, h, palette) {
  const right = w > 3 ? 1 : 0;
  pen.fillStyle = palette[kind];
  if (kind === 'missing') {
    pen.fillRect(x, y, w - right, h);
    if (w < 4) return;
    pen.fillStyle = palette.surface;
    pen.fillRect(x + 1.5, y + 1.5, w - right - 3, h - 3);
  } else if (kind === 'late') {
    pen.globalAlpha = 0.45;
    pen.fillRect(x, y, w - right, h);
    pen.globalAlpha = 1;
    pen.fillRect(x, y + h / 2, w - right, h / 2);
  } else if (kind === 'substituted') {
    pen.globalAlpha = 0.45;
    pen.fillRect(x, y, w - right, h);
    pen.globalAlpha = 1;
    pen.fillRect(x, y + h / 3, w - right, h / 3);
  } else pen.fillRect(x, y, w - right, h);
}

class HeatCanvas {
  #map = null;
  #at = { row: 0, column: 0 };

  constructor({ open, told }) {
    this.open = open;
    this.told = told;
    this.canvas = el('canvas', { 'aria-hidden': 'true' });
    this.spacer = el('div', { class: 'heat-spacer', 'aria-hidden': 'true' });
    this.redraw = onceAFrame(() => this.#draw());
    this.element = el(
      'div',
      {
        class: 'card heat',
        tabindex: '0',
        role: 'application',
        'aria-label': 'Heat map. Arrow keys move from interval to interval, Enter opens the meter.',
        onscroll: () => this.redraw(),
        onkeydown: (event) => this.#keys(event),
        onmousemove: (event) => this.#point(event),
        onclick: (event) => this.#point(event) && this.open(this.#map.meters[this.#at.row]),
      },
      this.canvas,
      this.spacer,
    );
    this.resized = new ResizeObserver(() => this.redraw());
    this.resized.observe(this.element);
  }

  show(map) {
    this.#map = map;
    this.#at.column = Math.min(this.#at.column || map.columns - 1, map.columns - 1);
    this.#at.row = Math.min(this.#at.row, map.meters.length - 1);
    this.spacer.style.height = `${map.meters.length * ROW + TOP + 8}px`;
    this.redraw();
  }

  #cellWidth() {
    return (this.element.clientWidth - LABELS - 12) / this.#map.columns;
  }

  #prepare() {
    const scale = window.devicePixelRatio || 1;
    const { clientWidth: width, clientHeight: height } = this.element;
    if (
      this.canvas.width !== Math.round(width * scale) ||
      this.canvas.height !== Math.round(height * scale)
    ) {
      this.canvas.width = Math.round(width * scale);
      this.canvas.height = Math.round(height * scale);
      this.canvas.style.width = `${width}px`;
      this.canvas.style.height = `${height}px`;
    }
    const pen = this.canvas.getContext('2d');
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    return { pen, width, height };
  }

  #draw() {
    if (!this.#map || !this.element.clientWidth) return;
    const { pen, width, height } = this.#prepare();
    const palette = colours();
    const w = this.#cellWidth();
    const { scrollTop } = this.element;
    const first = Math.max(0, Math.floor(scrollTop / ROW));
    const last = Math.min(this.#map.meters.length, Math.ceil((scrollTop + height) / ROW));
    pen.font = '12px system-ui, sans-serif';
    pen.textBaseline = 'middle';
    for (let row = first; row < last; row++)
      this.#drawRow(pen, row, TOP + row * ROW - scrollTop, w, palette);
    this.#drawTimes(pen, width, w, palette);
    this.#drawCursor(pen, w, scrollTop, palette);
  }

  #drawRow(pen, row, y, w, palette) {
    const { serial, meter } = this.#map.meters[row];
    pen.fillStyle = row === this.#at.row ? palette.ink : palette.dim;
    pen.fillText(serial ?? `id ${meter}`, 14, y + ROW / 2, LABELS - 20);
    const cells = this.#map.cells[row];
    for (let c = 0; c < cells.length; c++)
      drawCell(pen, KINDS[cells[c]] ?? 'pending', LABELS + c * w, y + 1, w, ROW - 3, palette);
  }

  #drawTimes(pen, width, w, palette) {
    const { start_t, step_s, columns } = this.#map;
    pen.fillStyle = palette.surface;
    pen.fillRect(0, 0, width, TOP);
    pen.fillStyle = palette.dim;
    pen.fillText(f.zone(start_t), 14, TOP / 2);
    const each = Math.max(1, Math.ceil(64 / w));
    for (let c = 0; c < columns; c += each)
      if (LABELS + c * w + 36 < width)
        pen.fillText(label(start_t + c * step_s, step_s), LABELS + c * w, TOP / 2);
  }

  #drawCursor(pen, w, scrollTop, palette) {
    if (document.activeElement !== this.element) return;
    const { row, column } = this.#at;
    pen.strokeStyle = palette.accent;
    pen.lineWidth = 2;
    pen.strokeRect(LABELS + column * w - 1, TOP + row * ROW - scrollTop, w + 1, ROW - 1);
  }

  #tell(aloud) {
    const { meters, cells, start_t, step_s } = this.#map;
    const { row, column } = this.#at;
    const from = start_t + column * step_s;
    const name = meters[row].serial ?? `meter ${meters[row].meter}`;
    const { word } = CELL[KINDS[cells[row][column]] ?? 'pending'];
    const words = `${name}, ${f.clock(from)} to ${f.clock(from + step_s)}: ${word.toLowerCase()}`;
    this.told(words);
    if (aloud) announce(words);
  }

  #point(event) {
    if (!this.#map) return false;
    const box = this.element.getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left - LABELS) / this.#cellWidth());
    const row = Math.floor((event.clientY - box.top - TOP + this.element.scrollTop) / ROW);
    if (row < 0 || row >= this.#map.meters.length || event.clientY - box.top < TOP) return false;
    this.#at = { row, column: Math.max(0, Math.min(this.#map.columns - 1, column)) };
    this.#tell(false);
    this.redraw();
    return true;
  }

  #keys(event) {
    if (!this.#map) return;
    const moves = {
      ArrowLeft: [0, -1],
      ArrowRight: [0, 1],
      ArrowUp: [-1, 0],
      ArrowDown: [1, 0],
      PageUp: [-20, 0],
      PageDown: [20, 0],
      Home: [0, -Infinity],
      End: [0, Infinity],
    };
    if (event.key === 'Enter') return this.open(this.#map.meters[this.#at.row]);
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    const clamp = (value, count) => Math.max(0, Math.min(count - 1, value));
    this.#at = {
      row: clamp(this.#at.row + move[0], this.#map.meters.length),
      column: clamp(this.#at.column + move[1], this.#map.columns),
    };
    this.#reveal();
    this.#tell(true);
    this.redraw();
  }

  #reveal() {
    const y = this.#at.row * ROW;
    const { scrollTop, clientHeight } = this.element;
    if (y < scrollTop) this.element.scrollTop = y;
    else if (y + ROW + TOP + 8 > scrollTop + clientHeight)
      this.element.scrollTop = y + ROW + TOP + 8 - clientHeight;
  }
}

const label = (t, stepS) => (stepS < 60 ? f.seconds(t) : f.hours(t));

// --- around it -----------------------------------------------------------------------------------------

function legend() {
  return el(
    'ul',
    { class: 'legend', 'aria-label': 'Legend' },
    Object.entries(CELL).map(([kind, { word, icon: name }]) =>
      el('li', {}, el('span', { class: `heat-key key-${kind}` }), icon(name), word),
    ),
  );
}

/** The same in words and numbers: what an interval lacks. */
function summary(map) {
  const rows = map.totals
    .map(([ok, late, substituted, missing], c) => ({ ok, late, substituted, missing, c }))
    .filter((r) => r.ok + r.late + r.substituted + r.missing > 0)
    .reverse();
  const cells = ['ok', 'late', 'substituted', 'missing'];
  return el(
    'details',
    { class: 'card' },
    el('summary', {}, 'The same as a table: intervals and how many meters were read'),
    el(
      'div',
      { class: 'scroll-x heat-table' },
      el(
        'table',
        {},
        el(
          'thead',
          {},
          el(
            'tr',
            {},
            el('th', {}, `Interval (${f.zone()})`),
            cells.map((k) => el('th', { class: 'number' }, CELL[k].word)),
          ),
        ),
        el(
          'tbody',
          {},
          rows.map((r) =>
            el(
              'tr',
              {},
              el('td', {}, f.time(map.start_t + r.c * map.step_s)),
              cells.map((k) => el('td', { class: 'number' }, f.number(r[k]))),
            ),
          ),
        ),
      ),
    ),
  );
}

const loadMap = (values, signal) =>
  getAll('heatmap', { limit: 10_000, ...values }, signal, (a, b) => ({
    ...b,
    meters: [...a.meters, ...b.meters],
    cells: [...a.cells, ...b.cells],
  }));

async function open(root, { live, signal }) {
  const chosen = { columns: 96, sort: 'worst', search: '' };
  const box = el('div', { class: 'live-data' });
  const told = el('p', { class: 'heat-told' });
  const shown = el('span');
  const canvas = new HeatCanvas({
    open: (row) => {
      location.hash = `#/meter/${meterPath(row)}`;
    },
    told: (words) => setText(told, words),
  });
  signal.addEventListener('abort', () => canvas.resized.disconnect());
  window.addEventListener('theme', canvas.redraw, { signal });
  canvas.element.addEventListener('focus', canvas.redraw);
  canvas.element.addEventListener('blur', canvas.redraw);

  const select = (name, word, options) =>
    el(
      'label',
      { class: 'inline' },
      el('span', {}, word),
      el(
        'select',
        { onchange: (event) => ((chosen[name] = event.target.value), refresh()) },
        options.map(([value, text]) =>
          el('option', { value, selected: String(chosen[name]) === value }, text),
        ),
      ),
    );
  const bar = el(
    'div',
    { class: 'filters' },
    el('input', {
      type: 'search',
      placeholder: 'Serial or meter id',
      'aria-label': 'Search by serial or meter id',
      onchange: (event) => ((chosen.search = event.target.value.trim()), refresh()),
    }),
    select('columns', 'Show', [
      ['48', '48 intervals'],
      ['96', '96 intervals'],
      ['192', '192 intervals'],
    ]),
    select('sort', 'Order', [
      ['worst', 'worst first'],
      ['serial', 'by serial'],
      ['meter', 'by meter id'],
    ]),
  );

  let table = null;
  function show(map) {
    setText(shown, `${f.count(map.meters.length, 'meter')}, intervals of ${f.age(map.step_s)}`);
    if (map.meters.length === 0) {
      fill(
        box,
        el(
          'div',
          { class: 'card' },
          empty(
            'Nothing to show',
            chosen.search ? 'No meter matches.' : 'There are no meters yet.',
          ),
        ),
      );
      return;
    }
    canvas.show(map);
    setText(told, 'Point at an interval, or use the arrow keys.');
    table = summary(map);
    fill(box, canvas.element, el('div', { class: 'heat-foot' }, told, legend()), table);
    canvas.redraw();
  }
  const refresh = () => loadInto(box, 'the heat map', () => loadMap(chosen, signal), show);
  every(RELOAD_MS, signal, async () => {
    const map = await loadMap(chosen, signal).catch(() => null);
    if (!map || table?.open || map.meters.length === 0 || !canvas.element.isConnected) return;
    canvas.show(map);
    const fresh = summary(map);
    table.replaceWith(fresh);
    table = fresh;
  });
  afterBreak(live, signal, refresh);
  fill(root, heading('Heat map', shown), bar, box);
  await refresh();
}

export default { title: 'Heat map', open };
