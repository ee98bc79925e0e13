// What the benchmarks of the whole system share: the release build on a stage of its own, meters
// registered by the hundred, reports signed beforehand, and how figures are taken and shown.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { encodeFunctionData, parseAbi } from 'viem';
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

/** Registers the meters 1..count of the load generator and waits until the broker knows them. */
export async function register(stage, count) {
  const from = stage.admin.address;
  const signers = must(LOAD, 'signers', count).trim().split('\n');
  await stage.rpc.request({ method: 'anvil_impersonateAccount', params: [from] });
  for (let first = 0; first < count; first += 100) {
    const args = [FIRST_METER + first, signers.slice(first, first + 100)];
    const data = encodeFunctionData({ abi: ABI, functionName: 'registerMeters', args });
    const tx = { from, to: stage.contract, data };
    await stage.rpc.request({ method: 'eth_sendTransaction', params: [tx] });
  }
  const deadline = { deadlineMs: WAIT_MS };
  await stage.bridge.says(new RegExp(`registry changed .* active=${count}$`, 'm'), deadline);
  await stage.broker.says(new RegExp(`registry read meters=${count} `), deadline);
}

/** Signs `each` reports a meter into the stage's file for `send`. */
export function sign(stage, meters, each, readings) {
  must(LOAD, 'sign', stage.path('reports'), meters, each, readings, stage.contract);
}

/** The bridge's state messages with the time they came. */
export async function watchState(stage) {
  const read = (name) => readFileSync(stage.path('pki', name));
  const client = stage.client({ clientId: 'alice', cert: read('alice.crt'), key: read('alice.key') });
  await client.outcome();
  const states = [];
  client.mqtt.on('message', (topic, payload) => {
    states.push({ ...JSON.parse(payload), ms: performance.now() });
  });
  await client.subscribe('amr/v1/1/server/state/bridge');
  return states;
}

/** From a moment until the bridge first said that a counter had got there. */
export function rate(states, key, total, from) {
  const end = states.find((state) => state[key] >= total);
  return total / ((end.ms - from) / 1000);
}

/** Sends what was signed until the broker has taken it all; resolves with when it began. */
export async function send(stage, meters, window = 50) {
  const args = ['send', stage.path('pki'), stage.brokerPort, stage.path('reports'), meters, window];
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
