// view_verify: a proof file from anywhere, checked in this browser.
import { el, fill } from './dom.js';
import { icon } from './icons.js';
import { showSeal } from './seal_panel.js';
import { card, empty, heading } from './state.js';

const BYTES_MAX = 4 * 1024 * 1024;

async function open(root, { session }) {
  const result = card('Result', {}, el('div'));
  const box = result.lastChild;
  const input = el('input', {
    type: 'file',
    accept: '.json,application/json',
    class: 'unseen',
    id: 'proof-file',
  });

  async function take(file) {
    if (!file) return;
    try {
      const { parseProof } = await import('./verify.js');
      if (file.size > BYTES_MAX) throw new Error('This file is too long for a proof.');
      const proof = parseProof(await file.text());
      await showSeal(
        box,
        proof,
        { chainId: session.chain_id, contract: session.contract },
        session,
      );
    } catch (error) {
      fill(box, el('p', { class: 'verdict bad', role: 'alert' }, icon('silent'), error.message));
    }
  }

  input.addEventListener('change', () => take(input.files[0]));
  const zone = el(
    'label',
    {
      class: 'drop',
      for: 'proof-file',
      ondragover: (event) => event.preventDefault(),
      ondrop: (event) => {
        event.preventDefault();
        take(event.dataTransfer.files[0]);
      },
    },
    icon('verify', 'large'),
    el('span', {}, el('strong', {}, 'Choose a proof file'), ' or drop it here'),
    el('small', {}, 'as “Download the proof” on a meter’s page or “amrctl proof” writes it'),
  );
  fill(
    box,
    empty(
      'No file yet',
      'The digest, the signer and the path to the batch’s root are computed here, in your browser. An Ethereum node of your choice then says whether the chain holds that root.',
    ),
  );
  fill(root, heading('Verify a proof'), input, zone, result);
}

export default { title: 'Verify', open };
