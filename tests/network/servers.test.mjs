// Several servers on hosts of their own (network namespaces): meters fail over from a dead server to
// its twin and back, a server that is cut off from the chain, two groups that cannot touch each other.
//
//     tests/run servers          (root)
import assert from 'node:assert/strict';
import { parseAbi } from 'viem';
import { sealedBy } from '../faults/load.mjs';
import { until } from '../e2e/harness.mjs';
import { field, more } from './field.mjs';

const ABI = parseAbi([
  'function submitBatch(bytes32 root, bytes records)',
  'function latestReading(uint32 meter) view returns ((uint32 timestamp, uint64 importWh, uint64 exportWh))',
]);

const connected = (server) => new RegExp(`connected server=ssl://${server.at.replaceAll('.', '\\.')}`);

field('meters fail over from a dead server to its twin, and back', ['s1', 's2'], async (stage, t) => {
  const [one, two] = [await stage.addServer('s1', 1), await stage.addServer('s2', 1)];
  const meters = ['M-01', 'M-02', 'M-03'].map((serial) => stage.meter(serial, 1, ['s1', 's2']));
  await stage.admitted(3, one, two);
  await stage.startMeters(...meters);
  for (const meter of meters) await meter.says(connected(one));
  await more(stage, meters, 'by the first');

  let from = meters.map((meter) => meter.here());
  let began = Date.now();
  await one.broker.kill();
  await one.bridge.kill();
  for (const [i, meter] of meters.entries()) await meter.says(connected(two), { from: from[i], deadlineMs: 120_000 });
  t.diagnostic(`programs killed: all meters at the twin after ${((Date.now() - began) / 1000).toFixed(1)} s`);
  await more(stage, meters, 'by the second');

  await one.broker.start().says(/mosquitto version \S+ running/);
  await one.bridge.start().says(/ ready meters=/);
  from = meters.map((meter) => meter.here());
  began = Date.now();
  stage.hosts.pull('s2');
  for (const [i, meter] of meters.entries()) await meter.says(connected(one), { from: from[i], deadlineMs: 180_000 });
  t.diagnostic(`cable pulled: all meters back after ${((Date.now() - began) / 1000).toFixed(1)} s`);
  await more(stage, meters, 'by the first again');
  stage.hosts.plug('s2');
  await more(stage, meters, 'with both');
  await stage.compare(meters);
});

field('a server cut off from the chain keeps, its twin seals, and nothing is doubled when it heals', ['s1', 's2'], async (stage) => {
  const [one, two] = [await stage.addServer('s1', 1), await stage.addServer('s2', 1)];
  const meters = [stage.meter('M-01', 1, ['s1', 's2']), stage.meter('M-02', 1, ['s2', 's1'])];
  await stage.admitted(2, one, two);
  await stage.startMeters(...meters);
  await more(stage, meters, 'by both');
  stage.hosts.part('s1', 'chain');
  stage.hosts.part('s1', 's2');
  await more(stage, [meters[1]], 'by the second');
  await one.bridge.says(/chain is away/, { deadlineMs: 120_000 });
  // The first meter leaves the server that has its reports unsealed: both may submit them now.
  stage.hosts.part('s1', 'm');
  await more(stage, meters, 'by the second for both', { deadlineMs: 180_000 });
  for (const other of ['chain', 's2', 'm']) stage.hosts.heal('s1', other);
  await more(stage, meters, 'after all heals');
  await stage.compare(meters);
});

field("a server cannot touch another group's meters", ['s1', 's2'], async (stage) => {
  const [one, two] = [await stage.addServer('s1', 1), await stage.addServer('s2', 2)];
  const [mine, theirs] = [stage.meter('M-01', 1, ['s1']), stage.meter('M-02', 2, ['s2'])];
  await stage.startMeters(mine, theirs);
  await more(stage, [mine, theirs], 'by each');

  const stray = stage.meter('M-03', 1, ['s2']);
  stray.mayFail = true;
  stray.start();
  await two.broker.says(/login refused cause=\S+ .*client="M-03"/);
  await stray.stop();
  assert.equal(sealedBy(stage, stray), 0);

  // The other's batch, sent again by this server: a batch names no group but its sender's.
  await mine.stop();
  await theirs.stop();
  const read = (meter) => stage.rpc.readContract({ address: stage.contract, abi: ABI, functionName: 'latestReading', args: [meter], account: stage.admin.address });
  const ledger = await stage.ledger();
  const batch = ledger.events.find((e) => e.name === 'BatchSubmitted' && e.server?.toLowerCase() === one.account.address.toLowerCase());
  assert.ok(batch, 'the first server sealed something');
  const { input } = await stage.rpc.getTransaction({ hash: batch.transaction ?? batch.transactionHash ?? batch.tx });
  const before = await Promise.all([65537, 65538].map((m) => read(m).catch(String)));
  await stage.rpc.request({ method: 'anvil_impersonateAccount', params: [two.account.address] });
  const hash = await stage.rpc.request({ method: 'eth_sendTransaction', params: [{ from: two.account.address, to: stage.contract, data: input, gas: '0x4c4b40' }] });
  await until('a receipt', () => stage.rpc.getTransactionReceipt({ hash }).catch(() => undefined));
  assert.deepEqual(await Promise.all([65537, 65538].map((m) => read(m).catch(String))), before);

  // A bridge that says it serves the other's group seals nothing.
  await two.bridge.stop();
  const liar = stage.program('bridge-s2', two.bridge.args[3], two.bridge.args.slice(4).map((arg, i, all) => (all[i - 1] === '--group' ? '1' : all[i - 1] === '--store' ? stage.path('liar.db') : all[i - 1] === '--registry' ? stage.path('liar-registry.db') : arg)));
  await liar.start().says(/server-not-listed/, { deadlineMs: 60_000 });
  await liar.stop();
});
