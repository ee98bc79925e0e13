// view_overview: is everything all right, and if not, where to look.
import { get } from './api.js';
import { alarmLine } from './alarm_line.js';
import { chart } from './chart.js';
import { el, fill, onceAFrame, place, setText } from './dom.js';
import * as f from './format.js';
import { icon, setChip } from './icons.js';
import { batchColumns } from './batch_columns.js';
import { card, empty, every, heading, loadInto, on } from './state.js';
import { plainTable } from './table.js';
import { METER_STATUS, STATUS_ORDER } from './words.js';

const BATCHES_SHOWN = 7;
const ALARMS_SHOWN = 4;
const LOAD_REFRESH_MS = 60_000;

// --- meters ------------------------------------------------------------------------------------

function fleet() {
  const total = el('a', { class: 'big', href: '#/meters' });
  const bar = el('div', { class: 'fleet-bar', 'aria-hidden': 'true' });
  const parts = STATUS_ORDER.map((status) => {
    const { word, icon: name, tone, help } = METER_STATUS[status];
    const count = el('strong');
    const share = el('small');
    const segment = el('span', { class: `fill-${tone}`, 'data-status': status });
    const link = el(
      'a',
      { href: `#/meters?status=${status}`, class: 'fleet-part', title: help },
      el('span', { class: `fleet-mark ${tone}` }, icon(name)),
      el('span', {}, el('span', { class: 'fleet-word' }, word), count, ' ', share),
    );
    return { status, count, share, segment, link };
  });
  bar.append(...parts.map((part) => part.segment));
  const element = card(
    'Meters',
    { class: 'span-2 fleet', more: total },
    bar,
    el(
      'div',
      { class: 'fleet-parts' },
      parts.map((part) => part.link),
    ),
  );
  return {
    element,
    show({ meters }) {
      setText(total, `${f.count(meters.total, 'meter')}, ${f.number(meters.online)} online`);
      bar.hidden = meters.total + meters.closed === 0;
      const whole = meters.total + meters.closed || 1;
      for (const { status, count, share, segment } of parts) {
        const value = meters[status];
        setText(count, f.number(value));
        setText(share, f.percent(value, whole));
        segment.style.flexGrow = value;
        segment.hidden = value === 0;
      }
    },
  };
}

// --- read success --------------------------------------------------------------------------------

function shareBar(word) {
  const value = el('strong', { class: 'share-value' });
  const detail = el('small');
  const fillBar = el('span');
  const target = el('i');
  const verdict = el('span', { class: 'chip' });
  const element = el(
    'div',
    { class: 'share' },
    el('div', { class: 'share-head' }, el('span', {}, word), value),
    el('div', { class: 'share-bar', 'aria-hidden': 'true' }, fillBar, target),
    el('div', { class: 'share-foot' }, detail, verdict),
  );
  return {
    element,
    show({ read, expected, start_t, end_t }, targetPercent) {
      const percent = expected ? (100 * read) / expected : null;
      const met = percent !== null && percent >= targetPercent;
      setText(value, f.percent(read, expected));
      fillBar.style.width = `${percent ?? 0}%`;
      fillBar.className = met ? 'fill-ok' : 'fill-warn';
      target.style.left = `${targetPercent}%`;
      if (percent === null) setChip(verdict, { word: 'Nothing due', icon: 'never', tone: 'mute' });
      else if (met) setChip(verdict, { word: 'On target', icon: 'ok', tone: 'ok' });
      else setChip(verdict, { word: 'Below target', icon: 'silent', tone: 'warn' });
      setText(detail, `${f.number(read)} of ${f.number(expected)} read, ${f.span(start_t, end_t)}`);
    },
  };
}

function success() {
  const interval = shareBar('Last closed interval');
  const day = shareBar('Last 24 hours');
  const target = el('span');
  const element = card('Read success', { more: target }, interval.element, day.element);
  return {
    element,
    show(overview) {
      setText(target, `target ${f.number(overview.target_percent, 1)} %`);
      interval.show(overview.interval, overview.target_percent);
      day.show(overview.day, overview.target_percent);
    },
  };
}

// --- single numbers ------------------------------------------------------------------------------

function tile(word, link) {
  const value = el('strong');
  const detail = el('small');
  const content = [el('span', { class: 'tile-word' }, word), value, detail];
  const element = link
    ? el('a', { class: 'card tile', href: link }, content)
    : el('div', { class: 'card tile' }, content);
  return {
    element,
    show(text, more, tone = '') {
      setText(value, text);
      setText(detail, more);
      value.className = tone && `text-${tone}`;
    },
  };
}

