// command_card: the relay, the commands to a meter and what became of them. A command is signed by
// an operator: in the browser's wallet, or by a key that the bridge holds if it was given one.
import { get, meterPath, post } from './api.js';
import { announce, el, fill } from './dom.js';
import * as f from './format.js';
import { chip, icon } from './icons.js';
import { card, every } from './state.js';
import { hasWallet, sign } from './wallet.js';
import { COMMANDS, COMMAND_STATE } from './words.js';

const SET_INTERVAL = 4;
const VALID_S = 900;
const SHOWN = 8;
const UNDER_WAY = new Set(['relayed', 'issued', 'accepted']);
const LOOK_MS = 2000;

const describe = ({ kind, argument }) => {
  const { word } = COMMANDS[kind] ?? { word: `Command ${kind}` };
  return kind === SET_INTERVAL ? `${word} to ${f.number(argument)} s` : word;
};

function commandLine(command) {
  const state = COMMAND_STATE[command.state] ?? COMMAND_STATE.relayed;
  const by = command.by ?? (command.operator ? f.short(command.operator) : '');
  return el(
    'li',
    { 'data-command': String(command.id), 'data-state': command.state },
    el('span', { class: 'command-word' }, `${f.number(command.id)}  ${describe(command)}`),
    chip(state),
    el(
      'small',
      { title: command.operator },
      by && `by ${by}, `,
      command.t ? f.time(command.t) : '',
    ),
    command.text && el('small', {}, command.text),
  );
}

// --- the question before ------------------------------------------------------------------------------

function intervalField(kind, meter) {
  if (kind !== SET_INTERVAL) return null;
  return el(
    'label',
    {},
    el('span', {}, 'New interval, in seconds'),
    el('input', {
      type: 'number',
      name: 'argument',
      min: '1',
      max: '86400',
      required: true,
      value: String(meter.interval_s),
    }),
  );
}

function signers(session) {
  const { wallet, held_key: held } = session.commands;
  return [
    wallet && {
      value: 'wallet',
      word: 'with the wallet in this browser',
      off: !hasWallet() && 'none found',
    },
    held && { value: 'held', word: `with the key that the bridge holds (${f.short(held)})` },
  ].filter(Boolean);
}

function signerField(session) {
  const ways = signers(session);
  const first = ways.find((way) => !way.off);
  return el(
    'fieldset',
    {},
    el('legend', {}, 'Sign'),
    ways.map((way) =>
      el(
        'label',
        { class: 'radio' },
        el('input', {
          type: 'radio',
          name: 'way',
          value: way.value,
          required: true,
          disabled: Boolean(way.off),
          checked: way === first,
        }),
        el('span', {}, way.word, way.off && el('small', {}, ` (${way.off})`)),
      ),
    ),
    ways.length === 0 && el('p', { class: 'problem' }, 'This bridge relays no commands.'),
  );
}

/** Asks before a command goes out; send(argument, way) makes it. */
function confirmDialog(meter, kind, session, send) {
  const { word, doing, danger } = COMMANDS[kind];
  const problem = el('p', { class: 'problem', role: 'alert' });
  const go = el(
    'button',
    { type: 'submit', class: danger ? 'danger' : 'primary' },
    `${word}: sign and send`,
  );
  const form = el(
    'form',
    {},
    el('h2', {}, `${word}: ${meter.serial ?? meter.meter}?`),
    el(
      'p',
      {},
      `The meter ${doing}. It obeys only an operator who is listed in the contract; the command is on the chain for good and expires after ${VALID_S / 60} min.`,
    ),
    intervalField(kind, meter),
    signerField(session),
    problem,
    el(
      'div',
      { class: 'dialog-foot' },
      el('button', { type: 'button', onclick: () => dialog.close() }, 'Cancel'),
      go,
    ),
  );
  const dialog = el(
    'dialog',
    { class: 'dialog narrow', 'aria-label': `${word} ${meter.serial ?? ''}` },
    form,
  );
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const values = new FormData(form);
    go.disabled = true;
    problem.textContent = '';
    try {
      await send(Number(values.get('argument') ?? 0), values.get('way'));
      dialog.close();
    } catch (failure) {
      fill(problem, icon('silent'), el('span', {}, failure.message));
    } finally {
      go.disabled = signers(session).length === 0;
    }
  });
  go.disabled = signers(session).every((way) => way.off);
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

// --- the card -------------------------------------------------------------------------------------------

export function commandCard(meter, { session, signal }) {
  const list = el('ol', { class: 'commands' });
  const none = el('p', { class: 'muted' }, 'No commands so far.');
  let commands = meter.commands;

  function draw() {
    fill(list, commands.slice(0, SHOWN).map(commandLine));
    none.hidden = commands.length > 0;
  }

  async function refresh() {
    const page = await get('commands', { meter: meterPath(meter), limit: SHOWN }, signal).catch(
      () => null,
    );
    if (!page) return;
    for (const command of page.items) {
      const before = commands.find((c) => c.id === command.id);
      if (before && before.state !== command.state)
        announce(`${describe(command)}: ${COMMAND_STATE[command.state]?.word}`);
    }
    commands = page.items;
    draw();
  }

  async function send(kind, argument, way) {
    const next = await get('commands/next', {
      meter: meterPath(meter),
      kind,
      argument,
      valid_s: VALID_S,
    });
    const signature = way === 'wallet' ? await sign(next.typed_data) : undefined;
    await post('commands', { command: next.command, signature });
    announce(`${COMMANDS[kind].word} sent.`);
    await refresh();
  }

  const button = (kind) =>
    el(
      'button',
      {
        type: 'button',
        class: COMMANDS[kind].danger ? 'danger' : null,
        'data-kind': String(kind),
        onclick: () =>
          confirmDialog(meter, kind, session, (argument, way) => send(kind, argument, way)),
      },
      COMMANDS[kind].danger && icon('power'),
      COMMANDS[kind].word,
    );
  const buttons =
    session.role === 'operator'
      ? el(
          'div',
          { class: 'buttons' },
          Object.keys(COMMANDS).map((kind) => button(Number(kind))),
        )
      : el('p', { class: 'muted' }, 'Operators can send commands; your account may only look.');

  draw();
  every(LOOK_MS, signal, () => {
    if (commands.some((c) => UNDER_WAY.has(c.state))) refresh();
  });
  return { element: card('Relay and commands', {}, buttons, none, list), refresh };
}
