// seal_panel: shows step by step whether a report is sealed. Used by the meter's page, for one
// reading, and by the page that takes a proof file.
import { el, fill, announce } from './dom.js';
import * as f from './format.js';
import { icon } from './icons.js';

const NODE_KEY = 'node';

const stepLine = ({ good, word, detail }) =>
  el(
    'li',
    { class: `step ${good ? 'good' : 'wrong'}` },
    el('span', { class: `step-mark ${good ? 'ok' : 'bad'}` }, icon(good ? 'ok' : 'silent')),
    el(
      'span',
      { class: 'step-word' },
      word,
      el('span', { class: 'unseen' }, good ? ': holds' : ': does not hold'),
    ),
    el('code', {}, detail),
  );

function verdict(steps, asked) {
  const wrong = steps.filter((s) => !s.good);
  const [tone, name, words] = wrong.length
    ? ['bad', 'silent', `Not proven: ${wrong[0].word.toLowerCase()} does not hold.`]
    : asked
      ? ['ok', 'seal', 'Proven: the meter signed this report, and the chain holds it.']
      : ['info', 'ok', 'The file agrees with itself. Ask a node whether the chain holds the root.'];
  announce(words);
  return el('p', { class: `verdict ${tone}` }, icon(name), words);
}

function remembered() {
  try {
    return localStorage.getItem(NODE_KEY);
  } catch {
    return null;
  }
}

function remember(url) {
  try {
    localStorage.setItem(NODE_KEY, url);
  } catch {
    // Then it is asked again next time.
  }
}

function download(proof) {
  const url = URL.createObjectURL(
    new Blob([`${JSON.stringify(proof, null, 2)}\n`], { type: 'application/json' }),
  );
  const name = `proof-${proof.report.meter}-${proof.t}.json`;
  el('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

function readingsTable({ readings }) {
  return el(
    'div',
    { class: 'scroll-x' },
    el(
      'table',
      {},
      el(
        'thead',
        {},
        el(
          'tr',
          {},
          ['Time', 'Taken', 'Fed in'].map((w, i) => el('th', { class: i ? 'number' : null }, w)),
        ),
      ),
      el(
        'tbody',
        {},
        readings.map((r) =>
          el(
            'tr',
            {},
            el('td', {}, f.timeWithZone(r.t)),
            el('td', { class: 'number' }, f.energy(r.import_wh)),
            el('td', { class: 'number' }, f.energy(r.export_wh)),
          ),
        ),
      ),
    ),
  );
}

/** Fills `root` with the check of `proof`; `expected` as for checkProof. */
export async function showSeal(root, proof, expected, session) {
  const { checkProof, checkChain } = await import('./verify.js');
  const list = el('ol', { class: 'steps' });
  const result = el('div');
  const origins = session?.verify_origins ?? [];
  const url = el('input', {
    type: 'url',
    name: 'node',
    required: true,
    value: remembered() ?? origins.find((o) => !o.includes('*')) ?? 'http://127.0.0.1:8545',
    'aria-label': 'Address of an Ethereum node',
  });
  const ask = el('button', { type: 'submit', class: 'primary' }, 'Ask this node');
  const local = checkProof(proof, expected);

  function show(steps, asked) {
    fill(list, steps.map(stepLine));
    fill(result, verdict(steps, asked));
  }

  async function submit(event) {
    event.preventDefault();
    ask.disabled = true;
    remember(url.value);
    try {
      show([...local, ...(await checkChain(proof, url.value))], true);
    } finally {
      ask.disabled = false;
    }
  }

  show(local, false);
  fill(
    root,
    result,
    list,
    el(
      'form',
      { class: 'node-form', onsubmit: submit },
      el('label', {}, el('span', {}, 'Ethereum node, yours or one you trust'), url),
      ask,
    ),
    origins.length > 0 && el('small', {}, `This page may ask: ${origins.join(', ')}`),
    el('h3', {}, `Report ${f.number(proof.report.sequence)} of meter ${proof.report.meter}`),
    readingsTable(proof.report),
    el(
      'p',
      { class: 'seal-foot' },
      el(
        'button',
        { type: 'button', onclick: () => download(proof) },
        icon('download'),
        'Download the proof',
      ),
      el('small', {}, 'Anyone can check this file, here or with “amrctl”, without this server.'),
    ),
  );
}
