// A stage on hosts of its own (network namespaces): a chain, servers by name, meters on host m.
//
//     field('what is promised', ['s1', 's2'], async (stage, t) => { ... });
import assert from 'node:assert/strict';
import { chmodSync, chownSync, copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createPublicClient, http } from 'viem';
import { sealedBy } from '../faults/load.mjs';
import { Stage, run, until } from '../e2e/harness.mjs';
import { Hosts } from './hosts.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BUILD = join(ROOT, 'build', process.env.AMR_PRESET ?? 'dev');
const PORT = 8883;

/** A stage whose parts run on hosts: chain, and servers by name; meters on host m. */
export class Field extends Stage {
  constructor(...servers) {
    super();
    this.hosts = new Hosts(...this.chainHosts(), ...servers, 'm');
    this.servers = new Map();
  }

  chainHosts() {
    return ['chain'];
  }

  program(name, command, args, env) {
    const host = name === 'anvil' ? 'chain' : (name.match(/^(?:broker|bridge)-(\w+)/)?.[1] ?? 'm');
    const [inside, rest] = this.hosts.on(host, command, args);
    return super.program(name, inside, rest, env);
  }

  async startChain() {
    const at = this.hosts.address('chain');
    const anvil = readdirSync(join(ROOT, 'contracts/node_modules/@foundry-rs')).find((n) => n.startsWith('anvil-'));
    this.chain = this.program('anvil', join(ROOT, 'contracts/node_modules/@foundry-rs', anvil, 'bin/anvil'), [
      ...['--host', at, '--port', 8545, '--chain-id', 31337, '--block-time', 1],
      ...['--max-persisted-states', 0, '--enable-tx-gas-limit'],
    ]);
    this.rpcUrl = `http://${at}:8545`;
    this.wsUrl = `ws://${at}:8545`;
    await this.chain.start().says(/Listening on/);
    this.rpc = createPublicClient({ transport: http(this.rpcUrl) });
  }

  enrol(group, brokers, ...csrs) {
    const servers = brokers.map((name) => `ssl://${this.hosts.address(name)}:${PORT}`).join(',');
    this.ctl('enrol', '--group', group, '--pki', this.path('pki'), ...this.onChain, ...this.admin.options, '--servers', servers, ...csrs);
  }

  meter(serial, group, brokers) {
    assert.equal(run(join(BUILD, 'bin/amr-meter'), ['init', '--dir', this.path('meters'), '--serial', serial]).code, 0);
    this.enrol(group, brokers, this.path('meters', `${serial}.csr`));
    const config = ['--config', this.path('meters', `${serial}.conf`), '--source', 'sim', '--interval-s', 1, '--ack-timeout-ms', 2000];
    const meter = this.program(`meter-${serial}`, join(BUILD, 'bin/amr-meter'), ['run', ...config], {});
    Object.assign(meter, { serial, store: this.path('meters', `${serial}.db`) });
    this.meters.push(meter);
    return meter;
  }

