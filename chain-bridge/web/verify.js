// verify: whether a report is sealed, computed here from its bytes: EIP-712 digest, signer, Merkle
// leaf and root; and what a node says of that root and signer. Nothing that the server claims is
// taken over: each claim is compared with what comes out.
import { recoverPublicKey } from './vendor/secp256k1.js';
import { keccak_256 as keccak } from './vendor/sha3.js';

const WORD = 32;
const DOMAIN_TYPE =
  'EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)';
const READING_TYPE = 'Reading(uint32 timestamp,uint48 importWh,uint48 exportWh,uint8 quality)';
const REPORT_TYPE = `Report(uint32 meter,uint32 sequence,Reading[] readings)${READING_TYPE}`;

// --- bytes -------------------------------------------------------------------------------------

export const hex = (bytes) =>
  `0x${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;

function bytes(text, length) {
  if (
    typeof text !== 'string' ||
    !/^0x([0-9a-fA-F]{2})*$/.test(text) ||
    text.length !== 2 + 2 * length
  )
    throw new Error(`expected ${length} bytes in hexadecimal, got ${String(text).slice(0, 20)}`);
  return Uint8Array.from({ length }, (_, i) => parseInt(text.slice(2 + 2 * i, 4 + 2 * i), 16));
}

function join(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** A number as an ABI word; what is no natural number of so many bits is refused. */
function word(value, bits) {
  if (!Number.isSafeInteger(value) || value < 0 || value >= 2 ** bits)
    throw new Error(`${value} is no number of ${bits} bits`);
  return bytes(`0x${value.toString(16).padStart(2 * WORD, '0')}`, WORD);
}

const address = (text) => join(new Uint8Array(12), bytes(text, 20));
const text = (string) => keccak(new TextEncoder().encode(string));

// --- what is recomputed ------------------------------------------------------------------------

const readingHash = (r) =>
  keccak(
    join(
      text(READING_TYPE),
      word(r.t, 32),
      word(r.import_wh, 48),
      word(r.export_wh, 48),
      word(r.quality, 8),
    ),
  );

export function reportDigest({ chain_id, contract, report }) {
  const domain = keccak(
    join(text(DOMAIN_TYPE), text('MeterLedger'), text('1'), word(chain_id, 53), address(contract)),
  );
  const readings = keccak(join(...report.readings.map(readingHash)));
  const struct = keccak(
    join(text(REPORT_TYPE), word(report.meter, 32), word(report.sequence, 32), readings),
  );
  return keccak(join(Uint8Array.of(0x19, 0x01), domain, struct));
}

export function recoverSigner(digest, sig) {
  const signature = bytes(sig, 65);
  const recovery = signature[64] - 27;
  if (recovery !== 0 && recovery !== 1) throw new Error('the signature ends in neither 1b nor 1c');
  const key = recoverPublicKey(join(Uint8Array.of(recovery), signature.subarray(0, 64)), digest, {
    prehash: false,
    isCompressed: false,
  });
  return hex(keccak(key.subarray(1)).subarray(12));
}

/** OpenZeppelin's standard leaf over (digest, r, s, v): hashed twice. */
export function merkleLeaf(digest, sig) {
  const signature = bytes(sig, 65);
  const v = word(signature[64], 8);
  return keccak(keccak(join(digest, signature.subarray(0, 32), signature.subarray(32, 64), v)));
}

const below = (a, b) => hex(a) < hex(b);

export const merkleRoot = (leaf, proof) =>
  proof
    .map((node) => bytes(node, 32))
    .reduce(
      (node, other) => keccak(below(node, other) ? join(node, other) : join(other, node)),
      leaf,
    );

// --- a node --------------------------------------------------------------------------------------

const selector = (signature) => text(signature).subarray(0, 4);

async function ask(url, method, params) {
  let answer;
  try {
    answer = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      credentials: 'omit',
      referrerPolicy: 'no-referrer',
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    });
  } catch {
    throw new Error(
      'The node does not answer, or does not allow this page to ask it, or the server does not allow this page to ask that node.',
    );
  }
  const { result, error } = await answer.json();
  if (error) throw new Error(`The node says: ${error.message}`);
  return result;
}

async function view(url, contract, data) {
  const result = await ask(url, 'eth_call', [{ to: contract, data: hex(data) }, 'latest']);
  return (result.slice(2).match(/.{64}/g) ?? []).map((part) => `0x${part}`);
}

/** What the node knows: {chainId, batch: {number, block, time}, signer of the meter in that batch}. */
export async function askNode(url, { contract, report, root }) {
  const group = Math.floor(report.meter / 65_536);
  const chainId = Number(await ask(url, 'eth_chainId', []));
  const info = await view(
    url,
    contract,
    join(selector('batchInfo(uint16,bytes32)'), word(group, 16), bytes(root, 32)),
  );
  if (info.length < 5)
    throw new Error('There is no MeterLedger at this address on the node’s chain.');
  const batch = { number: Number(info[0]), block: Number(info[1]), time: Number(info[2]) };
  if (batch.number === 0) return { chainId, batch, signer: null };
  const signer = await view(
    url,
    contract,
    join(selector('meterSignerAt(uint32,uint64)'), word(report.meter, 32), word(batch.number, 53)),
  );
  return { chainId, batch, signer: `0x${signer[0].slice(26)}` };
}

// --- the whole check -------------------------------------------------------------------------------

const same = (a, b) => String(a).toLowerCase() === String(b).toLowerCase();

/** One step's outcome: {word, good: true | false | null (not asked), detail}. */
const step = (good, word, detail) => ({ good, word, detail });

function compare(wordText, computed, claimed) {
  const good = same(computed, claimed);
  return step(good, wordText, good ? computed : `computed ${computed}, the file says ${claimed}`);
}

/** What `run` says, or a failed step where the bytes make no sense. */
function attempt(wordText, run) {
  try {
    return run();
  } catch (error) {
    return step(false, wordText, error.message);
  }
}

const SIGNED = 'Signed by the meter’s key';
const PATH = 'Path to the batch’s root';

const holds = (report, reading) =>
  report.readings.some(
    (r) =>
      r.t === reading.t &&
      r.import_wh === reading.import_wh &&
      r.export_wh === reading.export_wh &&
      (reading.quality === undefined || r.quality === reading.quality),
  );

/** The steps that need nothing but the file; `expected` {chainId, contract, reading} where known. */
export function checkProof(proof, expected = {}) {
  const steps = [];
  const { report } = proof;
  const reading = expected.reading ?? report.readings.find((r) => r.t === proof.t);
  if (expected.contract) {
    const here = same(proof.contract, expected.contract) && proof.chain_id === expected.chainId;
    steps.push(
      step(
        here,
        'The file is of this chain and contract',
        `chain ${proof.chain_id}, ${proof.contract}`,
      ),
    );
  }
  steps.push(
    step(
      Boolean(reading) && holds(report, reading),
      'The report holds the reading',
      `report ${report.sequence} of meter ${report.meter}`,
    ),
  );
  const digest = attempt('Digest of the report', () => reportDigest(proof));
  if (digest.word) return [...steps, digest];
  steps.push(
    step(true, 'Digest of the report', hex(digest)),
    attempt(SIGNED, () => compare(SIGNED, recoverSigner(digest, report.sig), proof.signer)),
    attempt(PATH, () =>
      compare(PATH, hex(merkleRoot(merkleLeaf(digest, report.sig), proof.proof)), proof.root),
    ),
  );
  return steps;
}

/** The steps that a node answers. */
export async function checkChain(proof, url) {
  let node;
  try {
    node = await askNode(url, proof);
  } catch (error) {
    return [step(false, 'The chain holds this root', error.message)];
  }
  const { chainId, batch, signer } = node;
  const found = batch.number > 0;
  const when = new Date(batch.time * 1000).toISOString().replace('T', ' ').replace('.000Z', ' UTC');
  const recovered = attempt('', () =>
    step(true, '', recoverSigner(reportDigest(proof), proof.report.sig)),
  );
  return [
    step(chainId === proof.chain_id, 'The node is of this chain', `chain ${chainId}`),
    step(
      found,
      'The chain holds this root',
      found
        ? `batch ${batch.number}, block ${batch.block}, ${when}`
        : 'no batch of this group has this root',
    ),
    step(
      found && same(signer, recovered.detail),
      'The chain names this signer for the meter',
      found ? signer : 'nothing to compare with',
    ),
  ];
}

/** A proof file's text; throws in words where it is none. */
export function parseProof(string) {
  let proof;
  try {
    proof = JSON.parse(string);
  } catch {
    throw new Error('This file is not JSON.');
  }
  const { report } = proof ?? {};
  if (!report || !Array.isArray(report.readings) || !Array.isArray(proof.proof) || !proof.root)
    throw new Error('This file is no proof of a report.');
  return proof;
}
