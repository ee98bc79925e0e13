// Commands to meters: what amrctl signs, what it asks before, and how it follows a command to the
// meter's result. The meter and its server are viem here; ctl_live.test.mjs has real ones.
import assert from 'node:assert/strict';
import { createPublicClient, createWalletClient, http, parseAbi, recoverTypedDataAddress } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { foundry } from 'viem/chains';
import { until } from './harness.mjs';
import { background, onChain } from './onchain.mjs';

const ABI = parseAbi([
  'struct CommandResult { uint64 id; uint32 meter; uint8 outcome; uint32 timestamp; }',
  'function recordResult(CommandResult result, bytes signature)',
  'function lastCommand(uint32) view returns (uint64)',
  'event CommandIssued(uint32 indexed meter, uint64 indexed id, uint8 kind, uint32 argument, uint40 notAfter, address indexed operator, bytes signature)',
]);
const TYPES = {
  Command: [
    { name: 'id', type: 'uint64' },
    { name: 'meter', type: 'uint32' },
    { name: 'kind', type: 'uint8' },
    { name: 'argument', type: 'uint32' },
    { name: 'notAfter', type: 'uint40' },
  ],
  CommandResult: [
    { name: 'id', type: 'uint64' },
    { name: 'meter', type: 'uint32' },
    { name: 'outcome', type: 'uint8' },
    { name: 'timestamp', type: 'uint32' },
  ],
};
const METER = 65537;

/** A meter of viem's, its server, and an operator of ours. */
async function setUp(stage) {
  stage.ctl('pki', 'init', '--dir', stage.path('pki'));
  stage.brokerPort = 1;
  stage.home = stage.household('HOME-1');
  assert.equal(stage.home.meter, METER);
  stage.writer = privateKeyToAccount(generatePrivateKey());
  await stage.rpc.request({
    method: 'anvil_setBalance',
    params: [stage.writer.address, '0x56bc75e2d63100000'],
  });
  const asAdmin = [...stage.onChain, ...stage.admin.options];
  stage.ctl('server', 'add', stage.writer.address, '--group', 1, ...asAdmin);
  stage.operator = await stage.account('operator');
  stage.ctl('operator', 'add', stage.operator.address, ...asAdmin);
  stage.reader = createPublicClient({ chain: foundry, transport: http(stage.rpcUrl) });
  stage.wallet = createWalletClient({
    account: stage.writer,
    chain: foundry,
    transport: http(stage.rpcUrl),
  });
}

const issued = (stage) =>
  stage.reader.getContractEvents({
    address: stage.contract,
    abi: ABI,
    eventName: 'CommandIssued',
    fromBlock: 0n,
  });

/** The meter signs an outcome, its server records it. */
async function record(stage, id, outcome) {
  const result = { id: BigInt(id), meter: METER, outcome, timestamp: Math.floor(Date.now() / 1000) };
  const signature = await stage.home.account.signTypedData({
    domain: stage.domain(),
    types: TYPES,
    primaryType: 'CommandResult',
    message: result,
  });
  const hash = await stage.wallet.writeContract({
    address: stage.contract,
    abi: ABI,
    functionName: 'recordResult',
    args: [result, signature],
  });
  await stage.reader.waitForTransactionReceipt({ hash });
}

/** amrctl command in the background as the operator. */
function order(stage, name, ...args) {
  stage.as = stage.operator;
  return background(stage, name, 'command', ...args);
}

onChain('a command bears the operator\'s signature and is followed to the meter\'s', async (stage) => {
  await setUp(stage);
  const kinds = [
    ['disconnect', [], 1, 0],
    ['reconnect', [], 2, 0],
    ['read', [], 3, 0],
    ['interval', ['300'], 4, 300],
  ];
  for (const [i, [verb, extra, kind, argument]] of kinds.entries()) {
    const program = order(stage, verb, verb, METER, ...extra, '--yes', '--json', '--valid-s', 90);
    const [event] = await until('the command to be issued', async () => {
      const all = await issued(stage);
      return all.length === i + 1 && all.slice(-1);
    });
    const { meter, id, notAfter, operator, signature } = event.args;
    assert.deepEqual([meter, Number(id), event.args.kind, event.args.argument], [METER, i + 1, kind, argument]);
    assert.ok(Math.abs(notAfter - Date.now() / 1000 - 90) < 30);
    assert.equal(operator, stage.operator.address);
    const signer = await recoverTypedDataAddress({
      domain: stage.domain(),
      types: TYPES,
      primaryType: 'Command',
      message: { id, meter, kind, argument, notAfter },
      signature,
    });
    assert.equal(signer, stage.operator.address);
    await record(stage, i + 1, 2);
    await until('the verb to end', () => program.ended);
    assert.equal(program.ended.code, 0, program.text());
    const [first, last] = program.text().trim().split('\n').map((line) => JSON.parse(line));
    assert.deepEqual([first.step, first.id, first.kind, first.transaction], ['issued', i + 1, verb, event.transactionHash]);
    assert.deepEqual([last.step, last.outcome], ['recorded', 'confirmed']);
  }
  const rows = JSON.parse(stage.ctl('command', 'list', METER, '--json', ...stage.onChain));
  assert.deepEqual(rows.map((row) => [row.id, row.kind, row.argument, row.outcome]),
    kinds.map(([verb, , , argument], i) => [i + 1, verb, argument, 'confirmed']));
});

