// A server's door alone: Mosquitto with the plugin, certificates, and a registry file that the test
// writes itself, as if the bridge had copied it from a chain.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { connect as tcp } from 'node:net';
import { dirname, join } from 'node:path';
import { connect as tls } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { Stage, run } from '../e2e/harness.mjs';
import { Household } from '../e2e/household.mjs';
import { freePort, within } from '../e2e/processes.mjs';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const TOOL = join(ROOT, 'build', process.env.AMR_PRESET ?? 'dev', 'bin/amr-test-registry');
const CONTRACT = '0x1100000000000000000000000000000000000000';
export const [ACTIVE, CLOSED] = [1, 2];

export class Door extends Stage {
  /** wrapper: a command that runs the broker, such as valgrind. */
  async open({ options = [], serials, wrapper = [] }) {
    this.contract = CONTRACT;
    this.registry = this.path('registry/registry.db');
    await this.makeIdentities();
    this.households = serials.map((serial, i) => {
      const household = new Household(this.path('meters'), serial);
      this.certify(household.files.csr);
      return Object.assign(household, { meter: 65537 + i });
    });
    this.register(...this.households);
    await this.startBroker();
    await this.broker.stop();
    appendFileSync(
      this.path('broker/mosquitto.conf'),
      options.map((o) => `plugin_opt_${o}\n`).join(''),
    );
    await this.addStaff();
    const [command, ...args] = [...wrapper, this.broker.command, ...this.broker.args];
    Object.assign(this.broker, { command, args });
    await this.restartBroker();
  }

  /** Writes these meters into the registry. */
  register(...households) {
    const rows = households.map((h) => `${h.meter}:${h.account.address}:${h.status ?? ACTIVE}`);
    const made = run(TOOL, ['put', this.registry, 31337, CONTRACT, ...rows]);
    assert.equal(made.code, 0, made.stderr);
  }

  /** Keeps readers out of the registry until the returned function is called. */
  async lockRegistry() {
    const child = spawn(TOOL, ['lock', this.registry], { stdio: ['pipe', 'pipe', 'inherit'] });
    await within('the lock', once(child.stdout, 'data'));
    return async () => {
      child.stdin.end();
      await within('the lock to end', once(child, 'exit'));
    };
  }

  /** A listener without certificates, and alice, who logs in by password. */
  async addStaff() {
    this.staffPort = await freePort();
    const [file, password] = [this.path('broker/staff'), this.path('alice-password')];
    writeFileSync(password, 'correct horse\n', { mode: 0o600 });
    this.ctl('staff', 'add', 'alice', '--file', file, '--password-file', password);
    const { uid, gid } = statSync(this.path('broker/mosquitto.conf'));
    chownSync(file, uid, gid);
    chmodSync(file, 0o640);
    const at = (name) => this.path('broker', name);
    appendFileSync(
      this.path('broker/mosquitto.conf'),
      [
        `plugin_opt_staff ${file}`,
        `listener ${this.staffPort} 127.0.0.1`,
        `cafile ${at('ca.crt')}`,
        `certfile ${at('server.crt')}`,
        `keyfile ${at('server.key')}`,
        'require_certificate false',
        '',
      ].join('\n'),
    );
  }

  staffLogin(username, password) {
    const clientId = `${username}~console`;
    return this.client({ clientId, username, password, port: this.staffPort });
  }

  /** A TLS connection with a meter's certificate that speaks no MQTT by itself. */
  raw(household, port = this.brokerPort) {
    const socket = tls({
      host: '127.0.0.1',
      port,
      ca: readFileSync(this.path('pki/ca.crt')),
      key: readFileSync(household.files.key),
      cert: readFileSync(household.files.cert),
    });
    socket.on('error', () => {});
    socket.answer = Buffer.alloc(0);
    socket.on('data', (data) => (socket.answer = Buffer.concat([socket.answer, data])));
    socket.gone = new Promise((resolve) => socket.on('close', resolve));
    return socket;
  }

  tcp() {
    const socket = tcp(this.brokerPort, '127.0.0.1');
    socket.on('error', () => {});
    socket.gone = new Promise((resolve) => socket.on('close', resolve));
    return socket;
  }

  brokerMib() {
    const status = readFileSync(`/proc/${this.broker.pid}/status`, 'utf8');
    return Number(status.match(/VmRSS:\s+(\d+)/)[1]) / 1024;
  }
}