  async addServer(name, group, more = []) {
    const [at, dir] = [this.hosts.address(name), this.path(`server-${name}`)];
    const pki = (file) => this.path('pki', file);
    mkdirSync(dir);
    chmodSync(dir, 0o755);
    for (const kind of ['crt', 'key']) rmSync(pki(`server.${kind}`), { force: true });
    this.ctl('pki', 'issue', '--dir', pki('.'), '--role', 'broker', '--host', at);
    this.ctl('pki', 'issue', '--dir', pki('.'), '--role', 'bridge', '--name', `bridge-${name}`);
    const account = await this.account(name);
    this.ctl('server', 'add', account.address, '--group', group, ...this.onChain, ...this.admin.options);
    const broker = join(dir, 'broker');
    mkdirSync(broker);
    for (const file of ['ca.crt', 'server.crt', 'server.key']) copyFileSync(pki(file), join(broker, file));
    copyFileSync(join(BUILD, 'broker-plugin/amr_broker_plugin.so'), join(broker, 'amr_broker_plugin.so'));
    const registry = join(dir, 'registry.db');
    const values = { USER: 'mosquitto', STATE: broker, PORT, PKI: broker, PLUGIN: join(broker, 'amr_broker_plugin.so'), GROUP: group, REGISTRY: registry };
    const template = readFileSync(join(ROOT, 'deploy/mosquitto.conf.in'), 'utf8').replace('@PORT@ 127.0.0.1', `${PORT} ${at}`);
    writeFileSync(join(broker, 'mosquitto.conf'), template.replace(/@(\w+)@/g, (_, key) => values[key]));
    const row = readFileSync('/etc/passwd', 'utf8').match(/^mosquitto:[^:]*:(\d+):(\d+):/m);
    for (const file of ['.', ...readdirSync(broker)]) chownSync(join(broker, file), Number(row[1]), Number(row[2]));
    const library = run('gcc', ['-print-file-name=libasan.so']).stdout.trim();
    const asan = process.env.AMR_PRESET === 'asan' ? { LD_PRELOAD: library, ASAN_OPTIONS: 'detect_leaks=0' } : {};
    const server = {
      name, account, at,
      broker: this.program(`broker-${name}`, '/usr/bin/env', [...Object.entries(asan).map(([k, v]) => `${k}=${v}`), '/usr/sbin/mosquitto', '-c', join(broker, 'mosquitto.conf')], {}),
      bridge: this.program(`bridge-${name}`, join(BUILD, 'bin/amr-bridge'), [
        ...['--config', this.ledgerConf, '--rpc', this.wsUrl, '--group', group, '--servers', `ssl://${at}:${PORT}`],
        ...['--client-id', `bridge-${name}`, '--ca', pki('ca.crt'), '--cert', pki(`bridge-${name}.crt`), '--key', pki(`bridge-${name}.key`)],
        ...['--registry', registry, '--store', join(dir, 'bridge.db'), '--poll-ms', 200, '--batch-age-ms', 300, ...account.options],
      ], {}),
    };
    await server.broker.start().says(/mosquitto version \S+ running/);
    await server.bridge.start().says(/ ready meters=/);
    this.servers.set(name, server);
    return server;
  }

  /** The servers' brokers know so many meters: none is sent away at first. */
  async admitted(count, ...servers) {
    for (const { broker } of servers) await broker.says(new RegExp(`registry read meters=${count} `));
  }

  /** What the meters wrote down is on the chain, once; `meters` are ended. */
  async compare(meters) {
    for (const meter of meters) await meter.stop();
    const reports = meters.flatMap((meter) => this.exportOf(meter));
    const total = reports.reduce((sum, report) => sum + report.readings.length, 0);
    await until(`all ${total} readings to be sealed`, async () => (await this.sealedReadings()) === total, 120_000);
    const counts = await this.agree(reports);
    assert.deepEqual([counts.readings, counts.rejected, counts.waiting], [total, 0, 0]);
  }
}

export function field(name, servers, body, Kind = Field) {
  test(name, { timeout: 900_000 }, async (t) => {
    const stage = new Kind(...servers);
    let good = false;
    try {
      await stage.startChain();
      await stage.deploy();
      stage.ctl('pki', 'init', '--dir', stage.path('pki'));
      await body(stage, t);
      good = true;
    } finally {
      const wrong = await stage.end();
      stage.hosts.end();
      if (good && wrong.length === 0) rmSync(stage.dir, { recursive: true });
      else console.log(`kept ${stage.dir}\n${wrong.join('\n')}`);
      if (good) assert.deepEqual(wrong, []);
    }
  });
}

export const more = (stage, meters, what, { deadlineMs = 120_000, count = 2 } = {}) => {
  const had = meters.map((meter) => sealedBy(stage, meter));
  return until(`more to be sealed ${what}`, () => meters.every((meter, i) => sealedBy(stage, meter) >= had[i] + count), deadlineMs);
};