onChain('the exit code tells what the meter did', async (stage) => {
  await setUp(stage);
  const outcomes = [
    [1, 0, /armed: a person at the meter confirms/],
    [3, 4, /the meter could not do it/],
    [4, 4, /after its time was over: send it again, with a higher --valid-s/],
    [5, 4, /the meter refuses it/],
  ];
  for (const [i, [outcome, code, words]] of outcomes.entries()) {
    const program = order(stage, `outcome-${outcome}`, 'disconnect', METER, '--yes');
    await until('the command to be issued', async () => (await issued(stage)).length === i + 1);
    await record(stage, i + 1, outcome);
    await until('the verb to end', () => program.ended);
    assert.equal(program.ended.code, code);
    assert.match(program.text(), words);
  }
});

onChain('a command that was left is taken up again', async (stage) => {
  await setUp(stage);
  const late = order(stage, 'late', 'read', METER, '--yes', '--wait-s', 1);
  await until('the verb to give up', () => late.ended);
  assert.equal(late.ended.code, 5);
  assert.match(late.text(), /no answer in 1 s; the meter may still do it until \S+: amrctl command follow 65537 waits on/);
  const killed = order(stage, 'killed', 'read', METER, '--yes');
  await killed.says(/issued {4}command 2/);
  await killed.stop('SIGKILL');
  const follow = stage.program('follow', killed.command, ['command', 'follow', '1/1', ...stage.onChain]).start();
  await record(stage, 2, 2);
  await until('the follower to end', () => follow.ended);
  assert.equal(follow.ended.code, 0);
  assert.match(follow.text(), /^recorded +confirmed at \S+, on the chain$/m);
  await record(stage, 1, 3);
  const first = stage.amrctl('command', 'follow', METER, 1, ...stage.onChain);
  assert.equal(first.code, 4);
  const none = stage.amrctl('command', 'follow', METER, 9, ...stage.onChain);
  assert.equal(none.code, 1);
  assert.match(none.stderr, /was never given command 9/);
});

onChain('what must not be commanded is not', async (stage) => {
  await setUp(stage);
  const say = (...args) => stage.amrctl('command', ...args, ...stage.onChain, ...stage.operator.options);
  const stranger = await stage.account('stranger');
  const foreign = stage.amrctl('command', 'read', METER, '--yes', ...stage.onChain, ...stranger.options);
  assert.equal(foreign.code, 1);
  assert.match(foreign.stderr, new RegExp(`${stranger.address} is no operator of this ledger: .* amrctl operator add ${stranger.address}`));
  const cases = [
    [['read', METER], 2, /no terminal to ask on: --yes stands for the confirmation/],
    [['read'], 2, /which meter\?/],
    [['read', METER, 65538, '--yes'], 2, /one meter at a time/],
    [['read', 65599, '--yes'], 1, /meter 65599 is not registered/],
    [['interval', METER, '--yes'], 2, /give the meter and the seconds/],
    [['interval', METER, 0, '--yes'], 2, /seconds between readings/],
    [['interval', METER, 86401, '--yes'], 2, /seconds between readings/],
    [['read', 'HOME-1', '--yes'], 1, /the chain knows no serials/],
    [['read', 'ho me', '--yes'], 2, /neither a meter's id .* nor a serial/],
    [['read', 'HOME-9', '--yes', '--meters', stage.path('meters')], 1, /nobody knows a meter with serial 'HOME-9'/],
    [['stop', METER], 2, /'command' goes on with disconnect \| reconnect/],
  ];
  for (const [args, code, words] of cases) {
    const said = say(...args);
    assert.match(said.stderr, words);
    assert.equal(said.code, code, args.join(' '));
  }
  assert.equal((await issued(stage)).length, 0);
  stage.ctl('revoke', METER, ...stage.onChain, ...stage.admin.options);
  assert.match(say('read', METER, '--yes').stderr, /MeterIsClosed: meter is closed 65537/);
  stage.ctl('reopen', METER, ...stage.onChain, ...stage.admin.options);

  const bySerial = order(stage, 'serial', 'read', 'HOME-1', '--yes', '--meters', stage.path('meters'));
  await until('the command to be issued', async () => (await issued(stage)).length === 1);
  await bySerial.says(/issued +command 1 to meter 65537 \(HOME-1\) in block/);
  await record(stage, 1, 2);
  await until('the verb to end', () => bySerial.ended);
  assert.equal(bySerial.ended.code, 0);
});
