// The source paper's attacks, tried for real: what was attempted, where it was refused, and what
// shows that. Nothing here shares code with what it attacks but the keys it is given.
import { createWalletClient, encodeFunctionData, http, parseAbi, parseEther } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';

const ABI = parseAbi([
  'function submitBatch(bytes32 root, bytes records)',
  'function batchCount(uint16 group) view returns (uint64)',
  'function verifyReport(bytes32 root, (uint32 meter, uint32 sequence, (uint32 timestamp, uint48 importWh, uint48 exportWh, uint8 quality)[] readings) report, bytes meterSignature, bytes32[] proof) view returns (bool)',
  'error NotServer(address caller)',
]);
const ROOT_OF_NOTHING = `0x${'1'.repeat(64)}`;
const RECORDS = '0x01000000000384';
const now = Math.floor(Date.now() / 1000);

const wordsOf = (error) =>
  (error.walk?.((cause) => cause.data?.errorName)?.data?.errorName ?? error.details ?? error.shortMessage ?? error.message)
    .split('\n')[0];

/** The error of something that must fail. */
async function refused(promise) {
  try {
    await promise;
  } catch (error) {
    return wordsOf(error);
  }
  throw new Error('an attack succeeded');
}

class Victim {
  static async start(stage) {
    const self = new Victim();
    const [anna, bert] = ['ANNA-1', 'BERT-1'].map((serial) => stage.household(serial));
    const client = await stage.admit(anna);
    await client.subscribe(anna.topic('receipt'));
    Object.assign(self, { stage, anna, bert, client });
    self.honest = await anna.report(stage, 1, [{ t: now - 3600, import_wh: 1000 }]);
    await client.publish(anna.topic('reading'), self.honest);
    const sealed = (m) => m.json?.status === 'sealed';
    const { json } = await client.message('the report to be sealed', sealed);
    [self.root, self.transaction] = [json.batch, json.tx];
    return self;
  }

  batches() {
    const { stage } = this;
    const call = { address: stage.contract, abi: ABI, functionName: 'batchCount', args: [1] };
    return stage.rpc.readContract(call);
  }

  /** Publishes under ANNA-1's certificate; cause and text of the rejection. */
  async publish(report, topic = this.anna.topic('reading')) {
    this.client.messages.length = 0;
    const reason = await this.client.publish(topic, report);
    const rejection = await this.client.message('a rejection', (m) => m.json?.status === 'rejected');
    const { cause, text } = rejection.json;
    return `PUBACK 0x${reason.toString(16)}, receipt "${cause}": ${text}`;
  }
}

async function unlistedServer({ stage }) {
  const account = privateKeyToAccount(generatePrivateKey());
  const params = [account.address, `0x${parseEther('100').toString(16)}`];
  await stage.rpc.request({ method: 'anvil_setBalance', params });
  const args = [ROOT_OF_NOTHING, RECORDS];
  const call = { address: stage.contract, abi: ABI, functionName: 'submitBatch', args, account };
  const why = await refused(stage.rpc.simulateContract(call));
  const wallet = createWalletClient({ account, transport: http(stage.rpcUrl) });
  const hash = await wallet.writeContract({ ...call, chain: null, gas: 500_000n });
  const { status } = await stage.rpc.waitForTransactionReceipt({ hash, pollingInterval: 20 });
  return `transaction ${status}, ${why}`;
}

async function stolenAddress({ stage }) {
  const data = encodeFunctionData({ abi: ABI, functionName: 'submitBatch', args: [ROOT_OF_NOTHING, RECORDS] });
  const tx = { from: stage.server.address, to: stage.contract, data, gas: '0x7a120' };
  return refused(stage.rpc.request({ method: 'eth_sendTransaction', params: [tx] }));
}

async function replayedTransaction(victim) {
  const { stage, transaction } = victim;
  const raw = await stage.rpc.request({ method: 'eth_getRawTransactionByHash', params: [transaction] });
  return refused(stage.rpc.request({ method: 'eth_sendRawTransaction', params: [raw] }));
}

