// The procedures of docs/operations.md (longer ones: tests/faults/operations.test.mjs), done as it stands there, beside meters that measure all the
// time; at the end of each the chain holds what the meters wrote down, once.
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import mqtt from 'mqtt';
import { endAndCompare, startLoad } from '../faults/load.mjs';
import { admin, moreSealed, rebuild } from './operating.mjs';
import { freePort } from './processes.mjs';
import { run, scenario, until } from './harness.mjs';

const page = (name) => readFileSync(fileURLToPath(new URL(`../../${name}`, import.meta.url)), 'utf8');
// Looks and tries again sooner than people need.
const QUICK = { bridge: ['--check-ms', 2000, '--raise-ms', 5000] };

test('the guide tells what to do for each alarm that there is', () => {
  const section = (text, from, to) => text.slice(text.indexOf(from), text.indexOf(to, text.indexOf(from) + 1));
  const named = (text) => [...text.matchAll(/^\| ((?:`[a-z-]+`(?:, )?)+)/gm)].flatMap((m) => [...m[1].matchAll(/`([a-z-]+)`/g)].map((n) => n[1]));
  const interfaces = page('INTERFACES.md');
  const causes = [...named(section(interfaces, '\n## Causes', '\n## ')), ...named(section(interfaces, '\n## Alarms', '\n## Signatures'))];
  const guide = named(section(page('docs/operations.md'), '\n## Alarms', '\n## Figures'));
  assert.ok(causes.length > 20);
  assert.deepEqual([...guide].sort(), [...new Set(causes)].sort());
});

test('the sizing table in the guide is what the program prints', () => {
  const { code, stdout } = run(process.execPath, [fileURLToPath(new URL('../../deploy/sizing.mjs', import.meta.url))]);
  assert.equal(code, 0);
  assert.ok(page('docs/operations.md').includes(stdout));
});

scenario('restore: a server is made anew on another machine from its backup', async (stage) => {
  const meters = await startLoad(stage, 2);
  // the backup, beside the running server
  const backup = stage.path('backup');
  mkdirSync(backup);
  await until('an archive', () => existsSync(stage.path('state/bridge.db.archive')));
  copyFileSync(stage.path('state/bridge.db.archive'), join(backup, 'bridge.db.archive'));
  for (const name of ['keys/server.json', 'keys/server.pass', 'pki/bridge.key', 'pki/bridge.crt', 'pki/ca.crt'])
    copyFileSync(stage.path(name), join(backup, name.replace('/', '-')));
  await moreSealed(stage, meters);
  // the machine is lost
  await stage.bridge.kill();
  await stage.broker.kill();
  for (const folder of ['state', 'registry']) for (const name of readdirSync(stage.path(folder))) rmSync(stage.path(folder, name));
  for (const name of ['keys/server.json', 'keys/server.pass', 'pki/bridge.key', 'pki/bridge.crt']) {
    rmSync(stage.path(name));
    copyFileSync(join(backup, name.replace('/', '-')), stage.path(name));
  }
  const { code, stderr } = rebuild(stage, join(backup, 'bridge.db.archive'));
  assert.equal(code, 0, stderr);
  await stage.restartBroker();
  await stage.restartBridge();
  await moreSealed(stage, meters);
  for (const meter of meters) await meter.stop();
  const reports = meters.flatMap((meter) => stage.exportOf(meter));
  await stage.allSealed(reports);
  await stage.agree(reports);
});

scenario("a meter's keys are changed, its readings go on", async (stage) => {
  const [meter] = await startLoad(stage, 1);
  const folder = stage.path('fresh');
  mkdirSync(folder);
  const conf = readFileSync(stage.path('meters', `${meter.serial}.conf`), 'utf8');
  const id = conf.match(/^meter = (\d+)$/m)[1];
  const made = run(meter.command, ['init', '--dir', folder, '--serial', meter.serial]);
  assert.equal(made.code, 0, made.stderr);
  stage.ctl('rotate', id, '--signer', made.stdout.match(/^signer (0x\w+)$/m)[1], ...admin(stage));
  stage.enrol(join(folder, `${meter.serial}.csr`));
  await meter.stop();
  for (const kind of ['key', 'signing-key', 'crt']) copyFileSync(join(folder, `${meter.serial}.${kind}`), stage.path('meters', `${meter.serial}.${kind}`));
  const again = readFileSync(join(folder, `${meter.serial}.conf`), 'utf8');
  writeFileSync(stage.path('meters', `${meter.serial}.conf`), again.replaceAll(folder, stage.path('meters')));
  await stage.startMeters(meter);
  await moreSealed(stage, [meter]);
  await endAndCompare(stage, [meter]);
});

