// our bridge beside bridges as most people would write them: rate, processor, memory, gas, losses
//
// Same broker with the same plugin, same node (anvil, mining at once), same signed reports of the
// same meters from the same generator; only the bridge changes, and the contract that it writes to:
//
//   naive      mqtt.js and viem, a transaction a reading, nonces counted so that none waits
//   batching   the same, readings collected into arrays of at most 100
//   ours       amr-bridge
//
// Rates count from the first publish until the chain has the last reading. Losses: every reading is
// published until its PUBACK; ours, as its protocol says, until its receipt. Once the bridge is
// killed in the middle and started again; once the node stands still for 20 s. What the chain does
// not have in the end, when nothing has moved for 15 s, is lost.
//
//   tests/bench/run peers [--json FILE] [--scale PARTS]     PARTS: percent of the readings, 100
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bytesToHex, createPublicClient, encodeDeployData, http, parseAbiItem } from 'viem';
import { mnemonicToAccount } from 'viem/accounts';
import {
  ROOT,
  WAIT_MS,
  build,
  cpuSeconds,
  gasSince,
  last,
  must,
  onStage,
  peakMib,
  register,
  report,
  send,
  sign,
  table,
  until,
  watchState,
} from './bench_lib.mjs';
import { Publisher } from './peers/publisher.mjs';

const { values: options } = parseArgs({
  options: {
    json: { type: 'string' },
    rows: { type: 'string' }, // all tables, for docs/evaluation.md
    scale: { type: 'string', default: '100' },
  },
});
const SCALE = Number(options.scale) / 100;
const METERS = 100;
const QUIET_MS = 15_000;
const AWAY_MS = 20_000;
const LOSS_METERS = 10;
const LOSS_EACH = 60;
const STORED = parseAbiItem('event ReadingStored(uint32 indexed meter, uint64 timestamp, uint128 importWh)');
const MNEMONIC = 'test test test test test test test test test test test junk'; // anvil's own

const account = mnemonicToAccount(MNEMONIC, { addressIndex: 1 });

/** A peer: how to start it on a stage, and how many readings of it the chain has. */
const peers = {
  naive: { contract: 'TxPerReading', batch: 0 },
  batching: { contract: 'BatchInArrays', batch: 100 },
  ours: {},
};

/** [meters, reports a meter] by peer and readings a report: each runs for some tens of seconds. */
const sizes = {
  naive: { 1: [100, 40], 96: [40, 1] },
  batching: { 1: [100, 200], 96: [100, 3] },
  ours: { 1: [100, 1000], 96: [100, 100] },
};

async function deployPeer(stage, { contract }) {
  const file = join(ROOT, `contracts/out/${contract}.sol/${contract}.json`);
  const { abi, bytecode } = JSON.parse(readFileSync(file));
  const args = [account.address, 1, METERS + 1];
  const data = encodeDeployData({ abi, bytecode: bytecode.object, args });
  const [from] = await stage.rpc.request({ method: 'eth_accounts' });
  const gas = '0xf00000';
  const hash = await stage.rpc.request({ method: 'eth_sendTransaction', params: [{ from, data, gas }] });
  const receipt = await stage.rpc.waitForTransactionReceipt({ hash, pollingInterval: 50 });
  if (receipt.status !== 'success') throw new Error(`${contract} was not deployed`);
  return { abi, address: receipt.contractAddress };
}

/** Starts the peer in place of our bridge, which has told the broker of the meters and may go. */
async function startPeer(stage, peer) {
  const { abi, address } = await deployPeer(stage, peer);
  await stage.bridge.stop();
  const config = {
    ...{ rpc: stage.rpcUrl, chainId: 31337, contract: address, abi, batch: peer.batch },
    key: bytesToHex(account.getHdKey().privateKey),
    broker: { protocol: 'mqtts', host: '127.0.0.1', port: stage.brokerPort },
    tls: {
      ca: stage.path('pki/ca.crt'),
      cert: stage.path('pki/bridge.crt'),
      key: stage.path('pki/bridge.key'),
    },
  };
  writeFileSync(stage.path('peer.json'), JSON.stringify(config), { mode: 0o600 });
  const args = [join(ROOT, 'tests/bench/peers/bridge.mjs'), stage.path('peer.json')];
  stage.peer = stage.program('peer', process.execPath, args);
  stage.peer.contract = address;
  await stage.peer.start().says(/^ready$/m);
}

/** How many readings the chain has since block `from`. */
async function onChain(stage, from) {
  const logs = await stage.rpc.getLogs({ address: stage.peer.contract, event: STORED, fromBlock: from });
  return logs.length;
}

/** Waits until the chain has `total` readings of a peer, or nothing has moved for a while. */
async function peerDone(stage, total, from) {
  let [seen, at, next] = [0, performance.now(), from];
  await until(
    `the chain to have ${total} readings`,
    async () => {
      const head = await stage.rpc.getBlockNumber({ cacheTime: 0 });
      if (head >= next) {
        const range = { fromBlock: next, toBlock: head };
        const logs = await stage.rpc.getLogs({ address: stage.peer.contract, event: STORED, ...range });
        if (logs.length) [seen, at] = [seen + logs.length, performance.now()];
        next = head + 1n;
      }
      return seen >= total || performance.now() - at > QUIET_MS;
    },
    WAIT_MS,
  );
  return { seen, at };
}

