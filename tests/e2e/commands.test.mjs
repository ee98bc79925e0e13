// The whole way of a command: an operator signs it, the chain has it, the bridge brings it to the
// meter, the meter obeys, and its signed result gets on the chain. And what is refused on the way.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { scenario, until } from './harness.mjs';
import { KIND, OUTCOME, Operator, signedResult } from './operator.mjs';

const meterId = (stage, serial) =>
  Number(readFileSync(stage.path('meters', `${serial}.conf`), 'utf8').match(/^meter = (\d+)$/m)[1]);

/** One of our meters with a relay, a file that it writes and reads. */
async function addMeter(stage, serial, operators, options = []) {
  const relay = stage.path('meters', `${serial}.relay`);
  writeFileSync(relay, '1\n');
  const meter = stage.addMeter(serial, 'sim', [
    ...['--operators', operators.map((o) => o.address).join(',')],
    ...['--relay', relay, ...options],
  ]);
  Object.assign(meter, { id: meterId(stage, serial), relay: () => readFileSync(relay, 'utf8').trim() });
  await stage.startMeters(meter);
  await meter.says(/ connected /);
  return meter;
}

scenario('a meter obeys an operator, and the chain knows', async (stage) => {
  const operator = await Operator.make(stage);
  const meter = await addMeter(stage, 'M-01', [operator]);
  const { id } = await operator.issue(meter.id, KIND.disconnect);
  assert.equal(await operator.outcome(meter.id, id), OUTCOME.confirmed);
  assert.equal(meter.relay(), '0');
  const next = await operator.issue(meter.id, KIND.interval, { argument: 2 });
  assert.equal(await operator.outcome(meter.id, next.id), OUTCOME.confirmed);
});

scenario('an armed reconnection is recorded once a person confirmed it', async (stage) => {
  const operator = await Operator.make(stage);
  const meter = await addMeter(stage, 'M-01', [operator]);
  await operator.issue(meter.id, KIND.disconnect);
  const { id } = await operator.issue(meter.id, KIND.reconnect);
  await meter.says(/command id=2 kind=2 outcome=1/);
  await stage.bridge.says(/ command answered meter=\d+ id=2 outcome=1/);
  assert.equal((await operator.state(meter.id, id)).resulted, false);
  meter.child.kill('SIGUSR1');
  assert.equal(await operator.outcome(meter.id, id), OUTCOME.confirmed);
  assert.equal(meter.relay(), '1');
});

scenario('an armed reconnection that nobody confirms is recorded as armed', async (stage) => {
  const operator = await Operator.make(stage);
  const meter = await addMeter(stage, 'M-01', [operator]);
  await operator.issue(meter.id, KIND.disconnect);
  const { id } = await operator.issue(meter.id, KIND.reconnect, { validS: 4 });
  assert.equal(await operator.outcome(meter.id, id), OUTCOME.accepted);
});

scenario('the contract and the meter refuse what they should', async (stage) => {
  const operator = await Operator.make(stage);
  const stranger = await Operator.make(stage, { listed: false });
  const elsewhere = await Operator.make(stage); /* listed, but this meter does not know it */
  const meter = await addMeter(stage, 'M-01', [operator]);
  await assert.rejects(stranger.issue(meter.id, KIND.disconnect), /NotOperator/);
  await assert.rejects(operator.issue(meter.id, KIND.disconnect, { id: 2 }), /CommandIdNotNext/);
  await assert.rejects(operator.issue(meter.id, KIND.disconnect, { notAfter: 1 }), /CommandExpired/);
  await elsewhere.issue(meter.id, KIND.disconnect);
  await meter.says(/command without an operator's signature id=1/);
  assert.equal(meter.relay(), '1');
  assert.equal((await operator.state(meter.id, 1)).resulted, false);
});

scenario('a meter that was away gets its command, or says that it came too late', async (stage) => {
  const operator = await Operator.make(stage);
  const meter = await addMeter(stage, 'M-01', [operator]);
  await operator.issue(meter.id, KIND.readNow);
  await operator.outcome(meter.id, 1);
  await meter.stop();
  const { notAfter } = await operator.issue(meter.id, KIND.disconnect, { validS: 3 });
  await until('its time to be over', () => Date.now() / 1000 > notAfter + 1);
  await operator.issue(meter.id, KIND.interval, { argument: 5 });
  await stage.startMeters(meter);
  assert.equal(await operator.outcome(meter.id, 2), OUTCOME.expired);
  assert.equal(meter.relay(), '1');
  assert.equal(await operator.outcome(meter.id, 3), OUTCOME.confirmed);
});

scenario('a bridge that is killed loses no command and no result', async (stage) => {
  const operator = await Operator.make(stage);
  const meter = await addMeter(stage, 'M-01', [operator]);
  await stage.bridge.kill();
  await operator.issue(meter.id, KIND.disconnect); /* while nobody listens */
  await stage.restartBridge();
  await stage.bridge.says(/ command answered /);
  await stage.bridge.kill();
  await stage.restartBridge();
  assert.equal(await operator.outcome(meter.id, 1), OUTCOME.confirmed);
});

scenario('a result is the meter that signs it, and counts once', async (stage) => {
  const operator = await Operator.make(stage);
  const anna = stage.household('H-01');
  const client = await stage.admit(anna);
  await client.subscribe(anna.topic('command'));
  await client.publish(anna.topic('birth'), { v: 1, meter: anna.meter, serial: anna.serial });
  await operator.issue(anna.meter, KIND.disconnect);
  const got = (await client.message('the command', (m) => m.topic.endsWith('/command'))).json;
  assert.deepEqual([got.id, got.kind, got.meter], [1, KIND.disconnect, anna.meter]);
  const t = Math.floor(Date.now() / 1000);
  const forged = await signedResult(stage, { ...anna, account: operator.account }, { id: 1, outcome: 2, t });
  const refused = await client.publish(anna.topic('command-ack'), forged);
  assert.equal(refused, 0x87);
  for (const outcome of [OUTCOME.failed, OUTCOME.confirmed])
    await client.publish(anna.topic('command-ack'), await signedResult(stage, anna, { id: 1, outcome, t }));
  assert.equal(await operator.outcome(anna.meter, 1), OUTCOME.failed);
});
