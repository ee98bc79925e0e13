// view_alarms: what went wrong, in groups of what fell at once, and who has taken it.
import { get, post } from './api.js';
import { whom } from './alarm_line.js';
import { announce, el, fill, place, setText } from './dom.js';
import * as f from './format.js';
import { chip, icon } from './icons.js';
import { afterBreak, empty, heading, loadInto, on, showFailure } from './state.js';
import { cause } from './words.js';

const PAGE = 100;
const STATES = [
  ['open', 'Open'],
  ['acknowledged', 'Acknowledged'],
  ['all', 'All'],
];

const isOpen = (alarm) => !alarm.acknowledged_t;
const fits = (alarm, state) => state === 'all' || isOpen(alarm) === (state === 'open');

function acknowledged({ acknowledged_t, acknowledged_by, note }) {
  return el(
    'p',
    { class: 'taken-by' },
    icon('ok'),
    `Acknowledged by ${acknowledged_by}, ${f.timeWithZone(acknowledged_t)}`,
    note && el('q', {}, note),
  );
}

async function showMembers(box, alarm, signal) {
  await loadInto(
    box,
    'the group',
    () => get(`alarms/${alarm.id}`, {}, signal),
    ({ members, count }) => {
      fill(
        box,
        el(
          'div',
          { class: 'scroll-x' },
          el(
            'table',
            { 'aria-label': 'Alarms of this group' },
            el(
              'thead',
              {},
              el(
                'tr',
                {},
                [`Time (${f.zone()})`, 'Meter or client', 'Address', 'What'].map((w) =>
                  el('th', {}, w),
                ),
              ),
            ),
            el(
              'tbody',
              {},
              members.map((m) =>
                el(
                  'tr',
                  {},
                  el('td', {}, f.time(m.t)),
                  el(
                    'td',
                    {},
                    m.serial
                      ? el('a', { href: `#/meter/${m.serial}` }, m.serial)
                      : (m.client ?? f.UNKNOWN),
                  ),
                  el('td', {}, m.address ?? f.UNKNOWN),
                  el('td', { class: 'wrap' }, m.text),
                ),
              ),
            ),
          ),
        ),
        members.length < count &&
          el('small', {}, `The ${f.number(members.length)} kept of ${f.number(count)}.`),
      );
    },
  );
}

/** One group; `take(alarm, note)` acknowledges it. */
function alarmItem(alarm, { operator, take, signal }) {
  const { word, icon: name, tone } = cause(alarm.cause);
  const members = el('div', { class: 'members' });
  const more = el(
    'details',
    {},
    el('summary', {}, alarm.count > 1 ? `${f.number(alarm.count)} alarms` : 'Details'),
    members,
  );
  more.addEventListener(
    'toggle',
    () => more.open && !members.firstChild && showMembers(members, alarm, signal),
  );
  const button =
    isOpen(alarm) &&
    operator &&
    el(
      'button',
      { type: 'button', class: 'small', onclick: (event) => take(alarm, event.target) },
      'Acknowledge',
      el('span', { class: 'unseen' }, ` ${word}`),
    );
  return el(
    'li',
    { class: `card alarm${isOpen(alarm) ? '' : ' taken'}`, 'data-alarm': String(alarm.id) },
    el(
      'div',
      { class: 'alarm-head' },
      chip({ word, icon: name, tone: isOpen(alarm) ? tone : 'mute', help: alarm.cause }),
      alarm.count > 1 && el('strong', {}, `× ${f.number(alarm.count)}`),
      el('span', {}, whom(alarm)),
      el('time', { title: f.timeWithZone(alarm.last_t) }, f.span(alarm.first_t, alarm.last_t)),
      button,
    ),
    el('p', {}, alarm.text),
    isOpen(alarm) ? null : acknowledged(alarm),
    more,
  );
}

