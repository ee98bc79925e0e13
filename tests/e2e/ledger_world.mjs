// A ledger with history, without brokers and bridges: meters sign, servers seal, by viem and
// @openzeppelin/merkle-tree alone. What the auditors' tools say of it can be held against what was
// put in. Archives are written here, too, as bridges (chain-bridge/archive.h) and meters do.
import { writeFileSync } from 'node:fs';
import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import {
  concatHex,
  encodeFunctionData,
  hashTypedData,
  hexToBytes,
  keccak256,
  numberToHex,
  parseAbi,
} from 'viem';
import { privateKeyToAccount } from 'viem/accounts';

const ABI = parseAbi([
  'function registerMeters(uint32 firstMeter, address[] signers)',
  'function rotateSigner(uint32 meter, address signer)',
  'function closeMeter(uint32 meter)',
  'function linkPredecessor(address ledger)',
  'function addServer(address server, uint16 group)',
  'function submitBatch(bytes32 root, bytes records)',
]);
const TYPES = {
  Report: [
    { name: 'meter', type: 'uint32' },
    { name: 'sequence', type: 'uint32' },
    { name: 'readings', type: 'Reading[]' },
  ],
  Reading: [
    { name: 'timestamp', type: 'uint32' },
    { name: 'importWh', type: 'uint48' },
    { name: 'exportWh', type: 'uint48' },
    { name: 'quality', type: 'uint8' },
  ],
};
const LEAF = ['bytes32', 'bytes32', 'bytes32', 'uint8'];

/** The same keys in every run. */
export const meterKey = (number) => privateKeyToAccount(numberToHex(0xa000000 + number, { size: 32 }));

const hex = (value, size) => numberToHex(value, { size });

/** Every value absolute, a block a reading: the longest form of the record format. */
function encodeRecords(records) {
  const bytes = ['0x01', hex(0, 4), hex(900, 2)];
  for (const r of records) {
    bytes.push('0x6f', '0x01', hex(r.meter & 0xffff, 2), '0x0000', hex(r.t, 4));
    bytes.push(hex(r.import_wh, 6), hex(r.export_wh, 6), hex(r.quality, 1));
  }
  return concatHex(bytes);
}

const recordsOf = (reports) =>
  reports.flatMap((r) => r.readings.map((row) => ({ meter: r.meter, ...row })));

function varint(value) {
  const bytes = [];
  let rest = BigInt(value);
  for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return [...bytes, Number(rest)];
}

function blob(report) {
  const bytes = [1, ...varint(report.readings.length)];
  let last = { t: 0, import_wh: 0, export_wh: 0 };
  for (const r of report.readings) {
    for (const key of ['t', 'import_wh', 'export_wh']) bytes.push(...varint(r[key] - last[key]));
    bytes.push(r.quality);
    last = r;
  }
  return Buffer.concat([Buffer.from(bytes), hexToBytes(report.sig)]);
}

const be = (value, size) => Buffer.from(hexToBytes(hex(value, size)));
const bytes = (text) => Buffer.from(hexToBytes(text));

/** The checksum that ends an entry of length and content. */
export const archiveSum = (entry) => bytes(keccak256(entry)).subarray(0, 8);

function entry({ root, tx, block, number }, reports) {
  const parts = [bytes(root), bytes(tx), be(block, 8), be(number, 8)];
  for (const report of reports) {
    const data = blob(report);
    parts.push(be(report.meter, 4), be(report.sequence, 4), be(data.length, 4), data);
  }
  const content = Buffer.concat(parts);
  const whole = Buffer.concat([be(content.length, 4), content]);
  return Buffer.concat([whole, archiveSum(whole)]);
}

export class LedgerWorld {
  /** stage: its chain runs and its contract is deployed. */
  constructor(stage) {
    this.stage = stage;
    this.batches = []; // {root, tx, block, number, group, reports}
    this.counts = new Map(); // group: batches
  }

