// kill -9 at any part, in the middle of work: every report that a meter wrote down is sealed exactly
// once. The checker finds missing, doubled and altered ones.
import assert from 'node:assert/strict';
import { scenario, seconds, until } from './harness.mjs';

const sealedBy = (stage, meter) => stage.exportOf(meter).filter((r) => r.state === 'sealed').length;

async function startMeters(stage) {
  const meters = ['M-01', 'M-02'].map((serial) => stage.addMeter(serial));
  await stage.startMeters(...meters);
  await until('each meter to have a sealed report', () =>
    meters.every((m) => sealedBy(stage, m) >= 1),
  );
  return meters;
}

/** Lets each meter seal 3 more, ends them, waits until nothing is on its way, and compares. */
async function goOnAndCompare(stage, meters) {
  const before = meters.map((meter) => stage.exportOf(meter).length);
  await until(
    'each meter to have 3 more sealed reports',
    () => meters.every((meter, i) => sealedBy(stage, meter) >= before[i] + 3),
    60_000,
  );
  for (const meter of meters) await meter.stop();
  const reports = meters.flatMap((meter) => stage.exportOf(meter));
  const total = await stage.allSealed(reports);
  const counts = await stage.agree(reports);
  assert.deepEqual([counts.readings, counts.rejected, counts.waiting], [total, 0, 0]);
}

scenario('a bridge killed again and again loses and doubles nothing', async (stage) => {
  const meters = await startMeters(stage);
  for (let i = 0; i < 4; i++) {
    await stage.bridge.says(/batch sealed/);
    await stage.bridge.kill();
    await stage.restartBridge();
  }
  await goOnAndCompare(stage, meters);
});

scenario(
  'a bridge killed between sending a batch and its receipt seals it once',
  { chain: { blockTime: 2 } },
  async (stage) => {
    const meters = await startMeters(stage);
    const pending = () => stage.rpc.request({ method: 'txpool_status', params: [] });
    await until(
      'a transaction to be in the pool',
      async () => Number((await pending()).pending) > 0,
    );
    await stage.bridge.kill();
    await stage.restartBridge();
    await goOnAndCompare(stage, meters);
  },
);

scenario('a broker killed with everything it had in memory loses nothing', async (stage) => {
  const meters = await startMeters(stage);
  for (let i = 0; i < 2; i++) {
    await stage.broker.kill();
    await seconds(3); // readings pile up in the meters
    await stage.restartBroker();
  }
  await goOnAndCompare(stage, meters);
});

scenario('a killed meter goes on where it was', async (stage) => {
  const meters = await startMeters(stage);
  for (const meter of meters) {
    await meter.kill();
    await stage.startMeters(meter);
  }
  await goOnAndCompare(stage, meters);
});

scenario('a chain that is away is waited for', async (stage) => {
  const meters = await startMeters(stage);
  const known = meters.map((meter) => stage.exportOf(meter).length);
  stage.chain.child.kill('SIGSTOP');
  await stage.bridge.says(/ unusual bridge: chain is away/, { from: stage.bridge.here() });
  await until('reports to pile up', () =>
    meters.every((m, i) => stage.exportOf(m).length >= known[i] + 3),
  );
  stage.chain.child.kill('SIGCONT');
  await goOnAndCompare(stage, meters);
});
