// What the fault tests share: meters that measure all the time, and the final comparison.
import assert from 'node:assert/strict';
import { run, until } from '../e2e/harness.mjs';

export const sealedBy = (stage, meter) =>
  stage.exportOf(meter).filter((report) => report.state === 'sealed').length;

export async function startLoad(stage, count) {
  const serials = Array.from({ length: count }, (_, i) => `M-${String(i + 1).padStart(2, '0')}`);
  const meters = serials.map((serial) => stage.addMeter(serial));
  await stage.startMeters(...meters);
  await until('each meter to have a sealed report', () =>
    meters.every((meter) => sealedBy(stage, meter) >= 1),
  );
  return meters;
}

/**
 * Ends the meters once each has sealed three more, waits until the chain has all that they wrote
 * down, and lets the independent checker compare: from the chain alone, each report is there once.
 * The archive has each once, too.
 */
export async function endAndCompare(stage, meters) {
  const before = meters.map((meter) => stage.exportOf(meter).length);
  await until(
    'each meter to have 3 more sealed reports',
    () => meters.every((meter, i) => sealedBy(stage, meter) >= before[i] + 3),
    120_000,
  );
  for (const meter of meters) await meter.stop();
  const reports = meters.flatMap((meter) => stage.exportOf(meter));
  const total = reports.reduce((sum, report) => sum + report.readings.length, 0);
  await until(
    `all ${total} readings to be sealed`,
    async () => (await stage.sealedReadings()) === total,
    120_000,
  );
  const counts = await stage.agree(reports);
  assert.deepEqual([counts.readings, counts.rejected, counts.waiting], [total, 0, 0]);
  const wanted = reports.map((report) => `${report.meter}/${report.sequence}/${report.sig}`).sort();
  await until('all of it to be archived', () => archived(stage).length >= wanted.length);
  assert.deepEqual(archived(stage), wanted);
}

/** What the bridge's archive has. */
function archived(stage) {
  const file = stage.path('state', 'bridge.db.archive');
  const { code, stdout } = run(stage.bridge.command, ['--print-archive', '--archive', file]);
  if (code !== 0) return []; // an entry is being written
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line).report)
    .map((report) => `${report.meter}/${report.sequence}/${report.sig}`)
    .sort();
}
