// meter_charts: a meter's load and voltage. Power is drawn from registers, and an interval that was
// not read is a gap.
import { get, meterPath } from './api.js';
import { chart } from './chart.js';
import { el, fill, onceAFrame } from './dom.js';
import * as f from './format.js';
import { afterBreak, card, empty, loadInto } from './state.js';

const RANGES = [
  { word: '6 h', s: 6 * 3600 },
  { word: '24 h', s: 24 * 3600 },
  { word: '7 d', s: 7 * 86_400 },
];
const READINGS_MAX = 3000;
const LATE = 1.5; // intervals between two readings that make a gap
const VOLTAGES_MAX = 1200;

/**
 * Mean powers between readings, in order of time: [times, taken, fed in], a value standing at its
 * interval's end, null where an interval was not read.
 */
export function powers(readings, intervalS) {
  const [times, taken, fed] = [[], [], []];
  const push = (t, a, b) => {
    times.push(t);
    taken.push(a);
    fed.push(b);
  };
  for (let i = 1; i < readings.length; i++) {
    const [a, b] = [readings[i - 1], readings[i]];
    const s = b.t - a.t;
    if (s <= 0) continue;
    const gap = s > LATE * intervalS;
    if (gap) push(a.t + intervalS, null, null);
    else
      push(b.t, ((b.import_wh - a.import_wh) * 3600) / s, ((b.export_wh - a.export_wh) * 3600) / s);
  }
  return [times, taken, fed];
}

function rangeButtons(choose) {
  const buttons = RANGES.map((range, i) =>
    el(
      'button',
      {
        type: 'button',
        class: 'filter small',
        'aria-pressed': String(i === 1),
        onclick: () => {
          buttons.forEach((b, j) => b.setAttribute('aria-pressed', String(i === j)));
          choose(range);
        },
      },
      range.word,
    ),
  );
  return el('div', { class: 'filter-row', role: 'group', 'aria-label': 'Time span' }, buttons);
}

export function loadCard(meter, { live, signal }) {
  const box = el('div');
  let range = RANGES[1];
  let readings = [];
  let drawn = null;

  async function load() {
    const from = Math.floor(live.now()) - range.s;
    const path = `meters/${meterPath(meter)}/readings`;
    const page = await get(path, { from, limit: READINGS_MAX }, signal);
    return page.items.reverse();
  }

  function draw() {
    const [times, taken, fed] = powers(readings, meter.interval_s);
    drawn.show(times, taken, fed);
    const known = taken.filter((w) => w !== null);
    const gaps = taken.length - known.length;
    drawn.describe(
      `Load over ${range.word}: from ${f.power(Math.min(...known))} to ${f.power(Math.max(...known))}, ` +
        `last ${f.power(known.at(-1))}; ${f.count(gaps, 'gap')}. The readings below have the numbers.`,
    );
  }

  async function show(items) {
    const newest = items.at(-1)?.t ?? 0;
    readings = [...items, ...readings.filter((r) => r.t > newest)];
    drawn = null;
    if (readings.length < 2) {
      fill(
        box,
        empty(
          'No load to draw',
          `It takes two readings; in the last ${range.word} there are ${readings.length}.`,
        ),
      );
      return;
    }
    const series = [
      { label: 'Taken', colour: 'accent', fill: true },
      { label: 'Fed in', colour: 'ok-fill' },
    ];
    drawn = await chart(box, { label: 'Load', series, unit: f.power, signal });
    draw();
  }

  const refresh = () => loadInto(box, 'the load', load, show);
  const redraw = onceAFrame(() => drawn && draw());
  const buttons = rangeButtons((chosen) => {
    range = chosen;
    refresh();
  });
  const element = card('Load', { more: buttons }, box);
  afterBreak(live, signal, refresh);
  return {
    element,
    first: refresh(),
    take(fresh) {
      const last = readings.at(-1)?.t ?? 0;
      const later = fresh.filter((r) => r.t > last).sort((a, b) => a.t - b.t);
      readings.push(...later);
      if (later.length && drawn) redraw();
      else if (later.length && readings.length >= 2) show(readings);
    },
  };
}

/** Voltage is telemetry, which nobody keeps: it is drawn from when the page was opened. */
export function voltageCard({ live, signal }) {
  const box = el('div');
  const element = card('Voltage', { more: el('span', {}, 'since this page is open') }, box);
  const times = [];
  const values = [];
  let drawn = null;
  let building = false;
  fill(box, empty('No voltage yet', 'It comes with the meter’s next telemetry.'));

  async function build() {
    building = true;
    box.textContent = '';
    const series = [{ label: 'Voltage', colour: 'accent' }];
    drawn = await chart(box, {
      label: 'Voltage',
      series,
      unit: f.volts,
      height: 150,
      zero: false,
      signal,
    });
    draw();
  }
  const draw = onceAFrame(() => {
    drawn?.show(times, values);
    drawn?.describe(`Voltage since this page is open: last ${f.volts(values.at(-1))}.`);
  });
  return {
    element,
    first: Promise.resolve(),
    take(volts) {
      if (volts === null || volts === undefined || signal.aborted) return;
      times.push(live.now());
      values.push(volts);
      if (times.length > VOLTAGES_MAX) {
        times.shift();
        values.shift();
      }
      if (drawn) draw();
      else if (!building && times.length > 1) build();
    },
  };
}