async function measure(name, readings) {
  const meters = sizes[name][readings][0];
  const each = Math.max(1, Math.round(sizes[name][readings][1] * SCALE));
  return onStage(async (stage) => {
    await register(stage, meters);
    sign(stage, meters, each, readings);
    const states = name === 'ours' && (await watchState(stage));
    if (name !== 'ours') await startPeer(stage, peers[name]);
    const total = meters * each * readings;
    const program = name === 'ours' ? stage.bridge : stage.peer;
    const cpu = cpuSeconds(program.pid);
    const first = (await stage.rpc.getBlockNumber({ cacheTime: 0 })) + 1n;
    const from = await send(stage, meters);
    let [seen, at] = [total];
    if (name === 'ours') {
      await until('all of it to be sealed', () => last(states)?.readings_sealed >= total, WAIT_MS);
      at = last(states).ms;
    } else ({ seen, at } = await peerDone(stage, total, first));
    if (seen < total) console.error(`${total - seen} missing: ${stage.peer.text().slice(0, 400)}`);
    return {
      readings: total,
      rate: seen / ((at - from) / 1000),
      cpu: ((cpuSeconds(program.pid) - cpu) * 10_000) / seen,
      mib: peakMib(program.pid),
      gas: (await gasSince(stage, first)) / seen,
      missing: total - seen,
    };
  });
}

/** Publishes while `trouble` comes over the bridge or the node; how many readings are not there. */
async function losses(name, trouble) {
  return onStage(async (stage) => {
    const meters = Array.from({ length: LOSS_METERS }, (_, i) => stage.household(`L-${i + 1}`));
    await stage.bridge.says(new RegExp(`registry changed .* active=${LOSS_METERS}$`, 'm'));
    const publisher = await Publisher.start(stage, meters, LOSS_EACH, { receipts: name === 'ours' });
    if (name !== 'ours') await startPeer(stage, peers[name]);
    const program = name === 'ours' ? stage.bridge : stage.peer;
    const first = (await stage.rpc.getBlockNumber({ cacheTime: 0 })) + 1n;
    const count = () => (name === 'ours' ? stage.sealedReadings() : onChain(stage, first));
    publisher.go();
    await publisher.half();
    await trouble(stage, program);
    await publisher.done();
    let seen = -1;
    let since = performance.now();
    await until(
      'the chain to be quiet',
      async () => {
        const now = await count();
        if (now !== seen) [seen, since] = [now, performance.now()];
        return performance.now() - since > QUIET_MS || seen === LOSS_METERS * LOSS_EACH;
      },
      WAIT_MS,
    );
    await publisher.end();
    return LOSS_METERS * LOSS_EACH - seen;
  });
}

async function killed(stage, program) {
  await program.kill();
  program.start();
  await program.says(program === stage.bridge ? / ready meters=/ : /^ready$/m);
}

async function nodeAway(stage) {
  stage.chain.child.kill('SIGSTOP');
  const end = performance.now() + AWAY_MS;
  await until('the node to come back', () => performance.now() > end, 2 * AWAY_MS);
  stage.chain.child.kill('SIGCONT');
}

build();
const rows = {};
for (const name of Object.keys(peers)) {
  rows[name] = {};
  for (const readings of [1, 96]) {
    rows[name][readings] = await measure(name, readings);
    console.error(`${name}, ${readings} a report: ${Math.round(rows[name][readings].rate)} readings/s`);
  }
  rows[name].killed = await losses(name, killed);
  rows[name].away = await losses(name, nodeAway);
  console.error(`${name}: lost ${rows[name].killed} when killed, ${rows[name].away} with the node away`);
}

for (const readings of [1, 96]) {
  const cells = (name) => {
    const row = rows[name][readings];
    return [name, row.readings, row.rate, row.cpu, row.mib, row.gas, row.missing];
  };
  console.log(readings === 1 ? 'one reading a report' : `${readings} readings a report`);
  const heading = ['bridge', 'readings', 'readings/s', 'CPU s/10k', 'peak MiB', 'gas/reading', 'missing'];
  table(heading, Object.keys(peers).map(cells));
}
console.log(`lost of ${LOSS_METERS * LOSS_EACH} readings`);
table(
  ['bridge', 'killed in the middle', 'node away for 20 s'],
  Object.keys(peers).map((name) => [name, rows[name].killed, rows[name].away]),
);

const { naive, batching, ours } = rows;
const two = (value) => Number(value.toPrecision(3));
const figures = {
  ours_over_naive_1: two(ours[1].rate / naive[1].rate),
  ours_over_naive_96: two(ours[96].rate / naive[96].rate),
  ours_over_batching_1: two(ours[1].rate / batching[1].rate),
  ours_over_batching_96: two(ours[96].rate / batching[96].rate),
  memory_ratio: two(ours[1].mib / naive[1].mib), // ours / naive
  cpu_ratio: two(ours[1].cpu / naive[1].cpu),
  gas_ratio: two(ours[1].gas / naive[1].gas),
  gas_ratio_96: two(ours[96].gas / naive[96].gas),
  ours_lost: ours.killed + ours.away,
  naive_lost: naive.killed + naive.away,
  batching_lost: batching.killed + batching.away,
};
for (const [name, row] of Object.entries(rows))
  for (const readings of [1, 96])
    for (const [key, value] of Object.entries(row[readings])) figures[`${name}_${key}_${readings}`] = two(value);
for (const [name, value] of Object.entries(figures).slice(0, 11)) console.log(`${name.padEnd(22)} ${value}`);
const result = report(figures, options.json);
if (options.rows) writeFileSync(options.rows, JSON.stringify({ rows, losses: { total: LOSS_METERS * LOSS_EACH }, result }, null, 1) + '\n');
