// Who must not write, does not: each attempt is refused where it should be, the sender learns why,
// the log and an alarm say so, and nothing of it reaches the chain. The attackers are mqtt.js,
// mosquitto_pub and viem.
import assert from 'node:assert/strict';
import { createWalletClient, http, parseAbi } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { Household, foreignCertificate } from './household.mjs';
import { run, scenario } from './harness.mjs';

const DENIED = 0x87; // MQTT 5: not authorised
const NOW = Math.floor(Date.now() / 1000);
const reading = (t, import_wh) => ({ t: NOW - 3600 + t, import_wh });

scenario('what must not be written is refused, told, logged and alarmed', async (stage, t) => {
  const alice = await stage.watchAlarms();
  const [anna, bert] = [stage.household('ANNA-1'), stage.household('BERT-1')];
  const client = await stage.admit(anna);
  await client.subscribe(anna.topic('receipt'));

  const honest = [];
  const sealed = (sequence) => (m) =>
    m.json?.status === 'sealed' && m.json.first <= sequence && m.json.last >= sequence;
  const rejected = (cause) => (m) => m.json?.status === 'rejected' && m.json.cause === cause;

  /** Runs an attack: what it returns, and that log and alarm name `cause`. */
  async function alarmed(cause, wanted, attack) {
    alice.messages.length = 0;
    const from = stage.broker.here();
    const result = await attack();
    const alarm = await alice.message(
      `an alarm of cause ${cause}`,
      (m) => m.json?.cause === cause && wanted(m.json),
    );
    assert.equal(alarm.json.source, 'broker');
    assert.ok(alarm.json.text.length > 0, 'the alarm has a text');
    await stage.broker.says(new RegExp(`unusual broker: .* cause=${cause} `), { from });
    return result;
  }

  /** A report that the plugin refuses: PUBACK, receipt, log and alarm. */
  async function refused(cause, report, topic = anna.topic('reading')) {
    client.messages.length = 0;
    const reason = await alarmed(
      cause,
      (alarm) => alarm.serial === anna.serial,
      () => client.publish(topic, report),
    );
    assert.equal(reason, DENIED);
    const receipt = await client.message(`a receipt of cause ${cause}`, rejected(cause));
    assert.ok(receipt.json.text.length > 0, 'the receipt has a text');
    return receipt.json;
  }

  await t.test('an honest report is sealed', async () => {
    honest.push(await anna.report(stage, 1, [reading(0, 1000), reading(60, 1010)]));
    assert.equal(await client.publish(anna.topic('reading'), honest[0]), 0);
    await client.message('sequence 1 to be sealed', sealed(1));
  });

  await t.test('without a certificate nobody gets in', async () => {
    const from = stage.broker.here();
    const nobody = stage.client({ clientId: anna.serial });
    const outcome = await nobody.outcome();
    assert.match(String(outcome.code) + outcome.text, /certificate.required|ALERT/i);
    await stage.broker.says(/peer did not return a certificate/, { from });
    const { host, port } = stage.brokerAddress();
    const pub = run('mosquitto_pub', [
      '-h',
      host,
      '-p',
      port,
      '--cafile',
      stage.path('pki/ca.crt'),
      '-i',
      anna.serial,
      '-q',
      1,
      '-t',
      anna.topic('reading'),
      '-m',
      JSON.stringify(honest[0]),
    ]);
    assert.notEqual(pub.code, 0);
  });

  await t.test("a foreign CA's certificate does not get in", async () => {
    const from = stage.broker.here();
    const files = foreignCertificate(stage.path('meters'), anna.serial, anna.account.address);
    const outcome = await stage.client({ clientId: anna.serial, ...files }).outcome();
    assert.match(String(outcome.code) + outcome.text, /unknown.ca|ALERT/i);
    await stage.broker.says(/certificate verify failed|unknown ca/, { from });
  });

  await t.test('a meter that is not registered does not get in', async () => {
    // A good certificate, but the chain knows another signer for this group's meters.
    const carl = new Household(stage.path('meters'), 'CARL-1');
    const request = stage.path('meters', 'CARL-1.csr');
    stage.certify(request);
    const outcome = await alarmed(
      'unknown',
      (a) => a.client === 'CARL-1',
      () => stage.connect(carl).outcome(),
    );
    assert.equal(outcome.code, DENIED);
  });

  await t.test("another meter's client id is refused", async () => {
    const outcome = await alarmed(
      'client-id',
      (a) => a.client === bert.serial,
      () => stage.connect(anna, { clientId: bert.serial }).outcome(),
    );
    assert.equal(outcome.code, DENIED);
  });

  await t.test("another meter's topic is refused", async () => {
    const theirs = await bert.report(stage, 1, [reading(0, 500)]);
    const attack = () => client.publish(bert.topic('reading'), theirs);
    assert.equal(await alarmed('denied', (a) => a.client === anna.serial, attack), DENIED);
  });

  await t.test("another meter's report under one's own topic is refused", async () => {
    await refused('identity', await bert.report(stage, 1, [reading(0, 500)]));
  });

  await t.test('a tampered reading is refused', async () => {
    const report = await anna.report(stage, 2, [reading(120, 1020)]);
    report.readings[0].import_wh -= 5;
    const receipt = await refused('signature', report);
    assert.equal(receipt.first, 2);
  });

  await t.test('a report signed with another key is refused', async () => {
    await refused(
      'signature',
      await anna.report(stage, 2, [reading(120, 1020)], { account: bert.account }),
    );
  });

  await t.test('a register that falls is refused', async () => {
    const receipt = await refused('rollback', await anna.report(stage, 2, [reading(120, 999)]));
    assert.equal(receipt.first, 2);
  });

  await t.test('a sequence used for something else is refused', async () => {
    await refused('conflict', await anna.report(stage, 1, [reading(0, 1000), reading(60, 1011)]));
  });

  await t.test('a reading from the future is refused', async () => {
    await refused('future', await anna.report(stage, 2, [{ t: NOW + 86_400, import_wh: 1020 }]));
  });

  await t.test('what is no report is refused', async () => {
    await refused('malformed', '{"v":1,"meter":');
    await refused('malformed', { ...honest[0], extra: 1 });
  });

  await t.test('a repeat is acknowledged again and sealed once', async () => {
    client.messages.length = 0;
    const from = stage.broker.here();
    assert.equal(await client.publish(anna.topic('reading'), honest[0]), 0);
    await client.message('sequence 1 to be receipted again', sealed(1));
    assert.doesNotMatch(stage.broker.text(from), / unusual /);
  });

  await t.test('a server that is not listed seals nothing', async () => {
    // By hand: the contract itself says no.
    const account = privateKeyToAccount(generatePrivateKey());
    await stage.rpc.request({
      method: 'anvil_setBalance',
      params: [account.address, '0x56bc75e2d63100000'],
    });
    const wallet = createWalletClient({ account, transport: http(stage.rpcUrl) });
    const abi = parseAbi([
      'function submitBatch(bytes32 root, bytes records)',
      'error NotServer(address caller)',
    ]);
    const call = {
      address: stage.contract,
      abi,
      functionName: 'submitBatch',
      args: [`0x${'1'.repeat(64)}`, '0x01000000000384'],
      chain: null,
    };
    await assert.rejects(stage.rpc.simulateContract({ ...call, account }), /NotServer/);
    const hash = await wallet.writeContract({ ...call, gas: 500_000n });
    assert.equal((await stage.rpc.waitForTransactionReceipt({ hash })).status, 'reverted');

    // With our own bridge and a bridge's certificate: it keeps what it has, and says why.
    alice.messages.length = 0;
    const stranger = await stage.account('stranger');
    const bridge = stage.secondBridge('stranger', stranger.options);
    bridge.start();
    await bridge.says(/ unusual bridge: .*cause=server-not-listed/);
    await alice.message(
      'an alarm of cause server-not-listed',
      (m) => m.json?.cause === 'server-not-listed' && m.json.source === 'bridge',
    );
    assert.equal((await bridge.stop()).code, 0);
  });

  await t.test('honest reports go on being sealed', async () => {
    honest.push(await anna.report(stage, 2, [reading(120, 1020)]));
    assert.equal(await client.publish(anna.topic('reading'), honest[1]), 0);
    await client.message('sequence 2 to be sealed', sealed(2));
  });

  await t.test('the chain holds the honest reports and nothing else', async () => {
    const reports = honest.map((r) => ({
      ...r,
      readings: r.readings.map((x) => ({
        t: x.t,
        importWh: x.import_wh,
        exportWh: x.export_wh,
        quality: x.quality,
      })),
    }));
    const counts = await stage.agree(reports);
    assert.equal(counts.reports, 2);
    assert.equal(counts.readings, 3);
    assert.equal(counts.rejected, 0);
  });
});
