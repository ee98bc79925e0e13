// The whole system in a directory of its own: anvil, MeterLedger, a certificate authority, Mosquitto
// with the plugin, the bridge, and meters, on free loopback ports.
//
//     scenario('what is promised', async (stage) => { ... });
//
// makes one, runs the test, ends everything in order and then insists: every program ended when
// told, none said `broken`, none was stopped by a sanitizer, nothing is left running. The directory
// of a failed test is kept and its path printed. AMR_PRESET says which build is under test (asan).
import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { arch, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createPublicClient, http } from 'viem';
import { openLedger } from '../verify/ledger.mjs';
import { check, parseExport } from '../verify/verify.mjs';
import { Client, Household } from './household.mjs';
import { Program, brokenLines, freePort, leftRunning, run, seconds, until } from './processes.mjs';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const PRESET = process.env.AMR_PRESET ?? 'dev';
const BUILD = join(ROOT, 'build', PRESET);
const BIN = join(BUILD, 'bin');
const FOUNDRY = join(ROOT, 'contracts/node_modules/@foundry-rs');
const PLATFORM = arch() === 'arm64' ? 'arm64' : 'amd64';
const SANITIZERS = {
  ASAN_OPTIONS: 'detect_leaks=1:strict_string_checks=1',
  UBSAN_OPTIONS: 'print_stacktrace=1',
};
const GROUP = 1;

/** The broker is not ours and not instrumented: the plugin's runtime must be there before it. */
export function brokerEnvironment() {
  if (PRESET !== 'asan') return {};
  const library = run('gcc', ['-print-file-name=libasan.so']).stdout.trim();
  return {
    LD_PRELOAD: library,
    ASAN_OPTIONS: 'detect_leaks=0',
    UBSAN_OPTIONS: 'print_stacktrace=1',
  };
}

/** Mosquitto started by root becomes this user, who must own its files. */
function brokerUser() {
  if (process.getuid() !== 0) return { name: 'nobody' };
  const row = readFileSync('/etc/passwd', 'utf8').match(/^mosquitto:[^:]*:(\d+):(\d+):/m);
  assert.ok(row, 'there is a user mosquitto');
  return { name: 'mosquitto', uid: Number(row[1]), gid: Number(row[2]) };
}

export class Stage {
  constructor() {
    this.dir = mkdtempSync(join(tmpdir(), 'amr-e2e-'));
    chmodSync(this.dir, 0o711);
    for (const name of ['broker', 'pki', 'keys', 'registry', 'meters', 'state'])
      mkdirSync(join(this.dir, name), { mode: name === 'registry' ? 0o755 : 0o711 });
    this.amrctlPath = join(BIN, 'amrctl');
    this.bytecode = join(ROOT, 'contracts/out/MeterLedger.bin');
    this.programs = [];
    this.meters = [];
    this.clients = [];
  }

  path(...parts) {
    return join(this.dir, ...parts);
  }

  program(name, command, args, env) {
    const program = new Program(name, this.dir, command, args, env);
    this.programs.push(program);
    return program;
  }

  // --- the parts, in the order in which they need each other ---------------------------------

  /** keepsState: it writes all that it knows into a file once a second, and starts with it. */
  async startChain({ blockTime, keepsState } = {}) {
    this.rpcPort ??= await freePort();
    const args = ['--host', '127.0.0.1', '--port', this.rpcPort, '--chain-id', 31337];
    args.push('--max-persisted-states', 0, '--enable-tx-gas-limit');
    if (blockTime) args.push('--block-time', blockTime);
    if (keepsState) {
      this.chainState = this.path('chain.json');
      args.push('--state', this.chainState, '--state-interval', 1);
      args.push('--timestamp', Math.floor(Date.now() / 1000)); // the same first block ever after
    }
    this.chain = this.program('anvil', join(FOUNDRY, `anvil-linux-${PLATFORM}/bin/anvil`), args);
    this.rpcUrl = `http://127.0.0.1:${this.rpcPort}`;
    this.wsUrl = `ws://127.0.0.1:${this.rpcPort}`;
    await this.chain.start().says(/Listening on/);
    this.rpc = createPublicClient({ transport: http(this.rpcUrl) });
  }

