// writes docs/evaluation.md: the experiments of paper, peers, growth and profile, with plots
//
// Runs those that are not in the folder yet, keeps their tables there, and writes the page and its
// plots from them.
//
//   tests/bench/run evaluation [--rows FOLDER] [--only-page]     FOLDER: build/evaluation
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT, digits } from './bench_lib.mjs';
import { exponent, plotSvg } from './plots_lib.mjs';

const { values: options } = parseArgs({
  options: {
    rows: { type: 'string', default: join(ROOT, 'build/evaluation') },
    'only-page': { type: 'boolean', default: false },
  },
});
const PAGE = join(ROOT, 'docs/evaluation.md');
const PLOTS = join(ROOT, 'docs/evaluation');

function rowsOf(name) {
  const file = join(options.rows, `${name}.json`);
  if (!existsSync(file)) {
    if (options['only-page']) return undefined;
    const script = join(ROOT, `tests/bench/${name}.mjs`);
    execFileSync(process.execPath, [script, '--rows', file], { stdio: 'inherit' });
  }
  return JSON.parse(readFileSync(file, 'utf8'));
}

const line = (cells) => `| ${cells.map((cell) => digits(cell).replaceAll('|', '\\|')).join(' | ')} |`;
const table = (heading, rows) =>
  [line(heading), `|${heading.map((_, i) => (i ? '---:' : '---')).join('|')}|`, ...rows.map(line)].join('\n');
const picture = (name, words) => `![${words}](evaluation/${name}.svg)`;

function plot(name, what) {
  plotSvg(join(PLOTS, `${name}.svg`), what);
  return picture(name, what.title);
}

function writesPart({ writes }) {
  const points = (key) => writes.filter((row) => row[key]).map((row) => [row.count, row[key]]);
  const drawn = plot('writes', {
    title: 'Time until N writes are on the chain',
    ...{ x: 'writes', y: 'seconds', log: 'xy' },
    series: [
      { name: 'the paper', points: points('paper') },
      { name: 'each awaited', points: points('serial') },
      { name: 'ours', points: points('batched') },
      { name: 'ours, 1 s blocks', points: points('blocks') },
    ],
  });
  const each = plot('latency', {
    title: 'Time per write',
    ...{ x: 'writes', y: 'seconds', log: 'xy' },
    series: [
      { name: 'the paper', points: points('paper').map(([n, s]) => [n, s / n]) },
      { name: 'each awaited', points: points('serial').map(([n, s]) => [n, s / n]) },
      { name: 'ours', points: points('batched').map(([n, s]) => [n, s / n]) },
    ],
  });
  return `## Response time and latency (its table 1, figures 3 and 4)

Seconds from the first write until the last is on the chain. *Awaited*: a transaction a reading, the
next after the receipt of the last, as the paper did, on a node that mines at once and on one that
mines each second. *Ours*: signed reports published over TLS, checked by the broker, stored, batched
(at most 300 ms), sealed, and told to be so.

${table(
  ['writes', 'the paper', 'awaited', 'awaited, 1 s blocks', 'ours', 'ours, 1 s blocks'],
  writes.map((row) => [row.count, row.paper, row.serial, row.slow, row.batched, row.blocks]),
)}

${drawn}
${each}

One write alone is slower with us than in the paper or awaited: it waits for others to share its
transaction. From some tens of writes on, sharing wins; the time then grows with the readings, not
with the blocks.
`;
}

function floodPart({ floods, attacks }) {
  const seconds = Math.max(1, floods[1].published / 20 + 2);
  return `## Under floods (its figures 5 and 6)

Twenty reports a second from five meters while one source floods a port on the same machine, so that
the flood also takes processor time from everybody. Milliseconds from publish to receipt.

${table(
  ['flood', 'sent/s', 'stored p50', 'stored p99', 'sealed p50', 'sealed p99', 'later than 1 s, %', 'lost'],
  floods.map((row) => [
    ...[row.name, row.sent / seconds, row.stored_p50, row.stored_p99, row.sealed_p50, row.sealed_p99],
    ...[row.delayed * 100, row.lost],
  ]),
)}

What a flood could do: take processor time, and with it make receipts later; keep new connections
waiting behind handshakes that never come. What it could not: make a connected meter lose a reading
(the meter keeps it until it is sealed), or get past the TLS handshake into the broker's work. What
this does not show: a flood that fills the network itself. Against that no program on the flooded
host helps; meters have several servers for it.

## Its attacks, tried

${table(['attempt', 'refused by', 'evidence'], attacks)}
`;
}

