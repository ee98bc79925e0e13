// the experiments of the source paper, with our system beside its own figures
//
// Table 1, figures 3 and 4: the time until N writes are on the chain, one transaction a reading and
// each awaited, as the paper did, and through our bridge; on a node that mines at once and on one
// that mines each second. Figures 5 and 6: the same traffic under floods (loopback only, bounded)
// against the broker's TLS port, the dashboard and a node. And the paper's attacks, tried.
//
//   tests/bench/run paper [--json FILE] [--quick]     --quick: fewer writes, shorter floods
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { build, onStage, report, table } from './bench_lib.mjs';
import { attacks } from './paper/attacks.mjs';
import { Traffic, underFlood } from './paper/floods.mjs';
import { batchedWrites, serialWrites } from './paper/writes.mjs';

const { values: options } = parseArgs({
  options: {
    json: { type: 'string' },
    rows: { type: 'string' }, // all tables, for docs/evaluation.md
    quick: { type: 'boolean', default: false },
  },
});
const PAPER = { 1: 0.27, 100: 19.5, 200: 41.07, 300: 61.98, 400: 82.72, 500: 90.5 };
const COUNTS = Object.keys(PAPER).map(Number);
const MORE = [1_000, 10_000, 100_000];
const BLOCK_S = 1;
const FLOOD_S = options.quick ? 4 : 15;

const say = (text) => console.error(`paper: ${text}`);

async function writes() {
  const [counts, more] = options.quick ? [[1, 100], [1_000]] : [COUNTS, MORE];
  say(`${counts.at(-1)} writes awaited one by one, at once and on ${BLOCK_S} s blocks`);
  const serial = await serialWrites(counts);
  const slow = await serialWrites(counts, BLOCK_S);
  const rows = [];
  for (const count of [...counts, ...more]) {
    say(`${count} writes through the bridge`);
    const batched = await batchedWrites(count);
    const blocks = await batchedWrites(count, BLOCK_S);
    rows.push({ count, paper: PAPER[count], serial: serial[count], slow: slow[count], batched, blocks });
  }
  return rows;
}

async function floods() {
  return onStage(async (stage) => {
    const traffic = await Traffic.start(stage);
    const kinds = [
      ['none', undefined, 0],
      ['UDP at the broker', 'udp', stage.brokerPort],
      ['TCP at the broker', 'tcp', stage.brokerPort],
      ['HTTP at the broker', 'http', stage.brokerPort],
      ['unfinished requests at the broker', 'slow', stage.brokerPort],
      ['UDP at the node', 'udp', stage.rpcPort],
      ['TCP at the node', 'tcp', stage.rpcPort],
      ['HTTP at the node', 'http', stage.rpcPort],
    ];
    const rows = [];
    for (const [name, kind, port] of kinds) {
      say(`flood: ${name}`);
      rows.push({ name, ...(await underFlood(traffic, kind, port, FLOOD_S)) });
    }
    return rows;
  });
}

function printWrites(rows) {
  console.log('seconds until N writes are on the chain');
  const heading = ['writes', 'paper', 'awaited', `awaited, ${BLOCK_S} s blocks`];
  heading.push('ours', `ours, ${BLOCK_S} s blocks`);
  table(
    heading,
    rows.map((row) => [row.count, row.paper, row.serial, row.slow, row.batched, row.blocks]),
  );
}

function printFloods(rows) {
  console.log('20 reports/s under floods: milliseconds from publish to receipt');
  const heading = ['flood', 'sent/s', 'stored p50', 'p99', 'sealed p50', 'p99', '> 1 s, %', 'lost'];
  const cells = (row) => [
    ...[row.name, Math.round(row.sent / (FLOOD_S + 2)), row.stored_p50, row.stored_p99],
    ...[row.sealed_p50, row.sealed_p99, row.delayed * 100, row.lost],
  ];
  table(heading, rows.map(cells));
}

build();
const tables = { writes: await writes(), floods: await floods() };
printWrites(tables.writes);
printFloods(tables.floods);
say('attacks');
tables.attacks = await onStage(attacks);
console.log('attacks');
table(['attempt', 'refused by', 'evidence'], tables.attacks);

const three = (value) => value && Number(value.toPrecision(3));
const figures = {};
for (const row of tables.writes) {
  figures[`paper_${row.count}_s`] = row.paper;
  figures[`serial_${row.count}_s`] = three(row.serial);
  figures[`batched_${row.count}_s`] = three(row.batched);
  figures[`serial_1s_blocks_${row.count}_s`] = three(row.slow);
  figures[`batched_1s_blocks_${row.count}_s`] = three(row.blocks);
}
const [calm, ...flooded] = tables.floods;
figures.flood_lost = tables.floods.reduce((sum, row) => sum + row.lost, 0);
figures.flood_p99_ratio = three(Math.max(...flooded.map((row) => row.stored_p99)) / calm.stored_p99);
const result = report(figures, options.json);
if (options.rows) writeFileSync(options.rows, JSON.stringify({ ...tables, result }, null, 1) + '\n');
