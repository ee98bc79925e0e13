// Gas per reading of MeterLedger, next to a transaction per reading with the same checks.
//
//     node tests/bench/gas.mjs [--json FILE] [--hardfork NAME]
//
// Starts its own anvil (2^24 gas a transaction, as networks since Osaka), deploys both contracts,
// sends two batches of each kind and reports the second one's whole receipt: transaction base,
// calldata, storage, and the event that carries the records. Needs contracts/tools/build.
//
// The data is made by a fixed random generator: imports of 1 to 60 MWh, half of the meters export,
// 15-minute steps of 150 Wh (import) and 200 Wh (export) in the mean, exponential; every meter has
// its own second in the interval, which is the harder case (interval data on the quarter hour
// packs shorter; the table shows that, too).
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';

import { deploy, send, startNode, TX_BYTES_MAX, TX_GAS_MAX } from '../../contracts/tools/node.mjs';
import { packRecords } from '../../contracts/tools/records.mjs';

const require = createRequire(new URL('../../contracts/', import.meta.url));
const { encodeFunctionData, decodeEventLog, keccak256, toHex } = require('viem');

const GROUP = 1;
const METERS = 10_000;
const START = 1_767_225_600; // 2026-01-01
const NOW = START + 86_400 * 300;

const BARS = { dense_1000: 3100, four_per_meter: 1000, ninetysix_per_meter: 300, random_10pct: 6000 };

/* CONTRACTS */

async function setUp(rpc) {
  const [admin, server] = await rpc('eth_accounts');
  const ledger = await deploy(rpc, admin, 'MeterLedger', [admin]);
  const single = await deploy(rpc, admin, 'TxPerReading', [server, GROUP, 20]);

  const call = (functionName, args) =>
    send(rpc, {
      from: admin,
      to: ledger.address,
      data: encodeFunctionData({ abi: ledger.abi, functionName, args }),
    });
  await call('addServer', [server, GROUP]);
  for (let first = 0; first < METERS; first += 400) {
    const signers = Array.from({ length: Math.min(400, METERS - first) }, (_, i) =>
      toHex(first + i + 1, { size: 20 }));
    await call('registerMeters', [GROUP * 65536 + first, signers]);
  }
  return { rpc, server, ledger, single };
}

/* DATA */

let seed = 0x414d52;
function random() {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}
const exponential = (mean) => Math.floor(-mean * Math.log(1 - random()));

function makeMeters() {
  return Array.from({ length: METERS }, (_, number) => ({
    number,
    second: Math.floor(random() * 900),
    importWh: 1e6 + Math.floor(random() * 59e6),
    exportWh: number % 2 ? 1e6 + Math.floor(random() * 59e6) : 0,
  }));
}

let slot = 0; // quarter hours since START; each batch is later than the one before

function makeReadings(meters, perMeter, aligned) {
  const first = slot;
  slot += perMeter;
  return meters.flatMap((meter) =>
    Array.from({ length: perMeter }, (_, i) => {
      meter.importWh += exponential(150);
      if (meter.exportWh) meter.exportWh += exponential(200);
      return {
        number: meter.number,
        timestamp: START + (first + i) * 900 + (aligned ? 0 : meter.second),
        importWh: meter.importWh,
        exportWh: meter.exportWh,
        quality: 0,
      };
    }));
}

/* MEASURING */

let batches = 0;

async function submit({ rpc, server, ledger }, readings) {
  const records = packRecords(readings);
  const args = [keccak256(toHex(++batches)), toHex(records)];
  const data = encodeFunctionData({ abi: ledger.abi, functionName: 'submitBatch', args });
  const receipt = await send(rpc, { from: server, to: ledger.address, data });
  const event = decodeEventLog({ abi: ledger.abi, ...receipt.logs.at(-1) }).args;
  if (event.accepted !== readings.length || event.rejected !== 0 || event.records !== args[1])
    throw new Error(`batch ${batches}: ${event.accepted} of ${readings.length} accepted`);
  return { gas: Number(receipt.gasUsed), bytes: (data.length - 2) / 2, packed: records.length };
}

async function measure(setup, chosen, perMeter, aligned) {
  await submit(setup, makeReadings(chosen, perMeter, aligned));
  const readings = makeReadings(chosen, perMeter, aligned);
  const { gas, bytes, packed } = await submit(setup, readings);
  if (gas >= TX_GAS_MAX || bytes >= TX_BYTES_MAX) throw new Error('a batch exceeds what networks take');
  const n = readings.length;
  return { n, gas, perReading: gas / n, bytes, packed: packed / n };
}

