// What the benchmarks of the whole system share: the release build on a stage of its own, meters
// registered by the hundred, reports signed beforehand, and how figures are taken and shown.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { encodeFunctionData, parseAbi, toHex } from 'viem';
import { run, until } from '../e2e/processes.mjs';

process.env.AMR_PRESET = 'release';
const { Stage, startStage } = await import('../e2e/harness.mjs');

export { Stage, startStage, until };
export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const BUILD = join(ROOT, 'build/release');
export const LOAD = join(BUILD, 'bin/amr-load');
export const WAIT_MS = 240_000;
export const FIRST_METER = 0x10001;
const ABI = parseAbi(['function registerMeters(uint32 firstMeter, address[] signers)']);

/** A program's output; its own words where it fails. */
export function must(command, ...args) {
  const { code, stdout, stderr } = run(command, args, { timeoutMs: 600_000 });
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}${stdout}`);
  return stdout;
}

export function build() {
  must('cmake', '-S', ROOT, '--preset', 'release');
  const programs = ['amr-load', 'amr-bridge', 'amr-meter', 'amrctl', 'amr_broker_plugin'];
  must('cmake', '--build', BUILD, '--target', ...programs);
  must(join(ROOT, 'contracts/tools/build'));
}

/** Runs `body` with a chain, a broker and a bridge, and leaves nothing behind. */
export async function onStage(body, { bridge = [], chain } = {}) {
  const stage = new Stage();
  try {
    await startStage(stage, { bridge, chain });
    return await body(stage);
  } finally {
    await stage.end();
    rmSync(stage.dir, { recursive: true, force: true });
  }
}

async function registerMeters(stage, first, signers) {
  const from = stage.admin.address;
  const args = [FIRST_METER + first, signers];
  const data = encodeFunctionData({ abi: ABI, functionName: 'registerMeters', args });
  const tx = { from, to: stage.contract, data, gas: '0x1000000' };
  await stage.rpc.request({ method: 'eth_sendTransaction', params: [tx] });
}

/** Until the broker, too, knows `count` meters. */
async function known(stage, count) {
  const deadline = { deadlineMs: WAIT_MS };
  await stage.bridge.says(new RegExp(`registry changed .* active=${count}$`, 'm'), deadline);
  await stage.broker.says(new RegExp(`registry read meters=${count} `), deadline);
}

/** Registers the meters 1..count of the load generator. */
export async function register(stage, count) {
  const signers = must(LOAD, 'signers', count).trim().split('\n');
  await stage.rpc.request({ method: 'anvil_impersonateAccount', params: [stage.admin.address] });
  for (let first = 0; first < count; first += 100)
    await registerMeters(stage, first, signers.slice(first, first + 100));
  await known(stage, count);
}

/** Registers `count` more, behind the first `first`, whose keys nobody has. */
export async function registerOthers(stage, first, count) {
  const perCall = 400; // within the gas that a transaction may use
  for (let done = 0; done < count; done += perCall) {
    const length = Math.min(perCall, count - done);
    const signers = Array.from({ length }, (_, i) => toHex(0x10000000 + first + done + i, { size: 20 }));
    await registerMeters(stage, first + done, signers);
  }
  await known(stage, first + count);
}

/** Signs `each` reports a meter into the stage's file for `send`. */
export function sign(stage, meters, each, readings) {
  must(LOAD, 'sign', stage.path('reports'), meters, each, readings, stage.contract);
}

/** Calls `take` with what the server says on a topic of its own. */
async function watch(stage, topic, take) {
  const read = (name) => readFileSync(stage.path('pki', name));
  const files = { cert: read('alice.crt'), key: read('alice.key') };
  const client = stage.client({ clientId: `alice~${topic}`.replace('/', '-'), ...files });
  await client.outcome();
  client.mqtt.on('message', (_, payload) => take(JSON.parse(payload)));
  await client.subscribe(`amr/v1/1/server/${topic}`);
}

/** The bridge's state messages with the time they came. */
export async function watchState(stage) {
  const states = [];
  await watch(stage, 'state/bridge', (state) => states.push({ ...state, ms: performance.now() }));
  return states;
}

/** The readings of the bridge's `batch` messages with the time they came. */
export async function watchBatches(stage) {
  const seen = { readings: 0, ms: 0 };
  await watch(stage, 'batch', ({ readings }) => {
    seen.readings += readings;
    seen.ms = performance.now();
  });
  return seen;
}

/** Gas of all blocks since `from`. */
export async function gasSince(stage, from) {
  const head = await stage.rpc.getBlockNumber();
  let gas = 0n;
  for (let block = from; block <= head; block += 50n) {
    const numbers = Array.from({ length: 50 }, (_, i) => block + BigInt(i)).filter((n) => n <= head);
    const blocks = await Promise.all(numbers.map((blockNumber) => stage.rpc.getBlock({ blockNumber })));
    for (const { gasUsed } of blocks) gas += gasUsed;
  }
  return Number(gas);
}

/** From a moment until the bridge first said that a counter had got there. */
export function rate(states, key, total, from) {
  const end = states.find((state) => state[key] >= total);
  return total / ((end.ms - from) / 1000);
}

/** Sends what was signed until the broker has taken it all; resolves with when it began. */
export async function send(stage, meters, window = 50, rate = []) {
  const args = ['send', stage.path('pki'), stage.brokerPort, stage.path('reports'), meters, window];
  args.push(...[rate].flat());
  const child = spawn(LOAD, args.map(String), { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await lines.next();
  child.stdin.write('\n');
  const from = performance.now();
  const { value } = await lines.next();
  child.stdin.end();
  if (!value) throw new Error('the generator failed');
  const { refused } = JSON.parse(value);
  if (refused) throw new Error(`${refused} publishes were refused`);
  if (child.exitCode === null) await once(child, 'exit');
  return from;
}

export function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

export const peakMib = (pid) =>
  Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmHWM:\s+(\d+)/)[1]) / 1024;

export function percentile(values, part) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}

export const last = (list) => list[list.length - 1];

/** `value` with three digits that mean something. */
export function digits(value) {
  if (value === undefined || value === null) return '-';
  if (typeof value !== 'number') return value;
  if (Number.isInteger(value) || Math.abs(value) >= 100) return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(3)));
}

/** Prints rows of cells under a heading; the first column to the left, the others to the right. */
export function table(heading, rows) {
  const all = [heading, ...rows].map((row) => row.map(digits));
  const widths = heading.map((_, i) => Math.max(...all.map((row) => row[i].length)));
  const line = (row) =>
    row.map((cell, i) => (i ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join('  ');
  console.log([line(all[0]), ...all.slice(1).map(line)].join('\n') + '\n');
}

/** Adds what the figures were taken on and writes them where --json says. */
export function report(figures, file) {
  const result = {
    ...figures,
    machine: `${cpus().length} x ${cpus()[0].model.trim()}`,
    versions: `node ${process.versions.node}`,
    date: new Date().toISOString(),
  };
  if (file) writeFileSync(file, JSON.stringify(result, null, 2) + '\n');
  return result;
}
