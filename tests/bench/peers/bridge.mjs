// A bridge from MQTT to Ethereum as most people would write it today: mqtt.js and viem, in memory.
//
//     node bridge.mjs CONFIG.json
//
// Each message's readings go out at once, nonces counted here so that transactions need not wait for
// each other. With "batch": N, readings are collected for up to 200 ms or N of them and sent as
// arrays. An error is logged, the nonce asked for again, and the reading tried three times. It is
// kept honest: gas and fees are given, so that no call but the sending one is needed; QoS 1; the
// broker's own client library acknowledges.
import { readFileSync } from 'node:fs';
import mqtt from 'mqtt';
import { createPublicClient, createWalletClient, defineChain, http, parseGwei } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';

const config = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const chain = defineChain({
  id: config.chainId,
  name: 'private',
  nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
  rpcUrls: { default: { http: [config.rpc] } },
});
const account = privateKeyToAccount(config.key);
const transport = http(config.rpc);
const node = createPublicClient({ chain, transport });
const wallet = createWalletClient({ account, chain, transport });

const askNonce = () => node.getTransactionCount({ address: account.address, blockTag: 'pending' });
let nonce = await askNonce();
const gasOf = (count) => BigInt(60_000 + 45_000 * count);

const queue = [];
let sending = 0;

/** At most 64 calls at once: a node with thousands of them open answers none in time. */
function transact(functionName, args, count) {
  queue.push({ functionName, args, gas: gasOf(count), attempts: 3 });
  pump();
}

function pump() {
  while (sending < 64 && queue.length) {
    sending++;
    attempt(queue.shift()).finally(() => {
      sending--;
      pump();
    });
  }
}

async function attempt({ functionName, args, gas, attempts }) {
  try {
    await wallet.writeContract({
      ...{ address: config.contract, abi: config.abi, functionName, args, gas, nonce: nonce++ },
      ...{ type: 'eip1559', maxFeePerGas: parseGwei('20'), maxPriorityFeePerGas: parseGwei('1') },
    });
  } catch (error) {
    console.error(error.shortMessage ?? error.message);
    nonce = await askNonce().catch(() => nonce);
    if (attempts > 1) await attempt({ functionName, args, gas, attempts: attempts - 1 });
  }
}

let waiting = [];
let timer;

function flush() {
  clearTimeout(timer);
  timer = undefined;
  const rows = waiting.splice(0, config.batch);
  if (rows.length === 0) return;
  const columns = ['meter', 't', 'import_wh'].map((key) => rows.map((row) => row[key]));
  transact('submitMany', columns, rows.length);
  if (waiting.length) flush();
}

function take(meter, reading) {
  const { t, import_wh } = reading;
  if (!config.batch) return transact('submit', [meter, t, import_wh], 1);
  waiting.push({ meter, t, import_wh });
  if (waiting.length >= config.batch) flush();
  else timer ??= setTimeout(flush, 200);
}

const files = Object.fromEntries(
  Object.entries(config.tls).map(([name, path]) => [name, readFileSync(path)]),
);
const client = mqtt.connect({ ...config.broker, ...files, clientId: 'bridge', protocolVersion: 5 });
client.on('message', (topic, payload) => {
  const report = JSON.parse(payload);
  for (const reading of report.readings) take(report.meter, reading);
});
client.on('connect', async () => {
  await client.subscribeAsync('amr/v1/1/+/reading', { qos: 1 });
  console.log('ready');
});
client.on('error', (error) => console.error(error.message));