scenario('certificates of broker, bridge and meter are renewed', async (stage) => {
  const meters = await startLoad(stage, 1);
  const pki = (name) => stage.path('pki', name);
  const serialOf = (file) => run('openssl', ['x509', '-in', file, '-noout', '-serial']).stdout;
  const before = serialOf(pki('server.crt'));
  for (const name of ['server', 'bridge']) for (const kind of ['crt', 'key']) renameSync(pki(`${name}.${kind}`), pki(`${name}.${kind}.old`));
  stage.ctl('pki', 'issue', '--dir', pki('.'), '--role', 'broker', '--host', 'localhost,127.0.0.1');
  stage.ctl('pki', 'issue', '--dir', pki('.'), '--role', 'bridge', '--name', 'bridge');
  assert.notEqual(serialOf(pki('server.crt')), before);
  for (const kind of ['crt', 'key']) writeFileSync(stage.path('broker', `server.${kind}`), readFileSync(pki(`server.${kind}`)));
  await stage.broker.stop();
  await stage.restartBroker();
  await stage.bridge.stop();
  await stage.restartBridge();
  const [meter] = meters;
  const crt = stage.path('meters', `${meter.serial}.crt`);
  const old = serialOf(crt);
  rmSync(crt);
  stage.enrol(stage.path('meters', `${meter.serial}.csr`));
  assert.notEqual(serialOf(crt), old);
  await meter.stop();
  await stage.startMeters(meter);
  await moreSealed(stage, meters);
  await endAndCompare(stage, meters);
});

scenario('an account without money, a server not listed: mended, and the backlog drains', QUICK, async (stage) => {
  const meters = await startLoad(stage, 1);
  await stage.rpc.request({ method: 'anvil_setBalance', params: [stage.server.address, '0x0'] });
  await stage.bridge.says(/cause=account-empty/);
  await stage.rpc.request({ method: 'anvil_setBalance', params: [stage.server.address, '0x56bc75e2d63100000'] });
  await moreSealed(stage, meters);
  stage.ctl('server', 'remove', stage.server.address, ...admin(stage));
  await stage.bridge.says(/cause=server-not-listed/, { deadlineMs: 60_000 });
  stage.ctl('server', 'add', stage.server.address, '--group', 1, ...admin(stage));
  await moreSealed(stage, meters);
  await endAndCompare(stage, meters);
});

scenario('staff with a password subscribe over WebSockets, and only that', async (stage) => {
  const port = await freePort();
  const [staff, password] = [stage.path('broker/staff'), stage.path('alice-password')];
  writeFileSync(password, 'correct-horse-battery\n', { mode: 0o600 });
  stage.ctl('staff', 'add', 'bob', '--file', staff, '--password-file', password);
  const listener = page('deploy/mosquitto-websockets.conf')
    .replaceAll('/etc/amr/broker/', stage.path('broker/'))
    .replaceAll('/run/credentials/amr-broker.service/', stage.path('broker/'))
    .replace('listener 8884', `listener ${port} 127.0.0.1`);
  const conf = stage.path('broker/mosquitto.conf');
  writeFileSync(conf, `${readFileSync(conf, 'utf8')}plugin_opt_staff ${staff}\n${listener}`);
  const owner = run('stat', ['-c', '%u:%g', conf]).stdout.trim();
  run('chown', [owner, staff]);
  await stage.broker.stop();
  await stage.restartBroker();
  const login = (options) =>
    new Promise((resolve) => {
      const client = mqtt.connect(`wss://127.0.0.1:${port}`, { ca: stage.brokerAddress().ca, protocolVersion: 5, reconnectPeriod: 0, ...options });
      client.on('connect', () => resolve(client));
      client.on('error', (error) => { client.end(true); resolve(error); });
      client.on('close', () => resolve(new Error('closed')));
    });
  const bob = await login({ clientId: 'bob~web', username: 'bob', password: 'correct-horse-battery' });
  assert.ok(bob.subscribeAsync, String(bob));
  const seen = new Promise((resolve) => bob.on('message', (topic) => resolve(topic)));
  await bob.subscribeAsync('amr/v1/1/server/state/broker', { qos: 1 });
  assert.equal(await seen, 'amr/v1/1/server/state/broker');
  await assert.rejects(bob.publishAsync('amr/v1/1/server/alarm', '{}', { qos: 1 }));
  await bob.endAsync(true);
  assert.ok((await login({ clientId: 'bob~web', username: 'bob', password: 'wrong' })) instanceof Error);
  assert.ok((await login({ clientId: 'M-01' })) instanceof Error);
});
