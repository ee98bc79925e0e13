// readings_card: a meter's readings, newest first, each with its seal.
import { get, meterPath } from './api.js';
import { el, fill } from './dom.js';
import * as f from './format.js';
import { chip, icon } from './icons.js';
import { showSeal } from './seal_panel.js';
import { afterBreak, card, empty, every, loadInto, showFailure } from './state.js';
import { plainTable } from './table.js';
import { READING_STATE, quality } from './words.js';

const PAGE = 24;
const LOOK_MS = 1500;
const LIVE_MAX = 500; // rows that live readings may add before the oldest go

/** A dialog in which one reading's seal is checked. */
async function verifyDialog(meter, reading, session) {
  const box = el('div', {}, 'Loading the proof …');
  const dialog = el(
    'dialog',
    { class: 'dialog', 'aria-label': 'Check of a seal' },
    el(
      'div',
      { class: 'card-head' },
      el('h2', {}, `Seal of the reading of ${f.timeWithZone(reading.t)}`),
      el(
        'button',
        { type: 'button', class: 'quiet small', onclick: () => dialog.close() },
        'Close',
      ),
    ),
    box,
  );
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  try {
    const proof = await get(`proofs/${meterPath(meter)}/${reading.t}`);
    const expected = { chainId: session.chain_id, contract: session.contract, reading };
    await showSeal(box, proof, expected, session);
  } catch (failure) {
    showFailure(box, failure);
  }
}

const columns = (meter, session) => [
  { key: 't', word: `Time (${f.zone()})`, draw: (cell, r) => fill(cell, f.time(r.t)) },
  {
    key: 'import',
    word: 'Taken',
    class: 'number',
    draw: (cell, r) => fill(cell, f.energy(r.import_wh)),
  },
  {
    key: 'export',
    word: 'Fed in',
    class: 'number wide',
    draw: (cell, r) => fill(cell, f.energy(r.export_wh)),
  },
  {
    key: 'quality',
    word: 'Quality',
    class: 'wide',
    draw: (cell, r) =>
      fill(
        cell,
        r.quality ? chip({ word: quality(r.quality), icon: 'late', tone: 'warn' }) : 'good',
      ),
  },
  {
    key: 'sequence',
    word: 'Report',
    class: 'number wide',
    draw: (cell, r) => fill(cell, f.number(r.sequence)),
  },
  {
    key: 'state',
    word: 'State',
    class: 'wide',
    draw: (cell, r) => fill(cell, chip(READING_STATE[r.state] ?? READING_STATE.stored)),
  },
  {
    key: 'block',
    word: 'Block',
    class: 'number wide',
    draw: (cell, r) => fill(cell, f.number(r.block)),
  },
  {
    key: 'verify',
    word: 'Seal',
    draw: (cell, r) =>
      fill(
        cell,
        r.state === 'sealed'
          ? el(
              'button',
              {
                type: 'button',
                class: 'small',
                title: 'Recompute digest, signer and proof in this browser',
                onclick: () => verifyDialog(meter, r, session),
              },
              icon('verify'),
              'Verify',
              el('span', { class: 'unseen' }, ` the reading of ${f.time(r.t)}`),
            )
          : el('small', {}, (READING_STATE[r.state] ?? READING_STATE.stored).word.toLowerCase()),
      ),
  },
];

export function readingsCard(meter, { live, session, signal }) {
  const box = el('div');
  const older = el('button', { type: 'button', onclick: () => more() }, 'Older readings');
  const element = card('Readings', { class: 'span-3' }, box);
  const path = `meters/${meterPath(meter)}/readings`;
  let rows = [];
  let cursor = null;
  let table = null;
  let sealed = meter.sealed_sequence;
  let looking = false;

  /** What came live while the page was on its way stays. */
  function show(page) {
    const newest = page.items[0]?.t ?? 0;
    rows = [...rows.filter((r) => r.t > newest), ...page.items];
    cursor = page.next_cursor;
    table = null;
    draw();
  }

  /** Live readings do not tell when they are sealed; the server does, and in which block. */
  async function lookAgain() {
    looking = true;
    const page = await get(path, { limit: PAGE }, signal).catch(() => null);
    looking = false;
    if (page) merge(page.items);
  }

  function merge(fresh) {
    const byTime = new Map(rows.map((r) => [r.t, r]));
    for (const r of fresh) byTime.set(r.t, { ...byTime.get(r.t), ...r });
    rows = [...byTime.values()].sort((a, b) => b.t - a.t).slice(0, LIVE_MAX);
    draw();
  }

  function draw() {
    if (rows.length === 0) {
      fill(box, empty('No readings yet', 'They appear here as soon as the meter sends them.'));
      return;
    }
    if (!table) {
      table = plainTable(columns(meter, session), [], 'Readings', (r) => r.t);
      fill(box, el('div', { class: 'scroll-x' }, table), el('p', { class: 'more' }, older));
    }
    table.show(rows);
    older.hidden = !cursor;
  }

  async function more() {
    older.disabled = true;
    const page = await get(path, { cursor, limit: PAGE }, signal).catch(() => null);
    older.disabled = false;
    if (!page) return;
    rows = [...rows, ...page.items];
    cursor = page.next_cursor;
    draw();
  }

  const refresh = () =>
    loadInto(box, 'the readings', () => get(path, { limit: PAGE }, signal), show);
  afterBreak(live, signal, refresh);
  every(LOOK_MS, signal, () => {
    if (!looking && rows.some((r) => r.state !== 'sealed' && r.sequence <= sealed)) lookAgain();
  });
  return {
    element,
    first: refresh(),
    take: merge,
    sealedUpTo(sequence) {
      sealed = Math.max(sealed, sequence);
    },
  };
}
