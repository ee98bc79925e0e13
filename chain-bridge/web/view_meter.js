// view_meter: one meter: registers, load, voltage, events, relay and commands, readings and seals.
import { get, meterPath } from './api.js';
import { el, fill, onceAFrame, setText } from './dom.js';
import * as f from './format.js';
import { chip, icon, setChip } from './icons.js';
import { commandCard } from './command_card.js';
import { loadCard, voltageCard } from './meter_charts.js';
import { readingsCard } from './readings_card.js';
import { card, empty, every, heading, loadInto, on } from './state.js';
import * as words from './words.js';

const EVENTS_SHOWN = 50;

// --- facts -----------------------------------------------------------------------------------------

/** What a meter has that has not told its registers. */
const USUAL = [
  { name: 'import_wh', obis: '1-0:1.8.0', unit: 'Wh' },
  { name: 'export_wh', obis: '1-0:2.8.0', unit: 'Wh' },
];

function registersCard() {
  const body = el('tbody');
  const table = el(
    'table',
    { 'aria-label': 'Registers' },
    el(
      'thead',
      {},
      el('tr', {}, [el('th', {}, 'Register, OBIS'), el('th', { class: 'number' }, 'Value')]),
    ),
    body,
  );
  return {
    element: card('Registers', { class: 'registers' }, el('div', { class: 'scroll-x' }, table)),
    show({ registers: told, import_wh, export_wh }) {
      const registers = told.length ? told : USUAL;
      const values = { '1-0:1.8.0': import_wh, '1-0:2.8.0': export_wh };
      fill(
        body,
        registers.map(({ name, obis, unit, value }) => {
          const now = values[obis] ?? value;
          const shown = unit === 'Wh' ? f.energy(now) : `${f.number(now)} ${unit}`;
          return el(
            'tr',
            {},
            el('td', {}, words.register(obis, name), el('code', {}, obis)),
            el('td', { class: 'number strong' }, shown),
          );
        }),
      );
    },
  };
}

const FACTS = [
  ['Power now', (m) => f.power(m.power_w)],
  ['Voltage', (m) => f.volts(m.voltage_v)],
  [
    'Last reading',
    (m, now) => (m.last_t ? `${f.clock(m.last_t)}, ${f.age(now - m.last_t)} ago` : f.UNKNOWN),
  ],
  ['Last contact', (m, now) => (m.contact_t ? `${f.age(now - m.contact_t)} ago` : f.UNKNOWN)],
  ['Connection', (m) => ({ true: 'online', false: 'offline' })[m.online] ?? 'not told'],
  ['Interval', (m) => `${f.number(m.interval_s)} s`],
  [
    'Read, 24 h',
    (m) =>
      `${f.percent(m.day.read, m.day.expected)} (${f.number(m.day.read)} of ${f.number(m.day.expected)})`,
  ],
  ['Kept in the meter', (m) => (m.backlog === null ? f.UNKNOWN : f.count(m.backlog, 'report'))],
  ['Sealed up to report', (m) => `${f.number(m.sealed_sequence)} of ${f.number(m.sequence)}`],
  ['Firmware', (m) => m.firmware ?? f.UNKNOWN],
  ['Source', (m) => m.source ?? f.UNKNOWN],
  ['Meter id', (m) => String(m.meter)],
  ['Signer', (m) => f.short(m.signer)],
];

function factsCard() {
  const rows = FACTS.map(([word, value]) => ({ word, value, cell: el('dd') }));
  return {
    element: card(
      'Now',
      {},
      el(
        'dl',
        { class: 'facts' },
        rows.map((r) => [el('dt', {}, r.word), r.cell]),
      ),
    ),
    show(meter, now) {
      for (const { cell, value, word } of rows) {
        setText(cell, value(meter, now));
        if (word === 'Signer') cell.title = meter.signer;
      }
    },
  };
}

