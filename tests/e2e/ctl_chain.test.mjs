// amrctl against a chain alone: who may do what, compared with what viem reads from the same
// contract, and everything that can go wrong on the way of a transaction.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer, connect } from 'node:net';
import { parseAbi } from 'viem';
import { until } from './harness.mjs';
import { background, onChain } from './onchain.mjs';

const ABI = parseAbi([
  'function serverGroup(address) view returns (uint16)',
  'function isOperator(address) view returns (bool)',
  'function isReader(address) view returns (bool)',
]);
const ACCOUNT = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';

const view = (stage, functionName, account = ACCOUNT) =>
  stage.rpc.readContract({ address: stage.contract, abi: ABI, functionName, args: [account] });

/** Exit code and words of a verb sent by the admin. */
const admin = (stage, role, change, ...args) =>
  stage.amrctl(role, change, ...stage.onChain, ...stage.admin.options, ...args);
/** The chain's options with another node: a list given twice would only grow. */
const through = (stage, url) => ['--rpc', url, '--config', stage.ledgerConf];
const rpc = (stage, method, ...params) => stage.rpc.request({ method, params });

onChain('servers, operators and readers are listed as viem sees them', async (stage) => {
  const roles = [
    ['server', 'serverGroup', ['--group', '7'], 7, 0],
    ['operator', 'isOperator', [], true, false],
    ['reader', 'isReader', [], true, false],
  ];
  for (const [role, question, extra, yes, no] of roles) {
    const added = admin(stage, role, 'add', ACCOUNT, ...extra, '--json');
    assert.equal(added.code, 0, added.stderr);
    const change = JSON.parse(added.stdout);
    assert.deepEqual([change.change, change[role]], ['added', ACCOUNT]);
    const receipt = await stage.rpc.getTransactionReceipt({ hash: change.transaction });
    assert.equal(Number(receipt.blockNumber), change.block);
    assert.equal(await view(stage, question), yes);
    const listed = JSON.parse(stage.ctl(role, 'list', '--json', ...stage.onChain));
    assert.ok(listed.some((row) => row[role] === ACCOUNT && row.since_block === change.block));

    assert.match(admin(stage, role, 'add', ACCOUNT, ...extra).stderr, /AlreadyListed/);
    assert.equal(admin(stage, role, 'remove', ACCOUNT).code, 0);
    assert.equal(await view(stage, question), no);
    const left = JSON.parse(stage.ctl(role, 'list', '--json', ...stage.onChain));
    assert.ok(!left.some((row) => row[role] === ACCOUNT));
    assert.match(admin(stage, role, 'remove', ACCOUNT).stderr, /NotListed/);
  }
});

