// view_batches: what was written to the chain, at what price; one batch and its transactions.
import { get, meterPath } from './api.js';
import { batchColumns } from './batch_columns.js';
import { el, fill, place, setText } from './dom.js';
import * as f from './format.js';
import { chip, icon } from './icons.js';
import { afterBreak, card, empty, heading, loadInto, on } from './state.js';
import { plainTable } from './table.js';
import { BATCH_STATE, READING_STATE } from './words.js';

const PAGE = 25;
const MAX = 500;

// --- the list ----------------------------------------------------------------------------------------

async function openList(root, { live, signal }) {
  let rows = new Map();
  let cursor = null;
  let loaded = false;
  const shown = el('span');
  const table = plainTable(batchColumns(), [], 'Batches', (b) => b.id);
  const older = el('button', { type: 'button', onclick: () => more() }, 'Older batches');
  const box = el('div', { class: 'card live-data' });

  const none = empty('No batch yet', 'The first one is sealed soon after the first reading.');
  const filled = [el('div', { class: 'scroll-x' }, table), el('p', { class: 'more' }, older)];

  function draw() {
    const sorted = [...rows.values()].sort((a, b) => b.id - a.id);
    setText(shown, f.count(sorted.length, 'batch', 'batches'));
    older.hidden = !cursor;
    table.show(sorted);
    place(box, sorted.length ? filled : [none]);
  }

  function keep(batches) {
    for (const batch of batches) rows.set(batch.id, batch);
    const surplus = rows.size - MAX;
    if (surplus > 0 && !cursor)
      for (const id of [...rows.keys()].sort((a, b) => a - b).slice(0, surplus)) rows.delete(id);
    draw();
  }

  async function more() {
    const page = await get('batches', { limit: PAGE, cursor }, signal).catch(() => null);
    if (!page) return;
    cursor = page.next_cursor;
    keep(page.items);
  }

  function show(page) {
    loaded = true;
    rows = new Map();
    cursor = page.next_cursor;
    keep(page.items);
  }

  fill(root, heading('Batches and transactions', shown), box);
  const refresh = () => {
    loaded = false;
    return loadInto(box, 'the batches', () => get('batches', { limit: PAGE }, signal), show);
  };
  await refresh();
  on(live, 'batches', signal, ({ detail }) => loaded && keep(detail));
  afterBreak(live, signal, refresh);
  live.want({ subscribe: ['overview', 'batches'] });
}

// --- one batch ---------------------------------------------------------------------------------------

const known = (value, show) => (value === null || value === undefined ? f.UNKNOWN : show(value));

const facts = (b) => [
  ['Root', el('code', { class: 'wrap' }, b.root)],
  ['Transaction', known(b.tx, (tx) => el('code', { class: 'wrap' }, tx))],
  ['Block', f.number(b.block)],
  ['Reports', f.number(b.reports)],
  ['Readings', f.number(b.readings)],
  ['Rejected readings', f.number(b.rejected)],
  ['Gas', f.number(b.gas_used)],
  ['Gas price', f.gwei(b.gas_price_wei)],
  ['Made', f.timeWithZone(Math.floor(b.created_t / 1000))],
  [
    'Sealed',
    known(
      b.sealed_t,
      (t) =>
        `${f.timeWithZone(Math.floor(t / 1000))}, after ${f.number((t - b.created_t) / 1000, 1)} s`,
    ),
  ],
  ['Nonce', known(b.nonce, String)],
];

const ATTEMPTS = [
  {
    key: 'tx',
    word: 'Transaction',
    draw: (cell, a) => fill(cell, el('code', { title: a.tx }, f.short(a.tx))),
  },
  { key: 'tip', word: 'Tip', class: 'number', draw: (cell, a) => fill(cell, f.gwei(a.tip_wei)) },
  {
    key: 'max',
    word: 'Fee at most',
    class: 'number',
    draw: (cell, a) => fill(cell, f.gwei(a.max_fee_wei)),
  },
  { key: 't', word: 'Sent', draw: (cell, a) => fill(cell, f.time(a.created_t / 1000)) },
];

const METERS = [
  {
    key: 'meter',
    word: 'Meter',
    draw: (cell, m) =>
      fill(cell, el('a', { href: `#/meter/${meterPath(m)}` }, m.serial ?? `id ${m.meter}`)),
  },
  {
    key: 'sequence',
    word: 'Report',
    class: 'number',
    draw: (cell, m) => fill(cell, f.number(m.sequence)),
  },
  {
    key: 'state',
    word: 'State',
    draw: (cell, m) => fill(cell, chip(READING_STATE[m.state] ?? READING_STATE.stored)),
  },
];

function showOne(root, batch) {
  const name = batch.number ? `Batch ${f.number(batch.number)}` : 'Batch without a number yet';
  fill(
    root,
    el(
      'div',
      { class: 'heading' },
      el(
        'div',
        { class: 'title-line' },
        el(
          'a',
          { class: 'button small', href: '#/batches', 'aria-label': 'Back to all batches' },
          icon('back'),
        ),
        el('h1', {}, name),
        chip(BATCH_STATE[batch.state] ?? BATCH_STATE.open),
      ),
    ),
    el(
      'div',
      { class: 'grid two' },
      card(
        'What it holds',
        {},
        el(
          'dl',
          { class: 'facts' },
          facts(batch).map(([word, value]) => [el('dt', {}, word), el('dd', {}, value)]),
        ),
      ),
      card(
        'Transactions sent for it',
        {},
        batch.attempts.length
          ? el('div', { class: 'scroll-x' }, plainTable(ATTEMPTS, batch.attempts, 'Transactions'))
          : empty('None kept', 'Old transactions leave the store.'),
      ),
      card(
        'Reports',
        { class: 'scroll-card span-all' },
        batch.meters.length
          ? plainTable(METERS, batch.meters, 'Reports')
          : empty('None kept', 'Old reports leave the store; the archive has them.'),
      ),
    ),
  );
}

async function openOne(root, { rest, live, signal }) {
  const load = () => get(`batches/${rest[0]}`, {}, signal);
  await loadInto(root, 'the batch', load, (batch) => showOne(root, batch));
  on(live, 'batches', signal, async ({ detail }) => {
    if (!detail.some((b) => b.root === rest[0])) return;
    const batch = await load().catch(() => null);
    if (batch) showOne(root, batch);
  });
  live.want({ subscribe: ['overview', 'batches'] });
}

export default {
  title: 'Batches',
  open: (root, context) => (context.rest[0] ? openOne(root, context) : openList(root, context)),
};
