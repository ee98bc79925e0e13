// how rate, latency and memory grow with meters, registered meters, backlog and batch size
//
// One quantity grows at a time, all else stays: meters connected, meters registered, readings that
// wait while the chain stands still, readings a batch. For each the table shows the rate, the
// resident memory of broker and bridge, and the exponent of growth: the slope in a plot of
// logarithms, 0 where more costs nothing, 1 where twice as many cost twice as much.
//
//   tests/bench/run growth [--json FILE] [--rows FILE] [--quick]
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import {
  WAIT_MS,
  build,
  cpuSeconds,
  gasSince,
  last,
  onStage,
  peakMib,
  register,
  registerOthers,
  report,
  send,
  sign,
  table,
  until,
  watchBatches,
  watchState,
} from './bench_lib.mjs';
import { exponent } from './plots_lib.mjs';

const { values: options } = parseArgs({
  options: {
    json: { type: 'string' },
    rows: { type: 'string' }, // all tables, for docs/evaluation.md
    quick: { type: 'boolean', default: false },
  },
});
const TOTAL = options.quick ? 10_000 : 30_000;
const ACTIVE = 100;

/** Sends signed reports and waits until all are sealed. */
async function sealAll(stage, meters, each, readings) {
  sign(stage, meters, each, readings);
  const seen = await watchBatches(stage);
  const total = meters * each * readings;
  const cpu = cpuSeconds(stage.bridge.pid);
  const from = await send(stage, meters);
  await until('all of it to be sealed', () => seen.readings >= total, WAIT_MS);
  return {
    rate: total / ((seen.ms - from) / 1000),
    cpu: ((cpuSeconds(stage.bridge.pid) - cpu) * 10_000) / total,
    broker: peakMib(stage.broker.pid),
    bridge: peakMib(stage.bridge.pid),
  };
}

const connected = (meters) =>
  onStage(async (stage) => {
    await register(stage, meters);
    return sealAll(stage, meters, Math.max(1, TOTAL / meters), 1);
  });

const registered = (count) =>
  onStage(async (stage) => {
    const begin = performance.now();
    await register(stage, ACTIVE);
    await registerOthers(stage, ACTIVE, count - ACTIVE);
    const seconds = (performance.now() - begin) / 1000;
    return { seconds, ...(await sealAll(stage, ACTIVE, TOTAL / ACTIVE, 1)) };
  });

/** Stored while the chain stands still, then drained. */
const backlog = (readings) =>
  onStage(async (stage) => {
    const each = Math.max(1, Math.ceil(readings / 96 / ACTIVE));
    const total = ACTIVE * each;
    await register(stage, ACTIVE);
    sign(stage, ACTIVE, each, 96);
    const states = await watchState(stage);
    const seen = await watchBatches(stage);
    stage.chain.child.kill('SIGSTOP');
    await send(stage, ACTIVE);
    await until('all of it to be stored', () => last(states)?.stored >= total, WAIT_MS);
    stage.chain.child.kill('SIGCONT');
    const from = performance.now();
    await until('all of it to be sealed', () => seen.readings >= total * 96, WAIT_MS);
    const seconds = (seen.ms - from) / 1000;
    return { readings: total * 96, rate: (total * 96) / seconds, seconds, bridge: peakMib(stage.bridge.pid) };
  });

const batched = (readings) =>
  onStage(
    async (stage) => {
      await register(stage, ACTIVE);
      const total = Math.min(TOTAL, readings * 1000);
      const first = (await stage.rpc.getBlockNumber({ cacheTime: 0 })) + 1n;
      const row = await sealAll(stage, ACTIVE, total / ACTIVE, 1);
      return { ...row, gas: (await gasSince(stage, first)) / total };
    },
    { bridge: ['--batch-readings', readings] },
  );

// A group, and so a server, has at most 65,535 meters.
const GROWTHS = [
  ['connected', 'meters connected', connected, [100, 1_000, 10_000]],
  ['registered', 'meters registered', registered, [1_000, 10_000, 60_000]],
  ['backlog', 'readings waiting', backlog, [10_000, 100_000, 1_000_000, 10_000_000]],
  ['batch', 'readings a batch', batched, [1, 10, 100, 500, 2_000]],
];

build();
const tables = {};
const figures = {};
for (const [name, words, measure, sizes] of GROWTHS) {
  const rows = [];
  for (const size of options.quick ? sizes.slice(0, 2) : sizes) {
    console.error(`growth: ${size} ${words}`);
    rows.push({ size, ...(await measure(size)) });
    for (const [key, value] of Object.entries(last(rows)))
      if (key !== 'size') figures[`${name}_${size}_${key}`] = Number(value.toPrecision(3));
  }
  const keys = Object.keys(rows[0]).filter((key) => key !== 'size');
  const slopes = keys.map((key) => exponent(rows.map((row) => [row.size, row[key]])));
  table([words, ...keys], [...rows.map(Object.values), ['exponent', ...slopes.map((s) => s.toFixed(2))]]);
  keys.forEach((key, i) => (figures[`${name}_${key}_exponent`] = Number(slopes[i].toFixed(2))));
  tables[name] = rows;
}
const result = report(figures, options.json);
if (options.rows) writeFileSync(options.rows, JSON.stringify({ ...tables, result }, null, 1) + '\n');
