// how fast amrctl verify checks a ledger, and that its memory stays flat, beside the viem checker
//
// Everything is real: meters' reports through broker and bridge, the bridge's archive, anvil as the
// node, all on this machine. verify reads every event over JSON-RPC (no cache), recovers every
// signer, rebuilds every Merkle tree. tests/verify/verify.mjs does the same with viem and
// @openzeppelin/merkle-tree, one thread, on the small ledger.
//
//   tests/bench/run audit [--json FILE] [--readings N]
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  BUILD,
  ROOT,
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

const WAIT_MS = 900_000;
const METERS = 500;
// The generator sends nothing twice: what broker or bridge drop for want of room would be missing.
const BRIDGE = { bridge: ['--queue-reports', 1_000_000] };
const RATE = 2500; // reports a second

const { values: options } = parseArgs({
  options: { json: { type: 'string' }, readings: { type: 'string', default: '1000000' } },
});

/** Runs a program; {code, stdout, seconds, mib}: its own peak, looked at while it runs. */
function timed(command, args) {
  const from = performance.now();
  const child = spawn(command, args.map(String), { stdio: ['ignore', 'pipe', 'inherit'] });
  let [stdout, mib] = ['', 0];
  const look = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      mib = Math.max(mib, Number(status.match(/VmHWM:\s+(\d+)/)?.[1] ?? 0) / 1024);
    } catch {
      // it has ended
    }
  }, 20);
  child.stdout.on('data', (data) => (stdout += data));
  return new Promise((resolve) => {
    child.on('close', (code) => {
      clearInterval(look);
      resolve({ code, stdout, mib, seconds: (performance.now() - from) / 1000 });
    });
  });
}

async function verify(stage, ...args) {
  const archive = stage.path('state/bridge.db.archive');
  const all = ['verify', '--json', ...stage.onChain, '--cache', 'none', ...args, archive];
  const made = await timed(stage.amrctlPath, all);
  const { result, readings, verified, reports } = JSON.parse(made.stdout);
  if (made.code !== 0) throw new Error(`verify: ${result}, ${verified} of ${readings} verified`);
  return { ...made, readings, reports };
}

/** A ledger with so many readings, four a report, sealed and archived by the bridge. */
async function sealed(stage, meters, each) {
  await register(stage, meters);
  sign(stage, meters, each, 4);
  const states = await watchState(stage);
  await send(stage, meters, 50, RATE);
  await until('all of it to be sealed', () => last(states)?.sealed >= meters * each, WAIT_MS);
  await stage.bridge.stop(); // what it archives last
}

function exported(stage) {
  const archive = ['--print-archive', '--archive', stage.path('state/bridge.db.archive')];
  const path = stage.path('reports.jsonl');
  writeFileSync(path, must(join(BUILD, 'bin/amr-bridge'), ...archive));
  return path;
}

const small = () =>
  onStage(async (stage) => {
    await sealed(stage, 50, 50);
    const ours = await verify(stage);
    const args = ['--rpc', stage.rpcUrl, '--contract', stage.contract, exported(stage)];
    const theirs = await timed(process.execPath, [join(ROOT, 'tests/verify/verify.mjs'), ...args]);
    if (theirs.code !== 0) throw new Error(`verify.mjs: ${theirs.stdout}`);
    return { ours, theirs };
  }, BRIDGE);

const large = () =>
  onStage(async (stage) => {
    await sealed(stage, METERS, Math.ceil(Number(options.readings) / 4 / METERS));
    const whole = await verify(stage);
    const state = ['--state', stage.path('verify.json')];
    await verify(stage, ...state);
    return { whole, again: await verify(stage, ...state) };
  }, BRIDGE);

build();
const { ours, theirs } = await small();
const { whole, again } = await large();
const rate = ({ readings }, { seconds }) => readings / seconds;
table(
  ['', 'readings', 'seconds', 'readings/s', 'MiB'],
  [
    ['amrctl verify', whole.readings, whole.seconds, rate(whole, whole), whole.mib],
    ['amrctl verify, nothing new', again.readings, again.seconds, rate(again, again), again.mib],
    ['amrctl verify, small', ours.readings, ours.seconds, rate(ours, ours), ours.mib],
    ['viem checker, small', ours.readings, theirs.seconds, rate(ours, theirs), theirs.mib],
  ],
);
report(
  {
    verified_per_s: Math.round(rate(whole, whole)),
    verify_1m_s: Number(((whole.seconds * 1e6) / whole.readings).toFixed(1)),
    verify_rss_mib: Math.round(whole.mib),
    verify_readings: whole.readings,
    verify_signatures_per_s: Math.round(whole.reports / whole.seconds),
    verify_again_s: Number(again.seconds.toFixed(1)),
    small_readings: ours.readings,
    small_per_s: Math.round(rate(ours, ours)),
    small_rss_mib: Math.round(ours.mib),
    viem_per_s: Math.round(rate(ours, theirs)),
    viem_rss_mib: Math.round(theirs.mib),
  },
  options.json,
);
