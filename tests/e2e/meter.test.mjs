// What amr-meter does as a program: a fleet in one process, a last gasp, keys that others can read.
import assert from 'node:assert/strict';
import { chmodSync, readFileSync } from 'node:fs';
import { run, scenario, until } from './harness.mjs';

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