  async send(from, functionName, args) {
    const { rpc, contract } = this.stage;
    await rpc.request({ method: 'anvil_setBalance', params: [from, '0x56bc75e2d63100000'] });
    await rpc.request({ method: 'anvil_impersonateAccount', params: [from] });
    const data = encodeFunctionData({ abi: ABI, functionName, args });
    const tx = { from, to: contract, data, gas: '0xf00000' };
    const hash = await rpc.request({ method: 'eth_sendTransaction', params: [tx] });
    const receipt = await rpc.waitForTransactionReceipt({ hash, pollingInterval: 5 });
    if (receipt.status !== 'success') throw new Error(`${functionName} reverted`);
    return receipt;
  }

  asAdmin(functionName, ...args) {
    return this.send(this.stage.admin.address, functionName, args);
  }

  /** Meters 1..count of a group, each with its own key. */
  async register(group, count) {
    const signers = Array.from({ length: count }, (_, i) => meterKey(group * 65536 + i + 1).address);
    await this.asAdmin('registerMeters', group * 65536 + 1, signers);
  }

  async report(meter, sequence, readings, account = meterKey(meter)) {
    const rows = readings.map((r) => ({ export_wh: 0, quality: 0, ...r }));
    const digest = this.digest({ meter, sequence, readings: rows });
    const ordered = rows.map(({ t, import_wh, export_wh, quality }) => ({
      ...{ t, import_wh, export_wh, quality },
    }));
    return { v: 1, meter, sequence, readings: ordered, sig: await account.sign({ hash: digest }) };
  }

  digest({ meter, sequence, readings }) {
    return hashTypedData({
      domain: this.stage.domain(),
      types: TYPES,
      primaryType: 'Report',
      message: {
        meter,
        sequence,
        readings: readings.map((r) => ({
          timestamp: r.t,
          importWh: r.import_wh,
          exportWh: r.export_wh,
          quality: r.quality,
        })),
      },
    });
  }

  leaf(report) {
    const { sig } = report;
    return [this.digest(report), sig.slice(0, 66), `0x${sig.slice(66, 130)}`, parseInt(sig.slice(130), 16)];
  }

  /** One batch of a group, by its server; reports sorted by meter and sequence. */
  async seal(reports, { server = this.stage.server.address, also = [] } = {}) {
    const sorted = [...reports].sort((a, b) => a.meter - b.meter || a.sequence - b.sequence);
    const tree = StandardMerkleTree.of([...sorted, ...also].map((r) => this.leaf(r)), LEAF);
    const receipt = await this.send(server, 'submitBatch', [
      tree.root,
      encodeRecords(recordsOf(sorted)),
    ]);
    const group = sorted[0].meter >>> 16;
    const number = (this.counts.get(group) ?? 0) + 1;
    this.counts.set(group, number);
    const batch = {
      ...{ root: tree.root, tx: receipt.transactionHash, block: Number(receipt.blockNumber) },
      ...{ number, group, reports: sorted, tree },
    };
    this.batches.push(batch);
    return batch;
  }

  /** As amr-bridge archives them. */
  archive(path, batches = this.batches) {
    const entries = batches.map((batch) => entry(batch, batch.reports));
    writeFileSync(path, Buffer.concat([Buffer.from('AMRARCH1'), ...entries]));
    return path;
  }

  /** As `amr-meter export` prints them. */
  export(path, batches = this.batches, keep = () => true) {
    const lines = batches.flatMap(({ reports, root, tx, block }) =>
      reports
        .filter(keep)
        .map((report) => JSON.stringify({ report, state: 'sealed', batch: root, tx, block }))
    );
    writeFileSync(path, lines.map((line) => `${line}\n`).join(''));
    return path;
  }
}

/** Days of readings every quarter of an hour: a household's, rising and a little different each. */
export function quarterHours(meter, from, count, start = 100_000) {
  const readings = [];
  let import_wh = start + (meter % 97) * 1000;
  for (let i = 0; i < count; i++) {
    const t = from + i * 900;
    import_wh += 50 + ((meter * 31 + i * 17) % 200);
    readings.push({ t, import_wh, export_wh: 0, quality: 0 });
  }
  return readings;
}