  amrctl(...args) {
    return run(this.amrctlPath, args, { env: SANITIZERS, timeoutMs: 120_000 });
  }

  ctl(...args) {
    const { code, stdout, stderr } = this.amrctl(...args);
    assert.equal(code, 0, `amrctl ${args.join(' ')}: ${stderr}${stdout}`);
    return stdout;
  }

  /** Options of an account: a fresh key with money; remembered by name. */
  async account(name) {
    const options = [
      '--keystore',
      this.path('keys', `${name}.json`),
      '--passphrase-file',
      this.path('keys', `${name}.pass`),
    ];
    if (!existsSync(options[1])) {
      writeFileSync(options[3], `${name}-passphrase\n`, { mode: 0o600 });
      this.ctl('key', 'new', '--scrypt-log-n', 12, ...options);
    }
    const address = this.ctl('key', 'show', ...options).trim();
    await this.rpc.request({
      method: 'anvil_setBalance',
      params: [address, '0x56bc75e2d63100000'],
    });
    return { options, address };
  }

  async deploy() {
    this.admin = await this.account('admin');
    this.ledgerConf = this.path('ledger.conf');
    this.onChain = ['--rpc', this.wsUrl];
    this.ctl(
      'deploy',
      ...this.onChain,
      ...this.admin.options,
      '--output',
      this.ledgerConf,
      '--bytecode',
      this.bytecode,
    );
    this.onChain.push('--config', this.ledgerConf);
    this.contract = readFileSync(this.ledgerConf, 'utf8').match(/contract = (0x\w+)/)[1];
    this.server = await this.account('server');
    this.ctl(
      'server',
      'add',
      this.server.address,
      '--group',
      GROUP,
      ...this.onChain,
      ...this.admin.options,
    );
  }

  domain() {
    return { name: 'MeterLedger', version: '1', chainId: 31337, verifyingContract: this.contract };
  }

  async makeIdentities() {
    this.brokerPort = await freePort();
    this.ctl('pki', 'init', '--dir', this.path('pki'));
    this.ctl('pki', 'issue', '--dir', this.path('pki'), '--role', 'bridge', '--name', 'bridge');
    this.ctl('pki', 'issue', '--dir', this.path('pki'), '--role', 'ops', '--name', 'alice');
  }

  brokerAddress() {
    return {
      protocol: 'mqtts',
      host: '127.0.0.1',
      port: this.brokerPort,
      ca: readFileSync(this.path('pki/ca.crt')),
    };
  }

  /** Registers meters, makes their certificates; gives households their ids. */
  enrol(...csrs) {
    this.ctl(
      'enrol',
      '--group',
      GROUP,
      '--pki',
      this.path('pki'),
      ...this.onChain,
      ...this.admin.options,
      '--servers',
      `ssl://127.0.0.1:${this.brokerPort}`,
      ...csrs,
    );
  }

  household(serial) {
    const household = new Household(this.path('meters'), serial);
    this.enrol(household.files.csr, '--unproven');
    const conf = readFileSync(this.path('meters', `${serial}.conf`), 'utf8');
    household.meter = Number(conf.match(/^meter = (\d+)$/m)[1]);
    return household;
  }

  /** The authority's signature under a request, without a registration on chain. */
  certify(csr) {
    const pki = (name) => this.path('pki', name);
    const made = run('openssl', [
      ...['x509', '-req', '-in', csr, '-days', 2, '-copy_extensions', 'copy', '-CAcreateserial'],
      ...['-CA', pki('ca.crt'), '-CAkey', pki('ca.key'), '-out', csr.replace(/csr$/, 'crt')],
    ]);
    assert.equal(made.code, 0, made.stderr);
  }

