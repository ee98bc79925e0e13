// sizing: how many servers, what gas limit and how much disk so many meters need.
//
//     node deploy/sizing.mjs [--gas FILE] [--meters N,...] [--batch-age-s 60] [--block-s 2]
//                            [--server-meters 50000] [--server-reports-s 500]
//
// Gas is measured: FILE is what `tests/bench/run gas --json FILE` wrote (default: the figures of the
// day that the guide's table was made). A server's share is a cautious setting, not a limit that was
// found. Prints the table of docs/operations.md.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

const MEASURED = { dense_1: 69210, dense_1000: 3081, four_per_meter: 963, ninetysix_per_meter_9600: 156 };
const BYTES = { dense_1000: 10, four_per_meter: 5.5, ninetysix_per_meter_9600: 3.3 };
const INTERVAL_S = 900;
const HEADER_BYTES = 700; // of a block without transactions, and of a transaction and its receipt
const FULL = 0.5; // blocks half full in the mean: room for backlogs, and for a fee market

const { values: options } = parseArgs({
  options: {
    gas: { type: 'string' },
    meters: { type: 'string', default: '10000,100000,1000000,10000000' },
    'batch-age-s': { type: 'string', default: '60' },
    'block-s': { type: 'string', default: '2' },
    'server-meters': { type: 'string', default: '50000' },
    'server-reports-s': { type: 'string', default: '500' },
  },
});
const gas = options.gas ? JSON.parse(readFileSync(options.gas, 'utf8')) : MEASURED;
const number = (name) => {
  const value = Number(options[name]);
  if (!(value > 0)) throw new Error(`--${name} must be a number above 0`);
  return value;
};

// How meters report: readings in a report, and the measured batch that is like it.
const SCHEMES = [
  { name: 'each quarter hour', readings: 1, like: 'dense_1000', batch: 1000 },
  { name: '4 an hour', readings: 4, like: 'four_per_meter', batch: 4000 },
  { name: '96 a day', readings: 96, like: 'ninetysix_per_meter_9600', batch: 9600 },
];

/** What a transaction costs before its first reading, and what a reading adds. */
const fixed = gas.dense_1 - gas.dense_1000;
const each = (scheme) => gas[scheme.like] - fixed / scheme.batch;

function size(meters, scheme) {
  const readingsS = meters / INTERVAL_S;
  const reportsS = readingsS / scheme.readings;
  const servers = Math.ceil(Math.max(meters / number('server-meters'), reportsS / number('server-reports-s')));
  // A batch leaves when it is full or old enough.
  const batchesS = Math.max(servers / number('batch-age-s'), readingsS / scheme.batch);
  const batches = Math.min(batchesS, reportsS);
  const gasS = batches * fixed + readingsS * each(scheme);
  const limit = (gasS * number('block-s')) / FULL;
  const bytesS = readingsS * BYTES[scheme.like] * 2 + batches * HEADER_BYTES + HEADER_BYTES / number('block-s');
  return { readingsS, reportsS, servers, gasS, limit, gigabytesYear: (bytesS * 365 * 86400) / 1e9 };
}

const round = (value) => {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return Number(value.toFixed(digits)).toLocaleString('en-US');
};
// A transaction of 2^24 gas must fit beside others: no block smaller than 30 million.
const blockLimit = (limit) => Math.max(30, Math.ceil(limit / 5e6) * 5);

console.log('| meters | reports | readings/s | reports/s | servers | Mgas/s | block gas limit | chain, GB a year |');
console.log('|---|---|---|---|---|---|---|---|');
for (const meters of options.meters.split(',').map(Number))
  for (const scheme of SCHEMES) {
    const s = size(meters, scheme);
    console.log(
      `| ${meters.toLocaleString('en-US')} | ${scheme.name} | ${round(s.readingsS)} | ${round(s.reportsS)} | ${s.servers} | ${round(s.gasS / 1e6)} | ${blockLimit(s.limit)} million | ${round(s.gigabytesYear)} |`,
    );
  }