function peersPart({ rows, losses, result }) {
  const names = Object.keys(rows);
  const part = (readings) =>
    table(
      ['bridge', 'readings/s', 'CPU s per 10,000', 'peak MiB', 'gas a reading'],
      names.map((name) => {
        const row = rows[name][readings];
        return [name, row.rate, row.cpu, row.mib, row.gas];
      }),
    );
  return `## Beside other bridges

The same broker, node, meters and signed reports; only the bridge and the contract that it writes to
change. *naive*: mqtt.js and viem, a transaction a reading, nonces pipelined; *batching*: the same with
arrays of up to 100 readings. Neither checks a signature or stores anything.

One reading a report:

${part(1)}

96 readings a report:

${part(96)}

Readings that never reached the chain, of ${losses.total}:

${table(
  ['bridge', 'killed in the middle', 'node away for 20 s'],
  names.map((name) => [name, rows[name].killed, rows[name].away]),
)}

Ours over naive: ${digits(result.ours_over_naive_1)} times the readings/s with one reading a report,
${digits(result.ours_over_naive_96)} times with 96; ${digits(result.memory_ratio)} of its memory.
`;
}

const WORDS = {
  connected: 'meters connected',
  registered: 'meters registered',
  backlog: 'readings waiting',
  batch: 'readings a batch at most',
};
const COLUMNS = {
  rate: 'readings/s',
  cpu: 'CPU s per 10,000',
  broker: 'broker MiB',
  bridge: 'bridge MiB',
  seconds: 'seconds',
  readings: 'readings',
  gas: 'gas a reading',
};

function growthPart(growth) {
  const parts = Object.entries(WORDS).map(([name, words]) => {
    const rows = growth[name];
    const keys = Object.keys(rows[0]).filter((key) => key !== 'size');
    const slope = (key) => exponent(rows.map((row) => [row.size, row[key]])).toFixed(2);
    const drawn = plot(name, {
      title: `Readings/s against ${words}`,
      ...{ x: words, y: 'readings/s', log: 'xy' },
      series: [{ name: 'sealed', points: rows.map((row) => [row.size, row.rate]) }],
    });
    return `### ${words}

${table([words, ...keys.map((key) => COLUMNS[key])], [
  ...rows.map((row) => [row.size, ...keys.map((key) => row[key])]),
  ['exponent', ...keys.map(slope)],
])}

${drawn}
`;
  });
  return `## Growth

One quantity grows, all else stays. The exponent is the slope between logarithms: 0 where more costs
nothing, 1 where twice as many cost twice as much. A group, and so a server, has at most 65,535 meters.

${parts.join('\n')}`;
}

function profilePart({ loads, limits }) {
  const parts = loads.map(
    ({ name, rate, rows }) => `${name} (${digits(rate)} readings/s):

${table(['part', 'broker', 'bridge'], rows)}
`,
  );
  return `## Where the time goes

Microseconds of processor a reading, sampled by perf, by the library and function that a sample was in.

${parts.join('\n')}
${table(['limit', 'this machine'], limits)}
`;
}

mkdirSync(options.rows, { recursive: true });
mkdirSync(PLOTS, { recursive: true });
const [paper, peers, growth, profile] = ['paper', 'peers', 'growth', 'profile'].map(rowsOf);
const of = (rows, part) => (rows ? part(rows) : '');
const { machine, versions, date } = (paper ?? peers).result;
writeFileSync(
  PAGE,
  `# Evaluation

The experiments of the paper that this system follows (Dbabseh and Tahboub, "Framework for Securing
Automatic Meter Reading using Blockchain Technology"), and what a user would ask next. Everything runs
on one machine that it shares with its own load: ${machine}, ${versions}, ${date.slice(0, 10)}. Compare
figures of one table with each other, not with those of another machine.

\`tests/bench/run evaluation\` makes this page.

${[of(paper, writesPart), of(paper, floodPart), of(peers, peersPart), of(growth, growthPart), of(profile, profilePart)].filter(Boolean).join('\n')}`,
);
console.log(`wrote ${PAGE}`);
