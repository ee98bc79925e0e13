// What a server knew is lost, or it never comes back, while meters hold reports that it had stored
// and not sealed, and go on reporting: all are sealed once, none too late.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { scenario, until } from '../e2e/harness.mjs';
import { decodeRecords } from '../verify/records.mjs';
import { sealedBy, startLoad } from './load.mjs';

const mining = (stage, on) => stage.rpc.request({ method: 'evm_setAutomine', params: [on] });
const storedBy = (stage, meter) =>
  stage.exportOf(meter).filter((report) => report.state === 'stored').length;

const name = (meter, r) => `${meter} ${r.t} ${r.importWh} ${r.exportWh} ${r.quality}`;

/** The readings that the contract took, from its log alone: what came twice it skipped once. */
async function accepted(stage) {
  const { events } = await stage.ledger();
  const readings = [];
  let skipped = new Set();
  for (const event of events) {
    if (event.name === 'ReadingRejected') skipped.add(`${event.meter} ${event.timestamp}`);
    if (event.name !== 'BatchSubmitted') continue;
    for (const r of decodeRecords(event.records, event.group))
      if (!skipped.has(`${r.meter} ${r.t}`)) readings.push(name(r.meter, r));
    skipped = new Set();
  }
  return readings;
}

/** Each meter has reports that the server stored, and the chain has not. */
async function holdStored(stage) {
  const meters = await startLoad(stage, 3);
  await mining(stage, false);
  await until('each meter to hold 3 stored reports', () =>
    meters.every((meter) => storedBy(stage, meter) >= 3),
  );
  return meters;
}

function loseStore(stage) {
  for (const suffix of ['', '-wal', '-shm', '.archive'])
    rmSync(stage.path('state', `bridge.db${suffix}`), { force: true });
}

async function mineAndCompare(stage, meters) {
  await mining(stage, true);
  await stage.rpc.request({ method: 'anvil_mine', params: ['0x1'] });
  const made = meters.map((meter) => stage.exportOf(meter).length);
  await until(
    'each meter to have sealed all that it had, and 2 more',
    () => meters.every((meter, i) => sealedBy(stage, meter) >= made[i] + 2),
    60_000,
  );
  for (const meter of meters) await meter.stop();
  const reports = meters.flatMap((meter) => stage.exportOf(meter));
  assert.ok(!reports.some((report) => report.state === 'rejected'));
  await stage.allSealed(reports);
  const wanted = reports.flatMap((report) => report.readings.map((r) => name(report.meter, r)));
  assert.deepEqual((await accepted(stage)).sort(), wanted.sort());
}

scenario('a lost store takes nothing along', async (stage) => {
  const meters = await holdStored(stage);
  await stage.bridge.kill();
  loseStore(stage);
  await stage.restartBridge();
  await mineAndCompare(stage, meters);
});

scenario('and where the meters are away when the bridge comes back', async (stage) => {
  const meters = await holdStored(stage);
  await stage.bridge.kill();
  loseStore(stage);
  for (const meter of meters) await meter.kill();
  await stage.restartBridge();
  await stage.startMeters(...meters);
  await mineAndCompare(stage, meters);
});

scenario('another server of the group takes over', async (stage) => {
  const account = await stage.account('twin');
  const admin = [...stage.onChain, ...stage.admin.options];
  stage.ctl('server', 'add', account.address, '--group', 1, ...admin);
  const meters = await holdStored(stage);
  await stage.bridge.kill();
  const dropped = await stage.rpc.request({ method: 'anvil_dropAllTransactions', params: [] });
  assert.equal(dropped, null);
  const twin = stage.secondBridge('twin', account.options);
  await twin.start().says(/ ready meters=/);
  await mineAndCompare(stage, meters);
});

scenario('a gap that only another server sealed is not waited for', async (stage) => {
  const account = await stage.account('twin');
  const admin = [...stage.onChain, ...stage.admin.options];
  stage.ctl('server', 'add', account.address, '--group', 1, ...admin);
  const meters = await startLoad(stage, 2);
  await stage.bridge.stop();
  const twin = stage.secondBridge('twin', account.options);
  await twin.start().says(/ ready meters=/);
  const known = meters.map((meter) => sealedBy(stage, meter));
  await until('the twin to seal some', () =>
    meters.every((meter, i) => sealedBy(stage, meter) >= known[i] + 3),
  );
  await twin.stop();
  await stage.broker.kill(); // and with it what it kept for the first server
  await stage.restartBroker();
  await stage.restartBridge();
  await mineAndCompare(stage, meters);
});
