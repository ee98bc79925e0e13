// The bridge against nodes that do what anvil never would. Each test lets a node misbehave, has a
// report sealed all the same, and insists on what the bridge says about it; in the end the
// independent checker finds each report on the chain exactly once.
//
// Bugs of other projects that tests here stand for; C names are in chain-bridge/*_test.c
// (S submitter, F fees, R rpc, C chain_rpc, B batcher, W follower, D store), "..." are below.
//
//   1  optimism 7782: a nonce is used up by a signature that failed    S a_base_fee_above_the_cap_is_waited_out
//   2  optimism 2165: nonce too low, though mined, aborts              S nonce_too_low_with_a_receipt_is_no_alarm
//   3  optimism 6031, 4831: fees suggested below the old ones          F a_raise_is_taken_by_geth_and_besu
//   4  optimism 7472: an underpriced one waits for the clock           "... higher price gets it at once"
//   5  optimism 11614: no raise possible, so nothing is sent           S fees_stop_at_the_cap_and_the_bytes_go_on
//   6  optimism 16310: accepted, then dropped in silence               S a_dropped_transaction_is_sent_again...
//   7  optimism 15952, opbnb 195: nonce too high for a moment          "a nonce that is too high for a moment ..."
//   8  omni 1601: publishing without a pause; a raise below 10 %       S a_contract_that_takes_nothing_is_asked_less_often, F
//   9  optimism 10193, relay 535: doubled or lost by a restart         tests/faults/points.test.mjs
//  10  optimism 11913, 5398: no recovery after an outage               S a_node_away_delays..., tests/e2e/chain.test.mjs
//  11  optimism 12872, chainlink 14984: the `pending` count lies       the bridge never asks for it; S ..._reset_gets_nothing
//  12  base 1324: nonces out of order                                  one thread claims: S the_window_is_not_exceeded
//  13  optimism 9818, 10941: a foreign transaction at our nonce        S a_nonce_taken_by_a_foreign_transaction_is_told
//  14  optimism 12975: counted twice                                   "what is counted is what the ledger has"
//  15  optimism 14494, 8683: shutdown waits for receipts               "told to end with a transaction in flight ..."
//  16  evmconnect 12: code < 0 and no message taken as success         "an error without a message ...", R
//  17  evmconnect 10, 11: gaps in the stream of blocks                 "a subscription that died ...", W a_reorg_is_noticed...
//  18  evmconnect 88, 9: ranges of logs, and the words for it          "a node that limits ranges ...", W a_range_limit...
//  19  evmconnect 151: no receipt ever, the nonce is somebody else's   S a_nonce_taken_by_a_foreign_transaction_is_told
//  20  transaction-manager 124: the receipt before the answer          "a transaction mined before the answer ..."
//  21  ethconnect 104, 109: a failed estimate leaves a gap             no estimate is asked; as 1
//  22  firefly 1531, ethers 4721: events lost on reconnecting          W a_restart_goes_on..., tests/faults/random.test.mjs
//  23  openzeppelin-relayer 683...844: counter before row              D a_claim_is_whole..., a_nonce_cannot_be_used_twice
//  24  nitro 1694: old nonce after a restart                           S what_was_mined_while_down_is_not_sent_anew
//  25  nitro 4273: two daemons                                         D a_store_in_use_is_refused
//  26  world-id 916, BoltzExchange 1201: one dropped, all wait         S one_dropped_transaction_does_not_hold_up_the_others
//  27  connext 655, 418: raised without end                            S fees_rise_only_while_blocks_are_made, F a_raise_stops...
//  28  vultisig 5254: `nonce too low` taken for success; node's hash   "a node that says it took ...", "Nonce too low"
//  29  flow-evm-gateway 983: same bytes refused in unknown words       "a refusal in words that nobody knows ..."
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { keccak256, parseTransaction } from 'viem';
import { parseExport } from '../verify/verify.mjs';
import { scenario, seconds, until } from './harness.mjs';
import { CUT, NEVER, Node } from './node.mjs';

const SEND = 'eth_sendRawTransaction';
const OPTIONS = [
  ...['--rebroadcast-ms', '400', '--rpc-timeout-ms', '1000', '--raise-ms', '1000'],
  ...['--check-ms', '1000', '--batch-age-ms', '100'],
];

