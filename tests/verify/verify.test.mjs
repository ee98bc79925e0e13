// The checker shown green on a small honest ledger, and red on each way of tampering with it. The
// ledger is made here, with viem and @openzeppelin/merkle-tree, so that no chain is needed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import { concatHex, hashTypedData, hexToBytes, numberToHex } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { decodeRecords } from './records.mjs';
import { check, parseExport } from './verify.mjs';

const GROUP = 1;
const FIRST_METER = 65537;
const START = 1_767_225_600;
const SERVER = privateKeyToAccount(generatePrivateKey()).address;
const METERS = [0, 1, 2].map(() => privateKeyToAccount(generatePrivateKey()));
const STRANGER = privateKeyToAccount(generatePrivateKey());
const domain = {
  name: 'MeterLedger',
  version: '1',
  chainId: 31337,
  verifyingContract: '0x5FbDB2315678afecb367f032d93F642f64180aa3',
};
const uint = (name, bits) => ({ name, type: `uint${bits}` });
const types = {
  Report: [uint('meter', 32), uint('sequence', 32), { name: 'readings', type: 'Reading[]' }],
  Reading: [uint('timestamp', 32), uint('importWh', 48), uint('exportWh', 48), uint('quality', 8)],
};

const digestOf = ({ meter, sequence, readings }) => {
  const rows = readings.map((r) => ({ timestamp: r.t, ...r }));
  const message = { meter, sequence, readings: rows };
  return hashTypedData({ domain, types, primaryType: 'Report', message });
};

async function makeReport(number, sequence, readings, signer = METERS[number]) {
  const report = { meter: FIRST_METER + number, sequence, readings };
  return { ...report, sig: await signer.sign({ hash: digestOf(report) }) };
}

const reading = (t, importWh, exportWh = 0, quality = 0) => ({ t, importWh, exportWh, quality });

/** Every value absolute, a block a reading: the longest form of the format. */
function encodeRecords(records) {
  const bytes = ['0x01', numberToHex(0, { size: 4 }), numberToHex(900, { size: 2 })];
  for (const r of records) {
    bytes.push('0x6f', '0x01', numberToHex(r.meter & 0xffff, { size: 2 }), '0x0000');
    bytes.push(numberToHex(r.t, { size: 4 }), numberToHex(r.importWh, { size: 6 }));
    bytes.push(numberToHex(r.exportWh, { size: 6 }), numberToHex(r.quality, { size: 1 }));
  }
  return hexToBytes(concatHex(bytes));
}

const recordsOf = (reports) =>
  reports.flatMap((r) => r.readings.map((row) => ({ meter: r.meter, ...row })));

function makeBatch(number, reports, changes = {}) {
  const leaves = reports.map((r) => [
    digestOf(r),
    r.sig.slice(0, 66),
    `0x${r.sig.slice(66, 130)}`,
    parseInt(r.sig.slice(130), 16),
  ]);
  const { root } = StandardMerkleTree.of(leaves, ['bytes32', 'bytes32', 'bytes32', 'uint8']);
  const records = recordsOf(reports);
  return {
    name: 'BatchSubmitted',
    block: 10 + number,
    time: START + 86_400,
    root,
    server: SERVER,
    group: GROUP,
    number: BigInt(number),
    accepted: records.length,
    rejected: 0,
    records: encodeRecords(records),
    ...changes,
  };
}

/** What ledger.mjs would have fetched: `latest` and `batches` answer as the contract would. */
function makeLedger(batches, changes = {}) {
  const latest = new Map();
  const sealed = batches.filter((b) => b.name === 'BatchSubmitted');
  for (const batch of sealed) {
    if (batch.malformed) continue;
    for (const r of decodeRecords(batch.records, GROUP))
      latest.set(r.meter, [r.t, r.importWh, r.exportWh]);
  }
  return {
    domain,
    block: 99,
    events: [
      { name: 'ServerAdded', server: SERVER, group: GROUP },
      { name: 'MetersRegistered', firstMeter: FIRST_METER, signers: METERS.map((m) => m.address) },
      ...batches,
    ],
    batchCount: async () => sealed.length,
    batchInfo: async (group, root) => {
      const batch = sealed.find((b) => b.root === root);
      return { number: batch.number, blockNumber: batch.block, accepted: batch.accepted };
    },
    latestReading: async (meter) => latest.get(meter),
    verifyReport: async () => true,
    ...changes,
  };
}

