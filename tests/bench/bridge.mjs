// what the bridge does in a second: readings durable and sealed, draining a backlog, latency, CPU
//
// Everything is real: signed reports over TLS through Mosquitto with the plugin, SQLite with
// synchronous=FULL, anvil that mines each transaction at once, gas limits as on main networks (2^24
// a transaction, 30,000,000 a block); node, broker and generator share the machine. Rates count from
// the first publish to the bridge's own state message, of which there is one a second, that says all
// is done: they are a little low.
//
//   tests/bench/run bridge [--json FILE] [--drain READINGS]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { encodeFunctionData, parseAbi } from 'viem';
import { run, until } from '../e2e/processes.mjs';

process.env.AMR_PRESET = 'release';
const { Stage, startStage } = await import('../e2e/harness.mjs');

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const BUILD = join(ROOT, 'build/release');
const LOAD = join(BUILD, 'bin/amr-load');
const WAIT_MS = 240_000;
const ABI = parseAbi(['function registerMeters(uint32 firstMeter, address[] signers)']);

const { values: options } = parseArgs({
  options: { json: { type: 'string' }, drain: { type: 'string', default: '1000000' } },
});

function must(command, ...args) {
  const { code, stdout, stderr } = run(command, args, { timeoutMs: 600_000 });
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}${stdout}`);
  return stdout;
}

async function register(stage, count) {
  const from = stage.admin.address;
  const signers = must(LOAD, 'signers', count).trim().split('\n');
  await stage.rpc.request({ method: 'anvil_impersonateAccount', params: [from] });
  for (let first = 0; first < count; first += 100) {
    const args = [0x10001 + first, signers.slice(first, first + 100)];
    const data = encodeFunctionData({ abi: ABI, functionName: 'registerMeters', args });
    const tx = { from, to: stage.contract, data };
    await stage.rpc.request({ method: 'eth_sendTransaction', params: [tx] });
  }
  await stage.bridge.says(new RegExp(`registry changed .* active=${count}$`, 'm'));
}

/** The bridge's state messages with the time they came. */
async function watchState(stage) {
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
function rate(states, key, total, from) {
  const end = states.find((state) => state[key] >= total);
  return total / ((end.ms - from) / 1000);
}

function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

const peakMib = (pid) =>
  Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmHWM:\s+(\d+)/)[1]) / 1024;

/** Sends what was signed until the broker has taken it all; resolves with when it began. */
async function send(stage, meters) {
  const args = ['send', stage.path('pki'), stage.brokerPort, stage.path('reports'), meters, 50];
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

async function onStage(body, bridge = []) {
  const stage = new Stage();
  try {
    await startStage(stage, { bridge });
    return await body(stage);
  } finally {
    await stage.end();
    rmSync(stage.dir, { recursive: true, force: true });
  }
}

async function prepare(stage, meters, each, readings) {
  await register(stage, meters);
  must(LOAD, 'sign', stage.path('reports'), meters, each, readings, stage.contract);
  return watchState(stage);
}

const last = (states) => states[states.length - 1];

async function throughput(meters, each, readings) {
  return onStage(async (stage) => {
    const states = await prepare(stage, meters, each, readings);
    const total = meters * each;
    const cpu = cpuSeconds(stage.bridge.pid);
    const from = await send(stage, meters);
    await until('all of it to be sealed', () => last(states)?.sealed >= total, WAIT_MS);
    return {
      stored: rate(states, 'stored', total, from) * readings,
      sealed: rate(states, 'readings_sealed', total * readings, from),
      cpu: ((cpuSeconds(stage.bridge.pid) - cpu) * 10_000) / (total * readings),
    };
  });
}

/** The chain stands still until everything is stored. */
async function drain(readings) {
  const meters = 500;
  const each = Math.ceil(readings / 96 / meters);
  return onStage(async (stage) => {
    const states = await prepare(stage, meters, each, 96);
    const total = meters * each;
    stage.chain.child.kill('SIGSTOP');
    await send(stage, meters);
    await until('all of it to be stored', () => last(states)?.stored >= total, WAIT_MS);
    stage.chain.child.kill('SIGCONT');
    const from = performance.now();
    await until('all of it to be sealed', () => last(states)?.sealed >= total, WAIT_MS);
    const seconds = (performance.now() - from) / 1000;
    return { readings: total * 96, seconds, mib: peakMib(stage.bridge.pid) };
  });
}

function percentile(values, part) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}

/** Publish to receipt, as a meter sees it, at 20 reports a second; batches age 300 ms first. */
async function latency() {
  const count = 400;
  return onStage(async (stage) => {
    const meter = stage.household('H-01');
    const client = await stage.admit(meter);
    await client.subscribe(meter.topic('receipt'));
    const t = Math.floor(Date.now() / 1000) - 36_000;
    const reports = [];
    for (let i = 1; i <= count; i++)
      reports.push(await meter.report(stage, i, [{ t: t + i, import_wh: i }]));
    const [sent, stored, sealed] = [[], [], []];
    client.mqtt.on('message', (_, payload) => {
      const { status, first, last: end } = JSON.parse(payload);
      const into = status === 'sealed' ? sealed : stored;
      for (let i = first; i <= end; i++) into[i] ??= performance.now() - sent[i];
    });
    for (let i = 1; i <= count; i++) {
      const due = performance.now() + 50;
      sent[i] = performance.now();
      client.mqtt.publish(meter.topic('reading'), JSON.stringify(reports[i - 1]), { qos: 1 });
      await until('the next', () => performance.now() >= due);
    }
    await until('the last to be sealed', () => sealed[count] !== undefined);
    const both = [stored, sealed].map((list) => Object.values(list));
    return both.flatMap((list) => [percentile(list, 0.5), percentile(list, 0.99)]);
  });
}

must('cmake', '-S', ROOT, '--preset', 'release');
must('cmake', '--build', BUILD, '--target', 'amr-load', 'amr-bridge', 'amrctl', 'amr_broker_plugin');
must(join(ROOT, 'contracts/tools/build'));

const one = await throughput(100, 1000, 1);
const four = await throughput(100, 600, 4);
const many = await throughput(100, 100, 96);
const [storedP50, storedP99, sealedP50, sealedP99] = await latency();
const backlog = await drain(Number(options.drain));
const result = {
  stored_per_s_1: Math.round(one.stored),
  sealed_per_s_1: Math.round(one.sealed),
  sealed_per_s_4: Math.round(four.sealed),
  sealed_per_s_96: Math.round(many.sealed),
  drain_readings: backlog.readings,
  drain_1m_s: Number(((backlog.seconds * 1e6) / backlog.readings).toFixed(1)),
  drain_1m_rss_mib: Math.round(backlog.mib),
  stored_p50_ms: Math.round(storedP50),
  stored_p99_ms: Math.round(storedP99),
  sealed_p50_ms: Math.round(sealedP50),
  sealed_p99_ms: Math.round(sealedP99),
  cpu_s_per_10k: Number(one.cpu.toFixed(2)),
  cpu_s_per_10k_96: Number(many.cpu.toFixed(3)),
  machine: `${cpus().length} x ${cpus()[0].model.trim()}`,
  versions: `node ${process.versions.node}`,
  date: new Date().toISOString(),
};
for (const [name, value] of Object.entries(result)) console.log(`${name.padEnd(18)} ${value}`);
if (options.json) writeFileSync(options.json, JSON.stringify(result, null, 2) + '\n');
