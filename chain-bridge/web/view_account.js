// view_account: who am I, which server is this, and tokens for programs.
import { drop, get, post } from './api.js';
import { el, fill } from './dom.js';
import * as f from './format.js';
import { icon } from './icons.js';
import { card, empty, heading, loadInto } from './state.js';
import { plainTable } from './table.js';

const facts = (rows) =>
  el(
    'dl',
    { class: 'facts' },
    rows.map(([word, value]) => [el('dt', {}, word), el('dd', {}, value)]),
  );

function tokensCard(signal) {
  const box = el('div');
  const made = el('div');
  const problem = el('p', { class: 'problem', role: 'alert' });
  const columns = (refresh) => [
    { key: 'name', word: 'Name', draw: (cell, t) => fill(cell, t.name) },
    { key: 'role', word: 'Role', draw: (cell, t) => fill(cell, t.role) },
    { key: 'by', word: 'Made by', class: 'wide', draw: (cell, t) => fill(cell, t.created_by) },
    {
      key: 'used',
      word: 'Last used',
      class: 'wide',
      draw: (cell, t) => fill(cell, f.time(t.used_t)),
    },
    {
      key: 'expires',
      word: 'Ends',
      draw: (cell, t) => fill(cell, t.expires_t ? f.time(t.expires_t) : 'never'),
    },
    {
      key: 'drop',
      word: 'End',
      draw: (cell, t) =>
        fill(
          cell,
          el(
            'button',
            {
              type: 'button',
              class: 'small danger',
              onclick: () => drop(`tokens/${t.id}`).then(refresh, say),
            },
            'Drop',
            el('span', { class: 'unseen' }, ` ${t.name}`),
          ),
        ),
    },
  ];
  const say = (failure) => fill(problem, icon('silent'), el('span', {}, failure.message));
  const refresh = () =>
    loadInto(
      box,
      'the tokens',
      () => get('tokens', {}, signal),
      ({ items }) =>
        fill(
          box,
          items.length
            ? el('div', { class: 'scroll-x' }, plainTable(columns(refresh), items, 'Tokens'))
            : empty('No tokens', 'A token lets a program use the API without a password.'),
        ),
    );
  async function submit(event) {
    event.preventDefault();
    const values = new FormData(event.target);
    problem.textContent = '';
    try {
      const token = await post('tokens', {
        name: values.get('name'),
        role: values.get('role'),
        days: Number(values.get('days')),
      });
      fill(
        made,
        el(
          'p',
          { class: 'verdict ok' },
          icon('ok'),
          el(
            'span',
            {},
            'Copy it now, it is not shown again: ',
            el('code', { class: 'wrap' }, token.token),
          ),
        ),
      );
      event.target.reset();
      refresh();
    } catch (failure) {
      say(failure);
    }
  }
  const form = el(
    'form',
    { class: 'inline-form', onsubmit: submit },
    el(
      'label',
      {},
      el('span', {}, 'Name'),
      el('input', { name: 'name', required: true, pattern: '[A-Za-z0-9._\\-]{1,32}' }),
    ),
    el(
      'label',
      {},
      el('span', {}, 'Role'),
      el(
        'select',
        { name: 'role' },
        el('option', { value: 'viewer' }, 'viewer'),
        el('option', { value: 'operator' }, 'operator'),
      ),
    ),
    el(
      'label',
      {},
      el('span', {}, 'Days, 0: no end'),
      el('input', { name: 'days', type: 'number', min: '0', max: '3650', value: '365' }),
    ),
    el('button', { type: 'submit' }, 'Make a token'),
  );
  refresh();
  return card('Tokens for programs', { class: 'span-all' }, box, form, problem, made);
}

async function open(root, { session, signal, logOut }) {
  const { commands } = session;
  fill(
    root,
    heading('Your account', el('button', { type: 'button', onclick: logOut }, 'Log out')),
    el(
      'div',
      { class: 'grid two' },
      card(
        'You',
        {},
        facts([
          ['Name', session.name],
          ['Role', session.role],
          ['Logged in until', f.timeWithZone(session.expires_t)],
        ]),
      ),
      card(
        'This server',
        {},
        facts([
          ['Version', session.version],
          ['Running since', f.timeWithZone(session.started_t)],
          ['Group', String(session.group)],
          ['Chain', String(session.chain_id)],
          ['Contract', el('code', { class: 'wrap' }, session.contract)],
          ['Server’s account', el('code', { class: 'wrap' }, session.server)],
          [
            'Operator’s key held here',
            commands.held_key ? el('code', { class: 'wrap' }, commands.held_key) : 'none',
          ],
        ]),
      ),
      session.role === 'operator' && tokensCard(signal),
    ),
  );
}

export default { title: 'Your account', open };
