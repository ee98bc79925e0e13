// what the broker's plugin costs: publishes, connects and memory beside bare Mosquitto
//
// Four brokers take turns in every round, so that whatever else the machine does meets all of them:
// Mosquitto bare, with its own dynamic-security plugin, and with ours without and with signature
// checks. Meters publish signed reports at QoS 1 over TLS 1.3 with client certificates, one TLS
// record each; one subscriber, the bridge, receives them all. Medians are reported. The generator
// (load.c) runs on the same machine: its share of a core is shown, to see that it is not the limit.
//
// "Over bare" compares the broker's processor time per publish, round by round: Mosquitto is one
// thread, so that this is what it can do with a core of its own, whoever else is on the machine. The
// publishes/s as they were, and their ratios, stand beside it.
//
//   tests/bench/run broker [--json FILE] [--rounds N]
import { spawn } from 'node:child_process';
import { pbkdf2Sync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Program, freePort, run, within } from '../e2e/processes.mjs';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const BUILD = join(ROOT, 'build/release');
const LOAD = join(BUILD, 'bin/amr-load');
const PLUGIN = join(BUILD, 'broker-plugin/amr_broker_plugin.so');

const METERS = 50;
const EACH = 800;
const READINGS = 1;
const WINDOW = 10;
const PARALLEL = 32;
const CONNECTED = 1000;
const STORM = 2000;
const REGISTERED = 20_000;
const DEADLINE_MS = 90_000;

const { values: options } = parseArgs({
  options: { json: { type: 'string' }, rounds: { type: 'string', default: '5' } },
});

const dir = mkdtempSync(join(tmpdir(), 'amr-bench-'));
const path = (name) => join(dir, name);