/** Three meters, two batches of reports of one and two readings. */
async function honest() {
  const reports = [
    await makeReport(0, 1, [reading(START, 1000)]),
    await makeReport(0, 2, [reading(START + 900, 1100), reading(START + 1800, 1150, 7, 2)]),
    await makeReport(1, 1, [reading(START + 5, 2 ** 47 - 1, 2 ** 40)]),
    await makeReport(2, 1, [reading(START + 9, 5)]),
  ];
  return {
    reports,
    batches: [makeBatch(1, [reports[0], reports[2]]), makeBatch(2, [reports[1], reports[3]])],
  };
}

async function problemsOf(change) {
  const world = await honest();
  const changed = (await change?.(world)) ?? {};
  const { problems } = await check(makeLedger(world.batches, changed), world.reports);
  return problems;
}

test('an honest ledger agrees with its meters, and all of it is counted', async () => {
  const { reports, batches } = await honest();
  const waiting = await makeReport(2, 2, [reading(START + 99, 6)]);
  const { counts, problems } = await check(makeLedger(batches), [...reports, waiting]);
  assert.deepEqual(problems, []);
  assert.deepEqual(counts, {
    batches: 2,
    reports: 4,
    readings: 5,
    rejected: 0,
    signatures: 4,
    proofs: 4,
    asked: 4,
    waiting: 1,
  });
});

test('an empty ledger proves nothing', async () => {
  const { problems } = await check(makeLedger([]), []);
  assert.deepEqual(problems, ['there is no batch on chain']);
});

const TAMPERED = {
  'a register changed on chain': [
    /no report of the meter has this reading/,
    ({ batches, reports }) => {
      const records = recordsOf([reports[0], reports[2]]);
      records[0].importWh++;
      batches[0].records = encodeRecords(records);
    },
  ],
  'a quality changed on chain': [
    /no report of the meter has this reading/,
    ({ batches, reports }) => {
      const records = recordsOf([reports[0], reports[2]]);
      records[1].quality = 4;
      batches[0].records = encodeRecords(records);
    },
  ],
  'a reading invented for a meter': [
    /no report of the meter has this reading/,
    async ({ batches }) => {
      batches.push(makeBatch(3, [await makeReport(2, 2, [reading(START + 50, 6)])]));
    },
  ],
  'a report sealed twice': [
    /is on chain before already/,
    ({ batches, reports }) => {
      batches.push(makeBatch(3, [reports[3]]));
    },
  ],
  'a report left out': [
    /sequence 1 was left out/,
    ({ batches }) => {
      batches.splice(0, 1);
      batches[0].number = 1n;
    },
  ],
  'half a report sealed': [
    /a reading of a report is missing/,
    ({ batches, reports }) => {
      batches[1].records = encodeRecords(
        recordsOf([reports[1], reports[3]]).filter((r) => r.t !== START + 1800)
      );
      batches[1].accepted--;
    },
  ],
  'a root over other reports': [
    /the tree over its 2 reports has root/,
    ({ batches }) => {
      batches[0].root = batches[1].root;
    },
  ],
  'a report signed by a stranger': [
    /was signed by .*, registered is/,
    async ({ batches, reports }) => {
      reports[3] = await makeReport(2, 1, [reading(START + 9, 5)], STRANGER);
      batches[1] = makeBatch(2, [reports[1], reports[3]]);
    },
  ],
  'a report changed in the export after signing': [
    /was signed by .*, registered is/,
    ({ batches, reports }) => {
      reports[0].readings[0].importWh = 999;
      batches[0] = makeBatch(1, [reports[0], reports[2]]);
    },
  ],
  'a signer rotated before the batch': [
    /was signed by .*, registered is/,
    ({ batches }) => {
      batches.unshift({ name: 'SignerRotated', meter: FIRST_METER, signer: STRANGER.address });
    },
  ],
  'a server that is not listed': [
    /was not listed for group 1/,
    ({ batches }) => {
      batches.splice(1, 0, { name: 'ServerRemoved', server: SERVER, group: GROUP });
    },
  ],
  'a gap in the numbers': [
    /number 2 was expected/,
    ({ batches }) => {
      batches[1].number = 3n;
    },
  ],
  'a rejection that no rule gives': [
    /rejected meter\/time\/reason/,
    ({ batches }) => {
      batches.splice(1, 0, {
        name: 'ReadingRejected',
        meter: FIRST_METER,
        timestamp: START + 900,
        reason: 4,
      });
    },
  ],
  'a rollback that was accepted': [
    /the rules say \[65537\/.*\/3\]/,
    async ({ batches, reports }) => {
      reports.push(await makeReport(0, 3, [reading(START + 2700, 1)]));
      batches.push(makeBatch(3, [reports.at(-1)]));
    },
  ],
  'a report sealed that the meter was told is elsewhere': [
    /told batch/,
    ({ reports }) => {
      reports[0].seal = { batch: `0x${'0'.repeat(64)}`, block: 11 };
    },
  ],
  'a report that the meter was told is sealed, but is not': [
    /told sealed in .*, but is not on chain/,
    async ({ reports, batches }) => {
      reports.push({
        ...(await makeReport(2, 2, [reading(START + 50, 6)])),
        seal: { batch: batches[0].root },
      });
    },
  ],
  'a sequence exported twice': [
    /exports sequence 1 twice/,
    ({ reports }) => {
      reports.push({ ...reports[3] });
    },
  ],
  'a getter that says otherwise': [
    /latestReading is/,
    () => ({ latestReading: async () => [1, 2, 3] }),
  ],
  'a verifyReport that says no': [
    /verifyReport says no/,
    () => ({ verifyReport: async () => false }),
  ],
  'a batchCount that says otherwise': [
    /batchCount is not 2/,
    () => ({ batchCount: async () => 1 }),
  ],
  'records cut short': [
    /records end within byte/,
    ({ batches }) => {
      batches[1].records = batches[1].records.slice(0, -1);
      batches[1].malformed = true;
    },
  ],
};