function eventsCard(events) {
  const list = el('ol', { class: 'events' });
  let shown = events;
  function draw() {
    if (shown.length === 0)
      return fill(list, el('li', {}, empty('No events', 'The meter has told nothing unusual.')));
    fill(
      list,
      shown.map(({ t, code, sequence }) => {
        const tamper = words.isTamper(code);
        return el(
          'li',
          {},
          el('time', {}, f.time(t)),
          tamper
            ? chip({ word: words.event(code), icon: 'silent', tone: 'bad' })
            : el('span', {}, words.event(code)),
          el('small', { title: `event ${sequence} of the meter` }, `code ${code}`),
        );
      }),
    );
  }
  draw();
  return {
    element: card(
      'Events',
      { class: 'scroll-card', more: el('span', {}, `local time (${f.zone()})`) },
      list,
    ),
    take(more) {
      const known = new Set(shown.map((e) => e.sequence));
      const fresh = more.filter((e) => !known.has(e.sequence));
      shown = [...fresh, ...shown].sort((a, b) => b.sequence - a.sequence).slice(0, EVENTS_SHOWN);
      if (fresh.length) draw();
    },
  };
}

// --- the page ----------------------------------------------------------------------------------------

function title(meter, status, relay) {
  return el(
    'div',
    { class: 'heading' },
    el(
      'div',
      { class: 'title-line' },
      el(
        'a',
        { class: 'button small', href: '#/meters', 'aria-label': 'Back to all meters' },
        icon('back'),
      ),
      el('h1', {}, meter.serial ?? `Meter ${meter.meter}`),
      status,
      relay,
    ),
  );
}

async function open(root, context) {
  const { rest, signal } = context;
  const path = encodeURIComponent(rest[0] ?? '').replace('%3A', ':');
  await loadInto(
    root,
    'the meter',
    () => get(`meters/${path}`, {}, signal),
    (meter) => show(root, meter, context),
  );
}

async function show(root, loaded, context) {
  const { live, signal } = context;
  let meter = loaded;
  live.want({ subscribe: ['overview', 'meter'], meter: meterPath(meter) });
  const status = el('span', { class: 'chip' });
  const relay = el('span', { class: 'chip' });
  const facts = factsCard();
  const registers = registersCard();
  const events = eventsCard(meter.events);
  const commands = commandCard(meter, context);
  const load = loadCard(meter, context);
  const voltage = voltageCard(context);
  const readings = readingsCard(meter, context);

  function showRow() {
    setChip(status, words.METER_STATUS[meter.status]);
    const state = words.RELAY[meter.relay] ?? words.RELAY.unknown;
    setChip(relay, { ...state, word: `Relay: ${state.word.toLowerCase()}` });
    facts.show(meter, live.now());
    registers.show(meter);
  }

  fill(
    root,
    title(meter, status, relay),
    el(
      'div',
      { class: 'live-data grid' },
      el('div', { class: 'stack' }, registers.element, facts.element),
      el(
        'div',
        { class: 'stack span-2' },
        load.element,
        commands.element,
        el('div', { class: 'pair' }, voltage.element, events.element),
      ),
      readings.element,
    ),
  );
  showRow();
  const draw = onceAFrame(showRow);
  on(live, 'meter', signal, ({ detail }) => {
    if (detail.row) {
      if (detail.row.meter !== meter.meter) return;
      const commandsMayHaveMoved = detail.row.relay !== meter.relay;
      meter = { ...meter, ...detail.row };
      readings.sealedUpTo(meter.sealed_sequence);
      voltage.take(meter.voltage_v);
      if (commandsMayHaveMoved) commands.refresh();
    }
    if (detail.readings?.length) {
      load.take(detail.readings);
      readings.take(detail.readings);
    }
    if (detail.events?.length) {
      events.take(detail.events);
      commands.refresh();
    }
    draw();
  });
  every(1000, signal, draw);
  await Promise.all([load.first, voltage.first, readings.first]);
}

export default { title: ([serial]) => serial ?? 'Meter', open };