function tiles() {
  const load = tile('Load now');
  const rate = tile('Readings stored');
  const backlog = tile('Backlog');
  const alarms = tile('Open alarms', '#/alarms');
  return {
    element: el(
      'div',
      { class: 'tiles' },
      [load, rate, backlog, alarms].map((t) => t.element),
    ),
    show(overview) {
      const { load_w, load_meters, readings_per_s: perS, alarms_open: open } = overview;
      load.show(f.power(load_w), `from ${f.count(load_meters, 'meter')}`);
      rate.show(`${f.number(perS, perS < 10 ? 1 : 0)} /s`, 'mean over 10 s');
      backlog.show(f.count(overview.backlog.reports, 'report'), backlogWords(overview.backlog));
      alarms.show(
        f.number(open),
        open ? 'nobody has taken them yet' : 'all acknowledged',
        open && 'bad',
      );
    },
  };
}

function backlogWords({ reports, oldest_s, drain_s }) {
  if (reports === 0) return 'everything is sealed';
  const drained = drain_s === null ? '' : `, sealed in about ${f.age(drain_s)}`;
  return `oldest waits ${f.age(oldest_s)}${drained}`;
}

// --- load ----------------------------------------------------------------------------------------

async function loadCard({ session, signal }) {
  const box = el('div');
  const local = el('span', {}, `local time (${f.zone()})`);
  const element = card('Load of all meters', { class: 'span-2', more: local }, box);
  const refresh = () =>
    loadInto(
      box,
      'the load',
      () => get('load', {}, signal),
      (load) => showLoad(box, load, signal),
    );
  const first = refresh();
  every(Math.min(session.interval_s * 1000, LOAD_REFRESH_MS), signal, async () => {
    const load = await get('load', {}, signal).catch(() => null);
    if (!load) return;
    if (box.redrawn) box.redrawn(load);
    else if (!isEmpty(load)) {
      box.textContent = '';
      await showLoad(box, load, signal);
    }
  });
  return { element, first };
}

const isEmpty = ({ import_w }) => import_w.every((w) => w === null);

async function showLoad(box, load, signal) {
  if (isEmpty(load)) {
    box.append(empty('No load yet', 'It is drawn from the first two readings of a meter.'));
    box.redrawn = null;
    return;
  }
  const series = [
    { label: 'Taken', colour: 'accent', fill: true },
    { label: 'Fed in', colour: 'ok-fill' },
  ];
  const drawn = await chart(box, { label: 'Load', series, unit: f.power, signal });
  box.redrawn = ({ start_t, step_s, import_w, export_w }) => {
    const first = Math.max(0, import_w.findIndex((w) => w !== null) - 1);
    const taken = import_w.slice(first);
    const times = taken.map((_, i) => start_t + (first + i) * step_s);
    drawn.show(times, taken, export_w.slice(first));
    const known = taken.filter((w) => w !== null);
    drawn.describe(
      `Load of all meters since ${f.clock(times[0])}: from ${f.power(Math.min(...known))} to ` +
        `${f.power(Math.max(...known))}, last ${f.power(known.at(-1))}; ` +
        `${f.count(taken.length - known.length, 'interval')} without readings.`,
    );
  };
  box.redrawn(load);
}

// --- chain, batches, alarms ------------------------------------------------------------------------

function chain(session) {
  const rows = [
    'State',
    'Block',
    'Block age',
    'In flight',
    'Base fee',
    'Balance',
    'Since the start',
  ];
  const values = rows.map(() => el('dd'));
  const state = el('span', { class: 'chip' });
  values[0].append(state);
  const element = card(
    'Chain',
    { more: el('span', {}, `chain ${session.chain_id}`) },
    el(
      'dl',
      { class: 'facts' },
      rows.map((word, i) => [el('dt', {}, word), values[i]]),
    ),
  );
  return {
    element,
    show({ chain: c }) {
      setChip(state, chainState(c));
      setText(values[1], f.number(c.head));
      setText(values[2], f.age(c.lag_s));
      setText(values[3], f.count(c.in_flight, 'transaction'));
      setText(values[4], f.gwei(c.base_fee_wei));
      setText(values[5], f.ether(c.balance_gwei));
      const odd = [
        c.bumps && f.count(c.bumps, 'fee raise'),
        c.reorgs && f.count(c.reorgs, 'reorganisation'),
        c.reverts && f.count(c.reverts, 'revert'),
      ];
      setText(
        values[6],
        [f.count(c.batches, 'batch', 'batches'), ...odd].filter(Boolean).join(', '),
      );
    },
  };
}

