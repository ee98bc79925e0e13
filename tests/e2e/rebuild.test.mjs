// A bridge that lost its machine: the store is made anew from the chain and from whatever copies of
// its archive there are, every report checked, and the bridge goes on as if nothing had been.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { encodeFunctionData, hexToBytes, keccak256, parseAbi } from 'viem';
import { endAndCompare, sealedBy, startLoad } from '../faults/load.mjs';
import { run, scenario, until } from './harness.mjs';

const ABI = parseAbi(['function closeMeter(uint32 meter)']);
const store = (stage) => stage.path('state/bridge.db');
const archive = (stage) => `${store(stage)}.archive`;

/** Another machine has neither store nor registry nor archive. */
function lose(stage) {
  for (const name of ['state/bridge.db', 'registry/registry.db'])
    for (const suffix of ['', '-wal', '-shm', '-journal', '.archive'])
      rmSync(stage.path(name + suffix), { force: true });
}

/** {code, lacking: what it printed, said: its log}. */
function rebuild(stage, ...files) {
  const args = [...stage.bridge.args, '--rebuild', '--rebuild-from', files.join(',')];
  const env = { ...process.env, ...stage.bridge.env };
  const options = { env, timeout: 120_000, encoding: 'utf8' };
  const { status, stdout, stderr } = spawnSync(stage.bridge.command, args.map(String), options);
  const lacking = stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  writeFileSync(stage.path('rebuild.log'), stderr, { flag: 'a' });
  return { code: status, lacking, said: stderr };
}

function printed(stage, file) {
  const { code, stdout } = run(stage.bridge.command, ['--print-archive', '--archive', file]);
  assert.equal(code, 0);
  return stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
}

const archivedReadings = (stage, file) =>
  printed(stage, file).reduce((sum, line) => sum + (line.report?.readings.length ?? 0), 0);

/** A copy in which `change` altered the first entry, its checksum made to fit. */
function forge(stage, name, change) {
  const bytes = readFileSync(archive(stage));
  const length = bytes.readUInt32BE(8);
  const entry = bytes.subarray(8, 12 + length);
  change(entry);
  Buffer.from(hexToBytes(keccak256(entry))).copy(bytes, 12 + length, 0, 8);
  writeFileSync(stage.path(name), bytes);
  return stage.path(name);
}

function expectRefusal(stage, file, words) {
  const { code, said } = rebuild(stage, file);
  assert.equal(code, 3, said);
  assert.match(said, words);
  assert.ok(said.includes(file) || words.source.includes('store'), said);
  assert.ok(!existsSync(store(stage)), 'nothing is left of it');
}