for (const [name, [expected, change]] of Object.entries(TAMPERED)) {
  test(`${name} is seen`, async () => {
    const problems = await problemsOf(change);
    assert.ok(
      problems.some((p) => expected.test(p)),
      problems.join('\n') || 'no problem was found'
    );
  });
}

test('the compact forms of the record format are read', () => {
  const bytes = hexToBytes(
    concatHex([
      '0x01',
      numberToHex(START, { size: 4 }),
      '0x0384', // base time, 900 s
      ...['0x10', '0x02', '0x0007', '0x00', '0x00'], // meters 7 and 8, time u16, no registers
      ...['0x0001', '0x0002'],
      ...['0x15', '0x01', '0x0009', '0x02', '0x05'], // meter 9, all u16, then 2 by interval
      ...['0x0005', '0x0064', '0x0003', '0x0065', '0x0004', '0x0000', '0x0001'],
      ...['0x81', '0x02', '0x000a', '0x00', '0x00', '0x02', '0x0001', '0x00', '0x0002'], // 12, 13
      ...['0x28', '0x01', '0x000d', '0x01', '0x50'], // meter 13 again, absolute; then time and quality
      ...[numberToHex(START + 5000, { size: 4 }), '0x00000001', '0x0003', '0x05'],
    ])
  );
  const row = (meter, t, importWh, exportWh, quality = 0) => ({
    meter,
    t,
    importWh,
    exportWh,
    quality,
  });
  assert.deepEqual(decodeRecords(bytes, 1), [
    row(65543, START + 1, 0, 0),
    row(65544, START + 2, 0, 0),
    row(65545, START + 5, 100, 3),
    row(65545, START + 905, 201, 7),
    row(65545, START + 1805, 201, 8),
    row(65548, START, 0, 1),
    row(65549, START, 0, 2),
    row(65549, START + 5000, 1, 0),
    row(65549, START + 5004, 1, 0, 5),
  ]);
});

for (const [name, hex] of Object.entries({
  'another version': '0x02000000000000',
  'a block of no meters': '0x0100000000000010000001000000',
  'a shape without bytes': '0x01000000000000000100010000',
  'time code 3': '0x01000000000000300100010000000000000000',
  'bit 7 in a further shape': '0x010000000000001001000101900001010001',
  'u48 in a further item': '0x01000000000000100100010103000100000000000100',
  'a register of 48 bits': '0x010000000000000c0100010000ffffffffffff',
  'meters that fall': '0x0100000000000010010002000000011001000100000001',
  'meters past the last number': '0x010000000000001002ffff000000010001',
})) {
  test(`records with ${name} are refused`, () => {
    assert.throws(
      () => decodeRecords(hexToBytes(hex), 1),
      /format|shape|out of range|no such meter/
    );
  });
}

test('what a meter was told and exports is read', () => {
  const seal = { batch: '0x01', block: 5, tx: '0x02' };
  const readings = [{ t: 7, import_wh: 8, export_wh: 9, quality: 1 }];
  const row = {
    report: { v: 1, meter: 65537, sequence: 3, readings, sig: '0x03' },
    state: 'sealed',
    ...seal,
  };
  assert.deepEqual(parseExport(`${JSON.stringify(row)}\n`, 'x'), [
    {
      meter: 65537,
      sequence: 3,
      readings: [reading(7, 8, 9, 1)],
      sig: '0x03',
      state: 'sealed',
      seal: { batch: '0x01', block: 5, transaction: '0x02' },
    },
  ]);
});

test('an export line that is no JSON is named', () => {
  assert.throws(() => parseExport('{"v":1\n', 'meter-1.jsonl'), /meter-1\.jsonl:1/);
});