function chainState({ reached, paused }) {
  if (!reached) return { word: 'No node answers', icon: 'silent', tone: 'bad' };
  if (paused) return { word: `Paused: ${paused}`, icon: 'late', tone: 'warn' };
  return { word: 'Sealing', icon: 'ok', tone: 'ok' };
}

/** The newest rows of a channel, by id; merges what changed. */
function newest(limit, by) {
  const rows = new Map();
  return (changed) => {
    for (const row of changed) rows.set(row.id, row);
    const sorted = [...rows.values()].sort((a, b) => by(b) - by(a)).slice(0, limit);
    for (const id of rows.keys())
      if (rows.size > 50 && !sorted.some((r) => r.id === id)) rows.delete(id);
    return sorted;
  };
}

/** A list that is asked for once and then kept up by what changes. */
function keptUp(box, what, load, merge, draw, signal) {
  let early = []; // what came live before the answer
  let loaded = false;
  const first = loadInto(
    box,
    what,
    () => load(signal),
    ({ items }) => {
      loaded = true;
      draw(merge([...items, ...early]));
    },
  );
  return {
    first,
    take(changed) {
      if (loaded) draw(merge(changed));
      else early = [...early, ...changed];
    },
  };
}

function batches({ signal }) {
  const columns = batchColumns().filter((c) => !c.detailOnly);
  const table = plainTable(columns, [], 'Last batches', (b) => b.id);
  const box = el('div', { class: 'scroll-x' });
  const none = empty('No batch yet', 'The first one is sealed soon after the first reading.');
  const load = (until) => get('batches', { limit: BATCHES_SHOWN }, until);
  const draw = (rows) => {
    table.show(rows);
    place(box, [rows.length ? table : none]);
  };
  const merge = newest(BATCHES_SHOWN, (b) => b.id);
  const more = el('a', { href: '#/batches' }, 'All batches');
  return {
    element: card('Last batches', { class: 'span-2', more }, box),
    ...keptUp(box, 'the batches', load, merge, draw, signal),
  };
}

function alarms({ signal }) {
  const box = el('div');
  const list = el('ul', { class: 'alarm-lines' });
  const none = empty('No alarms', 'Nothing has been wrong so far.');
  const load = (until) => get('alarms', { limit: ALARMS_SHOWN, state: 'all' }, until);
  const draw = (rows) => {
    fill(
      list,
      rows.map((row) => el('li', {}, alarmLine(row))),
    );
    place(box, [rows.length ? list : none]);
  };
  const merge = newest(ALARMS_SHOWN, (a) => (a.acknowledged_t ? 0 : 1e12) + a.last_t);
  const more = el('a', { href: '#/alarms' }, 'All alarms');
  return {
    element: card('Alarms', { more }, box),
    ...keptUp(box, 'the alarms', load, merge, draw, signal),
  };
}

// --- the page --------------------------------------------------------------------------------------

async function open(root, context) {
  const { live, session, signal } = context;
  let overview = null;
  await loadInto(
    root,
    'the overview',
    () => get('overview', {}, signal),
    async (loaded) => {
      overview = loaded;
      const shown = [fleet(), success(), tiles(), chain(session)];
      const [meters, read, numbers, node] = shown;
      const [load, sealed, rung] = [await loadCard(context), batches(context), alarms(context)];
      const grid = [meters, read, load, node, sealed, rung].map((part) => part.element);
      const at = el('span', {}, '');
      fill(
        root,
        heading('Overview', at),
        el('div', { class: 'live-data' }, numbers.element, el('div', { class: 'grid' }, grid)),
      );
      const draw = onceAFrame(() => {
        for (const part of shown) part.show(overview);
        setText(at, f.timeWithZone(Math.floor(overview.t / 1000)));
      });
      on(live, 'overview', signal, ({ detail }) => {
        overview = { ...overview, ...detail, t: live.now() * 1000 };
        draw();
      });
      on(live, 'batches', signal, ({ detail }) => sealed.take(detail));
      on(live, 'alarms', signal, ({ detail }) => rung.take(detail));
      live.want({ subscribe: ['overview', 'alarms', 'batches'] });
      for (const part of shown) part.show(overview);
      setText(at, f.timeWithZone(Math.floor(overview.t / 1000)));
      await Promise.all([load.first, sealed.first, rung.first]);
    },
  );
}

export default { title: 'Overview', open };