async function open(root, { live, session, signal, values }) {
  let state = values.get('state') ?? 'open';
  let alarms = new Map();
  let cursor = null;
  const items = new Map(); // id → {alarm as JSON, element}
  const list = el('ul', { class: 'alarm-list live-data' });
  const problem = el('div');
  const shown = el('span');
  const older = el(
    'button',
    { type: 'button', hidden: true, onclick: () => more() },
    'Older alarms',
  );
  const takeAll = el(
    'button',
    { type: 'button', hidden: true, onclick: () => acknowledgeAll() },
    'Acknowledge all shown',
  );
  const operator = session.role === 'operator';
  const buttons = STATES.map(([value, word]) =>
    el(
      'button',
      { type: 'button', class: 'filter', 'data-state': value, onclick: () => choose(value) },
      word,
    ),
  );

  function visible() {
    return [...alarms.values()]
      .filter((a) => fits(a, state))
      .sort((a, b) => b.last_t - a.last_t || b.id - a.id);
  }

  /** Elements of unchanged groups stay, so that an open one stays open. */
  function itemOf(alarm) {
    const text = JSON.stringify(alarm);
    const known = items.get(alarm.id);
    if (known?.text === text) return known.element;
    const element = alarmItem(alarm, { operator, take, signal });
    const details = known?.element.querySelector('details');
    if (details?.open) element.querySelector('details').open = true;
    items.set(alarm.id, { text, element });
    return element;
  }

  function draw() {
    const rows = visible();
    for (const b of buttons) b.setAttribute('aria-pressed', String(b.dataset.state === state));
    setText(shown, f.count(rows.length, 'group'));
    takeAll.hidden = !operator || rows.filter(isOpen).length < 2;
    older.hidden = !cursor;
    if (rows.length) place(list, rows.map(itemOf));
    else
      fill(
        list,
        el(
          'li',
          { class: 'card' },
          state === 'open'
            ? empty('No open alarms', 'Everything that went wrong has been taken by somebody.')
            : empty('No alarms', 'Nothing has been wrong so far.'),
        ),
      );
  }

  function keep(changed) {
    for (const alarm of changed) alarms.set(alarm.id, alarm);
  }

  async function act(call) {
    problem.textContent = '';
    try {
      await call();
    } catch (failure) {
      showFailure(problem, failure);
    }
    draw();
  }

  const take = (alarm, button) =>
    act(async () => {
      button.disabled = true;
      keep([await post(`alarms/${alarm.id}/acknowledge`, {})]);
      announce('Acknowledged.');
    });

  const acknowledgeAll = () =>
    act(async () => {
      const ids = visible()
        .filter(isOpen)
        .map((a) => a.id);
      await post('alarms/acknowledge', { ids });
      announce(`${f.count(ids.length, 'group')} acknowledged.`);
      show(await load());
    });

  const load = (from) => get('alarms', { state, limit: PAGE, cursor: from }, signal);

  function show(page) {
    alarms = new Map(page.items.map((a) => [a.id, a]));
    cursor = page.next_cursor;
    fill(box, list, el('p', { class: 'more' }, older));
    draw();
  }

  async function more() {
    const page = await load(cursor).catch(() => null);
    if (!page) return;
    keep(page.items);
    cursor = page.next_cursor;
    draw();
  }

  const box = el('div');
  const refresh = () => loadInto(box, 'the alarms', () => load(), show);
  function choose(value) {
    state = value;
    refresh();
  }

  fill(
    root,
    heading('Alarms', shown),
    el(
      'div',
      { class: 'filters' },
      el('div', { class: 'filter-row', role: 'group', 'aria-label': 'State' }, buttons),
      takeAll,
    ),
    problem,
    box,
  );
  await refresh();
  on(live, 'alarms', signal, ({ detail }) => {
    keep(detail);
    if (list.isConnected) draw();
  });
  afterBreak(live, signal, refresh);
  live.want({ subscribe: ['overview', 'alarms'] });
}

export default { title: 'Alarms', open };
