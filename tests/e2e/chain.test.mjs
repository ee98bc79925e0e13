// What happens to chains: reorganisations that bring transactions back or lose them, pools that lose
// them, base fees that jump, blocks that do not come, nodes that are gone, clocks that are wrong. The
// bridge goes on, says what it saw, and the independent checker finds each report exactly once.
import assert from 'node:assert/strict';
import { parseExport } from '../verify/verify.mjs';
import { scenario, seconds, until } from './harness.mjs';

const OPTIONS = [
  ...['--rebroadcast-ms', '500', '--raise-ms', '1000', '--check-ms', '1000'],
  ...['--batch-age-ms', '100', '--rpc-timeout-ms', '1000', '--finality', '3'],
];

/** Blocks are made by hand here, a meter sends by hand, and what it was told is kept. */
class World {
  constructor(stage) {
    Object.assign(this, { stage, lines: [], others: [], start: Math.floor(Date.now() / 1000) - 7200 });
  }

  async open() {
    [this.meter, this.other] = ['H-01', 'H-02'].map((serial) => this.stage.household(serial));
    this.client = await this.stage.admit(this.meter);
    await this.client.subscribe(this.meter.topic('receipt'));
    await this.rpc('evm_setAutomine', false);
  }

  rpc(method, ...params) {
    return this.stage.rpc.request({ method, params });
  }

  async publish(t) {
    const sequence = this.lines.length + 1;
    const reading = { t: t ?? this.start + 60 * sequence, import_wh: 1000 + sequence };
    const report = await this.meter.report(this.stage, sequence, [reading]);
    this.lines.push(JSON.stringify({ report, state: 'queued' }));
    assert.equal(await this.client.publish(this.meter.topic('reading'), report), 0);
    return sequence;
  }

  isSealed(sequence) {
    const covers = ({ json: m }) =>
      m?.status === 'sealed' && m.first <= sequence && sequence <= m.last;
    return this.client.messages.some(covers);
  }

  /** Makes blocks until it is. */
  seal(sequence) {
    return until(`report ${sequence} to be sealed`, async () => {
      await this.rpc('evm_mine');
      await seconds(0.25); // the bridge looks five times a second
      return this.isSealed(sequence);
    });
  }

  /** The raw transactions that wait in the pool. */
  async pooled() {
    const { pending } = await this.rpc('txpool_content');
    return Object.values(pending).flatMap((of) => Object.values(of));
  }

  inPool(count = 1) {
    return until('a batch to be in the pool', async () => (await this.pooled()).length >= count);
  }

  raw(hash) {
    return this.rpc('debug_getRawTransaction', hash);
  }

  said(from) {
    return this.stage.bridge.text(from);
  }
}

const TESTS = {
  async 'a batch whose block left the chain and whose transaction is lost is sent again'(world) {
    const sequence = await world.publish();
    await world.inPool();
    const [{ hash }] = await world.pooled();
    await world.rpc('evm_mine');
    const from = world.stage.bridge.here();
    await world.rpc('evm_mine');
    await seconds(0.6); // and sees its receipt
    await world.rpc('anvil_reorg', 2, []);
    await world.inPool();
    const [again] = await world.pooled();
    assert.equal(again.hash, hash, 'the same bytes');
    await world.seal(sequence);
    assert.match(world.said(from), /reorg: block \d+ with nonce \d+ left the chain/);
  },

  async 'a batch that comes back in another block of a new branch is sealed there'(world) {
    const sequence = await world.publish();
    await world.inPool();
    const [{ hash }] = await world.pooled();
    await world.rpc('evm_mine');
    const { blockHash } = await world.rpc('eth_getTransactionReceipt', hash);
    const raw = await world.raw(hash);
    await world.rpc('anvil_reorg', 1, [[raw, 0]]);
    const there = await world.rpc('eth_getTransactionReceipt', hash);
    assert.notEqual(there.blockHash, blockHash);
    await world.seal(sequence);
  },

  async 'a transaction that the pool dropped is sent again with the same bytes'(world) {
    const sequence = await world.publish();
    await world.inPool();
    const [{ hash }] = await world.pooled();
    await world.rpc('anvil_dropTransaction', hash);
    await world.inPool();
    assert.equal((await world.pooled())[0].hash, hash);
    await world.seal(sequence);
  },

  async 'one dropped transaction does not hold up those behind it'(world) {
    const first = await world.publish();
    await world.inPool(1);
    const { other } = world;
    const client = await world.stage.admit(other);
    const report = await other.report(world.stage, 1, [{ t: world.start, import_wh: 5 }]);
    world.others.push(JSON.stringify({ report, state: 'queued' }));
    assert.equal(await client.publish(other.topic('reading'), report), 0);
    await world.inPool(2);
    const [oldest] = (await world.pooled()).sort((a, b) => Number(a.nonce) - Number(b.nonce));
    await world.rpc('anvil_dropTransaction', oldest.hash);
    await world.seal(first);
    await until('the other to be sealed', async () => {
      await world.rpc('evm_mine');
      return (await world.stage.sealedReadings()) === world.lines.length + 1;
    });
  },

  async 'a base fee that jumps above what was offered is followed'(world) {
    const from = world.stage.bridge.here();
    const sequence = await world.publish();
    await world.inPool();
    await world.rpc('anvil_setNextBlockBaseFeePerGas', `0x${(20e9).toString(16)}`);
    await world.seal(sequence);
    assert.match(world.said(from), /fees raised nonce=/);
  },

  async 'where no block comes nothing is raised, and sending goes on'(world) {
    const from = world.stage.bridge.here();
    const sequence = await world.publish();
    await world.inPool();
    const [{ hash }] = await world.pooled();
    await seconds(3); // three times raise-ms
    const waiting = await world.pooled();
    assert.deepEqual(waiting.map((tx) => tx.hash), [hash]);
    assert.doesNotMatch(world.said(from), /fees raised|fee-cap|nonce-foreign/);
    await world.seal(sequence);
  },

  async 'a node that is gone for long is waited for, and all sealed in order'(world) {
    const from = world.stage.bridge.here();
    world.stage.chain.child.kill('SIGSTOP');
    await world.stage.bridge.says(/chain is away/, { from });
    const sequences = [];
    for (let i = 0; i < 20; i++) sequences.push(await world.publish());
    await seconds(5); // ten times rebroadcast-ms, as 100 s with the defaults
    assert.equal(world.said(from).match(/chain is away/g).length, 1, 'it is said once');
    world.stage.chain.child.kill('SIGCONT');
    await world.seal(sequences.at(-1));
    assert.ok(sequences.every((sequence) => world.isSealed(sequence)));
  },

  async 'a chain whose clock is far ahead seals all the same'(world) {
    await world.rpc('evm_increaseTime', 86_400);
    await world.seal(await world.publish());
  },
};

scenario('the bridge follows the chain wherever it goes', { bridge: OPTIONS }, async (stage, t) => {
  const world = new World(stage);
  await world.open();
  const only = process.env.AMR_CHAIN_TEST;
  for (const [sentence, body] of Object.entries(TESTS))
    if (!only || sentence.includes(only)) await t.test(sentence, () => body(world));
  const reports = parseExport([...world.lines, ...world.others].join('\n'), 'meters');
  const counts = await stage.agree(reports);
  assert.deepEqual([counts.readings, counts.rejected, counts.waiting], [reports.length, 0, 0]);
});