/** The listed server itself, its key stolen, sends the same batch again. */
async function replayedBatch(victim) {
  const { stage, transaction } = victim;
  const { input } = await stage.rpc.getTransaction({ hash: transaction });
  const before = await victim.batches();
  const from = stage.server.address;
  await stage.rpc.request({ method: 'anvil_impersonateAccount', params: [from] });
  const tx = { from, to: stage.contract, data: input, gas: '0x7a120' };
  const hash = await stage.rpc.request({ method: 'eth_sendTransaction', params: [tx] });
  const receipt = await stage.rpc.waitForTransactionReceipt({ hash, pollingInterval: 20 });
  await stage.rpc.request({ method: 'anvil_stopImpersonatingAccount', params: [from] });
  if ((await victim.batches()) !== before) throw new Error('a batch was taken twice');
  return `only the event BatchRepeated, ${receipt.gasUsed} gas; still ${before} batch`;
}

async function oldReading(victim) {
  const { stage, anna } = victim;
  return victim.publish(await anna.report(stage, 2, [{ t: now - 7200, import_wh: 1001 }]));
}

async function wholeReport(victim) {
  const before = await victim.batches();
  victim.client.messages.length = 0;
  await victim.client.publish(victim.anna.topic('reading'), victim.honest);
  await victim.client.message('the old receipt', (m) => m.json?.status === 'sealed');
  if ((await victim.batches()) !== before) throw new Error('a report was sealed twice');
  return `answered with the first receipt again; still ${before} batch`;
}

async function lowerReading(victim) {
  const { stage, anna } = victim;
  return victim.publish(await anna.report(stage, 2, [{ t: now - 1800, import_wh: 999 }]));
}

async function impersonated(victim) {
  const { stage, anna, bert } = victim;
  return victim.publish(await bert.report(stage, 1, [{ t: now, import_wh: 5 }], { account: anna.account }));
}

async function foreignTopic(victim) {
  const { stage, bert } = victim;
  const report = await bert.report(stage, 1, [{ t: now, import_wh: 5 }]);
  return victim.publish(report, bert.topic('reading'));
}

async function tamperedOnTheWay(victim) {
  const { stage, anna } = victim;
  const report = await anna.report(stage, 2, [{ t: now - 1800, import_wh: 1005 }]);
  report.readings[0].import_wh = 1004;
  return victim.publish(report);
}

/** Who can write to the utility's database changes a sealed reading there, and shows it. */
async function tamperedStore(victim) {
  const { stage, honest, root } = victim;
  const readings = (importWh) =>
    honest.readings.map((r) => ({ timestamp: r.t, importWh, exportWh: 0, quality: 0 }));
  const verdict = (importWh) =>
    stage.rpc.readContract({
      ...{ address: stage.contract, abi: ABI, functionName: 'verifyReport' },
      args: [root, { meter: honest.meter, sequence: 1, readings: readings(importWh) }, honest.sig, []],
    });
  const [truth, lie] = [await verdict(1000), await verdict(900)];
  if (!truth || lie) throw new Error(`verifyReport said ${truth} and ${lie}`);
  return 'verifyReport: true for 1000 Wh, false for 900 Wh';
}

const ATTEMPTS = [
  ['a server that is not listed writes', 'contract', unlistedServer],
  ["a listed server's address, without its key", 'node', stolenAddress],
  ['a mined transaction is sent again', 'node', replayedTransaction],
  ['its content is sent again in a new transaction', 'contract', replayedBatch],
  ['an old report is published again', 'bridge', wholeReport],
  ['a reading older than the last', 'broker', oldReading],
  ['a reading lower than the last', 'broker', lowerReading],
  ["another meter's report, signed by one's own key", 'broker', impersonated],
  ["another meter's topic", 'broker', foreignTopic],
  ['a reading altered on the way', 'broker', tamperedOnTheWay],
  ['a sealed reading altered in the store', 'contract', tamperedStore],
];

/** Rows of [attempt, where refused, evidence]; throws where one succeeds. */
export async function attacks(stage) {
  const victim = await Victim.start(stage);
  const rows = [];
  for (const [attempt, where, attack] of ATTEMPTS) {
    victim.client.messages.length = 0;
    rows.push([attempt, where, await attack(victim)]);
  }
  return rows;
}