function must(command, ...args) {
  const { code, stdout, stderr } = run(command, args, { timeoutMs: 600_000 });
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}${stdout}`);
  return stdout;
}

function prepare() {
  must('cmake', '-S', ROOT, '--preset', 'release');
  must('cmake', '--build', BUILD, '--target', 'amr-load', 'amrctl', 'amr_broker_plugin');
  const ctl = (...args) => must(join(BUILD, 'bin/amrctl'), ...args, '--dir', path('pki'));
  ctl('pki', 'init');
  ctl('pki', 'issue', '--role', 'bridge', '--name', 'bridge');
  must(LOAD, 'registry', path('registry.db'), STORM, STORM);
  must(LOAD, 'registry', path('large.db'), STORM + REGISTERED, STORM);
  must(LOAD, 'sign', path('reports'), METERS, EACH, READINGS);
  writeFileSync(path('dynsec.json'), JSON.stringify(dynamicSecurity()), { mode: 0o600 });
}

/** What its documentation would have for this: a role for meters, one for the bridge. */
function dynamicSecurity() {
  const salt = Buffer.from('0123456789ab');
  const acl = (acltype, topic) => ({ acltype, topic, priority: 0, allow: true });
  return {
    defaultACLAccess: {
      publishClientSend: false,
      publishClientReceive: true,
      subscribe: false,
      unsubscribe: true,
    },
    clients: [
      {
        username: 'load',
        salt: salt.toString('base64'),
        password: pbkdf2Sync('load', salt, 101, 64, 'sha512').toString('base64'),
        iterations: 101,
        roles: [{ rolename: 'meter' }, { rolename: 'bridge' }],
      },
    ],
    roles: [
      { rolename: 'meter', acls: [acl('publishClientSend', 'amr/v1/1/+/reading')] },
      { rolename: 'bridge', acls: [acl('subscribePattern', 'amr/v1/1/+/reading')] },
    ],
  };
}

const ours = (signature, registry = 'registry.db') => [
  'allow_anonymous false',
  `plugin ${PLUGIN}`,
  'plugin_opt_group 1',
  `plugin_opt_registry ${path(registry)}`,
  `plugin_opt_check-signature ${signature}`,
];
const VARIANTS = {
  bare: ['allow_anonymous true'],
  dynsec: [
    'allow_anonymous false',
    'plugin /usr/lib/x86_64-linux-gnu/mosquitto_dynamic_security.so',
    `plugin_opt_config_file ${path('dynsec.json')}`,
  ],
  ours_nosig: ours('false'),
  ours_sig: ours('true'),
};

const servers = [];

/** A broker that runs; ends with stop(). */
async function broker(lines) {
  const port = await freePort();
  const name = `broker-${servers.length + 1}`;
  const conf = [
    'per_listener_settings false',
    `user ${process.getuid() === 0 ? 'root' : 'nobody'}`,
    'persistence false',
    'max_queued_messages 100000',
    'max_inflight_messages 1000',
    'set_tcp_nodelay true',
    `listener ${port} 127.0.0.1`,
    `cafile ${path('pki/ca.crt')}`,
    `certfile ${path('pki/server.crt')}`,
    `keyfile ${path('pki/server.key')}`,
    'require_certificate true',
    'log_dest stderr',
    'log_type error',
    'log_type warning',
    'log_type notice',
    'log_type information',
    'connection_messages false',
    ...lines,
  ];
  writeFileSync(path(`${name}.conf`), conf.join('\n') + '\n');
  const program = new Program(name, dir, 'sh', [
    '-c',
    'ulimit -n "$(ulimit -Hn)"; exec mosquitto -c "$0"',
    path(`${name}.conf`),
  ]);
  servers.push(program);
  await program.start().says(/mosquitto version \S+ running/);
  return Object.assign(program, { port });
}

const rssMib = ({ pid }) =>
  Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmRSS:\s+(\d+)/)[1]) / 1024;
/** Seconds of processor time that it has used; a hundredth is the clock's step. */
const cpuS = ({ pid }) => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
};

/** The generator; next() is its next answer, go() lets it go on. */
function generator(...args) {
  const child = spawn(LOAD, args.map(String), { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = once(child, 'exit');
  const next = async () => {
    const { value, done } = await within(`amr-load ${args[0]}`, lines.next(), DEADLINE_MS);
    if (done) throw new Error(`amr-load ${args.join(' ')} gave up`);
    return JSON.parse(value);
  };
  const end = async () => {
    child.stdin.end();
    const [code] = await within('amr-load to end', ended, DEADLINE_MS);
    if (code !== 0) throw new Error(`amr-load ${args[0]} ended with ${code}`);
  };
  return { next, go: () => child.stdin.write('\n'), end };
}

async function publishRound(lines) {
  const server = await broker(lines);
  const load = generator('publish', path('pki'), server.port, path('reports'), METERS, WINDOW);
  await load.next();
  const before = cpuS(server);
  load.go();
  const answer = await load.next();
  const cpu = cpuS(server) - before;
  await load.end();
  await server.stop();
  if (answer.refused) throw new Error(`${answer.refused} publishes refused: ${server.text()}`);
  return {
    perS: answer.published / answer.seconds,
    cpuUs: (cpu * 1e6) / answer.published,
    load: answer.own_cpu_s / answer.seconds,
  };
}

async function connectRound(lines, count, parallel) {
  const server = await broker(lines);
  const before = rssMib(server);
  const load = generator('connect', path('pki'), server.port, count, parallel);
  const full = await load.next();
  const after = rssMib(server);
  load.go();
  const again = await load.next();
  await load.end();
  await server.stop();
  return {
    perS: count / full.seconds,
    againPerS: count / again.seconds,
    resumed: again.resumed / count,
    stormS: full.seconds,
    stormAgainS: again.seconds,
    rssPer1k: ((after - before) * 1000) / count,
  };
}

async function registeredMib() {
  const sizes = [];
  for (const registry of ['registry.db', 'large.db']) {
    const server = await broker(ours('true', registry));
    sizes.push(rssMib(server));
    await server.stop();
  }
  return ((sizes[1] - sizes[0]) * 10_000) / REGISTERED;
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
const medianOf = (rounds, key) => median(rounds.map((round) => round[key]));

async function measure() {
  const publish = Object.fromEntries(Object.keys(VARIANTS).map((name) => [name, []]));
  const signature = [];
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const [name, lines] of Object.entries(VARIANTS))
      publish[name].push(await publishRound(lines));
    signature.push(JSON.parse(must(LOAD, 'signature', READINGS)).signature_us);
  }
  const connect = { bare: [], ours_sig: [] };
  for (let round = 0; round < 3; round++)
    for (const name of Object.keys(connect))
      connect[name].push(await connectRound(VARIANTS[name], CONNECTED, PARALLEL));
  const storm = await connectRound(VARIANTS.ours_sig, STORM, STORM);
  return { publish, signature: median(signature), connect, storm, perTenK: await registeredMib() };
}

/** Rounds are compared with their own bare run: what else ran then hit both. */
const ratio = (rounds, base, key) => median(rounds.map((round, i) => round[key] / base[i][key]));

function figures({ publish, signature, connect, storm, perTenK }) {
  const { bare, dynsec, ours_nosig: noSig, ours_sig: sig } = publish;
  const overBare = (rounds) => 1 / ratio(rounds, bare, 'cpuUs');
  const overBareWall = (rounds) => ratio(rounds, bare, 'perS');
  const cpu = Object.fromEntries(
    Object.entries(publish).map(([name, rounds]) => [name, medianOf(rounds, 'cpuUs')]),
  );
  const result = {
    bare_per_s: medianOf(bare, 'perS'),
    dynsec_per_s: medianOf(dynsec, 'perS'),
    ours_nosig_per_s: medianOf(noSig, 'perS'),
    ours_sig_per_s: medianOf(sig, 'perS'),
    dynsec_over_bare: overBare(dynsec),
    ours_nosig_over_bare: overBare(noSig),
    ours_sig_over_bare: overBare(sig),
    dynsec_over_bare_wall: overBareWall(dynsec),
    ours_nosig_over_bare_wall: overBareWall(noSig),
    ours_sig_over_bare_wall: overBareWall(sig),
    bare_cpu_us: cpu.bare,
    dynsec_cpu_us: cpu.dynsec,
    ours_nosig_cpu_us: cpu.ours_nosig,
    ours_sig_cpu_us: cpu.ours_sig,
    signature_us: signature,
    signature_extra_us: cpu.ours_sig - cpu.ours_nosig,
    signature_loss_over_own_cost: (cpu.ours_sig - cpu.ours_nosig - signature) / cpu.ours_sig,
    generator_load: medianOf(bare, 'load'),
    rss_mib_per_10k_registered: perTenK,
    rss_mib_per_1k_connected: medianOf(connect.ours_sig, 'rssPer1k'),
    bare_rss_mib_per_1k_connected: medianOf(connect.bare, 'rssPer1k'),
    connects_per_s: medianOf(connect.ours_sig, 'perS'),
    bare_connects_per_s: medianOf(connect.bare, 'perS'),
    reconnects_per_s: medianOf(connect.ours_sig, 'againPerS'),
    bare_reconnects_per_s: medianOf(connect.bare, 'againPerS'),
    storm_clients: STORM,
    storm_s: storm.stormS,
    storm_resumed_s: storm.stormAgainS,
    storm_resumed_share: storm.resumed,
  };
  for (const [key, value] of Object.entries(result)) result[key] = Number(value.toPrecision(4));
  const mosquitto = run('mosquitto', ['-h']).stdout.match(/version (\S+)/)?.[1] ?? 'unknown';
  return {
    ...result,
    machine: `${cpus().length} x ${cpus()[0].model.trim()}`,
    versions: `mosquitto ${mosquitto}, node ${process.versions.node}`,
    date: new Date().toISOString(),
  };
}

function print(f) {
  const row = (label, ...cells) =>
    console.log(label.padEnd(34) + cells.map((cell) => String(cell).padStart(14)).join(''));
  row('', 'bare', 'dynamic-sec.', 'ours, no sig.', 'ours');
  row(
    'publishes/s, TLS, QoS 1',
    f.bare_per_s,
    f.dynsec_per_s,
    f.ours_nosig_per_s,
    f.ours_sig_per_s,
  );
  row(
    '  over bare',
    1,
    f.dynsec_over_bare_wall,
    f.ours_nosig_over_bare_wall,
    f.ours_sig_over_bare_wall,
  );
  row(
    '  broker CPU, us each',
    f.bare_cpu_us,
    f.dynsec_cpu_us,
    f.ours_nosig_cpu_us,
    f.ours_sig_cpu_us,
  );
  row(
    '  over bare, by that CPU',
    1,
    f.dynsec_over_bare,
    f.ours_nosig_over_bare,
    f.ours_sig_over_bare,
  );
  row('connects/s', f.bare_connects_per_s, '', '', f.connects_per_s);
  row('reconnects/s, TLS session kept', f.bare_reconnects_per_s, '', '', f.reconnects_per_s);
  row(
    'MiB per 1,000 connected',
    f.bare_rss_mib_per_1k_connected,
    '',
    '',
    f.rss_mib_per_1k_connected,
  );
  row('MiB per 10,000 registered', 0, '', '', f.rss_mib_per_10k_registered);
  row(`${STORM} meters at once, s`, '', '', '', f.storm_s);
  row('  with TLS sessions kept, s', '', '', '', f.storm_resumed_s);
  console.log(
    `a signature alone costs ${f.signature_us} us, in the broker ${f.signature_extra_us} us; ` +
      `the generator used ${Math.round(f.generator_load * 100)} % of a core beside bare\n` +
      `${f.machine}, ${f.versions}, ${f.date}`,
  );
}

try {
  prepare();
  const result = figures(await measure());
  print(result);
  if (options.json) writeFileSync(options.json, JSON.stringify(result, null, 2) + '\n');
} finally {
  for (const server of servers) await server.kill();
  rmSync(dir, { recursive: true, force: true });
}
