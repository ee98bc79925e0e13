// what the dashboard weighs: page size, time to interactive, reading to pixel, the bridge's CPU with 50 open
//
// Everything is real: release build, anvil, Mosquitto with the plugin, TLS, Chromium, all on one
// machine. `interactive` runs from the start of the navigation to the overview with live data, for
// somebody who is logged in, without anything cached; the median of several. `update` runs from the
// publish of a report to the frame that shows it on the meter's page. The 50 dashboards are 50
// WebSockets of one browser that follow what an overview and a table of 40 rows follow.
//
//   tests/bench/run dashboard [--json FILE]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { encodeFunctionData, parseAbi } from 'viem';
import { run } from '../e2e/processes.mjs';

process.env.AMR_PRESET = 'release';
const { World } = await import('../dashboard/world.mjs');

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const BUILD = join(ROOT, 'build/release');
const LOAD = join(BUILD, 'bin/amr-load');
const ABI = parseAbi(['function registerMeters(uint32 firstMeter, address[] signers)']);
const METERS = 100;
const A_SECOND = 1000;
const SECONDS = 20;
const DASHBOARDS = 50;
const LOADS = 7;
const UPDATES = 200;

const { values: options } = parseArgs({ options: { json: { type: 'string' } } });

function must(command, ...args) {
  const { code, stdout, stderr } = run(command, args.map(String), { timeoutMs: 600_000 });
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}${stdout}`);
  return stdout;
}

function percentile(values, part) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}

async function inWorld(body) {
  const world = await World.make();
  try {
    return await body(world);
  } finally {
    await world.end();
  }
}

// --- weight -------------------------------------------------------------------------------------------

/** All there is to load, as it comes over the wire: every view, charts and cryptography included. */
async function weigh({ url }) {
  const folder = join(ROOT, 'chain-bridge/web');
  const names = readdirSync(folder).filter((name) => /\.(html|css|js|svg)$/.test(name));
  const vendor = readFileSync(join(folder, 'vendor.txt'), 'utf8').match(/^\S+/gm);
  let bytes = 0;
  for (const name of [...names, ...vendor.map((file) => `vendor/${file}`)]) {
    const { stdout } = run('curl', [
      '-sf',
      '-H',
      'Accept-Encoding: gzip',
      '-o',
      '/dev/null',
      '-w',
      '%{size_download}',
      `${url}/${name}`,
    ]);
    bytes += Number(stdout);
  }
  return bytes / 1024;
}

// --- speed --------------------------------------------------------------------------------------------

async function interactive(world) {
  const times = [];
  const page = await world.page('olga');
  const state = await page.context().storageState();
  for (let i = 0; i < LOADS; i++) {
    const context = await world.browser.newContext({ storageState: state });
    const fresh = await context.newPage();
    await fresh.goto(world.url, { waitUntil: 'commit' });
    await fresh.waitForFunction(
      () =>
        /^Live/.test(document.querySelector('.link-state')?.innerText) &&
        document.querySelector('.fleet a'),
    );
    times.push(await fresh.evaluate(() => performance.now()));
    await context.close();
  }
  await page.context().close();
  return percentile(times, 0.5);
}

/** Publishes reports one by one and waits for each one's frame. */
async function updates(world) {
  const { stage } = world;
  const meter = stage.household('H-01');
  const client = await stage.admit(meter);
  const start = Math.floor(Date.now() / 1000) - UPDATES - 10;
  const reports = [];
  for (let i = 0; i <= UPDATES + 1; i++)
    reports.push(await meter.report(stage, i + 1, [{ t: start + i, import_wh: 7_000_000 + i }]));
  const publish = (i) => client.publish(meter.topic('reading'), reports[i]);
  await publish(0);
  await publish(1);
  const page = await world.at('meter/H-01');
  await page.locator('.registers td', { hasText: 'kWh' }).first().waitFor();
  const times = [];
  for (let i = 2; i <= UPDATES + 1; i++) {
    const wanted = String(((7_000_000 + i) / 1000).toFixed(3)).slice(-7);
    const shown = page.evaluate(
      (text) =>
        new Promise((resolve) => {
          const look = () => {
            if (!document.querySelector('.registers').innerText.includes(text)) return;
            watch.disconnect();
            requestAnimationFrame(() =>
              setTimeout(() => resolve(performance.timeOrigin + performance.now())),
            );
          };
          const watch = new MutationObserver(look);
          watch.observe(document.querySelector('.registers'), {
            subtree: true,
            childList: true,
            characterData: true,
          });
          look();
        }),
      wanted,
    );
    const sent = performance.timeOrigin + performance.now();
    client.mqtt.publish(meter.topic('reading'), JSON.stringify(reports[i]), { qos: 1 });
    times.push((await shown) - sent);
  }
  await page.context().close();
  return times;
}

// --- cost ---------------------------------------------------------------------------------------------

async function register({ stage }, count) {
  const from = stage.admin.address;
  const signers = must(LOAD, 'signers', count).trim().split('\n');
  await stage.rpc.request({ method: 'anvil_impersonateAccount', params: [from] });
  const data = encodeFunctionData({
    abi: ABI,
    functionName: 'registerMeters',
    args: [0x10001, signers],
  });
  await stage.rpc.request({
    method: 'eth_sendTransaction',
    params: [{ from, to: stage.contract, data }],
  });
  await stage.bridge.says(new RegExp(`registry changed .* active=${count}$`, 'm'));
}

function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Opens sockets as dashboards do; resolves with a function that says how many frames came. */
function openSockets(page, count) {
  return page.evaluate(
    ([sockets, first]) => {
      window.frames_ = 0;
      const meters = Array.from({ length: 40 }, (_, i) => `id:${first + i}`);
      return Promise.all(
        Array.from({ length: sockets }, () => {
          const socket = new WebSocket(`ws://${location.host}/api/v1/live`);
          return new Promise((resolve, reject) => {
            socket.onerror = reject;
            socket.onopen = () =>
              socket.send(
                JSON.stringify({ subscribe: ['overview', 'alarms', 'batches', 'meters'], meters }),
              );
            socket.onmessage = () => {
              window.frames_++;
              resolve();
            };
          });
        }),
      ).then(() => true);
    },
    [count, 0x10001],
  );
}

