// deploy/compose.yaml for real: built from a clean checkout, started, sealed readings, every service
// killed and made anew, nothing lost, and what the images may do.
//
//     tests/run docker          (root; about 10 minutes, 3 GB of disk)
//
// AMR_COMPOSE: the compose command ("docker-compose", "docker compose"; the first that is there).
// AMR_IMAGES=keep: takes the images that are there instead of building them.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openLedger } from '../verify/ledger.mjs';
import { check, parseExport } from '../verify/verify.mjs';
import { freePort, until } from '../e2e/processes.mjs';
import { Engine } from './engine.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SERVICES = ['chain', 'broker', 'bridge', 'meter1', 'meter2', 'meter3'];
const dir = mkdtempSync(join(process.env.TMPDIR ?? '/var/tmp', 'amr-docker-'));
const engine = new Engine(dir);
const checkout = join(dir, 'checkout');
const commands = [['docker-compose'], ['docker', 'compose']];
const compose = (...args) => {
  const [command, ...rest] = engine.compose;
  const { code, stdout, stderr } = engine.try(command, [...rest, '-p', 'amr-test', '-f', join(checkout, 'deploy/compose.yaml'), ...args], {
    timeoutMs: 1_800_000,
  });
  if (code !== 0) throw new Error(`compose ${args.join(' ')}: ${stderr.slice(-4000)}${stdout.slice(-4000)}`);
  return stdout;
};
const container = (service) => compose('ps', '-q', service).trim();
const logs = (service) => {
  const { stdout, stderr } = engine.try('docker', ['logs', container(service)]);
  return stdout + stderr;
};
const inspect = (service) => JSON.parse(engine.docker('inspect', container(service)))[0];
const healthy = (service) => {
  const { State } = inspect(service);
  return State.Running && State.Health.Status === 'healthy';
};

before(async () => {
  execFileSync('git', ['clone', '-q', ROOT, checkout]);
  await engine.start();
  engine.base();
  const given = process.env.AMR_COMPOSE?.split(' ');
  engine.compose = given ?? commands.find(([command, ...rest]) => engine.try(command, [...rest, 'version']).code === 0);
  assert.ok(engine.compose, 'there is a docker compose, v1 or v2');
  engine.env.AMR_RPC_PORT = String(await freePort());
  engine.env.AMR_MQTT_PORT = String(await freePort());
  engine.env.AMR_WEB_PORT = String(await freePort());
  engine.env.AMR_INTERVAL_S = '1';
}, { timeout: 600_000 });

after(async () => {
  if (engine.compose) engine.try(engine.compose[0], [...engine.compose.slice(1), '-p', 'amr-test', '-f', join(checkout, 'deploy/compose.yaml'), 'down', '--volumes'], { timeoutMs: 120_000 });
  await engine.stop();
  rmSync(dir, { recursive: true, force: true });
}, { timeout: 300_000 });

test('the images build from a clean checkout', { timeout: 1_800_000 }, (t) => {
  if (process.env.AMR_IMAGES !== 'keep') compose('build');
  for (const image of ['broker', 'bridge', 'meter', 'setup', 'chain']) {
    const size = Number(engine.docker('image', 'inspect', '-f', '{{.Size}}', `amr-${image}`));
    t.diagnostic(`amr-${image}: ${(size / 1e6).toFixed(0)} MB`);
  }
  t.diagnostic(`base: ${(Number(engine.docker('image', 'inspect', '-f', '{{.Size}}', 'debian:bookworm-slim')) / 1e6).toFixed(0)} MB`);
});

const ledger = async () => openLedger(`http://127.0.0.1:${engine.env.AMR_RPC_PORT}`, logs('bridge').match(/contract=(0x\w+)/)[1]);
const sealed = async () => {
  const { events } = await ledger();
  return events.filter((e) => e.name === 'BatchSubmitted').reduce((sum, e) => sum + e.accepted, 0);
};
const moreSealed = async (what) => {
  const had = await sealed();
  await until(`readings to be sealed ${what}`, async () => (await sealed().catch(() => 0)) > had + 10, 90_000);
};

test('up gives healthy services and sealed readings', { timeout: 300_000 }, async () => {
  compose('up', '-d');
  for (const service of SERVICES) await until(`${service} to be healthy`, () => healthy(service), 90_000);
  await moreSealed('at first');
});

test('the dashboard answers, and lets the one in who has the password', { timeout: 60_000 }, () => {
  const base = `https://localhost:${engine.env.AMR_WEB_PORT}`;
  const get = (...args) => engine.try('curl', ['-ks', '--noproxy', '*', ...args]).stdout;
  assert.match(get(`${base}/`), /<title>/);
  assert.match(get('-o', '/dev/null', '-w', '%{http_code}', `${base}/healthz`), /^200$/);
  const password = compose('run', '--rm', '--entrypoint', 'cat', 'setup', '/admin/dashboard-password').trim();
  const login = (secret) => get('-o', '/dev/null', '-w', '%{http_code}', '-H', 'content-type: application/json', '-d', JSON.stringify({ name: 'admin', password: secret }), `${base}/api/v1/login`);
  assert.match(login(password), /^20[01]$/);
  assert.match(login('wrong'), /^40[13]$/);
});

test('services run without root, without rights, with a read-only root', () => {
  for (const service of SERVICES) {
    const { Config, HostConfig } = inspect(service);
    assert.equal(Config.User, '10001:10001', service);
    assert.equal(HostConfig.ReadonlyRootfs, true, service);
    assert.deepEqual(HostConfig.CapDrop, ['ALL'], service);
    const line = [...(Config.Entrypoint ?? []), ...(Config.Cmd ?? []), ...Config.Env].join(' ');
    assert.doesNotMatch(line, /0x[0-9a-f]{64}|passphrase=/i, `${service} has no secret in argv or environment`);
    assert.notEqual(engine.try('docker', ['exec', container(service), 'touch', '/etc/x']).code, 0, service);
  }
});

for (const service of SERVICES)
  test(`${service} killed and made anew loses nothing`, { timeout: 240_000 }, async () => {
    if (service === 'chain') compose('stop', 'chain'); // a development chain writes its state when told
    else engine.docker('kill', '-s', 'KILL', container(service));
    compose('rm', '-f', '-s', service);
    compose('up', '-d', '--no-deps', service);
    await until(`${service} to be healthy`, () => healthy(service), 90_000);
    await moreSealed(`after ${service} came back`);
  });

test('what meters say they sent is what the chain holds, once', { timeout: 240_000 }, async () => {
  const volumes = [1, 2, 3].map((n) => container(`meter${n}`));
  compose('stop', 'meter1', 'meter2', 'meter3');
  const exported = (id) =>
    engine.docker(...['run', '--rm', '--read-only', '--volumes-from', id, '--entrypoint', '/usr/bin/amr-meter'], 'amr-meter', 'export', '--store', '/data/meter.db');
  const reports = volumes.flatMap((id, i) => parseExport(exported(id), `M-000${i + 1}`));
  const total = reports.reduce((sum, report) => sum + report.readings.length, 0);
  // What a meter had measured and not sent when it ended goes on its way when it starts again.
  compose('start', 'meter1', 'meter2', 'meter3');
  await until('all of them to be sealed', async () => (await sealed()) >= total, 90_000);
  compose('stop', 'meter1', 'meter2', 'meter3');
  const all = volumes.flatMap((id, i) => parseExport(exported(id), `M-000${i + 1}`));
  const { problems } = await check(await ledger(), all);
  assert.deepEqual(problems, []);
});