  async startBroker() {
    const user = brokerUser();
    const at = (name) => this.path('broker', name);
    const files = {
      'ca.crt': 'pki/ca.crt',
      'server.crt': 'pki/server.crt',
      'server.key': 'pki/server.key',
    };
    for (const [name, from] of Object.entries(files)) copyFileSync(this.path(from), at(name));
    copyFileSync(join(BUILD, 'broker-plugin/amr_broker_plugin.so'), at('amr_broker_plugin.so'));
    const values = {
      USER: user.name,
      STATE: at('.').replace(/\/\.$/, ''),
      PORT: this.brokerPort,
      PKI: this.path('broker'),
      PLUGIN: at('amr_broker_plugin.so'),
      GROUP,
      REGISTRY: this.path('registry/registry.db'),
    };
    const template = readFileSync(join(ROOT, 'deploy/mosquitto.conf.in'), 'utf8');
    writeFileSync(
      at('mosquitto.conf'),
      template.replace(/@(\w+)@/g, (_, name) => values[name]),
    );
    if (user.uid !== undefined)
      for (const name of ['.', ...readdirSync(this.path('broker'))])
        chownSync(at(name), user.uid, user.gid);
    this.broker = this.program(
      'broker',
      '/usr/sbin/mosquitto',
      ['-c', at('mosquitto.conf')],
      brokerEnvironment(),
    );
    await this.restartBroker();
  }

  restartBroker() {
    return this.broker.start().says(/mosquitto version \S+ running/);
  }

  bridgeOptions() {
    const pki = (name) => this.path('pki', name);
    return [
      ...['--config', this.ledgerConf, '--rpc', this.wsUrl, '--group', GROUP],
      ...['--servers', `ssl://127.0.0.1:${this.brokerPort}`, '--client-id', 'bridge'],
      ...['--ca', pki('ca.crt'), '--cert', pki('bridge.crt'), '--key', pki('bridge.key')],
      ...['--registry', this.path('registry/registry.db'), '--poll-ms', 200, '--batch-age-ms', 300],
    ];
  }

  async startBridge(options = []) {
    this.bridge = this.program(
      'bridge',
      join(BIN, 'amr-bridge'),
      [
        ...this.bridgeOptions(),
        ...this.server.options,
        '--store',
        this.path('state/bridge.db'),
        ...options,
      ],
      SANITIZERS,
    );
    await this.restartBridge();
  }

  /** Another bridge of the same group, with an account and certificate of its own; not started. */
  secondBridge(name, account) {
    this.ctl('pki', 'issue', '--dir', this.path('pki'), '--role', 'bridge', '--name', name);
    const file = (kind) => [
      '--' + kind,
      this.path('pki', `${name}.${kind === 'cert' ? 'crt' : 'key'}`),
    ];
    const own = ['--client-id', name, ...file('cert'), ...file('key'), ...account];
    const files = [
      '--store',
      this.path('state', `${name}.db`),
      '--registry',
      this.path('state', `${name}-registry.db`),
    ];
    return this.program(
      `bridge-${name}`,
      join(BIN, 'amr-bridge'),
      [...this.bridgeOptions(), ...own, ...files],
      SANITIZERS,
    );
  }

  meterBinary() {
    return join(BIN, 'amr-meter');
  }

  restartBridge() {
    return this.bridge.start().says(/ ready meters=/);
  }

  /** Makes, enrols and starts one of our meters. */
  addMeter(serial, source = 'sim', options = []) {
    const made = run(
      join(BIN, 'amr-meter'),
      ['init', '--dir', this.path('meters'), '--serial', serial],
      { env: SANITIZERS },
    );
    assert.equal(made.code, 0, made.stderr);
    this.enrol(this.path('meters', `${serial}.csr`));
    const meter = this.program(
      `meter-${serial}`,
      join(BIN, 'amr-meter'),
      [
        ...['run', '--config', this.path('meters', `${serial}.conf`)],
        ...['--source', source, '--interval-s', 1, ...options],
      ],
      SANITIZERS,
    );
    Object.assign(meter, { serial, store: this.path('meters', `${serial}.db`) });
    this.meters.push(meter);
    return meter;
  }

