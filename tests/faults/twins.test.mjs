// What is on the chain already, by another server of the group or by a store that is lost, is sealed:
// no meter is told that it came too late.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { scenario, until } from '../e2e/harness.mjs';
import { sealedBy, startLoad } from './load.mjs';

scenario('two servers of a group seal each report once, and neither refuses any', async (stage) => {
  const account = await stage.account('twin');
  const admin = [...stage.onChain, ...stage.admin.options];
  stage.ctl('server', 'add', account.address, '--group', 1, ...admin);
  const twin = stage.secondBridge('twin', account.options);
  await twin.start().says(/ ready meters=/);
  const meters = await startLoad(stage, 3);
  await until('each meter to have 10 sealed reports', () =>
    meters.every((meter) => sealedBy(stage, meter) >= 10),
  );
  for (const meter of meters) await meter.stop();
  const reports = meters.flatMap((meter) => stage.exportOf(meter));
  const total = reports.reduce((sum, report) => sum + report.readings.length, 0);
  await until('all of it to be sealed', async () => (await stage.sealedReadings()) === total);
  for (const bridge of [stage.bridge, twin]) {
    await bridge.says(/ batch sealed /);
    await bridge.stop();
    assert.doesNotMatch(bridge.text(), /rejected by the contract|report refused/);
  }
});

scenario('a bridge that lost its store tells where its reports are', async (stage) => {
  const anna = stage.household('H-01');
  const client = await stage.admit(anna);
  await client.subscribe(anna.topic('receipt'));
  const t = Math.floor(Date.now() / 1000) - 600;
  const reports = [];
  for (let i = 1; i <= 3; i++)
    reports.push(await anna.report(stage, i, [{ t: t + 60 * i, import_wh: 1000 + i }]));
  const send = async (i) => {
    assert.equal(await client.publish(anna.topic('reading'), reports[i - 1]), 0);
    const sealed = (m) => m.json?.status === 'sealed' && m.json.first <= i && i <= m.json.last;
    return (await client.message(`sequence ${i} to be sealed`, sealed)).json;
  };
  const before = [await send(1), await send(2)];
  await stage.bridge.kill();
  for (const suffix of ['', '-wal', '-shm'])
    rmSync(stage.path('state', `bridge.db${suffix}`), { force: true });
  await stage.restartBridge();
  client.messages.length = 0;
  for (const i of [1, 2]) {
    const { batch, tx, block } = await send(i);
    const was = before[i - 1];
    assert.deepEqual({ batch, tx, block }, { batch: was.batch, tx: was.tx, block: was.block });
  }
  await send(3);
  assert.ok(!client.messages.some((m) => m.json?.status === 'rejected'));
  assert.equal(await stage.sealedReadings(), 3);
});
