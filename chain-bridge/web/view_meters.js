// view_meters: all meters, silent first.
import { getAll, meterPath } from './api.js';
import { announce, el, fill, setText } from './dom.js';
import * as f from './format.js';
import { setChip } from './icons.js';
import { afterBreak, empty, every, heading, loadInto, on } from './state.js';
import { Table } from './table.js';
import { METER_STATUS, RELAY, STATUS_ORDER } from './words.js';

const SEEN_MAX = 256; // rows that the server follows for us
const RELOAD_MS = 60_000;

const rank = new Map(STATUS_ORDER.map((status, i) => [status, i]));
const name = (row) => row.serial ?? `id ${row.meter}`;

const text = (key, word, value, show, extra) => ({
  key,
  word,
  value,
  draw: (cell, row) => setText(cell, show(row)),
  ...extra,
});

const chipColumn = (key, word, value, state, extra) => ({
  key,
  word,
  value,
  draw(cell, row) {
    if (!cell.firstChild) cell.append(el('span', { class: 'chip' }));
    setChip(cell.firstChild, state(row));
  },
  ...extra,
});

function drawSerial(cell, row) {
  if (!cell.firstChild) cell.append(el('a'));
  const link = cell.firstChild;
  setText(link, name(row));
  const href = `#/meter/${meterPath(row)}`;
  if (link.getAttribute('href') !== href) link.setAttribute('href', href);
}

const columns = (live) => [
  { key: 'serial', word: 'Meter', value: name, draw: drawSerial, width: 'auto' },
  chipColumn(
    'status',
    'State',
    (r) => rank.get(r.status),
    (r) => METER_STATUS[r.status],
    {
      width: '130px',
    },
  ),
  text(
    'last',
    'Last reading',
    (r) => (r.last_t ? -r.last_t : null),
    (r) => (r.last_t ? `${f.age(live.now() - r.last_t)} ago` : f.UNKNOWN),
    { class: 'number', width: '120px', help: 'age of the last reading' },
  ),
  text(
    'contact',
    'Last contact',
    (r) => (r.contact_t ? -r.contact_t : null),
    (r) => (r.contact_t ? `${f.age(live.now() - r.contact_t)} ago` : f.UNKNOWN),
    { class: 'number roomy', width: '120px', help: 'when anything came from it' },
  ),
  text(
    'power',
    'Power',
    (r) => r.power_w,
    (r) => f.power(r.power_w),
    {
      class: 'number wide',
      width: '95px',
      help: 'negative: fed in',
    },
  ),
  text(
    'import',
    'Taken',
    (r) => r.import_wh,
    (r) => f.energy(r.import_wh),
    {
      class: 'number wide',
      width: '145px',
    },
  ),
  text(
    'export',
    'Fed in',
    (r) => r.export_wh,
    (r) => f.energy(r.export_wh),
    {
      class: 'number roomy',
      width: '135px',
    },
  ),
  text(
    'day',
    'Read, 24 h',
    (r) => (r.day.expected ? r.day.read / r.day.expected : null),
    (r) => f.percent(r.day.read, r.day.expected),
    { class: 'number wide', width: '105px' },
  ),
  text(
    'backlog',
    'Backlog',
    (r) => r.backlog,
    (r) => f.number(r.backlog),
    {
      class: 'number roomy',
      width: '95px',
      help: 'reports that the meter keeps until they are sealed',
    },
  ),
  chipColumn(
    'relay',
    'Relay',
    (r) => r.relay,
    (r) => RELAY[r.relay] ?? RELAY.unknown,
    {
      class: 'wide',
      width: '150px',
    },
  ),
];

// --- filter ----------------------------------------------------------------------------------------

function matches(row, status, words) {
  if (status && row.status !== status) return false;
  if (!words) return true;
  return name(row).toLowerCase().includes(words) || String(row.meter) === words;
}

