// From meter to chain, and back by hands that are not ours.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { scenario, until } from './harness.mjs';

scenario(
  'readings of simulated and P1 meters are sealed, receipted and provable',
  async (stage) => {
    const simulator = join(
      import.meta.dirname ?? new URL('.', import.meta.url).pathname,
      '../../deploy/p1-simulator.mjs',
    );
    const port = stage
      .program('p1-port', process.execPath, [simulator, '--period-ms', 500])
      .start();
    const [, address] = await port.says(/listening on (\S+)/);
    const meters = [
      stage.addMeter('M-01'),
      stage.addMeter('M-02'),
      stage.addMeter('P1-01', `p1:tcp://${address}`),
    ];
    await stage.startMeters(...meters);

    await until('every meter to have 3 sealed reports', () =>
      meters.every(
        (meter) => stage.exportOf(meter).filter((r) => r.state === 'sealed').length >= 3,
      ),
    );
    for (const meter of meters) assert.equal((await meter.stop()).code, 0);
    const reports = meters.flatMap((meter) => stage.exportOf(meter));
    const total = await stage.allSealed(reports);
    const counts = await stage.agree(reports);
    assert.deepEqual([counts.readings, counts.waiting], [total, 0]);
    assert.ok(counts.reports >= 9);
    assert.equal(counts.rejected, 0);
    assert.equal(new Set(reports.map((r) => r.meter)).size, 3);

    const rows = JSON.parse(stage.ctl('readings', 'all', '--json', ...stage.onChain));
    assert.equal(rows.length, counts.readings);
  },
);