  /** Starts them (again) and waits until their stores are open. */
  async startMeters(...meters) {
    for (const meter of meters) meter.start();
    for (const meter of meters) await meter.says(/ info meter: started /);
  }

  /** The meter's own account of its reports. */
  exportOf(meter) {
    const { code, stdout, stderr } = run(
      join(BIN, 'amr-meter'),
      ['export', '--store', meter.store],
      { env: SANITIZERS },
    );
    assert.equal(code, 0, stderr);
    return parseExport(stdout, meter.serial);
  }

  /** A connection of operations staff that sees the group's alarms. */
  async watchAlarms() {
    const pki = (name) => readFileSync(this.path('pki', name));
    const client = this.client({
      clientId: 'alice',
      cert: pki('alice.crt'),
      key: pki('alice.key'),
    });
    assert.deepEqual(await client.outcome(), { code: 0 });
    await client.subscribe(`amr/v1/${GROUP}/server/alarm`);
    return client;
  }

  client(options) {
    const client = new Client({ ...this.brokerAddress(), ...options });
    this.clients.push(client);
    return client;
  }

  connect(household, options) {
    const client = household.connect(this, options);
    this.clients.push(client);
    return client;
  }

  /** Connects as soon as the broker has read the registration from the bridge's file. */
  async admit(household) {
    return until(`${household.serial} to be admitted`, async () => {
      const client = this.connect(household);
      return (await client.outcome()).code === 0 && client;
    });
  }

  async ledger() {
    return openLedger(this.rpcUrl, this.contract);
  }

  async sealedReadings() {
    const { events } = await this.ledger();
    return events
      .filter((e) => e.name === 'BatchSubmitted')
      .reduce((sum, e) => sum + e.accepted, 0);
  }

  /** Waits until all readings of these reports are sealed; returns how many there are. */
  async allSealed(reports) {
    const total = reports.reduce((sum, report) => sum + report.readings.length, 0);
    await until(
      'all readings to be sealed',
      async () => (await this.sealedReadings()) === total,
      60_000,
    );
    return total;
  }

  /** The independent checker finds nothing wrong with the chain, given these reports. */
  async agree(reports) {
    const result = await check(await this.ledger(), reports);
    assert.deepEqual(result.problems, []);
    return result.counts;
  }

  // --- the end --------------------------------------------------------------------------------

  async end() {
    for (const client of this.clients) await client.end().catch(() => {});
    const wrong = [];
    const order = [...this.meters, this.bridge, this.broker, this.chain];
    const rest = this.programs.filter((program) => !order.includes(program));
    for (const program of [...rest, ...order].filter(Boolean)) {
      try {
        const killed = program.ended?.signal === 'SIGKILL';
        const ended = await program.stop();
        if (ended && !killed && program !== this.chain && ended.code !== 0 && !program.mayFail)
          wrong.push(`${program.name} ended with ${JSON.stringify(ended)}`);
      } catch (error) {
        wrong.push(error.message);
      }
    }
    wrong.push(...brokenLines(this.dir));
    for (const { pid, command } of leftRunning(this.dir)) {
      process.kill(pid, 'SIGKILL');
      wrong.push(`left running: ${command}`);
    }
    return wrong;
  }
}

/** A stage with everything but meters. */
export async function startStage(stage, { chain, bridge } = {}) {
  await stage.startChain(chain);
  await stage.deploy();
  await stage.makeIdentities();
  await stage.startBroker();
  await stage.startBridge(bridge);
}

export function scenario(name, options, body) {
  if (typeof options === 'function') [options, body] = [{}, options];
  test(name, { timeout: options.timeoutMs ?? 300_000 }, async (t) => {
    const stage = new Stage();
    let good = false;
    try {
      await startStage(stage, options);
      await body(stage, t);
      good = true;
    } finally {
      const wrong = await stage.end();
      if (good && wrong.length === 0) rmSync(stage.dir, { recursive: true });
      else console.log(`kept ${stage.dir}\n${wrong.join('\n')}`);
      if (good) assert.deepEqual(wrong, []);
    }
  });
}

export { run, seconds, until };