scenario('a store lost with its machine is rebuilt, and each report sealed once', async (stage) => {
  const meters = await startLoad(stage, 3);
  const early = stage.path('early.archive');
  await until('something to be archived', () => {
    if (!existsSync(archive(stage))) return false;
    copyFileSync(archive(stage), early);
    return run(stage.bridge.command, ['--print-archive', '--archive', early]).stdout.length > 0;
  });
  await until('each meter to have 6 sealed reports', () =>
    meters.every((meter) => sealedBy(stage, meter) >= 6),
  );
  const full = stage.path('late.archive');
  await stage.bridge.kill();
  copyFileSync(archive(stage), full);
  const chain = await stage.sealedReadings();
  lose(stage);

  const poor = rebuild(stage, early);
  assert.equal(poor.code, 0, poor.said);
  const lacking = poor.lacking.reduce((sum, lack) => sum + lack.readings, 0);
  assert.equal(lacking, chain - archivedReadings(stage, early));
  assert.deepEqual(Object.keys(poor.lacking[0]), [
    ...['meter', 'number', 'batch', 'tx', 'block', 'readings'],
  ]);
  lose(stage);

  const args = [...stage.bridge.args, '--rebuild', '--rebuild-from', full].map(String);
  const killed = spawn(stage.bridge.command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  killed.stderr.once('data', () => killed.kill('SIGKILL'));
  await once(killed, 'exit');
  assert.ok(!existsSync(store(stage)), 'a rebuild that is killed has changed nothing');

  const exported = stage.path('M-01.jsonl');
  const { stdout } = run(meters[0].command, ['export', '--store', meters[0].store]);
  writeFileSync(exported, stdout);
  const good = rebuild(stage, exported, full, early);
  assert.equal(good.code, 0, good.said);
  assert.match(good.said, / rebuilt .* unproved=0 /);
  assert.ok(existsSync(store(stage)));
  assert.equal(rebuild(stage, full).code, 3, 'a store that is there is not touched');
  await stage.restartBridge();
  await endAndCompare(stage, meters);
  assert.doesNotMatch(stage.bridge.text(stage.bridge.mark), /rejected by the contract|report refused/);
});

/** Closes the meter in the block that has its report, which the contract then refuses. */
async function refuse(stage, household) {
  const client = await stage.admit(household);
  await stage.rpc.request({ method: 'evm_setAutomine', params: [false] });
  const from = stage.admin.address;
  await stage.rpc.request({ method: 'anvil_impersonateAccount', params: [from] });
  const data = encodeFunctionData({ abi: ABI, functionName: 'closeMeter', args: [household.meter] });
  const fees = { maxPriorityFeePerGas: '0x4a817c800', maxFeePerGas: '0x174876e800' };
  await stage.rpc.request({
    method: 'eth_sendTransaction',
    params: [{ from, to: stage.contract, data, ...fees }],
  });
  const t = Math.floor(Date.now() / 1000) - 60;
  const report = await household.report(stage, 1, [{ t, import_wh: 5 }]);
  assert.equal(await client.publish(household.topic('reading'), report), 0);
  const pending = async () =>
    Number((await stage.rpc.request({ method: 'txpool_status', params: [] })).pending) >= 2;
  await until('both transactions to be in the pool', pending);
  await stage.rpc.request({ method: 'evm_mine', params: [] });
  await stage.rpc.request({ method: 'evm_setAutomine', params: [true] });
}

scenario('an archive that was altered, cut or mixed up is told, and changes nothing', async (stage) => {
  const anna = stage.household('H-01');
  const bert = stage.household('H-02');
  const client = await stage.admit(anna);
  const t = Math.floor(Date.now() / 1000) - 600;
  for (let i = 1; i <= 2; i++) {
    const report = await anna.report(stage, i, [{ t: t + 60 * i, import_wh: 1000 + i }]);
    assert.equal(await client.publish(anna.topic('reading'), report), 0);
    await until('it to be sealed', async () => (await stage.sealedReadings()) === i);
  }
  // The third batch has one good report and one that the contract refuses.
  await stage.bridge.stop();
  stage.bridge.args.push('--batch-age-ms', '1500');
  await stage.restartBridge();
  const third = await anna.report(stage, 3, [{ t: t + 180, import_wh: 1003 }]);
  const sent = refuse(stage, bert);
  assert.equal(await client.publish(anna.topic('reading'), third), 0);
  await sent;
  await stage.bridge.says(/rejected by the contract cause=closed/);
  await until('all of it to be archived', () => archivedReadings(stage, archive(stage)) === 3);
  await stage.bridge.stop();
  const lines = printed(stage, archive(stage));
  assert.equal(lines.filter((line) => line.leaf).length, 1);

  const whole = stage.path('whole.archive');
  copyFileSync(archive(stage), whole);
  assert.equal(rebuild(stage, whole).code, 3);
  rmSync(store(stage));
  const flipped = readFileSync(whole);
  flipped[100] ^= 1;
  writeFileSync(stage.path('flipped'), flipped);
  expectRefusal(stage, stage.path('flipped'), /checksum does not fit/);
  const signature = forge(stage, 'signature', (entry) => (entry[entry.length - 10] ^= 1));
  expectRefusal(stage, signature, /was signed by|signature is not one/);
  const reading = forge(stage, 'reading', (entry) => (entry[entry.length - 67] ^= 1));
  expectRefusal(stage, reading, /report 1 of meter \d+: /);
  expectRefusal(stage, forge(stage, 'root', (entry) => (entry[10] ^= 1)), /chain has no batch/);
  expectRefusal(stage, stage.path('nothing'), /No such file/);

  writeFileSync(stage.path('cut'), readFileSync(whole).subarray(0, -3));
  const cut = rebuild(stage, stage.path('cut'));
  assert.equal(cut.code, 0, cut.said);
  assert.match(cut.said, /ends within an entry/);
  assert.deepEqual(
    cut.lacking.map((lack) => [lack.meter, lack.readings]),
    [[anna.meter, 1]],
  );
  lose(stage);

  const { code, said } = rebuild(stage, whole);
  assert.equal(code, 0, said);
  assert.match(said, / rebuilt .* reports=3 .* unproved=0 lacking_readings=0/);
  assert.deepEqual(printed(stage, archive(stage)), lines);
  await stage.restartBridge();
});