/** Status buttons with their counts, and a search field; tells `change` what was chosen. */
function filters(values, change) {
  const chosen = { status: values.get('status') ?? '', words: values.get('search') ?? '' };
  const buttons = ['', ...STATUS_ORDER].map((status) => {
    const count = el('span', { class: 'count' });
    const button = el(
      'button',
      {
        type: 'button',
        class: 'filter',
        'aria-pressed': String(status === chosen.status),
        onclick: () => choose(status),
      },
      status ? METER_STATUS[status].word : 'All',
      count,
    );
    return { status, button, count };
  });
  function choose(status) {
    chosen.status = status;
    for (const one of buttons)
      one.button.setAttribute('aria-pressed', String(one.status === status));
    change();
  }
  const search = el('input', {
    type: 'search',
    placeholder: 'Serial or meter id',
    'aria-label': 'Search by serial or meter id',
    value: chosen.words,
    oninput: () => {
      chosen.words = search.value.trim().toLowerCase();
      change();
    },
  });
  return {
    chosen,
    element: el(
      'div',
      { class: 'filters' },
      search,
      el(
        'div',
        { class: 'filter-row', role: 'group', 'aria-label': 'State' },
        buttons.map((b) => b.button),
      ),
    ),
    counts(rows) {
      const tally = { '': rows.length };
      for (const row of rows) tally[row.status] = (tally[row.status] ?? 0) + 1;
      for (const { status, count } of buttons) setText(count, f.number(tally[status] ?? 0));
    },
  };
}

// --- the page ----------------------------------------------------------------------------------------

const loadAll = (signal) =>
  getAll('meters', { limit: 10_000, sort: 'silence' }, signal, (a, b) => ({
    ...b,
    items: [...a.items, ...b.items],
  }));

async function open(root, context) {
  const { live, signal, values } = context;
  await loadInto(
    root,
    'the meters',
    () => loadAll(signal),
    (page) => show(root, page, values, live, signal),
  );
}

async function show(root, page, values, live, signal) {
  const rows = new Map(page.items.map((row) => [row.meter, row]));
  const shown = el('span');
  const nothing = el('div', { class: 'card', hidden: true });
  const table = new Table({
    columns: columns(live),
    label: 'Meters',
    sort: 'status',
    tie: (row) => row.last_t ?? 0,
    open: (row) => {
      location.hash = `#/meter/${meterPath(row)}`;
    },
    seen: (items) =>
      live.want({
        subscribe: ['overview', 'meters'],
        meters: items.slice(0, SEEN_MAX).map(meterPath),
      }),
  });
  signal.addEventListener('abort', () => table.close());
  const bar = filters(values, () => filter(true));

  function filter(tell) {
    const { status, words } = bar.chosen;
    const found = [...rows.values()].filter((row) => matches(row, status, words));
    bar.counts([...rows.values()]);
    table.items = found;
    setText(shown, f.count(found.length, 'meter'));
    table.element.hidden = found.length === 0;
    nothing.hidden = found.length > 0;
    if (found.length === 0)
      fill(
        nothing,
        rows.size
          ? empty('No such meter', 'No meter matches what you are looking for.')
          : empty('No meters yet', 'A meter appears here once it is registered in the contract.'),
      );
    if (tell) announce(`${f.count(found.length, 'meter')} shown.`);
  }

  fill(
    root,
    heading('Meters', shown),
    bar.element,
    el('div', { class: 'live-data' }, table.element, nothing),
  );
  filter(false);

  // Rows keep their place while they change; a new order comes with the next reload or click.
  on(live, 'meters', signal, ({ detail }) => {
    for (const row of detail) if (rows.has(row.meter)) Object.assign(rows.get(row.meter), row);
    table.redraw();
  });
  const reload = async () => {
    const again = await loadAll(signal).catch(() => null);
    if (!again) return;
    rows.clear();
    for (const row of again.items) rows.set(row.meter, row);
    filter(false);
  };
  every(RELOAD_MS, signal, reload);
  every(1000, signal, () => table.redraw());
  afterBreak(live, signal, reload);
}

export default { title: 'Meters', open };
