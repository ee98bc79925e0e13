// batch_columns: how a batch looks in a table, on the overview and on its own page.
import { el, fill, setText } from './dom.js';
import * as f from './format.js';
import { chip } from './icons.js';
import { BATCH_STATE } from './words.js';

const text = (key, word, value, extra = {}) => ({
  key,
  word,
  class: 'number',
  draw: (cell, batch) => setText(cell, value(batch)),
  ...extra,
});

const perReading = (b) => (b.gas_used && b.readings ? b.gas_used / b.readings : null);
const seconds = (b) => (b.sealed_t ? (b.sealed_t - b.created_t) / 1000 : null);
const fee = (b) => (b.gas_used && b.gas_price_wei ? (b.gas_used * b.gas_price_wei) / 1e9 : null);

/** `detailOnly` columns are left out where room is short. */
export const batchColumns = () => [
  {
    key: 'number',
    word: 'Batch',
    class: 'number',
    draw: (cell, b) =>
      fill(
        cell,
        el(
          'a',
          { href: `#/batches/${b.root}`, title: b.root },
          b.number ? f.number(b.number) : 'new',
        ),
      ),
  },
  {
    key: 'state',
    word: 'State',
    draw: (cell, b) => fill(cell, chip(BATCH_STATE[b.state] ?? BATCH_STATE.open)),
  },
  text('created', `Made (${f.zone()})`, (b) => f.time(b.created_t / 1000), {
    class: 'wide',
    detailOnly: true,
  }),
  text('readings', 'Readings', (b) => f.number(b.readings)),
  text('reports', 'Reports', (b) => f.number(b.reports), {
    class: 'number roomy',
    detailOnly: true,
  }),
  text('rejected', 'Rejected', (b) => f.number(b.rejected), {
    class: 'number roomy',
    detailOnly: true,
  }),
  text('gas', 'Gas', (b) => f.number(b.gas_used), { class: 'number wide' }),
  text('gas-reading', 'Gas a reading', (b) => f.number(perReading(b)), { class: 'number wide' }),
  text('fee', 'Fee', (b) => (fee(b) === null ? f.UNKNOWN : `${f.number(fee(b) / 1e9, 6)} ETH`), {
    class: 'number wide',
    detailOnly: true,
  }),
  text('seconds', 'To seal', (b) =>
    seconds(b) === null ? f.UNKNOWN : `${f.number(seconds(b), 1)} s`,
  ),
  text('block', 'Block', (b) => f.number(b.block), { class: 'number wide' }),
  {
    key: 'tx',
    word: 'Transaction',
    class: 'wide',
    detailOnly: true,
    draw: (cell, b) => fill(cell, el('code', { title: b.tx }, f.short(b.tx))),
  },
];