/** A stage, nodes before its chain, and a meter that is ours to send with. */
class World {
  constructor(stage) {
    Object.assign(this, { stage, nodes: [], lines: [], start: Math.floor(Date.now() / 1000) - 7200 });
  }

  async node() {
    const node = await new Node(this.stage.rpcUrl).listen();
    this.nodes.push(node);
    return node;
  }

  async open() {
    this.one = await this.node();
    this.two = await this.node();
    await this.use(this.one.wsUrl);
    this.meter = this.stage.household('H-01');
    this.client = await this.stage.admit(this.meter);
    await this.client.subscribe(this.meter.topic('receipt'));
  }

  /** Restarts the bridge with these nodes: it uses the first. */
  async use(...urls) {
    const { bridge } = this.stage;
    await bridge.stop();
    bridge.args[bridge.args.indexOf('--rpc') + 1] = urls.join(',');
    await this.stage.restartBridge();
  }

  /** The next report of the meter; returns its sequence. */
  async publish() {
    const sequence = this.lines.length + 1;
    const reading = { t: this.start + 60 * sequence, import_wh: 1000 + sequence };
    const report = await this.meter.report(this.stage, sequence, [reading]);
    this.lines.push(JSON.stringify({ report, state: 'queued' }));
    assert.equal(await this.client.publish(this.meter.topic('reading'), report), 0);
    return sequence;
  }

  sealed(sequence) {
    const covers = ({ json: m }) =>
      m?.status === 'sealed' && m.first <= sequence && sequence <= m.last;
    return this.client.message(`report ${sequence} to be sealed`, covers);
  }

  async sealOne() {
    await this.sealed(await this.publish());
  }

  rpc(method, ...params) {
    return this.stage.rpc.request({ method, params });
  }

  /** What the bridge said since `from`. */
  said(from) {
    return this.stage.bridge.text(from);
  }
}

