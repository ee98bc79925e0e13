// Mosquitto with the plugin under valgrind: a day at the door in short, no error and nothing lost.
// valgrind and AddressSanitizer exclude each other, so that this takes the plain build.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { until } from '../e2e/processes.mjs';

process.env.AMR_PRESET = 'dev';
const { CLOSED, Door } = await import('./door.mjs');

const NOW = Math.floor(Date.now() / 1000);
const DENIED = 0x87; // MQTT 5: not authorised

async function day(door, anna) {
  const client = door.connect(anna, { clean: false, properties: { sessionExpiryInterval: 60 } });
  assert.deepEqual(await client.outcome(), { code: 0 });
  await client.subscribe(anna.topic('receipt'));
  const report = (n, t) => anna.report(door, n, [{ t: NOW + t, import_wh: 1000 + n }]);
  for (let n = 1; n <= 20; n++)
    assert.equal(await client.publish(anna.topic('reading'), await report(n, n)), 0);
  assert.equal(await client.publish(anna.topic('reading'), await report(5, 3)), DENIED);
  assert.equal(await client.publish(anna.topic('reading'), '{"v":1,"x":'), DENIED);
  assert.equal(await client.publish(anna.topic('birth'), '{}', { retain: true }), 0);
  assert.equal(await client.publish('amr/v1/1/OTHER/reading', '{}'), DENIED);
  await client.message('a receipt', (m) => m.json?.status === 'rejected');

  const staff = door.staffLogin('alice', 'correct horse');
  assert.deepEqual(await staff.outcome(), { code: 0 });
  await staff.subscribe('amr/v1/1/#');
  assert.equal((await door.staffLogin('alice', 'wrong').outcome()).code, DENIED);

  const from = door.broker.here();
  process.kill(door.broker.pid, 'SIGHUP');
  await door.broker.says(/Reloading config/, { from });
  await staff.message('a summary', (m) => m.topic.endsWith('server/state/broker'));

  anna.status = CLOSED;
  door.register(anna);
  await until('the closed meter to be thrown out', () => client.closed);
}

test('under valgrind nothing is read wrongly or lost', { timeout: 120_000 }, async () => {
  const door = new Door();
  let good = false;
  try {
    const wrapper = ['valgrind', '-q', '--leak-check=full', '--errors-for-leak-kinds=definite'];
    wrapper.push('--error-exitcode=99', '--keep-debuginfo=yes', '--vgdb=no');
    await door.open({ wrapper, serials: ['ANNA-1'] });
    await day(door, door.households[0]);
    good = true;
  } finally {
    const wrong = await door.end();
    if (good && wrong.length === 0) rmSync(door.dir, { recursive: true });
    else console.log(`kept ${door.dir}\n${wrong.join('\n')}\n${door.broker?.text().slice(-6000)}`);
    if (good) assert.deepEqual(wrong, [], 'the broker ended well, which valgrind decides');
  }
});
