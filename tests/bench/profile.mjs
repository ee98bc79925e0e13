// where broker and bridge spend their time under load, and the limits that physics sets
//
// perf samples both (by processor time, so no hardware counters are needed) while signed reports
// flow through, and each sample goes to what it worked for by the library and function it was in.
// Beside it: what one core can do of the parts that cannot be avoided (signatures recovered,
// commits that reach the disk, gas) and how much of that we reach.
//
//   tests/bench/run profile [--json FILE] [--rows FILE]
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fsyncSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import {
  LOAD,
  WAIT_MS,
  build,
  last,
  must,
  onStage,
  register,
  report,
  send,
  sign,
  table,
  until,
  watchState,
} from './bench_lib.mjs';

const { values: options } = parseArgs({
  options: { json: { type: 'string' }, rows: { type: 'string' } },
});
const METERS = 100;

/** What a sample worked for: the first row whose pattern fits "library function". */
const PARTS = [
  ['secp256k1', /libsecp256k1/],
  ['TLS', /libssl|libcrypto/],
  ['SQLite', /libsqlite3|amr-bridge (db_|store_)/],
  ['MQTT', /libpaho|mosquitto /],
  ['Keccak', /libnettle|keccak|eip712/],
  ['JSON', /libjansson|json_|payload_/],
  ['RPC', /libwebsockets|rpc_|rlp_|abi_|hex_/],
  ['kernel', /\[kernel|\[unknown\] \[k\]|\[vdso\]/],
];

function partOf(library, symbol) {
  const row = PARTS.find(([, pattern]) => pattern.test(`${library} ${symbol}`));
  return row ? row[0] : 'other';
}

class Samples {
  constructor(stage, name, pid) {
    this.file = stage.path(`${name}.perf`);
    const args = ['record', '-q', '-e', 'cpu-clock', '-F', '499', '-p', pid, '-o', this.file];
    this.child = spawn('perf', args.map(String), { stdio: ['ignore', 'ignore', 'pipe'] });
  }

  async parts() {
    this.child.kill('SIGINT');
    if (this.child.exitCode === null) await once(this.child, 'exit');
    const args = ['report', '-i', this.file, '--sort', 'dso,symbol', '--stdio', '-F', 'period,dso,sym'];
    const made = spawnSync('perf', [...args, '-g', 'none'], { encoding: 'utf8', maxBuffer: 1 << 26 });
    const parts = {};
    for (const line of made.stdout.split('\n')) {
      const found = line.match(/^\s*(\d+)\s+(\S+)\s+\[.\]\s+(\S+)/);
      if (!found) continue;
      const part = partOf(found[2], found[3]);
      parts[part] = (parts[part] ?? 0) + Number(found[1]);
    }
    if (Object.keys(parts).length === 0) throw new Error(`perf: ${made.stderr}`);
    return parts; // nanoseconds
  }
}

function profile(each, readings) {
  return onStage(async (stage) => {
    await register(stage, METERS);
    sign(stage, METERS, each, readings);
    const states = await watchState(stage);
    const total = METERS * each * readings;
    const broker = new Samples(stage, 'broker-load', stage.broker.pid);
    const bridge = new Samples(stage, 'bridge-load', stage.bridge.pid);
    const from = await send(stage, METERS);
    await until('all of it to be sealed', () => last(states)?.readings_sealed >= total, WAIT_MS);
    const rate = total / ((last(states).ms - from) / 1000);
    return { total, rate, broker: await broker.parts(), bridge: await bridge.parts() };
  });
}

/** Commits of a page that one thread brings to this disk in a second. */
function fsyncsPerSecond() {
  const name = `${process.env.TMPDIR ?? '/tmp'}/amr-fsync-${process.pid}`;
  const fd = openSync(name, 'w');
  const end = performance.now() + 2000;
  let count = 0;
  for (; performance.now() < end; count++) {
    writeSync(fd, Buffer.alloc(4096), 0, 4096, 0);
    fsyncSync(fd);
  }
  closeSync(fd);
  rmSync(name);
  return count / 2;
}

build();
const loads = [
  ['1 reading a report', await profile(300, 1)],
  ['96 readings a report', await profile(50, 96)],
];
const figures = {};
const tables = [];
for (const [name, { total, rate, broker, bridge }] of loads) {
  const names = [...PARTS.map(([part]) => part), 'other'];
  const us = (parts, part) => (parts[part] ?? 0) / 1000 / total;
  const sum = (parts) => names.reduce((all, part) => all + us(parts, part), 0);
  const rows = names.map((part) => [part, us(broker, part), us(bridge, part)]);
  rows.push(['in all', sum(broker), sum(bridge)]);
  console.log(`${name}, ${Math.round(rate)} readings/s: microseconds of processor a reading`);
  table(['part', 'broker', 'bridge'], rows);
  tables.push({ name, rate, rows });
  const suffix = name.split(' ')[0];
  for (const [part, ...both] of rows)
    ['broker', 'bridge'].forEach((program, i) => {
      const key = `${program}_${part.replaceAll(' ', '_').toLowerCase()}_us_${suffix}`;
      figures[key] = Number(both[i].toPrecision(3));
    });
}
const signature = JSON.parse(must(LOAD, 'signature', 1)).signature_us;
const limits = [
  ['signatures recovered on one core, a second', 1e6 / signature],
  ['of them used with 1 reading a report (broker and bridge each recover it), %', (loads[0][1].rate * 2 * signature) / 1e4],
  ['writes of a page brought to this disk, a second', fsyncsPerSecond()],
];
table(['limit', ''], limits);
figures.signatures_per_s = Math.round(limits[0][1]);
figures.fsyncs_per_s = Math.round(limits[2][1]);
const result = report(figures, options.json);
if (options.rows) writeFileSync(options.rows, JSON.stringify({ loads: tables, limits, result }, null, 1) + '\n');
