// What amr-meter does as a program: a fleet in one process, a last gasp, keys that others can read.
import assert from 'node:assert/strict';
import { chmodSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { run, scenario, until } from './harness.mjs';
import { freePort } from './processes.mjs';

function enrolAll(stage, serials) {
  const init = (serial) =>
    run(stage.meterBinary(), ['init', '--dir', stage.path('meters'), '--serial', serial]);
  for (const serial of serials) assert.equal(init(serial).code, 0);
  stage.enrol(...serials.map((serial) => stage.path('meters', `${serial}.csr`)));
  return serials.map((serial) => ({ serial, store: stage.path('meters', `${serial}.db`) }));
}

scenario('a fleet in one process seals each report of each of its meters once', async (stage) => {
  const serials = Array.from({ length: 8 }, (_, i) => `F-${i + 1}`);
  const meters = enrolAll(stage, serials);
  const fleet = stage.program('fleet', stage.meterBinary(), [
    ...['--fleet', serials.length, '--dir', stage.path('meters')],
    ...['--interval-s', 1, '--count', 4],
  ]);
  await until('the door to know them', () => /active=8$/m.test(stage.bridge.text()));
  fleet.start();
  await until('the fleet to end', () => fleet.ended, 90_000);
  assert.deepEqual(fleet.ended, { code: 0, signal: null }, fleet.text());
  const reports = meters.flatMap((meter) => stage.exportOf(meter));
  assert.equal(new Set(reports.map((report) => report.meter)).size, 8);
  assert.equal(await stage.allSealed(reports), 32);
  const counts = await stage.agree(reports);
  assert.deepEqual([counts.readings, counts.rejected, counts.waiting], [32, 0, 0]);
  const firsts = new Set(reports.map((report) => report.readings[0].importWh));
  assert.ok(firsts.size >= 8, 'each is another household');
});

scenario('power that fails is told at once, with a last reading', async (stage) => {
  const meter = stage.addMeter('GASP-01', 'sim', ['--interval-s', 900]);
  await stage.startMeters(meter);
  await meter.says(/ connected server=/);
  const staff = await stage.watchAlarms();
  await staff.subscribe('amr/v1/1/GASP-01/event');
  meter.child.kill('SIGPWR');
  const { json } = await staff.message('event 1', (m) => m.json?.code === 1);
  await until('the last reading to be sealed', () =>
    stage.exportOf(meter).some((report) => report.state === 'sealed'),
  );
  assert.equal(stage.exportOf(meter)[0].readings[0].t, json.t);
});

scenario('a key that others can read is refused, and nothing is touched', async (stage) => {
  const meter = stage.addMeter('OPEN-01');
  const conf = stage.path('meters/OPEN-01.conf');
  for (const name of readFileSync(conf, 'utf8').match(/[^/]+\.(signing-)?key$/gm)) {
    const file = stage.path('meters', name);
    chmodSync(file, 0o644);
    const { code, stderr } = run(stage.meterBinary(), ['run', '--config', conf]);
    assert.equal(code, 3);
    assert.match(stderr, new RegExp(`${name}.*others`));
    chmodSync(file, 0o600);
  }
  await stage.startMeters(meter);
});

/** A second way to the broker, which counts as another server; ends with its connections. */
function detour(port, brokerPort) {
  const sockets = new Set();
  const server = createServer((socket) => {
    const onward = connect(brokerPort, '127.0.0.1');
    for (const [from, to] of [[socket, onward], [onward, socket]]) {
      sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
      from.pipe(to);
    }
  });
  server.listen(port, '127.0.0.1');
  return () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
}

scenario('a meter goes to the second server and comes back to the first', async (stage) => {
  const port = await freePort();
  const first = `ssl://127.0.0.1:${port}`;
  const second = `ssl://127.0.0.1:${stage.brokerPort}`;
  const meter = stage.addMeter('BACK-01', 'sim', [
    ...['--servers', `${first},${second}`, '--failback-s', 1],
  ]);
  await stage.startMeters(meter);
  await meter.says(new RegExp(` connected server=${second}`));
  const close = detour(port, stage.brokerPort);
  try {
    await meter.says(/ the first server answers again, going back/);
    await meter.says(new RegExp(` connected server=${first}`));
    const from = meter.here();
    close();
    await meter.says(new RegExp(` connected server=${second}`), { from });
  } finally {
    close();
  }
  const made = stage.exportOf(meter).length;
  const sealed = () => stage.exportOf(meter).filter((report) => report.state === 'sealed').length;
  await until('all of that to be sealed', () => sealed() >= made + 2, 60_000);
  await meter.stop();
  const reports = stage.exportOf(meter);
  await stage.allSealed(reports);
  await stage.agree(reports);
});