async function measureSingle({ rpc, server, single }, meter) {
  const data = (t, wh) =>
    encodeFunctionData({ abi: single.abi, functionName: 'submit', args: [GROUP * 65536 + 7, BigInt(t), BigInt(wh)] });
  const t = START + meter.second;
  await send(rpc, { from: server, to: single.address, data: data(t, meter.importWh) });
  const receipt = await send(rpc, { from: server, to: single.address, data: data(t + 900, meter.importWh + 150) });
  const gas = Number(receipt.gasUsed);
  return { n: 1, gas, perReading: gas, bytes: (data(t, 1).length - 2) / 2, packed: 100 };
}

function sample(meters, count) {
  const rest = meters.slice();
  const chosen = Array.from({ length: count }, () =>
    rest.splice(Math.floor(random() * rest.length), 1)[0]);
  return chosen.sort((a, b) => a.number - b.number);
}

async function measureAll(setup) {
  const meters = makeMeters();
  const dense = meters.slice(4096, 5096);
  const few = meters.slice(6000, 6011);
  const rows = {};
  const run = async (name, what, chosen, perMeter, aligned = false) => {
    rows[name] = { what, ...(await measure(setup, chosen, perMeter, aligned)) };
  };
  await run('dense_1000', '1,000 neighbouring meters, 1 reading each', dense, 1);
  await run('four_per_meter', '1,000 neighbouring meters, 4 readings each', dense, 4);
  await run('ninetysix_per_meter', '11 meters, 96 readings each', few, 96);
  await run('random_10pct', '1,000 meters out of 10,000', sample(meters, 1000), 1);
  rows.tx_per_reading = { what: 'a transaction per reading', ...(await measureSingle(setup, meters[7])) };
  await run('dense_1000_aligned', 'as dense, all on the quarter hour', dense, 1, true);
  await run('dense_100', '100 neighbouring meters, 1 reading each', dense.slice(0, 100), 1);
  await run('dense_1', '1 meter, 1 reading', dense.slice(0, 1), 1);
  await run('four_per_meter_1000', '250 neighbouring meters, 4 readings each', dense.slice(0, 250), 4);
  await run('ninetysix_per_meter_9600', '100 meters, 96 readings each', dense.slice(0, 100), 96);
  return rows;
}

/* REPORT */

function printTable(rows, hardfork) {
  console.log(`gas per reading, whole receipt, ${hardfork}, steady state (second batch)\n`);
  console.log('                                               readings  gas a batch  gas/reading    bar  B/reading');
  for (const [name, row] of Object.entries(rows)) {
    const bar = BARS[name] ? String(BARS[name]) : '';
    console.log(
      `${row.what.padEnd(46)} ${String(row.n).padStart(8)} ${String(row.gas).padStart(12)} ` +
        `${row.perReading.toFixed(0).padStart(12)} ${bar.padStart(6)} ${row.packed.toFixed(1).padStart(10)}` +
        (BARS[name] && row.perReading > BARS[name] ? '  OVER THE BAR' : ''),
    );
  }
  const times = rows.tx_per_reading.perReading / rows.dense_1000.perReading;
  console.log(`\na dense batch is ${times.toFixed(1)} times cheaper than a transaction per reading`);
}

function option(name) {
  const at = process.argv.indexOf(name);
  return at < 0 ? undefined : process.argv[at + 1];
}

const hardfork = option('--hardfork') ?? 'osaka';
const node = await startNode({ hardfork, timestamp: NOW });
const rows = await measureAll(await setUp(node.rpc));
const client = await node.rpc('web3_clientVersion');
node.stop();
printTable(rows, hardfork);

const json = option('--json');
if (json) {
  const figures = Object.fromEntries(
    Object.entries(rows).map(([name, row]) => [name, Math.round(row.perReading)]));
  writeFileSync(json, JSON.stringify({
    ...figures,
    machine: `${cpus().length} x ${cpus()[0].model}`,
    node: process.version,
    anvil: client,
    solc: require('solc/package.json').version,
    hardfork,
    date: new Date().toISOString(),
  }, null, 2) + '\n');
}
process.exit(Object.keys(BARS).some((name) => rows[name].perReading > BARS[name]) ? 1 : 0);
