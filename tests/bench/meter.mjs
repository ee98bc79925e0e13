// what a meter costs: memory, processor, bytes written to flash; what a fleet of them can send
//
// cpu_us_per_report is all processor time of a meter with a reading a second, idle wakeups included;
// idle_cpu_us_per_s is what of it a second without a reading costs.
//
// One meter with a simulated household against the whole system on this machine: how much memory is
// resident in steady state (of that, what is its own and what is shared code), processor time of a
// report, and bytes that reach storage as the kernel counts them (/proc/PID/io write_bytes), which
// gives flash wear a day at 15-minute readings. Then a fleet in one process (amr-meter --fleet) with
// a reading a second each: reports a second that got their stored receipt, and that were sealed.
//
//   tests/bench/run meter [--json FILE] [--fleet METERS] [--seconds S]
import { readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { run, seconds, until } from '../e2e/processes.mjs';

process.env.AMR_PRESET = 'release';
const { Stage, startStage } = await import('../e2e/harness.mjs');

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const BUILD = join(ROOT, 'build/release');
const METER = join(BUILD, 'bin/amr-meter');
const MIB = 1 << 20;

const { values: options } = parseArgs({
  options: {
    json: { type: 'string' },
    fleet: { type: 'string', default: '500' },
    seconds: { type: 'string', default: '30' },
  },
});

function must(command, ...args) {
  const { code, stdout, stderr } = run(command, args, { timeoutMs: 600_000 });
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}${stdout}`);
  return stdout;
}

/** Of all threads, from the scheduler's own nanoseconds. */
function cpuSeconds(pid) {
  const ran = (tid) => readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8').split(' ')[0];
  return readdirSync(`/proc/${pid}/task`).reduce((sum, tid) => sum + Number(ran(tid)), 0) / 1e9;
}

const written = (pid) =>
  Number(readFileSync(`/proc/${pid}/io`, 'utf8').match(/^write_bytes: (\d+)/m)[1]);

/** In KiB: resident, its peak, what no file backs, and the proportional share. */
function memory(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const of = (text, name) => Number(text.match(new RegExp(`^${name}:\\s+(\\d+)`, 'm'))[1]);
  return {
    rss: of(status, 'VmRSS'),
    peak: of(status, 'VmHWM'),
    own: of(status, 'RssAnon'),
    code: of(status, 'RssFile'),
    pss: of(rollup, 'Pss'),
  };
}

/** Resident KiB of each mapped file. */
function byFile(pid) {
  const sums = new Map();
  let name = '';
  for (const line of readFileSync(`/proc/${pid}/smaps`, 'utf8').split('\n')) {
    const head = line.match(/^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \d+\s*(.*)$/);
    if (head) name = head[1].startsWith('/') ? head[1].split('/').pop() : 'heap and stacks';
    const rss = line.match(/^Rss:\s+(\d+)/);
    if (rss) sums.set(name, (sums.get(name) ?? 0) + Number(rss[1]));
  }
  return [...sums].filter(([, kib]) => kib > 0).sort((a, b) => b[1] - a[1]);
}

function enrol(stage, count) {
  const serials = Array.from({ length: count }, (_, i) => `F-${String(i + 1).padStart(4, '0')}`);
  for (const serial of serials)
    must(METER, 'init', '--dir', stage.path('meters'), '--serial', serial);
  stage.enrol(...serials.map((serial) => stage.path('meters', `${serial}.csr`)));
}

/** The newest summary line of a fleet as an object of numbers. */
function summary(program, from = 0) {
  const lines = program.text(from).match(/^.* fleet meters=.*$/gm) ?? [];
  const words = lines.length ? lines[lines.length - 1].matchAll(/(\w+)=(\d+)/g) : [];
  return Object.fromEntries([...words].map(([, key, value]) => [key, Number(value)]));
}

/** Storage written in a day of 15-minute readings: from a run with a reading a second. */
async function flash(stage, serial, perReport) {
  const meter = stage.program(`flash-${serial}`, METER, [
    ...['run', '--config', stage.path('meters', `${serial}.conf`)],
    ...['--interval-s', 1, '--readings-per-report', perReport, '--telemetry-s', 0],
  ]);
  await meter.start().says(/ connected /);
  await seconds(2);
  const before = [written(meter.pid), cpuSeconds(meter.pid)];
  await seconds(Number(options.seconds));
  const bytes = written(meter.pid) - before[0];
  const cpu = cpuSeconds(meter.pid) - before[1];
  await meter.stop();
  const readings = Number(options.seconds);
  return { mibPerDay: ((bytes / readings) * 96) / MIB, cpuUs: (cpu * 1e6 * perReport) / readings };
}

async function steadyMemory(stage, serial) {
  const meter = stage.program(`memory-${serial}`, METER, [
    ...['run', '--config', stage.path('meters', `${serial}.conf`), '--interval-s', 900],
  ]);
  await meter.start().says(/ connected /);
  await seconds(15);
  const cpu = cpuSeconds(meter.pid);
  await seconds(10);
  const idle = (cpuSeconds(meter.pid) - cpu) / 10;
  const result = { ...memory(meter.pid), files: byFile(meter.pid), idle };
  await meter.stop();
  return result;
}

async function fleet(stage, count) {
  const program = stage.program('fleet', METER, [
    ...['--fleet', count, '--dir', stage.path('meters'), '--interval-s', 1],
    ...['--telemetry-s', 0, '--log-level', 'info'],
  ]);
  program.start();
  await until('the fleet to be connected', () => summary(program).connected === count, 180_000);
  const from = program.here();
  await program.says(/ fleet meters=/, { from });
  const first = summary(program, from);
  const t = performance.now();
  const cpu = cpuSeconds(program.pid);
  await seconds(Number(options.seconds));
  const later = program.here();
  await program.says(/ fleet meters=/, { from: later });
  const last = summary(program, later);
  const s = (performance.now() - t) / 1000;
  const rate = (key) => (last[key] - first[key]) / s;
  const known = (x) => x.stored + x.sealed;
  const result = {
    made: rate('readings'),
    stored: (known(last) - known(first)) / s,
    sealed: rate('sealed'),
    rejected: last.rejected,
    cpu: (cpuSeconds(program.pid) - cpu) / s,
    rss: memory(program.pid).rss / 1024,
  };
  await program.stop();
  return result;
}

must('cmake', '-S', ROOT, '--preset', 'release');
must('cmake', '--build', BUILD, '--target', 'amr-meter', 'amr-bridge', 'amrctl', 'amr_broker_plugin');
must(join(ROOT, 'contracts/tools/build'));

const stage = new Stage();
let one, single, four, many;
const count = Number(options.fleet);
try {
  await startStage(stage);
  enrol(stage, Math.max(count, 3));
  one = await steadyMemory(stage, 'F-0001');
  single = await flash(stage, 'F-0002', 1);
  four = await flash(stage, 'F-0003', 4);
  many = await fleet(stage, count);
} finally {
  const wrong = await stage.end();
  for (const line of wrong) console.error(line);
  if (wrong.length === 0) rmSync(stage.dir, { recursive: true, force: true });
  else console.error(`kept ${stage.dir}`);
}

const libraries = must('ldd', METER)
  .match(/=> (\/\S+)/g)
  .map((text) => text.slice(3));
const result = {
  rss_mib: Number((one.rss / 1024).toFixed(2)),
  rss_peak_mib: Number((one.peak / 1024).toFixed(2)),
  rss_own_mib: Number((one.own / 1024).toFixed(2)),
  rss_code_mib: Number((one.code / 1024).toFixed(2)),
  pss_mib: Number((one.pss / 1024).toFixed(2)),
  cpu_us_per_report: Math.round(single.cpuUs),
  idle_cpu_us_per_s: Math.round(one.idle * 1e6),
  flash_mib_per_day: Number(single.mibPerDay.toFixed(2)),
  flash_mib_per_day_4: Number(four.mibPerDay.toFixed(2)),
  fleet_meters: count,
  fleet_made_per_s: Math.round(many.made),
  fleet_reports_per_s: Math.round(many.stored),
  fleet_sealed_per_s: Math.round(many.sealed),
  fleet_rejected: many.rejected,
  fleet_cores: Number(many.cpu.toFixed(2)),
  fleet_rss_mib: Math.round(many.rss),
  binary_kib: Math.round(statSync(METER).size / 1024),
  libraries_kib: Math.round(libraries.reduce((sum, path) => sum + statSync(path).size, 0) / 1024),
  libraries: libraries.map((path) => path.split('/').pop()).join(' '),
  machine: `${cpus().length} x ${cpus()[0].model.trim()}`,
  versions: `node ${process.versions.node}`,
  date: new Date().toISOString(),
};
for (const [name, value] of Object.entries(result)) console.log(`${name.padEnd(20)} ${value}`);
console.log('\nresident in steady state, KiB:');
for (const [name, kib] of one.files) console.log(`  ${String(kib).padStart(6)}  ${name}`);
if (options.json) writeFileSync(options.json, JSON.stringify(result, null, 2) + '\n');