/** The bridge's share of one processor while 1,000 readings a second come in. */
async function share(dashboards) {
  return inWorld(async (world) => {
    const { stage } = world;
    await register(world, METERS);
    must(
      LOAD,
      'sign',
      stage.path('reports'),
      METERS,
      (A_SECOND * SECONDS) / METERS,
      1,
      stage.contract,
    );
    const page = await world.page('olga');
    await page.goto('about:blank').catch(() => {});
    await page.goto(`${world.url}/icon.svg`);
    if (dashboards) await openSockets(page, dashboards);
    const args = [
      'send',
      stage.path('pki'),
      stage.brokerPort,
      stage.path('reports'),
      METERS,
      50,
      A_SECOND,
    ];
    const child = spawn(LOAD, args.map(String), { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    await lines.next();
    const [from, cpu] = [performance.now(), cpuSeconds(stage.bridge.pid)];
    child.stdin.write('\n');
    const { value } = await lines.next();
    const seconds = (performance.now() - from) / 1000;
    const used = (cpuSeconds(stage.bridge.pid) - cpu) / seconds;
    child.stdin.end();
    if (child.exitCode === null) await once(child, 'exit');
    if (!value || JSON.parse(value).refused) throw new Error(`the generator failed: ${value}`);
    const frames = dashboards ? await page.evaluate(() => window.frames_) : 0;
    return { used, rate: (A_SECOND * SECONDS) / seconds, frames: frames / seconds };
  });
}

// --- all of it -------------------------------------------------------------------------------------------

must('cmake', '-S', ROOT, '--preset', 'release');
must(
  'cmake',
  '--build',
  BUILD,
  '--target',
  'amr-load',
  'amr-bridge',
  'amrctl',
  'amr_broker_plugin',
);
must(join(ROOT, 'contracts/tools/build'));

const [weight, ready, times] = await inWorld(async (world) => [
  await weigh(world),
  await interactive(world),
  await updates(world),
]);
const without = await share(0);
const open = await share(DASHBOARDS);
const result = {
  page_gzip_kib: Number(weight.toFixed(1)),
  interactive_ms: Math.round(ready),
  update_p50_ms: Math.round(percentile(times, 0.5)),
  update_p99_ms: Math.round(percentile(times, 0.99)),
  bridge_cpu_share_0_dashboards: Number(without.used.toFixed(3)),
  bridge_cpu_share_50_dashboards: Number(open.used.toFixed(3)),
  readings_per_s: Math.round(open.rate),
  frames_per_s: Math.round(open.frames),
  machine: `${cpus().length} x ${cpus()[0].model.trim()}`,
  versions: `node ${process.versions.node}, ${run('/usr/bin/chromium', ['--version']).stdout.trim()}`,
  date: new Date().toISOString(),
};
for (const [name, value] of Object.entries(result)) console.log(`${name.padEnd(31)} ${value}`);
if (options.json) writeFileSync(options.json, `${JSON.stringify(result, null, 2)}\n`);
