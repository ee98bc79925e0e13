// what the bridge does in a second: readings durable and sealed, draining a backlog, latency, CPU
//
// Everything is real: signed reports over TLS through Mosquitto with the plugin, SQLite with
// synchronous=FULL, anvil that mines each transaction at once, gas limits as on main networks (2^24
// a transaction, 30,000,000 a block); node, broker and generator share the machine. Rates count from
// the first publish to the bridge's own state message, of which there is one a second, that says all
// is done: they are a little low.
//
//   tests/bench/run bridge [--json FILE] [--drain READINGS]
import { readFileSync, readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import {
  WAIT_MS,
  build,
  cpuSeconds,
  last,
  onStage,
  peakMib,
  percentile,
  rate,
  register,
  report,
  send,
  sign,
  table,
  until,
  watchState,
} from './bench_lib.mjs';

const { values: options } = parseArgs({
  options: { json: { type: 'string' }, drain: { type: 'string', default: '1000000' } },
});

/** What the bridge's threads do, by name (chain-bridge/bridge.h); Paho names its own. */
const STAGES = {
  receive: /^MQTT|^paho/i,
  verify: /^verify$/,
  store: /^store$/,
  chain: /^chain$/,
};
const stageOf = (name) => Object.keys(STAGES).find((stage) => STAGES[stage].test(name)) ?? 'other';

/** CPU seconds of a process so far by stage; `other` is the main thread and the dashboard. */
function stageSeconds(pid) {
  const sums = { receive: 0, verify: 0, store: 0, chain: 0, other: 0 };
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const text = readFileSync(`/proc/${pid}/task/${task}/stat`, 'utf8');
    const [, name, rest] = text.match(/\((.*)\) (.*)/s);
    const fields = rest.split(' ');
    sums[stageOf(name)] += (Number(fields[11]) + Number(fields[12])) / 100;
  }
  return sums;
}

async function prepare(stage, meters, each, readings) {
  await register(stage, meters);
  sign(stage, meters, each, readings);
  return watchState(stage);
}

async function throughput(meters, each, readings) {
  return onStage(async (stage) => {
    const states = await prepare(stage, meters, each, readings);
    const total = meters * each;
    const { pid } = stage.bridge;
    const [cpu, stages] = [cpuSeconds(pid), stageSeconds(pid)];
    const from = await send(stage, meters);
    await until('all of it to be sealed', () => last(states)?.sealed >= total, WAIT_MS);
    const share = 10_000 / (total * readings);
    const after = Object.entries(stageSeconds(pid));
    return {
      stages: Object.fromEntries(after.map(([name, s]) => [name, (s - stages[name]) * share])),
      stored: rate(states, 'stored', total, from) * readings,
      sealed: rate(states, 'readings_sealed', total * readings, from),
      cpu: (cpuSeconds(pid) - cpu) * share,
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
      const into = { sealed, stored }[status];
      if (!into) return;
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

build();
const one = await throughput(100, 1000, 1);
const four = await throughput(100, 600, 4);
const many = await throughput(100, 100, 96);
const [storedP50, storedP99, sealedP50, sealedP99] = await latency();
const backlog = await drain(Number(options.drain));
const figures = {
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
};
for (const [name, seconds] of Object.entries(one.stages))
  figures[`cpu_s_per_10k_${name}`] = Number(seconds.toFixed(3));

table(['figure', 'value'], Object.entries(figures));
console.log("CPU seconds of the bridge per 10,000 readings, by stage and readings a report");
const runs = [one, four, many];
table(
  ['stage', '1', '4', '96'],
  Object.keys(one.stages).map((name) => [name, ...runs.map(({ stages }) => stages[name].toFixed(3))]),
);
const [slowest] = Object.entries(one.stages).sort(([, a], [, b]) => b - a);
console.log(`slowest stage with 1 reading a report: ${slowest[0]}`);
report(figures, options.json);