onChain('what cannot be done is told with what to do', async (stage) => {
  const stranger = await stage.account('stranger');
  const as = (account, ...args) => stage.amrctl(...args.slice(0, 2), ...stage.onChain, ...account.options, ...args.slice(2));
  let said = as(stranger, 'operator', 'add', ACCOUNT);
  assert.equal(said.code, 1);
  assert.match(said.stderr, /NotAdmin: this account is not the ledger's admin/);

  writeFileSync(stage.path('wrong.pass'), 'not it\n', { mode: 0o600 });
  said = as(stranger, 'operator', 'add', ACCOUNT, '--passphrase-file', stage.path('wrong.pass'));
  assert.equal(said.code, 2);
  assert.match(said.stderr, /wrong passphrase/);

  said = admin(stage, 'operator', 'add', ACCOUNT, '--chain-id', 1);
  assert.equal(said.code, 3);
  assert.match(said.stderr, /serves chain 31337, not chain-id 1/);
  said = admin(stage, 'operator', 'add', ACCOUNT, '--contract', ACCOUNT);
  assert.equal(said.code, 3);
  assert.match(said.stderr, /there is no contract: wrong address/);
  const nowhere = [...through(stage, 'ws://127.0.0.1:1'), ...stage.admin.options];
  said = stage.amrctl('operator', 'add', ACCOUNT, ...nowhere);
  assert.equal(said.code, 1);
  assert.match(said.stderr, /no node answers \(is it running\? see --rpc\)/);

  await rpc(stage, 'anvil_setBalance', stage.admin.address, '0x5');
  said = admin(stage, 'operator', 'add', ACCOUNT);
  assert.equal(said.code, 1);
  assert.match(said.stderr, /has 0\.000000000 ETH and cannot pay .*: send it some ether/);
});

const pool = async (stage) => Object.values((await rpc(stage, 'txpool_content')).pending).flatMap(Object.values);

onChain('a transaction that the base fee left behind is offered more', async (stage) => {
  await rpc(stage, 'evm_setAutomine', false);
  const verb = background(stage, 'raised', 'operator', 'add', ACCOUNT, '--raise-s', '1');
  await until('the transaction to wait', async () => (await pool(stage)).length === 1);
  const [first] = await pool(stage);
  const jump = 3n * BigInt(first.maxFeePerGas);
  await rpc(stage, 'anvil_setNextBlockBaseFeePerGas', `0x${jump.toString(16)}`);
  await rpc(stage, 'evm_mine');
  assert.equal(await view(stage, 'isOperator'), false);
  await verb.says(/not in a block yet: offering \S+ gwei a gas now/);
  await until('a version that pays', async () => {
    await rpc(stage, 'evm_mine');
    return await view(stage, 'isOperator');
  });
  await until('the verb to end', () => verb.ended);
  assert.equal(verb.ended.code, 0);
  assert.match(verb.text(), /added operator/);
});

onChain('fees stop at the cap, and the end says how to go on', async (stage) => {
  await rpc(stage, 'evm_setAutomine', false);
  const verb = background(stage, 'capped', 'operator', 'add', ACCOUNT, '--raise-s', '1', '--timeout-s', '4', '--max-fee-gwei', '3');
  await verb.says(/waiting on: a raise to \d+ wei is above the configured cap/);
  await until('the verb to give up', () => verb.ended);
  assert.equal(verb.ended.code, 5);
  assert.match(verb.text(), /is not in a block after 4 s: it offers \S+ gwei a gas and may still get in; the same command with --replace and a higher --max-fee-gwei takes its place/);

  const again = background(stage, 'again', 'reader', 'add', ACCOUNT, '--replace');
  await until('it to be replaced', async () => {
    const waiting = await pool(stage);
    return waiting.length === 1 && BigInt(waiting[0].maxFeePerGas) > 3_000_000_000n;
  });
  await rpc(stage, 'evm_mine');
  await until('the replacement to be done', () => again.ended);
  assert.equal(again.ended.code, 0, again.text());
  assert.equal(await view(stage, 'isOperator'), false);
  assert.equal(await view(stage, 'isReader'), true);
});

onChain('another transaction with the same nonce is told', async (stage) => {
  await rpc(stage, 'evm_setAutomine', false);
  const verb = background(stage, 'overtaken', 'operator', 'add', ACCOUNT, '--raise-s', '60');
  await until('the transaction to wait', async () => (await pool(stage)).length === 1);
  const [waiting] = await pool(stage);
  await rpc(stage, 'anvil_dropTransaction', waiting.hash);
  await rpc(stage, 'anvil_impersonateAccount', stage.admin.address);
  await rpc(stage, 'eth_sendTransaction', { from: stage.admin.address, to: ACCOUNT, value: '0x1', nonce: waiting.nonce });
  await rpc(stage, 'evm_mine');
  await until('the verb to notice', () => verb.ended);
  assert.equal(verb.ended.code, 1);
  assert.match(verb.text(), /another transaction of this account took its nonce \d+/);
});

/** A wire to the node that can be cut. */
async function wire(port) {
  const open = new Set();
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    for (const end of [near, far]) {
      open.add(end);
      end.on('error', () => {});
      end.on('close', () => {
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far).pipe(near);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const own = server.address().port;
  return {
    port: own,
    cut: () =>
      new Promise((resolve) => {
        server.close(resolve);
        for (const end of open) end.destroy();
      }),
    mend: () => new Promise((resolve) => server.listen(own, '127.0.0.1', resolve)),
  };
}

onChain('a cut connection is waited for, and its end says what is known', async (stage) => {
  const line = await wire(stage.rpcPort);
  await rpc(stage, 'evm_setAutomine', false);
  stage.through = through(stage, `ws://127.0.0.1:${line.port}`);
  const verb = background(stage, 'cut', 'operator', 'add', ACCOUNT);
  await until('the transaction to wait', async () => (await pool(stage)).length >= 1);
  await line.cut();
  await rpc(stage, 'evm_mine');
  await line.mend();
  await until('the verb to be done', () => verb.ended);
  assert.equal(verb.ended.code, 0, verb.text());

  const gone = background(stage, 'gone', 'reader', 'add', ACCOUNT, '--timeout-s', '3');
  await until('the next to wait', async () => (await pool(stage)).length >= 1);
  await line.cut();
  await until('the verb to give up', () => gone.ended);
  assert.equal(gone.ended.code, 5);
  assert.match(gone.text(), /no node answers any more; whether transaction 0x\w+ \(nonce \d+\) is in a block is not known/);
});
