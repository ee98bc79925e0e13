// view_report: a day in numbers, for the screen, for paper and as CSV.
import { address, get, meterPath } from './api.js';
import { el, fill, setText } from './dom.js';
import * as f from './format.js';
import { icon } from './icons.js';
import { empty, heading, loadInto } from './state.js';
import { Table } from './table.js';

const DAY = 86_400;

const utcDay = (t) => new Date(t * 1000).toISOString().slice(0, 10);
const name = (row) => row.serial ?? `id ${row.meter}`;

const column = (key, word, value, show, extra = {}) => ({
  key,
  word,
  value,
  class: 'number',
  draw: (cell, row) => setText(cell, show(value(row))),
  ...extra,
});

const COLUMNS = [
  {
    key: 'meter',
    word: 'Meter',
    value: name,
    width: '16%',
    draw: (cell, row) => fill(cell, el('a', { href: `#/meter/${meterPath(row)}` }, name(row))),
  },
  column('import', 'Taken', (r) => r.import_wh, f.energy),
  column('export', 'Fed in', (r) => r.export_wh, f.energy, { class: 'number wide' }),
  column('register', 'Register, end', (r) => r.last_import_wh, f.energy, {
    class: 'number wide',
    width: '160px',
  }),
  column(
    'read',
    'Read',
    (r) => (r.expected ? r.read / r.expected : null),
    (v) => (v === null ? f.UNKNOWN : f.percent(v, 1)),
    { width: '90px' },
  ),
  column('missing', 'Missing', (r) => Math.max(0, r.expected - r.read), f.number, {
    class: 'number wide',
    width: '100px',
  }),
  column('late', 'Late', (r) => r.late, f.number, { class: 'number wide', width: '80px' }),
  column('substituted', 'Substituted', (r) => r.substituted, f.number, {
    class: 'number wide',
    width: '120px',
  }),
  column('sealed', 'Sealed', (r) => r.sealed, f.number, { class: 'number wide', width: '100px' }),
];

function totals(day) {
  const fact = (word, value, detail) =>
    el(
      'div',
      { class: 'card tile' },
      el('span', { class: 'tile-word' }, word),
      el('strong', {}, value),
      el('small', {}, detail),
    );
  return el(
    'div',
    { class: 'tiles' },
    fact('Taken', f.energy(day.import_wh), 'by all meters'),
    fact('Fed in', f.energy(day.export_wh), 'by all meters'),
    fact(
      'Read',
      f.percent(day.read, day.expected),
      `${f.number(day.read)} of ${f.number(day.expected)} intervals`,
    ),
    fact(
      'Meters',
      f.number(day.meters),
      day.complete ? 'the day is over' : 'the day is not over yet',
    ),
  );
}

async function open(root, { live, signal, values }) {
  const today = utcDay(live.now());
  let date = values.get('date') ?? today;
  let table = null;
  const box = el('div');
  const paper = el('div', { class: 'paper' });
  const csv = el('a', { class: 'button', download: '' }, icon('download'), 'CSV');
  const input = el('input', {
    type: 'date',
    value: date,
    max: today,
    'aria-label': 'Day (UTC)',
    onchange: () => {
      date = input.value || today;
      refresh();
    },
  });

  function show(day) {
    setText(spanText, `${f.timeWithZone(day.start_t)} to ${f.timeWithZone(day.end_t)}`);
    table?.close();
    if (day.items.length === 0) {
      fill(
        box,
        el('div', { class: 'card' }, empty('Nothing on this day', 'No meter was in service.')),
      );
      return;
    }
    table = new Table({
      columns: COLUMNS,
      label: 'Meters on this day',
      sort: 'meter',
      tie: (r) => r.meter,
    });
    table.items = day.items;
    fill(box, totals(day), table.element);
  }

  const spanText = el('p', { class: 'muted report-span' });
  const refresh = () => {
    csv.href = address('reports/daily', { date, format: 'csv' });
    csv.download = `amr-daily-${date}.csv`;
    return loadInto(box, 'the report', () => get('reports/daily', { date }, signal), show);
  };
  const step = (days) => {
    const to = utcDay(Date.parse(`${date}T00:00:00Z`) / 1000 + days * DAY);
    if (to > today) return;
    date = to;
    input.value = to;
    refresh();
  };

  // Paper scrolls badly: for printing every row is there.
  window.addEventListener('beforeprint', () => table && fill(paper, table.whole()), { signal });
  window.addEventListener('afterprint', () => fill(paper), { signal });
  signal.addEventListener('abort', () => table?.close());

  fill(
    root,
    heading(
      'Daily report',
      el(
        'button',
        { type: 'button', 'aria-label': 'The day before', onclick: () => step(-1) },
        icon('back'),
      ),
      input,
      el(
        'button',
        { type: 'button', class: 'forward', 'aria-label': 'The day after', onclick: () => step(1) },
        icon('back'),
      ),
      csv,
      el('button', { type: 'button', onclick: () => print() }, icon('print'), 'Print'),
    ),
    spanText,
    box,
    paper,
  );
  await refresh();
}

export default { title: 'Daily report', open };