/** Misbehaviours with one node over WebSocket: what is told, and what must be said about it. */
const ONE_NODE = {
  async 'a node that says it took a transaction and did not gets the same bytes again'(world) {
    const sent = [];
    world.one.on(SEND, ({ params: [raw] }) => {
      sent.push(raw);
      return sent.length <= 2 ? { result: keccak256(raw) } : undefined;
    });
    await world.sealOne();
    assert.ok(sent.length >= 3);
    assert.equal(new Set(sent).size, 1);
  },

  async 'a transaction that Besu holds is replaced by the rule that Besu has'(world) {
    const from = world.stage.bridge.here();
    const pool = new BesuPool(world);
    world.one.on(SEND, (request, pass) => pool.take(request.params[0], pass));
    const sequence = await world.publish();
    for (let i = 0; i < 40 && pool.replaced === 0; i++) {
      await world.rpc('evm_mine');
      await seconds(0.1);
    }
    assert.equal(pool.replaced, 1);
    assert.equal(pool.refused, 0, 'the first raise was enough');
    await world.sealed(sequence);
    assert.match(world.said(from), /fees raised nonce=/);
  },

  async "Besu's `Known transaction` is no trouble"(world) {
    const from = world.stage.bridge.here();
    await world.rpc('evm_setAutomine', false);
    let sends = 0;
    world.one.on(SEND, () =>
      ++sends === 1 ? undefined : { error: { code: -32000, message: 'Known transaction' } },
    );
    const sequence = await world.publish();
    await until('it to be sent again', () => sends >= 2);
    await world.rpc('evm_mine');
    await world.rpc('evm_setAutomine', true);
    await world.sealed(sequence);
    assert.doesNotMatch(world.said(from), /did not take/);
  },

  async "Besu's `Nonce too low` for a transaction that it has mined is no trouble"(world) {
    world.one.on(SEND, async (request, pass) => {
      await pass();
      return { error: { code: -32001, message: 'Nonce too low' } };
    });
    await world.sealOne();
  },

  async 'a node that asks for a higher price gets it at once'(world) {
    const from = world.stage.bridge.here();
    let sends = 0;
    const message = 'Gas price below configured minimum gas price';
    world.one.on(SEND, () => (++sends === 1 ? { error: { code: -32009, message } } : undefined));
    await world.sealOne();
    assert.match(world.said(from), /did not take .*kind=fee-low text="Gas price below/);
    assert.match(world.said(from), /fees raised/);
  },

  async 'a refusal in words that nobody knows is told and tried again'(world) {
    const from = world.stage.bridge.here();
    let sends = 0;
    const error = { code: -32000, message: 'same nonce already submitted' };
    world.one.on(SEND, () => (++sends <= 2 ? { error } : undefined));
    await world.sealOne();
    assert.match(world.said(from), /did not take .*text="same nonce already submitted"/);
  },

  async 'an error without a message is an error, and the transaction is sent again'(world) {
    const from = world.stage.bridge.here();
    let sends = 0;
    world.one.on(SEND, () => (++sends <= 2 ? { error: { code: -1, message: '' } } : undefined));
    await world.sealOne();
    assert.match(world.said(from), /did not take transaction .*kind=refused/);
  },

  async 'a nonce that is too high for a moment is waited out without raising'(world) {
    const from = world.stage.bridge.here();
    let sends = 0;
    const message = 'Transaction nonce is too distant from current sender nonce';
    world.one.on(SEND, () => (++sends <= 2 ? { error: { code: -32000, message } } : undefined));
    await world.sealOne();
    assert.doesNotMatch(world.said(from), /fees raised/);
  },

  async 'a transaction mined before the answer to its sending comes is sealed once'(world) {
    world.one.on(SEND, async (request, pass) => {
      await pass();
      return CUT;
    });
    await world.sealOne();
  },

  async 'a connection that is dead without an end is left for a new one'(world) {
    const before = world.one.connections;
    world.one.freeze();
    await world.sealOne();
    assert.ok(world.one.connections > before);
  },

  async 'answers under ids that nobody asked for are not taken for ours'(world) {
    const foreign = (id) => JSON.stringify({ jsonrpc: '2.0', id, result: '0x0' });
    world.one.on('*', async (request, pass) => ({
      ...(await pass()),
      also: [foreign(request.id + 1000), foreign('x'), foreign(null)],
    }));
    await world.sealOne();
  },

  async 'a node that answers under wrong ids only is away, until it does better'(world) {
    const from = world.stage.bridge.here();
    world.one.on('*', async (request, pass) => {
      const answer = await pass();
      return { raw: JSON.stringify({ jsonrpc: '2.0', id: request.id + 7, ...answer }) };
    });
    await world.stage.bridge.says(/chain is away: /, { from });
    const sequence = await world.publish();
    world.one.behave();
    await world.sealed(sequence);
  },

  async 'a subscription that died in silence is not missed'(world) {
    world.one.silent = true;
    await world.sealOne();
  },

  async 'an answer of more than a mebibyte is read'(world) {
    const extraData = `0x${'00'.repeat(700_000)}`;
    world.one.on('eth_getBlockByNumber', async (request, pass) => {
      const { result } = await pass();
      return { result: result && { ...result, extraData } };
    });
    await world.sealOne();
  },

  async 'JSON that breaks off is no answer'(world) {
    const from = world.stage.bridge.here();
    world.one.on('eth_getBlockByNumber', () => ({ raw: '{"jsonrpc":"2.0","id":1,"resu' }));
    await world.stage.bridge.says(/chain is away: /, { from });
    const sequence = await world.publish();
    world.one.behave();
    await world.sealed(sequence);
  },

  async 'a receipt that the node cannot look up yet is no missing receipt'(world) {
    const from = world.stage.bridge.here();
    let asked = 0;
    const error = { code: -32000, message: 'transaction indexing is in progress' };
    world.one.on('eth_getTransactionReceipt', () => (++asked <= 3 ? { error } : undefined));
    await world.sealOne();
    assert.ok(asked > 3);
    assert.doesNotMatch(world.said(from), /nonce-foreign|fees raised/);
  },

  async 'told to end with a transaction in flight the bridge ends, and takes it up again'(world) {
    const sent = [];
    world.one.on(SEND, ({ params: [raw] }) => (sent.push(raw), undefined));
    await world.rpc('evm_setAutomine', false);
    const sequence = await world.publish();
    await until('it to be sent', () => sent.length > 0);
    const from = Date.now();
    assert.deepEqual(await world.stage.bridge.stop(), { code: 0, signal: null });
    assert.ok(Date.now() - from < 5000, 'within 5 s');
    await world.stage.restartBridge();
    await world.rpc('evm_mine');
    await world.rpc('evm_setAutomine', true);
    await world.sealed(sequence);
    assert.equal(new Set(sent).size, 1);
  },

  async 'a node that limits ranges of logs is asked for less'(world) {
    const refused = [];
    world.one.on('eth_getLogs', ({ params: [{ fromBlock, toBlock }] }) => {
      if (Number(toBlock) - Number(fromBlock) < 4) return undefined;
      refused.push(toBlock);
      return { error: { code: -32005, message: 'Requested range exceeds maximum RPC range limit' } };
    });
    const { bridge } = world.stage;
    await bridge.stop();
    const registry = bridge.args[bridge.args.indexOf('--registry') + 1];
    const args = [...bridge.args];
    bridge.args[bridge.args.indexOf('--registry') + 1] = `${registry}.new`;
    await world.stage.restartBridge();
    assert.ok(refused.length > 0);
    await bridge.stop();
    bridge.args = args;
    await world.stage.restartBridge();
    await world.sealOne();
  },
};

/** A pool that holds what it has until it is replaced, by Besu's rule for EIP-1559 transactions. */
class BesuPool {
  constructor(world) {
    Object.assign(this, { world, held: undefined, refused: 0, replaced: 0 });
  }

  async take(raw, pass) {
    const tx = parseTransaction(raw);
    if (this.replaced || (this.held && tx.nonce !== this.held.nonce)) return undefined;
    if (!this.held || this.held.raw === raw) {
      this.held = { ...tx, raw };
      return { result: keccak256(raw) };
    }
    const { baseFeePerGas } = await this.world.rpc('eth_getBlockByNumber', 'latest', false);
    if (!replaces(this.held, tx, BigInt(baseFeePerGas))) {
      this.refused++;
      return { error: { code: -32000, message: 'Replacement transaction underpriced' } };
    }
    this.replaced++;
    return pass();
  }
}

const least = (a, b) => (a < b ? a : b);

/** The effective price at the head's base fee rises by a tenth, and the effective tip not falls. */
function replaces(old, tx, base) {
  const price = (t) => least(t.maxFeePerGas, base + (t.maxPriorityFeePerGas ?? 0n));
  const tip = (t) => price(t) - base;
  if (price(tx) * 10n >= price(old) * 11n) return tip(tx) >= tip(old);
  return price(tx) === price(old) && tx.maxPriorityFeePerGas * 10n >= old.maxPriorityFeePerGas * 11n;
}

const HTML = '<html><body><h1>Bad Gateway</h1></body></html>';

const OVER_HTTP = {};
for (const status of [429, 500, 502])
  OVER_HTTP[`HTTP ${status} with a page for people is no answer, and waited out`] = async (world) => {
    const from = world.stage.bridge.here();
    world.one.http = { status, body: HTML };
    await world.stage.bridge.says(/chain is away: /, { from });
    const sequence = await world.publish();
    world.one.behave();
    await world.sealed(sequence);
    assert.match(world.said(from), /chain is there/);
  };

/** What a node `behind` would say of a chain that ended some blocks ago. */
function fallBehind(node, head) {
  const known = (block) => block && Number(block.number ?? block.blockNumber) <= head;
  const cut = async (request, pass) => {
    const answer = await pass();
    return known(answer.result) ? answer : { result: null };
  };
  const hex = `0x${head.toString(16)}`;
  node.on('eth_getBlockByNumber', ({ method, params: [number, full] }, pass) =>
    number === 'latest' ? node.ask({ method, params: [hex, full] }) : cut({ method }, pass),
  );
  node.on('eth_getTransactionReceipt', cut);
  node.on('eth_getTransactionByHash', cut);
  node.on('eth_getTransactionCount', ({ method, params: [account] }) =>
    node.ask({ method, params: [account, hex] }),
  );
  node.on('eth_blockNumber', () => ({ result: hex }));
}

/** Two nodes, the first of which is used until it fails. */
const TWO_NODES = {
  async 'a node that answers nothing is left for the next, and that one used'(world) {
    await world.use(world.one.wsUrl, world.two.wsUrl);
    world.one.on('*', () => NEVER);
    await world.sealOne();
    assert.ok(world.two.count(SEND) >= 1);
  },

  async 'a node of another chain gets nothing, though it is the only one that answers'(world) {
    await world.use(world.one.wsUrl, world.two.wsUrl);
    const from = world.stage.bridge.here();
    world.two.on('eth_chainId', () => ({ result: '0x1' }));
    world.one.on('*', () => CUT);
    await world.stage.bridge.says(/chain is away: .*serves chain 1, not 31337/, { from });
    const sequence = await world.publish();
    await until('the second to be asked', () => world.two.count('eth_chainId') >= 2);
    assert.equal(world.two.count(SEND), 0);
    world.one.behave();
    await world.sealed(sequence);
  },

  async 'a node some blocks behind doubles nothing after a fail-over'(world) {
    await world.use(world.one.wsUrl, world.two.wsUrl);
    await world.sealOne();
    const head = Number(await world.rpc('eth_blockNumber')) - 1;
    fallBehind(world.two, head);
    const from = world.stage.bridge.here();
    world.one.on('*', () => CUT);
    await until('the second to be asked', () => world.two.count('eth_getTransactionCount') >= 2);
    const sequence = await world.publish();
    await world.stage.bridge.says(/unusual bridge: /, { from });
    world.two.behave();
    await world.sealed(sequence);
  },

  async 'of two nodes that disagree about a block neither is believed alone'(world) {
    await world.use(world.one.wsUrl, world.two.wsUrl);
    const from = world.stage.bridge.here();
    const hash = `0x${'ab'.repeat(32)}`;
    world.one.on('eth_getTransactionReceipt', async (request, pass) => {
      const { result } = await pass();
      return { result: result && { ...result, blockHash: hash } };
    });
    const sequence = await world.publish();
    await world.stage.bridge.says(/reorg: block \d+ with nonce \d+ left the chain/, { from });
    world.one.on('*', () => CUT);
    world.one.handlers.delete('eth_getTransactionReceipt');
    await world.sealed(sequence);
  },
};

/** The same report is sealed once whatever else, and nothing misbehaves into the next test. */
async function each(t, world, tests, only = process.env.AMR_NODE_TEST) {
  for (const [sentence, body] of Object.entries(tests)) {
    if (only && !sentence.includes(only)) continue;
    await t.test(sentence, async () => {
      try {
        await body(world);
      } finally {
        for (const node of world.nodes) node.behave();
      }
    });
  }
}

async function compareCounters({ stage, lines }) {
  const pki = (name) => readFileSync(stage.path('pki', name));
  const staff = { clientId: 'alice', cert: pki('alice.crt'), key: pki('alice.key') };
  const client = stage.client(staff);
  assert.deepEqual(await client.outcome(), { code: 0 });
  await client.subscribe('amr/v1/1/server/state/bridge');
  const idle = ({ json }) => json?.backlog === 0 && json.stored === lines.length;
  const told = await client.message('a state with nothing waiting', idle);
  const { stored, sealed, readings_sealed: readings, rejected, quarantined } = told.json;
  const total = await stage.sealedReadings();
  assert.deepEqual(
    { stored, sealed, readings, rejected, quarantined },
    { stored: lines.length, sealed: lines.length, readings: total, rejected: 0, quarantined: 0 },
  );
}

scenario('the bridge goes on whatever its node does', { bridge: OPTIONS }, async (stage, t) => {
  const world = new World(stage);
  try {
    await world.open();
    await each(t, world, ONE_NODE);
    await world.use(world.one.httpUrl);
    await each(t, world, OVER_HTTP);
    await each(t, world, TWO_NODES);
    await t.test('what is counted is what the ledger has', () => compareCounters(world));
    const reports = parseExport(world.lines.join('\n'), 'H-01');
    const counts = await stage.agree(reports);
    assert.deepEqual([counts.readings, counts.rejected, counts.waiting], [reports.length, 0, 0]);
  } finally {
    for (const node of world.nodes) await node.close();
  }
});
